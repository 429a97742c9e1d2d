#!/bin/sh
# pcheckd: says whether there is mail, to those who may ask, and survives whatever is sent.
. t/lib/tap.sh
plan 27

spool
file pcheckd.rc <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
server add closed 127.0.0.1:$(port 4)
EOC
daemon pcheckd -d -f "$T/pcheckd.rc"
ready 3/udp

check() { "$BIN/pcheck" -p "$(port 3)" "$@" 2>&1; }
says() {
    _got=$(check -m "$1")
    is "$? $_got" "$2" "$3"
}
counted() { ctl pcheckd counter list | sed -n "s/^name=$1 value=//p"; }

box 3/joe
says 3/joe '0 +OK 0 no mails' 'a mailbox without mail is empty'
says 3/2d/nobody '0 +OK 0 no mails' 'and so is one that does not exist'
: >"$T/spool/3/joe/cur/1:2,S"
says 3/joe '1 +OK 1 old mails' 'mail in cur is old'
: >"$T/spool/3/joe/new/2"
says 3/joe '1 +OK 2 new mails' 'mail in new is new'
says ../etc '2 -ERR not the name of a mailbox' 'a name that leads out is refused'
seen pcheckd 'ev=mailbox_bad .*mbox=\.\./etc' 'and logged'
like "$(check -l)" '^\+OK [0-9]+\.[0-9][0-9]$' 'the load is a number'

ask() { talk -u 3 "$@"; cat "$T/talk.log"; }
is "$(ask ':send *M3/joe\r\n' ':line')" '+OK 2 new mails' 'a question may end in CR and LF'
is "$(ask ':send *M3/joe' ':line')" '+OK 2 new mails' 'or in neither'
is "$(ask ':send 3/joe\n' ':line')" '-ERR a question begins with *' 'a question without * is refused'
is "$(ask ':send -ERR again\n' ':quiet 0.3' ':send *M\n' ':line')" '-ERR mailbox missing' \
    'what looks like an answer is met with silence'
long=$(printf '%0600d' 0)
is "$(ask ":send *M$long" ':line')" '-ERR question too long' 'more than 512 octets are refused'
seen pcheckd 'ev=check_bad .*rip=127\.0\.0\.1 ' 'such things are logged'

before=$(counted denied)
talk -u 4 ':send *M3/joe\n' ':send *M3/joe\n' ':send *L\n' ':quiet 0.5'
is "$?$(cat "$T/talk.log")" 0 'who is not allowed hears nothing'
is "$(($(counted denied) - before))" 3 'and is counted'
is "$(grep -c 'ev=check_denied .*server=closed rip=127\.0\.0\.1' "$T/pcheckd.log")" 1 \
    'but logged only once a second'

load() { check -l | sed 's/^+OK \([0-9]*\).*/\1/'; }
before=$(load)
ctl pcheckd set emptyload 1 >/dev/null
got=$(check -m 3/joe)
case $before$(load) in
00) want='+OK 2 new mails' ;;
0* | ?0) want=$got ;;
*) want='+OK 3 load too high' ;;
esac
is "$got" "$want" 'a load at emptyload is too high, in running workers too'
ctl pcheckd set emptyload 0 >/dev/null

ctl pcheckd server disable main >/dev/null
says 3/joe '2 -ERR server is disabled' 'a disabled server says so'
ctl pcheckd server enable main >/dev/null

mv "$T/spool/.popular-spool" "$T/mark"
says 3/2d/nobody '2 -ERR spool is not mounted' 'no mailbox is empty if the spool is not mounted'
seen pcheckd 'ev=spool_missing .*lvl=SOS' 'which is logged as urgent'
mv "$T/mark" "$T/spool/.popular-spool"

# Any octets, any length; then a question that is right.
perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Proto => "udp") or die;
    srand 7;
    for my $n (1 .. 2000) {
        my $size = $n % 10 ? int rand 40 : int rand 60_000;
        my $head = ("", "*", "*M", "*L")[rand 4];
        syswrite $s, $head . join "", map { chr int rand 256 } 1 .. $size;
    }' "$(port 3)"
says 3/joe '1 +OK 2 new mails' 'two thousand datagrams of garbage do no harm'
is "$(counted worker_deaths)" 0 'to no worker'

# Asks until FILE is there, one question after the other, and tells how many got no answer.
cat >"$T/asks.pl" <<'EOC'
use IO::Socket::INET;
my ($port, $go, $stop) = @ARGV;
my ($asked, $lost) = (0, 0);
until (-e $stop) {
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Proto => "udp") or die;
    syswrite $s, "*M3/joe\n";
    vec(my $in = "", fileno $s, 1) = 1;
    my $heard = select($in, undef, undef, 5) && sysread $s, my $answer, 600;
    open my $mark, '>', $go if ++$asked == 20;
    $lost++ unless $heard && $answer eq "+OK 2 new mails\n";
}
print "asked=$asked lost=$lost\n";
EOC
perl "$T/asks.pl" "$(port 3)" "$T/go" "$T/stop" >"$T/asks.log" &
asking=$!
until_ok test -e "$T/go"
ctl pcheckd server change main allow=127.0.0.0/16 >/dev/null
is $? 0 'who may ask can be changed while it runs'
ctl pcheckd server add more "127.0.0.1:$(port 5)" allow=127.0.0.1 >/dev/null
: >"$T/stop"
wait $asking
like "$(cat "$T/asks.log")" '^asked=[0-9]{2,} lost=0$' 'and no question is lost meanwhile'
is "$("$BIN/pcheck" -p "$(port 5)" -m 3/joe)" '+OK 2 new mails' 'a server that was added answers'

ctl pcheckd server delete main >/dev/null
like "$(check -m 3/joe)" 'pcheck: .*: Connection refused' \
    'a server that was deleted is gone at once'
end pcheckd
is $? 0 'it ends in order'
