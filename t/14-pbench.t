#!/bin/sh
# pbench: every load logs in and does what it promises, wrong replies are seen, and it always ends.
# The examples of pbench.8 are its command lines with other servers.
. t/lib/tap.sh
. t/lib/ca.sh
plan 26

authority ca
cert mail ca localhost
suite
# Resumption does not depend on which worker comes next.
cat >>"$T/pproxy.rc" <<EOC
vserv change main tls=starttls cert=$T/mail.crt key=$T/mail.key
vserv add tls 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
EOC
for n in 1 2 3 4; do
    account "empty0$n" b1 "e/empty$n"
    account "full0$n" b1 "f/full$n"
    box "f/full$n"
    printf 'Subject: 1\n\n.dots\n..\n.\nare stuffed\n' | deliver "f/full$n"
    perl -e 'print "Subject: 2\n\n", "x" x 70, "\n" x 9000' | deliver "f/full$n"
done
start_suite
ready 4

# bench N ARG ...: pbench at port N; standard output is $T/out.log, the exit status ours
bench() {
    _at=$(port "$1")
    shift
    "$BIN/pbench" -s "localhost:$_at" -d 60 -w "$WAIT" "$@" >"$T/out.log" 2>"$T/err.log"
}
# value LOAD KEY: what the object says; LOAD may be `all`
value() {
    perl -MJSON::PP -e '
        my $all = decode_json(join "", <STDIN>);
        my ($load) = $ARGV[0] eq "all" ? $all : grep { $_->{load} eq $ARGV[0] } @{ $all->{loads} };
        print $load->{$ARGV[1]}' "$1" "$2" <"$T/out.log"
}
empty='user=empty%02d range=1-4 pass=secret'
full='user=full%02d range=1-4 pass=secret'

# shellcheck disable=SC2086
bench 1 -j -c 4 -n 40 login $empty messages=0 weight=3 fetch $full messages=2
is "$?" 0 'a mix of logins ends well'
is "$(value login sessions) $(value fetch sessions)" '30 10' 'it is mixed as was asked for'
is "$(value fetch messages)" 20 'all messages were retrieved'
[ "$(value all self_us)" != 0 ] && [ "$(value all seconds)" != 0 ]
ok $? 'it says what it cost'
is "$(grep -c 'ev=session .*user=empty01' "$T/pproxy.log")" "$(grep -c 'ev=session .*user=empty04' "$T/pproxy.log")" \
    'accounts are used in turn'

# shellcheck disable=SC2086
bench 1 -r 200 -n 20 list $full
is "$?" 0 'with a rate, listing'
like "$(cat "$T/out.log")" '^list  +20  +0 ' 'there is a table'
like "$(cat "$T/out.log")" ' unstarted=0$' 'and nobody had to wait'

# shellcheck disable=SC2086
bench 4 -j -t implicit -C "$T/ca.pem" -R -v 1.3 -c 2 -n 12 fetch $full
is "$? $(value all handshakes) $(value all resumed)" '0 12 10' 'TLS 1.3 is resumed by each client'
# shellcheck disable=SC2086
bench 1 -j -t starttls -R -v 1.2 -c 1 -n 3 login $empty
is "$? $(value all handshakes) $(value all resumed)" '0 3 2' 'so is TLS 1.2, by STLS'
# shellcheck disable=SC2086
bench 4 -j -t implicit -n 3 login $empty
is "$? $(value all handshakes) $(value all resumed)" '0 3 0' 'and nothing unless asked for'
authority other
# shellcheck disable=SC2086
bench 4 -t implicit -C "$T/other.pem" -n 1 login $empty
is "$?" 1 'a certificate of somebody else is refused'
like "$(cat "$T/err.log")" 'TLS: .*certificate' 'with the reason'

# shellcheck disable=SC2086
"$BIN/pbench" -s "127.0.0.1:$(port 1)" -P 2 -c 4 -d 60 hold $empty >"$T/hold.log" 2>&1 &
held=$!
echo $held >"$T/run/hold.job"
seen hold '^ready held=4 failed=0 ' 'it says when all sessions are held'
is "$(ctl pproxy session list | grep -c 'empty0')" 4 'and they are'
kill -TERM $held
wait $held
is "$?" 0 'a signal ends them'
like "$(cat "$T/hold.log")" '^hold  +4  +0 ' 'well'

# shellcheck disable=SC2086
bench 1 -j -P 2 -c 4 -n 4 drain $full
is "$? $(value drain messages)" '0 8' 'two processes share a drain'
# shellcheck disable=SC2086
bench 1 -n 4 fetch $full messages=0
is "$?" 0 'and nothing is left'

bench 1 -n 3 login user=empty01 pass=wrong
is "$?" 1 'a wrong password is a failure'
like "$(cat "$T/err.log")" '^pbench: 3 times: PASS: -ERR \[AUTH\]' 'and told'
# shellcheck disable=SC2086
bench 1 -n 2 login $empty messages=7
like "$? $(cat "$T/err.log")" '^1 pbench: 2 times: STAT: 0 messages, not 7' 'so is a wrong number of messages'
# shellcheck disable=SC2086
bench 9 -c 1 -x 5 login $empty
like "$? $(cat "$T/err.log")" '^1 pbench: 5 times: .*Connection refused' 'it gives up where nobody listens'

# A server that says too much, and one that says nothing.
perl -MIO::Socket::INET -e '
    my $l = IO::Socket::INET->new(LocalPort => shift, LocalAddr => "127.0.0.1", Listen => 9, ReuseAddr => 1) or die;
    while (my $c = $l->accept) { print $c "+OK hello\r\n+OK more \x1b\r\n"; push @all, $c }' "$(port 5)" &
echo $! >"$T/run/fake.job"
ready 5
"$BIN/pbench" -s "127.0.0.1:$(port 5)" -n 1 login user=a >"$T/out.log" 2>"$T/err.log"
is "$? $(cat "$T/err.log")" '1 pbench: 1 times: USER: nobody asked for +OK more \x1b' 'what nobody asked for is seen'
"$BIN/pbench" -s "127.0.0.1:$(port 5)" -t implicit -n 1 -w 1 login user=a >"$T/out.log" 2>"$T/err.log"
like "$? $(cat "$T/err.log")" '^1 pbench: 1 times: TLS: ' 'so is what is not TLS'
"$BIN/pbench" login user=a 2>"$T/err.log"
is "$? $(cat "$T/err.log")" '2 pbench: -s HOST:PORT is wanted' 'it connects to nobody unless told'
