#!/bin/sh
# library.sh SOURCE ARCHIVE CC FLAGS... - what a TLS client needs of BearSSL, as
# ARCHIVE. Does nothing if it is there.
set -eu

source=$1 archive=$2 cc=$3
shift 3
[ ! -e "$archive" ] || exit 0
mkdir -p "$archive.d"
objects=$(cd "$archive.d" && pwd)

# without the server, and what needs 64-bit products or special instructions
(
    cd "$source/src"
    find . -name '*.c' | grep -vE \
        'pwr8|x86ni|pclmul|sse2|i62|m62|m64|ctmul64|ct64|hs_server|keygen' |
        grep -vE '/(aes_big|des_|pem)' | sort
) | xargs -P "$(nproc)" -I {} sh -c '
    from=$1 to=$2/$(basename "$1" .c).o
    shift 2
    "$@" -I"$0/inc" -I"$0/src" -c "$0/src/$from" -o "$to"' \
    "$source" {} "$objects" "$cc" -Os -w -ffunction-sections -fdata-sections \
    -DBR_USE_UNIX_TIME=0 -DBR_USE_URANDOM=0 "$@"
"${cc%gcc}ar" rcs "$archive" "$objects"/*.o
rm -rf "$archive.d"
