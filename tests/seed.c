/* seed.c - the seed keeper: power cut at every step, a store that fails or
 * lies, what is refused, and its numbers against SP 800-90A worked out here.
 * With an argument: opens the image that the factory's recipe has made. */
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

#include "check.h"

enum { RECORD = 48, OUT = 32, NO_CUT = 1000000 };
enum { IN_ORDER, BACKWARDS, PAGES, KINDS };
enum { FINE, SHORT, NEGATIVE, LONG, IDLE, FLIPPED, ASTRAY, STALE, FAULTS };

static uint8_t cells[2][RECORD]; /* what power leaves alone */
static int kind;
static long fuel; /* steps until power fails */
static long used;
static jmp_buf off;
static int fault, fault_at, calls;
static int misasked; /* a callback got what it should not */
static uint8_t stale[2][RECORD];

static estls_seed seed;
static uint8_t outputs[200000][OUT];
static size_t output_count;

static const uint8_t secret[32] = {7, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};

static uint8_t dice(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return (uint8_t)(x >> 11);
}

/* -- a store of two slots, written byte by byte, that may lose power -------- */

static void step(void)
{
    used++;
    if (fuel-- == 0) { longjmp(off, 1); }
}

/* A cell in which power failed holds anything. */
static void put(uint8_t *cell, uint8_t value)
{
    const uint8_t old = *cell;

    *cell = (uint8_t)(dice() & 1 ? dice() : dice() & 1 ? old : value);
    step();
    *cell = value;
}

static void erase(uint8_t *slot)
{
    size_t i;

    for (i = 0; i < RECORD; i++) { slot[i] = dice(); }
    step();
    memset(slot, 0xff, RECORD);
}

static int answer(int this_fault, size_t len)
{
    switch (this_fault) {
    case SHORT: return (int)len - 1;
    case NEGATIVE: return -1;
    case LONG: return (int)len + 1;
    default: return (int)len;
    }
}

static int fault_now(void)
{
    return calls++ == fault_at ? fault : FINE;
}

static int load(void *user, uint8_t slot, void *dst, size_t len)
{
    const int wrong = fault_now();

    misasked |= user != cells || slot > 1 || len != RECORD;
    step();
    if (wrong != IDLE) {
        memcpy(dst, wrong == STALE ? stale[slot] : cells[slot], len);
    }
    if (wrong == FLIPPED) { ((uint8_t *)dst)[len / 2] ^= 1; }
    step();
    return answer(wrong, len);
}

static int store(void *user, uint8_t slot, const void *src, size_t len)
{
    const int wrong = fault_now();
    const uint8_t *p = (const uint8_t *)src;
    uint8_t *to = cells[wrong == ASTRAY ? !slot : slot];
    size_t i, at;

    misasked |= user != cells || slot > 1 || len != RECORD;
    step();
    if (wrong == IDLE || wrong == STALE) { return (int)len; }
    if (kind == PAGES) { erase(to); }
    for (i = 0; i < len; i++) {
        at = kind == BACKWARDS ? len - 1 - i : i;
        put(to + at, (uint8_t)(p[at] ^ (wrong == FLIPPED && at == 9)));
    }
    step();
    return answer(wrong, len);
}

/* -- a device -------------------------------------------------------------- */

/* Power comes: RAM holds nothing. */
static void boot(void)
{
    memset(&seed, 0, sizeof seed);
    seed.load = load;
    seed.store = store;
    seed.user = cells;
    fuel = NO_CUT;
    fault = FINE;
    fault_at = -1;
    calls = 0;
}

static void blank(uint8_t value)
{
    memset(cells, value, sizeof cells);
    output_count = 0;
    boot();
}

static void provisioned(void)
{
    blank(0xff);
    CHECK_INT(estls_seed_open(&seed, secret), ESTLS_OK);
}

static void draw(void)
{
    uint8_t *out = outputs[output_count++];

    CHECK_INT(estls_seed_entropy(&seed, out, OUT), OUT);
}

/* A boot that loses power after so many steps, or draws.  1: it drew. */
static int boot_until(long steps)
{
    boot();
    fuel = steps;
    if (setjmp(off)) { return 0; }
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
    draw();
    draw();
    return 1;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, OUT);
}

static int all_differ(void)
{
    size_t i;

    qsort(outputs, output_count, OUT, by_bytes);
    for (i = 1; i < output_count; i++) {
        if (!memcmp(outputs[i - 1], outputs[i], OUT)) { return 0; }
    }
    return output_count > 0;
}

