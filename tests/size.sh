#!/bin/sh
# size.sh [--table] - code and RAM on Cortex-M, against the limits that the
# project has set itself. Code: symbol sizes, -Os, Cortex-M0+. RAM: sizeof.
set -eu

ARM='arm-none-eabi-gcc -mthumb -mcpu=cortex-m0plus -Os -ffunction-sections'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

# BearSSL's headers without the PC's others
mkdir "$dir/inc"
ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/inc/"

printf '#define ESTLS_IMPLEMENTATION\n#include "estls.h"\n' >"$dir/all.c"
$ARM -I. -I"$dir/inc" -c "$dir/all.c" -o "$dir/all.o"
arm-none-eabi-nm -S -t d "$dir/all.o" >"$dir/symbols"

cat >"$dir/ram.c" <<'C'
#include "estls.h"
#define SIZE(type) char size_of_##type[sizeof(type)];
SIZE(estls) SIZE(estls_x509) SIZE(estls_at) SIZE(estls_at_engine)
SIZE(estls_link) SIZE(estls_at_cmd) SIZE(br_ssl_client_context)
C
$ARM -fno-common -I. -I"$dir/inc" -c "$dir/ram.c" -o "$dir/ram.o"
arm-none-eabi-nm -S -t d "$dir/ram.o" >"$dir/ram"

ENGINE='estls_at_(open|submit|abort|step|read)|estlsi_at_(enter|finish|cmd_ok'
ENGINE="$ENGINE|reset|busy|final|dispatch|pump|push|send|probe|limit|turn|start|expire"
ENGINE="$ENGINE|expired)"
CLOCK='estls_time|estlsi_at_(days|two|seconds|asctime|cclk)'

# code PATTERN [BUT]: bytes of the functions whose names match
code() {
    awk -v want="^($1)\$" -v but="^(${2:-none})\$" \
        '$3 ~ /[tT]/ && $4 ~ want && $4 !~ but {n += $2} END {print n + 0}' \
        "$dir/symbols"
}
ram() { awk -v name="size_of_$1" '$4 == name {print $2 + 0}' "$dir/ram"; }

# limit WHAT BYTES LIMIT: prints and judges
limit() {
    verdict=ok
    if [ "$2" -le "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        verdict='TOO LARGE'
    fi
    printf '%-58s %6d of %6d  %s\n' "$1" "$2" "$3" "$verdict"
}
row() { printf '| %s | %s |\n' "$1" "$2"; }

at=$(code 'estlsi?_at_.*' "$ENGINE|$CLOCK")
engine=$(code "$ENGINE")
session=$(ram estls)
pinned=$((session + 837 + 128))
chain=$((pinned + $(ram estls_x509)))

if [ "${1:-}" = --table ]; then
    row 'Cortex-M0+ (gcc -Os)' bytes
    row --- ---:
    row '`estls` (of that BearSSL: '"$(ram br_ssl_client_context))" "$session"
    row '`iobuf`' 837
    row '`line`' 128
    row '**session with a pinned key**' "**$pinned**"
    row '`estls_x509`' "$(ram estls_x509)"
    row '**session with certificate checking**' "**$chain**"
    row '`>>at` alone: parser, with a line of 64' \
        "$(($(ram estls_at) + 64))"
    row '`>>at` with transactions' "$(($(ram estls_at_engine) + 64))"
    row 'code of `>>at`: feed, fields, builder' "$at"
    row 'code of `>>at`: transactions' "$engine"
    row 'code of `>>link`' "$(code 'estlsi?_link_.*')"
    row 'code of `>>tls`, all profiles' \
        "$(code 'estlsi?_(tls|x509|pin)_?.*|estls_(anchors|full|small)')"
    row 'code of `>>starttls`' \
        "$(code 'estlsi?_starttls_.*|estls_(smtp|direct)')"
    row 'code of `>>session`' \
        "$(code 'estlsi_session_.*|estls_(open|step|read|write|close|info)')"
    exit 0
fi

limit 'code: AT feed, fields and builder' "$at" 2048
limit 'code: AT transaction engine' "$engine" 1200
limit 'RAM: estls_at' "$(ram estls_at)" 48
limit 'RAM: session, pinned key, 837-byte buffer' "$pinned" 4800
limit 'RAM: session, certificate checking, 837-byte buffer' "$chain" 7800
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
