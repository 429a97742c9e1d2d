# shellcheck shell=sh
# A Dovecot of the test's own, for which tap.sh was read before:
#
#   start_dovecot N [M] serves POP3 on port N; its users stand in $T/dovecot.users, one
#                       `name:password` a line, their Maildirs in $T/old/NAME. XCLIENT is taken
#                       from loopback; on port M a header of the PROXY protocol comes first
#   secure_dovecot NAME from its start on it also takes STLS, with $T/NAME.crt and $T/NAME.key
#   old USER            stores one message there, standard input being the message
DOVECOT_PAIR=
PATH=$PATH:/usr/sbin:/sbin
command -v dovecot >/dev/null || skip_all 'no Dovecot'
mkdir -p "$T/old" "$T/dovecot"
: >"$T/dovecot.users"
[ -z "$ROOT" ] || chown "$USER" "$T/old"

old() {
    asuser mkdir -p "$T/old/$1/new" "$T/old/$1/cur" "$T/old/$1/tmp"
    _n=$(find "$T/old" -type f -name '*.old*' | wc -l | tr -d ' ')
    asuser sh -c "cat >'$T/old/$1/new/1$((100000 + _n)).M1P1.old'"
}

secure_dovecot() { DOVECOT_PAIR=$T/$1; }

# What 2.4 calls otherwise than 2.3.
dovecot_new() {
    cat <<EOC
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = $T/old/%{user}
$([ -z "$DOVECOT_PAIR" ] || printf 'ssl_server_%s\n' "cert_file = $DOVECOT_PAIR.crt" \
        "key_file = $DOVECOT_PAIR.key")
passdb passwd-file {
    passwd_file_path = $T/dovecot.users
    default_password_scheme = plain
}
userdb static {
    fields {
        uid = $USER
        gid = $(id -gn "$USER")
        home = $T/old
    }
}
EOC
}

dovecot_old() {
    cat <<EOC
disable_plaintext_auth = no
$([ -z "$DOVECOT_PAIR" ] || printf 'ssl_%s\n' "cert = <$DOVECOT_PAIR.crt" \
        "key = <$DOVECOT_PAIR.key")
mail_location = maildir:$T/old/%u
passdb {
    driver = passwd-file
    args = scheme=PLAIN username_format=%u $T/dovecot.users
}
userdb {
    driver = static
    args = uid=$USER gid=$(id -gn "$USER") home=$T/old
}
EOC
}

start_dovecot() {
    {
        case $(dovecot --version) in
        [01].* | 2.[0-3].*) dovecot_old ;;
        *) dovecot_new ;;
        esac
        cat <<EOC
base_dir = $T/dovecot
state_dir = $T/dovecot
log_path = $T/dovelog.log
protocols = pop3
listen = 127.0.0.1
ssl = $([ -z "$DOVECOT_PAIR" ] && echo no || echo yes)
login_trusted_networks = 127.0.0.0/8
haproxy_trusted_networks = 127.0.0.0/8
service pop3-login {
    chroot =
    inet_listener pop3 {
        port = $(port "$1")
    }
$([ $# -lt 2 ] || printf '    inet_listener pop3_proxied {\n        port = %s\n        haproxy = yes\n    }\n' \
            "$(port "$2")")
    inet_listener pop3s {
        port = 0
    }
}
service anvil {
    chroot =
}
EOC
        [ "$ROOT" ] || printf 'default_%s = %s\n' login_user "$USER" internal_user "$USER" \
            internal_group "$(id -gn)"
    } >"$T/dovecot.conf"
    # A path of a socket has at most some hundred octets; $T is short.
    daemon dovecot -F -c "$T/dovecot.conf" && ready "$1"
}
