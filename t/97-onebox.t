#!/bin/sh
# pserv, pdeliver and pclean: a hundred sessions on one mailbox for a minute.
. t/lib/tap.sh
plan 6
WAIT=60
export WAIT

suite
printf 'set maxsession 200\nset minspare 30\n' >>"$T/pserv.rc"
daemon pserv -d -f "$T/pserv.rc" && ready 2
box o/one
mkdir -p "$T/one"
cleans() {
    while ! [ -e "$T/one/enough" ]; do
        asuser "$BIN/pclean" -x -q -m "$T/spool" -l stderr -o new=1 -o cur=1 >>"$T/pclean.log" 2>&1 ||
            echo failed >>"$T/pclean.bad"
        sleep 0.5
    done
}
cleaner=
if [ -x "$BIN/pclean" ]; then
    cleans &
    cleaner=$!
fi
perl t/lib/onebox.pl "$(port 2)" o/one "$T/one" 100 60 \
    "$LIB/as" "$USER" "$BIN/pdeliver" -m "$T/spool" -l "$T/pdeliver.log" o/one >"$T/onebox.log" 2>&1
ok $? 'every message is seen once by those who delete' "$(tail -n 5 "$T/onebox.log")"
[ -z "$cleaner" ] || wait "$cleaner"
note "$(tail -n 1 "$T/onebox.log")"
[ ! -s "$T/pclean.bad" ]
ok $? 'pclean, if it is there, is content' "$(tail -n 3 "$T/pclean.log")"
unseen onebox '^failed' 'no session fails'
is "$(find "$T/spool/o/one" -type f | wc -l | tr -d ' ')" 0 'nothing is left behind'
unseen pserv 'ev=(worker_died|worker_stuck|expunge_failed|slot_corrupt)' 'no worker comes to harm'
end pserv
is $? 0 'pserv stops when it is told'
