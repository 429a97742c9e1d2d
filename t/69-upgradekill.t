#!/bin/sh
# The kit: wherever in an upgrade the new program dies or hangs, the old one goes on serving.
. t/lib/tap.sh
plan 38

suite
account empty b1 e/empty
for name in full more other; do
    account $name b1 $name
    printf 'Subject: hello\n\n' | deliver $name
done
cc -Wall -Werror -shared -fPIC -o "$T/stage.so" t/lib/stage.c -ldl || skip_all 'no C compiler'
cat >"$T/wrapper" <<EOC
#!/bin/sh
LD_PRELOAD=$T/stage.so
read -r STAGE STAGE_SIGNAL <$T/stage
export LD_PRELOAD STAGE STAGE_SIGNAL
exec "$BIN/pproxy" "\$@"
EOC
chmod 755 "$T/wrapper" "$T/stage.so"
start_suite
old=$(pid pproxy)
master() { cat "$T/run/pproxy.pid"; }
moved() { [ "$(grep -c 'user=empty' "$T/pproxy.log")" -gt "$1" ]; }
goes_on() { until_ok moved $(($(grep -c 'user=empty' "$T/pproxy.log") + 50)); }
files() { find "$T/run" -name 'pproxy*' | sort; }
link() { [ "$(readlink "$T/run/pproxy.ctrl")" = "pproxy.$old.ctrl" ]; }
files=$(files)

load() { perl t/lib/crowd.pl load "$(port 1)" 8 empty secret "$T/enough" >"$T/load.log" 2>&1 & }
load; crowd=$!
WAIT=120 talk -n held 1 'USER full' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
goes_on

# stage POINT SIGNAL REASON: the new program gets SIGNAL there, and the old one says why.
stage() {
    echo "$1 $2" >"$T/stage"
    ctl pproxy upgrade "$T/wrapper" >/dev/null
    like "$(cat "$T/ctl.log")" "$3.*; nothing has changed" "signal $2 at $1: the reason is told"
    [ "$(master)" = "$old" ] && link && [ "$(files)" = "$files" ] && goes_on
    ok $? 'and the old one serves' "$(ls -l "$T/run")"
}
for point in start before-fork after-fork before-pid after-pid before-ctrl after-ctrl \
    before-serving after-serving before-thanks; do
    stage $point 9 'it died: signal 9'
done
stop=$(perl -MPOSIX -e 'print SIGSTOP')
ctl pproxy set trytimeout 2 >/dev/null
for point in start after-fork after-ctrl before-thanks; do
    stage $point "$stop" 'it did not serve within trytimeout'
done
: >"$T/enough"
wait $crowd
is "$(grep -c '^failed' "$T/load.log")" 0 'all the while no client was refused, and none lost'

# It had taken over, and dies: that is seen by clients, but not for long.
echo 'after-thanks 9' >"$T/stage"
ctl pproxy upgrade "$T/wrapper" >/dev/null
back() { [ "$(master)" = "$old" ] && link && talk 1 'USER more' 'PASS secret' 'STAT' 'QUIT' && has talk '^.OK 1 '; }
until_ok back
ok $? 'a new one that dies as soon as it has taken over is replaced by the old one'
rm -f "$T/enough"
load; crowd=$!
goes_on
ctl pproxy upgrade >/dev/null
is $? 0 'which can still be upgraded'
goes_on
# What is left of the old one has the sockets, too, and must not take them along.
new=$(master)
kill -9 "$old"
until_ok gone "$old"
seen pproxy 'ev=master_gone' 'the old one is killed while it finishes its sessions'
goes_on
ok $? 'the new one serves'
talk -n later 1 'USER other' 'PASS secret' ":mark $T/in.later" ":hold $T/go" 'STAT' 'QUIT' &
later=$!
until_ok test -e "$T/in.later"
ctl pproxy upgrade >/dev/null
is $? 0 'it is upgraded'
old_one() { "$BIN/pctl" -s "$T/run/pproxy.$new.ctrl" "$@" >"$T/old.log" 2>&1; }
alone() { old_one session list && ! has old 'user=empty' && has old 'user=other'; }
until_ok alone
old_one shutdown all
until_ok gone "$new"
ok $? 'and told to end all sessions and leave'
goes_on
ok $? 'the newest one serves'
wait $later
: >"$T/enough"
wait $crowd
is "$(grep -c '^failed' "$T/load.log")" 0 'and nobody else is lost'
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK 1 ' 'a session that was there before all that comes to its end'
