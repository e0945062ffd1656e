#!/bin/bash
# prosody.sh - Prosody: XMPP for clients, with STARTTLS (required) and with TLS
# from the first byte. sensor@mail.example.test's password is `secret`.
set -u
. "$(dirname "$0")/common.sh"

packages() { echo install prosody; }

prepare() {
    # as Prosody writes the host's name
    local accounts=$dir/data/mail%2eexample%2etest/accounts

    keys prosody && mkdir -p "$accounts" || return
    echo 'return { password = "secret" }' >"$accounts/sensor.dat"
    chown -R prosody:prosody "$dir/data"
}

write_conf() {
    cat <<END
daemonize = false
pidfile = "$dir/data/pid"
data_path = "$dir/data"
-- where it would look for more
certificates = "$dir"
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { $port }
c2s_direct_tls_ports = { $((port + 1)) }
modules_enabled = { "tls", "saslauth", "roster", "disco", "ping" }
-- nothing but clients: no ports for others
modules_disabled = { "s2s" }
s2s_ports = { }
authentication = "internal_plain"
c2s_require_encryption = true
ssl = {
    certificate = "$dir/cert.pem",
    key = "$dir/key.pem",
    protocol = "tlsv1_2+"
}
c2s_direct_tls_ssl = ssl
VirtualHost "$HOST"
END
}

configure() {
    write_conf >"$dir/prosody.cfg.lua"
    as_user prosody
    server=("${as[@]}" prosody -F --config "$dir/prosody.cfg.lua")
}

services() {
    echo "xmpp $port"
    echo "xmpps $((port + 1))"
}

main "$@"
