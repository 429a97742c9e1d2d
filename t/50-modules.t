#!/bin/sh
# pproxy: whoever a user is, the modules say so, and where the mail lies.
. t/lib/tap.sh
plan 25

suite
sed -i "s,^pdm add.*,pdm add all any b1 %n/%1h/%2h/%u," "$T/pproxy.rc"
printf 'Subject: joe\n\n' | deliver default/8/ff/joe
printf 'Subject: dots\n\n' | deliver "default/$(printf %s ../../%n%s | md5sum |
    sed 's,^\(.\)\(..\).*,\1/\2,')/%2E.%2F..%2F%25n%25s"
start_suite

talk 1 'USER joe' 'PASS anything' 'TOP 1 0' 'QUIT'
line 3 '^\+OK' 'any lets everybody in'
line 5 '^Subject: joe$' 'to the mailbox that the template makes'
# shellcheck disable=SC2016
talk 1 'USER ../../%n%s' 'PASS $(id)' 'TOP 1 0' 'QUIT'
line 5 '^Subject: dots$' 'which no name can leave'
talk 1 "USER $(printf '%240s' '' | tr ' ' %)" 'PASS x' 'QUIT'
line 3 '^-ERR' 'nor make longer than a mailbox can be'
seen pproxy 'ev=login_refused .*why="the mailbox is longer than 255 octets"' 'and the log says so'
ctl pproxy pdm add other any b1 '%x' >/dev/null
like "$(cat "$T/ctl.log")" 'pdm other \(any\): TEMPLATE %x: %x is unknown; there are: %u' \
    'a template that is wrong is refused'
ctl pproxy pdm add other any 'b 1' >/dev/null
like "$(cat "$T/ctl.log")" 'pdm other \(any\): BACKEND: ' 'so is a wrong backend'
talk 1 'USER joe' 'PASS anything' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'and nothing has changed'

# Another module knows the user and refuses; master vouches.
file masters <<EOC
127.0.0.0/8:default:{PLAIN}open sesame
192.0.2.0/24:default:{PLAIN}elsewhere
EOC
account anna b1 anna
printf 'Subject: anna\n\n' | deliver anna
cat >"$T/words" <<EOC
pdm delete all
pdm add users flat $T/users
pdm add masters master $T/masters
EOC
ctl pproxy -f "$T/words" >/dev/null
talk 1 'USER anna' 'PASS open sesame' 'RETR 1' 'QUIT'
line 5 '^Subject: anna$' 'a master password opens the mailbox of a known user'
seen pproxy 'ev=login_ok .*user=anna .*pdm=users vouched=masters' 'and the log names who vouched'
seen pserv 'ev=server_session .*mbox=anna master=true .*retrieved=1' 'the server knows it'
is "$(find "$T/spool/anna/cur" -type f | wc -l | tr -d ' ')" 0 'and the mail is not marked as read'
talk 1 'USER anna' 'PASS secret' 'RETR 1' 'QUIT'
is "$(find "$T/spool/anna/cur" -type f | wc -l | tr -d ' ')" 1 'reading with her own password marks it'
talk 1 'USER anna' 'PASS elsewhere' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'the master password of another network is a wrong one'
talk 1 'USER nobody' 'PASS open sesame' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'so is one for a user whom nobody knows'
echo '192.0.2.7/24:x:!' >>"$T/masters"
ctl pproxy pdm reload masters >/dev/null
like "$(cat "$T/ctl.log")" "masters:3: network: " 'a wrong line is named'
talk 1 'USER anna' 'PASS open sesame' 'QUIT'
line 3 '^\+OK' 'and what was read before goes on'

# The same accounts in a constant database, made as the manual says.
{
    echo "LC_ALL=C awk '/^[^#]/ {"
    sed -n "/^LC_ALL=C awk/,/^\\.Ed/p" man/pdm_cdb.8 | sed '1d; $d; s/\\e/\\/'
} >"$T/convert"
convert() { (cd "$T" && sh ./convert) && chmod 644 "$T/users.cdb"; }
echo 'default:zoe smith:{PLAIN}a:b1:anna' >>"$T/users"
convert 2>"$T/convert.log"
ok $? 'the command of the manual makes a constant database'
cat >"$T/words" <<EOC
pdm delete users
pdm delete masters
pdm add many cdb $T/users.cdb
EOC
ctl pproxy -f "$T/words" >/dev/null
talk 1 'USER anna' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'a user of it finds the mailbox'
seen pproxy 'ev=login_ok .*user=anna .*pdm=many ' 'and the log says by which module'
talk 1 'USER anna' 'PASS Secret' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'a wrong password stays wrong'
talk 1 'USER nobody' 'PASS secret' 'QUIT'
line 3 '^-ERR \[AUTH\]' 'and a stranger a stranger'
printf 'default:anna' | { read -r _key; printf '+%d,1:%s->x\n\n' ${#_key} "$_key"; } |
    cdb -c -p 0644 "$T/bad.cdb"
ctl pproxy pdm add bad cdb "$T/bad.cdb" >/dev/null
like "$(cat "$T/ctl.log")" 'bad\.cdb: default:anna: too few fields: hash:backend:mailbox' \
    'a record that is wrong is named when the file is opened'
cp "$T/users.cdb" "$T/old.cdb"
dd if=/dev/null of="$T/users.cdb" bs=1 seek=2100 2>/dev/null
talk 1 'USER anna' 'PASS secret' 'QUIT'
line 3 '^-ERR \[SYS/TEMP\]' 'a file that was cut short tells nothing of passwords'
seen pproxy 'ev=module_failed .*pdm=many why=".*users.cdb: was cut short' 'and the log tells why'
