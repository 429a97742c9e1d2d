#!/bin/sh
# pserv and pcheckd: with the spool for their root directory all works as without.
. t/lib/tap.sh
plan 10

suite
account joe b1 3/joe
printf 'Subject: joe\n\n' | deliver 3/joe
for name in pserv pcheckd; do
    echo 'set chroot yes' >>"$T/$name.rc"
done
if [ -z "$ROOT" ]; then
    "$BIN/pserv" -d -r "$T/run" -f "$T/pserv.rc" >"$T/pserv.log" 2>&1
    is $? 1 'who is not root cannot do that'
    like "$(cat "$T/pserv.log")" 'chroot: only a daemon that root has started' 'and is told so'
    for n in 3 4 5 6 7 8 9 10; do ok 0 "skipped # skip $n needs root"; done
    exit
fi

# A syslogd that writes what it hears, and can be started anew.
file syslogd <<'EOC'
use Socket;
my ($path, $log) = @ARGV;
unlink $path;
socket my $s, PF_UNIX, SOCK_DGRAM, 0 or die;
bind $s, pack_sockaddr_un $path or die "$path: $!\n";
chmod 0666, $path;
open my $out, '>>', $log or die;
$out->autoflush(1);
print $out "up\n";
while (defined recv $s, my $line, 8192, 0) { print $out "$line\n" }
EOC
daemon -n syslogd perl -MIO::Handle "$T/syslogd" "$T/syslog" "$T/heard.log"
until_ok test -S "$T/syslog"
daemon pserv -d -l "syslog:$T/syslog" -f "$T/pserv.rc"
daemon pcheckd -d -l "syslog:$T/syslog" -f "$T/pcheckd.rc"
daemon pproxy -d -f "$T/pproxy.rc"
ready 2 && ready 3/udp && ready 1
talk 1 'USER joe' 'PASS secret' 'TOP 1 0' 'DELE 1' 'QUIT'
line 5 '^Subject: joe$' 'mail is served out of the spool'
seen heard 'pserv\[[0-9]*\]: ev=server_session .*removed=1' 'and the log hears of it'
is "$(find "$T/spool/3/joe" -type f)" '' 'what was deleted is gone'
worker() {
    ps -eo pid=,ppid=,args= | awk -v m="$(pid "$1")" -v p="$1: worker" '
        { ppid[$1] = $2; line[$1] = $0 }
        END { for (i in line) if (ppid[ppid[i]] == m && index(line[i], p)) print i }' | head -n 1
}
most() { awk '/^Max open files/ { print $4 }' "/proc/$1/limits"; }
for name in pserv pcheckd; do
    is "$(readlink "/proc/$(worker $name)/root")" "$T/spool" "the root of $name is the spool"
    [ "$(most "$(worker $name)")" -lt "$(most "$(pid $name)")" ]
    ok $? "$name can open few files beyond those it has" "$(most "$(worker $name)")"
done

end syslogd
daemon -n syslogd perl -MIO::Handle "$T/syslogd" "$T/syslog" "$T/heard2.log"
until_ok test -s "$T/heard2.log"
seen_again() {
    xpop 3/joe 'QUIT'
    grep -q 'ev=server_session' "$T/heard2.log"
}
until_ok seen_again
ok $? 'a syslogd that was started anew is heard by again'

rm "$T/spool/.popular-spool"
ctl pserv set backlog 77 >"$T/answer"
like "$(cat "$T/answer")" 'chroot: the spool is not mounted' 'a spool without its mark is refused as a root'
ctl pcheckd show chroot >"$T/answer"
like "$(cat "$T/answer")" 'yes' 'and the variable can be shown'
