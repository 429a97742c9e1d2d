#!/bin/sh
# debug: an area tells its details, of everybody, of a user or of a network, in running sessions too.
. t/lib/tap.sh
plan 17

modules
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
*:anna:{PLAIN}secret:b1:3/anna
*:two words:{PLAIN}secret:b1:3/two
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
set loglevel ERR
set penaltymax 0
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
debug auth on ip=127.0.0.9 "user=two words"
EOC
daemon fakepop3 "$(port 2)" xpop mail=2 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1
login() { talk -b "$2" 1 "USER $1" 'PASS secret' QUIT; }
told() { grep -c 'ev=debug' "$T/pproxy.log"; }

# The start file holds when it has been tried, which at this level no line tells.
held() { ctl pproxy debug list | grep -q ip=127.0.0.9; }
until_ok held
like "$(ctl pproxy debug list | tr '\n' ' ')" \
    'flag=auth state=off flag=auth state=on user="two words" ip=127.0.0.9 flag=check' 'the start file can say who'
login joe 127.0.0.1
is "$(told)" 0 'nobody else is told of'
ctl pproxy debug auth on user=joe >/dev/null
login anna 127.0.0.1
is "$(told)" 0 'nor other users than the one asked for'
login joe 127.0.0.1
seen pproxy 'ev=debug no=0000 lvl=DBG .*area=auth pdm=users verdict=accept vouching=false' 'what the module says of this one is told'
seen pproxy 'ev=debug .*area=auth outcome=accept' 'and what comes of it'
unseen pproxy 'area=session|secret' 'but not of other areas, and no password'

ctl pproxy debug session on ip=127.0.0.16/28 >/dev/null
ctl pproxy debug auth off user=joe >/dev/null
login joe 127.0.0.1
before=$(told)
login joe 127.0.0.17
seen pproxy 'area=session command=PASS' 'a network can be told of'
[ "$(grep -c 'area=session' "$T/pproxy.log")" -le 3 ]
ok $? 'and only that' "$before before"

# A session that is going on: its next line is told of.
talk -b 127.0.0.3 1 'USER anna' ":mark $T/there" ":hold $T/go" CAPA QUIT &
until_ok test -e "$T/there"
ctl pproxy debug session on user=anna >/dev/null
: >"$T/go"
wait $!
seen pproxy 'area=session command=CAPA' 'a session that is going on is told of at once'

config=$(ctl pproxy config | grep '^debug')
is "$config" 'debug auth on "user=two words" ip=127.0.0.9
debug session on ip=127.0.0.16/28
debug session on user=anna' 'config has them all'
ctl pproxy debug session off >/dev/null
is "$(ctl pproxy config | grep -c '^debug session')" 0 'off without a name forgets all of an area'
like "$(ctl pproxy debug auth off user=nobody)" '^-?E?R?R?.*auth is not on for that' 'who is not looked at cannot be left out'
like "$(ctl pproxy debug auth on name=joe)" 'unknown option name; there are: user ip' 'what is no option is told'
like "$(ctl pproxy debug auth on ip=10.0.0.1/8)" 'ip must be a network like' 'and what is no network'
like "$(ctl pproxy debug nonsense on)" 'no flag nonsense; there are: control pool session auth check' 'or no flag'
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo "debug pool on user=u$n"; done >"$T/many"
ctl pproxy -f "$T/many" >/dev/null
like "$(ctl pproxy debug pool on user=more)" '16 are looked at already' 'their number is bounded'
perl -e 'print "debug pool on user=", "x" x 300, "\n"' >"$T/long"
like "$(ctl pproxy -f "$T/long")" 'user must have 1 to 255 octets' 'and their length'
