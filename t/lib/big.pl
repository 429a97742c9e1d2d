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
# big.pl retr PORT MAILBOX PID N
#                          the CPU time that the daemon takes for each of N times RETR 1
# big.pl cat FILE N        and that of `cat FILE` with a socket as its output, read as RETR is
# big.pl quit PORT MAILBOX PID
#                          deletes all messages; the time that QUIT takes, and the CPU time
# big.pl unlink DIR        the same of one unlink(2) for each file in DIR, and an fsync(2) of DIR
use strict;
use warnings;
use IO::Handle;
use IO::Socket::INET;
use Socket;
use Time::HiRes qw(time);

my $do = shift // '';
if    ($do eq 'make' && @ARGV == 3) { make(@ARGV) }
elsif ($do eq 'time' && @ARGV == 4) { measure(@ARGV) }
elsif ($do eq 'retr' && @ARGV == 4) { retr(@ARGV) }
elsif ($do eq 'cat' && @ARGV == 2)  { cat(@ARGV) }
elsif ($do eq 'quit' && @ARGV == 3) { quit(@ARGV) }
elsif ($do eq 'unlink' && @ARGV == 1) { remove(@ARGV) }
else                                { die "usage: big.pl make|time|retr|cat|quit|unlink ARGUMENT ...\n" }

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

# A session, and the number of its messages.
sub connected {
    my ($port, $mailbox) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "$port: $!\n";
    print $sock "$mailbox\r\nbig.1.1.1\r\nM\r\n";
    my ($count) = (<$sock> // '') =~ /^\+OK (\d+)/ or die "not opened\n";
    return $sock, $count;
}

# Reads to the end, or until what was read last ends so.
sub take {
    my ($sock, $end) = @_;
    my ($octets, $last) = (0, '');
    while (my $got = sysread $sock, my $piece, 262_144) {
        $octets += $got;
        $last = substr $last . $piece, -5;
        return $octets if defined $end && $last eq $end;
    }
    return $octets;
}

# The first is not counted: it brings the file into memory.
sub retr {
    my ($port, $mailbox, $pid, $n) = @_;
    my ($sock) = connected($port, $mailbox);
    my $cpu;
    for (0 .. $n) {
        $cpu = cpu($pid) if $_ == 1;
        syswrite $sock, "RETR 1\r\n";
        take($sock, "\r\n.\r\n");
    }
    $cpu = cpu($pid) - $cpu;
    syswrite $sock, "QUIT\r\n";
    take($sock);
    printf "%.1f\n", $cpu / $n;
}

sub cat {
    my ($file, $n) = @_;
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "$!\n";
    my $cpu = 0;
    for (1 .. $n) {
        my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die "$!\n";
        my $server = $listener->accept or die "$!\n";
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            open STDOUT, '>&', $server or die "$!\n";
            exec 'cat', $file or die "cat: $!\n";
        }
        close $server;
        take($client) == -s $file or die "$file: cut off\n";
        waitpid $pid, 0;
    }
    my (undef, undef, $user, $system) = times;
    printf "%.1f\n", ($user + $system) * 1000 / $n;
}

sub quit {
    my ($port, $mailbox, $pid) = @_;
    my ($sock, $count) = connected($port, $mailbox);
    for my $at (1 .. $count) {
        print $sock "DELE $at\r\n";
        (<$sock> // '') =~ /^\+OK/ or die "DELE $at is refused\n";
    }
    print timed($pid, sub {
        print $sock "QUIT\r\n";
        (<$sock> // '') =~ /^\+OK/ or die "QUIT is refused\n";
    }), "\n";
}

sub remove {
    my ($dir) = @_;
    opendir my $list, $dir or die "$dir: $!\n";
    my @files = map { "$dir/$_" } grep { !/^\./ } readdir $list;
    open my $folder, '<', $dir or die "$dir: $!\n";
    print timed($$, sub {
        unlink or die "$_: $!\n" for @files;
        $folder->sync or die "$dir: $!\n";
    }), "\n";
}

# One session; returns the number of messages, and the memory before it ends.
sub session {
    my ($port, $mailbox, $pid) = @_;
    my ($sock, $count) = connected($port, $mailbox);
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
