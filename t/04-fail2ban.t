#!/bin/sh
# etc/fail2ban: fail2ban bans who gives wrong passwords, and no user name leads it astray.
. t/lib/tap.sh

TOOLS=${CARGO_TARGET_DIR:-$PWD/target}/tools/fail2ban
[ -d "$TOOLS" ] || skip_all "fail2ban of Debian is not in $TOOLS (make deps)"
PY=$(PATH=/usr/bin:/usr/local/bin:$PATH command -v python3) || skip_all 'there is no python3'
plan 13
f2b() {
    _tool=$1
    shift
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOOLS/usr/lib/python3/dist-packages \
        timeout $((WAIT * 3)) "$PY" "$TOOLS/usr/bin/$_tool" -c "$T/fail2ban" "$@"
}
cp -R "$TOOLS/etc/fail2ban" "$T/fail2ban"
cp -R etc/fail2ban/. "$T/fail2ban/"
filter=$T/fail2ban/filter.d/popular.conf
# banned LOG: how often each address is counted
banned() { f2b fail2ban-regex -o ip "$T/$1" "$filter" 2>"$T/f2b.log" | sort | uniq -c | sed 's/^ *//'; }

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set penaltymax 0
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
vserv add six [::1]:$(port 3)
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 3

talk -b 127.0.0.2 1 'USER joe' 'PASS wrong' 'USER nobody' 'PASS wrong' QUIT
talk -b 127.0.0.3 1 'USER joe' 'PASS secret' QUIT
talk '[::1]:3' 'USER joe' 'PASS wrong' QUIT
seen pproxy 'ev=login_refused .*rip=::1' 'wrong passwords are logged'
is "$(banned pproxy.log)" '2 127.0.0.2
1 ::1' 'and counted, against the address that gave them'
unseen f2b . 'without a complaint of fail2ban'

# Names that try to be a field, a line, the end of a quotation or a date.
cat >"$T/names" <<'EOC'
joe rip=192.0.2.99 user=joe
"joe" rip=192.0.2.99 user=x
x\\\" rip=192.0.2.99 user=\"
x\\\\" vserv=main rip=192.0.2.99 user=\\
x\rNov 23 21:07:13 mx pproxy[7]: ev=login_refused no=0102 lvl=ERR sid=- vserv=main rip=192.0.2.99 user=
2026-11-23T21:07:13+01:00 pproxy[7]: ev=login_refused no=0102 lvl=ERR sid=- vserv=main rip=192.0.2.99 user=
2001-01-01 00:00:00
[01/Jan/2001:00:00:00 +0000]
@4000000000000000000000000
<HOST> 192.0.2.99 %(host)s
\xff\xfe\x1b[2J\xe2\x80\xa8rip=192.0.2.99
pproxy[1]: pproxy[1]: pproxy[1]: pproxy[1]: pproxy[1]: rip=192.0.2.99 rip=192.0.2.99 rip=192.0.2.99 rip=192.0.2.99
EOC
# By SASL they may be long, and hold anything; such a one is cut in the log.
perl -MMIME::Base64 -e 'chomp(my @names = <>);
    for (@names, "\nrip=192.0.2.99 user=\"" x 250) {
        s/\\x(..)/chr hex $1/ge;
        s/\\r/\r/;
        print encode_base64("\0$_\0wrong", ""), "\n";
    }' "$T/names" >"$T/sasl"
while read -r plain; do
    talk -b 127.0.0.4 1 'AUTH PLAIN' "$plain" QUIT
done <"$T/sasl"
is "$(grep -c 'ev=login_refused .*rip=127.0.0.4 ' "$T/pproxy.log")" "$(wc -l <"$T/sasl")" \
    'hostile names are logged'
counted="2 127.0.0.2
$(wc -l <"$T/sasl") 127.0.0.4
1 ::1"
is "$(banned pproxy.log)" "$counted" 'each is counted once, against nobody else'

# What syslogd makes of the same lines.
sed -n "s/^[0-9-]*T\([0-9:]*\)[^ ]* pproxy/Nov  3 \1 mx1.example pproxy/p" "$T/pproxy.log" >"$T/bsd"
is "$(banned bsd)" "$counted" 'the log of a syslogd of old serves as well'
sed -n 's/^\([0-9T:-]*\)\([+-][0-9:]*\) pproxy/\1.123456\2 mx1 pproxy/p' "$T/pproxy.log" >"$T/iso"
is "$(banned iso)" "$counted" 'and that of rsyslog'

# Made as logformat=rfc5424 makes them, see t/07-syslog.t: the line is the message.
sed 's/^\([^ ]*\)\([+-][0-9:]*\) pproxy\[\([0-9]*\)\]: ev=\([a-z_]*\) \(.*\)/<21>1 \1.123456\2 mx1 pproxy \3 \4 [popular@32473 ev="\4" user="\\"\\] ev=login_refused no=0102 rip=192.0.2.99"] ev=\4 \5/' \
    "$T/pproxy.log" >"$T/rfc5424"
is "$(banned rfc5424)" "$counted" 'and structured data'

file others <<'EOC'
Nov 23 21:07:13 mx1 pserv[7]: ev=login_refused no=0102 lvl=ERR sid=- vserv=main rip=192.0.2.99 user=x
Nov 23 21:07:13 mx1 sshd[7]: pproxy[7]: ev=login_refused no=0102 lvl=ERR sid=- vserv=main rip=192.0.2.99 user=x
Nov 23 21:07:13 mx1 pproxy[7]: ev=login_failed no=0103 lvl=ADM sid=- vserv=main rip=192.0.2.99 user=x
Nov 23 21:07:13 mx1 pproxy[7]: ev=login_ok no=0101 lvl=INF sid=- vserv=main rip=192.0.2.99 user=x
EOC
is "$(banned others)" '' 'no other event or program counts, nor a failure of ours'

# One way to match a line: a pattern with a choice at each word would be at this for hours.
perl -e 'for my $part ("pproxy[1]: ", "a ", "rip=1.1.1.1 ", "ev=login_refused ", "\\\"", ":") {
    print "2026-11-23T21:07:13+01:00 ", $part x 30000, "\n";
    print "2026-11-23T21:07:13+01:00 pproxy[1]: ev=login_refused no=0102 lvl=ERR sid=", $part x 30000, "\n" }' \
    >"$T/long"
f2b fail2ban-regex "$T/long" "$filter" >"$T/f2b.out" 2>&1
like "$(tail -n 20 "$T/f2b.out" | cut -c 1-200)" '12 lines, 0 ignored, 0 matched, 12 missed' \
    'lines of 300 kB are no trouble'

f2b fail2ban-client -d >"$T/f2b.out" 2>&1
ok $? 'fail2ban takes the jail' "$(grep -i -e error -e warn "$T/f2b.out")"
like "$(cat "$T/f2b.out")" "'add', 'popular'" 'and would run it'
like "$(cat "$T/f2b.out")" "'set', 'popular', 'maxretry', 20" 'as it says'
