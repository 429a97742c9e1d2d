#!/usr/bin/perl
# big.pl make DIR N FORM   fills the Maildir DIR with N messages of 915 octets; FORM is `sized` if
#                          their names tell sizes, `plain` if not, `old` if a list of Dovecot with
#                          an id for each of them lies there besides
# big.pl time DIR PORT MAILBOX PID
#                          three sessions with pserv, whose number is PID, over XPOP: open, STAT,
#                          LIST, UIDL. Prints, in milliseconds, the time that `find new cur` takes
#                          and then that of each session, each followed by its CPU time after a
#                          slash, and the octets of memory that a message takes; let each session have a worker of its own,
#                          or that of the one before is counted
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $do = shift // '';
if    ($do eq 'make' && @ARGV == 3) { make(@ARGV) }
elsif ($do eq 'time' && @ARGV == 4) { measure(@ARGV) }
else                                { die "usage: big.pl make DIR N FORM | time DIR PORT MAILBOX PID\n" }

sub make {
    my ($dir, $n, $form) = @_;
    my $text = "Subject: mail\nFrom: joe\@example.org\n\n" . "the body of the mail\n" x 42;
    my $size = length $text;
    my $wire = $size + ($text =~ tr/\n//);
    my $list;
    if ($form eq 'old') {
        open $list, '>', "$dir/dovecot-uidlist" or die "$dir: $!\n";
        print $list "3 V1275660208 N", $n + 1, " G3085f01b7f11094c501100008c4a11c1\n";
    }
    for my $at (1 .. $n) {
        my $name = sprintf '%d.M%06dP%dQ%d.store7.example.org', 1700000000 + $at, $at, 1000 + $at % 30000, $at % 7;
        $name .= ",S=$size,W=$wire" if $form eq 'sized';
        open my $f, '>', "$dir/cur/$name:2,S" or die "$dir: $!\n";
        print $f $text;
        close $f or die "$dir: $!\n";
        print $list "$at :$name:2,S\n" if $list;
    }
}

# What this process and the daemon have used of the CPU, in milliseconds.
sub cpu { my ($pid) = @_; chomp(my $used = `perl t/lib/cpu.pl $pid`); return $used }

sub timed {
    my ($pid, $run) = @_;
    my ($cpu, $began) = (cpu($pid), time);
    $run->();
    my $took = time - $began;
    return sprintf '%d/%d', $took * 1000, cpu($pid) - $cpu;
}

# The most memory that a worker of this daemon takes now, in octets.
sub memory {
    my ($master) = @_;
    my $most = 0;
    for my $pool (split ' ', `ps -o pid= --ppid $master`) {
        for my $worker (split ' ', `ps -o pid= --ppid $pool`) {
            open my $f, '<', "/proc/$worker/status" or next;
            my ($kb) = map { /^VmHWM:\s*(\d+)/ ? $1 : () } <$f>;
            $most = $kb if defined $kb && $kb > $most;
        }
    }
    return $most * 1024;
}

sub measure {
    my ($dir, $port, $mailbox, $pid) = @_;
    my $here = $ENV{PWD};
    my ($idle, $count, $busy) = memory($pid);
    my $find = sub { chdir $dir or die "$dir: $!\n"; system 'find new cur >/dev/null'; chdir $here };
    my @row = timed($$, $find);
    push @row, timed($pid, sub { ($count, $busy) = session($port, $mailbox, $pid) }) for 1 .. 3;
    print "@row ", int(($busy - $idle) / $count), "\n";
}

# One session; returns the number of messages, and the memory before it ends.
sub session {
    my ($port, $mailbox, $pid) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "$port: $!\n";
    print $sock "$mailbox\r\nbig.1.1.1\r\nM\r\n";
    my ($count) = (<$sock> // '') =~ /^\+OK (\d+)/ or die "not opened\n";
    for my $command (qw(STAT LIST UIDL)) {
        print $sock "$command\r\n";
        my $rows = -1;
        (<$sock> // '') =~ /^\+OK/ or die "$command is refused\n";
        next if $command eq 'STAT';
        while (<$sock>) { $rows++; last if /^\.\r/ }
        die "$command: $rows of $count\n" if $rows != $count;
    }
    my $memory = memory($pid);
    print $sock "QUIT\r\n";
    1 while <$sock>;
    return $count, $memory;
}
