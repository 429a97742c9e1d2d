# shellcheck shell=sh
# Clients that fetch all mail in the clear, behind tap.sh. Those that check certificates stand in
# tlsclients.sh.
#
#   fresh                      $T/got is empty
#   with_CLIENT USER           fetches the ten messages of USER, whose password is secret, from port
#                              1 into $T/got/1 to $T/got/10, their line ends LF; the fifth has no
#                              octets
#   with_fetchmail USER keep|nokeep
#                              leaves them there or takes them with it

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
