#!/bin/sh
# pproxy: so many sessions of an address, a network, a user, a virtual server and at a backend.
. t/lib/tap.sh
plan 20

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:ann:{PLAIN}secret:b1:3/ann
*:none:{PLAIN}secret:b2:0/none
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
set trusted 127.0.0.9
backend add b1 127.0.0.1:$(port 2) proto=xpop
backend add b2 127.0.0.1:$(port 3) check=127.0.0.1:$(port 4)
backend add old 127.0.0.1:$(port 6) proto=pop3
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
vserv add other 127.0.0.1:$(port 5) namespace=other fallback=old
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon -n old fakepop3 "$(port 6)" && ready 6
daemon fakepcheckd "$(port 4)" '+OK 0 no mails\n' && ready 4/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 5

# One session is held from 127.0.0.2; the test's own come from other addresses.
hold() {
    rm -f "$T/held" "$T/go"
    talk -n held -b 127.0.0.2 "$@" ":mark $T/held" ":hold $T/go" QUIT &
    held=$!
    until_ok test -e "$T/held"
}
drop() {
    : >"$T/go"
    wait $held
    until_ok nobody
}
nobody() { ctl pproxy session list >/dev/null && ! has ctl 'sid='; }
limit() { ctl pproxy "$@" >/dev/null; }

limit set maxperip 1
hold 1
talk -b 127.0.0.2 1 ':eof'
is "$(cat "$T/talk.log")" '-ERR [SYS/TEMP] too many sessions from your address (maxperip 1), try again later
[closed]' 'one more session of an address is refused'
seen pproxy 'ev=limit_reached .*rip=127.0.0.2 limit=maxperip number=1' 'and logged'
talk -b 127.0.0.2 1 ':eof'
seen pproxy 'ev=proxy_session .*rip=127.0.0.2 .*end=maxperip' 'each of them with its end'
is "$(grep -c 'ev=limit_reached' "$T/pproxy.log")" 1 'but the limit only once in ten seconds'
like "$(ctl pproxy counter list)" 'name=limit_maxperip value=2' 'all are counted'
talk -b 127.0.0.3 1 QUIT
line 1 '^\+OK' 'another address is not affected'
limit set maxpernet 1
talk -b 127.0.0.3 1 ':eof'
line 1 'from your network \(maxpernet 1\)' 'unless its network is limited'
talk -b 127.0.0.9 1 QUIT
line 1 '^\+OK' 'who is trusted is not limited'
drop
talk -b 127.0.0.2 1 QUIT
line 1 '^\+OK' 'who leaves makes room'

hold 1
kill -9 "$(ctl pproxy session list | sed -n 's/.* pid=\([0-9]*\).*/\1/p')"
: >"$T/go"
wait $held
until_ok nobody
talk -b 127.0.0.2 1 QUIT
line 1 '^\+OK' 'and so does who is killed'

limit set maxperip 0
limit set maxpernet 0
hold 1
limit vserv change main maxsession=1
talk 1 ':eof'
line 1 '^-ERR \[SYS/TEMP\] too many sessions at this server \(maxsession 1\)' \
    'a limit of a virtual server counts those who were there before'
talk 5 QUIT
line 1 '^\+OK' 'and nobody of another one'
limit vserv change main maxsession=0
drop

hold 1 'USER joe' 'PASS secret'
limit set maxperuser 1
talk 1 'USER joe' 'PASS secret' QUIT
line 3 '^-ERR \[SYS/TEMP\] too many sessions of this user \(maxperuser 1\)' 'a user is limited'
talk 1 'USER joe' 'PASS wrong' 'USER ann' 'PASS secret' QUIT
line 5 '^\+OK fake' 'others are not, nor is anything told without the password'
drop

hold 5 'USER old' 'PASS secret'
talk 5 'USER old' 'PASS secret' QUIT
line 3 'maxperuser 1' 'neither can a user of the fallback have more'
limit set maxperuser 0
limit backend change old maxsession=1
talk 5 'USER older' 'PASS secret' QUIT
line 3 '^-ERR \[SYS/TEMP\] too many sessions at the server of this mailbox \(maxsession 1\)' \
    'a fallback can be limited'
drop

hold 1 'USER ann' 'PASS secret'
limit backend change all maxsession=1
limit backend change b1 maxsession=1
talk 1 'USER joe' 'PASS secret' 'USER none' 'PASS secret' QUIT
line 3 'server of this mailbox \(maxsession 1\)' 'and so can a backend: nobody is shown an empty maildrop'
line 5 '^\+OK 0 messages' 'users of another one are served'
limit set maxperuser 1
talk -n out 1 'USER joe' 'PASS secret' ":mark $T/out" ":hold $T/go" QUIT &
out=$!
until_ok test -e "$T/out"
talk 1 'USER joe' 'PASS secret' QUIT
line 3 'server of this mailbox' 'who was not let in is not counted as a session of the user'
drop
wait $out
talk 1 'USER joe' 'PASS secret' QUIT
line 3 '^\+OK fake' 'when a session ends another one may begin'
