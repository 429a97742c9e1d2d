#!/bin/sh
# The log by syslog and in a file: structured data if wanted; nobody waits for it; what is lost is counted.
. t/lib/tap.sh
plan 12

# A syslogd that writes what it hears, octet for octet and one datagram a line, while $T/stop is
# not there. As long as it is, its queue fills.
file syslogd <<'EOC'
use IO::Socket::UNIX;
use Socket;
my ($at, $stop, $to) = @ARGV;
my $in = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $at) or die "$at: $!\n";
chmod 0666, $at;
open my $out, '>>', $to or die "$to: $!\n";
$out->autoflush;
for (;;) {
    if (-e $stop) { select undef, undef, undef, 0.02; next }
    my $ready = '';
    vec($ready, fileno $in, 1) = 1;
    select $ready, undef, undef, 0.05 or next;
    recv $in, my $line, 65535, 0;
    $line =~ s/\n/<LF>/g;
    print $out "$line\n";
}
EOC
: >"$T/heard.log"
daemon -n syslogd perl -MIO::Handle "$T/syslogd" "$T/syslog" "$T/stop" "$T/heard.log"
until_ok test -S "$T/syslog"

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set penaltymax 0
set logformat rfc5424
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -l "syslog:$T/syslog" -f "$T/pproxy.rc" && ready 1

plain() { perl -MMIME::Base64 -e '$_ = shift; s/\\x(..)/chr hex $1/ge; print encode_base64("\0$_\0wrong", "")' "$1"; }
# shellcheck disable=SC1003
talk 1 'AUTH PLAIN' "$(plain 'EX\joe')" 'AUTH PLAIN' "$(plain 'a"] x="1" [b y="\x0a\xff')" QUIT
seen heard 'ev=proxy_session' 'lines arrive'
cat >"$T/check.pl" <<'EOC'
while (<>) {
    chomp;
    my $param = qr/[a-z_]{1,32}="(?:[^"\\\]\x00-\x1f\x7f-\xff]|\\["\\\]])*"/;
    /^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d [!-~]{1,255} pproxy \d+ (\w{1,32}) \[popular\@32473((?: $param)+)\] (ev=(\w+) .*)$/
        or print("no RFC 5424: $_\n"), next;
    my ($pri, $id, $data, $text, $ev) = ($1, $2, $3, $4, $5);
    print "MSGID $id of $ev\n" if $id ne $ev;
    my @data = $data =~ / (\w+)="/g;
    $text =~ s/"(?:[^"\\]|\\.)*"/""/g;
    my @keys = $text =~ /(\w+)=/g;
    print "other keys: $_\n" if "@data" ne "@keys";
    print "facility: $_\n" if $pri >> 3 != 2;
}
EOC
is "$(perl "$T/check.pl" "$T/heard.log")" '' 'each as RFC 5424 has it, with the same keys in data and message'
like "$(grep login_refused "$T/heard.log")" ' user="EX\\\\joe" ns="default"' 'a backslash in a name is escaped'
like "$(grep login_refused "$T/heard.log")" ' user="a\\"\\\] x=\\"1\\" \[b y=\\"\\\\x0a\\\\xff" ns="default"' \
    'no name ends its value, or the element'

ctl pproxy set logformat plain >/dev/null
# Who comes at once may still meet a worker that is just leaving.
plainly() {
    talk 1 'USER joe' 'PASS secret' QUIT
    has heard '^<22>[A-Z][a-z]+ [ 0-9]+ [0-9:]+ pproxy\[[0-9]+\]: ev=login_ok .*user=joe '
}
until_ok plainly
ok $? 'the form can be changed'
like "$(ctl pproxy set logformat json)" 'logformat must be one of: plain rfc5424' 'but not to any'

# A syslogd that reads no more: its queue holds some lines, and nobody waits for it.
ctl pproxy debug session on >/dev/null
: >"$T/stop"
talk 1 ':times 700 CAPA\r\n' 'USER joe' 'PASS secret' ':until ^\+OK fake' STAT QUIT
like "$(cat "$T/talk.log")" '^\+OK 2 32' 'a syslogd that does not read keeps nobody waiting'
ctl pproxy debug session off >/dev/null
rm "$T/stop"
seen heard 'ev=log_lost .* count=[0-9]+' 'when it reads again, it is told how much it missed'
# No line is lost while the test looks on, and there were few others.
count() { sed -n 's/.*ev=log_lost .* count=\([0-9]*\).*/\1/p' "$T/$1.log" | awk '{ n += $1 } END { print n + 0 }'; }
all=$(($(grep -c 'command=CAPA' "$T/heard.log") + $(count heard)))
[ "$(count heard)" -gt 0 ] && [ "$all" -ge 700 ] && [ "$all" -le 720 ]
ok $? 'to the line' "heard or told of: $all"
end pproxy

# A file that has reached its limit is like a full disk.
ROOTED=
[ -z "$ROOT" ] || ROOTED="-u $USER"
daemon -n pproxy sh -c "ulimit -f 16; exec '$BIN/pproxy' -d -r '$T/run' $ROOTED -l '$T/full.log' -f '$T/pproxy.rc'"
ready 1
ctl pproxy debug session on >/dev/null
talk 1 ':times 300 CAPA\r\n' 'USER joe' 'PASS secret' ':until ^\+OK fake' STAT QUIT
like "$(cat "$T/talk.log")" '^\+OK 2 32' 'a full disk keeps nobody waiting'
[ "$(grep -c 'command=CAPA' "$T/full.log")" -lt 300 ]
ok $? 'though lines are lost'
# Room is made, in the middle of a line.
perl -e 'open my $f, "<", $ARGV[0] or die; local $/; my $text = <$f>;
    truncate $ARGV[0], 60 + rindex $text, "\n", length($text) - 2010 or die' "$T/full.log"
seen full '^[0-9-]+T[^ ]* pproxy\[[0-9]+\]: ev=log_lost .* count=[0-9]+' 'which is told when there is room again'
