#!/bin/bash
# cores.sh BUILD PKI [--static] - code, static RAM and stack of each room and
# profile on each core, as a table; then whether a cell is more than 2 % above
# that of README.md. The table goes to BUILD/cores.md: make tables copies it.
#
# Code: the functions, by name, that a program linked with --gc-sections takes:
# a mail by SMTP STARTTLS, with estls_small; gcc -Os without LTO. Not counted
# are BearSSL, constants and the compiler's own library. RAM and stack are those
# of tests/mcu/job.c in simulation, the board's own included; a stack may have
# met other interrupts, and so 32 bytes more are no growth.
#
# With --static there is no simulation, and no stack: fast, and always exact.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
. tests/mcu/compiler.sh
build=$1 pki=$2
mcu=$build/mcu
begin

CORES='cortex-m0 cortex-m3 cortex-m4 avr rv32imac'
TITLES='Cortex-M0(+) | M3 | M4 | AVR | RV32IMAC'
ROWS='
code core      code: `>>core`
code at        code: `>>at`
code link      code: `>>link`
code pin       code: `>>tls`, pinned key
code chain     code: `>>tls`, what `estls_anchors` adds
code starttls  code: `>>starttls`, SMTP
code session   code: `>>session`
code tx        code: `>>tx` that decides
data pin-8k    static RAM: pinned key, BearSSL cut to 8 KB
data pin       static RAM: pinned key
data chain     static RAM: certificates
stack pin-8k   stack: pinned key, BearSSL cut to 8 KB
stack pin      stack: pinned key
stack chain    stack: certificates
stack at       stack: `>>at` alone
stack tx       stack: `>>tx` alone
'

# -- code ---------------------------------------------------------------------

# BearSSL's headers without the PC's others
mkdir "$dir/inc"
ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/inc/"

cat >"$dir/pin.c" <<'C'
#define ESTLS_PROFILE estls_small
#define ESTLS_IMPLEMENTATION
#include "estls.h"
extern estls net;
extern estls_desc d;
extern estls_report report;
extern char buffer[];
int main(void)
{
    d.proto = estls_smtp;
    d.trust = estls_pin;
#ifdef CHAIN
    if (buffer[0]) { d.trust = estls_anchors; }
#endif
    estls_info(&net, &report);
    return estls_open(&net, &d) + estls_step(&net) +
           estls_read(&net, buffer, 1) + estls_write(&net, buffer, 1) +
           estls_close(&net);
}
C
printf '#define CHAIN\n#include "pin.c"\n' >"$dir/chain.c"
cat >"$dir/tx.c" <<'C'
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "estls.h"
extern estls_tx tx;
extern estls_tx_board b;
extern estls_tx_job j;
extern estls_tx_plan p;
extern estls_tx_sample s;
int main(void)
{
    estls_tx_key(&tx, &p);
    return estls_tx_boot(&tx, &b, 0) + estls_tx_ask(&tx, &j, &p) +
           estls_tx_done(&tx, &s) + estls_tx_learn(&tx, &s);
}
C

# link CORE PROGRAM: its symbols, in $dir/CORE-PROGRAM
link() {
    local tools cc

    case $1 in
    avr) tools=avr- cc='avr-gcc -std=gnu99 -mmcu=atmega2560 -Os
        -ffunction-sections -fdata-sections' ;;
    *) compiler "$1" ;;
    esac
    # stubs for what is not counted
    # shellcheck disable=SC2086 # a list
    $cc -I. -I"$dir/inc" -c "$dir/$2.c" -o "$dir/o" &&
        ${tools}nm -u "$dir/o" |
        awk '{ print "void " $2 "(void) {}" }' >"$dir/stubs.c" &&
        $cc -w -fno-builtin -nostdlib -Wl,--gc-sections,-e,main "$dir/o" \
            "$dir/stubs.c" -o "$dir/elf" &&
        ${tools}nm -S -t d "$dir/elf" >"$dir/$1-$2"
}

