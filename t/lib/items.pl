#!/usr/bin/perl
# items.pl PAGE ...: prints the items of manual pages, macros left out and what Ns joins joined:
# `.It Ic server Cm add Ar ID` becomes `Ic server add ID`.
use strict;
use warnings;

while (<>) {
    next unless s/^\.It (?:Xo )?(\w\w)\s+//;
    my ($kind, $text, $glue) = ($1, '', 1);
    for my $word (split) {
        next if $word =~ /^(?:Ic|Cm|Va|Ar|No|Li|Sy|Em|Pa|Xo|Oo|Oc|Op|Pq|Brq)$/;
        if ($word eq 'Ns') { $glue = 1; next }
        $text .= ($glue ? '' : ' ') . $word;
        $glue = 0;
    }
    $text =~ s/"//g;
    print "$kind $text\n";
}
