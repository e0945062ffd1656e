#!/bin/bash
# inspircd.sh - InspIRCd (with GnuTLS): IRC with STARTTLS, and TLS from the
# first byte. Anybody can register a nick and join channels.
set -u
. "$(dirname "$0")/common.sh"

packages() { echo install inspircd; }

prepare() {
    mkdir -p "$dir/run" && chown irc "$dir/run" && keys irc
}

write_conf() {
    cat <<END
<server name="irc.example.test" description="estls" network="estls">
<admin name="nobody" nick="nobody" email="nobody@example.test">
<path configdir="$dir" datadir="$dir/run" logdir="$dir/run"
      runtimedir="$dir/run" moduledir="/usr/lib/inspircd/modules">
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="tls" provider="gnutls" certfile="$dir/cert.pem"
            keyfile="$dir/key.pem" requestclientcert="no" outrecsize="512">
<starttls provider="tls">
<bind address="127.0.0.1" port="$port" type="clients">
<bind address="127.0.0.1" port="$((port + 1))" type="clients"
      sslprofile="tls">
<connect allow="*" resolvehostnames="no" useident="no" timeout="60"
         localmax="100" globalmax="100" modes="+x">
<pid file="$dir/run/pid">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default"
     target="$dir/run/log">
END
}

configure() {
    write_conf >"$dir/inspircd.conf"
    as_user irc
    server=("${as[@]}" inspircd --nofork --config "$dir/inspircd.conf")
}

services() {
    echo "irc $port"
    echo "ircs $((port + 1))"
}

main "$@"
