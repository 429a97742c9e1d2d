#!/bin/sh
# The suite: mailboxes move from Dovecot to pserv, one by one, and nobody is kept out.
. t/lib/tap.sh
. t/lib/dovecot.sh
plan 23

suite
for user in anna berta carla; do
    echo "$user:secret" >>"$T/dovecot.users"
    printf 'Subject: mail of %s\n\nhello\n' $user | old $user
done
echo 'dora:older' >>"$T/dovecot.users"
account dora b1 dora
printf 'Subject: mail of dora\n\n' | old dora
start_dovecot 4
cat >>"$T/pproxy.rc" <<EOC
backend add old 127.0.0.1:$(port 4) proto=pop3
vserv change main fallback=old
set connecttimeout 15s
EOC
start_suite

counter() { ctl pproxy counter list >/dev/null; sed -n "s/^name=$1 value=//p" "$T/ctl.log"; }
mail() {
    talk 1 "USER $1" 'PASS secret' STAT 'RETR 1' QUIT
    grep -q "^Subject: mail of $1" "$T/talk.log"
    ok $? "$2" "$(cat "$T/talk.log")"
}

# Clients that come and go all the while; each line of the result is a login. What happens next
# happens while they come: `round` waits until each of them has been here once more.
logins() { grep -c . "$T/load.log"; }
more() { [ "$(logins)" -ge "$1" ]; }
round() { until_ok more $(($(logins) + 4)); }
daemon -n load sh -c "
    while [ ! -e '$T/stop' ]; do
        for user in anna berta carla; do
            perl t/lib/talk.pl $(port 1) \"USER \$user\" 'PASS secret' 'RETR 1' QUIT |
                tr '\n' ' '
            echo
        done
    done"
round

for user in anna berta carla; do
    mail $user "$user is served by the old server"
done
was=$(counter fallback_ok)
[ "$was" -ge 3 ]
ok $? 'which is counted' "fallback_ok is $was"
seen pproxy 'ev=fallback_ok .*user=anna .*backend=old' 'and logged'

for user in anna berta carla; do
    asuser mkdir -p "$T/spool/$user"
    asuser cp -R "$T/old/$user/new" "$T/old/$user/cur" "$T/old/$user/tmp" "$T/spool/$user/"
    account $user b1 $user
    ctl pproxy pdm reload users >/dev/null
    mail $user "$user has moved, and her mail with her"
    seen pserv "ev=server_session .*user=$user " 'to pserv'
    round
done
touch "$T/stop"
until_ok gone "$(pid load)"
was=$(counter fallback_ok)
mail anna 'anna is served as ever'
is "$(counter fallback_ok)" "$was" 'without the old server: the counter stands still'
more 16
ok $? 'clients came all the while' "logins: $(logins)"
is "$(grep -v '^+OK .* Subject: mail of [a-z]* .* \[closed\]' "$T/load.log")" '' \
    'and not one of them was kept out'

talk 1 'USER dora' 'PASS older' QUIT
line 3 '^-ERR \[AUTH\] wrong user' 'a user whom a module knows is not asked about there'
ctl pproxy vserv change main fallbackfor=all >/dev/null
talk 1 'USER dora' 'PASS older' STAT QUIT
line 4 '^\+OK 1 ' 'unless the fallback is for all: then the old password lets in, too'
seen pproxy 'ev=fallback_ok .*user=dora' 'at the old server'
ctl pproxy vserv change main fallbackfor=unknown >/dev/null

talk 1 'USER nobody' 'PASS secret' QUIT
line 3 '^-ERR \[AUTH\]' 'whom the old server does not know either is refused'
seen pproxy 'ev=login_refused .*user=nobody .*why="fallback old: \[AUTH\]' 'in the words of the old server'
end dovecot
talk 1 'USER nobody' 'PASS secret' QUIT
line 3 '^-ERR \[SYS/TEMP\]' 'with the old server gone: come back later, and no empty maildrop'
ctl pproxy backend delete old >/dev/null
like "$(cat "$T/ctl.log")" 'vserv main: fallback=old: there is no backend of this id' \
    'the old server cannot be taken out while it is a fallback'
ctl pproxy vserv change main fallback= >/dev/null
talk 1 'USER nobody' 'PASS secret' QUIT
line 3 '^-ERR \[AUTH\] wrong user' 'without a fallback the proxy refuses by itself'
