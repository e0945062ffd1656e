#!/bin/bash
# avr.sh BUILD BEARSSL PKI - the main job on AVR, run by simavr against a modem
# and servers: a mail over STARTTLS, a reset, and another, resumed. Then what
# goes wrong with wires and batteries. The table goes to BUILD/mcu/avr.md.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/lib.sh"
cd "$top" || exit 1
build=$1 bearssl=$2 pki=$3
out=$build/mcu
begin

WARNINGS='-Wall -Wextra -Werror'
# -flto: else avr-gcc keeps all texts of estls.h in RAM. Without inlining the
# stack is smaller, since each frame has only its own.
AVR='-std=gnu99 -Os -flto -fno-inline-functions-called-once
    -fno-inline-small-functions -mcall-prologues -mrelax -DF_CPU=16000000UL
    -ffunction-sections -fdata-sections -Wl,--gc-sections
    -DSMTP_OUT=96 -DSMTP_REPLY=64'

# -- what is built ------------------------------------------------------------

# program NAME MCU INC LIBRARY FLAGS...: $out/NAME.elf
program() {
    local name=$1 mcu=$2 inc=$3 library=$4

    shift 4
    # shellcheck disable=SC2086 # lists
    avr-gcc $AVR $WARNINGS -mmcu="$mcu" "$@" -isystem "$inc" -I"$out/trust" \
        tests/mcu/job.c tests/mcu/avr.c examples/smtp.c "$library" \
        -o "$out/$name.elf" 2>&1
}

builds() {
    mkdir -p "$out/trust" &&
        "$build/anchors" --pin "$pki/ec.pem" >"$out/trust/pin.h" &&
        "$build/anchors" "$pki/root.pem" >"$out/trust/anchors.h" || return 1
    if [ ! -e "$out/bearssl-avr/done" ]; then
        rm -rf "$out/bearssl-avr"
        cp -r "$bearssl" "$out/bearssl-avr" &&
            examples/avr/bearssl_avr.sh "$out/bearssl-avr" &&
            touch "$out/bearssl-avr/done" || return 1
    fi
    for row in atmega2560:bearssl-avr atmega1284p:bearssl-avr \
        atmega1284p:bearssl; do
        tests/mcu/library.sh "$out/${row#*:}" "$out/${row/:/-}.a" avr-gcc \
            -std=gnu99 "-mmcu=${row%:*}" || return 1
    done
    gcc -O2 -std=gnu11 -Wall -Wextra -Werror -Itests tests/mcu/avr_host.c \
        tests/mcu/host.c tests/mcu/peer.c tests/modem/espat.c \
        -o "$out/avr_host" -lsimavr -lelf
}

# the 8 KB profile; a chip with 16 KB, BearSSL as packaged; with certificates
MEGA2560="mega2560 atmega2560 $out/bearssl-avr/inc
    $out/atmega2560-bearssl-avr.a"
MEGA1284="mega1284p atmega1284p $out/bearssl/inc $out/atmega1284p-bearssl.a"
CHAIN1284="mega1284p-chain atmega1284p $out/bearssl-avr/inc
    $out/atmega1284p-bearssl-avr.a -DJOB_CHAIN"

# -- what is said -------------------------------------------------------------

# told NAME WORD N: what stood behind WORD the N-th time
told() { awk -v w="$2" -v n="$3" '$2 == w && !--n {print $3}' "$dir/$1.out"; }
at() { awk -v w="$2" -v n="$3" '$2 == w && !--n {print $1}' "$dir/$1.out"; }
last() { awk -v w="$2" '$1 == w {v = $2} END {print v}' "$dir/$1.out"; }
is() { [ "$(told "$1" "$2" "$3")" = "$4" ]; }
# handshake NAME N: seconds from STARTTLS to application data, of the N-th
handshake() {
    awk -v a="$(at "$1" starttls "$2")" -v b="$(at "$1" open "$2")" \
        'BEGIN {printf "%.3f", b - a}'
}
at_most() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a > 0 && a <= b)}'; }

