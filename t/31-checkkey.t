#!/bin/sh
# Mail checks with a key: who has none can neither ask nor answer, and nobody loses mail by it.
. t/lib/tap.sh
plan 34

# key FILE TEXT: a new file in place of the old one, as an administrator should do it
key() {
    (umask 077 && echo "$2" >"$T/$1.new")
    mv "$T/$1.new" "$T/$1"
}
first=0123456789abcdef
second='another one, and longer'
key proxy.key "$first"
key check.key "$first"
key wrong.key 'the key of a stranger'
suite
cat >>"$T/pproxy.rc" <<EOC
set checktimeout 20000
backend change b1 checkkey=$T/proxy.key
EOC
cat >>"$T/pcheckd.rc" <<EOC
server change main checkkey=$T/check.key
EOC
account joe b1 3/2d/joe
box 3/2d/joe
start_suite

# login MODE TITLE: joe logs in, and is served so
login() {
    talk 1 'USER joe' 'PASS secret' QUIT
    _status=$?
    _logins=$((${_logins-0} + 1))
    until_ok enough
    is "$_status $(grep 'ev=proxy_session' "$T/pproxy.log" | sed -n 's/.* mode=\([a-z]*\).*/\1/p' |
        sed -n "${_logins}p")" "0 $1" "$2"
}
enough() { [ "$(grep -c 'ev=proxy_session' "$T/pproxy.log")" -ge "$_logins" ]; }
check() { "$BIN/pcheck" -p "$(port 3)" "$@" 2>&1; }
says() {
    _want=$1 _title=$2
    shift 2
    _got=$(check "$@")
    is "$? $_got" "$_want" "$_title"
}
counted() { ctl "$1" counter list | sed -n "s/^name=$2 value=//p"; }

login empty 'proxy and pcheckd with the same key: an empty maildrop'
is "$(counted pcheckd no_mails) $(counted pcheckd unkeyed)" '1 0' 'which pcheckd has seen'
says '0 +OK 0 no mails' 'pcheck can ask with the key, too' -k "$T/check.key" -m 3/2d/joe
like "$(check -k "$T/check.key" -l)" '^\+OK [0-9.]+$' 'also for the load'
says '2 -ERR not the name of a mailbox' 'and hears what is wrong' -k "$T/check.key" -m ../etc

says '2 -ERR key' 'without the key it is refused' -m 3/2d/joe
seen pcheckd 'ev=check_unkeyed .*lvl=ADM .*server=main rip=127\.0\.0\.1 why="no key"' 'which is logged'
like "$(check -k "$T/wrong.key" -m 3/2d/joe)" 'the answer has no key, or another one' \
    'with another key as well'
wrongly() {
    check -k "$T/wrong.key" -l >"$T/wrongly.log"
    grep -q 'ev=check_unkeyed .*why="wrong key"' "$T/pcheckd.log"
}
until_ok wrongly
ok $? 'and that is logged, too'
talk -u 3 ':send *L\n' ':send +OK 0 no mails at all\n' ':quiet 0.3'
ok $? 'no answer to a stranger is longer than his question'

# Each side notices by itself that its file was replaced.
key proxy.key "$second"
seen pproxy 'ev=generation_current .*generation=2' 'the proxy takes up a new key'
login relay 'with another key than pcheckd: unknown, and the backend serves'
seen pproxy 'ev=check_error .*lvl=ADM .*backend=b1 why="the answer has no key, or another one"' \
    'and the administrator is told'
key check.key "$second"
seen pcheckd 'ev=generation_current .*generation=2' 'pcheckd takes it up as well'
login empty 'and all is well again'

# Two keys on the side that answers: nobody is refused while the others change theirs.
key old.key "$second"
key new.key "$first"
ctl pcheckd server change main "checkkey=$T/old.key,$T/new.key" >/dev/null
login empty 'with two keys, the old one is good'
key proxy.key "$first"
seen pproxy 'ev=generation_current .*generation=3' 'until the proxies have the new one'
login empty 'which is good, too'
like "$(ctl pcheckd config)" "checkkey=$T/old.key,$T/new.key" 'the configuration names the files'

ctl pproxy backend change b1 checkkey= >/dev/null
login relay 'a proxy without a key at a pcheckd with one: the backend serves'
seen pproxy 'ev=check_error .*why="error: key"' 'and the reason is logged'
ctl pproxy backend change b1 "checkkey=$T/proxy.key" >/dev/null
ctl pcheckd server change main checkkey= >/dev/null
login relay 'a proxy with a key at a pcheckd without one: the same'

echo short >"$T/short.key"
like "$(ctl pcheckd server change main "checkkey=$T/short.key")" \
    '^pctl: server main: .*short.key: a key has 16 to 256 octets, not 5' 'a short key is refused'
like "$(ctl pproxy backend change b1 "checkkey=$T/none.key")" '^pctl: .*none.key: No such file' \
    'and a file that is not there'
like "$(ctl pproxy backend change b1 "checkkey=$T/old.key,$T/new.key")" \
    '^pctl: backend b1: checkkey names more than one file' 'and two keys on the side that asks'
chmod 644 "$T/proxy.key"
seen pproxy "ev=key_exposed .*file=$T/proxy.key mode=0644" 'a key that all may read is logged'

# One who has the key, and one who has not, in place of pcheckd.
end pcheckd
answers() {
    daemon fakepcheckd -k "$first" "$(port 3)" "$1" && ready 3/udp
    login "$2" "$3"
    end fakepcheckd
}
answers '@+OK 0 no mails' empty 'an answer of one who has the key is believed'
answers '+OK 0 no mails\n' relay 'and no other'
answers '+OK 0 no mails 0123456789abcdef0123456789abcdef\n' relay 'though it look like one'
answers '@+OK 2 new mails|+OK 0 no mails\n' relay 'nor one behind it'
answers '+OK 2 new mails\n|@+OK 0 no mails' empty 'and it is waited for behind others'
is "$(counted pproxy check_silent)" 0 'nothing of that was taken for silence'
unseen pproxy 'lvl=(SOS|BUG)' 'nothing went wrong in the proxy'
unseen pcheckd 'lvl=(SOS|BUG)' 'nor in pcheckd'
