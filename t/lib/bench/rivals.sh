# shellcheck shell=sh disable=SC2034
# Other servers, for t/bench, behind tap.sh. Each is started with a configuration that who knows it
# would give it for this load, on ports of ours, and with nothing of it outside $T. They run where
# they are as if they were installed; see t/lib/bench/inside.
#
#   start_dovecot, start_nginx, start_dproxy, start_perdition, start_courier
#                             start one of them; not to be had: the status is 1, the reason in $why.
#                             Proxies bring their sessions to the Dovecot of start_dovecot

GROUP=$(id -gn "$USER")
uid=$(id -u "$USER")
gid=$(id -g "$USER")

RIVALS=${CARGO_TARGET_DIR:-target}/rivals
RIVALS=$(cd "$RIVALS" 2>/dev/null && pwd)
mkdir -p "$T/etc/etc"

# inside COMMAND ...: with the file system of the rivals, and $T/etc laid over /etc
inside() { "$LIB/bench/inside" "$T/etc:$RIVALS" "$@"; }
# nested NAME COMMAND ...: the same as a daemon
nested() {
    _nest=$1
    shift
    daemon -n "$_nest" "$T/nest" "$LIB/bench/inside" "$T/etc:$RIVALS" "$@"
}
# there PROGRAM: is it to be had?
there() {
    if [ -z "$ROOT" ]; then
        why='only root can start it'
    elif [ -z "$RIVALS" ]; then
        why='packages are not here: t/deps bench'
    elif ! inside true 2>/dev/null; then
        why='no mount namespace is to be had'
    elif ! inside test -x "$1"; then
        why='there is no such package'
    else
        return 0
    fi
    return 1
}
# up NAME N: what was started listens on port N, and soon
up() {
    WAIT=5 ready "$2" >/dev/null && return
    why="it does not start: $(tail -n 3 "$T/$1.log")"
    end "$1" >/dev/null
    return 1
}

# storage: is there a Dovecot to bring sessions to?
storage() { [ -f "$T/run/dovecot.job" ] || { why='there is no Dovecot behind it'; return 1; }; }

# 2.4 calls much otherwise than 2.3.
old_dovecot() { case $(inside dovecot --version) in [01].* | 2.[0-3].*) ;; *) return 1 ;; esac; }
# A process serves one session after the other.
reused() { if old_dovecot; then echo service_count = 0; else echo restart_request_count = unlimited; fi; }

# dovecot_conf NAME PORT TLSPORT: what storage and proxy have in common
dovecot_conf() {
    cat <<EOC
base_dir = $T/$1
state_dir = $T/$1
log_path = $T/$1.dove
protocols = pop3
listen = 127.0.0.1
default_login_user = $USER
default_internal_user = $USER
default_internal_group = $GROUP
mail_max_userip_connections = 0
login_trusted_networks =
ssl = yes
service pop3-login {
    chroot =
    $(reused)
    process_min_avail = 2
    client_limit = $((HELD + 1000))
    inet_listener pop3 {
        port = $(port "$2")
    }
    inet_listener pop3s {
        port = $(port "$3")
        ssl = yes
    }
}
service auth {
    client_limit = $((HELD * 2 + 2000))
}
service anvil {
    chroot =
    client_limit = $((HELD * 2 + 2000))
}
service stats {
    client_limit = $((HELD * 2 + 2000))
}
EOC
}
dovecot_words() {
    if old_dovecot; then
        cat <<EOC
disable_plaintext_auth = no
default_idle_kill = 5s
ssl_cert = <$T/mail.crt
ssl_key = <$T/mail.key
EOC
    else
        cat <<EOC
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
default_idle_kill_interval = 5s
ssl_server_cert_file = $T/mail.crt
ssl_server_key_file = $T/mail.key
EOC
    fi
}
dovecot_mail() {
    if old_dovecot; then
        cat <<EOC
mail_location = maildir:$T/dove.mail/%u
passdb {
    driver = passwd-file
    args = scheme=PLAIN username_format=%u $T/users.colon
}
userdb {
    driver = static
    args = uid=$uid gid=$gid home=$T/dove.mail
}
EOC
    else
        cat <<EOC
mail_driver = maildir
mail_path = $T/dove.mail/%{user}
passdb passwd-file {
    passwd_file_path = $T/users.colon
    default_password_scheme = plain
}
userdb static {
    fields {
        uid = $uid
        gid = $gid
        home = $T/dove.mail
    }
}
EOC
    fi
}
dovecot_onwards() {
    if old_dovecot; then
        cat <<EOC
passdb {
    driver = static
    args = nopassword=y proxy=y host=127.0.0.1 port=$(port 10)
}
EOC
    else
        cat <<EOC
passdb static {
    fields {
        nopassword = yes
        proxy = yes
        host = 127.0.0.1
        port = $(port 10)
    }
}
EOC
    fi
}

# Processes that stay for the next session, are there beforehand, and read neither sizes nor
# folders twice.
start_dovecot() {
    there /usr/sbin/dovecot || return 1
    mkdir -p "$T/dovecot"
    {
        dovecot_words
        dovecot_conf dovecot 10 11
        dovecot_mail
        cat <<EOC
first_valid_uid = 1
maildir_very_dirty_syncs = yes
pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
mail_fsync = never
auth_cache_size = 10M
service pop3 {
    client_limit = 1
    $(reused)
    process_min_avail = 20
    process_limit = $((HELD + 2000))
}
EOC
    } >"$T/dovecot.conf"
    nested dovecot dovecot -F -c "$T/dovecot.conf" && up dovecot 10
}

