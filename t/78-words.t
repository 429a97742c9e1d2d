#!/bin/sh
# pproxy: every control word at run time, under a load of logins of which not one fails.
#
# Words stand in lists for `obey`, see t/lib/words.sh. A word of pproxy -T that stands in no list
# makes the test fail.
. t/lib/tap.sh
. t/lib/words.sh
plan 10

words_suite
echo 'TOP' >"$T/capa/few"
cp "$T/users" "$T/more"
until_ok all_come
ok $? 'users of four kinds log in over and over'
obey <<EOC
vserv add third 127.0.0.1:$(port 6) greeting="the third" softfail=smart
vserv change third namespace=elsewhere
vserv change third softfail=empty greeting=""
vserv delete third
metrics add page 127.0.0.1:$(port 7)
metrics change page allow=127.0.0.1
metrics delete page
vserv disable second
@ second empty
vserv change second softfail=tempfail
@ second temp
vserv enable second
@ second mail
vserv change second greeting="another one"
capa load few
vserv change second capa=few
capa show few
@ second mail
vserv change second capa=""
capa delete few
EOC
fine 'virtual servers come, change and go'
obey <<EOC
backend add b4 127.0.0.1:$(port 2) proto=xpop softfail=smart
backend change b4 proto=cxpop check=127.0.0.1:$(port 3)
backend delete b4
backend disable b2
@ victim empty
backend enable b2
@ victim mail
backend change b2 softfail=tempfail
backend drain b2
@ victim temp
backend enable b2
@ victim mail
backend change b2 proto=xpop
@ victim mail
backend delete b2
@ victim empty
backend add b2 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
@ victim mail
EOC
fine 'so do backends'
obey <<EOC
pdm add more flat $T/more
pdm order more users
@ steady mail
pdm reload more
pdm reload
pdm delete users
@ steady mail
pdm add users flat $T/users
pdm delete more
pdm test default full secret
pdm test default full wrong 192.0.2.7
@ steady mail
set cachetime 1m
@ steady mail
cache flush full
@ steady mail
cache flush
set cachetime 0s
EOC
fine 'modules are exchanged, asked, and what they said is forgotten'

"$BIN/pproxy" -T | sed -n 's/^word \(.* list\)\( .*\)\{0,1\}$/\1/p' >"$T/lists"
[ "$(wc -l <"$T/lists")" -gt 7 ]
ok $? 'there are lists' "$(cat "$T/lists")"
obey <"$T/lists"
obey <<EOC
debug auth on
@ steady mail
debug auth off
counter reset
session list all=yes state=idle
metrics
penalty clear all
help
help backend add
words
version
metrics
metrics openmetrics
show
show maxsession
EOC
fine 'what is there to be seen is shown'

talk -n kicked 1 'USER kicked' 'PASS secret' ":mark $T/in" ':eof' &
kicked=$!
until_ok test -e "$T/in"
sid=$(ctl pproxy session list user=kicked@default | sed -n 's/.*sid=\([^ ]*\).*/\1/p')
echo "session kick $sid" | obey
wait $kicked
is "$(tail -n 1 "$T/kicked.log")" '[closed]' 'who is kicked has to go'

enough
is "$(cat "$T/failed")" '' 'and not one session has failed'
# These are said by t/64-watch.t and t/78-config.t.
printf '%s\n' 'session watch SID' begin 'begin anew' abort commit config >>"$T/said"
is "$("$BIN/pproxy" -T | perl t/lib/unsaid.pl "$T/said")" '' 'no word was left out'
unseen pproxy 'ev=worker_|lvl=BUG|lvl=SOS' 'no worker was lost by any of this'
