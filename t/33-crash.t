#!/bin/sh
# pdeliver, pserv: killed or failing at a call that matters, they lose and double no mail. All
# calls are for t/98-crash.t.
. t/lib/tap.sh
. t/lib/crash.sh
plan 7

crash_spool
crash_deliver KILL,ENOSPC,EINTR write,fsync,linkat,unlinkat >/dev/null
right 'a delivery that is cut short or fails at a write, a sync, or a name leaves all or nothing'

asuser strace -f -y -s 64 -o "$T/order" "$BIN/pdeliver" -c -m "$T/spool" -l "$T/pdeliver.log" \
    3/2d/joe <"$T/mail"
like "$(perl t/lib/order.pl "$T/order")" '^acknowledged=1 synced=[0-9]+ wrong=0$' \
    'nothing is acknowledged before a power cut could not undo it'
grep -v 'fsync(.*/new>' "$T/order" | perl t/lib/order.pl >"$T/lax"
like "$(cat "$T/lax")" '/new/.* is on disk' 'which would be noticed of a name'
grep -v 'fsync(.*/tmp/' "$T/order" | perl t/lib/order.pl >"$T/lax"
like "$(cat "$T/lax")" 'gets its name before it is on disk' 'and of a text'

if [ "$ROOT" ]; then
    crash_pserv </dev/null
    crash_serve KILL,EIO unlinkat,renameat,fsync >/dev/null
    right 'a session that is cut short or fails at its end removes what it says it removes'
    ALSO='/box/popular-uidl$' perl t/lib/order.pl "$T/spool/box.trace" >"$T/lax"
    like "$(cat "$T/lax")" '^acknowledged=[0-9]+ synced=4 wrong=0$' \
        'and says so when a power cut could not undo it'
    grep -v 'fsync(.*/cur>' "$T/spool/box.trace" | perl t/lib/order.pl >"$T/lax"
    like "$(cat "$T/lax")" '/cur/.* is on disk' 'else it would be noticed'
else
    for title in 'a session loses nothing' 'nor does a power cut' 'else it would be noticed'; do
        ok 0 "$title # SKIP only root may trace the workers"
    done
fi
