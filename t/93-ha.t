#!/bin/sh
# popular-ha(7): storage hosts are maintained, keys changed and software upgraded as it says, on hosts
# that were installed from the package, under a load of logins by TLS, and none of them fails.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
. t/lib/tlsusers.sh
. t/lib/installed.sh
WAIT=60
why=$(installable) || skip_all "$why"
plan 15

package
ok $? 'there is a package' "$deb" || exit 1
installed
ok $? 'it is installed on a proxy and two storage hosts' || exit 1
started
ok $? 'start scripts start it' "$(tail -n 3 "$T/rc.log")" || exit 1
visited
ok $? 'all three users come, by TLS' "$(tail -n 2 "$T"/*.load)"

# MAINTENANCE
pctl backend change b1 softfail=empty && pctl backend drain b1 && until_ok drained b1
ok $? 'a storage host is drained' "$(tail -n 2 "$T/pctl.log")"
daemons store1 stop
ok $? 'and stopped'
goes_on ann joe bob && last joe empty && last ann ok && last bob ok
ok $? 'who has mail there sees that he has none' "$(tail -n 2 "$T"/*.load)"
daemons store1 start && pctl backend enable b1 && pctl backend change b1 softfail=default &&
    until_ok last joe ok
ok $? 'it comes back, and with it the mail'

# KEYS
print_of() { openssl x509 -in "$T/$1.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f; }
shows() { tail -n 1 "$T/ann.load" | grep -q " $(print_of "$1") "; }
shows first
ok $? 'clients see the first certificate'
cert second ca localhost
key second
until_ok shows second
ok $? 'and then the second, without a word to the daemon'

# UPGRADE
masters() {
    on proxy cat /run/popular/pproxy.pid
    for one in store1 store2; do on $one cat /run/popular/pserv.pid /run/popular/pcheckd.pid; done
}
masters >"$T/old"
install_on store1 && install_on store2 && install_on proxy
ok $? 'the software is upgraded everywhere' "$(tail -n 5 "$T/install.log")"
masters >"$T/new"
is "$(wc -l <"$T/new" | tr -d ' ') $(sort "$T/old" | uniq | wc -l | tr -d ' ')" '5 5' 'all daemons run'
is "$(paste "$T/old" "$T/new" | awk '$1 == $2')" '' 'and every one is a new one'
goes_on ann joe bob && last joe ok
ok $? 'users come as before' "$(tail -n 2 "$T"/*.load)"

enough ann joe bob
all_gone
is "$(cut -d ' ' -f 3- "$T"/*.load | grep -E '^(failed|temp)')" '' 'and in all that time no login failed'
