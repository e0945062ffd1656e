#!/bin/bash
# mutants.sh BUILD PKI [WHICH [SEED]] - do the tests notice? Puts each fault of
# tests/mutants.txt into a copy of estls.h, and runs the suites that belong to
# it until one fails; WHICH is a number, for so many that SEED picks, or a word,
# for the rows that have it. Those that no test can tell from the original say
# why in the table, and are counted apart.
set -u
build=$(realpath "$1") pki=$(realpath "$2") which=${3:-} seed=${4:-1}
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
KILLED_MIN=95
LIMIT=120 # seconds that a suite may take; it takes less than a third of that
CFLAGS="-std=c11 -w -O1 -D_GNU_SOURCE"

begin
doing=mutants
shown=1
workers=''
end_hook() {
    local each
    for each in $workers; do stop "$each"; done
}

# -- the table ----------------------------------------------------------------
# function ~ suites ~ text ~ in its place [~ why nobody can tell]
grep -vE '^(#|$)' tests/mutants.txt >"$dir/all"
total=$(wc -l <"$dir/all")
check "at least 80 mutants: $total" [ "$total" -ge 80 ]
if [[ "$which" == *[!0-9]* ]]; then
    grep -F -- "$which" "$dir/all" >"$dir/table"
elif [ -n "$which" ]; then
    awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' \
        "$dir/all" | sort -n | head -n "$which" | cut -f 2- >"$dir/table"
else
    cp "$dir/all" "$dir/table"
fi
ctags -x --c-kinds=f --_xformat='%N %n %e' estls.h >"$dir/functions"

# mutate LINE: estls.h with that fault, to standard output; fails where the
# text does not stand in the function exactly once.
mutate() {
    ROW=$1 awk -v functions="$dir/functions" '
    BEGIN {
        n = split(ENVIRON["ROW"] " ", part, / ~ /)
        if (n < 4) exit 1
        sub(/ $/, "", part[n])
        from = part[3]; to = part[4]
        while ((getline line < functions) > 0) {
            split(line, f, " ")
            if (f[1] == part[1]) { first = f[2]; last = f[3] }
        }
        if (!first) exit 1
    }
    NR >= first && NR <= last {
        while ((at = index(substr($0, done + 1), from)) > 0) {
            found++
            $0 = substr($0, 1, done + at - 1) to \
                substr($0, done + at + length(from))
            done += at - 1 + length(to)
        }
        done = 0
    }
    { print }
    END { exit found != 1 }' estls.h
}

# -- suites -------------------------------------------------------------------
WORLD="world ec_memo modem/espat server/smtpd server/dialogue server/script
    server/pem server/bytes"
