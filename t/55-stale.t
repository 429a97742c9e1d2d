#!/bin/sh
# pproxy: what a module said is good for a time, and for longer while the module cannot say.
. t/lib/tap.sh
. t/lib/asking.sh
plan 11

asking_suite
ctl pproxy set cachetime 1h >/dev/null
login anna secret-anna >/dev/null
ctl pproxy set cachetime 1s >/dev/null
fresh() { login anna secret-anna >/dev/null; [ "$(asked)" -gt "$1" ]; }
: >"$T/out/asked"
until_ok fresh 0
ok $? 'an answer that is too old is asked for again'
: >"$T/out/down"
old() { login anna secret-anna | grep -q '^-ERR'; }
until_ok old
ok $? 'without cachestale it is good for nothing then'
rm "$T/out/down"
ctl pproxy pdm reload prog >/dev/null
ctl pproxy set cachestale 1h >/dev/null
login anna secret-anna >/dev/null
: >"$T/out/down"
stale() { login anna secret-anna >/dev/null; has pproxy 'ev=cache_stale .*lvl=ADM .*pdm=prog'; }
until_ok stale
ok $? 'with it it is as long as the module cannot say'
is "$(login anna secret-anna)" '+OK anna ' 'the user gets in'
is "$(login anna wrong)" '-ERR [SYS/TEMP] ' 'another password is not called wrong'
is "$(login anna secret-anna)" '+OK anna ' 'which changes nothing for the right one'
talk 1 "AUTH PLAIN $(printf '\0anna\0' | base64)" QUIT
line 2 '^-ERR \[AUTH\]' 'an empty password is refused without asking'
is "$(login anna secret-anna)" '+OK anna ' 'and makes nobody forget the user'
rm "$T/out/down"
echo other >"$T/out/anna"
ctl pproxy pdm reload prog >/dev/null
is "$(login anna secret-anna)" '-ERR [AUTH] ' 'when it can say again, it does'
: >"$T/out/down"
is "$(login anna secret-anna)" '-ERR [SYS/TEMP] ' 'and what it refused is stale no more'
unseen pproxy 'secret-anna' 'no password is logged'
