#!/bin/bash
# postfix.sh - Postfix: SMTP, submission, and TLS from the first byte. Mail for
# example.test is accepted, logged in DIR/log, thrown away.
set -u
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/postfix_cf.sh"

packages() { echo install postfix; }

prepare() {
    mkdir -p "$dir/etc" "$dir/queue" "$dir/data" &&
        chown postfix "$dir/data" && keys root
}

write_master_cf() {
    cat <<END
127.0.0.1:$port inet n - n - - smtpd
127.0.0.1:$((port + 1)) inet n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt
127.0.0.1:$((port + 2)) inet n - n - - smtpd
  -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes
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

configure() {
    postfix_main_cf 1 "$dir/key.pem, $dir/cert.pem" >"$dir/etc/main.cf"
    write_master_cf >"$dir/etc/master.cf"
    server=(postfix -c "$dir/etc" start-fg)
}

# What was started is a shell that waits for it.
main_process() { tr -d ' \n' 2>/dev/null <"$dir/queue/pid/master.pid"; }

services() {
    cat <<END
smtp $port
submission $((port + 1))
smtps $((port + 2))
END
}

main "$@"
