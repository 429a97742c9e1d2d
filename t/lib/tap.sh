# shellcheck shell=sh
# The test kit. A test is run from the top directory, by prove or by hand, under any POSIX
# shell:
#
#   . t/lib/tap.sh                 first of all
#   plan 5                         so many checks follow
#
#   $T                             a scratch directory of the test's own; KEEP=1 leaves it behind
#   port N                         a port of the test's own, N from 0 to 22
#   file NAME                      standard input becomes $T/NAME
#   spool                          makes $T/spool, which the daemons may write
#   modules                        copies the modules to $T/lib, where the daemons may read them
#   suite, start_suite             writes start files for all three daemons on ports 1 (POP3),
#                                  2 (XPOP) and 3 (MAILCHECK) and an empty $T/users; starts them
#   account USER BACKEND MAILBOX   adds one to $T/users, with the password secret
#   box MAILBOX                    makes an empty mailbox
#   deliver MAILBOX                pdeliver, standard input being the message
#   daemon [-n NAME] PROGRAM ...   runs PROGRAM, its output in $T/NAME.log (NAME: PROGRAM's)
#   ready N[/udp]                  waits until somebody listens on port N, and our daemons have tried
#                                  what they started with: no change is taken before
#   talk [-n NAME] [-b ADDRESS] [HOST:]N ITEM ...   a dialogue with port N (see talk.pl), kept as
#                                  $T/talk.log
#   xpop MAILBOX ITEM ...          the same with port 2, behind an XPOP preamble
#   ctl PROGRAM WORD ...           pctl to our PROGRAM; the answer also stands in $T/ctl.log
#   asuser COMMAND ...             runs COMMAND as the user the daemons run as
#   until_ok COMMAND ...           repeats COMMAND until it succeeds, or WAIT seconds are over
#   pid NAME, gone PID, end NAME [SIGNAL]
#
#   ok STATUS TITLE                is GOT WANT TITLE           like GOT REGEX TITLE
#   same FILE FILE TITLE           line N REGEX TITLE          lines N TITLE   (of talk.log)
#   seen NAME REGEX TITLE          $T/NAME.log has it, now or before WAIT seconds are over
#   unseen NAME REGEX TITLE        it does not
#
# Only what the test started is ended, by its pid, however the test ends. Regular expressions
# are extended ones. Whatever waits, waits for an event, WAIT seconds at most.
set -u
: "${WAIT:=20}"
export WAIT

# The ports are held by the kernel for this very process: see hold.
if [ -z "${PORTBASE-}" ] || [ "${PORTPID-}" != $$ ]; then
    PORTPID=$$
    export PORTPID
    exec perl t/lib/hold 24 sh "$0" "$@"
fi

