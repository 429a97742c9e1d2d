#!/bin/sh
# TLS to backends: nothing that is said in the clear counts, and what holds inside is
# not what holds outside.
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/backendtls.sh
plan 23

backendtls_suite
backend plain "127.0.0.1:$(port 5) proto=xpop"
backend imp "$imp ca=$T/ca.pem $name"
backend outbound "127.0.0.1:$(port 8) proto=pop3 tls=implicit ca=$T/ca.pem tlsciphers=ECDHE-ECDSA-AES256-GCM-SHA384"
backend early "127.0.0.1:$(port 9) proto=pop3 tls=starttls ca=$T/ca.pem"
backend twice "127.0.0.1:$(port 13) proto=pop3 tls=starttls ca=$T/ca.pem"
backend never "127.0.0.1:$(port 11) proto=pop3 tls=starttls ca=$T/ca.pem"
backend later "127.0.0.1:$(port 12) proto=xpop tls=implicit ca=$T/ca.pem sendproxy=v2"
perl -e 'print "Subject: large\n\n"; print "a line of mail, number $_\n" x 10 for 1 .. 20_000' |
    deliver a/anna
start_backendtls

login plain '^-ERR \[SYS/TEMP\] TLS is demanded' 'a preamble in the clear is refused'
talk -s 6 ':send a/anna\r\nx\r\n\r\n' :eof
line 1 '^-ERR \[SYS/TEMP\] TLS is demanded' 'where certificates are demanded from this host too'
ctl pserv server change stls plaintext=default >/dev/null
talk -s 5 ':send STLS\r\na/anna\r\nx\r\n\r\n' :eof
line 1 '^-ERR' 'nothing may be sent behind STLS in the clear'

# X22: nothing that is said in the clear, before, with or behind the answer to STLS, counts.
daemon -n early fakepop3 "$(port 9)" 'STLS=+OK\r\n+OK you are in' && ready 9
failed early stls 'it talks out of turn' 'a backend that goes on in the clear behind STLS'
unseen early '^USER' 'it is not told the user'
daemon -n twice fakepop3 "$(port 13)" early && ready 13
failed twice banner 'it talks out of turn' 'one that answers before it is asked'
unseen twice '^USER' 'it is not told the user'
daemon -n never fakepop3 "$(port 11)" && ready 11
failed never stls 'it refuses STLS' 'a backend without TLS'
unseen never '^USER' 'it is not told the user'

# X15: what holds inside and what outside are two things.
ctl pproxy set tlsmin 1.3 >/dev/null
ctl pproxy backend change outbound tlsmin=1.2 >/dev/null
server 8 outbound -cert "$T/store.crt" -key "$T/store.key" -tls1_2
talk 1 'USER outbound' ':send PASS secret\r\n' ':line' ':drop' &
seen outbound 'Ciphersuite: ECDHE-ECDSA-AES256-GCM-SHA384' 'a backend gets version and cipher of its own'
wait $!
! printf 'QUIT\r\n' | tls 10 -tls1_2
ok $? 'clients do not get that version'
ctl pproxy set tlsmin 1.2 >/dev/null
ctl pproxy set tlsciphers ECDHE-ECDSA-AES128-GCM-SHA256 >/dev/null
ctl pproxy backend change outbound tlsmin=1.3 >/dev/null
failed outbound tls '' 'a backend of TLS 1.2 is refused if its option says so'
printf 'QUIT\r\n' | tls 10 -tls1_2
seen tls 'Cipher is ECDHE-ECDSA-AES128-GCM-SHA256' 'clients are not, and get their own cipher'

for _ in 1 2 3; do
    talk 1 'USER later' 'PASS secret' QUIT
done
seen pproxy 'ev=backend_down .*backend=later' 'nobody is there, until'
sed -n 's/^server add imp [^ ]* /server add imp 127.0.0.1:'"$(port 12)"' proxyprotocol=127.0.0.1 /p
    /^set spool/p' "$T/pserv.rc" | file later.rc
daemon -n later pserv -d -f "$T/later.rc" && ready 12
seen pproxy 'ev=backend_up .*backend=later' 'the helper speaks TLS with one that is'
login later '^\+OK 1 ' 'and it serves; what the balancer says goes before TLS'

fetch() { curl -sS --cacert "$T/ca.pem" --max-time "$WAIT" "$@"; }
fetch -u imp:secret --resolve "front.example.org:$(port 10):127.0.0.1" \
    "pop3s://front.example.org:$(port 10)/1" | tr -d '\r' >"$T/got"
asuser cat "$T"/spool/a/anna/*/* | tr -d '\r' >"$T/sent"
same "$T/got" "$T/sent" 'five megabytes come from TLS to TLS as they are'

unseen pproxy 'BUG|SOS|ev=worker_' 'nothing went wrong in the proxy'
unseen pserv 'BUG|SOS|ev=worker_' 'nor in the server'
