#!/usr/bin/perl
# load.pl run LIST LOG STOP [KEY=VALUE ...]   steady load, until STOP exists or the time is over
# load.pl stat LOG [KEY=VALUE ...]            what came of it, in one line
#
# A line of LIST is `CLASS PORT USER PASSWORD OUTCOMES`. Each class has clients of its own; each of
# them logs in as the next user of the class, looks, leaves by QUIT, and begins anew. OUTCOMES are
# those that are right, with commas:
#   empty   the maildrop is empty
#   mail    message 1 has the line `Subject: USER`, so that nobody sees the mail of somebody else
#   temp    the password is answered by -ERR [SYS/TEMP]
# Everything else is `failed`: no connection, a reset, a hang-up, an -ERR, silence for WAIT seconds.
#
# run:  clients=N per class (4), pause=MS between two sessions of a client, give or take half of
#       it (0), seconds=N (60)
# stat: class=NAME, from=MS and to=MS, the times between which a session must have begun; field=login
#       for the time up to the answer to the password in place of that of the session
#
# LOG has a line per session, `BEGAN TOOK LOGIN CLASS USER OUTCOME [WHY]`, times in milliseconds,
# BEGAN since the epoch. The line of stat is `sessions=N empty=N mail=N temp=N failed=N p50=MS p99=MS
# max=MS`. After a run that had failures the exit status is 1.
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS EINTR);
use Fcntl;
use IO::Handle;
use IO::Poll qw(POLLIN);
use Socket;
use Time::HiRes qw(sleep time);

my $mode = shift @ARGV // '';
if    ($mode eq 'run')  { exit run(splice @ARGV, 0, 3) }
elsif ($mode eq 'stat') { stat_line(shift @ARGV); exit 0 }
die "usage: load.pl run LIST LOG STOP | load.pl stat LOG\n";

sub options {
    my %is = @_;
    for (@ARGV) {
        my ($key, $value) = /^(\w+)=(.*)/ or die "load.pl: $_: KEY=VALUE would be right\n";
        exists $is{$key} or die "load.pl: there is no $key\n";
        $is{$key} = $value;
    }
    return %is;
}

my (%is, $poll, $log, %client, $leaving, $failures);

sub run {
    my ($list, $to, $stop) = @_;
    %is = options(clients => 4, pause => 0, seconds => 60);
    $SIG{PIPE} = 'IGNORE';
    open $log, '>>', $to or die "$to: $!\n";
    $log->autoflush(1);
    my ($end, %users) = time + $is{seconds};
    open my $in, '<', $list or die "$list: $!\n";
    while (<$in>) {
        my ($class, @user) = split;
        push @{ $users{$class} }, \@user if defined $class;
    }
    ($poll, $failures) = (IO::Poll->new, 0);
    my @idle;
    for my $class (sort keys %users) {
        my @all = @{ $users{$class} };
        push @idle, map { { class => $class, users => \@all, next => $_, at => time + rand($is{pause}) / 1000 } }
            1 .. $is{clients};
    }
    while (%client || !$leaving) {
        $leaving ||= -e $stop || time > $end;
        my $now = time;
        my @ready = $leaving ? () : grep { $_->{at} <= $now } @idle;
        @idle = $leaving ? () : grep { $_->{at} > $now } @idle;
        begin($_) for @ready;
        $poll->poll($is{pause} ? 0.005 : 0.05);
        for my $c (values %client) {
            step($c) if $poll->events($c->{sock});
            done($c, 'failed', "$c->{state}: deadline") if $c->{sock} && time > $c->{deadline};
        }
        push @idle, grep { !$_->{sock} } values %client;
        delete @client{ grep { !$client{$_}{sock} } keys %client };
    }
    return $failures ? 1 : 0;
}

sub begin {
    my ($c) = @_;
    my ($port, $user, $pass, $outcomes) = @{ $c->{users}[ $c->{next}++ % @{ $c->{users} } ] };
    socket $c->{sock}, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    fcntl $c->{sock}, F_SETFL, O_NONBLOCK;
    @$c{qw(user pass right state in out login)} = ($user, $pass, $outcomes, 'greeting', '', '', 0);
    @$c{qw(began deadline)} = (time, time + ($ENV{WAIT} || 20));
    $client{$c} = $c;
    if (!connect($c->{sock}, pack_sockaddr_in $port, INADDR_LOOPBACK) && $! != EINPROGRESS) {
        return done($c, 'failed', "connect: $!");
    }
    $poll->mask($c->{sock} => POLLIN);
}