umask 022
LC_ALL=C
export LC_ALL
unset POPULAR_RUNDIR
T=$(mktemp -d "${TMPDIR:-/tmp}/popular.XXXXXX") || exit 1
chmod 755 "$T"
BIN=${BIN:-${CARGO_TARGET_DIR:-target}/release}
case $BIN in /*) ;; *) BIN=$PWD/$BIN ;; esac
LIB=$PWD/t/lib
ROOT=
USER=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
    ROOT=1
    USER=${TESTUSER:-nobody}
fi
CHECKS=0
PLAN=
mkdir "$T/run"

port() { echo $((PORTBASE + $1)); }
file() { cat >"$T/$1"; }

asuser() { "$LIB/as" "$USER" "$@"; }

# A clone below /root, say, cannot be read by the user the daemons drop to.
if [ "$ROOT" ] && [ -d "$BIN" ] && ! asuser test -x "$BIN"; then
    mkdir "$T/bin"
    find "$BIN" -maxdepth 1 -type f \( -perm -100 -o -name '*.so' \) -exec cp -p {} "$T/bin" \;
    BIN=$T/bin
fi

spool() {
    mkdir -p "$T/spool"
    : >"$T/spool/.popular-spool"
    : >>"$T/pdeliver.log"
    [ -z "$ROOT" ] || chown -R "$USER" "$T/spool" "$T/pdeliver.log"
}

modules() {
    mkdir -p "$T/lib"
    cp "$BIN"/libpdm_*.so "$T/lib/"
    chmod 755 "$T"/lib/*
}

suite() {
    spool
    modules
    file users </dev/null
    file pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
    file pcheckd.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
EOC
    file pproxy.rc <<EOC
set moduledir $T/lib
set checktimeout 5000
backend add b1 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
}

start_suite() {
    daemon pserv -d -f "$T/pserv.rc"
    daemon pcheckd -d -f "$T/pcheckd.rc"
    daemon pproxy -d -f "$T/pproxy.rc"
    ready 2 && ready 3/udp && ready 1
}

account() { echo "*:$1:{PLAIN}secret:$2:$3" >>"$T/users"; }
box() { asuser mkdir -p "$T/spool/$1/new" "$T/spool/$1/cur" "$T/spool/$1/tmp"; }
deliver() { asuser "$BIN/pdeliver" -c -m "$T/spool" -l "$T/pdeliver.log" "$1"; }

until_ok() {
    _end=$(($(date +%s) + WAIT))
    until "$@"; do
        [ "$(date +%s)" -lt $_end ] || return 1
        sleep 0.05
    done
}

# The options that hold for every daemon under test come first, those of the test later.
daemon() {
    _name=
    [ "$1" != -n ] || { _name=$2; shift 2; }
    _prog=$1
    shift
    : "${_name:=$_prog}"
    case $_prog in
    pproxy | pserv | pcheckd)
        _run=$T/run
        [ "$_name" = "$_prog" ] || _run=$T/run.$_name
        mkdir -p "$_run"
        set -- -r "$_run" "$@"
        [ -z "$ROOT" ] || set -- -u "$USER" "$@"
        _prog=$BIN/$_prog
        ;;
    *) [ ! -x "$LIB/$_prog" ] || _prog=$LIB/$_prog ;;
    esac
    "$_prog" "$@" >>"$T/$_name.log" 2>&1 </dev/null &
    echo $! >"$T/run/$_name.job"
}

pid() { cat "$T/run/$1.job"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# Ends what `daemon` started; the exit status is that of the daemon.
end() {
    _pid=$(pid "$1")
    rm "$T/run/$1.job"
    kill "-${2:-TERM}" "$_pid" 2>/dev/null
    reap "$_pid"
}

# Between two polls the shell collects its dead children, and still knows their status.
reap() {
    until_ok gone "$1" || kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

listening() {
    perl -e '
        my ($port, $proto) = split "/", $ARGV[0];
        $proto ||= "tcp";
        my $want = sprintf ":%04X", $port;
        for my $table (grep { -r } "/proc/net/$proto", "/proc/net/${proto}6") {
            $seen = 1;
            open my $f, "<", $table;
            while (<$f>) {
                my (undef, $here, undef, $state) = split;
                exit 0 if $here =~ /$want$/ && $state =~ /^(0A|07)$/;
            }
        }
        exit 1 if $seen;
        use IO::Socket::INET;
        exit 0 if $proto eq "udp";
        exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port)' "$1"
}

ready() {
    case $1 in
    */udp) _port=$(port "${1%/udp}")/udp ;;
    *) _port=$(port "$1") ;;
    esac
    until_ok listening "$_port" || { echo "# nobody listens on port $_port"; tail_logs; return 1; }
    until_ok tried
}
tried() {
    for _log in pproxy pserv pcheckd; do
        ! has $_log 'ev=start ' || has $_log 'ev=generation_(current|failed) ' || return 1
    done
}

