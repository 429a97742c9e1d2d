#!/bin/sh
# The suite: a thousand clients log in at once, sit, and leave; the next one is told why not.
. t/lib/tap.sh
plan 10

# shellcheck disable=SC3045
ulimit -n 4096 2>/dev/null || skip_all 'a thousand descriptors are not to be had'
suite
account empty b1 e/empty
# All of them may ask pcheckd at once, however long that takes.
printf 'set maxsession 1000\nset checktimeout 20000\nbackend change b1 maxpending=1000\n' >>"$T/pproxy.rc"
start_suite

perl t/lib/crowd.pl hold "$(port 1)" 1000 empty secret "$T/leave" >"$T/crowd.log" 2>&1 &
crowd=$!
seen crowd '^in 1000 refused 0' 'a thousand clients are logged in at once'
is "$(ctl pproxy session list | grep -c 'user=empty')" 1000 'session list shows them all'

talk 1 ':eof'
line 1 '^-ERR \[SYS/TEMP\] .*maxsession' 'number 1001 is refused with the reason'
line 2 '\[closed\]' 'and hung up on'
perl t/lib/crowd.pl load "$(port 1)" 1 empty secret "$T/refused" >"$T/refused.log" 2>&1 &
late=$!
: >"$T/refused"
wait $late
like "$(cat "$T/refused.log")" 'slowest refusal: [0-9]{1,3} ms' 'at once'
ctl pproxy set maxsession 1001 >/dev/null
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'a limit that is raised holds at once'
ctl pproxy set maxsession 1000 >/dev/null

: >"$T/leave"
wait $crowd
is "$(tail -n 1 "$T/crowd.log")" 'sessions=1000 refused=0 failed=0' 'all leave as they came'
nobody() { ctl pproxy session list >/dev/null && ! has ctl 'user='; }
until_ok nobody
ok $? 'nobody is left in the list'
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'and serves as before'
unseen pserv 'ev=server_session' 'pserv was left in peace all the time'
