#!/bin/bash
# deep.sh BUILD SECONDS TARGET... - each target in turn on all cores for so
# long: libFuzzer on half of them, AFL++ with a main and secondaries on the
# rest. A line per target and engine goes to BUILD/fuzz/results.tsv: date,
# target, engine, executions, executions per second, findings.
# FUZZ_RUNS in the environment: libFuzzer has all cores until a target has so
# many executions, the parser ten times as many; then AFL++ has its SECONDS.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

build=$1 seconds=$2
shift 2
here=tests/fuzz
fuzz=$build/fuzz
deep=$fuzz/deep
runs=${FUZZ_RUNS:-0}
case $runs in
*[!0-9]*) echo "FUZZ_RUNS is a number of executions, not $runs" >&2; exit 2 ;;
esac
cores=$(nproc)
libs=$(((cores + 1) / 2))
afls=$((cores - libs > 1 ? cores - libs : 2))
[ "$runs" -eq 0 ] || libs=$cores
status=0 command='' out=/dev/null err=/dev/null shown=1
begin "$build"
mkdir -p "$deep" "$fuzz/crash"

export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_QUIET=1 \
    AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_IMPORT_FIRST=1

option() { sed -n "s/^$2 = //p" "$here/$1.options"; }

# seeds TARGET: kept, and found in earlier runs
seeds() {
    mkdir -p "$dir/$1" "$fuzz/new/$1"
    cp "$here/corpus/$1"/* "$here/regressions/$1"/* "$dir/$1/" 2>/dev/null
    find "$fuzz/new/$1" -type f -exec cp -t "$dir/$1/" {} +
}

start_libfuzzer() { # TARGET N
    local dict

    dict=$(option "$1" dict)
    start "lib-$1-$2" "$fuzz/lib/$1" ${dict:+-dict=$here/$dict} \
        -max_len="$(option "$1" max_len)" "$limit" \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -reload=60 \
        -artifact_prefix="$fuzz/crash/$1-" "$fuzz/new/$1" "$dir/$1"
}

start_afl() { # TARGET N
    local dict role=-S

    [ "$2" -gt 1 ] || role=-M
    dict=$(option "$1" dict)
    start "afl-$1-$2" afl-fuzz -i "$dir/$1" -o "$deep/$1" "$role" "afl$2" \
        -V "$seconds" -t 5000 -m none -G "$(option "$1" max_len)" \
        ${dict:+-x "$here/$dict"} -- "$fuzz/afl/$1"
}

# end_of TARGET: when libFuzzer ends
end_of() {
    local each=$((runs / libs))

    [ "$1" != parser ] || each=$((each * 10))
    [ "$runs" -eq 0 ] && echo "-max_total_time=$seconds" || echo "-runs=$each"
}

# watch TARGET SECONDS: waits for all that runs, so long at most, and says each
# minute where it is.
watch() {
    local t0=$SECONDS

    while [ $((SECONDS - t0)) -lt "$2" ]; do
        for each in $running; do alive "$each" && break; done
        alive "$each" || break
        sleep 1
        [ $(((SECONDS - t0) % 60)) -ne 0 ] || echo "  $1: $((SECONDS - t0))" \
            "s, $(grep -hoE '^#[0-9]+' "$dir/lib-$1-1.err" |
                tail -n 1) runs, $(afl_sum "$1" execs_done) by AFL++"
    done
    for each in $running; do stop "$each"; done
    running=''
}

# afl_sum TARGET FIELD: over all of its AFL++ processes
afl_sum() {
    cat "$deep/$1"/*/fuzzer_stats 2>/dev/null |
        awk -v f="$2" '$1 == f { s += $3 } END { printf "%d", s }'
}

lib_sum() {
    sed -nE "s/^stat::$2: *([0-9]+)$/\\1/p" "$dir/lib-$1"-*.err |
        awk '{ s += $1 } END { printf "%d", s }'
}

# record TARGET ENGINE RUNS PER-SECOND FINDINGS
record() {
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%d)" "$@" |
        tee -a "$fuzz/results.tsv"
    check "$2 ran" test "$3" -gt 0
    check "$2 has no finding" is "$5" 0
}

# recorded: what stands in results.tsv without finding, the newest of each
# target and engine, in millions of both engines
recorded() {
    awk -F '\t' '
        !($2 in seen) { seen[$2]; order[++n] = $2 }
        { runs[$2, $3] = $4; found[$2, $3] = $6 }
        END {
            for (i = 1; i <= n; i++) {
                t = order[i]
                if (found[t, "libFuzzer"] + found[t, "AFL++"]) continue
                printf "%s%s %d", comma, t,
                    (runs[t, "libFuzzer"] + runs[t, "AFL++"]) / 1e6
                comma = ", "
            }
        }' "$fuzz/results.tsv"
}

for target; do
    doing=$target
    running=''
    rm -rf "${deep:?}/$target"
    rm -f "$fuzz/crash/$target"-*
    seeds "$target"
    limit=$(end_of "$target")
    for ((i = 1; i <= libs; i++)); do
        start_libfuzzer "$target" $i
        running="$running $pid"
    done
    [ "$runs" -eq 0 ] || watch "$target" 86400
    for ((i = 1; i <= afls; i++)); do
        start_afl "$target" $i
        running="$running $pid"
    done
    watch "$target" $((seconds + 60))
    record "$target" libFuzzer "$(lib_sum "$target" number_of_executed_units)" \
        "$(lib_sum "$target" average_exec_per_sec)" \
        "$(find "$fuzz/crash" -name "$target-*" | wc -l)"
    record "$target" AFL++ "$(afl_sum "$target" execs_done)" \
        "$(afl_sum "$target" execs_per_sec)" \
        "$(($(afl_sum "$target" saved_crashes) + $(afl_sum "$target" saved_hangs)))"
    # what AFL++ found is a seed for the next run
    find "$deep/$target" -path '*/queue/id*' ! -name '*,orig:*' |
        while read -r file; do
            cp "$file" "$fuzz/new/$target/$(sha1sum <"$file" | cut -c 1-40)"
        done
    for crash in "$fuzz/crash/$target"-* "$deep/$target"/*/crashes/id*; do
        [ ! -e "$crash" ] || echo "      replay: make $fuzz/replay/$target &&" \
            "$fuzz/replay/$target $crash"
    done
done
[ "$failed" -gt 0 ] ||
    proof fuzz-deep "millions of executions, no finding: $(recorded)"
finish
