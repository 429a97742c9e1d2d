#!/bin/sh
# The suite: Dovecot as a backend that speaks POP3.
. t/lib/tap.sh
. t/lib/dovecot.sh
plan 21

suite
echo 'joe:secret' >"$T/dovecot.users"
printf 'other:geheim\n' >>"$T/dovecot.users"
printf 'Subject: hello\n\n.\nyes\n' | old joe
printf 'Subject: two\n\n' | old joe
start_dovecot 4 5
cat >>"$T/pproxy.rc" <<EOC
backend add old 127.0.0.1:$(port 4) proto=pop3
backend add sasl 127.0.0.1:$(port 4) proto=pop3 login=plain
backend add trusts 127.0.0.1:$(port 4) proto=pop3 xclient=yes
backend add header1 127.0.0.1:$(port 5) proto=pop3 sendproxy=v1
backend add header2 127.0.0.1:$(port 5) proto=pop3 sendproxy=v2 xclient=yes login=plain
vserv add lb 127.0.0.1:$(port 6) proxyprotocol=127.0.0.0/8
EOC
cat >>"$T/users" <<EOC
*:joe:{PLAIN}secret:old:
*:plain:{PLAIN}secret:sasl::user=joe
*:mapped:{PLAIN}mine:old:m/mapped:user=other,password=geheim
*:stale:{PLAIN}fresh:old::user=joe
*:named:{PLAIN}secret:trusts::user=joe
*:head1:{PLAIN}secret:header1::user=joe
*:head2:{PLAIN}secret:header2::user=joe
EOC
start_suite

talk 1 'USER joe' 'PASS secret' STAT 'RETR 1' QUIT
line 3 '^\+OK Logged in' 'what Dovecot says is the answer to the password'
line 4 '^\+OK 2 ' 'its maildrop is there'
seen talk '^\.\.$' 'and its mail'
talk 1 ':send USER plain\r\nPASS secret\r\nSTAT\r\nUIDL\r\nQUIT\r\n' ':line 4' :list ':line' :eof
line 4 '^\+OK 2 ' 'AUTH PLAIN and a name of its own; commands sent ahead are answered'
line 8 '^\.$' 'in order'
line 9 '^\+OK' 'to the end'
talk 1 'USER mapped' 'PASS mine' STAT QUIT
line 4 '^\+OK 0 ' 'user and password as the module says'
talk 1 'USER joe' 'PASS secret' 'DELE 1' QUIT
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 ' 'what was deleted is gone'

# told USER CLIENT TITLE: Dovecot logs this login as one of CLIENT
told() {
    talk -s 6 ":send PROXY TCP4 $2 198.51.100.1 4711 110\\r\\nUSER $1\\r\\nPASS secret\\r\\nSTAT\\r\\nQUIT\\r\\n" :eof
    line 4 '^\+OK 1 ' "$3"
    seen dovelog "Login: user=<joe>.* rip=$2," 'and Dovecot logs the client'
}
told named 192.0.2.7 'XCLIENT is answered once, and the login goes on'
sid=$(sed -n 's/.*ev=login_ok .* sid=\([^ ]*\) .*user=named .*/\1/p' "$T/pproxy.log")
seen dovelog "Login: user=<joe>.* session=<$sid>" 'by the id of our session'
told head1 192.0.2.8 'a header of version 1 is understood'
told head2 192.0.2.9 'one of version 2 too, with XCLIENT behind it'

ctl pproxy set softfail tempfail >/dev/null
ctl pproxy set connecttimeout 15s >/dev/null
talk 1 'USER stale' 'PASS fresh' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'a password that only Dovecot does not like is no wrong password'
seen pproxy 'ev=backend_refused .*backend=old .*state=pass reply="\[AUTH\]' 'and it is logged'
talk 1 'USER joe' 'PASS wrong' QUIT
line 3 '^-ERR \[AUTH\]' 'one that the module does not like is'

curl -sS --max-time "$WAIT" -u joe:secret "pop3://127.0.0.1:$(port 1)/1" >"$T/curl.log" 2>&1
is "$(tr -d '\r' <"$T/curl.log" | head -n 1)" 'Subject: two' 'curl fetches from Dovecot through the proxy'

end dovecot
talk 1 'USER joe' 'PASS secret' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'with Dovecot gone: come back later'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
