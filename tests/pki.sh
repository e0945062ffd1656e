#!/bin/sh
# pki.sh DIR - make a throw-away PKI for the tests, with openssl alone.
#
# Trust anchors:  DIR/root.pem (EC P-256), DIR/root-rsa.pem (RSA 2048),
#                 DIR/anchors.pem (both)
# Servers:        DIR/NAME.pem (the chain as sent, leaf first), DIR/NAME.key
# Catalogue:      DIR/index, one line per server: NAME OUTCOME REASON
#
# OUTCOME is what a client that trusts both anchors, expects the host name
# mail.example.test and is strict about RFC 5280 has to conclude:
#   ok          accept
#   trust       no valid path to an anchor
#   expired     outside the validity period, too late
#   future      outside the validity period, too early
#   name        the certificate is for somebody else
#   usage       the key must not be used by a TLS server
#   weak        signature hash or key too weak
#   constraint  basicConstraints or nameConstraints are violated
#   either      a client may accept or refuse, but must not misbehave
# for any date from February 2020 to 2049.
#
# Does nothing when DIR/done exists. Takes one to three seconds.
set -eu

dir=${1:?usage: pki.sh DIR}
[ ! -e "$dir/done" ] || exit 0
mkdir -p "$dir"
cd "$dir"
rm -rf db index log
mkdir db
: >db/index.txt
: >index
trap '[ $? -eq 0 ] || cat log >&2' EXIT

cat >openssl.cnf <<'CNF'
[ca]
default_ca = authority
[authority]
database = db/index.txt
new_certs_dir = db
rand_serial = yes
unique_subject = no
default_md = sha256
default_startdate = 20200101000000Z
default_enddate = 20491231235959Z
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = replaced by -subj

