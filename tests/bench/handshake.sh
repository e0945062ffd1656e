#!/bin/sh
# handshake.sh BUILD PKI - a full handshake and a resumed one: instructions of
# the client from a description to application data, those of its longest step,
# bytes and sends; estls against bare BearSSL with the same suites, certificate
# and server.  And the stack that each of them takes.
bench=handshake
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
build=$1
pki=$2

# said KIND WHAT: from what the program printed
said() {
    awk -v kind="$1" -v what="$2" '$1 == kind {
        for (i = 2; i < NF; i++) if ($i == what) print $(i + 1)}' "$dir/said"
}

# on_the_wire CASE KIND
on_the_wire() {
    row "$1" 'to the server' "$(said "$2" tcp_tx)" bytes
    row "$1" 'from the server' "$(said "$2" tcp_rx)" bytes
    [ "$mode" -gt 0 ] || return 0
    row "$1" 'to the modem' "$(said "$2" uart_tx)" bytes
    row "$1" 'from the modem' "$(said "$2" uart_rx)" bytes
    row "$1" 'AT+CIPSEND' "$(said "$2" sends)" sends
}

# A resumed handshake has a small whole, and of that a hash over trust and
# server, made when it is saved and again when it is offered, is 4 %.
for mode in -1 0 2; do
    case $mode in
    -1) who='bare BearSSL' most_full='' most_resumed='' ;;
    0) who='estls on the same stream' most_full=1 most_resumed=6 ;;
    2) who='estls with modem and SMTP' most_full=1 most_resumed=15 ;;
    esac
    counts "$build/bench/handshake" "$pki" "$mode"
    for kind in full resumed; do
        n=$(sum $kind)
        row "$kind: $who" 'instructions' "$n" instructions
        if [ "$mode" = -1 ]; then
            eval "bare_$kind=$n"
        else
            eval "base=\$bare_$kind most=\$most_$kind"
            # shellcheck disable=SC2154
            row "$kind: $who" 'over bare BearSSL' "$(over "$n" "$base")" % \
                1 "$most"
        fi
        row "$kind: $who" 'longest step' "$(longest $kind)" instructions
        on_the_wire "$kind: $who" $kind
    done
done

# stack MODE: of both handshakes, in bytes
stack() {
    if ! "$build/bench/stack" "$pki" full "$1" >"$dir/stack"; then
        echo "$bench: stack $1 failed"
        : >"$dir/stack"
    fi
    awk '$3 > n {n = $3} END {print n}' "$dir/stack"
}
least=$(stack -1)
row 'either: bare BearSSL' stack "$least" bytes
for mode in 0 2; do
    who='estls on the same stream'
    [ $mode = 0 ] || who='estls with modem and SMTP'
    deep=$(stack $mode)
    row "either: $who" 'stack above BearSSL' \
        "$([ -z "$deep" ] || echo $((deep - least)))" bytes 200
done
finish
