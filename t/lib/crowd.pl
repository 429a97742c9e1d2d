#!/usr/bin/perl
# crowd.pl hold PORT N USER PASS FILE   N clients log in at once, print `in A refused R`, sit until
#                                       FILE exists, then leave by QUIT
# crowd.pl load PORT N USER PASS FILE   N clients log in, STAT and QUIT over and over until FILE
#                                       exists
#
# USER may contain %d, the number of the client. The last line is `sessions=S refused=R failed=F`,
# each failure before it a line `failed: STATE: WHY`; refused are those told -ERR [SYS/TEMP] before
# they had logged in, with the slowest as `slowest refusal: MS ms`. Before the last line of a load
# stands `slowest session: MS ms`. Nothing waits beyond WAIT.
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS EINTR);
use Fcntl;
use IO::Poll qw(POLLIN POLLOUT POLLHUP POLLERR);
use Socket;
use Time::HiRes qw(time sleep);

$| = 1;
my ($mode, $port, $n, $user, $pass, $file) = @ARGV;
die "usage: crowd.pl hold|load PORT N USER PASS FILE\n" unless $file && $mode =~ /^(hold|load)$/;
my $wait = $ENV{WAIT} || 20;
$SIG{PIPE} = 'IGNORE';

# What is sent when a +OK came in this state, and the state after it. A state without an entry
# is the end.
my %next = (
    greeting => [user => sub { my $n = $_[0]{number}; 'USER ' . $user =~ s/%d/$n/r }],
    user     => [pass => sub { "PASS $pass" }],
    $mode eq 'hold' ? (pass => ['in']) : (pass => [stat => sub { 'STAT' }]),
    stat     => [quit => sub { 'QUIT' }],
    quit     => ['closing'],
);
my ($sessions, $refused, $failed, $slowest, $longest) = (0, 0, 0, 0, 0);
my (%client, $poll, $leaving);
$poll = IO::Poll->new;
start($_) for 1 .. $n;
my $told = $mode eq 'load';

while (%client) {
    $leaving ||= -e $file;
    $poll->poll($told && $mode eq 'hold' ? 0.25 : 0.05);    # thousands may sit here
    for my $c (values %client) {
        my $events = $poll->events($c->{sock});
        if ($events) { step($c, $events) }
        elsif ($c->{state} ne 'in' && time > $c->{deadline}) { gone($c, 'deadline') }
    }
    my $in = grep { $_->{state} eq 'in' } values %client;
    if (!$told && $in == keys %client) { print "in $in refused $refused\n"; $told = 1 }
    next unless $mode eq 'hold' && $leaving && $told;
    for my $c (grep { $_->{state} eq 'in' } values %client) { say_to($c, 'quit', 'QUIT') }
}
printf "slowest session: %d ms\n", $longest * 1000 if $mode eq 'load';
printf "slowest refusal: %d ms\n", $slowest * 1000 if $refused;
print "sessions=$sessions refused=$refused failed=$failed\n";
exit($failed ? 1 : 0);

sub start {
    my ($number) = @_;
    socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    fcntl $s, F_SETFL, O_NONBLOCK;
    my $c = $client{$number} = {
        sock => $s, number => $number, state => 'greeting', in => '',
        began => time, deadline => time + $wait,
    };
    if (!connect($s, pack_sockaddr_in $port, INADDR_LOOPBACK) && $! != EINPROGRESS) {
        return gone($c, "connect: $!");
    }
    $poll->mask($s => POLLIN);
}

sub say_to {
    my ($c, $state, $text) = @_;
    $c->{state} = $state;
    $c->{deadline} = time + $wait;
    syswrite $c->{sock}, "$text\r\n" or gone($c, "write: $!");
}

sub step {
    my ($c) = @_;
    my $got = sysread $c->{sock}, my $bytes, 4096;
    return if !defined $got && ($! == EAGAIN || $! == EINTR);
    return gone($c, defined $got ? 'closed' : "$!") unless $got;
    $c->{in} .= $bytes;
    while ($client{$c->{number}} && $client{$c->{number}} == $c && $c->{in} =~ s/^(.*?)\r?\n//) {
        answer($c, $1);
    }
}

sub answer {
    my ($c, $text) = @_;
    if ($text !~ /^\+OK/) {
        return gone($c, $text) if $text !~ m{^-ERR \[SYS/TEMP\]} || $c->{state} =~ /stat|quit/;
        $refused++;
        my $took = time - $c->{began};
        $slowest = $took if $took > $slowest;
        return forget($c);
    }
    my ($state, $text_of) = @{ $next{ $c->{state} } || return gone($c, "unasked: $text") };
    return say_to($c, $state, $text_of->($c)) if $text_of;
    $c->{state} = $state;
}

sub gone {
    my ($c, $why) = @_;
    if ($c->{state} eq 'closing' && $why eq 'closed') {
        $sessions++;
        my $took = time - $c->{began};
        $longest = $took if $took > $longest;
    }
    else { $failed++; print "failed: $c->{state}: $why\n" }
    forget($c);
}

sub forget {
    my ($c) = @_;
    $poll->remove($c->{sock});
    close $c->{sock};
    delete $client{ $c->{number} };
    return if $mode eq 'hold' || $leaving;
    sleep 0.01 if $failed > 100;    # a server that is down is not to be flooded
    die "too many failures\n" if $failed > 10_000;
    start($c->{number});
}
