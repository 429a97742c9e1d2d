#!/bin/sh
# pproxy: what a login costs does not grow with virtual servers, backends, or sessions.
#
# Measured is CPU time, of this proxy and of one beside it that has one of each and nobody to serve,
# both under load in the same seconds, so that it does not matter what else this machine does.
. t/lib/tap.sh
plan 7
MANY=${MANY:-1000} HELD=${HELD:-10000} LOGINS=${LOGINS:-2000}

# shellcheck disable=SC3045
ulimit -n $((HELD + 1000)) 2>/dev/null || skip_all "$HELD descriptors are not to be had"
suite
account empty b1 e/empty
account last "x$MANY" e/empty
echo "set maxsession $((HELD + 200))" >>"$T/pproxy.rc"
daemon pcheckd -d -f "$T/pcheckd.rc"
daemon pproxy -d -s $((HELD + 300)) -f "$T/pproxy.rc"
sed "/^set maxsession/d; s/^vserv add main .*/vserv add main 127.0.0.1:$(port 4)/" "$T/pproxy.rc" >"$T/calm.rc"
daemon -n calm pproxy -d -f "$T/calm.rc"
ready 3/udp && ready 1 && ready 4

# login NAME PORT USER: microseconds of CPU time that one login of USER takes, into $T/NAME.us
login() {
    _before=$(perl t/lib/cpu.pl "$(pid "$1")")
    perl t/lib/crowd.pl load "$2" 4 "$3" secret "$T/enough" >"$T/crowd.$1.log" 2>&1
    _sessions=$(sed -n 's/^sessions=\([1-9][0-9]*\) .*/\1/p' "$T/crowd.$1.log")
    echo $((($(perl t/lib/cpu.pl "$(pid "$1")") - _before) * 1000 / ${_sessions:-1})) >"$T/$1.us"
}
# Not asked of the proxy, which would have to count in all its slots.
logins() { grep -c ' ev=proxy_session ' "$T/$1.log"; }
# served N M: both have served enough since they had served so many that the pool, which has
# something to do even if nobody comes, does not count
served() { [ $(($(logins pproxy) - $1)) -gt "$LOGINS" ] && [ $(($(logins calm) - $2)) -gt "$LOGINS" ]; }
# both PORT USER
both() {
    rm -f "$T/enough"
    login pproxy "$1" "$2" &
    _one=$!
    login calm "$(port 4)" empty &
    _two=$!
    WAIT=120 until_ok served "$(logins pproxy)" "$(logins calm)"
    : >"$T/enough"
    wait $_one $_two
}
# flat WHAT PORT USER: a login does not cost much more than beside it
flat() {
    both "$2" "$3"
    us=$(cat "$T/pproxy.us")
    calm=$(cat "$T/calm.us")
    note "$1: $us microseconds of CPU time a login, $calm beside it"
    [ "$us" -gt 0 ] && [ "$us" -lt $((calm * 3 / 2)) ] &&
        ! grep -hv ' failed=0$' "$T/crowd.pproxy.log" "$T/crowd.calm.log" | grep failed
    ok $? "a login costs the same with $1"
}
both "$(port 1)" empty # the first workers are born
flat 'one of each' "$(port 1)" empty

n=1
while [ $n -le "$MANY" ]; do
    echo "backend add x$n 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)"
    echo "vserv add v$n 127.0.0.1:0"
    n=$((n + 1))
done >"$T/many"
began=$(date +%s)
ctl pproxy -f "$T/many" >"$T/answer"
ok $? "$MANY virtual servers and $MANY backends are added at once" "$(cat "$T/answer")"
took=$(($(date +%s) - began))
note "in $took seconds"
flat "$MANY of each" "$(port 1)" empty
at=$(ctl pproxy vserv list | sed -n "s/^id=v$MANY .*listening=[^ ]*:\\([0-9]*\\).*/\\1/p")
flat "$MANY of each, to the last of them" "$at" last
for word in vserv backend; do
    n=1
    while [ $n -le "$MANY" ]; do
        echo "$word delete $([ $word = vserv ] && echo v || echo x)$n"
        n=$((n + 1))
    done
done >"$T/few"
ctl pproxy -f "$T/few" >/dev/null

# In portions: more at once than `backlog` would overrun the queue of the kernel.
crowds=
held=0
while [ $held -lt "$HELD" ]; do
    held=$((held + 500))
    perl t/lib/crowd.pl hold "$(port 1)" 500 empty secret "$T/leave" >"$T/hold$held.log" 2>&1 &
    crowds="$crowds $!"
    until_ok has hold$held '^in 500 refused 0' || break
done
is "$(ctl pproxy session list | grep -c 'user=empty')" "$HELD" "$HELD clients are logged in"
flat "$HELD sessions" "$(port 1)" empty
: >"$T/leave"
# shellcheck disable=SC2086
wait $crowds
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
