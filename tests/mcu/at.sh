#!/bin/sh
# at.sh - >>at alone on AVR, in simavr: cycles per byte of the parser, and the
# example for an ATmega328P, which must say there what it says here.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

AVR='-std=gnu99 -Os -flto -mrelax -Wall -Wextra -Werror -ffunction-sections
    -fdata-sections -Wl,--gc-sections'
gcc -std=c11 -O2 -Wall -Wextra tests/power/avr_host.c -o "$dir/cycles" \
    -lsimavr -lelf
gcc -std=c11 -O2 -Wall -Wextra tests/mcu/at_host.c -o "$dir/host" \
    -lsimavr -lelf
gcc -std=c99 -O2 tests/streams.c -o "$dir/streams"

check() { # STATUS TEXT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok    $2"
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}
# goal WHAT VALUE GOAL MOST: what was reached guards a goal that was not
goal() {
    verdict=$(awk -v a="$2" -v g="$3" -v m="$4" 'BEGIN {
        print (a <= 0 || a > m ? "WORSE" : a <= g ? "ok" : "goal missed")}')
    [ "$verdict" != WORSE ] && s=0 || s=1
    check $s "$1: $2 of $3: $verdict"
}

# per_byte STREAM: cycles, at -O2
per_byte() {
    "$dir/streams" "$1" >"$dir/$1"
    {
        echo 'static const char STREAM[] PROGMEM = {'
        head -c 8192 "$dir/$1" | od -An -v -tu1 |
            sed 's/  */,(char)/g; s/^,//; s/$/,/'
        echo '};'
    } >"$dir/stream.h"
    # shellcheck disable=SC2086 # a list
    avr-gcc $AVR -O2 -mmcu=atmega328p -I"$dir" tests/mcu/at_cycles.c \
        -o "$dir/cycles.elf"
    "$dir/cycles" "$dir/cycles.elf" atmega328p 2>/dev/null |
        awk '/^[0-9]+ [0-9]+$/ {bytes += $1; cycles += $2}
            END {printf "%.1f", bytes == 8192 ? cycles / bytes : 0}'
}
goal 'AVR cycles per byte of text' "$(per_byte text)" 60 60
goal 'AVR cycles per byte, half payload' "$(per_byte mix)" 60 60
goal 'AVR cycles per byte of payload' "$(per_byte bulk)" 8 8

# shellcheck disable=SC2086 # a list
avr-gcc $AVR -mmcu=atmega328p examples/at_parser.c -o "$dir/example.elf"
gcc -std=c11 -O2 examples/at_parser.c -o "$dir/example"
printf '\r\n%s\r\n' '+CSQ: 17,99' OK '+CREG: 0,1' OK '+CREG: 5' RING \
    '+CSQ: 99,99' '+CREG: 2' '+CSQ: 31,0' ERROR '+CSQ: 0,0' >"$dir/log"
"$dir/example" <"$dir/log" >"$dir/want"
"$dir/host" "$dir/example.elf" atmega328p <"$dir/log" >"$dir/got" 2>"$dir/ram" ||
    :
# simavr says what it has loaded, too
grep -v '^Loaded ' "$dir/got" >"$dir/said" || :
[ "$(wc -l <"$dir/want")" -eq 7 ] && cmp -s "$dir/want" "$dir/said" && s=0 || s=1
check $s 'examples/at_parser.c says on an ATmega328P what it says here'
flash=$(avr-size "$dir/example.elf" | awk 'NR == 2 {print $1 + $2}')
goal 'its flash, bytes' "$flash" 1600 2700
goal 'its RAM with the stack, bytes' "$(tail -n 1 "$dir/ram")" 160 200
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
