#!/bin/sh
# The kit: what cannot be served is refused, and what cannot be loaded is not tried without end.
. t/lib/tap.sh
plan 3

suite
account empty b1 e/empty
start_suite

ctl pproxy vserv add two "127.0.0.1:$(port 1)" >/dev/null
is $? 1 'two virtual servers cannot have one address'
like "$(cat "$T/ctl.log")" "vserv two: 127.0.0.1:$(port 1) is taken by vserv main" 'and it says whose it is'
talk 1 'USER empty' 'PASS secret' 'QUIT'
line 3 '^\+OK' 'the service goes on'
