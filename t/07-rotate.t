#!/bin/sh
# etc/logrotate, etc/newsyslog: a log is rotated, and the daemon writes on in a new file; so do sessions
# of an old generation, and of a master that was relieved.
. t/lib/tap.sh

LOGROTATE=${CARGO_TARGET_DIR:-target}/tools/logrotate/usr/sbin/logrotate
PATH=$PATH:/usr/sbin:/sbin
[ -x "$LOGROTATE" ] || LOGROTATE=$(command -v logrotate) ||
    skip_all 'logrotate is not installed, nor in target/tools (make deps)'
plan 12

mkdir "$T/log"
file pcheckd.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
EOC
spool
daemon pcheckd -d -l "$T/log/pcheckd.log" -f "$T/pcheckd.rc" && ready 3/udp
sed "s,/run/popular,$T/run,; s,/var/log/popular,$T/log," etc/logrotate/popular >"$T/rotate"

rotate() { "$LOGROTATE" -v -s "$T/state" "$@" "$T/rotate" >"$T/rotate.out" 2>&1; }
rotate -d
like "$?$(grep -i error "$T/rotate.out")" '^0$' 'logrotate takes the file'
rotate -f
ok $? 'and rotates' "$(cat "$T/rotate.out")"
grep -q ev=start "$T/log/pcheckd.log.1"
ok $? 'what was logged before is in the old file'
logged() { grep -q "$1" "$T/log/pcheckd.log"; }
until_ok logged 'ev=generation_current .*generation=2'
ok $? 'what comes after it in the new one' "$(cat "$T/log/pcheckd.log")"
end pcheckd
rotate -f
like "$? $(cd "$T/log" && echo *)" '^0 pcheckd.log.1 pcheckd.log.2.gz$' \
    'a daemon that does not run is no trouble'

# The logs of sessions that were there before.
file pserv.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
box held
daemon pserv -d -l "$T/log/pserv.log" -f "$T/pserv.rc" && ready 2
hold() { xpop held ":mark $T/$1.in" ":hold $T/$1.go" 'QUIT'; }
in_log() { grep -q "$1" "$T/log/pserv.log"; }
master=$(pid pserv)
hold first &
first=$!
until_ok test -e "$T/first.in"
rotate -f
until_ok in_log 'ev=generation_current .*generation=2'
ok $? 'a session goes on while the log is rotated' "$(cat "$T/log/pserv.log")"
: >"$T/first.go"
wait $first
until_ok in_log 'ev=server_session'
is "$? $(grep -c ev=server_session "$T/log/pserv.log.1")" '0 0' 'its end stands in the new file only'
hold second &
second=$!
until_ok test -e "$T/second.in"
ctl pserv upgrade >/dev/null
rotate -f
until_ok in_log "pserv.$master.: ev=log_reopened"
ok $? 'a master that was relieved sees that the log was rotated' "$(cat "$T/log/pserv.log")"
: >"$T/second.go"
wait $second
until_ok in_log 'ev=server_session'
is "$? $(grep -c ev=server_session "$T/log/pserv.log.1")" '0 1' 'and so do the sessions that it finishes'
kill "$(cat "$T/run/pserv.pid")"
until_ok gone "$master"
ok $? 'both leave' "$(cat "$T/log/pserv.log")"

# newsyslog.conf(5): file, mode, count, size, when, flags, pid file.
fields=$(grep -v '^#' etc/newsyslog/popular.conf | awk 'NF != 7 || $2 !~ /^[0-7]+$/ || $6 !~ /^[BCJNZ]+$/')
is "$fields" '' 'newsyslog is told what it needs'
is "$(grep -v '^#' etc/newsyslog/popular.conf | sed 's,^/var/log/popular/\([a-z]*\).log .* /run/popular/\1.pid$,\1,' |
    sort | tr '\n' ' ')" 'pcheckd pproxy pserv ' 'of each daemon its own process'
