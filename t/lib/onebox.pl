#!/usr/bin/perl
# onebox.pl PORT MAILBOX DIR SESSIONS SECONDS COMMAND ...
# SESSIONS clients come again and again to one mailbox (XPOP, no proxy), fetch what is there, delete
# it and leave by QUIT; some hang up without QUIT, some only read. Meanwhile four others run COMMAND,
# which delivers what it reads from standard input, for SECONDS. When they are done the clients go
# on until the mailbox is empty. A client that is told [IN-USE] comes again.
#
# Each delivery that succeeded, and each message whose removal was acknowledged, must then stand
# against each other, once. Prints `delivered=N seen=N lost=N doubled=N sessions=N in_use=N`, each
# failure before it as `failed: WHY`. Nothing waits beyond WAIT.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time sleep);

my ($port, $box, $dir, $clients, $seconds, @deliver) = @ARGV;
die "usage: onebox.pl PORT MAILBOX DIR SESSIONS SECONDS COMMAND ...\n" unless @deliver;
my $wait = $ENV{WAIT} || 20;
my $end = time + $seconds;
$SIG{PIPE} = 'IGNORE';
$| = 1;

my @deliverers = map { child("sent.$_", \&deliveries, $_) } 1 .. 4;
my @sessions = map { child("seen.$_", \&sessions, $_) } 1 .. $clients;
waitpid $_, 0 for @deliverers;
open my $enough, '>', "$dir/enough" or die "$dir/enough: $!\n";
waitpid $_, 0 for @sessions;

my (%sent, %seen, %count);
for my $file (glob "$dir/sent.* $dir/seen.*") {
    open my $f, '<', $file or die "$file: $!\n";
    my $kind = $file =~ m{/sent\.} ? \%sent : \%seen;
    while (<$f>) {
        if    (/^id (\S+)$/) { $kind->{$1}++ }
        elsif (/^(\w+)$/)    { $count{$1}++ }
        else                 { print }
    }
}
my $lost    = grep { !$seen{$_} } keys %sent;
my $doubled = grep { $seen{$_} > 1 || !$sent{$_} } keys %seen;
printf "delivered=%d seen=%d lost=%d doubled=%d sessions=%d in_use=%d\n", scalar keys %sent,
    scalar keys %seen, $lost, $doubled, $count{session} || 0, $count{in_use} || 0;
exit($lost || $doubled ? 1 : 0);

sub child {
    my ($file, $life, $number) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    open STDOUT, '>', "$dir/$file" or die "$dir/$file: $!\n";
    srand $number;
    $life->($number);
    close STDOUT;
    POSIX::_exit(0);
}

sub deliveries {
    my ($number) = @_;
    for (my $n = 1; time < $end; $n++) {
        open my $pipe, '|-', @deliver or die "@deliver: $!\n";
        print $pipe "Subject: test\nX-Id: $number.$n\n\n", "some text\n" x rand 200;
        # What was refused may come again; nobody waits for it.
        print close $pipe ? "id $number.$n\n" : "refused\n";
    }
}

sub sessions {
    my ($number) = @_;
    my $last = time + $seconds + 3 * $wait;
    until (eval { session($number) }) {
        print "failed: client $number: $@" if $@;
        return print "failed: client $number: the mailbox does not get empty\n" if time > $last;
        sleep rand 0.05;
    }
}

# One session. True: all is done.
sub session {
    my ($number) = @_;
    my $late = -e "$dir/enough";
    local $SIG{ALRM} = sub { die "no answer in time\n" };
    alarm $wait;
    my $s = IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $port) or die "connect: $!\n";
    print $s "$box\r\nc$number\r\n\r\n";
    my $hello = <$s> // die "no greeting\n";
    if ($hello =~ /^-ERR \[IN-USE\]/) { print "in_use\n"; return 0 }
    $hello =~ /^\+OK (\d+) / or die "greeting: $hello";
    my $there = $1;
    print "session\n";
    my $how = $late ? 9 : int rand 10;
    my @ids;
    for my $n (1 .. ($there < 20 ? $there : 20)) {
        my $text = ask($s, "RETR $n", 1) // next;    # another session was quicker
        $text =~ /^X-Id: (\S+)\r$/m or die "message without its id\n";
        push @ids, $1;
        ask($s, "DELE $n") if $how > 1;
    }
    return 0 if $how == 0;    # hangs up
    ask($s, 'QUIT');
    if ($how > 1) { print "id $_\n" for @ids }
    alarm 0;
    return $late && !$there;
}

sub ask {
    my ($s, $command, $many) = @_;
    print $s "$command\r\n";
    my $answer = <$s> // die "$command: hung up\n";
    return undef if $answer =~ /^-ERR message was removed by another session/;
    $answer =~ /^\+OK/ or die "$command: $answer";
    return $answer unless $many;
    my $text = '';
    while (1) {
        my $line = <$s> // die "$command: hung up in the middle\n";
        return $text if $line eq ".\r\n";
        $text .= $line;
    }
}
