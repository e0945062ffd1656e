# shellcheck shell=bash
# arduino.sh - sketches, and how the Arduino IDE builds them for AVR; bash
# sources it. $dir is the caller's.

core=/usr/share/arduino/hardware/arduino/avr # of Debian's arduino-core-avr

# sketch NAME: what the IDE compiles, in $dir/NAME/sketch.cpp, with estls.h and
# the user's own values beside it
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

# ide MCU VARIANT HZ: in $ide, the options that platform.txt gives to compilers
# and linker
ide() {
    ide="-Os -flto -ffunction-sections -fdata-sections -mmcu=$1 -DF_CPU=$3
        -DARDUINO=10819 -DARDUINO_ARCH_AVR -I$core/cores/arduino
        -I$core/variants/$2 -I$core/libraries/EEPROM/src
        -I$core/libraries/SPI/src"
}
ide_cpp='-std=gnu++11 -fno-exceptions -fno-threadsafe-statics'

# arduino_core DIR: with $ide; the core's String does not compile with this
# avr-gcc, and no sketch of ours uses it
# shellcheck disable=SC2086 # lists
arduino_core() {
    local to=$1 file

    mkdir -p "$to"
    for file in "$core"/cores/arduino/*.c; do
        avr-gcc -std=gnu11 -w $ide -c "$file" \
            -o "$to/$(basename "$file").o" || return 1
    done
    for file in "$core"/cores/arduino/*.cpp; do
        [ "${file##*/}" != WString.cpp ] || continue
        avr-g++ $ide_cpp -w -fpermissive $ide -c "$file" \
            -o "$to/$(basename "$file").o" || return 1
    done
    avr-gcc-ar rcs "$to/core.a" "$to"/*.o
}

# arduino_object NAME BEARSSL: $dir/NAME/sketch.o, with $ide and the headers in
# BEARSSL
# shellcheck disable=SC2086
arduino_object() {
    avr-g++ $ide_cpp -Wall -Wextra -Werror $ide -I"$dir/$1" -isystem "$2" \
        -c "$dir/$1/sketch.cpp" -o "$dir/$1/sketch.o"
}

# arduino_link NAME OPTION...: $dir/NAME/sketch.elf
# shellcheck disable=SC2086
arduino_link() {
    avr-gcc $ide -fuse-linker-plugin -Wl,--gc-sections "$dir/$1/sketch.o" \
        "${@:2}" "$dir/$1/core/core.a" -lm -o "$dir/$1/sketch.elf"
}
