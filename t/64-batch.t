#!/bin/sh
# pctl: a batch is taken as a whole or not at all, and nobody who is served notices.
. t/lib/tap.sh
plan 12

suite
account empty b1 e/empty
start_suite

config() { ctl "$1" config; }
config pproxy >"$T/before"
perl t/lib/crowd.pl load "$(port 1)" 4 empty secret "$T/enough" >"$T/crowd.log" 2>&1 &
crowd=$!

i=0
while [ $i -lt 50 ]; do
    i=$((i + 1))
    case $i in
    49) echo 'set idletimeout never' ;;
    50) echo 'vserv delete main' ;;
    *) echo "backend add x$i 127.0.0.1:$(port 2) proto=xpop" ;;
    esac
done >"$T/fifty"
ctl pproxy -f "$T/fifty" >"$T/answer"
is $? 1 'a batch of fifty words with a wrong one is refused'
like "$(cat "$T/answer")" 'fifty:49: .*idletimeout' 'the answer names file, line and word'
config pproxy >"$T/after"
same "$T/before" "$T/after" 'and nothing of it was done'
sed 49d "$T/fifty" | sed 's/^vserv delete main/set idletimeout 11m/' >"$T/good"
ctl pproxy -n -f "$T/good" >/dev/null
is $? 0 'one that is right passes the check'
config pproxy >"$T/after"
same "$T/before" "$T/after" 'which does nothing'
ctl pproxy -f "$T/good" >/dev/null
is $? 0 'and is taken'
like "$(config pproxy)" 'backend add x48 ' 'all of it'

talk "$T/run/pproxy.ctrl" ':line' ':send begin\n' ':line' ':send backend delete x48\n' ':line'
like "$(config pproxy)" 'backend add x48 ' 'a connection that ends without commit changes nothing'

: >"$T/enough"
wait $crowd
like "$(tail -n 1 "$T/crowd.log")" '^sessions=[0-9]{2,} refused=0 failed=0' \
    'not one of the clients noticed any of this'

config pproxy >"$T/rebuilt.rc"
"$BIN/pproxy" -n -f "$T/rebuilt.rc" >"$T/check.log" 2>&1
ok $? 'what config prints is a start file'
end pproxy
daemon pproxy -d -f "$T/rebuilt.rc" && ready 1
config pproxy >"$T/again"
same "$T/rebuilt.rc" "$T/again" 'which gives the same configuration again'
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'and the same service'
