# shellcheck shell=sh
# A proxy and three storage hosts, of which the third may fail, behind alone.sh and tap.sh:
#
#   three_hosts        makes and starts them, the proxy on port 1, the hosts on 11 to 13, with a
#                      connecttimeout of $LIMIT seconds; full1 to full3 have a message at the host
#                      of that number, empty1 to empty3 none; all have the password secret
#   kill_it, start_it  the third is killed, and started
#   stop_it, go_on     it hangs, and goes on
#   unplug, plug       its cable is taken away, and put back: only if it has one, that is where
#                      alone.sh has set ALONE

three_hosts() {
    at3=127.0.0.1
    [ -z "${ALONE-}" ] || cable
    start_files
    for n in 1 2 3; do host $n; done
    daemon pproxy -d -f "$T/pproxy.rc"
    ready 1 && ready 11 && ready 12
}

# The third host lives behind a cable of its own.
isolated() { [ "$(readlink "/proc/$far/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
inside() { nsenter -t "$far" -n "$@"; }
cable() {
    daemon -n far unshare -n sleep 600
    far=$(pid far)
    until_ok isolated
    ip link add v0 type veth peer name v1 netns "$far"
    ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up
    inside ip addr add 10.9.0.2/24 dev v1 && inside ip link set v1 up && inside ip link set lo up
    at3=10.9.0.2
}

start_files() {
    {
        echo "set moduledir $T/lib"
        echo "set connecttimeout ${LIMIT}s"
        echo 'set softfail tempfail'
        echo 'set maxsession 200' # more than there are clients, of whom a tenth may wait for one host
        for n in 1 2 3; do
            at=127.0.0.1
            [ $n -ne 3 ] || at=$at3
            echo "backend add b$n $at:$(port 1$n) proto=cxpop check=$at:$(port 1$n)"
            for program in pserv pcheckd; do
                echo "set spool $T/spool" >"$T/$program$n.rc"
                # Its users share mailboxes.
                [ $program != pserv ] || echo "set mailboxlock off" >>"$T/$program$n.rc"
                echo "server add main $at:$(port 1$n) allow=127.0.0.0/8,10.9.0.0/24" >>"$T/$program$n.rc"
            done
            printf 'Subject: full%s\n\nhello\n' $n | deliver m/full$n
            account full$n b$n m/full$n
            account empty$n b$n m/empty
        done
        echo "pdm add users flat $T/users"
        echo "vserv add main 127.0.0.1:$(port 1)"
    } >"$T/pproxy.rc"
}

host() {
    for program in pserv pcheckd; do
        if [ "$1${ALONE-}" = 31 ]; then
            mkdir -p "$T/run.${program}3"
            daemon -n ${program}3 nsenter -t "$far" -n "$BIN/$program" -r "$T/run.${program}3" -u "$USER" \
                -d -f "$T/${program}3.rc"
        else
            daemon -n "$program$1" $program -d -f "$T/$program$1.rc"
        fi
    done
}

tree() {
    ps -eo pid=,ppid= | awk -v top="$(pid "$1")" '{ up[$1] = $2 }
        END { for (p in up) { q = p; while (q in up && q != top) q = up[q]; if (q == top) print p } }'
}
# shellcheck disable=SC2046
everybody() { kill "-$1" $(tree pserv3) $(tree pcheckd3); }

kill_it() { everybody KILL; wait "$(pid pserv3)" "$(pid pcheckd3)"; }
start_it() { host 3; }
# Twice: a worker may have been born meanwhile; then nobody is left who could bear another.
stop_it() { everybody STOP; everybody STOP; }
go_on() { everybody CONT; }
unplug() { ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:01 dev v0 nud permanent; }
plug() { ip neigh del 10.9.0.2 dev v0; }
