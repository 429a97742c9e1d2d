#!/bin/sh
# pproxy: thousands of names on one virtual server, in a list that changes while it runs.
. t/lib/tap.sh
. t/lib/ca.sh
plan 17
MANY=3000

authority ca
cert mail ca mail.example.org
cert brands ca '*.brands.example'
cert own ca own.example
cert late ca late.example
suite
account anna b1 a/anna
{
    echo '# one a line'
    perl -e "print \"n\$_.brands.example,$T/brands.crt,$T/brands.key\\n\" for 1 .. $MANY"
    echo
    echo "own.example,$T/own.crt,$T/own.key"
} >"$T/list"
cat >>"$T/pproxy.rc" <<EOC
vserv add pops 127.0.0.1:$(port 4) tls=implicit cert=$T/mail.crt key=$T/mail.key sni=$T/list
EOC
start_suite && ready 4

# sees HOST [NAME]: would a client that asks for it and wants a certificate with that NAME be
# content?
sees() {
    printf 'QUIT\r\n' | tls 4 -servername "$1" -verify_hostname "${2-$1}" -verify_return_error
    grep -q '^+OK' "$T/tls.log"
}
# rewritten NAME: what stands there now, put into its place as an administrator's editor does
rewritten() { cat >"$T/new" && mv "$T/new" "$T/$1"; }
sees n1.brands.example && sees "n$MANY.brands.example"
ok $? "all of $MANY names have their certificate"
sees own.example
ok $? 'and one of them a certificate of its own'
! sees late.example
ok $? 'who asks for another is shown that of the server'
printf 'QUIT\r\n' | tls 4 -servername late.example
seen tls 'subject=CN = mail.example.org' 'as any client that names no server'
ctl pproxy tls list >/dev/null
is "$(grep -c ' sni=n[0-9]*\.brands\.example ' "$T/ctl.log")" $MANY 'the list tells of each'
ctl pproxy config >/dev/null
seen ctl "sni=$T/list\$" 'the configuration is as short as it was'

{ cat "$T/list"; echo "late.example,$T/late.crt,$T/late.key"; } | rewritten list
until_ok sees late.example
ok $? 'a name that is added to the list is noticed'
cert own ca own.example,second.example
until_ok sees own.example second.example
ok $? 'and a certificate that was replaced'

# What is broken changes nothing.
{ cat "$T/list"; echo "broken.example,$T/late.crt"; } >"$T/worse"
ctl pproxy vserv change pops "sni=$T/worse" >/dev/null
seen ctl "^pctl: vserv pops: sni: $T/worse: line $((MANY + 5)) must be HOST,/FILE,/FILE" 'a line that is wrong is refused'
echo "lost.example,$T/lost.crt,$T/late.key" >"$T/worse"
ctl pproxy vserv change pops "sni=$T/worse" >/dev/null
seen ctl "^pctl: vserv pops: sni: $T/worse: $T/lost.crt: No such file" 'and one that names no file'
ctl pproxy vserv change pops 'sni=own.example,list' >/dev/null
seen ctl '^pctl: sni must be HOST,/FILE,/FILE;/FILE' 'and an option that is neither pair nor list'
echo nonsense | rewritten list
seen pproxy "ev=generation_failed .*cause=\"files replaced\" why=\"vserv pops: sni: $T/list: line 1 must be" \
    'a running daemon tells of it'
echo nonsense | rewritten mail.crt
sees late.example
ok $? 'and goes on with what it has'

# Whoever takes the place of a dead pool needs none of the files.
children=/proc/$(pid pproxy)/task/$(pid pproxy)/children
replaced() { sed '1,/ev=pool_died/d' "$T/pproxy.log" | grep -q 'ev=generation_current'; }
if [ -r "$children" ]; then
    kill -KILL "$(cut -d ' ' -f 1 "$children")"
    seen pproxy 'ev=pool_died' 'a pool dies'
    until_ok replaced
    ok $? 'it is replaced'
    sees late.example
    ok $? 'and nobody sees a difference'
else
    for n in 14 15 16; do ok 0 "the death of a pool # skip $n there is no list of children"; done
fi
unseen pproxy 'ev=worker_|BUG' 'nothing went wrong in the daemon'
