#!/bin/sh
# example.sh - examples/signal_strength.c on an ATmega328P: what it writes there
# with a modem at its UART that never waits is what it writes here, no byte is
# lost, and it is small. The project's goals: 1,600 bytes of flash and 160 of
# RAM: its variables, and the most that its stack has had.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
example=examples/signal_strength.c

# check STATUS TEXT
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok    $2"
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# goal WHAT BYTES GOAL MOST: what was reached guards a goal that was not
goal() {
    verdict=ok
    [ "$2" -le "$3" ] || verdict='goal missed'
    [ "$2" -le "$4" ] && s=0 || s=1
    [ $s -eq 0 ] || verdict=WORSE
    check $s "AVR signal_strength: $2 of $3 bytes of $1: $verdict"
}

gcc -std=c11 -O2 -Wall -Wextra tests/mcu/example_host.c -o "$dir/chip" \
    -lsimavr -lelf
gcc -std=c99 -O2 -Wall -Wextra $example -o "$dir/here"
gcc -std=c99 -O2 tests/streams.c -o "$dir/streams"
avr-gcc -mmcu=atmega328p -std=c99 -Os -Wall -Wextra -Werror -mrelax \
    -nostartfiles -mstrict-X -fno-tree-ter -fno-move-loop-invariants \
    -fno-tree-scev-cprop -fno-tree-dominator-opts -fno-rerun-cse-after-loop \
    $example -o "$dir/elf"

printf '%b' '\r\nready\r\nAT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n' \
    '+CSQ: 99,99\r\n\r\nOK\r\n+CSQ:5,0\r\n+CSQ: 31,0\r\n+CSQ: x\r\n' \
    '+CSQX: 1,1\r\n+CSQ: 0,0\r\n\r\nOK\r\n' >"$dir/short"
printf '%s\n' -79 '?' -103 -51 -113 >"$dir/short.want"
"$dir/streams" text | head -c 30000 >"$dir/long"
"$dir/here" <"$dir/long" >"$dir/long.want"
for stream in short long; do
    "$dir/chip" "$dir/elf" "$dir/$stream" >"$dir/said" 2>"$dir/figures" &&
        s=0 || s=1
    check $s "$stream: no byte is lost at 115,200 baud ($(wc -c \
        <"$dir/$stream") bytes)"
    cmp -s "$dir/said" "$dir/$stream.want" && s=0 || s=1
    check $s "$stream: as on the host ($(wc -l <"$dir/$stream.want") lines)"
done
"$dir/here" <"$dir/short" | cmp -s - "$dir/short.want" && s=0 || s=1
check $s 'and the host says what it must'

set -- $(avr-size "$dir/elf" | tail -n 1)
goal flash $(($1 + $2)) 1600 2220
stack=$(sed -n 's/^stack //p' "$dir/figures")
goal "RAM (of it stack: $stack)" $(($2 + $3 + stack)) 160 160
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
