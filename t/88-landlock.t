#!/bin/sh
# The suite: where the kernel has no Landlock it says so, works, and takes away all else.
[ "${LANDLOCK-}" ] || LANDLOCK=none exec t/lib/nolandlock sh "$0" "$@"
. t/lib/tap.sh
. t/lib/evil.sh
plan 14

evil_suite
seen pproxy 'ev=sandbox_partial .* lvl=INF .*generation=1 off=files,ports why=kernel modules=none' \
    'the proxy logs what the kernel cannot take away'
seen pserv 'ev=sandbox_partial .*off=files,ports why=kernel' 'and so does the server'
seen pcheckd 'ev=sandbox_partial .*off=files,ports why=kernel' 'and who is asked for mail'
talk 1 'USER joe' 'PASS secret' 'TOP 1 0' 'QUIT'
line 5 '^Subject: joe$' 'the suite works'
is "$(tries passwd)" 'done: Success' 'a module may open what its user may, as was logged'
denied calls exec 'it cannot start a program all the same'
denied calls unix 'nor connect to a socket of this host'
denied signals zero 'nor see whether the master lives'
denied signals term 'nor end it'
denied signals outsider 'nor anybody else of its own user'
denied signals owner 'nor have the kernel do it'
kill -0 "$outsider" && kill -0 "$(pid pproxy)"
ok $? 'and all are still alive'
ctl pproxy set backlog 77 >/dev/null
seen pproxy 'ev=sandbox_partial .*generation=2 off=files,ports' 'the next generation says it again'
