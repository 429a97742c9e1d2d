#!/bin/sh
# pproxy: testssl.sh finds nothing worth a word on a default virtual server.
. t/lib/tap.sh
. t/lib/ca.sh
plan 3

for name in testssl testssl.sh; do ! command -v $name >/dev/null || testssl=$name; done
[ "${testssl-}" ] || skip_all 'testssl.sh is not installed'
authority ca
cert mail ca localhost
cert rsa ca localhost 30 rsa
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt,$T/rsa.crt key=$T/mail.key,$T/rsa.key
vserv add stls 127.0.0.1:$(port 5) tls=starttls cert=$T/mail.crt,$T/rsa.crt key=$T/mail.key,$T/rsa.key
EOC
start_suite && ready 4 && ready 5

# About an authority that nobody knows, which says nothing of revocation or transparency.
OURS='cert_chain_of_trust|cert_trust|cert_revocation|OCSP|cert_crl|cert_ocsp|DNS_CAArecord|certificate_transparency|cert_caIssuers|cert_expiration|cert_notAfter|cert_validity'
findings() {
    name=$1
    shift
    timeout 1500 "$testssl" --quiet --color 0 --warnings off --openssl /usr/bin/openssl --ip 127.0.0.1 \
        --severity LOW --csvfile "$T/$name.csv" "$@" >"$T/$name.log" 2>&1 </dev/null
    grep -E '"(LOW|MEDIUM|HIGH|CRITICAL|FATAL|WARN)"' "$T/$name.csv" >"$T/all.log"
    note "$(cat "$T/all.log")"
    grep -E '"(MEDIUM|HIGH|CRITICAL|FATAL)"' "$T/all.log" | grep -Ev "^\"($OURS)" >"$T/worse.log"
    [ -s "$T/$name.csv" ] && [ ! -s "$T/worse.log" ]
    ok $? "nothing above LOW by $name" "$(cat "$T/worse.log")"
}
findings TLS "localhost:$(port 4)"
findings STLS --starttls pop3 "localhost:$(port 5)"
unseen pproxy 'ev=worker_|BUG|SOS' 'no worker was lost'
