#!/bin/sh
# pproxy: every variable, batches of words and whole configurations at run time, under a load of
# logins of which not one fails. A variable that is not set makes the test fail.
. t/lib/tap.sh
. t/lib/words.sh
plan 8

words_suite
cp -r "$T/lib" "$T/lib2"
until_ok all_come
echo 'vserv change second greeting="another one"' | obey

# Another legal value of each variable, and the first one again.
others() {
    "$BIN/pproxy" -T | perl -e '
        my %special = (moduledir => ["'"$T/lib2"'"], capadir => ["'"$T"'"], user => ["'"${ROOT:+daemon}"'" || "'"$USER"'"],
            group => ["nogroup"], maxsession => [900], maxspare => [20], sessionsperworker => [20],
            maxlocalload => [9000], maxperuser => [900], trusted => ["127.0.0.0/9"],
            # Its purpose is to refuse users who come again: it has a test of its own.
            logindelay => ["0s"]);
        while (<STDIN>) {
            my ($name, $kind, $default, $range, $when) =
                /^var (\S+) (\S+) ("[^"]*"|\S*) ("[^"]*"|\S+) (\S+)$/ or next;
            next if $when eq "readonly";
            my @values = $kind eq "Time" ? "1m" : $kind eq "Int" ? $default + 1
                : $range =~ /\|/ ? split /\|/, $range : "another";
            print "set $name $_\n" for @{ $special{$name} || \@values };
            print "again $name\n";
        }'
}
sed -n 's/^var \(\S*\) .* \(live\|fixed\)$/\1/p' <<EOC >"$T/vars"
$("$BIN/pproxy" -T)
EOC
others | while read -r word name value; do
    [ "$word" = set ] || continue
    old=$(ctl pproxy show "$name" | value)
    printf 'set %s "%s"\nset %s %s\n' "$name" "$value" "$name" "$old"
done | grep -v '^set user "" ' | obey
echo '@ steady mail' | obey
fine 'every variable takes another value and its own again'
sed -n 's/^set \([^ ]*\) .*/\1/p' "$T/said" | sort -u >"$T/set"
sort "$T/vars" >"$T/all"
same "$T/all" "$T/set" 'not one was left out'

# begin, commit and abort hold for a connection.
talk "$T/run/pproxy.ctrl" ':line' ':send begin\n' ':line' ':send set minspare 6\n' ':line' \
    ':send vserv disable second\n' ':line' ':send abort\n' ':line' ':send begin\n' ':line' \
    ':send set minspare 7\n' ':line' ":send backend change b2 proto=xpop\\n" ':line' ':send commit\n' ':line'
is "$(grep -c '^+OK' "$T/talk.log")" 9 'a batch is begun and forgotten, and another one holds'
ctl pproxy config >"$T/config"
{
    printf 'vserv delete %s\n' main second
    printf 'pdm delete users\n'
    printf 'backend delete %s\n' b1 b2 b3
    cat "$T/config"
} >"$T/anew"
ctl pproxy -f "$T/anew" >"$T/answer"
ctl pproxy config | cmp - "$T/config"
ok $? 'what config prints makes the same anew' "$(cat "$T/answer")"
ctl pproxy load "$T/config" >"$T/answer" && ctl pproxy config | cmp - "$T/config"
ok $? 'so it does in the place of all there was' "$(cat "$T/answer")"
echo '@ steady mail' | obey
generation() { ctl pproxy show generation | value; }
before=$(generation)
kill -HUP "$(pid pproxy)"
later() { [ "$(generation)" -gt "$before" ]; }
until_ok later && echo '@ steady mail' | obey
fine 'a HUP is a new generation'

enough
is "$(cat "$T/failed")" '' 'and not one session has failed'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
