#!/bin/sh
# pproxy: who is down is noticed after a few failures and left alone; a helper sees when it is back.
. t/lib/tap.sh
plan 24

modules
file pproxy.rc <<EOC
set moduledir $T/lib
set connecttimeout 20s
set softfail tempfail
backend add b1 127.0.0.1:$(port 2) proto=xpop
backend add hung 127.0.0.1:$(port 3) proto=xpop
backend add old 127.0.0.1:$(port 4) proto=pop3
backend add real 127.0.0.1:$(port 5) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1) fallback=old
EOC
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:hal:{PLAIN}secret:hung:3/hal
*:ann:{PLAIN}secret:real:3/ann
EOC
spool
file pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 5) allow=127.0.0.0/8
EOC
daemon -n b1 fakepop3 "$(port 2)" xpop mail=1 && ready 2
daemon -n hung fakepop3 "$(port 3)" mute && ready 3
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

login() { talk 1 "USER $1" 'PASS secret' QUIT; }
events() { grep -c "ev=$1 .*backend=$2" "$T/pproxy.log"; }
skipped() { grep -c "why=backend_down" "$T/pproxy.log"; }
health() { ctl pproxy backend list | sed -n "s/.*id=$1 .*health=\([a-z]*\) .*/\1/p"; }
is_up() { [ "$(health "$1")" = up ]; }
down() { ctl pproxy backend list | grep -E "id=$1 .* health=down reason=$2 since=[0-9]+ "; }

login joe
line 3 '^\+OK fake ready' 'a backend serves'
is_up b1
ok $? 'and is listed as up'
end b1
for _ in 1 2 3 4 5; do login joe; done
line 3 '^-ERR \[SYS/TEMP\] the mailbox' 'it dies: a soft failure'
is "$(events backend_failed b1)" 3 'three sessions have tried it'
is "$(skipped)" 2 'those behind them did not'
is "$(events backend_down b1)" 1 'the log tells once that it is down'
seen pproxy "ev=backend_down .*lvl=ADM .*backend=b1 address=127.0.0.1:$(port 2) state=connect why=\"Connection refused" \
    'and why'
down b1 '"connect: Connection refused"' >/dev/null
ok $? 'so does the list'
is_up hung
ok $? 'which knows the others as up'
daemon -n b1 fakepop3 "$(port 2)" xpop mail=1 && ready 2
WAIT=60 until_ok is_up b1
ok $? 'it is back, and that is noticed'
login joe
line 3 '^\+OK fake ready' 'and its users are served'
seen pproxy 'ev=backend_up .*lvl=ADM .*backend=b1 seconds=[0-9]+' 'the log tells'
is "$(events backend_down b1).$(events backend_up b1)" 1.1 'each change once'
seen b1 '^popular-probe$' 'it was asked for a mailbox that is not there'

ctl pproxy set connecttimeout 1s >/dev/null
for _ in 1 2 3; do login hal; done
is "$(events backend_failed hung).$(events backend_down hung)" 3.1 'one that hangs is waited for three times'
before=$(skipped)
for _ in 1 2 3 4; do login hal; done
is "$(skipped).$(events backend_failed hung)" $((before + 4)).3 'and no more'
down hung '"answer: no answer in time"' >/dev/null
ok $? 'the list says why'

ctl pproxy set connecttimeout 20s >/dev/null
for _ in 1 2 3 4 5; do talk 1 'USER stranger' 'PASS secret' QUIT; done
line 3 '^-ERR \[SYS/TEMP\] cannot verify' 'a fallback that is gone'
is "$(events backend_failed old).$(events fallback_failed old)" 3.5 'is left alone, too'
daemon -n old fakepop3 "$(port 4)" && ready 4
WAIT=60 until_ok is_up old
ok $? 'and used again'
talk 1 'USER stranger' 'PASS secret' QUIT
line 3 '^\+OK$' 'by those whom nobody knows'

for _ in 1 2 3; do login ann; done
down real '.*' >/dev/null
ok $? 'pserv is down'
daemon pserv -d -f "$T/pserv.rc" && ready 5
WAIT=60 until_ok is_up real
ok $? 'and comes back'
unseen pserv 'lvl=(ERR|ADM|SOS|BUG)' 'which is nothing to tell its administrator'
