#!/bin/sh
# The kit: a FIFO is a log, and nobody waits for who should read it.
. t/lib/tap.sh
plan 8

spool
file pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
mkfifo -m 666 "$T/fifo"
read_fifo() { cat "$T/fifo" >>"$T/$1.log" & reader=$!; }

daemon pserv -d -l "$T/fifo" -f "$T/pserv.rc"
until_ok listening "$(port 2)"
ok $? 'a daemon begins though nobody reads'
read_fifo first
seen first 'ev=start ' 'who reads later finds what was logged'
ctl pserv set idletimeout 11m >/dev/null
seen first 'ev=control .*idletimeout' 'and what is logged then'
kill "$reader"
wait "$reader" 2>/dev/null
kill -HUP "$(pid pserv)"
generation() { ctl pserv show generation | grep -q "value=$1 "; }
until_ok generation 2
ok $? 'the log is opened anew though nobody reads'
# More lines than a FIFO holds.
ctl pserv debug session on >/dev/null
xpop none ':times 1500 NOOP\r\n' 'QUIT'
like "$(cat "$T/talk.log")" 'good bye' 'a full one keeps no session waiting' "$(tail -n 3 "$T/talk.log")"
ctl pserv debug session off >/dev/null
is $? 0 'nor the daemon'
read_fifo second
seen second 'ev=log_lost .* count=[0-9]+' 'and who reads again is told how much he missed'
end pserv
is $? 0 'the daemon ends as it should'
wait "$reader"
