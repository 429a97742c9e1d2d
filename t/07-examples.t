#!/bin/sh
# The manual: every example in it is one. How each is run is said by a comment before it, see
# t/lib/blocks.pl; dialogues with a shell are held in t/78-examples.t.
. t/lib/tap.sh
plan 7

spool
modules
file users </dev/null
mkdir "$T/blocks"
perl t/lib/blocks.pl "$T/blocks" man/*.[1-8] >"$T/examples"
is "$(grep ' unmarked$' "$T/examples")" '' 'every example in the manual says how it is run'
known='picture|sh|pproxy|pserv|pcheckd|flat|master|log|cron|systemd|fail2ban|test [^ ]*'
is "$(grep -Ev " ($known)\$" "$T/examples")" '' 'in a way that there is'
while read -r block where how test; do
    [ "$how" = test ] || continue
    page=${where#man/} page=${page%:*}
    [ -f "$test" ] && {
        grep -q "$page" "$test" || grep -qF "$(tail -n 1 "$block" | sed 's/.* //')" "$test"
    } || echo "$where: $test"
done <"$T/examples" >"$T/out"
is "$(cat "$T/out")" '' 'and what another test runs is run there'

# What of an installed system stands in examples becomes what the test has.
mkdir "$T/capa"
file masters </dev/null
: >"$T/log"
here() {
    sed -e "s,/etc/popular/,$T/,g" -e "s,/var/spool/popular,$T/spool,g" \
        -e "s,/usr/local/lib/popular,$T/lib,g" "$@"
}
while read -r block where how _; do
    case $how in
    pproxy) first="set moduledir $T/lib" ;;
    pserv | pcheckd) first="set spool $T/spool" ;;
    *) continue ;;
    esac
    { echo "$first"; here "$block"; } >"$T/example.rc"
    "$BIN/$how" -n -f "$T/example.rc" >"$T/answer" 2>&1 || echo "$where: $(cat "$T/answer")"
done <"$T/examples" >"$T/out"
[ "$(grep -Ec ' (pproxy|pserv|pcheckd)$' "$T/examples")" -gt 10 ]
ok $? 'there are control words among the examples' "$(cat "$T/examples")"
is "$(cat "$T/out")" '' 'and a daemon takes all of them'

: >"$T/logins"
while read -r block where how _; do
    case $how in flat | master) ;; *) continue ;; esac
    # Hashes are cut short with dots there.
    perl -pe 's/\$[^:]*\.\.\./crypt "secret", q($6$salt$)/e' "$block" >"$T/lines"
    echo "x $how $T/lines" >"$T/modules.list"
    [ "$how" = flat ] || echo "users flat $T/users" >>"$T/modules.list"
    "$BIN/ptestpdm" -d "$T/lib" "$T/modules.list" "$T/logins" >"$T/answer" 2>&1 ||
        echo "$where: $(cat "$T/answer")"
done <"$T/examples" >"$T/out"
is "$(cat "$T/out")" '' 'modules take the lines that are for their files'

# A record of the log: number, level and name belong together, and the keys are those of the page.
cat >"$T/log.pl" <<'EOC'
my ($table, $items, $block) = @ARGV;
my (%event, %keys);
open my $f, '<', $table or die;
while (<$f>) { $event{$3} = "no=$1 lvl=$2" if /^event (\S+) (\S+) (\S+)/ }
open $f, '<', $items or die;
while (<$f>) { $keys{$1} = " $2 " if /^\.It Sy (\S+) \S+ \S+(?: Ar)?(.*)/ }
open $f, '<', $block or die;
my $text = do { local $/; <$f> };
$text =~ s/\n +/ /g;
for (split /\n/, $text) {
    my ($name, $head, $rest) = /^ev=(\S+) (no=\S+ lvl=\S+) sid=\S+ (.*)/ or print("no record: $_\n"), next;
    print "$name has $event{$name}\n" if $event{$name} ne $head;
    my @keys = $rest =~ /(\w+)=(?:"[^"]*"|\S+)/g;
    print "$name has no $_\n" for grep { index($keys{$name}, " $_ ") < 0 } @keys;
}
EOC
"$BIN/pproxy" -T >"$T/table"
while read -r block where how _; do
    [ "$how" = log ] || continue
    perl "$T/log.pl" "$T/table" man/popular-log.7 "$block" | sed "s,^,$where: ,"
done <"$T/examples" >"$T/out"
is "$(cat "$T/out")" '' 'records are such as the daemons write'
