# shellcheck shell=sh
# Users who log in by TLS over and over, behind tap.sh, ca.sh and hosts.sh, for tests in a network of
# their own (the port is 995):
#
#   load NAME ADDRESS USER [KEY=VALUE ...]
#                          in the background USER logs in at ADDRESS, see tlsload; $T/NAME.load has a
#                          line for each session
#   goes_on NAME ...       waits until there are some sessions more of each
#   last NAME OUTCOME      was this the outcome of its last session?
#   outcomes NAME          all that there were
#   enough NAME ...        they are to end
#   all_gone               waits until all have ended

loads=
load() {
    _name=$1 _address=$2 _user=$3
    shift 3
    : >"$T/$_name.load"
    rm -f "$T/$_name.enough"
    perl t/lib/tlsload 995 1 "$T/$_name.load" "$T/$_name.enough" address="$_address" "ca=$T/ca.pem" \
        "user=$_user" pause=50 seconds=600 "$@" >"$T/$_name.log" 2>&1 &
    loads="$loads $!"
}
count() { wc -l <"$T/$1.load"; }
more() { [ "$(count "$1")" -ge "$2" ]; }
goes_on() {
    for _one in "$@"; do
        until_ok more "$_one" $(($(count "$_one") + 8)) || return 1
    done
}
last() { [ "$(tail -n 1 "$T/$1.load" | cut -d ' ' -f 3)" = "$2" ]; }
outcomes() { cut -d ' ' -f 3 "$T/$1.load" | sort -u | tr '\n' ' '; }
enough() { for _one in "$@"; do : >"$T/$_one.enough"; done; }
# shellcheck disable=SC2086
all_gone() { wait $loads; }
