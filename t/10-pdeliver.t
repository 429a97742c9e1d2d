#!/bin/sh
# pdeliver: what it says is stored is stored whole, and of what it refuses nothing is left.
. t/lib/tap.sh
plan 27

# deliver OPTION ... MAILBOX: the exit status stands in $status
deliver() {
    asuser "$BIN/pdeliver" -m "$T/spool" -l stderr "$@" 2>>"$T/pdeliver.log"
    status=$?
}
# files FOLDER: so many, in all of them if none is named
files() { find "$T/spool/${1-}" -type f ! -name '.popular-spool' | wc -l | tr -d ' '; }
stored() { find "$T/spool/$1/new" -type f -exec cat {} +; }

mkdir "$T/spool"
deliver -c joe </dev/null
is $status 75 'without its mark the spool is not mounted: 75'
is "$(ls "$T/spool")" '' 'and nothing is made there'
spool

deliver joe </dev/null
is $status 75 'a mailbox that does not exist: 75'
seen pdeliver '^pdeliver: joe: .*-c creates it' 'and the message says what would create it'

printf 'A: b\n\n.\ntext' >"$T/in"
deliver -c -i q1 3/2d/joe <"$T/in"
is $status 0 'with -c it is made and the message stored'
printf 'A: b\r\n\r\n.\r\ntext\r\n' >"$T/want"
stored 3/2d/joe >"$T/got"
same "$T/got" "$T/want" 'with CRLF line ends, the last one supplied'
like "$(ls "$T/spool/3/2d/joe/new")" '^[0-9]{10}\.M[0-9]{6}P[0-9]+Q[0-9]+\..+,S=17,W=17$' \
    'its name holds time and size'
is "$(files 3/2d/joe/tmp)" 0 'and nothing is left in tmp'
seen pdeliver 'ev=delivered no=0401 lvl=INF sid=q1 mbox=3/2d/joe octets=17 file=' 'one line is logged'

# What is left of a mailbox whose removal was broken off, or that somebody made by hand.
asuser mkdir -p "$T/spool/half/new"
deliver half <"$T/in"
is "$status $(files half)" '75 0' 'a mailbox without its folder tmp: 75'
deliver -c half <"$T/in"
is "$status $(files half/new)" '0 1' 'with -c it is made whole'

deliver -c empty </dev/null
is "$status $(find "$T/spool/empty/new" -name '*,S=0,W=0' | wc -l | tr -d ' ')" '0 1' \
    'an empty message is a message'

printf '..a\r\n...\r\n.\r\nQUIT\r\n' >"$T/in"
deliver -c -f NET net <"$T/in"
printf '.a\r\n..\r\n' >"$T/want"
stored net >"$T/got"
same "$T/got" "$T/want" 'NET: dots are halved, and a lone one ends the message'

perl -e 'print "x" x 76, "\n" for 1 .. 700_000' >"$T/in"
deliver -c large <"$T/in"
is "$status $(find "$T/spool/large/new" -name '*,S=54600000,W=54600000' | wc -l | tr -d ' ')" \
    '0 1' 'a message of 50 MB is stored'

for name in '' /joe ../joe a//b 'a b' 'a;b'; do
    deliver -c "$name" </dev/null
    [ $status -eq 64 ] || break
done
is $status 64 'a name that is no mailbox: 64'
deliver -f UNIX joe </dev/null
is $status 64 'a wrong option: 64'

all=$(files)
# shellcheck disable=SC2016
asuser sh -c 'exec "$@" <&-' sh "$BIN/pdeliver" -m "$T/spool" -l stderr net 2>>"$T/pdeliver.log"
is $? 75 'standard input is closed: 75'
deliver net <"$T"
is $status 75 'standard input cannot be read: 75'

cat >"$T/term.pl" <<'EOP'
# Half a message, then a signal: prints the exit status.
my ($signal, $program, @args) = @ARGV;
pipe my $in, my $out or die;
my $pid = fork // die;
if (!$pid) { open STDIN, '<&', $in; close $out; exec $program, @args }
close $in;
$SIG{ALRM} = sub { kill KILL => $pid };
alarm 20;
syswrite $out, "x" x 200_000 . "\n";
kill $signal => $pid;
waitpid $pid, 0;
printf "%d %d\n", $? >> 8, $? & 127;
EOP
for signal in TERM INT HUP; do
    is "$(asuser perl "$T/term.pl" $signal "$BIN/pdeliver" -m "$T/spool" -l stderr net \
        2>>"$T/pdeliver.log")" '75 0' "SIG$signal: 75"
done

# A limit for the size of files stands in for a full disk.
perl -e 'print "x" x 300_000' >"$T/in"
status=$(
    ulimit -f 100
    deliver net <"$T/in"
    echo $status
)
is "$status" 75 'a file that cannot be written to its end: 75'

mkdir -p "$T/spool/a"
ln -s ../net "$T/spool/a/link"
deliver -c a/link </dev/null
is $status 75 'a symbolic link leads to no mailbox'
is "$(files)" "$all" 'of all these nothing is left, in new or in tmp'

[ "$(id -u)" -ne 0 ] || chown -R root "$T/spool/net"
chmod 500 "$T/spool/net/new"
deliver net </dev/null
is $status 75 'a folder that cannot be written: 75'
chmod 700 "$T/spool/net/new"

# Many at once: one name each.
i=0
while [ $i -lt 40 ]; do
    echo $i | asuser "$BIN/pdeliver" -m "$T/spool" -l stderr -c many 2>>"$T/pdeliver.log" &
    i=$((i + 1))
done
wait
is "$(files many/new)" 40 'forty deliveries at once into a new mailbox are forty messages'
is "$(stored many | sort -n | tr -d '\r\n')" "$(i=0; while [ $i -lt 40 ]; do printf %s $i; i=$((i + 1)); done)" \
    'and each is there'
