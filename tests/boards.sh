#!/bin/bash
# boards.sh arduino BUILD PKI - the Arduino sketches of examples/, run on the
#                               PC: the battery decides, a mail arrives
# boards.sh cross BUILD PKI   - the sketches by avr-g++ with the real Arduino
#                               core; the board files for STM32 and nRF52
#                               linked with firmware_mail.c, and run by QEMU
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
. "$top/tests/arduino.sh"

warnings='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Wcast-qual -Wstrict-prototypes -Werror'
sanitise='-g -O1 -fsanitize=address,undefined
    -fno-sanitize-recover=undefined'
server='tests/world.c tests/modem/espat.c tests/server/smtpd.c
    tests/server/dialogue.c tests/server/script.c tests/server/pem.c
    tests/server/bytes.c'

# silent COMMAND...: succeeds and says nothing
silent() {
    local said

    if ! said=$("$@" 2>&1) || [ -n "$said" ]; then
        why=$(echo "$said" | head -n 12)
        return 1
    fi
}

# -- sketches -----------------------------------------------------------------

# on_pc NAME: the sketch and our core, as $dir/NAME/sketch.o
on_pc() {
    if grep -q '\<Serial' "$dir/$1/$1.ino"; then
        echo 'HardwareSerial Serial(0), Serial1(1);'
        echo 'EEPROMClass EEPROM;'
    fi >>"$dir/$1/sketch.cpp"
    cat >>"$dir/$1/sketch.cpp" <<'END'
uint8_t ADMUX, MCUSR, WDTCSR;
uint16_t ADC;
ConversionStart ADCSRA;
void sketch_setup() { setup(); }
void sketch_loop() { loop(); }
END
    # shellcheck disable=SC2086
    silent g++ -std=gnu++11 -Wall -Wextra -Werror $sanitise \
        -ffunction-sections -fdata-sections -Itests/mcu/arduino \
        -I"$dir/$1" -c "$dir/$1/sketch.cpp" -o "$dir/$1/sketch.o"
}

# world NAME FILE...: links the sketch with the world that it runs in
world() {
    local name=$1

    shift
    # shellcheck disable=SC2086
    silent gcc -std=c11 $warnings $sanitise -D_GNU_SOURCE -Itests "$@" \
        "$dir/$name/sketch.o" -lbearssl -lstdc++ -lm -Wl,--gc-sections \
        -o "$dir/$name/world"
}

# Counts what a world has counted.
add() {
    local count

    count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -n 1)
    check 'it has counted' test -n "$count"
    passed=$((passed + ${count%% *} + 0))
    count=${count#*, }
    failed=$((failed + ${count%% *} + 0))
    grep -v ' passed, ' "$out"
    cat "$err"
}

arduino() {
    local name

    for name in MailSensor Provision WeakCell; do
        sketch $name
    done
    : >"$dir/WeakCell/SPI.h"
    doing='MailSensor as it is shipped'
    check 'holds no secret' is "$(grep -c '^#define SECRET_.*""' \
        "$dir/MailSensor/arduino_secrets.h")" 6
    "$bin/anchors" --pin "$pki/ec.pem" >"$dir/pin.h"
    values "$dir/pin.h"
    for name in MailSensor Provision WeakCell; do
        doing=$name
        check 'compiles as C++11, silently' on_pc $name
    done
    doing=MailSensor
    # shellcheck disable=SC2086
    check 'its world' world MailSensor tests/mcu/arduino/mail_sensor.c $server
    run mail_sensor "$dir/MailSensor/world" "$pki"
    exited 0
    add
    doing=Provision
    check 'its world' world Provision tests/mcu/arduino/provision.c
    run provision "$dir/Provision/world"
    exited 0
    add
    doing=WeakCell
    objcopy --rename-section .noinit=noinit "$dir/WeakCell/sketch.o"
    check 'its world' world WeakCell tests/mcu/arduino/weak_cell.c \
        examples/battery.c tests/power/circuit.c
    run weak_cell "$dir/WeakCell/world"
    exited 0
    add
}

