#!/bin/sh
# The suite: what a session costs in memory and system calls.
. t/lib/tap.sh
plan 11

suite
account empty b1 e/empty
account full b1 f/full
echo 'set mailboxlock off' >>"$T/pserv.rc"
printf 'Subject: hello\n\nThis is mail.\n' | deliver f/full || exit 1
for name in pproxy pserv pcheckd; do
    echo 'set minspare 12' >>"$T/$name.rc"
    daemon $name -d -l "$T/$name.log" -f "$T/$name.rc"
done
ready 2 && ready 3/udp && ready 1

# worker PROGRAM WORD: the pids of the workers of ours whose title has it
worker() {
    ps -eo pid=,ppid=,args= | awk -v m="$(pid "$1")" -v p="$1: worker" -v w="$2" '
        { ppid[$1] = $2; line[$1] = $0 }
        END { for (i in line) if (ppid[ppid[i]] == m && index(line[i], p) && index(line[i], w)) print i }'
}

# own PID: kilobytes that belong to this process alone
own() { awk '/^Private_/ { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps_rollup"; }

# Several of each, since a page of a program file is shared only by those who have come to it.
perl t/lib/crowd.pl hold "$(port 1)" 4 empty secret "$T/leave" >"$T/crowd1.log" 2>&1 &
crowd1=$!
perl t/lib/crowd.pl hold "$(port 1)" 4 full secret "$T/leave" >"$T/crowd2.log" 2>&1 &
crowd2=$!
seen crowd1 '^in 4 refused 0' 'four clients sit in the empty maildrop'
seen crowd2 '^in 4 refused 0' 'and four in a relay'

lean() {
    title=$4
    [ "$(worker "$1" "$2" | wc -l)" -eq 4 ] || { ok 1 "$title" "no four workers: $2"; return; }
    if [ -z "$ROOT" ]; then
        # Who holds passwords lets nobody look, not even another process of its user.
        for one in $(worker "$1" "$2"); do
            [ ! -r "/proc/$one/smaps_rollup" ] || ! own "$one" >/dev/null 2>&1 || { ok 1 "$title"; return; }
        done
        ok 0 "$title"
        return
    fi
    most=0
    for one in $(worker "$1" "$2"); do
        kb=$(own "$one")
        [ "$kb" -le "$most" ] || most=$kb
    done
    [ "$most" -gt 0 ] && [ "$most" -le "$3" ]
    ok $? "$title" "the largest has $most kB of its own"
    note "$1, $2: $most kB"
}
what='has at most 60 kB of its own'
[ "$ROOT" ] || what='shows its memory to nobody'
lean pproxy 'empty@default empty' 60 "pproxy in the empty maildrop $what"
lean pproxy 'full@default relay' 60 "pproxy in a relay $what"
lean pserv 'f/full' 60 "pserv in a session $what"
: >"$T/leave"
wait $crowd1
is "$?" 0 'the clients of the empty maildrop leave as they came'
wait $crowd2
is "$?" 0 'those of the relay too'

forks() { ctl pproxy counter list | sed -n 's/^name=forks value=//p'; }
before=$(forks)
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'an empty mailbox is answered'
like "$before" '^[1-9][0-9]*$' 'the pool counts its forks'
is "$(forks)" "$before" 'nobody is forked for that'
unseen pserv 'ev=server_session.*mbox=e/empty' 'and pserv is left in peace'