# code CORE PROGRAM ROOM: bytes of its functions
code() {
    awk -v room="$3" '
        function of(name) {
            sub(/\..*/, "", name)
            if (name ~ /^estls_(error_name|strerror|error_advice)$/)
                return "core"
            if (name ~ /^estls_(open|step|read|write|close|info)$/)
                return "session"
            if (name ~ /^estls_(small|full|anchors|pin)$/) return "tls"
            if (name ~ /^estlsi_(x509|pin)_/) return "tls"
            if (name ~ /^estls_(smtp|ftp_port)$/) return "starttls"
            if (split(name, part, "_") > 1 && part[1] ~ /^estlsi?$/)
                return part[2]
        }
        $3 ~ /[tTwW]/ && of($4) == room { n += $2 }
        END { print n + 0 }' "$dir/$1-$2"
}

# measure_code: "CORE code ROOM BYTES"
measure_code() {
    local core program room pin

    for core in $CORES; do
        for program in pin chain tx; do link "$core" $program || return 1; done
        for room in core at link starttls session; do
            echo "$core code $room $(code "$core" pin $room)"
        done
        pin=$(code "$core" pin tls)
        echo "$core code pin $pin"
        echo "$core code chain $(($(code "$core" chain tls) - pin))"
        echo "$core code tx $(code "$core" tx tx)"
    done
}

# -- the table ----------------------------------------------------------------

# cell CORE WHAT WHICH
cell() {
    awk -v key="$1 $2 $3" '$1 " " $2 " " $3 == key { print $4 }' \
        "$dir/measured"
}

table() {
    local what which title core

    echo "| bytes | $TITLES |"
    echo '|---|--:|--:|--:|--:|--:|'
    echo "$ROWS" | grep . | while read -r what which title; do
        printf '| %s |' "$title"
        for core in $CORES; do printf ' %s |' "$(cell $core $what $which)"; done
        echo
    done
}

# cells FILE: "TITLE: COLUMN|BYTES" of its table
cells() {
    awk -F ' *[|] *' '
        $2 == "bytes" { for (i = 3; i < NF; i++) head[i] = $i; on = 1; next }
        !NF || !/^\|/ { on = 0 }
        on && $3 ~ /^[0-9]+$/ {
            for (i = 3; i < NF; i++) print $2 ", " head[i] "|" $i
        }' "$1"
}

# compare: each cell that was measured with the README's
compare() {
    local name now was slack

    doing=README
    while IFS='|' read -r name now; do
        [ -n "$now" ] || continue
        was=$(grep -F "$name|" "$dir/readme" | cut -d'|' -f 2)
        slack=0
        case $name in stack:*) slack=32 ;; esac
        check "$name: $now, was ${was:-none}" \
            [ "$now" -le $((${was:--1} * 102 / 100 + slack)) ]
    done <"$dir/now"
}

lanes() {
    local lane

    tests/mcu/prepare.sh "$build" "$pki" || return 1
    for lane in avr qemu; do
        start $lane tests/mcu/$lane.sh "$build" "$pki" "$1"
        eval "pid_$lane=$pid"
    done
    for lane in avr qemu; do
        doing=$lane status=0
        eval "wait \$pid_$lane" || status=$?
        [ $status -eq 0 ] || cat "$dir/$lane".*
        check 'is measured' [ $status -eq 0 ]
    done
}

mode=--stack
[ "${3:-}" = --static ] && mode=--data
lanes $mode
doing=code
measure_code >"$dir/code"
check 'is linked' [ $? -eq 0 ]
cat "$dir/code" "$mcu/avr.sizes" "$mcu/qemu.sizes" >"$dir/measured"
table >"$dir/table"
cells "$dir/table" >"$dir/now"
sed -n '/^<!-- cores -->/,/^<!-- \/cores -->/p' README.md >"$dir/section"
cells "$dir/section" >"$dir/readme"
if [ $mode = --stack ]; then
    cp "$dir/table" "$build/cores.md"
    cat "$build/cores.md"
fi
compare
finish
