#!/bin/bash
# qemu.sh BUILD PKI [--data|--stack] - the main job (job.c) on 32-bit machines
# in QEMU: built, run with a modem and a server, its output compared with the
# PC's; then the same with bad input and power cuts. Rows of a table go to
# BUILD/mcu/qemu.md. prepare.sh has prepared BUILD/mcu.
#
# With --data all is built for all profiles, and with --stack run for one
# session: "CORE data|stack JOB BYTES" go to BUILD/mcu/qemu.sizes.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/lib.sh"
. "$top/tests/mcu/compiler.sh"
build=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
mcu=$build/mcu
begin

# MACHINE CORE FLASH RAM KB JOB...; RAM of more than 16 KB is left alone. A job
# is a trust, or that and "8k": with BearSSL cut down as for an 8 KB AVR; or a
# room alone (rooms.c).
machines='
microbit           cortex-m0  0x00000000 0x20000000 16 pin chain
stm32vldiscovery   cortex-m3  0x08000000 0x20000000  8 pin-8k
mps2-an385         cortex-m3  0x00000000 0x20000000 16 pin chain
netduinoplus2      cortex-m4  0x08000000 0x20000000 16 pin chain
mps2-an505         cortex-m33 0x10000000 0x38000000 16 pin chain
sifive_e           rv32imac   0x20400000 0x80000000 16 pin chain
'
sized='
microbit           cortex-m0  0x00000000 0x20000000 16 pin-8k pin chain at tx
mps2-an385         cortex-m3  0x00000000 0x20000000 16 pin-8k pin chain at tx
netduinoplus2      cortex-m4  0x08000000 0x20000000 16 pin-8k pin chain at tx
sifive_e           rv32imac   0x20400000 0x80000000 16 pin-8k pin chain at tx
'
BAD_INPUT_OF=pin # the cheaper one; no line of the job reads otherwise
PARALLEL=3
LIMIT=300 # s: twice the longest deadline, and that by the board's clock, which
# falls behind on a busy PC
CUTS=50
UNTOUCHED=256 # bytes of 8 KB

# -- one line for each check --------------------------------------------------

show_passed=1
show_context() {
    tail -n 25 "$dir/$doing.out" "$dir/$doing.err" 2>/dev/null |
        sed 's/^/      /'
}

die() {
    echo "qemu.sh: $*" >&2
    exit 1
}

# -- building -----------------------------------------------------------------

# library CORE SOURCE: BearSSL, as $library
library() {
    library=$mcu/$1-$2.a
    # shellcheck disable=SC2086 # a list of words
    "$top/tests/mcu/library.sh" "$mcu/$2" "$library" $cc -std=gnu99 \
        -D__flash= || die "no $library"
}

# job MACHINE CORE FLASH RAM KB JOB: $mcu/MACHINE-JOB.elf
job() {
    local bearssl=bearssl flags='' board=cortex_m.c macro=${1//-/_}
    local program=$mcu/$1-$6.elf source="$top/tests/mcu/job.c"

    source="$source $top/examples/smtp.c"
    compiler "$2"
    case $6 in
    at | tx) source=$top/tests/mcu/rooms.c flags="-DROOM_$6" ;;
    *-8k) bearssl=bearssl-8k flags='-DSMTP_OUT=96 -DSMTP_REPLY=64' ;;
    chain) flags=-DJOB_CHAIN ;;
    esac
    case $2 in rv32*) board=riscv.c ;; esac
    library "$2" "$bearssl"
    # shellcheck disable=SC2086 # lists of words
    $cc -std=gnu11 -Wall -Wextra -Werror -nostartfiles -Wl,--gc-sections \
        -I"$mcu/$bearssl/inc" -I"$mcu/trust" "-DMACHINE_$macro" $flags \
        "-Wl,--defsym=FLASH=$3,--defsym=RAM=$4,--defsym=RAM_SIZE=$5K" \
        -T "$top/tests/mcu/board32.ld" $source \
        "$top/tests/mcu/$board" "$top/tests/mcu/board32.c" \
        "$library" -o "$program" || die "no $program"
    ${tools}nm "$program" >"$program.symbols"
    ${tools}size "$program" >"$program.size"
}

gcc="${CC:-gcc} -O2 -std=gnu11 -Wall -Wextra -Werror -I$top/tests"

host_program() {
    $gcc "$top/tests/mcu/"{qemu_host,host,peer}.c "$top/tests/modem/espat.c" \
        -o "$mcu/qemu_host" || die 'no host'
}

other_programs() {
    local trust

    $gcc -shared -fPIC -fvisibility=hidden "$top/tests/mcu/insn.c" \
        -o "$mcu/insn.so" || die 'no plugin'
    for trust in pin chain; do
        $gcc -I"$mcu/trust" "-DJOB_${trust^^}" "$top/tests/mcu/job.c" \
            "$top/tests/mcu/native.c" "$top/examples/smtp.c" -lbearssl \
            -o "$mcu/host-$trust.elf" || die 'no job for the PC'
    done
}