sub step {
    my ($c) = @_;
    my $got = sysread $c->{sock}, my $bytes, 65_536;
    return if !defined $got && ($! == EAGAIN || $! == EINTR);
    if (!$got) {
        my $why = defined $got ? 'closed' : "$!";
        return done($c, $c->{seen}) if $c->{state} eq 'closing' && $why eq 'closed';
        return done($c, 'failed', "$c->{state}: $why");
    }
    $c->{in} .= $bytes;
    while ($c->{sock}) {
        if ($c->{state} eq 'body') {
            $c->{in} =~ s/\A(.*?\r\n)?\.\r\n//s or return;
            my $right = ($1 // '') =~ /^Subject: \Q$c->{user}\E\r$/m;
            $right or return done($c, 'failed', 'body: the mail of somebody else');
            say_to($c, quit => 'QUIT');
        }
        else { $c->{in} =~ s/\A(.*?)\r?\n// or return; answer($c, $1) }
    }
}

sub say_to {
    my ($c, $state, $text) = @_;
    $c->{state} = $state;
    my $put = syswrite $c->{sock}, "$text\r\n";
    done($c, 'failed', "$state: write: $!") unless $put;
}

sub answer {
    my ($c, $text) = @_;
    my $state = $c->{state};
    $c->{login} = time - $c->{began} if $state eq 'pass';
    if ($text !~ /^\+OK/) {
        my $temp = $state eq 'pass' && $text =~ m{^-ERR \[SYS/TEMP\]};
        return done($c, 'failed', "$state: $text") unless $temp;
        $c->{seen} = 'temp';
        return say_to($c, quit => 'QUIT');
    }
    return say_to($c, user => "USER $c->{user}") if $state eq 'greeting';
    return say_to($c, pass => "PASS $c->{pass}") if $state eq 'user';
    return say_to($c, stat => 'STAT') if $state eq 'pass';
    if ($state eq 'stat') {
        $c->{seen} = $text =~ /^\+OK 0 0/ ? 'empty' : 'mail';
        return $c->{seen} eq 'mail' ? say_to($c, retr => 'RETR 1') : say_to($c, quit => 'QUIT');
    }
    return $c->{state} = 'body' if $state eq 'retr';
    return $c->{state} = 'closing' if $state eq 'quit';
    done($c, 'failed', "$state: unasked: $text");
}

sub done {
    my ($c, $outcome, $why) = @_;
    ($outcome, $why) = ('failed', "$outcome, which is not right")
        if $outcome ne 'failed' && ",$c->{right}," !~ /,$outcome,/;
    my $now = time;
    printf $log "%.0f %.1f %.1f %s %s %s%s\n", $c->{began} * 1000, ($now - $c->{began}) * 1000,
        $c->{login} * 1000, $c->{class}, $c->{user}, $outcome, defined $why ? " $why" : '';
    $failures += $outcome eq 'failed';
    die "too many failures\n" if $failures > 10_000;
    $poll->remove($c->{sock});
    close $c->{sock};
    delete $c->{sock};
    # A server that is down is not to be flooded.
    $c->{at} = $now + ($outcome eq 'failed' ? 0.05 : 0) + $is{pause} * (0.5 + rand) / 1000;
}

sub stat_line {
    my ($from) = @_;
    my %is = options(class => '', from => 0, to => 9e15, field => 'took');
    my (%n, @took);
    open my $in, '<', $from or die "$from: $!\n";
    while (<$in>) {
        my ($began, $took, $login, $class, undef, $outcome) = split;
        next if $began < $is{from} || $began > $is{to} || $is{class} && $class ne $is{class};
        $n{$outcome}++;
        push @took, $is{field} eq 'login' ? $login : $took;
    }
    @took = sort { $a <=> $b } @took;
    my $at = sub { @took ? $took[ int $_[0] * $#took ] : 0 };
    printf "sessions=%d empty=%d mail=%d temp=%d failed=%d p50=%.1f p99=%.1f max=%.1f\n",
        scalar @took, (map { $n{$_} // 0 } qw(empty mail temp failed)), map { $at->($_) } 0.5, 0.99, 1;
}
