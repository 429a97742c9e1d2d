#!/bin/sh
# pproxy: few wait for one backend at a time; disable and drain.
. t/lib/tap.sh
plan 22

modules
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
set connecttimeout 1m
set softfail tempfail
backend add mute 127.0.0.1:$(port 2) proto=xpop maxpending=1
backend add b1 127.0.0.1:$(port 3) check=127.0.0.1:$(port 4)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
file users <<EOC
*:mel:{PLAIN}secret:mute:3/mel
*:joe:{PLAIN}secret:b1:3/joe
EOC
daemon -n mute fakepop3 "$(port 2)" mute && ready 2
daemon -n b1 fakepop3 "$(port 3)" xpop mail=1 && ready 3
daemon fakepcheckd "$(port 4)" '+OK 1 old mails\n' && ready 4/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1
later='^-ERR \[SYS/TEMP\] the mailbox'
backend() { ctl pproxy backend list | grep "id=$1 "; }
listed() { backend "$1" | grep -q -e "$2"; }

talk -n waits 1 'USER mel' 'PASS secret' QUIT &
waits=$!
until_ok listed mute 'pending=1 sessions=1'
ok $? 'a session waits for a backend'
talk 1 'USER mel' 'PASS secret' QUIT
line 3 "$later" 'a second one is not let wait'
seen pproxy 'ev=soft_failure .*why=backend_pending' 'and the log tells'
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16' 'nobody else is concerned'
ctl pproxy backend change mute maxpending=2 >/dev/null
talk -n more 1 'USER mel' 'PASS secret' QUIT &
more=$!
until_ok listed mute 'pending=2 '
ok $? 'the limit is live'
listed mute 'health=up'
ok $? 'and whoever was turned away says nothing of the backend'
ctl pproxy set connecttimeout 1s >/dev/null
wait $waits $more
like "$(sed -n 3p "$T/waits.log")" "$later" 'those who wait meet with a soft failure'
until_ok listed mute 'pending=0 '
ok $? 'and are counted no more'

talk -n held 1 'USER joe' 'PASS secret' ":mark $T/in" ":hold $T/go" STAT QUIT &
held=$!
until_ok test -e "$T/in"
listed b1 'state=enable .*health=up .*pending=0 sessions=1 drained=no'
ok $? 'the list counts sessions'
ctl pproxy backend drain b1 >/dev/null
listed b1 'state=drain .*sessions=1 drained=no'
ok $? 'a backend is drained: the list says who is left'
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 3 "$later" 'new sessions are told to come back'
seen pproxy 'ev=soft_failure .*why=backend_draining' 'and the log says why'
: >"$T/go"
wait $held
like "$(sed -n 4p "$T/held.log")" '^\+OK 1 16' 'the old session goes on to its end'
until_ok listed b1 'sessions=0 drained=yes'
ok $? 'then the backend is drained'

end fakepcheckd
daemon fakepcheckd "$(port 4)" '+OK 0 no mails\n' && ready 4/udp
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 0 0' 'who has no mail does not notice that it is drained'
ctl pproxy backend disable b1 >/dev/null
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 3 "$later" 'but that it is disabled: then nobody is asked'
listed b1 'state=disable .*drained=no'
ok $? 'and the list tells one from the other'

end b1
ctl pproxy backend enable b1 >/dev/null
end fakepcheckd
daemon fakepcheckd "$(port 4)" '+OK 1 old mails\n' && ready 4/udp
for _ in 1 2 3; do talk 1 'USER joe' 'PASS secret' QUIT; done
listed b1 'health=down'
ok $? 'it is down'
end fakepcheckd
daemon fakepcheckd "$(port 4)" '+OK 0 no mails\n' && ready 4/udp
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 0 0' 'who has no mail does not notice that either'
ctl pproxy backend drain b1 >/dev/null
daemon -n b1 fakepop3 "$(port 3)" xpop mail=1 && ready 3
ctl pproxy backend disable mute >/dev/null
listed b1 'health=down'
ok $? 'while it is drained it is not tried'
ctl pproxy backend enable all >/dev/null
until_ok listed b1 'health=up'
ok $? 'enabled, it is'
is "$(grep -c 'ev=backend_down .*backend=b1' "$T/pproxy.log")" 1 'and all this was one failure'