/* -- cuts ------------------------------------------------------------------ */

/* How many steps an open takes. */
static long steps_of_open(void)
{
    provisioned();
    used = 0;
    CHECK_INT(boot_until(NO_CUT), 1);
    return used;
}

/* One cut, then another in the boot after it, at each pair of steps. */
static void test_cut_twice(void)
{
    const long n = steps_of_open();
    long i, j;
    int broken = 0, repeated = 0, lost = 0, drawn;

    CHECK(n > 2 * RECORD);
    for (i = 0; i <= n; i++) {
        for (j = 0; j <= n; j++) {
            provisioned();
            draw();
            CHECK_INT(boot_until(NO_CUT), 1);
            drawn = boot_until(i);
            drawn += boot_until(j);
            lost += drawn != (i == n) + (j == n);
            broken += !boot_until(NO_CUT) || !boot_until(NO_CUT);
            repeated += !all_differ();
        }
    }
    CHECK_INT(lost, 0);
    CHECK_INT(broken, 0);
    CHECK_INT(repeated, 0);
}

/* One device through thousands of cuts, often several in a row. */
static void test_cut_often(void)
{
    const long n = steps_of_open();
    uint32_t drawn = 0, boots = 0;

    provisioned();
    draw();
    while (boots < 30000) {
        drawn += (uint32_t)boot_until((dice() * 256l + dice()) % (n + n / 8));
        boots++;
    }
    CHECK_INT(boot_until(NO_CUT), 1);
    CHECK(drawn > 1000 && drawn < 10000);
    CHECK(seed.boots > drawn && seed.boots < boots);
    CHECK_INT(output_count, 2 * drawn + 3);
    CHECK(all_differ());
}

/* The secret is given: a cut leaves a device that has it, or one that asks. */
static void test_cut_provisioning(void)
{
    const long n = steps_of_open();
    long i;
    int asked = 0, had = 0;

    for (i = 0; i < n; i++) {
        blank(0xff);
        fuel = i;
        if (!setjmp(off)) { CHECK(estls_seed_open(&seed, secret) > 0); }
        boot();
        switch (estls_seed_open(&seed, NULL)) {
        case ESTLS_OK: had++; break;
        case ESTLS_E_ENTROPY:
            asked++;
            CHECK_INT(estls_seed_open(&seed, secret), ESTLS_OK);
            break;
        default: CHECK(0 && "neither"); break;
        }
        draw();
    }
    CHECK(asked > RECORD && had > RECORD);
}

/* -- a store that fails or lies -------------------------------------------- */

static int all_zero(const uint8_t *p, size_t n)
{
    size_t i;

    for (i = 0; i < n && !p[i]; i++) {}
    return i == n;
}

static int is_closed(void)
{
    uint8_t out[OUT];

    return estls_seed_entropy(&seed, out, OUT) == 0 &&
           all_zero((const uint8_t *)&seed.drbg, sizeof seed.drbg);
}

/* One fault at one call: refused, and the next open goes on. */
static int survives(int which, int at)
{
    int rc;

    provisioned();
    memcpy(stale, cells, sizeof stale);
    draw();
    CHECK_INT(boot_until(NO_CUT), 1);
    boot();
    fault = which;
    fault_at = at;
    rc = estls_seed_open(&seed, NULL);
    if (rc == ESTLS_OK) { /* a slot that reads wrong at first is mended */
        CHECK(which >= IDLE && at < 2);
        draw();
    } else {
        CHECK_INT(rc, ESTLS_E_IO);
        CHECK(is_closed());
    }
    fault_at = -1;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
    draw();
    CHECK_INT(boot_until(NO_CUT), 1);
    CHECK(all_differ());
    return calls;
}

static void test_faults(void)
{
    static const char *const names[] = {"",     "short",   "negative", "long",
                                        "idle", "flipped", "astray",   "stale"};
    int which, at;

    for (which = SHORT; which < FAULTS; which++) {
        check_note = names[which];
        for (at = 0; at < 6; at++) {
            if (which == ASTRAY && at != 2 && at != 4) { continue; }
            CHECK_INT(survives(which, at), 6);
        }
    }
    check_note = "";
}

static int store_nothing(void *user, uint8_t slot, const void *src, size_t len)
{
    (void)user, (void)slot, (void)src;
    return (int)len;
}

