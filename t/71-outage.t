#!/bin/sh
# The suite: with pserv or pcheckd gone, users are told what the administrator chose.
. t/lib/tap.sh
plan 20

suite
account empty b1 e/empty
account full b1 f/full
printf 'Subject: hello\n\n.\n' | deliver f/full
start_suite

talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'there is mail, and it can be seen'

end pserv
talk 1 'USER empty' 'PASS secret' 'STAT' 'LIST' 'UIDL' 'NOOP' 'QUIT'
line 3 '^\+OK' 'with pserv gone a user without mail logs in'
line 4 '^\+OK 0 0' 'and has no mail'
line 9 '^\+OK' 'and leaves'
line 11 '\[closed\]' 'by QUIT'
talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'a user with mail is shown an empty maildrop, as softfail says'
seen pproxy 'ev=backend_failed .*backend=b1' 'the log tells what failed'
seen pproxy 'ev=soft_failure .*user=full' 'and whom it hit'

ctl pproxy set softfail tempfail >/dev/null
talk 1 'USER full' 'PASS secret' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'with softfail tempfail the user is told to come back'
talk 1 'USER full' 'PASS wrong' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'and a wrong password stays a wrong password'
daemon pserv -d -f "$T/pserv.rc" && ready 2
talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'as soon as pserv is back so is the mail'

end pcheckd
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'with pcheckd gone a user without mail is served by pserv'
talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'and so is one with mail'
seen pproxy 'ev=check_silent .*backend=b1' 'the log tells that nobody answers'

end pserv
ctl pproxy set softfail smart >/dev/null
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'softfail smart: with both gone, who had no mail is shown none'
talk 1 'USER full' 'PASS secret' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'and who had some is told to come back'
ctl pproxy backend change b1 check=127.0.0.1:9 >/dev/null
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'a new generation knows what the old one learned'
seen pproxy 'ev=soft_failure .*user=full .*kind=tempfail' 'the log tells what was shown'
ctl pproxy backend change b1 "check=127.0.0.1:$(port 3)" >/dev/null
daemon pserv -d -f "$T/pserv.rc" && ready 2
is_up() { ctl pproxy backend list | grep -q health=up; }
until_ok is_up

ctl pproxy set softfail empty >/dev/null
rm "$T/spool/.popular-spool"
talk 1 'USER full' 'PASS secret' 'STAT' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'a spool that is not mounted is never taken for an empty one'
printf 'Subject: lost\n\n' | deliver f/full 2>/dev/null
is $? 75 'and pdeliver asks the MTA to try again'
