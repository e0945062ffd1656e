#!/bin/sh
# bench_at.sh - instructions per byte of the AT parser, as callgrind counts
# them: a run that feeds the stream, less a run that only reads the file.
# Checks the limits for streams fed whole: text 12, mix 6, bulk 0.4.
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
${CC:-gcc} -std=c99 -O2 at_bench.c -o "$dir/at_bench"

# count FILE CHUNK [0]
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$dir/at_bench" "$@" 2>&1 |
        awk '/Collected/ { print $NF; found = 1 } END { exit !found }'
}

# per_byte FILE CHUNK: instructions per byte, to three places
per_byte() {
    awk -v a="$(count "$1" "$2")" -v b="$(count "$1" "$2" 0)" \
        -v n="$(wc -c <"$1")" 'BEGIN { printf "%.3f", (a - b) / n }'
}

for row in text:12 mix:6 bulk:0.4; do
    name=${row%:*} limit=${row#*:}
    "$dir/streams" "$name" >"$dir/$name"
    whole=$(per_byte "$dir/$name" 0)
    echo "$name: $whole instructions/byte (limit $limit);" \
        "in chunks of 512: $(per_byte "$dir/$name" 512)," \
        "64: $(per_byte "$dir/$name" 64), 16: $(per_byte "$dir/$name" 16);" \
        "$("$dir/at_bench" "$dir/$name" 0)"
    if awk -v a="$whole" -v b="$limit" 'BEGIN { exit !(a <= b) }'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
