#!/bin/sh
# pproxy: 100,000 clients that ask for as many names leave no trace in its memory (X8).
. t/lib/tap.sh
. t/lib/ca.sh
plan 6
MANY=${MANY:-100000}

[ "$ROOT" ] || skip_all 'who holds keys shows its memory to nobody but root'
perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
authority ca
cert mail ca mail.example.org
cert brand ca mail.brand.example
suite
account empty b1 e/empty
# Workers stay, however many clients they have met.
cat >>"$T/pproxy.rc" <<EOC
set minspare 2
set maxspare 20
set sessionsperworker 1000000
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key sni=mail.brand.example,$T/brand.crt,$T/brand.key;*.brand.example,$T/brand.crt,$T/brand.key
EOC
daemon pcheckd -d -f "$T/pcheckd.rc"
daemon pproxy -d -l "$T/pproxy.log" -f "$T/pproxy.rc"
ready 3/udp && ready 4

# Private kilobytes of the largest worker.
own() {
    ps -eo pid=,ppid=,args= | awk -v m="$(pid pproxy)" '
        { up[$1] = $2; line[$1] = $0 }
        END { for (p in up) if (up[up[p]] == m && index(line[p], "worker")) print p }' |
        while read -r one; do
            awk '/^Private_/ { sum += $2 } END { print sum + 0 }' "/proc/$one/smaps_rollup"
        done 2>/dev/null | sort -n | tail -n 1
}
counted() { ctl pproxy counter list | sed -n "s/^name=$1 value=//p"; }
hellos() { perl t/lib/hellos "$(port 4)" "$1" >"$T/hellos.log" 2>&1; }
hellos 2000
ok $? 'two thousand clients warm it up' "$(cat "$T/hellos.log")"
talk -s 4 ':tls' ':line' 'USER empty' 'PASS secret' QUIT
before=$(own)
hellos "$MANY"
ok $? "$MANY clients ask for names at random" "$(cat "$T/hellos.log")"
talk -s 4 ':tls' ':line' 'USER empty' 'PASS secret' QUIT
line 3 '^\+OK' 'the next client is served'
after=$(own)
note "$before kB before, $after kB after"
[ "$before" -gt 0 ] && [ $((after - before)) -lt 40 ]
ok $? 'the memory of a worker is what it was' "$before kB before, $after kB after"
[ "$(counted tls_failed)" -ge "$MANY" ]
ok $? 'each of them was heard' "$(counted tls_failed)"
unseen pproxy 'ev=worker_|BUG|SOS' 'no worker was lost'
