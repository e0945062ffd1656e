# shellcheck shell=sh
# units_targets.sh - how units.sh builds an image for each chip, and runs it.

SUITES='at_parser at_fields at_engine tx'

# images TARGET SUITE: into how many images the suite is cut
images() {
    case $1.$2 in
    atmega328p.at_parser) echo 8 ;;
    atmega328p.at_fields) echo 6 ;;
    atmega328p.at_engine) echo 18 ;;
    atmega328p.tx) echo 24 ;;
    esac
}

# prepare TARGET DIR: what all its images need
prepare() {
    case $1 in
    atmega328p)
        gcc -std=c11 -O2 -Wall -Wextra tests/mcu/units_avr_host.c \
            -o "$2/simulator" -lsimavr -lelf
        ;;
    esac
}

# image DIR TARGET SUITE PART PARTS: builds and runs one; its output is in
# DIR/TARGET.SUITE.PART.said
image() {
    name=$1/$2.$3.$4
    awk -v part="$4" -v parts="$5" -f tests/mcu/part.awk "tests/$3.c" \
        >"$name.c"
    { "build_$2" "$1" "$name" && "run_$2" "$1" "$name"; } >"$name.said" 2>&1 ||
        echo "$2 $3, image $4: status $?" >>"$name.said"
}

# -- ATmega328P ---------------------------------------------------------------
build_atmega328p() {
    # AVR keeps in flash what a GNU C says to keep there
    avr='avr-gcc -std=gnu11 -Os -Wall -Wextra -Wno-unused -mmcu=atmega328p'
    $avr -Wno-maybe-uninitialized -DCHECK_SMALL -DESTLS_STATIC= \
        -Dmain=test_main -Itests -c "$2.c" -o "$2.o" &&
        $avr tests/mcu/units_avr.c "$2.o" -o "$2.elf"
}

run_atmega328p() {
    timeout 120 "$1/simulator" "$2.elf" atmega328p
}
