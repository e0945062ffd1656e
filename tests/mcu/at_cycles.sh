#!/bin/sh
# at_cycles.sh - what the AT parser takes of an 8-bit AVR: cycles per byte, as
# simavr counts them from the call of estls_at_feed to its return; the caller's
# loop and its UART do not count. The project's goals: 60 for text, 8 for
# payload. 64 bytes at once are what an interrupt has put into a ring; one at a
# time is for those who have none.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
bytes=100000

gcc -std=c99 -O2 ../streams.c -o "$dir/streams"
gcc -std=c11 -O2 -Wall -Wextra at_cycles_host.c -o "$dir/host" -lsimavr -lelf
for name in text mix bulk; do "$dir/streams" $name >"$dir/$name"; done

# per_byte STREAM CHUNK
per_byte() { "$dir/host" "$dir/avr" atmega328p "$dir/$1" $bytes "$2"; }

# name:goal:most - what was reached is guarded, too
for optimise in -O2 -Os; do
    avr-gcc -std=c11 $optimise -Wall -Wextra -Werror -mmcu=atmega328p \
        at_cycles.c -o "$dir/avr"
    for row in text:60:54 mix:60:29 bulk:8:3.4; do
        name=${row%%:*} most=${row##*:} goal=${row#*:}
        goal=${goal%:*}
        cycles=$(per_byte "$name" 64)
        verdict=$(awk -v a="$cycles" -v g="$goal" -v m="$most" \
            'BEGIN {print (a > m ? "WORSE" : a > g ? "goal missed" : "ok")}')
        echo "AVR $optimise, $name: $cycles cycles/byte, goal $goal: $verdict;" \
            "in chunks of 512: $(per_byte "$name" 512)," \
            "16: $(per_byte "$name" 16), 1: $(per_byte "$name" 1)"
        if [ "$verdict" = WORSE ]; then
            failed=$((failed + 1))
        else
            passed=$((passed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
