# shellcheck shell=sh
# A suite whose proxy has a module that means harm, behind tap.sh:
#
#   evil_suite               makes the module and starts the daemons; joe has a mail
#   tries USER               what came of what the module does to USER, see evil.c
#   denied WHAT USER TITLE   it was refused, unless the kernel cannot take WHAT away
#
# $off is what the kernel cannot take away, $outsider a process of the daemon's own user.

evil_suite() {
    suite
    # shellcheck disable=SC2086 # CC is several words.
    ${CC:-cc} -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_evil.so" t/lib/evil.c 2>"$T/cc.log"
    ok $? 'a module that means harm is made'

    # All of it would be open to the user of the daemon, were it not confined.
    mkdir "$T/open" "$T/accounts"
    chmod 777 "$T/open"
    echo mine >"$T/open/file"
    echo secret >"$T/key"
    chmod 666 "$T/open/file"
    echo '*:joe:{PLAIN}secret:b1:joe' >"$T/accounts/users"
    [ -z "$ROOT" ] || chown -R "$USER" "$T/open" "$T/key"
    daemon -n outsider as "$USER" perl -e 'sleep 600'
    outsider=$(pid outsider)
    # A word that names no file is no reason to open a directory to the module.
    _place=$(echo "$T" | tr / :)
    _evil="pdm add evil evil $_place $outsider $(port 1) $(port 2) $T/open/file"
    sed -i "s,^pdm add.*,pdm add users flat $T/accounts/users\n$_evil," "$T/pproxy.rc"
    printf 'Subject: joe\n\n' | deliver joe
    # Whoever starts the daemons allows cores, and holds a key open.
    # shellcheck disable=SC3045 # Not in POSIX, but in every shell.
    ulimit -c unlimited 2>/dev/null
    exec 9<"$T/key"
    start_suite
    exec 9<&-
    off=$(sed -n 's/.*ev=sandbox_partial .* off=\([^ ]*\) .*/\1/p' "$T/pproxy.log")
    note "the kernel cannot take away: ${off:-nothing is left out}"
}

tries() {
    talk 1 "USER $1" 'PASS x' 'QUIT'
    until_ok grep -q "ev=login_refused .*user=$1 " "$T/pproxy.log"
    sed -n "s/.*ev=login_refused .*user=$1 .*why=\"\([^\"]*\)\".*/\1/p" "$T/pproxy.log" | tail -n 1
}

denied() {
    case ",$off," in
    *",$1,"*) ok 0 "$3 # skip the kernel cannot" ;;
    *) like "$(tries "$2")" '^refused: (Operation not permitted|Permission denied|Resource temp)' "$3" ;;
    esac
}
