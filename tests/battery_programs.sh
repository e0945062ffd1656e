#!/bin/bash
# battery_programs.sh BUILD PKI - the examples of >>tx on simulated cells: what
# they promise holds, also on cells other than those of their stories.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
[ $# -eq 2 ] || {
    echo 'usage: battery_programs.sh BUILD PKI' >&2
    exit 2
}
bin=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
begin

# cell OPTION...: a sensor on a coin cell
cell() {
    doing="coin_cell $*"
    run coin_cell "$bin/coin_cell" "$@"
}
# mail OPTION...
mail() {
    doing="mail_on_battery $*"
    run mail "$bin/mail_on_battery" --pki "$pki" "$@"
}

# number PATTERN: the number that a line of the output has there
number() { sed -nE "s/.*$1.*/\\1/p" "$out" | tail -n 1; }
at_least() {
    why="${1:-nothing}, not $2 or more"
    [ "${1:-0}" -ge "$2" ]
}
at_most() {
    why="${1:-nothing}, not $2 or less"
    [ -n "$1" ] && [ "$1" -le "$2" ]
}
measured() { number '^messages +([0-9]+) measured'; }
delivered() { number ' ([0-9]+) delivered'; }
late() { number ' ([0-9]+) of them late'; }
brownouts() { number '^brown-outs +([0-9]+)'; }
mails() { number "^$1: ([0-9]+) mails of 2"; }
resets() { number "^$1: .* ([0-9]+) brown-outs"; }

nothing_lost() {
    exited 0
    check 'messages' at_least "$(measured)" "$1"
    check 'delivered' is "$(delivered)" "$(measured)"
    check 'late' is "$(late)" 0
    check 'brown-outs' is "$(brownouts)" 0
}

# -- the coin cell ------------------------------------------------------------

cell
nothing_lost 432
check 'it lowers the power' holds "$out" 'dBm: a lower level'
check 'it probes first' holds "$out" 'probe 5000 uA'
check 'the verdict' holds "$out" 'verdict      reservoir missing or too small'
check 'the log' holds "$out" 'tx attempts=432 near='

cell --naive
exited 0
check 'brown-outs' at_least "$(brownouts)" 1000
check 'delivered' is "$(delivered)" 0
check 'it says what that is' holds "$out" 'A boot loop'

# What cured the boards of the story.
cell --naive --uF 110
nothing_lost 432

# An older one, a colder one, a good one, a bench supply of next to no Ohm.
cell --ohm 75 --celsius 10 --days 2
nothing_lost 288
cell --ohm 20 --celsius -5 --swing 12 --days 2
nothing_lost 288
cell --ohm 12
nothing_lost 432
check 'always at full power' lacks "$out" 'lower level'
for ohm in 0.001 0.05; do
    cell --ohm $ohm --ocv 3 --days 1
    nothing_lost 144
    check 'never refused' lacks "$out" 'wait'
    check 'always at full power' lacks "$out" 'lower level'
done

# The board lies about its reservoir: bursts kill, and a hold-off is seen.
cell --uF 1 --believed-uF 100 --days 1
exited 0
check 'it holds off' holds "$out" 'hold-off: a brown-out in transmission'
check 'the LED says so' holds "$out" 'LED: holding off'
check 'brown-outs are few' at_most "$(brownouts)" 300
check 'messages arrive' at_least "$(delivered)" 100

cell --trace --days 0.1
exited 0
check 'each decision' at_least "$(grep -c ' send at ' "$out")" 14

# -- the same, drawn ----------------------------------------------------------

# mV_below FILE MV: does the curve come down there?
mV_below() {
    awk -v limit="$2" '!/^#/ && NF && $2 < limit { n++ } END { exit !n }' "$1"
}
never_below() { ! mV_below "$@"; }
is_plot() {
    awk '!/^#/ && NF && !/^[0-9.]+ [0-9.]+ "[^"]*"$/ { bad = 1; exit }
        END { exit bad || NR < 100 }' "$1"
}

