#!/bin/sh
# The kit: configuration changes under load, and no client waits for nobody.
. t/lib/tap.sh
plan 14

suite
account empty b1 e/empty
start_suite
load() { perl t/lib/crowd.pl load "$(port "$2")" 8 empty secret "$T/enough.$1" >"$T/$1.log" 2>&1 & }
enough() { : >"$T/enough.$1"; wait "$2"; }
summary() { tail -n 1 "$T/$1.log"; }

load reload 1; crowd=$!
answers=$(i=0
    while [ $i -lt 25 ]; do
        ctl pproxy pdm reload
        i=$((i + 1))
    done | grep -c 'generation [0-9]* is current')
is "$answers" 25 'twenty-five new generations under load'
enough reload $crowd
like "$(summary reload)" '^sessions=[0-9]{2,} refused=0 failed=0' 'and not one session is lost'
slow=$(sed -n 's/^slowest session: \([0-9]*\) ms/\1/p' "$T/reload.log")
echo "# slowest session meanwhile: $slow ms"
drained() { [ "$(grep -c 'ev=generation_drained' "$T/pproxy.log")" -eq 25 ]; }
until_ok drained
ok $? 'the old generations are gone'

load live 1; crowd=$!
for value in 11m 12m 13m; do ctl pproxy set idletimeout $value; done >"$T/live" 2>&1
is "$(grep -c '^+*OK\|^done' "$T/live")" 3 'live values are taken'
is "$(ctl pproxy show generation | sed 's/.* value=\([0-9]*\).*/\1/')" 26 'without a new generation'
enough live $crowd
like "$(summary live)" 'failed=0' 'and nobody is disturbed'

ctl pproxy vserv add extra "127.0.0.1:$(port 4)" >/dev/null
ok $? 'a virtual server is added'
talk -n held 4 'USER empty' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
load extra 4; crowd=$!
load main 1; other=$!
ctl pproxy vserv delete extra >/dev/null
ok $? 'and deleted'
WAIT=5 talk 4
line 1 'no connection' 'who connects to it is refused at once, though an old session goes on'
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK 0 0' 'which comes to its end'
enough extra $crowd
is "$(grep -c deadline "$T/extra.log")" 0 'nobody waits there for nobody'
enough main $other
like "$(summary main)" 'failed=0' 'and the others were not disturbed'

talk -n long 1 'USER empty' 'PASS secret' ":mark $T/in.long" ":hold $T/never" &
long=$!
until_ok test -e "$T/in.long"
ctl pproxy set drainlimit 2 >/dev/null
old=$(ctl pproxy show generation | sed 's/.* value=\([0-9]*\).*/\1/')
ctl pproxy pdm reload >/dev/null
seen pproxy "ev=drain_limit .*generation=$old draining=1\$" 'what lasts too long is ended'
seen pproxy "ev=generation_drained .*generation=$old ms=[2-9][0-9]{3}\$" 'and the log tells how long it was waited for'
: >"$T/never"
wait $long
