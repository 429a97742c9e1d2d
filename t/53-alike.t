#!/bin/sh
# pproxy: the same users from every kind of module; ptestpdm says what logins do; a module that
# misbehaves costs one session.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 22

suite
CC=${CC:-cc}
# What a module does to the user of this name: hang, crash, or nonsense.
file bad.c <<'EOC'
#include <popular/pdm.h>
#include <stdlib.h>
#include <unistd.h>
static int
bad_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	(void)config, (void)ctx, (void)error;
	return 0;
}
static int
bad_check(void *ctx, const struct pdm_request *request, struct pdm_answer *answer)
{
	(void)ctx;
	while (pdm_eq(request->user, "hang"))
		sleep(60);
	if (pdm_eq(request->user, "crash"))
		abort();
	if (pdm_eq(request->user, "number"))
		return 42;
	if (pdm_eq(request->user, "long")) {
		answer->backend.len = 1000000;
		return PDM_ACCEPT;
	}
	if (pdm_eq(request->user, "path")) {
		pdm_puts(&answer->backend, "b1");
		pdm_puts(&answer->mailbox, "../../etc");
		return PDM_ACCEPT;
	}
	return PDM_UNKNOWN;
}
const struct pdm_module pdm_module = {
	.abi = PDM_ABI, .size = sizeof(struct pdm_module), .name = "bad",
	.open = bad_open, .check = bad_check,
};
EOC
$CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_hello.so" src/modules/example/hello.c &&
    $CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_bad.so" "$T/bad.c"
ok $? 'modules in C compile'

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
    is "$(says hello-joe secret) $(says hello-joe Secret) $(says joe secret)" \
        '+OK;+OK 1; -ERR [AUTH]; -ERR [AUTH];' "and so do logins ($kind)"
    last=$kind
done

printf 'set authtimeout 1s\npdm add bad bad\npdm order bad hello\n' | ctl pproxy -f - >/dev/null
for user in number long path; do
    talk 1 "USER $user" 'PASS secret' 'QUIT'
    sed -n 3p "$T/talk.log"
done >"$T/replies"
is "$(grep -c '^-ERR \[SYS/TEMP\]' "$T/replies")" 3 'nonsense of a module is never a wrong password'
is "$(grep -c 'ev=module_failed .*pdm=bad' "$T/pproxy.log")" 3 'and is logged with its name'
talk 1 'USER crash' 'PASS secret' 'QUIT'
line 3 '^\[(closed|reset)\]' 'a module that crashes ends its session'
seen pproxy 'ev=worker_died .*doing="pdm bad"' 'and the log names it'
talk -n hang 1 'USER hang' 'PASS secret' 'QUIT' &
hang=$!
is "$(says hello-joe secret)" '+OK;+OK 1;' 'other users notice nothing of one that hangs'
seen pproxy 'ev=worker_stuck .*doing="pdm bad"' 'which is ended and named'
wait "$hang"
echo 'bad bad' >"$T/commands"
echo '127.0.0.1 pop3 default number secret' >"$T/logins"
"$BIN/ptestpdm" -d "$T/lib" "$T/commands" "$T/logins" >"$T/tested.log"
is $? 2 'ptestpdm tells a failure from a refusal'
"$BIN/ptestpdm" -d "$T" "$T/commands" "$T/logins" 2>"$T/tested.log"
is "$?$(grep -c '^ptestpdm: pdm bad (bad): .*libpdm_bad.so' "$T/tested.log")" 31 \
    'and names a module that cannot be loaded'
unseen hang '^-ERR \[AUTH\]' 'and nobody was told of a wrong password'
