#!/bin/sh
# The suite: five clients fetch ten messages through pproxy, pcheckd and pserv, byte for byte.
. t/lib/tap.sh
. t/lib/clients.sh
plan 20

for client in curl fetchmail mpop getmail; do
    command -v $client >/dev/null || skip_all "$client is not installed"
done

suite
for form in LF CRLF; do
    mkdir "$T/$form"
    perl t/lib/mails.pl "$T/$form" $form
    account $form b1 $form
    box $form
    for n in 1 2 3 4 5 6 7 8 9 10; do
        if [ $form = LF ]; then    # as some other program would deliver
            cp "$T/LF/$n" "$T/spool/LF/new/10000$n.M1P1Q$n.example"
        else
            deliver CRLF <"$T/CRLF/$n"
            ok $? "pdeliver takes message $n" >>"$T/delivered"
        fi
    done
done
[ -z "$ROOT" ] || chown -R "$USER" "$T/spool"
CHECKS=0
is "$(grep -c '^ok' "$T/delivered")" 10 'pdeliver takes ten messages'
start_suite

# fetched CLIENT FORM: compares $T/got/1 to 10 with what was delivered.
fetched() {
    wrong=
    for n in 1 2 3 4 5 6 7 8 9 10; do
        cmp "$T/got/$n" "$T/$2/want.$n" >>"$T/cmp.log" 2>&1 || wrong="$wrong $n"
    done
    is "$wrong" '' "$1 gets them byte for byte, $2 on disk"
    [ -z "$wrong" ] || tail -n 20 "$T/$1.log" "$T/pproxy.log" "$T/pserv.log" | sed 's/^/# /'
    rm -rf "$T/got" "$T/cmp.log"
}

for form in LF CRLF; do
    fresh; with_curl $form; fetched curl $form
    fresh; with_fetchmail $form keep; fetched fetchmail $form
    fresh; with_mpop $form; fetched mpop $form
    fresh; with_getmail $form; fetched getmail $form
    fresh; with_perl $form; fetched Net::POP3 $form
done

count() { find "$T/spool/$1/new" "$T/spool/$1/cur" -type f | wc -l | tr -d ' '; }
is "$(count LF)" 10 'who only fetches removes nothing'
talk 1 'USER LF' 'PASS secret' 'DELE 1' 'DELE 6' ':drop'
seen pserv 'ev=server_session .*removed=0 .*end=[^q]' 'a client hangs up after DELE'
is "$(count LF)" 10 'without QUIT nothing is removed'
talk 1 'USER LF' 'PASS secret' 'DELE 1' 'DELE 6' 'RSET' 'DELE 2' 'QUIT'
line 7 '^\+OK' 'QUIT is acknowledged'
is "$(count LF)" 9 'and has removed what was deleted'
[ ! -e "$T/spool/LF/new/100002.M1P1Q2.example" ]
ok $? 'which is the message that was meant'
fresh; with_fetchmail LF nokeep
is "$(count LF)" 0 'fetchmail may take all with it'
talk 1 'USER LF' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'and the maildrop is empty'
nobody() { ctl pproxy session list >/dev/null && ! has ctl 'user='; }
until_ok nobody
ok $? 'nobody is left in the proxy'
