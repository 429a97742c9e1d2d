#!/bin/sh
# Dovecot as a backend that speaks TLS.
. t/lib/tap.sh
. t/lib/dovecot.sh
. t/lib/ca.sh
plan 7

authority ca
cert old ca old.example.org
suite
echo 'joe:secret' >"$T/dovecot.users"
printf 'Subject: hello\n\nyes\n' | old joe
secure_dovecot old
start_dovecot 4 5
old="127.0.0.1:$(port 4) proto=pop3 tls=starttls ca=$T/ca.pem"
cat >>"$T/pproxy.rc" <<EOC
set softfail tempfail
backend add old $old name=old.example.org
backend add told 127.0.0.1:$(port 5) proto=pop3 login=plain xclient=yes sendproxy=v2 tls=starttls ca=$T/ca.pem name=old.example.org
backend add wrong $old
EOC
cat >>"$T/users" <<EOC
*:joe:{PLAIN}secret:old:
*:told:{PLAIN}secret:told::user=joe
*:wrong:{PLAIN}secret:wrong::user=joe
EOC
start_suite

talk 1 'USER joe' 'PASS secret' 'RETR 1' QUIT
line 3 '^\+OK Logged in' 'a user logs in'
seen talk '^yes' 'and gets the mail'
seen dovelog 'Login: user=<joe>.* TLS' 'by TLS'
talk 1 'USER told' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 ' 'header, TLS, XCLIENT and AUTH PLAIN follow each other'
talk 1 'USER wrong' 'PASS secret' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'under another name Dovecot is not told the password'
seen pproxy 'ev=backend_failed .*backend=wrong .*state=tls why="the certificate is for another' 'the log says why'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
