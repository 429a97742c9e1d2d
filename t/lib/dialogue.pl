#!/usr/bin/perl
# dialogue.pl FILE: types what stands in FILE behind `# ` or `$ ` into a shell, and compares what
# comes with what stands below it. Prints what differs; nothing if all is as it stands there.
# $SID takes the place of the id of a session. Behind `$ ` it is $PERSON who types.
#
# A command goes on in the next line as the shell sees it. `cat NAME` shows what the file NAME is
# to hold, and it is written. A daemon in the foreground (-d) is left behind, as by another
# terminal. Three dots and decimal fractions stand for anything, `us=` for any time.
use strict;
use warnings;

open my $f, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
chomp(my @lines = <$f>);
my $prompted = grep { /^[#\$] / } @lines;
@lines = "# " . join "\n", @lines unless $prompted;

sub complete {
    my $text = shift;
    return $text =~ /^\Q$1\E$/m if $text =~ /<<(\w+)/;
    return 0 if $text =~ /[|\\]\s*$/;
    return system('sh', '-c', 'exec sh -n -c "$1" 2>/dev/null', '-', $text) == 0;
}

while (@lines) {
    my ($who, $command) = shift(@lines) =~ /^([#\$]) (.*)/s or die "this is no command\n";
    my @shell = $who eq '$' && $ENV{PERSON} ? ('su', '-s', '/bin/sh', $ENV{PERSON}) : 'sh';
    $command =~ s/p1\.66f3a2c1\.0a97\.12/$ENV{SID}/ if $ENV{SID};
    $command .= "\n" . shift @lines while @lines && !complete($command);
    my @want;
    push @want, shift @lines while @lines && ($lines[0] !~ /^[#\$] / || !$prompted);
    if ($command =~ /^cat (\S+)$/) {
        open my $to, '>', $1 or die "$1: $!\n";
        print $to "$_\n" for @want;
        next;
    }
    if ($command =~ /^(p\w+) -d /) {
        my $name = $1;
        $command =~ s/ *&$//;
        system("$command >>/run/$name.log 2>&1 </dev/null &");
        for (1 .. 400) { last if -S "/run/popular/$name.ctrl"; select undef, undef, undef, 0.05 }
        print "$command: it does not serve\n" . `cat /run/$name.log` unless -S "/run/popular/$name.ctrl";
        next;
    }
    my $pattern = join '\n', map { pattern($_) } @want;
    my ($came, $wrong);
    # What a session leaves behind is counted a moment after its client has left.
    for my $try (1 .. (@want && $command =~ /^pctl .* list\b/ ? 100 : 1)) {
        select undef, undef, undef, 0.05 if $try > 1;
        ($came, $wrong) = run($command, @shell);
        last if !$wrong && $came =~ /^$pattern$/;
    }
    print $wrong;
    print "$command: there comes\n$came\nand not\n@{[join qq(\n), @want]}\n"
        if @want && $came !~ /^$pattern$/;
}

# What a command says, without empty lines; and what is wrong if it fails.
sub run {
    my ($command, @shell) = @_;
    my $errors = "/run/dialogue.errors";
    open my $err, '>&', \*STDERR;
    open STDERR, '>', $errors;
    open my $p, '-|', @shell, '-c', $command or die "sh: $!\n";
    open STDERR, '>&', $err;
    my @got = map { s/\r?\n$//r } <$p>;
    close $p;
    my $status = $? >> 8;
    my $wrong = $status ? "$command: status $status\n" . `cat $errors` : '';
    unlink $errors;
    return (join("\n", grep { $_ ne '' } @got), $wrong);
}

sub pattern {
    my $text = quotemeta shift;
    $text =~ s/\\\.\\\.\\\./.*/g;
    $text =~ s/\d+\\\.\d+(?:\\\.\d+)*/[\\d.]+/g;
    $text =~ s/us\\=\d+/us=\\d+/g;
    $text;
}
