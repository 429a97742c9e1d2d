# shellcheck shell=sh
# The examples of the manual in a system of their own, behind apart.sh and tap.sh:
#
#   manual               lays the layers of apart.sh, with the addresses and users that the manual
#                        speaks of; example N of PAGE becomes $BLOCKS/PAGE.N, the list of all (see
#                        blocks.pl) $T/examples; goes to $T/here
#   dialogue PAGE N      what differs from that example, as it is held now
#   config DAEMON        standard input becomes its start file
#   message MAILBOX      puts a message there, as vmail, who is made by popular(7)
#   three_daemons        starts all three, also as vmail, for joe and ann; they say what they log in
#                        $T/DAEMON.out
#   started DAEMON       does it take control words?
#   down                 ends all three

manual() {
    apart
    BLOCKS=$T/blocks
    mkdir "$BLOCKS"
    perl t/lib/blocks.pl "$BLOCKS" man/*.[1-8] >"$T/examples"
    for host in 192.0.2.1 192.0.2.2 192.0.2.10 192.0.2.11; do ip addr add $host/32 dev lo; done
    ip addr add 2001:db8::1/128 dev lo nodad
    for user in popular mail; do id $user >/dev/null 2>&1 || useradd --system $user; done
    mkdir "$T/here"
    cd "$T/here" || exit 1
}

dialogue() { timeout 60 perl "$LIB/dialogue.pl" "$BLOCKS/$1.$2" 2>&1 || echo "status $?"; }
config() { cat >"/etc/popular/$1.rc"; }
message() { printf 'Subject: hello\n\n' | su -s /bin/sh vmail -c "pdeliver -c $1"; }

three_daemons() {
    config pserv <<EOC
set user vmail
server add main 192.0.2.1:1110 allow=192.0.2.0/24
EOC
    config pcheckd <<EOC
set user vmail
server add main 192.0.2.1:50110 allow=192.0.2.0/24
EOC
    config pproxy <<EOC
set user nobody
set maxperip 0
backend add b1 192.0.2.1:1110
backend add b2 192.0.2.2:1110
pdm add users flat /etc/popular/users
vserv add main 0.0.0.0:110
EOC
    printf '*:joe:{PLAIN}secret:b1:3/joe\n*:ann:{PLAIN}secret:b2:3/ann\n' >/etc/popular/users
    for name in pserv pcheckd pproxy; do $name -d -f /etc/popular/$name.rc >>"$T/$name.out" 2>&1 & done
    for name in pserv pcheckd pproxy; do started $name; done
}
started() { until_ok test -S "/run/popular/$1.ctrl"; }
down() {
    for name in pproxy pcheckd pserv; do
        [ -e /run/popular/$name.pid ] || continue
        read -r pid </run/popular/$name.pid
        kill "$pid"
        until_ok gone "$pid"
    done
}
