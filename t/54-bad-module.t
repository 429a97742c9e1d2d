#!/bin/sh
# pproxy: a module that misbehaves costs one session, is named, and says nothing of passwords.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 10

suite
${CC:-cc} -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_bad.so" t/lib/bad.c
ok $? 'a module that misbehaves is made'
account joe b1 joe
printf 'Subject: joe\n\n' | deliver joe
sed -i "s,^pdm add.*,set authtimeout 1m\npdm add bad bad\n&," "$T/pproxy.rc"
start_suite

for user in number long path; do
    # Three failures in a row would be too many.
    talk 1 'USER joe' 'PASS secret' 'QUIT'
    talk 1 "USER $user" 'PASS secret' 'QUIT'
    sed -n 3p "$T/talk.log"
done >"$T/replies"
is "$(grep -c '^-ERR \[SYS/TEMP\]' "$T/replies")" 3 'nonsense of a module is never a wrong password'
is "$(grep -c 'ev=module_failed .*pdm=bad' "$T/pproxy.log")" 3 'and is logged with its name'
talk 1 'USER crash' 'PASS secret' 'QUIT'
line 3 '^\[(closed|reset)\]' 'a module that crashes ends its session'
seen pproxy 'ev=worker_died .*doing="pdm bad"' 'and the log names it'
ctl pproxy set authtimeout 4s >/dev/null
talk -n hang 1 'USER hang' 'PASS secret' 'QUIT' &
hang=$!
hangs() { ctl pproxy session list | grep -q 'doing="pdm bad"'; }
until_ok hangs
ctl pproxy set authtimeout 1m >/dev/null
talk 1 'USER joe' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'other users notice nothing of one that hangs'
seen pproxy 'ev=worker_stuck .*doing="pdm bad"' 'which is ended and named'
wait "$hang"
echo 'bad bad' >"$T/commands"
echo '127.0.0.1 pop3 default number secret' >"$T/logins"
"$BIN/ptestpdm" -d "$T/lib" "$T/commands" "$T/logins" >"$T/tested.log"
is $? 2 'ptestpdm tells a failure from a refusal'
"$BIN/ptestpdm" -d "$T" "$T/commands" "$T/logins" 2>"$T/tested.log"
is "$?$(grep -c '^ptestpdm: pdm bad (bad): .*libpdm_bad.so' "$T/tested.log")" 31 \
    'and names a module that cannot be loaded'
unseen hang '^-ERR \[AUTH\]' 'and nobody was told of a wrong password'
