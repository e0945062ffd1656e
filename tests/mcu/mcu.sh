#!/bin/bash
# mcu.sh BUILD PKI - all that runs on simulated microcontrollers, side by side,
# with a line for each check. The tables go to BUILD/mcu.md.
set -u
cd "$(dirname "$0")/../.." || exit 1

build=$1 pki=$2
mcu=$build/mcu
mkdir -p "$mcu/log"
tests/mcu/prepare.sh "$build" "$pki" || exit 1

# lane NAME COMMAND...
lane() {
    local name=$1

    shift
    "$@" 2>&1 </dev/null | tee "$mcu/log/$name" | sed -u "s/^/$name  /"
}
lane avr tests/mcu/avr.sh "$build" "$pki" &
lane qemu tests/mcu/qemu.sh "$build" "$pki" &
lane at tests/mcu/at.sh &
wait

# Charge: data sheets' typical currents, 10 mA at 8 MHz and 5 V (ATmega2560),
# 4.4 mA at 16 MHz (nRF51822), 3.7 mA at 64 MHz with DC/DC (nRF52832); and 1.3
# cycles for an instruction of the latter two.
charge() { # MACHINE CHIP MHZ MA CYCLES-PER-COUNT
    awk -F ' *[|] *' -v machine="$1" -v chip="$2" -v mhz="$3" -v ma="$4" \
        -v cpi="$5" '$2 == machine && $4 ~ /pinned/ {
            printf "| %s, %s MHz | %s, %s |", chip, mhz, $3, $4
            printf " %.1f | %.0f | %.2f | %.1f |\n", $9 * cpi / mhz,
                $9 * cpi / mhz * ma, $10 * cpi / mhz, $10 * cpi / mhz * ma}' \
        "$mcu/avr.md" "$mcu/qemu.md"
}
{
    cat <<'END'
| simulated | core | profile | flash | static RAM | stack | never touched | full handshake | resumed | longest step |
|---|---|---|--:|--:|--:|--:|--:|--:|--:|
END
    cat "$mcu/avr.md" "$mcu/qemu.md"
    cat <<'END'

| chip | profile | full, s | full, mC | resumed, s | resumed, mC |
|---|---|--:|--:|--:|--:|
END
    charge ATmega2560 ATmega2560 16 20 1
    charge microbit nRF51822 16 4.4 1.3
    charge netduinoplus2 nRF52832 64 3.7 1.3
} >"$build/mcu.md"
echo
cat "$build/mcu.md"
echo
# a lane that said nothing has failed
for name in avr qemu at; do tail -n 1 "$mcu/log/$name"; done |
    awk '/^[0-9]+ passed, [0-9]+ failed$/ { said++; p += $1; f += $3 }
        END { f += 3 - said; print p + 0 " passed, " f " failed"; exit f > 0 }'
