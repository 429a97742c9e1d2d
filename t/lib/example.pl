#!/usr/bin/perl
# example.pl PAGE SECTION FILE: prints the lines that a manual page says belong into FILE, which
# stand there as `.Bd ...` to `.Ed` below `.Ss SECTION` and `.Pa FILE` or `.Sy FILE`.
use strict;
use warnings;

my ($page, $section, $file) = @ARGV;
open my $f, '<', $page or die "$page: $!\n";
my ($in, $named, $shown) = (0, 0, 0);
while (<$f>) {
    if (/^\.S[sh] (.*)/) { $in = $1 eq $section; $named = 0 }
    elsif ($in && /^\.(?:Pa|Sy) (?:\S*\/)?(\S+)/) { $named = $1 eq $file }
    elsif ($named && /^\.Bd/) { $shown = 1 }
    elsif ($shown && /^\.Ed/) { exit }
    elsif ($shown) { s/\\&//; s/\\e/\\/g; print }
}
die "$page: no $file in $section\n";
