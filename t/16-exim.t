#!/bin/sh
# pdeliver under Exim, in the way pdeliver(8) says.
# shellcheck disable=SC2016 # what looks like a variable is an address
. t/lib/tap.sh
. t/lib/mta.sh
mta exim4-daemon-light
plan 11

user Debian-exim 60040
mkdir -p "$R/etc/exim4" "$R/var/spool/exim4" "$R/var/log/exim4"
chown 60040:60040 "$R/var/spool/exim4" "$R/var/log/exim4"
{
    printf 'primary_hostname = host.example\nkeep_environment =\n'
    echo 'begin routers'
    perl t/lib/example.pl man/pdeliver.8 Exim router
    echo 'begin transports'
    perl t/lib/example.pl man/pdeliver.8 Exim transport
    printf 'begin retry\n* * F,1h,1m\n'
} | sed 's,/pdeliver ,&-l /tmp/pdeliver.log ,' >"$R/etc/exim4/exim4.conf"
perl t/lib/example.pl man/pdeliver.8 Exim mailboxes >"$R/etc/exim4/mailboxes"
printf '%s\n' '-froot: -froot' '"$(touch /tmp/own)": odd' >>"$R/etc/exim4/mailboxes"
inside <<'EOC'
chmod 4755 /usr/sbin/exim4
send() { printf 'Subject: hello\n\n.text\n' | exim4 -i -odi -f "$1" -- "$2"; }
send 'ann$x@a.example' 'joe@mail.example'
send '<>' 'joe@mail.example'
send 'ann@a.example' '-froot@mail.example'
send 'ann@a.example' '"$(touch /tmp/own)"@mail.example'
send '";touch /tmp/own;"@a.example' 'joe@mail.example'
send 'ann@a.example' 'nobody@mail.example'
full a/joe
send 'ann@a.example' 'joe@mail.example'
mv /var/spool/popular/.popular-spool /var/spool/popular/.away
send 'ann@a.example' 'joe@mail.example'
mv /var/spool/popular/.away /var/spool/popular/.popular-spool
EOC
is $? 0 'Exim takes the lines'
cp "$R/var/log/exim4/mainlog" "$T/main.log"
cp "$R/tmp/pdeliver.log" "$T/pdeliver.log"
seen main '=> joe <joe@mail.example> R=popular T=popular' 'a message is delivered'
like "$(stored a/joe | tr '\n' '/')" 'Return-Path: <ann\$x@a.example>/Delivered-To: joe@mail.example/Received: .*//.text/' \
    'with sender and recipient in front, and the text as it was'
is "$(stored a/joe | grep -c '^From ')" 0 'and no line of a mailbox file'
is "$(stored a/joe | grep -c '^Return-Path: <>$')" 1 'the sender of a bounce is empty'
seen pdeliver 'ev=delivered .* sid=[0-9A-Za-z]+-[0-9A-Za-z]+-[0-9A-Za-z]+ mbox=a/joe' 'the log has the message id'
is "$(stored -froot | grep -c '^Delivered-To: -froot@mail.example')" 1 \
    'a recipient that begins with - is no option'
[ ! -e "$R/tmp/own" ]
ok $? 'no address is executed'
seen pdeliver 'ev=over_quota .* mbox=a/joe' 'a full mailbox takes no more'
is "$(grep -c '== joe@mail.example .* defer' "$T/main.log")" 2 'and Exim tries again, as after any failure'
seen main '\*\* nobody@mail.example: Unrouteable address' 'who has no mailbox is refused by Exim'