start_dproxy() {
    there /usr/sbin/dovecot && storage || return 1
    mkdir -p "$T/dproxy"
    { dovecot_words; dovecot_conf dproxy 14 15; dovecot_onwards; } >"$T/dproxy.conf"
    nested dproxy dovecot -F -c "$T/dproxy.conf" && up dproxy 14
}

start_nginx() {
    there /usr/sbin/nginx && storage || return 1
    mkdir -p "$T/nginx"
    cat >"$T/nginx/nginx.conf" <<EOC
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
user $USER $GROUP;
worker_processes 2;
worker_rlimit_nofile $((HELD * 2 + 4000));
pid $T/nginx/pid;
error_log $T/nginx/error.log info;
events {
    worker_connections $((HELD * 2 + 2000));
}
mail {
    auth_http 127.0.0.1:$(port 13)/;
    ssl_certificate $T/mail.crt;
    ssl_certificate_key $T/mail.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:mail:10m;
    server {
        listen 127.0.0.1:$(port 12);
        protocol pop3;
    }
    server {
        listen 127.0.0.1:$(port 16) ssl;
        protocol pop3;
    }
}
http {
    access_log off;
    client_body_temp_path $T/nginx/body;
    proxy_temp_path $T/nginx/proxy;
    fastcgi_temp_path $T/nginx/fastcgi;
    uwsgi_temp_path $T/nginx/uwsgi;
    scgi_temp_path $T/nginx/scgi;
    server {
        listen 127.0.0.1:$(port 13) backlog=4096;
        location / {
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port $(port 10);
            return 204;
        }
    }
}
EOC
    nested nginx nginx -p "$T/nginx" -e "$T/nginx/error.log" -c "$T/nginx/nginx.conf" && up nginx 12
}

start_perdition() {
    there /usr/sbin/perdition && storage || return 1
    mkdir -p "$T/perdition"
    for _kind in POP3:17 POP3S:18; do
        echo "exec /usr/sbin/perdition -f /dev/null --no_daemon -P ${_kind%:*} -l $(port "${_kind#*:}")" \
            "-b 127.0.0.1 -s 127.0.0.1 -p $(port 10) -L 0 -n -o -M '' -u $USER -g $GROUP" \
            "--pid_file $T/perdition/${_kind%:*} -F $T/perdition/${_kind%:*}.log" \
            "$([ "$_kind" = POP3:17 ] || echo "--ssl_mode ssl_listen --ssl_cert_file $T/mail.crt" \
                "--ssl_key_file $T/mail.key --ssl_no_cert_verify")" >"$T/perdition/${_kind%:*}.sh"
    done
    # It closes whatever could be open, for each session.
    nested perdition sh -c "ulimit -n 1024; sh $T/perdition/POP3.sh & sh $T/perdition/POP3S.sh & wait" && up perdition 17
}

start_courier() {
    there /usr/sbin/couriertcpd || return 1
    mkdir -p "$T/etc/etc/courier" "$T/courier"
    # {SHA}, for anything else costs more.
    _hash=$(printf secret | openssl dgst -sha1 -binary | openssl base64)
    sed "s,:.*,,; s,.*,&	uid=$uid|gid=$gid|home=$T/cour.mail|mail=$T/cour.mail/&|systempw={SHA}$_hash," \
        "$T/users.colon" >"$T/etc/etc/courier/userdb"
    chmod 600 "$T/etc/etc/courier/userdb"
    inside makeuserdb -f "$T/etc/etc/courier/userdb" || { why='its users cannot be listed'; return 1; }
    cat "$T/mail.crt" "$T/mail.key" >"$T/courier/pop3d.pem"
    sed 's/^authmodulelist=.*/authmodulelist="authuserdb"/' "$RIVALS/etc/courier/authdaemonrc" \
        >"$T/etc/etc/courier/authdaemonrc"
    cat >"$T/courier/run" <<EOC
mkdir -p /run/courier/authdaemon
set -a
. /etc/courier/authdaemonrc
daemons=5
/usr/lib/courier/courier-authlib/authdaemond &
. /etc/courier/pop3d
. /etc/courier/pop3d-ssl
TLS_CERTFILE=$T/courier/pop3d.pem TLS_CACHEFILE=$T/courier/cache TLS_TRUSTCERTS=
maildir=Maildir
# Later versions ask nobody who a client is.
ident=-noidentlookup
! /usr/sbin/couriertcpd \$ident 2>&1 | grep -q 'Invalid option' || ident=
tcpd() {
    exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=$((HELD + 2000)) -maxperip=$((HELD + 2000)) -listen=1024 \
        -nodnslookup \$ident "\$@" /usr/lib/courier/courier/courierpop3login \
        /usr/lib/courier/courier/courierpop3d Maildir
}
(tcpd $(port 19)) &
(POP3_TLS=1 POP3_STARTTLS=NO POP3_TLS_REQUIRED=0 tcpd $(port 20) /usr/bin/couriertls -server -tcpd -user=$USER) &
wait
EOC
    nested courier sh "$T/courier/run" && up courier 19
}
