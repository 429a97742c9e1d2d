#!/bin/sh
# pproxy: SASL PLAIN and LOGIN, as real clients say them and as nobody should.
. t/lib/tap.sh
plan 32

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:none:{PLAIN}secret:b2:0/none
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
backend add b1 127.0.0.1:$(port 2) proto=xpop
backend add b2 127.0.0.1:$(port 3) check=127.0.0.1:$(port 4)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon fakepcheckd "$(port 4)" '+OK 0 no mails\n' && ready 4/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

b64() { perl -MMIME::Base64 -e '$_ = shift; s/\\([0rn])/{0 => "\0", r => "\r", n => "\n"}->{$1}/ge;
    print encode_base64($_, "")' "$1"; }
text() { tr '\n' '|' <"$T/talk.log"; }
joe=$(b64 '\0joe\0secret')
none=$(b64 '\0none\0secret')

talk 1 CAPA ':send AUTH\r\n' :list QUIT
like "$(text)" '\|SASL PLAIN LOGIN\|' 'CAPA names the mechanisms'
like "$(text)" '\|\+OK the mechanisms follow\|PLAIN\|LOGIN\|\.\|' 'so does AUTH'

talk 1 "AUTH PLAIN $none" CAPA STAT QUIT
line 2 '^\+OK 0 messages$' 'PLAIN with an initial response'
like "$(text)" '\|SASL PLAIN LOGIN\|.*\|\+OK 0 0\|' 'CAPA is the same behind the login'
talk 1 'AUTH PLAIN' "$none" STAT QUIT
line 2 '^\+ $' 'PLAIN without one is asked for'
line 3 '^\+OK 0 messages$' 'and told'
talk 1 'AUTH LOGIN' "$(b64 none)" "$(b64 secret)" QUIT
is "$(text)" '+OK POP3 server ready|+ VXNlcm5hbWU6|+ UGFzc3dvcmQ6|+OK 0 messages|+OK good bye|[closed]|' \
    'LOGIN asks for user and password'
talk 1 ":send AUTH PLAIN\\r\\n$joe\\r\\nSTAT\\r\\nQUIT\\r\\n" :eof
is "$(text)" '+OK POP3 server ready|+ |+OK fake ready|+OK 2 32|+OK|[closed]|' \
    'what is sent ahead reaches the backend in order'
talk 1 ":split 1 AUTH LOGIN\\r\\n$(b64 joe)\\r\\n$(b64 secret)\\r\\nSTAT\\r\\nQUIT\\r\\n" :eof
like "$(text)" '\|\+OK fake ready\|\+OK 2 32\|\+OK\|\[closed\]' 'however it is cut'

opened() { grep -c '^\[open\]' "$T/fakepop3.log"; }
before=$(opened)
while read -r bad title; do
    talk 1 "AUTH PLAIN $(b64 "$bad")" STAT QUIT
    like "$(text)" 'ready\|-ERR \[AUTH\][^|]*\|-ERR STAT is not allowed' "$title is refused"
done <<'EOC'
\0joe\0secret\r\nDELE a command behind a password
\0joe\r\nDELE\0secret a command behind a user
\0joe\0secret\n a line end behind a password
\0joe\0sec\0ret a NUL in a password
anna\0joe\0secret whoever wants to be somebody else
\0joe\0wrong a wrong password
EOC
is "$(opened)" "$before" 'and no backend hears of any of these'
unseen fakepop3 'DELE' 'or takes a password for a command'
seen pproxy 'ev=login_refused .*user=joe .*why="CR, LF or NUL in user or password"' \
    'the log tells line ends in credentials'
seen pproxy 'user="joe\\x0d\\x0aDELE"' 'and shows them escaped'
seen pproxy 'why="nobody may log in on behalf of others"' 'and who wants to be somebody else'
unseen pproxy "secret|$joe" 'but no password'

long=$(printf '%01000d' 0)
talk 1 'AUTH PLAIN' '*' 'AUTH PLAIN =' 'AUTH PLAIN' 'QUIT now' 'AUTH CRAM-MD5' 'AUTH LOGIN' '=' \
    'AUTH PLAIN' ":times 9 $long" ':send \r\n' :line "AUTH PLAIN $joe" STAT QUIT
is "$(grep -c '^-ERR' "$T/talk.log")" 6 'what breaks the rules is refused once each'
line 11 '^-ERR the line is too long$' 'so is a line of nine thousand octets'
line 13 '^\+OK 2 32$' 'and then joe logs in'

# Whoever leaves in the middle of an exchange leaves nothing behind.
for item in :half :drop ':send \0' ':send *' ':send AGpv' ':times 99 A'; do
    for mechanism in PLAIN LOGIN 'LOGIN am9l'; do
        case $item in :half) set -- "$item" :eof ;; :drop) set -- "$item" ;;
        *) set -- "$item" ':drop' ;; esac
        talk 1 "AUTH $mechanism" "$@"
    done
done
ended() { [ "$(grep -c 'ev=proxy_session .*mode=none' "$T/pproxy.log")" -ge 25 ]; }
until_ok ended
ok $? 'every exchange that was left has ended its session'
idle() { ctl pproxy session list >/dev/null && ! has ctl 'sid='; }
until_ok idle
ok $? 'and nobody is left'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'

for client in curl mpop; do
    command -v $client >/dev/null || skip_all "$client is not installed"
done
for how in PLAIN LOGIN; do
    curl -sS --max-time 60 --login-options "AUTH=$how" -u joe:secret \
        "pop3://127.0.0.1:$(port 1)/1" >"$T/got" 2>>"$T/curl.log"
    like "$(cat "$T/got")" '^line 1 of mail' "curl gets mail by $how"
done
mkdir -p "$T/md/new" "$T/md/cur" "$T/md/tmp"
for how in plain login; do
    file "mpop.$how" <<EOC
account default
host 127.0.0.1
port $(port 1)
user joe
password secret
auth $how
tls off
uidls_file $T/uidls.$how
keep on
delivery maildir $T/md
EOC
    chmod 600 "$T/mpop.$how"
    mpop -q -C "$T/mpop.$how" >>"$T/mpop.log" 2>&1
    ok $? "mpop gets mail by $how"
done
is "$(find "$T/md/new" -type f | wc -l | tr -d ' ')" 4 'which is all there is'
