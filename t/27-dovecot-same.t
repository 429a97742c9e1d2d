#!/bin/sh
# pserv: it serves what Dovecot serves from the same Maildir: messages, octets, unique ids.
. t/lib/tap.sh
. t/lib/dovecot.sh
plan 12

suite
echo 'joe:secret' >"$T/dovecot.users"
account joe b1 joe
box joe
joe=$T/spool/joe
# One Maildir for both.
rm -rf "$T/old"
ln -s "$T/spool" "$T/old"
perl - "$joe" <<'EOC' || exit 1
my $joe = shift;
srand 7;
for my $n (1 .. 40) {
    my $end = $n % 3 ? "\n" : "\r\n";
    my @body = map { join '', map { chr(33 + int rand 94) } 1 .. int rand 120 } 1 .. rand 30;
    my $text = join $end, "Subject: mail $n", "From: joe\@example.org", '', '.', '..x', @body, '';
    my $size = length $text;
    my $wire = $size + ($n % 3 ? $text =~ tr/\n// : 0);
    my $name = 1700000000 + $n . ".M${n}P1.host";
    $name .= ",S=$size" if $n % 4 > 1;
    $name .= ",W=$wire" if $n % 4 == 3;
    $name = $n % 2 ? "new/$name" : "cur/$name:2," . ($n % 5 ? '' : 'S');
    open my $f, '>', "$joe/$name" or die;
    print $f $text;
    close $f or die;
}
EOC
[ -z "$ROOT" ] || chown -R "$USER" "$joe"
start_dovecot 4
start_suite

# whole NAME N: all messages that are served on port N, as `ID OCTETS DIGEST`, in $T/of.NAME
whole() {
    perl -MNet::POP3 -MDigest::SHA=sha256_hex - "$(port "$2")" <<'EOC' >"$T/of.$1"
my $pop = Net::POP3->new("127.0.0.1:$ARGV[0]", Timeout => $ENV{WAIT}) or die "$@\n";
defined $pop->login('joe', 'secret') or die $pop->message;
my ($list, $uidl) = ($pop->list, $pop->uidl);
my ($count, $sum) = $pop->popstat;
my ($octets, @all) = 0;
for my $n (keys %$list) {
    my $text = join '', @{$pop->get($n)};
    $octets += $list->{$n};
    print STDERR "message $n: promised $list->{$n}\n" if $list->{$n} != length($text) + ($text =~ tr/\n//);
    push @all, "$uidl->{$n} $list->{$n} " . sha256_hex($text) . "\n";
}
print STDERR "STAT $count $sum\n" if $count != @all || $sum != $octets;
print sort @all;
$pop->quit;
EOC
}

whole dovecot 4 2>"$T/dovecot.err"
is "$(wc -l <"$T/of.dovecot" | tr -d ' ')" 40 'Dovecot serves all of them'
whole pserv 1 2>"$T/pserv.err"
is "$(cat "$T/dovecot.err" "$T/pserv.err")" '' 'both keep what STAT and LIST promise'
same "$T/of.pserv" "$T/of.dovecot" 'pserv serves the same messages, octets and ids'
seen pserv 'ev=uidl_imported .*file=dovecot-uidlist messages=40' 'since it has taken the ids over'
whole pserv 1
same "$T/of.pserv" "$T/of.dovecot" 'it does so again, from what it remembers'
whole dovecot2 4
same "$T/of.dovecot2" "$T/of.dovecot" 'Dovecot does not mind the files beside the mail'

printf 'Subject: late\n\nmail\n' | deliver joe
whole pserv 1
whole dovecot2 4
is "$(cut -d ' ' -f 2,3 "$T/of.pserv" | sort)" "$(cut -d ' ' -f 2,3 "$T/of.dovecot2" | sort)" \
    'mail that comes later is served by both'
whole pserv2 1
same "$T/of.pserv2" "$T/of.pserv" 'and keeps the id it has in pserv, whatever Dovecot calls it'

talk 1 'USER joe' 'PASS secret' 'DELE 1' 'DELE 40' QUIT
whole pserv 1
whole dovecot2 4
is "$(cut -d ' ' -f 2,3 "$T/of.pserv" | sort)" "$(cut -d ' ' -f 2,3 "$T/of.dovecot2" | sort)" \
    'what pserv deletes is gone for both'
is "$(comm -23 "$T/of.pserv" "$T/of.pserv2" | grep -c .)" 0 'no other id changes'

asuser rm "$joe"/dovecot* "$joe/popular-sizes"
whole pserv2 1
same "$T/of.pserv2" "$T/of.pserv" 'nor when every trace of Dovecot is removed'
is "$(grep -c 'Error\|Panic\|Fatal' "$T/dovelog.log")" 0 'Dovecot has found nothing wrong'
end pserv
