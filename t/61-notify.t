#!/bin/sh
# The kit: systemd is told how a daemon is, may open its sockets, and may watch it.
. t/lib/tap.sh
plan 30

suite
account empty b1 e/empty
TMPDIR=$T
export TMPDIR
user=${ROOT:+-u $USER}
count() { grep -c "$2" "$T/$1.log"; }
more() { [ "$(count "$1" "$2")" -gt "$3" ]; }
main() { cat "$T/run.$1/$2.pid"; }

# unit NAME [OPTION ...] -- DAEMON OPTION ...
unit() {
    _name=$1
    shift
    mkdir -p "$T/run.$_name"
    perl t/lib/init "$@" -r "$T/run.$_name" >>"$T/$_name.log" 2>>"$T/$_name.err" </dev/null &
    echo $! >"$T/run/$_name.job"
}

daemon pserv -d -f "$T/pserv.rc"
# shellcheck disable=SC2086
unit proxy -w 300000 "127.0.0.1:$(port 1)" "127.0.0.1:$(port 5)=spare" \
    -- "$BIN/pproxy" -d -l "$T/pproxy.log" -f "$T/pproxy.rc" $user
seen proxy '^READY=1' 'the daemon says when it is ready'
seen proxy '^STATUS=generation 1 is current' 'and how it is'
is "$(sed -n 's/^MAINPID=//p' "$T/proxy.log" | head -n 1)" "$(main proxy pproxy)" 'and who it is'
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'a socket that was passed serves'
seen pproxy 'ev=socket_unused .*name=spare' 'one that nothing asks for is told of'
until_ok more proxy '^WATCHDOG=1' 3
ok $? 'the watchdog hears from it'
proxy() { "$BIN/pctl" -s "$T/run.proxy/pproxy.ctrl" "$@" >"$T/ctl.log" 2>&1; }
proxy vserv add late "127.0.0.1:$(port 5)" tls=implicit "cert=$T/users" "key=$T/users"
talk -n early -s 5 ":mark $T/early" ':line' 'QUIT' &
early=$!
until_ok test -e "$T/early"
proxy vserv add late "127.0.0.1:$(port 5)"
is $? 0 'until something asks for it' || cat "$T/ctl.log"
wait $early
like "$(cat "$T/early.log")" '^\+OK' 'who came before that has waited, though the first change was refused'
talk 5 'QUIT'
line 1 '^\+OK' 'and then it serves, too'
proxy vserv delete late
talk 5 'QUIT'
line 1 'refused|connect' 'it is shut with its virtual server'
proxy vserv add late "127.0.0.1:$(port 5)"
talk 5 'QUIT'
line 1 '^\+OK' 'and opened again'

ready=$(count proxy '^READY=1')
kill -HUP "$(pid proxy)"
seen proxy '^RELOADING=1' 'a reload is announced'
seen proxy '^MONOTONIC_USEC=[0-9]+$' 'with the time'
until_ok more proxy '^READY=1' "$ready"
ok $? 'and its end is told'
echo nonsense >"$T/users"
ready=$(count proxy '^READY=1')
kill -HUP "$(pid proxy)"
until_ok more proxy '^READY=1' "$ready"
ok $? 'so is one that fails'
seen proxy '^STATUS=.*could not be loaded' 'as what it is'
echo '*:empty:{PLAIN}secret:b1:e/empty' >"$T/users"

proxy upgrade
is $? 0 'an upgrade goes well' || cat "$T/ctl.log"
new=$(main proxy pproxy)
seen proxy "^MAINPID=$new" 'and tells who is to be watched from now on'
talk 5 'QUIT'
line 1 '^\+OK' 'sockets that were passed are passed on'
beats=$(count proxy '^WATCHDOG=1')
until_ok more proxy '^WATCHDOG=1' $((beats + 3))
ok $? 'the watchdog hears from the new one'
kill "$(pid proxy)"
seen proxy '^STOPPING=1' 'the end is announced'
until_ok gone "$new"
ok $? 'and comes'

# shellcheck disable=SC2086
unit check -p "127.0.0.1:$(port 3)/udp" -- "$BIN/pcheckd" -d -f "$T/pcheckd.rc" $user
seen check '^READY=1' 'by a path, a datagram socket, another daemon: all the same'
"$BIN/pcheck" -s 127.0.0.1 -p "$(port 3)" -m e/empty >"$T/pcheck.log" 2>&1
like "$(cat "$T/pcheck.log")" 'no mail' 'which answers'
kill "$(pid check)"
seen check '^STOPPING=1' 'and ends'

# Who keeps the sockets starts it again: meanwhile clients wait.
sed "s/^vserv add main .*/vserv add main 127.0.0.1:$(port 6)/" "$T/pproxy.rc" >"$T/again.rc"
# shellcheck disable=SC2086
unit again -k "$T/again" "127.0.0.1:$(port 6)" \
    -- "$BIN/pproxy" -d -l "$T/again.pproxy" -f "$T/again.rc" $user
seen again '^READY=1' 'a daemon has sockets that somebody keeps'
"$BIN/pctl" -s "$T/run.again/pproxy.ctrl" upgrade >"$T/ctl.log" 2>&1
first=$(main again pproxy)
"$BIN/pctl" -s "$T/run.again/pproxy.ctrl" shutdown delayed >"$T/ctl.log" 2>&1
until_ok gone "$first"
talk -n waits -s 6 ":mark $T/connected" ':line' 'USER empty' 'PASS secret' 'QUIT' &
waits=$!
until_ok test -e "$T/connected"
! grep -q . "$T/waits.log"
ok $? 'a client waits while it is gone' "$(cat "$T/waits.log")"
: >"$T/again"
wait $waits
like "$(cat "$T/waits.log")" '^\+OK good bye' 'and is served when it is back'
kill "$(pid again)"
reap "$(pid again)"

# Somebody else's variables.
env NOTIFY_SOCKET=@nobody-there LISTEN_PID=1 LISTEN_FDS=2 WATCHDOG_USEC=x \
    "$BIN/pserv" -d -n -f "$T/pserv.rc"
is $? 0 'variables that are for another process are left alone'
ctl pserv upgrade >/dev/null
is $? 0 'without systemd nothing is notified'

