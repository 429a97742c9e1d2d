#!/bin/sh
# The daemons: with each variable and each option other than its default, what config prints leads to
# the same again, and lacks nothing.
. t/lib/tap.sh
plan 12

suite
start_suite
mkdir "$T/capa"
echo TOP >"$T/capa/few"
# rebuilt NAME FILE: what config of a daemon prints if it has the words of FILE and no others
rebuilt() {
    {
        printf 'begin anew\n'
        cat "$2"
        printf 'config\nabort\n'
    } | "$BIN/pctl" -s "$T/run/$1.ctrl" 2>"$T/err" | grep -Ev '^(a batch|the batch|noted)'
}
# lacks NAME: the variables and options of which its configuration says nothing
lacks() {
    "$BIN/$1" -T | sed -n 's/^var \([^ ]*\) .* \(live\|fixed\)$/set \1 /p; s/^key [^ ]* add \([^ ]*\) .*/ "\\{0,1\\}\1=/p' |
        while IFS= read -r word; do grep -q "$word" "$T/$1.config" || echo "$word"; done
}
for name in pproxy pserv pcheckd; do
    perl t/lib/everything.pl "$BIN/$name" "$T" >"$T/$name.all"
    is "$(ctl $name check "$T/$name.all")" 'no word is wrong' "$name takes all that can be said"
    rebuilt $name "$T/$name.all" >"$T/$name.config"
    is "$(ctl $name check "$T/$name.config")" 'no word is wrong' 'and what it makes of that'
    rebuilt $name "$T/$name.config" >"$T/$name.again"
    same "$T/$name.config" "$T/$name.again" 'which is the same again'
    is "$(lacks $name)" '' 'and lacks nothing'
done
