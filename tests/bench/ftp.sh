#!/bin/sh
# ftp.sh BUILD PKI - what an upload of 1 MB by FTP through the emulated modem
# costs in instructions, from EPSV to 226, against the same bytes through bare
# BearSSL on a resumed session.  Small: BearSSL's portable code, as on a
# microcontroller; full: with SSE2.
bench=ftp
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
build=$1
pki=$2
# shellcheck disable=SC2034 # of counts
inside=all
# shellcheck disable=SC2034
outside='world_idle world_open world_close uart_read uart_write uart_tick'

# upload PROFILE MODE IOBUF
upload() {
    counts "$build/bench/ftp" "$pki" "$@"
    sum upload
}

# both PROFILE IOBUF MODE:MOST...: the goal is 10 %
both() {
    what="upload $1 iobuf $2"
    bare=$(upload "$1" bare "$2")
    row "$what: bare BearSSL" instructions "$bare" instructions
    profile=$1 iobuf=$2
    shift 2
    for mode; do
        row "$what: ESP-AT ${mode%%:*}.x" 'over bare BearSSL' \
            "$(over "$(upload "$profile" "${mode%%:*}" "$iobuf")" "$bare")" \
            % 10 "${mode#*:}"
    done
}

both small 837 2:16 3:16
both small 2373 2:10 3:10
both small 4421 2:10 3:10
both small 16709 2:10 3:10
both full 4421 2:13 3:10
both full 16709 2:13 3:10
finish
