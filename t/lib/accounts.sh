# shellcheck shell=sh
# Many accounts, and proxies that know them, behind tap.sh. Their numbers are $ACCOUNTS in cdb and
# $LINES in flat.
#
#   make_cdb, make_flat    makes $T/users.cdb or $T/users, or replaces it
#   three_proxies          starts one for a single account (few, on port 4), one for cdb (5) and one
#                          for flat (6), and writes $T/few.list, cdb.list and flat.list for load.pl

# accounts N: so many lines for flat, in the order of their numbers
accounts() {
    perl -e 'printf "*:user%d:{PLAIN}secret:b1:m/%d/%d\n", $_, $_ % 1000, $_ for 1 .. $ARGV[0]' "$1"
}
# Into the form of the tools for cdb, as pdm_cdb(8) says it.
convert() {
    perl -ne 'my ($key, $value) = /^([^:]*:[^:]*):(.*)/ or next;
        printf "+%d,%d:%s->%s\n", length $key, length $value, $key, $value; END { print "\n" }'
}
make_cdb() { accounts "$ACCOUNTS" | convert | cdb -c -p 0644 "$T/users.cdb"; }
make_flat() { accounts "$LINES" >"$T/users.new" && mv "$T/users.new" "$T/users"; }

three_proxies() {
    echo '*:user1:{PLAIN}secret:b1:m/1/1' >"$T/few"
    sed -i "s,^pdm add.*,pdm add few flat $T/few,; s,:$(port 1)$,:$(port 4)," "$T/pproxy.rc"
    cp "$T/pproxy.rc" "$T/few.rc"
    for kind in cdb:5 flat:6; do
        name=${kind%:*} n=${kind#*:} file=$T/users
        [ "$name" != cdb ] || file=$T/users.cdb
        sed "s,^pdm add.*,pdm add users $name $file,; s,:$(port 4)$,:$(port "$n")," "$T/few.rc" >"$T/$name.rc"
    done
    daemon pcheckd -d -f "$T/pcheckd.rc"
    for name in few cdb flat; do daemon -n $name pproxy -d -f "$T/$name.rc"; done
    ready 3/udp && ready 4 && ready 5 && ready 6
    list few "$(port 4)" 1 >"$T/few.list"
    list cdb "$(port 5)" "$ACCOUNTS" >"$T/cdb.list"
    list flat "$(port 6)" "$LINES" >"$T/flat.list"
}

# list NAME PORT MOST: users from the first to the last, in no order that a cache could like
list() {
    perl -e '
        my ($name, $port, $most) = @ARGV;
        printf "%s %d user%d secret empty\n", $name, $port, 1 + $_ * 7919 % $most for 1 .. 50000' "$@"
}
