#!/bin/sh
# pproxy: ten million accounts in cdb and a hundred thousand in flat: what one of them costs, and
# that their file is replaced under load without a failed login.
#
# ACCOUNTS and LINES are their numbers. The files take about 100 octets an account, twice.
. t/lib/tap.sh
. t/lib/accounts.sh
plan 14
: "${ACCOUNTS:=10000000}" "${LINES:=100000}"

command -v cdb >/dev/null || skip_all 'cdb is not here'
command -v cc >/dev/null || skip_all 'no C compiler'
free=$(df -Pk "$T" | awk 'NR == 2 { print int($4 / 1024) }')
[ $((ACCOUNTS / 5000)) -lt "$free" ] || { note "$free MB are free: a million"; ACCOUNTS=1000000; }

suite
box m/0 # the mailboxes of all others do not exist, and thus are empty
make_flat
make_cdb
ok $? "a database of $ACCOUNTS accounts is made"
note "of $(($(wc -c <"$T/users.cdb") / 1000000)) MB"

# The look-up alone. The time is a bound for what must never be, not what is expected.
cc -O2 -Isrc/pdm -o "$T/lookup" t/lib/lookup.c -ldl || exit 1
for kind in "cdb $T/users.cdb $ACCOUNTS" "flat $T/users $LINES"; do
    # shellcheck disable=SC2086
    set -- $kind
    us=$("$T/lookup" "$T/lib/libpdm_$1.so" "$2" "$3" 1000000 secret)
    note "a look-up in $1 among $3 accounts: $us microseconds of CPU time"
    [ "${us%.*}" -lt 100 ]
    ok $? "a look-up in $1 is cheap"
done

# Three proxies side by side: few accounts, cdb, flat.
three_proxies

# load NAME: a load on it for a while; microseconds of CPU time a login into NAME.us
load() {
    rm -f "$T/$1.load"
    _before=$(perl t/lib/cpu.pl "$(pid "$1")")
    perl t/lib/load.pl run "$T/$1.list" "$T/$1.load" "$T/enough" clients=4 seconds="${SECONDS_EACH:-8}" \
        >>"$T/perl.log" 2>&1
    _sessions=$(wc -l <"$T/$1.load")
    echo $((($(perl t/lib/cpu.pl "$(pid "$1")") - _before) * 1000 / (_sessions + 1))) >"$T/$1.us"
}
load_all() {
    _jobs=
    for name in "$@"; do load "$name" & _jobs="$_jobs $!"; done
    # shellcheck disable=SC2086
    wait $_jobs
}
: >"$T/perl.log"
load_all few cdb flat # what they read is cached now
load_all few cdb flat
few=$(cat "$T/few.us")
# Other things vary by much more than a look-up takes; that was measured above.
for name in cdb flat; do
    us=$(cat "$T/$name.us")
    note "a login with one account $few microseconds of CPU time, with those in $name $us"
    [ "$us" -gt 0 ] && [ "$us" -lt $((few * 3 / 2 + 20)) ]
    ok $? "a login by $name costs hardly more than one among few"
done

# Pages of the database itself are the cache of the system, and no worker's own, though it may be the
# only one at present that has looked at them.
own() {
    awk '/^[0-9a-f]+-[0-9a-f]+ / { database = / .*users\.cdb/ }
        /^Private_/ && !database { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps" 2>/dev/null || echo 0
}
# idle NAME: kilobytes that the largest idle worker has of its own
idle() {
    ps -eo pid=,ppid=,args= | awk -v m="$(pid "$1")" '{ up[$1] = $2; line[$1] = $0 }
        END { for (p in line) if (up[up[p]] == m && line[p] ~ /: worker/) print p }' |
        while read -r one; do own "$one"; done | sort -n | tail -n 1
}
# Were it not so, each would have megabytes; a few pages come and go with what it has done so far.
for name in cdb flat; do
    [ "$ROOT" ] || { ok 0 'the memory of workers is shown to root only'; continue; }
    much=$(idle $name)
    note "the largest worker with $name has $much kB of its own, with few accounts $(idle few)"
    [ "$much" -gt 0 ] && [ "$much" -lt $(($(idle few) + 128)) ]
    ok $? "the accounts of $name are shared by all workers"
done

# Replaced under load.
current() { [ "$(ctl "$1" show generation | sed 's/.* value=\([0-9]*\).*/\1/')" -gt "$2" ]; }
grown() { [ "$(wc -l <"$T/$1.load")" -gt "$2" ]; }
for name in cdb flat; do
    rm -f "$T/$name.load" "$T/enough"
    perl t/lib/load.pl run "$T/$name.list" "$T/$name.load" "$T/enough" clients=4 pause=5 seconds=300 >>"$T/perl.log" 2>&1 &
    job=$!
    make_$name
    WAIT=60 until_ok current $name 1
    ok $? "a new file for $name is taken while users log in"
    until_ok grown "$name" $(($(wc -l <"$T/$name.load") + 200)) # by the new workers
    : >"$T/enough"
    wait $job
    figures=$(perl t/lib/load.pl stat "$T/$name.load")
    note "$name: $figures"
    like "$figures" 'sessions=[0-9]{3,} .*failed=0 ' 'and not one login fails'
    unseen $name 'ev=worker_|lvl=BUG|lvl=SOS' "no worker of $name was lost"
done
is "$(cat "$T/perl.log")" '' 'the load had nothing to complain of'
