#!/bin/sh
# The manual: who types what its examples show sees what they show.
#
# The dialogues (`.\" run: sh`, see t/lib/blocks.pl) are held as they stand, with the real names of
# files and real ports, in a system of their own.
. t/lib/apart.sh
. t/lib/tap.sh
apart

BLOCKS=$T/blocks
mkdir "$BLOCKS"
perl t/lib/blocks.pl "$BLOCKS" man/*.[1-8] >"$T/examples"
plan 33

for host in 192.0.2.1 192.0.2.2 192.0.2.10 192.0.2.11; do ip addr add $host/32 dev lo; done
ip addr add 2001:db8::1/128 dev lo nodad

mkdir "$T/here" "$T/vmail"
chmod 777 "$T/vmail"
cd "$T/here" || exit 1

# dialogue PAGE N: what differs from example number N of a page, as it is held now
dialogue() { timeout 60 perl "$LIB/dialogue.pl" "$BLOCKS/$1.$2" 2>&1 || echo "status $?"; }
held=
# holds PAGE N TITLE
holds() {
    held="$held $1.$2"
    is "$(dialogue "$1" "$2")" '' "$3"
}
down() { for name in pproxy pcheckd pserv; do
    [ ! -e /run/popular/$name.pid ] || { read -r pid </run/popular/$name.pid; kill "$pid"; until_ok gone "$pid"; }
done; }
started() { until_ok test -S "/run/popular/$1.ctrl"; }

for user in popular mail; do id $user >/dev/null 2>&1 || useradd --system $user; done
config() { cat >"/etc/popular/$1.rc"; }
message() { printf 'Subject: hello\n\n' | su -s /bin/sh vmail -c "pdeliver -c $1"; }

holds popular.7 6 'popular(7): a user and a spool are made'
holds popular.7 7 'files are written'
holds popular.7 8 'a message comes in and is fetched'
echo 'Subject: hello' | su -s /bin/sh vmail -c 'pdeliver -c 3/2d/joe'
holds pserv.8 2 'pserv(8): a session by hand'
holds popular-control.5 4 'popular-control(5): a word without pctl'
holds popular.7 9 'popular(7): something is changed, and all is stopped'
served() { ls /run/popular/*.ctrl; }
until_ok test -z "$(served 2>/dev/null)"
is "$(ls /run/popular)" '' 'nothing is left of the daemons'

holds pserv.8 1 'pserv(8): in the foreground'
holds pproxy.8 2 'pproxy(8): in the foreground'
rm -rf /var/spool/popular/3
holds pcheckd.8 1 'pcheckd(8): in the foreground, and a question'
down

config pserv <<EOC
set user vmail
server add main 192.0.2.1:1110 allow=192.0.2.0/24
EOC
config pcheckd <<EOC
set user vmail
server add main 192.0.2.1:50110 allow=192.0.2.0/24
EOC
config pproxy <<EOC
set user nobody
set maxperip 0
backend add b1 192.0.2.1:1110
backend add b2 192.0.2.2:1110
pdm add users flat /etc/popular/users
vserv add main 0.0.0.0:110
EOC
printf '*:joe:{PLAIN}secret:b1:3/joe\n*:ann:{PLAIN}secret:b2:3/ann\n' >/etc/popular/users
for name in pserv pcheckd pproxy; do $name -d -f /etc/popular/$name.rc >>"$T/$name.out" 2>&1 & done
for name in pserv pcheckd pproxy; do started $name; done
message 3/2d/joe
message 3/joe
holds pcheck.8 1 'pcheck(8): is there mail, and how high is the load'
holds pcheckd.rc.5 2 'pcheckd.rc(5): a key is made'
holds pserv.rc.5 3 'pserv.rc(5): a proxy is let in'
holds pproxy.rc.5 5 'pproxy.rc(5): a backend is drained'
holds popular-ha.7 12 'popular-ha(7): an authority of our own signs a certificate'
holds pctl.8 3 'pctl(8): several things at once'
pctl -qp pserv server change main allow=192.0.2.0/24
holds pctl.8 2 'a configuration is saved'
perl "$LIB/talk.pl" 127.0.0.1:110 'USER joe' 'PASS secret' ":mark $T/in" ':eof' >"$T/kicked.log" 2>&1 &
kicked=$!
until_ok test -e "$T/in"
SID=$(pctl -p pproxy session list | sed -n 's/^sid=\([^ ]*\).*/\1/p')
export SID
holds pctl.8 1 'a session is found and ended'
wait $kicked
is "$(tail -n 1 "$T/kicked.log")" '[closed]' 'which is so'