# -- the sketches on AVR ------------------------------------------------------

# stands_in NM OBJECT...: linker options for what is not here: BearSSL for that
# processor, and the radio
stands_in() {
    "$1" -u "${@:2}" |
        awk '$2 ~ /^(br|core)_/ && !seen[$2]++ {
            print "-Wl,--defsym=" $2 "=0" }'
}

# on_avr NAME MCU VARIANT HZ
on_avr() {
    local at=$dir/$1

    ide "$2" "$3" "$4"
    check 'the core compiles' arduino_core "$at/core"
    check 'compiles, silently' silent arduino_object "$1" "$dir/bearssl"
    # shellcheck disable=SC2046
    check 'links' arduino_link "$1" -Wl,--defsym=__DATA_REGION_LENGTH__=0xffff \
        $(stands_in avr-gcc-nm "$at/sketch.o")
}

# tell NAME: of a sketch without BearSSL
tell() {
    avr-size "$dir/$1/sketch.elf" | awk -v name="$1" 'NR == 2 {
        print "      " name ": flash " $1 + $2 ", RAM " $2 + $3 \
            ", without stack" }'
}

# fits NAME FLASH RAM: what the boot loader leaves, and what leaves the stack
# some
fits() {
    avr-size "$dir/$1/sketch.elf" >"$dir/size"
    awk -v flash="$2" -v ram="$3" 'NR == 2 {
        exit $1 + $2 > flash || $2 + $3 > ram }' "$dir/size"
}

avr_sketches() {
    local name

    for name in MailSensor Provision WeakCell; do sketch $name; done
    values "$1"
    cp tests/mcu/arduino/RF24.h tests/mcu/arduino/core.h "$dir/WeakCell/"
    doing=MailSensor # with BearSSL, and run: make mcu
    on_avr MailSensor atmega2560 mega 16000000L
    doing=Provision
    on_avr Provision atmega2560 mega 16000000L
    tell Provision
    doing=WeakCell
    on_avr WeakCell atmega328p standard 4000000L
    tell WeakCell
    check 'fits an ATmega328P' fits WeakCell 30720 1536
}

# -- STM32 and nRF52 ----------------------------------------------------------

