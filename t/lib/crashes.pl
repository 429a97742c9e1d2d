#!/usr/bin/perl
# crashes.pl MASTER PORT BOX FAULTS CALLS [ASIDE]: lets the workers of the pserv with the process
# number MASTER fail in every way while they serve the mailbox `box` in the directory BOX through
# PORT, and looks at the mailbox after each session. The session is the same each time: of five
# messages the first is retrieved, the second and the fourth are deleted. Three names tell no size,
# and four messages have their ids from a list of Dovecot. FAULTS and CALLS are as in crash.pl.
# ASIDE: the directory to which deleted mail is moved, in which the mailbox is made each time.
#
# Whatever happens, a message that was not deleted is there once and whole; one that was deleted is
# there until QUIT was sent, and not any more when that was acknowledged; what is sent is right; a
# mailbox that cannot be read is not shown as empty; and the next session finds all in order, with
# the ids that they had, though the list of Dovecot is gone if a session that was killed had told
# them. What does not hold is printed; the last line says how many runs there were and how many went
# wrong.
use strict;
use warnings;
use File::Find;
use File::Path qw(remove_tree);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my ($master, $port, $box, $faults, $calls, $aside) = @ARGV;
die "usage: crashes.pl MASTER PORT BOX FAULTS CALLS [ASIDE]\n" unless $calls;
my ($uid, $gid) = (stat $box)[ 4, 5 ];
my $trace = "$box.trace";
my %text = map { $_ => "Subject: $_\n\n" . "This is a line of $_.\n" x (ord($_) * 40) } 'a' .. 'e';
my %wire = map { (my $text = $text{$_}) =~ s/\n/\r\n/g; $_ => $text } keys %text;
my %size = map { $_ => ",S=" . length($text{$_}) . ",W=" . length $wire{$_} } keys %text;
my %place = (
    a => "new/1000000001.M1P1Q1.host$size{a}",
    b => 'new/1000000002.M1P1Q1.host',
    c => 'cur/1000000003.M1P1Q1.host:2,S',
    d => "cur/1000000004.M1P1Q1.host$size{d}:2,",
    e => 'new/1000000005.M1P1Q1.host',
);
my %id = (
    (map { $_ => sprintf '%08x%08x', ord($_) - 96, 7 } 'a' .. 'd'),
    e => '1000000005.M1P1Q1.host',
);
my %deleted = (b => 1, d => 1);
my ($runs, $wrong, $before) = (0, 0, '');
$SIG{PIPE} = 'IGNORE';

sub fill {
    remove_tree($box, { keep_root => 1 });
    remove_tree($aside) if $aside;
    for my $dir (map { "$box/$_" } qw(tmp cur new)) { mkdir $dir; chown $uid, $gid, $dir }
    for (sort keys %place) {
        open my $f, '>', "$box/$place{$_}" or die "$place{$_}: $!";
        print $f $text{$_};
        close $f;
        chown $uid, $gid, "$box/$place{$_}";
    }
    open my $list, '>', "$box/dovecot-uidlist" or die "dovecot-uidlist: $!";
    print $list "3 V7 N9\n";
    print $list ord($_) - 96, ' :', $place{$_} =~ m{/([^:]*)}, "\n" for 'a' .. 'd';
    close $list;
    my $sum = 0;
    $sum += length for values %text;
    open my $f, '>', "$box/maildirsize" or die "maildirsize: $!";
    printf $f "1000000S\n%d %d\n", $sum, scalar keys %text;
    close $f;
    chown $uid, $gid, "$box/maildirsize";
}

# What is wrong with the sum of the quota, if these messages are there. It may be too high.
sub quota {
    my ($octets, $messages, $sum) = (0, 0, 0);
    $sum += length $text{$_} for @_;
    open my $f, '<', "$box/maildirsize" or return;
    scalar <$f>;
    while (<$f>) { /^(-?\d+) (-?\d+)$/ and $octets += $1, $messages += $2 }
    return if $octets >= $sum && $messages >= @_;
    return "quota knows of $messages messages, $octets octets";
}

