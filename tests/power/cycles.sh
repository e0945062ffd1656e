#!/bin/sh
# cycles.sh - how long an 8-bit AVR thinks about a decision of >>tx, counted by
# simavr. Goal, and limit at -O2: 5,000 cycles. At -Os it may take a seventh
# more.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

gcc -std=c11 -O2 -Wall -Wextra avr_host.c -o "$dir/host" -lsimavr -lelf
for row in -O2:5000 -Os:5700; do
    avr-gcc -std=c11 ${row%:*} -Wall -Wextra -Werror -mmcu=atmega328p \
        -ffunction-sections -Wl,--gc-sections cycles.c -o "$dir/avr"
    code=$(avr-size "$dir/avr" | awk 'NR == 2 {print $1}')
    "$dir/host" "$dir/avr" atmega328p 2>/dev/null |
        grep -E '^[0-9]+ [0-9]+$' >"$dir/decisions"
    [ "$(wc -l <"$dir/decisions")" -eq 4 ] || failed=$((failed + 1))
    while read -r level cycles; do
        verdict=ok
        [ "$cycles" -le 5000 ] || verdict='goal missed'
        if [ "$cycles" -le "${row#*:}" ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            verdict=WORSE
        fi
        echo "AVR ${row%:*}, level $level: $cycles cycles of 5000: $verdict"
    done <"$dir/decisions"
    echo "AVR ${row%:*}: this program, with boot and learn: $code bytes"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
