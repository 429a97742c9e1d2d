#!/usr/bin/perl
# talk.pl [-s] [-u] [-b ADDRESS] [-w SECONDS] PORT|HOST:PORT|[HOST]:PORT|/SOCKET ITEM ...
# Holds one dialogue and prints what the server said, one line a line, bytes outside ASCII as
# \xHH. -s: we speak first, there is no greeting. -u: datagrams. -b: from this address of ours.
# Every wait has a deadline.
#
#   TEXT            send TEXT and CRLF, read the reply, to the lone dot where the command has one
#   :send TEXT      send just these bytes; \r \n \t \0 \xHH and \\ are understood
#   :split N TEXT   the same in packets of N bytes
#   :times N TEXT   the same N times over
#   :line [N]       read N reply lines
#   :list           read up to a lone dot
#   :until REGEX    read up to a line that matches
#   :quiet SECONDS  nothing may arrive for so long
#   :hold FILE      wait until FILE exists
#   :mark FILE      create FILE
#   :save FILE      from here on write the bytes that arrive to FILE as well
#   :tls            shake hands, whoever the server is; what follows goes through TLS
#   :raw TEXT       as :send, but beside TLS
#   :half           close our direction only
#   :eof            read until the server closes
#   :drop           hang up with a reset
#
# Marks in the transcript: [closed], [reset], [deadline], [no connection: WHY], [not quiet],
# [no tls: WHY];
# at the end of a line: [lf] no CR before the LF, [long] more than 512 octets in a status line.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER MSG_NOSIGNAL);
use Time::HiRes qw(sleep time);

$| = 1;
my ($first, $udp, $wait, $from) = (0, 0, $ENV{WAIT} || 15, undef);
while (@ARGV && $ARGV[0] =~ /^-([subw])$/) {
    shift @ARGV;
    if    ($1 eq 's') { $first = 1 }
    elsif ($1 eq 'u') { $udp   = 1 }
    elsif ($1 eq 'b') { $from  = shift @ARGV }
    else              { $wait  = shift @ARGV }
}
my $to = shift @ARGV or die "usage: talk.pl [-s] [-u] [-b ADDRESS] [-w SECONDS] PORT ITEM ...\n";
my ($buffer, $save, $closed, @raw) = ('', undef, 0);
my $sock = dial();

sub dial {
    return IO::Socket::UNIX->new(Peer => $to) || leave("[no connection: $!]") if $to =~ m{^/};
    my ($host, $port) = $to =~ /^\[?(.*?)\]?:(\d+)$/ ? ($1, $2) : ('127.0.0.1', $to);
    my $s = IO::Socket::IP->new(
        PeerHost => $host, PeerPort => $port, Proto => $udp ? 'udp' : 'tcp', Timeout => $wait,
        $from ? (LocalHost => $from) : ()
    ) or leave("[no connection: $!]");
    setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1 unless $udp;
    return $s;
}

sub leave { print "$_[0]\n"; exit 1 }

