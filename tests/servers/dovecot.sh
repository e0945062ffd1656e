#!/bin/bash
# dovecot.sh - Dovecot: IMAP, POP3, ManageSieve, LMTP. Every user's password is
# `secret`; mail that comes by LMTP is in DIR/mail/USER/Maildir.
set -u
. "$(dirname "$0")/common.sh"

packages() {
    cat <<'END'
install dovecot-imapd
install dovecot-pop3d
install dovecot-managesieved
install dovecot-lmtpd
END
}

prepare() {
    mkdir -p "$dir/base" "$dir/mail" && chown mail:mail "$dir/mail" &&
        keys root
}

# listener NAME PORT [SSL]
listener() {
    echo "  inet_listener $1 {"
    echo "    port = $2"
    [ $# -lt 3 ] || echo "    ssl = yes"
    echo "  }"
}

# A login process that ends with its connection (service_count = 1) would take
# the TLS sessions with it. The chroots would have to be in base_dir.
login_service() {
    echo "service $1 {"
    echo "  service_count = 0"
    echo "  chroot ="
    cat
    echo "}"
}

write_conf() {
    cat <<END
protocols = imap pop3 sieve lmtp
base_dir = $dir/base
state_dir = $dir/base
log_path = $dir/log
listen = 127.0.0.1
hostname = $HOST
mail_home = $dir/mail/%n
mail_location = maildir:~/Maildir
# the user mail's number is less than Dovecot likes
first_valid_uid = 1
ssl = yes
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=mail gid=mail allow_all_users=yes
}
plugin {
  sieve = file:~/sieve;active=~/active.sieve
}
protocol lmtp {
  mail_plugins = \$mail_plugins sieve
}
END
    { listener imap "$port" && listener imaps $((port + 1)) ssl; } |
        login_service imap-login
    { listener pop3 $((port + 2)) && listener pop3s $((port + 3)) ssl; } |
        login_service pop3-login
    listener sieve $((port + 4)) | login_service managesieve-login
    echo "service lmtp {"
    listener lmtp $((port + 5))
    echo "}"
}

configure() {
    write_conf >"$dir/dovecot.conf"
    server=(dovecot -F -c "$dir/dovecot.conf")
}

services() {
    cat <<END
imap $port
imaps $((port + 1))
pop3 $((port + 2))
pop3s $((port + 3))
sieve $((port + 4))
lmtp $((port + 5))
END
}

main "$@"
