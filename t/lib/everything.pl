#!/usr/bin/perl
# everything.pl PROGRAM DIRECTORY: control words that set each variable of PROGRAM, and each option of
# each kind of object, to something else than its default, after the tables that `PROGRAM -T`
# prints. DIRECTORY holds lib, spool, spool/deleted, capa and capa/few.
use strict;
use warnings;

my ($program, $dir) = @ARGV;
my %var = (moduledir => "$dir/lib", capadir => "$dir/capa", spool => "$dir/spool", deletedir => "$dir/spool/deleted",
    trusted => '192.0.2.0/24', maxsession => 900, group => 'nogroup', sidprefix => 'q', tlsciphers => 'AES256-SHA');
my %key = (
    cert => 'cert=/x.crt key=/x.key tls=starttls', key => 'cert=/x.crt key=/x.key tls=starttls',
    sni => 'sni=a.example,/x.crt,/x.key;*.b.example,/y.crt,/y.key cert=/x.crt key=/x.key tls=implicit',
    clientca => 'clientca=/x.pem cert=/x.crt key=/x.key tls=starttls', ca => 'ca=/x.pem tls=starttls',
    fallback => 'fallback=old', fallbackfor => 'fallbackfor=all fallback=old', capa => 'capa=few',
    source => 'source=192.0.2.1', check => 'check=h:1', name => 'name=pop.example tls=starttls',
    xclient => 'xclient=yes proto=pop3', login => 'login=plain proto=pop3', greeting => '"greeting=a \"b\" # \\\\ c"',
    checkkey => 'checkkey=/x.key', tlsmin => 'tlsmin=1.3 tls=starttls', tlsciphers => 'tlsciphers=AES256-SHA tls=starttls',
    sendproxy => 'sendproxy=v2', maxpending => 'maxpending=7 maxsession=9');
my (@sets, @adds, $n);
open my $t, '-|', $program, '-T';
while (<$t>) {
    if (my ($name, $kind, $default, $range, $when) = /^(?:var|key \S+ add) (\S+) (\S+) ("[^"]*"|\S*) ("[^"]*"|\S+) (\S+)$/) {
        next if $when eq 'readonly';
        my ($other) = $kind eq 'Time' ? '90s' : $kind =~ /Int|Decimal/ ? $default + 1
            : $range =~ /\|/ ? grep { $_ ne $default } split /\|/, $range : $range =~ /networks/ ? '192.0.2.0/24' : 'other';
        if (my ($of) = /^key (\S+)/) {
            my $tls = $name eq 'tls' || ($key{$name} // "") =~ /tls=/;
            my $options = $key{$name} || "$name=$other";
            $options .= ' cert=/x.crt key=/x.key' if $name =~ /^(?:tls|plaintext)$/ && $of ne 'backend';
            my $at = $of eq 'backend' ? 'h:110' : '127.0.0.1:' . (20000 + ++$n);
            push @adds, "$of add k$name $at $options";
        }
        else { push @sets, 'set ' . $name . ' ' . ($var{$name} // $other) }
    }
    push @adds, 'capa load few', 'backend add old h:110 proto=pop3', 'pdm add two flat /b "c d"', 'pdm add one flat /a',
        'backend add off h:1', 'backend disable off', 'backend add dry h:1', 'backend drain dry',
        # More than a line holds.
        'vserv add long 127.0.0.1:1 greeting=' . 'x' x 4000,
        'vserv change long tls=implicit cert=/x key=/y sni=a.example,/' . 'x' x 4000 . ',/y' if /^word pdm order/;
}
print "$_\n" for @sets, 'debug auth on', (sort { ($b =~ /^capa|^backend/) <=> ($a =~ /^capa|^backend/) } @adds);
