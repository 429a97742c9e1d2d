# shellcheck shell=sh
# Proxies and storage hosts with the programs under test, behind tap.sh, ca.sh and hosts.sh, as
# popular-ha(7) has them in pairs:
#
#   pairs                  makes what all need: the certificate pop, and $disk, which two storage
#                          hosts can reach
#   proxy NAME ADDRESS     starts a proxy; its backend is at 10.9.0.10; joe and ann have accounts
#   box NAME ADDRESS       a storage host, which does not serve yet
#   serve NAME             it takes the disk and the address 10.9.0.10, and serves
#   leave NAME             it stops, and gives up both
#   first_mail NAME        the first to serve makes the disk a spool, in which joe has a message
#   run NAME DAEMON, stop NAME DAEMON
#   logged NAME REGEX      does its log have it?

pairs() {
    authority ca
    cert pop ca localhost
    # Outside of the hosts' own file systems, as a disk that two of them can reach.
    disk=/dev/shm/popular.$$
    trap 'rm -rf "$disk"; cleanup' EXIT
    mkdir -m 755 "$disk"
}

install_on() {
    for _file in "$BIN"/p* "$BIN"/libpdm_*.so; do
        case $_file in
        *.d) continue ;;
        *.so) _to=/usr/local/lib/popular ;;
        */pproxy | */pserv | */pcheckd) _to=/usr/local/sbin ;;
        *) _to=/usr/local/bin ;;
        esac
        [ -f "$_file" ] || continue
        on "$1" mkdir -p "$_to" /etc/popular
        put "$1" "$_to/${_file##*/}" 755 <"$_file"
    done
    on "$1" sh -c 'id popular 2>/dev/null || useradd --system popular' >"$T/user.log" 2>&1
}
run() { on "$1" "/usr/local/sbin/$2" -f "/etc/popular/$2.rc" -l /var/log/popular.log; }
stop() {
    _pid=$(on "$1" cat "/run/popular/$2.pid") && on "$1" kill "$_pid" &&
        until_ok on "$1" sh -c "! kill -0 $_pid 2>/dev/null"
}
logged() { on "$1" grep -qE "$2" /var/log/popular.log; }
proxy() {
    host "$1" "$2" && install_on "$1" || return 1
    put "$1" /etc/popular/pop.crt <"$T/pop.crt"
    put "$1" /etc/popular/pop.key 600 <"$T/pop.key"
    printf '*:%s:{PLAIN}secret:b1:%s\n' joe joe ann ann | put "$1" /etc/popular/users
    {
        echo 'set softfail smart'
        echo 'backend add b1 10.9.0.10:1110 check=10.9.0.10:50110'
        echo 'pdm add users flat /etc/popular/users'
        echo 'vserv add secure 0.0.0.0:995 tls=implicit cert=/etc/popular/pop.crt key=/etc/popular/pop.key'
    } | put "$1" /etc/popular/pproxy.rc
    run "$1" pproxy
}
box() {
    host "$1" "$2" && install_on "$1" || return 1
    on "$1" mkdir -p /var/spool/popular
    echo 'server add main 0.0.0.0:1110 allow=10.9.0.0/24' | put "$1" /etc/popular/pserv.rc
    echo 'server add main 0.0.0.0:50110 allow=10.9.0.0/24' | put "$1" /etc/popular/pcheckd.rc
}
serve() {
    on "$1" mount --bind "$disk" /var/spool/popular && run "$1" pserv && run "$1" pcheckd &&
        on "$1" ip addr add 10.9.0.10/24 dev eth0
}
leave() {
    stop "$1" pserv && stop "$1" pcheckd && on "$1" umount /var/spool/popular &&
        on "$1" ip addr del 10.9.0.10/24 dev eth0
}
first_mail() {
    on "$1" install -o popular /dev/null /var/spool/popular/.popular-spool
    on "$1" chown popular /var/spool/popular
    printf 'Subject: joe\n\nhello\n' | on "$1" runuser -u popular -- /usr/local/bin/pdeliver -c joe
}
