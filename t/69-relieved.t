#!/bin/sh
# The kit: a master that was relieved after its pool had died waits quietly for its last session.
. t/lib/tap.sh
plan 3

[ -r "/proc/$$/status" ] || skip_all 'this system does not tell how often a process has slept'
suite
account empty b1 e/empty
cc -Wall -Werror -shared -fPIC -o "$T/stage.so" t/lib/stage.c -ldl || skip_all 'no C compiler'
cat >"$T/wrapper" <<EOC
#!/bin/sh
LD_PRELOAD=$T/stage.so
STAGE=before-serving
STAGE_SIGNAL=$(perl -MPOSIX -e 'print SIGSTOP')
export LD_PRELOAD STAGE STAGE_SIGNAL
exec "$BIN/pproxy" "\$@"
EOC
chmod 755 "$T/wrapper" "$T/stage.so"
start_suite
old=$(pid pproxy)
talk -n held 1 'USER empty' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
ctl pproxy upgrade "$T/wrapper" >/dev/null &
upgrade=$!
until_ok has pproxy 'ev=generation_current .*generation=2'
new=$(sed -n 's/.*ev=upgrade_begun .*process=//p' "$T/pproxy.log")
kill -9 "$(ps -A -o pid= -o ppid= -o args= | awk -v of="$old" '$2 == of && /pool/ { print $1 }')"
seen pproxy 'ev=pool_died' 'a pool dies while another master is about to serve'
# It is sure to be stopped: it goes no further before.
until_ok grep -q '^State:.T' "/proc/$new/status"
kill -CONT "$new"
wait $upgrade
slept() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$old/status"; }
first=$(slept)
sleep 2
times=$(($(slept) - first))
[ "$times" -lt 40 ]
ok $? 'the old one wakes now and then only' "times: $times"
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK good bye' 'and its session comes to its end'
end pproxy
kill "$new"
until_ok gone "$new"
