#!/bin/sh
# The kit: an upgrade hands over everything but running sessions, and nobody notices.
. t/lib/tap.sh
. t/lib/ca.sh
plan 31

authority ca
cert mail ca mail.example.org
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add tls 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
vserv add any 127.0.0.1:0
vserv disable any
EOC
account empty b1 e/empty
account full b1 f/full
printf 'Subject: hello\n\n' | deliver f/full
start_suite && ready 4
old=$(pid pproxy)
quit() { printf 'QUIT\r\n' | tls "$@"; }
master() { cat "$T/run/pproxy.pid"; }
words() { ctl pproxy config >/dev/null; cat "$T/ctl.log"; }
at_any() { ctl pproxy vserv list | sed -n 's/.*id=any .* bound=\([^ ]*\).*/\1/p; s/.*id=any at=\([^ ]*\).*/\1/p' | head -n 1; }

# What is not in the start file has to be handed over, too.
ctl pproxy set greeting 'hello world' >/dev/null
ctl pproxy set idletimeout 11m >/dev/null
ctl pproxy debug pool on >/dev/null
ctl pproxy debug pool off >/dev/null
quit 4 -tls1_3 -sess_out "$T/ticket"
before=$(words)
any=$(at_any)
generation=$(ctl pproxy show generation | sed 's/.*value=\([0-9]*\).*/\1/')
# A live change that a file on disk does not know, and a start file that is wrong by now.
echo nonsense >"$T/pproxy.rc"

talk -n held 1 'USER full' 'PASS secret' ":mark $T/in" ":hold $T/go" 'STAT' 'QUIT' &
held=$!
until_ok test -e "$T/in"
perl t/lib/crowd.pl load "$(port 1)" 8 empty secret "$T/enough" >"$T/load.log" 2>&1 &
crowd=$!
moved() { [ "$(grep -c 'user=empty' "$T/pproxy.log")" -gt "$1" ]; }
goes_on() { until_ok moved $(($(grep -c 'user=empty' "$T/pproxy.log") + 50)); }
goes_on
ctl pproxy upgrade >/dev/null
is $? 0 'an upgrade succeeds' || cat "$T/ctl.log"
new=$(master)
like "$(cat "$T/ctl.log")" "^process $new serves" 'and tells who serves now'
[ "$new" != "$old" ]
ok $? 'which is a new process'
like "$(readlink "$T/run/pproxy.ctrl")" "^pproxy\.$new\.ctrl\$" 'to which the link points'
seen pproxy "pproxy.$old.: ev=upgraded .*process=$new" 'the log of the old one says so'
seen pproxy "pproxy.$new.: ev=taken_over .*from=$old" 'that of the new one, too'
goes_on
is "$(words)" "$before" 'the configuration is the same'
is "$(at_any)" "$any" 'so is a port that the kernel had chosen'
is "$(ctl pproxy show generation | sed 's/.*value=\([0-9]*\).*/\1/')" $((generation + 1)) \
    'generations are counted on'
quit 4 -tls1_3 -sess_in "$T/ticket"
grep -q '^Reused, TLSv1' "$T/tls.log"
ok $? 'a TLS session of the old one is resumed'
[ -z "$ROOT" ] || [ "$(stat -c %u "/proc/$new")" -eq 0 ]
ok $? 'who was root is root'

"$BIN/pctl" -s "$T/run/pproxy.$old.ctrl" session list >"$T/old.log" 2>&1
like "$(cat "$T/old.log")" 'user=full' 'the old one still tells of its session'
"$BIN/pctl" -s "$T/run/pproxy.$old.ctrl" set greeting no >"$T/old.log" 2>&1
like "$(cat "$T/old.log")" 'busy: the daemon is shutting down' 'but is changed no more'
"$BIN/pctl" -s "$T/run/pproxy.$old.ctrl" upgrade >"$T/old.log" 2>&1
like "$(cat "$T/old.log")" 'busy: the daemon is shutting down' 'nor upgraded again'
ctl pproxy vserv add more "127.0.0.1:$(port 5)" >/dev/null
is $? 0 'the new one is'
ctl pproxy upgrade "$BIN/pproxy" >/dev/null
is $? 0 'it can be upgraded in its turn, to a program that is named'
newest=$(master)
talk 5 'QUIT'
line 1 'hello world' 'which has what was added since'
goes_on
: >"$T/go"
wait $held
like "$(cat "$T/held.log")" '^\+OK 1 ' 'the session of the first one comes to its end'
WAIT=40 until_ok gone "$old"
ok $? 'then the first one is gone'
[ ! -e "$T/run/pproxy.$old.ctrl" ] && [ "$(master)" = "$newest" ]
ok $? 'and has taken nothing along but its socket'
goes_on

# Programs that cannot take over; each says why.
refuse() {
    ! ctl pproxy upgrade "$1" >/dev/null && [ "$(master)" = "$newest" ]
    ok $? "$3"
    like "$(cat "$T/ctl.log")" "$2.*; nothing has changed" 'and the reason is told'
}
refuse "$T/nowhere" 'No such file' 'a program that is not there changes nothing'
refuse /bin/false 'it died: exit status 1' 'nor one that is another one'
refuse "$BIN/pserv" 'this is pserv, not pproxy' 'nor one of ours that is not the same'
ctl pproxy upgrade bin/pproxy >/dev/null
like "$(cat "$T/ctl.log")" 'wrong file bin/pproxy; right would be' 'a name of a file is to be complete'
: >"$T/enough"
wait $crowd
is "$(grep -c '^failed' "$T/load.log")" 0 'all the while no client was refused, and none lost'
kill "$newest"
until_ok gone "$newest"
ok $? 'the last one stops as it should'
[ ! -e "$T/run/pproxy.pid" ] && [ ! -e "$T/run/pproxy.ctrl" ]
ok $? 'and leaves no file behind'
is "$(grep -cE 'lvl=(SOS|BUG)' "$T/pproxy.log")" 0 'nothing went wrong in the daemon'
