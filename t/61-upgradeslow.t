#!/bin/sh
# The kit: while a program that cannot take over takes its time, nothing else is forgotten.
. t/lib/tap.sh
. t/lib/ca.sh
plan 3

authority ca
for name in mail later; do cert $name ca $name.example.org; done
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add tls 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
EOC
printf '#!/bin/sh\nsleep 8\n' >"$T/slow"
chmod 755 "$T/slow"
daemon pproxy -d -f "$T/pproxy.rc"
ready 4

# A batch that is committed, and a certificate that is replaced, in the middle of it.
talk -n batch "$T/run/pproxy.ctrl" ':line' ':send begin\nset idletimeout 13m\n' ':line 2' ":hold $T/busy" \
    ':send commit\n' ':line' ":mark $T/refused" ":hold $T/free" ':send commit\n' ':line' &
batch=$!
begun() { until_ok has pproxy 'ev=upgrade_begun'; }
(begun && : >"$T/busy" && mv "$T/later.key" "$T/mail.key" && mv "$T/later.crt" "$T/mail.crt") &
ctl pproxy upgrade "$T/slow" >/dev/null
like "$(cat "$T/ctl.log")" 'it died: exit status 0; nothing has changed' 'it does not take over'
until_ok test -e "$T/refused" && : >"$T/free"
wait $batch
like "$(tail -n 2 "$T/batch.log" | tr '\n' ' ')" '^-ERR busy: .* commit again later \+OK done' \
    'a batch that came meanwhile can be committed later'
shown() { printf 'QUIT\r\n' | tls 4 -showcerts && grep -q 'CN *= *later.example.org' "$T/tls.log"; }
until_ok shown
ok $? 'and a certificate that was replaced meanwhile is used' "$(grep -E 'files_replaced|generation_' "$T/pproxy.log")"
