#!/bin/sh
# The suite: one storage host of three is killed, hangs, and is unplugged, under load. Who has the
# mailbox elsewhere notices nothing; whom it hits is told so in time, and at once when the proxy
# knows; nobody needs an administrator.
#
# LONG=1 measures longer, see t/93-outage.t. Unplugging needs root: the host then lives behind a
# cable of its own.
if [ -z "${APART-}" ] && [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null; then
    # shellcheck disable=SC2016 # That shell is to expand it.
    APART=1 exec unshare -n sh -c 'ip link set lo up; exec sh "$0"' "$0"
fi
. t/lib/tap.sh
plan 21
LIMIT=5 # seconds: connecttimeout
SETTLE=${LONG:+10}
: "${SETTLE:=0.5}"

suite
at3=127.0.0.1 far=
if [ "${APART-}" ]; then
    daemon -n far unshare -n sleep 600
    far=$(pid far)
    isolated() { [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
    until_ok isolated
    inside() { nsenter -t "$far" -n "$@"; }
    ip link add v0 type veth peer name v1 netns "$far"
    ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up
    inside ip addr add 10.9.0.2/24 dev v1 && inside ip link set v1 up && inside ip link set lo up
    at3=10.9.0.2
fi
{
    echo "set moduledir $T/lib"
    echo "set connecttimeout ${LIMIT}s"
    echo 'set softfail tempfail'
    echo 'set maxsession 200' # more than there are clients, of whom a tenth may wait for one host
    for n in 1 2 3; do
        at=127.0.0.1
        [ $n -ne 3 ] || at=$at3
        echo "backend add b$n $at:$(port 1$n) proto=cxpop check=$at:$(port 1$n)"
        for program in pserv pcheckd; do
            echo "set spool $T/spool" >"$T/$program$n.rc"
            [ $program != pserv ] || echo "set mailboxlock off" >>"$T/$program$n.rc" # its users share mailboxes
            echo "server add main $at:$(port 1$n) allow=127.0.0.0/8,10.9.0.0/24" >>"$T/$program$n.rc"
        done
        printf 'Subject: full%s\n\nhello\n' $n | deliver m/full$n
        account full$n b$n m/full$n
        account empty$n b$n m/empty
    done
    echo "pdm add users flat $T/users"
    echo "vserv add main 127.0.0.1:$(port 1)"
} >"$T/pproxy.rc"
host() {
    for program in pserv pcheckd; do
        if [ "$1$APART" = 31 ]; then
            mkdir -p "$T/run.${program}3"
            daemon -n ${program}3 nsenter -t "$far" -n "$BIN/$program" -r "$T/run.${program}3" -u "$USER" \
                -d -f "$T/${program}3.rc"
        else
            daemon -n "$program$1" $program -d -f "$T/$program$1.rc"
        fi
    done
}
: "${APART:=}"
for n in 1 2 3; do host $n; done
daemon pproxy -d -f "$T/pproxy.rc"
ready 1 && ready 11 && ready 12
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
tree() {
    ps -eo pid=,ppid= | awk -v top="$(pid "$1")" '{ up[$1] = $2 }
        END { for (p in up) { q = p; while (q in up && q != top) q = up[q]; if (q == top) print p } }'
}
# shellcheck disable=SC2046
everybody() { kill "-$1" $(tree pserv3) $(tree pcheckd3); }
known_down() { ctl pproxy backend list | grep -q '^id=b3 .*health=down'; }

kill_it() { everybody KILL; wait "$(pid pserv3)" "$(pid pcheckd3)"; }
start_it() { host 3; }
# Twice: a worker may have been born meanwhile; then nobody is left who could bear another.
stop_it() { everybody STOP; everybody STOP; }
go_on() { everybody CONT; }
unplug() { ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:01 dev v0 nud permanent; }
plug() { ip neigh del 10.9.0.2 dev v0; }

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
if [ "$APART" ]; then
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
