#!/bin/sh
# pproxy: what a user sees whose mailbox cannot be reached, and who never sees it.
. t/lib/tap.sh
plan 27

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:lost:{PLAIN}secret:b9:3/lost
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

# sees WANT TITLE: what joe is told; anybody with a wrong password is told just that
sees() {
    talk 1 'USER joe' 'PASS secret' QUIT
    line 3 "$1" "$2"
    talk -n wrong 1 'USER joe' 'PASS wrong' STAT QUIT
    like "$(tr '\n' ' ' <"$T/wrong.log")" '-ERR \[AUTH\].*-ERR STAT is not allowed' \
        'a wrong password is a wrong password'
}
mail='^\+OK fake ready'
none='^\+OK 0 messages'
later='^-ERR \[SYS/TEMP\]'

sees "$mail" 'there is mail'
ctl pproxy backend drain b1 >/dev/null
sees "$none" 'a drained backend: an empty maildrop'
seen pproxy 'ev=soft_failure .*lvl=ADM .*user=joe .*backend=b1 why=backend_draining kind=empty' \
    'which is logged with its reason'
ctl pproxy set softfail tempfail >/dev/null
sees "$later" 'softfail tempfail: come back later'
ctl pproxy vserv change main softfail=empty >/dev/null
sees "$none" 'the word of the virtual server comes before the variable'
ctl pproxy backend change b1 softfail=tempfail >/dev/null
sees "$later" 'and that of the backend before both'
ctl pproxy backend enable b1 >/dev/null
sees "$mail" 'enabled again, the mail is back'
ctl pproxy backend change b1 softfail=default >/dev/null
ctl pproxy vserv disable all >/dev/null
sees "$none" 'a disabled virtual server verifies and shows an empty maildrop'
seen pproxy 'why=vserv_disabled' 'and says so in the log'
ctl pproxy vserv enable all >/dev/null
ctl pproxy backend disable all >/dev/null
sees "$none" 'a disabled backend'
ctl pproxy backend enable all >/dev/null
sees "$mail" 'all is well again'
is "$(grep -c '\[open\]' "$T/fakepop3.log")" 3 'the backend was disturbed only when it was enabled'

talk 1 'USER lost' 'PASS secret' STAT QUIT
line 4 '^\+OK 0 0' 'a backend that nobody has configured is a soft failure'
seen pproxy 'user=lost .*backend=b9 why=backend_unknown' 'that names it'

end fakepop3
ctl pproxy vserv change main softfail=default >/dev/null
ctl pproxy set softfail tempfail >/dev/null
talk 1 'USER joe' 'PASS secret' 'USER joe' 'PASS secret' STAT QUIT
line 3 "$later" 'a backend that is gone is one too'
line 5 "$later" 'and the same session may try again'
seen pproxy 'ev=backend_failed .*backend=b1 address=127\.0\.0\.1:[0-9]+ state=connect' \
    'the log says what failed'
ctl pproxy counter list >/dev/null
is "$(sed -n -e 's/^name=relayed value=//p' -e 's/^name=softfail_.* value=//p' "$T/ctl.log" |
    tr '\n' ' ')" '3 5 4 ' 'and all of it is counted'