# -- running ------------------------------------------------------------------

declare -A pid_of

# play NAME MACHINE JOB OPTION...: becomes the host, with a server of its own
# that ends when it does
play() {
    local mails=$dir/$1.mails

    mkdir "$mails"
    "$build/smtpd" --die-with-parent --cert "$pki/ec.pem" --key "$pki/ec.key" \
        --mail-dir "$mails" >"$mails/port" &
    wait_for 20 grep -qs : "$mails/port" || exit 1
    exec "$mcu/qemu_host" --limit $LIMIT "${@:4}" "$mcu/$2-$3.elf" "$2" \
        "$(sed 's/.*://' "$mails/port")"
}

# launch NAME MACHINE JOB OPTION...: in the background
launch() {
    start "$1" play "$@"
    pid_of[$1]=$pid
}

# room N: waits until fewer than N of what room was asked for are running
crowd=
room() {
    local each left n

    while :; do
        n=0 left=
        for each in $crowd; do
            alive "$each" && n=$((n + 1)) left="$left $each"
        done
        crowd=$left
        [ $n -ge "$1" ] || return 0
        sleep 0.1
    done
}

# ended NAME: its exit status in $status; it is what is $doing
ended() {
    doing=$1
    wait "${pid_of[$1]}"
    status=$?
    pids=$(echo "$pids" | tr ' ' '\n' | grep -vx "${pid_of[$1]}" | tr '\n' ' ')
}

# plugin MACHINE JOB: counts from BearSSL's start to the line "open"
plugin() {
    address() {
        awk -v s="$2" '$3 == s { print $1 }' "$mcu/$1.elf.symbols"
    }
    echo "--plugin=$mcu/insn.so,begin=$(address "$1-$2" br_ssl_client_reset)$(
    ),step=$(address "$1-$2" board_tick),end=$(address "$1-$2" board_say)"
}

# -- judging ------------------------------------------------------------------

# values NAME: of each line of that name, in a row
values() {
    awk -v name="$1" '$2 == name { printf "%s%s", sep, $3; sep = " " }' \
        "$dir/$doing.out"
}
last() { values "$1" | sed 's/.* //'; }

# No hang, no crash, nothing in clear: else the host fails.
clean() {
    why="exit status $status"
    [ "$status" -eq 0 ] && grep -qx 'clear 0 ' "$dir/$doing.out"
}

at_least() {
    why="$1, not $2"
    [ "${1:-0}" -ge "$2" ]
}

# said NAME: what a PC and a board must say alike in a first session
said() {
    awk '$2 ~ /^(open|mail|mails|detail|resumed|suite|lost)$/ { print $2, $3 }
        $2 == "asleep" { exit }' "$dir/$1.out"
}

# whole N: N mails arrived or more, and each is the PC's, byte for byte
whole() {
    local n=0 mail

    for mail in "$dir/$doing.mails"/*.eml; do
        [ -e "$mail" ] || continue
        why="$mail differs"
        cmp -s "$mail" "$dir/host-pin.mails/1.eml" || return 1
        n=$((n + 1))
    done
    at_least $n "$1"
}

# mails: how many the board knows to have arrived
mails() {
    local n

    n=$(last mails)
    echo "${n:-1}"
}

main_job() { # MACHINE JOB
    ended "$1-$2"
    check 'ends, nothing in clear' clean
    check 'TLS opens, twice' is "$(values open)" '0 0'
    check 'mail, twice' is "$(values mail)" '0 0'
    check 'full, then resumed' is "$(values resumed)" '0 1'
    check 'the UART loses nothing' is "$(values lost)" '0 0'
    check 'says what the PC says' is "$(said "$doing")" "$(said "host-${2%-*}")"
    check 'two mails arrive, as from the PC' whole 2
}

bad_input() { # MACHINE JOB
    local name

    for name in "$1-overrun-"{150,400,700} "$1-noise" "$1-reset" "$1-cuts"; do
        ended "$name"
        check 'ends, nothing in clear' clean
        check 'then a session as if nothing had been' is \
            "$(last open) $(last mail)" '0 0'
        check 'each mail that arrived is whole' whole "$(mails)"
    done
    doing=$1-reset
    check 'the session fails, the next does not' is \
        "$(values open | sed 's/-[0-9]*/failed/')" 'failed 0'
    doing=$1-cuts
    # on a busy PC sessions differ in length, and some end before their cut
    check "a fifth of $CUTS cuts or more are within a session" at_least \
        "$(grep -c ' cut$' "$dir/$doing.out")" $((CUTS / 5))
}