/* A counter that stands still: load answers the same for ever. */
static void test_stuck(void)
{
    int i;

    provisioned();
    boot();
    seed.store = store_nothing;
    for (i = 0; i < 3; i++) {
        CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_IO);
        CHECK(is_closed());
    }
}

/* -- what is refused ------------------------------------------------------- */

static void test_not_provisioned(void)
{
    size_t i;
    int k;

    for (k = 0; k < 256; k += 51) {
        blank((uint8_t)k);
        CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ENTROPY);
        CHECK(is_closed());
    }
    for (k = 0; k < 1000; k++) {
        for (i = 0; i < sizeof cells; i++) {
            cells[i / RECORD][i % RECORD] = dice();
        }
        CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ENTROPY);
    }
}

/* Each bit of a record counts; one whole slot is enough. */
static void test_damage(void)
{
    uint8_t good[2][RECORD];
    size_t i;

    provisioned();
    memcpy(good, cells, sizeof good);
    CHECK(!memcmp(good[0], good[1], RECORD));
    for (i = 0; i < 2 * 8 * RECORD; i++) {
        const size_t slot = i & 1, bit = i >> 1;

        memcpy(cells, good, sizeof cells);
        cells[slot][bit / 8] ^= (uint8_t)(1 << bit % 8);
        boot();
        CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
        memcpy(cells, good, sizeof cells);
        cells[slot][bit / 8] ^= (uint8_t)(1 << bit % 8);
        cells[!slot][bit % RECORD] ^= 4;
        boot();
        CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ENTROPY);
    }
}

static void test_secret_refused(void)
{
    uint8_t same[32];
    uint8_t before[2][RECORD];

    blank(0);
    memset(same, 0x5a, sizeof same);
    CHECK_INT(estls_seed_open(&seed, same), ESTLS_E_ENTROPY);
    CHECK(all_zero(cells[0], sizeof cells));
    CHECK(is_closed());
    provisioned();
    memcpy(before, cells, sizeof before);
    boot();
    CHECK_INT(estls_seed_open(&seed, secret), ESTLS_E_STATE);
    CHECK(!memcmp(before, cells, sizeof before));
    CHECK(is_closed());
    fault = SHORT; /* a store out of order is no empty one */
    fault_at = 0;
    calls = 0;
    CHECK_INT(estls_seed_open(&seed, secret), ESTLS_E_IO);
    CHECK(!memcmp(before, cells, sizeof before));
}

static void test_misuse(void)
{
    estls_seed copy;
    uint8_t out[OUT];

    provisioned();
    CHECK_INT(estls_seed_entropy(&seed, out, 0), 0);
    CHECK_INT(estls_seed_entropy(NULL, out, OUT), 0);
    memcpy(&copy, &seed, sizeof copy);
    CHECK_INT(estls_seed_entropy(&copy, out, OUT), 0);
    memset(&copy, 0, sizeof copy);
    CHECK_INT(estls_seed_entropy(&copy, out, OUT), 0);
    CHECK_INT(estls_seed_open(&copy, NULL), ESTLS_E_ARG);
    copy.load = load;
    CHECK_INT(estls_seed_open(&copy, NULL), ESTLS_E_ARG);
    seed.load = NULL;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ARG);
    CHECK(is_closed());
    boot();
    seed.noise_len = 1;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ARG);
    seed.noise = "x";
    seed.noise_bits = 9;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ARG);
    seed.noise_bits = 8;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
}

/* -- noise, rollback ------------------------------------------------------- */

static void noisy_boot(const char *noise, uint16_t bits)
{
    boot();
    seed.noise = noise;
    seed.noise_len = strlen(noise);
    seed.noise_bits = bits;
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
    draw();
}

/* Set back to an older state, the store repeats unless the noise differs. */
static void test_noise(void)
{
    static const char *const noises[] = {"", "a", "b", "ab", "a"};
    uint8_t older[2][RECORD], next[5][RECORD];
    size_t i, j;

    provisioned();
    memcpy(older, cells, sizeof older);
    for (i = 0; i < 5; i++) {
        memcpy(cells, older, sizeof cells);
        noisy_boot(noises[i], 0);
        memcpy(next[i], cells[0], RECORD);
    }
    for (i = 0; i < 5; i++) {
        for (j = 0; j < i; j++) {
            const int same = !strcmp(noises[i], noises[j]);

            CHECK_INT(!memcmp(outputs[i], outputs[j], OUT), same);
            CHECK_INT(!memcmp(next[i], next[j], RECORD), same);
        }
    }
}

