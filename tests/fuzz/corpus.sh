#!/bin/bash
# corpus.sh BUILD TARGET... - makes the kept corpus of each target anew: what is
# kept, the seeds, and what fuzzing has found under BUILD, reduced to the least
# that covers the same, 200 at most, under short names.
set -eu
cd "$(dirname "$0")/../.."
build=$1
shift
fuzz=$build/fuzz
mkdir -p "$fuzz"
gcc -std=c11 -Itests -o "$fuzz/seeds" tests/fuzz/seeds.c

for target; do
    kept=tests/fuzz/corpus/$target
    all=$(mktemp -d "$fuzz/corpus.XXXXXX")
    mkdir -p "$kept" "$fuzz/new/$target" "$all/seeds" "$all/edges" "$all/counts"
    "$fuzz/seeds" "$all/seeds" "$target"
    max=$(sed -n 's/^max_len = //p' "tests/fuzz/$target.options")
    for counters in 0 1; do
        to=$all/edges
        [ $counters = 0 ] || to=$all/counts
        "$fuzz/lib/$target" -set_cover_merge=1 -use_counters=$counters \
            -max_len="$max" "$to" "$kept" "$fuzz/new/$target" "$all/seeds" \
            >"$fuzz/merge.log" 2>&1 || { tail "$fuzz/merge.log"; exit 1; }
    done
    rm -f "$kept"/*
    n=0
    # every edge; then, of those that run it more often, the smallest
    for file in "$all/edges"/* $(ls -Sr -d "$all/counts"/*); do
        [ $n -lt 200 ] || break
        [ -e "$all/${file##*/}.kept" ] && continue
        cp "$file" "$kept/$(printf '%03d' $n)"
        : >"$all/${file##*/}.kept"
        n=$((n + 1))
    done
    rm -rf "$all"
    echo "$target: $n inputs, $(cat "$kept"/* | wc -c) bytes"
done
