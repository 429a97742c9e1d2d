#!/bin/sh
# The log: every event has a number, a level and a place in popular-log(7), and is as it says there.
#
# An item of the page is `.It Sy name number level Ar key key ...`, with all keys that the event
# is ever given.
. t/lib/tap.sh
plan 4

sed -n 's/^ *\([A-Z_0-9]*\) *0x\([0-9a-f]*\) \([A-Z][a-z]*\) "\([a-z_]*\)";.*/\1 \4 \2 \3/p' \
    src/base/events.rs >"$T/events"
[ "$(wc -l <"$T/events")" -gt 20 ]
ok $? 'the table of events can be read'
is "$(cut -d ' ' -f 3 "$T/events" | sort | uniq -d)" '' 'every event has a number of its own'
is "$(cut -d ' ' -f 2 "$T/events" | sort | uniq -d)" '' 'and a name of its own'

# What the sources log: each event with all keys it is ever given.
cat >"$T/logged.pl" <<'EOC'
my ($table, @files) = @ARGV;
open my $f, '<', $table or die;
my %event = map { my ($const, @row) = split; ($const => [@row[0, 1], uc $row[2]]) } <$f>;
my %keys = (DEBUG => { area => 1 });
for my $file (@files) {
    open my $f, '<', $file or die "$file: $!\n";
    my $text = join '', map { s{^\s*//.*}{}r } <$f>;
    $text =~ s/#\[cfg\(test\)\]\s*mod .*//s;
    $text =~ s/"(?:[^"\\]|\\.)*"/""/gs;
    while ($text =~ /event!(\((?:[^()]|(?1))*\))/g) {
        my $call = substr $1, 1, -1;
        1 while $call =~ s/[(\[][^()\[\]]*[)\]]//g;
        my ($const, @rest) = split /\s*,\s*/, $call =~ s/^\s+//r;
        $keys{$const}{$_} = 1 for map { /^(\w+)\s*=/ ? $1 : () } @rest;
        $keys{$const} //= {};
    }
}
$keys{LOG_LOST}{count} = 1;    # log.rs cannot use its own macro
for my $const (sort keys %event) {
    my @all = $keys{$const} ? sort keys %{ $keys{$const} } : 'is never logged';
    print join(' ', @{ $event{$const} }, @all), "\n";
}
EOC
find src -name '*.rs' | sort | xargs perl "$T/logged.pl" "$T/events" | sort >"$T/a"
perl t/lib/items.pl man/popular-log.7 2>/dev/null | perl -ne '
    my ($sy, $name, $number, $level, @keys) = split;
    print join(" ", $name, $number, $level, sort @keys), "\n" if $sy eq "Sy" && $number' |
    sort >"$T/b"
is "$(comm -3 "$T/a" "$T/b")" '' \
    'every event is in popular-log(7) with number, level and keys, and no other'
