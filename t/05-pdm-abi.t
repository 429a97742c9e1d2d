#!/bin/sh
# The module interface: pdm.h compiles cleanly, and its Rust mirror says the same.
# shellcheck disable=SC2086 # CC and STRICT are several words.
. t/lib/tap.sh
plan 9

HEADER=src/pdm/popular/pdm.h
MIRROR=src/pdm/abi.rs
CC=${CC:-cc}
STRICT='-Wall -Wextra -Wconversion -pedantic -Werror -Isrc/pdm'

# compile TITLE COMMAND ...
compile() {
    _title=$1
    shift
    _said=$("$@" 2>&1)
    ok $? "$_title" "$_said"
}

printf '#include <popular/pdm.h>\nint main(void) { return 0; }\n' >"$T/empty.c"
compile 'the header is clean C11' \
    $CC -std=c11 $STRICT -o "$T/empty" "$T/empty.c"
if command -v "${CXX:=c++}" >/dev/null; then
    compile 'and clean C++11' \
        $CXX -x c++ -std=c++11 $STRICT -c -o "$T/empty.o" "$T/empty.c"
else
    ok 0 "and clean C++11 # SKIP there is no $CXX"
fi

# Rows of the mirror's table: Rust, C, field or sizeof, octets. rustc compares
# them with the Rust layout; here they are printed beside the C layout.
sed -n 's/^ *[A-Z][a-z]*, *\(pdm_[a-z]*\), *\([a-z_]*\), *\([0-9P+* ]*\);$/\1 \2 \3/p' \
    "$MIRROR" >"$T/rows"
{
    printf '#include <stdio.h>\n#include <popular/pdm.h>\n#define P sizeof(void *)\n'
    printf 'int main(void) {\n'
    while read -r struct field octets; do
        at="offsetof(struct $struct, $field)"
        [ "$field" != sizeof ] || at="sizeof(struct $struct)"
        printf 'printf("%s.%s %%zu %%zu\\n", %s, (size_t)(%s));\n' \
            "$struct" "$field" "$at" "$octets"
    done <"$T/rows"
    sed -n 's/^pub const \(PDM_[A-Z_]*\): [a-z_0-9]* = \([0-9a-fx]*\);$/\1 \2/p' "$MIRROR" |
        while read -r name value; do
            printf 'printf("%s %%ld %%ld\\n", (long)%s, (long)%s);\n' "$name" "$name" "$value"
        done
    printf 'return 0;\n}\n'
} >"$T/layout.c"
compile 'a program that knows both layouts is made' \
    $CC -std=c11 -Isrc/pdm -o "$T/layout" "$T/layout.c"
"$T/layout" >"$T/layout.log"
is "$(awk '$2 != $3' "$T/layout.log")" '' 'every size, offset and number is the same in C and Rust'

# Nothing of the header is missing in the mirror. Comments left out, members end with `;`,
# and what is named by a member stands before it or, for functions, behind `(*`.
sed -e ':a' -e 's,/\*[^*]*\*/,,g' "$HEADER" | perl -0777 -ne '
    s{/\*.*?\*/}{}gs;
    while (/^struct (pdm_\w+) \{(.*?)^\};/gms) {
        my ($struct, $body) = ($1, $2);
        print "$struct.sizeof\n";
        for (split /;/, $body) {
            print "$struct.$1\n" if /\(\*(\w+)\)/ || /(\w+)(?:\[\w+\])?\s*$/;
        }
    }
    print "$1\n" while /^#define (PDM_[A-Z_]+) \w/gm;
' | grep -vx PDM_EXPORT | sort >"$T/header.names"
sed 's/ .*//' "$T/layout.log" | sort >"$T/mirror.names"
same "$T/header.names" "$T/mirror.names" 'and nothing is missing on either side'

# The example is a module: it exports the table, and nothing else.
compile 'the example compiles cleanly' \
    $CC -std=c11 $STRICT -Wno-missing-field-initializers -shared -fPIC \
    -o "$T/libpdm_hello.so" src/modules/example/hello.c
is "$(nm -D --defined-only "$T/libpdm_hello.so" | awk '{ print $3 }' | grep -v '^_')" \
    pdm_module 'and exports its table'
sed -n '/^#include/,/^};/p' man/pdm.3 >"$T/guest.c"
compile 'so does the one printed in the manual' \
    $CC -std=c11 $STRICT -Wno-missing-field-initializers -shared -fPIC \
    -o "$T/libpdm_guest.so" "$T/guest.c"

# What pdm_put cannot store whole is marked, and stays marked.
file put.c <<'EOC'
#include <popular/pdm.h>
int main(void)
{
    char room[4];
    struct pdm_buf buf = { room, sizeof(room), 0 };
    struct pdm_str abc = { "abc", 3 };

    return !(pdm_puts(&buf, "abc") == 0 && buf.len == 3 &&
        pdm_puts(&buf, "de") == -1 && buf.len == 5 && pdm_puts(&buf, "") == -1 &&
        pdm_eq(abc, "abc") && !pdm_eq(abc, "abcd") && pdm_eq_secret(abc, "abc", 3) &&
        !pdm_eq_secret(abc, "abcabc", 6) && !pdm_eq_secret(abc, "ab", 2) &&
        !pdm_eq_secret(abc, "", 0) && !pdm_eq_secret(abc, "abd", 3));
}
EOC
$CC -std=c11 -Isrc/pdm -o "$T/put" "$T/put.c" && "$T/put"
ok $? 'the functions of the header do what they say'
