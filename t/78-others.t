#!/bin/sh
# The manual: what stands there for others, a socket for systemd and what fail2ban looks for.
. t/lib/apart.sh
. t/lib/tap.sh
. t/lib/manual.sh
manual
plan 2

mkdir "$T/units"
sed 's,/usr/local/sbin,/usr/local/bin,; s/^Type=notify-reload$/Type=notify/' \
    "$LIB/../../etc/systemd/pproxy.service" >"$T/units/pproxy.service"
cp "$BLOCKS/popular.7.4" "$T/units/pproxy.socket"
systemd-analyze verify --man=no "$T/units/pproxy.socket" >"$T/verify.log" 2>&1
is "$? $(cat "$T/verify.log")" '0 ' 'popular(7): systemd takes the socket'

dialogue popular.7 6 >"$T/made.log"
three_daemons
message 3/joe
curl -s --interface 192.0.2.10 -u joe:secret pop3://127.0.0.1/ >/dev/null
curl -s -u joe:wrong pop3://127.0.0.1/ >/dev/null
until_ok grep -q ev=login_refused "$T/pproxy.out"
cat "$T"/*.out | sed 's/^[^ ]* \(pproxy\[\)/\1/' >"$T/lines"
perl -e 'open my $f, "<", shift; my $block = join "", <$f>;
    my ($regex) = $block =~ /^failregex = (.*?)\n(?=\w)/ms or die "no regex\n";
    $regex =~ s/\n\s+/ /g;
    $regex =~ s/<HOST>/(\\S+)/;
    while (<>) { print "$1\n" if /$regex/ }' "$BLOCKS/pproxy.8.1" "$T/lines" | sort -u >"$T/found"
is "$(cat "$T/found")" 127.0.0.1 'pproxy(8): fail2ban would see who had a wrong password'
down
