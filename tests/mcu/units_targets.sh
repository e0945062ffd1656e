# shellcheck shell=sh
# units_targets.sh - how units.sh builds an image for each chip, and runs it.

SUITES='tests/at_parser tests/at_fields tests/at_engine tests/tx
tests/mcu/at_replay'

# images TARGET SUITE: into how many images the suite is cut; none: it is not
# for that chip
images() {
    case $1.$2 in
    atmega328p.at_parser) echo 8 ;;
    atmega328p.at_fields) echo 6 ;;
    atmega328p.at_engine) echo 18 ;;
    atmega328p.tx) echo 40 ;;
    stm8.tx) echo 40 ;;
    z80.tx) echo 16 ;;
    mcs51.at_parser | mcs51.at_engine | mcs51.tx) echo 0 ;;
    mcs51.at_replay) echo 1 ;;
    *.at_replay) echo 0 ;;
    *.at_parser) echo 4 ;;
    *.at_fields) echo 5 ;;
    *.at_engine) echo 8 ;;
    esac
}

# why_not TARGET SUITE: what keeps a suite from a chip
why_not() {
    case $1.$2 in
    mcs51.at_*) echo 'of its 223 bytes of stack the parser needs 201: the' \
        'tests and the engine call it from too deep. at_replay does not' ;;
    mcs51.tx) echo 'it needs more stack than that' ;;
    esac
}

# small TARGET: its CHECK_SMALL; simulators are slow
small() { echo 8; }

# prepare TARGET DIR: what all its images need
prepare() {
    case $1 in
    atmega328p)
        gcc -std=c11 -O2 -Wall -Wextra tests/mcu/units_avr_host.c \
            -o "$2/simulator" -lsimavr -lelf
        ;;
    *)
        sdcc_room "$1" "$2" at 'link tx' || return 1
        [ "$1" = mcs51 ] || sdcc_room "$1" "$2" tx 'at link'
        ;;
    esac
}

# image DIR TARGET SUITE PART PARTS: builds and runs one; its output is in
# DIR/TARGET.SUITE.PART.said, SUITE being the file's name
image() {
    name=$1/$2.${3##*/}.$4
    awk -v part="$4" -v parts="$5" -f tests/mcu/part.awk "$3.c" >"$name.c"
    { "build_$2" "$1" "$name" && "run_$2" "$1" "$name"; } >"$name.said" 2>&1 ||
        echo "$2 $3, image $4: status $?" >>"$name.said"
}

# -- ATmega328P ---------------------------------------------------------------
build_atmega328p() {
    # AVR keeps in flash what a GNU C says to keep there
    avr='avr-gcc -std=gnu11 -Os -Wall -Wextra -Wno-unused -mmcu=atmega328p'
    $avr -Wno-maybe-uninitialized "-DCHECK_SMALL=$(small atmega328p)" \
        -DESTLS_STATIC= -Dmain=test_main -Itests -Itests/mcu -c "$2.c" -o "$2.o" &&
        $avr tests/mcu/units_avr.c "$2.o" -o "$2.elf"
}

run_atmega328p() {
    timeout 300 "$1/simulator" "$2.elf" atmega328p
}

# -- stm8, mcs51, z80: SDCC ---------------------------------------------------
# z80: SDCC 4.2, where it looks for common subexpressions, passes a wrong
# argument in estlsi_tx_burst.
sdcc_options() {
    echo --std-c11 --opt-code-size
    case $1 in
    stm8) echo -mstm8 ;;
    z80) echo -mz80 --data-loc 0xf000 --nogcse ;;
    mcs51) echo -mmcs51 --model-large --stack-auto ;;
    esac
}

# sdcc_room TARGET DIR ROOM WITHOUT: the library and main, compiled once. The
# compiler takes its time for what is to be small. What tests/tx.c tests one by
# one is let out.
sdcc_room() {
    awk -v without="$4" -f tests/mcu/rooms.awk estls.h |
        sed '/^static .*estlsi_tx_\(crc\|mul\|pack\|unpack\)(/s/^static //' \
            >"$2/$1.$3.h"
    printf '#define ESTLS_NO_TLS\n#define ESTLS_IMPLEMENTATION\n%s\n' \
        "#include \"$1.$3.h\"" >"$2/$1.$3.c"
    options=$(sdcc_options "$1")
    # shellcheck disable=SC2086
    sdcc $options -c "$2/$1.$3.c" -o "$2/$1.$3.rel" >"$2/$1.$3.log" 2>&1 &&
        sdcc $options -c tests/mcu/units_sdcc.c -o "$2/$1.main.rel" ||
        { cat "$2/$1.$3.log" && false; }
}

# build_sdcc TARGET DIR NAME: fast rather than small, for it runs once. With
# less care for registers SDCC 4.2 leaves a local on the stm8's stack, and pops
# it into X, which holds the argument, before it jumps to the last function.
build_sdcc() {
    room=at
    case $3 in */*.tx.*) room=tx ;; esac
    sed -i 's/^#define ESTLS_\(IMPLEMENTATION\|STATIC\)$//' "$3.c"
    options=$(sdcc_options "$1")
    # shellcheck disable=SC2086
    sdcc $options --max-allocs-per-node 30 "-DCHECK_SMALL=$(small "$1")" \
        -Dmain=test_main -Itests -Itests/mcu -c "$3.c" \
        -o "$3.rel" >"$3.log" 2>&1 &&
        sdcc $options "$2/$1.main.rel" "$3.rel" "$2/$1.$room.rel" \
            -o "$3.ihx" >>"$3.log" 2>&1 || { cat "$3.log" && false; }
}
build_stm8() { build_sdcc stm8 "$@"; }
build_mcs51() { build_sdcc mcs51 "$@"; }
build_z80() { build_sdcc z80 "$@"; }

run_stm8() {
    timeout 300 sstm8 -tS208 -I 'if=rom[0x7fff]' -e run "$2.ihx" </dev/null
}
run_mcs51() {
    timeout 300 s51 -t32 -I 'if=xram[0xffff]' -e run "$2.ihx" </dev/null
}
run_z80() {
    timeout 300 sz80 -I 'if=outputs[0xff]' -e run "$2.ihx" </dev/null
}
