#!/bin/sh
# pproxy: TLS at once and by STLS, and what is refused without it.
. t/lib/tap.sh
. t/lib/ca.sh
plan 32

authority ca
authority other
cert mail ca mail.example.org,localhost
cert rsa ca mail.example.org,localhost 30 rsa
cert brand ca mail.brand.example
cert brandrsa ca mail.brand.example 30 rsa
cert late ca mail.example.org -1
cert early ca mail.example.org +2
cert soon ca mail.example.org 5
suite
cat >>"$T/pproxy.rc" <<EOC
set trusted ""
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt,$T/rsa.crt key=$T/mail.key,$T/rsa.key "sni=mail.brand.example,$T/brand.crt,$T/brand.key;MAIL.brand.example,$T/brandrsa.crt,$T/brandrsa.key"
vserv add stls 127.0.0.1:$(port 5) tls=starttls cert=$T/mail.crt key=$T/mail.key proxyprotocol=127.0.0.2
EOC
account anna b1 a/anna
box a/anna
printf 'Subject: hello\n\nthere\n' | deliver a/anna
start_suite && ready 4 && ready 5

fetch() { curl -sS --cacert "$T/ca.pem" --max-time "$WAIT" -u anna:secret "$@" >"$T/curl.log" 2>&1; }
fetch --resolve "mail.example.org:$(port 4):127.0.0.1" "pop3s://mail.example.org:$(port 4)/1"
ok $? 'a client that checks certificates gets its mail by TLS'
seen curl '^there' 'all of it'
fetch --ssl-reqd --resolve "mail.example.org:$(port 5):127.0.0.1" \
    "pop3://mail.example.org:$(port 5)/1"
ok $? 'and by STLS'
fetch --resolve "mail.brand.example:$(port 4):127.0.0.1" "pop3s://mail.brand.example:$(port 4)/1"
ok $? 'a brand has a certificate of its own'
printf 'QUIT\r\n' | tls 4 -servername mail.brand.example -tls1_2 -sigalgs RSA-PSS+SHA256
seen tls 'subject=CN = mail.brand.example' 'of each kind of key'
seen tls 'Peer signature type: (RSA-PSS|rsa_pss)' 'as the client knows it'
! fetch --resolve "mail.wrong.example:$(port 4):127.0.0.1" "pop3s://mail.wrong.example:$(port 4)/1"
ok $? 'a name that is on no certificate is refused by the client'
printf 'QUIT\r\n' | tls 4 -tls1_2 -sigalgs RSA-PSS+SHA256 -verify_return_error
seen tls 'Peer signature type: (RSA-PSS|rsa_pss)' 'a client that knows no curves gets the RSA key'
printf 'QUIT\r\n' | tls 4 -alpn pop3 -verify_return_error
seen tls 'ALPN protocol: pop3' 'ALPN knows pop3'
! printf 'QUIT\r\n' | tls 4 -tls1_1 -cipher 'DEFAULT@SECLEVEL=0'
ok $? 'TLS 1.1 is refused'
seen pproxy 'ev=tls_failed .*vserv=pops' 'and logged'
seen pproxy 'ev=proxy_session .*vserv=pops .*tls=TLSv1.3/TLS_AES_128_GCM_SHA256' 'the log tells version and cipher'

talk 5 CAPA QUIT
line 2 '^\+OK Capability' 'CAPA'
seen talk '^STLS' 'offers STLS'
talk 5 ':send STLS\r\nUSER anna\r\nPASS secret\r\n' ':eof'
unseen talk '^\+OK begin' 'who sends on behind STLS is hung up on'
seen pproxy 'end=tls_injection' 'and the log says why'
talk -s -b 127.0.0.2 5 ':send PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n' ':line' 'USER anna' 'AUTH PLAIN' AUTH CAPA QUIT
line 2 '^-ERR STLS first' 'a password in the clear is not taken'
line 3 '^-ERR STLS first' 'by no way'
unseen talk '^(USER|SASL|PLAIN|LOGIN)' 'nor asked for'
ctl pproxy vserv change stls plaintext=yes >/dev/null
talk -s -b 127.0.0.2 5 ':send PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n' ':line' 'USER anna' 'PASS secret' QUIT
line 3 '^\+OK' 'unless the administrator wants it'

ctl pproxy tls list >/dev/null
seen ctl 'vserv=pops .*names=mail.example.org,localhost issuer=ca key=RSA-2048 days=(29|30)' 'the list tells of each certificate'
ctl pproxy vserv change pops "cert=$T/late.crt" "key=$T/late.key" >/dev/null
seen ctl 'has expired' 'an expired certificate is refused'
ctl pproxy vserv change pops "cert=$T/early.crt" "key=$T/early.key" >/dev/null
seen ctl 'not valid yet' 'and one of the day after tomorrow'
ctl pproxy vserv change pops "cert=$T/mail.crt" "key=$T/brand.key" >/dev/null
seen ctl 'the key does not belong to the certificate' 'and a key that is none of it'
chmod 644 "$T/soon.key"
ctl pproxy vserv change pops "cert=$T/soon.crt" "key=$T/soon.key" >/dev/null
seen pproxy 'ev=tls_expires .*kind=vserv id=pops .*days=[45]' 'one that expires soon is taken, and logged'
seen pproxy 'ev=key_exposed .*file=.*soon.key mode=0644' 'and so is a key that everybody may read'
unseen pproxy 'BUG|SOS' 'nothing went wrong in the daemon'

# Nobody is helped by a proxy that does not start at all.
file late.rc <<EOC
vserv add late 127.0.0.1:$(port 6) tls=implicit cert=$T/late.crt key=$T/late.key
EOC
daemon -n late pproxy -d -f "$T/late.rc" && ready 6
ok $? 'a daemon starts with a certificate that has expired'
seen late 'ev=tls_expires .*id=late .*days=-[0-9]' 'and says so'
ctl late vserv change late greeting=still >/dev/null
ok $? 'all else can be changed'
ctl late tls list >/dev/null
seen ctl 'vserv=late .*days=-[0-9]' 'the list tells of it too'
ctl late vserv change late "cert=$T/mail.crt" "key=$T/mail.key" >/dev/null
ok $? 'and a good one takes its place'
