#!/bin/sh
# pserv and pdeliver: many sessions and deliveries at once on one mailbox.
. t/lib/tap.sh
plan 7

suite
printf 'set maxsession 60\nset minspare 20\n' >>"$T/pserv.rc"
daemon pserv -d -f "$T/pserv.rc" && ready 2
box o/one

# What nobody can serve is in the way all the time.
asuser mkdir "$T/spool/o/one/new/1.directory"
asuser mkfifo "$T/spool/o/one/cur/2.fifo:2,"
asuser ln -s /nowhere "$T/spool/o/one/new/3.link"

crowd() {
    rm -f "$T"/one/*
    mkdir -p "$T/one"
    perl t/lib/onebox.pl "$(port 2)" o/one "$T/one" "$1" "$2" \
        "$LIB/as" "$USER" "$BIN/pdeliver" -m "$T/spool" -l "$T/pdeliver.log" o/one >"$T/onebox.log" 2>&1
}
crowd 20 3
ok $? 'every message is seen once by those who delete' "$(tail -n 5 "$T/onebox.log")"
like "$(tail -n 1 "$T/onebox.log")" 'delivered=[1-9]' 'messages were delivered meanwhile'
unseen onebox '^failed' 'no session fails'
note "$(tail -n 1 "$T/onebox.log")"

# Shared, a message may be fetched by two; it is still removed once, and none stays.
ctl pserv set mailboxlock off >/dev/null
crowd 20 2
like "$(tail -n 1 "$T/onebox.log")" 'lost=0' 'without locks none is lost either'
is "$(find "$T/spool/o/one/new" "$T/spool/o/one/cur" "$T/spool/o/one/tmp" -type f | wc -l | tr -d ' ')" 0 \
    'nothing is left behind'
unseen pserv 'ev=(worker_died|worker_stuck|expunge_failed|slot_corrupt)' 'and no worker comes to harm'
end pserv
is $? 0 'pserv stops when it is told'
