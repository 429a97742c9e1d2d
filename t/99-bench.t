#!/bin/sh
# make bench: its table has a figure of everybody who can be measured here, and it leaves nothing
# behind, even if it is interrupted. make charts: there is a row for each point.
. t/lib/tap.sh
plan 10

mkdir "$T/tmp"
# bench ARG ...: with scratch folders that can be looked at
bench() { exec env -u PORTPID -u PORTBASE TMPDIR="$T/tmp" HELD=50 BIG=100 CLIENTS=4 "$@"; }
# What has the name of a scratch folder in its arguments.
# shellcheck disable=SC2009
left() { ps -eo args= | grep -F "$T/tmp/" | grep -v grep; }
none_left() { [ -z "$(left)" ]; }

(bench ONLY='empty resumed fetch large drain big held' t/bench 1 1) >"$T/out.log" 2>"$T/err.log"
is "$?" 0 'it is measured'
head=$(grep ' popular ' "$T/out.log")
for name in dovecot nginx dproxy perdition courier; do
    case $head in *" $name"*) ;; *) grep "^left out: $name: " "$T/out.log" || echo "nothing of $name" ;; esac
done >"$T/absent.log"
is "$(grep -c '^nothing' "$T/absent.log")" 0 'who is left out is left out by name'
note "$(cat "$T/absent.log")"
like "$(cat "$T/out.log")" '^empty login, us CPU +[0-9.]+ +[0-9.]+' 'there are figures, and those of the bare loop'
! grep -i failed "$T/out.log" "$T/err.log" >"$T/failed.log"
ok $? 'nobody fails' "$(cat "$T/failed.log")"
is "$(ls "$T/tmp")$(left | head -n 5)" '' 'and nothing is left'

if command -v cdb >/dev/null; then rows=8; else rows=6; fi
(bench MOST='100 10 100000 10000' SECONDS_EACH=1 t/charts) >"$T/out.log" 2>"$T/err.log"
is "$? $(grep -Ec '^[0-9]+ [0-9.]+ [0-9]+ [0-9]+$' "$T/out.log")" "0 $rows" 'the charts have all points'
is "$(ls "$T/tmp")$(left | head -n 5)" '' 'and nothing is left'

bench ONLY=empty t/bench 1 60 >"$T/out.log" 2>"$T/err.log" &
bench=$!
echo $bench >"$T/run/bench.job"
seen err '^empty 1:' 'a long one has begun'
kill -TERM $bench
WAIT=60 until_ok gone $bench
is "$(ls "$T/tmp")" '' 'it is interrupted, and no file is left'
until_ok none_left
ok $? 'nor a process' "$(left | head -n 5)"
