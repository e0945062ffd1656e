#!/bin/bash
# servers.sh BUILD PKI - the program `mail`, through the emulated modem, to a
# real Postfix with several services; what the report says is compared with
# Postfix's own log. A row for each case. Needs root, as Postfix does.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/lib.sh"
. "$top/tests/servers/postfix_cf.sh"
[ $# -eq 2 ] || {
    echo 'usage: servers.sh BUILD PKI' >&2
    exit 2
}
bin=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || exit 1
[ "$(id -u)" -eq 0 ] || {
    echo 'servers.sh: Postfix can be started by root only' >&2
    exit 1
}
PATH=$PATH:/usr/sbin:/sbin
# Postfix's daemons must get there, whatever TMPDIR is.
begin /tmp
chmod 755 "$dir"

HOST=mail.example.test
EC=ECDHE-ECDSA-CHACHA20-POLY1305
RSA=ECDHE-RSA-CHACHA20-POLY1305

# -- Postfix ------------------------------------------------------------------

# service NAME OPTION...: on the next port; its log lines say postfix/NAME
service() {
    local option

    echo "127.0.0.1:$next_port inet n - n - - smtpd"
    echo "  -o syslog_name=postfix/$1"
    for option in "${@:2}"; do echo "  -o $option"; done
    eval "port_of_${1//-/_}=$next_port"
    next_port=$((next_port + 1))
}

# certificate NAME: the option for it
certificate() { echo "smtpd_tls_chain_files=$pki/$1.key,$pki/$1.pem"; }

write_master_cf() {
    service ec
    service rsa "$(certificate rsa)"
    service smtps smtpd_tls_wrappermode=yes
    service unknown-ca "$(certificate rogue)"
    service wrong-name "$(certificate wrong-name)"
    service expired "$(certificate expired)"
    service no-tls smtpd_tls_security_level=none
    service new-tls 'smtpd_tls_protocols=>=TLSv1.3'
    cat <<'END'
cleanup   unix       n - n - 0 cleanup
qmgr      unix       n - n 300 1 qmgr
tlsmgr    unix       - - n 1000? 1 tlsmgr
rewrite   unix       - - n - - trivial-rewrite
bounce    unix       - - n - 0 bounce
defer     unix       - - n - 0 bounce
anvil     unix       - - n - 1 anvil
proxymap  unix       - - n - - proxymap
error     unix       - - n - - error
retry     unix       - - n - - error
discard   unix       - - n - - discard
postlog   unix-dgram n - n - 1 postlogd
END
}

# Below the ports that the kernel gives to clients. If one is taken, Postfix
# says so, and others are tried.
start_postfix() {
    local try

    mkdir "$dir/etc" "$dir/queue" "$dir/data"
    chown postfix "$dir/data"
    # 2 tells of sessions that are found in the cache
    postfix_main_cf 2 "$pki/ec.key, $pki/ec.pem" >"$dir/etc/main.cf"
    for try in 1 2 3 4 5; do
        next_port=$((10000 + RANDOM % 20000))
        write_master_cf >"$dir/etc/master.cf"
        postfix -c "$dir/etc" start >"$dir/start" 2>&1 && return
        stop_postfix
    done
    cat "$dir/start" "$dir/log"
    return 1
}

master_pid() { tr -d ' \n' 2>/dev/null <"$dir/queue/pid/master.pid"; }

stop_postfix() {
    local master

    master=$(master_pid)
    [ -n "$master" ] && alive "$master" || return 0
    postfix -c "$dir/etc" stop >"$dir/stop" 2>&1
    wait_for 10 gone "$master" || kill -KILL "$master"
}
end_hook() { stop_postfix; }

port_of() { eval "echo \$port_of_${1//-/_}"; }

# -- Postfix's log ------------------------------------------------------------

mark_log() { log_before=$(wc -l <"$dir/log"); }
new_log() { tail -n "+$((log_before + 1))" "$dir/log"; }
logged() { new_log | grep -qE "$1"; }

# will_log WHAT PATTERN: the log comes a little later
will_log() {
    check "the log: $1" wait_for 5 logged "$2"
}

# accepted SERVICE CIPHER RESUMED: the mail that the program has sent
accepted() {
    local id by="postfix/$1/smtpd\\[[0-9]+\\]:"

    id=$(sed -n 's/^sent: 250 .* queued as \([0-9A-Za-z]*\)$/\1/p' "$out")
    check 'the reply has a queue id' test -n "$id"
    will_log 'the mail was accepted' "$by ${id:-none}: client="
    will_log 'the mail was delivered' "discard\[.*${id:-none}: .* status=sent"
    will_log "TLS 1.2 with $2" "$by .*TLS connection established from .*: \
TLSv1\.2 with cipher $2 "
    if "$3"; then
        will_log 'the session was in the cache' "$by .* reloaded session"
    fi
}

# -- cases --------------------------------------------------------------------

row() { printf '%-36s %-7s %-30s %5s %-7s %6s %6s  %s\n' "$@"; }

result_row() {
    local verdict=''

    [ "$failed" -eq "$failed_before" ] || verdict=' FAILED'
    row "$doing" "$(field version)" "$(field suite)" "$(field sends)" \
        "$(field resumed)" $(($(field wire_rx) + $(field wire_tx))) \
        "$(field ms)" "$(field result)$verdict"
}

