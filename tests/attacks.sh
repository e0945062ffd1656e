#!/bin/sh
# attacks.sh BUILD PKI - the attack suite. Leaves its table in BUILD/attacks.md
# for the README, and checks that the README has it.
set -u

build=$1
out=$build/attacks.out
passed=0
failed=0

"$build/asan/attacks" "$2" >"$out"
status=$?

# The numbered ones; their columns are two blanks apart. How many runs there
# were depends on the lengths of random signatures.
awk 'BEGIN {print "| | attack | expected | got |\n|--:|---|---|---|"}
    /^ *[0-9]+  / && sub(/^ +/, "") {
        split($0, cell, /  +/)
        printf "| %s | %s | %s | %s |\n", cell[1], cell[2], cell[3], cell[4]
    }' "$out" >"$build/attacks.md"

# check WHAT COMMAND...
check() {
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "attacks.sh: $what"
    fi
}

# Each case of 1 to 50 once.
cases() { sed -nE 's/^\| ([0-9]+) \|.*/\1/p' "$build/attacks.md" | sort -n; }
check 'not all 50 cases ran' [ "$(cases | tr '\n' ' ')" = "$(seq -s ' ' 50) " ]
sed -n '/^<!-- attacks -->/,/^<!-- \/attacks -->/p' README.md | sed '1d;$d' |
    diff - "$build/attacks.md"
check "the README's table is out of date: make tables" [ $? -eq 0 ]

cat "$out"
count=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
passed=$((passed + ${count%% *}))
count=${count#*, }
failed=$((failed + ${count%% *} + (status != 0)))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
