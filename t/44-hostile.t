#!/bin/sh
# pproxy: a hostile backend gets nowhere, whatever the state in which it begins; the log names it.
. t/lib/tap.sh
. t/lib/fakes.sh
plan 42

fakes
backend good proto=pop3 'greet=+OK a' 'PASS=+OK \x1b[2Jin\xc2\x9b\xff' mail=1
backend xhalf proto=xpop half=CONNECT
backend xeager proto=xpop xpop 'eager=220 mail.example ESMTP\r\n'
backend xcut proto=xpop xpop half bare 'greet=+OK in the mid'
backend xbinary proto=xpop xpop 'greet=\x16\x03\x01\0\x05\xff'
backend half proto=pop3 half=CONNECT
backend halfuser proto=pop3 half=USER
backend halfpass proto=pop3 half=PASS
backend halfauth 'proto=pop3 login=plain' half=AUTH
backend muteuser proto=pop3 mute=USER
backend mutepass proto=pop3 mute=PASS
backend muteauth 'proto=pop3 login=plain' mute=AUTH
backend enduser proto=pop3 endless=USER
backend endpass proto=pop3 endless=PASS
backend endauth 'proto=pop3 login=plain' endless=AUTH
backend drippass proto=pop3 drip=2 slow=PASS
backend hanguser proto=pop3 hangup=USER
backend hangauth 'proto=pop3 login=plain' reset=AUTH
backend askauth 'proto=pop3 login=plain' 'AUTH=+ ' 'AGFZA2F1DGGAC2VJCMV0=+ again'
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

# fails NAME STATE WHY: its user is asked to come back, and the log says where it went wrong
fails() {
    talk 1 "USER $1" 'PASS secret' 'USER good' QUIT
    line 3 "$later" "$1: come back later"
    seen pproxy "ev=backend_failed .*backend=$1 .*state=$2 why=\"$3\"" "and the log names the state: $2"
}
hung='it hung up'
late='no answer in time'
fails xhalf '(preamble|answer)' "$hung"
fails xeager '(preamble|answer)' '(it talks out of turn|its answer is no POP3)'
fails xcut answer "$hung"
fails xbinary answer 'its answer is no POP3'
fails half banner "$hung"
fails halfuser user "$hung"
fails halfpass pass "$hung"
fails halfauth auth "$hung"
fails muteuser user "$late"
fails mutepass pass "$late"
fails muteauth auth "$late"
fails enduser user 'its line is too long'
fails endpass pass 'its line is too long'
fails endauth auth 'its line is too long'
fails drippass pass "$late"
fails hanguser user "$hung"
fails hangauth auth '.*'
fails askauth auth 'its answer is no POP3'
for name in half halfuser muteuser enduser hanguser; do cat "$T/$name.log"; done >"$T/all.log"
unseen all '^PASS' 'who fails before the password is never told it'
slow=$(sed -n 's/.*ev=proxy_session .*ms=\([0-9]*\) .*/\1/p' "$T/pproxy.log" | sort -n | tail -n 1)
[ "$slow" -lt 15000 ]
ok $? 'nobody waited for ever' "slowest: $slow ms"
ctl pproxy set connecttimeout 20s >/dev/null
talk 1 'USER good' 'PASS secret' STAT QUIT
line 3 '^\+OK \?\[2Jin\?\?+$' 'what moves terminals is kept from clients in a good answer too'
line 4 '^\+OK 1 16$' 'and the next client is served'
seen pproxy 'ev=proxy_session .*user=good .*mode=relay' 'and logged'
unseen pproxy "$(printf '[\033\233]')|login_refused|secret" 'no octet of theirs reached the log raw, nor a password'
