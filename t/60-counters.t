#!/bin/sh
# counter list: what is counted of each virtual server, backend, module, command and event.
. t/lib/tap.sh
plan 18

suite
cat >>"$T/pproxy.rc" <<EOC
vserv add other 127.0.0.1:$(port 5)
backend add b2 127.0.0.1:$(port 6) proto=xpop
EOC
account joe b1 3/joe
account none b1 3/none
account lost b2 3/lost
box 3/joe
box 3/none
start_suite
ready 5
printf 'Subject: a\n\nb\n' | deliver 3/joe

talk 1 'USER joe' 'PASS secret' 'RETR 1' QUIT
talk 1 'USER none' 'PASS secret' QUIT
talk 5 'USER none' 'PASS secret' NOOP QUIT
talk 5 'USER lost' 'PASS secret' QUIT
talk 5 'USER joe' 'PASS wrong' 'USER nobody' 'PASS x' QUIT
summed() { [ "$(grep -c 'ev=proxy_session' "$T/pproxy.log")" -eq 5 ]; }
until_ok summed

# of PROGRAM KIND ID COUNTER: its value
of() { ctl "$1" counter list "$2" "$3" | tr -d '\r' | sed -n "s/^id=$3 .*\b$4=\([0-9]*\).*/\1/p"; }
# all PROGRAM KIND ID COUNTER ...: their values, in one line
all() {
    _all=
    _who="$1 $2 $3"
    shift 3
    # shellcheck disable=SC2086
    for _counter; do _all="$_all $(of $_who "$_counter")"; done
    echo "${_all# }"
}
is "$(all pproxy vserv main sessions logins_ok relayed empty logins_refused)" '2 2 1 1 0' \
    'a virtual server has counters of its own'
is "$(all pproxy vserv other sessions logins_ok relayed empty softfail_empty logins_refused)" '3 2 0 1 1 2' \
    'so has another'
is "$(all pproxy backend b1 sessions checks empty failed)" '1 3 2 0' 'a backend tells its sessions and checks'
is "$(all pproxy backend b2 sessions failed softfail)" '0 1 1' 'and its failures'
[ "$(of pproxy backend b1 octets_in)" -gt 40 ]
ok $? 'octets from a backend are counted'
is "$(all pproxy pdm users asked accepted refused unknown failed)" '6 4 1 1 0' 'a module tells what it said'
[ "$(of pproxy pdm users microseconds)" -gt 0 ]
ok $? 'and how long that took'
is "$(of pproxy command noop count)" 1 'commands are counted'
is "$(of pproxy event login_ok count)" 4 'events are counted'
ctl pproxy set loglevel ERR >/dev/null
talk 1 'USER none' 'PASS secret' QUIT
counted() { [ "$(of pproxy vserv main sessions)" -eq 3 ]; }
until_ok counted
is "$(of pproxy event login_ok count)" 5 'whether or not they are logged'
is "$(ctl pproxy counter list vserv | wc -l | tr -d ' ')" 2 'each object has a line'
like "$(ctl pproxy counter list)" '^name=logins_ok value=5' 'without a kind all is summed up'
is "$(all pserv server main sessions messages_retrieved)" '1 1' 'pserv counts for each server'
is "$(all pcheckd server main questions no_mails)" '4 3' 'so does pcheckd'
like "$(ctl pproxy counter list capa)" 'no counters of capa; right would be: backend pdm vserv command event' \
    'a kind without counters is named'
like "$(ctl pproxy counter list vserv x)" 'nothing is counted of vserv x' 'so is an object that is not there'

ctl pproxy counter reset >/dev/null
is "$(all pproxy vserv main sessions octets_in) $(of pproxy event login_ok count)" '0 0 ' \
    'all of them can begin anew'
ctl pproxy vserv delete other >/dev/null
ctl pproxy vserv add third "127.0.0.1:$(port 7)" >/dev/null
is "$(of pproxy vserv third sessions)" 0 'a new object begins at 0'
