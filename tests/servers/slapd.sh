#!/bin/bash
# slapd.sh - OpenLDAP's slapd: LDAP, and TLS from the first byte. The suffix is
# dc=example,dc=test, below it are cn=sensor (password `secret`) and
# ou=readings; anybody may read. cn=admin may write, with the password `secret`.
set -u
. "$(dirname "$0")/common.sh"

packages() { echo install slapd; }

write_conf() {
    cat <<END
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile $dir/cert.pem
TLSCertificateKeyFile $dir/key.pem
TLSVerifyClient never
database mdb
maxsize 16777216
suffix "dc=example,dc=test"
rootdn "cn=admin,dc=example,dc=test"
rootpw secret
directory $dir/db
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by * read
END
}

write_ldif() {
    cat <<'END'
dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=readings,dc=example,dc=test
objectClass: organizationalUnit
ou: readings
description: what the sensors say

dn: cn=sensor,dc=example,dc=test
objectClass: person
cn: sensor
sn: Sensor
description: water level at the bridge
userPassword: secret

dn: cn=level,ou=readings,dc=example,dc=test
objectClass: applicationProcess
cn: level
description: It is 3 cm deep.
END
}

prepare() {
    keys openldap || return
    rm -rf "$dir/db" && mkdir "$dir/db" || return
    write_conf >"$dir/slapd.conf"
    write_ldif >"$dir/entries.ldif"
    slapadd -q -f "$dir/slapd.conf" -l "$dir/entries.ldif" &&
        chown -R openldap:openldap "$dir/db"
}

configure() {
    local at="ldap://127.0.0.1:$port/ ldaps://127.0.0.1:$((port + 1))/"

    # With a debugging level, even 0, it stays in the foreground.
    server=(slapd -d 0 -u openldap -g openldap -f "$dir/slapd.conf" -h "$at")
}

services() {
    echo "ldap $port"
    echo "ldaps $((port + 1))"
}

main "$@"
