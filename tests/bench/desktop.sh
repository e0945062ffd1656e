#!/bin/sh
# desktop.sh BUILD PKI - one mail by STARTTLS to a server of this machine, with
# what Debian has for that and with build/mail.  Instructions: all of the
# process in user mode, from its start to its end, as callgrind counts them on
# the processor that it shows the program; the kernel's are not among them.
#
# What they do differs: openssl s_client speaks no SMTP and is fed blindly;
# swaks checks the chain, but not that the name is the server's; both load
# OpenSSL, with assembly, where mail has BearSSL in portable C and SSE2.
bench=desktop
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
build=$1
pki=$2
host=mail.example.test
from=sensor@example.test
to=ops@example.test
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

mkdir "$dir/mails"
"$build/smtpd" --cert "$pki/ec.pem" --key "$pki/ec.key" \
    --mail-dir "$dir/mails" --die-with-parent >"$dir/server" &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$dir/server" ] || sleep 0.2
done
port=$(sed 's/.*://' "$dir/server")

seq -f 'Line %g of a letter that says how warm it is.' 20 >"$dir/body"
{
    printf 'EHLO bench\nMAIL FROM:<%s>\nRCPT TO:<%s>\nDATA\n' "$from" "$to"
    printf 'Subject: bench\n\n'
    cat "$dir/body"
    printf '.\nQUIT\n'
} >"$dir/script"

mail() {
    "$@" --ca "$pki/root.pem" --session "$dir/saved" --from "$from" \
        --to "$to" --subject bench --body "$dir/body" $host
}
s_client() {
    "$@" s_client -starttls smtp -connect 127.0.0.1:PORT -servername $host \
        -CAfile "$pki/root.pem" -verify_return_error -verify_hostname $host \
        -sess_out "$dir/session" $session -crlf -quiet <"$dir/script"
}

# "$@": what they run under
openssl_full() { session='' s_client "$@" openssl; }
openssl_resumed() { session="-sess_in $dir/session" s_client "$@" openssl; }
swaks_full() {
    "$@" swaks --server 127.0.0.1 --port PORT --tls --tls-verify \
        --tls-ca-path "$pki/root.pem" --tls-sni $host --from "$from" \
        --to "$to" --header 'Subject: bench' --body "$dir/body"
}
estls_full() {
    rm -f "$dir/saved"
    estls_resumed "$@"
}
estls_resumed() {
    mail "$@" "$build/mail" --tcp --connect 127.0.0.1:PORT
}
modem_full() {
    rm -f "$dir/saved"
    modem_resumed "$@"
}
modem_resumed() {
    mail "$@" "$build/mail" \
        --exec "$build/espat --stdio --gen 2 --map $host:587=127.0.0.1:PORT"
}

mails() { find "$dir/mails" -name '*.eml' | wc -l; }

# job NAME COMMAND...: runs it, and leaves job's numbers in $dir/job; fails if
# no mail has come
job() {
    before=$(mails)
    if "$@" >"$dir/said" 2>"$dir/job" && [ "$(mails)" -gt "$before" ]; then
        return
    fi
    echo "$bench: $1 failed:"
    tail -n 5 "$dir/said" "$dir/job"
    : >"$dir/job"
}
number() { tail -n 1 "$dir/job" | cut -d ' ' -f "$1"; }

# measure TITLE NAME: leaves $memory and $instructions
measure() {
    job "$2" "$build/bench/job" "$port"
    memory=$(number 5)
    row "$1" 'most memory' "$memory" KB
    row "$1" 'to the server' "$(number 2)" bytes
    row "$1" 'from the server' "$(number 3)" bytes
    row "$1" 'flights of the client' "$(number 4)" flights
    job "$2" "$build/bench/job" "$port" valgrind --tool=callgrind \
        --callgrind-out-file=/dev/null
    instructions=$(awk '/Collected :/ {print $NF}' "$dir/job")
    row "$1" instructions "$instructions" instructions
}

# against TITLE INSTRUCTIONS MEMORY MOST: of those of what was measured last
against() {
    row "$1" "of openssl's instructions" \
        "$(share "$2" "$instructions")" % 100 "$4"
    row "$1" "of openssl's memory" "$(share "$3" "$memory")" % 100
}

measure 'build/mail: full' estls_full
full=$instructions full_memory=$memory
measure 'build/mail: resumed' estls_resumed
resumed=$instructions resumed_memory=$memory
measure 'build/mail through a modem: full' modem_full
measure 'build/mail through a modem: resumed' modem_resumed
measure 'openssl s_client: full' openssl_full
against 'build/mail: full' "$full" "$full_memory" 150
measure 'openssl s_client: resumed' openssl_resumed
against 'build/mail: resumed' "$resumed" "$resumed_memory" 100
measure 'swaks: full' swaks_full
finish
