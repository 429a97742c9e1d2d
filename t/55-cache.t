#!/bin/sh
# pproxy: who was let in is let in again without asking, and nobody else is.
. t/lib/tap.sh
. t/lib/asking.sh
plan 22

asking_suite
is "$(login joe secret-joe)$(login joe secret-joe)$(asked)" '+OK joe +OK joe 2' \
    'without a cachetime a module is asked each time'
ctl pproxy set cachetime 1h >/dev/null
is "$(login joe secret-joe)$(login joe secret-joe)$(asked)" '+OK joe +OK joe 3' \
    'with one it is asked once'
seen pproxy 'ev=login_ok .*user=joe .*pdm=prog vouched=- cached=yes .*mbox=box/joe' 'and the log says so'
is "$(counted cache_hits) $(counted cache_misses)" '1 1' 'hits and misses are counted'
is "$(login joe secret-anna)$(asked)" '-ERR [AUTH] 4' 'another password is a question to the module'
is "$(login joe secret-joe)$(asked)" '+OK joe 5' 'and a refusal makes it forget the user'
login joe secret-joe >/dev/null
is "$(login anna secret-joe)$(login anna secret-anna)$(asked)" '-ERR [AUTH] +OK anna 7' \
    'nobody gets in by the password of another'
is "$(login anna secret-anna)$(login joe secret-joe)$(asked)" '+OK anna +OK joe 7' \
    'two users are two'
is "$(login 4 joe secret-joe)$(asked)" '+OK joe 8' 'nor is a user of another virtual server the same'

echo changed >"$T/out/joe"
is "$(login joe changed)$(asked)" '+OK joe 9' 'a new password is good at once'
is "$(login joe changed)$(asked)" '+OK joe 9' 'and remembered'
is "$(login joe secret-joe)$(asked)" '-ERR [AUTH] 10' 'the old one then is good no more'

login joe changed >/dev/null
: >"$T/out/asked"
ctl pproxy cache flush joe >/dev/null
is "$(login anna secret-anna)$(asked) $(login joe changed)$(asked)" '+OK anna 0 +OK joe 1' \
    'cache flush USER forgets that user'
ctl pproxy cache flush anna@other >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'in the namespace that is named'
ctl pproxy cache flush anna@default >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 2' 'and in no other'
ctl pproxy cache flush >/dev/null
is "$(login anna secret-anna)$(login joe changed)$(asked)" '+OK anna +OK joe 4' \
    'cache flush forgets everybody'
is "$(login anna secret-anna)$(login joe changed)$(asked)" '+OK anna +OK joe 4' 'but once'

: >"$T/out/asked"
ctl pproxy vserv add three "127.0.0.1:$(port 5)" >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 0' 'a generation with the same modules knows what is known'
ctl pproxy pdm reload prog >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'a module that is loaded anew is asked anew'
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'and then known again'

sed -n 's/.*words="\(.*\)"$/\1/p' "$T/pproxy.log" >"$T/words"
grep -q 'cache flush anna@default' "$T/words"
ok $? 'a flush is logged'
unseen pproxy 'secret-(joe|anna)' 'and no password is'
