#!/bin/sh
# Modules: what a login costs under each method of hashing that crypt(3) of this system knows. The
# figures in pdm_flat(8) come from here.
. t/lib/tap.sh
command -v cc >/dev/null || skip_all 'no C compiler'

modules
cc -O2 -Isrc/pdm -o "$T/lookup" t/lib/lookup.c -ldl || exit 1
# TIMES and the settings that crypt(3) makes a hash of: those of `crypt_gensalt` at their default cost,
# and some others that are in use.
file methods <<'EOC'
1000000 {PLAIN}
2000 $1$abcdefgh$
200 $5$abcdefghijklmnop$
200 $6$abcdefghijklmnop$
200 $2b$05$abcdefghijklmnopqrstuu
10 $2b$10$abcdefghijklmnopqrstuu
5 $2b$12$abcdefghijklmnopqrstuu
50 $y$j9T$abcdefghijklmnopqrstu0$
50 $gy$j9T$abcdefghijklmnopqrstu0$
10 $7$CU..../....abcdefghijklmnop$
EOC
plan "$(wc -l <"$T/methods" | tr -d ' ')"
while read -r times setting; do
    hash=$(perl -e '
        my $setting = shift;
        my $hash = $setting eq "{PLAIN}" ? "{PLAIN}secret" : crypt("secret", $setting);
        print $hash if length($hash // "") > 12' "$setting")
    if [ -z "$hash" ]; then
        CHECKS=$((CHECKS + 1))
        echo "ok $CHECKS # skip crypt(3) of this system does not know $setting"
        continue
    fi
    echo "*:user1:$hash:b1:m/1" >"$T/users"
    us=$("$T/lookup" "$T/lib/libpdm_flat.so" "$T/users" 1 "$times" secret)
    note "$setting: $(perl -e '
        my $us = shift;
        printf "%.3g milliseconds of CPU time, %.3g logins a second on a core", $us / 1000, 1e6 / $us' "$us")"
    [ -n "$us" ]
    ok $? "a login by $setting succeeds"
done <"$T/methods"
