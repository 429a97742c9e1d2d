#!/bin/sh
# pproxy: STLS and commands in any order (X6, X16), and clients that leave in the middle of TLS.
. t/lib/tap.sh
. t/lib/ca.sh
plan 31

perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
authority ca
cert mail ca localhost
suite
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
vserv add stls 127.0.0.1:$(port 5) tls=starttls cert=$T/mail.crt key=$T/mail.key
EOC
account anna b1 a/anna
account empty b1 e/empty
box a/anna
{ printf 'Subject: large\n\n'; perl -e 'print "x" x 76, "\n" for 1 .. 50_000'; } >"$T/want"
deliver a/anna <"$T/want"
start_suite && ready 4 && ready 5

# smuggled TITLE ITEM ...: nothing behind STLS is heard, neither before TLS nor in it
smuggled() {
    title=$1
    shift
    talk 5 "$@" ':eof'
    like "$(grep -c '^+OK' "$T/talk.log") $(tail -n 1 "$T/talk.log")" '^[12] \[(closed|reset)\]$' "$title"
}
smuggled 'commands in the segment of STLS' ':send STLS\r\nUSER anna\r\nPASS secret\r\nSTAT\r\n'
smuggled 'a segment that cuts STLS in two' ':send ST' ':send LS\r\nUSER anna\r\nPASS secret\r\n'
smuggled 'a segment right behind that of STLS' ':send STLS\r\n' ':send USER anna\r\nPASS secret\r\n'
smuggled 'commands when the handshake is awaited' STLS ':send USER anna\r\nPASS secret\r\n'
smuggled 'a line without its end' ':send STLS\r\nUS'
smuggled 'an end of a line alone' ':send STLS\r\n\n'
unseen pproxy 'ev=login_ok' 'nobody has logged in by that'

talk 5 STLS ':tls' STLS CAPA 'USER empty' 'PASS secret' STLS QUIT
line 3 '^-ERR there is TLS already' 'there is no second TLS in the first'
unseen talk '^STLS' 'nor is it offered'
seen talk '^-ERR STLS|^-ERR .*(state|not now|unknown)' 'behind the login neither'
talk 5 'USER empty' 'PASS secret' STLS STAT QUIT
line 4 '^-ERR' 'STLS is refused behind a login in the clear'
line 5 '^\+OK 0 0' 'which goes on'
talk 5 'USER empty' 'PASS secret' ':send CAPA\r\n' :list QUIT
seen talk '^PIPELINING' 'nor does CAPA'
unseen talk '^STLS' 'offer it there'
talk 5 'USER anna' 'PASS secret' STLS NOOP QUIT
line 4 '^-ERR' 'also when a backend serves it'
talk 1 STLS CAPA QUIT
line 2 '^-ERR' 'where there is no TLS, STLS is refused'
unseen talk '^STLS' 'and not offered'
talk 5 'USER anna' STLS ':tls' 'PASS secret' QUIT
line 4 '^-ERR' 'a name that was said in the clear is forgotten'
talk 5 'STLS now' QUIT
line 2 '^-ERR' 'STLS has no arguments'

nobody() { ctl pproxy session list >/dev/null && ! has ctl 'sid=[^-]'; }
# left TITLE END ITEM ...: the session ends like that, and nothing of it remains
left() {
    title=$1
    end=$2
    shift 2
    until_ok nobody
    ended=$(grep -c 'ev=proxy_session' "$T/pproxy.log")
    talk "$@"
    over() { [ "$(grep -c 'ev=proxy_session' "$T/pproxy.log")" -gt "$ended" ]; }
    until_ok over && until_ok nobody
    like "$(grep 'ev=proxy_session' "$T/pproxy.log" | tail -n +$((ended + 1)) | sed 's/.*end=//')" "^$end$" "$title"
}
left 'a reset in the middle of a mail' io_error 5 STLS ':tls' 'USER anna' 'PASS secret' ':send RETR 1\r\n' ':line 100' ':drop'
left 'a reset while nothing moves' io_error 5 STLS ':tls' 'USER anna' 'PASS secret' ':drop'
left 'a reset in the empty maildrop' io_error 5 STLS ':tls' 'USER empty' 'PASS secret' ':drop'
left 'a reset before the login' io_error 5 STLS ':tls' 'USER empty' ':drop'
left 'a hang-up without a good bye' eof 5 STLS ':tls' 'USER empty' 'PASS secret' ':half' ':eof'
left 'garbage in the middle of TLS before the login' io_error 5 STLS ':tls' 'USER empty' ':raw QUIT\r\nQUIT\r\nQUIT\r\n' ':eof'
left 'in the empty maildrop' io_error 5 STLS ':tls' 'USER empty' 'PASS secret' ':raw QUIT\r\nQUIT\r\nQUIT\r\n' ':eof'
left 'in a relay' io_error 5 STLS ':tls' 'USER anna' 'PASS secret' ':raw QUIT\r\nQUIT\r\nQUIT\r\n' ':eof'
left 'a half-close behind the last command' closed -s 4 ':tls' ':line' 'USER anna' 'PASS secret' ":save $T/got" ':send RETR 1\r\nQUIT\r\n' ':half' ':eof'
tr -d '\r' <"$T/got" | sed '1d; /^\.$/,$d' >"$T/mail"
same "$T/mail" "$T/want" 'costs no octet of the mail'
talk -s 4 ':tls' ':line' 'USER empty' 'PASS secret' QUIT
line 3 '^\+OK' 'the next client is served'
unseen pproxy 'ev=worker_|BUG|SOS' 'no worker was lost'
