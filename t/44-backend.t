#!/bin/sh
# pproxy: a backend that misbehaves costs its own users a soft failure, and nothing else.
. t/lib/tap.sh
. t/lib/fakes.sh
plan 32

fakes
# xpops NAME WORD ...: a backend that speaks XPOP
xpops() {
    name=$1
    shift
    backend "$name" proto=xpop xpop "$@"
}
xpops good mail=1
xpops mute mute
xpops drip drip=0.3
xpops endless endless
xpops hangup hangup=CONNECT
xpops reset reset=CONNECT
xpops early early
xpops nonsense 'greet=hello there'
xpops bare bare 'greet=+OK no end'
xpops inuse 'greet=-ERR [IN-USE] another session'
xpops delay 'greet=-ERR [LOGIN-DELAY] wait'
xpops perm 'greet=-ERR [SYS/PERM] no\x1b[2J\x07\xc2\x9b\xffsuch'
xpops auth 'greet=-ERR [AUTH] wrong password'
xpops temp 'greet=-ERR [SYS/TEMP] no spool'
xpops forge 'greet=-ERR no spool\nev=forged'
xpops half half mail=1
echo "backend add gone 127.0.0.1:$(port "$fake") proto=xpop" >>"$T/pproxy.rc"
account gone gone m/gone
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

told good '^\+OK fake ready$' 'a backend that behaves'
for name in mute drip endless hangup reset early nonsense bare gone auth; do
    told $name "$later" "$name: come back later"
done
told forge "$later" 'forge: and never its own words'
told temp '^-ERR \[SYS/TEMP\] no spool$' 'what it cannot do for now is passed on, and never covered up'
told inuse '^-ERR \[IN-USE\] another session$' 'that the mailbox is in use is passed on'
told delay '^-ERR \[LOGIN-DELAY\] wait$' 'and that one came too early'
told perm '^-ERR \[SYS/PERM\] no\?\[2J\?\?+such$' 'and that it is hopeless, without what moves terminals'
line 4 '^\+OK$' 'and the session goes on'
talk 1 'USER good' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16$' 'the next client is served'

state() { seen pproxy "ev=backend_failed .*backend=$1 address=127\.0\.0\.1:[0-9]+ state=$2 why=$3" \
    "the log names the state: $1, $2"; }
state mute answer '"no answer in time"'
state drip answer '"no answer in time"'
state endless answer '"its line is too long"'
state hangup '(answer|preamble)' .
state early answer '"it talks out of turn"'
state nonsense answer '"its answer is no POP3"'
state gone connect .
seen pproxy 'ev=backend_refused .*backend=auth .*reply="\[AUTH\] wrong password"' \
    'a refusal is logged as it was said'
unseen pproxy '^ev=forged|login_refused' 'on one line, and never as a wrong password'
seen pproxy 'ev=refusal_passed .*backend=inuse' 'what was passed on is logged too'
seen pproxy 'backend=perm .*reply="\[SYS/PERM\] no\\x1b\[2J\\x07(\\x[0-9a-f]{2})+such"' 'escaped'
slow=$(sed -n 's/.*ev=proxy_session .*ms=\([0-9]*\) .*/\1/p' "$T/pproxy.log" | sort -n | tail -n 1)
[ "$slow" -lt 15000 ]
ok $? 'nobody waited for ever' "slowest: $slow ms"

talk 1 'USER half' 'PASS secret' :eof
like "$(cat "$T/talk.log")" '^\[closed\]' 'the end of one direction is passed on'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'and no worker was lost by any of this'
