#!/bin/sh
# pproxy: pdm test says what a login would get, without harm whatever the modules do.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 19

suite
${CC:-cc} -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_bad.so" t/lib/bad.c
account joe b1 3/joe
echo '127.0.0.0/8:default:{PLAIN}master-word' >"$T/masters"
sed -i "s,^pdm add.*,pdm add bad bad\n&\npdm add masters master $T/masters," "$T/pproxy.rc"
start_suite

answer() { ctl pproxy pdm test "$@" | tr -d '\r'; }
is "$(answer default joe secret)" \
    'pdm=bad verdict=unknown
pdm=users verdict=accept backend=b1 mbox=3/joe
outcome=accept pdm=users backend=b1 mbox=3/joe reply=+OK' 'each module is heard, and what comes of it'
answer default joe wrong >"$T/said"
like "$(sed -n 2p "$T/said")" '^pdm=users verdict=refuse backend=b1 mbox=3/joe$' \
    'a wrong password is one'
like "$(sed -n 3p "$T/said")" '^pdm=masters vouches=unknown$' 'and who might vouch is asked'
like "$(sed -n 4p "$T/said")" '^outcome=refuse pdm=users .*reply="-ERR \[AUTH\]"$' \
    'and so it ends'
answer default joe master-word >"$T/said"
like "$(tail -n 1 "$T/said")" 'outcome=accept pdm=users vouched=masters .*master=yes' \
    'a master password lets pass'
answer default joe master-word 192.0.2.7 >"$T/said"
like "$(tail -n 1 "$T/said")" 'outcome=refuse' 'but not from elsewhere'
like "$(answer other far x 192.0.2.7 | tail -n 1)" 'outcome=accept pdm=bad' \
    'the address of the client counts'
like "$(answer default far x)" 'outcome=refuse pdm=- ' 'and so does that there is none'
like "$(answer default root x)" 'pdm=bad verdict=unknown' 'modules have no rights'
like "$(answer default joe x nowhere)" 'ADDRESS is no' 'a wrong address is named'
like "$(answer default joe '')" 'outcome=refuse pdm=- why="password is empty"' \
    'what no module may see is seen by none'
like "$(answer default crash x)" 'it died \(pdm bad\): signal 6' 'a module that crashes is named'
# shellcheck disable=SC2009
left() { ! ps -eo ppid=,args= | grep -q "^ *$(pid pproxy) pproxy: errand"; }
under_way() { ! left; }
until_ok left
ctl pproxy set trytimeout 4s >/dev/null
"$BIN/pctl" -s "$T/run/pproxy.ctrl" pdm test default hang x >"$T/hang.log" 2>&1 &
hang=$!
until_ok under_way
ctl pproxy set trytimeout 1m >/dev/null
like "$(answer default joe secret | tail -n 1)" 'outcome=accept' 'others are served beside one that hangs'
talk 1 'USER joe' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'and so are clients'
wait $hang
like "$(cat "$T/hang.log")" 'not done within trytimeout \(pdm bad\)' 'which is ended and named'
seen pproxy 'ev=control .*words="pdm test default joe \*\*\*"' 'a test is logged'
unseen pproxy 'master-word|joe secret|joe wrong' 'but no password'
until_ok left
ok $? 'nobody is left behind'
like "$(ctl pproxy pdm list)" 'id=bad .*health=ok fails=0' 'and no module is blamed for a test'
