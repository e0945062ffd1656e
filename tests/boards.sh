#!/bin/bash
# boards.sh arduino BUILD PKI - the Arduino sketches of examples/, run on the
#                               PC: the battery decides, a mail arrives
# boards.sh cross             - the sketches by avr-g++ with the real Arduino
#                               core; the board files for STM32 and nRF52 by
#                               arm-none-eabi-gcc, linked, and run by QEMU
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"

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

# sketch NAME: what the Arduino IDE compiles, in $dir/NAME/sketch.cpp, with
# estls.h and the user's own values beside it
sketch() {
    mkdir -p "$dir/$1"
    cp "examples/arduino/$1/"* estls.h "$dir/$1/"
    {
        echo '#include <Arduino.h>'
        echo "#line 1 \"$1.ino\""
        cat "examples/arduino/$1/$1.ino"
    } >"$dir/$1/sketch.cpp"
}

# values PIN: for MailSensor; PIN is the file that `anchors --pin` made
values() {
    cp "$1" "$dir/MailSensor/pin.h"
    cat >"$dir/MailSensor/arduino_secrets.h" <<END
#define SECRET_SSID "attic"
#define SECRET_PASSWORD "correct horse"
#define SECRET_HOST "mail.example.test"
#define SECRET_FROM "sensor@example.test"
#define SECRET_TO "ops@example.test"
#define SECRET_AUTH "$(printf '\0sensor\0battery staple' | base64)"
END
}

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
    local bin=$1 pki=$2 name

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

cd "$top" || exit 1
case ${1:-}:$# in
arduino:3)
    bin=$(cd "$2" && pwd) && pki=$(cd "$3" && pwd) || exit 1
    begin
    arduino "$bin" "$pki"
    ;;
*)
    echo 'usage: boards.sh arduino BUILD PKI | cross' >&2
    exit 2
    ;;
esac
finish
