#!/bin/sh
# pserv: deleted mail is moved aside (deletedir) and can be had back.
. t/lib/tap.sh
plan 22

suite
aside=$T/spool/.deleted
echo "set deletedir $aside" >>"$T/pserv.rc"
daemon pserv -d -f "$T/pserv.rc" && ready 2
seen pserv 'ev=deletedir_missing .*lvl=ADM' 'a place that is missing is logged'
for n in 1 2 3; do printf 'Subject: %s\n\nbody\n' $n | deliver d/box; done
files() { find "$1/d/box" -type f 2>/dev/null | wc -l | tr -d ' '; }

xpop d/box 'DELE 1' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'what cannot be moved is not removed'
seen pserv 'ev=expunge_failed .*failed=1 .*why="deletedir: ' 'the log says why'
is "$(files "$T/spool")" 3 'it is still there'

asuser mkdir "$aside" && asuser touch "$aside/.popular-spool"
moved() { xpop d/box 'DELE 1' QUIT; has talk 'good bye'; }
until_ok moved
ok $? 'once the place is there messages are moved to it'
is "$(files "$T/spool")" 2 'the mailbox has them no more'
is "$(find "$aside/d/box/new" -type f | wc -l | tr -d ' ')" 1 'they lie under the same path there'
xpop d/box 'RETR 1' QUIT
xpop d/box 'DELE 1' 'DELE 2' QUIT
line 4 '^\+OK good bye' 'what was read is moved too'
is "$(find "$aside/d/box/cur" -name '*:2,S' | wc -l | tr -d ' ')" 1 'with its flags'
xpop d/box STAT QUIT
line 2 '^\+OK 0 0' 'the mailbox is empty'

asuser sh -c "mv '$aside'/d/box/cur/* '$T/spool/d/box/cur/'"
xpop d/box STAT 'RETR 1' QUIT
line 2 '^\+OK 1 ' 'what is moved back is there again'
xpop .deleted/d/box STAT QUIT
line 2 '^\+OK 2 ' 'the place is a spool of its own'

# Another file system: a message cannot be renamed there.
if [ "$ROOT" ] && [ -d /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$T")" ]; then
    other=$(asuser mktemp -d /dev/shm/popular.XXXXXX)
    asuser touch "$other/.popular-spool"
    ctl pserv set deletedir "$other" >/dev/null
    xpop d/box 'DELE 1' QUIT
    line 3 '^-ERR \[SYS/TEMP\]' 'nothing is moved to another file system'
    is "$(files "$T/spool")" 1 'nor is it removed'
    rm -rf "$other"
else
    ok 0 'nothing is moved to another file system # SKIP needs root and /dev/shm'
    ok 0 'nor is it removed # SKIP needs root and /dev/shm'
fi
ctl pserv set deletedir '' >/dev/null
xpop d/box 'DELE 1' QUIT
is "$(files "$T/spool")" 0 'without a place messages are removed'

wrong() {
    ctl pserv set deletedir "$1" >/dev/null
    like "$(cat "$T/ctl.log")" "$2" "$3"
}
wrong "$T/spool" 'deletedir.*must not be the spool' 'the spool is no place for deleted mail'
wrong here 'deletedir.*must begin with /' 'nor is a relative path'
wrong "$T" 'deletedir.*the spool must not lie in it' 'nor is what the spool lies in'
asuser ln -s . "$T/spool/.same"
ctl pserv set deletedir "$T/spool/.same" >/dev/null
printf 'Subject: same\n\nbody\n' | deliver d/box
before=$(find "$T/spool/d/box" -type f)
xpop d/box 'DELE 1' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'nor is the spool by another name'
is "$(find "$T/spool/d/box" -type f)" "$before" 'and a message does not become another there'
printf 'set spool %s\nset chroot yes\nset deletedir /elsewhere\n' "$T/spool" >"$T/bad.rc"
"$BIN/pserv" -n -f "$T/bad.rc" >"$T/bad.log" 2>&1
seen bad 'deletedir: must be in the spool, since chroot is yes' 'in a chroot it must be in the spool'
end pserv
is $? 0 'pserv stops when it is told'
