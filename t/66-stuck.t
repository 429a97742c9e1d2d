#!/bin/sh
# The kit: nobody who hangs is waited for without end, and nobody who waits loses anything.
. t/lib/tap.sh
plan 10

suite
account empty b1 e/empty
cc -shared -fPIC -Isrc/pdm -o "$T/lib/libpdm_slow.so" t/lib/slow.c
start_suite
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
master=$(pid pproxy)
until_ok children "$master" >/dev/null || skip_all 'this system does not list children in /proc'

ctl pproxy set trytimeout 1m >/dev/null
# A batch that comes while another change is tried is not lost.
ctl pproxy pdm add lazy slow 2 0 >"$T/lazy" &
lazy=$!
# shellcheck disable=SC2046
trying() { set -- $(children "$master"); [ $# -eq 2 ]; }
until_ok trying
talk -n batch "$T/run/pproxy.ctrl" ':line' ':send begin\n' ':line' ':send set greeting hello\n' ':line' \
    ':send commit\n' ':line' ":mark $T/in" ":hold $T/go" ':send commit\n' ':line' &
batch=$!
until_ok test -e "$T/in"
wait $lazy
like "$(cat "$T/lazy")" 'generation' 'a change takes its time'
: >"$T/go"
wait $batch
like "$(sed -n 4p "$T/batch.log")" '^-ERR busy' 'another one is refused meanwhile'
like "$(sed -n 5p "$T/batch.log")" '^\+OK generation' 'and can be committed later'

# A module that hangs when a worker is born.
ctl pproxy pdm delete lazy >/dev/null
ctl pproxy set trytimeout 1s >/dev/null
ctl pproxy pdm add hangs slow 0 9 >/dev/null
seen pproxy 'ev=worker_stuck .*doing=starting' 'a worker that does not begin is killed'
ctl pproxy set trytimeout 1m >/dev/null
ctl pproxy pdm delete hangs >/dev/null
is $? 0 'and the module can be taken out'

# Sessions that have lost their pool. The deadline of the wait is set before the worker is stopped.
ctl pproxy set idletimeout 5s >/dev/null
talk -n held 1 'USER empty' 'PASS secret' ":mark $T/held" ":hold $T/never" &
held=$!
until_ok test -e "$T/held"
worker=$(ctl pproxy session list | sed -n 's/.* pid=\([0-9]*\).*/\1/p')
like "$worker" '^[0-9]+$' 'a session begins'
kill -STOP "$worker"
pools() { for p in $(children "$master"); do [ "$p" = "$worker" ] || echo "$p"; done; }
# shellcheck disable=SC2046
kill -9 $(pools)
seen pproxy 'ev=pool_died' 'its pool dies, and itself it hangs'
until_ok gone "$worker"
ok $? 'it is killed all the same'
nobody() { ctl pproxy session list >/dev/null && ! has ctl 'user='; }
until_ok nobody
ok $? 'and its slot is free'
: >"$T/never"
wait $held

# Master and pool die at the same time, a session lives.
rm -f "$T/held" "$T/never"
ctl pproxy set idletimeout 10m >/dev/null
talk -n held 1 'USER empty' 'PASS secret' ":mark $T/held" ":hold $T/never" 'QUIT' &
held=$!
until_ok test -e "$T/held"
# shellcheck disable=SC2046
kill -9 "$master" $(children "$master")
no_door() { ! listening "$(port 1)"; }
WAIT=5 until_ok no_door
ok $? 'when master and pool die together, the doors are closed all the same'
: >"$T/never"
wait $held
