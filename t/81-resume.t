#!/bin/sh
# pproxy: TLS sessions are resumed by any worker of any generation, and by no other virtual server (X17).
. t/lib/tap.sh
. t/lib/ca.sh
plan 14

authority ca
cert mail ca mail.example.org
suite
cat >>"$T/pproxy.rc" <<EOC
set sessionsperworker 1
vserv add one 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
vserv add two 127.0.0.1:$(port 5) tls=implicit cert=$T/mail.crt key=$T/mail.key
EOC
start_suite && ready 4 && ready 5

quit() { printf 'QUIT\r\n' | tls "$@"; }
resumed() { grep -q '^Reused, TLSv1' "$T/tls.log"; }
fresh() { grep -q '^New, TLSv1' "$T/tls.log"; }

for version in tls1_3 tls1_2; do
    quit 4 -$version -sess_out "$T/$version"
    fresh
    ok $? "$version: a session begins"
    quit 4 -$version -sess_in "$T/$version"
    resumed
    ok $? 'and is resumed by another process'
    quit 5 -$version -sess_in "$T/$version"
    fresh
    ok $? 'but not at another virtual server, though it has the same key'
    seen pproxy 'vserv=two .*tls=TLSv1' 'where the client is served all the same'
done
ctl pproxy vserv change one greeting=changed >/dev/null
like "$(cat "$T/ctl.log")" 'generation 2 is current' 'a new generation begins'
quit 4 -tls1_3 -sess_in "$T/tls1_3"
resumed
ok $? 'and resumes sessions of the one before'
seen tls '^.OK changed' 'with its own greeting'
ctl pproxy vserv change one namespace=other >/dev/null
quit 4 -tls1_3 -sess_in "$T/tls1_3"
fresh
ok $? 'but not of who had other users'
ctl pproxy counter list >/dev/null
seen ctl 'name=tls_resumed value=3' 'resumed sessions are counted'
unseen pproxy 'BUG|SOS|tls_failed' 'nothing went wrong in the daemon'
