#!/bin/sh
# pproxy: clients log in by their certificates (SASL EXTERNAL), if these name one of them (X7).
. t/lib/tap.sh
. t/lib/ca.sh
plan 18

authority ca
authority clients
authority other
cert mail ca mail.example.org
cert anna clients anna
cert berta clients berta
cert alien other anna
cert late clients anna -1
openssl req -new -key "$T/anna.key" -subj '/CN=anna/CN=berta' -out "$T/two.csr" 2>>"$T/openssl.log"
openssl x509 -req -in "$T/two.csr" -CA "$T/clients.pem" -CAkey "$T/clients.cakey" -days 9 \
    -CAcreateserial -out "$T/two.crt" 2>>"$T/openssl.log"
cp "$T/anna.key" "$T/two.key"
openssl req -new -key "$T/anna.key" -subj '/O=Example' -out "$T/no.csr" 2>>"$T/openssl.log"
openssl x509 -req -in "$T/no.csr" -CA "$T/clients.pem" -CAkey "$T/clients.cakey" -days 9 \
    -CAcreateserial -out "$T/no.crt" 2>>"$T/openssl.log"
cp "$T/anna.key" "$T/no.key"
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key clientca=$T/clients.pem
EOC
echo "*:anna:{PLAIN}secret:b1:a/anna:cert=CN=anna" >>"$T/users"
echo "*:berta:{PLAIN}secret:b1:b/berta" >>"$T/users"
box a/anna
printf 'Subject: hello\n\nthere\n' | deliver a/anna
start_suite && ready 4

# come CERTIFICATE LINE ...
come() {
    _who=$1
    shift
    [ "$_who" = none ] || set -- -cert "$T/$_who.crt" -key "$T/$_who.key" "$@"
    _say=
    for _word; do
        case $_word in -cert | -key | "$T"/*) ;; *) _say="$_say$_word\\r\\n" ;; esac
    done
    _opts=
    [ "$_who" = none ] || _opts="-cert $T/$_who.crt -key $T/$_who.key"
    # shellcheck disable=SC2059,SC2086
    printf "$_say" | tls 4 -quiet $_opts
}

come anna CAPA 'AUTH EXTERNAL =' STAT QUIT
seen tls '^SASL PLAIN LOGIN EXTERNAL' 'who shows a certificate is told of EXTERNAL'
seen tls '^.OK 1 ' 'and is let in by it'
come anna 'AUTH EXTERNAL' '=' STAT QUIT
seen tls '^\+ .?$' 'without an initial response it is asked for'
come anna 'AUTH EXTERNAL YW5uYQ==' STAT QUIT
seen tls '^.OK 1 ' 'it may name itself'
come anna 'AUTH EXTERNAL YmVydGE=' QUIT
seen tls '^-ERR \[AUTH\]' 'but nobody else'
come berta 'AUTH EXTERNAL =' QUIT
seen tls '^-ERR \[AUTH\]' 'a certificate that no module knows is none'
come two 'AUTH EXTERNAL =' QUIT
seen tls '^-ERR' 'nor one with two names'
come two 'AUTH EXTERNAL YW5uYQ==' QUIT
seen tls '^-ERR \[AUTH\]' 'whichever of them it says'
come no 'AUTH EXTERNAL =' QUIT
seen tls '^-ERR' 'one without a name is nobody'
come no 'AUTH EXTERNAL YW5uYQ==' QUIT
seen tls '^-ERR \[AUTH\]' 'whatever it says'
unseen tls '^.OK [0-9]' 'and is let in by nothing'
come none CAPA 'AUTH EXTERNAL =' 'USER anna' 'PASS secret' STAT QUIT
unseen tls 'EXTERNAL' 'without a certificate there is no EXTERNAL'
seen tls '^-ERR a verified certificate' 'and it is refused'
seen tls '^.OK 1 ' 'but passwords are as good as ever'
for who in alien late; do
    come $who 'AUTH EXTERNAL =' QUIT
    unseen tls '^.OK' "a certificate that is $who ends the handshake"
done
seen pproxy 'ev=tls_failed .*why="the certificate (is from an unknown authority|has expired)' 'and the log says why'
unseen pproxy 'BUG|SOS' 'nothing went wrong in the daemon'
