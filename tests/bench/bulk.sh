#!/bin/sh
# bulk.sh BUILD PKI - instructions of 1 MB of payload in an open session, sent
# and received, against bare BearSSL; in portable C, as on a microcontroller.
# With a modem the AT dialogue is part of it.
bench=bulk
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
build=$1
pki=$2
bytes=1000000

# bulk MODE IOBUF send|receive: of all marks but what came before
bulk() {
    counts "$build/bench/bulk" "$pki" "$1" small "$2" "$3" $bytes
    awk '$1 + 0 {n += $2} END {print n}' "$dir/counts"
}

# both WAY IOBUF MODE:MOST...: the goal is 10 %
both() {
    way=$1 iobuf=$2
    what="$way iobuf $iobuf"
    bare=$(bulk -1 "$iobuf" "$way")
    row "$what: bare BearSSL" instructions/byte \
        "$(awk -v n="$bare" -v b=$bytes 'BEGIN {printf "%.2f", n / b}')" \
        instructions/byte
    shift 2
    for mode; do
        case ${mode%%:*} in
        0) who='same stream' ;;
        *) who="ESP-AT ${mode%%:*}.x" ;;
        esac
        row "$what: $who" 'over bare BearSSL' \
            "$(over "$(bulk "${mode%%:*}" "$iobuf" "$way")" "$bare")" % \
            10 "${mode#*:}"
    done
}

# 2.x brings 2048 bytes at a time, and a record of 2048 has 21 around it; with
# 837 bytes a record has 512, and each costs a command or two
both send 837 0:10 2:16
both send 2373 0:10 2:10 3:10
both receive 837 0:10 2:18
both receive 2373 0:10 2:10 3:10
finish
