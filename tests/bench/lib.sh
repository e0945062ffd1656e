# shellcheck shell=sh
# lib.sh - for the benches, which source it and set $bench, their name.
#
#     counts COMMAND...   what callgrind counts of a program
#     row ...             a row of the table, judged if it has a goal
#     finish              prints the count; its status is the bench's
#
# Rows go to $csv, as bench,case,measure,value,unit,goal,most,verdict.

set -u
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
csv=${csv:-/dev/stdout}

# counts COMMAND...: leaves a line "NAME INSTRUCTIONS" for each mark in
# $dir/counts, "termination" for what comes behind the last; and what the
# program printed in $dir/said.  Counted are the functions of $inside, without
# what they call of $outside.
inside=client_turn outside='client_read client_write client_tick'
counts() {
    rm -f "$dir"/out*
    : >"$dir/counts"
    # shellcheck disable=SC2046,SC2086 # lists
    if ! valgrind -q --tool=callgrind --combine-dumps=yes \
        --callgrind-out-file="$dir/out" \
        $(printf -- '--toggle-collect=%s ' $inside $outside) \
        "$@" >"$dir/said" 2>&1; then
        { echo "$bench: $* failed:" && cat "$dir/said"; } >&2
        return
    fi
    awk '/^desc: Trigger: / {name = $NF}
        /^totals: / && name {print name, $2; name = ""}' "$dir/out" \
        >"$dir/counts"
}

# sum NAME, longest NAME: of the lines of that name in $dir/counts
sum() { awk -v name="$1" '$1 == name {n += $2} END {print n}' "$dir/counts"; }
longest() {
    awk -v name="$1" '$1 == name && $2 > n {n = $2} END {print n}' \
        "$dir/counts"
}

# share N BASE: N in percent of BASE
share() {
    awk -v n="$1" -v base="$2" 'BEGIN {
        if (n > 0 && base > 0) printf "%.1f", 100 * n / base}'
}

# over N BASE: by how many percent N is more
over() {
    awk -v n="$1" -v base="$2" 'BEGIN {
        if (n > 0 && base > 0) printf "%.2f", 100 * (n - base) / base}'
}


# above FILE: of the points "X COST" in it, by how many percent at most a cost
# is above the straight line that fits them best
above() {
    awk '{x[NR] = $1; y[NR] = $2
            sx += $1; sy += $2; sxx += $1 * $1; sxy += $1 * $2}
        END {
            if (NR < 3 || !sy) exit
            b = (NR * sxy - sx * sy) / (NR * sxx - sx * sx)
            a = (sy - b * sx) / NR
            for (i = 1; i <= NR; i++) {
                off = 100 * (y[i] / (a + b * x[i]) - 1)
                if (off > most) most = off
            }
            printf "%.1f", most}' "$1"
}

# row CASE MEASURE VALUE UNIT [GOAL [MOST]]: a value up to GOAL is ok; one up
# to MOST, which is what was reached once, misses the goal but passes; one
# beyond fails, and so does none.
row() {
    verdict=$(awk -v v="$3" -v goal="${5-}" -v most="${6-${5-}}" 'BEGIN {
        if (v !~ /^-?[0-9]+(\.[0-9]+)?$/) print "MISSING"
        else if (goal == "") exit
        else if (v + 0 <= goal + 0) print "ok"
        else print v + 0 <= most + 0 ? "goal missed" : "WORSE"}')
    case $verdict in
    ok | 'goal missed') passed=$((passed + 1)) ;;
    WORSE | MISSING) failed=$((failed + 1)) ;;
    esac
    echo "$bench,$1,$2,$3,$4,${5-},${6-},$verdict" >>"$csv" || exit 1
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
