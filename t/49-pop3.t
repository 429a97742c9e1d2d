#!/bin/sh
# pproxy: backends that speak POP3, those that misbehave among them.
. t/lib/tap.sh
. t/lib/fakes.sh
plan 50

fakes
backend good proto=pop3 mail=1
backend plain 'proto=pop3 login=plain' 'AUTH=+OK logged in' mail=1
backend asks 'proto=pop3 login=plain' 'AUTH=+ ' 'AGFZA3MAC2VJCMV0=+OK asked' mail=1
backend refuse proto=pop3 'PASS=-ERR [AUTH] wrong password'
backend inuse proto=pop3 'PASS=-ERR [IN-USE] another session'
backend busy proto=pop3 'greet=-ERR [SYS/TEMP] too many\x1b[2J'
backend nouser proto=pop3 'USER=-ERR no such user'
backend mute proto=pop3 mute
backend drip proto=pop3 drip=0.2
backend endless proto=pop3 endless
backend early proto=pop3 early
backend lf proto=pop3 'USER=+OK\r\n+OK in'
backend nonsense proto=pop3 'PASS=hello there'
backend more proto=pop3 'PASS=+ go on'
backend hangup proto=pop3 hangup=PASS
backend reset proto=pop3 reset=USER
backend half proto=pop3 half
backend long proto=pop3 "USER=+OK $(printf '%0600d' 0)"
echo "*:other:{PLAIN}secret:good:m/other:user=joe%2540example,password=a b" >>"$T/users"
echo '127.0.0.0/8:*:{PLAIN}open sesame' >"$T/masters"
echo "pdm add masters master $T/masters" >>"$T/pproxy.rc"
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

told good '^\+OK$' 'the word of the backend is the answer to the password'
like "$(tr '\n' ' ' <"$T/good.log")" '^\[open\] USER good PASS secret ' \
    'which is told what the client typed'
talk 1 ':send USER good\r\nPASS secret\r\nSTAT\r\nLIST\r\nQUIT\r\n' ':line 3' :list :eof
line 4 '^\+OK 1 16$' 'what was sent in one packet behind the password is answered by the backend'
line 6 '^1 16$' 'in order'
like "$(tail -n 4 "$T/good.log" | tr '\n' ' ')" 'STAT LIST QUIT \[closed\]' 'and heard by it'
talk 1 'USER other' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16$' 'an account with user and password of its own'
seen good '^USER joe%40example$' 'logs in at the backend as that user'
seen good '^PASS a b$' 'with that password'
talk 1 'USER other' 'PASS open sesame' STAT QUIT
line 4 '^\+OK 1 16$' 'which a master password opens as well'
talk 1 'USER good' 'PASS open sesame' QUIT
line 3 "$later" 'but no account that has none of its own'
seen pproxy 'ev=soft_failure .*user=good .*why=account_without_password' 'the log says why'
unseen good 'sesame' 'and no backend hears a master password'
told plain '^\+OK logged in$' 'AUTH PLAIN'
seen plain '^AUTH PLAIN AHBsYWluAHNlY3JldA==$' 'with its response in the same line'
unseen plain '^(USER plain|PASS)' 'and nothing else'
told asks '^\+OK asked$' 'a server that wants the response later gets it then'

for name in refuse nouser mute drip endless early lf nonsense more hangup reset half long; do
    told $name "$later" "$name: come back later"
done
line 4 '^\+OK$' 'and the session goes on'
told inuse '^-ERR \[IN-USE\] another session$' 'that the maildrop is in use is passed on'
told busy '^-ERR \[SYS/TEMP\] too many\?\[2J$' 'and trouble that will pass, without what moves terminals'
talk 1 'USER refuse' 'PASS wrong' QUIT
line 3 '^-ERR \[AUTH\]' 'a wrong password is a wrong password'
is "$(grep -c '^USER' "$T/refuse.log")" 1 'of which the backend never hears'
talk 1 ':send USER good\rDELE 1\r\n' :line ':send PASS secret\r\n' :line QUIT
unseen good 'DELE' 'a CR in a name makes no command'

state() { seen pproxy "ev=backend_failed .*backend=$1 address=127\.0\.0\.1:[0-9]+ state=$2 why=$3" \
    "the log names the state: $1, $2"; }
state mute banner '"no answer in time"'
state drip '(banner|user)' '"no answer in time"'
state endless banner '"its line is too long"'
state early banner '"it talks out of turn"'
state lf user '"it talks out of turn"'
state nonsense pass '"its answer is no POP3"'
state more pass '"its answer is no POP3"'
state hangup pass '"it hung up"'
state half '(banner|user)' '"it hung up"'
state long user '"its line is too long"'
seen pproxy 'ev=backend_refused .*backend=refuse .*state=pass reply="\[AUTH\] wrong password"' \
    'a refusal is logged as it was said'
unseen pproxy 'secret|AHBsYWlu' 'no password is'
slow=$(sed -n 's/.*ev=proxy_session .*ms=\([0-9]*\) .*/\1/p' "$T/pproxy.log" | sort -n | tail -n 1)
[ "$slow" -lt 15000 ]
ok $? 'nobody waited for ever' "slowest: $slow ms"

talk 1 'USER good' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16$' 'and the next client is served'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
