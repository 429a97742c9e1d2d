#!/bin/sh
# pproxy: six clients that check certificates get their mail by TLS and by STLS, and give no
# password to a server with the wrong name, of the wrong authority, or that has expired.
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/tlsclients.sh
plan 20

for client in curl fetchmail mpop getmail openssl; do
    command -v $client >/dev/null || skip_all "$client is not installed"
done
perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'

authority ca
authority other
cert good ca mail.example.org,localhost
cert name ca mail.other.example
cert ca other localhost
suite
# Virtual server, port for TLS at once, port for STLS.
servers() {
    cat <<EOC
vserv add $1 127.0.0.1:$(port "$2") tls=implicit cert=$T/$1.crt key=$T/$1.key
vserv add $1stls 127.0.0.1:$(port "$3") tls=starttls cert=$T/$1.crt key=$T/$1.key
EOC
}
{ servers good 4 5; servers name 6 7; servers ca 8 9; } >>"$T/pproxy.rc"
account anna b1 a/anna
box a/anna
{
    printf 'Subject: long\n\n'
    perl -e 'print "$_ ", "x" x ($_ % 71), "\n" for 1 .. 5000'
} >"$T/want"
deliver a/anna <"$T/want"
start_suite && ready 4 && ready 9
# No daemon takes a certificate that has expired, but one expires while it is in use.
cert date ca localhost 8s
servers date 10 11 | ctl pproxy -f - >/dev/null
ok $? 'a certificate is taken in its last seconds'

logins() { grep -c 'ev=login_ok' "$T/pproxy.log"; }
# gets CLIENT implicit|stls PORT
gets() {
    rm -f "$T/got"
    "with_$1" "$2" "$(port "$3")" >"$T/$1.log" 2>&1
    cmp -s "$T/got" "$T/want"
    ok $? "$1 gets its mail, $2" "$(cmp "$T/got" "$T/want" 2>&1)" || tail -n 5 "$T/$1.log" | sed 's/^/# /'
}
# declines CLIENT implicit|stls PORT
declines() {
    rm -f "$T/got"
    before=$(logins)
    "with_$1" "$2" "$(port "$3")" >"$T/$1.log" 2>&1
    [ ! -s "$T/got" ] && grep -Eiq 'certificate|verif|hostname' "$T/$1.log" && [ "$(logins)" = "$before" ] && return
    note "$1 $2 $3:"
    tail -n 5 "$T/$1.log" | sed 's/^/# /'
    wrong="$wrong $1/$2"
}
# everybody BASE TITLE: nobody logs in at the servers on ports BASE and BASE+1
everybody() {
    wrong=
    for client in curl fetchmail mpop getmail openssl perl; do
        declines $client implicit "$1"
        [ $client = getmail ] || declines $client stls $(($1 + 1))
    done
    is "$wrong" '' "$2"
}
for client in curl fetchmail mpop getmail openssl perl; do
    gets $client implicit 4
    [ $client = getmail ] || gets $client stls 5
done
everybody 6 'no client logs in where the name is wrong'
everybody 8 'nor where the authority is'
until_ok expired date
everybody 10 'nor where the certificate has expired'
ctl pproxy vserv change good greeting=changed >/dev/null
ok $? 'which keeps nobody from changing something else'
seen ctl 'generation [0-9]+ is current' 'that takes a new generation'
seen pproxy 'ev=tls_failed .*vserv=name .*why=.*certificate' 'the log tells why clients left'
talk 5 CAPA QUIT
seen talk '^STLS' 'the next client is served'
unseen pproxy 'ev=worker_|BUG|SOS' 'nothing went wrong in the daemon'
