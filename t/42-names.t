#!/bin/sh
# pproxy: a user name is octets, from the client through the modules to backend and log; nothing
# in it means anything to anybody on the way.
. t/lib/tap.sh
plan 30

suite
mkdir "$T/out"
chmod 777 "$T/out"
# Writes what it was asked, and knows everybody.
file lookup <<EOC
#!/bin/sh
od -An -v -tx1 <&3 | tr -d ' \\n' >>"$T/out/asked"
echo >>"$T/out/asked"
echo plain:
EOC
chmod 755 "$T/lookup"
cat >"$T/pproxy.rc" <<EOC
set moduledir $T/lib
set softfail tempfail
backend add xpop 127.0.0.1:$(port 4) proto=xpop
backend add pop 127.0.0.1:$(port 5) proto=pop3
backend add plain 127.0.0.1:$(port 6) proto=pop3 login=plain
pdm add users flat $T/users
pdm add prog exec $T/lookup
vserv add x 127.0.0.1:$(port 1) namespace=x
vserv add p 127.0.0.1:$(port 2) namespace=p
vserv add e 127.0.0.1:$(port 3) namespace=e
EOC
cat >"$T/names" <<'EOC'
j\xc3\xb6rg@b\xc3\xbccher.example
j\xff\x80\xfe
%n%s%x
../../etc/passwd
`touch$IFS$OUT`
$(touch${IFS}$OUT);&|<>*?'"\\
a\x1b[2J\x07\x7f
=?#!~{}@[]
EOC
# in_form FORM NAME: the name, in which \xHH stands for an octet as in talk.pl: raw, in base64, in
# hexadecimal, for XPOP, as fakepop3 and as the log write it
in_form() {
    perl -MMIME::Base64 -e '
        my ($form, $name) = @ARGV;
        $name =~ s/\\(x([0-9A-Fa-f]{2})|[rn0\\])/
            $2 ? chr hex $2 : {r => "\r", n => "\n", 0 => "\0", "\\" => "\\"}->{$1}/gex;
        my $escape = sub { $_[0] =~ s/([^\x20-\x7e])/sprintf "\\x%02x", ord $1/ger };
        print $form eq "raw" ? $name
            : $form eq "b64" ? encode_base64($name, "")
            : $form eq "plain" ? encode_base64("\0$name\0secret", "")
            : $form eq "hex" ? unpack("H*", $name)
            : $form eq "xpop" ? $name =~ s/([^A-Za-z0-9._+@-])/sprintf "%%%02X", ord $1/ger
            : $form eq "fake" ? $escape->($name)
            : $name =~ /[^\x21-\x7e]|["=\\#]/ ? "user=\"" . $escape->($name =~ s/(["\\])/\\$1/gr) . "\" "
            : "user=$name "' "$1" "$2"
}
: >"$T/users"
while IFS= read -r name; do
    { printf x: && in_form raw "$name" && echo ':{PLAIN}secret:xpop:m/1'; } >>"$T/users"
    { printf p: && in_form raw "$name" && echo ':{PLAIN}secret:pop:'; } >>"$T/users"
done <"$T/names"
OUT=$T/out/pwned
export OUT
daemon -n xpop fakepop3 "$(port 4)" xpop mail=1 && ready 4
daemon -n pop fakepop3 "$(port 5)" mail=1 && ready 5
daemon -n plain fakepop3 "$(port 6)" 'AUTH=+OK' mail=1 && ready 6
daemon pproxy -d -f "$T/pproxy.rc" && ready 1 && ready 2 && ready 3

# count FILE TEXT: lines of the file that hold just this text
count() { grep -cF -e "$2" "$T/$1"; }

while IFS= read -r name; do
    for n in 1 2 3; do
        talk $n ":send USER $name\\r\\n" :line 'PASS secret' STAT QUIT
        has talk '^\+OK 1 16$' && echo ok >>"$T/served"
        talk $n "AUTH PLAIN $(in_form plain "$name")" STAT QUIT
        has talk '^\+OK 1 16$' && echo ok >>"$T/served"
        talk $n 'AUTH LOGIN' "$(in_form b64 "$name")" "$(in_form b64 secret)" STAT QUIT
        has talk '^\+OK 1 16$' && echo ok >>"$T/served"
    done
    is "$(count xpop.log "USER=$(in_form xpop "$name")")
$(count pop.log "USER $(in_form fake "$name")")
$(count plain.log "AUTH PLAIN $(in_form plain "$name")")
$(count out/asked "$(in_form hex "$name")00736563726574")" "3
3
3
3" "$name reaches storage hosts, servers of POP3 and programs as it is, however it was said"
    is "$(grep 'ev=login_ok' "$T/pproxy.log" | grep -cF -e "$(in_form log "$name")")" 9 'and stands escaped in the log'
done <"$T/names"
is "$(wc -l <"$T/served" | tr -d ' ')" 72 'each of them gets his mail'
[ ! -e "$OUT" ]
ok $? 'and nobody has run a program'
unseen pproxy "$(printf '[\033\007\303\377]')" 'the log is plain text'

long=$(printf '%01024d' 0)
before=$(count out/asked '')
talk 3 ':send USER ' ":times 64 $long" ':send \r\n' :line NOOP QUIT
line 2 '^-ERR the line is too long$' 'a name of 64 kB gets one refusal'
line 3 '^-ERR NOOP is not allowed now$' 'and the session goes on'
talk 3 ':send AUTH LOGIN\r\n' :line ":times 64 $long" ':send \r\n' :line 'USER joe' QUIT
line 3 '^-ERR the line is too long$' 'so does one in an exchange'
line 4 '^\+OK$' 'which is over then'
talk 3 "AUTH PLAIN" "$(in_form plain "$(printf '%05000d' 0)")" 'AUTH LOGIN' \
    "$(in_form b64 "$(printf '%0256d' 0)")" "$(in_form b64 secret)" QUIT
line 3 '^-ERR \[AUTH\]' 'a name of 5000 octets fits the line, and is refused'
line 6 '^-ERR \[AUTH\]' 'so is one of 256'
seen pproxy 'ev=login_refused .*user="0{200}0*\.\.\." .*why="user is empty or longer than 255 octets"' \
    'and the log cuts it'
for bad in 'joe\r\nDELE 1' 'joe\n' 'joe\rx' '\0joe' 'jo\0e'; do
    talk 3 'AUTH LOGIN' "$(in_form b64 "$bad")" "$(in_form b64 secret)" STAT QUIT
    has talk '^-ERR \[AUTH\]' || echo "$bad" >>"$T/let-in"
    talk 3 'AUTH LOGIN' "$(in_form b64 joe)" "$(in_form b64 "$bad")" STAT QUIT
    has talk '^-ERR \[AUTH\]' || echo "$bad" >>"$T/let-in"
    talk 3 "AUTH PLAIN $(in_form plain "$bad")" STAT QUIT
    has talk '^-ERR \[AUTH\]' || echo "$bad" >>"$T/let-in"
done
is "$(cat "$T/let-in" 2>/dev/null)" '' 'CR, LF and NUL in decoded credentials are refused'
is "$(count out/asked '')" "$before" 'before any module has seen any of it'
unseen plain 'DELE' 'or a backend'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'and no worker was lost by any of this'
