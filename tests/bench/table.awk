# table.awk - of bench.csv the figures that matter, as Markdown.  Fails if one
# of them is missing.

BEGIN { FS = "," }
{ value[$1 "," $2 "," $3] = $4 }

function v(key) {
    if (!(key in value)) missing = missing " " key
    return value[key]
}
function plus(key) { return sprintf("%+.1f %%", v(key)) }
function millions(key) { return sprintf("%.1f M", v(key) / 1e6) }
# signatures, and with them these numbers, differ a little from run to run
function bytes(key) { return 10 * int(v(key) / 10 + 0.5) }
function handshakes(title, who, measure, how,    key, i, kinds) {
    printf "| %s", title
    split("full resumed", kinds, " ")
    for (i = 1; i <= 2; i++) {
        key = "handshake," kinds[i] ": " who "," measure
        printf " | %s", how == "%" ? plus(key) : how == "M" ? millions(key) : \
            how == "bytes" ? bytes(key) : v(key)
    }
    print " |"
}
function megabyte(title, key,    all) {
    key = "bulk," key ": "
    all = "ESP-AT 3.x,over bare BearSSL"
    printf "| %s | %s | %s | %s |\n", title, \
        plus(key "same stream,over bare BearSSL"), \
        plus(key "ESP-AT 2.x,over bare BearSSL"), \
        (key all) in value ? plus(key all) : ""
}
function job(title, key) {
    key = "desktop," key ","
    printf "| %s | %s | %.1f | %d | %d | %d |\n", title, \
        millions(key "instructions"), v(key "most memory") / 1024, \
        bytes(key "to the server"), bytes(key "from the server"), \
        v(key "flights of the client")
}
function parser(name,    key) {
    key = "parser," name ": "
    printf "| %s | %.2f | %.2f | %.2f |\n", name, \
        v(key "whole,instructions/byte"), \
        v(key "chunks of 64,instructions/byte"), \
        v(key "chunks of 16,instructions/byte")
}

END {
    ours = "estls with modem and SMTP"
    print "| AT parser, instructions per byte | fed whole | by 64 | by 16 |"
    print "|---|--:|--:|--:|"
    parser("text")
    parser("mix")
    parser("bulk")
    print "\n| TLS handshake | full | resumed |\n|---|--:|--:|"
    handshakes("bare BearSSL, instructions", "bare BearSSL", \
        "instructions", "M")
    handshakes("`>>tls` on the same stream", "estls on the same stream", \
        "over bare BearSSL", "%")
    handshakes("all, with modem, AT dialogue and SMTP", ours, \
        "over bare BearSSL", "%")
    handshakes("longest step, instructions", ours, "longest step", "M")
    handshakes("TCP bytes to the server", ours, "to the server", "bytes")
    handshakes("TCP bytes from the server", ours, "from the server", "bytes")
    handshakes("`AT+CIPSEND`, two of them for SMTP", ours, "AT+CIPSEND", "")
    printf "| stack above BearSSL's own, bytes | %d | |\n", \
        v("handshake,either: " ours ",stack above BearSSL")
    print "\n| 1 MB, over bare BearSSL | same stream | ESP-AT 2.x | 3.x |"
    print "|---|--:|--:|--:|"
    megabyte("sent, `iobuf` 2373", "send iobuf 2373")
    megabyte("sent, `iobuf` 837", "send iobuf 837")
    megabyte("received, `iobuf` 2373", "receive iobuf 2373")
    megabyte("received, `iobuf` 837", "receive iobuf 837")
    print "\n| a mail by STARTTLS | instructions | MB of memory | " \
        "bytes out | bytes in | flights |"
    print "|---|--:|--:|--:|--:|--:|"
    job("`build/mail --tcp`", "build/mail: full")
    job("... resumed", "build/mail: resumed")
    job("... through a modem", "build/mail through a modem: full")
    job("`openssl s_client -starttls smtp`", "openssl s_client: full")
    job("... resumed", "openssl s_client: resumed")
    job("`swaks --tls`", "swaks: full")
    if (missing) print "no figures:" missing >"/dev/stderr"
    exit missing != ""
}
