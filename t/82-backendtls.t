#!/bin/sh
# TLS to backends: both sides show who they are, and whoever cannot is not talked to.
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/backendtls.sh
plan 27

backendtls_suite
cert late ca store.example.org -1
cert proxy proxies proxy.example.org
cert fake other proxy.example.org
backend imp "$imp ca=$T/ca.pem $name"
backend address "$imp ca=$T/other.pem,$T/ca.pem"
backend pinned "$imp ca=$T/store.crt"
backend stls "$stls $name"
backend checked "127.0.0.1:$(port 5) proto=cxpop check=127.0.0.1:$(port 3) tls=starttls ca=$T/ca.pem"
backend shown "$strict cert=$T/proxy.crt key=$T/proxy.key"
backend fake "$strict cert=$T/fake.crt key=$T/fake.key"
backend bare "$strict"
backend wrongname "$imp ca=$T/ca.pem name=other.example.org"
backend wrongca "$imp ca=$T/other.pem"
backend system "$imp $name"
backend late "127.0.0.1:$(port 7) proto=pop3 tls=implicit ca=$T/ca.pem $name"
printf 'Subject: anna\n\n' | deliver a/anna
start_backendtls

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

server 7 late -cert "$T/late.crt" -key "$T/late.key"
failed late tls 'the certificate has expired' 'a certificate that has expired'

login fake '^-ERR \[SYS/TEMP\]' 'a proxy with a certificate of somebody else is refused'
seen pserv 'ev=tls_failed .*server=strict .*unknown authority' 'and the server says why'
seen pproxy 'ev=backend_failed .*backend=fake .*alert' 'the proxy too'
login bare '^-ERR \[SYS/TEMP\]' 'so is one without'
seen pserv 'ev=tls_failed .*server=strict .*did not return a certificate' 'and the server says why'

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