talk() {
    _log='talk'
    [ "$1" != -n ] || { _log=$2; shift 2; }
    _opts=
    while :; do
        case $1 in
        -s | -u) _opts="$_opts $1"; shift ;;
        -b) _opts="$_opts -b $2"; shift 2 ;;
        *) break ;;
        esac
    done
    case $1 in /*) _to=$1 ;; *:*) _to=${1%:*}:$(port "${1##*:}") ;; *) _to=$(port "$1") ;; esac
    shift
    # shellcheck disable=SC2086
    perl "$LIB/talk.pl" $_opts "$_to" "$@" >"$T/$_log.log" 2>&1
}

xpop() {
    _box=$1
    shift
    talk -s 2 ":send $_box\\r\\np1.66f3a2c1.0a97.12\\r\\n IP=192.0.2.7 USER=joe\\r\\n" ':line' "$@"
}

ctl() {
    _prog=$1
    shift
    case $_prog in pproxy | pserv | pcheckd) _run=$T/run ;; *) _run=$T/run.$_prog ;; esac
    for _sock in "$_run"/*.ctrl; do
        [ ! -L "$_sock" ] || break
    done
    [ ! -S "$_run/$_prog.ctrl" ] || _sock=$_run/$_prog.ctrl
    "$BIN/pctl" -s "$_sock" "$@" >"$T/ctl.log" 2>&1
    _status=$?
    cat "$T/ctl.log"
    return $_status
}

# What is planned is told at the end: until then all of it may still be skipped.
plan() { PLAN=$1; }
note() { printf '%s\n' "$@" | sed 's/^/# /'; }
tail_logs() {
    for _log in "$T"/*.log; do
        [ ! -s "$_log" ] || { note "--- ${_log##*/}"; tail -n 12 "$_log" | sed 's/^/# /'; }
    done
}

# ok STATUS TITLE [LINE OF DIAGNOSIS ...]
ok() {
    CHECKS=$((CHECKS + 1))
    _status=$1
    _title=$2
    shift 2
    if [ "$_status" -eq 0 ]; then
        echo "ok $CHECKS - $_title"
        return 0
    fi
    echo "not ok $CHECKS - $_title"
    # Where only standard error is kept, as by prove without -v, it says what failed, too.
    {
        note "failed: $0: $CHECKS - $_title"
        [ $# -eq 0 ] || note "$@"
        tail_logs
    } >&2
    return 1
}

is() {
    [ "$1" = "$2" ]
    ok $? "$3" "got:  $1" "want: $2"
}

like() {
    printf '%s\n' "$1" | grep -Eq -e "$2"
    ok $? "$3" "got:  $1" "want: $2"
}

same() {
    cmp -s "$1" "$2"
    ok $? "$3" "$(cmp "$1" "$2" 2>&1)"
}

line() { like "$(sed -n "$1p" "$T/talk.log")" "$2" "$3"; }
lines() { is "$(wc -l <"$T/talk.log" | tr -d ' ')" "$1" "$2"; }
has() { grep -Eq -e "$2" "$T/$1.log" 2>/dev/null; }

seen() {
    until_ok has "$1" "$2"
    ok $? "$3" "$1.log lacks: $2"
}

unseen() {
    ! has "$1" "$2"
    ok $? "$3" "$1.log has: $2"
}

# skip_all REASON: for what this machine cannot do. Where everything was installed it fails.
skip_all() {
    PLAN="0 # SKIP $1"
    exit 0
}

cleanup() {
    _exit=$?
    trap '' HUP INT TERM
    trap - EXIT
    [ -z "$PLAN" ] || echo "1..$PLAN"
    for _job in "$T"/run/*.job; do
        [ -f "$_job" ] || continue
        _name=${_job##*/}
        end "${_name%.job}" >/dev/null 2>&1
    done
    # Daemons that detached: their pid files stand in run directories of ours.
    for _job in "$T"/run*/*.pid; do
        [ -f "$_job" ] || continue
        read -r _pid <"$_job"
        kill "$_pid" 2>/dev/null
        until_ok gone "$_pid" || kill -KILL "$_pid" 2>/dev/null
    done
    if [ "${KEEP-}" ]; then echo "# left behind: $T"; else rm -rf "$T"; fi
    exit "$_exit"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
