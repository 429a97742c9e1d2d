#!/bin/sh
# pproxy: who was let in is let in again without asking, and nobody else is.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 34

suite
CC=${CC:-cc}
$CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_hello.so" src/modules/example/hello.c
mkdir "$T/out"
chmod 777 "$T/out"
# Says how often it was asked; knows users by the files in $T/out.
cat >"$T/lookup" <<EOC
#!/bin/sh
tr '\\0' '\\n' <&3 | {
    read -r user
    read -r password
    echo "\$user" >>"$T/out/asked"
    [ ! -e "$T/out/down" ] || exit 111
    [ -e "$T/out/\$user" ] || exit 3
    echo "b1:box/\$user"
    [ "\$password" = "\$(cat "$T/out/\$user")" ]
}
EOC
chmod 755 "$T/lookup"
for user in joe anna; do
    echo "secret-$user" >"$T/out/$user"
    box box/$user
    printf 'Subject: %s\n\n' $user | deliver box/$user
done
cat >>"$T/pproxy.rc" <<EOC
vserv add two 127.0.0.1:$(port 4) namespace=other
EOC
sed -i "s,^pdm add.*,pdm add prog exec $T/lookup," "$T/pproxy.rc"
start_suite

# login [PORT] USER PASSWORD: what the client hears, in short
login() {
    _at=1
    case $1 in [0-9]) _at=$1; shift ;; esac
    talk "$_at" "USER $1" "PASS $2" 'TOP 1 0' 'QUIT'
    sed -n -e '3s/^\(-ERR [^ ]*\).*/\1/p' -e '3s/^\(+OK\).*/\1/p' -e 's/^Subject: //p' \
        "$T/talk.log" | tr '\n' ' '
}
asked() { if [ -e "$T/out/asked" ]; then wc -l <"$T/out/asked" | tr -d ' '; else echo 0; fi; }
counted() { ctl pproxy counter list | sed -n "s/^name=$1 value=//p" | tr -d '\r'; }

is "$(login joe secret-joe)$(login joe secret-joe)$(asked)" '+OK joe +OK joe 2' \
    'without a cachetime a module is asked each time'
ctl pproxy set cachetime 1h >/dev/null
is "$(login joe secret-joe)$(login joe secret-joe)$(asked)" '+OK joe +OK joe 3' \
    'with one it is asked once'
seen pproxy 'ev=login_ok .*user=joe .*pdm=prog vouched=- cached=yes .*mbox=box/joe' 'and the log says so'
is "$(counted cache_hits) $(counted cache_misses)" '1 1' 'hits and misses are counted'
is "$(login joe secret-anna)$(asked)" '-ERR [AUTH] 4' 'another password is a question to the module'
is "$(login joe secret-joe)$(asked)" '+OK joe 5' 'and a refusal makes it forget the user'
login joe secret-joe >/dev/null
is "$(login anna secret-joe)$(login anna secret-anna)$(asked)" '-ERR [AUTH] +OK anna 7' \
    'nobody gets in by the password of another'
is "$(login anna secret-anna)$(login joe secret-joe)$(asked)" '+OK anna +OK joe 7' \
    'two users are two'
is "$(login 4 joe secret-joe)$(asked)" '+OK joe 8' 'nor is a user of another virtual server the same'

echo changed >"$T/out/joe"
is "$(login joe changed)$(asked)" '+OK joe 9' 'a new password is good at once'
is "$(login joe changed)$(asked)" '+OK joe 9' 'and remembered'
is "$(login joe secret-joe)$(asked)" '-ERR [AUTH] 10' 'the old one then is good no more'

login joe changed >/dev/null
: >"$T/out/asked"
ctl pproxy cache flush joe >/dev/null
is "$(login anna secret-anna)$(asked) $(login joe changed)$(asked)" '+OK anna 0 +OK joe 1' \
    'cache flush USER forgets that user'
ctl pproxy cache flush anna@other >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'in the namespace that is named'
ctl pproxy cache flush anna@default >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 2' 'and in no other'
ctl pproxy cache flush >/dev/null
is "$(login anna secret-anna)$(login joe changed)$(asked)" '+OK anna +OK joe 4' \
    'cache flush forgets everybody'
