#!/bin/sh
# readme.sh BUILD - compiles the README's C code and the head of estls.h, and
# checks that the README's generated tables and commands are true.
set -u

build=$1
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

check() {
    what=$1
    shift
    if "$@" >"$dir/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "README: $what"
        sed 's/^/    /' "$dir/log" | head -n 20
    fi
}

# What the reader's own firmware has.
cat >"$dir/board.h" <<'C'
#include <stddef.h>
#include <stdint.h>
struct estls;
int uart_read(void *user, void *dst, size_t cap);
int uart_write(void *user, const void *src, size_t len);
uint32_t millis(void *user);
size_t trng(void *user, void *dst, size_t len);
uint32_t rtc(void *user);
void idle(void);
int mail_talk(struct estls *net);
uint16_t adc_mV(void);
uint16_t adc_lowest_mV(void);
uint16_t load_mV(uint32_t uA, uint32_t us);
void radio(int16_t dBm);
int sensor_boot(void);
int beacon(void);
int send_mail(void);
int eeprom_load(void *user, uint8_t slot, void *dst, size_t len);
int eeprom_store(void *user, uint8_t slot, const void *src, size_t len);
uint32_t serial_number(void);
int seed_boot(const uint8_t *secret);
C
"$build/anchors" "$build/pki/root.pem" >"$dir/anchors.h"
awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' README.md >"$dir/readme.c"

# The example in the head of the header, between its first static and its
# last call, as the body of a function.
{
    printf '#include "board.h"\n#include "estls.h"\n#include "anchors.h"\n'
    printf 'int send_mail(void) {\n'
    sed -n '/^ \*     static estls  /,/^ \*     while (estls_close/p' estls.h |
        sed 's/^ \* *//'
    printf 'return rc; }\n'
} >"$dir/head.c"

strict='-std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
    -Wno-misleading-indentation'
for file in readme head; do
    check "the code in $file.c has lines" grep -q estls_open "$dir/$file.c"
    # shellcheck disable=SC2086
    check "$file.c does not compile" gcc $strict -include "$dir/board.h" -I. \
        -I"$dir" -c "$dir/$file.c" -o "$dir/$file.o"
done
lines=$(awk '/^int send_mail/ {on = 1} on && NF {n++} /^}/ {on = 0}
    END {print n}' "$dir/readme.c")
check "the example has $lines lines, not 25 or less" [ "$lines" -le 25 ]
check 'a table is out of date: make tables' tests/tables.sh --check
for target in demo test; do
    check "no make $target" make -n "$target"
done
check 'LICENSE and estls.h differ' sh -c "
    tail -n 22 estls.h | tr -d '*/' | tr -s ' \n' ' ' | grep -qF \
        \"\$(sed -n '5,10p' LICENSE | tr -s ' \n' ' ' | cut -c 1-200)\""
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
