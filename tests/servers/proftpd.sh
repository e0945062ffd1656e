#!/bin/bash
# proftpd.sh - ProFTPD: FTP with AUTH TLS, required. The users are anonymous,
# and sensor with the password `secret`; files can be written to in/, that is
# DIR/ftp/in. A data link must resume the TLS session of the control link.
set -u
. "$(dirname "$0")/common.sh"

packages() {
    echo install proftpd-core
    echo install proftpd-mod-crypto
    echo install openssl
}

span=40

prepare() {
    need_user ftp
    keys root && ftp_folder || return
    # the first of the chain has to be apart
    openssl x509 -in "$dir/cert.pem" -out "$dir/leaf.pem" || return
    awk '/BEGIN/ { n++ } n > 1' "$dir/cert.pem" >"$dir/issuer.pem"
    {
        echo "ftp:*:$(id -u ftp):$(id -g ftp)::$dir/ftp:/bin/false"
        echo "sensor:$(openssl passwd -6 secret):$(id -u ftp):$(id -g ftp)::\
$dir/ftp:/bin/false"
    } >"$dir/passwd"
    chmod 600 "$dir/passwd"
}

write_conf() {
    cat <<END
ModulePath /usr/lib/proftpd
LoadModule mod_tls.c
ServerName "$HOST"
ServerType standalone
DefaultServer on
UseIPv6 off
DefaultAddress 127.0.0.1
SocketBindTight on
Port $port
PassivePorts $((port + 1)) $((port + span - 1))
User nobody
Group nogroup
PidFile $dir/proftpd.pid
ControlsEngine off
ControlsSocket $dir/controls
ScoreboardFile $dir/scoreboard
DelayTable $dir/delay
DelayEngine off
SystemLog $dir/log
TransferLog none
WtmpLog off
UseReverseDNS off
AuthOrder mod_auth_file.c
AuthUserFile $dir/passwd
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSLog $dir/tls.log
TLSECCertificateFile $dir/leaf.pem
TLSECCertificateKeyFile $dir/key.pem
TLSCertificateChainFile $dir/issuer.pem
<Anonymous $dir/ftp>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  AllowOverwrite on
  AllowStoreRestart on
</Anonymous>
END
}

configure() {
    write_conf >"$dir/proftpd.conf"
    server=(proftpd -n -c "$dir/proftpd.conf")
}

services() { echo "ftp $port"; }

main "$@"
