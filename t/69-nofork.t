#!/bin/sh
# The kit: while no process can be made the daemon goes on, and afterwards it does what was left to do.
. t/lib/tap.sh
. t/lib/ca.sh
plan 9

authority ca
for name in mail later; do cert $name ca $name.example.org; done
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add tls 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
EOC
cc -Wall -Werror -shared -fPIC -o "$T/nofork.so" t/lib/nofork.c -ldl || skip_all 'no C compiler'
chmod 755 "$T/nofork.so"
daemon -n pproxy env NOFORK="$T/nofork" LD_PRELOAD="$T/nofork.so" "$BIN/pproxy" -d -r "$T/run" ${ROOT:+-u "$USER"} -f "$T/pproxy.rc"
ready 4
master=$(pid pproxy)
: >"$T/nofork"
for word in 'pdm reload' upgrade 'pdm test default joe secret'; do
    # shellcheck disable=SC2086
    ctl pproxy $word >/dev/null
    like "$? $(cat "$T/ctl.log")" '^1 .*Resource temporarily unavailable' "$word: the reason is told"
done
talk 1 'QUIT'
line 1 '^\+OK' 'clients are served'
mv "$T/later.key" "$T/mail.key" && mv "$T/later.crt" "$T/mail.crt"
seen pproxy 'ev=generation_failed .*cause="files replaced" why="fork' 'a certificate that is replaced cannot be loaded'
kill -9 "$(ps -A -o pid= -o ppid= -o args= | awk -v of="$master" '$2 == of && /pool/ { print $1 }')"
seen pproxy 'ev=generation_failed .*cause="pool died" why="fork' 'nor can a pool be replaced that dies'
talk 1 'QUIT'
line 1 '^\+OK' 'whose workers serve'
rm "$T/nofork"
seen pproxy 'ev=generation_current .*generation=2' 'it is replaced as soon as that can be'
shown() { printf 'QUIT\r\n' | tls 4 -showcerts && grep -q 'CN *= *later.example.org' "$T/tls.log"; }
until_ok shown
ok $? 'and the certificate is loaded'
