#!/bin/bash
# run.sh DIR - runs the suites named on standard input, one "NAME COMMAND..."
# a line, two at a time; DIR takes their output. Each ends with a line
# "N passed, N failed". Prints a line for each, the output of those that
# failed and of the one called attacks, which is a table, and the sum.
set -u
. "$(dirname "$0")/lib.sh"

dir=$1
rm -rf "$dir"
mkdir -p "$dir"

cat >"$dir/suites"
xargs -P 2 -I {} sh -c '
    set -- {}
    name=$1; shift
    "$@" >"'"$dir"'/$name.out" 2>&1 </dev/null
    echo $? >"'"$dir"'/$name.status"' <"$dir/suites"

while read -r name _; do
    count=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$dir/$name.out" |
        tail -n 1)
    status=$(cat "$dir/$name.status" 2>/dev/null || echo none)
    p=$(echo "$count" | sed -nE 's/^([0-9]+) passed.*/\1/p')
    f=$(echo "$count" | sed -nE 's/.*, ([0-9]+) failed.*/\1/p')
    # A suite that died, or that counted nothing, has failed.
    if [ "${f:-0}" -eq 0 ] && { [ "$status" != 0 ] || [ "${p:-0}" -eq 0 ]; }
    then
        f=1
    fi
    printf '%-14s %8d passed, %d failed\n' "$name" "${p:-0}" "$f"
    [ "$f" -eq 0 ] || sed 's/^/    /' "$dir/$name.out" | tail -n 40
    passed=$((passed + ${p:-0}))
    failed=$((failed + f))
done <"$dir/suites"
if [ -s "$dir/attacks.out" ]; then
    echo
    grep -v ' passed, ' "$dir/attacks.out"
    echo
fi
build=$(dirname "$dir")
places=$(awk '/^points:/ { n += $2 } END { print n }' "$dir"/faulty_*.out)
[ "$failed" -gt 0 ] ||
    proof test "$passed checks; a fault at each of $places places ends as it must"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
