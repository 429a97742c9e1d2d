#!/bin/sh
# pproxy: whoever a user is, the modules say so, and where the mail lies.
. t/lib/tap.sh
plan 8

suite
sed -i "s,^pdm add.*,pdm add all any b1 %n/%1h/%2h/%u," "$T/pproxy.rc"
printf 'Subject: joe\n\n' | deliver default/8/ff/joe
printf 'Subject: dots\n\n' | deliver "default/$(printf %s ../../%n%s | md5sum |
    sed 's,^\(.\)\(..\).*,\1/\2,')/%2E.%2F..%2F%25n%25s"
start_suite

talk 1 'USER joe' 'PASS anything' 'TOP 1 0' 'QUIT'
line 3 '^\+OK' 'any lets everybody in'
line 5 '^Subject: joe$' 'to the mailbox that the template makes'
# shellcheck disable=SC2016
talk 1 'USER ../../%n%s' 'PASS $(id)' 'TOP 1 0' 'QUIT'
line 5 '^Subject: dots$' 'which no name can leave'
talk 1 "USER $(printf '%240s' '' | tr ' ' %)" 'PASS x' 'QUIT'
line 3 '^-ERR' 'nor make longer than a mailbox can be'
seen pproxy 'ev=login_refused .*why="the mailbox is longer than 255 octets"' 'and the log says so'
ctl pproxy pdm add other any b1 '%x' >/dev/null
like "$(cat "$T/ctl.log")" 'pdm other \(any\): TEMPLATE %x: %x is unknown; there are: %u' \
    'a template that is wrong is refused'
ctl pproxy pdm add other any 'b 1' >/dev/null
like "$(cat "$T/ctl.log")" 'pdm other \(any\): BACKEND: ' 'so is a wrong backend'
talk 1 'USER joe' 'PASS anything' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'and nothing has changed'
