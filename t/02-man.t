#!/bin/sh
# The manual: what a program knows has its .It in a page, and nothing else has.
#
# In man/NAME.rc.5, or in man/popular-control.5 if all daemons have it, a variable stands as
# `.It Va name`, a control word as `.It Ic word ...`, its options below it as `.It Cm key Ns =
# ...`. Option -T of a program prints its tables.
. t/lib/tap.sh
plan 6

pages=$(for main in src/bin/*.rs src/*.sh; do
    [ -f "$main" ] || continue
    name=$(basename "${main%.sh}" .rs)
    [ -f "man/$name.8" ] || [ -f "man/$name.1" ] || echo "$name"
done)
is "$pages" '' 'every program has a page'

for name in pproxy pserv pcheckd; do
    "$BIN/$name" -T >"$T/$name.table" 2>&1
    perl t/lib/items.pl "man/$name.rc.5" man/popular-control.5 >"$T/$name.items" 2>/dev/null
done

# what of row kind and first words stands in the table but not in the page, or the reverse
missing() {
    for name in pproxy pserv pcheckd; do
        "$1" "$name" "$T/$name.table" "$T/$name.items"
    done
}
tables() { grep -q '^var ' "$2" && grep -q '^word ' "$2" || echo "$1 -T says: $(head -n 1 "$2")"; }
vars() {
    sed -n 's/^var \([^ ]*\).*/Va \1/p' "$2" | sort >"$T/a"
    sed -n 's/^\(Va [^ ]*\).*/\1/p' "$3" | sort >"$T/b"
    comm -3 "$T/a" "$T/b" | tr -d '\t' | sed "s/^/$1: /"
}
# The literal words a pattern or an item begins with; a hole is in upper case.
literal() {
    awk '{ text = ""
        for (i = 1; i <= NF && $i ~ /^[a-z|]+$/; i++) text = text " " $i
        print text }' | sort -u
}
words() {
    sed -n 's/^word //p' "$2" | literal >"$T/a"
    sed -n 's/^Ic //p' "$3" | literal >"$T/b"
    comm -3 "$T/a" "$T/b" | tr -d '\t' | sed "s/^/$1: /"
}
# A key belongs to the words with the same first word as the item above it.
keys() {
    sed -n 's/^key \([^ ]*\) [^ ]* \([^ ]*\) .*/\1 \2/p' "$2" | sort -u >"$T/a"
    awk '$1 == "Ic" { head = $2 }
        $1 == "Cm" && $2 ~ /=/ { sub(/=.*/, "", $2); print head, $2 }' "$3" | sort -u >"$T/b"
    comm -3 "$T/a" "$T/b" | tr -d '\t' | sed "s/^/$1: /"
}
is "$(missing tables)" '' 'every daemon prints its tables'
is "$(missing vars)" '' 'every variable is in its page, and no other'
is "$(missing words)" '' 'every control word is in its page, and no other'
is "$(missing keys)" '' 'every option of a word is below it, and no other'

refs=$(cat man/*.[1-8] 2>/dev/null |
    sed -n 's/^\.Xr \([a-z_.-]*\) \([1-8]\).*/\1.\2/p' | sort -u | while read -r page; do
    case $page in
    popular* | plogstat* | pproxy* | pserv* | pcheck* | pctl* | pdeliver* | pclean* | pstatus* | ptestpdm* | \
        pbench* | pdm* | xpop* | mailcheck*) [ -f "man/$page" ] || echo "$page" ;;
    esac
done)
is "$refs" '' 'a page refers to pages that exist'
