# shellcheck shell=sh
# Authorities and certificates of a test's own, behind tap.sh:
#
#   authority NAME                      makes $T/NAME.pem, with its key
#   cert NAME AUTHORITY HOST[,HOST...] [DAYS [KEY]]
#                                       makes $T/NAME.crt and $T/NAME.key; DAYS may be negative
#                                       (expired), `+N` (begins in N days) or `Ns`, so many
#                                       seconds; KEY is ec or rsa,
#                                       and HOST may be an address
#   expired NAME                        has its certificate expired, by any clock?
#   tls N [OPTION ...]                  openssl s_client to port N, standard input being what
#                                       it says; its output is $T/tls.log

authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
        -subj "/CN=$1" -keyout "$T/$1.cakey" -out "$T/$1.pem" 2>"$T/openssl.log"
}

cert() {
    case ${5-ec} in
    rsa) _new='rsa:2048' ;;
    *) _new='ec -pkeyopt ec_paramgen_curve:P-256' ;;
    esac
    # shellcheck disable=SC2086
    openssl req -new -newkey $_new -nodes -subj "/CN=${3%%,*}" \
        -keyout "$T/$1.key" -out "$T/$1.csr" 2>>"$T/openssl.log"
    echo "subjectAltName=$(echo "$3" | tr , '\n' |
        sed -e '/^[0-9.]*$/s/^/IP:/' -e '/^IP:/!s/^/DNS:/' | paste -s -d , -)" >"$T/$1.ext"
    case ${4-30} in
    -*) dated "$1" "$2" 20200101000000Z 20200201000000Z ;;
    +*) dated "$1" "$2" "$(later $((${4#+} * 86400)))" "$(later $((${4#+} * 2 * 86400)))" ;;
    *s) dated "$1" "$2" 20200101000000Z "$(later "${4%s}")" ;;
    *)
        openssl x509 -req -in "$T/$1.csr" -CA "$T/$2.pem" -CAkey "$T/$2.cakey" -CAcreateserial \
            -days "${4-30}" -extfile "$T/$1.ext" -out "$T/$1.crt" 2>>"$T/openssl.log"
        ;;
    esac
    chmod 600 "$T/$1.key"
}

later() { perl -MPOSIX -e 'print strftime "%Y%m%d%H%M%SZ", gmtime time + $ARGV[0]' "$1"; }
expired() { ! openssl x509 -checkend -2 -noout -in "$T/$1.crt" >>"$T/openssl.log" 2>&1; }

# Older openssl x509 knows no dates; openssl ca does.
dated() {
    mkdir -p "$T/$2.ca"
    : >"$T/$2.ca/index"
    cat >"$T/$2.ca/conf" <<EOC
[ca]
default_ca = own
[own]
new_certs_dir = $T/$2.ca
database = $T/$2.ca/index
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
EOC
    openssl ca -batch -config "$T/$2.ca/conf" -cert "$T/$2.pem" -keyfile "$T/$2.cakey" \
        -startdate "$3" -enddate "$4" -extfile "$T/$1.ext" \
        -in "$T/$1.csr" -out "$T/$1.crt" -notext 2>>"$T/openssl.log"
}

tls() {
    _to=$(port "$1")
    shift
    timeout "$WAIT" openssl s_client -connect "127.0.0.1:$_to" -CAfile "$T/ca.pem" \
        -ign_eof "$@" >"$T/tls.log" 2>&1
}
