# shellcheck shell=sh
# The test begins anew in a system of its own, if there can be one: a network without a way out, and
# layers over /etc, /run, /usr/local and /var, which are gone at the end. That takes root.
#
#   apart        behind tap.sh: lays the layers and installs the suite there as `make install`
#                does, in /usr/local; or skips all
if [ -z "${APART-}" ] && [ "$(id -u)" -eq 0 ] && unshare -mn true 2>/dev/null; then
    # shellcheck disable=SC2016 # That shell is to expand it.
    APART=1 exec unshare -mn sh -c 'ip link set lo up; exec sh "$0"' "$0"
fi

apart() {
    [ "${APART-}" ] || skip_all 'names of its own for files and hosts need root and unshare(1)'
    mount -t tmpfs none /run
    for _dir in /etc /usr/local /var; do
        _over=/run/over$_dir
        mkdir -p "$_over/up" "$_over/work"
        mount -t overlay -o "lowerdir=$_dir,upperdir=$_over/up,workdir=$_over/work" overlay $_dir
    done
    mkdir -p /run/popular /etc/popular /usr/local/bin /usr/local/lib/popular /usr/local/include
    cp "$BIN"/p* /usr/local/bin
    rm -f /usr/local/bin/*.d
    cp "$BIN"/libpdm_*.so /usr/local/lib/popular
    cp -R src/pdm/popular /usr/local/include
    cp -R etc/capa /etc/popular
    rm -rf /var/spool/popular
    PATH=/usr/local/bin:$PATH
    export PATH
}
