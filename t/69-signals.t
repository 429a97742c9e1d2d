#!/bin/sh
# The kit: each of the four ways to end does what it says to sessions, newcomers and the daemon.
. t/lib/tap.sh
plan 40

suite
account empty b1 e/empty
drop=${ROOT:+-u $USER}
daemon pserv -d -f "$T/pserv.rc"
daemon pcheckd -d -f "$T/pcheckd.rc"
ready 2 && ready 3/udp
power=$(perl -MConfig -e 'print "$Config{sig_name} " =~ / PWR / ? "PWR" : "USR1"')
: >"$T/pproxy.log"
shut() { ! listening "$(port 1)"; }
over() { [ "$(grep -c 'ev=proxy_session' "$T/pproxy.log")" -gt "$1" ]; }

# begin [-d]: a daemon, detached if nothing is said, and a session in it.
begin() {
    rm -f "$T/in" "$T/go"
    if [ "${1-}" ]; then
        daemon pproxy -d -l "$T/pproxy.log" -f "$T/pproxy.rc"
        master=$(pid pproxy)
        ready 1
    else
        # shellcheck disable=SC2086
        "$BIN/pproxy" -r "$T/run" -l "$T/pproxy.log" -f "$T/pproxy.rc" $drop >>"$T/start.log" 2>&1
        master=$(cat "$T/run/pproxy.pid")
    fi
    sessions=$(grep -c 'ev=proxy_session' "$T/pproxy.log")
    talk -n held 1 'USER empty' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
    held=$!
    until_ok test -e "$T/in"
}
# below PID: the processes that it has begun, and those that they have
below() {
    for _child in $(ps -A -o pid= -o ppid= | awk -v of="$1" '$2 == of { print $1 }'); do
        echo "$_child"
        below "$_child"
    done
}
tell() {
    case $1 in
    # To each of its processes, as systemd does it.
    *' to all')
        # shellcheck disable=SC2046
        kill "-$power" "$master" $(below "$master")
        ;;
    SIG*) kill "-${1#SIG}" "$master" ;;
    *) ctl pproxy shutdown "$1" >/dev/null ;;
    esac
}
ends() {
    until_ok over "$sessions"
    ok $? "$1"
    : >"$T/go"
    wait $held
}
lasts() {
    : >"$T/go"
    wait $held
    like "$(cat "$T/held.log")" '^\+OK good bye' "$1"
}
closes() { until_ok shut; ok $? "$1"; }
leaves() { until_ok gone "$master"; ok $? "$1"; }

for how in SIGTERM all; do
    begin
    tell $how
    ends "$how: sessions end"
    closes 'nobody comes in'
    leaves 'and the daemon is gone'
done
for how in SIGQUIT parent; do
    begin
    tell $how
    leaves "$how: the master is gone"
    closes 'nobody comes in'
    lasts 'but sessions come to their end'
done
for how in "SIG$power" "SIG$power to all" delayed; do
    begin
    tell "$how"
    closes "$how: nobody comes in"
    kill -0 "$master"
    ok $? 'the master waits'
    [ ! -e "$T/run/pproxy.pid" ]
    ok $? 'though another one may be started'
    lasts 'until its last session has come to its end'
    leaves 'and then it is gone'
done
# A program that is to take over and is not done with it does not come back for the pid file.
printf '#!/bin/sh\nexec sleep 60\n' >"$T/sleeper"
chmod 755 "$T/sleeper"
begin
"$BIN/pctl" -s "$T/run/pproxy.ctrl" upgrade "$T/sleeper" >"$T/upgrade.log" 2>&1 &
upgrade=$!
until_ok has pproxy 'ev=upgrade_begun'
tell delayed
wait $upgrade
like "$(cat "$T/upgrade.log")" 'shutting down; nothing has changed' 'delayed: an upgrade is given up'
[ ! -e "$T/run/pproxy.pid" ]
ok $? 'and another master may be started'
lasts 'sessions come to their end'
leaves 'and the daemon'
for how in SIGINT children; do
    begin
    tell $how
    ends "$how: sessions end"
    talk 1 'USER empty' 'PASS secret' 'QUIT'
    line 3 '^\+OK' 'and the daemon goes on'
    tell all
    leaves 'until it is told to leave'
done
begin -d
tell SIGINT
ends 'SIGINT in the foreground: sessions end'
closes 'nobody comes in'
reap "$master"
is $? 0 'and the daemon is gone, as it should be'
