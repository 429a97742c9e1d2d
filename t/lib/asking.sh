# shellcheck shell=sh
# A suite whose proxy asks a program about users, and how often it does. Behind tap.sh:
#
#   asking_suite               starts it, with a second virtual server on port 4, whose namespace is
#                              `other`; joe and anna, whose passwords are secret-joe and
#                              secret-anna, have a message each
#   $T/out/USER                holds the password of a user; while $T/out/down is there, the program
#                              cannot say
#   greet MAILBOX USER         puts a message for USER there
#   login [PORT] USER PASSWORD what the client hears, in short
#   asked                      how often the program was asked since $T/out/asked was emptied
#   counted NAME               a counter of the proxy

asking_suite() {
    suite
    mkdir "$T/out"
    chmod 777 "$T/out"
    lookup_program
    for _user in joe anna; do
        echo "secret-$_user" >"$T/out/$_user"
        greet box/$_user $_user
    done
    echo "vserv add two 127.0.0.1:$(port 4) namespace=other" >>"$T/pproxy.rc"
    sed -i "s,^pdm add.*,pdm add prog exec $T/lookup," "$T/pproxy.rc"
    start_suite
}

lookup_program() {
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
}

greet() {
    box "$1"
    printf 'Subject: %s\n\n' "$2" | deliver "$1"
}

login() {
    _at=1
    case $1 in [0-9]) _at=$1; shift ;; esac
    talk "$_at" "USER $1" "PASS $2" 'TOP 1 0' 'QUIT'
    sed -n -e '3s/^\(-ERR [^ ]*\).*/\1/p' -e '3s/^\(+OK\).*/\1/p' -e 's/^Subject: //p' \
        "$T/talk.log" | tr '\n' ' '
}
asked() { if [ -e "$T/out/asked" ]; then wc -l <"$T/out/asked" | tr -d ' '; else echo 0; fi; }
counted() { ctl pproxy counter list | sed -n "s/^name=$1 value=//p" | tr -d '\r'; }
