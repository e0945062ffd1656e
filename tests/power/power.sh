#!/bin/sh
# power.sh power|power-quick BUILD SEED CELLS - >>tx against circuits and
# against cells of all ages: builds with $CC $CFLAGS, prints tables, and ends
# with "N passed, N failed". power runs CELLS cells a group and leaves the
# README's tables in BUILD/power.md; power-quick runs few and leaves none.
#
# In BUILD/power, each with a line of names:
#   predict.csv     a row for each circuit: by ngspice, by us, by the library
#   recovery.csv    us until rest: by the circuit, by the library
#   esr.csv         a row for each noisy pair: what was learnt of it
#   levels.csv      a row for each question: the level, and the reference
#   capacitor.csv   a row for each cell and level: exact, estls, TI, Q/dV
#   population.csv, population_2V.csv   a row for each cell and policy
#   spice/          netlists and what ngspice said
set -u

how=$1
build=$2
seed=$3
cells=$4
out=$build/power
here=tests/power
log=$out/log
spice=$out/spice
mkdir -p "$out" "$spice"
rm -f "$log" "$out"/*.md
failed=0

# program NAME FILE...: builds it, beside others
program() {
    name=$1
    shift
    rm -f "$out/$name"
    # shellcheck disable=SC2086
    $CC $CFLAGS -o "$out/$name" $(printf "$here/%s.c " "$@") -lm \
        2>"$out/$name.err" &
}
program predict predict_main cases spice circuit
program esr esr_main cell circuit
program levels levels_main circuit
program population population_main population report oracle cell circuit \
    policies policy_ours
wait
for name in predict esr levels population; do
    cat "$out/$name.err"
done

# part NAME COMMAND...: one that does not end with a count has failed
part() {
    name=$1
    shift
    "$@" >"$out/$name.out" 2>&1
    status=$?
    sed '/^[0-9]* passed, [0-9]* failed$/d' "$out/$name.out"
    echo
    count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out/$name.out" |
        tail -n 1)
    echo "$count" >>"$log"
    case $status:$count in
    0:[1-9]*) ;;
    0:* | *:*' 0 failed' | *:)
        echo "FAIL  $name ended with status $status: $count"
        failed=$((failed + 1))
        ;;
    esac
}

part predict "$out/predict" "$out"
part esr "$out/esr" "$seed" "$out"
part levels "$out/levels" "$out"
if [ "$how" = power ]; then
    part population "$out/population" -s "$seed" -n "$cells" \
        -o "$out/population.csv" -m "$out/population.md"
    part population_2V "$out/population" -s "$seed" -n 6 -b 2000 \
        -p naive,ours -o "$out/population_2V.csv"
else
    part population "$out/population" -s "$seed" -n 2 -o "$out/population.csv"
fi
[ ! -x $here/plots.sh ] || part plots $here/plots.sh "$out"
if [ -s "$out/population.md" ] && [ -s "$out/predict.md" ]; then
    { cat "$out/population.md"; echo; cat "$out/predict.md"; } \
        >"$build/power.md"
fi

echo "run it again: make $how SEED=n"
awk -v f="$failed" '/ passed, / { p += $1; f += $3 }
    END { print p + 0 " passed, " f + 0 " failed"; exit f > 0 || !p }' "$log"
