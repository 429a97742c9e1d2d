#!/bin/sh
# plogstat: the numbers of a day are those of its log, and no user name changes them; see
# plogstat(8).
. t/lib/tap.sh
plan 23

stat() { sh src/plogstat.sh "$@" >"$T/stat.log" 2>&1; }
# cell TABLE ROW COLUMN
cell() {
    awk -v table="$1" -v row="$2" -v column="$3" '
        /^$/ { getline; here = index($0, table " ") == 1; for (i = 1; i <= NF; i++) at[$i] = NF - i; next }
        here && index($0, row " ") == 1 { print $(NF - at[column]) }' "$T/stat.log"
}

# The log of daemons that run.
suite
sed -i.old "s/^vserv add main.*/set penaltymax 0\nvserv add main 127.0.0.1:$(port 1)/" "$T/pproxy.rc"
account joe b1 3/joe
account anna b1 3/anna
box 3/joe
box 3/anna
printf 'Subject: x\n\ny\n' | deliver 3/joe
start_suite
talk 1 'USER joe' 'PASS secret' STAT 'RETR 1' 'DELE 1' QUIT
talk 1 'USER anna' 'PASS secret' STAT QUIT
talk 1 'USER anna' 'PASS secret' STAT QUIT
name=$(printf '\0a" vserv=forged rip=192.0.2.99 ms=99999 x="\0wrong' | perl -MMIME::Base64 -0777 -ne 'print encode_base64($_, "")')
talk -b 127.0.0.2 1 'AUTH PLAIN' "$name" QUIT
end pproxy
end pserv
stat "$T/pproxy.log" "$T/pserv.log" "$T/pdeliver.log"
ok $? 'the log of a running suite is read'
is "$(cell logins main ok) $(cell logins main refused)" '3 1' 'logins are counted'
is "$(cell sessions main all) $(cell sessions main empty) $(cell sessions main relay) $(cell sessions main none)" \
    '4 2 1 1' 'and sessions, by what became of them'
is "$(cell sessions main empty-%)" '66.7%' 'and the share of empty maildrops'
sent=$(sed -n 's/.*ev=proxy_session .* out=\([0-9]*\) .*/\1/p' "$T/pproxy.log" | awk '{ n += $1 } END { print n }')
is "$(cell octets main sent)" "$sent" 'and octets'
is "$(cell pserv all retrieved) $(cell pserv all removed) $(cell pdeliver all delivered)" '1 1 1' \
    'and what storage hosts did'
is "$(cell 'refused, by address' 127.0.0.2 number)" 1 'an address that was refused is shown'
unseen stat 'forged|192\.0\.2\.99' 'and none that a user name tells'

# The log of a syslogd, of two days.
perl -e 'for my $n (1 .. 1000) {
        printf "Nov  3 %02d:00:00 mx pproxy[9]: ev=proxy_session no=0104 lvl=INF sid=a vserv=main rip=192.0.2.1 " .
            "peer=- user=joe ns=default backend=b1 mode=relay tls=- in=4 out=4000000000 ms=%d end=closed\n", $n % 24, $n;
    }
    for my $n (1 .. 30) {
        print "Nov  3 10:00:00 mx pproxy[9]: ev=login_refused no=0102 lvl=ERR sid=a vserv=main rip=192.0.2.$_ user=x\n" for $n .. 30;
    }
    print "Nov  3 11:00:00 mx pproxy[9]: ev=soft_failure no=0105 lvl=ADM sid=a vserv=main rip=192.0.2.1 user=j" .
        " ns=default backend=b1 why=\"a b\" kind=tempfail\n";
    print "Nov  3 11:00:00 mx sshd[9]: pproxy[1]: ev=login_ok no=0101 lvl=INF sid=a vserv=alien\n";
    print "Nov  4 11:00:00 mx pproxy[9]: ev=login_ok no=0101 lvl=INF sid=a vserv=main rip=192.0.2.1 user=\"x\n";' \
    >"$T/mail"
# journalctl writes such lines too.
stat -d 2026-11-03 -n 2 <"$T/mail"
is "$(cell milliseconds relay p50) $(cell milliseconds relay p95) $(cell milliseconds relay longest)" \
    '500 950 1000' 'percentiles are right'
is "$(cell octets main sent)" 4000000000000 'large numbers are, too'
is "$(cell backends b1 soft-temp)" 1 'a soft failure counts against the backend'
is "$(cell 'to be looked at' ADM:soft_failure number)" 1 'and is something to be looked at'
is "$(sed -n '/^refused, by/,/^$/p' "$T/stat.log" | sed -n 's/^\(192[^ ]*\) *\([0-9]*\)$/\1=\2/p' | tr '\n' ' ')" \
    '192.0.2.30=30 192.0.2.29=29 ' 'the worst addresses come first, as many as were asked for'
is "$(cell hour 10 refused) $(cell hour 23 sessions)" '465 41' 'hours are those of the log'
is "$(cell logins main ok)" 0 'another day is not counted'
unseen stat alien 'nor is another program'
gzip -c "$T/mail" >"$T/mail.gz"
stat -d 2026-11-04 "$T/mail.gz"
is "$(cell logins main ok)" 1 'a packed file is read, and a line that was cut'

cat >"$T/5424" <<'EOC'
<21>1 2026-11-03T10:00:00.123456+01:00 mx pproxy 9 login_refused [popular@32473 ev="login_refused" no="0102" lvl="ERR" sid="a" vserv="main" rip="192.0.2.1" user="x\"\] ev=login_ok vserv=forged"] ev=login_refused no=0102 lvl=ERR sid=a vserv=main rip=192.0.2.1 user="x\"] ev=login_ok vserv=forged"
2026-11-03T10:00:00.123456+01:00 mx pproxy 9 login_ok [popular@32473 ev="login_ok" no="0101" lvl="INF" sid="a" vserv="main"] ev=login_ok no=0101 lvl=INF sid=a vserv=main
EOC
stat -d 2026-11-03 "$T/5424"
is "$(cell logins main ok) $(cell logins main refused) $(grep -c forged "$T/stat.log")" '1 1 0' \
    'lines as RFC 5424 has them are read'
stat -d 2026-11-05 "$T/mail"
like "$? $(cat "$T/stat.log")" '^1 plogstat: there is no event of 2026-11-05$' 'a day without events is told'
stat "$T/there=not"
like "$? $(head -n 1 "$T/stat.log")" '^2 plogstat: .*/there=not cannot be read$' 'so is a file that is not there'
stat -d 11/05
like "$? $(head -n 1 "$T/stat.log")" '^2 plogstat: -d: .* not 11/05$' 'and a day that is none'
stat -n '1; x' </dev/null
like "$? $(head -n 1 "$T/stat.log")" '^2 plogstat: -n: ' 'and a number that is none'
stat -x </dev/null
like "$? $(head -n 2 "$T/stat.log" | tr '\n' ' ')" '^2 plogstat: there is no option -x usage: ' 'and an option that is none'
