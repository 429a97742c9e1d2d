#!/bin/sh
# The kit: what happens when there are many sessions, or much load.
. t/lib/tap.sh
plan 20

suite
account empty b1 e/empty
start_suite
limit() { ctl pproxy "$@" >/dev/null; }
state() { ctl pproxy show "$1" | sed -n 's/.* value=\([A-Z]*\) .*/\1/p'; }
becomes() { [ "$(state "$1")" = "$2" ]; }

# Ten clients who say nothing.
limit set maxsession 10
limit set authtimeout 1h
: >"$T/go"
silent() {
    talk -n "silent$1" 1 ":mark $T/in$1" ':eof' &
    eval "job$1=$!"
    until_ok test -e "$T/in$1"
}
is "$(state sessionstate)" OK 'the state of sessions can be shown'
for n in 1 2 3 4 5 6 7 8 9; do silent $n; done
seen pproxy 'ev=session_state .*state=WARN sessions=9 maxsession=10' 'nine of ten sessions are worth a word'
until_ok becomes sessionstate WARN
ok $? 'which can be shown'
silent 10
seen pproxy 'ev=session_state .*state=MAX sessions=10' 'and so are all of them'

# Whoever has just come need not give way yet.
old() { ctl pproxy session list | grep -Eq 'seconds=([2-9]|[1-9][0-9])'; }
until_ok old
talk 1 'USER empty' 'PASS secret' QUIT
line 3 '^\+OK 0 messages' 'one who speaks gets in all the same'
seen pproxy 'ev=proxy_session .*user=- .*end=gave_way' 'another has given way'
seen silent1 '^-ERR \[SYS/TEMP\] too many sessions, and you have not logged in' 'and was told why'
is "$(cat "$T"/silent?.log "$T/silent10.log" | grep -c SYS/TEMP)" 1 'nobody else has'
like "$(ctl pproxy counter list)" 'name=gave_way value=1' 'it is counted'

# Users who have logged in keep their places.
limit set maxsession 1
talk -n user 1 'USER empty' 'PASS secret' ":mark $T/user" ":hold $T/leave" 'QUIT' &
user=$!
until_ok test -e "$T/user"
ok $? 'a user comes in though there are more than there may be'
limit set authtimeout 1s
for n in 1 2 3 4 5 6 7 8 9 10; do eval "wait \$job$n"; done
only_one() { ctl pproxy session list >/dev/null && [ "$(grep -c 'sid=' "$T/ctl.log")" -eq 1 ]; }
until_ok only_one
ok $? 'silent clients have no more time than there is'
until_ok old
talk 1 ':eof'
line 1 '^-ERR \[SYS/TEMP\] too many sessions \(maxsession\)' 'who has logged in does not give way'
: >"$T/leave"
wait $user
seen user '^\+OK good bye' 'and is served to the end'
limit set maxsession 100
until_ok becomes sessionstate OK
ok $? 'when it is quiet the state is OK again'

# One who waits for a login with all the time in the world has less when it gets narrow.
limit set authtimeout 1m
rm "$T/in1"
silent 1
limit set maxsession 1
until_ok becomes sessionstate MAX
# shellcheck disable=SC2154,SC2086
wait $job1
like "$(cat "$T/silent1.log")" 'closed' 'when there are many sessions a login may take less time'
seen pproxy 'ev=proxy_session .* ms=1[0-9]{4} end=timeout' 'but ten seconds'
limit set maxsession 100
until_ok becomes sessionstate OK

# Load. The system has some, if not much.
limit set maxlocalload 0.01
loaded() { [ "$(cut -d. -f1 /proc/loadavg)" != 0 ] || [ "$(cut -c1-4 /proc/loadavg)" != 0.00 ]; }
loaded || perl -e 'my $end = time + 20; 1 until time > $end || do { open my $f, "<", "/proc/loadavg"; <$f> !~ /^0\.00/ }'
until_ok becomes loadstate MAX
seen pproxy 'ev=load_state .*state=MAX load=[0-9.]+ maxlocalload=0.01' 'load above the limit is logged'
talk 1 ':eof'
line 1 '^-ERR \[SYS/TEMP\] load too high \(maxlocalload\)' 'and nobody is let in'
limit set maxlocalload 10000
until_ok becomes loadstate OK
talk 1 QUIT
line 1 '^\+OK' 'until it is lower'
like "$(ctl pproxy set maxlocalload 8.505)" 'must be a number from 0 to 10000 with at most two decimals' \
    'a limit has two decimals at most'
