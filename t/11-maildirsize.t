#!/bin/sh
# pdeliver, pserv: maildirsize says what the mailbox holds, whatever stood in it.
. t/lib/tap.sh
. t/lib/quota.sh
plan 16

for _ in 1 2; do put -c joe <"$T/big"; done
for _ in 1 2 3 4; do putline joe; done
putline -c plain

# pserv removes.
cat >"$T/pserv.rc" <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
daemon pserv -d -f "$T/pserv.rc" && ready 2
echo old | asuser tee "$T/spool/joe/cur/1700000000.x.h:2,S" >/dev/null
echo trash | asuser tee "$T/spool/joe/cur/1700000001.x.h:2,ST" >/dev/null
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
