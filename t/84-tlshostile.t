#!/bin/sh
# pproxy: whatever a client does with TLS, it is refused once, and the next one is served.
. t/lib/tap.sh
. t/lib/ca.sh
plan 21

perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
authority ca
cert mail ca localhost
# A certificate of a good authority, and longer than anybody's.
cert long ca "$(perl -e 'print join ",", map { sprintf "a%05d.a-rather-long-name.example", $_ } 1 .. 4000')"
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
vserv add stls 127.0.0.1:$(port 5) tls=starttls cert=$T/mail.crt key=$T/mail.key
vserv add cert 127.0.0.1:$(port 6) tls=implicit cert=$T/mail.crt key=$T/mail.key clientca=$T/ca.pem
EOC
account empty b1 e/empty
start_suite && ready 4 && ready 6

failures() { grep -c 'ev=tls_failed' "$T/pproxy.log"; }
sessions() { grep -c 'ev=proxy_session' "$T/pproxy.log"; }
over() { [ "$(sessions)" -ge "$ended" ]; }
# refused TITLE COMMAND ...: it costs one event and one session, and the next client is served
refused() {
    title=$1
    shift
    failed=$(failures)
    ended=$(($(sessions) + 2))
    "$@"
    curl -sS --cacert "$T/ca.pem" --max-time "$WAIT" -u empty:secret "pop3s://localhost:$(port 4)/" \
        >"$T/curl.log" 2>&1
    served=$?
    until_ok over
    is "$(($(failures) - failed)) $(($(sessions) - ended)) $served" '1 0 0' "$title"
}
raw() { talk -s 4 "$@" ':eof'; }
refused 'text instead of a handshake' raw ':send USER anna\r\nPASS secret\r\n'
refused 'a web browser' raw ':send GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
refused 'zeros' raw ':times 65536 \0'
refused 'a record of 65535 octets' raw ':send \x16\x03\x01\xff\xff' ':times 65535 \x01'
refused 'records without end that have nothing' raw ':times 1000 \x16\x03\x01\0\0'
refused 'a hello of SSL 2' raw ':send \x80\x2e\x01\0\x02\0\x15\0\0\0\x10' ':times 37 \x01'

# The first message of a good client, as it goes over the wire.
perl -MIO::Socket::SSL -MIO::Socket::INET -e '
    my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 1) or die;
    unless (fork) {
        IO::Socket::SSL->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0], SSL_verify_mode => 0);
        exit;
    }
    sysread $l->accept, my $hello, 65_536;
    $hello =~ s/(.)/sprintf "\\x%02x", ord $1/gse;
    print $hello' "$(port 7)" >"$T/hello" 2>"$T/hello.log"
hello=$(cat "$T/hello")
half=$(echo "$hello" | cut -c 1-400)
refused 'half a handshake, and a hang-up' raw ":send $half" ':half'
refused 'half a handshake, and a reset' talk -s 4 ":send $half" ':drop'
refused 'a handshake, and then the password' raw ":send $hello" ':send USER anna\r\nPASS secret\r\n'
unseen talk '^[+]OK' 'which nobody takes'
ctl pproxy set authtimeout 1 >/dev/null
ends() { sed -n 's/.*ev=proxy_session .*end=//p' "$T/pproxy.log"; }
# silent TITLE TALK ...: who stops speaking is hung up on when the time for the login is over
silent() {
    title=$1
    ended=$(($(sessions) + 1))
    shift
    talk "$@" ':eof'
    until_ok over
    is "$(tail -n 1 "$T/talk.log") $(ends | tail -n +$ended)" '[closed] timeout' "$title"
}
silent 'half a handshake does not outlast authtimeout' -s 4 ":send $half"
silent 'nor does none' -s 4
silent 'nor none behind STLS' 5 STLS
ctl pproxy set authtimeout 60 >/dev/null

daemon -n packets slice "$(port 8)" "$(port 4)" packets
daemon -n records slice "$(port 9)" "$(port 4)" records
ready 8 && ready 9
for how in packets records; do
    [ $how = packets ] && at=8 || at=9
    talk -s "$at" ':tls' ':line' 'USER empty' 'PASS secret' STAT QUIT
    line 4 '^\+OK 0 0' "a client is served whose first octets come in $how of their own"
done

{ printf 'R\n'; until_ok has tls 'no renegotiation'; } |
    timeout "$WAIT" openssl s_client -connect "127.0.0.1:$(port 4)" -tls1_2 >"$T/tls.log" 2>&1
seen tls 'no renegotiation' 'who would renegotiate is told no'
until_ok has pproxy 'tls=TLSv1.2.*end=io_error'
big() { tls 6 -cert "$T/long.crt" -key "$T/long.key" "$@" </dev/null; }
refused 'a certificate of 150 kB' big -tls1_3
refused 'also in TLS 1.2' big -tls1_2
seen pproxy 'ev=tls_failed .*vserv=cert .*why="excessive message size"' 'because of its size'
ctl pproxy counter list >/dev/null
seen ctl "name=tls_failed value=$(failures)$" 'failures are counted'
unseen pproxy 'ev=worker_|BUG|SOS' 'no worker was lost'