/* One slot set back is put right by the other. */
static void test_half_rolled_back(void)
{
    uint8_t older[2][RECORD];
    int slot;

    for (slot = 0; slot < 2; slot++) {
        provisioned();
        memcpy(older, cells, sizeof older);
        CHECK_INT(boot_until(NO_CUT), 1);
        CHECK_INT(boot_until(NO_CUT), 1);
        memcpy(cells[slot], older[slot], RECORD);
        CHECK_INT(boot_until(NO_CUT), 1);
        CHECK_INT(seed.boots, 4);
        CHECK(all_differ());
    }
}

static void test_counts(void)
{
    provisioned();
    CHECK_INT(seed.boots, 1);
    noisy_boot("0123456789abcdef", 20);
    noisy_boot("fedcba9876543210", 128);
    CHECK_INT(seed.boots, 3);
    CHECK_INT(seed.bits, 148);
    boot();
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
    CHECK_INT(seed.bits, 148);
}

/* -- numbers, worked out from SHA-256 alone -------------------------------- */

static void sha256(uint8_t *out, const void *src, size_t n)
{
    br_sha256_context c;

    br_sha256_init(&c);
    br_sha256_update(&c, src, n);
    br_sha256_out(&c, out);
}

/* RFC 2104; keys of 32 bytes, up to 200 of text */
static void hmac(uint8_t *out, const uint8_t *key, const uint8_t *text,
                 size_t n)
{
    uint8_t block[64 + 200];
    uint8_t outer[64 + 32];
    size_t i;

    for (i = 0; i < 64; i++) {
        block[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x36);
        outer[i] = (uint8_t)(block[i] ^ 0x36 ^ 0x5c);
    }
    memcpy(block + 64, text, n);
    sha256(outer + 64, block, 64 + n);
    sha256(out, outer, sizeof outer);
}

typedef struct drbg {
    uint8_t k[32], v[32];
} drbg;

/* SP 800-90A 10.1.2.2 */
static void drbg_update(drbg *g, const void *data, size_t n)
{
    uint8_t text[200];
    uint8_t round;

    for (round = 0; round < (n ? 2 : 1); round++) {
        memcpy(text, g->v, 32);
        text[32] = round;
        if (n) { memcpy(text + 33, data, n); }
        hmac(g->k, g->k, text, 33 + n);
        hmac(g->v, g->k, g->v, 32);
    }
}

static void drbg_init(drbg *g, const void *data, size_t n)
{
    memset(g->k, 0, 32);
    memset(g->v, 1, 32);
    drbg_update(g, data, n);
}

/* 10.1.2.5, for multiples of 32 bytes */
static void drbg_generate(drbg *g, uint8_t *out, size_t n)
{
    size_t i;

    for (i = 0; i < n; i += 32) {
        hmac(g->v, g->k, g->v, 32);
        memcpy(out + i, g->v, 32);
    }
    drbg_update(g, NULL, 0);
}

typedef struct record {
    uint32_t boots, bits;
    uint8_t secret[32], check[8];
} record;

static void record_seal(record *r)
{
    uint8_t hash[32];

    sha256(hash, r, 40);
    memcpy(r->check, hash, 8);
}

static void record_put(uint32_t boots, uint32_t bits)
{
    record r;

    r.boots = boots;
    r.bits = bits;
    memcpy(r.secret, secret, 32);
    record_seal(&r);
    memcpy(cells[0], &r, RECORD);
    memcpy(cells[1], &r, RECORD);
}

static void test_numbers(void)
{
    static const char noise[] = "18 C, 3.01 V";
    uint8_t out[96], want[96];
    record r;
    drbg g;

    blank(0xff);
    record_put(6, 100);
    memcpy(&r, cells[0], RECORD);
    noisy_boot(noise, 11);
    drbg_init(&g, &r, 40);
    drbg_update(&g, noise, strlen(noise));
    drbg_generate(&g, r.secret, 32);
    r.boots = 7;
    r.bits = 111;
    record_seal(&r);
    CHECK(!memcmp(&r, cells[0], RECORD));
    CHECK(!memcmp(&r, cells[1], RECORD));
    drbg_generate(&g, want, 32);
    CHECK(!memcmp(outputs[0], want, 32));
    drbg_generate(&g, want, 96);
    CHECK_INT(estls_seed_entropy(&seed, out, 96), 96);
    CHECK(!memcmp(out, want, 96));
}

/* HMAC_DRBG, SHA-256, no reseed: the drbg of this file agrees with BearSSL's
 * where seeds are short, long and none. */
