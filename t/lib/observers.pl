#!/usr/bin/perl
# observers.pl SOCKET COUNT SECONDS FLAG STOP: so many clients of a control socket, each of which asks
# for the list of sessions, and then for metrics, every so many seconds, evenly spread, as long as FLAG
# exists; until STOP exists. Standard output tells once a second how many are connected, how many
# questions were answered, and how many lines that were.
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Select;
use Time::HiRes qw(time);

$| = 1;
my ($path, $count, $seconds, $flag, $stop) = @ARGV;
my ($all, $answered, $lines, %client) = (IO::Select->new, 0, 0);
for my $n (1 .. $count) {
    my $s = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!\n";
    $s->blocking(0);
    $all->add($s);
    $client{$s} = { next => time + $seconds * $n / $count, word => 'greeting', rest => '' };
}
my $told = 0;
until (-e $stop) {
    my $now = time;
    if ($now >= $told + 1) { $told = $now; printf "%d %d %d\n", scalar(grep { $_->{up} } values %client), $answered, $lines }
    my $on = -e $flag;
    for my $s ($all->handles) {
        my $c = $client{$s};
        next if $c->{word} || $now < $c->{next};
        $c->{next} += $seconds while $c->{next} <= $now;
        next unless $on;
        $c->{word} = $c->{last} = ($c->{last} // '') eq 'session list' ? 'metrics' : 'session list';
        syswrite $s, "$c->{word}\n";
    }
    for my $s ($all->can_read(0.02)) {
        my $c = $client{$s};
        my $got = sysread $s, $c->{rest}, 1 << 18, length $c->{rest} or die "hung up on\n";
        if ($c->{word} eq 'greeting') { next unless $c->{rest} =~ /\n/; @$c{qw(up word rest)} = (1, '', ''); next }
        next unless $c->{rest} =~ /^\.\r\n\z/m;
        $answered++;
        $lines += $c->{rest} =~ tr/\n//;
        @$c{qw(word rest)} = ('', '');
    }
}
