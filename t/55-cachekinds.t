#!/bin/sh
# pproxy: for whatever module answers are remembered, two users stay two.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
. t/lib/asking.sh
plan 4

asking_suite
CC=${CC:-cc}
$CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_hello.so" src/modules/example/hello.c

# X5: the same for every module, with the same two names.
echo '*:hello-joe:{PLAIN}one:b1:box/joe
*:hello-anna:{PLAIN}two:b1:box/anna' >"$T/users"
printf '+11,%d:*:hello-joe->%s\n+12,%d:*:hello-anna->%s\n\n' \
    20 '{PLAIN}one:b1:box/joe' 21 '{PLAIN}two:b1:box/anna' >"$T/records"
perl -pe 's/^\+\d+,\d+:(.*)->(.*)$/"+".length($1).",".length($2).":$1->$2"/e' "$T/records" |
    cdb -c -p 0644 "$T/users.cdb"
echo one >"$T/out/hello-joe"
echo two >"$T/out/hello-anna"
for user in joe anna; do
    greet hello/$user $user
    greet box/hello-$user $user
done
ctl pproxy set cachetime 1h >/dev/null
last=prog
for kind in flat cdb exec hello; do
    case $kind in
    flat) args=$T/users ;;
    cdb) args=$T/users.cdb ;;
    exec) args=$T/lookup ;;
    hello) args='one b1' ;;
    esac
    printf 'pdm delete %s\npdm add %s %s %s\n' $last $kind $kind "$args" | ctl pproxy -f - >/dev/null
    last=$kind
    two=two
    [ $kind != hello ] || two=one
    first="$(login hello-joe one)$(login hello-anna $two)"
    before=$(counted cache_hits)
    again="$(login hello-joe one)$(login hello-anna $two)"
    is "$first$again$(($(counted cache_hits) - before))" '+OK joe +OK anna +OK joe +OK anna 2' \
        "two users stay two ($kind)"
done
