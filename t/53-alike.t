#!/bin/sh
# pproxy: the same users from every kind of module; ptestpdm and pdm test say what logins do.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 17

suite
CC=${CC:-cc}
$CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_hello.so" src/modules/example/hello.c
ok $? 'the example in C compiles'

echo '*:hello-joe:{PLAIN}secret:b1:hello/joe' | file users
printf '+11,%d:*:hello-joe->%s\n\n' 26 '{PLAIN}secret:b1:hello/joe' | cdb -c -p 0644 "$T/users.cdb"
file lookup <<'EOC'
#!/bin/sh
tr '\0' '\n' <&3 | {
    read -r user
    read -r password
    [ "$user" = hello-joe ] || exit 3
    echo b1:hello/joe
    [ "$password" = secret ]
}
EOC
chmod 755 "$T/lookup"
file logins <<'EOC'
# ip protocol namespace user password
127.0.0.1 pop3 default hello-joe secret
127.0.0.1 pop3 default hello-joe Secret
127.0.0.1 pop3 default hello- secret
127.0.0.1 pop3 default joe secret
EOC
sed -i "s,^pdm add.*,pdm add flat flat $T/users," "$T/pproxy.rc"
printf 'Subject: joe\n\n' | deliver hello/joe
start_suite

says() {
    talk 1 "USER $1" "PASS $2" 'STAT' 'QUIT'
    sed -n -e '3s/^\(-ERR [^ ]*\).*/\1/p' -e '3s/^\(+OK\).*/\1/p' -e '4s/^\(+OK 1\).*/\1/p' \
        "$T/talk.log" | tr '\n' ';'
}
# What the chain says of each login, as far as it must not depend on the module.
chain() {
    echo "$*" >"$T/commands"
    "$BIN/ptestpdm" -d "$T/lib" "$T/commands" "$T/logins" >"$T/tested.log" 2>&1
    _status=$?
    sed 's/ pdm=[^ ]*//; s/ why=.*//; s/ us=.*//' "$T/tested.log"
    return $_status
}
# The same by the daemon itself.
tested() {
    sed -n 's/^\([0-9.]*\) pop3 \(.*\)/\2 \1/p' "$T/logins" | while read -r ns user password ip; do
        ctl pproxy pdm test "$ns" "$user" "$password" "$ip" | tail -n 1 |
            sed "s/^\(outcome=[a-z]*\)/\1 ip=$ip ns=$ns user=$user/; s/ pdm=[^ ]*//
                s/ reply=.*//; s/ why=.*//"
    done
}
cat >"$T/expected" <<'EOC'
outcome=accept ip=127.0.0.1 ns=default user=hello-joe backend=b1 mbox=hello/joe
outcome=refuse ip=127.0.0.1 ns=default user=hello-joe
outcome=refuse ip=127.0.0.1 ns=default user=hello-
outcome=refuse ip=127.0.0.1 ns=default user=joe
EOC
last=flat
for kind in flat cdb exec hello; do
    case $kind in
    flat) args=$T/users ;;
    cdb) args=$T/users.cdb ;;
    exec) args=$T/lookup ;;
    hello) args='secret b1' ;;
    esac
    chain "$kind $kind $args" >"$T/said"
    is $? 1 "ptestpdm tells that not all logins pass ($kind)"
    same "$T/said" "$T/expected" "and which do, and where the mail is ($kind)"
    if [ $kind != flat ]; then
        printf 'pdm delete %s\npdm add %s %s %s\n' $last $kind $kind "$args" |
            ctl pproxy -f - >/dev/null
    fi
    tested >"$T/said"
    same "$T/said" "$T/expected" "the daemon says the same of its own modules ($kind)"
    is "$(says hello-joe secret) $(says hello-joe Secret) $(says joe secret)" \
        '+OK;+OK 1; -ERR [AUTH]; -ERR [AUTH];' "and so do logins ($kind)"
    last=$kind
done
