#!/bin/sh
# The pages of the protocols, and popular(7): what they show is what happens, and all is listed.
. t/lib/tap.sh
plan 6

unlisted() {
    for page in man/*.[1-8]; do
        page=${page##*/}
        [ "$page" = popular.7 ] || grep -q "^\.It Xr ${page%.*} ${page##*.}$" man/popular.7 || echo "$page"
    done
}
is "$(unlisted)" '' 'popular(7) lists every page'
is "$(for main in src/bin/*.rs; do
    name=$(basename "$main" .rs)
    grep -Eq "^ .*\<$name\> " README || echo "$name"
done)" '' 'README names every program'

# What PAGE shows in example N, without the marks of the language of manual pages.
example() {
    awk -v want="$2" '/^\.Sh/ { in_examples = /EXAMPLES/ }
        /^\.Bd/ { n += in_examples; next }
        /^\.Ed/ { next }
        in_examples && n == want && !/^\./ { gsub(/\\&/, ""); print }' "man/$1"
}

suite
box 3/2d/joe
printf 'Subject: a\n\n' | deliver 3/2d/joe
printf 'Subject: b\n\n' | deliver 3/2d/joe
daemon pserv -d -f "$T/pserv.rc"
daemon pcheckd -d -f "$T/pcheckd.rc"
ready 2 && ready 3/udp

# Holds the dialogue of example N: OURS and THEIRS are what the lines begin with.
hold() {
    example "$1" "$2" | sed -n "s/^$3: *//p" >"$T/ours"
    example "$1" "$2" | sed -n "s/^$4: *//p" >"$T/theirs"
    example "$1" "$2" >"$T/shown"
}
dialogue() {
    hold xpop.7 "$1" P S
    talk -s 2 ":send $(awk '{ printf "%s\\r\\n", $0 }' "$T/ours")" ':eof'
    is "$(grep -v '^\[closed\]' "$T/talk.log")" "$(cat "$T/theirs")" "$2"
}
dialogue 1 'the session of xpop(7) goes as shown'
dialogue 2 'and the refusal'

hold mailcheck.7 1 Q A
while read -r question; do
    talk -u 3 ":send $question\\n" ':line'
    cat "$T/talk.log"
done <"$T/ours" >"$T/got"
is "$(cat "$T/got")" "$(cat "$T/theirs")" 'questions of mailcheck(7) are answered as shown'

(umask 077 && echo 0123456789abcdef >"$T/key")
ctl pcheckd server change main "checkkey=$T/key" >/dev/null
box 3/joe
printf 'Subject: a\n\n' | deliver 3/joe
question=$(example mailcheck.7 2 | sed -n '/^\*K/{N;s/\n */ /p;}')
talk -u 3 ":send $question\\n" ':line'
is "$(cat "$T/talk.log")" "$(example mailcheck.7 2 | tail -n 1)" 'and so is the one with a key'
