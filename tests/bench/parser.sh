#!/bin/sh
# parser.sh - instructions per byte of the AT parser, inside estls_at_feed:
# line matching and the delivery of events included, the caller's loop not.
# The project's goals for streams fed whole: text 12, mix 6, bulk 0.4.  And
# against the length of lines.
bench=parser
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
# shellcheck disable=SC2034 # of counts
inside=estls_at_feed outside=''
tests=$here/..

cc=${CC:-gcc}
$cc -std=c99 -O2 "$tests/streams.c" -o "$dir/streams"
printf '#define ESTLS_NO_TLS\n#define ESTLS_IMPLEMENTATION\n%s\n' \
    '#include "estls.h"' >"$dir/parser.c"
$cc -std=c99 -O2 -I"$tests/.." -o "$dir/at_bench" "$tests/at_bench.c" \
    "$dir/parser.c"

# per_byte FILE CHUNK: to three places
per_byte() {
    counts "$dir/at_bench" "$@"
    awk -v n="$(sum termination)" -v b="$(wc -c <"$1")" \
        'BEGIN {if (n) printf "%.3f", n / b}'
}

# name:goal:most
for each in text:12:12 mix:6:6 bulk:0.4:0.46; do
    name=${each%%:*} most=${each##*:} goal=${each#*:}
    "$dir/streams" "$name" >"$dir/$name"
    for chunk in 0 512 64 16; do
        if [ $chunk = 0 ]; then
            row "$name: whole" instructions/byte \
                "$(per_byte "$dir/$name" 0)" instructions/byte \
                "${goal%:*}" "$most"
        else
            row "$name: chunks of $chunk" instructions/byte \
                "$(per_byte "$dir/$name" $chunk)" instructions/byte
        fi
    done
done

# Lines of a kind that nothing is known of; with line memory for all of each.
lengths='10 20 50 100 200 500'
: >"$dir/lines"
for length in $lengths; do
    awk -v n="$length" 'BEGIN {
        line = "+X:"
        while (length(line) < n - 2) line = line "a"
        for (all = 0; all < 200000; all += n) printf "%s\r\n", line}' \
        >"$dir/line"
    cost=$(per_byte "$dir/line" 0)
    row "lines of $length" instructions/byte "$cost" instructions/byte
    awk -v n="$length" -v cost="$cost" 'BEGIN {print n, n * cost}' \
        >>"$dir/lines"
done
# A line of n bytes costs what a straight line says, or less.
row 'lines of 10 to 500' 'above a straight line' "$(above "$dir/lines")" % 5
finish
