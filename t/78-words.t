#!/bin/sh
# pproxy: every control word at run time, under a load of logins of which not one fails.
#
# Words stand in lists for `obey`, one a line; `@ CLASS OUTCOME` waits until a session of a class of
# the load, begun after the words before it, has had that outcome (see load.pl). A word of pproxy -T
# that stands in no list makes the test fail, and so does a variable that is not set.
. t/lib/tap.sh
plan 16

suite
echo 'set mailboxlock off' >>"$T/pserv.rc" # one user may come twice at once here
mkdir "$T/capa"
echo 'TOP' >"$T/capa/few"
cp -r "$T/lib" "$T/lib2"
for user in full second victim; do
    printf 'Subject: %s\n\nhello\n' $user | deliver "m/$user"
done
for user in empty kicked full second; do account $user b1 m/$user; done
account victim b2 m/victim
account pop b3 ''
cp "$T/users" "$T/more"
daemon -n pop fakepop3 "$(port 5)" mail=1 'RETR=+OK\r\nSubject: pop\r\n\r\n.'
ready 5
cat >>"$T/pproxy.rc" <<EOC
set capadir $T/capa
backend add b2 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
backend add b3 127.0.0.1:$(port 5) proto=pop3
vserv add second 127.0.0.1:$(port 4)
EOC
start_suite

cat >"$T/list" <<EOC
steady $(port 1) empty secret empty
steady $(port 1) full secret mail
pop $(port 1) pop secret mail
victim $(port 1) victim secret mail,empty,temp
second $(port 4) second secret mail,empty,temp
EOC
: >"$T/load.log"
perl t/lib/load.pl run "$T/list" "$T/load.log" "$T/enough" clients=2 pause=5 seconds=120 >"$T/perl.log" 2>&1 &
load=$!

# happened MS CLASS OUTCOME: a session that began at MS or later
happened() {
    awk -v ms="$1" -v c="$2" -v o="$3" '$1 >= ms && $4 == c && $6 == o { n = 1 } END { exit !n }' "$T/load.log"
}
now() { perl -MTime::HiRes=time -e 'printf "%.0f\n", time * 1000'; }
: >"$T/said"
: >"$T/wrong"
obey() {
    while read -r word; do
        case $word in
        '@ '*)
            # shellcheck disable=SC2086
            until_ok happened "$(now)" ${word#@ } || echo "in vain: $word" >>"$T/wrong"
            ;;
        *)
            echo "$word" >>"$T/said"
            eval "ctl pproxy $word" >"$T/answer" 2>&1 </dev/null ||
                sed "s,^,$word: ," "$T/answer" >>"$T/wrong"
            ;;
        esac
    done
}
# fine TITLE: all words since the last time were obeyed
fine() { is "$(cat "$T/wrong")" '' "$1"; : >"$T/wrong"; }

