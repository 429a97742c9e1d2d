#!/bin/sh
# pdeliver: envelope addresses in the header, which senders choose and cannot abuse.
. t/lib/tap.sh
plan 15

spool
printf 'Subject: x\n\ntext\n' >"$T/in"
# put OPTION ... MAILBOX: the exit status stands in $status
put() {
    asuser "$BIN/pdeliver" -c -m "$T/spool" -l stderr "$@" <"$T/in" 2>"$T/said.log"
    status=$?
}
got() { cat "$T/spool/$1"/new/* | tr -d '\r' | tr '\n' '/'; }
nl=$(printf '\n\nx')
nl=${nl%?x}

put plain
is "$(got plain)" 'Subject: x//text/' 'nothing is added unasked'
put -r ann@a.example -d joe@b.example both
is "$(got both)" 'Return-Path: <ann@a.example>/Delivered-To: joe@b.example/Subject: x//text/' \
    'sender and recipient stand in front'
put --return-path='' bounce
is "$(got bounce)" 'Return-Path: <>/Subject: x//text/' 'an empty sender is that of a bounce'
SENDER='<ann@a.example>' RECIPIENT=joe@b.example put -e env
is "$(got env)" 'Return-Path: <ann@a.example>/Delivered-To: joe@b.example/Subject: x//text/' \
    '-e takes them from the environment'
SENDER=x RECIPIENT=y put -e -r ann@a.example over
is "$(got over)" 'Return-Path: <ann@a.example>/Delivered-To: y/Subject: x//text/' 'an option goes first'
(unset SENDER; RECIPIENT=y put -e unset; exit $status)
is $? 64 'without SENDER in the environment: 64'
for bad in "a${nl}X: y" "$(printf 'a\rX: y')" "$(printf 'a\033[2J')" "$(perl -e 'print "x" x 901')"; do
    put -r "$bad" bad
    [ $status -eq 64 ] || break
    SENDER=$bad RECIPIENT=y put -e bad
    [ $status -eq 64 ] || break
done
is $status 64 'line ends, control characters, an address of 901 octets: 64'
like "$(cat "$T/said.log")" '^pdeliver: SENDER is longer than 900 octets' 'and it is said why'
put -d '' bad
is $status 64 'an empty recipient: 64'
[ ! -e "$T/spool/bad" ]
ok $? 'nothing of these is stored'
put -r "a$nl" bad
unseen said "^X: y" 'what is wrong is shown escaped'

# Addresses of CVE-2020-7247 and its like.
put -r ";touch $T/run/own;" -d "\$(touch $T/run/own)|\`touch $T/run/own\`" shell
is "$status $(ls "$T/run")" '0 ' 'no shell ever sees an address'
put -r -froot -d -x dash
is "$(got dash)" 'Return-Path: <-froot>/Delivered-To: -x/Subject: x//text/' \
    'an address that begins with - is an address'
put -- -joe
is "$status $(got ./-joe)" '0 Subject: x//text/' 'behind -- so is a mailbox'
put -joe
is $status 64 'in front it is an option'
