#!/bin/sh
# bench.sh BUILD PKI - all benchmarks; ends with the sum of their checks.
set -u

build=$1
pki=$2
here=$(dirname "$0")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

echo 'AT parser, instructions per byte (callgrind, x86-64, gcc -O2)'
"$here/bench_at.sh" | tee -a "$log" | grep -v ' passed, '
echo
echo 'TLS handshake (callgrind, x86-64, gcc -O2)'
"$here/bench_tls.sh" "$build/fast/bench_tls" "$pki" | tee -a "$log" |
    grep -v ' passed, '
echo
echo 'FTP, an upload of 1 MB, limit +10 % (small: portable C, as on an MCU;'
echo 'full: with SSE2)'
"$here/bench_ftp.sh" "$build/fast/bench_ftp" "$pki" | tee -a "$log" |
    grep -v ' passed, '
awk '/^[0-9]+ passed, [0-9]+ failed/ {p += $1; f += $3}
     END {printf "%d passed, %d failed\n", p, f; exit f > 0 || p != 13}' "$log"
