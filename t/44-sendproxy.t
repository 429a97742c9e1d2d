#!/bin/sh
# pproxy: backends that are told who comes: PROXY header, XCLIENT, and from where.
. t/lib/tap.sh
. t/lib/fakes.sh
plan 34

fakes
cat >>"$T/pproxy.rc" <<EOC
set sidprefix px
set connecttimeout 5s
vserv add lb 127.0.0.1:$(port 0) proxyprotocol=127.0.0.0/8
EOC
backend v1 'proto=pop3 sendproxy=v1' proxy mail=1
backend v2 'proto=xpop sendproxy=v2' proxy xpop mail=1
backend both 'proto=pop3 sendproxy=v2 xclient=yes login=plain' proxy 'AUTH=+OK in'
backend named 'proto=pop3 xclient=yes' 'greet=+OK [XCLIENT] ready' mail=1
backend plain 'proto=pop3' mail=1
backend deny 'proto=pop3 xclient=yes' 'XCLIENT=-ERR You are not from trusted IP\x07'
backend mute 'proto=pop3 xclient=yes' mute=XCLIENT
backend half 'proto=pop3 xclient=yes' half=XCLIENT
backend endless 'proto=pop3 xclient=yes' endless=XCLIENT
backend garbage 'proto=pop3 xclient=yes' 'XCLIENT=220 go on'
backend twice 'proto=pop3 xclient=yes' 'XCLIENT=+OK\r\n+OK again'
backend from 'proto=pop3 source=127.0.0.9' peer mail=1
backend nofrom 'proto=pop3 source=192.0.2.1'
echo "backend change plain sendproxy=no xclient=no" >>"$T/pproxy.rc"
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

heard() { like "$(tr '\n' '|' <"$T/$1.log")" "$2" "$3"; }
# behind HEADER USER: the same behind a balancer
behind() { talk -s 0 ":send $1USER $2\\r\\nPASS secret\\r\\nQUIT\\r\\n" :eof; }

told v1 '^\+OK$' 'a login behind a header of version 1'
heard v1 "^\[open\]\|\[header\] PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 [0-9]+ $(port 1)\|USER v1\|" \
    'which names the client and where it knocked, once and first'
told v2 '^\+OK fake ready$' 'and behind one of version 2, before XPOP'
heard v2 "^\[open\]\|\[header\] 21 11 127\.0\.0\.1 127\.0\.0\.1 [0-9]+ $(port 1)\|m/v2\|px\." \
    'in front of the preamble'
behind 'PROXY TCP6 2001:db8::7 2001:db8::1 4711 110\r\n' v1
seen v1 '^\[header\] PROXY TCP6 2001:db8::7 2001:db8::1 4711 110$' 'a client of IPv6 whom a balancer names'
behind 'PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 4711 110\r\n' v2
seen v2 '^\[header\] 21 21 ::ffff:192\.0\.2\.7 2001:db8::1 4711 110$' 'and one of IPv4 at a server of IPv6'

told named '^\+OK$' 'a login behind XCLIENT'
sid=$(sed -n 's/.*ev=login_ok .* sid=\([^ ]*\) .*user=named .*/\1/p' "$T/pproxy.log")
heard named "^\[open\]\|XCLIENT ADDR=127\.0\.0\.1 PORT=[0-9]+ SESSION=$sid TTL=4\|USER named\|PASS secret\|" \
    'which names client and session'
told both '^\+OK in$' 'header, XCLIENT and AUTH PLAIN'
heard both '^\[open\]\|\[header\] 21 11 [^|]*\|XCLIENT ADDR=127[^|]*\|AUTH PLAIN [^|]*\|' 'in this order'
told plain '^\+OK$' 'who is not configured for it'
heard plain '^\[open\]\|USER plain\|' 'is told nothing'

later='^-ERR \[SYS/TEMP\] the mailbox cannot be reached'
for name in deny mute half endless garbage twice; do
    told $name "$later" "$name: come back later"
    unseen $name '^USER' 'and nobody logs in there'
done
state() { seen pproxy "ev=backend_failed .*backend=$1 .*state=$2 why=$3" "the log names the state: $1"; }
state deny xclient '"it refuses XCLIENT: You are not from trusted IP.*"'
state mute xclient '"no answer in time"'
state half xclient '"it hung up"'
state twice xclient '"it talks out of turn"'

told from '^\+OK$' 'a backend that is reached from an address of its own'
seen from '^\[from 127\.0\.0\.9\]$' 'sees that address'
told nofrom "$later" 'an address that is not ours'
state nofrom connect '"source 192\.0\.2\.1: Cannot assign.*"'
ctl pproxy backend change from source=::1 >/dev/null
seen ctl 'backend from: source=::1: it has no address of that family' 'nor can it be of another family'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
