#!/bin/sh
# TLS to backends: both sides show who they are, and whoever cannot is not talked to.
. t/lib/tap.sh
. t/lib/ca.sh
plan 48

authority ca
authority other
authority proxies
cert front ca front.example.org
cert store ca store.example.org,127.0.0.1
cert late ca store.example.org -1
cert proxy proxies proxy.example.org
cert fake other proxy.example.org
suite
own="cert=$T/store.crt key=$T/store.key allow=127.0.0.0/8"
cat >>"$T/pserv.rc" <<EOC
server add imp 127.0.0.1:$(port 4) tls=implicit $own
server add stls 127.0.0.1:$(port 5) tls=starttls plaintext=no $own
server add strict 127.0.0.1:$(port 6) tls=starttls clientca=$T/proxies.pem $own
EOC
imp="127.0.0.1:$(port 4) proto=xpop tls=implicit"
strict="127.0.0.1:$(port 6) proto=xpop tls=starttls ca=$T/ca.pem"
name=name=store.example.org
cat >>"$T/pproxy.rc" <<EOC
set softfail tempfail
vserv add pops 127.0.0.1:$(port 10) tls=implicit cert=$T/front.crt key=$T/front.key
backend add imp $imp ca=$T/ca.pem $name
backend add address $imp ca=$T/other.pem,$T/ca.pem
backend add pinned $imp ca=$T/store.crt
backend add stls 127.0.0.1:$(port 5) proto=xpop tls=starttls ca=$T/ca.pem $name
backend add checked 127.0.0.1:$(port 5) proto=cxpop check=127.0.0.1:$(port 3) tls=starttls ca=$T/ca.pem
backend add plain 127.0.0.1:$(port 5) proto=xpop
backend add shown $strict cert=$T/proxy.crt key=$T/proxy.key
backend add fake $strict cert=$T/fake.crt key=$T/fake.key
backend add bare $strict
backend add wrongname $imp ca=$T/ca.pem name=other.example.org
backend add wrongca $imp ca=$T/other.pem
backend add system $imp $name
backend add late 127.0.0.1:$(port 7) proto=pop3 tls=implicit ca=$T/ca.pem $name
backend add outbound 127.0.0.1:$(port 8) proto=pop3 tls=implicit ca=$T/ca.pem tlsciphers=ECDHE-ECDSA-AES256-GCM-SHA384
backend add early 127.0.0.1:$(port 9) proto=pop3 tls=starttls ca=$T/ca.pem
backend add twice 127.0.0.1:$(port 13) proto=pop3 tls=starttls ca=$T/ca.pem
backend add never 127.0.0.1:$(port 11) proto=pop3 tls=starttls ca=$T/ca.pem
backend add later 127.0.0.1:$(port 12) proto=xpop tls=implicit ca=$T/ca.pem sendproxy=v2
EOC
for user in imp address pinned stls checked plain shown fake bare wrongname wrongca system late \
    outbound early twice never later; do
    account "$user" "$user" "a/anna"
done
box a/anna
perl -e 'print "Subject: large\n\n"; print "a line of mail, number $_\n" x 10 for 1 .. 20_000' |
    deliver a/anna
start_suite && ready 4 && ready 5 && ready 6 && ready 10

# login USER REGEX TITLE: what is answered to the password
login() {
    talk 1 "USER $1" 'PASS secret' QUIT
    line 3 "$2" "$3"
}
# failed BACKEND STATE WHY TITLE: a soft failure, and the log says why
failed() {
    login "$1" '^-ERR \[SYS/TEMP\]' "$4: later"
    seen pproxy "ev=backend_failed .*backend=$1 .*state=$2 why=\"?$3" 'and the log says why'
}
login imp '^\+OK 1 ' 'TLS at once'
login address '^\+OK 1 ' 'the address can be the name; one of several authorities is enough'
login pinned '^\+OK 1 ' 'a certificate can vouch for itself'
login stls '^\+OK 1 ' 'TLS by STLS'
login checked '^\+OK 1 ' 'also behind a mail check'
login shown '^\+OK 1 ' 'the proxy shows a certificate to a server that demands one'
seen pserv 'ev=server_session .*tls=TLSv1.3/TLS_' 'the server logs version and cipher'
failed wrongname tls 'the certificate is for another name' 'a server of another name'
failed wrongca tls 'the certificate is from an unknown authority' 'a server of another authority'
failed system tls 'the certificate is from an unknown authority' 'one that the system does not know'

# server N NAME OPTION ...: openssl s_server on port N, which hears nothing and says nothing
mkfifo "$T/silence"
exec 9<>"$T/silence"
server() {
    _n=$1
    _log=$2
    shift 2
    openssl s_server -accept "127.0.0.1:$(port "$_n")" -brief "$@" <&9 >"$T/$_log.log" 2>&1 &
    echo $! >"$T/run/$_log.job"
    ready "$_n"
}
server 7 late -cert "$T/late.crt" -key "$T/late.key"
failed late tls 'the certificate has expired' 'a certificate that has expired'

login fake '^-ERR \[SYS/TEMP\]' 'a proxy with a certificate of somebody else is refused'
seen pserv 'ev=tls_failed .*server=strict .*unknown authority' 'and the server says why'
seen pproxy 'ev=backend_failed .*backend=fake .*alert' 'the proxy too'
login bare '^-ERR \[SYS/TEMP\]' 'so is one without'
seen pserv 'ev=tls_failed .*server=strict .*did not return a certificate' 'and the server says why'
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

for user in 1 2 3; do
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

ctl pserv tls list >/dev/null
seen ctl '^server=imp .*names=store.example.org issuer=ca .*days=(29|30)' 'pserv lists its certificates'
ctl pproxy tls list >/dev/null
seen ctl '^backend=shown .*names=proxy.example.org issuer=proxies' 'and the proxy its own for backends'
ctl pserv server change imp "cert=$T/late.crt" "key=$T/late.key" >/dev/null
seen ctl 'server imp: .*has expired' 'an expired one is not taken'
ctl pserv server change main "clientca=$T/proxies.pem" >/dev/null
seen ctl 'server main: clientca needs tls' 'nor an authority without TLS'
ctl pproxy backend change imp "ca=$T/pserv.rc" >/dev/null
seen ctl 'backend imp: .*no certificate in PEM' 'nor a file that holds none'
unseen pproxy 'BUG|SOS|ev=worker_' 'nothing went wrong in the proxy'
unseen pserv 'BUG|SOS|ev=worker_' 'nor in the server'
