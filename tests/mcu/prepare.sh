#!/bin/sh
# prepare.sh BUILD PKI - what firmware is built with, in BUILD/mcu: BearSSL's
# source as packaged and cut down to 8 KB, the key to pin, the certificates.
set -eu

build=$1 pki=$2
mcu=$build/mcu
small=$mcu/bearssl-8k
mkdir -p "$mcu/trust"
tests/mcu/bearssl.sh "$mcu/bearssl"
"$build/anchors" --pin "$pki/ec.pem" >"$mcu/trust/pin.h"
"$build/anchors" "$pki/root.pem" >"$mcu/trust/anchors.h"
[ ! "$small/done" -nt examples/boards/bearssl_8k.sh ] || exit 0
rm -rf "$small" "$mcu"/*-bearssl-8k.a
cp -r "$mcu/bearssl" "$small"
examples/boards/bearssl_8k.sh "$small"
touch "$small/done"
