#!/usr/bin/perl
# cpu.pl PID ...: milliseconds of CPU time, user and system, of these processes and all that they
# have, or had, as children.
# cpu.pl -m PID ...: the memory of these and all that they have as children: kilobytes that are
# private to one of them, the sum of all shares (Pss), and how many they are.
use strict;
use warnings;
use POSIX;

my $memory = @ARGV && $ARGV[0] eq '-m' && shift;
my (%of, %used);
my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK);
for my $stat (glob '/proc/[0-9]*/stat') {
    open my $f, '<', $stat or next;
    my ($pid, $rest) = (<$f> // next) =~ /^(\d+) \(.*\) (.*)/s or next;
    my @field = split ' ', $rest;
    push @{ $of{ $field[1] } }, $pid;
    next if $memory;
    # The kernel counts in ticks; where it also tells nanoseconds, these hold for who is alive.
    my ($own, $exact) = $field[11] + $field[12];
    if (open my $sched, '<', "/proc/$pid/schedstat") { ($exact) = (<$sched> // '') =~ /^(\d+) / }
    $own = $exact / 1e9 * $tick if $exact;
    $used{$pid} = $own + $field[13] + $field[14];
}
my ($sum, $private, $pss, $count, @todo) = (0, 0, 0, 0, @ARGV);
while (defined(my $pid = shift @todo)) {
    push @todo, @{ $of{$pid} // [] };
    $sum += $used{$pid} // 0;
    $count++;
    next unless $memory && open my $f, '<', "/proc/$pid/smaps_rollup";
    while (<$f>) {
        $private += $1 if /^Private_(?:Clean|Dirty): *(\d+)/;
        $pss += $1 if /^Pss: *(\d+)/;
    }
}
if ($memory) { print "$private $pss $count\n" }
else         { printf "%d\n", $sum * 1000 / $tick }
