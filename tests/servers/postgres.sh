#!/bin/bash
# postgres.sh - PostgreSQL. Within TLS the user postgres needs no password, and
# the user sensor has `secret`; without TLS nobody gets in. There is a table
# `reading` in the database postgres.
set -u
. "$(dirname "$0")/common.sh"

packages() { echo install postgresql; }

# the newest one's folder
programs() { printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1; }

fill() {
    cat <<'END'
create role sensor login password 'secret';
create table reading (name text, value text);
insert into reading values ('level', 'It is 3 cm deep.');
grant select, insert on reading to sensor;
END
}

prepare() {
    keys postgres || return
    rm -rf "$dir/data" && install -d -m 700 -o postgres "$dir/data" || return
    as_user postgres
    cd / || return
    "${as[@]}" "$(programs)/initdb" -D "$dir/data" -A trust -U postgres \
        -E UTF8 --locale=C --no-sync || return
    cat >"$dir/data/pg_hba.conf" <<'END'
hostssl   all postgres 127.0.0.1/32 trust
hostssl   all all      127.0.0.1/32 scram-sha-256
hostnossl all all      127.0.0.1/32 reject
END
    # one statement a line, as a server for one user reads them
    fill | "${as[@]}" "$(programs)/postgres" --single -D "$dir/data" postgres
}

configure() {
    as_user postgres
    server=("${as[@]}" "$(programs)/postgres" -D "$dir/data" -p "$port"
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off
        -c ssl=on -c "ssl_cert_file=$dir/cert.pem"
        -c "ssl_key_file=$dir/key.pem" -c log_connections=on)
}

# It listens before it has looked after its files.
is_ready() { grep -q 'ready to accept connections' "$dir/out"; }

services() { echo "postgres $port"; }

main "$@"
