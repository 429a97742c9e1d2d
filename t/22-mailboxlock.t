#!/bin/sh
# pserv: a mailbox that another session has open is refused, until nobody has it any more.
. t/lib/tap.sh
. t/lib/held.sh
plan 15

held_suite
ctl pserv set takeoverafter 1h >/dev/null
hold old.1 ":hold $T/old.1.go" QUIT ':eof'
xpop f/full ':eof'
line 1 '^-ERR \[IN-USE\] ' 'a mailbox in which another session is at work is refused'
seen pserv 'ev=mailbox_in_use .*lvl=ERR .*mbox=f/full by=old\.1' 'that is logged with the session that has it'
xpop none/such STAT QUIT
line 2 '^\+OK 0 0' 'other mailboxes are not'
: >"$T/old.1.go"
wait $!
has old.1 'good bye'
ok $? 'the session goes on and ends as it likes'
xpop f/full STAT QUIT
line 2 '^\+OK 1 ' 'then the mailbox is free, and what was deleted is gone'

printf 'Subject: 3\n\nbody\n' | deliver f/full
hold old.2 ":hold $T/old.2.go" STAT QUIT
old=$!
ctl pserv set mailboxlock reject >/dev/null
ctl pserv set takeoverafter 1s >/dev/null
xpop f/full ':eof'
line 1 '^-ERR \[IN-USE\] ' 'with mailboxlock reject nobody gives way'
ctl pserv set mailboxlock off >/dev/null
xpop f/full STAT QUIT
line 2 '^\+OK 2 ' 'with mailboxlock off sessions share a mailbox'
: >"$T/old.2.go"
wait $old
has old.2 'good bye'
ok $? 'and the old one is not disturbed'
ctl pserv set mailboxlock takeover >/dev/null

# The lock dies with the process.
hold old.3 ':eof'
old=$!
pids() { ps -eo pid=,ppid=,args= | awk -v m="$(pid pserv)" '{ up[$1] = $2; l[$1] = $0 }
    END { for (i in l) if (up[up[i]] == m && l[i] ~ /pserv: worker.*f\/full/) print i }'; }
ctl pserv set takeoverafter 1h >/dev/null
worker=$(pids)
like "$worker" '^[0-9]+$' 'one worker has the mailbox'
kill -KILL "$worker"
wait $old
ask1() { xpop f/full STAT QUIT; has talk '^\+OK 1 '; }
until_ok ask1
ok $? 'when it is killed the mailbox is free'

# Sessions one after the other never meet.
: >"$T/fails"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    xpop f/full NOOP QUIT
    has talk '^\+OK good bye' || echo x >>"$T/fails"
done
is "$(wc -l <"$T/fails" | tr -d ' ')" 0 'who comes again after QUIT is let in at once'

# A lock of somebody else, a backup say.
printf 'Subject: 4\n\nbody\n' | deliver f/full
# shellcheck disable=SC2016
asuser perl -e 'use Fcntl ":flock"; open my $d, "<", $ARGV[0] or die; flock $d, LOCK_EX or die; open my $f, ">", $ARGV[1]; select undef, undef, undef, 0.05 until -e $ARGV[2] || ++$n > 400' \
    "$T/spool/f/full" "$T/spool/locked" "$T/spool/unlock" &
locker=$!
until_ok test -e "$T/spool/locked"
xpop f/full ':eof'
line 1 '^-ERR \[IN-USE\] ' 'a lock of another program is respected'
: >"$T/spool/unlock"
wait $locker
xpop f/full STAT QUIT
line 2 '^\+OK 2 ' 'until it is gone'

like "$(ctl pserv counter list)" 'name=in_use value=[1-9]' 'refused sessions are counted'
end pserv
is $? 0 'pserv stops when it is told'
