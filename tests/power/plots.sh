#!/bin/bash
# plots.sh DIR [--keep] - draws the pictures of make power into DIR, from what
# the programs beside it (DIR/..) do now and from DIR/population.csv. With
# --keep it copies them to examples/plots/, where the README shows them.
set -u
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C
here=tests/power/
passed=0 failed=0

dir=${1:-}
if [ ! -d "$dir" ] || [ $# -gt 2 ] || [ "${2:---keep}" != --keep ]; then
    echo 'usage: plots.sh DIR [--keep]' >&2
    exit 2
fi
keep=${2:-}
build=$(dirname "$dir")
work=$dir/plots
mkdir -p "$work" && rm -f "$work"/* || exit 1

# check WHAT COMMAND...
check() {
    local what=$1

    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $what"
    fi
}

# thin FROM TO: of the lines "x y" with x in FROM..TO, in each of 400 columns
# the first, the lowest, the highest and the last point: what the eye sees.
thin() {
    awk -v from="$1" -v to="$2" '
        function out(i) {
            for (i = 0; i < n; i++)
                if (i == 0 || i == at_low || i == at_high || i == n - 1)
                    print x[i], y[i]
        }
        $1 >= from && $1 <= to {
            c = int(($1 - from) / (to - from) * 400)
            if (c != column) { out(); column = c; n = 0 }
            x[n] = $1 + 0; y[n] = $2 + 0
            if (!n || y[n] < y[at_low]) at_low = n
            if (!n || y[n] > y[at_high]) at_high = n
            n++
        }
        END { out() }'
}

# run NUMBER FILE: of what battery.c wrote, "x V" and "x V event" in quotes
run() {
    awk -v n="$1" '
        /^#/ { next }
        NF == 0 { if (++blank == 2) index_++; next }
        { blank = 0 }
        index_ + 0 == n { $2 /= 1e3; print }' "$2"
}

# draw NAME CURVES SETTING...: with NAME.gp; as many curves, all with points
draw() {
    local name=$1 curves=$2 each

    shift 2
    {
        printf "here = '%s'\npicture = '%s'\n" "$here" "$dir/$name.svg"
        for each; do printf '%s\n' "$each"; done
        printf "load here.'%s.gp'\n" "$name"
    } >"$work/$name.gp"
    rm -f "$dir/$name.svg"
    check "$name: gnuplot draws it" gnuplot "$work/$name.gp"
    check "$name: it is whole" grep -qs '</svg>' "$dir/$name.svg"
    check "$name: $curves curves" is_curves "$dir/$name.svg" "$curves"
    check "$name: less than 60 KB" is_small "$dir/$name.svg"
}

is_curves() {
    local n

    n=$(grep -so '<g id="gnuplot_plot_[^"]*"' "$1" | sort -u | wc -l)
    [ "$n" = "$2" ] || {
        echo "      $n curves"
        return 1
    }
}

is_small() { [ "$(stat -c %s "$1" 2>/dev/null || echo 99999)" -lt 60000 ]; }

# has FILE LINES: at least so many, and no word that is none
has() {
    awk -v least="$2" 'tolower($0) ~ /nan/ { bad = 1 }
        END { exit bad || NR < least }' "$1"
}

# -- a boot loop --------------------------------------------------------------

BOOT_LOOP_S=4

boot_loop() {
    local brownout deaths level each

    check 'coin_cell --naive runs' "$build/coin_cell" --naive \
        --plot "$work/naive.txt" >"$work/naive.out"
    check 'coin_cell runs' "$build/coin_cell" --plot "$work/ours.txt" \
        >"$work/ours.out"
    for each in naive ours; do
        run 0 "$work/$each.txt" |
            awk -v most=$BOOT_LOOP_S '$1 <= most' >"$work/$each.all"
        thin 0 $BOOT_LOOP_S <"$work/$each.all" >"$work/$each.dat"
        check "boot_loop: a trace, $each" has "$work/$each.dat" 100
    done
    brownout=$(sed -nE '1s/.*brown-out at ([0-9.]+) V.*/\1/p' \
        "$work/naive.out")
    grep '"brown-out"' "$work/naive.all" |
        awk -v v="${brownout:-1.75}" '{ print $1, v }' >"$work/deaths.dat"
    deaths=$(wc -l <"$work/deaths.dat")
    check 'boot_loop: a loop' test "$deaths" -ge 3
    check 'boot_loop: none with >>tx' lacks_brown_out "$work/ours.all"
    # the first of each kind of event is named, where the text has room
    awk '/"boot"/ && !b++ { print $1 + 0.12, 2.64, "\"boots\"" }
        /dBm"/ && !n++ { print $1, 2.3, $3, $4 }' "$work/naive.all" \
        >"$work/marks_n.dat"
    level=$(sed -nE 's/.*"([-+0-9]+ dBm)".*/\1/p' "$work/ours.all" | head -1)
    awk '/"boot"/ && !b++ { print $1 + 0.12, 2.64, "\"boots\"" }
        /"probe"/ && !p++ { print $1 - 0.26, 2.5, "\"probe\"" }
        /dBm"/ && !n++ { at = $1 }
        /dBm"/ { last = $1 }
        END { print (at + last) / 2 - 0.2, 1.95, "\"'"$level"'\"" }' \
        "$work/ours.all" >"$work/marks_o.dat"
    draw boot_loop 7 "naive = '$work/naive.dat'" "ours = '$work/ours.dat'" \
        "deaths = '$work/deaths.dat'" "marks_n = '$work/marks_n.dat'" \
        "marks_o = '$work/marks_o.dat'" "most = $BOOT_LOOP_S" \
        "brownout = ${brownout:-1.75}" \
        "title_n = 'Always +8 dBm: $deaths brown-outs in $BOOT_LOOP_S s'" \
        "title_o = 'With >>tx: one probe of the processor alone, then \
$level and no brown-out'"
}

