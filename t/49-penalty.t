#!/bin/sh
# pproxy: wrong passwords cost time, and so do many at once; a right one does not.
. t/lib/tap.sh
plan 25

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set trusted ""
set penaltymax 1
set maxsession 200
backend add b1 127.0.0.1:$(port 2) proto=xpop
backend add old 127.0.0.1:$(port 6) proto=pop3
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
vserv add other 127.0.0.1:$(port 5) fallback=old
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon -n old fakepop3 "$(port 6)" 'PASS=-ERR [AUTH] no' && ready 6
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 5

guess() { talk -b "$1" 1 'USER joe' "PASS $2" QUIT; }
limit() { ctl pproxy "$@" >/dev/null; }
ago() { echo $((($(date +%s%N) - $1) / 1000000)); }

guess 127.0.0.2 wrong0
line 3 '^-ERR \[AUTH\] wrong user or password' 'a wrong password is refused'
seen pproxy 'ev=login_refused .*rip=127.0.0.2 .*delay=0' 'the first time at once'
start=$(date +%s%N)
guess 127.0.0.2 wrong1
ok "$(($(ago "$start") < 1000))" 'the second time after a delay'
seen pproxy 'ev=login_refused .*rip=127.0.0.2 .*delay=1' 'which is logged'
guess 127.0.0.2 wrong1
is "$(grep -c 'login_refused.*rip=127.0.0.2 .*delay=1' "$T/pproxy.log")" 1 'the same password again is not punished'
like "$(ctl pproxy penalty list)" '^address=127.0.0.2 failures=2 delay=[01] forgotten=[0-9]+' 'nor counted'
guess 127.0.0.2 secret
line 3 '^\+OK fake' 'a right password is served'
like "$(ctl pproxy penalty list)" '^address=127.0.0.2 failures=2 ' 'and does not help a guesser'

# Nine at once, of an address that has failed: they stand in one queue, which has an end.
jobs=
for n in 1 2 3 4 5 6 7 8 9; do
    talk -n "guess$n" -b 127.0.0.2 1 'USER joe' "PASS many$n" QUIT &
    jobs="$jobs $!"
done
# shellcheck disable=SC2086
wait $jobs
is "$(cat "$T"/guess?.log | grep -c '^-ERR \[AUTH\]')" 9 'who guesses many at once'
seen pproxy 'login_refused.*rip=127.0.0.2 .*delay=[2-4]' 'waits in one queue, longer than penaltymax'
like "$(ctl pproxy penalty list)" '^address=127.0.0.2 failures=11 ' 'of an address with many failures'
unseen pproxy 'login_refused.*delay=([5-9]|[1-9][0-9])' 'the queue has an end'

# Who comes then waits before anybody looks at the password. Five minutes, so that it is seen.
limit set penaltymax 5m
guess 127.0.0.3 a
# sleeper NAME: tries with the right password, and leaves when $T/NAME.go is there
sleeper() {
    talk -n "$1" -b 127.0.0.2 1 'USER joe' ':send PASS secret\r\n' ":hold $T/$1.go" ':half' ':eof' &
}
asleep() { ctl pproxy session list >/dev/null && is_count "$1" "$(grep -c 'doing=penalty' "$T/ctl.log")"; }
is_count() { [ "$1" -eq "$2" ]; }
sleeper one
one=$!
until_ok asleep 1
ok $? 'even with the right password'
ctl pproxy session kick "$(ctl pproxy session list | sed -n 's/.*sid=\([^ ]*\) .*doing=penalty.*/\1/p')" >/dev/null
seen pproxy 'ev=proxy_session .*rip=127.0.0.2 .*end=kicked' 'and can be kicked'
: >"$T/one.go"
wait $one

# No more than a tenth of the sessions may sleep.
limit set maxsession 20
rm "$T/one.go"
sleeper one
one=$!
sleeper two
two=$!
until_ok asleep 2
slept() { ctl pproxy counter list | sed -n 's/^name=penalties value=//p'; }
before=$(slept)
guess 127.0.0.3 c
line 3 '^-ERR \[AUTH\] wrong user' 'who finds no place to wait is refused'
is "$(slept)" "$before" 'at once'
seen pproxy 'ev=login_refused .*rip=127.0.0.3 .*delay=2' 'though that counts'
guess 127.0.0.2 secret
line 3 '^-ERR \[SYS/TEMP\] too many wrong passwords from your address' 'with many failures, unheard'
: >"$T/one.go"
: >"$T/two.go"
wait $one $two
seen pproxy 'ev=proxy_session .*rip=127.0.0.2 .*end=eof' 'whoever leaves need not be waited for'

talk -b 127.0.0.4 5 'USER new' 'PASS one' 'USER new' 'PASS two' QUIT
line 5 '^-ERR \[AUTH\] no' 'a fallback that refuses'
like "$(ctl pproxy penalty list)" '^address=127.0.0.4 failures=2 ' 'counts as well'

like "$(ctl pproxy penalty clear 127.0.0.2)" 'forgotten' 'an address can be forgiven'
guess 127.0.0.2 secret
line 3 '^\+OK fake' 'and is then served at once'
ctl pproxy penalty clear all >/dev/null
is "$(ctl pproxy penalty list)" '' 'or all of them'
like "$(ctl pproxy penalty clear 127.0.0.300)" 'an address like' 'what is no address is told'
