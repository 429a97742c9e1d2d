#!/bin/sh
# pdeliver, pserv: a quota is exact, and maildirsize says what the mailbox holds.
. t/lib/tap.sh
plan 30

spool
: >"$T/deliver.log"
[ -z "$ROOT" ] || chown "$USER" "$T/deliver.log"
# put OPTION ... MAILBOX: the exit status stands in $status
put() {
    asuser "$BIN/pdeliver" -m "$T/spool" -l "$T/deliver.log" "$@" 2>"$T/said.log"
    status=$?
}
putline() {
    echo x >"$T/x"
    put "$@" <"$T/x"
}
size() { cat "$T/spool/$1/maildirsize"; }
count() { find "$T/spool/$1/new" "$T/spool/$1/cur" -type f | wc -l | tr -d ' '; }
# What a mailbox holds by its files, and by the sum of the lines.
really() { find "$T/spool/$1/new" "$T/spool/$1/cur" -type f -printf '%s\n' | awk '{ s += $1; n++ } END { print s + 0, n + 0 }'; }
told() { size "$1" | awk 'NR > 1 { s += $1; n += $2 } END { print s + 0, n + 0 }'; }

perl -e 'print "x" x 68, "\r\n" for 1 .. 6000' >"$T/big"
for _ in 1 2; do put -c -q 1 -Q 5 joe <"$T/big"; done
is "$status $(size joe | head -n 1)" '0 1048576S,5C' 'the first delivery makes maildirsize with the quota'
is "$(told joe)" '840000 2' 'which says what is stored'
put -q 1 -Q 5 joe <"$T/big"
is $status 75 'a message that does not fit, though the mailbox is not full: 75'
seen said '^pdeliver: joe: mailbox is full' 'and the MTA is told why'
seen deliver 'ev=over_quota no=0403 lvl=ERR sid=- mbox=joe octets=420000' 'it is logged'
put -b -q 1 -Q 5 joe <"$T/big"
is $status 73 'with -b: 73'
is "$(count joe) $(find "$T/spool/joe/tmp" -type f | wc -l | tr -d ' ')" '2 0' 'nothing of them is left'
for _ in 1 2 3; do putline -q 1 -Q 5 joe; done
is "$status $(count joe)" '0 5' 'smaller ones fit'
putline joe
is "$status $(count joe)" '75 5' 'the number is limited too, by maildirsize if not by options'
putline -q 0 joe
is "$status $(size joe | head -n 1)" '0 0S' '-q 0 lifts the quota'
put -c -q x joe </dev/null
is $status 64 'a quota that is no number: 64'
putline -c plain
[ ! -e "$T/spool/plain/maildirsize" ]
ok $? 'without a quota there is no maildirsize'

# pserv removes.
cat >"$T/pserv.rc" <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
daemon pserv -d -f "$T/pserv.rc" && ready 2
echo old | asuser tee "$T/spool/joe/cur/1700000000.x.h:2,S" >/dev/null
echo trash | asuser tee "$T/spool/joe/cur/1700000001.x.h:2,ST" >/dev/null
asuser rm "$T/spool/joe/maildirsize"
putline -q 1 joe
is "$(told joe)" "$(really joe | { read -r s n; echo $((s - 6)) $((n - 1)); })" \
    'a count takes in what others stored, without what is in the trash'
xpop joe 'DELE 1' 'DELE 2' 'DELE 3' RSET 'DELE 1' 'DELE 2' 'DELE 4' QUIT
like "$(tail -n 1 "$T/talk.log")" 'closed' 'a session removes three messages'
is "$(told joe)" "$(really joe)" 'and the sum is right'
is "$(size joe | wc -l | tr -d ' ')" 4 'by one line'
xpop joe 'DELE 1' ':drop'
is "$(size joe | wc -l | tr -d ' ')" 4 'without QUIT nothing is written'
xpop plain 'DELE 1' QUIT
[ ! -e "$T/spool/plain/maildirsize" ]
ok $? 'nor is a maildirsize made by a session'

# What is told of a message with a wrong length in its name follows when that is mended.
echo lies | asuser tee "$T/spool/joe/cur/1700000002.M1P1Q1.h,S=9,W=9:2,S" >/dev/null
asuser rm "$T/spool/joe/maildirsize"
putline -q 1 joe
before=$(told joe)
xpop joe 'RETR 1' QUIT
is "$before $(told joe)" "$(really joe | { read -r s n; echo $((s + 4)) "$n"; }) $(really joe)" \
    'a length in a name that is mended is mended in the sum too'

# Whatever maildirsize holds. set_size TEXT: in the notation of printf
# shellcheck disable=SC2059
set_size() { printf "$1" | asuser tee "$T/spool/joe/maildirsize" >/dev/null; }
for text in '' 'x' '1048576S' '1048576S\n1 1' '1048576S\n99999999999999999999 1\n' '1048576S\n-9 -9\n' \
    '1048576S\n\000\n' '1048576S\nsix seven\n'; do
    set_size "$text"
    putline -q 1 joe
    [ "$status $(told joe)" = "0 $(really joe)" ] || break
done
is "$status $(told joe)" "0 $(really joe)" 'what is in doubt is counted anew'
set_size "$(really joe | perl -ne 'print "1048576S\\n$_", "1 0\\n-1 0\\n" x 600')"
putline -q 1 joe
is "$(size joe | wc -l | tr -d ' ') $(told joe)" "3 $(really joe)" \
    'a file of more than 5120 octets is counted anew'
set_size '1048576S\n1048500 1\n'
asuser touch -d '20 minutes ago' "$T/spool/joe/maildirsize"
perl -e 'print "x" x 70, "\n" for 1 .. 100' >"$T/in"
put -q 1 joe <"$T/in"
is "$status $(told joe)" "0 $(really joe)" 'an old file that says full is not believed'

asuser rm "$T/spool/joe/maildirsize"
asuser mkfifo "$T/spool/joe/maildirsize"
putline -q 1 joe
is $status 75 'a FIFO in its place holds nobody up: 75'
before=$(count joe)
putline joe
is "$status $(count joe)" "0 $((before + 1))" 'unless no quota was asked for'
seen deliver 'ev=quota_failed no=0220 lvl=ADM sid=- mbox=joe why=' 'and that is logged'
xpop joe 'DELE 1' QUIT
is "$(count joe)" "$before" 'pserv removes all the same'
seen pserv 'ev=quota_failed .* mbox=joe why=' 'and logs it'
asuser rm "$T/spool/joe/maildirsize"
echo 9S | asuser tee "$T/spool/aside" >/dev/null
asuser ln -s ../aside "$T/spool/joe/maildirsize"
putline -q 1 joe
is "$status $(cat "$T/spool/aside")" '75 9S' 'a symbolic link is not followed'

# Many at once: never more than the quota.
: >"$T/statuses"
for n in 0 1 2; do for m in 0 1 2 3 4 5 6 7 8 9; do
    (echo $n$m | asuser "$BIN/pdeliver" -c -Q 12 -m "$T/spool" -l "$T/deliver.log" many 2>/dev/null
        echo $? >>"$T/statuses") &
done; done
all_done() { [ "$(wc -l <"$T/statuses")" -eq 30 ]; }
until_ok all_done
is "$(sort "$T/statuses" | uniq -c | awk '{ print $2 "=" $1 }' | tr '\n' ' ')$(count many)" '0=12 75=18 12' \
    'of thirty at once as many are stored as may be'
is "$(told many)" "$(really many)" 'and the sum is right'
