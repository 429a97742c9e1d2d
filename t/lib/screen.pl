#!/usr/bin/perl
# screen.pl [-s ROWSxCOLUMNS] ITEM ... -- COMMAND ...: runs COMMAND on a terminal of its own and
# looks at it as a person does. It knows as much of ANSI escape codes as our programs use; any
# other is an error, since then somebody else has written it.
#
#   :see REGEX      waits until a line of the screen matches
#   :unsee REGEX    waits until none does
#   :key TEXT       presses these keys; \r \t \e and \xNN are escapes
#   :size RxC       makes the window that large
#   :signal NAME    sends a signal to COMMAND
#   :sh WORDS       runs a shell command
#   :mode FILE      writes to FILE whether the terminal is `raw` or `cooked`
#   :save FILE      writes the screen to FILE, blanks at the ends of lines left out
#   :gone           waits for the end of COMMAND and prints its exit status, or its signal
#
# Whatever waits, waits WAIT seconds at most; then the screen is printed, and the status is 1.
use strict;
use warnings;
use Errno qw(EIO);
use POSIX ();

my $wait = $ENV{WAIT} || 20;
my ($rows, $cols) = (24, 80);
($rows, $cols) = split /x/, (splice @ARGV, 0, 2)[1] if $ARGV[0] eq '-s';
my @items;
while (@ARGV and (my $item = shift @ARGV) ne '--') { push @items, $item }

use constant { TIOCSPTLCK => 0x40045431, TIOCGPTN => 0x80045430, TIOCSWINSZ => 0x5414 };
open my $master, '+<', '/dev/ptmx' or die "/dev/ptmx: $!\n";
my ($unlock, $number) = (pack('i', 0), pack 'i', 0);
ioctl $master, TIOCSPTLCK, $unlock or die "unlock: $!\n";
ioctl $master, TIOCGPTN, $number or die "number: $!\n";
my $name = '/dev/pts/' . unpack 'i', $number;
my $O = POSIX::O_RDWR() | POSIX::O_NOCTTY();
defined(my $slave = POSIX::open($name, $O)) or die "$name: $!\n";
sub resize { ($rows, $cols) = @_; ioctl $master, TIOCSWINSZ, pack 'S4', $rows, $cols, 0, 0 }
resize($rows, $cols);

defined(my $pid = fork) or die "fork: $!\n";
if (!$pid) {
    POSIX::setsid();
    my $tty = POSIX::open($name, POSIX::O_RDWR());
    POSIX::dup2($tty, $_) for 0 .. 2;
    POSIX::close($_) for 3 .. 20;
    exec @ARGV or POSIX::_exit(127);
}

# What is on the screen, and on the one below it; where the cursor is.
my (@screen, @below, $y, $x) = ();
($y, $x) = (0, 0);
my ($heard, $ended) = ('', undef);

sub put {
    my ($c) = @_;
    $screen[$y] .= ' ' x ($x - length $screen[$y]) if length($screen[$y] //= '') < $x;
    substr($screen[$y], $x++, 1, $c) if $x < $cols;
}

sub control {
    my ($args, $final) = @_;
    my @args = split /;/, $args;
    if ($final eq 'H') { ($y, $x) = (($args[0] || 1) - 1, ($args[1] || 1) - 1) }
    elsif ($final eq 'K') { substr($screen[$y], $x) = '' if length($screen[$y] // '') > $x }
    elsif ($final eq 'J') { control('', 'K'); splice @screen, $y + 1 if @screen > $y }
    elsif ($final eq 'm') { }
    elsif ($args eq '?1049' && $final eq 'h') { @below = @screen; @screen = () }
    elsif ($args eq '?1049' && $final eq 'l') { @screen = @below }
    elsif ($args eq '?25') { }
    else { die "foreign escape code: $args$final\n" }
}

sub draw {
    while (length $heard) {
        if ($heard =~ s/^([\x20-\x7e])//) { put($1) }
        elsif ($heard =~ s/^\r//) { $x = 0 }
        elsif ($heard =~ s/^\n//) {
            if ($y + 1 < $rows) { $y++ } else { shift @screen; $screen[$y] = '' }
        }
        elsif ($heard =~ s/^\e\[([?0-9;]*)([A-Za-z])//) { control($1, $2) }
        elsif ($heard =~ /^\e(\[[?0-9;]*)?$/) { return }
        else { die sprintf "foreign octet on the screen: %v02x\n", substr $heard, 0, 8 }
    }
}

sub screen { join '', map { ($_ // '') =~ s/\s+$//r . "\n" } @screen }
sub fail { print "# @_\n", screen() =~ s/^/# /mgr; kill KILL => $pid; exit 1 }

# Hears the program until `done` says that it is enough.
sub until_done {
    my ($done, $what) = @_;
    my $end = time + $wait;
    while (!$done->()) {
        fail("waited for $what") if time >= $end;
        my $set = '';
        vec($set, fileno $master, 1) = 1;
        next unless select $set, undef, undef, 0.1;
        my $count = sysread $master, $heard, 65536, length $heard;
        eval { draw(); 1 } or fail($@);
    }
}
sub seen { my ($regex) = @_; scalar grep { ($_ // '') =~ /$regex/ } @screen }
sub ended {
    return 1 if defined $ended;
    $ended = $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
    return defined $ended;
}
sub mode {
    my $mode = POSIX::Termios->new;
    $mode->getattr($slave);
    my $cooked = POSIX::ICANON() | POSIX::ECHO() | POSIX::ISIG();
    return ($mode->getlflag & $cooked) == $cooked ? 'cooked' : 'raw';
}
sub write_to { my ($file, $text) = @_; open my $f, '>', $file or die "$file: $!\n"; print $f $text }

for (@items) {
    my ($what, $text) = split / /, $_, 2;
    if ($what eq ':see') { until_done(sub { seen($text) }, $_) }
    elsif ($what eq ':unsee') { until_done(sub { !seen($text) }, $_) }
    elsif ($what eq ':key') {
        my %escapes = (r => "\r", t => "\t", e => "\e");
        $text =~ s/\\(?:x(..)|(.))/defined $1 ? chr hex $1 : $escapes{$2} \/\/ $2/ge;
        syswrite $master, $text;
    }
    elsif ($what eq ':size') { resize(split /x/, $text) }
    elsif ($what eq ':signal') { kill $text => $pid }
    elsif ($what eq ':sh') { system $text }
    elsif ($what eq ':mode') { write_to($text, mode() . "\n") }
    elsif ($what eq ':save') { write_to($text, screen()) }
    elsif ($what eq ':gone') {
        until_done(\&ended, $_);
        print $ended & 127 ? 'signal ' . ($ended & 127) : 'status ' . ($ended >> 8), "\n";
    }
    else { die "unknown item $_\n" }
}
kill KILL => $pid if !ended();
