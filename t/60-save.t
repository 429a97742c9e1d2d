#!/bin/sh
# pctl: the running configuration is written into the start file, compared with it, and taken from it.
. t/lib/tap.sh
plan 30

suite
account joe b1 m/joe
box m/joe
cat >>"$T/pproxy.rc" <<EOC
# The reason for this stands here.
set idletimeout 11m
EOC
chmod 640 "$T/pproxy.rc"
cp "$T/pproxy.rc" "$T/first"
start_suite
generation() { ctl pproxy show generation | sed 's/.* value=\([0-9]*\) .*/\1/'; }

like "$(ctl pproxy show startfile)" "value=$T/pproxy.rc .*when=readonly" 'the daemon tells its start file'
is "$(ctl pproxy diff; echo $?)" 0 'nothing would change'
is "$(ctl pproxy save)" "$T/pproxy.rc says the same and is left as it is" 'nothing is to be saved'
same "$T/first" "$T/pproxy.rc" 'and the comments are still there'

ctl pproxy set minspare 7 >/dev/null
ctl pproxy backend change b1 maxsession=9 >/dev/null
ctl pproxy diff >"$T/diff"
is "$?" 1 'a change is a difference'
is "$(cut -d ' ' -f 1-4 "$T/diff")" "- set minspare 7
- backend add b1
+ backend add b1" 'which is shown in words'
is "$("$BIN/pctl" -j -s "$T/run/pproxy.ctrl" diff | perl -MJSON::PP -e 'print scalar @{ decode_json(join "", <STDIN>) }')" \
    3 'also as JSON'
like "$(ctl pproxy save)" "pproxy.rc is written; what it was, .* is $T/pproxy.rc.old" 'it is saved'
same "$T/first" "$T/pproxy.rc.old" 'the old file is kept'
is "$(perl -e 'printf "%o\n", (stat $_)[2] & 07777 for @ARGV' "$T/pproxy.rc" "$T/pproxy.rc.old" | sort -u)" 640 \
    'with its mode for both'
is "$(ctl pproxy diff; echo $?)" 0 'now nothing would change'
"$BIN/pproxy" -n -f "$T/pproxy.rc" >"$T/out" 2>&1
ok $? 'and it is a start file' "$(cat "$T/out")"
like "$(ctl pproxy save "$T/elsewhere")" 'elsewhere is written$' 'another file can be written'

printf 'set minspare 8\nset minspure 9\n# no\nvserv add x\nsession list\n' >"$T/wrong"
ctl pproxy check "$T/wrong" >"$T/out"
is "$? $(cut -d : -f 2 "$T/out" | tr '\n' ' ')" '1 2 4 5 ' 'every wrong line of a file is told'
echo 'vserv add x 127.0.0.1:0 fallback=none' >"$T/wrong"
like "$(ctl pproxy check "$T/wrong")" '^/.*/wrong: .*fallback' 'and what does not hold together'
like "$(ctl pproxy load "$T/wrong")" '^/.*/wrong: .*fallback' 'which is not loaded'
is "$(ctl pproxy check)" 'no word is wrong' 'the start file is right'
is "$(ctl pproxy diff; echo $?)" 0 'and nothing has changed'

# From a file: all it says, and nothing else. Sessions go on.
talk -n stays 1 'USER joe' 'PASS secret' ":mark $T/in" 'NOOP' ":mark $T/still" ':eof' &
stays=$!
until_ok test -e "$T/in"
cp "$T/first" "$T/pproxy.rc"
echo "vserv add second 127.0.0.1:$(port 4)" >>"$T/pproxy.rc"
before=$(generation)
like "$(ctl pproxy -n load)" 'no word is wrong' 'a file can be looked at before it is loaded'
like "$(ctl pproxy load)" 'generation [0-9]+ is current' 'a file is loaded'
[ "$(generation)" -gt "$before" ]
ok $? 'as a new generation'
like "$(ctl pproxy config | tr '\n' ' ')" "idletimeout 11m .*second" 'what it says holds'
is "$(ctl pproxy config | grep -c minspare)" 0 'and what it does not say is gone'
ready 4
ok $? 'a virtual server more serves'
end_session() { ctl pproxy session list | sed -n 's/^sid=\([^ ]*\).*/\1/p'; }
for sid in $(end_session); do ctl pproxy session kick "$sid" >/dev/null; done
wait $stays
is "$(sed -n 4p "$T/stays.log" | cut -c 1-3)" '+OK' 'a session went on meanwhile'

# Two administrators: the batch of the one is not mixed up with the words of the other.
talk "$T/run/pproxy.ctrl" ':line' ':send begin anew\n' ':line' ':send set minspare 9\n' ':line' ':send config\n' ':line 3' \
    ':send abort\n' ':line'
like "$(cat "$T/talk.log")" 'set minspare 9' 'config shows what a batch would lead to'
is "$(ctl pproxy diff; echo $?)" 0 'and nothing else'

# Relative names, and what a failed change leaves behind.
like "$(cd "$T" && "$BIN/pproxy" -n -f wrong 2>&1; echo 'set capadir capa' >"$T/wrong"; cd "$T" && "$BIN/pproxy" -n -f wrong 2>&1)" \
    'wrong:1: capadir must be a directory that exists, its name beginning with /' 'a name must not depend on where we are'
backlog() { ss -ltnH "sport = :$(port 1)" | awk '{ print $3 }'; }
old=$(backlog)
printf 'set backlog 77\npdm add wrong flat /nowhere\n' >"$T/wrong"
ctl pproxy -f "$T/wrong" >/dev/null
is "$? $(backlog)" "1 $old" 'a change that fails leaves the backlog of listening sockets'
ctl pproxy set backlog 77 >/dev/null
is "$(backlog)" 77 'one that holds sets it'
