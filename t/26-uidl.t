#!/bin/sh
# pserv: unique ids of an old server are told on, and never change.
. t/lib/tap.sh
plan 21

suite
start_suite
# put BOX FILE: standard input becomes that file of the mailbox
put() { asuser sh -c "cat >'$T/spool/$1/$2'"; }
# mail BOX NAME ...
mail() {
    box "$1"
    _box=$1
    shift
    for _name; do printf 'Subject: x\n\n' | put "$_box" "$_name"; done
}
# ids BOX: what UIDL tells, in one line
ids() {
    xpop "$1" UIDL QUIT
    sed -n 's/^[0-9][0-9]* \([!-~]*\)$/\1/p' "$T/talk.log" | tr '\n' ' '
}

mail dove cur/1700000001.M1P1.h,S=12,W=14:2,S new/1700000002.M2P1.h
put dove dovecot-uidlist <<'EOC'
3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
25006 :1700000001.M1P1.h,S=12,W=14:2,
25017 W2481 PUID7-9 :1700000002.M2P1.h:2,F
EOC
is "$(ids dove)" '000061ae4c0907b0 UID7-9 ' 'ids of Dovecot are told on'
seen pserv 'ev=uidl_imported no=0218 .*mbox=dove file=dovecot-uidlist messages=2' 'which is logged'
asuser rm "$T/spool/dove/dovecot-uidlist"
printf 'Subject: new\n\n' | deliver dove
like "$(ids dove)" '^000061ae4c0907b0 UID7-9 [0-9]+\.M' 'and stay when its list is gone; new mail has its name'
is "$(grep -c 'ev=uidl_imported' "$T/pserv.log")" 1 'it is taken over once'

mail courier cur/1700000001.a.h,S=12:2,S cur/1700000002.b.h:2,RS
printf '/2 9 77\n1700000001.a.h,S=12 14 3:77\n1700000002.b.h:2, 14 4:0\n' |
    put courier courierpop3dsizelist
is "$(ids courier)" 'UID3-77 UID4 ' 'so are those of Courier'
is "$(cat "$T/spool/courier/popular-uidl")" '1700000001.a.h,S=12 UID3-77
1700000002.b.h UID4' 'in a list that a person can read'

mail hand new/1.h new/2.h new/3.h new/4.h new/5.h
printf '%s\n' '1.h one' '2.h one' 'gone 3.h' "4.h $(printf '%71s' '' | tr ' ' x)" '5.h five' |
    put hand popular-uidl
got=$(ids hand)
like "$got" '^one 2\.h [0-9a-f]{64} 4\.h five $' 'a list that contradicts itself gives legal, distinct ids'
seen pserv 'ev=uidl_list_bad no=0219 .*mbox=hand file=popular-uidl useless=1' 'and is logged'
asuser rm "$T/spool/hand/new/1.h"
is "$(ids hand)" "${got#one }" 'the other ids stay when a message goes'

mail own new/1.h
ids own >/dev/null
printf '3 V1 N9\n1 :1.h\n' | put own dovecot-uidlist
is "$(ids own)" '1.h ' 'a server that comes later changes no id that was told'
asuser rm "$T/spool/own/popular-uidl"
is "$(ids own)" '0000000100000001 ' 'unless the administrator wants it'

mail both new/1.h
printf '3 V1 N9\n7 :1.h\n' | put both dovecot-uidlist
printf '/2 9 77\n1.h 14 3:77\n' | put both courierpop3dsizelist
is "$(ids both)" '0000000700000001 ' 'of two lists that of Dovecot counts'

mail junk new/1.h
perl -e 'srand 1; print map { chr int rand 256 } 1 .. 200000' | put junk dovecot-uidlist
is "$(ids junk)" '1.h ' 'garbage is no list'
seen pserv 'ev=uidl_list_bad .*mbox=junk file=dovecot-uidlist .*why=' 'and is logged'

mail shut new/1.h
asuser mkdir "$T/spool/shut/dovecot-uidlist"
xpop shut STAT UIDL 'UIDL 1' 'RETR 1' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'without a list that cannot be read no ids are told'
line 4 '^-ERR \[SYS/TEMP\]' 'not one'
line 5 '^\+OK' 'but mail can be fetched'
seen pserv 'ev=uidl_list_bad .*mbox=shut .*why=.*dovecot-uidlist' 'and the administrator is told'
is "$(ls "$T/spool/shut")" "$(printf 'cur\ndovecot-uidlist\nnew\npopular-sizes\ntmp')" 'nothing was decided'

mail huge new/1.h
: | put huge popular-uidl
perl -e 'truncate $ARGV[0], 1 << 40 or die' "$T/spool/huge/popular-uidl"
xpop huge STAT UIDL QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'a list of a terabyte is not read'
unseen pserv 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
end pserv
