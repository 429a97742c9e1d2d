#!/bin/sh
# pclean: says what it would remove, removes just that, and nothing that is alive.
. t/lib/tap.sh
. t/lib/clean.sh
plan 18

files() { (cd "$T/spool" && find . -type f ! -name '.popular-spool' | sort | tr '\n' ' '); }

mkdir "$T/spool"
[ -z "$ROOT" ] || chown "$USER" "$T/spool"
box joe
put joe/tmp/1.dead '2 days ago'
clean -x
is $status 75 'without its mark the spool is not mounted: 75'
there joe/tmp/1.dead
ok $? 'and nothing is removed'
spool

# tmp
put joe/tmp/2.alive '35 hours ago'
asuser touch -h -d '2 days ago' "$T/spool/joe/tmp/1.dead"
asuser ln -s "$T/spool/joe/tmp/2.alive" "$T/spool/joe/tmp/3.link"
asuser mkdir "$T/spool/joe/tmp/4.folder"
asuser touch -h -d '2 days ago' "$T/spool/joe/tmp/3.link" "$T/spool/joe/tmp/4.folder"
before=$(files)
clean
is "$status $(said)" '0 would remove joe/tmp/1.dead: older than 36 hours/' \
    'without -x it only says what it would remove'
is "$(tail -n 1 "$T/out.log")" '1 mailboxes; would be removed: 1 files, 0 mailboxes; left: 0; failed: 0' \
    'and sums that up'
is "$(files)" "$before" 'and removes nothing'
clean -x
is "$status $(said)" '0 removed joe/tmp/1.dead: older than 36 hours/' 'with -x it removes that'
is "$(files)" "$(echo "$before" | sed 's,./joe/tmp/1.dead ,,')" 'and nothing else'
seen clean 'ev=cleaned no=0501 lvl=INF sid=- acted=true mailboxes=1 files=1 ' 'which is logged'

# Old mail
old=$(($(date +%s) - 40 * 86400))
young=$(($(date +%s) - 5 * 86400))
box 3/2d/ann
asuser mkdir -p "$T/spool/3/2d/ann/.Trash/cur" "$T/spool/3/2d/ann/.Spam/new"
put "3/2d/ann/new/$old.a.h,S=2" '40 days ago'
put "3/2d/ann/cur/$old.b.h:2,S" '40 days ago'
put "3/2d/ann/cur/$old.c.h:2,S" '5 days ago'
put "3/2d/ann/cur/$young.d.h:2,S" '40 days ago'
put "3/2d/ann/.Trash/cur/$young.e.h:2," '5 days ago'
put "3/2d/ann/.Spam/new/$old.f.h" '40 days ago'
printf '1000S\n10 5\n' | asuser tee "$T/spool/3/2d/ann/maildirsize" >/dev/null
clean -o cur=30
is "$(said)" "would remove 3/2d/ann/cur/$old.b.h:2,S: older than 30 days/" \
    'mail is old if both its name and its file say so'
clean -o '*=30' -o new=50 -o .Trash=4
is "$(said)" "would remove 3/2d/ann/.Spam/new/$old.f.h: older than 30 days/would remove 3/2d/ann/.Trash/cur/$young.e.h:2,: older than 4 days/would remove 3/2d/ann/cur/$old.b.h:2,S: older than 30 days/" \
    'each folder has an age of its own, the rest that of *'
clean -x -o new=30 -o '*=30' -o .Trash=4
is "$(tr '\n' ' ' <"$T/spool/3/2d/ann/maildirsize")$(find "$T/spool/3/2d/ann/new" -type f | wc -l | tr -d ' ')" '1000S 10 5 -2 -1 -2 -1 -2 -1 0' \
    'the quota is kept right, and the trash does not count'
clean -x -q -o '*=30'
is "$status $(said)" '0 ' 'a second time there is nothing to do'
for wrong in '-o tmp=1' '-o 30' '-o cur=x' '-r x' joe '-D 1'; do
    # shellcheck disable=SC2086
    clean $wrong
    [ $status -eq 64 ] || break
done
is $status 64 'a wrong command line: 64'

# A session has the mailbox.
cat >"$T/pserv.rc" <<EOC
set spool $T/spool
server add main 127.0.0.1:$(port 2) allow=127.0.0.0/8
EOC
daemon pserv -d -f "$T/pserv.rc" && ready 2
put "joe/cur/$old.x.h:2,S" '40 days ago'
cat >"$T/hold.pl" <<'EOP'
# A session with a mailbox, while a command runs.
use IO::Socket::INET;
my ($port, $mailbox, @command) = @ARGV;
$SIG{ALRM} = sub { exit 3 };
alarm 30;
my $s = IO::Socket::INET->new("127.0.0.1:$port") or die;
print $s "$mailbox\r\nsid\r\n\r\n";
<$s> =~ /^\+OK/ or die;
system @command;
print $s "RETR 1\r\nQUIT\r\n";
print scalar <$s>;
EOP
held() { perl "$T/hold.pl" "$(port 2)" "$@"; }
said=$(held joe "$LIB/as" "$USER" "$BIN/pclean" -m "$T/spool" -l "$T/clean.log" -x -o cur=30)
like "$said" '^left joe: in use' 'a mailbox in use is left, and that is said'
like "$said" '^\+OK 3 octets' 'and the session has its mail'
seen clean 'ev=mailbox_passed no=0504 lvl=INF sid=- mbox=joe why="in use"' 'and it is logged'
clean -x -o cur=30
is "$(said)" "removed joe/cur/$old.x.h:2,S: older than 30 days/" 'later it is cleaned'
end pserv >/dev/null

# Names of all kinds
asuser mkdir -p "$T/spool/bad name/new" "$T/spool/bad name/cur"
nl=$(printf 'a\nb')
put "joe/tmp/$nl" '2 days ago'
put "joe/tmp/-rf *" '2 days ago'
clean -x
is "$status $(said)" '75 failed bad name: no name of a mailbox: may hold letters, digits and ._-+/=% only/removed joe/tmp/-rf *: older than 36 hours/removed joe/tmp/a\nb: older than 36 hours/' \
    'names of any octets are removed and shown escaped; what is no mailbox is told'
asuser rmdir "$T/spool/bad name/new" "$T/spool/bad name/cur" "$T/spool/bad name"
