#!/bin/sh
# rc.d: the start scripts start, query, reload and stop the three daemons, and tell the truth.
. t/lib/tap.sh
plan 27

mkdir "$T/etc"
export POPULAR_CONFDIR="$T/etc" POPULAR_SUBR="$PWD/rc.d/popular.subr"
spool
modules
echo '*:anna:{PLAIN}secret:b1:anna' | file users
file etc/rc.conf <<EOC
sbindir=$BIN bindir=$BIN rundir=$T/run patience=5 flags="-l $T/daemons.log"
${ROOT:+user=$USER}
EOC
file etc/pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
file etc/pcheckd.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
EOC
file etc/pproxy.rc <<EOC
set moduledir $T/lib
backend add b1 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC

# rc NAME ACTION STATUS TITLE
rc() {
    "rc.d/$1" "$2" >"$T/rc.out" 2>&1
    is $? "$3" "$4"
}

for name in pserv pcheckd pproxy; do
    rc $name status 3 "$name is not running"
    rc $name configtest 0 'its start file is right'
    rc $name start 0 'it starts'
    rc $name status 0 'and runs'
    rc $name start 0 'a second start is no error'
done
talk 1 'USER anna' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'started this way they work together'

rc pproxy reload 0 'reload is accepted'
rc pproxy upgrade 0 'upgrade is, too'
echo 'nonsense' >"$T/users"
rc pproxy reload 1 'reload of a broken file of users is refused'
echo 'vserv add' >>"$T/etc/pproxy.rc"
rc pproxy restart 1 'so is restart with a broken start file'
rc pproxy status 0 'and the service goes on'

for name in pproxy pcheckd; do
    rc $name stop 0 "$name stops"
    rc $name status 3 'and is gone'
done
kill -9 "$(cat "$T/run/pserv.pid")"
until_ok gone "$(cat "$T/run/pserv.pid")"
rc pserv status 1 'status tells of a daemon that died'
rc pserv start 0 'which can be started again'
