#!/bin/sh
# popular-ha(7): two proxies behind haproxy, with its example, and behind an address that keepalived
# moves, with its example.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/ca.sh
. t/lib/hosts.sh
. t/lib/tlsusers.sh
. t/lib/pairs.sh
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
plan 13

perl t/lib/blocks.pl "$T" man/popular-ha.7 >/dev/null
# example WORD: the example of the page with this word, with addresses of ours
example() {
    sed -e 's/192\.0\.2\.100/10.9.0.100/; s/192\.0\.2\./10.9.0./g' \
        -e 's,/usr/bin/pctl,/usr/local/bin/pctl,' "$(grep -l "$1" "$T"/popular-ha.7.* | head -n 1)"
}

pairs
box box1 10.9.0.3 && serve box1 && proxy pop1 10.9.0.1 && proxy pop2 10.9.0.2
ok $? 'there are two proxies and a storage host' || exit 1
first_mail box1

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
all_gone
