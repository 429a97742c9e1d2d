#!/usr/bin/perl
# crash.pl MAIL SPOOL MAILBOX FAULTS CALLS COMMAND ...: lets COMMAND, which delivers the file MAIL
# to MAILBOX below SPOOL, fail in every way, and looks at the mailbox after each. The run is
# repeated for every call of the CALLS (a list of system calls, or `all`) that COMMAND makes, and
# for each of the FAULTS: KILL kills it there, an error as ENOSPC makes this one call fail, with
# `+` behind it this one and all later ones of that name.
#
# Status 0 means that the message is in `new`, once and whole; any other that it is not, and only
# 75 makes every MTA try again; a process that was killed has left a whole message or none. What
# does not hold is printed; the last line says how many runs there were and how many went wrong.
# With MAKE=0 in the environment COMMAND has to make the mailbox; with QUOTA=1000000S, say, it has
# that quota, whose sum may be higher than what is stored but never lower, unless that is logged.
use strict;
use warnings;
use File::Path qw(remove_tree);

my ($mail, $spool, $mailbox, $faults, $calls, @command) = @ARGV;
die "usage: crash.pl MAIL SPOOL MAILBOX FAULTS CALLS COMMAND ...\n" unless @command;
my $box = "$spool/$mailbox";
(my $top = $box) =~ s{^(\Q$spool\E/[^/]+).*}{$1};
my $make = $ENV{MAKE} // 1;
my $quota = $ENV{QUOTA};
my $want = content($mail);
$want =~ s/\r?\n/\r\n/g;
my ($runs, $wrong) = (0, 0);

sub content { my $file = shift; local $/; open my $f, '<', $file or die "$file: $!"; scalar <$f> }
sub files { my $dir = shift; opendir my $d, $dir or return (); sort grep { !/^\./ } readdir $d }

# Runs the command under strace with these options; its wait status.
sub run {
    my @options = @_;
    remove_tree($top);
    if ($make) {
        my $dir = $spool;
        for my $part (split m{/}, $mailbox) { mkdir($dir .= "/$part") }
        mkdir "$box/$_" for qw(tmp cur new);
        if ($quota) {
            open my $f, '>', "$box/maildirsize" or die "maildirsize: $!";
            print $f "$quota\n0 0\n";
        }
    }
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', $mail;
        open STDOUT, '>', "$spool.out";
        open STDERR, '>&', \*STDOUT;
        alarm 60;
        exec 'strace', '-f', '-qq', @options, '--', @command;
        die "strace: $!";
    }
    waitpid $pid, 0;
    return $?;
}

sub judge {
    my ($what, $status) = @_;
    my @bad;
    my @new = files("$box/new");
    my @torn = grep { content("$box/new/$_") ne $want } @new;
    my $octets = length $want;
    push @bad, "torn: @torn" if @torn;
    push @bad, "sizes: @new" if grep { !/,S=$octets,W=$octets$/ } @new;
    push @bad, 'in cur: ' . join ' ', files("$box/cur") if files("$box/cur");
    push @bad, scalar(@new) . ' messages' if @new > 1;
    push @bad, 'acknowledged and not there' if $status == 0 && @new == 0;
    push @bad, 'refused and there' if $status > 255 && @new != 0;
    push @bad, 'leaves ' . join ' ', files("$box/tmp")
        if !($status & 127) && files("$box/tmp") && $what !~ /^unlink/;
    push @bad, 'exit status ' . ($status >> 8)
        if !($status & 127) && $status >> 8 != 0 && $status >> 8 != 75;
    push @bad, "killed by signal " . ($status & 127) if $status & 127 && $what !~ /KILL/;
    if ($quota && -e "$box/maildirsize") {
        my (undef, @lines) = split /\n/, content("$box/maildirsize");
        my ($octets, $messages) = (0, 0);
        for (@lines) { /^(-?\d+) (-?\d+)$/ and $octets += $1, $messages += $2 }
        push @bad, "quota knows of $messages messages, $octets octets"
            if content("$spool.out") !~ /ev=quota_failed/ && ($messages < @new || $octets < @new * length $want
            || $status == 0 && ($messages != @new || $octets != @new * length $want));
    }
    $runs++;
    return unless @bad;
    $wrong++;
    print "$what: ", join('; ', @bad), "\n";
    my @told = split /\n/, content("$spool.out");
    print map { "    $_\n" } @told[ 0 .. ($#told > 3 ? 3 : $#told) ];
}

# What is called before main, by the loader and the runtime, ends in an abort; MTAs try again then.
my $trace = "$spool.trace";
judge('nothing', run('-o', $trace));
my (%count, @points, $begun);
open my $f, '<', $trace or die "$trace: $!";
while (<$f>) {
    my ($call) = /^(?:\d+ +)?(\w+)\(/ or next;
    $count{$call}++;
    $begun ||= /sigaltstack\(\{.*SS_DISABLE/ ? 0 : /sigaltstack\(\{/;
    next unless $begun && ($calls eq 'all' || grep { $_ eq $call } split /,/, $calls);
    push @points, [ $call, $count{$call} ];
}
for (@points) {
    my ($call, $n) = @$_;
    for my $fault (split /,/, $faults) {
        # These cannot fail: the kernel never says so of them, and nobody asks.
        next if $call =~ /^(?:exit_group|brk)$/ && $fault ne 'KILL';
        (my $error = $fault) =~ s/\+$//;
        my $when = $fault =~ /\+$/ ? "$n+" : $n;
        my $inject = $fault eq 'KILL' ? "signal=KILL:when=$n" : "error=$error:when=$when";
        judge("$call $n $fault",
            run('-o', '/dev/null', '-e', "trace=$call", '-e', "inject=$call:$inject"));
    }
}
print "runs=$runs wrong=$wrong\n";
exit($wrong > 0);
