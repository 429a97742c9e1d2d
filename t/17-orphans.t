#!/bin/sh
# pclean: mailboxes without an account go, and no list that is wrong costs a mailbox. Deleted mail
# that was put aside goes, too.
. t/lib/tap.sh
. t/lib/clean.sh
plan 29

calm() { asuser find "$T/spool/$1" -exec touch -h -d '3 days ago' {} +; }

spool
box joe
box 3/2d/ann
n=0
while [ $n -lt 200 ]; do
    echo "many/$n"
    n=$((n + 1))
done >"$T/list"
sed "s,.*,$T/spool/&/new $T/spool/&/cur $T/spool/&/tmp," "$T/list" | asuser xargs mkdir -p
printf 'joe\n3/2d/ann\n' >>"$T/list"
box gone/x
box gone/x/nested
put gone/x/new/1.h
put gone/x/cur/2.h:2,S
put gone/x/maildirsize
put gone/x/.popular-cache
asuser mkdir -p "$T/spool/gone/x/.Sent/cur" "$T/spool/gone/x/.Sent/new" "$T/spool/gone/x/.Sent/tmp"
put gone/x/.Sent/cur/3.h:2,S
put gone/x/.Sent/maildirfolder
asuser ln -s "$T/spool/joe" "$T/spool/gone/x/new/link"
calm gone
echo gone/x/nested >>"$T/list"
clean -a <"$T/list"
is "$status $(said)" '0 would remove gone/x: no account/' 'one mailbox has no account'
there gone/x/new/1.h
ok $? 'and stays without -x'
for list in /dev/null "$T/short" "$T/bad"; do
    head -n 100 "$T/list" >"$T/short"
    (cat "$T/list"; echo '../../etc') >"$T/bad"
    clean -a -x <"$list"
    is $status 65 "a list that is empty, too short, or damaged is refused: 65 (${list##*/})"
    seen out '^pclean: (the list of accounts is empty|10[0-9] of 20[0-9] mailboxes have no account|line 204: mailbox)' \
        'and it is said why'
done
seen clean 'ev=clean_refused no=0503 lvl=ADM' 'that is logged'
# shellcheck disable=SC2016
asuser sh -c 'exec "$@" <&-' sh "$BIN/pclean" -m "$T/spool" -l "$T/clean.log" -ax >"$T/out.log" 2>&1
is $? 65 'so is none at all'
there gone/x/new/1.h
ok $? 'nothing was removed'
put gone/x/new/4.h '3 days ago'
clean -a -x <"$T/list"
is "$status $(said)" '0 left gone/x: no account, but it changed during the last day/' \
    'a mailbox that changed during the last day is left: its account may be younger than the list'
asuser touch -d '3 days ago' "$T/spool/gone/x/new"
put gone/x/cur/5.h
asuser touch -d '3 days ago' "$T/spool/gone/x/cur"
clean -a -x <"$T/list"
is "$status $(said)" '0 left gone/x: no account, but mail came/' 'young mail is never removed'
there gone/x/cur/5.h
ok $? 'it is still there'
calm gone
clean -a -x <"$T/list"
there gone/x/nested/new
is "$? $(find "$T/spool/gone" | wc -l | tr -d ' ')" '0 6' 'a mailbox inside it stays, and nothing else'
is "$(find "$T/spool/joe" -type d | wc -l | tr -d ' ')" 4 'a symbolic link was removed, not followed'
box alone
calm alone
clean -a -x <"$T/list"
is "$status $(said)" '0 removed alone: no account/' 'an empty mailbox without an account goes'
there alone
is $? 1 'with its directory'
seen clean 'ev=orphan_removed no=0505 lvl=INF sid=- mbox=alone' 'which is logged'

# Who is killed in the midst of it leaves a mailbox that can be removed next time.
box half
for n in 1 2 3; do put half/new/$n.h; put half/cur/$n.h; done
calm half
# shellcheck disable=SC2016 # For the shell that is started.
daemon -n slow as "$USER" sh -c 'exec "$@" <"$0"' "$T/list" "$BIN/pclean" -m "$T/spool" -l stderr -r 2 -a -x
begun() { ! there half/cur; }
until_ok begun
end slow KILL
there half/new/3.h
is $? 0 'a removal is broken off'
calm half
clean -a -x <"$T/list"
is "$status $(said)" '0 removed half: no account/' 'and ended the next time'

for name in a b c; do box "lots/$name"; done
calm lots
clean -a -x <"$T/list"
is $status 65 'more than one in a hundred is refused'
clean -a -x --force <"$T/list"
is "$status $(find "$T/spool/lots" | wc -l | tr -d ' ')" '0 1' 'unless it is forced'

# Deleted mail that was put aside
asuser mkdir -p "$T/spool/deleted/joe/new" "$T/spool/deleted/joe/cur"
clean -x -D deleted=0
is $status 75 'a place without a mark is not mounted'
put deleted/.popular-spool '90 days ago'
put deleted/joe/new/1.h '90 days ago'
clean -x -D deleted=1
is "$status $(said)" '0 ' 'mail that was put aside today stays, however old it is'
clean -x -D "$T/spool/deleted=0"
is "$status $(said)" "0 removed $T/spool/deleted/joe/new/1.h: deleted 0 days ago/" 'and goes when its time is over'
clean -x -D .=0
is $status 75 'a spool is no place for deleted mail'
there deleted/.popular-spool
ok $? 'the mark of that place stays'
asuser mkdir -p "$T/spool/deleted/alive/joe/new"
put deleted/alive/.popular-spool '90 days ago'
put deleted/alive/joe/new/2.h '90 days ago'
clean -x -D deleted=0
is "$status $(said)" '0 ' 'a spool that lies within it is none of it'
