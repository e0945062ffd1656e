#!/bin/bash
# oss.sh BUILD - runs .clusterfuzzlite/build.sh with the local clang, as its
# image would, and each target that comes of it for a moment, from its own zip.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

begin "$1"
export OUT=$dir/out WORK=$dir/work CC=clang CXX=clang++
export CFLAGS='-O1 -g -fsanitize=address,fuzzer-no-link' \
    CXXFLAGS='-O1 -g -fsanitize=address,fuzzer-no-link' \
    LIB_FUZZING_ENGINE=-fsanitize=fuzzer
mkdir -p "$OUT" "$WORK"
doing='build.sh'
run build .clusterfuzzlite/build.sh
exited 0
for options in tests/fuzz/*.options; do
    target=$(basename "$options" .options)
    doing=$target
    mkdir "$dir/$target"
    run unzip unzip -q "$OUT/${target}_seed_corpus.zip" -d "$dir/$target"
    exited 0
    dict=$(sed -n 's/^dict = //p' "$OUT/$target.options")
    run "$target" "$OUT/$target" ${dict:+-dict="$OUT/$dict"} -runs=2000 \
        -artifact_prefix="$dir/" "$dir/$target"
    exited 0
    check 'it ran' holds "$err" 'Done 2000 runs'
done
finish
