#!/bin/sh
# pproxy: a wrong password stops at the proxy, a right one reaches the backend.
. t/lib/tap.sh
plan 23

modules
file users <<EOC
default:joe:{PLAIN}secret:b1:3/joe
default:two words:{PLAIN}secret:b1:3/two
default:anna:{PLAIN}a b :b1:3/anna
other:joe:{PLAIN}other:b1:o/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set sidprefix t40
set greeting "mail.example.org ready"
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
vserv add second 127.0.0.1:$(port 3) namespace=other greeting="second here"
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 3

talk 1 CAPA 'USER joe' 'PASS wrong' STAT QUIT
line 1 '^\+OK mail\.example\.org ready$' 'the greeting is the one that was set'
like "$(tr '\n' ' ' <"$T/talk.log")" '\+OK[^+]* TOP .*USER .*UIDL .*PIPELINING .*RESP-CODES .*\. ' \
    'the capabilities are told before the login'
like "$(cat "$T/talk.log")" '^-ERR \[AUTH\]' 'a wrong password is refused'
like "$(cat "$T/talk.log")" '^-ERR STAT is not allowed' 'and there is no maildrop behind it'
unseen fakepop3 . 'and the backend never hears of it'
seen pproxy 'ev=login_refused .*lvl=ERR sid=t40\..* vserv=main rip=127\.0\.0\.1 user=joe ns=default' \
    'and it is logged, as key=value'
unseen pproxy 'wrong' 'without the password'

talk 1 'USER joe' 'PASS secret' STAT 'LIST 1' QUIT
line 3 '^\+OK fake ready$' 'the word of the backend answers the right password'
line 4 '^\+OK 2 32$' 'the mail of the backend is seen'
lines 7 'and every reply comes once'
seen fakepop3 '^3/joe$' 'the backend is told the mailbox'
seen fakepop3 '^ IP=127\.0\.0\.1 USER=joe$' 'and the client and the user'
unseen fakepop3 'PASS|secret' 'but no password'
seen pproxy 'ev=login_ok .* user=joe ns=default pdm=users vouched=- cached=- backend=b1 mbox=3/joe$' 'it is logged'
sid=$(sed -n 's/.*ev=login_ok .*sid=\([^ ]*\) .*/\1/p' "$T/pproxy.log")
like "$(cat "$T/fakepop3.log")" "^$sid\$" 'under the id that the backend was told'
seen pproxy "ev=proxy_session .*sid=$sid .*backend=b1 mode=relay tls=- in=[0-9]+ out=[0-9]+ .*end=closed" \
    'and summed up in one line'

talk 1 'USER anna' 'PASS a b ' STAT QUIT
line 3 '^\+OK' 'a password may hold blanks, at its end too'
talk 1 'user joe' 'pass secret' quit
line 3 '^\+OK' 'commands may be written in small letters'
talk 1 'USER two words' 'PASS secret' QUIT
line 2 '^-ERR USER has too many arguments' 'surplus arguments are refused'

talk 3 'USER joe' 'PASS other' QUIT
line 1 '^\+OK second here$' 'another virtual server greets with its own words'
seen fakepop3 '^o/joe$' 'and its joe is somebody else'
talk 3 'USER joe' 'PASS secret' 'USER joe' 'PASS other' QUIT
line 3 '^-ERR \[AUTH\]' 'with another password'
line 5 '^\+OK fake ready$' 'who mistyped may try again'
