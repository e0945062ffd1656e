#!/bin/bash
# coverage.sh BUILD PKI - runs the test binaries built with clang's coverage
# and prints, room by room, how many lines and branches of estls.h they have
# taken. A branch counts twice, taken and not taken. What is left is listed in
# BUILD/coverage.txt; each function that has some stands in
# tests/coverage.reasons with the reason.
set -u
build=$1 pki=$2
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
LINES_MIN=98 BRANCHES_MIN=95

begin
doing=coverage
shown=1

# -- run ----------------------------------------------------------------------
tests/store.sh "$dir"
runs="at_parser
at_fields
at_engine
tx
tx_fuzz 200000
seed $dir/store.bin
session $pki
links $pki
x509 $pki
fault $pki
ftp $pki
beside $pki
attacks $pki"
export dir build
echo "$runs" | xargs -P 2 -I {} sh -c '
    set -- {}
    LLVM_PROFILE_FILE=$dir/$1.raw "$build/cov/"$@ >"$dir/$1.out" 2>&1 ||
        touch "$dir/$1.failed"'
objects=()
while read -r name _; do
    check "$name passes" [ ! -e "$dir/$name.failed" ]
    objects+=(-object "$build/cov/$name")
done <<<"$runs"
llvm-profdata merge -o "$dir/profile" "$dir"/*.raw
export_as() {
    llvm-cov export -format="$1" -instr-profile="$dir/profile" \
        "${objects[@]:1:1}" "${objects[@]:2}" estls.h
}

# -- points: L LINE TAKEN, or B LINE COLUMN TAKEN NOT-TAKEN --------------------
# One place is in many binaries; it was reached if one of them reached it.
{
    export_as lcov | sed -nE 's/^DA:([0-9]+),([0-9]+).*/L \1 \2/p'
    export_as text |
        jq -r '.data[].files[] | select(.filename | endswith("estls.h")) |
            .branches[] | "B \(.[0]) \(.[1]) \(.[4]) \(.[5])"' |
        awk '{ key = $2 " " $3; taken[key] += $4; missed[key] += $5 }
            END { for (k in taken) print "B", k, taken[k], missed[k] }'
} >"$dir/points"

# -- functions and rooms of the lines -----------------------------------------
ctags -x --c-kinds=f --_xformat='%n %e %N' estls.h | sort -n >"$dir/functions"
awk -v out="$build/coverage.txt" '
FILENAME ~ /estls.h$/ {
    text[FNR] = $0
    if (match($0, /^ \* >>[a-z]+/)) room = substr($0, 6, RLENGTH - 5)
    rooms[FNR] = room
    next
}
FILENAME ~ /functions$/ { for (i = $1; i <= $2; i++) name[i] = $3; next }
{
    r = rooms[$2]
    seen[r]
}
$1 == "L" {
    lines[r]++; all_lines++
    if ($3) { hit[r]++; all_hit++; next }
    miss[sprintf("%05d line  never reached", $2)] = $2
}
$1 == "B" {
    branches[r] += 2; all_branches += 2
    got = ($4 > 0) + ($5 > 0)
    taken[r] += got; all_taken += got
    if (!$4) miss[sprintf("%05d:%02d never true ", $2, $3)] = $2
    if (!$5) miss[sprintf("%05d:%02d never false", $2, $3)] = $2
}
function row(r, a, b, c, d) {
    printf "%-9s %5d of %5d %6.2f %%   %5d of %5d %6.2f %%\n",
        r, a, b, 100 * a / b, c, d, 100 * c / d
}
END {
    print "room              lines               branches"
    n = split("core at link tls starttls session tx", order)
    for (i = 1; i <= n; i++)
        if (order[i] in seen)
            row(order[i], hit[order[i]], lines[order[i]],
                taken[order[i]], branches[order[i]])
    row("all", all_hit, all_lines, all_taken, all_branches)
    for (m in miss)
        print name[miss[m]] "\t" m "\t" text[miss[m]] | ("sort -k2 >" out)
}' estls.h "$dir/functions" "$dir/points" | tee "$dir/table"

# -- judge --------------------------------------------------------------------
read -r lines branches < <(awk '$1 == "all" { print $5, $10 }' "$dir/table")
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }
check "lines: $lines %, at least $LINES_MIN" at_least "$lines" $LINES_MIN
check "branches: $branches %, at least $BRANCHES_MIN" \
    at_least "$branches" $BRANCHES_MIN
cut -f 1 "$build/coverage.txt" | sort -u >"$dir/open"
grep -v '^#' tests/coverage.reasons | sort >"$dir/reasons"
none() {
    [ -s "$1" ] || return 0
    sed 's/^/    /' "$1"
    return 1
}
cut -d ' ' -f 1 "$dir/reasons" | comm -23 "$dir/open" - >"$dir/unexplained"
check 'functions that are not covered, and nobody says why' \
    none "$dir/unexplained"
cut -d ' ' -f 1 "$dir/reasons" | comm -13 "$dir/open" - >"$dir/stale"
check 'functions that are covered, and have a reason not to be' \
    none "$dir/stale"
grep -vE '^[a-z0-9_]+ +[^ ]+' "$dir/reasons" >"$dir/bare"
check 'functions without a reason' none "$dir/bare"
echo "what is left: $(wc -l <"$build/coverage.txt") points in $build/coverage.txt"
proof coverage "$lines % of lines, $branches % of branches"
finish
