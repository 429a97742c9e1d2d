# shellcheck shell=sh
# A suite with TLS between proxy and server, behind tap.sh and ca.sh:
#
#   backendtls_suite           makes the authorities ca, other and proxies, and start files for: a
#                              pserv with the servers imp (port 4, TLS at once), stls (5, STLS only)
#                              and strict (6, wants a certificate of proxies); a proxy with TLS for
#                              clients on port 10, too, whose failures are shown; a/anna is empty
#   backend NAME OPTIONS       another one of the proxy, and a user of its name with the mailbox
#                              a/anna; $imp, $stls and $strict are options for these servers, $name
#                              is the name they have
#   start_backendtls           starts all
#   login USER REGEX TITLE     what is answered to the password
#   failed BACKEND STATE WHY TITLE
#                              a soft failure, and the log says why
#   server N NAME OPTION ...   openssl s_server on port N, which hears nothing and says nothing

backendtls_suite() {
    authority ca
    authority other
    authority proxies
    cert front ca front.example.org
    cert store ca store.example.org,127.0.0.1
    suite
    box a/anna
    _own="cert=$T/store.crt key=$T/store.key allow=127.0.0.0/8"
    cat >>"$T/pserv.rc" <<EOC
server add imp 127.0.0.1:$(port 4) tls=implicit $_own
server add stls 127.0.0.1:$(port 5) tls=starttls plaintext=no $_own
server add strict 127.0.0.1:$(port 6) tls=starttls clientca=$T/proxies.pem $_own
EOC
    cat >>"$T/pproxy.rc" <<EOC
set softfail tempfail
vserv add pops 127.0.0.1:$(port 10) tls=implicit cert=$T/front.crt key=$T/front.key
EOC
    # shellcheck disable=SC2034 # For the tests.
    {
        imp="127.0.0.1:$(port 4) proto=xpop tls=implicit"
        stls="127.0.0.1:$(port 5) proto=xpop tls=starttls ca=$T/ca.pem"
        strict="127.0.0.1:$(port 6) proto=xpop tls=starttls ca=$T/ca.pem"
        name=name=store.example.org
    }
}

backend() {
    echo "backend add $1 $2" >>"$T/pproxy.rc"
    account "$1" "$1" a/anna
}

start_backendtls() { start_suite && ready 4 && ready 5 && ready 6 && ready 10; }

login() {
    talk 1 "USER $1" 'PASS secret' QUIT
    line 3 "$2" "$3"
}

failed() {
    login "$1" '^-ERR \[SYS/TEMP\]' "$4: later"
    seen pproxy "ev=backend_failed .*backend=$1 .*state=$2 why=\"?$3" 'and the log says why'
}

server() {
    [ -p "$T/silence" ] || { mkfifo "$T/silence" && exec 9<>"$T/silence"; }
    _n=$1
    _log=$2
    shift 2
    openssl s_server -accept "127.0.0.1:$(port "$_n")" -brief "$@" <&9 >"$T/$_log.log" 2>&1 &
    echo $! >"$T/run/$_log.job"
    ready "$_n"
}
