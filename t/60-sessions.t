#!/bin/sh
# session list: one finds whom one looks for; session kick.
. t/lib/tap.sh
plan 27

suite
cat >>"$T/pproxy.rc" <<EOC
backend add b2 127.0.0.1:$(port 4) proto=pop3
vserv add other 127.0.0.1:$(port 5) namespace=other
set trusted 192.0.2.1
EOC
account joe b1 3/joe
account joe.doe b1 3/doe
account ann@example.org b2 x
box 3/joe
box 3/doe
daemon fakepop3 "$(port 4)" && ready 4
start_suite
printf 'Subject: a\n\nb\n' | deliver 3/joe

# hold NAME ITEM ...: a session that is held until $T/go is there
hold() {
    _held=$1
    shift
    talk -n "$_held" "$@" ":mark $T/$_held.in" ":hold $T/go" QUIT &
    echo $! >>"$T/held"
    until_ok test -e "$T/$_held.in"
}
hold new -b 127.0.0.2 1
hold joe -b 127.0.0.3 1 'USER joe' 'PASS secret'
hold doe -b 127.0.0.3 5 'USER joe.doe' 'PASS secret'
hold ann 1 'USER ann@example.org' 'PASS secret'

# who WORD ...: the users of the sessions that are listed, sorted, in one line.
who() {
    ctl pproxy session list "$@" | tr -d '\r' | sed -n 's/.* user=\([^ ]*\) .*/\1/p' | sort | paste -sd ' '
}
is "$(who)" '"" ann@example.org@default joe.doe@other joe@default' 'all sessions are listed'
is "$(who user=joe)" joe@default 'those of a user'
is "$(who user=joe.doe@other)" joe.doe@other 'of one in his namespace'
is "$(who user=joe@other)" '' 'and in no other'
is "$(who user=ann@example.org)" ann@example.org@default 'of one with a domain'
is "$(who peer=127.0.0.3)" 'joe.doe@other joe@default' 'those of an address'
is "$(who peer=127.0.0.2/31)" '"" joe.doe@other joe@default' 'of a network'
is "$(who peer=192.0.2.0/24,127.0.0.1)" ann@example.org@default 'of some networks'
is "$(who vserv=other)" joe.doe@other 'those at a virtual server'
is "$(who backend=b1)" joe@default 'those at a backend'
is "$(who backend=b2)" ann@example.org@default 'or at another'
is "$(who doing=relay)" 'ann@example.org@default joe@default' 'those who do something'
is "$(who doing='relay b2')" ann@example.org@default 'or that very thing'
is "$(who doing=rel)" '' 'not half of it'
is "$(who minage=1h)" '' 'old ones'
is "$(who maxage=1h user=joe)" joe@default 'young ones, and two keys hold together'
like "$(ctl pproxy session list user=joe)" \
    'doing="relay b1" backend=b1 vserv=main pid=' 'a line tells where the session is'
like "$(ctl pproxy session list user=joe.doe)" 'doing=empty backend=- vserv=other ' 'who has no mail is at no backend'
idle() { ctl pproxy session list state=idle | grep -q '^sid="" state=idle '; }
until_ok idle
ok $? 'state=idle lists workers without a session'

for wrong in \
    'usr=joe|unknown key usr; there are: all sid user peer state doing minage maxage backend vserv' \
    'peer=127.0.0.1/8|peer=127.0.0.1/8: must be networks like' \
    'minage=old|minage=old: must be an interval from 0s to' \
    'state=dead|state=dead: must be starting, idle or busy' \
    'backend=b9|there is no backend b9; there are: b1 b2'; do
    like "$(ctl pproxy session list "${wrong%%|*}")" "${wrong#*|}" "${wrong%%|*} is refused, with what is right"
done

sid=$(ctl pproxy session list user=joe.doe | sed -n 's/.*sid=\([^ ]*\) .*/\1/p')
is "$(ctl pproxy session kick "$sid")" 'done' 'a session is ended'
seen pproxy "sid=$sid .* end=kicked" 'at once'
like "$(ctl pserv session list server=main)" "user=joe .*server=main " 'pserv tells the server'
: >"$T/go"
while read -r job; do wait "$job"; done <"$T/held"
