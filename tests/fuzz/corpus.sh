#!/bin/bash
# corpus.sh BUILD TARGET... - makes the kept corpus of each target anew: what is
# kept, the seeds, and what fuzzing has found under BUILD, reduced to the least
# that covers the same, under short names.
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
    mkdir -p "$kept" "$fuzz/new/$target" "$all/seeds" "$all/out"
    "$fuzz/seeds" "$all/seeds" "$target"
    max=$(sed -n 's/^max_len = //p' "tests/fuzz/$target.options")
    "$fuzz/lib/$target" -set_cover_merge=1 -use_value_profile=0 \
        -max_len="$max" "$all/out" "$kept" "$fuzz/new/$target" "$all/seeds" \
        >"$fuzz/merge.log" 2>&1 || { tail "$fuzz/merge.log"; exit 1; }
    rm -f "$kept"/*
    # a set cover comes largest first, so beyond 200 there is little news
    n=0
    for file in $(ls -S "$all/out" | tail -n 200); do
        mv "$all/out/$file" "$kept/$(printf '%03d' $n)"
        n=$((n + 1))
    done
    rm -rf "$all"
    echo "$target: $n inputs, $(cat "$kept"/* | wc -c) bytes"
done
