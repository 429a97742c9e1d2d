#!/bin/sh
# pserv: every command of RFC 1939, and every way of getting it wrong.
. t/lib/tap.sh
plan 42

suite
daemon pserv -d -f "$T/pserv.rc" && ready 2
for n in 1 2 3; do printf 'Subject: %s\n\nbody\n.dot\n' $n | deliver f/full; done

xpop none/such STAT LIST UIDL QUIT
line 1 '^\+OK' 'a mailbox that does not exist is served'
line 2 '^\+OK 0 0$' 'and is empty'
line 4 '^\.$' 'so is its list'
lines 8 'and that is all that was said'

xpop f/full STAT LIST 'LIST 2' UIDL 'UIDL 3' 'RETR 1' 'TOP 1 0' 'TOP 1 1' 'TOP 1 9' QUIT
line 2 '^\+OK 3 78$' 'STAT counts messages and octets, each line end as two'
line 4 '^1 26$' 'LIST tells the same octets'
line 8 '^\+OK 2 26$' 'LIST of one message is one line'
line 10 '^1 [!-~]{1,70}$' 'an id has 1 to 70 printable characters'
is "$(sed -n 14p "$T/talk.log")" "+OK $(sed -n 12p "$T/talk.log")" 'UIDL of one message says the same'
is "$(sed -n 15,20p "$T/talk.log" | tr '\n' '/')" '+OK 26 octets/Subject: 1//body/..dot/./' \
    'RETR doubles the dot at the start of a line'
is "$(sed -n 21,24p "$T/talk.log" | tr '\n' '/')" '+OK top of message follows/Subject: 1//./' \
    'TOP 0 is the header and the empty line'
is "$(sed -n 25,29p "$T/talk.log" | tail -n 2 | tr '\n' '/')" 'body/./' 'TOP 1 has one line more'
is "$(sed -n 30,35p "$T/talk.log" | tail -n 2 | tr '\n' '/')" '..dot/./' \
    'TOP beyond the end is the whole message'
line 37 '\[closed\]' 'QUIT closes'

xpop f/full 'STAT 1' 'LIST 0' 'LIST 4' 'LIST +1' 'LIST 0x1' 'LIST 18446744073709551617' RETR \
    'RETR 1 2' 'TOP 1' 'TOP 1 -1' 'NOOP x' 'QUIT x' 'XYZZY' 'USER joe' 'PASS x' ' NOOP' NOOP
is "$(sed '1d;$d' "$T/talk.log" | grep -vc '^-ERR ')" 0 \
    'surplus and missing arguments and wrong numbers are refused'
lines 18 'with one line each'
line 18 '^\+OK' 'and the session goes on'

xpop f/full 'DELE 1' 'DELE 1' 'RETR 1' 'LIST 1' 'UIDL 1' 'TOP 1 0' STAT 'LIST 2' RSET STAT ':drop'
line 2 '^\+OK' 'DELE marks a message'
is "$(sed -n 3,7p "$T/talk.log" | grep -c '^-ERR')" 5 'which cannot be touched then'
line 8 '^\+OK 2 52$' 'and no longer counts'
line 9 '^\+OK 2 26$' 'the others keep their numbers'
line 11 '^\+OK 3 78$' 'RSET takes the marks away'

xpop f/full 'DELE 1' ':send QUIT' ':half' ':eof'
lines 3 'QUIT without its line end is not answered'
xpop f/full STAT 'DELE 1' ':split 1 DELE 2\r\nQUIT\r\n' ':eof'
line 2 '^\+OK 3 78$' 'and nothing was deleted by it'
line 4 '^\+OK' 'a command may come octet by octet'
xpop f/full STAT QUIT
line 2 '^\+OK 1 26$' 'QUIT deletes what was marked'

xpop f/full ':send NOOP\r\nSTAT\r\nRETR 1\r\nNOOP\r\n' ':line 2' ':until ^\.$' ':line' QUIT
line 3 '^\+OK 1 26$' 'several commands in one packet are answered in order'
line 10 '^\+OK' 'to the last'

xpop f/full ':times 300 x' ':send \r\n' ':line' NOOP ':times 90000 DELE 1\r' ':send \r\n' ':line' STAT
line 2 '^-ERR' 'an over-long line is refused'
line 3 '^\+OK' 'once'
line 4 '^-ERR' 'so is one of half a megabyte'
line 5 '^\+OK 1 26$' 'and nothing in it was taken for a command'
xpop f/full ':send \xff\xfe\r\n' ':line' ':send \r\n' ':line' NOOP ':send NO\0OP\r\nNOOP\r\n' ':eof'
line 2 '^-ERR' 'bytes that are no text are an unknown command'
line 4 '^\+OK' 'which harms nobody'
line 5 '\[closed\]' 'NUL ends the session without a word'
seen pserv 'ev=null_byte_in_input .*rip=192\.0\.2\.7' 'and is logged with the address of the client'

refused() {
    talk -s 2 ":send $1" ':eof'
    line 1 '^-ERR' "$2"
}
refused '../etc\r\np1.1.1.1\r\n\r\n' 'a mailbox outside the spool is refused'
refused 'a/../../b\r\np1.1.1.1\r\n\r\n' 'however it is written'
refused '/etc\r\np1.1.1.1\r\n\r\n' 'so is an absolute one'
seen pserv 'ev=mailbox_bad .*mbox=\.\./etc' 'and it is logged'
refused "$(perl -e 'print "x" x 5000')\\r\\n" 'an over-long preamble is refused'

end pserv
is $? 0 'pserv stops when it is told'
