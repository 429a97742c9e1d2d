#!/bin/sh
# rc.d: where there is an rc.subr the start scripts are what that expects of them. Here something
# with the same words stands in its place: none of this was ever run on a BSD.
. t/lib/tap.sh
plan 15

mkdir "$T/etc"
export POPULAR_CONFDIR="$T/etc" POPULAR_SUBR="$PWD/rc.d/popular.subr"
spool
file etc/rc.conf <<EOC
sbindir=$BIN bindir=$BIN rundir=$T/run patience=5 flags="-l $T/daemons.log"
${ROOT:+user=$USER}
EOC
file etc/pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
file rc.subr <<'EOC'
load_rc_config() { . "$FAKE/rc.conf"; }
run_rc_command() {
    eval "yes=\${$rcvar-NO}"
    [ "$yes" = YES ] || { echo "$rcvar is not set"; return 1; }
    for word in start stop restart status $extra_commands; do
        [ "$word" != "$1" ] || { eval "command=\${${word}_cmd}"; $command; return; }
    done
    echo "unknown: $1"
    return 1
}
EOC
file rcd.subr <<'EOC'
[ -x "$daemon" ] || echo "no daemon"
. "$FAKE/rc.conf.local"
rc_cmd() {
    case $1 in
    start) rc_check && return 0; rc_start ;;
    stop | reload) rc_check && "rc_$1" ;;
    check) rc_check ;;
    configtest) rc_configtest ;;
    *) echo "unknown: $1"; return 1 ;;
    esac
}
EOC
FAKE=$T RCD_SUBR=$T/none RC_SUBR=$T/rc.subr
export FAKE RCD_SUBR RC_SUBR
rc() {
    sh "rc.d/pserv" "$1" >"$T/rc.out" 2>&1
    is $? "$2" "$3" || cat "$T/rc.out"
}
level() { ctl pserv show sessionlimit | sed 's/.*value=\([0-9]*\).*/\1/'; }

echo "pserv_enable=NO pserv=NO" >"$T/rc.conf"
rc start 1 'FreeBSD, NetBSD: what is not enabled is not started'
# One name is that of FreeBSD, the other that of NetBSD.
echo "pserv_enable=YES pserv=YES pserv_flags='-l $T/daemons.log -s 777'" >"$T/rc.conf"
rc configtest 0 'its start file can be checked'
rc start 0 'what is enabled is started'
is "$(level)" 777 'with its flags'
rc status 0 'it runs'
rc reload 0 'and can be reloaded'
rc upgrade 0 'and upgraded'
rc stop 0 'and stopped'
rc status 3 'then it is gone'

RCD_SUBR=$T/rcd.subr
echo "daemon_flags='-l $T/daemons.log -s 778'" >"$T/rc.conf.local"
rc start 0 'OpenBSD: it is started'
is "$(level)" 778 'with its flags'
rc check 0 'it runs'
rc upgrade 0 'and can be upgraded'
rc stop 0 'and stopped'
rc check 1 'then it is gone'
