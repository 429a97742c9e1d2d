#!/bin/sh
# A proxy with 5,000 sessions and 100 administrators and monitors, each of whom asks for all sessions,
# or for metrics, every SECONDS_APART seconds: all are answered, and sessions pay little for it. What that is,
# measured in turns with and without them, is written, not judged.
. t/lib/tap.sh
WAIT=120
HELD=${HELD:-5000}
RUNS=${RUNS:-5}
LOGINS=${LOGINS:-20000}
SECONDS_APART=${SECONDS_APART:-2}
plan 7

# shellcheck disable=SC3045
ulimit -n $((HELD + 1000)) 2>/dev/null || skip_all "$HELD descriptors are not to be had"
suite
account empty b1 e/empty
cat >>"$T/pproxy.rc" <<EOC
set maxsession $((HELD + 500))
set maxperip 0
set maxperuser 0
set minspare 20
set maxspare 50
set sessionsperworker 1000000
set loglevel ERR
EOC
daemon pserv -d -f "$T/pserv.rc"
daemon pcheckd -d -f "$T/pcheckd.rc"
daemon pproxy -d -s $((HELD + 1000)) -f "$T/pproxy.rc"
ready 2 && ready 3/udp && ready 1

"$BIN/pbench" -c "$HELD" -d 900 -w 60 -s "127.0.0.1:$(port 1)" hold user=empty pass=secret >"$T/hold.log" 2>&1 &
hold=$!
held() { grep -q "^ready held=$HELD failed=0" "$T/hold.log"; }
until_ok held
ok $? "$HELD sessions are held" "$(tail -n 3 "$T/hold.log")" || exit 1
perl t/lib/observers.pl "$T/run/pproxy.ctrl" 100 "$SECONDS_APART" "$T/on" "$T/stop" >"$T/seen.log" 2>&1 &
observers=$!
connected() { tail -n 1 "$T/seen.log" | grep -q '^100 '; }
until_ok connected
ok $? '100 observers are connected' "$(tail -n 3 "$T/seen.log")" || exit 1

# Microseconds of CPU time that all workers have had.
workers() {
    perl -e '
        my $sum = 0;
        for my $dir (glob "/proc/[0-9]*") {
            open my $f, "<", "$dir/stat" or next;
            my ($parent) = <$f> =~ /.*\) \S (\d+)/;
            next unless open $f, "<", "$dir/cmdline" and (<$f> // "") =~ /^pproxy: worker/;
            next unless open $f, "<", "/proc/$parent/stat" and <$f> =~ /.*\) \S $ARGV[0] /;
            $sum += $1 / 1000 if open $f, "<", "$dir/schedstat" and (<$f> // "") =~ /^(\d+)/;
        }
        printf "%d\n", $sum' "$(pid pproxy)"
}
# Of each login, in nanoseconds.
cost() {
    before=$(workers)
    "$BIN/pbench" -n "$LOGINS" -d 60 -c 10 -s "127.0.0.1:$(port 1)" login user=empty pass=secret >"$T/login.log" 2>&1 ||
        echo failed >>"$T/failed.log"
    echo $((($(workers) - before) * 1000 / LOGINS))
}
cost >"$T/warm"
: >"$T/failed.log"
run=0
while [ $run -lt "$RUNS" ]; do
    cost >>"$T/without"
    : >"$T/on"
    cost >>"$T/with"
    rm "$T/on"
    run=$((run + 1))
done
answered=$(tail -n 1 "$T/seen.log" | cut -d ' ' -f 2)
is "$(cat "$T/failed.log")" '' 'all logins succeed meanwhile' "$(tail -n 3 "$T/login.log")"
[ "${answered:-0}" -ge "$RUNS" ]
ok $? 'the observers are answered' "$(tail -n 3 "$T/seen.log")"
: >"$T/on"
grown() { [ "$(tail -n 1 "$T/seen.log" | cut -d ' ' -f 2)" -gt $((answered + 150)) ]; }
until_ok grown
ok $? 'every one of them, again and again' "$(tail -n 3 "$T/seen.log")"
# shellcheck disable=SC2016
perl -MIO::Socket::UNIX -e '
    my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die;
    syswrite $s, "session list\n" x 20;
    open my $f, ">", $ARGV[1];
    select undef, undef, undef, 0.1 until -e $ARGV[2]' "$T/run/pproxy.ctrl" "$T/deaf" "$T/stop" &
deaf=$!
until_ok test -e "$T/deaf"
sessions() { ctl pproxy session list state=busy | grep -c user=empty; }
is "$(sessions)" "$HELD" 'one who asks and does not read keeps nobody from reading all of it'
: >"$T/stop"
wait $observers $deaf
median() { sort -n "$1" | sed -n "$(((RUNS + 1) / 2))p"; }
without=$(median "$T/without")
with=$(median "$T/with")
echo "# CPU time of all workers for a login, median of $RUNS runs of $LOGINS logins in turn, $HELD sessions held:"
echo "# without observers $without ns, with 100 who ask every $SECONDS_APART s $with ns, $(((with - without) * 1000 / without)) per mille more;"
echo "# $answered lists and pages were read meanwhile"
echo "# runs without: $(tr '\n' ' ' <"$T/without")with: $(tr '\n' ' ' <"$T/with")"
kill $hold
wait $hold
is "$(grep -c ' failed=[1-9]' "$T/hold.log")" 0 'all who were held leave as they should' "$(tail -n 3 "$T/hold.log")"
