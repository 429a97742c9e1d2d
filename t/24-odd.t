#!/bin/sh
# pserv: mailboxes with entries that are no mail, that cannot be read, or lie about their size; and
# what is read and what stays unread.
. t/lib/tap.sh
plan 24

suite
daemon pserv -d -f "$T/pserv.rc" && ready 2
box o/dd
in=$T/spool/o/dd
# shellcheck disable=SC2016
put() { printf '%b' "$2" | asuser sh -c 'cat >"$1"' - "$in/$1"; }
put new/1.good.h 'Subject: 1\n\nbody\n'
asuser mkfifo "$in/new/2.fifo.h" "$in/cur/3.fifo.h,S=10,W=10:2,"
asuser ln -s nowhere "$in/new/4.dangling.h,S=5,W=5"
asuser ln -s /etc/passwd "$in/cur/5.foreign.h:2,"
asuser mkdir "$in/new/6.directory.h" "$in/cur/7.directory.h,S=5,W=5:2,S"
put 'new/8.liar.h,S=99999999999999999999,W=99999999999999999999' 'x\n'
put 'new/9.liar.h,S=0,W=0' 'Subject: 9\n\nnine\n'
put 'cur/10.liar.h,S=9000000000000000,W=9000000000000001:2,' 'y\n'
put 'new/11.liar.h,S=-1,W=,W=+7,S=1e9' 'z\n'
put new/12.closed.h 'secret\n'
put new/13.closed.h,S=7,W=8 'secret\n'
asuser chmod 0 "$in/new/12.closed.h" "$in/new/13.closed.h,S=7,W=8"
asuser perl -MIO::Socket::UNIX -e 'chdir shift; IO::Socket::UNIX->new(Local => "new/14.s", Listen => 1) or die' "$in"

xpop o/dd STAT LIST UIDL QUIT
line 2 '^\+OK 6 ' 'only what can be a message is counted'
line 12 '^1 1\.good\.h$' 'in order of delivery'
seen pserv 'ev=message_skipped .*lvl=ADM .*count=8' 'the rest is logged once, with its number'
is "$(grep -c ev=message_skipped "$T/pserv.log")" 1 'in one line'

xpop o/dd 'RETR 1' 'RETR 2' 'RETR 3' 'RETR 4' 'RETR 5' 'RETR 6' 'RETR 7' NOOP QUIT
is "$(grep -c '^-ERR' "$T/talk.log")" 2 'what cannot be read, and what is not there, is refused'
has talk '^nine'
ok $? 'a message whose name says that it is empty is sent whole'
is "$(tail -n 3 "$T/talk.log" | tr '\n' '/')" '+OK/+OK good bye/[closed]/' 'and the session goes on to its end'
count() { find "$in/$1" -type f -name "$2" | wc -l | tr -d ' '; }
is "$(count cur '*:2,S')" 5 'what was sent is in cur, and seen'
is "$(count new '*closed*')" 2 'what was not is where it was'

xpop o/dd LIST 'RETR 2' 'DELE 6' QUIT
line 3 '^1 20$' 'sizes are right now'
is "$(tail -n 2 "$T/talk.log" | head -n 1)" '+OK good bye' 'what cannot be read can be deleted'
is "$(count new '13.closed*')" 0 'and is gone'
is "$(find "$in" -name '*fifo*' -o -name '*link*' -o -name '*directory*' | wc -l | tr -d ' ')" 4 \
    'what is no message is left alone'

# What cannot be read turns out only when its octets are to be counted.
box l/ate
in=$T/spool/l/ate
put new/1.late.h 'x\n'
put new/2.late.h 'x\n'
talk -n late -s 2 ':send l/ate\r\nlate\r\n\r\n' ':line' ":mark $T/late.in" ":hold $T/late.go" STAT LIST QUIT &
late=$!
until_ok test -e "$T/late.in"
asuser chmod 0 "$in/new/2.late.h"
: >"$T/late.go"
wait $late
has late '^2 0$'
ok $? 'a message that cannot be counted has no octets'
seen pserv 'ev=message_skipped .*sid=late .*count=1 first=2\.late\.h why="cannot be read"' 'which is logged'
is "$(grep -c 'ev=message_skipped .*sid=late' "$T/pserv.log")" 1 'once'

# The read state: by RETR, not by TOP, at QUIT, not in a master session.
box r/ead
in=$T/spool/r/ead
put new/1.a.h 'Subject: 1\n\nx\n'
put new/2.a.h 'Subject: 2\n\nx\n'
put cur/3.a.h:2,FT 'Subject: 3\n\nx\n'
names() { (cd "$in" && find new cur -type f | sort | tr '\n' ' '); }
before=$(names)
xpop r/ead 'TOP 1 99' 'TOP 3 0' QUIT
is "$(names)" "$before" 'TOP does not make a message read'
xpop r/ead 'RETR 1' 'RETR 3' ':drop'
xpop r/ead STAT QUIT
is "$(names)" "$before" 'nor does RETR without QUIT'
talk -s 2 ':send r/ead\r\nmaster\r\nM\r\n' ':line' 'RETR 1' 'RETR 3' 'DELE 2' QUIT
is "$(names)" 'cur/3.a.h:2,FT new/1.a.h ' 'a master session leaves the read state, and can delete'
xpop r/ead 'RETR 1' 'RETR 2' QUIT
is "$(names)" 'cur/1.a.h:2,S cur/3.a.h:2,FST ' 'RETR and QUIT make it read, and keep its flags'
xpop r/ead RSET 'RETR 1' QUIT
is "$(names)" 'cur/1.a.h:2,S cur/3.a.h:2,FST ' 'to read again changes nothing'

# A message that shrinks while it is sent: no part of it is ever taken for the whole.
perl -e 'print "Subject: big\n\n", ("0123456789" x 7, "\n") x 400000' | deliver b/ig
file=$(find "$T/spool/b/ig/new" -type f)
talk -n part -s 2 ':send b/ig\r\npart\r\n\r\nRETR 1\r\n' ':line 2' ":mark $T/part.in" ":hold $T/part.go" ':eof' &
part=$!
until_ok test -e "$T/part.in"
asuser sh -c ": >'$file'"
: >"$T/part.go"
wait $part
has part '^\[closed\]$'
ok $? 'a message that shrinks while it is sent ends the connection'
unseen part '^\.$' 'without the end of an answer'
seen pserv 'ev=message_failed .*sid=part' 'which is logged'
