#!/bin/bash
# library.sh SOURCE ARCHIVE CC FLAGS... - what a client without RSA takes of
# BearSSL, as ARCHIVE. Does nothing if that is there and not older.
set -eu

source=$1 archive=$2 cc=$3
shift 3
[ ! "$archive" -nt "$source/inc/bearssl_ssl.h" ] || exit 0
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
cd "$source/src"
printf '%s\n' codec/{ccopy,dec32be,enc32be}.c \
    ec/{ec_p256_m[13][15],ec_secp*r1,ecdsa_atr,ecdsa_i[13][15]_vrfy_*}.c \
    ec/ecdsa_i[13][15]_bits.c hash/{multihash,sha2small}.c \
    int/{i[13][15]_*,i32_div32}.c mac/hmac.c rand/{hmac_drbg,sysrng}.c \
    ssl/{prf,prf_sha256,ssl_client,ssl_engine,ssl_hs_client}.c \
    ssl/ssl_rec_{chapol,gcm}.c hash/ghash_ctmul32.c \
    symcipher/aes_{common,ct,ct_enc,ct_ctr}.c x509/x509_minimal.c symcipher/chacha20_ct.c \
    symcipher/poly1305_{ctmul,ctmul32,i15}.c |
    xargs -P 2 -I '{}' sh -c '
        from=$1 to=$2/$(basename "$1" .c).o
        shift 2
        "$@" -c "$from" -o "$to"' sh '{}' "$objects" \
        "$cc" -Os -w -ffunction-sections -fdata-sections -I../inc -I. \
        -DBR_USE_UNIX_TIME=0 -DBR_USE_URANDOM=0 "$@"
cd "$OLDPWD"
rm -f "$archive.new"
"${cc%gcc}ar" rcs "$archive.new" "$objects"/*.o
mv "$archive.new" "$archive"
