# shellcheck shell=sh
# Mailboxes that a session has open while another one comes, behind tap.sh:
#
#   held_suite               starts pserv, whose sessions give way after a second; f/full has two
#                            messages
#   hold NAME ITEM ...       a session there that has deleted message 1, in the background; an item
#                            `:hold $T/NAME.go` makes it wait for that file

held_suite() {
    suite
    printf 'set takeoverafter 1s\nset minspare 4\n' >>"$T/pserv.rc"
    daemon pserv -d -f "$T/pserv.rc" && ready 2
    for _n in 1 2; do printf 'Subject: %s\n\nbody\n' $_n | deliver f/full; done
}

hold() {
    _who=$1
    shift
    rm -f "$T/$_who.go" "$T/$_who.in"
    talk -n "$_who" -s 2 ":send f/full\\r\\n$_who\\r\\n\\r\\n" ':line' 'DELE 1' ":mark $T/$_who.in" "$@" &
    until_ok test -e "$T/$_who.in"
}
