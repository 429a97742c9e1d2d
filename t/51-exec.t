#!/bin/sh
# pproxy: a program may say who a user is, and costs one session at most if it fails.
. t/lib/tap.sh
plan 13

suite
sed -n '/^#!/,/^\.Ed/p' man/pdm_exec.8 | sed '$d; s/\\e/\\/g' >"$T/lookup"
# Descriptors that the program was given, and how often it runs at a time.
cat >"$T/slow" <<EOC
#!/bin/sh
ls -l /proc/\$\$/fd >"$T/out/fds"
echo begin >>"$T/out/runs"
sleep 1
echo end >>"$T/out/runs"
echo b1:joe
EOC
printf '#!/bin/sh\nsleep 60\n' >"$T/hang"
printf '#!/bin/sh\ncat <&3 >/dev/null; echo "b1:joe"; kill -SEGV $$\n' >"$T/crash"
chmod 755 "$T/lookup" "$T/slow" "$T/hang" "$T/crash"
mkdir "$T/out"
chmod 777 "$T/out"
sed -i "s,^pdm add.*,pdm add prog exec timeout=8 $T/lookup b1," "$T/pproxy.rc"
printf 'Subject: joe\n\n' | deliver 3/joe
start_suite

# use ARG ...: the module is another one from now on; another change may be tried just then
use() {
    printf 'pdm delete prog\npdm add prog exec %s\n' "$*" | file words
    until_ok ctl pproxy -f "$T/words" >/dev/null
}

talk 1 'USER joe' 'PASS secret' 'TOP 1 0' 'QUIT'
line 5 '^Subject: joe$' 'the program of the manual lets its user in'
talk 1 'USER joe' 'PASS Secret' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'a wrong password is refused'
talk 1 'USER zoe' 'PASS secret' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'so is a user whom it does not know'

use "timeout=1 $T/hang"
talk 1 'USER joe' 'PASS secret' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'a program that hangs tells nothing of passwords'
seen pproxy 'ev=module_failed .*pdm=prog why=".*/hang: was not done in time"' 'the log names it'
use "$T/crash"
talk 1 'USER joe' 'PASS secret' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'one that crashes is no acceptance, whatever it wrote'
seen pproxy 'ev=module_failed .*pdm=prog why=".*/crash: ended by signal 11"' 'and the log says so'

use "max=1 timeout=20 $T/slow"
for n in 1 2 3; do talk -n "slow$n" 1 'USER joe' 'PASS x' 'QUIT' & eval "job$n=$!"; done
# shellcheck disable=SC2154
wait "$job1" "$job2" "$job3"
is "$(cat "$T"/slow?.log | grep -c '^+OK 0 messages')" 3 'three logins at once are served'
is "$(tr '\n' ' ' <"$T/out/runs")" 'begin end begin end begin end ' \
    'one after the other where one program may run at a time'
# The shell itself has its script, and the place of its output, on numbers from 10 on.
is "$(grep -c socket: "$T/out/fds")" 2 \
    'and the program is given no descriptor of ours'
use "max=1 timeout=1 $T/slow"
for n in 1 2 3; do talk -n "slow$n" 1 'USER joe' 'PASS x' 'QUIT' & eval "job$n=$!"; done
wait "$job1" "$job2" "$job3"
ok $? 'all are answered when there are too many'
seen pproxy 'ev=module_failed .*pdm=prog why=".*/slow: (1 are running already|was not)' \
    'and the log tells of those who waited too long'
unseen pproxy 'ev=worker_(died|stuck)' 'no worker was lost for all that'
