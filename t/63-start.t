#!/bin/sh
# The kit: however a daemon was started, it leaves the terminal, hears its signals and lives.
. t/lib/tap.sh
plan 8

suite
account empty b1 e/empty
drop=
[ -z "$ROOT" ] || drop="-u $USER"
master() { cat "$T/run/pproxy.pid" 2>/dev/null; }
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }

# shellcheck disable=SC2086
{ "$BIN/pproxy" -r "$T/run" -l "$T/pproxy.log" -f "$T/pproxy.rc" $drop 2>&1 | cat >"$T/said"; : >"$T/let-go"; } &
until_ok test -e "$T/let-go"
ok $? 'none of its processes holds the output of the one that was started'
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'and it serves'

pool=$(children "$(master)")
# shellcheck disable=SC2046,SC2086
kill -HUP $(children "$pool") $pool "$(master)"
seen pproxy 'ev=generation_current.*generation=2' 'a hang-up of all its processes is a hang-up of the master'
unseen pproxy 'ev=(pool|worker)_died' 'and kills nobody'
kill "$(master)"
until_ok test ! -e "$T/run/pproxy.pid"

# shellcheck disable=SC2086
perl -MPOSIX -e 'sigprocmask SIG_BLOCK, POSIX::SigSet->new(1 .. 31); exec @ARGV' \
    "$BIN/pproxy" -d -r "$T/run" -f "$T/pproxy.rc" $drop >>"$T/blocked.log" 2>&1 &
deaf=$!
seen blocked 'ev=generation_current' 'who started it had blocked all signals'
kill "$deaf"
until_ok gone "$deaf"
ok $? 'but it hears them' || kill -9 "$deaf"

# shellcheck disable=SC2086
(ulimit -f 1; exec "$BIN/pproxy" -d -r "$T/run" -l "$T/short.log" -f "$T/pproxy.rc" $drop) &
short=$!
ready 1
for _ in 1 2 3 4 5 6 7 8; do ctl pproxy pdm reload; done >/dev/null
ctl pproxy version >/dev/null
ok $? 'a log file that may not grow does not end it' "$(ls -l "$T/short.log")"
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'nor its workers'
kill "$short"
