#!/usr/bin/perl
# blocks.pl DIR PAGE ...: the examples of manual pages, one file in DIR each, and on standard
# output a line `FILE PAGE:LINE HOW` for each.
#
# An example is a `.Bd -literal` block, or a `.Dl` in section EXAMPLES. The line before it says in
# a comment how it is run:
#
#   .\" run: pproxy            control words: a start file of pproxy (or pserv, or pcheckd)
#   .\" run: sh                a dialogue with a shell; what is answered stands below the command
#   .\" run: flat              lines of a file that pdm_flat (or pdm_master) takes
#   .\" run: log               lines of the log
#   .\" run: test FILE         FILE does it, and names the page or has its last line
#   .\" run: cron, systemd, fail2ban     lines for these
#   .\" run: picture           nothing to run
use strict;
use warnings;

my $dir = shift;
my $out;
for my $page (@ARGV) {
    open my $f, '<', $page or die "$page: $!\n";
    (my $name = $page) =~ s,.*/,,;
    my ($how, $examples, $count) = ('', 0, 0);
    while (<$f>) {
        $examples = /EXAMPLES/ if /^\.Sh/;
        my $one = $examples && s/^\.Dl //;
        if ($one || /^\.Bd -literal/) {
            my $file = "$dir/$name." . ++$count;
            open $out, '>', $file or die "$file: $!\n";
            print "$file $page:$. ", $how || 'unmarked', "\n";
        }
        if (/^\.Ed/) { undef $out }
        elsif ($out && !/^\.Bd/) {
            s/\\&//g;
            s/\\\(dq/"/g;
            s/\\e/\\/g;
            print $out $_;
        }
        undef $out if $one;
        $how = /^\.\\" run: (.*)/ ? $1 : '';
    }
}
