#!/bin/bash
# exim.sh - Exim (with GnuTLS): SMTP, submission, and TLS from the first byte.
# Mail for example.test is accepted and stays in DIR/spool/input.
set -u
. "$(dirname "$0")/common.sh"

# It cannot be installed beside Postfix.
packages() {
    cat <<'END'
unpack exim4-daemon-light
install libcrypt1
install libdb5.3
install libgnutls-dane0
install libgnutls30
install libidn12
install libidn2-0
install libnsl2
install libpcre2-8-0
END
}

prepare() {
    # its name is part of the program
    need_user Debian-exim
    mkdir -p "$dir/spool" && chown Debian-exim "$dir/spool" && keys Debian-exim
}

exim=$unpacked/exim4-daemon-light/usr/sbin/exim4

write_conf() {
    cat <<END
# It runs itself again, for deliveries and at the end.
exim_path = $exim
primary_hostname = $HOST
spool_directory = $dir/spool
log_file_path = $dir/spool/log_%s
pid_file_path = $dir/spool/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port : $((port + 1)) : $((port + 2))
tls_on_connect_ports = $((port + 2))
tls_advertise_hosts = *
tls_certificate = $dir/cert.pem
tls_privatekey = $dir/key.pem
# no question to the DNS or to the client's machine
host_lookup =
rfc1413_query_timeout = 0s
dns_ipv4_lookup = *
# accepted, and left alone
queue_only
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  deny message = no submission without TLS
    condition = \${if eq{\$received_port}{$((port + 1))}}
    !encrypted = *
  accept domains = example.test
  deny message = relay not permitted
data:
  accept
END
}

configure() {
    write_conf >"$dir/exim.conf"
    server=("$exim" -bdf -C "$dir/exim.conf")
}

services() {
    cat <<END
smtp $port
submission $((port + 1))
smtps $((port + 2))
END
}

main "$@"
