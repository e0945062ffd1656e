#!/bin/bash
# battery_life.sh BUILD - the calculator: what can be reckoned by hand, what
# must shorten and what must lengthen a life, the plot, and wrong options.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
[ $# -eq 1 ] || {
    echo 'usage: battery_life.sh BUILD' >&2
    exit 2
}
bin=$(cd "$1" && pwd) || exit 1
begin

# life OPTION...
life() {
    doing="battery_life $*"
    run life "$bin/battery_life" "$@"
    exited 0
    check 'nothing on stderr' test ! -s "$err"
}

# months, days: by charge alone
months() { sed -nE 's/^life by charge alone +([0-9]+) months.*/\1/p' "$out"; }
days() { sed -nE 's/^life by charge alone.*\(([0-9]+) days\)/\1/p' "$out"; }
average() { sed -nE 's/^average current +([0-9.]+) uA/\1/p' "$out"; }

# row NAME COLUMN: of the table; 1 uF, 2 month, 3 used, 4 C, 5 resets, 6 sent,
# 7 months that it lasts
row() {
    sed -nE "s/^$1 +([0-9].*)/\\1/p" "$out" |
        awk -v c="$2" '{ sub(/[+]$/, "", $c); print $c }'
}

# less A B, near A B WITHIN: of numbers
less() {
    why="$1, not less than $2"
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b + 0) }'
}
near() {
    why="$1, not $2 +- $3"
    awk -v a="$1" -v b="$2" -v d="$3" \
        'BEGIN { exit !(a != "" && a - b <= d && b - a <= d) }'
}

# -- by hand ------------------------------------------------------------------

by_hand() {
    life --capacity 150 --sleep 10 --no-burst
    check 'months' is "$(months)" 20
    life --capacity 150 --sleep 10 --no-burst --self-discharge 0
    check 'months' is "$(months)" 20
    check 'days: 150 mAh / 10 uA / 24 h' is "$(days)" 625
    check 'average' is "$(average)" 10.00
    local without
    without=$(days)
    life --capacity 150 --sleep 10 --no-burst --self-discharge 10
    check 'self-discharge shortens' less "$(days)" "$without"
    # -ln(0.9) a year and 10 uA: ln(1 + k Q / I) / k
    check 'days' near "$(days)" 574 1

    # 1 s of 3.6 mA in an hour is 1 uA; it sleeps the rest of the time
    life --sleep 10 --every 3600 --segment 1000000:3600 --events 1
    check 'average' near "$(average)" 11.00 0.01
    life --sleep 10 --every 3600 --segment 1000000 --level 7200 --events 1
    check 'average' near "$(average)" 12.00 0.01
    life --sleep 10 --every 3600 --segment 10000 --events 100 --level 7200
    check 'average' near "$(average)" 12.00 0.01
}

# -- cells --------------------------------------------------------------------

bad=(--capacity 169 --ohm-scale 4 --celsius 9 --swing 11:5)

# A bad cell outdoors: the board of tests/power, with its levels.
cures() {
    local month sent

    life "${bad[@]}"
    month=$(row 'as built' 2) sent=$(row 'as built' 6)
    check 'browns out in its first year' less "$month" 12
    check '... with half of its charge' less "$(row 'as built' 3)" 50
    check '... and loops' less 1000 "$(row 'as built' 5)"
    check '... so that most is lost' less "$sent" 50
    check 'a capacitor: a year more' \
        less "$month" "$(row 'computed capacitor' 2 | awk '{ print $1 - 12 }')"
    check '... until 90 % are used, as asked' \
        less 89.99 "$(row 'computed capacitor' 3)"
    check '... and more is sent' less "$sent" "$(row 'computed capacitor' 6)"
    check '... of less than 100 uF' less "$(row 'computed capacitor' 1)" 100
    check '110 uF are no worse' less "$(row 'computed capacitor' 6)" \
        "$(row '100 uF more' 6 | awk '{ print $1 + 0.01 }')"
    check '>>tx never browns out' is "$(row 'as built, with >>tx' 2)" never
    check '>>tx: no resets' is "$(row 'as built, with >>tx' 5)" 0
    check '>>tx sends three times as much' less \
        "$(awk -v s="$sent" 'BEGIN { print 3 * s }')" \
        "$(row 'as built, with >>tx' 6)"
    check 'levels add up' near "$(row 'as built, with >>tx' 6)" \
        "$(sed -n 's/^sent by >>tx, %://p' "$out" |
            awk '{ for (i = 1; i < NF; i++) if ($(i + 1) == "at") s += $i
                print s }')" 0.25
    # what is computed for the whole life needs no more
    life "${bad[@]}" --reservoir "$(row 'computed capacitor' 1)"
    check 'a board built with it' near "$(row 'as built' 3)" 91 1.5
}

