#!/bin/sh
# pserv: who gets a mailbox that another session has open.
. t/lib/tap.sh
plan 24

suite
printf 'set takeoverafter 1s\nset minspare 4\n' >>"$T/pserv.rc"
daemon pserv -d -f "$T/pserv.rc" && ready 2
for n in 1 2; do printf 'Subject: %s\n\nbody\n' $n | deliver f/full; done

# hold NAME ITEM ...: a session that has deleted message 1, in the background, until $T/NAME.go
hold() {
    _who=$1
    shift
    rm -f "$T/$_who.go" "$T/$_who.in"
    talk -n "$_who" -s 2 ":send f/full\\r\\n$_who\\r\\n\\r\\n" ':line' 'DELE 1' ":mark $T/$_who.in" "$@" &
    until_ok test -e "$T/$_who.in"
}

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
ctl pserv set takeoverafter 1s >/dev/null
hold old.2 ':eof'
old=$!
ask() { xpop f/full STAT QUIT; has talk '^\+OK 2 '; }
until_ok ask
ok $? 'a session in which nothing moves gives way to a new one'
seen pserv 'ev=mailbox_taken_over .*mbox=f/full from=old\.2' 'that is logged with the session that gave way'
wait $old
has old.2 '\[closed\]|\[reset\]'
ok $? 'which is hung up on'
seen pserv 'ev=server_session .*sid=old\.2 .*removed=0 .*end=gave_way' 'and has removed nothing'

ctl pserv set takeoverafter 1h >/dev/null
hold old.3 ":hold $T/old.3.go" STAT QUIT
old=$!
ctl pserv set mailboxlock reject >/dev/null
ctl pserv set takeoverafter 1s >/dev/null
xpop f/full ':eof'
line 1 '^-ERR \[IN-USE\] ' 'with mailboxlock reject nobody gives way'
ctl pserv set mailboxlock off >/dev/null
xpop f/full STAT QUIT
line 2 '^\+OK 2 ' 'with mailboxlock off sessions share a mailbox'
: >"$T/old.3.go"
wait $old
has old.3 'good bye'
ok $? 'and the old one is not disturbed'
ctl pserv set mailboxlock takeover >/dev/null

# The lock dies with the process.
hold old.4 ':eof'
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

# Of another generation: its workers are not children of the pool that the newcomer belongs to.
printf 'Subject: 4\n\nbody\n' | deliver f/full
ctl pserv set takeoverafter 1s >/dev/null
hold old.5 ':eof'
old=$!
ctl pserv server add more "127.0.0.1:$(port 4)" allow=127.0.0.0/8 >/dev/null
until_ok ask
ok $? 'a session of an older generation gives way too'
wait $old
seen pserv 'ev=server_session .*sid=old\.5 .*end=gave_way' 'and says why it ended'

# Whoever takes an answer, slowly, is not still; whoever takes nothing is.
perl -e 'print "Subject: big\n\n", ("x" x 70, "\n") x 400000' | deliver f/big
talk -n slow -s 2 ':send f/big\r\nold.6\r\n\r\nRETR 1\r\n' ':line 2' ":mark $T/slow.in" ":hold $T/slow.go" &
old=$!
until_ok test -e "$T/slow.in"
bigask() { xpop f/big STAT QUIT; has talk '^\+OK 1 '; }
until_ok bigask
ok $? 'a session whose client takes nothing gives way'
: >"$T/slow.go"
wait $old
seen pserv 'ev=server_session .*sid=old\.6 .*end=gave_way' 'and says why it ended'

# Sessions one after the other never meet.
: >"$T/fails"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    xpop f/full NOOP QUIT
    has talk '^\+OK good bye' || echo x >>"$T/fails"
done
is "$(wc -l <"$T/fails" | tr -d ' ')" 0 'who comes again after QUIT is let in at once'

# A lock of somebody else, a backup say.
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
like "$(ctl pserv counter list)" 'name=taken_over value=[3-9]' 'so are takeovers'
end pserv
is $? 0 'pserv stops when it is told'
