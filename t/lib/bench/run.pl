#!/usr/bin/perl
# run.pl SYSTEMS ROUNDS SECONDS: puts every load on every system by turns, and prints what was
# measured, `LOAD SYSTEM VALUE NUMBER` a line; what fails is a VALUE `failed`, and is told on standard
# error, as is how far it is. SYSTEMS is a file with a line for each: its name, port, port for TLS,
# the nests of its proxy and of its storage, and the folder of its mail. From the environment: T, BIN,
# CLIENTS, HELD, BIG, ONLY.
use strict;
use warnings;
use FindBin;
use IO::Handle;
use JSON::PP;

my ($list, $rounds, $seconds) = @ARGV;
my ($tmp, $bin, $clients, $held, $big) = @ENV{qw(T BIN CLIENTS HELD BIG)};
my $user = $> == 0 ? $ENV{TESTUSER} // 'nobody' : getpwuid $>;
STDOUT->autoflush;
STDERR->autoflush;

my @systems;
open my $in, '<', $list or die "$list: $!\n";
while (<$in>) {
    my %is;
    @is{qw(name plain tls proxy storage mail)} = split;
    $is{nests} = [ grep { $_ ne '-' } @is{qw(proxy storage)} ];
    push @systems, \%is;
}

# Starts pbench; its number, and its standard output.
sub pbench {
    my ($is, $tls, @args) = @_;
    my $port = $is->{ $tls ? 'tls' : 'plain' };
    my @from = map { ('-b', "127.0.0.$_") } 1 .. 4;
    my @tls = $tls ? qw(-t implicit -v 1.3) : ();
    my $pid = open my $out, '-|', "$bin/pbench", '-j', '-s', "127.0.0.1:$port", @from, @tls, @args
        or die "$bin/pbench: $!\n";
    return $pid, $out;
}

# Prints what was measured, and tells the first of it to who waits.
sub told {
    my ($load, $is, @values) = @_;
    printf STDERR ' %s=%.4g', $is->{name}, $values[1];
    print STDERR "($values[0])" if $values[0] eq 'failed';
    while (my ($name, $number) = splice @values, 0, 2) { print "$load $is->{name} $name $number\n" }
}

# Milliseconds of CPU time of everything below these.
sub used { my $ms = `perl $FindBin::Bin/../cpu.pl @_`; return $ms + 0 }
# Kilobytes that are private, the sum of all shares, and the number of processes.
sub memory { return split ' ', `perl $FindBin::Bin/../cpu.pl -m @_` }

# What it was before there was any load.
my %rest = map { ($_ => [ memory($_) ]) } map { @{ $_->{nests} } } @systems;

# Waits, not for ever, until processes that served a crowd have left.
sub rested {
    my ($is) = @_;
    for my $nest (@{ $is->{nests} }) {
        for (1 .. 60) {
            last if (memory($nest))[2] < $rest{$nest}[2] + 40;
            select undef, undef, undef, 0.25;
        }
    }
}

# A load from begin to end; the object of pbench and the CPU time that went into it, or nothing.
sub run {
    my ($load, $is, $tls, @args) = @_;
    my $before = used(@{ $is->{nests} });
    my (undef, $out) = pbench($is, $tls, @args);
    my $said = join '', <$out>;
    close $out;
    my $cpu = used(@{ $is->{nests} }) - $before;
    my $got = eval { decode_json($said) } // { sessions => 0, failed => 1 };
    if ($got->{failed} || !$got->{sessions}) {
        told($load, $is, failed => $got->{failed} || 1);
        return;
    }
    return $got, $cpu;
}

# Who it is run as need not be able to read a clone below /root.
sub mail {
    my @as = ("$FindBin::Bin/../as", $user, 'perl', '-', "$tmp/messages", @_);
    system 'sh', '-c', 'exec "$@" <"$0"', "$FindBin::Bin/mail.pl", @as and exit 1;
}

my $empty = "user=e%d range=1-100 pass=secret messages=0";
my $full = "user=f%d range=1-100 pass=secret messages=5";

# Sessions as many as there are time for, in a closed loop.
sub sessions {
    my ($load, $is, $tls, $words, @args) = @_;
    my ($got, $cpu) = run($load, $is, $tls, '-c', $clients, '-d', $seconds, @args, split ' ', $words) or return;
    my $n = $got->{sessions};
    my @values = (us => $cpu * 1000 / $n, rate => $got->{per_second}, ms => $got->{loads}[-1]{session_us}{p50} / 1000);
    # The first session of each client has nothing to resume.
    my $again = $got->{handshakes} - $clients;
    push @values, share => 100 * $got->{resumed} / $again if "@args" =~ /-R/ && $again > 0;
    told($load, $is, @values);
}

