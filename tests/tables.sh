#!/bin/sh
# tables.sh [--check] - writes the generated tables into README.md, between
# their markers; or tells whether they are as they would be written.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/errors.c" <<'C'
#define ESTLS_NO_TLS
#include "estls.h"
#include <stdio.h>
#define ROW(name, value, text, advice) \
    printf("| %d | `%s` | %s | %s |\n", value, #name, text, advice);
int main(void)
{
    printf("| | name | means | do |\n|--:|---|---|---|\n");
    ESTLS_ERRORS(ROW)
    return 0;
}
C
gcc -I. -o "$dir/errors" "$dir/errors.c"
"$dir/errors" >"$dir/errors.md"
if command -v arm-none-eabi-gcc >/dev/null; then
    tests/size.sh --table >"$dir/size.md"
else # keep what is there
    sed -n '/^<!-- size -->/,/^<!-- \/size -->/p' README.md |
        sed '1d;$d' >"$dir/size.md"
fi

# Replaces what stands between <!-- NAME --> and <!-- /NAME -->.
fill() {
    awk -v name="$1" -v file="$dir/$1.md" '
        $0 == "<!-- /" name " -->" {inside = 0}
        !inside {print}
        $0 == "<!-- " name " -->" {
            inside = 1
            while ((getline line < file) > 0) print line
        }'
}

fill errors <README.md | fill size >"$dir/README.md"
if [ "${1:-}" = --check ]; then
    diff -u README.md "$dir/README.md"
else
    cat "$dir/README.md" >README.md
fi
