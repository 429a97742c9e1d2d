#!/bin/sh
# popular-ha(7): two proxies behind haproxy, with its example; the same two behind an address that
# keepalived moves, with its example; and two storage hosts that are one.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
WAIT=60
PATH=$PATH:/usr/sbin:/sbin
tool() {
    _tool=${CARGO_TARGET_DIR:-target}/tools/$1/usr/sbin/$1
    [ -x "$_tool" ] || _tool=$(command -v "$1") || return 1
    echo "$_tool"
}
haproxy=$(tool haproxy) || skip_all 'haproxy is not installed, nor in target/tools (t/deps slow)'
keepalived=$(tool keepalived) || skip_all 'keepalived is not installed, nor in target/tools (t/deps slow)'
perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
why=$(hosts) || skip_all "$why"
plan 18

authority ca
cert pop ca localhost
# Outside of the hosts' own file systems, as a disk that two of them can reach.
disk=/dev/shm/popular.$$
trap 'rm -rf "$disk"; cleanup' EXIT
mkdir -m 755 "$disk"
perl t/lib/blocks.pl "$T" man/popular-ha.7 >/dev/null
# example WORD: the example of the page with this word, with addresses of ours
example() {
    sed -e 's/192\.0\.2\.100/10.9.0.100/; s/192\.0\.2\./10.9.0./g' \
        -e 's,/usr/bin/pctl,/usr/local/bin/pctl,' "$(grep -l "$1" "$T"/popular-ha.7.* | head -n 1)"
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

box box1 10.9.0.3 && box box2 10.9.0.4 && serve box1 && proxy pop1 10.9.0.1 && proxy pop2 10.9.0.2
ok $? 'there are two proxies and a pair of storage hosts' || exit 1
on box1 install -o popular /dev/null /var/spool/popular/.popular-spool
on box1 chown popular /var/spool/popular
printf 'Subject: joe\n\nhello\n' | on box1 runuser -u popular -- /usr/local/bin/pdeliver -c joe

loads=
# load NAME ADDRESS USER ...: logins there, from this very address
load() {
    _name=$1 _address=$2 _user=$3
    shift 3
    : >"$T/$_name.load"
    rm -f "$T/$_name.enough"
    perl t/lib/tlsload 995 1 "$T/$_name.load" "$T/$_name.enough" address="$_address" "ca=$T/ca.pem" \
        "user=$_user" pause=50 seconds=600 "$@" >"$T/$_name.log" 2>&1 &
    loads="$loads $!"
}
count() { wc -l <"$T/$1.load"; }
more() { [ "$(count "$1")" -ge "$2" ]; }
goes_on() { until_ok more "$1" $(($(count "$1") + 8)); }
last() { [ "$(tail -n 1 "$T/$1.load" | cut -d ' ' -f 3)" = "$2" ]; }
enough() { : >"$T/$1.enough"; }
outcomes() { cut -d ' ' -f 3 "$T/$1.load" | sort -u | tr '\n' ' '; }

# A BALANCER
{
    printf 'global\n    stats socket %s mode 600 level admin\n' "$T/haproxy.sock"
    example 'mode tcp' | sed -n '1,/^# pproxy/p'
} >"$T/haproxy.cfg"
"$haproxy" -c -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1
ok $? 'haproxy takes the example' "$(cat "$T/haproxy.log")"
word=$(example 'mode tcp' | sed -n 's/^vserv/vserv/p' | sed 's/10\.9\.0\.100/10.9.0.254/')
for one in pop1 pop2; do
    # shellcheck disable=SC2086
    on $one /usr/local/bin/pctl $word
done >"$T/pctl.log" 2>&1
is "$(grep -c 'is current' "$T/pctl.log")" 2 'the proxies take its word' "$(cat "$T/pctl.log")"
daemon -n haproxy "$haproxy" -db -f "$T/haproxy.cfg"
until_ok listening 995
load balanced 10.9.0.254 joe mail=1
goes_on balanced
is "$(outcomes balanced)" 'ok ' 'users come through haproxy' "$(tail -n 3 "$T/balanced.load")"
logged pop1 'ev=login_ok .*rip=10.9.0.254 user=joe' && logged pop2 'ev=login_ok .*rip=10.9.0.254 user=joe'
ok $? 'to both proxies'
logged pop1 'ev=proxy_session .*peer=10.9.0.254'
ok $? 'which know the address that haproxy tells, and its own'
! logged pop1 'proxy_header_bad' && ! logged pop2 'proxy_header_bad'
ok $? 'and are not bothered by its looks whether they are alive'
talk -s "$T/haproxy.sock" ':send disable server pop3s/pop1\n' ':eof'
on pop1 /usr/local/bin/pctl shutdown delayed >>"$T/pctl.log" 2>&1
goes_on balanced && goes_on balanced && last balanced ok
ok $? 'one of them is taken out and shut down, and users come to the other' "$(tail -n 3 "$T/balanced.load")"
is "$(outcomes balanced)" 'ok ' 'without one failure' "$(grep -v ' ok ' "$T/balanced.load" | head -n 3)"
enough balanced
end haproxy
until_ok on pop1 sh -c '! test -e /run/popular/pproxy.ctrl'
run pop1 pproxy
on pop2 /usr/local/bin/pctl vserv change secure proxyprotocol= >>"$T/pctl.log" 2>&1

# AN ADDRESS THAT MOVES
priority=100
for one in pop1 pop2; do
    example vrrp_instance | sed "s/priority .*/priority $priority/" | put $one /etc/keepalived.conf
    [ -x /usr/sbin/keepalived ] || put $one /usr/sbin/keepalived 755 <"$keepalived"
    on $one keepalived -n -l -f /etc/keepalived.conf >"$T/keepalived.$one.log" 2>&1 &
    priority=90
done
on pop1 keepalived -t -f /etc/keepalived.conf >"$T/keepalived.log" 2>&1
ok $? 'keepalived takes the example' "$(cat "$T/keepalived.log")"
has() { on "$1" ip -o addr show dev eth0 | grep -q "10.9.0.100"; }
until_ok has pop1
ok $? 'the address is at the first proxy' "$(tail -n 3 "$T/keepalived.pop1.log")"
load moved 10.9.0.100 joe mail=1
goes_on moved && last moved ok
ok $? 'where users come' "$(tail -n 3 "$T/moved.load")"
stop pop1 pproxy
until_ok has pop2 && ! has pop1 && goes_on moved && last moved ok
ok $? 'when that proxy fails, address and users go to the other' "$(tail -n 3 "$T/keepalived.pop2.log" "$T/moved.load")"
enough moved

# A STORAGE PAIR
load pair 10.9.0.2 joe mail=1 temp=1
load none 10.9.0.2 ann temp=1
goes_on pair && leave box1 && goes_on pair && last pair temp
ok $? 'a storage host leaves, and who has mail is told to come again' "$(tail -n 3 "$T/pair.load")"
goes_on none && is "$(outcomes none)" 'ok ' 'who has none sees that'
run box1 pserv && run box1 pcheckd && on box1 ip addr add 10.9.0.10/24 dev eth0
until_ok logged box1 ev=spool_missing && goes_on pair && last pair temp && goes_on none && last none temp
ok $? 'so is everybody by a host without the file system' "$(tail -n 3 "$T/pair.load")" "$(on box1 tail -n 5 /var/log/popular.log)"
stop box1 pserv && stop box1 pcheckd && on box1 ip addr del 10.9.0.10/24 dev eth0
serve box2 && until_ok last pair ok && until_ok last none ok
ok $? 'the other host takes its place, and has the mail' "$(tail -n 3 "$T/pair.load")"
enough pair
enough none
# shellcheck disable=SC2086
wait $loads
is "$(outcomes pair)$(outcomes none)" 'ok temp ok temp ' \
    'nobody was refused for good, and none saw the mail of another'
