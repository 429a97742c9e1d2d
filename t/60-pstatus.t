#!/bin/sh
# pstatus: what a person sees, once and live, and which keys do something. Nothing that looks on
# keeps the daemon from its work.
. t/lib/tap.sh
[ -e /dev/ptmx ] || skip_all 'there is no /dev/ptmx'
plan 35

suite
cat >>"$T/pproxy.rc" <<EOC
backend add away 127.0.0.1:$(port 6) proto=xpop
set penaltymax 0s
EOC
printf '*:a"\033[2Jb:{PLAIN}secret:b1:3/odd\n' >>"$T/users"
account joe b1 3/joe
account ann b1 3/ann
account lost away 3/lost
box 3/joe
start_suite
printf 'Subject: a\n\nb\n' | deliver 3/joe

hold() {
    _held=$1
    shift
    WAIT=300 talk -n "$_held" "$@" ":mark $T/$_held.in" ":hold $T/go" QUIT &
    echo $! >>"$T/held"
    until_ok test -e "$T/$_held.in"
}
hold joe 1 'USER joe' 'PASS secret'
hold ann -b 127.0.0.2 1 'USER ann' 'PASS secret'
hold odd -b 127.0.0.3 1 ":send USER a\"\\x1b[2Jb\\r\\n" ':line' 'PASS secret'
for _ in 1 2 3; do talk 1 'USER lost' 'PASS secret' QUIT; done

# page ARG ...: the page of pproxy in $T/page.log
page() { "$BIN/pstatus" -s "$T/run/pproxy.ctrl" "$@" >"$T/page.log" 2>&1; }
shows() { like "$(cat "$T/page.log")" "$1" "$2"; }

page
ok $? 'one page is printed'
shows '^[0-9:]+  pproxy [0-9.]+  process [0-9]+  generation 1  load OK  sessions OK' 'it says who is there'
shows '^sessions 3 of 1000, [0-9]+ idle  logins/s 0 ' 'and how busy it is'
shows '^LOOK: backend away is down \(connect: Connection refused\)' 'what is wrong comes first'
shows '^VSERV +STATE +ADDRESS +SESS LOGIN/S' 'then virtual servers'
shows "^main +enable +127.0.0.1:$(port 1) +3 " 'with their sessions'
shows '^away +enable +down +0 .* connect: .*refused' 'backends in trouble tell why'
is "$(sed -n '/^BACKEND/,/^$/s/ .*//p' "$T/page.log" | paste -sd ' ')" 'BACKEND away b1' 'and come first'
shows '^users +flat +ok ' 'modules have their health'
shows '^1 +current +[0-9]+ +3 ' 'pools their workers'
shows '^ +1  joe@default +[0-9]+  127.0.0.[123]$' 'users and addresses are counted'
shows '^ *[0-9]+s +127.0.0.2 +ann@default +empty +main +p1\.' 'sessions tell what they do'
shows '^ *[0-9]+s +127.0.0.3 +a"\\x1b\[2Jb@default' 'a hostile name is shown harmlessly'
shows '^logins_ok +6 +0 +[a-z_]+ +[0-9]+ +0' 'counters and events have rates'
is "$(LC_ALL=C tr -d '\12\40-\176' <"$T/page.log" | wc -c | tr -d ' ')" 0 'no octet moves the cursor'
page -n 1
shows '^ *AGE .*\(\+2\)$' 'a table that was cut says so'
page joe
is "$(sed -n '/^ *AGE/,/^$/p' "$T/page.log" | grep -c '@default')" 1 'a filter chooses sessions'
page minage=old
is "$? $(cat "$T/page.log")" '2 pstatus: session list minage=old: minage=old: must be an interval from 0s to 365d' \
    'a wrong one is refused'
page -j
perl -MJSON::PP -0777 -ne '
    my $v = decode_json($_);
    print join " ", $v->{counters}{logins_ok}{value}, $v->{counters}{logins_ok}{rate} + 0,
        $v->{backend}[1]{counters}{failed}, scalar @{ $v->{sessions} }, "\n"' "$T/page.log" >"$T/json"
