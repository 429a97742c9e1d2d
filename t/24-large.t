#!/bin/sh
# pserv: large messages arrive as they are, whatever they are made of.
. t/lib/tap.sh
plan 15

suite
daemon pserv -d -f "$T/pserv.rc" && ready 2
box l/arge
# make NAME PERL: a file of some 1 MB
# shellcheck disable=SC2016
make() { perl -e "binmode STDOUT; $2" | asuser sh -c 'cat >"$1"' - "$T/spool/l/arge/new/$1"; }
make 1.crlf.h 'print "Subject: 1\r\n\r\n", ("0123456789" x 7 . "\r\n") x 15000'
make 2.lf.h 'print "Subject: 2\n\n", ("0123456789" x 7 . "\n") x 15000'
make 3.dots.h 'print "Subject: 3\r\n\r\n", ("." . "0123456789" x 7 . "\r\n", "..\r\n", ".\r\n") x 12000'
make 4.open.h 'print "Subject: 4\r\n\r\n", ("0123456789" x 7 . "\r\n") x 15000, "no end"'
make 5.mixed.h 'print "Subject: 5\r\n\r\n", ("a\r\n.b\nc\r.d\r\r\n", "\0\r\n") x 60000'
make 6.line.h 'print "x" x 1_000_000'
make 7.first.h 'print ".first\r\n", ("0123456789" x 7 . "\r\n") x 15000'

# fetch N: checks a message against the file, with line ends made CRLF and dots doubled
cat >"$T/fetch.pl" <<'EOP'
use IO::Socket::INET;
my ($port, $n, $file) = @ARGV;
alarm 60;
my $s = IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $port) or die;
# A small window: what is sent is sent in many pieces.
setsockopt $s, SOL_SOCKET, SO_RCVBUF, 20000;
print $s "l/arge\r\nfetch\r\n\r\n", "LIST $n\r\nRETR $n\r\n", "NOOP\r\nQUIT\r\n";
local $/;
my $all = <$s>;
$all =~ s/\A\+OK 7 messages\r\n\+OK $n (\d+)\r\n\+OK (\d+) octets\r\n// or die 'head: ', substr $all, 0, 100;
my ($list, $retr) = ($1, $2);
open my $f, '<', $file or die;
binmode $f;
my $want = <$f>;
$want =~ s/(?<!\r)\n/\r\n/g;
$want .= "\r\n" unless $want =~ /\n\z/;
die "LIST $list, RETR $retr, not " . length $want unless $list == length $want && $retr == $list;
$want =~ s/^\./../mg;
$all eq "$want.\r\n+OK\r\n+OK good bye\r\n" or die "not the same: " . length($all) . " and " . length $want;
EOP
n=0
for file in "$T"/spool/l/arge/new/*; do
    n=$((n + 1))
    what=${file##*/}
    cp "$file" "$T/copy.$n"
    perl "$T/fetch.pl" "$(port 2)" $n "$T/copy.$n" >"$T/fetch.log" 2>&1
    ok $? "a large message arrives whole ($what)" "$(cat "$T/fetch.log")"
    perl "$T/fetch.pl" "$(port 2)" $n "$T/copy.$n" >"$T/fetch.log" 2>&1
    ok $? 'and once more from cur' "$(cat "$T/fetch.log")"
done
end pserv
is $? 0 'pserv stops when it is told'