# The process numbers of the workers: grandchildren of the master.
sub workers {
    my %parent;
    for (glob '/proc/[0-9]*/stat') {
        open my $f, '<', $_ or next;
        $parent{$1} = $2 if (<$f> // '') =~ /^(\d+) \(.*\) [^Z] (\d+)/s;
    }
    return grep { ($parent{ $parent{$_} } // 0) == $master } sort { $a <=> $b } keys %parent;
}

my ($socket, $buffer);

sub line {
    my $end = time + 20;
    while (index($buffer, "\r\n") < 0) {
        return '[silence]' if time > $end;
        next unless IO::Select->new($socket)->can_read(1);
        sysread $socket, $buffer, 65536, length $buffer or return '[closed]';
    }
    (my $line, $buffer) = split /\r\n/, $buffer, 2;
    return $line;
}

sub list {
    my @lines;
    while ((my $line = line()) ne '.') {
        return [ @lines, $line ] if $line =~ /^\[/;
        $line =~ s/^\.//;
        push @lines, $line;
    }
    return \@lines;
}

# The greeting of a session; the one before it may be just leaving the mailbox.
sub connected {
    my $end = time + 20;
    while (1) {
        ($socket, $buffer) = (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port), '');
        $socket or die "connect: $!";
        syswrite $socket, "box\r\nsid\r\n IP=192.0.2.7 USER=joe\r\n";
        my $greeting = line();
        return $greeting if $greeting !~ /^-ERR \[IN-USE\]/ || time > $end;
        sleep 0.02;
    }
}

sub ask {
    my $command = shift;
    syswrite $socket, "$command\r\n";
    my $told = line();
    return ($told, $told =~ /^\+OK/ && $command =~ /^(?:RETR|LIST$|UIDL$)/ ? list() : []);
}

# What is wrong with the unique ids of these messages; nothing if they are not told. The second
# word is whether they are.
sub ids {
    my ($told, $lines) = ask('UIDL');
    return ('', 0) if $told !~ /^\+OK/ || ($lines->[-1] // '') =~ /^\[/;
    my $at = 0;
    my $want = join ' ', map { ++$at . " $id{$_}" } @_;
    return ("@$lines" eq $want ? '' : "UIDL: @$lines", 1);
}

# One session. What was said that is wrong, whether ids were told, whether QUIT was sent, and what
# came of it.
sub session {
    my (@bad, $sent, $quit) = ();
    my $greeting = connected();
    return (\@bad, 0, 0, '') if $greeting !~ /^\+OK/;
    my ($stat) = ask('STAT');
    # The size of one that cannot be counted now is not known.
    push @bad, "STAT: $stat" if $stat =~ /^\+OK/ && $stat !~ /^\+OK 5 /;
    my ($odd, $ids) = ids(sort keys %text);
    push @bad, $odd if $odd;
    my ($told, $lines) = ask('RETR 1');
    my $text = join '', map { "$_\r\n" } @$lines;
    push @bad, 'RETR gave something else'
        if $told =~ /^\+OK/ && ($lines->[-1] // '') !~ /^\[/ && $text ne $wire{a};
    my $dead = $told =~ /^\[/ || ($lines->[-1] // '') =~ /^\[/;
    my $marked = 0;
    for my $number ($dead ? () : (2, 4)) {
        my ($told) = ask("DELE $number");
        $marked++ if $told =~ /^\+OK/;
        $dead ||= $told =~ /^\[/;
    }
    ($sent, $quit) = (1, (ask('QUIT'))[0]) unless $dead;
    push @bad, "DELE failed" if !$dead && $marked != 2;
    return (\@bad, $ids, $sent // 0, $quit // '');
}

sub stat_of {
    my $sum = 0;
    $sum += length $wire{$_} for @_;
    return '+OK ' . scalar(@_) . " $sum";
}

# Where each of the messages is: paths below the mailbox, or aside.
sub found {
    my %found = map { $_ => [] } keys %text;
    my @other;
    find({ no_chdir => 1, wanted => sub {
        return unless -f;
        open my $f, '<', $_ or return;
        my $text = do { local $/; <$f> };
        my ($name) = grep { $text eq $text{$_} } keys %text;
        $name ? push @{ $found{$name} }, $_ : push @other, $_;
    } }, $box, grep { $_ && -d } $aside);
    return (\%found, grep { m{/(?:new|cur)/} } @other);
}

sub judge {
    my ($what, $bad, $ids, $sent, $quit) = @_;
    my @bad = @$bad;
    my ($found, @other) = found();
    push @bad, "torn: @other" if @other;
    my @left;
    for my $name (sort keys %text) {
        my @mail = grep { m{^\Q$box\E/(?:new|cur)/} } @{ $found->{$name} };
        my @aside = grep { $aside && m{^\Q$aside\E/} } @{ $found->{$name} };
        push @left, $name if @mail;
        push @bad, "$name there " . @mail . ' times' if @mail > 1;
        push @bad, "$name is lost" if !@mail && !($deleted{$name} && $sent);
        push @bad, "$name is still there" if @mail && $deleted{$name} && $quit =~ /^\+OK/;
        push @bad, "$name is not aside" if $aside && !@mail && @aside != 1;
        push @bad, "$name is aside too" if @mail && @aside;
    }
    push @bad, quota(@left);
    # The next session, with nothing wrong.
    unlink "$box/dovecot-uidlist" if $ids && $what =~ /KILL|nothing/;
    my $greeting = connected();
    my ($stat) = ask('STAT');
    push @bad, "then: $greeting; $stat" if $stat ne stat_of(@left);
    my ($odd, $told) = ids(@left);
    push @bad, $told ? "then $odd" : 'then no ids' if $odd || !$told;
    my %again;
    for my $number (1 .. @left) {
        my (undef, $lines) = ask("RETR $number");
        $again{ join '', map { "$_\r\n" } @$lines } = 1;
    }
    $again{ $wire{$_} } or push @bad, "$_ is not served any more" for @left;
    syswrite $socket, "RSET\r\n";
    close $socket;
    $runs++;
    return unless @bad;
    $wrong++;
    print "$what: ", join('; ', @bad), ($quit ? " (QUIT: $quit)" : ''), "\n";
}

# Serves one session with strace, under these options, at the workers.
sub run {
    my ($what, @options) = @_;
    fill();
    # A worker that dies in its first session makes the pool cautious.
    my @workers = workers();
    if ("@workers" ne $before) {
        connected() =~ /^\+OK/ or print "$what: no session before it\n";
        ask('QUIT');
        close $socket;
        fill();
        my $end = time + 20;
        sleep 0.02 until @workers = workers() or time > $end;
        $before = "@workers";
    }
    pipe my $told, my $tell or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', $tell;
        exec 'strace', @options, map { ('-p', $_) } @workers;
        die "strace: $!";
    }
    close $tell;
    my $attached = 0;
    # One that is leaving may be gone.
    while ($attached < @workers && defined(my $line = <$told>)) { $attached++ if $line =~ /attach/ }
    my @outcome = session();
    close $socket;
    kill 'INT', $pid;
    waitpid $pid, 0;
    judge($what, @outcome);
}

run('nothing', '-y', '-s', '64', '-o', $trace);
my (%count, %of);
open my $f, '<', $trace or die "$trace: $!";
while (<$f>) {
    next unless /^(?:(\d+) +)?(\w+)\(/;
    my $n = ++$count{$2}{ $1 // 0 };
    $of{$2} = $n if $n > ($of{$2} // 0);
}
for my $call (sort keys %of) {
    next unless $calls eq 'all' || grep { $_ eq $call } split /,/, $calls;
    for my $n (1 .. $of{$call}) {
        for my $fault (split /,/, $faults) {
            # These cannot fail; close(2) closes whatever it says, but not where strace says it.
            next if $call =~ /^(?:exit_group|brk|close)$/ && $fault ne 'KILL';
            (my $error = $fault) =~ s/\+$//;
            my $when = $fault =~ /\+$/ ? "$n+" : $n;
            my $inject = $fault eq 'KILL' ? "signal=KILL:when=$n" : "error=$error:when=$when";
            run("$call $n $fault", '-o', '/dev/null', '-e', "trace=$call", '-e', "inject=$call:$inject");
        }
    }
}
print "runs=$runs wrong=$wrong\n";
exit($wrong > 0);
