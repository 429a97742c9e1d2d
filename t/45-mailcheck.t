#!/bin/sh
# pproxy: what is not known for sure keeps nobody from the mailbox.
. t/lib/tap.sh
plan 17

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 2000
backend add b1 127.0.0.1:$(port 2) check=127.0.0.1:$(port 3)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=1 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

# answer TEXT WANT TITLE: what joe sees when the mail check is answered so
answer() {
    daemon fakepcheckd "$(port 3)" "$1" && ready 3/udp
    talk 1 'USER joe' 'PASS secret' STAT QUIT
    line 4 "$2" "$3"
    end fakepcheckd
}
answer '+OK 0 no mails\n' '^\+OK 0 0' 'no mail: an empty maildrop'
unseen fakepop3 . 'and the backend is left in peace'
answer '+OK 1 old mails\n' '^\+OK 1 16' 'old mail: the backend serves'
answer '+OK 2 new mails\n' '^\+OK 1 16' 'new mail: the same'
answer '+OK 3 load too high\n' '^\+OK 0 0' 'too much load: a soft failure'
seen pproxy 'ev=soft_failure .*why=load_too_high' 'that is called so in the log'
answer '-ERR spool is not mounted\n' '^\+OK 1 16' 'an error: the backend decides'
seen pproxy 'ev=check_error .*backend=b1 why="error: spool is not mounted"' 'and it is logged'
answer '+OK 00\n' '^\+OK 1 16' 'an answer that cannot be understood: the same'
answer '\0\xff' '^\+OK 1 16' 'garbage: the same'
answer - '^\+OK 1 16' 'silence: the same'
seen pproxy 'ev=check_silent .*backend=b1' 'and it is logged'

for _ in 1 2 3 4 5 6 7; do
    talk 1 'USER joe' 'PASS secret' STAT QUIT
done
line 4 '^\+OK 1 16' 'with pcheckd gone the backend serves'
is "$(grep -c 'ev=check_skipped' "$T/pproxy.log")" 1 'after five silences it is asked no more for a while'
is "$(grep -c 'ev=check_silent' "$T/pproxy.log")" 5 'and nobody waits for it'
answer '+OK 0 no mails\n' '^\+OK 1 16' 'though it be back'
talk 1 'USER joe' 'PASS wrong' STAT QUIT
line 3 '^-ERR \[AUTH\]' 'nobody is asked about the mail of a stranger'
