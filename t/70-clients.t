#!/bin/sh
# The suite: five clients fetch ten messages through pproxy, pcheckd and pserv, byte for byte.
. t/lib/tap.sh
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
fresh() { rm -rf "$T/got" "$T/md"; mkdir "$T/got"; }

# curl writes a line end of its own for a message without octets.
with_curl() {
    for n in 1 2 3 4 5 6 7 8 9 10; do
        curl -sS --max-time 60 -u "$1:secret" "pop3://127.0.0.1:$(port 1)/$n" |
            tr -d '\r' >"$T/got/$n"
    done
    [ "$(wc -c <"$T/got/5")" -gt 1 ] || : >"$T/got/5"
}

# fetchmail passes on a note of its own in place of a message without octets.
with_fetchmail() {
    # shellcheck disable=SC2016 # for the shell that runs it
    printf 'cat >"%s/got/$(($(ls "%s/got" | wc -l) + 1))"\n' "$T" "$T" | file mda
    file fetchmail.rc <<EOC
poll 127.0.0.1 protocol POP3 port $(port 1) timeout 60
    username $1 password secret sslproto "" $2 fetchall no rewrite mda "/bin/sh $T/mda"
set invisible
set no bouncemail
EOC
    chmod 600 "$T/fetchmail.rc"
    FETCHMAILHOME=$T fetchmail -s --pidfile "$T/fetchmail.pid" -f "$T/fetchmail.rc" >"$T/fetchmail.log" 2>&1
    ! grep -qs 'Subject: Headerless mail' "$T/got/5" || : >"$T/got/5"
}

with_mpop() {
    file mpop.rc <<EOC
account default
host 127.0.0.1
port $(port 1)
user $1
password secret
auth user
tls off
received_header off
uidls_file $T/mpop.uidls
keep on
delivery maildir $T/md
EOC
    chmod 600 "$T/mpop.rc"
    mkdir -p "$T/md/new" "$T/md/cur" "$T/md/tmp"
    rm -f "$T/mpop.uidls"
    mpop -q -C "$T/mpop.rc" >"$T/mpop.log" 2>&1
    for got in "$T"/md/new/*; do
        n=${got##*Q}
        mv "$got" "$T/got/${n%%.*}"
    done
}

# getmail will not deliver as root, and puts a line of its own on top.
with_getmail() {
    mkdir -p "$T/md/new" "$T/md/cur" "$T/md/tmp" "$T/getmail"
    file getmail/rc <<EOC
[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = $(port 1)
username = $1
password = secret
[destination]
type = Maildir
path = $T/md/
[options]
read_all = true
delete = false
delivered_to = false
received = false
verbose = 0
EOC
    [ -z "$ROOT" ] || chown -R "$USER" "$T/md" "$T/getmail"
    asuser env HOME="$T/getmail" getmail --getmaildir "$T/getmail" --rcfile rc \
        >"$T/getmail.log" 2>&1
    for got in "$T"/md/new/*; do
        n=${got##*Q}
        sed '1{/^Return-Path: /d;}' "$got" >"$T/got/$((${n%%R*} + 1))"
    done
    [ "$(wc -c <"$T/got/5")" -gt 1 ] || : >"$T/got/5"
}

with_perl() {
    perl -MNet::POP3 -e '
        my ($port, $user, $dir) = @ARGV;
        my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 60) or die "connect\n";
        $pop->login($user, "secret") or die "login\n";
        for my $n (sort { $a <=> $b } keys %{ $pop->list }) {
            open my $f, ">", "$dir/$n" or die "$n: $!\n";
            print $f @{ $pop->get($n) };
        }
        $pop->quit' "$(port 1)" "$1" "$T/got" 2>"$T/perl.log"
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
