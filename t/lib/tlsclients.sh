# shellcheck shell=sh
# Clients that check certificates, behind tap.sh:
#
#   with_CLIENT implicit|stls PORT      fetches message 1 of anna, whose password is secret, from
#                                       localhost into $T/got, its line ends LF; trusts $T/ca.pem

with_curl() {
    [ "$1" = stls ] && _how=pop3 || _how=pop3s
    curl -sS --max-time 60 --cacert "$T/ca.pem" -u anna:secret --ssl-reqd \
        "$_how://localhost:$2/1" |
        tr -d '\r' >"$T/got"
}

with_fetchmail() {
    [ "$1" = stls ] && _how='sslproto "TLS1.2+"' || _how='ssl'
    file fetchmail.rc <<EOC
poll localhost protocol POP3 port $2 timeout 60
    username anna password secret $_how sslcertck sslcertfile "$T/ca.pem" sslcertpath "$T/run"
    keep fetchall no rewrite mda "/bin/sh $T/mda"
set invisible
set no bouncemail
EOC
    echo "cat >'$T/got'" | file mda
    chmod 600 "$T/fetchmail.rc"
    FETCHMAILHOME=$T fetchmail -s --pidfile "$T/fetchmail.pid" -f "$T/fetchmail.rc"
}

with_mpop() {
    [ "$1" = stls ] && _how=on || _how=off
    file mpop.rc <<EOC
account default
host localhost
port $2
user anna
password secret
auth user
tls on
tls_starttls $_how
tls_trust_file $T/ca.pem
received_header off
uidls_file $T/mpop.uidls
keep on
delivery mbox $T/mbox
EOC
    chmod 600 "$T/mpop.rc"
    rm -f "$T/mpop.uidls" "$T/mbox"
    mpop -q -C "$T/mpop.rc"
    sed '1d;$d' "$T/mbox" >"$T/got"
}

# getmail6 knows no STLS.
with_getmail() {
    rm -rf "$T/md"
    mkdir -p "$T/md/new" "$T/md/cur" "$T/md/tmp" "$T/getmail"
    file getmail/rc <<EOC
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = $2
username = anna
password = secret
ca_certs = $T/ca.pem
[destination]
type = Maildir
path = $T/md/
[options]
read_all = true
delete = false
delivered_to = false
received = false
verbose = 0
EOC
    [ -z "$ROOT" ] || chown -R "$USER" "$T/md" "$T/getmail"
    asuser env HOME="$T/getmail" getmail --getmaildir "$T/getmail" --rcfile rc
    sed '1{/^Return-Path: /d;}' "$T"/md/new/* >"$T/got"
}

with_openssl() {
    _to=$2
    if [ "$1" = stls ]; then set -- -starttls pop3; else set --; fi
    # As a client would: nothing is said before the certificate was found good.
    printf 'USER anna\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n' |
        timeout 60 openssl s_client -connect "localhost:$_to" -CAfile "$T/ca.pem" -quiet \
            -ign_eof -verify_return_error -verify_hostname localhost "$@" |
        tr -d '\r' | sed '1,/octets/d; /^\.$/,$d' >"$T/got"
}

# Over TLS Net::POP3 leaves the line ends as they are.
with_perl() {
    perl -MNet::POP3 -e '
        my ($how, $port, $ca, $to) = @ARGV;
        my @tls = (SSL_ca_file => $ca, SSL_verify_mode => 1);
        my $pop = Net::POP3->new("localhost", Port => $port, Timeout => 60,
            $how eq "stls" ? () : (SSL => 1, @tls)) or die "connect: $@\n";
        $pop->starttls(@tls) or die "STLS: $@\n" if $how eq "stls";
        $pop->login("anna", "secret") or die "login\n";
        open my $f, ">", $to or die "$to: $!\n";
        print $f map { s/\r\n/\n/r } @{ $pop->get(1) };
        $pop->quit' "$1" "$2" "$T/ca.pem" "$T/got"
}
