#!/bin/sh
# pctl at a terminal: lines can be mended, come back, and are completed; the terminal is left as it
# was found.
. t/lib/tap.sh
[ -e /dev/ptmx ] || skip_all 'pty.pl knows no other terminals than those of Linux'
plan 17

suite
daemon pproxy -d -f "$T/pproxy.rc"
ready 1
TERM=xterm
export TERM

# at ITEM ...: types into pctl
at() { perl t/lib/pty.pl "$@" -- "$BIN/pctl" -s "$T/run/pproxy.ctrl" >"$T/pty.log" 2>&1; }
came() { like "$(cat "$T/pty.log")" "$1" "$2"; }

at ':wait pctl> ' 'versoin\x7f\x7f\x7fion\r' ':wait pproxy \d' 'quit\r' ':end'
came '^pproxy [0-9.]+$' 'a line can be mended'
came '^\[status 0\] \[same\]$' 'and the terminal is as it was'

at ':wait pctl> ' 'set minspare 7\r' ':wait done' ':wait pctl> ' '\e[A\x7f8\r' ':wait done' ':wait pctl> ' '\x04' ':end'
like "$(ctl pproxy show minspare)" 'value=8 ' 'a line comes back and is changed'

at ':wait pctl> ' 'vers\t\r' ':wait pproxy \d' ':wait pctl> ' 'set idlet\t12m\r' ':wait done' ':wait pctl> ' \
    'vserv change m\tgree\tHi\r' ':wait current' ':wait pctl> ' 'debug po\ton\r' ':wait done' ':wait pctl> ' 'se\t\t' ':wait session +set' '\x03' ':wait pctl> ' '\x04' ':end'
like "$(ctl pproxy show idletimeout)" 'value=12m ' 'variables are completed'
like "$(ctl pproxy vserv list)" '^id=main .*greeting=Hi ' 'so are ids and options'
like "$(ctl pproxy debug list)" '^flag=pool state=on' 'and flags'
came '^session +set$' 'what could follow is shown'
came '^\[status 0\]' 'and nothing of it is done at ^C'

at ':wait pctl> ' 'version\r' ':wait pproxy' ':wait pctl> ' 'pdm test default joe secret\r' ':wait pdm=|unknown|no module' \
    ':wait pctl> ' '\x10\r' ':wait pproxy \d' 'quit\r' ':end'
is "$(grep -c '^pproxy [0-9]' "$T/pty.log")" 2 'a line with a password does not come back'
unseen pproxy 'joe secret' 'nor is it in the log'

for signal in TERM HUP INT QUIT; do
    at ':wait pctl> ' 'half a li' ':wait half a li' ":kill $signal" ':end'
    came '^\[signal [0-9]+\] \[same\]$' "SIG$signal ends it, and the terminal is as it was"
done
at ':wait pctl> ' 'half a li' ':wait half' '\x15\x00\xff\xe2\x82\e[99;99~\e\e[version\r' ':wait wrong word' ':wait pctl> ' '\x04' ':end'
came '\[same\]$' 'odd keys do no harm'

TERM=dumb
at ':wait pctl> ' 'version\r' ':wait pproxy \d' 'quit\r' ':end'
came '^\[status 0\] \[same\]$' 'a terminal that cannot do more has lines'
is "$(echo version | "$BIN/pctl" -s "$T/run/pproxy.ctrl" | sed 's/ .*//')" pproxy 'and a pipe no prompt'
