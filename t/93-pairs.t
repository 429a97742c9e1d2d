#!/bin/sh
# popular-ha(7): two storage hosts are one, which loses nothing when the other takes its place.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
. t/lib/tlsusers.sh
. t/lib/pairs.sh
WAIT=60
perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
why=$(hosts) || skip_all "$why"
plan 5

pairs
box box1 10.9.0.3 && box box2 10.9.0.4 && serve box1 && proxy pop1 10.9.0.1 || exit 1
first_mail box1

load pair 10.9.0.1 joe mail=1 temp=1
load none 10.9.0.1 ann temp=1
goes_on pair && leave box1 && goes_on pair && last pair temp
ok $? 'a storage host leaves, and who has mail is told to come again' "$(tail -n 3 "$T/pair.load")"
goes_on none && is "$(outcomes none)" 'ok ' 'who has none sees that'
run box1 pserv && run box1 pcheckd && on box1 ip addr add 10.9.0.10/24 dev eth0
until_ok logged box1 ev=spool_missing && goes_on pair && last pair temp && goes_on none && last none temp
ok $? 'so is everybody by a host without the file system' "$(tail -n 3 "$T/pair.load")" "$(on box1 tail -n 5 /var/log/popular.log)"
stop box1 pserv && stop box1 pcheckd && on box1 ip addr del 10.9.0.10/24 dev eth0
serve box2 && until_ok last pair ok && until_ok last none ok
ok $? 'the other host takes its place, and has the mail' "$(tail -n 3 "$T/pair.load")"
enough pair none
all_gone
is "$(outcomes pair)$(outcomes none)" 'ok temp ok temp ' \
    'nobody was refused for good, and none saw the mail of another'
