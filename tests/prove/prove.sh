#!/usr/bin/env bash
# prove.sh BUILD [HARNESS...] - Frama-C on estls.h: Eva runs the harnesses in
# tests/prove/*.c, WP proves the contracts in tests/prove/*.acsl. Both read a
# copy of the header that differs from it by lines of ACSL alone.
#
# A harness begins with a comment and then says in lines of its own
#     // eva OPTIONS     for Frama-C
#     // reach NAME...   what must have been analysed
# What Eva cannot show is in tests/prove/explained, line by line
#     HARNESS FUNCTION: PROPERTY
# with the reason in comments above it; no more than that, and no less.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=tests/prove
build=$1
out=$build/prove
shift
export LC_ALL=C WHY3CONFIG="$out/why3.conf"
passed=0 failed=0

end() { kill $(jobs -rp) 2>/dev/null; }
trap end EXIT
trap 'exit 143' TERM INT HUP

check() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $2"
    fi
}

# copy DIR ACSL [SED]: the header with annotations into DIR, after a change if
# there is one to make
copy() {
    mkdir -p "$1"
    cp estls.h "$1/plain.h"
    if [ $# -gt 2 ]; then
        sed -i "$3" "$1/plain.h"
        ! cmp -s estls.h "$1/plain.h" || { echo "no change: $3" >&2; return 1; }
    fi
    awk -f $here/annotate.awk "$here/$2.acsl" "$1/plain.h" >"$1/estls.h" &&
        sed '/^\/\*@/d' "$1/estls.h" | cmp - "$1/plain.h"
}

# frama MACHDEP DIR ARGUMENT...
frama() {
    timeout 900 frama-c -machdep "$1" \
        -cpp-extra-args="-I$2 -idirafter /usr/include" "${@:3}"
}

# -- Eva ----------------------------------------------------------------------

# eva NAME DIR: the alarms go into DIR/NAME.alarms
eva() {
    local options machdep

    options=$(sed -n 's|^// eva||p' "$here/$1.c")
    machdep=$(sed -n 's|^// machdep *||p' "$here/$1.c")
    rm -f "$2/$1.csv"
    # beside the header with annotations, which is the one to be included
    cp "$here/$1.c" $here/world.h "$2"
    # shellcheck disable=SC2086
    frama "${machdep:-gcc_x86_64}" "$2" "$2/$1.c" -warn-invalid-pointer \
        -kernel-warn-key annot:missing-spec=abort -eva \
        -eva-no-show-progress -eva-no-alloc-returns-null \
        -eva-alloc-builtin fresh \
        -eva-slevel-merge-after-loop @all $options \
        -then -report-csv "$2/$1.csv" >"$2/$1.log" 2>&1 &&
        awk -F '\t' -v name="$1" 'NR > 1 && $1 !~ /^FRAMAC_SHARE/ &&
            $6 !~ /^(Valid|Dead|Considered)/ {
            print name, $4 ": " $7 }' "$2/$1.csv" | sort -u >"$2/$1.alarms"
}

# What a run says of itself, and whether it says what is explained.
judge() {
    local name=$1 log=$out/$1.log function missing=''

    sed -n "s/^  *\([0-9]* functions analyzed\).*/$name: \1/p" "$log"
    sed -nE 's/^ *In these functions, (.*)$/    \1/p' "$log"
    [ -f "$out/$name.csv" ]
    check $? "$name: Eva did not end; see $log"
    ! grep -qE 'NON TERMINATING FUNCTION|\[kernel\] .*(error|abort)' "$log"
    check $? "$name: some path goes nowhere"
    for function in $(sed -n 's|^// reach||p' "$here/$name.c"); do
        grep -q "end of function $function:" "$log" ||
            missing="$missing $function"
    done
    [ -z "$missing" ]
    check $? "$name: not analysed:$missing"
    grep "^$name " $here/explained | sort -u >"$out/$name.explained"
    echo "    alarms: $(wc -l <"$out/$name.alarms"), of which explained:" \
        "$(comm -12 "$out/$name.alarms" "$out/$name.explained" | wc -l)"
    comm -3 "$out/$name.alarms" "$out/$name.explained" >"$out/$name.differ"
    sed $'s/^\t/    explained, but gone: /; t; s/^/    alarm: /' \
        "$out/$name.differ"
    [ ! -s "$out/$name.differ" ]
    check $? "$name: alarms"
}

# -- WP -----------------------------------------------------------------------

# wp DIR FUNCTION,...
wp() {
    printf '#define ESTLS_NO_TLS\n#define ESTLS_IMPLEMENTATION\n%s\n' \
        '#include "estls.h"' >"$1/wp.c"
    frama gcc_x86_64 "$1" "$1/wp.c" -wp -wp-rte -wp-prover cvc4,z3 -wp-par 2 \
        -wp-timeout 60 -wp-fct "$2" >"$1/wp.log" 2>&1
}

# All goals of a run are proved, and there are some.
proved() {
    awk '/Proved goals:/ { n++; if ($4 != $6 || !$6) bad++ }
        END { exit !n || bad > 0 }' "$1/wp.log"
}

contracts=$(sed -n 's/^function //p' $here/wp.acsl | sort -u | paste -sd ,)

# -- all ----------------------------------------------------------------------

copy "$out" eva && copy "$out/wp" wp || exit 1
why3 config detect >/dev/null 2>&1
harnesses=("$@")
[ $# -gt 0 ] || harnesses=(judge tx dialogue feed judges builder fields)

for each in "${harnesses[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
    eva "$each" "$out" &
done
wait
for each in "${harnesses[@]}"; do judge "$each"; done

if [ $# -eq 0 ]; then
    wp "$out/wp" "$contracts"
    grep -E '^\[wp\] .*Goal .* : (Timeout|Unknown|Failed|Step)|^\[wp\] \[(Failed|Timeout|Unknown)\]' "$out/wp/wp.log"
    echo "WP: $(tr ',' '\n' <<<"$contracts" | wc -l) functions," \
        "$(sed -n 's/^\[wp\] Proved goals: */goals proved: /p' "$out/wp/wp.log")"
    proved "$out/wp"
    check $? "WP: goals that are not proved; see $out/wp/wp.log"

    # seeded faults: Eva and WP must see them
    copy "$out/seed" eva \
        's/if (n + 1 >= cap || (n + 1) >> 15)/if (n > cap || n >> 15)/' &&
        eva fields "$out/seed" && [ -s "$out/seed/fields.alarms" ] &&
        comm -23 "$out/seed/fields.alarms" "$out/fields.alarms" | grep -q estls_at_text
    check $? "Eva does not see an off-by-one in estls_at_text"
    copy "$out/seed" wp \
        "s/p += \*p == '\\\\\\\\' && p + 1 != end;/p += *p == '\\\\\\\\';/" &&
        wp "$out/seed" estls_at_field && grep -q 'Proved goals' "$out/seed/wp.log" &&
        ! proved "$out/seed"
    check $? "WP does not see an off-by-one in estls_at_field"
fi

# The row of SECURITY.md.
if [ $# -eq 0 ] && [ "$failed" -eq 0 ]; then
    mkdir -p "$build/proofs"
    printf '| `make prove` | Eva: %d harnesses, %d alarms, all explained; WP: %s goals of %d functions proved | %s |\n' \
        "${#harnesses[@]}" "$(cat "$out"/*.alarms | wc -l)" \
        "$(sed -n 's|^\[wp\] Proved goals: *\([0-9]*\) / \([0-9]*\)|\1 of \2|p' "$out/wp/wp.log")" \
        "$(tr ',' '\n' <<<"$contracts" | wc -l)" "$(date -u +%F)" \
        >"$build/proofs/prove.md"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
