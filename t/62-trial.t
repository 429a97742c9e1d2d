#!/bin/sh
# The kit: what cannot be served is refused, and what cannot be loaded is not tried without end.
. t/lib/tap.sh
plan 7

suite
account empty b1 e/empty
start_suite

ctl pproxy vserv add two "127.0.0.1:$(port 1)" >/dev/null
is $? 1 'two virtual servers cannot have one address'
like "$(cat "$T/ctl.log")" "vserv two: 127.0.0.1:$(port 1) is taken by vserv main" 'and it says whose it is'
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'the service goes on'

# A pool that lived for ten seconds is replaced at once, but not more often than that.
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
now() { perl -MTime::HiRes=time -e 'printf "%d\n", time * 1000'; }
master=$(pid pproxy)
until_ok children "$master" >/dev/null || skip_all 'this system does not list children in /proc'
ten() { [ "$(ps -o etimes= -p "$(children "$master")")" -ge 11 ]; }
until_ok ten
mv "$T/users" "$T/away"
# shellcheck disable=SC2046
kill -9 $(children "$master")
killed=$(now)
seen pproxy 'ev=generation_failed' 'a pool dies, and its place cannot be taken'
# The pauses between tries double, from a tenth of a second on.
five() { [ "$(grep -c 'ev=generation_failed' "$T/pproxy.log")" -ge 5 ]; }
until_ok five
took=$(($(now) - killed))
[ "$took" -ge 1400 ]
ok $? 'which is not tried without end' "five times in $took ms"
mv "$T/away" "$T/users"
seen pproxy 'ev=generation_current.*generation=[^1]' 'until it can'
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'and all is well again'
