#!/bin/bash
# build.sh - builds all fuzz targets into $OUT, each with its seeds and its
# dictionary, as OSS-Fuzz and ClusterFuzzLite want it: with their $CC, $CXX,
# $CFLAGS, $CXXFLAGS and $LIB_FUZZING_ENGINE, in the root of the project.
# tests/fuzz/oss.sh runs this very file with the local clang.
set -eu

here=tests/fuzz
work=${WORK:-$(mktemp -d)}
bearssl=-lbearssl
include=''
# No package of it: the library, unsanitised as the package would be, since its
# constant-time code does on purpose what a sanitizer complains of.
if [ -n "${SRC:-}" ] && [ -d "$SRC/bearssl" ]; then
    make -s -C "$SRC/bearssl" lib CC="$CC"
    bearssl=$SRC/bearssl/build/libbearssl.a
    include=-I$SRC/bearssl/inc
fi
# The image that runs the targets has no shared one.
static=$($CC -print-file-name=libbearssl.a)
if [ -z "$include" ] && [ -e "$static" ]; then bearssl=$static; fi

for options in "$here"/*.options; do
    target=$(basename "$options" .options)
    # shellcheck disable=SC2086
    $CC $CFLAGS -std=c11 -D_GNU_SOURCE -Itests $include \
        -c "$here/$target.c" -o "$work/$target.o"
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS "$work/$target.o" $LIB_FUZZING_ENGINE "$bearssl" \
        -o "$OUT/$target"
    cp "$options" "$OUT/"
    zip -q -j -r "$OUT/${target}_seed_corpus.zip" "$here/corpus/$target" \
        "$here/regressions/$target"
done
cp "$here"/*.dict "$OUT/"
