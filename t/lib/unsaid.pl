#!/usr/bin/perl
# unsaid.pl SAID: standard input is the output of pproxy -T; which of its control words stand in no
# line of SAID, each in all its kinds (`a|b` is two words).
use strict;
use warnings;

open my $f, "<", $ARGV[0] or die "$ARGV[0]: $!\n";
my @said = map { [split] } <$f>;
for (grep { s/^word // } <STDIN>) {
    my @lists = ([]);
    for my $piece (split) {
        last if $piece =~ /^\[/;
        my @may = $piece =~ /^[a-z]/ ? split /\|/, $piece : "";
        @lists = map { my $l = $_; map { [@$l, $_] } @may } @lists;
    }
    # These end the daemon, and have tests of their own.
    for my $list (grep { $_->[0] !~ m{^(shutdown|upgrade)$} } @lists) {
        print "@$list\n" unless grep {
            my $said = $_;
            @$said >= @$list && !grep { $list->[$_] ne "" && $list->[$_] ne $said->[$_] } 0 .. $#$list;
        } @said;
    }
}