cell --days 0.001 --plot "$dir/ours"
check 'a plot' is_plot "$dir/ours"
check 'it sags, but no further' never_below "$dir/ours" 1900
check 'events' holds "$dir/ours" '"+4 dBm"'
cell --naive --days 0.001 --plot "$dir/naive"
check 'a plot' is_plot "$dir/naive"
check 'it falls below brown-out' mV_below "$dir/naive" 1750
check 'again and again' at_least "$(grep -c '"brown-out"' "$dir/naive")" 10
check 'and boots' at_least "$(grep -c '"boot"' "$dir/naive")" 10

# -- the mail -----------------------------------------------------------------

# dies_and_delivers OPTION...: naive never, with the gate always
dies_and_delivers() {
    mail "$@"
    exited 0
    check 'naive: no mail' is "$(mails 'without a gate')" 0
    check 'naive: each try ends it' is "$(resets 'without a gate')" 3
    check 'naive: the session says so' holds "$out" 'E_MODEM'
    check 'gated: both mails' is "$(mails 'with the gate')" 2
    check 'gated: no brown-out' is "$(resets 'with the gate')" 0
}

dies_and_delivers --plot "$dir/mail"
check 'it lowers the power' holds "$out" 'AT+RFPOWER=44'
check 'the session waits' holds "$out" 'waiting for the battery'
check 'a plot' is_plot "$dir/mail"
check 'two curves' at_least "$(grep -c '^$' "$dir/mail")" 2
check 'naive dies in the handshake' grep -q -B 2 'BROWN-OUT' \
    <(grep -A 2 -e '-- handshake' "$out")
dies_and_delivers --ohm 2 --uF 100
dies_and_delivers --ohm 3.5
dies_and_delivers --ohm 5
check 'sends are split' holds "$out" 'split: '

mail --gated --ohm 0.01
exited 0
check 'a bench supply: at full power' lacks "$out" 'RFPOWER'
check 'a bench supply: never refused' lacks "$out" 'waiting'
mail --naive --ohm 1
exited 0
check 'a good battery needs no gate' is "$(mails 'without a gate')" 2
mail --naive
exited 1
mail --ohm 1
exited 1
mail --gated --ohm 12
exited 1
check 'a dead battery: refused by name' holds "$out" 'E_POWER'
check 'a dead battery: no brown-out' is "$(resets 'with the gate')" 0

# -- mistakes -----------------------------------------------------------------

# refused WHAT COMMAND...: a usage error that says so
refused() {
    doing=${2##*/}" ${*:3}"
    run refused "${@:2}"
    exited 2
    check 'the error' holds "$err" "$1"
}

for program in coin_cell mail_on_battery; do
    doing="$program --help"
    run help "$bin/$program" --help
    exited 0
    check 'it tells of the options' holds "$out" '--ohm=OHM'
    check 'it tells of the exit status' holds "$out" 'Exit status: 0'
    refused '--ohm: x is not a number from 0.001' "$bin/$program" --ohm x
    refused '--ohm: nan is not' "$bin/$program" --ohm nan
    refused '--ocv: 3V is not' "$bin/$program" --ocv 3V
    refused '--uF: -1 is not' "$bin/$program" --uF -1
    refused 'unrecognized option' "$bin/$program" --volt 3
    refused 'more: what for?' "$bin/$program" more
done
refused '--days: 0 is not' "$bin/coin_cell" --days 0
refused 'a cell of 1.9 V cannot start' "$bin/coin_cell" --ocv 1.9
refused 'is below brown-out' "$bin/mail_on_battery" --ocv 2.7

cell --days 0.01 --plot "$dir/none/plot"
exited 1
check 'the file' holds "$err" "$dir/none/plot: No such file"
doing='mail_on_battery --pki nowhere'
run pki "$bin/mail_on_battery" --pki "$dir/none"
exited 1
check 'the file' holds "$err" "$dir/none/anchors.pem"

finish