[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
[permits_test]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
nameConstraints = permitted;DNS:example.test, permitted;DNS:localhost
[permits_other]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
nameConstraints = permitted;DNS:example.org

[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:mail.example.test, DNS:localhost
[wrong_name]
basicConstraints = CA:FALSE
subjectAltName = DNS:mail.example.org
[nul_name]
basicConstraints = CA:FALSE
subjectAltName = ASN1:SEQUENCE:nul_name_list
[nul_name_list]
# "mail.example.test" NUL ".example.org", as a dNSName
dns = IMPLICIT:2, FORMAT:HEX, OCT:6d61696c2e6578616d706c652e74657374002e\
6578616d706c652e6f7267
[no_name]
basicConstraints = CA:FALSE
[ip_name]
basicConstraints = CA:FALSE
subjectAltName = IP:127.0.0.1
[wildcard]
basicConstraints = CA:FALSE
subjectAltName = DNS:*.example.test
[client_auth]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
subjectAltName = DNS:mail.example.test
[any_usage]
basicConstraints = CA:FALSE
extendedKeyUsage = anyExtendedKeyUsage
subjectAltName = DNS:mail.example.test
[critical_usage]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, serverAuth
subjectAltName = DNS:mail.example.test
[agreement_only]
basicConstraints = CA:FALSE
keyUsage = critical, keyAgreement
subjectAltName = DNS:mail.example.test
[hides_constraints]
# Behind the purposes stands the header of an octet string of 127 bytes: who
# looks into the extension and trusts it passes over the constraints.
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
2.5.29.37 = DER:30:0A:06:08:2B:06:01:05:05:07:03:01:04:7F
nameConstraints = permitted;DNS:example.org
[like_san]
# an OID that ends as subjectAltName's does
basicConstraints = CA:FALSE
1.2.3.4.5.0.85.29.17 = DER:04:00
[like_any_usage]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth, 1.2.3.4.85.29.37.0
subjectAltName = DNS:mail.example.test
CNF

host=mail.example.test

ec_key() { # NAME [CURVE]
	openssl ecparam -name "${2:-prime256v1}" -genkey -noout -out "$1.key"
}

rsa_key() { # NAME [BITS]
	openssl genrsa -out "$1.key" "${2:-2048}" 2>>log
}

certify() { # NAME COMMON-NAME EXTENSIONS [openssl-ca-option...]
	name=$1 subject=$2 extensions=$3
	shift 3
	openssl req -new -config openssl.cnf -key "$name.key" -out request 2>>log
	openssl ca -batch -notext -config openssl.cnf -in request \
		-subj "/CN=$subject" -extensions "$extensions" \
		-out "$name.pem" "$@" 2>>log
}

anchor() { # NAME COMMON-NAME
	certify "$1" "$2" root -selfsign -keyfile "$1.key"
}

issue() { # ISSUER NAME COMMON-NAME EXTENSIONS [openssl-ca-option...]
	issuer=$1
	shift
	certify "$@" -cert "$issuer.pem" -keyfile "$issuer.key"
}

chain() { # NAME ISSUER... - append the issuers' certificates to the leaf
	leaf=$1
	shift
	for link; do cat "$link.pem"; done >>"$leaf.pem"
}

# Leaves share the key of `ec` unless the key itself is the point.
share_key() { # NAME
	cp ec.key "$1.key"
}

expect() { # NAME OUTCOME REASON
	printf '%s %s %s\n' "$1" "$2" "$3" >>index
}

# issue_leaf ISSUER NAME OUTCOME REASON COMMON-NAME EXTENSIONS [option...]
# A certificate for the key of `ec`, with the issuer in its chain.
issue_leaf() {
	by=$1 who=$2
	expect "$2" "$3" "$4"
	shift 4
	share_key "$who"
	issue "$by" "$who" "$@"
	chain "$who" "$by"
}

# The slow one first, in the background.
rsa_key rsa4096 4096 &
slow_key=$!

# Authorities
ec_key root
anchor root 'estls test root'
rsa_key root-rsa
anchor root-rsa 'estls test root, RSA'
cat root.pem root-rsa.pem >anchors.pem
ec_key ica
issue root ica 'estls test intermediate' intermediate
ec_key rogue-root
anchor rogue-root 'estls test root'
for name in ica-sha1 ica-permits-test ica-permits-other ica-below \
	ica-hides end-entity; do
	cp ica.key $name.key
done
issue root ica-sha1 'estls SHA-1 intermediate' intermediate -md sha1
issue root ica-permits-test 'estls example.test only' permits_test
issue root ica-permits-other 'estls example.org only' permits_other
issue root ica-hides 'estls hides its constraints' hides_constraints
issue ica ica-below 'estls beyond the path length' intermediate
issue ica end-entity 'estls not an authority' leaf

# Servers that are in order
ec_key ec
issue ica ec $host leaf
chain ec ica
expect ec ok 'EC P-256'
rsa_key rsa
issue ica rsa $host leaf
chain rsa ica
expect rsa ok 'RSA 2048'
cp rsa.key all-rsa.key
issue root-rsa all-rsa $host leaf
expect all-rsa ok 'RSA 2048, issued by the RSA anchor'
ec_key other
issue ica other $host leaf
chain other ica
expect other ok 'another key for the same name: a pin must not match'
ec_key p384 secp384r1
issue ica p384 $host leaf
chain p384 ica
expect p384 ok 'EC P-384'
issue_leaf ica wildcard ok 'name is *.example.test' $host wildcard
issue_leaf ica-permits-test nc-satisfied ok \
	'nameConstraints permit the name' $host leaf

# Servers that are not
issue_leaf rogue-root rogue trust 'anchor of the same name, other key' \
	$host leaf
share_key self-signed
certify self-signed $host leaf -selfsign -keyfile ec.key
expect self-signed trust 'self-signed'
share_key no-intermediate
issue ica no-intermediate $host leaf
expect no-intermediate trust 'intermediate not sent'
issue_leaf ica expired expired 'ended in 2020' $host leaf \
	-startdate 20200101000000Z -enddate 20200201000000Z
issue_leaf ica future future 'begins in 2060' $host leaf \
	-startdate 20600101000000Z -enddate 20610101000000Z
issue_leaf ica wrong-name name 'for mail.example.org' \
	mail.example.org wrong_name
issue_leaf ica nul-name name 'NUL inside the name' mail.example.org nul_name
issue_leaf ica cn-only name 'name in the common name alone' $host no_name
issue_leaf ica cn-fits name 'common name fits, SAN does not' \
	$host wrong_name
issue_leaf ica ip-only name 'SAN holds an IP address alone' $host ip_name
issue_leaf end-entity leaf-as-ca constraint \
	'issued by a server certificate' $host leaf
chain leaf-as-ca ica
issue_leaf ica-below path-length constraint 'path length 0 exceeded' \
	$host leaf
chain path-length ica
issue_leaf ica-permits-other nc-violated constraint \
	'non-critical nameConstraints exclude the name' $host leaf
issue_leaf ica-hides nc-hidden constraint \
	'nameConstraints behind a malformed extended usage' $host leaf
issue_leaf ica like-san name 'an OID like subjectAltName' $host like_san
issue_leaf ica like-any-usage usage 'a purpose like anyExtendedKeyUsage' \
	$host like_any_usage
issue_leaf ica client-auth usage 'extended usage is clientAuth' \
	$host client_auth
issue_leaf ica no-signature usage 'key usage is keyAgreement' \
	$host agreement_only
issue_leaf ica eku-any either 'extended usage is anyExtendedKeyUsage' \
	$host any_usage
issue_leaf ica eku-critical either 'critical extended usage serverAuth' \
	$host critical_usage
issue_leaf ica sha1 weak 'leaf signed with SHA-1' $host leaf -md sha1
issue_leaf ica-sha1 sha1-chain weak 'intermediate signed with SHA-1' \
	$host leaf
rsa_key rsa1024 1024
issue ica rsa1024 $host leaf
chain rsa1024 ica
expect rsa1024 weak 'RSA 1024'

wait $slow_key
issue ica rsa4096 $host leaf
chain rsa4096 ica
expect rsa4096 ok 'RSA 4096'

rm -rf db log request
: >./done
