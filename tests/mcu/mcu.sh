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
lane units tests/mcu/units.sh "$build" &
wait

{
    cat <<'END'
| chip | trust | flash | static RAM | stack | never touched | full, s | resumed, s |
|---|---|--:|--:|--:|--:|--:|--:|
END
    cat "$mcu/avr.md"
    echo
    cat "$mcu/qemu.md"
} >"$build/mcu.md"
echo
cat "$build/mcu.md"
echo
# a lane that said nothing has failed
for name in avr qemu units; do tail -n 1 "$mcu/log/$name"; done |
    awk '/^[0-9]+ passed, [0-9]+ failed$/ { said++; p += $1; f += $3 }
        END { f += 3 - said; print p + 0 " passed, " f " failed"; exit f > 0 }'
