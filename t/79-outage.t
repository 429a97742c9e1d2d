#!/bin/sh
# The suite: one storage host of three is killed, hangs, and is unplugged, under load. Who has the
# mailbox elsewhere notices nothing; whom it hits is told so in time, and at once when the proxy
# knows; nobody needs an administrator.
#
# LONG=1 measures longer, see t/93-outage.t. Unplugging needs root: the host then lives behind a
# cable of its own.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/threehosts.sh
plan 21
LIMIT=5 # seconds: connecttimeout
SETTLE=${LONG:+10}
: "${SETTLE:=0.5}"

suite
three_hosts
for n in 1 2 3; do seen pcheckd$n generation_current "host $n stands" ; done

for n in 1 2 3; do
    printf 'on%s %s full%s secret mail%s\n' $n "$(port 1)" $n "$([ $n -ne 3 ] || echo ,temp)"
    printf 'on%s %s empty%s secret empty%s\n' $n "$(port 1)" $n "$([ $n -ne 3 ] || echo ,temp)"
done >"$T/list"
grep -v on3 "$T/list" >"$T/list12"
grep on3 "$T/list" >"$T/list3"
perl t/lib/load.pl run "$T/list12" "$T/load.log" "$T/enough" clients=3 pause=20 seconds=600 >"$T/perl.log" 2>&1 &
load12=$!
# More of them than may wait.
perl t/lib/load.pl run "$T/list3" "$T/load3.log" "$T/enough" clients=80 pause=500 seconds=600 >>"$T/perl.log" 2>&1 &
load3=$!

now() { perl -MTime::HiRes=time -e 'printf "%.0f\n", time * 1000'; }
figures() { _log=$1; shift; perl t/lib/load.pl stat "$T/$_log" "$@"; }
figure() { echo "$2" | sed "s/.*$1=\\([0-9]*\\).*/\\1/"; }
# had N OUTCOME FROM: so many sessions of host 3 with that outcome
had() { [ "$(figure "$2" "$(figures load3.log from="$3")")" -ge "$1" ]; }
known_down() { ctl pproxy backend list | grep -q '^id=b3 .*health=down'; }

# outage TITLE BREAK MEND
outage() {
    begin=$(now)
    until_ok had 100 mail "$begin"
    sleep "$SETTLE" # as long as is measured before
    broken=$(now)
    before=$(figures load.log from="$begin" to="$broken")
    $2
    hit=$(now)
    echo "$broken $hit" >>"$T/cuts"
    until_ok known_down
    ok $? "a host is $1, and the proxy knows"
    known=$(now)
    until_ok had 50 temp "$known"
    sleep "$SETTLE"
    mended=$(now)
    $3
    until_ok had 20 mail "$mended"
    ok $? "users of the host that was $1 are served again, without an administrator"
    during=$(figures load.log from="$broken")
    first=$(figures load3.log from="$hit" to="$known" field=login)
    then=$(figures load3.log from="$((known + 100))" to="$mended" field=login)
    note "before:           $before" "during:           $during" \
        "those of the host, before it was known after $((known - broken)) ms: $first" "later: $then"
    [ "$(figure failed "$during")" -eq 0 ] && [ "$(figure max "$during")" -lt $((LIMIT * 1000)) ]
    ok $? 'users of the others were all served, and none waited for its time-out' "$during"
    [ "$(figure failed "$first")" -eq 0 ] && [ "$(figure max "$first")" -lt $((LIMIT * 1000 + 1500)) ]
    ok $? 'its own users were told in time' "$first"
    [ "$(figure max "$then")" -lt $((LIMIT * 500)) ]
    ok $? 'and later at once' "$then"
}
outage killed kill_it start_it
outage hung stop_it go_on
seen pproxy 'ev=soft_failure .*backend=b3 why=backend_pending' 'not more than maxpending have waited for it'
if [ "${ALONE-}" ]; then
    outage unplugged unplug plug
else
    for _ in 1 2 3 4 5; do CHECKS=$((CHECKS + 1)); echo "ok $CHECKS # skip needs root"; done
fi
: >"$T/enough"
wait $load12 $load3
# Who is in a maildrop when its host dies cannot be saved.
spared() {
    awk 'FILENAME == ARGV[1] { from[NR] = $1; to[NR] = $2; n = NR; next }
        $6 == "failed" {
            for (i = 1; i <= n; i++) if ($4 == "on3" && $1 <= to[i] && $1 + $2 >= from[i]) next
            print
        }' "$T/cuts" "$T/load.log" "$T/load3.log"
}
is "$(spared | head; cat "$T/perl.log")" '' 'no other session has failed'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
