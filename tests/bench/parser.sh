#!/bin/sh
# bench_at.sh - instructions per byte of the AT parser, as callgrind counts
# them inside estls_at_feed: line matching and the delivery of events included,
# the caller's loop not. The project's goals for streams fed whole: text 12,
# mix 6, bulk 0.4.
set -eu
cd "$(dirname "$0")"
if ! command -v valgrind >/dev/null; then
    echo "bench_at: skipped, no valgrind"
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

${CC:-gcc} -std=c99 -O2 streams.c -o "$dir/streams"
printf '#define ESTLS_NO_TLS\n#define ESTLS_IMPLEMENTATION\n%s\n' \
    '#include "estls.h"' >"$dir/parser.c"
${CC:-gcc} -std=c99 -O2 -I.. -o "$dir/at_bench" at_bench.c "$dir/parser.c"

# per_byte FILE CHUNK: instructions per byte, to three places
per_byte() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=estls_at_feed "$dir/at_bench" "$@" 2>&1 |
        awk -v n="$(wc -c <"$1")" '/Collected/ {printf "%.3f", $NF / n; found = 1}
            END {exit !found}'
}

# name:goal:most - what was reached guards a goal that was not
for row in text:12:12 mix:6:6 bulk:0.4:0.46; do
    name=${row%%:*} most=${row##*:} goal=${row#*:}
    goal=${goal%:*}
    "$dir/streams" "$name" >"$dir/$name"
    whole=$(per_byte "$dir/$name" 0)
    verdict=$(awk -v a="$whole" -v g="$goal" -v m="$most" \
        'BEGIN {print a <= g ? "ok" : a <= m ? "goal missed" : "WORSE"}')
    echo "$name: $whole instructions/byte, goal $goal: $verdict; in chunks of" \
        "512: $(per_byte "$dir/$name" 512), 64: $(per_byte "$dir/$name" 64)," \
        "16: $(per_byte "$dir/$name" 16)"
    if [ "$verdict" = WORSE ]; then
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
