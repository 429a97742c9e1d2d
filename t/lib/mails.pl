#!/usr/bin/perl
# mails.pl DIR LF|CRLF: writes ten messages to DIR/1 to DIR/10, with the line ends asked for, and
# what a client has of them, with LF, to DIR/want.1 to DIR/want.10.
use strict;
use warnings;

my ($dir, $end) = @ARGV;
my $head = "From: anna\@example.org\nTo: joe\@example.org\nSubject: N\nMessage-ID: <N\@example.org>\n";
my $line = '0123456789abcdef' x 4 . "\n";
my @mails = (
    "$head\nA plain message.\n",
    "$head\n.\n..\n.a\n\n...\n. \n.QUIT\n",
    "$head\n" . join('', map { chr } 0xa0 .. 0xff) . "\n\xc3\xa9\n",
    "$head\nno final newline",
    '',
    "$head\n" . $line x (50 * 1024 * 1024 / length $line),
    "$head\n" . 'x' x 990 . "\n",
    "$head\n",
    "$head\n\n\n\n",
    "$head\n trailing \t \n\ttab\n+OK\n-ERR\n",
);
for my $n (1 .. @mails) {
    my $mail = $mails[$n - 1];
    $mail =~ s/: N\n/: $n\n/;
    $mail =~ s/<N\@/<$n\@/;
    put("want.$n", $mail =~ /[^\n]\z/ ? "$mail\n" : $mail);
    $mail =~ s/\n/\r\n/g if $end eq 'CRLF';
    put($n, $mail);
}

sub put {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name" or die "$dir/$name: $!\n";
    print $f $text;
    close $f or die "$dir/$name: $!\n";
}
