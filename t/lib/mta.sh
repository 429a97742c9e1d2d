# shellcheck shell=sh
# MTAs of Debian, each in a root of its own: t/deps fetched their packages to $MTAS, since they
# cannot be installed side by side. Needs root, and touches nothing of this system: what runs has
# its own mounts, processes and network, and ends with the shell that began it.
#
#   mta PACKAGE            makes $R, a root with the files of that package, a user vmail, an empty
#                          spool in its usual place and pdeliver in /usr/local/bin
#   user NAME UID          a user and a group there
#   inside <SCRIPT         runs a shell script there as root; its output is $T/inside.log. It can
#                          say until_ok, and arrived N MAILBOX: so many messages are there,
#                          logged FILE REGEX, and full MAILBOX, which may then hold no more
#   stored MAILBOX         the messages in it, in LF form
MTAS=${MTAS:-${CARGO_TARGET_DIR:-target}/mta}
R=$T/mta/root

mta() {
    [ -d "$MTAS/$1" ] || skip_all "$1 of Debian is not in $MTAS (make deps)"
    [ "$ROOT" ] || skip_all 'a mail transfer agent needs root, for roots and users of its own'
    unshare -mpnf true 2>/dev/null || skip_all 'this system gives no name spaces'
    # Nobody else shall find its way to what an MTA has of rights here.
    mkdir -p "$R"
    chmod 700 "$T/mta"
    cp -R "$MTAS/$1/." "$R/"
    chown -Rh 0:0 "$R"
    for dir in dev proc tmp run var/log var/mail var/tmp var/lib usr/bin usr/sbin usr/lib usr/share \
        usr/local/bin var/spool/popular etc; do
        mkdir -p "$R/$dir"
    done
    for dir in bin sbin lib lib64; do
        rm -rf "${R:?}/$dir"
        ln -s usr/$dir "$R/$dir"
    done
    ln -s ../run "$R/var/run"
    chmod 1777 "$R/tmp" "$R/var/tmp"
    cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$R/etc/"
    echo '127.0.0.1 localhost host.example' >"$R/etc/hosts"
    user vmail 60000
    : >"$R/var/spool/popular/.popular-spool"
    chown -R 60000:60000 "$R/var/spool/popular"
    cp "$BIN/pdeliver" "$R/usr/local/bin/"
}

user() {
    echo "$1:x:$2:$2::/nonexistent:/usr/sbin/nologin" >>"$R/etc/passwd"
    echo "$1:x:$2:" >>"$R/etc/group"
}

inside() {
    {
        echo "WAIT=$WAIT"
        cat <<'EOC'
until_ok() {
    _end=$(($(date +%s) + WAIT))
    until "$@"; do
        [ "$(date +%s)" -lt $_end ] || return 1
        sleep 0.1
    done
}
has_mail() { [ "$(find "/var/spool/popular/$2/new" -type f 2>/dev/null | wc -l)" -eq "$1" ]; }
has_text() { grep -Eq -e "$2" "$1" 2>/dev/null; }
# full MAILBOX: it may hold no more than it does
full() {
    echo 1C >"/var/spool/popular/$1/maildirsize"
    chown vmail "/var/spool/popular/$1/maildirsize"
}
arrived() { until_ok has_mail "$@"; }
logged() { until_ok has_text "$@"; }
EOC
        cat
    } >"$R/script"
    cat >"$T/enter" <<'EOC'
R=$1
mount --make-rprivate /
for dir in /usr/bin /usr/share /usr/lib/*-linux-gnu /usr/lib64; do
    [ -d "$dir" ] || continue
    mkdir -p "$R$dir"
    mount --bind -o ro "$dir" "$R$dir"
done
cp -a /usr/lib/ld-linux* "$R/usr/lib/" 2>/dev/null
for dev in null zero random urandom; do
    : >"$R/dev/$dev"
    mount --bind "/dev/$dev" "$R/dev/$dev"
done
mount -t proc proc "$R/proc"
# The loopback interface comes up: Postfix asks for one.
perl -MSocket -e 'socket my $s, AF_INET, SOCK_DGRAM, 0; my $up = pack "a16s x22", "lo", 0x41;
    ioctl $s, 0x8914, $up or die "lo: $!\n"'
exec chroot "$R" /bin/sh /script
EOC
    timeout 120 unshare -mpnf --kill-child sh "$T/enter" "$R" >"$T/inside.log" 2>&1
}

stored() { find "$R/var/spool/popular/$1/new" -type f -exec cat {} + | tr -d '\r'; }
