#!/bin/sh
# session watch: what is said in a session can be seen, but no password and no mail.
. t/lib/tap.sh
plan 18

suite
account joe b1 3/joe
account none b1 0/none
box 0/none
printf 'Subject: hello\n\n+OK hidden in the mail\n' | deliver 3/joe
start_suite

b64() { perl -MMIME::Base64 -e '$_ = shift; s/\\0/\0/g; print encode_base64($_, "")' "$1"; }
sid() { ctl "$1" session list | sed -n 's/^sid=\([^ ]*\) .*/\1/p' | grep .; }
# watch PROGRAM SID NAME: in the background, to $T/NAME.log
watch() {
    "$BIN/pctl" -s "$T/run/$1.ctrl" session watch "$2" >"$T/$3.log" 2>&1 </dev/null &
    echo $! >"$T/run/$3.job"
    until_ok test -s "$T/$3.log" && has "$3" '^watching='
}

like "$(ctl pproxy session watch p1.0.0.0)" 'there is no session p1.0.0.0' 'it takes a session'

# Before the login.
talk -n one 1 ":mark $T/in" ":hold $T/go" 'USER joe' 'PASS sesame' 'AUTH PLAIN' "$(b64 '\0joe\0sesame')" \
    "AUTH PLAIN $(b64 '\0joe\0sesame')" 'AUTH LOGIN' "$(b64 joe)" "$(b64 sesame)" 'sesame' 'PASS  sesame ' \
    "PASS	sesame" 'CAPA' 'USER joe' 'PASS secret' 'STAT' 'RETR 1' 'UIDL' 'DELE 7' 'QUIT' &
talker=$!
until_ok test -e "$T/in"
until_ok sid pproxy >/dev/null
watch pproxy "$(sid pproxy)" seen
like "$(ctl pproxy session watch "$(sid pproxy)")" 'is watched already' 'one at a time may watch a session'
: >"$T/go"
wait $talker
until_ok gone "$(pid seen)"
ok $? 'watching ends with the session'
seen seen 'from=client line="USER joe"' 'commands are shown'
seen seen 'from=client line="PASS \*\*\*"' 'but not what is secret in them'
seen seen 'from=client line="AUTH PLAIN \*\*\*"' 'nor the initial response of an exchange'
seen seen 'from=server line="-ERR \[AUTH\]' 'answers are shown'
seen seen 'from=client line="RETR 1"' 'those in the relay too'
seen seen 'from=server line="\+OK [0-9]* octets"' 'with their first lines'
seen seen 'from=server line="-ERR .*message' 'when they are refusals too'
is "$(grep -ciE "sesame|secret|$(b64 sesame)|$(b64 '\0joe\0sesame')" "$T/seen.log")" 0 'no password is in it'
is "$(grep -cE 'hello|hidden' "$T/seen.log")" 0 'and nothing of the mail'
is "$(grep -c 'ev=control .*words="session watch p1' "$T/pproxy.log")" 3 'it is logged who was watched'

# In the middle of a relay, and at the storage server.
talk -n two 1 'USER joe' 'PASS secret' 'RETR 1' ":mark $T/in2" ":hold $T/go2" 'STAT' 'LIST 1' 'QUIT' &
talker=$!
until_ok test -e "$T/in2"
watch pproxy "$(sid pproxy)" middle
watch pserv "$(sid pserv)" store
: >"$T/go2"
wait $talker
seen middle 'from=server line="\+OK 1 [0-9]+"' 'who comes in the middle sees what follows'
seen store 'from=client line="LIST 1"' 'pserv can be watched as well'

# Who hangs up, or does not read.
talk -n three 1 'USER none' 'PASS secret' ":mark $T/in3" ":hold $T/go3" 'QUIT' &
talker=$!
until_ok test -e "$T/in3"
watch pproxy "$(sid pproxy)" hung
ok $? 'a session without mail too'
end hung KILL
until_ok watch pproxy "$(sid pproxy)" again
ok $? 'and when one who watched has hung up, by another one'
: >"$T/go3"
wait $talker
seen again 'from=client line=QUIT' 'to the end'
