#!/bin/sh
# bearssl_8k.sh DIR - makes the source of BearSSL 0.6 in DIR fit a stock
# ATmega2560 with 8 KB of RAM, in place. Build it with -std=gnu99 and -I DIR/inc,
# and your own files with the same -I: its structs are smaller than those of
# other builds.
#
# avr-gcc keeps constants in RAM unless they are declared __flash. So are
#     the byte code of the handshake and of certificate checking, its tables,
#     and what walks them; the tables of SHA-256 and of P-256.
# Room that is never used goes:
#     the record contexts of CBC, CCM and GCM: ChaCha20-Poly1305 stays, and any
#     other suite ends the handshake; 40 of 48 cipher suites; host names
#     of more than 63 bytes; SHA-384 and SHA-512 in the handshake, which then
#     are as if never set; numbers above P-256 and RSA 2048, and so the curves
#     P-384 and P-521.
# With -D__flash= it builds for other cores, where that room counts as well.
#
# And avr-gcc rotates 32 bits by a loop of single shifts: 170,000 cycles for a
# block of SHA-256; by whole bytes and a few bits it is 67,000.
#
# Each change is checked: a BearSSL that does not look as expected is an error.
set -eu

src=${1:?usage: bearssl_8k.sh DIR}
[ -e "$src/src/inner.h" ] || {
    echo "bearssl_8k.sh: no source of BearSSL in $src" >&2
    exit 1
}

# edit FILE TIMES SCRIPT: the sed script changes so many lines, or loses them
edit() {
    sed "$3" "$src/$1" >"$src/edited"
    n=$(diff "$src/$1" "$src/edited" | grep -c '^<') || :
    [ "$n" -eq "$2" ] || {
        echo "bearssl_8k.sh: $1: $n lines for $3, not $2" >&2
        exit 1
    }
    mv "$src/edited" "$src/$1"
}
# flash FILE DECLARATION: its table goes to flash
flash() {
    edit "$1" 1 "s/^static const \($2\)/static const __flash \1/"
}

for file in src/ssl/ssl_hs_client.c src/x509/x509_minimal.c; do
    flash $file 'unsigned char t0_codeblock\[\]'
    flash $file 'uint16_t t0_caddr\[\]'
    edit $file 2 's/^	const \(unsigned char \*ip;\)/	const __flash \1/'
    edit $file 2 's/^\(t0_parse7E_.*signed(\)const /\1const __flash /'
    edit $file 1 's/^		const \(unsigned char \*t0_newip;\)/		const __flash \1/'
done
flash src/ssl/ssl_hs_client.c 'unsigned char t0_datablock\[\]'
flash src/hash/sha2small.c 'uint32_t K\[64\]'
flash src/ec/ec_p256_m15.c 'uint32_t Gwin\[15\]\[20\]'
flash src/ec/ec_p256_m15.c 'uint32_t F256\[\]'
flash src/ec/ec_p256_m15.c 'uint32_t P256_B\[\]'
flash src/ec/ec_p256_m31.c 'uint32_t Gwin\[15\]\[18\]'
flash src/ec/ec_p256_m31.c 'uint32_t F256\[\]'

edit inc/bearssl_ssl.h 2 '/^		br_sslrec_\(in\|out\)_cbc_context cbc;/d'
edit inc/bearssl_ssl.h 2 '/^		br_sslrec_ccm_context ccm;/d'
edit inc/bearssl_ssl.h 2 '/^		br_sslrec_gcm_context gcm;/d'
fail='	br_ssl_engine_fail(cc, BR_ERR_BAD_CIPHER_SUITE);'
for way in cbc_in cbc_out; do
    edit src/ssl/ssl_engine.c 3 "/^	cc->i$way->init(/,/);/c\\$fail"
done
for way in ccm_in ccm_out gcm_in gcm_out; do
    edit src/ssl/ssl_engine.c 2 "/^	cc->i$way->init(/,/);/c\\$fail"
done
edit inc/bearssl_ssl.h 1 's/^\(#define BR_MAX_CIPHER_SUITES  *\)48$/\18/'
edit inc/bearssl_ssl.h 1 's/^	char server_name\[256\];/	char server_name[64];/'
edit inc/bearssl_hash.h 1 's/^	uint64_t val_64\[16\];/	uint64_t val_64[1];/'
edit inc/bearssl_hash.h 1 \
    's/^	ctx->impl\[id - 1\] = impl;/	if (id <= 4) ctx->impl[id - 1] = impl;/'
edit src/inner.h 1 's/^\(#define BR_MAX_EC_SIZE  *\)528$/\1256/'
edit src/inner.h 1 's/^\(#define BR_MAX_RSA_SIZE  *\)4096$/\12048/'
for bits in 384 521; do
    printf '#include "inner.h"\nconst br_ec_curve_def br_secp%sr1 = {0};\n' \
        $bits >"$src/src/ec/ec_secp${bits}r1.c"
done

cat >"$src/src/rotate.h" <<'END'
#if defined __AVR__
static inline uint32_t rotate_right_1(uint32_t x)
{
	__asm__("bst %A0, 0\n\tlsr %D0\n\tror %C0\n\tror %B0\n\tror %A0\n\t"
		"bld %D0, 7" : "+r"(x));
	return x;
}

static inline uint32_t rotate_left_1(uint32_t x)
{
	__asm__("lsl %A0\n\trol %B0\n\trol %C0\n\trol %D0\n\t"
		"adc %A0, __zero_reg__" : "+r"(x));
	return x;
}

/* Whole bytes, rounded; then up to four bits to either side. */
__attribute__((always_inline)) static inline uint32_t ROTR(uint32_t x, int n)
{
	const int bytes = (n + 4) / 8;
	int bits = n - 8 * bytes;

	if (bytes == 1) { x = x >> 8 | x << 24; }
	if (bytes == 2) { x = x >> 16 | x << 16; }
	if (bytes == 3) { x = x >> 24 | x << 8; }
	for (; bits > 0; bits--) { x = rotate_right_1(x); }
	for (; bits < 0; bits++) { x = rotate_left_1(x); }
	return x;
}
#else
#define ROTR(x, n) ((uint32_t)(x) << (32 - (n)) | (uint32_t)(x) >> (n))
#endif
END
edit src/hash/sha2small.c 1 's/^#define ROTR(x, n) .*/#include "rotate.h"/'
