#!/bin/sh
# The words: what `help` says, what the manual says, and what a daemon does are the same.
#
# Behind `.It Va name`, the manual has `.Pq default; range; live`. What words and variables there
# are is compared in t/02-man.t.
. t/lib/tap.sh
plan 6

suite
start_suite

# Every variable: its default, its range and whether it is live, in the manual and in the table.
cat >"$T/vars.pl" <<'EOC'
my ($table, @pages) = @ARGV;
my %said;
for my $page (@pages) {
    open my $f, '<', $page or die "$page: $!\n";
    my $text = do { local $/; <$f> };
    while ($text =~ /^\.It Va (\w+)\n(?:\.Pq (.*))?/mg) {
        my ($name, $note) = ($1, $2 // '');
        $note =~ s/\b(?:Li|Cm|Pa|Va|No|Ns)\s+//g;
        $note =~ s/ +([,;])/$1/g;
        $said{$name} = $note;
    }
}
open my $f, '<', $table or die;
while (<$f>) {
    my ($name, $kind, $default, $range, $when) =
        /^var (\S+) (\S+) ("[^"]*"|\S+) ("[^"]*"|\S+) (\S+)$/ or next;
    s/^"(.*)"$/$1/ for $default, $range;
    my @parts;
    if ($when eq 'readonly') { @parts = 'read-only' }
    else {
        push @parts, $default;
        if ($kind =~ /^(?:Int|Time|Decimal)$/) { push @parts, $range =~ s/\.\./ to /r }
        elsif ($kind eq 'Bool') { push @parts, 'yes or no' }
        elsif ($range =~ /^[\w.]+(?:\|[\w.]+)+$/) { push @parts, 'one of ' . $range =~ s/\|/, /gr }
        push @parts, 'live' if $when eq 'live';
    }
    my $want = join '; ', @parts;
    my $got = $said{$name} // '';
    $got =~ s/local0 to local7/join ', ', map { "local$_" } 0 .. 7/e;
    $got =~ s/^(?:empty|the one of user)(?=$|;)// if $default eq '';
    print "$name: the manual has ($got), the table ($want)\n" if $got ne $want;
}
EOC
for name in pproxy pserv pcheckd; do
    "$BIN/$name" -T >"$T/$name.table"
    perl "$T/vars.pl" "$T/$name.table" "man/$name.rc.5" man/popular-control.5 >"$T/out" 2>&1
    is "$(cat "$T/out")" '' "the manual has default, range and when of every variable of $name"
done

# help: every word of the table, every variable, every option; and no list is cut.
cat >"$T/help.pl" <<'EOC'
my ($socket, $table) = @ARGV;
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $socket) or die "$socket: $!\n";
sub line { my $l = <$s> // die "no answer\n"; $l =~ s/\r?\n//; $l }
line();
sub ask {
    print $s "@_\n";
    my $head = line();
    return $head unless $head =~ /^\+OK .*:$/;
    my @lines;
    while ((my $l = line()) ne '.') { push @lines, $l }
    @lines;
}
my @help = map { s/  .*//r } ask('help');
my (@words, @vars, %keys);
open my $f, '<', $table or die;
while (<$f>) {
    chomp;
    push @words, $1 if /^word (.*)/;
    push @vars, [$1, $2] if /^var (\S+) (.*)/;
    push @{ $keys{"$1 $2"} }, $3 if /^key (\S+) (\S+) (.*)/;
}
print "help has not: $_\n" for grep { my $w = $_; !grep { $_ eq substr $w, 0, length } @help } @words;
print "help has too: $_\n" for grep { my $h = $_; !grep { $h eq substr $_, 0, length $h } @words } @help;
for my $word (@words) {
    my @first;
    for (split ' ', $word) { last unless /^[a-z]/; push @first, (split /\|/)[0] }
    print "help @first: lacks $word\n" unless grep { index($_, $word) == 0 } ask('help', @first);
}
for my $of (keys %keys) {
    my @lines = ask('help', $of);
    for my $key (@{ $keys{$of} }) {
        print "help $of: lacks $key\n" unless grep { /^    \Q$key\E +\S/ } @lines;
    }
}
for (@vars) {
    my ($name, $rest) = @$_;
    my @lines = ask('help', $name);
    print "help $name: @lines\n" unless grep { /^    \Q$name $rest\E +\S/ } @lines;
    my ($row) = ask('show', $name);
    my ($kind, $default, $range, $when) = $rest =~ /^(\S+) ("[^"]*"|\S+) ("[^"]*"|\S+) (\S+)$/;
    print "show $name: $row\n"
        unless $row =~ /^name=$name value=("[^"]*"|\S+) default=\Q$default\E range=(\S+|"[^"]*") when=$when$/;
}
EOC
for name in pproxy pserv pcheckd; do
    perl "$T/help.pl" "$T/run/$name.ctrl" "$T/$name.table" >"$T/out" 2>&1
    is "$(head -n 20 "$T/out")" '' "$name explains every word, option and variable, and shows each"
done
