#!/bin/bash
# bench_ftp.sh BINARY PKI - what an upload of 1 MB by FTP through the emulated
# modem costs in instructions, from EPSV to 226, against the same bytes through
# bare BearSSL on a resumed session. Counted by callgrind, without modem,
# network and server. Limit: 10 %.
set -u

binary=$1
pki=$2
passed=0
failed=0

# count PROFILE MODE IOBUF BYTES
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=all --toggle-collect=world_idle \
        --toggle-collect=world_open --toggle-collect=world_close \
        --toggle-collect=uart_read --toggle-collect=uart_write \
        --toggle-collect=uart_tick "$binary" "$pki" "$@" 2>&1 |
        awk '/Collected/ {print $NF} /^E_/ {print "failed"}' | head -n 1
}

# upload PROFILE MODE IOBUF: what comes before is counted apart
upload() { echo $(($(count "$@" 1048576) - $(count "$@" 0))); }

# row PROFILE IOBUF MODE...: a mode with '!' is judged, the others are told
row() {
    local profile=$1 iobuf=$2 mode n bare verdict

    bare=$(upload "$profile" bare "$iobuf")
    printf '%-6s iobuf %5d: bare %9d' "$profile" "$iobuf" "$bare"
    for mode in "${@:3}"; do
        n=$(upload "$profile" "${mode%!}" "$iobuf")
        verdict=''
        if [ "$n" -gt 0 ] && [ $((n * 10)) -le $((bare * 11)) ]; then
            [ "$mode" = "${mode%!}" ] || passed=$((passed + 1))
        elif [ "$mode" = "${mode%!}" ]; then
            verdict=' (goal missed)'
        else
            failed=$((failed + 1)) verdict=' TOO MUCH'
        fi
        printf '; ESP-AT %s.x %s%s' "${mode%!}" "$(awk -v n="$n" -v b="$bare" \
            'BEGIN {printf "%+.1f %%", 100 * (n - b) / b}')" "$verdict"
    done
    echo
}

row small 837 2 3
row small 2373 2! 3!
row small 4421 2! 3!
row small 16709 2! 3!
row full 4421 2 3!
row full 16709 2 3!
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
