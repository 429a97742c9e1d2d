#!/usr/bin/perl
# pty.pl ITEM ... -- COMMAND ...: a person at a terminal of their own, 80 columns wide, who runs
# COMMAND.
#
#   :wait REGEX     waits until what came since the last wait has it
#   :kill SIGNAL    sends a signal to COMMAND
#   :end            waits until COMMAND has ended
#   TEXT            types it; \r, \t, \e, \x03 and the like as in Perl
#
# Prints what came, CR and escape sequences left out, at last `[status N]` or `[signal N]`, and
# whether the terminal is set as it was: `[same]` or `[other]`. Nothing waits longer than $WAIT
# seconds.
use strict;
use warnings;
use Fcntl;
use POSIX qw(setsid dup2 _exit :sys_wait_h);

my ($TIOCGPTN, $TIOCSPTLCK, $TIOCSCTTY, $TIOCSWINSZ) = (0x80045430, 0x40045431, 0x540E, 0x5414);
my @items;
push @items, shift while @ARGV && $ARGV[0] ne '--';
shift;

sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY or die "/dev/ptmx: $!\n";
# What ioctl is given must be a variable.
my ($number, $size) = (pack('i', 0), pack('S4', 24, 80, 0, 0));
ioctl $master, $TIOCSPTLCK, $number or die "unlockpt: $!\n";
ioctl $master, $TIOCGPTN, $number or die "ptsname: $!\n";
my $name = '/dev/pts/' . unpack 'i', $number;
sysopen my $slave, $name, O_RDWR | O_NOCTTY or die "$name: $!\n";
ioctl $slave, $TIOCSWINSZ, $size;
sub settings { `stty -g <$name` }
my $before = settings();

my $child = fork // die "fork: $!\n";
if (!$child) {
    setsid();
    ioctl $slave, $TIOCSCTTY, 0;
    dup2(fileno($slave), $_) for 0 .. 2;
    # Jobs in the background of a shell have been told to ignore these.
    @SIG{qw(HUP INT QUIT)} = ('DEFAULT') x 3;
    exec @ARGV or _exit(127);
}
my ($all, $since, $over, $status) = ('', '', 0, 0);
my $limit = time + ($ENV{WAIT} || 20);

# Reads for a moment.
sub look {
    my $in = '';
    vec($in, fileno($master), 1) = 1;
    if (select($in, undef, undef, 0.05) > 0 && sysread $master, my $text, 4096) {
        $text =~ s/\r|\e\[[\d;?]*[A-Za-z]|\x07//g;
        $all .= $text;
        $since .= $text;
    }
    elsif (!$over && waitpid($child, WNOHANG) == $child) { ($over, $status) = (1, $?) }
    return time < $limit;
}
for my $item (@items) {
    if ($item =~ /^:wait (.*)/s) {
        my $regex = $1;
        1 while $since !~ /$regex/ && look();
        print "[in vain: $regex]\n" unless $since =~ s/.*?$regex//s;
    }
    elsif ($item =~ /^:kill (\w+)/) { kill $1, $child }
    elsif ($item eq ':end') { 1 while !$over && look() }
    else { syswrite $master, $item =~ s/\\(x..|.)/qq("\\$1")/geer }
}
1 while !$over && look();
kill 'KILL', $child unless $over;
print $all, "\n", $over ? $status & 127 ? "[signal $status]" : '[status ' . ($status >> 8) . ']' : '[hangs]';
print settings() eq $before ? " [same]\n" : " [other]\n";
