#!/bin/sh
# pproxy: the helper finds backends that are back, whatever was wrong with them, and never lacks.
. t/lib/tap.sh
plan 14

modules
file pproxy.rc <<EOC
set moduledir $T/lib
set connecttimeout 1s
set softfail tempfail
backend add hung 127.0.0.1:$(port 2) proto=xpop
backend add lost 127.0.0.1:$(port 3) proto=pop3
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
file users <<EOC
*:hal:{PLAIN}secret:hung:3/hal
*:lea:{PLAIN}secret:lost:
EOC
# A host that is cut off: its queue is full, so that packets to it are dropped.
file lost.pl <<'EOC'
use IO::Socket::INET;
my @at = (LocalHost => '127.0.0.1', LocalPort => shift);
my $door = IO::Socket::INET->new(@at, Listen => 1, ReuseAddr => 1) or die "$!\n";
my @full = map { IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $at[3], Blocking => 0) } 1 .. 8;
sleep 600;
EOC
daemon -n hung fakepop3 "$(port 2)" mute && ready 2
daemon -n lost perl "$T/lost.pl" "$(port 3)" && ready 3
daemon pproxy -d -f "$T/pproxy.rc" && ready 1
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
children $$ >/dev/null || skip_all 'this system does not list children in /proc'

login() { talk 1 "USER $1" 'PASS secret' QUIT; }
is_up() { ctl pproxy backend list | grep -q "id=$1 .* health=up"; }
down() { ctl pproxy backend list | grep -E "id=$1 .* health=down reason=$2 since=[0-9]+ "; }
for _ in 1 2 3 4 5; do login hal; login lea; done
line 3 '^-ERR \[SYS/TEMP\] the mailbox' 'a backend that is cut off'
is "$(grep -c 'ev=backend_failed .*backend=lost .*state=connect' "$T/pproxy.log")" 3 'is waited for three times'
down lost '"connect: no answer in time"' >/dev/null
ok $? 'and the list says why it is down'

# The helper itself.
pool() { children "$(pid pproxy)"; }
helper() {
    for p in $(pool); do
        for child in $(children "$p"); do
            tr '\0' ' ' 2>/dev/null <"/proc/$child/cmdline" | grep -q '^pproxy: helper' && echo "$child"
        done
    done
}
first=$(helper)
like "$first" '^[0-9]+$' 'ps shows one helper'
is "$(ctl pproxy session list all=yes | grep -c "pid=$first ")" 0 'that is no session'
kill -9 "$first"
another() { one=$(helper) && [ "$one" ] && [ "$one" != "$first" ]; }
until_ok another
ok $? 'it is killed: there is another'
seen pproxy "ev=worker_died .*worker=$first" 'and the log tells'
end hung
daemon -n hung fakepop3 "$(port 2)" xpop 'greet=-ERR [SYS/TEMP] no spool' && ready 2
no_spool() { down hung '"answer: \[SYS/TEMP\] no spool"' >/dev/null; }
until_ok no_spool
ok $? 'a backend that cannot serve yet stays down'
end hung
daemon -n hung fakepop3 "$(port 2)" xpop && ready 2
until_ok is_up hung
ok $? 'then it is back'
end lost
daemon -n lost fakepop3 "$(port 3)" && ready 3
until_ok is_up lost
ok $? 'and so is the one that was cut off'
ctl pproxy set connecttimeout 20s >/dev/null
login lea
line 3 '^\+OK' 'whose users are served'
second=$(helper)
ctl pproxy pdm reload >/dev/null
until_ok gone "$second"
ok $? 'the helper goes with its generation'
one() { like_one=$(helper) && [ "$(echo "$like_one" | wc -w)" -eq 1 ]; }
until_ok one
ok $? 'and the next one has its own'

master=$(pid pproxy)
third=$(helper)
kill -9 "$master"
until_ok gone "$third"
ok $? 'the helper does not outlive its master'
