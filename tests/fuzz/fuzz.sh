#!/bin/bash
# fuzz.sh BUILD SECONDS TARGET... - libFuzzer on each target for so long, two
# targets at a time, from the kept corpus; then the same corpus through the
# AFL++ builds, the seeded bugs, and what OSS-Fuzz would build. New inputs go
# to BUILD/fuzz/new, those that break a promise to BUILD/fuzz/crash.
# FUZZ_SEED in the environment is libFuzzer's seed.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

build=$1 seconds=$2
shift 2
here=tests/fuzz
fuzz=$build/fuzz
mkdir -p "$fuzz/new" "$fuzz/crash" "$fuzz/log"

# options TARGET: NAME.options, as libFuzzer takes them
options() {
    sed -nE "s,^dict = (.*),-dict=$here/\1,p; s,^max_len = ,-max_len=,p" \
        "$here/$1.options"
}

# number NAME FILE: of the final statistics
number() { sed -nE "s/^stat::$1: *([0-9]+)$/\\1/p" "$2" | tail -n 1; }

one() {
    local target=$1
    mkdir -p "$fuzz/new/$target"
    rm -f "$fuzz/crash/$target"-*
    # shellcheck disable=SC2046
    "$fuzz/lib/$target" $(options "$target") -max_total_time="$seconds" \
        -seed="${FUZZ_SEED:-0}" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 \
        -artifact_prefix="$fuzz/crash/$target-" "$fuzz/new/$target" \
        "$here/corpus/$target" "$here/regressions/$target" \
        >"$fuzz/log/$target" 2>&1 </dev/null
    echo $? >"$fuzz/log/$target.status"
}

report() {
    local target=$1 log=$fuzz/log/$1 last findings crash

    last=$(grep -oE 'cov: [0-9]+ .*corp: [0-9]+/[0-9]+[KMb]+' "$log" | tail -n 1)
    findings=$(find "$fuzz/crash" -name "$target-*" | wc -l)
    runs=$(number number_of_executed_units "$log")
    all=$((all + ${runs:-0}))
    printf '%-9s %10s runs %7s/s  corpus %5s  edges %5s  findings %d\n' \
        "$target" "${runs:-0}" "$(number average_exec_per_sec "$log")" \
        "$(echo "$last" | sed -nE 's/.*corp: ([0-9]+).*/\1/p')" \
        "$(echo "$last" | sed -nE 's/.*cov: ([0-9]+).*/\1/p')" "$findings"
    check "ended well" is "$(cat "$log.status")" 0
    check 'something ran' test "${runs:-0}" -gt 0
    for crash in "$fuzz/crash/$target"-*; do
        [ -e "$crash" ] || continue
        grep -hE 'broken:|runtime error|ERROR: ' "$log" | head -n 3
        echo "      input:  $crash"
        echo "      replay: make $fuzz/replay/$target &&" \
            "$fuzz/replay/$target $crash"
    done
}

# AFL++ runs each kept input in its own build of the target.
afl() {
    local map=$fuzz/log/$1.map

    AFL_QUIET=1 AFL_SKIP_BIN_CHECK=1 afl-showmap -q -t 5000 -m none -C \
        -i "$here/corpus/$1" -o "$map" -- "$fuzz/afl/$1" \
        >"$fuzz/log/$1.afl" 2>&1 && [ -s "$map" ]
}

status=0 command='' out=/dev/null err=/dev/null shown=1
export -f one options
export build seconds here fuzz
printf '%s\n' "$@" | xargs -P 2 -I {} bash -c 'one {}'
all=0
for target; do
    doing=$target
    report "$target"
    check 'AFL++ runs the corpus' afl "$target"
done
proof "fuzz FUZZ_TIME=$seconds" "$# targets, $all executions, no finding"
finish
