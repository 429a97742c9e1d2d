#!/bin/sh
# pproxy: lists of capabilities are chosen, changed while it runs, and never announce what is not so.
. t/lib/tap.sh
plan 31

suite
account joe b1 3/joe
mkdir "$T/capa"
cp etc/capa/default "$T/capa/"
file capa/few <<'EOC'
# for old backends
  UIDL
SASL CRAM-MD5 PLAIN
EXPIRE  30  USER
STLS
LOGIN-DELAY 900
EOC
cat >>"$T/pproxy.rc" <<EOC
vserv add few 127.0.0.1:$(port 4) capa=few
set capadir $T/capa
capa load few
EOC
daemon fakepcheckd "$(port 3)" '+OK 0 no mails\n' && ready 3/udp
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 4

# announced N TEXT TITLE: what a client hears on port N
announced() {
    talk "$1" ':send CAPA\r\n' :list QUIT
    is "$(sed '1,2d; /^\.$/,$d' "$T/talk.log" | tr '\n' ' ')" "$2" "$3"
}
ctl_ok() { ctl pproxy "$@" >/dev/null; ok $? "$*" "$(cat "$T/ctl.log")"; }
# refused REASON TITLE WORD ...
refused() {
    why=$1 title=$2
    shift 2
    if ctl pproxy "$@" >/dev/null; then ok 1 "$title"; else like "$(cat "$T/ctl.log")" "$why" "$title"; fi
}

all='TOP USER UIDL PIPELINING RESP-CODES AUTH-RESP-CODE SASL PLAIN LOGIN IMPLEMENTATION POPular '
few='UIDL SASL PLAIN EXPIRE 30 USER '
announced 1 "$all" 'without a list all is announced that holds'
announced 4 "$few" 'with one what is in it, as far as it holds'
talk 4 'USER joe' 'PASS secret' ':send CAPA\r\n' :list 'TOP 1 1' QUIT
is "$(sed '1,4d; /^\.$/,$d' "$T/talk.log" | tr '\n' ' ')" "$few" 'and the same after the login'
line 9 '^-ERR there is no such message' 'what is not announced works all the same'
ctl_ok set logindelay 1m
announced 4 "${few}LOGIN-DELAY 60 " 'a delay is announced as it is'
ctl_ok set logindelay 0
ctl_ok capa load default
ctl_ok vserv change few capa=default
announced 4 "$all" 'the sample is what holds without a list'
ctl_ok vserv change few capa=few

is "$(ctl pproxy capa show few | tr '\n' '|')" \
    'UIDL|SASL CRAM-MD5 PLAIN|EXPIRE 30 USER|STLS|LOGIN-DELAY 900|' 'a list is shown as it was loaded'
like "$(ctl pproxy capa list | tr '\n' '|')" '^id=few lines=5\|id=default lines=10\|$' 'and listed'
refused 'vserv few: capa=few: no such list' 'what is announced is not deleted' capa delete few
refused 'there is no capa nix; there are: few default' 'nor what is not there' capa delete nix
refused 'there is no capa nix; there are: few default' 'nor shown' capa show nix
refused 'vserv main: capa=nix: no such list is loaded; right would be: capa load nix' \
    'nor announced' vserv change main capa=nix
refused "$T/capa/nix: No such file" 'nor loaded' capa load nix
refused "$T/capa/\.\.: it is no regular file" 'a directory is no list' capa load ..
ctl pproxy config | grep -n 'capa' >"$T/config"
is "$(cut -d: -f2- "$T/config" | tr '\n' '|')" \
    "set capadir $T/capa|capa load few|capa load default|vserv add few 127.0.0.1:$(port 4) capa=few|" \
    'config prints them before what refers to them'

generation() { ctl pproxy show generation | sed -n 's/.* value=\([0-9]*\).*/\1/p'; }
before=$(generation)
ctl pproxy capa load few >/dev/null
is "$(generation)" "$before" 'a file that has not changed makes no new generation'
talk -n held 4 'USER joe' 'PASS secret' ":mark $T/in" ":hold $T/go" ':send CAPA\r\n' :list QUIT &
held=$!
until_ok test -e "$T/in"
printf 'UIDL\nTOP\n' >"$T/capa/few"
announced 4 "$few" 'a file that was written anew changes nothing'
ctl_ok capa load few
announced 4 'UIDL TOP ' 'until it is loaded'
: >"$T/go"
wait $held
is "$(sed '1,4d; /^\.$/,$d' "$T/held.log" | tr '\n' ' ')" "$few" 'sessions that run go on as they began'

printf 'UIDL\n\nX.Y\nUTF8\n' >"$T/capa/few"
wrong="$T/capa/few:3: the name of a capability has no dot; $T/capa/few:4: it needs a command before"
refused "$wrong" 'a broken file is refused, with each line' capa load few
"$BIN/pproxy" -n -f "$T/pproxy.rc" >"$T/n.log" 2>&1
seen n "pproxy\.rc:[0-9]+: $wrong" 'so it is at the start'
kill -HUP "$(pid pproxy)"
seen pproxy "ev=generation_failed .*cause=SIGHUP why=\"$wrong" 'and by a HUP'
announced 4 'UIDL TOP ' 'and nothing changes'
printf 'UIDL\n' >"$T/capa/few"
kill -HUP "$(pid pproxy)"
hung_up() { [ "$(generation)" -gt "$((before + 1))" ]; }
until_ok hung_up
announced 4 'UIDL ' 'a HUP reads it when it is right again'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
