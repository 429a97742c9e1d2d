#!/bin/sh
# The tree: unsafe has an address, and every block argues.
. t/lib/tap.sh
plan 6

# Prints the lines of FILE that say `unsafe`, comments, strings and the name of the lint left out.
cat >"$T/unsafe.pl" <<'EOC'
for my $file (@ARGV) {
    open my $f, '<', $file or die "$file: $!\n";
    while (<$f>) {
        s{(^|[^:])//.*}{$1};
        s/"(?:[^"\\]|\\.)*"//g;
        print "$file:$.: $_" if /\bunsafe\b/;
    }
}
EOC

# Prints the blocks and impls without a SAFETY line: it stands in the comment right above, or
# above the statement that the block is part of.
cat >"$T/argue.pl" <<'EOC'
for my $file (@ARGV) {
    open my $f, '<', $file or die "$file: $!\n";
    my ($argued, $since) = (0, 0);
    while (<$f>) {
        if (m{//\s*SAFETY:}) { ($argued, $since) = (1, 0); next }
        next if m{^\s*//};
        next if ++$since > 5 && ($argued = 0);
        next unless /\bunsafe\s*(?:\{|impl\b)/;
        print "$file:$.: $_" unless $argued && $since <= 5;
        $argued = 0;
    }
}
EOC

find src -name '*.rs' | sort >"$T/files"
grep -v -e '^src/sys[/.]' -e '^src/pdm/' "$T/files" >"$T/outside"
is "$(xargs perl "$T/unsafe.pl" <"$T/outside")" '' \
    'unsafe stands in src/sys and src/pdm only'
grep -q '^#!\[deny(unsafe_code)\]' src/lib.rs
ok $? 'the library denies it'
is "$(xargs grep -lE 'allow\(.*unsafe_code' <"$T/outside" | grep -vx src/lib.rs)" '' \
    'and no room but sys is let off'
is "$(grep -A1 -E 'allow\(.*unsafe_code' src/lib.rs | grep -w mod | grep -vw sys)" '' \
    'nor is another let off in the list of rooms'
is "$(for lib in src/modules/*/lib.rs; do
    grep -q '^#!\[forbid(unsafe_code)\]' "$lib" || echo "$lib"
done)" '' 'every module in Rust forbids it'
is "$(grep -e '^src/sys[/.]' -e '^src/pdm/' "$T/files" | xargs perl "$T/argue.pl")" '' \
    'every block says why it is safe'
