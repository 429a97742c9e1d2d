#!/bin/sh
# pproxy: bad input gets one refusal each, and hurts nobody else.
. t/lib/tap.sh
plan 21

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 20000
backend add b1 127.0.0.1:$(port 2) check=127.0.0.1:$(port 3)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepcheckd "$(port 3)" '+OK 0 no mails\n' && ready 3/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

long=$(printf '%01000d' 0)
talk 1 ":times 9 $long" ':send  QUIT\r\n' :line NOOP 'USER joe' QUIT
line 2 '^-ERR the line is too long$' 'a line too long gets one refusal'
line 3 '^-ERR NOOP is not allowed now$' 'and the session goes on'
line 4 '^\+OK$' 'so that the user can still log in'
lines 6 'what followed in the line was no command'

talk 1 ':send \xff\x80\x01\r\nQUIT\r\n' :eof
line 2 '^-ERR unknown command$' 'a binary line is an unknown command'
talk 1 ':send USER joe\0\r\nQUIT\r\n' :eof
line 2 '^\[closed\]' 'a NUL octet ends the session at once'
seen pproxy 'ev=null_byte_in_input .*rip=127' 'and is logged'

talk 1 'PASS secret' STAT 'RETR 1' 'USER' 'USER a b' 'PASS' 'QUIT now' 'CAPA x' 'APOP a b' QUIT
is "$(grep -c '^-ERR' "$T/talk.log")" 9 'wrong state and wrong arguments are refused'
line 2 '^-ERR USER comes first$' 'each with its reason'
talk 1 'USER joe' ':send PASS sec\rret\r\n' :line 'USER joe' ':send PASS secret\r\r\n' :line QUIT
line 3 '^-ERR \[AUTH\]' 'a CR in a password is refused'
line 5 '^-ERR \[AUTH\]' 'at its end too'
seen pproxy 'ev=login_refused .*why="CR, LF or NUL in user or password"' 'and logged'
talk 1 ':send USER a\rev=login_ok\x1b[2J\r\n' :line 'PASS x' QUIT
seen pproxy 'ev=login_refused .*user="a\\x0dev=login_ok\\x1b\[2J"' \
    'a user name cannot forge a line in the log'

talk 1 'USER joe' 'PASS secret' 'RETR x' 'RETR 1' 'RETR +1' 'LIST 99999999999999999999' \
    'TOP 1' 'DELE 1 2' 'USER joe' 'UIDL -1' STAT QUIT
line 4 '^-ERR numbers are digits only' 'in the maildrop numbers are digits'
is "$(grep -c '^-ERR' "$T/talk.log")" 8 'and everything else is refused'
line 12 '^\+OK 0 0$' 'without harm to the session'

talk 1 ':times 40 X\r\n' :eof
is "$(grep -c '^-ERR unknown' "$T/talk.log")" 19 'bad commands are borne for a while'
like "$(tail -n 2 "$T/talk.log")" '^-ERR too many bad commands' 'and then no longer'
ctl pproxy set authtimeout 2s >/dev/null
talk 1 :eof
line 2 '^\[closed\]' 'who says nothing is hung up on after authtimeout'
ctl pproxy set authtimeout 1m >/dev/null
talk 1 'USER joe' ':send QUIT' :half :eof
line 3 '^\[closed\]' 'QUIT without its line end is no QUIT'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'and no worker was lost by any of this'