# mail_by SERVICE MODEM-OPTIONS MAIL-OPTION...
mail_by() {
    run mail "$bin/mail" --exec "exec '$bin/espat' --stdio $2" --report \
        --timeout 30 --connect "127.0.0.1:$(port_of "$1")" \
        --from me@example.test --to you@example.test --body "$dir/body" \
        --subject "$doing" "${@:3}" $HOST
}

# mail_ok CASE SERVICE RESUMED MODEM-OPTIONS MAIL-OPTION...
mail_ok() {
    local cipher=$EC

    doing=$1 failed_before=$failed
    [ "$2" != rsa ] || cipher=$RSA
    mark_log
    mail_by "$2" "$4" "${@:5}"
    exited 0
    check 'the report is JSON' is_json "$out"
    reports result OK
    reports version TLS1.2
    reports suite "$(echo "$cipher" | sed 's/ECDHE-/ECDHE_/; s/-/_/g')"
    reports resumed "$3"
    case "$*" in
    *' --iobuf 837'*) reports mfl true ;;
    esac
    accepted "$2" "$cipher" "$3"
    result_row
}

# twice CASE SERVICE MODEM-OPTIONS MAIL-OPTION...: in full, and resumed
twice() {
    rm -f "$dir/session"
    mail_ok "$1" "$2" false "$3" --session "$dir/session" "${@:4}"
    mail_ok "$1" "$2" true "$3" --session "$dir/session" "${@:4}"
}

# mail_fails CASE SERVICE ERROR MAIL-OPTION...
mail_fails() {
    doing=$1 failed_before=$failed
    mark_log
    mail_by "$2" '--gen 2' "${@:4}"
    fails_with "$3"
    check 'no mail was sent' lacks "$out" sent:
    will_log 'there was a connection' "postfix/$2/smtpd\[.*: disconnect from"
    check 'the log: no mail' eval '! logged "qmgr.* queue active"'
    result_row
}

anchors=(--ca "$pki/anchors.pem")

# The server itself is in order: another client says so.
by_openssl() {
    doing='openssl s_client'
    printf 'QUIT\n' >"$dir/quit"
    input=$dir/quit
    run s_client openssl s_client -starttls smtp -crlf -ign_eof -tls1_2 \
        -connect "127.0.0.1:$(port_of ec)" -CAfile "$pki/root.pem" \
        -verify_hostname $HOST -verify_return_error
    input=''
    exited 0
    check 'the certificate is good' \
        holds "$out" 'Verify return code: 0 (ok)'
    check 'TLS 1.2' grep -qE 'Protocol *: TLSv1\.2' "$out"
    check 'the server says goodbye' holds "$out" '221 2.0.0 Bye'
}

every_mode() {
    local gen key push

    for gen in 1 2 3; do
        for key in ec rsa; do
            for push in '' --push; do
                twice "gen $gen, $key, ${push:---pull}" $key "--gen $gen" \
                    "${anchors[@]}" $push
            done
        done
    done
}

special_modes() {
    twice '837-byte buffer' ec '--gen 2' "${anchors[@]}" --iobuf 837
    twice '837-byte buffer, RSA' rsa '--gen 1' "${anchors[@]}" --iobuf 837
    twice '1-byte chunks' ec '--gen 1 --chunk 1' "${anchors[@]}"
    twice 'random chunks, push' ec '--gen 3 --chunk 40 --random-chunk' \
        "${anchors[@]}" --push
    twice '9600 baud, 837 bytes' ec '--gen 2 --baud 9600' "${anchors[@]}" \
        --iobuf 837
    twice 'link 4 of several' ec '--gen 2' "${anchors[@]}" --mux 4
    twice 'TLS from the first byte' smtps '--gen 3' "${anchors[@]}" \
        --proto direct
    twice 'pinned key' ec '--gen 2' --pin "$pki/ec.pem"
    twice 'pinned key, RSA' rsa '--gen 2' --pin "$pki/rsa.pem"
    seq 20000 >"$dir/body"
    mail_ok 'mail of 106 KB, 837 bytes' ec false '--gen 2' "${anchors[@]}" \
        --iobuf 837
    echo 'It is 3 cm deep.' >"$dir/body"
}

failures() {
    mail_fails 'unknown CA' unknown-ca TRUST "${anchors[@]}"
    mail_fails 'CA of the same name, other key' ec TRUST \
        --ca "$pki/rogue-root.pem"
    mail_fails 'wrong pin' ec TRUST --pin "$pki/other.pem"
    mail_fails 'wrong name' wrong-name NAME "${anchors[@]}"
    mail_fails 'expired' expired EXPIRED "${anchors[@]}"
    mail_fails 'no STARTTLS' no-tls NO_STARTTLS "${anchors[@]}"
    mail_fails 'TLS 1.3 only' new-tls VERSION "${anchors[@]}"
    mail_fails 'recipient refused' ec REFUSED "${anchors[@]}" \
        --to nobody@example.org
}

echo 'It is 3 cm deep.' >"$dir/body"
doing='Postfix'
check 'it starts' start_postfix
if [ "$failed" -eq 0 ]; then
    postconf -c "$dir/etc" -h mail_version | sed 's/^/Postfix /'
    by_openssl
    row case version suite sends resumed bytes ms result
    every_mode
    special_modes
    failures
    master=$(master_pid)
    doing='the end' && stop_postfix
    check 'Postfix has ended' gone "$master"
    check 'no panic, no fatal error' \
        eval '! grep -E ": (panic|fatal):" "$dir/log"'
fi
finish
