#!/bin/sh
# pproxy: behind a balancer the client is whom the balancer names, and nobody else may name one.
. t/lib/tap.sh
plan 30

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add lb 127.0.0.1:$(port 1) proxyprotocol=192.0.2.0/24,127.0.0.0/8
vserv add free 127.0.0.1:$(port 3)
vserv add other 127.0.0.1:$(port 4) proxyprotocol=192.0.2.0/24,2001:db8::/32
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 3 && ready 4

text() { tr '\n' '|' <"$T/talk.log"; }
sig='\r\n\r\n\0\r\nQUIT\n'
login='USER joe\r\nPASS secret\r\nSTAT\r\nQUIT\r\n'
all='+OK POP3 server ready|+OK|+OK fake ready|+OK 2 32|+OK|[closed]|'

# named HEADER CLIENT TITLE: behind this header joe is served, and CLIENT is who he is
named() {
    talk -s 1 ":send $1$login" :eof
    is "$(text)" "$all" "$3"
    seen pproxy "ev=proxy_session .*vserv=lb rip=$2 peer=127\.0\.0\.1 user=joe" 'and logged as who he is'
    seen fakepop3 "^ IP=$2 USER=joe" 'and the storage host is told'
}
named 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 110\r\n' '192\.0\.2\.7' 'version 1 names a client'
named 'PROXY TCP6 2001:db8::7 2001:db8::1 4711 110\r\n' '2001:db8::7' 'also one of IPv6'
named 'PROXY TCP6 ::ffff:192.0.2.8 2001:db8::1 4711 110\r\n' '192\.0\.2\.8' 'or one of IPv4 in IPv6'
named "$sig"'\x21\x11\0\x0c\xc0\0\x02\x09\xc6\x33\x64\x01\x12\x67\0\x6e' '192\.0\.2\.9' \
    'version 2 names a client'
named "$sig"'\x21\x11\0\x12\xc0\0\x02\x0a\xc6\x33\x64\x01\x12\x67\0\x6e\x04\0\x03abc' '192\.0\.2\.10' \
    'items behind the addresses are skipped'

for header in 'PROXY UNKNOWN\r\n' "$sig"'\x20\0\0\0'; do
    talk -s 1 ":send $header$login" :eof
    is "$(text)" "$all" 'a balancer may come for itself'
done
is "$(grep -c 'ev=proxy_session .*vserv=lb rip=127\.0\.0\.1 peer=- user=joe' "$T/pproxy.log")" 2 \
    'and is logged as who it is'
talk -s 1 ":split 1 PROXY TCP4 192.0.2.11 198.51.100.1 1 110\\r\\n$login" :eof
is "$(text)" "$all" 'however a header is cut'

bad() { grep -c 'ev=proxy_header_bad' "$T/pproxy.log"; }
talk -s 1 ":send $login" :eof
like "$(text)" '^\[(closed|reset)\]\|$' 'without a header there is not even a greeting'
seen pproxy 'ev=proxy_header_bad .*lvl=ADM .*vserv=lb peer=127\.0\.0\.1 why=' 'and it is logged'
talk -s 1 ':send PROXY TCP4 192.0.2.7 198.51.100.1 4711 99999\r\nUSER joe\r\n' :eof
like "$(text)" '^\[(closed|reset)\]\|$' 'nor with a wrong one'
talk -s 1 ":send $sig"'\x21\x11\xff\xff' ':times 99 A' :eof
like "$(text)" '^\[(closed|reset)\]\|$' 'or one without end'
before=$(bad)
talk -s 1 :half :eof
talk -s 1 :drop
looked() { [ "$(grep -c 'ev=proxy_session .*vserv=lb .*end=eof' "$T/pproxy.log")" -ge 2 ]; }
until_ok looked
is "$(bad)" "$before" 'who only looks whether we live is no event'
ctl pproxy set authtimeout 1s >/dev/null
talk -s 1 ':send PROXY TCP4 ' :eof
is "$(text)" '[closed]|' 'a header that does not come has a deadline'
ctl pproxy set authtimeout 1m >/dev/null

talk 3 'PROXY TCP4 192.0.2.66 198.51.100.1 4711 110' QUIT
line 2 '^-ERR unknown command' 'where no header is demanded it is a bad command'
talk 4 'PROXY TCP4 192.0.2.66 198.51.100.1 4711 110' 'USER joe' 'PASS secret' QUIT
line 2 '^-ERR unknown command' 'so it is from an address outside the networks'
line 4 '^\+OK fake ready' 'which is served without one'
unseen pproxy '192\.0\.2\.66' 'and nobody has made us believe it'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
