#!/bin/bash
# demo.sh BUILD PKI - the main job, to watch: a plain TCP link, opened by an
# emulated ESP-AT modem, is switched to TLS in place and carries a mail to a
# small local server; then once more, resumed. Fails if any of it did.
set -u

build=$1
pki=$2
dir=$(mktemp -d)
host=mail.example.test
server=
modem=
stop() {
    [ -z "$modem" ] || kill "$modem" 2>/dev/null
    [ -z "$server" ] || kill "$server" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

bold= plain= 
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
fail() {
    printf '\nThe demo FAILED: %s\n' "$*"
    exit 1
}

# Waits for the first line of a file.
first_line() {
    for _ in $(seq 100); do
        [ ! -s "$1" ] || { head -n 1 "$1"; return; }
        sleep 0.05
    done
    fail "nothing came from $2"
}

export DEMO_MAIL_PASSWORD='correct horse' DEMO_WIFI_PASSWORD='open sesame'
export ESTLS_MAIL_PASSWORD=$DEMO_MAIL_PASSWORD
export ESTLS_WIFI_PASSWORD=$DEMO_WIFI_PASSWORD

"$build/smtpd" --cert "$pki/ec.pem" --key "$pki/ec.key" --mail-dir "$dir" \
    --user sensor --password-env DEMO_MAIL_PASSWORD --die-with-parent \
    >"$dir/server" 2>&1 &
server=$!
address=$(first_line "$dir/server" 'the mail server')
address=${address##* }

"$build/espat" --pty --gen 2 --fresh --ssid attic \
    --password-env DEMO_WIFI_PASSWORD --die-with-parent --baud 115200 \
    --map "$host:587=$address" >"$dir/modem" 2>&1 &
modem=$!
pty=$(first_line "$dir/modem" 'the modem')

title 'The cast'
echo "  mail server  $address, answers for $host"
echo "  modem        $pty, an emulated ESP-AT 2.x at 115200 baud, not yet on Wi-Fi"
echo "  certificate  $(openssl x509 -in "$pki/ec.pem" -noout -ext subjectAltName |
    sed -n '2s/^ *//p')"
echo "  trusted CA   $(openssl x509 -in "$pki/root.pem" -noout -subject |
    sed 's/^subject= *//')"
echo '  record memory 837 bytes'

# send N: sends a mail and keeps the report in $dir/report.N
send() {
    printf 'Dear server,\n\n.this line begins with a dot.\n\nYours, run %s\n' \
        "$1" >"$dir/body"
    "$build/mail" --pty "$pty" --join attic --ca "$pki/root.pem" \
        --session "$dir/session" --iobuf 837 --trace --report \
        --user sensor --from sensor@example.test --to ops@example.test \
        --subject "It works, run $1" --body "$dir/body" \
        $host >"$dir/out.$1" 2>"$dir/trace.$1"
    status=$?
    tail -n 1 "$dir/out.$1" >"$dir/report.$1"
    if [ "$1" = 1 ] || [ $status -ne 0 ]; then
        cat "$dir/trace.$1"
    fi
    [ $status -eq 0 ] || fail "mail ended with status $status"
}
# of N FIELD: a value of report N
of() { sed -E "s/.*\"$2\": ?\"?([^,\"}]*).*/\\1/" "$dir/report.$1"; }

title 'Run 1: join, dial, STARTTLS, full handshake, mail'
send 1
title 'The mail, as the server received it'
sed 's/\r$//; s/^/  | /' "$dir"/1.eml || fail 'no mail arrived'
grep -q '^\.this line begins with a dot' "$dir/1.eml" ||
    fail 'the mail is damaged'

title 'Run 2: the same, with the session of run 1'
send 2
grep -c . "$dir/2.eml" >/dev/null || fail 'no second mail arrived'
grep -E 'Hello|Certificate|KeyExchange|Finished|CipherSpec|handshake' \
    "$dir/trace.2" | head -n 12

title 'What it took'
# The sends of run N between the first TLS byte and the open session.
handshake_sends() {
    sed -n '/-- handshake/,/-- open/p' "$dir/trace.$1" | grep -c 'AT+CIPSEND'
}
row() { printf '  %-34s %14s %14s\n' "$@"; }
row '' 'run 1, full' 'run 2, resumed'
row 'certificate checked for' $host '(not sent)'
row 'TLS' "$(of 1 version)" "$(of 2 version)"
row 'resumed' "$(of 1 resumed)" "$(of 2 resumed)"
row 'AT+CIPSEND, each a radio burst' "$(of 1 sends)" "$(of 2 sends)"
row '  of these for the handshake' "$(handshake_sends 1)" "$(handshake_sends 2)"
row 'bytes to the modem' "$(of 1 wire_tx)" "$(of 2 wire_tx)"
row 'bytes from the modem' "$(of 1 wire_rx)" "$(of 2 wire_rx)"
row 'milliseconds' "$(of 1 ms)" "$(of 2 ms)"
echo "  cipher suite $(of 1 suite)"

[ "$(of 1 result)$(of 2 result)" = OKOK ] || fail 'a report says so'
[ "$(handshake_sends 1)$(handshake_sends 2)" = 22 ] ||
    fail 'a handshake took more than 2 sends'
[ "$(of 1 resumed)" = false ] || fail 'run 1 was resumed'
[ "$(of 2 resumed)" = true ] || fail 'run 2 was not resumed'
title 'Done: both mails went through TLS on a link that was opened in clear.'
