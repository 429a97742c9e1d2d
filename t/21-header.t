#!/bin/sh
# pserv: behind a header of the PROXY protocol, from those who are to send one, and from nobody else.
. t/lib/tap.sh
plan 16

suite
cat >>"$T/pserv.rc" <<EOC
server add head 127.0.0.1:$(port 4) allow=127.0.0.0/8 proxyprotocol=127.0.0.1
server add else 127.0.0.1:$(port 5) allow=192.0.2.0/24 proxyprotocol=127.0.0.1
set preambletimeout 1s
EOC
cat >>"$T/pproxy.rc" <<EOC
backend add b2 127.0.0.1:$(port 4) proto=xpop sendproxy=v1
backend add b3 127.0.0.1:$(port 4) proto=xpop sendproxy=v2
backend add b4 127.0.0.1:$(port 2) proto=xpop sendproxy=v2 softfail=tempfail
backend add b5 127.0.0.1:$(port 4) proto=xpop softfail=tempfail
EOC
for n in 2 3 4 5; do account "joe$n" b$n 3/joe; done
start_suite
printf 'Subject: hello\n\n' | deliver 3/joe

for n in 2 3; do
    talk 1 "USER joe$n" 'PASS secret' STAT QUIT
    line 4 '^\+OK 1 18$' "the proxy's header of version $((n - 1)) is understood"
    seen pserv "ev=server_session .*rip=127\.0\.0\.1 proxy=127\.0\.0\.1 user=joe$n" 'and the preamble says who comes'
done
talk 1 'USER joe4' 'PASS secret' STAT QUIT
line 3 '^-ERR \[SYS/' 'where none is expected it is a bad preamble'
talk 1 'USER joe5' 'PASS secret' STAT QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'and where one is expected nothing goes without it'
seen pserv 'ev=xpop_bad .*why="header of the PROXY protocol: it does not begin with a header"' 'as the log tells'

pre='3/joe\r\np1.66f3a2c1.0a97.12\r\n'
v1='PROXY TCP4 192.0.2.7 198.51.100.1 4711 1110\r\n'
talk -s 4 ":send $v1$pre USER=ann\\r\\n" ':line' STAT QUIT
line 2 '^\+OK 1 18$' 'a balancer may name who comes'
seen pserv 'ev=server_session .*rip=192\.0\.2\.7 proxy=127\.0\.0\.1 user=ann' 'if the proxy does not'
talk -s 4 ":send $v1$pre IP=192.0.2.9 USER=bob\\r\\n" ':line' QUIT
seen pserv 'ev=server_session .*rip=192\.0\.2\.9 proxy=127\.0\.0\.1 user=bob' 'which knows better'
talk -s 4 ":split 1 \\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x20\\0\\0\\0$pre\\r\\n" ':line' STAT QUIT
line 2 '^\+OK 1 18$' 'a balancer may come for itself, in any pieces'
talk -s 4 ":send $v1" ':eof'
line 1 '^-ERR \[SYS/TEMP\] the preamble did not come in time$' 'header and preamble have one deadline'
talk -s 4 ':send PROXY TCP4 ' ':eof'
line 1 '^-ERR \[SYS/TEMP\] header of the PROXY protocol: no answer in time$' 'so has half a header'
talk -s 4 ":send PROXY TCP4 192.0.2.7 x 1 2\\r\\n$pre\\r\\n" ':eof'
like "$(cat "$T/talk.log")" '^(-ERR \[SYS/TEMP\] header|\[(closed|reset)\])' 'one that is wrong is refused'
talk -s 5 ":send PROXY TCP4 192.0.2.7 198.51.100.1 4711 1110\\r\\n$pre\\r\\n" ':eof'
line 1 '^(-ERR \[SYS/TEMP\] no proxy is expected|\[(closed|reset)\])' 'no header makes a proxy of a stranger'
unseen pserv 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
