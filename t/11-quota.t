#!/bin/sh
# pdeliver: a quota is exact, also for many who deliver at once.
. t/lib/tap.sh
. t/lib/quota.sh
plan 14

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