static void test_drbg(void)
{
    br_hmac_drbg_context theirs;
    uint8_t data[160], out[64], want[64];
    size_t n;
    drbg g;

    for (n = 0; n < sizeof data; n++) { data[n] = dice(); }
    for (n = 0; n <= sizeof data; n++) {
        br_hmac_drbg_init(&theirs, &br_sha256_vtable, data, n);
        drbg_init(&g, data, n);
        br_hmac_drbg_generate(&theirs, out, 64);
        drbg_generate(&g, want, 64);
        CHECK(!memcmp(out, want, 64));
    }
}

static void test_ends(void)
{
    blank(0xff);
    record_put(0xfffffffe, 0xfffffff0);
    noisy_boot("01", 15);
    CHECK(seed.boots == 0xffffffff && seed.bits == 0xffffffff);
    boot();
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_E_ENTROPY);
    record_put(5, 0xfffffff0);
    noisy_boot("01", 16);
    CHECK(seed.bits == 0xffffffff);
}

/* -- what is left behind --------------------------------------------------- */

static uint8_t stack[65536];
static ucontext_t here, there;

static void open_there(void)
{
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
}

static int left(const uint8_t *what, size_t n)
{
    size_t i;

    for (i = 0; i + n <= sizeof stack; i++) {
        if (!memcmp(stack + i, what, n)) { return 1; }
    }
    return 0;
}

/* No part of the old secret is to be found on the stack, nor the new record,
 * of which BearSSL's hash leaves all but the end. */
static void test_wiped(void)
{
    uint8_t old[RECORD];

    provisioned();
    boot();
    memcpy(old, cells[0], RECORD);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, open_there, 0);
    swapcontext(&here, &there);
    CHECK(!all_zero(stack, sizeof stack));
    CHECK(!left(old + 8, 16));
    CHECK(!left(old + 24, 16));
    CHECK(!left(cells[0], RECORD));
}

/* -- in its place ---------------------------------------------------------- */

static int none_read(void *user, void *dst, size_t cap)
{
    (void)user, (void)dst, (void)cap;
    return 0;
}

static int none_written(void *user, const void *src, size_t len)
{
    (void)user, (void)src, (void)len;
    return 0;
}

static uint32_t no_time(void *user)
{
    (void)user;
    return 0;
}

static void test_in_tls(void)
{
    static const estls_io io = {none_read, none_written, no_time, NULL};
    static estls_tls tls;
    static uint8_t iobuf[ESTLS_IOBUF_MIN];
    static br_x509_pkey pin;
    estls_desc d;

    memset(&d, 0, sizeof d);
    pin.key_type = BR_KEYTYPE_EC;
    d.host = "mail.example.org";
    d.proto = estls_direct;
    d.trust = estls_pin;
    d.pin = &pin;
    d.iobuf = iobuf;
    d.iobuf_cap = sizeof iobuf;
    d.entropy = estls_seed_entropy;
    d.user = &seed;
    provisioned();
    boot();
    CHECK_INT(estls_tls_open(&tls, &d, &io), ESTLS_E_ENTROPY);
    CHECK_INT(estls_seed_open(&seed, NULL), ESTLS_OK);
    CHECK_INT(estls_tls_open(&tls, &d, &io), ESTLS_OK);
    CHECK_INT(estls_tls_close(&tls), ESTLS_OK);
}

/* -- the factory's image --------------------------------------------------- */

static void test_image(const char *path)
{
    FILE *f = fopen(path, "rb");

    blank(0xff);
    CHECK(f && fread(cells, 1, sizeof cells, f) == sizeof cells &&
          fgetc(f) == EOF);
    if (f) { fclose(f); }
    CHECK_INT(boot_until(NO_CUT), 1);
    CHECK_INT(seed.boots, 1);
    CHECK(all_differ());
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"in order", "backwards", "flash"};

    if (argc > 1) { test_image(argv[1]); }
    for (kind = 0; kind < KINDS; kind++) {
        check_note = names[kind];
        test_cut_twice();
        test_cut_often();
        test_cut_provisioning();
    }
    check_note = "";
    kind = IN_ORDER;
    test_faults();
    test_stuck();
    test_not_provisioned();
    test_damage();
    test_secret_refused();
    test_misuse();
    test_noise();
    test_half_rolled_back();
    test_counts();
    test_drbg();
    test_numbers();
    test_ends();
    test_wiped();
    test_in_tls();
    CHECK(!misasked);
    return check_end();
}