sub plain {
    my ($text) = @_;
    $text =~ s/\\(x([0-9A-Fa-f]{2})|[rnt0\\])/
        $2 ? chr hex $2 : {r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\'}->{$1}/gex;
    return $text;
}

# Reads what there is, at most until the deadline. False: nothing more will come.
sub more {
    my ($deadline) = @_;
    return 0 if $closed;
    my $left = $deadline - time;
    my $held = $sock->can('pending') && $sock->pending;
    if ($left <= 0 || !$held && !IO::Select->new($sock)->can_read($left)) {
        leave('[deadline]') if $deadline - time <= 0;
        return 1;
    }
    my $got = sysread $sock, my $bytes, 65_536;
    return 1 if !defined $got && ($! == EINTR || $! == EAGAIN);
    if (!$got) {
        print defined $got || $udp ? "[closed]\n" : "[reset]\n";
        return !($closed = 1);
    }
    print $save $bytes if $save;
    $buffer .= $bytes;
    return 1;
}

# One line without its end, printed; undef when the server has closed.
sub line {
    my ($status) = @_;
    my $deadline = time + $wait;
    until ($buffer =~ /\n/) {
        next if more($deadline);
        show($buffer) if length $buffer;
        $buffer = '';
        return undef;
    }
    my $end = index $buffer, "\n";
    my $text = substr $buffer, 0, $end + 1, '';
    my $mark = ($text =~ s/\r?\n\z// && $& eq "\n" && $to !~ m{^/} && !$udp) ? '[lf]' : '';
    $mark .= '[long]' if $status && $end + 1 > 512;
    return show($text, $mark);
}

sub show {
    my ($text, $mark) = @_;
    (my $seen = $text) =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    print $seen, $mark // '', "\n";
    return $text;
}

sub put {
    my ($bytes) = @_;
    $SIG{PIPE} = 'IGNORE';
    my $deadline = time + $wait;
    while (length $bytes) {
        leave('[deadline]') if time > $deadline;
        IO::Select->new($sock)->can_write($wait) or next;
        my $put = syswrite $sock, $bytes, $udp ? 65_000 : 65_536;
        if (defined $put) { substr $bytes, 0, $put, '' }
        elsif ($! != EINTR && $! != EAGAIN) { return }    # the server hung up; its last words are still read
    }
}

sub list {
    while (defined(my $text = line(0))) { return if $text eq '.' }
}

my %do = (
    send  => sub { put(plain($_[0])) },
    split => sub {
        my ($n, $text) = split ' ', $_[0], 2;
        for my $packet (plain($text) =~ /(.{1,$n})/gs) { put($packet); sleep 0.01 }
    },
    times => sub { my ($n, $text) = split ' ', $_[0], 2; put(plain($text) x $n) },
    line  => sub { for (1 .. $_[0] || 1) { line(1) } },
    list  => sub { list() },
    until => sub { while (defined(my $text = line(0))) { return if $text =~ /$_[0]/ } },
    quiet => sub {
        leave('[not quiet]') if length $buffer || IO::Select->new($sock)->can_read($_[0]);
    },
    hold => sub {
        my $deadline = time + $wait;
        until (-e $_[0]) { sleep 0.02; leave('[deadline]') if time > $deadline }
    },
    mark => sub { open my $f, '>', $_[0] or die "$_[0]: $!\n" },
    save => sub { open $save, '>', $_[0] or die "$_[0]: $!\n"; $save->autoflush(1) },
    tls  => sub { tls() },
    raw  => sub { open my $f, '>&=', fileno $sock or die; syswrite $f, plain($_[0]); push @raw, $f },
    half => sub { shutdown $sock, 1 },
    eof  => sub { 1 while defined line(0) },
    drop => sub {
        setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        POSIX::_exit(0);    # TLS would say good bye
    },
);

# From here on no call waits, since what comes may be no octets of the dialogue.
sub tls {
    require IO::Socket::SSL;
    $sock->timeout($wait);
    IO::Socket::SSL->start_SSL($sock, SSL_verify_mode => 0, Timeout => $wait)
        or leave("[no tls: " . IO::Socket::SSL::errstr() . "]");
    $sock->blocking(0);
}

sub command {
    my ($text) = @_;
    put($udp ? $text : "$text\r\n");
    my $reply = line(1) // return;
    my $many = $text =~ /^(?:CAPA\s*$|RETR |TOP |(?:LIST|UIDL)\s*$)/i;
    list() if $many && $reply =~ /^\+OK/;
    return if $text !~ /^QUIT\s*$/i || $udp;
    1 while defined line(0);
}

line(1) unless $first || $udp || $to =~ m{^/};
for my $item (@ARGV) {
    my ($verb, $rest) = $item =~ /^:(\w+) ?(.*)\z/s;
    if ($verb) { ($do{$verb} || die "talk.pl: $item: no such item\n")->($rest) }
    else       { command($item) }
}