good_cells() {
    life
    check 'a good cell at 21 C: not in two years' \
        less 24 "$(row 'as built' 2)"
    life --until 50
    check 'needs no capacitor' holds "$out" 'none is needed'
    life --cell lipo
    check 'a LiPo never browns out' is "$(row 'as built' 2)" never
    life --cell aa
    check 'AA live for longer than ten years' less 120 "$(row 'as built' 7)"
    life --cell aa --level 600000 --segment 2000000 --events 1 --every 3600 \
        --celsius -20
    check 'LTE-M on cold AA browns out' less "$(row 'as built' 3)" 60
    check '... which no 100 uF carries' near "$(row '100 uF more' 2)" \
        "$(row 'as built' 2)" 0.5
    life --constant-current --ohm-scale 4
    local month
    month=$(row 'as built' 2)
    life --ohm-scale 4
    check 'constant power fails first' less "$(row 'as built' 2)" "$month"
}

# -- the plot -----------------------------------------------------------------

# A stand-in keeps what it is told; the real one draws, where there is one.
plots() {
    local each

    mkdir "$dir/bin" "$dir/nothing"
    printf '#!/bin/sh\nexec cat >"%s/told"\n' "$dir" >"$dir/bin/gnuplot"
    chmod +x "$dir/bin/gnuplot"
    PATH=$dir/bin:$PATH life "${bad[@]}" --plot "$dir/life.svg"
    check 'four variants' is "$(grep -c '^\$v[0-3] << EOD' "$dir/told")" 4
    check 'brown-out' holds "$dir/told" 'brownout = 1.75'
    check 'the file' holds "$dir/told" "set output '$dir/life.svg'"
    check 'first: rests at 2.93 V' holds "$dir/told" '0.000 2.932 '
    if command -v gnuplot >/dev/null; then
        life "${bad[@]}" --plot "$dir/life.svg"
        check 'an SVG' holds "$dir/life.svg" '</svg>'
    fi
    for each in sh rm timeout; do
        ln -s "$(command -v $each)" "$dir/nothing/$each"
    done
    doing='no gnuplot'
    PATH=$dir/nothing run life "$bin/battery_life" "${bad[@]}" \
        --plot "$dir/none.svg"
    exited 1
    check 'says so' holds "$err" 'is it installed?'
}

# -- wrong options ------------------------------------------------------------

# wrong OPTION...: is a mistake; the message names the option, and nothing is
# reckoned
wrong() {
    doing="wrong: $*"
    run life "$bin/battery_life" "$@"
    exited 64
    check 'names it' holds "$err" "$1"
    check 'a hint' holds "$err" "--help"
    check 'nothing on stdout' test ! -s "$out"
}

wrong_options() {
    local each

    for each in capacity ohm-scale sleep every segment events level brownout \
        margin until boot; do
        wrong --$each 0
        wrong --$each much
        wrong --$each 1e99
        wrong --$each nan
        wrong --$each ''
        wrong --$each 12x
        wrong --$each -5
    done
    for each in self-discharge swing reservoir; do
        wrong --$each -1
        wrong --$each inf
        wrong --$each 1e9
        wrong --$each lots
    done
    wrong --celsius -274
    wrong --celsius 400
    wrong --celsius cold
    wrong --cell cr2450x
    wrong --swing 5:
    wrong --swing 5:x
    wrong --segment 376:0
    wrong --segment 376:
    wrong --segment 376:3e6
    wrong --boot 460
    wrong --plot life.png
    wrong --plot "it's.svg"
    wrong --no-such-option
    doing='what does not fit'
    wrong --every 0.5
    wrong --brownout 3000
    doing='more than eight segments'
    # shellcheck disable=SC2046
    run life "$bin/battery_life" \
        $(printf -- '--segment 100 %.0s' 1 2 3 4 5 6 7 8 9)
    exited 64
    check 'says how many' holds "$err" 'no more than 8'
    doing='an argument'
    run life "$bin/battery_life" 150
    exited 64
    check 'names it' holds "$err" "150"
    doing='--help'
    run life "$bin/battery_life" --help
    exited 0
    check 'what a month is' holds "$out" 'A month has 30.4 days'
}

by_hand
cures
good_cells
plots
wrong_options
finish
