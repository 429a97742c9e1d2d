#!/usr/bin/perl
# table.pl [-m] RESULTS: the table of what run.pl has measured: medians; how many times more the best
# of the other proxies needs; and what was aimed at, with a mark where it was not reached. With -m as
# it stands in popular-tuning(7).
use strict;
use warnings;

my $manual = @ARGV && $ARGV[0] eq '-m' && shift;
my (%all, %failed);
while (<>) {
    my ($load, $system, $value, $number) = split;
    push @{ $all{$load}{$value}{$system} }, $number;
    $failed{$load}{$system} += $number if $value eq 'failed';
}

sub median {
    my @n = sort { $a <=> $b } @{ $_[0] };
    return @n % 2 ? $n[$#n / 2] : ($n[@n / 2 - 1] + $n[@n / 2]) / 2;
}

my @systems = qw(popular dovecot nginx dproxy perdition courier);
my @proxies = qw(nginx dproxy perdition);
my %bare = map { $_ => 1 } qw(bare asks forks relays);

# Title, load, value; `<` or `>`, what is aimed at; how many times less than the best proxy.
my @rows = (
    [ 'empty login, us CPU',      'empty',   'us',         '<', 110,  10 ],
    [ '  with a question, bare',  'asks',    'us' ],
    [ '  logins a second',        'empty',   'rate' ],
    [ 'TLS 1.3 full, us CPU',     'tls',     'us',         '<', 550,  3 ],
    [ 'TLS resumed, us CPU',      'resumed', 'us',         '<', 400,  3 ],
    [ '  share resumed, %',       'resumed', 'share',      '>', 100 ],
    [ '5 of 20 kB, us CPU',       'fetch',   'us',         '<', 500,  5 ],
    [ '  median, ms',             'fetch',   'ms',         '<', 7 ],
    [ 'mix, 80 % empty, us CPU',  'mix',     'us',         '<', 200,  5 ],
    [ '50 MB, ms CPU',            'large',   'cpu_ms',     'x', 1.3 ],
    [ '  not relayed, bare',      'copy',    'cpu_ms' ],
    [ 'drain 20 small, us CPU',   'drain',   'us',         '<', 2000 ],
    [ 'held, kB private: proxy',  'held',    'proxy_kb',   '<', 60 ],
    [ '  storage',                'held',    'storage_kb', '<', 60 ],
    [ '  both',                   'held',    'kb' ],
    [ 'held by TLS, kB: proxy',   'heldtls', 'proxy_kb',   '<', 260 ],
    [ '  both',                   'heldtls', 'kb' ],
    [ '0 to HELD held, a second', 'many',    'rate',       '>', 3000 ],
    [ '  memory, MB (Pss)',       'many',    'pss_mb' ],
    [ 'BIG messages, ms',         'big',     'first_ms',   '<', 120 ],
    [ '  CPU',                    'big',     'first_cpu' ],
    [ '  warm, ms',               'big',     'warm_ms',    '<', 100 ],
    [ '  CPU',                    'big',     'warm_cpu' ],
);

sub number {
    my ($n) = @_;
    return '-' unless defined $n;
    return sprintf '%.*f', $n < 10 ? 1 : 0, $n;
}

my (@table, %there);
for my $row (@rows) {
    my ($title, $load, $value, $sense, $goal, $times) = @$row;
    my %of = map { ($bare{$_} ? 'bare' : $_) => median($all{$load}{$value}{$_}) } keys %{ $all{$load}{$value} // {} };
    my %bad = %{ $failed{$load} // {} };
    next unless %of || %bad;
    $title =~ s{(HELD|BIG)}{$ENV{$1} // $1}e;
    $there{$_} = 1 for keys %of, keys %bad;
    my @best = sort { $a <=> $b } grep { defined } @of{@proxies};
    my $ratio = @best && $of{popular} && $sense && $sense eq '<' && $value !~ /kb/ ? $best[0] / $of{popular} : undef;
    $goal *= $of{bare} if $goal && $sense eq 'x' && $of{bare};
    my ($aim, $miss) = ('', '');
    if ($goal) {
        $aim = ($sense eq '>' ? '>=' : '<=') . number($goal);
        my $got = $of{popular};
        $miss .= 'x' if defined $got && ($sense eq '>' ? $got < $goal : $got > $goal);
    }
    my $want = $times ? ">=$times" : '';
    $miss .= 'r' if $times && defined $ratio && $ratio < $times;
    push @table, {
        title => $title,
        (map { $_ => $bad{$_} ? 'failed' : number($of{$_}) } 'bare', @systems),
        aim => $aim, ratio => defined $ratio ? number($ratio) : '', want => $want, miss => $miss,
    };
}
my @present = grep { $there{$_} } 'bare', @systems;
my %head = (title => '', (map { $_ => $_ } @present), aim => '   aim', ratio => 'times', want => 'aim', miss => 'missed');

# The columns of these names, side by side.
sub show {
    my (@columns) = @_;
    for my $row (\%head, @table) {
        my $line = sprintf '%-25s', $row->{title};
        $line .= sprintf '%*s', 1 + (length $head{$_} < 5 ? 5 : length $head{$_}), $row->{$_} for @columns;
        $line =~ s/ +$//;
        print "$line\n";
    }
}

my @against = qw(aim ratio want miss);
if ($manual) {
    print qq(.\\" run: picture\n.Bd -literal\n);
    show(grep { $_ ne 'courier' } @present);
    print qq(.Ed\n.\\" run: picture\n.Bd -literal\n);
    show((grep { $there{$_} } qw(courier popular)), @against);
    print ".Ed\n";
} else {
    show(@present, @against);
    print "\ntimes: what the best of the other proxies needs, by what popular needs; ",
        "missed: x the figure, r the ratio\n";
    for my $load (sort keys %failed) {
        print "failed: $failed{$load}{$_} sessions of $load with $_\n" for sort keys %{ $failed{$load} };
    }
}
