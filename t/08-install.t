#!/bin/sh
# The tree: make install puts everything where it belongs, and uninstall leaves nothing.
. t/lib/tap.sh
plan 16

unset MAKEFLAGS MFLAGS
D=$T/root
mk() (
    umask 077
    make -s "$@" DESTDIR="$D" BIN="$BIN" >"$T/make.log" 2>&1
)
there() {
    for path; do
        [ -f "$D$path" ] || echo "$path"
    done
}

mk install
ok $? 'make install succeeds'
is "$(there /usr/local/sbin/pproxy /usr/local/sbin/pserv /usr/local/sbin/pcheckd)" '' \
    'daemons are in sbin'
is "$(for main in src/bin/*.rs src/*.sh; do
    name=$(basename "${main%.sh}" .rs)
    there "/usr/local/bin/$name"
done | grep -vx -e /usr/local/bin/pproxy -e /usr/local/bin/pserv -e /usr/local/bin/pcheckd)" '' \
    'tools are in bin'
is "$(there /usr/local/lib/popular/libpdm_flat.so /usr/local/include/popular/pdm.h)" '' \
    'modules and their header are there'
is "$(for page in man/*.[1-8]; do there "/usr/local/share/man/man${page##*.}/${page##*/}"; done)" '' \
    'so is the whole manual'
is "$(there /etc/popular/pproxy.rc /etc/popular/pserv.rc /etc/popular/pcheckd.rc \
    /etc/popular/capa/default)" '' 'so are the start files, and a list of capabilities'
is "$(there /etc/init.d/pproxy /usr/local/share/popular/popular.subr /usr/local/share/popular/grafana.json)" '' \
    'and the start scripts, and a dashboard'
is "$(cd etc && find fail2ban logrotate newsyslog -type f | while read -r file; do
    there "/usr/local/share/popular/examples/$file"
done)" '' 'and examples for programs that look after logs'
units=$(case $(uname) in Linux) echo pproxy pserv pcheckd ;; esac)
is "$(for name in $units; do there "/usr/local/lib/systemd/system/$name.service"; done)" '' \
    'and units, where there is systemd'
is "$(there ${units:+/usr/local/lib/sysusers.d/popular.conf /usr/local/lib/tmpfiles.d/popular.conf})" '' \
    'and who makes user and directories'
is "$(find "$D" -mindepth 1 ! -perm -044)" '' 'everybody may read all of it'

echo 'set maxsession 7' >"$D/etc/popular/pproxy.rc"
mk install
is "$(cat "$D/etc/popular/pproxy.rc")" 'set maxsession 7' 'a second install keeps an edited file'
mk uninstall
is "$(find "$D" -type f)" "$D/etc/popular/pproxy.rc" 'uninstall leaves only that file'
rm "$D/etc/popular/pproxy.rc"

mk install PREFIX=/opt/popular SYSCONFDIR=/opt/etc RUNDIR=/opt/run
is "$(there /opt/popular/sbin/pproxy /opt/etc/popular/pserv.rc /opt/etc/init.d/pserv)" '' \
    'other places are taken'
is "$(grep -rlE '/usr/local|[^t]/etc/popular|[^t]/run/popular|=popular$' "$D/opt/etc" "$D/opt/popular/share" \
    ${units:+"$D/opt/popular/lib/systemd"})" '' 'and named in scripts, start files, units and manual'
mk uninstall PREFIX=/opt/popular SYSCONFDIR=/opt/etc RUNDIR=/opt/run
[ ! -e "$D" ]
ok $? 'uninstall leaves no file and no directory' "$(find "$D" 2>&1)"