is "$(login anna secret-anna)$(login joe changed)$(asked)" '+OK anna +OK joe 4' 'but once'

: >"$T/out/asked"
ctl pproxy vserv add three "127.0.0.1:$(port 5)" >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 0' 'a generation with the same modules knows what is known'
ctl pproxy pdm reload prog >/dev/null
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'a module that is loaded anew is asked anew'
is "$(login anna secret-anna)$(asked)" '+OK anna 1' 'and then known again'

# The module cannot say.
ctl pproxy set cachetime 1s >/dev/null
fresh() { login anna secret-anna >/dev/null; [ "$(asked)" -gt "$1" ]; }
: >"$T/out/asked"
until_ok fresh 0
ok $? 'an answer that is too old is asked for again'
: >"$T/out/down"
old() { login anna secret-anna | grep -q '^-ERR'; }
until_ok old
ok $? 'without cachestale it is good for nothing then'
rm "$T/out/down"
ctl pproxy pdm reload prog >/dev/null
ctl pproxy set cachestale 1h >/dev/null
login anna secret-anna >/dev/null
: >"$T/out/down"
stale() { login anna secret-anna >/dev/null; has pproxy 'ev=cache_stale .*lvl=ADM .*pdm=prog'; }
until_ok stale
ok $? 'with it it is as long as the module cannot say'
is "$(login anna secret-anna)" '+OK anna ' 'the user gets in'
is "$(login anna wrong)" '-ERR [SYS/TEMP] ' 'another password is not called wrong'
is "$(login anna secret-anna)" '+OK anna ' 'which changes nothing for the right one'
rm "$T/out/down"
echo other >"$T/out/anna"
ctl pproxy pdm reload prog >/dev/null
is "$(login anna secret-anna)" '-ERR [AUTH] ' 'when it can say again, it does'
: >"$T/out/down"
is "$(login anna secret-anna)" '-ERR [SYS/TEMP] ' 'and what it refused is stale no more'
rm "$T/out/down"

# X5: the same for every module, with the same two names.
echo '*:hello-joe:{PLAIN}one:b1:box/joe
*:hello-anna:{PLAIN}two:b1:box/anna' >"$T/users"
printf '+11,%d:*:hello-joe->%s\n+12,%d:*:hello-anna->%s\n\n' \
    20 '{PLAIN}one:b1:box/joe' 21 '{PLAIN}two:b1:box/anna' >"$T/records"
perl -pe 's/^\+\d+,\d+:(.*)->(.*)$/"+".length($1).",".length($2).":$1->$2"/e' "$T/records" |
    cdb -c -p 0644 "$T/users.cdb"
for user in joe anna; do
    box hello/$user
    printf 'Subject: %s\n\n' $user | deliver hello/$user
done
echo one >"$T/out/hello-joe"
echo two >"$T/out/hello-anna"
mkdir -p "$T/spool/box"
box box/hello-joe
box box/hello-anna
for user in joe anna; do printf 'Subject: %s\n\n' $user | deliver box/hello-$user; done
ctl pproxy set cachetime 1h >/dev/null
last=prog
for kind in flat cdb exec hello; do
    case $kind in
    flat) args=$T/users ;;
    cdb) args=$T/users.cdb ;;
    exec) args=$T/lookup ;;
    hello) args='one b1' ;;
    esac
    printf 'pdm delete %s\npdm add %s %s %s\n' $last $kind $kind "$args" | ctl pproxy -f - >/dev/null
    last=$kind
    two=two
    [ $kind != hello ] || two=one
    first="$(login hello-joe one)$(login hello-anna $two)"
    before=$(counted cache_hits)
    again="$(login hello-joe one)$(login hello-anna $two)"
    is "$first$again$(($(counted cache_hits) - before))" '+OK joe +OK anna +OK joe +OK anna 2' \
        "two users stay two ($kind)"
done
mkdir -p "$T/spool/x"
sed -n 's/.*words="\(.*\)"$/\1/p' "$T/pproxy.log" >"$T/words"
grep -q 'cache flush anna@default' "$T/words"
ok $? 'a flush is logged'
unseen pproxy 'secret-(joe|anna)' 'and no password is'
