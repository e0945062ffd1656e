#!/bin/bash
# soak.sh BUILD PKI SESSIONS SEED - tests/soak.c in two processes, and its
# counts; before that, that its oracles bite: with a header that does not wipe,
# has no deadline, or gives data short, it must complain.
set -u
build=$1 pki=$2 sessions=$3 seed=$4
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

begin
doing=soak
shown=1

# -- the oracles --------------------------------------------------------------
# mutant NAME OLD NEW COUNT: with OLD made NEW in the header COUNT is not 0
mutant() {
    local tree=$dir/$1

    mkdir -p "$tree/tests/modem" "$tree/tests/server"
    cp tests/*.[ch] "$tree/tests/"
    cp tests/modem/espat.[ch] "$tree/tests/modem/"
    cp tests/server/*.[ch] "$tree/tests/server/"
    awk -v old="$2" -v new="$3" '
        (i = index($0, old)) {
            $0 = substr($0, 1, i - 1) new substr($0, i + length(old)); n++
        }
        { print }
        END { exit n != 1 }' estls.h >"$tree/estls.h"
    check "$1: the line is there once" [ $? -eq 0 ]
    (cd "$tree" && gcc -std=c11 -O1 -D_GNU_SOURCE -Itests -o soak \
        tests/soak.c tests/{rig,world,ec_memo}.c tests/modem/espat.c \
        tests/server/{smtpd,dialogue,script,pem,bytes}.c -lbearssl)
    timeout 300 "$tree/soak" "$pki" 200 "$seed" >"$tree/out" 2>&1
    n=$(awk -v what="$4" 'NF == 2 && $1 == what { print $2 }' "$tree/out")
    check "$1: $4 is ${n:-not said}" [ "${n:-0}" -gt 0 ]
}
case $pki in /*) ;; *) pki=$PWD/$pki ;; esac
mutant wipe 'estlsi_tls_wipe(d->iobuf, d->iobuf_cap);' ';' leaks
mutant short 'memcpy(dst, data, n);' 'memcpy(dst, data, n - 1);' wrong
mutant deadline 'return (uint32_t)(now - t0) >= limit;' \
    'return now < t0 && now >= limit && limit > 1u << 30;' hangs
echo "the oracles bite"

# -- the sessions -------------------------------------------------------------
for part in 0 1; do
    start part$part "$build/fast/soak" "$pki" "$sessions" "$seed" $part 2
    first=${first:-$pid}
done
while alive "$first"; do
    sleep 5
    awk -v all="$sessions" '$1 == "progress" { n = $2 }
        END { if (n) printf "%d %%\n", 100 * n / all }' "$dir/part0.out"
done
wait
cat "$dir/part0.out" "$dir/part1.out" | awk '
    NF == 2 && $2 ~ /^[0-9]+$/ && $1 != "progress" {
        if (!($1 in sum)) order[++n] = $1
        sum[$1] += $2
        next
    }
    $1 != "progress" { print }
    END { for (i = 1; i <= n; i++) print order[i], sum[order[i]] }' >"$dir/sum"
cat "$dir/sum"

# -- judge --------------------------------------------------------------------
of() { awk -v what="$1" '$1 == what { print $2 }' "$dir/sum"; }
failed_by_name=$(awk '/^failed:/ { n += $2 } END { print n + 0 }' "$dir/sum")
check "all $sessions sessions ran" is "$(of sessions)" "$sessions"
for what in hangs leaks wrong stuck; do
    check "$what" is "$(of $what)" 0
done
check 'at least half of them had faults' \
    [ "$(of faulty)" -ge $((sessions / 2)) ]
check 'from 30 to 90 % were completed' [ "$(of completed)" -ge \
    $((sessions * 3 / 10)) -a "$(of completed)" -le $((sessions * 9 / 10)) ]
check 'the others failed by name' [ "$failed_by_name" -ge \
    $((sessions - $(of completed) - sessions / 50)) ]
proof "soak SOAK=$sessions SEED=$seed" "$sessions sessions, $(of faulty) with \
faults: $(of completed) completed, $failed_by_name ended by name; hangs, leaks, \
wrong bytes: 0"
finish
