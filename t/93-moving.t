#!/bin/sh
# popular-ha(7): mailboxes and whole storage hosts move as it says, on hosts that were installed from
# the package, under a load of logins by TLS, and none of them fails.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
. t/lib/tlsusers.sh
. t/lib/installed.sh
WAIT=60
why=$(installable) || skip_all "$why"
plan 14

package && installed && started && visited || exit 1

# MOVING A MAILBOX
uidl() { curl -s --cacert "$T/ca.pem" --resolve localhost:995:10.9.0.1 -u joe:secret -X UIDL pop3s://localhost/ >"$T/uidl"; }
names() { on "$1" find "/var/spool/popular/$2/new" "/var/spool/popular/$2/cur" -type f -printf '%f\n' | sed 's/:.*//' | sort; }
until_ok uidl
before=$(tr -d '\r' <"$T/uidl")
like "$before" '^1 ' 'a client knows the mail of joe by its unique id'
pctl backend add moving 127.0.0.1:1 softfail=empty && pctl backend disable moving && mail store2 joe
ok $? 'deliveries go to the new host first' "$(tail -n 2 "$T/pctl.log")"
# Who is about to log in by the old accounts is not shown as joe yet.
nobody_there() {
    generation=$(on proxy pctl show generation | sed -n 's/.* value=\([0-9]*\).*/\1/p')
    ! on proxy pctl session list | grep -qv " generation=$generation "
}
users moving
pctl pdm reload && pctl cache flush joe && until_ok nobody_there
ok $? 'the proxy leaves the old one alone' "$(tail -n 2 "$T/pctl.log")"
on store1 flock /var/spool/popular/joe sh -c '
    echo >/tmp/locked; until [ -e /tmp/moved ]; do sleep 0.1; done' &
locked=$!
until_ok on store1 test -e /tmp/locked
ok $? 'the mailbox is locked'
on store2 install -d -o popular -g popular /var/spool/popular/.moving
on store1 tar -C /var/spool/popular -cf - joe | on store2 tar -C /var/spool/popular/.moving -xpf -
is "$(names store1 joe)" "$(names store2 .moving/joe)" 'it is copied'
# shellcheck disable=SC2016
on store2 sh -c 'cd /var/spool/popular/.moving/joe && for i in new cur; do
        find "$i" -type f -exec mv {} "../../joe/$i/" \; || exit 1
    done; for file in popular-uidl; do [ ! -e "$file" ] || mv "$file" ../../joe/; done && rm -r ../joe'
ok $? 'and joined with what has come meanwhile'
goes_on ann joe bob && last joe empty
ok $? 'joe sees that he has none' "$(tail -n 2 "$T/joe.load")"
users b2
pctl pdm reload && pctl cache flush joe
ok $? 'the proxy learns the new place' "$(tail -n 2 "$T/pctl.log")"
until_ok last joe ok
ok $? 'joe has mail again' "$(tail -n 2 "$T/joe.load")"
on store1 mv /var/spool/popular/joe /var/spool/popular/.moved-joe
on store1 touch /tmp/moved
wait $locked
until_ok uidl
is "$(tr -d '\r' <"$T/uidl" | cut -d ' ' -f 2 | sort | uniq -d | wc -l) $(grep -c . "$T/uidl")" '0 2' \
    'all of it, once'
has_old() { tr -d '\r' <"$T/uidl" | cut -d ' ' -f 2 | grep -qxF "${before#* }"; }
has_old
ok $? 'and by the unique id that the client knows' "$before" "$(cat "$T/uidl")"

# MOVING A SERVER
store store3 10.9.0.4 && daemons store3 start && pctl backend change b1 softfail=empty &&
    pctl backend drain b1 && until_ok drained b1 &&
    daemons store1 stop && mail store1 ann &&
    on store1 tar -C /var/spool/popular -cf - . | on store3 tar -C /var/spool/popular -xpf - &&
    { echo 'backend delete b1'; backend b1 10.9.0.4; } | put proxy /tmp/move && pctl -f /tmp/move
ok $? 'a storage host is replaced by another' "$(tail -n 3 "$T/pctl.log")"
got() { curl -s --cacert "$T/ca.pem" --resolve localhost:995:10.9.0.1 -u ann:secret pop3s://localhost/1 | grep -q 'Subject: ann'; }
until_ok got && goes_on ann joe bob
ok $? 'which has the mail' "$(tail -n 2 "$T"/*.load)"

enough ann joe bob
all_gone
is "$(cut -d ' ' -f 3- "$T"/*.load | grep -E '^(failed|temp)')" '' 'and in all that time no login failed'
