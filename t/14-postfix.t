#!/bin/sh
# pdeliver under Postfix, in the way pdeliver(8) says.
# shellcheck disable=SC2016 # what looks like a variable is an address
. t/lib/tap.sh
. t/lib/mta.sh
mta postfix
plan 9

user postfix 60020
user postdrop 60021
cp "$R"/usr/share/postfix/* "$R/etc/postfix/" 2>/dev/null
cp "$MTAS"/postfix/usr/share/postfix/dynamicmaps.cf "$R/etc/postfix/"
cat >"$R/etc/postfix/main.cf" <<'EOC'
compatibility_level = 3.6
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/postfix
myhostname = host.example
mydestination =
maillog_file = /var/log/mail
queue_run_delay = 300
EOC
cat >"$R/etc/postfix/master.cf" <<'EOC'
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
EOC
perl t/lib/example.pl man/pdeliver.8 Postfix main.cf >>"$R/etc/postfix/main.cf"
perl t/lib/example.pl man/pdeliver.8 Postfix master.cf >>"$R/etc/postfix/master.cf"
sed -i 's,/pdeliver ,&-l /tmp/pdeliver.log ,' "$R/etc/postfix/master.cf"
inside <<'EOC'
chown -R postfix /var/lib/postfix
chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue
chmod g+s /usr/sbin/postdrop /usr/sbin/postqueue
postfix start
send() { printf 'Subject: hello\n\n.text\n' | sendmail -i -f "$1" -- "$2"; }
send 'ann$x@a.example' 'joe@mail.example'
arrived 1 joe
send '' 'empty@mail.example'
arrived 1 empty
send 'ann;touch /tmp/own@a.example' '"$(touch /tmp/own)"@mail.example'
logged /var/log/mail 'to=<.*own.*status=bounced'
send 'ann@a.example' '-froot@mail.example'
logged /var/log/mail 'to=<-froot@mail.example>.*status=bounced'
full joe
send 'ann@a.example' 'joe@mail.example'
logged /var/log/mail 'to=<joe@mail.example>.*status=deferred'
sed -i 's,/pdeliver ,&-b ,' /etc/postfix/master.cf
postfix reload
send 'ann@a.example' 'joe@mail.example'
logged /var/log/mail 'to=<joe@mail.example>.*status=bounced'
postfix stop
EOC
is $? 0 'Postfix starts and stops'
cp "$R/var/log/mail" "$T/mail.log"
cp "$R/tmp/pdeliver.log" "$T/pdeliver.log"
seen mail 'to=<joe@mail.example>, relay=popular, .* status=sent' 'a message is delivered'
like "$(stored joe | tr '\n' '/')" '^Return-Path: <ann\$x@a.example>/Delivered-To: joe@mail.example/Received: .*//.text/$' \
    'with sender and recipient in front, and the text as it was'
seen pdeliver 'ev=delivered .* sid=[0-9A-F]{6,} mbox=joe' 'the log has the queue id'
like "$(stored empty | head -n 1)" '^Return-Path: <>$' 'the sender of a bounce is empty'
[ ! -e "$R/tmp/own" ]
ok $? 'no address is executed'
seen mail 'to=<-froot@mail.example>, .*status=bounced' 'a recipient that begins with - is no option'
seen mail 'to=<joe@mail.example>, .*status=deferred .*mailbox is full' 'a full mailbox is tried again'
seen mail 'to=<joe@mail.example>, .*status=bounced .*mailbox is full' 'or with -b returned'
