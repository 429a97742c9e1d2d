#!/bin/sh
# popular-ha(7): what it says is done, on hosts that were installed from the package, under a load of
# logins by TLS, and none of them fails.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
WAIT=60
for tool in dpkg-buildpackage dh flock; do
    command -v $tool >/dev/null || skip_all "there is no $tool"
done
perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
why=$(hosts) || skip_all "$why"
plan 28

unset MAKEFLAGS MFLAGS MAKELEVEL
# Alone we fetch nothing.
deb=${DEB:-$(CARGO_NET_OFFLINE=true make -s deb | tail -n 1)}
[ -f "$deb" ]
ok $? 'there is a package' "$deb" || exit 1

authority ca
cert first ca localhost
cert second ca localhost
cert proxy ca proxy
(umask 077 && openssl rand -hex 32 >"$T/check.key")
into() { put "$1" "/etc/popular/$2" "${3-644}"; }
install_on() {
    put "$1" /tmp/popular.deb <"$deb"
    on "$1" dpkg -i --no-triggers --force-confold /tmp/popular.deb >>"$T/install.log" 2>&1
}
store() {
    host "$1" "$2" && install_on "$1" || return 1
    cert "$1" ca "$2"
    into "$1" ca.pem <"$T/ca.pem"
    into "$1" store.crt <"$T/$1.crt"
    into "$1" store.key 600 <"$T/$1.key"
    into "$1" check.key 600 <"$T/check.key"
    into "$1" pserv.rc <<EOC
server add main $2:1110 allow=10.9.0.1 tls=implicit cert=/etc/popular/store.crt key=/etc/popular/store.key clientca=/etc/popular/ca.pem
EOC
    into "$1" pcheckd.rc <<EOC
server add main $2:50110 allow=10.9.0.1 checkkey=/etc/popular/check.key
EOC
    echo "flags='-l /var/log/popular.log'" | into "$1" rc.conf
    on "$1" install -o popular /dev/null /var/spool/popular/.popular-spool
}
daemons() { on "$1" sh -c "/etc/init.d/pserv $2 && /etc/init.d/pcheckd $2" >>"$T/rc.log" 2>&1; }
mail() { printf 'Subject: %s\n\nhello\n' "$2" | on "$1" runuser -u popular -- pdeliver -c "$2"; }
backend() {
    echo "backend add $1 $2:1110 tls=implicit ca=/etc/popular/ca.pem cert=/etc/popular/proxy.crt" \
        "key=/etc/popular/proxy.key checkkey=/etc/popular/check.key"
}
users() {
    for user in "joe:$1" ann:b1 bob:b2; do
        echo "*:${user%:*}:{PLAIN}secret:${user#*:}:${user%:*}"
    done | into proxy accounts/users.new && on proxy mv /etc/popular/accounts/users.new /etc/popular/accounts/users
}
key() { into proxy pop.key 600 <"$T/$1.key" && into proxy pop.crt <"$T/$1.crt"; }
pctl() { on proxy pctl "$@" >>"$T/pctl.log" 2>&1; }

store store1 10.9.0.2 && store store2 10.9.0.3 && host proxy 10.9.0.1 && install_on proxy
ok $? 'it is installed on a proxy and two storage hosts' || exit 1
on proxy mkdir /etc/popular/accounts
into proxy ca.pem <"$T/ca.pem"
into proxy proxy.crt <"$T/proxy.crt"
into proxy proxy.key 600 <"$T/proxy.key"
into proxy check.key 600 <"$T/check.key"
echo "flags='-l /var/log/popular.log'" | into proxy rc.conf
key first
users b1
{
    echo 'set softfail smart'
    backend b1 10.9.0.2
    backend b2 10.9.0.3
    echo 'pdm add users flat /etc/popular/accounts/users'
    echo 'vserv add main 10.9.0.1:995 tls=implicit cert=/etc/popular/pop.crt key=/etc/popular/pop.key'
} | into proxy pproxy.rc
mail store1 joe && mail store2 bob
daemons store1 start && daemons store2 start && on proxy /etc/init.d/pproxy start >>"$T/rc.log" 2>&1
ok $? 'start scripts start it' "$(tail -n 3 "$T/rc.log")" || exit 1

# Nobody is ever told to come again: joe, whose host goes away and who moves, has no mail for a while.
loads=
load() {
    _user=$1
    shift
    : >"$T/$_user.load"
    perl t/lib/tlsload 995 1 "$T/$_user.load" "$T/enough" address=10.9.0.1 "ca=$T/ca.pem" "user=$_user" \
        pause=30 seconds=600 "$@" >"$T/perl.$_user.log" 2>&1 &
    loads="$loads $!"
}
load ann
load joe mail=soft
load bob mail=1
sessions() { wc -l <"$T/$1.load"; }
more() { [ "$(sessions "$1")" -ge "$2" ]; }
# so many sessions more of everybody
goes_on() { for user in ann joe bob; do until_ok more $user $(($(sessions $user) + 5)) || return 1; done; }
last() { [ "$(tail -n 1 "$T/$1.load" | cut -d ' ' -f 3)" = "$2" ]; }
goes_on && last joe ok
ok $? 'all three users come, by TLS' "$(tail -n 2 "$T"/*.load)"

# MAINTENANCE
drained() { on proxy pctl backend list | grep -q "id=$1 .*drained=yes"; }
pctl backend change b1 softfail=empty && pctl backend drain b1 && until_ok drained b1
ok $? 'a storage host is drained' "$(tail -n 2 "$T/pctl.log")"
daemons store1 stop
ok $? 'and stopped'
goes_on && last joe empty && last ann ok && last bob ok
ok $? 'who has mail there sees that he has none' "$(tail -n 2 "$T"/*.load)"
daemons store1 start && pctl backend enable b1 && pctl backend change b1 softfail=default &&
    until_ok last joe ok
ok $? 'it comes back, and with it the mail'

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
goes_on && last joe empty
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

# KEYS
print_of() { openssl x509 -in "$T/$1.crt" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f; }
shows() { tail -n 1 "$T/ann.load" | grep -q " $(print_of "$1") "; }
shows first
ok $? 'clients see the first certificate'
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
goes_on && last joe ok
ok $? 'users come as before' "$(tail -n 2 "$T"/*.load)"

# MOVING A SERVER
store store3 10.9.0.4 && daemons store3 start && pctl backend change b1 softfail=empty &&
    pctl backend drain b1 && until_ok drained b1 &&
    daemons store1 stop && mail store1 ann &&
    on store1 tar -C /var/spool/popular -cf - . | on store3 tar -C /var/spool/popular -xpf - &&
    { echo 'backend delete b1'; backend b1 10.9.0.4; } | put proxy /tmp/move && pctl -f /tmp/move
ok $? 'a storage host is replaced by another' "$(tail -n 3 "$T/pctl.log")"
got() { curl -s --cacert "$T/ca.pem" --resolve localhost:995:10.9.0.1 -u ann:secret pop3s://localhost/1 | grep -q 'Subject: ann'; }
until_ok got && goes_on
ok $? 'which has the mail' "$(tail -n 2 "$T"/*.load)"

: >"$T/enough"
# shellcheck disable=SC2086
wait $loads
is "$(cut -d ' ' -f 3- "$T"/*.load | grep -E '^(failed|temp)')" '' 'and in all that time no login failed'
