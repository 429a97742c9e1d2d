#!/bin/sh
# pdeliver, pserv and pclean at once in one mailbox: no mail is lost or double, the quota is right.
. t/lib/tap.sh
plan 4

spool
box joe
cat >"$T/pserv.rc" <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
daemon pserv -d -f "$T/pserv.rc" && ready 2

cat >"$T/reader.pl" <<'EOP'
# Sessions that fetch and delete all there is, until all writers are done and nothing is left.
# Prints what QUIT said is deleted.
use strict;
use warnings;
use IO::Socket::INET;
my ($port, $done) = @ARGV;
$SIG{ALRM} = sub { exit 3 };
alarm 120;
while (1) {
    my $last = -e $done;
    my $s = IO::Socket::INET->new("127.0.0.1:$port") or next;
    my $say = sub { print $s "$_[0]\r\n"; my $answer = <$s>; $answer // '' };
    next unless $say->("joe\r\nsid\r\n") =~ /^\+OK/;
    my ($count) = $say->('STAT') =~ /^\+OK (\d+)/ or next;
    my @texts;
    for my $n (1 .. $count) {
        $say->("RETR $n") =~ /^\+OK/ or last;
        my $text = '';
        while (defined(my $line = <$s>) and $text !~ /\n\.$/) {
            last if $line =~ /^\.\r\n/;
            $text = $1 if $line =~ /^id (\S+)/;
        }
        push @texts, $text if $say->("DELE $n") =~ /^\+OK/;
    }
    print map "$_\n", @texts if $say->('QUIT') =~ /^\+OK/;
    exit 0 if $last && $count == 0;
}
EOP

for n in 1 2 3; do
    perl "$T/reader.pl" "$(port 2)" "$T/done" >"$T/read.$n" &
    echo $! >>"$T/readers"
done
(while [ ! -e "$T/done" ]; do
    asuser "$BIN/pclean" -x -r 0 -m "$T/spool" -l "$T/pclean.log" -o '*=100' >>"$T/cleaned" 2>&1
done) &
cleaner=$!
for n in 1 2 3; do
    (m=0
    while [ $m -lt 30 ]; do
        m=$((m + 1))
        echo "id $n.$m" | asuser "$BIN/pdeliver" -Q 1000 -m "$T/spool" -l "$T/pdeliver.log" joe &&
            echo "$n.$m" >>"$T/sent.$n"
    done) &
    writers="${writers-} $!"
done
# shellcheck disable=SC2086
wait $writers
: >"$T/done"
wait $cleaner
failed=0
while read -r reader; do
    wait "$reader" || failed=1
done <"$T/readers"
is $failed 0 'all sessions came to their ends'
sort "$T"/sent.* >"$T/want"
sort "$T"/read.* >"$T/got"
is "$(wc -l <"$T/want" | tr -d ' ')" 90 'all was delivered'
same "$T/got" "$T/want" 'each message was deleted by one session, once'
is "$(awk 'NR > 1 { s += $1; n += $2 } END { print s + 0, n + 0 }' "$T/spool/joe/maildirsize")" '0 0' \
    'and maildirsize says that nothing is left'