lacks_brown_out() { ! grep -q brown-out "$1"; }

# -- droop --------------------------------------------------------------------

droop() {
    check 'droop runs' "$build/power/droop" >"$work/droop.all"
    # the library says 0 where there is no operating point: one of them shows
    awk 'NF && $2 == 0 { if (zero++) next } NF && $2 > 0 { zero = 0 }
        !NF { zero = 0 } { print }' "$work/droop.all" >"$work/droop.dat"
    check 'droop: points' has "$work/droop.dat" 900
    draw droop 11 "data = '$work/droop.dat'"
}

# -- policies -----------------------------------------------------------------

# Named so in the table and in the picture, and the colour.
POLICIES='naive=naive=0xb2182b
rest 2.9 V=rest 2.9 V=0xf4a582
boot back-off=boot back-off=0xe0c060
ours=>>tx=0x2166ac
naive +100 uF=naive +100 uF=0x92c5de
oracle=oracle=0x999999'

# policy_table FILE "NAME,NAME...": a line for each group: its name, then of
# each policy delivered % and brown-outs a cell, in transmission and in the
# boots after that. NaN for what the file lacks.
policy_table() {
    awk -F, -v names="$2" '
        NR == 1 {
            for (i = 1; i <= NF; i++) at[$i] = i
            if (!at["could_boot"] || !at["brownouts_by_boot"]) exit 1
            next
        }
        {
            g = $at["group"]; p = $at["policy"]
            if (!(g in seen)) { seen[g] = 1; name[++groups] = g }
            n[g, p]++
            d[g, p] += $at["delivered"]
            b[g, p] += $at["brownouts"] + $at["brownouts_by_boot"]
        }
        END {
            k = split(names, policy, ",")
            for (i = 1; i <= groups; i++) {
                g = name[i]
                printf "\"%s\"", g
                for (j = 1; j <= k; j++) {
                    if (!n[g, policy[j]]) { printf " NaN NaN"; continue }
                    printf " %.3f %.4f", 100 * d[g, policy[j]] / \
                        n[g, policy[j]], b[g, policy[j]] / n[g, policy[j]]
                }
                print ""
            }
        }' "$1"
}

# What one learns: of the group that is worst off without.
headline() {
    policy_table "$1" naive,ours,oracle | awk -F '" ' '{
            split($2, v, " ")
            if (NR > 1 && v[1] + 0 >= naive + 0) next
            naive = v[1]; ours = v[3]; oracle = v[5]; group = substr($1, 2)
        }
        END {
            printf "%s: naive delivers %.1f %%, >>tx %.1f %%, the oracle " \
                "%.1f %%", toupper(substr(group, 1, 1)) substr(group, 2), \
                naive, ours, oracle
        }'
}

# A short run has fewer policies; those that it has are drawn.
policies() {
    local csv=$dir/population.csv cells name label colour n=0
    local names='' labels='' colours=''

    check 'population.csv is there' test -s "$csv"
    [ -s "$csv" ] || return
    while IFS='=' read -r name label colour; do
        cut -d, -f6 "$csv" | grep -qxF "$name" || continue
        names=$names${names:+,}$name
        labels="$labels${labels:+, }'$label'"
        colours="$colours${colours:+, }$colour"
        n=$((n + 1))
    done <<<"$POLICIES"
    [ -z "$keep" ] || check 'policies: all, to keep it' test "$n" -eq 6
    check 'policies: its columns' policy_table "$csv" "$names" \
        >"$work/policies.dat"
    check 'policies: naive, ours, oracle' \
        has <(policy_table "$csv" naive,ours,oracle) 6
    check 'policies: all groups' has "$work/policies.dat" 6
    cells=$(cut -d, -f2 "$csv" | sort -u | grep -c '[0-9]')
    draw policies $((2 * n)) "data = '$work/policies.dat'" "count = $n" \
        "array name[$n] = [$labels]" "array colour[$n] = [$colours]" \
        "cells = '$((cells / 6))'" "headline = '$(headline "$csv")'"
}

