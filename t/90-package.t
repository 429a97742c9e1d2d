#!/bin/sh
# make dist and make deb: the tarball becomes a package without a network, lintian takes it, and it
# can be installed and removed.
. t/lib/alone.sh
. t/lib/tap.sh
. t/lib/hosts.sh
for tool in git dpkg-buildpackage dh lintian; do
    command -v $tool >/dev/null || skip_all "there is no $tool"
done
plan 16

unset MAKEFLAGS MFLAGS MAKELEVEL CARGO_TARGET_DIR
PATH=$PATH:$HOME/.cargo/bin
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
is "$(sed -n '1s/.*(\(.*\)).*/\1/p' etc/debian/changelog)" "$version" 'the package has the version of the suite'

# Alone we cannot fetch anything; what cargo has fetched for the build before is enough.
git clone -q . "$T/clone" 2>/dev/null
(cd "$T/clone" && make -s dist) >"$T/dist.log" 2>&1
ok $? 'make dist makes a tarball'
tar -xzf "$T/clone/popular-$version.tar.gz" -C "$T"
is "$(cd "$T/popular-$version" && find . -maxdepth 1 -name '[!.]*' | sort | tr -d './\n')" \
    COPYINGCargolockCargotomlMakefileREADMEetcmanrcdsrctvendor 'with all crates in it'
mkdir "$T/cargo"
(cd "$T/popular-$version" && CARGO_HOME="$T/cargo" CARGO_NET_OFFLINE=true make -s deb) >"$T/deb.log" 2>&1
ok $? 'which becomes a package without a network and without the crates of others'
deb=$(tail -n 1 "$T/deb.log")
[ -f "$deb" ] || exit 1
lintian --fail-on error,warning "$deb" >"$T/lintian.log" 2>/dev/null
is "$?$(cat "$T/lintian.log")" 0 'lintian finds nothing wrong with it'
dpkg -x "$deb" "$T/x"
is "$(cd "$T/clone" && for page in man/*.[1-8]; do
    [ -e "$T/x/usr/share/man/man${page##*.}/${page##*/}.gz" ] || echo "$page"
done)" '' 'all pages are in it'
is "$(grep -rl /usr/local "$T/x/etc" "$T/x/usr/share/popular" "$T"/x/*lib/systemd "$T"/x/usr/lib/systemd 2>/dev/null)" \
    '' 'and nothing in it looks below /usr/local'

if ! why=$(hosts); then
    for n in 8 9 10 11 12 13 14 15 16; do echo "ok $n # SKIP $why"; done
    exit 0
fi
host one 10.9.0.1
# Containers forbid packages to start or stop anything.
on one rm -f /usr/sbin/policy-rc.d
put one /tmp/popular.deb <"$deb"
on one dpkg -i /tmp/popular.deb >"$T/install.log" 2>&1
ok $? 'it can be installed'
is "$(on one sh -c 'id -un popular; stat -c %U /var/spool/popular; ls /run/popular')" \
    "$(printf 'popular\npopular')" 'then there are its user and its spool, and nothing runs'
# shellcheck disable=SC2016
is "$(on one sh -c 'for i in pproxy pserv pcheckd; do $i -n -f /etc/popular/$i.rc; done 2>&1')" '' \
    'its start files are right'
on one sh -c 'systemd-analyze verify --man=no pproxy.service pserv.service pcheckd.service' >"$T/units.log" 2>&1
is "$?$(grep -i popular "$T/units.log")" 0 'and so are its units'
echo 'vserv add main 0.0.0.0:110' | put one /etc/popular/pproxy.rc
on one /etc/init.d/pproxy start >"$T/start.log" 2>&1
before=$(on one cat /run/popular/pproxy.pid)
# As if systemd was there: what it is asked to do is written down, whoever asks.
on one mkdir -p /run/systemd/system
for asked in deb-systemd-invoke systemctl invoke-rc.d; do
    on one sh -c "mv \$(command -v $asked) /tmp/$asked"
    printf '#!/bin/sh\necho "$*" >>/tmp/asked\n' | put one /usr/bin/$asked 755
done
on one dpkg -i --force-confold /tmp/popular.deb >>"$T/install.log" 2>&1
after=$(on one cat /run/popular/pproxy.pid)
[ "$before" ] && [ "$after" ] && [ "$before" != "$after" ]
ok $? 'installed again it lets the daemon be replaced' "$before $after" "$(tail -n 3 "$T/install.log")"
is "$(on one grep -E 'stop|start' /tmp/asked)" '' 'and has systemd neither stop nor start it'
for asked in deb-systemd-invoke systemctl invoke-rc.d; do on one mv /tmp/$asked /usr/bin/; done
on one rm -r /run/systemd/system
is "$(on one cat /etc/popular/pproxy.rc)" 'vserv add main 0.0.0.0:110' 'and keeps the start file'
on one dpkg --purge popular >"$T/purge.log" 2>&1
ok $? 'it can be removed'
is "$(on one sh -c 'ls -d /etc/popular /usr/lib/popular /run/popular/*.ctrl; pgrep pproxy' 2>/dev/null)" '' \
    'and leaves neither file nor process'
