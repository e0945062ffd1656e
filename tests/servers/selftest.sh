#!/bin/bash
# selftest.sh PKI [SERVER...] - starts each server, upgrades to TLS 1.2 on each
# of its services with openssl, transfers files with curl if it speaks FTP,
# stops it; prints a row for each service, with whether a session was resumed
# by its id. Everything has to be installed: install.sh.
set -u

. "$(dirname "$0")/common.sh"
[ $# -ge 1 ] || {
    echo 'usage: selftest.sh PKI [SERVER...]' >&2
    exit 2
}
pki=$(cd "$1" && pwd) || exit 1
shift
here=$top/tests/servers
# Servers give up root, and must get there.
begin /tmp
chmod 755 "$dir"
current=''
end_hook() { [ -z "$current" ] || "$current" stop "$dir/state"; }

# -- TLS ----------------------------------------------------------------------

# those of the library, for a key like that of PKI/ec.pem
SUITES=ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256

# upgrade PROTO: sets `how`, s_client's options
upgrade() {
    case $1 in
    submission) how=(-starttls smtp) ;;
    xmpp) how=(-starttls xmpp -xmpphost "$HOST") ;;
    smtps | imaps | pop3s | ldaps | ircs | xmpps) how=() ;;
    *) how=(-starttls "$1") ;;
    esac
}

# s_client NAME PORT OPTION...: without tickets a session has to have an id
s_client() {
    run "$1" openssl s_client -connect "127.0.0.1:$2" -tls1_2 -no_ticket \
        -CAfile "$pki/root.pem" -verify_hostname "$HOST" \
        -verify_return_error "${how[@]}" "${@:3}"
}

# service PROTO PORT
service() {
    local resumed=no cipher

    doing="$server, $1"
    rm -f "$dir/session"
    upgrade "$1"
    s_client first "$2" -sess_out "$dir/session" -cipher "$SUITES"
    exited 0
    check 'the certificate is good' holds "$out" 'Verify return code: 0 (ok)'
    check 'TLS 1.2' grep -qE 'Protocol *: TLSv1\.2' "$out"
    cipher=$(sed -n 's/^ *Cipher *: //p' "$out")
    # some give their sessions no id
    if [ -s "$dir/session" ]; then
        s_client again "$2" -sess_in "$dir/session"
        exited 0
        ! grep -q '^Reused, TLSv1.2' "$out" || resumed=yes
    fi
    row "$server" "$1" "$2" "$cipher" "$resumed" ''
}

# -- FTP ----------------------------------------------------------------------

# ftp PORT USER PATH OPTION...
ftp() {
    run curl curl -sS --ssl-reqd --tls-max 1.2 --cacert "$pki/root.pem" \
        --resolve "$HOST:$1:127.0.0.1" --user "$2" \
        "ftp://$HOST:$1/$3" "${@:4}"
    exited 0
}

# transfers PORT USER NAME: the second half is appended
transfers() {
    local copy=$dir/state/ftp/in/$3

    doing="$server, user ${2%:*}"
    ftp "$1" "$2" numbers.txt
    check 'a file is read' cmp -s "$out" "$dir/state/ftp/numbers.txt"
    ftp "$1" "$2" numbers.txt --range 100000-
    check 'a file is read from the middle' \
        cmp -s "$out" <(tail -c +100001 "$dir/state/ftp/numbers.txt")
    ftp "$1" "$2" "in/$3" -T "$dir/one"
    check 'a file is written' cmp -s "$copy" "$dir/one"
    ftp "$1" "$2" "in/$3" -T "$dir/two" --append
    check 'a file is appended to' cmp -s "$copy" <(cat "$dir/one" "$dir/two")
    ftp "$1" "$2" in/
    check 'it is listed' holds "$out" "$3"
}

ftp_server() {
    command -v curl >/dev/null || return
    transfers "$1" anonymous:secret by-anonymous
    [ "$server" = vsftpd ] || transfers "$1" sensor:secret by-sensor
}

# -- all of a server ----------------------------------------------------------

row() { printf '%-10s %-11s %5s  %-30s %-8s %s\n' "$@"; }

closed() { ! accepts "$1"; }

try_server() {
    local services all name number began

    server=$1
    doing=$server
    current=$here/$server.sh
    began=$(date +%s%N)
    run start "$current" start "$dir/state" "$pki"
    exited 0
    row "$server" start '' '' '' "$((($(date +%s%N) - began) / 1000000)) ms"
    services=$(<"$out")
    check 'there are services' grep -qE '^[a-z0-9]+ [0-9]+$' <<<"$services"
    check 'DIR/ports is as printed' cmp -s "$out" "$dir/state/ports"
    while read -r name number; do
        [ -n "$name" ] || continue
        service "$name" "$number"
        [ "$name" != ftp ] || ftp_server "$number"
    done <<<"$services"
    doing="$server, its end"
    all=$(processes "$(cat "$dir/state/pid")")
    check 'it runs' test -n "$all"
    run stop "$current" stop "$dir/state"
    exited 0
    # shellcheck disable=SC2086
    check 'no process is left' none_alive $all
    while read -r name number; do
        check "nobody listens to $name" closed "$number"
    done <<<"$services"
    run stop "$current" stop "$dir/state"
    exited 0
    current=''
    rm -rf "$dir/state"
}

all_servers() {
    grep -l '^main ' "$here"/*.sh | sed 's|.*/||; s|\.sh$||'
}

seq 1000 >"$dir/one"
seq 1001 2000 >"$dir/two"
row server service port cipher resumed ''
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(all_servers)
for each; do try_server "$each"; done
finish
