#!/bin/sh
# The suite: IPv6 from the client to the mailbox; who shares 64 bits is one address.
. t/lib/tap.sh
plan 16

perl -MIO::Socket::IP -e 'exit !IO::Socket::IP->new(LocalHost => "::1", Listen => 1)' ||
    skip_all 'this host has no IPv6'
suite
sed -i "s,127.0.0.1:,[::1]:,; s,allow=.*,allow=::1," "$T/pserv.rc" "$T/pcheckd.rc"
sed -i "/^backend/s,127.0.0.1:,[::1]:,g; /^vserv/s,127.0.0.1:,[::1]:," "$T/pproxy.rc"
echo "vserv add lb 127.0.0.1:$(port 4) proxyprotocol=127.0.0.0/8 namespace=other" >>"$T/pproxy.rc"
account joe b1 3/joe
account none b1 0/none
printf 'Subject: six\n\n' | deliver 3/joe
start_suite

talk '[::1]:1' 'USER joe' 'PASS secret' 'TOP 1 0' QUIT
line 5 '^Subject: six$' 'a client of IPv6 reads mail'
seen pproxy 'ev=login_ok .*vserv=main rip=::1 user=joe' 'and is logged'
seen pserv 'ev=server_session .*rip=::1 proxy=::1 user=joe' 'at the storage host too'
talk '[::1]:1' 'USER none' 'PASS secret' STAT QUIT
line 4 '^\+OK 0 0' 'who has none is served an empty maildrop'
seen pproxy 'ev=proxy_session .*user=none .*mode=empty' 'by the proxy itself'
curl -sS --max-time "$WAIT" -u joe:secret "pop3://[::1]:$(port 1)/1" >"$T/curl.log" 2>&1
is "$(tr -d '\r' <"$T/curl.log" | head -n 1)" 'Subject: six' 'curl does so as well'
like "$(ctl pproxy vserv list)" "id=main .*\[::1\]:$(port 1)" 'the list shows where that is'
printf 'vserv add any6 [::]:%s\nvserv add any4 0.0.0.0:%s\n' "$(port 5)" "$(port 5)" | ctl pproxy -f - >/dev/null
ok $? 'all addresses of IPv6 and all of IPv4 are two virtual servers at one port'
talk '[::1]:5' QUIT
seen pproxy 'ev=proxy_session .*vserv=any6 rip=::1 ' 'the one for the former'
talk 5 QUIT
seen pproxy 'ev=proxy_session .*vserv=any4 rip=127\.0\.0\.1 ' 'the other for the latter'

# from ADDRESS ITEM ...: as a client whom a balancer names
from() {
    address=$1
    shift
    talk -s 4 ":send PROXY TCP6 $address 2001:db8::1 4711 110\\r\\n" :line "$@"
}
ctl pproxy set maxperip 1 >/dev/null
from 2001:db8:0:1::a ":mark $T/in" ":hold $T/go" QUIT &
held=$!
until_ok test -e "$T/in"
cp "$T/talk.log" "$T/first.log"
talk -n second -s 4 ':send PROXY TCP6 2001:db8:0:1:ffff::b 2001:db8::1 4711 110\r\n' :line
seen second 'from your address \(maxperip 1\)' 'two addresses that share 64 bits are one for a limit'
talk -n third -s 4 ':send PROXY TCP6 2001:db8:0:2::b 2001:db8::1 4711 110\r\n' :line QUIT
seen third '^\+OK POP3' 'others are not'
: >"$T/go"
wait $held

ctl pproxy set maxperip 0 >/dev/null
ctl pproxy set penaltymax 1 >/dev/null
from 2001:db8:0:3::a 'USER joe' 'PASS wrong1' QUIT
line 3 '^-ERR \[AUTH\]' 'a wrong password from one of them'
from 2001:db8:0:3:ffff::b 'USER joe' 'PASS wrong2' QUIT
line 3 '^-ERR \[AUTH\]' 'and from another'
like "$(ctl pproxy penalty list)" '^address=2001:db8:0:3::/64 failures=2 ' 'count together'
like "$(ctl pproxy penalty clear 2001:db8:0:3::7)" 'forgotten' 'and are forgiven together'
