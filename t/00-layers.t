#!/bin/sh
# The tree: rooms import from lower floors only, and foreign crates have few doors.
. t/lib/tap.sh
plan 7

# room: the rooms it may import from
cat >"$T/floors" <<'EOC'
sys:
base: sys
net: base sys
daemon: net base sys
pop3: net base sys
auth: net base sys
maildir: net base sys
check: net base sys
limit: net base sys
pproxy: daemon pop3 auth maildir check limit net base sys
pserv: daemon pop3 auth maildir check limit net base sys
pcheckd: daemon pop3 auth maildir check limit net base sys
pctl: daemon pop3 auth maildir check limit net base sys
pstatus: daemon pop3 auth maildir check limit net base sys
pcheck: daemon pop3 auth maildir check limit net base sys
pdeliver: daemon pop3 auth maildir check limit net base sys
pclean: daemon pop3 auth maildir check limit net base sys
ptestpdm: daemon pop3 auth maildir check limit net base sys
pbench: daemon pop3 auth maildir check limit net base sys
EOC

# foreign crate: the rooms, or files, that may name it
cat >"$T/doors" <<'EOC'
pdm: sys auth
libc: sys
libloading: sys
landlock: sys/sandbox/files.rs
seccompiler: sys/sandbox/calls.rs
nix: sys net daemon
openssl: net/tls.rs net/tls/pair.rs net/tls/warm.rs net/tls/tests.rs net/tls/connect.rs net/tls/load.rs net/tls/connect/tests.rs base/digest.rs sys/ticket.rs
openssl_sys: sys/ticket.rs
syslog: base/sink.rs
getopts: base/opt.rs
signal_hook: daemon/signals.rs
EOC

# Every path of the sources as `file room` or `file crate`, comments left out: what follows
# `crate::`, in braces too, and the first word of foreign paths.
cat >"$T/paths.pl" <<'EOC'
my %foreign;
open my $doors, '<', shift or die;
while (<$doors>) { $foreign{$1} = 1 if /^(\w+):/ }
for my $file (@ARGV) {
    open my $f, '<', $file or die "$file: $!\n";
    my $text = join '', map { s{(^|[^:"])//.*}{$1}r } <$f>;
    (my $short = $file) =~ s{^src/}{};
    print "up $short\n" if $text =~ /\bsuper::super::/;
    while ($text =~ /\bcrate::(?:(\w+)|(\{(?:[^{}]|(?2))*\}))/g) {
        my @rooms = ($1 // '') ne '' ? $1 : names($2);
        print "ours $short $_\n" for @rooms;
    }
    while ($text =~ /(?<![\w:])(?:::)?(\w+)::|\buse\s+(\w+)\s*(?:;|as\b)/g) {
        my $name = $1 // $2;
        print "foreign $short $name\n" if $foreign{$name};
    }
}
sub names {
    my ($tree) = @_;
    $tree = substr $tree, 1, -1;
    1 while $tree =~ s/\{[^{}]*\}//g;
    return $tree =~ /(?:^|,)\s*(\w+)/g;
}
EOC
find src -name '*.rs' ! -path 'src/modules/*' ! -path 'src/pdm/*' | sort >"$T/files"
xargs perl "$T/paths.pl" "$T/doors" <"$T/files" | sort -u >"$T/paths"

row() { sed -n "s/^$2: *//p" "$T/$1"; }
has_word() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac }

homeless=$(sed -n 's,^src/\([a-z0-9]*\)[./].*,\1,p' "$T/files" | sort -u |
    grep -vx -e lib -e bin | while read -r room; do
    grep -q "^$room:" "$T/floors" || echo "$room"
done)
is "$homeless" '' 'every room has a floor'

wrong=$(grep '^ours ' "$T/paths" | while read -r _ path to; do
    room=${path%%/*}
    room=${room%.rs}
    case $room in lib | bin | "$to") continue ;; esac
    grep -q "^$to:" "$T/floors" || continue
    has_word "$(row floors "$room")" "$to" || echo "$path names $to"
done)
is "$wrong" '' 'a room imports from lower floors only'
is "$(grep '^up ' "$T/paths")" '' 'and reaches no other room by super::super'

wrong=$(grep '^foreign ' "$T/paths" | while read -r _ path crate; do
    doors=$(row doors "$crate")
    has_word "$doors" "$path" || has_word "$doors" "${path%%/*}" || echo "$path names $crate"
done)
is "$wrong" '' 'foreign crates come in by their doors'

undoored=$(sed -n '/^\[\(target\..*\.\)*dependencies\]/,/^$/s/^\([a-z0-9_-]*\) *=.*/\1/p' Cargo.toml |
    tr - _ | while read -r crate; do
    grep -q "^$crate:" "$T/doors" || echo "$crate"
done)
is "$undoored" '' 'every dependency has a door'

wrong=$(for main in src/bin/*.rs; do
    [ -f "$main" ] || continue
    name=$(basename "$main" .rs)
    grep -q "popular::${name}_main()" "$main" || echo "$main does not call ${name}_main"
    [ "$(wc -l <"$main")" -le 6 ] || echo "$main is longer than 6 lines"
done)
is "$wrong" '' 'a program in src/bin only calls its room'

is "$(xargs wc -l <"$T/files" | awk '$2 != "total" && $1 > 600')" '' \
    'no source file has more than 600 lines'
