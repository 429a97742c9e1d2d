#!/bin/sh
# pserv: a session in which nothing moves gives its mailbox to the one that comes.
. t/lib/tap.sh
. t/lib/held.sh
plan 9

held_suite
hold old.1 ':eof'
old=$!
ask() { xpop f/full STAT QUIT; has talk '^\+OK 2 '; }
until_ok ask
ok $? 'a session in which nothing moves gives way to a new one'
seen pserv 'ev=mailbox_taken_over .*mbox=f/full from=old\.1' 'that is logged with the session that gave way'
wait $old
has old.1 '\[closed\]|\[reset\]'
ok $? 'which is hung up on'
seen pserv 'ev=server_session .*sid=old\.1 .*removed=0 .*end=gave_way' 'and has removed nothing'

# Of another generation: its workers are not children of the pool that the newcomer belongs to.
hold old.2 ':eof'
old=$!
ctl pserv server add more "127.0.0.1:$(port 4)" allow=127.0.0.0/8 >/dev/null
until_ok ask
ok $? 'a session of an older generation gives way too'
wait $old
seen pserv 'ev=server_session .*sid=old\.2 .*end=gave_way' 'and says why it ended'

# Whoever takes an answer, slowly, is not still; whoever takes nothing is.
perl -e 'print "Subject: big\n\n", ("x" x 70, "\n") x 400000' | deliver f/big
talk -n slow -s 2 ':send f/big\r\nold.3\r\n\r\nRETR 1\r\n' ':line 2' ":mark $T/slow.in" ":hold $T/slow.go" &
old=$!
until_ok test -e "$T/slow.in"
bigask() { xpop f/big STAT QUIT; has talk '^\+OK 1 '; }
until_ok bigask
ok $? 'a session whose client takes nothing gives way'
: >"$T/slow.go"
wait $old
seen pserv 'ev=server_session .*sid=old\.3 .*end=gave_way' 'and says why it ended'

like "$(ctl pserv counter list)" 'name=taken_over value=[3-9]' 'takeovers are counted'
