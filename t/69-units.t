#!/bin/sh
# etc/systemd: units that systemd takes, and that ask nothing of a daemon that it cannot do without.
. t/lib/tap.sh
command -v systemd-analyze >/dev/null || skip_all 'there is no systemd-analyze'
command -v strace >/dev/null || skip_all 'there is no strace'
plan 14

suite
account empty b1 e/empty
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
mkdir "$T/units"
for name in pproxy pserv pcheckd; do
    sed "s,/usr/local/sbin,$BIN," "etc/systemd/$name.service" >"$T/units/$name.service"
    # Older ones do not know that type, see popular(7).
    [ "$version" -ge 253 ] || sed -i 's/^Type=notify-reload$/Type=notify/' "$T/units/$name.service"
done
systemd-analyze verify --man=no "$T"/units/*.service >"$T/verify.log" 2>&1
is "$?$(cat "$T/verify.log")" 0 'systemd takes the units'
# From 0 to 100; without any of it a service has 96.
systemd-analyze security --offline=true --threshold=30 "$T"/units/*.service >"$T/security.log" 2>&1
ok $? 'and finds them well confined' "$(grep Overall "$T/security.log")"
unit() { sed -n "s/^$2=//p" "etc/systemd/$1.service"; }

# The system calls that a unit lets through: names, and groups of them.
expand() {
    for word; do
        case $word in
        @*)
            # shellcheck disable=SC2046
            expand $(systemd-analyze syscall-filter "$word" | sed '1d; /^ *#/d')
            ;;
        *) echo "$word" ;;
        esac
    done
}
# A daemon as its unit starts it, but for the user, with all calls written down.
traced() {
    _prog=$1
    shift
    mkdir -p "$T/run"
    strace -f -qq -e signal=none -o "$T/$_prog.calls" "$@" "$BIN/$_prog" -d -r "$T/run" \
        -f "$T/$_prog.rc" ${ROOT:+-u "$USER"} >>"$T/$_prog.log" 2>&1 </dev/null &
    echo $! >"$T/run/$_prog.job"
}
for name in pserv pcheckd; do
    [ -z "$ROOT" ] || echo 'set chroot yes' >>"$T/$name.rc"
done
printf 'Subject: hello\n\n' | deliver f/full
account full b1 f/full
for name in pserv pcheckd pproxy; do
    # Who is not root has no rights that could be taken away.
    bounds=
    for right in $(unit $name CapabilityBoundingSet); do
        bounds="$bounds,+$(echo "${right#CAP_}" | tr '[:upper:]' '[:lower:]')"
    done
    if [ "$ROOT" ]; then
        traced $name setpriv --no-new-privs --bounding-set "-all$bounds" --inh-caps "-all$bounds"
    else
        traced $name
    fi
done
ready 2 && ready 3/udp && ready 1
talk 1 'USER full' 'PASS secret' 'RETR 1' 'DELE 1' 'QUIT'
line 4 '^\+OK' 'with no other rights than those of the units a message is fetched'
talk 1 'USER empty' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 0 0' 'and an empty maildrop seen'
for name in pserv pcheckd pproxy; do
    kill -HUP "$(cat "$T/run/$name.pid")"
    seen $name 'ev=generation_current .*generation=2' "$name loads anew"
    ctl $name upgrade >/dev/null
    is $? 0 'and can be upgraded' || cat "$T/ctl.log"
done
for name in pproxy pcheckd pserv; do
    kill "$(cat "$T/run/$name.pid")"
    until_ok test ! -e "$T/run/$name.pid"
done
for name in pproxy pserv pcheckd; do
    # shellcheck disable=SC2046
    expand $(unit $name SystemCallFilter) | sort -u >"$T/allowed"
    # What strace saw after the program began; what failed by our own filter is no need.
    sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$T/$name.calls" | sort -u | comm -23 - "$T/allowed" >"$T/missing"
    is "$(tr '\n' ' ' <"$T/missing")" '' "$name makes no system call that its unit forbids"
done
is "$(systemd-sysusers --dry-run --root="$T" "$PWD/etc/systemd/popular.sysusers.conf" 2>&1 | grep -ci 'fail')" 0 \
    'the user can be made'