FTP="ftp_rig server/ftpd examples/ftp"
ATTACKS=$(cd tests && ls attacks/*.c | sed 's/\.c$//')

# What a suite is linked from, besides what holds the implementation.
parts() {
    case $1 in
    session | links | x509) echo "$1 $WORLD" ;;
    ftp | beside) echo "$1 $WORLD $FTP" ;;
    attacks) echo "$ATTACKS $WORLD $FTP" ;;
    esac
}

# holder SUITE: the file that holds the implementation
holder() { [ -n "$(parts "$1")" ] && echo rig || echo "$1"; }

source_of() {
    case $1 in
    examples/*) echo "$1.c" ;;
    *) echo "tests/$1.c" ;;
    esac
}

# The mutant's own file alone is compiled again: the others see declarations.
# build_suite TREE SUITE SANITISER...
build_suite() {
    local tree=$1 suite=$2 objects='' each main

    shift 2
    main=$(holder "$suite")
    for each in $(parts "$suite"); do objects="$objects $dir/o/$each.o"; done
    if [ ! -e "$tree/$main.o" ]; then
        (cd "$tree" && gcc $CFLAGS "$@" -Itests -c -o "$main.o" \
            "tests/$main.c") || return 1
    fi
    gcc "$@" -o "$tree/suite.$suite" "$tree/$main.o" $objects -lbearssl
}

# run_suite TREE SUITE
run_suite() {
    local arguments=$pki

    case $2 in
    at_* | tx | seed) arguments='' ;;
    tx_fuzz) arguments=20000 ;;
    esac
    (cd "$1" && timeout -k 5 $LIMIT "./suite.$2" $arguments) >/dev/null 2>&1
}

new_tree() {
    mkdir -p "$dir/$1"
    cp -r estls.h tests examples "$dir/$1"
}

# -- unmutated ----------------------------------------------------------------
new_tree good
suites=$(awk -F ' ~ ' '{ print $2 }' "$dir/table" | tr ' ' '\n' |
    sed 's/+asan//' | sort -u)
for each in $(for s in $suites; do parts "$s"; done | sort -u | tr '\n' ' '); do
    mkdir -p "$dir/o/$(dirname "$each")"
    gcc $CFLAGS -Itests -c -o "$dir/o/$each.o" "$(source_of "$each")" || exit 1
done
unmutated() {
    local t0=$SECONDS

    build_suite "$dir/good" "$1" && run_suite "$dir/good" "$1" || return 1
    [ $((SECONDS - t0)) -lt $((LIMIT / 3)) ]
}
for each in $suites; do
    check "$each passes unmutated, in a third of the limit" unmutated "$each"
done
[ "$failed" -eq 0 ] || { finish; exit 1; }

# -- mutants ------------------------------------------------------------------
# try TREE ROW: prints what became of it
try() {
    local tree=$1 row=$2 suite sanitiser status

    rm -f "$tree"/*.o "$tree"/suite.*
    mutate "$row" >"$tree/estls.h" || { echo 'no such text, or twice'; return; }
    for suite in $(awk -F ' ~ ' '{ print $2 }' <<<"$row"); do
        sanitiser=
        [ "$suite" = "${suite%+asan}" ] ||
            sanitiser='-fsanitize=address,undefined -fno-sanitize-recover'
        suite=${suite%+asan}
        [ -z "$sanitiser" ] || rm -f "$tree"/*.o
        build_suite "$tree" "$suite" $sanitiser >/dev/null 2>&1 ||
            { echo 'does not compile'; return; }
        run_suite "$tree" "$suite"
        status=$?
        [ $status -eq 0 ] || {
            echo "killed by $suite$([ $status -ne 124 ] || echo ', which hangs')"
            return
        }
    done
    echo SURVIVED
}

# work WHICH: every second row
work() {
    local i=0 row what

    while IFS= read -r row; do
        [ $((i++ % 2)) -eq "$1" ] || continue
        what=$(try "$dir/$1" "$row")
        awk -F ' ~ ' -v i="$i" -v what="$what" '{
            if ($5 != "" && what == "SURVIVED") what = "equivalent: " $5
            printf "%3d %s: %s -> %s: %s\n", i, $1, $3, $4, what
        }' <<<"${row//\\/\\\\}" | tee -a "$dir/results.$1"
    done <"$dir/table"
}
for each in 0 1; do
    new_tree $each
    work $each &
    workers="$workers $!"
done
wait $workers
workers=''
cat "$dir"/results.* >"$dir/results"

# -- judge --------------------------------------------------------------------
number() { grep -cE "$1" "$dir/results"; }
mutants=$(wc -l <"$dir/table")
killed=$(number ': killed by [^:]*$')
same=$(number ': equivalent: ')
percent=$(awk -v k="$killed" -v n="$((mutants - same))" \
    'BEGIN { printf "%.1f", n ? 100 * k / n : 0 }')
echo "mutants: $mutants, equivalent: $same, killed: $killed ($percent %)"
check 'every row of the table is a mutant' \
    [ "$(number ': (no such text, or twice|does not compile)$')" -eq 0 ]
check 'every mutant has a result' [ "$(wc -l <"$dir/results")" -eq "$mutants" ]
check "at least $KILLED_MIN % are killed" \
    awk -v p="$percent" -v min=$KILLED_MIN 'BEGIN { exit !(p >= min) }'
why_not_same() {
    ! awk -F ' ~ ' '$5 != "" { print $1 }' "$dir/table" | sort |
        comm -23 - <(sed -nE 's/^ *[0-9]+ ([a-z0-9_]+): .*: equivalent: .*/\1/p' \
            "$dir/results" | sort) | grep .
}
check 'those that are called equivalent survive' why_not_same
[ -n "$which" ] ||
    proof mutants "$mutants faults: $killed killed, $same equivalent ($percent %)"
finish
