#!/bin/sh
# pproxy: what a client sends ahead arrives in order, wherever its maildrop is.
. t/lib/tap.sh
plan 11

modules
file users <<EOC
*:full:{PLAIN}secret:b1:f/full
*:empty:{PLAIN}secret:b2:e/empty
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
backend add b1 127.0.0.1:$(port 2) check=127.0.0.1:$(port 4)
backend add b2 127.0.0.1:$(port 3) check=127.0.0.1:$(port 5)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon -n check1 fakepcheckd "$(port 4)" '+OK 2 new mails\n' && ready 4/udp
daemon -n check2 fakepcheckd "$(port 5)" '+OK 0 no mails\n' && ready 5/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

# The session of one who does not wait for answers, and the answers.
all() { printf '%s\\r\\n' "USER $1" 'PASS secret' STAT LIST NOOP 'RETR 1' QUIT; }
full='+OK POP3 server ready|+OK|+OK fake ready|+OK 2 32|+OK|1 16|2 16|.|+OK|+OK|line 1 of mail|.|'
full="$full+OK|[closed]|"
empty='+OK POP3 server ready|+OK|+OK 0 messages|+OK 0 0|+OK 0 messages|.|+OK|'
empty="$empty-ERR there is no such message|+OK good bye|[closed]|"

# answers WANT TITLE
answers() { is "$(tr '\n' '|' <"$T/talk.log")" "$1" "$2"; }
for user in full empty; do
    [ $user = full ] && want=$full || want=$empty
    talk 1 ":send $(all $user)" :eof
    answers "$want" "$user: a session in one packet gets all answers in order"
    talk 1 ":split 1 $(all $user)" :eof
    answers "$want" "$user: so does one with an octet in a packet"
    talk 1 ":send $(all $user)" :half :eof
    answers "$want" "$user: so does one who then ends his direction"
done
is "$(grep -c '^\[open\]' "$T/fakepop3.log")" 3 'the user without mail never disturbed a backend'
is "$(grep -c '^RETR 1$' "$T/fakepop3.log")" 3 'nothing reached it twice or not at all'
unseen fakepop3 'USER full|PASS' 'and nothing from before the password'
seen check2 '^\*Me/empty$' 'the mailbox was asked for by its name'
like "$(grep 'user=empty' "$T/pproxy.log" | grep proxy_session | head -n 1)" \
    'backend=b2 mode=empty .*end=quit' 'and the log says how it was served'
