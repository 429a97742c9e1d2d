#!/bin/sh
# The manual: who types what its examples show sees what they show.
#
# The dialogues (`.\" run: sh`, see t/lib/blocks.pl) are held as they stand, with the real names of
# files and real ports, in a system of their own. What stands there for systemd and fail2ban is tried
# in t/78-others.t.
. t/lib/apart.sh
. t/lib/tap.sh
. t/lib/manual.sh
manual
plan 31

mkdir "$T/vmail"
chmod 777 "$T/vmail"

held=
# holds PAGE N TITLE
holds() {
    held="$held $1.$2"
    is "$(dialogue "$1" "$2")" '' "$3"
}

holds popular.7 6 'popular(7): a user and a spool are made'
holds popular.7 7 'files are written'
holds popular.7 8 'a message comes in and is fetched'
echo 'Subject: hello' | su -s /bin/sh vmail -c 'pdeliver -c 3/2d/joe'
holds pserv.8 2 'pserv(8): a session by hand'
holds popular-control.5 4 'popular-control(5): a word without pctl'
holds popular.7 9 'popular(7): something is changed, and all is stopped'
nothing_left() { [ -z "$(ls /run/popular)" ]; }
until_ok nothing_left
is "$(ls /run/popular)" '' 'nothing is left of the daemons'

holds pserv.8 1 'pserv(8): in the foreground'
holds pproxy.8 2 'pproxy(8): in the foreground'
rm -rf /var/spool/popular/3
holds pcheckd.8 1 'pcheckd(8): in the foreground, and a question'
down

three_daemons
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

is "$(awk '$3 == "sh" { print $1 }' "$T/examples" | sed 's,.*/,,' | sort)" \
    "$(echo "$held" | tr ' ' '\n' | sed 1d | sort)" 'no dialogue of the manual was left out'