sub large {
    my ($load, $is) = @_;
    my ($got, $cpu) = run($load, $is, 0, qw(-c 1 -n 5 fetch user=l1 pass=secret messages=1)) or return;
    told($load, $is, cpu_ms => $cpu / $got->{sessions}, ms => $got->{loads}[0]{session_us}{p50} / 1000);
}

sub drain {
    my ($load, $is) = @_;
    mail('d', $is->{mail}, 1, 100) if $is->{mail} ne '-';
    my ($got, $cpu) = run($load, $is, 0, '-c', $clients, qw(-n 100 drain user=d%d range=1-100 pass=secret messages=20))
        or return;
    told($load, $is, us => $cpu * 1000 / $got->{sessions});
}

# The first session with a maildrop that nobody has seen yet, and then some more.
sub big {
    my ($load, $is) = @_;
    mail('b', $is->{mail}, 1, 1);
    # While its folders are as fresh as that a careful server reads them twice.
    sleep 3;
    my @list = ('list', qw(user=b1 pass=secret), "messages=$big");
    my ($got, $cpu) = run($load, $is, 0, qw(-c 1 -n 1 -w 120), @list) or return;
    told($load, $is, first_ms => $got->{loads}[0]{session_us}{p50} / 1000, first_cpu => $cpu);
    ($got, $cpu) = run($load, $is, 0, qw(-c 1 -n 5 -w 120), @list) or return;
    told($load, $is, warm_ms => $got->{loads}[0]{session_us}{p50} / 1000, warm_cpu => $cpu / 5);
}

# Sessions that stay: how fast they come, and what memory they take.
sub hold {
    my ($load, $is, $tls, $n, $letter) = @_;
    rested($is);
    my ($pid, $out) = pbench($is, $tls, '-c', $n, '-d', 120, '-w', 60, 'hold', "user=$letter%d", "range=1-$n", 'pass=secret');
    my %ready = (<$out> // '') =~ /(held|failed|per_second)=([0-9.]+)/g;
    my %now = map { ($_ => [ memory($_) ]) } @{ $is->{nests} };
    kill 'TERM', $pid;
    () = <$out>;
    close $out;
    return told($load, $is, failed => $ready{failed} || $n) if ($ready{held} // 0) != $n;
    my %value;
    for my $part (grep { $is->{$_} ne '-' } qw(proxy storage)) {
        my $nest = $is->{$part};
        $value{"${part}_kb"} = ($now{$nest}[0] - $rest{$nest}[0]) / $n;
        $value{kb} += $value{"${part}_kb"};
        $value{pss_mb} += $now{$nest}[1] / 1024;
    }
    told($load, $is, rate => $ready{per_second}, %value);
}

# Each load, which of the bare loops is put beside it, and how it is made.
my @loads = (
    [ empty   => 'bare',   \&sessions, 0, "login $empty" ],
    [ asks    => 'asks',   \&sessions, 0, "login $empty" ],
    [ tls     => 'bare',   \&sessions, 1, "login $empty" ],
    [ resumed => 'bare',   \&sessions, 1, "login $empty", '-R' ],
    [ fetch   => 'relays', \&sessions, 0, "fetch $full" ],
    [ mix     => '',       \&sessions, 0, "login $empty weight=4 fetch $full" ],
    [ large   => 'relays', \&large ],
    [ copy    => 'bare',   \&large ],
    [ drain   => 'relays', \&drain ],
    [ big     => '',       \&big ],
    [ held    => 'forks',  \&hold, 0, 500, 'm' ],
    [ heldtls => '',       \&hold, 1, 500, 'm' ],
    [ many    => 'forks',  \&hold, 0, $held, 'e' ],
);
# What all servers remember of mailboxes, they know before anything is measured.
sub warm_up {
    print STDERR 'warm:';
    for (1 .. 2) {
        for my $is (grep { $_->{mail} ne '-' } @systems) {
            run('warm', $is, 0, '-c', $clients, '-d', 1, split ' ', "login $empty weight=4 fetch $full");
            print STDERR " $is->{name}";
        }
        # See trusttimes of pcheckd.
        sleep 3;
    }
    print STDERR "\n";
}

my %bare = map { $_ => 1 } qw(bare asks forks relays);
my %alone = map { $_ => 1 } qw(asks copy);
my %wanted = map { $_ => 1 } split ' ', $ENV{ONLY} // '';
warm_up() if !%wanted || grep { $wanted{$_} } qw(empty tls resumed fetch mix);
for my $load (grep { !%wanted || $wanted{ $_->[0] } } @loads) {
    my ($name, $beside, $how, @args) = @$load;
    # What takes the longest is done once.
    for my $round (1 .. ($name eq 'many' ? 1 : $rounds)) {
        printf STDERR "%s %d:", $name, $round;
        for my $is (@systems) {
            next if $bare{ $is->{name} } ? $is->{name} ne $beside : $alone{$name};
            $how->($name, $is, @args);
        }
        print STDERR "\n";
    }
}
