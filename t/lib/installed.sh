# shellcheck shell=sh
# A proxy and two storage hosts that are installed from the package, behind tap.sh, ca.sh, hosts.sh
# and tlsusers.sh:
#
#   installable            fails with a reason if there cannot be such hosts
#   package                makes the package $deb, or takes $DEB
#   installed              makes the hosts proxy, store1 and store2 (10.9.0.1 to 3) and installs it
#   started                lets start scripts start it: store1 is backend b1, store2 b2; joe, who has
#                          mail, and ann are on b1, bob, who has mail, on b2
#   visited                all three log in over and over from now on
#   store NAME ADDRESS     one more storage host
#   daemons NAME WORD      its start scripts with this word
#   mail NAME MAILBOX      puts a message there
#   backend ID ADDRESS     a control word that adds it
#   users BACKEND          writes the accounts anew, that of joe with this backend
#   key NAME               gives the proxy this certificate and its key
#   pctl WORD ...          pctl on the proxy
#   drained BACKEND        is it drained?

installable() {
    for _tool in dpkg-buildpackage dh flock; do
        command -v $_tool >/dev/null || { echo "there is no $_tool"; return 1; }
    done
    perl -MIO::Socket::SSL -e 1 2>/dev/null || { echo 'IO::Socket::SSL is not installed'; return 1; }
    hosts
}

package() {
    unset MAKEFLAGS MFLAGS MAKELEVEL
    # Alone we fetch nothing.
    deb=${DEB:-$(CARGO_NET_OFFLINE=true make -s deb | tail -n 1)}
    [ -f "$deb" ]
}

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
drained() { on proxy pctl backend list | grep -q "id=$1 .*drained=yes"; }

installed() {
    authority ca
    cert first ca localhost
    cert proxy ca proxy
    (umask 077 && openssl rand -hex 32 >"$T/check.key")
    store store1 10.9.0.2 && store store2 10.9.0.3 && host proxy 10.9.0.1 && install_on proxy
}

started() {
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
}

# Nobody is ever told to come again: joe, whose host goes away and who moves, has no mail for a while.
visited() {
    load ann 10.9.0.1 ann pause=30
    load joe 10.9.0.1 joe mail=soft pause=30
    load bob 10.9.0.1 bob mail=1 pause=30
    goes_on ann joe bob && last joe ok
}
