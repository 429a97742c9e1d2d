#!/bin/sh
# pproxy: a module that fails again and again is left out, and nobody hears of a wrong password.
. t/lib/tap.sh
plan 21

suite
cc -shared -fPIC -Isrc/pdm -o "$T/lib/libpdm_moody.so" t/lib/moody.c || exit 1
: >"$T/asked"
chmod 666 "$T/asked"
echo good >"$T/mood"
account joe b1 3/joe
box 3/joe
sed -i "s,^pdm add.*,pdm add moody moody $T/mood $T/asked\n&," "$T/pproxy.rc"
# The module writes down that it was asked, which is not a thing that modules may do.
sed -i "1i set sandbox no" "$T/pproxy.rc"
start_suite

login() {
    talk 1 "USER $1" "PASS $2" 'QUIT'
    sed -n '3s/^\(-ERR [^ ]*\|+OK\|\[[a-z]*\]\).*/\1/p' "$T/talk.log"
}
mood() { echo "$1" >"$T/mood"; }
asked() { wc -l <"$T/asked" | tr -d ' '; }
health() { ctl pproxy pdm list | sed -n 's/.*id=moody .*health=\([a-z]*\).*/\1/p'; }

is "$(login joe secret) $(login zoe x) $(asked) $(health)" '+OK -ERR [AUTH] 2 ok' \
    'a module that is well is asked'
mood fails
for n in 1 2; do login zoe x; done >"$T/said"
mood good
login zoe x >>"$T/said"
mood fails
for n in 1 2; do login zoe x; done >>"$T/said"
is "$(tr '\n' ' ' <"$T/said")$(health)" \
    '-ERR [SYS/TEMP] -ERR [SYS/TEMP] -ERR [AUTH] -ERR [SYS/TEMP] -ERR [SYS/TEMP] ok' \
    'one that fails now and then is asked on'
is "$(login joe secret)" '+OK' 'whom another module lets in notices nothing'
seen pproxy 'ev=module_unhealthy .*lvl=ADM .*pdm=moody fails=3' 'three failures in a row are too many'
is "$(health)" unhealthy 'and the list says so'
: >"$T/asked"
is "$(login joe secret)" '+OK' 'it is left out, and others serve their users'
is "$(login joe wrong) $(login zoe x)" '-ERR [SYS/TEMP] -ERR [SYS/TEMP]' \
    'all others, whom it might know, are to come again'
seen pproxy 'ev=login_failed .*user=zoe .*pdm=moody why="is left out' 'and the log says why'
ctl pproxy vserv add two "127.0.0.1:$(port 4)" >/dev/null
is "$(login zoe x) $(health)" '-ERR [SYS/TEMP] unhealthy' 'other generations know it too'
# One session in ten seconds tries it, and these take less than thirty.
[ "$(asked)" -le 1 ]
ok $? 'and nobody asks it, but who tries it for all'
mood good
tried() { login zoe x | grep -q AUTH; }
WAIT=30
until_ok tried
ok $? 'after a pause it is tried'
seen pproxy 'ev=module_healthy .*lvl=ADM .*pdm=moody' 'and serves again when it answers'
is "$(health) $(login zoe x)" 'ok -ERR [AUTH]' 'as before'

mood nonsense
# shellcheck disable=SC2034
for n in 1 2 3; do login zoe x; done >/dev/null
is "$(health)" unhealthy 'nonsense counts as failure'
mood good
ctl pproxy pdm reload moody >/dev/null
is "$(health) $(login zoe x)" 'ok -ERR [AUTH]' 'one that is loaded anew begins anew'

mood crash
unhealthy() { login zoe x >/dev/null; [ "$(health)" = unhealthy ]; }
until_ok unhealthy
ok $? 'a module that crashes is left out too'
: >"$T/asked"
deaths=$(grep -c 'ev=worker_died' "$T/pproxy.log")
is "$(login joe secret) $(login zoe x)" '+OK -ERR [SYS/TEMP]' 'and takes no more sessions with it'
is "$(grep -c 'ev=worker_died' "$T/pproxy.log") $(asked)" "$deaths 0" 'nor workers'
ctl pproxy pdm delete moody >/dev/null
is "$(login zoe x)" '-ERR [AUTH]' 'without it users are unknown again'
ctl pproxy pdm add moody moody "$T/mood" "$T/asked" >/dev/null
is "$(health)" ok 'a new one of the same name is another'
unseen pproxy 'ev=login_refused .*user=zoe .*pdm=moody' 'nobody was told of a wrong password by it'
