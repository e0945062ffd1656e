#!/bin/sh
# units.sh BUILD [TARGET...] - the unit tests of >>at and >>tx on simulated
# chips: atmega328p (simavr, its 2 KB of RAM and 32 KB of flash), stm8, mcs51
# and z80 (ucsim). Each test must report there what it reports here.
#
# A suite is too large for a chip: it is cut into images of some tests each.
# That none is left out is seen by comparing what all of them say with what the
# whole suite says on the host.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/mcu/units_targets.sh

if [ "${1:-}" = --image ]; then
    shift
    image "$@"
    exit
fi
dir=$1/mcu/units
shift
targets=${*:-atmega328p stm8 mcs51 z80}
mkdir -p "$dir"
rm -f "$dir"/*.said
passed=0 failed=0

# check STATUS TEXT
check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok    $2"
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# tests FILE...: what each test says that it has checked, sorted
tests() { cat "$@" | grep -E '^[a-z0-9_]+: [0-9]+$' | sort; }

# judge TARGET SUITE: all its images against the host
judge() {
    said=$dir/$1.$2
    here=$dir/host$(small "$1").$2
    tests "$dir/$1.$2".*.said >"$said.tests"
    cmp -s "$here.tests" "$said.tests" && s=0 || s=1
    [ -s "$here.tests" ] || s=1
    sum=$(cat "$dir/$1.$2".*.said | awk '
        /^[0-9]+ passed, [0-9]+ failed$/ {
            passed += $1; failed += $3; images++
        }
        /^ram / { ram = $2 + $4 > ram ? $2 + $4 : ram }
        END { printf "%d checks, %d failed, %d images%s", passed, failed,
            images, ram ? ", RAM at most " ram : "" }')
    check $s "$1 $2: $(wc -l <"$said.tests") of $(wc -l <"$here.tests") \
tests say what they say on the host; $sum"
    [ $s -eq 0 ] || diff "$here.tests" "$said.tests" | sed 's/^/          /' |
        head -n 20
    host=$(tail -n 1 "$here.said")
    case $sum in
    "${host% passed,*} checks, 0 failed,"*) s=0 ;;
    *) s=1 ;;
    esac
    check $s "$1 $2: the sum of its images is the host's: $host"
    [ $s -eq 0 ] || cat "$dir/$1.$2".*.said | grep -vE '^[a-z0-9_]+: |^ram ' |
        sed 's/^/          /' | head -n 40
}

# The whole suites, here.
for suite in $SUITES; do
    for small in 1 8; do
        host=$dir/host$small.${suite##*/}
        gcc -std=c11 -O1 -DCHECK_SMALL=$small -Itests "$suite.c" -o "$host" &&
            "$host" >"$host.said"
        tests "$host.said" >"$host.tests"
    done
done
for target in $targets; do prepare "$target" "$dir" || exit 1; done
for target in $targets; do
    for suite in $SUITES; do
        count=$(images "$target" "${suite##*/}")
        i=0
        while [ $i -lt "$count" ]; do
            echo "$dir $target $suite $i $count"
            i=$((i + 1))
        done
    done
done | xargs -P 2 -L 1 "$0" --image
for target in $targets; do
    for suite in $SUITES; do
        suite=${suite##*/}
        if [ "$(images "$target" "$suite")" -gt 0 ]; then
            judge "$target" "$suite"
        elif [ "$suite" != at_replay ]; then
            echo "      not on $target: $suite:" \
                "$(why_not "$target" "$suite")"
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
