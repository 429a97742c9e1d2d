# shellcheck shell=sh
# For tests of pclean, behind tap.sh:
#
#   clean OPTION ...     pclean on $T/spool, standard input being the list of accounts; the exit
#                        status stands in $status
#   said                 what it said of each thing, without the sum, in one line
#   put FILE [AGE]       a file in the spool, as old as touch -d understands it
#   there FILE           is it still there?

clean() {
    asuser "$BIN/pclean" -m "$T/spool" -l "$T/clean.log" -r 0 "$@" >"$T/out.log" 2>&1
    # shellcheck disable=SC2034 # For the tests.
    status=$?
}
said() { grep -v '^[0-9]* mailboxes;' "$T/out.log" | sort | tr '\n' '/'; }
put() {
    echo x | asuser tee "$T/spool/$1" >/dev/null
    asuser touch -d "${2:-now}" "$T/spool/$1"
}
there() { [ -e "$T/spool/$1" ]; }
: >"$T/clean.log"
[ -z "$ROOT" ] || chown "$USER" "$T/clean.log"