happened_all() { for class in steady pop victim second; do happened 0 $class mail || return 1; done; }
until_ok happened_all
ok $? 'users of four kinds log in over and over'
obey <<EOC
vserv add third 127.0.0.1:$(port 6) greeting="the third" softfail=smart
vserv change third namespace=elsewhere
vserv change third softfail=empty greeting=""
vserv delete third
metrics add page 127.0.0.1:$(port 7)
metrics change page allow=127.0.0.1
metrics delete page
vserv disable second
@ second empty
vserv change second softfail=tempfail
@ second temp
vserv enable second
@ second mail
vserv change second greeting="another one"
capa load few
vserv change second capa=few
capa show few
@ second mail
vserv change second capa=""
capa delete few
EOC
fine 'virtual servers come, change and go'
obey <<EOC
backend add b4 127.0.0.1:$(port 2) proto=xpop softfail=smart
backend change b4 proto=cxpop check=127.0.0.1:$(port 3)
backend delete b4
backend disable b2
@ victim empty
backend enable b2
@ victim mail
backend change b2 softfail=tempfail
backend drain b2
@ victim temp
backend enable b2
@ victim mail
backend change b2 proto=xpop
@ victim mail
backend delete b2
@ victim empty
backend add b2 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
@ victim mail
EOC
fine 'so do backends'
obey <<EOC
pdm add more flat $T/more
pdm order more users
@ steady mail
pdm reload more
pdm reload
pdm delete users
@ steady mail
pdm add users flat $T/users
pdm delete more
pdm test default full secret
pdm test default full wrong 192.0.2.7
@ steady mail
set cachetime 1m
@ steady mail
cache flush full
@ steady mail
cache flush
set cachetime 0s
EOC
fine 'modules are exchanged, asked, and what they said is forgotten'

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
# The value of a row of `show`, as a word.
value() { sed -n 's/^.* value=\("[^"]*"\|[^ ]*\) default=.*/\1/p' | sed 's/^$/""/'; }
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
"$BIN/pproxy" -T | sed -n 's/^word \(.* list\)\( .*\)\{0,1\}$/\1/p' >"$T/lists"
[ "$(wc -l <"$T/lists")" -gt 7 ]
ok $? 'there are lists' "$(cat "$T/lists")"
obey <"$T/lists"
obey <<EOC
debug auth on
@ steady mail
debug auth off
counter reset
session list all=yes state=idle
metrics
penalty clear all
help
help backend add
words
version
metrics
metrics openmetrics
show
show maxsession
EOC
fine 'what is there to be seen is shown'

talk -n kicked 1 'USER kicked' 'PASS secret' ":mark $T/in" ':eof' &
kicked=$!
until_ok test -e "$T/in"
sid=$(ctl pproxy session list user=kicked@default | sed -n 's/.*sid=\([^ ]*\).*/\1/p')
echo "session kick $sid" | obey
wait $kicked
echo 'session watch SID' >>"$T/said" # t/64-watch.t
is "$(tail -n 1 "$T/kicked.log")" '[closed]' 'who is kicked has to go'

# begin, commit and abort hold for a connection.
talk "$T/run/pproxy.ctrl" ':line' ':send begin\n' ':line' ':send set minspare 6\n' ':line' \
    ':send vserv disable second\n' ':line' ':send abort\n' ':line' ':send begin\n' ':line' \
    ':send set minspare 7\n' ':line' ":send backend change b2 proto=xpop\\n" ':line' ':send commit\n' ':line'
printf '%s\n' begin abort commit >>"$T/said"
is "$(grep -c '^+OK' "$T/talk.log")" 9 'a batch is begun and forgotten, and another one holds'
ctl pproxy config >"$T/config"
echo config >>"$T/said"
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
echo 'begin anew' >>"$T/said"
echo '@ steady mail' | obey
generation() { ctl pproxy show generation | value; }
before=$(generation)
kill -HUP "$(pid pproxy)"
later() { [ "$(generation)" -gt "$before" ]; }
until_ok later && echo '@ steady mail' | obey
fine 'a HUP is a new generation'

: >"$T/enough"
wait $load
is "$(grep -h ' failed ' "$T/load.log" | head; cat "$T/perl.log")" '' 'and not one session has failed'
perl t/lib/load.pl stat "$T/load.log" | sed 's/^/# /'
"$BIN/pproxy" -T | perl -e '
    open my $f, "<", $ARGV[0];
    my @said = map { [split] } <$f>;
    for (grep { s/^word // } <STDIN>) {
        my @lists = ([]);
        for my $piece (split) {
            last if $piece =~ /^\[/;
            my @may = $piece =~ /^[a-z]/ ? split /\|/, $piece : "";
            @lists = map { my $l = $_; map { [@$l, $_] } @may } @lists;
        }
        # These end the daemon, and have tests of their own.
        for my $list (grep { $_->[0] !~ m{^(shutdown|upgrade)$} } @lists) {
            print "@$list\n" unless grep {
                my $said = $_;
                @$said >= @$list && !grep { $list->[$_] ne "" && $list->[$_] ne $said->[$_] } 0 .. $#$list;
            } @said;
        }
    }' "$T/said" >"$T/unsaid"
is "$(cat "$T/unsaid")" '' 'no word was left out'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
