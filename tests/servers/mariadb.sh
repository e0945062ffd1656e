#!/bin/bash
# mariadb.sh - MariaDB. sensor@127.0.0.1's password is `secret`, and TLS is
# required; the database `test` has a table `reading`.
set -u
. "$(dirname "$0")/common.sh"

# The package without `-core` would make a database of its own.
packages() { echo install mariadb-server-core; }

# What mariadb-install-db would do, but that needs a program of another package.
system_tables() {
    local in=/usr/share/mysql

    # a statement has to end with its line
    printf '%s;\n' 'create database mysql' 'use mysql' \
        'set @auth_root_socket = null'
    cat "$in/mysql_system_tables.sql" "$in/mysql_performance_tables.sql" \
        "$in/mysql_system_tables_data.sql"
}

# as `server` has it, too
set_options() {
    options=(--no-defaults --user=nobody --datadir="$dir/data"
        --tmpdir="$dir/tmp" --innodb-flush-log-at-trx-commit=0)
}

write_sql() {
    cat <<'END'
create database if not exists test;
create table if not exists test.reading (name text, value text);
insert into test.reading values ('level', 'It is 3 cm deep.');
create or replace user sensor@127.0.0.1 identified by 'secret' require ssl;
grant all on test.* to sensor@127.0.0.1;
END
}

prepare() {
    keys nobody || return
    rm -rf "$dir/data" "$dir/tmp"
    install -d -o nobody "$dir/data" "$dir/tmp" || return
    write_sql >"$dir/init.sql"
    set_options
    system_tables | mariadbd "${options[@]}" --bootstrap
}

configure() {
    set_options
    server=(mariadbd "${options[@]}" --bind-address=127.0.0.1 --port="$port"
        --socket="$dir/tmp/socket" --pid-file="$dir/tmp/pid"
        --skip-name-resolve --init-file="$dir/init.sql"
        --ssl-cert="$dir/cert.pem" --ssl-key="$dir/key.pem")
}

# It listens before it has read the SQL.
is_ready() { grep -q 'ready for connections' "$dir/out"; }

services() { echo "mysql $port"; }

main "$@"
