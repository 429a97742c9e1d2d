#!/bin/sh
# pproxy: what a session with TLS costs in memory, and how a login compares with a resumed one.
. t/lib/tap.sh
. t/lib/ca.sh
plan 6

perl -MIO::Socket::SSL -e 1 2>/dev/null || skip_all 'IO::Socket::SSL is not installed'
authority ca
cert mail ca localhost
suite
account empty b1 e/empty
account full b1 f/full
echo 'set mailboxlock off' >>"$T/pserv.rc"
printf 'Subject: hello\n\nThis is mail.\n' | deliver f/full || exit 1
cat >>"$T/pproxy.rc" <<EOC
set minspare 12
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key
EOC
start_suite && ready 4

# Pids of workers of ours whose title has this.
worker() {
    ps -eo pid=,ppid=,args= | awk -v m="$(pid pproxy)" -v w="$1" '
        { ppid[$1] = $2; line[$1] = $0 }
        END { for (i in line) if (ppid[ppid[i]] == m && index(line[i], w)) print i }'
}
own() { awk '/^Private_/ { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps_rollup"; }
hold() {
    for n in 1 2 3 4; do
        talk -n "held.$1.$n" -s 4 ':tls' ':line' "USER $1" 'PASS secret' STAT ":mark $T/in.$1.$n" \
            ":hold $T/leave" QUIT &
        clients="$clients $!"
        until_ok test -e "$T/in.$1.$n"
    done
}
lean() {
    if [ -z "$ROOT" ]; then
        ok 0 "$2 # who holds passwords shows its memory to nobody"
        return
    fi
    most=0 all=
    for one in $(worker "$1"); do
        kb=$(own "$one")
        all="$all $kb"
        [ "$kb" -le "$most" ] || most=$kb
    done
    note "$1:$all kB"
    # shellcheck disable=SC2086
    set -- "$2" $all
    [ $# -eq 5 ] && [ "$most" -lt 260 ]
    ok $? "$1" "the largest of $(($# - 1)) has $most kB of its own"
}
clients=
hold empty
hold full
lean 'empty@default empty' 'TLS in the empty maildrop takes less than 260 kB'
lean 'full@default relay' 'and so in a relay'
: >"$T/leave"
left=0
for one in $clients; do wait "$one" || left=1; done
ok $left 'the clients leave as they came'

# cost WHAT OPTION ...: microseconds of CPU time of the proxy for a login, and its wall time
cost() {
    what=$1
    shift
    rm -f "$T/$what.log"
    before=$(perl t/lib/cpu.pl "$(pid pproxy)")
    perl t/lib/tlsload "$(port 4)" 1 "$T/$what.log" "$T/never" "count=${LOGINS:-150}" "$@" >"$T/client_ms" || failed="$failed $what"
    us=$((($(perl t/lib/cpu.pl "$(pid pproxy)") - before) * 1000 / ${LOGINS:-150}))
    note "$what: $us us of CPU time in the proxy, $(sort -k 2,2n "$T/$what.log" | awk '{ t[NR] = $2 } END { print t[int((NR + 1) / 2)] }') ms in all, $(awk '{ n += $5 } END { print n + 0 }' "$T/$what.log") resumed"
}
failed=
for version in 1.3 1.2; do
    cost "full.$version" version=$version
    cost "resumed.$version" version=$version resume=1
done
is "$failed" '' 'logins of both versions, full and resumed'
resumed=$(($(awk '$5 == 1' "$T/resumed.1.3.log" "$T/resumed.1.2.log" | wc -l)))
[ "$resumed" -ge $((2 * (${LOGINS:-150} - 1))) ]
ok $? 'of which all that could be are resumed' "$resumed are"
unseen pproxy 'ev=tls_failed|ev=worker_|BUG|SOS' 'nothing went wrong in the daemon'