is "$(cat "$T/json")" '6 0 3 3 ' 'JSON has it all'
"$BIN/pstatus" -s "$T/run/pserv.ctrl" >"$T/page.log"
shows '^main +enable +127.0.0.1:[0-9]+ +1 ' 'pserv has a page'
"$BIN/pstatus" -s "$T/run/pcheckd.ctrl" >"$T/page.log"
shows '^questions +[0-9]+ ' 'so has pcheckd'
"$BIN/pstatus" -s "$T/run/pproxy.ctrl" -l -i 1 -c 2 </dev/null >"$T/page.log"
is "$(grep -c '^VSERV' "$T/page.log")" 2 'without a terminal live is a loop'

# live ITEM ...: pstatus on a terminal of 24 rows and 80 columns; see screen.pl
live() {
    perl t/lib/screen.pl "$@" -- "$BIN/pstatus" -s "$T/run/pproxy.ctrl" -l -i 1 >"$T/live.log" 2>&1
}
live ':see pproxy' ':see joe@default' ":mode $T/mode" ':see 127.0.0.2 +ann' ':see h help' ":save $T/screen" \
    ':key f' ':see ^filter: _' ':key 127.0.0.2\r' ':unsee relay b1' ':see 127.0.0.2 +ann' ':see only 127.0.0.2' \
    ':key k' ':see ^end session p1.* of ann@default. y/n' ':key n' ':see nobody is kicked' \
    ':key k' ':see y/n' ':key y' ':see is ended' ':unsee 127.0.0.2 +ann' \
    ':key f' ':see ^filter' ':key \x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\r' ':see relay b1' \
    ':key s' ':see ^by peer' ':key 4' ':see ^logins_ok' ':key 1' ':see ^VSERV' \
    ':size 10x40' ':unsee h help' ':see ^by peer .*~?$' ':size 24x80' ':see h help' \
    ':key q' ':gone' ":mode $T/after"
is "$(tail -n 1 "$T/live.log")" 'status 0' 'live, keys filter, kick, sort and leave'
seen pproxy 'ev=proxy_session .*user=ann .*end=kicked' 'k ends a session'
seen pproxy 'ev=control .*words="session kick' 'by a control word'
is "$(cat "$T/mode" "$T/after" | paste -sd ' ')" 'raw cooked' 'the terminal is as it was'
is "$(wc -l <"$T/screen" | tr -d ' ')" 24 'the page fills the screen'
for signal in TERM INT HUP; do
    live ':see joe@default' ":signal $signal" ':gone' ":mode $T/after"
    is "$(tail -n 1 "$T/live.log") $(cat "$T/after")" 'status 0 cooked' "so it is after $signal"
done
live ':see joe@default' ':signal TSTP' ":sh sleep 0.1" ':signal CONT' ':see joe@default' ':key q' ':gone'
is "$(tail -n 1 "$T/live.log")" 'status 0' 'it can be stopped and goes on'
perl t/lib/screen.pl ':see pproxy' ':key f' ':see ^filter: ' ':key \r' ':key q' ':gone' \
    -- "$BIN/pstatus" -s "$T/run/pproxy.ctrl" -l -i 1 "$(perl -e 'print "\xc3\xbc" x 60')" >"$T/live.log" 2>&1
is "$(tail -n 1 "$T/live.log")" 'status 0' 'a filter may be of any letters'
[ ! -c /dev/full ] || "$BIN/pstatus" -s "$T/run/pproxy.ctrl" >/dev/full 2>"$T/err"
like "$? $(cat "$T/err")" '^2 pstatus: standard output: No space left' 'a page that a full disk does not take is not shown'

# Who asks for much and reads nothing.
perl -MIO::Socket::UNIX -e '
    my @all = map { IO::Socket::UNIX->new($ARGV[0]) or die } 1 .. 20;
    $_->blocking(0) for @all;
    for my $n (1 .. 2000) { $_->syswrite("session list all=yes\nhelp\n") for @all }
    open my $mark, ">", $ARGV[1];
    sleep 1 until -e $ARGV[2];
' "$T/run/pproxy.ctrl" "$T/stalled" "$T/go" &
echo $! >>"$T/held"
until_ok test -e "$T/stalled"
like "$(WAIT=5 ctl pproxy session list)" 'user=joe@default' 'who does not read keeps nobody from asking'
talk 1 'USER ann' 'PASS secret' QUIT
line 3 '^\+OK' 'or from logging in'
: >"$T/go"
while read -r job; do wait "$job"; done <"$T/held"
