#!/bin/sh
# The suite: whoever runs code in a worker wins little.
. t/lib/tap.sh
. t/lib/evil.sh
plan 28

evil_suite
talk 1 'USER joe' 'PASS secret' 'TOP 1 0' 'QUIT'
line 5 '^Subject: joe$' 'the suite works with all of it on'
is "$(tries own)" 'done: Success' 'a module reads where the files of modules are'
is "$(tries friend)" 'done: Success' 'and connects to the port of a backend'
denied files key 'it cannot read the key file'
denied files passwd 'nor one of the system'
denied files memory 'nor the memory of a process'
denied files write 'nor make a file'
denied files change 'nor change one that it may read'
denied calls exec 'nor start a program'
denied calls fork 'nor a process'
denied ports stranger 'nor connect to a port that is no backend of ours'
denied calls unix 'nor to a socket of this host'
denied calls raw 'nor talk to the kernel'
denied calls listen 'nor listen'
denied calls code 'nor write code and run it'
denied signals zero 'nor see whether the master lives'
denied signals term 'nor end it'
denied signals outsider 'nor anybody else of its own user'
denied calls owner 'nor have the kernel do it when a descriptor is ready'
talk 1 'USER trace' 'PASS x' 'QUIT'
case ",$off," in
*,calls,*) ok 0 'who wants to trace another process is killed # skip the kernel cannot' ;;
*) seen pproxy 'ev=worker_died .*why="signal 31".*doing="pdm evil"' \
    'who wants to trace another process is killed' ;;
esac
kill -0 "$outsider" && kill -0 "$(pid pproxy)"
ok $? 'and all are still alive'
talk 1 'USER joe' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'the next client is served'

# It would hold the octets of all keys.
limits=/proc/$(pid pproxy)/limits
if [ -r "$limits" ]; then
    like "$(grep '^Max core file size' "$limits")" ' 0  *0 ' 'the master writes no core'
else
    ok 0 'cores # skip there is no /proc'
fi

# What the workers hold open, by their kinds.
# shellcheck disable=SC2013,SC2012,SC2086
held() {
    pool=$(cat "/proc/$(pid pproxy)/task/$(pid pproxy)/children")
    for one in $(cat /proc/${pool%% *}/task/${pool%% *}/children); do
        ls -l "/proc/$one/fd" 2>/dev/null | sed -n 's/.*-> //p'
    done
}
if [ "$ROOT" ] && [ -r "/proc/$$/task/$$/children" ]; then
    held >"$T/held"
    is "$(grep -c -e "$T/key" -e '\.pid$' -e '\.ctrl$' "$T/held")" 0 \
        'nobody holds what the daemon was started with, or what is the master'"'"'s'
    is "$(grep '^/' "$T/held" | grep -v -e ^/dev/null -e '\.log$' | sort -u)" '' \
        'or any file but the log'
else
    ok 0 'descriptors # skip only root may look at them'
    ok 0 'descriptors # skip only root may look at them'
fi

ctl pproxy set sandbox no >/dev/null
seen pproxy 'ev=sandbox_partial .*generation=2 off=all why=configured' 'what is off is logged'
is "$(tries passwd)" 'done: Success' 'and then a file is open to a worker'
