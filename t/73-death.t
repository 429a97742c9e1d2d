#!/bin/sh
# The kit: whatever process dies under load, the others do what is right.
. t/lib/tap.sh
plan 17

suite
account empty b1 e/empty
account full b1 f/full
printf 'Subject: hello\n\n' | deliver f/full
start_suite
master=$(pid pproxy)
title() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null; }
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
pool() { for p in $(children "$1"); do title "$p" | grep -q pool && echo "$p"; done; }
load() { perl t/lib/crowd.pl load "$(port 1)" 8 empty secret "$T/enough.$1" >"$T/$1.log" 2>&1 & }
enough() { : >"$T/enough.$1"; wait "$2"; }
moved() { [ "$(grep -c 'user=empty' "$T/pproxy.log")" -gt "$1" ]; }
goes_on() { until_ok moved $(($(grep -c 'user=empty' "$T/pproxy.log") + 50)); }
[ -r "/proc/$$/task/$$/children" ] || skip_all 'this system does not list children in /proc'

load worker; crowd=$!
goes_on
# shellcheck disable=SC2046
set -- $(children "$(pool "$master")")
kill -9 "$1"
goes_on
ok $? 'a worker is killed: the others go on'
seen pproxy 'ev=worker_died' 'and the log tells'
enough worker $crowd
[ "$(grep -c '^failed' "$T/worker.log")" -le 1 ]
ok $? 'one session was lost at most'

talk -n held 1 'USER full' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
load pool; crowd=$!
goes_on
old=$(pool "$master")
kill -9 "$old"
goes_on
ok $? 'the pool is killed: its workers, then those of a new pool go on'
seen pproxy 'ev=pool_died' 'and the log tells'
new_pool() { [ "$(pool "$master")" ] && [ "$(pool "$master")" != "$old" ]; }
until_ok new_pool
ok $? 'there is a new pool'
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK 1 ' 'a session of the old one was not disturbed'
enough pool $crowd
is "$(grep -c '^failed' "$T/pool.log")" 0 'and no other failed'
ctl pproxy version >/dev/null
ok $? 'the control socket answers'
nobody() { ctl pproxy session list >/dev/null && ! has ctl 'user='; }
until_ok nobody
ok $? 'no slot of the dead is left taken'

rm -f "$T/in" "$T/go"
talk -n held 1 'USER full' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
load master; crowd=$!
goes_on
alive=$(children "$master"; for p in $(children "$master"); do children "$p"; done)
kill -9 "$master"
no_door() { ! listening "$(port 1)"; }
until_ok no_door
ok $? 'the master is killed: the doors are closed'
: >"$T/enough.master"
daemon -n again pproxy -d -f "$T/pproxy.rc"
until_ok listening "$(port 1)"
ok $? 'a new master can bind at once'
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK 1 ' 'a session of the old one comes to its end'
wait $crowd
seen pproxy 'ev=master_gone' 'and the log tells'
all_gone() { for p in $alive; do gone "$p" || return 1; done; }
until_ok all_gone
ok $? 'and then all of its processes are gone'
talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'the new one serves'
end again
is $? 0 'and stops as it should'
