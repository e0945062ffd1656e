#!/bin/bash
# lint.sh BUILD - reads the code with clang-tidy, cppcheck and its MISRA addon, gcc's
# analyser and clang's, and demands that they find nothing; and that each finds
# the fault of its own in tests/lint/faults.c. What is not asked for stands in
# .clang-tidy and tests/lint/misra, each with its reason.
set -u
build=$1
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

begin
doing=lint
shown=1
header=$dir/estls.c # tools look harder at a .c than at what it includes
{
    echo '#define ESTLS_IMPLEMENTATION'
    cat estls.h
} >"$header"
echo '#include "estls.h"' >"$dir/user.c"
cp .clang-tidy "$dir/"
faults=tests/lint/faults.c
flags='-std=c11 -D_GNU_SOURCE -I. -Itests'
# firmware that a PC's headers do not fit is left to `make cross`
mapfile -t examples < <(git ls-files 'examples/*.c' 'examples/boards/*.c' |
    grep -vE '/(firmware_mail|seed_eeprom)\.c$')

# none FILE: no line, no finding
none() {
    [ -s "$1" ] || return 0
    head -n 20 "$1"
    return 1
}
finds() { grep -qE -e "$2" "$1"; }

# -- clang-tidy ---------------------------------------------------------------
# Its output may be anything; what counts are its findings, and that it ended
# well but for them.
tidy() { # tidy FILE...
    for file; do
        # shellcheck disable=SC2086
        clang-tidy --quiet "$file" -- $flags 2>/dev/null
    done | grep -E '^[^ ]+:[0-9]+:[0-9]+: (warning|error):' | sort -u
}
tidy "$header" >"$dir/tidy"
check 'clang-tidy: estls.h' none "$dir/tidy"
tidy "${examples[@]}" >"$dir/tidy"
check "clang-tidy: ${#examples[@]} examples" none "$dir/tidy"
tidy "$faults" >"$dir/tidy"
check 'clang-tidy finds its fault' finds "$dir/tidy" 'string-compare'

# -- cppcheck -----------------------------------------------------------------
# Declarations stand at the head of a block (variableScope); the header's own
# names are not those of the programs that it is included in.
cpp() { # cpp OPTION... FILE...
    cppcheck --quiet --std=c11 -I. --suppress=missingIncludeSystem \
        --suppress=variableScope --inconclusive \
        --enable=warning,style,performance,portability \
        --template='{file}:{line}: {message} [{id}]' "$@" 2>&1 | sort -u
}
for platform in unix64 avr8; do
    cpp --platform=$platform -DESTLS_IMPLEMENTATION "$dir/user.c" >"$dir/cpp"
    check "cppcheck: estls.h on $platform" none "$dir/cpp"
done
# linker symbols are no objects of C (startup.c)
cpp -j 2 -DESTLS_STATIC -Itests '--suppress=*:estls.h' \
    --suppress=comparePointers --suppress=unusedStructMember \
    "${examples[@]}" >"$dir/cpp"
check 'cppcheck: examples' none "$dir/cpp"
cpp "$faults" >"$dir/cpp"
check 'cppcheck finds its fault' finds "$dir/cpp" 'nullPointerRedundantCheck'

# -- MISRA C:2012 -------------------------------------------------------------
misra() { # misra FILE: "LINE RULE" of each finding
    cpp --addon=misra "$1" |
        sed -nE 's/^[^ ]+:([0-9]+): .*\[misra-c2012-([0-9.]+)\]$/\1 \2/p'
}
misra "$header" >"$dir/misra"
grep -v '^#' tests/lint/misra >"$dir/deviations"
awk 'NR == FNR { known[$1]; next }
    !($2 in known) { print "estls.h:" $1 - 1 ": rule " $2 }' \
    "$dir/deviations" "$dir/misra" >"$dir/new"
check 'MISRA: nothing but the deviations' none "$dir/new"
awk 'NR == FNR { met[$2]; next } !($1 in met) { print $1 " is met" }' \
    "$dir/misra" "$dir/deviations" >"$dir/stale"
check 'MISRA: every deviation occurs' none "$dir/stale"
grep -vE '^[0-9]+\.[0-9]+ +[^ ]' "$dir/deviations" >"$dir/unexplained"
check 'MISRA: every deviation has a reason' none "$dir/unexplained"
misra "$faults" >"$dir/faults"
check 'MISRA finds its fault' finds "$dir/faults" ' 15\.1$'

# -- gcc -fanalyzer -----------------------------------------------------------
analyse() {
    # shellcheck disable=SC2086
    gcc $flags -O1 -Wall -fanalyzer -c -o /dev/null "$1" 2>&1 |
        grep -E 'warning:|error:'
}
analyse "$header" >"$dir/gcc"
check 'gcc -fanalyzer: estls.h' none "$dir/gcc"
analyse "$faults" >"$dir/gcc"
check 'gcc -fanalyzer finds its fault' finds "$dir/gcc" 'use-after-free'

# -- scan-build ---------------------------------------------------------------
scan() { # scan FILE...: prints its findings; fails if a file does not compile
    # shellcheck disable=SC2016
    scan-build -o "$dir/reports" sh -c '
        for file; do $CC '"$flags"' -c -o /dev/null "$file" || exit; done' \
        sh "$@" >"$dir/scan.out" 2>&1
    status=$?
    grep -E 'warning:|error:' "$dir/scan.out" | sort -u
    [ $status -eq 0 ] || echo "scan-build ended with status $status"
}
scan "$header" >"$dir/scan"
check 'scan-build: estls.h' none "$dir/scan"
scan "${examples[@]}" >"$dir/scan"
check 'scan-build: examples' none "$dir/scan"
scan "$faults" >"$dir/scan"
check 'scan-build finds its fault' finds "$dir/scan" 'core.DivideZero'

proof lint "0 findings; $(wc -l <"$dir/deviations") rules of MISRA C:2012 deviated \
from (tests/lint/misra), none beyond"
finish
