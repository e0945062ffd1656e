#!/bin/sh
# tables.sh [--check] - writes the generated tables into README.md and
# SECURITY.md, between their markers; or tells whether they are as they would
# be written. Those of attacks, servers, power, bench and cores are what make
# test, test-servers, power, bench and size left in build/; where they have not
# run, what is there is kept. So are bench and cores by --check: the counts are
# of one machine, and make size compares cores itself.
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
# keep NAME: the table as it is
keep() {
    sed -n "/^<!-- $1 -->/,/^<!-- \/$1 -->/p" README.md |
        sed '1d;$d' >"$dir/$1.md"
}

if command -v arm-none-eabi-gcc >/dev/null; then
    tests/size.sh --table >"$dir/size.md"
else
    keep size
fi
for name in attacks servers power bench mcu cores; do
    case $name${1:-} in # made by what --check does not run
    bench--check | mcu--check | cores--check) keep $name; continue ;;
    esac
    if [ -s build/$name.md ]; then
        cp build/$name.md "$dir/$name.md"
    else
        keep $name
    fi
done

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

fill errors <README.md | fill size | fill attacks | fill servers |
    fill power | fill bench | fill mcu | fill cores >"$dir/README.md"
if [ "${1:-}" = --check ]; then
    diff -u README.md "$dir/README.md"
else
    cat "$dir/README.md" >README.md
fi

# -- SECURITY.md: a row for each proof that has run, else what is there --------
[ -z "${1:-}" ] || exit 0
{
    printf '| command | result | date |\n|---|---|---|\n'
    for name in test lint coverage fuzz fuzz-deep prove mutants soak; do
        cat "build/proofs/$name.md" 2>/dev/null ||
            grep -E "^\| \`make ${name}[ \`].*[0-9]{4}-[0-9-]+ \|\$" SECURITY.md || :
    done
} >"$dir/proofs.md"
fill proofs <SECURITY.md >"$dir/SECURITY.md"
cat "$dir/SECURITY.md" >SECURITY.md
