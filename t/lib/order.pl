#!/usr/bin/perl
# order.pl TRACE: reads what `strace -f -y -s 64 -o TRACE` wrote of one process that delivers or
# serves mail, and says what a power cut could have lost or torn, whenever it came. A file is on
# disk when it was synced behind its last write, a name when its directory was synced behind the
# change; before that either may be there or not. So
# - what gets a name in a folder of mail has been synced before;
# - what is renamed from one folder to another is synced there first, else it could be in neither;
# - when something is acknowledged (exit status 0, or +OK to a client) no name in a folder of mail
#   is waiting to be synced, nor one of a directory that was made.
# The same holds for what is not in a folder of mail, but matches the pattern ALSO by its path.
# Prints what is wrong, and how many acknowledgements and syncs it has seen; 1 if anything is.
use strict;
use warnings;

my (%id, %unsynced, %pending, %moved, $wrong, $acks, $syncs);
($wrong, $acks, $syncs) = (0, 0, 0);

sub complain { print "line $.: @_\n"; $wrong++ }
# What lies in tmp, or beside the folders, may be lost.
sub keeps { $_[0] =~ m{/(?:new|cur)/[^/]*$} || ($ENV{ALSO} && $_[0] =~ /$ENV{ALSO}/) }
sub id { $id{ $_[0] } //= "$_[0]#$." }
sub name { my ($dir, $name) = @_; $name =~ m{^/} ? $name : "$dir/$name" }

sub arrives {
    my ($from, $dir, $to) = @_;
    my $id = id($from);
    complain "$to gets its name before it is on disk" if keeps($to) && $unsynced{$id};
    $id{$to} = $id;
    $pending{$dir}{$to} = 1 if keeps($to);
}

sub acknowledged {
    $acks++;
    for my $dir (sort keys %pending) {
        complain "acknowledged before $_ is on disk" for sort keys %{ $pending{$dir} };
    }
    %pending = ();
}

my %half;
while (my $line = <>) {
    my ($pid, $call) = $line =~ /^(?:(\d+) +)?(.*)/;
    $pid //= 0;
    if ($call =~ s/ <unfinished \.\.\.>$//) { $half{$pid} = $call; next }
    $call = ($half{$pid} // '') . $1 if $call =~ /^<\.\.\. \w+ resumed>(.*)/;
    my $dir = qr/(?:AT_FDCWD|\d+)<([^>]*)>/;
    if ($call =~ /^exit_group\(0\)/) { acknowledged(); next }
    next unless $call =~ / = (\d+)(?:<([^>]*)>)?$/;
    my $file = $2;
    if ($call =~ /^(?:write|pwrite64|writev)\(\d+<(\/[^>]*)>/ || $call =~ /^f(?:truncate|allocate)\(\d+<(\/[^>]*)>/) {
        $unsynced{ id($1) } = 1;
    } elsif ($call =~ /^openat\($dir, "([^"]*)", [^)]*O_CREAT/) {
        delete $id{$file};
        $unsynced{ id($file) } = 1;
    } elsif ($call =~ /^f(?:data)?sync\(\d+<(\/[^>]*)>/) {
        my $synced = $1;
        $syncs++;
        delete $unsynced{ id($synced) };
        for my $to (sort keys %{ $moved{$synced} // {} }) {
            complain "$synced is synced before what moved to $to" if $pending{$to};
        }
        delete $pending{$synced};
        delete $moved{$synced};
    } elsif ($call =~ /^linkat\($dir, "([^"]*)", $dir, "([^"]*)"/) {
        arrives(name($1, $2), $3, name($3, $4));
    } elsif ($call =~ /^renameat2?\($dir, "([^"]*)", $dir, "([^"]*)"/) {
        my ($from, $old, $to, $new) = ($1, name($1, $2), $3, name($3, $4));
        arrives($old, $to, $new);
        delete $id{$old};
        if ($from ne $to && keeps($old)) {
            $pending{$from}{$old} = 1;
            $moved{$from}{$to} = 1 if keeps($new);
        }
    } elsif ($call =~ /^unlinkat\($dir, "([^"]*)"/) {
        my ($dir, $gone) = ($1, name($1, $2));
        delete $id{$gone};
        $pending{$dir}{$gone} = 1 if keeps($gone);
    } elsif ($call =~ /^mkdirat\($dir, "([^"]*)"/) {
        $pending{$1}{ name($1, $2) } = 1;
    } elsif ($call =~ /^(?:sendto|write|writev|sendmsg)\(\d+<(?:TCP|socket)[^>]*>.*?"\+OK/) {
        acknowledged();
    }
}
print "acknowledged=$acks synced=$syncs wrong=$wrong\n";
exit($wrong > 0);
