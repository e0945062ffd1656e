#!/bin/bash
# vsftpd.sh - vsftpd: FTP with AUTH TLS, required. The user is anonymous; files
# can be written to in/, that is DIR/ftp/in. A data link must resume the TLS
# session of the control link.
set -u
. "$(dirname "$0")/common.sh"

# No two FTP servers can be installed.
packages() {
    cat <<'END'
unpack vsftpd
install libcap2
install libpam0g
install libssl3
install libwrap0
END
}

span=40

prepare() {
    need_user ftp
    keys root && ftp_folder && mkdir -p "$dir/empty" &&
        cat "$dir/key.pem" "$dir/cert.pem" >"$dir/both.pem" &&
        chmod 600 "$dir/both.pem"
}

write_conf() {
    cat <<END
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
nopriv_user=nobody
secure_chroot_dir=$dir/empty
# The filter knows not all system calls of today's libraries.
seccomp_sandbox=NO
local_enable=NO
anonymous_enable=YES
anon_root=$dir/ftp
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
# also to append to a file, to rename, to delete
anon_other_write_enable=YES
anon_umask=022
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_tlsv1=YES
ssl_ciphers=HIGH
rsa_cert_file=$dir/both.pem
pasv_min_port=$((port + 1))
pasv_max_port=$((port + span - 1))
xferlog_enable=YES
log_ftp_protocol=YES
vsftpd_log_file=$dir/log
END
}

configure() {
    write_conf >"$dir/vsftpd.conf"
    server=("$unpacked/vsftpd/usr/sbin/vsftpd" "$dir/vsftpd.conf")
}

services() { echo "ftp $port"; }

main "$@"
