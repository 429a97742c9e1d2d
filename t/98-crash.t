#!/bin/sh
# pdeliver, pserv: killed at every system call in turn, and failing at each with each error that
# disks and signals have, they lose and double no mail, and acknowledge nothing that is not there.
# It takes about ten minutes.
. t/lib/tap.sh
. t/lib/crash.sh
plan 9

crash_spool
errors=ENOSPC,EIO,EDQUOT,EINTR
# Between two of these nothing changes on disk.
files=openat,mkdirat,renameat,renameat2,linkat,unlinkat,fsync,newfstatat,statx,write
crash_deliver KILL,$errors,ENOSPC+,EIO+,EDQUOT+ all >/dev/null
right 'a delivery leaves all or nothing, wherever it is cut short'
QUOTA=10000000S,1000C
export QUOTA
crash_deliver KILL,$errors,ENOSPC+ all >/dev/null
unset QUOTA
right 'and a quota that knows of all there is'
MAKE=0
export MAKE
crash_deliver KILL,$errors,ENOSPC+ all -c >/dev/null
unset MAKE
right 'also if it makes the mailbox'
[ "$ROOT" ] || skip='only root may trace the workers'
if [ -z "${skip-}" ]; then
    crash_pserv </dev/null
    crash_serve KILL,$errors all >/dev/null
    right 'a session removes nothing before QUIT, and what it says it removes, wherever it is cut short'
    ALSO='/box/popular-uidl$' perl t/lib/order.pl "$T/spool/box.trace" >"$T/lax"
    like "$(cat "$T/lax")" ' wrong=0$' 'and says so when a power cut could not undo it'
    grep -v 'fsync(.*popular-uidl' "$T/spool/box.trace" |
        ALSO='/box/popular-uidl$' perl t/lib/order.pl >"$T/lax"
    like "$(cat "$T/lax")" 'popular-uidl gets its name before it is on disk' 'else it would be noticed'
    end pserv
    aside=$T/spool/.deleted
    asuser mkdir "$aside"
    asuser touch "$aside/.popular-spool"
    echo "set deletedir $aside" | crash_pserv
    crash_serve KILL,$errors "$files" "$aside/box" >/dev/null
    right 'what it moves aside is there or aside, and never both'
    ALSO='/\.deleted/' perl t/lib/order.pl "$T/spool/box.trace" >"$T/lax"
    like "$(cat "$T/lax")" ' wrong=0$' 'nor neither, after a power cut'
    grep -v 'fsync(.*/\.deleted/box/cur>' "$T/spool/box.trace" |
        ALSO='/\.deleted/' perl t/lib/order.pl >"$T/lax"
    like "$(cat "$T/lax")" 'cur is synced before what moved to .*\.deleted' 'else it would be noticed'
else
    for title in 'a session loses nothing' 'nor does a power cut' 'else it would be noticed' \
        'nor does it aside' 'nor a power cut' 'else it would be noticed'; do
        ok 0 "$title # SKIP $skip"
    done
fi
