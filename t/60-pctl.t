#!/bin/sh
# pctl: words, files and pipes go to the daemon, and its answers to people and programs.
. t/lib/tap.sh
plan 39

spool
file pcheckd.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
EOC
daemon pcheckd -d -f "$T/pcheckd.rc"
ready 3/udp
SOCKET=$T/run/pcheckd.ctrl
until_ok test -S "$SOCKET"

# told WORD ...: status of pctl, then its output, then its errors, in one line each.
told() {
    "$BIN/pctl" -s "$SOCKET" "$@" >"$T/out" 2>"$T/err" </dev/null
    echo "$? $(paste -sd '|' "$T/out") $(paste -sd '|' "$T/err")"
}
show() { told show "$1" | sed 's/.* value=\([^ ]*\) .*/\1/'; }

like "$(told version)" '^0 pcheckd [0-9.]+ $' 'a word is answered'
like "$(told vershun)" '^1  pctl: wrong word vershun .*version' 'a wrong one with what would be right'
like "$(told "$(printf '%08180d' 0)")" '^1  pctl: wrong word 0+\.\.\.0+ in place 1; right would be: abort, .*words$' \
    'however long it is'
[ ! -c /dev/full ] || "$BIN/pctl" -s "$SOCKET" config >/dev/full 2>"$T/err"
like "$? $(cat "$T/err")" '^2 pctl: standard output: No space left' 'an answer that a full disk does not take is not told'
is "$(told -q version)" '0  ' '-q tells nothing'
like "$(told -q vershun)" '^1  pctl: wrong' 'but errors'
is "$(told set idletimeout 11m)" '0 done ' 'a variable is set'
is "$(show idletimeout)" 11m 'and shown'
is "$(told server add 'a b' 127.0.0.1:0 | cut -c 1-25)" '1  pctl: wrong word "a b"' \
    'an argument with blanks is one word'
like "$(told help set)" '\|    loglevel String ' 'help explains a word'
is "$(told help set loglevel | tr '|' '\n' | grep -c '^    ')" 1 'or a line of which no more is known'

is "$(told -n set idletimeout 12m)" '0 noted ' '-n finds nothing wrong with a word'
is "$(show idletimeout)" 11m 'and does not do it'
like "$(told -n set idletimeout never)" '^1  pctl: idletimeout must be an interval' 'or says what is'
like "$(told -n commit)" '^1  pctl: commit has no place here' 'it cannot be tricked into doing it'
like "$(told -n shutdown all)" '^1  pctl: shutdown all acts at once' \
    'a word that cannot be taken back is refused'

file good <<'EOC'
# a comment
set idletimeout 13m

set drainlimit 2h   # and another
EOC
printf 'set idletimeout 14m\n\nset drainlimit never' >"$T/bad"
is "$(told -n -f "$T/good")" '0 no word is wrong ' 'a file can be checked'
is "$(told -n -f "$T/bad")" \
    "1  $T/bad:3: drainlimit must be an interval from 1s to 7d, not never" \
    'an error has file and line'
is "$(told -f "$T/bad" | cut -c 1-3)" '1  ' 'such a file is refused'
is "$(show idletimeout)" 11m 'with all that stood before the error'
is "$(told -f "$T/good")" '0 done ' 'a good one is taken'
is "$(show idletimeout) $(show drainlimit)" '13m 2h' 'all of it'
"$BIN/pctl" -s "$SOCKET" -f - <"$T/bad" >"$T/out" 2>&1
is "$? $(cat "$T/out")" \
    '1 standard input:3: drainlimit must be an interval from 1s to 7d, not never' \
    'standard input can be such a file'
printf 'set idletimeout 15m\nvershun\nset drainlimit 3h\nquit\nset drainlimit 4h\n' |
    "$BIN/pctl" -s "$SOCKET" >"$T/out" 2>"$T/err"
is "$? $(paste -sd '|' "$T/out")" '1 done|done' 'lines of a pipe stand each for itself'
like "$(cat "$T/err")" '^standard input:2: wrong word vershun' 'and their errors name the line'
is "$(show idletimeout) $(show drainlimit)" '15m 3h' 'the others hold, up to quit'
head -c 300 /dev/urandom >"$T/binary"
printf 'set idletimeout 1m\n\000' >>"$T/binary"
told -f "$T/binary" >"$T/out"
is "$(show idletimeout)" 15m 'a binary file changes nothing'

talk "$SOCKET" ':line' ':send begin\nset idletimeout 16m\nset "drainlimit\ncommit\n' ':line 4'
line 5 '^-ERR ' 'a line that is no words spoils a batch, too'
is "$(show idletimeout)" 15m 'so that nothing of it is done'

# json EXPRESSION WORD ...: what Perl makes of the answer, called $v.
cat >"$T/json.pl" <<'EOC'
use JSON::PP;
my $expression = shift;
my $v = decode_json(do { local $/; <STDIN> });
print eval($expression) // "undef: $@", "\n";
EOC
json() {
    _expression=$1
    shift
    "$BIN/pctl" -s "$SOCKET" -j "$@" | perl "$T/json.pl" "$_expression"
}
# shellcheck disable=SC2016
{
    like "$(json '"$v->{ok} $v->{text}"' version)" '^1 pcheckd [0-9.]+$' \
        'JSON has the text of an answer'
    like "$(json '"$v->{ok} $v->{error}"' vershun)" '^0 wrong word' 'or the error'
    is "$(json '"$v->{line} $v->{file}"' -f "$T/bad")" "3 $T/bad" 'with file and line'
    is "$(json 'join " ", map { "$_->{id}=$_->{allow}" } @$v' server list)" \
        'main=127.0.0.0/8' 'a list is an array of objects'
    is "$(json 'encode_json([map { $_->{value} } grep { $_->{name} eq "pid" } @$v])' show)" \
        "[$(cat "$T/run/pcheckd.job")]" 'numbers are numbers'
    is "$(json 'scalar grep { /^server add main / } @$v' config)" 1 'lines are strings'
    is "$(json 'encode_json($v)' session list sid=none)" '[]' 'no line is an empty array'
}

# The daemon is stopped where it stands: it accepts, but answers nothing.
master=$(pid pcheckd)
kill -STOP "$master"
began=$(date +%s)
like "$(told -t 1 version)" '^2  pctl: .*no answer within 1 seconds' 'a daemon that hangs is given up'
kill -CONT "$master"
[ $(($(date +%s) - began)) -lt 15 ]
ok $? 'in time'
end pcheckd
like "$(told version)" '^2  pctl: .*pcheckd\.ctrl: ' 'no daemon is another status than a wrong word'
