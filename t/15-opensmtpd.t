#!/bin/sh
# pdeliver under OpenSMTPD, in the way pdeliver(8) says.
# shellcheck disable=SC2016 # what looks like a variable is an address
. t/lib/tap.sh
. t/lib/mta.sh
mta opensmtpd
plan 8

user opensmtpd 60030
user opensmtpq 60031
perl t/lib/example.pl man/pdeliver.8 OpenSMTPD smtpd.conf |
    sed 's,/pdeliver ,&-l /tmp/pdeliver.log ,' >"$R/etc/smtpd.conf"
# The same for another domain, with -b.
sed -n '/^action/,$p' "$R/etc/smtpd.conf" |
    sed 's/action popular/action returned/; s/mail\.example/bounce.example/; s,/pdeliver ,&-b ,' \
        >"$T/bounce.conf"
cat "$T/bounce.conf" >>"$R/etc/smtpd.conf"
inside <<'EOC'
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2555 /usr/sbin/smtpctl
smtpd -n || exit 1
smtpd -d >/tmp/smtpd.log 2>&1 &
until_ok test -S /run/smtpd.sock
send() { printf 'Subject: hello\n\n.text\n' | sendmail -i -f "$1" -- "$2"; }
send 'ann$x@a.example' 'joe@mail.example'
arrived 1 joe
send 'ann@a.example' '-froot@mail.example'
arrived 1 -froot
send 'ann@a.example' '$(touch$IFS/tmp/own)@mail.example'
send 'ann@a.example' '|touch${IFS}/tmp/own@mail.example'
send ';touch /tmp/own;@a.example' 'shell@mail.example'
full joe
send 'ann@a.example' 'joe@bounce.example'
logged /tmp/smtpd.log 'to=<joe@bounce.example> .*result='
# After this one OpenSMTPD leaves the user alone for a while.
send 'ann@a.example' 'joe@mail.example'
logged /tmp/smtpd.log 'result=TempFail'
EOC
is $? 0 'OpenSMTPD takes the lines'
cp "$R/tmp/smtpd.log" "$T/smtpd.log"
cp "$R/tmp/pdeliver.log" "$T/pdeliver.log"
seen smtpd 'to=<joe@mail.example> .*result=Ok' 'a message is delivered'
like "$(stored joe | tr '\n' '/')" '^Return-Path: <ann\$x@a.example>/Delivered-To: joe@mail.example/Received: .*//.text/$' \
    'with sender and recipient in front, and the text as it was'
is "$(stored joe | grep -c '^Return-Path')" 1 'each once'
is "$(stored -froot | grep -c '^Delivered-To: -froot@mail.example')" 1 \
    'a recipient that begins with - is no option'
[ ! -e "$R/tmp/own" ]
ok $? 'no address is executed'
seen smtpd 'to=<joe@mail.example> .*result=TempFail' 'a full mailbox is tried again'
seen smtpd 'to=<joe@bounce.example> .*result=PermFail' 'or with -b returned'
