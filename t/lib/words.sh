# shellcheck shell=sh
# Control words at run time, under a load of logins of which not one may fail. Behind tap.sh:
#
#   words_suite        starts a suite and the load: users of the classes steady, pop, victim (whose
#                      backend is b2) and second (who come to the virtual server of this name, on
#                      port 4) log in over and over (see load.pl)
#   all_come           has each class had its mail?
#   obey               says the control words of standard input, one a line, to pproxy;
#                      `@ CLASS OUTCOME` waits until a session of a class of the load, begun after
#                      the words before it, has had that outcome; $T/said are the words
#   fine TITLE         all words since the last time were obeyed
#   value              the value of a row of `show`, as a word
#   enough             ends the load; failures stand in $T/failed

words_suite() {
    suite
    echo 'set mailboxlock off' >>"$T/pserv.rc" # one user may come twice at once here
    mkdir "$T/capa"
    for user in full second victim; do
        printf 'Subject: %s\n\nhello\n' $user | deliver m/$user
    done
    for user in empty kicked full second; do account $user b1 m/$user; done
    account victim b2 m/victim
    account pop b3 ''
    daemon -n pop fakepop3 "$(port 5)" mail=1 'RETR=+OK\r\nSubject: pop\r\n\r\n.'
    ready 5
    cat >>"$T/pproxy.rc" <<EOC
set capadir $T/capa
backend add b2 127.0.0.1:$(port 2) proto=cxpop check=127.0.0.1:$(port 3)
backend add b3 127.0.0.1:$(port 5) proto=pop3
vserv add second 127.0.0.1:$(port 4)
EOC
    start_suite
    : >"$T/said"
    : >"$T/wrong"
    cat >"$T/list" <<EOC
steady $(port 1) empty secret empty
steady $(port 1) full secret mail
pop $(port 1) pop secret mail
victim $(port 1) victim secret mail,empty,temp
second $(port 4) second secret mail,empty,temp
EOC
    : >"$T/load.log"
    perl t/lib/load.pl run "$T/list" "$T/load.log" "$T/enough" clients=2 pause=5 seconds=120 >"$T/perl.log" 2>&1 &
    load=$!
}

# happened MS CLASS OUTCOME: a session that began at MS or later
happened() {
    awk -v ms="$1" -v c="$2" -v o="$3" '$1 >= ms && $4 == c && $6 == o { n = 1 } END { exit !n }' "$T/load.log"
}
now() { perl -MTime::HiRes=time -e 'printf "%.0f\n", time * 1000'; }
all_come() { for class in steady pop victim second; do happened 0 $class mail || return 1; done; }

obey() {
    while read -r word; do
        case $word in
        '@ '*)
            # shellcheck disable=SC2086
            until_ok happened "$(now)" ${word#@ } || echo "in vain: $word" >>"$T/wrong"
            ;;
        *)
            echo "$word" >>"$T/said"
            eval "ctl pproxy $word" >"$T/answer" 2>&1 </dev/null ||
                sed "s,^,$word: ," "$T/answer" >>"$T/wrong"
            ;;
        esac
    done
}
fine() { is "$(cat "$T/wrong")" '' "$1"; : >"$T/wrong"; }

value() { sed -n 's/^.* value=\("[^"]*"\|[^ ]*\) default=.*/\1/p' | sed 's/^$/""/'; }

enough() {
    : >"$T/enough"
    wait "$load"
    { grep -h ' failed ' "$T/load.log" | head; cat "$T/perl.log"; } >"$T/failed"
    perl t/lib/load.pl stat "$T/load.log" | sed 's/^/# /'
}
