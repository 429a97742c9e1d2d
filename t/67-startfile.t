#!/bin/sh
# The kit: a start file may be anything, and every error in it is named.
. t/lib/tap.sh
plan 8

# shellcheck disable=SC3045 # where there is no such limit, the file is read all the same
try() { (ulimit -v 2000000 2>/dev/null; "$BIN/pproxy" -n -f "$1" 2>&1); }
like "$(try "$T")" 'directory' 'a directory is none'
like "$(try /dev/zero)" 'too large' 'nor is one without an end'
printf 'set minspare 7\n# gr\374n\nset greeting "a\0b"\nset maxspare -1' >"$T/wrong.rc"
like "$(try "$T/wrong.rc")" "wrong.rc:2: .*UTF-8" 'a line in another character set is named'
like "$(try "$T/wrong.rc")" "wrong.rc:3: .*control" 'and one with a NUL'
like "$(try "$T/wrong.rc")" "wrong.rc:4: maxspare" 'and a value, though the last line has no end'
mkfifo "$T/fifo"
cat >"$T/fifo" <<EOC &
set minspare 7
EOC
is "$(try "$T/fifo")" '' 'a pipe is read'
i=0
while [ $i -lt 1000 ]; do
    i=$((i + 1))
    echo "vserv add v$i 127.0.0.1:$((20000 + i))"
done >"$T/many.rc"
begin=$(date +%s)
is "$(try "$T/many.rc")" '' 'a thousand virtual servers are right'
[ $(($(date +%s) - begin)) -le 60 ]
ok $? 'and read in a moment' "seconds: $(($(date +%s) - begin))"
