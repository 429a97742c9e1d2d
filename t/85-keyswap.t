#!/bin/sh
# pproxy: keys are changed in every way under a load of logins, and no client notices.
. t/lib/tap.sh
. t/lib/ca.sh
plan 17

perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
authority ca
for one in first second third fourth fifth sixth; do cert $one ca localhost; done
cert late ca localhost -1
suite
for kind in crt key; do cp "$T/first.$kind" "$T/live.$kind"; done
chmod 600 "$T/live.key"
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/live.crt key=$T/live.key
vserv add stls 127.0.0.1:$(port 5) tls=starttls cert=$T/live.crt key=$T/live.key
EOC
account empty b1 e/empty
start_suite && ready 4 && ready 5

perl t/lib/tlsload "$(port 4)" 3 "$T/load.log" "$T/enough" "ca=$T/ca.pem" seconds=300 >"$T/perl.log" 2>&1 &
load=$!
# It waits as long as all of this takes.
(WAIT=600; talk -n held 5 STLS ':tls' 'USER empty' 'PASS secret' ":mark $T/in" ":hold $T/leave" STAT QUIT) &
held=$!
until_ok test -e "$T/in" && until_ok test -s "$T/load.log"

print_of() { openssl x509 -in "$T/$1.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f; }
now() { perl -MTime::HiRes=time -e 'printf "%d\n", time * 1000'; }
# Sessions that began since $when, and how many of them saw which certificate.
since() { awk -v w="$when" '$1 >= w { n[$4]++ } END { for (c in n) print c, n[c] }' "$T/load.log"; }
many() { [ "$(awk -v w="$when" '$1 >= w' "$T/load.log" | wc -l)" -ge 50 ]; }
comes() { when=$(($(now) - 100)); since | grep -q "$(print_of "$1")"; }
# shown NAME TITLE: whoever comes sees this certificate, and no other
shown() {
    # Who was accepted at the same time may still have met a worker that was just leaving.
    when=$(($(now) + 200))
    until_ok many
    is "$(since | sed 's/ .*//')" "$(print_of "$1")" "$2"
}
# put CERT KEY: replaces the files of the running daemon, as an administrator's tool does
put() {
    cp "$T/$2.key" "$T/new" && chmod 600 "$T/new" && mv "$T/new" "$T/live.key"
    cp "$T/$1.crt" "$T/new" && mv "$T/new" "$T/live.crt"
}
shown first 'the daemon shows the first certificate'
ctl pproxy vserv change pops "cert=$T/second.crt" "key=$T/second.key" >/dev/null
ok $? 'vserv change takes other files'
shown second 'which new sessions see at once'
ctl pproxy vserv change pops "cert=$T/live.crt" "key=$T/live.key" >/dev/null
shown first 'and back'
put third third
until_ok comes third
ok $? 'replaced files are noticed'
shown third 'and seen by all who come'
seen pproxy 'ev=files_replaced' 'which is logged'
put fourth fourth
kill -HUP "$(pid pproxy)"
until_ok comes fourth
shown fourth 'HUP takes them at once'

echo 'no certificate at all' >"$T/broken.crt"
put broken fourth
seen pproxy 'ev=generation_failed .*live.crt with .*(no certificate in PEM|cannot be read)' 'a file that is no certificate is told to the administrator'
put fifth sixth
kill -HUP "$(pid pproxy)"
seen pproxy 'ev=generation_failed .*the key does not belong to the certificate' 'and a key of another'
put late late
kill -HUP "$(pid pproxy)"
seen pproxy 'ev=generation_failed .*has expired' 'and what has expired'
rm "$T/live.crt"
kill -HUP "$(pid pproxy)"
shown fourth 'all the while nothing changes for who comes'
ctl pproxy tls list >/dev/null
seen ctl 'vserv=pops .*names=localhost ' 'the list tells what is in use'
put sixth sixth
until_ok comes sixth
shown sixth 'a pair that is right again is taken without a word'
: >"$T/leave"
wait $held
cp "$T/held.log" "$T/talk.log"
line 5 '^\+OK 0 0' 'a session has gone on through all of it'
: >"$T/enough"
wait $load
is "$?" 0 'no login has failed'
note "$(grep -c ' ok ' "$T/load.log") logins"
unseen pproxy 'ev=tls_failed|ev=worker_|BUG|SOS' 'nothing went wrong in the daemon'
