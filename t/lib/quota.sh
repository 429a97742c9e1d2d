# shellcheck shell=sh
# Deliveries within a quota, and what maildirsize says of them, behind tap.sh:
#
#   put OPTION ... MAILBOX       pdeliver, standard input being the message; the exit status stands
#                                in $status, what it said in $T/said.log, its log is $T/deliver.log
#   putline OPTION ... MAILBOX   the same with a message of one line
#   size MAILBOX                 what stands in its maildirsize
#   count MAILBOX                how many messages there are
#   really MAILBOX               octets and messages by its files
#   told MAILBOX                 the same by the sum of the lines of maildirsize
#   $T/big                       a message of 420000 octets

put() {
    asuser "$BIN/pdeliver" -m "$T/spool" -l "$T/deliver.log" "$@" 2>"$T/said.log"
    # shellcheck disable=SC2034 # For the tests.
    status=$?
}
putline() {
    echo x >"$T/x"
    put "$@" <"$T/x"
}
size() { cat "$T/spool/$1/maildirsize"; }
count() { find "$T/spool/$1/new" "$T/spool/$1/cur" -type f | wc -l | tr -d ' '; }
really() { find "$T/spool/$1/new" "$T/spool/$1/cur" -type f -printf '%s\n' | awk '{ s += $1; n++ } END { print s + 0, n + 0 }'; }
told() { size "$1" | awk 'NR > 1 { s += $1; n += $2 } END { print s + 0, n + 0 }'; }

spool
: >"$T/deliver.log"
[ -z "$ROOT" ] || chown "$USER" "$T/deliver.log"
perl -e 'print "x" x 68, "\r\n" for 1 .. 6000' >"$T/big"
