# shellcheck shell=sh
# The test begins anew in a network of its own, with nothing in it but the loopback, if there can
# be one: then ALONE is set. See hosts.sh.
if [ -z "${ALONE-}" ] && [ "$(id -u)" -eq 0 ] && command -v nsenter >/dev/null && command -v ip >/dev/null &&
    unshare -n true 2>/dev/null; then
    ALONE=1
    export ALONE
    # shellcheck disable=SC2016
    exec unshare -n sh -c 'ip link set lo up && exec sh "$0"' "$0"
fi