# -- a handshake --------------------------------------------------------------

handshake() {
    local brownout each most n=0 title_n title_g

    check 'mail_on_battery runs' "$build/mail_on_battery" \
        --pki "$build/pki" --plot "$work/mail.txt" >"$work/mail.out"
    for each in naive gated; do
        run $n "$work/mail.txt" | awk '{ $1 /= 1e3; print }' \
            >"$work/$each.mail"
        n=$((n + 1))
    done
    # until the second mail dials
    most=$(awk '/"dial/ { t[++n] = $1 }
        END { if (n > 1) print int(2 * t[2]) / 2 }' "$work/gated.mail")
    check 'handshake: two mails with the gate' test -n "$most"
    for each in naive gated; do
        thin 0 "${most:-5}" <"$work/$each.mail" >"$work/$each.mail.dat"
        check "handshake: a trace, $each" has "$work/$each.mail.dat" 20
    done
    brownout=$(sed -nE 's/.*brown-out at ([0-9.]+) V.*/\1/p' \
        "$work/mail.out" | head -1)
    check 'handshake: brown-out is said' test -n "$brownout"
    title_n=$(sed -n 's/^without a gate: \(.*\), [^,]*$/\1/p' "$work/mail.out")
    title_g=$(sed -n 's/^with the gate: \(.*\), [^,]*$/\1/p' "$work/mail.out")
    check 'handshake: how it ended' test -n "$title_n" -a -n "$title_g"
    mail_marks "${brownout:-2.7}" "${most:-5}"
    draw handshake 7 "naive = '$work/naive.mail.dat'" \
        "gated = '$work/gated.mail.dat'" "deaths = '$work/mail_deaths.dat'" \
        "marks_n = '$work/mail_marks_n.dat'" "most = ${most:-5}" \
        "marks_g = '$work/mail_marks_g.dat'" "brownout = ${brownout:-2.7}" \
        "title_n = 'Without asking: $title_n'" \
        "title_g = 'Each send asks >>tx: $title_g'"
}

# mail_marks BROWNOUT MOST: where it died, the send that it died of; with the
# gate the first of each kind, and the longest send
mail_marks() {
    grep '"brown-out"' "$work/naive.mail" |
        awk -v v="$1" -v most="$2" '$1 < most { print $1, v }' \
        >"$work/mail_deaths.dat"
    check 'handshake: a brown-out' has "$work/mail_deaths.dat" 1
    check 'handshake: none with the gate' lacks_brown_out "$work/gated.mail"
    awk -v v="$1" '/"send/ { $1 += 0.06; $2 = v + 0.1; send = $0 }
        /"brown-out"/ && !n++ { print send }' "$work/naive.mail" \
        >"$work/mail_marks_n.dat"
    awk -v most="$2" '
        $1 > most || !/"[a-z]/ { next }
        { $2 = 2.79 }
        /"(probe|dial)/ { $2 = $3 ~ /probe/ ? 3.05 : 2.86; $3 = $3 }
        /"probe/ && !p++ { print $1 - 0.18, 3.11, $3 }
        /"dial/ && !d++ { print $1 - 0.15, 2.91, "dial" }
        /"compute/ { at += $1; c++ }
        /"send/ { split($0, w, /[ "]+/); if (w[4] + 0 > size) {
            size = w[4] + 0; when = $1 } }
        END {
            if (c) print at / c + 0.3, 3.06, "\"elliptic curves\""
            print when, 2.77, "\"send, " size " bytes\""
        }' "$work/gated.mail" >"$work/mail_marks_g.dat"
}

# -----------------------------------------------------------------------------

for need in coin_cell mail_on_battery power/droop pki/done; do
    check "$build/$need is there" "${MAKE:-make}" -s --no-print-directory \
        "B=$build" "$build/$need"
done
boot_loop
droop
policies
handshake
if [ "$keep" ] && [ $failed -eq 0 ]; then
    mkdir -p examples/plots
    cp "$dir"/{boot_loop,droop,policies,handshake}.svg examples/plots/
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
