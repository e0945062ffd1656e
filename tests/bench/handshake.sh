#!/bin/sh
# bench_tls.sh BINARY PKI - what the library adds to the instructions of one
# TLS handshake, against bare BearSSL: the same suites, certificate, server.
# Counted by callgrind from the first step to application data, without the
# UART callbacks (behind which modem and server run). Limit: 1 %.
set -eu

binary=$1
pki=$2
passed=0
failed=0

# count MODE: collection toggles on in a step and off again in its callbacks
# (in the world's idle time, too, where rig_step is what steps)
count() {
    case $1 in
    bare) set -- "$1" --toggle-collect=bare_step ;;
    *) set -- "$1" --toggle-collect=rig_step --toggle-collect=world_idle ;;
    esac
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=uart_read --toggle-collect=uart_write \
        --toggle-collect=uart_tick "$2" ${3:+"$3"} "$binary" "$pki" "$1" 2>&1 |
        awk '/Collected/ {print $NF}'
}

bare=$(count bare)
echo "bare BearSSL, full handshake: $bare instructions"
for mode in direct modem; do
    n=$(count $mode)
    case $mode in
    direct) what='estls over the same stream' ;;
    modem) what='estls through the modem, AT dialogue and SMTP included' ;;
    esac
    echo "$what: $n," "$(awk -v n="$n" -v b="$bare" \
        'BEGIN {printf "%+.2f %% (limit +1 %%)", 100 * (n - b) / b}')"
    if [ "$n" -gt 0 ] && [ $((n * 100)) -le $((bare * 101)) ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
