#!/bin/sh
# pserv: sizes that no name tells are counted once, and remembered beside the mail.
. t/lib/tap.sh
plan 19

suite
start_suite
box joe
joe=$T/spool/joe
put() { asuser sh -c "cat >'$joe/$1'"; }
printf 'Subject: 1\n\none\n' | put new/1700000001.1.h
printf 'Subject: 2\r\n\r\ntwo' | put cur/1700000002.2.h,S=19:2,S
printf 'Subject: 3\n\nthree' | deliver joe

xpop joe STAT LIST ':drop'
line 2 '^\+OK 3 59$' 'sizes are those of the wire'
seen pserv 'ev=server_session .*mbox=joe .*end=(reset|eof|io_error)' 'the client hangs up without QUIT'
is "$(sed 1,3d "$joe/popular-sizes" | wc -l | tr -d ' ')" 1 'what had to be counted is remembered'
like "$(cat "$joe/popular-sizes")" '19 1700000002\.2\.h,S=19' 'with the name that does not change'
before=$(ls -i "$joe/popular-sizes")

asuser chmod 0 "$joe"/new/1700000001.1.h
xpop joe STAT 'LIST 1' ':send QUIT\r\n' :eof
line 2 '^\+OK 3 59$' 'the next session does not need the mail for it'
is "$(ls -i "$joe/popular-sizes")" "$before" 'and writes nothing'
asuser chmod 600 "$joe"/new/1700000001.1.h

printf 'x' | asuser dd of="$joe/popular-sizes" bs=1 seek=20 conv=notrunc 2>/dev/null
xpop joe STAT QUIT
line 2 '^\+OK 3 59$' 'a file that was damaged is not believed'
asuser sh -c "head -c 30 '$joe/popular-sizes' >'$joe/torn'; mv '$joe/torn' '$joe/popular-sizes'"
xpop joe STAT QUIT
line 2 '^\+OK 3 59$' 'nor one that is torn'
asuser rm "$joe/popular-sizes"
asuser mkfifo "$joe/popular-sizes"
xpop joe STAT QUIT
line 2 '^\+OK 3 59$' 'nor does a FIFO stop anybody'
until_ok [ -f "$joe/popular-sizes" ]
ok $? 'a new file takes its place'

# The id is made of such a name, so it cannot be mended.
printf 'Subject: 3\n\nlies' | put new/1700000003.3.h,W=9,S=9
printf 'Subject: 4\n\nlies' | put new/1700000004.4.h,W=9,S=9
xpop joe LIST 'RETR 4' 'RETR 4' 'DELE 4' QUIT
is "$(grep -c '^-ERR \[SYS/TEMP\] the size' "$T/talk.log")" 1 'a wrong size that was told is refused once'
xpop joe 'RETR 3' LIST QUIT
unseen talk '^-ERR' 'before it was told it is just sent'
xpop joe LIST 'RETR 3' 'DELE 3' QUIT
has talk '^3 20$'
ok $? 'the true size is remembered, though the name tells another'
unseen talk '^-ERR' 'so it is never refused again'

xpop joe 'DELE 1' 'DELE 2' 'DELE 3' QUIT
"$BIN/pcheck" -s 127.0.0.1 -p "$(port 3)" -m joe >"$T/pcheck.log" 2>&1
like "$(cat "$T/pcheck.log")" '^(\+OK )?0' 'it is no mail'
is "$(ls "$joe/tmp")" '' 'and nothing is left in tmp'

printf 'Subject: 4\n\n' | put new/1700000004.4.h
asuser rm -f "$joe/popular-sizes"
asuser rmdir "$joe/tmp"
xpop joe STAT QUIT
line 2 '^\+OK 1 14$' 'where it cannot be written the session goes on'
line 3 '^\+OK' 'to its end'
seen pserv 'ev=sizes_unsaved .*mbox=joe .*why=' 'and the administrator is told'
end pserv
