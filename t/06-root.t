#!/bin/sh
# The tree: how much of it runs as root, and that the manual says so.
. t/lib/tap.sh
plan 2

# Lines that are neither blank nor comment, up to the unit tests.
cat >"$T/count.pl" <<'EOC'
my $lines = 0;
for my $file (@ARGV) {
    open my $f, '<', $file or die "$file: $!\n";
    while (<$f>) {
        last if /^#\[cfg\(test\)\]/;
        $lines++ unless m{^\s*(//|$)};
    }
}
print "$lines\n";
EOC
find src -name '*.rs' -exec grep -l '^//! PRIVILEGED\.' {} + | sort >"$T/files"
count=$(xargs perl "$T/count.pl" <"$T/files")
page=$(sed -n 's/^fewer than \([0-9]*\) lines without comments and tests, .*/\1/p' man/popular.7)
note "$count lines"
# To the next hundred, so that not every change of a line is one of the manual.
is "$page" $((count / 100 * 100 + 100)) 'popular(7) says how many lines are marked as run by root'
[ "$count" -lt 2500 ]
ok $? 'and they are few'
