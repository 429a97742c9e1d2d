# shellcheck shell=sh
# For tests in which pdeliver and pserv crash and fail; see crash.pl, crashes.pl, order.pl.
# Sourced behind tap.sh.

have() { command -v "$1" >/dev/null 2>&1; }
have strace || skip_all 'strace is missing'

# A message of several pieces, and a spool with room for what stands beside it.
crash_spool() {
    spool
    perl -e 'print "Subject: hello\n\n"; print "line $_ of the text\n" for 1 .. 8000' >"$T/mail"
    [ -z "$ROOT" ] || chown "$USER" "$T"
}

# crash_deliver FAULTS CALLS [OPTION ...]: the last line says what came of it
crash_deliver() {
    _faults=$1
    _calls=$2
    shift 2
    asuser perl "$LIB/crash.pl" "$T/mail" "$T/spool" 3/joe "$_faults" "$_calls" \
        "$BIN/pdeliver" -m "$T/spool" -l stderr "$@" 3/joe >"$T/crash.log" 2>&1
    cat "$T/crash.log"
}

# One worker, so that it is known who serves.
crash_pserv() {
    file pserv.rc <<EOC
set spool $T/spool
set minspare 1
set maxspare 1
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
    cat >>"$T/pserv.rc"
    daemon pserv -d -f "$T/pserv.rc"
    ready 2
}

# crash_serve FAULTS CALLS [ASIDE]
crash_serve() {
    mkdir -p "$T/spool/box"
    chown "$USER" "$T/spool/box"
    perl "$LIB/crashes.pl" "$(pid pserv)" "$(port 2)" "$T/spool/box" "$@" >"$T/crash.log" 2>&1
    cat "$T/crash.log"
}

# right TITLE: nothing went wrong in what wrote crash.log
right() {
    like "$(tail -n 1 "$T/crash.log")" '^runs=[0-9]{2,} wrong=0$' "$1"
}
