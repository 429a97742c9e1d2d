#!/usr/bin/perl
# mail.pl FOLDER KIND ROOT FIRST LAST: fills mailboxes under ROOT, which are named KIND and a
# number from FIRST to LAST, with the same mail for everybody:
#
#   e  nothing        m  one message of 2 kB      f  five messages of 20 kB
#   l  one message of 50 MB      d  twenty of 2 kB, whatever was there before
#   b  BIG messages of 2 kB, in a new mailbox
#
# Messages have CRLF and tell their size in their names. They are links to files in FOLDER: what
# differs between servers is not the disk.
use strict;
use warnings;

my ($folder, $kind, $root, $first, $last) = @ARGV;
die "usage: mail.pl FOLDER KIND ROOT FIRST LAST\n" unless @ARGV == 5;
my %number = (e => 0, m => 1, f => 5, l => 1, d => 20, b => $ENV{BIG} // 100_000);
my %octets = (m => 2_000, f => 20_000, l => 50_000_000, d => 2_000, b => 2_000);

# A file can have only so many names.
sub source {
    my ($part) = @_;
    my $file = "$folder/$octets{$kind}.$part";
    return $file if -e $file;
    open my $f, '>', "$file.$$" or die "$file: $!\n";
    my $head = "From: joe\@example.org\r\nSubject: mail\r\n\r\n";
    my $row = 'x' x 76 . "\r\n";
    my $left = $octets{$kind} - length $head;
    print $f $head, $row x int($left / length $row);
    $left %= length $row;
    print $f $left > 2 ? 'y' x ($left - 2) . "\r\n" : '' or die "$file: $!\n";
    close $f or die "$file: $!\n";
    rename "$file.$$", $file or die "$file: $!\n";
    return $file;
}

for my $n ($first .. $last) {
    my $box = "$root/$kind$n";
    if ($kind eq 'b' && -d $box) { system 'rm', '-rf', $box }
    for ($box, map { "$box/$_" } qw(new cur tmp)) { -d or mkdir or die "$_: $!\n" }
    for my $at (1 .. $number{$kind}) {
        my $from = source(int($at / 20_000));
        my $size = -s $from;
        my $to = sprintf '%s/new/%d.M%06dP%dQ%d.host,S=%d,W=%d', $box, time, $at % 1_000_000, $$, $n, $size, $size;
        link $from, $to or die "$to: $!\n";
    }
}