launch_bad_input() { # MACHINE JOB
    local n run

    for n in 150 400 700; do
        launch "$1-overrun-$n" "$1" "$2" --sessions 2 --overrun $n
    done
    for run in 'noise --sessions 2 --noise 40' \
        'reset --sessions 2 --fault reset@send:3' \
        "cuts --sessions 2 --cuts $CUTS --seed 1"; do
        room $PARALLEL
        # shellcheck disable=SC2086 # words
        launch "$1-${run%% *}" "$1" "$2" ${run#* }
        crowd="$crowd $pid"
    done
}

# -- figures ------------------------------------------------------------------

mega() { awk -v n="$1" 'BEGIN { printf "%.2f", n / 1e6 }'; }

figures() { # MACHINE CORE KB JOB
    local flash static stack untouched full resumed step profile

    doing=$1-$4
    read -r flash static < <(awk 'NR == 2 { print $1 + $2, $2 + $3 }' \
        "$mcu/$doing.elf.size")
    untouched=$(values untouched | tr ' ' '\n' | sort -n | head -n 1)
    stack=$(($3 * 1024 - static - ${untouched:-0}))
    read -r full resumed < <(values insns)
    step=$(values step | tr ' ' '\n' | sort -n | tail -n 1)
    [ -n "$resumed" ] || return 0 # the job failed, as was said
    printf '%s\n' "text $flash" "data $static" "stack $stack" \
        "untouched $untouched" "full $full" "resumed $resumed" "step $step" |
        sed "s/^/      $doing /"
    case $4 in
    pin) profile='pinned key' ;;
    pin-8k) profile='pinned key, 8 KB' ;;
    chain) profile=certificates ;;
    esac
    echo "| $1 | $2 | $profile | $flash | $static | $stack | $untouched" \
        "| $(mega "$full") | $(mega "$resumed") | $(mega "$step") |" \
        >>"$mcu/qemu.md"
}

# data MACHINE CORE JOB; stack KB MACHINE CORE JOB: a line of qemu.sizes
static() { awk 'NR == 2 { print $2 + $3 }' "$mcu/$1.elf.size"; }
data() { echo "$2 data $3 $(static "$1-$3")" >>"$mcu/qemu.sizes"; }
stack() {
    ended "$2-$4"
    check 'ends, nothing in clear' clean
    case $4 in
    at | tx) check 'the room runs' at_least "$(last runs)" 6 ;;
    *) check 'a mail' is "$(values open) $(values mail)" '0 0' ;;
    esac
    echo "$3 stack $4 $(($1 * 1024 - $(static "$doing") - $(last untouched)))" \
        >>"$mcu/qemu.sizes"
}

# -- all ----------------------------------------------------------------------

# each COMMAND: with MACHINE CORE FLASH RAM KB JOB, of every job
each() {
    local machine core flash ram kb jobs j

    while read -r machine core flash ram kb jobs <&3; do
        for j in $jobs; do
            "$1" "$machine" "$core" "$flash" "$ram" "$kb" "$j"
        done
    done 3< <(echo "$machines" | grep .)
}
if_bad_input() { # COMMAND, and as from each
    case $7 in "$BAD_INPUT_OF"*) "$1" "$2" "$7" ;; esac
}

launch_main() {
    room 2
    launch "$1-$6" "$1" "$6" --sessions 2 "$(plugin "$1" "$6")"
    crowd="$crowd $pid"
}
launch_bad() { if_bad_input launch_bad_input "$@"; }
judge_main() { main_job "$1" "$6"; }
judge_bad() { if_bad_input bad_input "$@"; }
show_figures() { figures "$1" "$2" "$5" "$6"; }

launch_once() {
    room 2
    launch "$1-$6" "$1" "$6"
    crowd="$crowd $pid"
}
list_data() { data "$1" "$2" "$6"; }
list_stack() { stack "$5" "$1" "$2" "$6"; }
sizes() {
    machines=$sized
    : >"$mcu/qemu.sizes"
    each job
    each list_data
    [ "$1" = --stack ] || return 0
    host_program
    each launch_once
    each list_stack
}

case ${3:-} in
--*)
    sizes "$3"
    finish
    exit
    ;;
esac
host_program
other_programs
each job
for trust in pin chain; do
    launch "host-$trust" host "$trust"
    ended "host-$trust"
    check 'ends, nothing in clear' clean
    check 'a mail' is "$(values open) $(values mail)" '0 0'
    check 'it arrives' whole 1
done
each launch_main
room 1
each judge_main
doing=stm32vldiscovery-pin-8k
check "$UNTOUCHED bytes of 8 KB untouched" at_least "$(values untouched |
    tr ' ' '\n' | sort -n | head -n 1)" $UNTOUCHED
each launch_bad
each judge_bad

: >"$mcu/qemu.md"
each show_figures
finish
