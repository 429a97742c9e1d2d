# shellcheck shell=sh
# A proxy and backends that do as they are told, see fakepop3. Behind tap.sh:
#
#   fakes                             writes a start file for a proxy on port 1 whose failures
#                                     are shown, and no user yet
#   backend NAME OPTIONS WORD ...     a fake backend on the next free port from 2 on, OPTIONS being
#                                     those of the proxy for it, and a user of its name, with the
#                                     password secret
#   told NAME REGEX TITLE             what its user is told after his password
#
# $fake is the port of the next backend, and $later what a user is told whose backend failed.

fakes() {
    modules
    file pproxy.rc <<EOC
set moduledir $T/lib
set connecttimeout 3s
set softfail tempfail
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
    : >"$T/users"
    fake=2
    # shellcheck disable=SC2034 # For the tests.
    later='^-ERR \[SYS/TEMP\] the mailbox cannot be reached'
}

backend() {
    _backend=$1
    _options=$2
    shift 2
    daemon -n "$_backend" fakepop3 "$(port "$fake")" "$@" && ready "$fake"
    echo "backend add $_backend 127.0.0.1:$(port "$fake") $_options" >>"$T/pproxy.rc"
    account "$_backend" "$_backend" "m/$_backend"
    fake=$((fake + 1))
}

told() {
    talk 1 "USER $1" 'PASS secret' 'USER good' QUIT
    line 3 "$2" "$3"
}
