#!/bin/sh
# pproxy: a backend may be a name with several addresses, and is looked up by the pool alone.
#
# The names are those of an /etc/hosts of our own, in a name space of our own.
if [ -z "${APART-}" ] && [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    APART=1 exec unshare -m sh "$0"
fi
. t/lib/tap.sh
[ "${APART-}" ] || skip_all 'only root can have another /etc/hosts, where there are name spaces'
plan 11

# names ADDRESS ...: those of many.test
names() {
    { echo '127.0.0.1 localhost'; for at; do echo "$at many.test"; done; } >"$T/hosts"
}
names 127.0.0.8 127.0.0.9
mount --bind "$T/hosts" /etc/hosts || exit 1

suite
account joe b1 3/joe
printf 'Subject: hello\n\n' | deliver 3/joe
sed -i '/^server/d' "$T/pserv.rc"
cat >>"$T/pserv.rc" <<EOC
server add eight 127.0.0.8:$(port 2) allow=127.0.0.0/8
server add nine 127.0.0.9:$(port 2) allow=127.0.0.0/8
EOC
sed -i "s/^backend.*/backend add b1 many.test:$(port 2) proto=xpop softfail=tempfail/" "$T/pproxy.rc"
daemon pserv -d -f "$T/pserv.rc"
daemon pproxy -d -f "$T/pproxy.rc"
ready 1 && seen pserv 'ev=generation_current' 'the storage host is up'

# login: what the client hears behind its password
login() {
    talk 1 'USER joe' 'PASS secret' QUIT
    sed -n '3s/^\(-ERR \[[A-Z/]*\]\|+OK\).*/\1/p' "$T/talk.log"
}
is "$(login)" '+OK' 'a user is served at a host of two addresses'
ctl pserv server delete eight >/dev/null
is "$(login)" '+OK' 'also if the first of them is deaf'
ctl pserv server add eight "127.0.0.8:$(port 2)" allow=127.0.0.0/8 >/dev/null
ctl pserv server delete nine >/dev/null
is "$(login)" '+OK' 'or the second'
names
is "$(login)" '+OK' 'nobody is looked up for a session'
worker=$(ctl pproxy session list all=yes | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
pool=$(ps -o ppid= -p "$worker" | tr -d ' ')
kill -KILL "$pool"
seen pproxy 'ev=generation_current .*generation=2$' 'a dead pool is replaced by one'
is "$(login)" '+OK' 'that knows the addresses without looking'
ctl pproxy pdm reload >/dev/null
like "$(cat "$T/ctl.log")" 'cannot resolve many\.test' 'a change that has to look says what it did not find'
is "$(login)" '+OK' 'and is none'
names 127.0.0.9
ctl pserv server add nine "127.0.0.9:$(port 2)" allow=127.0.0.0/8 >/dev/null
ctl pserv server delete eight >/dev/null
kill -HUP "$(pid pproxy)"
seen pproxy 'ev=generation_current .*generation=4$' 'a HUP looks'
is "$(login)" '+OK' 'and finds where the host is now'
