#!/bin/sh
# run.sh BUILD PKI - all benches, as many at a time as there are processors;
# ends with the sum of their checks.  Leaves all figures in BUILD/bench.csv and
# the table for the README in BUILD/bench.md.
set -u

build=$1
pki=$2
here=$(dirname "$0")
out=$build/bench
# the longest first; shown in the order of the titles
benches='ftp bulk linear desktop parser handshake'

title() {
    case $1 in
    parser) echo 'AT parser' ;;
    handshake) echo 'TLS handshake, of the client' ;;
    bulk) echo '1 MB of payload in an open session, portable C' ;;
    ftp) echo 'FTP upload of 1 MB; small: portable C, full: with SSE2' ;;
    linear) echo 'Cost against size, ESP-AT 2.x' ;;
    desktop) echo 'A mail by STARTTLS, whole processes' ;;
    esac
}

rm -f "$out"/*.csv "$out"/*.log "$build/bench.md"
# shellcheck disable=SC2086 # a list
printf '%s\n' $benches | xargs -P "$(nproc)" -I'{}' sh -c \
    'csv=$2/$1.csv; export csv; "$3/$1.sh" "$4" "$5" >"$2/$1.log" 2>&1' \
    sh '{}' "$out" "$here" "$build" "$pki"

echo 'bench,case,measure,value,unit,goal,most,verdict' >"$build/bench.csv"
for bench in parser handshake bulk ftp linear desktop; do
    printf '\n%s (instructions: callgrind, %s)\n' "$(title $bench)" \
        "$(uname -m)"
    touch "$out/$bench.csv"
    cat "$out/$bench.csv" >>"$build/bench.csv"
    awk -F, '{
        note = $6 == "" ? $8 : $8 ", goal " $6
        printf "  %-44s %-31s %12s %-17s %s\n", $2, $3, $4, $5, note
    }' "$out/$bench.csv" | sed 's/ *$//'
    grep -v '^[0-9]* passed, [0-9]* failed$' "$out/$bench.log"
done

echo
awk -f "$here/table.awk" "$build/bench.csv" >"$out/table.md" &&
    mv "$out/table.md" "$build/bench.md"
# A bench that says no count has failed.
for bench in $benches; do
    grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out/$bench.log" ||
        echo "0 passed, 1 failed"
done | awk '{p += $1; f += $3}
    END {printf "%d passed, %d failed\n", p, f; exit f > 0 || !p}'