printf '*:joe:{PLAIN}secret:b1:3/joe\n' >/etc/popular/users
mkdir -p /var/lib/prometheus
sed 's/^\([^ ]* \)\{5\}root //' "$BLOCKS/popular-control.5.3" | sh
grep -q '^popular_' /var/lib/prometheus/popular.prom
ok $? 'popular-control(5): cron(8) shows counters to Prometheus'

holds ptestpdm.8 1 'ptestpdm(8): a login is tried'
PERSON=vmail
export PERSON
cd "$T/vmail" || exit 1
printf 'Subject: hello\n\n' >message
mkdir -p /var/spool/popular/8/ff
chown -R vmail /var/spool/popular/8
message 8/ff/joe
holds pdeliver.8 7 'pdeliver(8): a message is stored'
holds pdm_any.8 2 'pdm_any(8): another one where the module looks for it'
is "$(find /var/spool/popular/8/ff/joe/new -type f | wc -l)" 2 'there it is'
holds pclean.8 1 'pclean(8): what would be removed'
echo '# who has a mailbox' >/etc/popular/users
for box in 3/joe 3/2d/joe 8/ff/joe; do echo "*:${box#*/}:!:b1:$box"; done >>/etc/popular/users
sed 's/^\([^ ]* \)\{5\}vmail //' "$BLOCKS/pclean.8.2" >"$T/cron"
su -s /bin/sh vmail "$T/cron" >"$T/cron.out" 2>&1
like "$? $(cat "$T/cron.out")" '^0 .* failed: 0' 'cron(8) removes it'

echo '*:joe:{PLAIN}secret:b1:3/joe' | tee users >/etc/popular/users
sh "$BLOCKS/pdm_cdb.8.1"
holds pdm_cdb.8 3 'pdm_cdb(8): a record is shown'
cp "$BLOCKS/pdm.3.2" guest.c
holds pdm.3 3 'pdm(3): a module is built'

curl -s -u joe:wrong pop3://127.0.0.1/ >/dev/null
pctl -p pproxy pdm add broken flat /nowhere >/dev/null 2>&1
cat "$T"/*.out >/var/log/mail.log
holds popular-log.7 2 'popular-log(7): who had a wrong password'
holds popular-log.7 3 'and what an administrator should look at'
down

# For others: a socket for systemd, what fail2ban looks for.
mkdir "$T/units"
sed 's,/usr/local/sbin,/usr/local/bin,; s/^Type=notify-reload$/Type=notify/' \
    "$LIB/../../etc/systemd/pproxy.service" >"$T/units/pproxy.service"
cp "$BLOCKS/popular.7.4" "$T/units/pproxy.socket"
systemd-analyze verify --man=no "$T/units/pproxy.socket" >"$T/verify.log" 2>&1
is "$? $(cat "$T/verify.log")" '0 ' 'popular(7): systemd takes the socket'
sed 's/^[^ ]* \(pproxy\[\)/\1/' /var/log/mail.log >"$T/lines"
perl -e 'open my $f, "<", shift; my $block = join "", <$f>;
    my ($regex) = $block =~ /^failregex = (.*?)\n(?=\w)/ms or die "no regex\n";
    $regex =~ s/\n\s+/ /g;
    $regex =~ s/<HOST>/(\\S+)/;
    while (<>) { print "$1\n" if /$regex/ }' "$BLOCKS/pproxy.8.1" "$T/lines" | sort -u >"$T/found"
is "$(cat "$T/found")" 127.0.0.1 'pproxy(8): fail2ban would see who had a wrong password'

is "$(awk '$3 == "sh" { print $1 }' "$T/examples" | sed 's,.*/,,' | sort)" \
    "$(echo "$held" | tr ' ' '\n' | sed 1d | sort)" 'no dialogue of the manual was left out'
