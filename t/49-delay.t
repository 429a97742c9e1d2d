#!/bin/sh
# pproxy: who was served stays away for logindelay, through changes of the configuration too.
. t/lib/tap.sh
plan 12

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:none:{PLAIN}secret:b2:0/none
*:lost:{PLAIN}secret:b9:0/lost
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
set softfail tempfail
backend add b1 127.0.0.1:$(port 2) proto=xpop
backend add b2 127.0.0.1:$(port 3) check=127.0.0.1:$(port 4)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
vserv add other 127.0.0.1:$(port 5) namespace=other
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon fakepcheckd "$(port 4)" '+OK 0 no mails\n' && ready 4/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 5

# comes USER PORT WANT TITLE
comes() {
    talk "$2" "USER $1" 'PASS secret' STAT QUIT
    line 3 "$3" "$4"
}
early='^-ERR \[LOGIN-DELAY\] come back in [0-9]+ seconds$'

comes joe 1 '^\+OK fake ready$' 'without a delay everybody is served'
ctl pproxy set logindelay 1h >/dev/null
comes joe 1 "$early" 'a delay that is set holds for those who were served before'
seen pproxy 'ev=login_delayed .*user=joe ns=default seconds=3[56]' 'and is logged'
comes joe 5 '^\+OK fake ready$' 'joe of another namespace is somebody else'
comes none 1 '^\+OK 0 messages$' 'a user without mail is served once'
ctl pproxy vserv change main greeting=hello >/dev/null
comes none 1 "$early" 'and then waits, whatever has changed'
comes lost 1 '^-ERR \[SYS/TEMP\]' 'a soft failure'
comes lost 1 '^-ERR \[SYS/TEMP\]' 'is no visit'
talk 1 CAPA QUIT
like "$(cat "$T/talk.log")" '^LOGIN-DELAY 3600$' 'the delay is announced'
ctl pproxy set logindelay 0 >/dev/null
comes none 1 '^\+OK 0 messages$' 'without it nobody waits'
talk 1 CAPA QUIT
is "$(grep -c LOGIN-DELAY "$T/talk.log")" 0 'and nothing is announced'
is "$(grep -c '\[open\]' "$T/fakepop3.log")" 2 'who came too early has disturbed no backend'