# host NAME MCU OPTION...: runs $out/NAME.elf
host() {
    local name=$1 mcu=$2

    shift 2
    run "$name" "$out/avr_host" "$out/${name%%.*}.elf" "$mcu" "$@"
}

# ended NAME: no hang, no crash, nothing in clear
ended() { [ "$status" = 0 ] && [ "$(last "$1" clear)" = 0 ]; }

# -- servers ------------------------------------------------------------------

smtpd() {
    mkdir -p "$dir/mail"
    start smtpd "$build/smtpd" --cert "$pki/ec.pem" --key "$pki/ec.key" \
        --mail-dir "$dir/mail" --die-with-parent
    wait_for 5 grep -q listening "$dir/smtpd.out" || return 1
    port=$(sed -n 's/.*://p' "$dir/smtpd.out")
}
mails() { find "$dir/mail" -name '*.eml' | wc -l; }
whole() {
    [ "$(mails)" -ge "$1" ] &&
        cmp -s "$dir/mail/$1.eml" "$dir/want" || return 1
}
printf 'Subject: Water in the cellar\r\n\r\nIt is 3 cm deep.\r\n' >"$dir/want"

postfix_up() {
    chmod 755 "$dir"
    tests/servers/postfix.sh start "$dir/postfix" "$pki" >"$dir/ports" &&
        postfix_port=$(awk '$1 == "smtp" {print $2}' "$dir/ports")
}
end_hook() { tests/servers/postfix.sh stop "$dir/postfix" >/dev/null 2>&1; }
accepted() {
    [ "$(grep -c 'status=sent' "$dir/postfix/log")" -ge "$1" ]
}

# -- the main job -------------------------------------------------------------

# job NAME MCU PORT: twice, full and resumed
job() {
    doing=$1
    host "$1" "$2" "$3" --sessions 2 --save "$dir/$1.ram"
    check 'ends, nothing in clear' ended "$1"
    check 'full handshake' is "$1" open 1 0
    check 'first mail' is "$1" mail 1 0
    check 'not resumed' is "$1" resumed 1 0
    check 'resumed after the reset' is "$1" resumed 2 1
    check 'second mail' is "$1" mail 2 0
    check 'no byte lost' is "$1" lost 1 0
    check 'no byte lost, resumed' is "$1" lost 2 0
}

# row NAME WHAT RAM: of the table
row() {
    local text data free=

    read -r text data < <(avr-size -A "$out/$1.elf" | awk '
        $1 == ".text" {t += $2}
        $1 == ".data" {t += $2; d += $2}
        $1 == ".bss" || $1 == ".noinit" {d += $2}
        END {print t, d}')
    free=$(told "$1" untouched 1)
    echo "| $2 | $text | $data | $(($3 - data - free)) | $free |" \
        "$(handshake "$1" 1) | $(handshake "$1" 2) |"
}

check 'everything builds' builds || { finish; exit 1; }
check 'smtpd' smtpd || { finish; exit 1; }
check 'Postfix' postfix_up || { finish; exit 1; }

# the two slow ones side by side
(
    trap - EXIT HUP INT TERM
    # shellcheck disable=SC2086 # lists
    program $CHAIN1284 && "$out/avr_host" "$out/mega1284p-chain.elf" \
        atmega1284p "$port" --sessions 2 >"$dir/mega1284p-chain.out" 2>&1
    echo $? >"$dir/mega1284p-chain.status"
) &
chain=$!
# shellcheck disable=SC2086 # lists
check 'the job builds for 8 KB' program $MEGA2560
job mega2560 atmega2560 "$postfix_port"
check 'Postfix has taken both mails' wait_for 5 accepted 2
check 'at least 200 bytes of 8,192 never touched' \
    [ "$(told mega2560 untouched 1)" -ge 200 ]
check 'full handshake in 50 s' at_most "$(handshake mega2560 1)" 50
check 'resumed in 1 s' at_most "$(handshake mega2560 2)" 1
