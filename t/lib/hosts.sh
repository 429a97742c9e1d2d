# shellcheck shell=sh
# Hosts of a test's own, behind tap.sh, for root on Linux: each is a copy of this machine, with
# processes, a network and /run of its own, and forgets at its end what was changed in it. The
# test itself is in a network of its own too, at 10.9.0.254. Before tap.sh the test says
#
#   . t/lib/alone.sh           begins anew in that network, if it can
#
# and behind it:
#
#   hosts                      fails with a reason if there can be none; makes the network
#   host NAME ADDRESS          a host with this address in 10.9.0.0/24
#   on NAME COMMAND ...        runs it there
#   put NAME FILE [MODE]       standard input becomes that file there, of root

hosts() {
    [ "$ROOT" ] || { echo 'hosts of our own take root'; return 1; }
    [ "${ALONE-}" ] || { echo 'there are no network namespaces, or no ip and unshare'; return 1; }
    mkdir -p "$T/hosts/try/m"
    unshare -m sh -c "cd $T/hosts/try && mount -t tmpfs none m && mkdir m/u m/w m/r &&
        mount -t overlay overlay -o lowerdir=/,upperdir=m/u,workdir=m/w m/r" 2>/dev/null ||
        { echo 'file systems cannot be laid over each other here'; return 1; }
    ip link add br0 type bridge && ip addr add 10.9.0.254/24 dev br0 && ip link set br0 up
}

# Process 1 of the host: with it all others end. It buries the dead.
host() {
    mkdir -p "$T/hosts/$1"
    # shellcheck disable=SC2016
    unshare -n -m -p -u --fork --kill-child sh -c '
        cd "$1" && hostname "$2" && mount -t tmpfs none . && cd "$1" && mkdir upper work root &&
        mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root &&
        mount --rbind /dev root/dev && mount -t proc proc root/proc &&
        mount -t tmpfs none root/run && mount -t tmpfs none root/tmp && chmod 1777 root/tmp &&
        exec chroot root perl -e "
            \$SIG{TERM} = sub { exit };
            open my \$f, q(>), q(/run/up); close \$f;
            while (1) { wait; select undef, undef, undef, 0.1 }"
        ' host "$T/hosts/$1" "$1" >"$T/host.$1.log" 2>&1 </dev/null &
    _outer=$!
    until_ok grep -q . "/proc/$_outer/task/$_outer/children" || return 1
    read -r _inner _ <"/proc/$_outer/task/$_outer/children"
    echo "$_inner" >"$T/run/host.$1.job"
    until_ok on "$1" test -e /run/up || return 1
    ip link add "v-$1" type veth peer name eth0 netns "$_inner" &&
        ip link set "v-$1" master br0 up &&
        on "$1" sh -c "ip link set lo up && ip addr add $2/24 dev eth0 && ip link set eth0 up"
}

on() {
    _inner=$(pid "host.$1")
    shift
    nsenter -t "$_inner" -n -m -p -u -r -w "$@"
}

put() { on "$1" sh -c "umask 077 && cat >$2 && chmod ${3-644} $2"; }
