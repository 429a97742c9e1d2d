#!/bin/sh
# The sample start files: every line is right, the examples in comments too.
#
# `#word ...` is an example, `# Text` is prose. Paths of an installed system become paths of
# the test.
. t/lib/tap.sh
plan 9

spool
cp -R etc/capa "$T/capa"
file users </dev/null
modules 2>/dev/null

# Checks NAME's file after the editing by sed that $2 asks for.
check() {
    sed -e "$2" -e "s,/etc/popular/users,$T/users,; s,/etc/popular/capa,$T/capa,
        s,/var/spool/popular,$T/spool,; s,/usr/local/lib/popular,$T/lib," \
        "etc/$1.rc" >"$T/$1.rc"
    "$BIN/$1" -n -f "$T/$1.rc" >"$T/$1.out" 2>&1
    ok $? "$3" "$(cat "$T/$1.out")"
}

for name in pproxy pserv pcheckd; do
    check $name '' "etc/$name.rc is right as it is"
    check $name 's/^#\([a-z]\)/\1/' 'and with all its examples'
    head -n 3 "etc/$name.rc" | grep -q "see $name\.rc(5)"
    ok $? 'and names its page'
done
