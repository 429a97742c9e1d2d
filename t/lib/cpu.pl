#!/usr/bin/perl
# cpu.pl PID ...: milliseconds of CPU time, user and system, of these processes and all that they
# have, or had, as children.
use strict;
use warnings;
use POSIX;

my (%of, %used);
my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK);
for my $stat (glob '/proc/[0-9]*/stat') {
    open my $f, '<', $stat or next;
    my ($pid, $rest) = (<$f> // next) =~ /^(\d+) \(.*\) (.*)/s or next;
    my @field = split ' ', $rest;
    push @{ $of{ $field[1] } }, $pid;
    # The kernel counts in ticks; where it also tells nanoseconds, these hold for who is alive.
    my ($own, $exact) = $field[11] + $field[12];
    if (open my $sched, '<', "/proc/$pid/schedstat") { ($exact) = (<$sched> // '') =~ /^(\d+) / }
    $own = $exact / 1e9 * $tick if $exact;
    $used{$pid} = $own + $field[13] + $field[14];
}
my ($sum, @todo) = (0, @ARGV);
while (defined(my $pid = shift @todo)) {
    $sum += $used{$pid} // 0;
    push @todo, @{ $of{$pid} // [] };
}
printf "%d\n", $sum * 1000 / $tick;
