#!/bin/sh
# pcheckd: what was empty and has not changed is not read again, and no mail is overlooked for that.
. t/lib/tap.sh
plan 21

spool
file pcheckd.rc <<EOC
set spool $T/spool
set minspare 4
server add main 127.0.0.1:$(port 3) allow=127.0.0.0/8
EOC
daemon pcheckd -d -f "$T/pcheckd.rc"
ready 3/udp

told() { "$BIN/pcheck" -p "$(port 3)" -m "$1" 2>&1; }
counted() { ctl pcheckd counter list | sed -n "s/^name=$1 value=//p"; }

boxes='same new cur moved back other folder gone again link mode mark'
for box in $boxes; do
    box "3/$box"
done
box 3/full
: >"$T/spool/3/full/new/1"
box 3/nocur
rmdir "$T/spool/3/nocur/cur"

# Asks for every mailbox; true if none of them had to be read.
unread() {
    before=$(counted unread)
    for box in $boxes; do
        told "3/$box" >/dev/null
    done
    [ $(($(counted unread) - before)) -eq 12 ]
}
! unread
ok $? 'times that are young prove nothing'
until_ok unread
ok $? 'mailboxes that stay empty are not read again'
is "$(told 3/same)" '+OK 0 no mails' 'and are empty'

in=$T/spool/3
: >"$in/new/new/1"
is "$(told 3/new)" '+OK 2 new mails' 'mail that comes is seen'
: >"$in/cur/cur/1:2,S"
is "$(told 3/cur)" '+OK 1 old mails' 'in cur too'
: >"$in/moved/new/1"
told 3/moved >/dev/null
mv "$in/moved/new/1" "$in/moved/cur/1:2,S"
is "$(told 3/moved)" '+OK 1 old mails' 'and when it is moved'
: >"$in/back/new/1" && touch -d '2001-01-01' "$in/back/new"
is "$(told 3/back)" '+OK 2 new mails' 'even if the folder is made to look old'
mv "$in/other" "$in/away" && cp -Rp "$in/full" "$in/other"
is "$(told 3/other)" '+OK 2 new mails' 'a mailbox in the place of another is seen'
rmdir "$in/folder/new" && mv "$in/full/new" "$in/folder/new"
is "$(told 3/folder)" '+OK 2 new mails' 'and a folder in the place of another'
is "$(told 3/full)" '+OK 0 no mails' 'where it is missing there is none'
rm -r "$in/gone"
is "$(told 3/gone)" '+OK 0 no mails' 'a mailbox that is removed has no mail'
rm -r "$in/again" && box 3/again && : >"$in/again/new/1"
is "$(told 3/again)" '+OK 2 new mails' 'one that is made again has what is in it'
mv "$in/link" "$in/target" && ln -s target "$in/link" && : >"$in/target/new/1"
is "$(told 3/link)" '-ERR mailbox cannot be read' 'a link leads to no mail'
if [ "$ROOT" ]; then
    chmod 0 "$in/mode/new"
    is "$(told 3/mode)" '-ERR mailbox cannot be read' 'what may not be read is not empty'
    chmod 755 "$in/mode/new"
else
    ok 0 'what may not be read is not empty # SKIP others own the spool only if root made it'
fi
mv "$T/spool/.popular-spool" "$T/mark"
is "$(told 3/mark)" '-ERR spool is not mounted' 'nor is what is not mounted'
mv "$T/mark" "$T/spool/.popular-spool"
is "$(told 3/mark)" '+OK 0 no mails' 'which is forgotten when it is'
is "$(told 3/nocur)" '+OK 0 no mails' 'a mailbox without cur is a mailbox'

ctl pcheckd set trusttimes no >/dev/null
before=$(counted unread)
told 3/same >/dev/null
is "$(($(counted unread) - before))" 0 'trusttimes=no reads every time, from now on'

# One process hangs, as if its disk did; the others are there.
hung=$(ctl pcheckd show pid | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p')
hung=$(perl -e '
    my ($master, %parent) = shift;
    for (glob "/proc/[0-9]*/stat") {
        open my $f, "<", $_ or next;
        (<$f> // "") =~ /^(\d+) \(.*\) \S (\d+)/s and $parent{$1} = $2;
    }
    print +(sort { $a <=> $b }
        grep { ($parent{ $parent{$_} // 0 } // 0) == $master } keys %parent)[0] // ""' "$hung")
kill -STOP "$hung"
answered=0
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    [ "$(told 3/same)" != '+OK 0 no mails' ] || answered=$((answered + 1))
done
kill -CONT "$hung"
is "$answered" 12 'a process that hangs delays nobody'

# More than one process at a time: all of them together give one answer to each.
cat >"$T/asks.pl" <<'EOC'
use IO::Socket::INET;
my ($lost, $wrong) = (0, 0);
for (1 .. 200) {
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Proto => "udp") or die;
    syswrite $s, "*M3/new\n";
    vec(my $in = "", fileno $s, 1) = 1;
    my $heard = select($in, undef, undef, 10) && sysread $s, my $answer, 600;
    $lost++ unless $heard;
    $wrong++ if $heard && $answer ne "+OK 2 new mails\n";
}
print "lost=$lost wrong=$wrong\n";
EOC
for n in 1 2 3 4; do
    perl "$T/asks.pl" "$(port 3)" >"$T/asks.$n" &
    echo $! >>"$T/asks.pids"
done
while read -r pid; do wait "$pid"; done <"$T/asks.pids"
is "$(sort -u "$T"/asks.[1-4])" 'lost=0 wrong=0' 'eight hundred questions of four at once are answered'
end pcheckd
is $? 0 'it ends in order'