# image NAME BOARD CPU MAP FILE...: $dir/NAME.elf, of a chip whose memory the
# sed script MAP writes into the board's linker script
image() {
    local name=$1 board=$2 cpu=$3 map=$4 file

    shift 4
    sed -e "$map" "examples/boards/$board.ld" >"$dir/$name.ld"
    set -- "$@" examples/boards/startup.c "examples/boards/$board.c"
    mkdir -p "$dir/$name"
    for file; do
        # shellcheck disable=SC2086
        arm-none-eabi-gcc -std=c99 $warnings -Os -mthumb -mcpu="$cpu" \
            -ffunction-sections -fdata-sections -I"$dir" \
            -isystem "$dir/bearssl" -c "$file" \
            -o "$dir/$name/$(basename "$file").o" || return 1
    done
    # shellcheck disable=SC2046
    arm-none-eabi-gcc -mthumb -mcpu="$cpu" --specs=nano.specs -nostartfiles \
        -Wl,--gc-sections -Lexamples/boards -T"$dir/$name.ld" \
        $(stands_in arm-none-eabi-nm "$dir/$name"/*.o) "$dir/$name"/*.o \
        -o "$dir/$name.elf"
}

# ports NAME BOARD: what the board file defines, but for handlers
ports() {
    arm-none-eabi-nm -g --defined-only "$dir/$1/$2.c.o" |
        awk '$3 !~ /_(IRQ)?Handler$/ { print $3 }' | sort | tr '\n' ' '
}

mail_image() {
    doing="a mail firmware for $1"
    check 'links, silently' silent image "$1_mail" "$1" "$2" '' \
        examples/firmware_mail.c examples/smtp.c
    check 'a board file has five functions, and board_init' is \
        "$(ports "$1_mail" "$1")" \
        'board_init millis rtc trng uart_read uart_write '
    arm-none-eabi-size "$dir/$1_mail.elf" | awk -v name="$1" 'NR == 2 {
        print "      firmware_mail.c, " name ": flash " $1 + $2 ", RAM " \
            $2 + $3 ", without BearSSL and stack" }'
}

# answers BYTES: what QEMU's board says to them, in $answer; a line
answers() {
    answer=
    printf '%s' "$1" >&"$to"
    read -r -t 30 answer <&"$from"
}

echoes() {
    local i line

    for i in 1 2 3 4 5 6 7 8 9 10; do
        line="$i abcdefghijklmnopqrstuvwxyz 0123456789 ABCDEFGHIJKLMNOPQRSTUV"
        answers "$line
"
        is "$answer" "$line" || return 1
    done
}

# near VALUE WANTED: two million instructions, and those of the interrupts
near() {
    why="$1, not $2"
    [ "${1:-0}" -ge "$2" ] && [ "$1" -le $(($2 + $2 / 50 + 1)) ]
}

# on_qemu MACHINE IMAGE MILLISECONDS RANDOM: 32 ns an instruction, so that two
# million of them take 64 ms
on_qemu() {
    local first

    coproc qemu-system-arm -M "$1" -kernel "$dir/$2.elf" -display none \
        -monitor none -serial stdio -semihosting-config \
        enable=on,target=native -icount shift=5,align=off,sleep=off \
        2>"$dir/qemu.err"
    pid=$COPROC_PID
    pids="$pids $pid"
    exec {to}>&"${COPROC[1]}" {from}<&"${COPROC[0]}"
    answers ''
    check 'boots' is "$answer" ready
    check 'echoes, around its ring' echoes
    answers '!'
    check 'milliseconds of 64 ms' near "$answer" "$3"
    answers '?'
    first=$answer
    check 'random bytes, in hexadecimal digits' is ${#first} $((2 * $4))
    answers '?'
    check 'other ones' test "$4" -eq 0 -o "$answer" != "$first"
    answers '#'
    check 'a clock that nobody has set' is "$answer" 0
    printf . >&"$to"
    check 'ends' wait_for 30 gone "$pid"
    exec {to}>&- {from}<&-
    stop "$pid"
    pids=${pids% *}
}

# QEMU has no RCC: the board stays at the 8 MHz of its internal oscillator,
# while QEMU's SysTick counts 24 MHz: three ticks a millisecond.  Its nRF51 has
# the nRF52's UART, TIMER and RNG at the same addresses.
arm_boards() {
    "$bin/anchors" "$pki/root.pem" >"$dir/anchors.h"
    mail_image stm32f1 cortex-m3
    mail_image nrf52 cortex-m4
    doing='stm32f1.c in QEMU'
    check 'links' silent image stm32 stm32f1 cortex-m3 's/20K/8K/' \
        tests/mcu/board_main.c
    on_qemu stm32vldiscovery stm32 192 0
    doing='nrf52.c in QEMU'
    check 'links' silent image nrf nrf52 cortex-m0 's/512K/256K/; s/64K/16K/' \
        tests/mcu/board_main.c
    on_qemu microbit nrf 64 32
}

cross() {
    mkdir "$dir/bearssl"
    ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/bearssl/"
    "$bin/anchors" --pin "$pki/ec.pem" >"$dir/pin.h"
    avr_sketches "$dir/pin.h"
    arm_boards
}

cd "$top" || exit 1
case ${1:-} in
arduino | cross) [ $# -eq 3 ] ;;
*) false ;;
esac || {
    echo 'usage: boards.sh arduino|cross BUILD PKI' >&2
    exit 2
}
bin=$(cd "$2" && pwd) && pki=$(cd "$3" && pwd) || exit 1
begin
"$1"
finish
