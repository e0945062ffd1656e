#!/bin/sh
# linear.sh BUILD PKI - cost against size, through a modem: payload of 1 KB to
# 10 MB in one session, and 1 to 5 links.  (Of lines: parser.sh.)
bench=linear
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
build=$1
pki=$2

# per BYTES INSTRUCTIONS
per() { awk -v b="$1" -v n="$2" 'BEGIN {if (n) printf "%.2f", n / b}'; }

# At first there is a short record, or one that has come already; from 10 KB on
# each decade must cost what the one before did.
for way in send receive; do
    counts "$build/bench/bulk" "$pki" 2 small 2373 $way 10000000
    from=0
    for to in 1000 10000 100000 1000000 10000000; do
        row "$way: byte $from to $to" instructions/byte \
            "$(per $((to - from)) "$(sum $to)")" instructions/byte
        from=$to
    done
    row "$way: 10 KB to 10 MB" 'steepest decade over flattest' "$(awk '
        $1 + 0 > 10000 {
            cost = $2 / (0.9 * $1)
            if (cost > most) most = cost
            if (!least || cost < least) least = cost
        }
        END {if (least) printf "%.1f", 100 * (most / least - 1)}' \
        "$dir/counts")" % 5
done

# All links are polled in turn: each one more is asked while another is busy.
for links in 1 2 3 4 5; do
    counts "$build/bench/links" "$pki" $links
    cost=$(per $((links * 131072)) "$(sum links)")
    row "$links links at once: plain TCP" instructions/byte "$cost" \
        instructions/byte
    echo "$links $cost" >>"$dir/points"
done
row '1 to 5 links' 'above a straight line' "$(above "$dir/points")" % 2
row '1 to 5 links' 'each link more' "$(awk 'NR == 1 {first = $2}
    END {if (NR == 5) printf "%.2f", ($2 - first) / 4}' "$dir/points")" \
    instructions/byte 0.3
finish
