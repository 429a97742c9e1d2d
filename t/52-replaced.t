#!/bin/sh
# pproxy: a file of a module that is replaced is read anew without a word; a wrong one is not.
. t/lib/tap.sh
plan 13

suite
account anna b1 anna
printf 'pdm add masters master %s\n' "$T/masters" >>"$T/pproxy.rc"
file masters </dev/null
start_suite

# replace NAME: standard input takes the place of $T/NAME
replace() { cat >"$T/$1.new" && mv "$T/$1.new" "$T/$1"; }
logs_in() {
    talk 1 "USER $1" "PASS $2" 'QUIT'
    sed -n 3p "$T/talk.log" | grep -q '^+OK'
}

logs_in anna secret
ok $? 'a user of the file logs in'
talk -n long 1 'USER anna' 'PASS secret' ":hold $T/done" STAT QUIT &
long=$!

{ cat "$T/users"; echo '*:zoe:{PLAIN}secret:b1:zoe'; } | replace users
until_ok logs_in zoe secret
ok $? 'one of the file that takes its place does so soon, with no control word'
seen pproxy 'ev=files_replaced .*lvl=INF .*generation=1' 'the log tells why there is a new generation'
seen pproxy 'ev=generation_current .*generation=2$' 'and that it serves'

{ cat "$T/users"; echo '*:eve:secret:b1:eve'; } | replace users
seen pproxy "ev=generation_failed .*lvl=ADM .*pdm users \(flat\): .*/users:3: hash: " \
    'a line that is wrong is named'
logs_in zoe secret
ok $? 'and the old users stay'
: >"$T/done"
wait "$long"
is "$(sed -n 4p "$T/long.log")" '+OK 0 0' 'who was there before was not disturbed'
# looked: some worker has looked at the files again, and the master has had the time to act
looks() { grep -c 'ev=debug .*replaced=' "$T/pproxy.log"; }
more() { [ "$(looks)" -ge $((before + 3)) ]; }
looked() {
    before=$(looks)
    until_ok more
}
ctl pproxy debug auth on >/dev/null
looked
is "$(grep -c 'ev=files_replaced' "$T/pproxy.log")" 2 'a file that was wrong is tried once'
logs_in eve secret
is $? 1 'and nobody of it logs in'
rm "$T/users"
looked
logs_in zoe secret
ok $? 'a file that is gone changes nothing'
echo '*:eve:{PLAIN}secret:b1:eve' | replace users
until_ok logs_in eve secret
ok $? 'a good one takes its place at last'

echo '127.0.0.1:default:{PLAIN}open' | replace masters
until_ok logs_in eve open
ok $? 'the same is true of another module'
unseen pproxy 'ev=worker_(died|stuck)' 'and no worker was lost'
