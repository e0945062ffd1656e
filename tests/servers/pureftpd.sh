#!/bin/bash
# pureftpd.sh - Pure-FTPd: FTP with AUTH TLS, required. The users are
# anonymous and sensor, both with the password `secret`; files can be written
# to in/, that is DIR/ftp/in.
set -u
. "$(dirname "$0")/common.sh"

# No two FTP servers can be installed.
packages() {
    cat <<'END'
unpack pure-ftpd
install libcap2
install libcrypt1
install libpam0g
install libsodium23
install libssl3
install openssl
END
}

span=40

# user NAME HASH
user() { echo "$1:$2:$(id -u ftp):$(id -g ftp)::$dir/ftp/./::::::::::::"; }

prepare() {
    local hash name

    need_user ftp
    keys root && ftp_folder || return
    # pure-pw would hash the password for seconds.
    hash=$(openssl passwd -6 secret) || return
    for name in anonymous ftp sensor; do user $name "$hash"; done >"$dir/passwd"
    chmod 600 "$dir/passwd"
    "$unpacked/pure-ftpd/usr/bin/pure-pw" mkdb "$dir/users.pdb" -f "$dir/passwd"
}

# Its own notion of anonymous (off by -E) has its folder where the system's
# user ftp has his.
configure() {
    server=("$unpacked/pure-ftpd/usr/sbin/pure-ftpd" -4 -E -H
        -S "127.0.0.1,$port" -p "$((port + 1)):$((port + span - 1))"
        -l "puredb:$dir/users.pdb" -g "$dir/pure-ftpd.pid"
        -Y 2 -2 "$dir/cert.pem,$dir/key.pem" -f none -O "clf:$dir/log")
}

services() { echo "ftp $port"; }

main "$@"
