#include "ec_memo.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 4096, INPUTS = 800, POINT = 133 };

enum operation { MUL = 1, MULGEN, MULADD };

typedef struct entry {
    size_t input_len; /* 0: nothing is known here */
    unsigned char input[INPUTS];
    unsigned char point[POINT];
    size_t result;
} entry;

static entry entries[ENTRIES];

static void add(entry *e, const void *bytes, size_t len)
{
    if (len > 255 || e->input_len + 1 + len > sizeof e->input) { abort(); }
    e->input[e->input_len++] = (unsigned char)len;
    if (len) { memcpy(e->input + e->input_len, bytes, len); }
    e->input_len += len;
}

static void begin(entry *e, enum operation operation, int curve)
{
    e->input[0] = (unsigned char)operation;
    e->input[1] = (unsigned char)curve;
    e->input_len = 2;
}

/* Where it is, or is to be; *known tells which. */
static entry *find(const entry *asked, int *known)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    entry *e;
    size_t i;

    for (i = 0; i < asked->input_len; i++) {
        hash = (hash ^ asked->input[i]) * 16777619u;
    }
    e = &entries[hash % ENTRIES];
    *known = e->input_len == asked->input_len &&
             !memcmp(e->input, asked->input, e->input_len);
    return e;
}

/* Gives the point back, as it is remembered or for the first time. */
static size_t answer(entry *e, const entry *asked, size_t result,
                     const unsigned char *point, size_t len)
{
    if (len > sizeof e->point) { return result; }
    e->input_len = asked->input_len;
    memcpy(e->input, asked->input, asked->input_len);
    memcpy(e->point, point, len);
    e->result = result;
    return result;
}

static const br_ec_impl *real(void)
{
    return br_ec_get_default();
}

static const unsigned char *generator(int curve, size_t *len)
{
    return real()->generator(curve, len);
}

static const unsigned char *order(int curve, size_t *len)
{
    return real()->order(curve, len);
}

static size_t xoff(int curve, size_t *len)
{
    return real()->xoff(curve, len);
}

static uint32_t mul(unsigned char *g, size_t len, const unsigned char *x,
                    size_t x_len, int curve)
{
    entry asked, *e;
    int known;

    begin(&asked, MUL, curve);
    add(&asked, g, len);
    add(&asked, x, x_len);
    e = find(&asked, &known);
    if (!known) {
        const uint32_t rc = real()->mul(g, len, x, x_len, curve);

        return (uint32_t)answer(e, &asked, rc, g, len);
    }
    memcpy(g, e->point, len);
    return (uint32_t)e->result;
}

static size_t mulgen(unsigned char *r, const unsigned char *x, size_t x_len,
                     int curve)
{
    entry asked, *e;
    int known;

    begin(&asked, MULGEN, curve);
    add(&asked, x, x_len);
    e = find(&asked, &known);
    if (!known) {
        const size_t len = real()->mulgen(r, x, x_len, curve);

        return answer(e, &asked, len, r, len);
    }
    memcpy(r, e->point, e->result);
    return e->result;
}

static uint32_t muladd(unsigned char *a, const unsigned char *b, size_t len,
                       const unsigned char *x, size_t x_len,
                       const unsigned char *y, size_t y_len, int curve)
{
    entry asked, *e;
    int known;

    begin(&asked, MULADD, curve);
    add(&asked, a, len);
    add(&asked, b, b ? len : 0);
    add(&asked, x, x_len);
    add(&asked, y, y_len);
    e = find(&asked, &known);
    if (!known) {
        const uint32_t rc =
            real()->muladd(a, b, len, x, x_len, y, y_len, curve);

        return (uint32_t)answer(e, &asked, rc, a, len);
    }
    memcpy(a, e->point, len);
    return (uint32_t)e->result;
}

const br_ec_impl ec_memo = {1u << BR_EC_secp256r1 | 1u << BR_EC_secp384r1 |
                                1u << BR_EC_secp521r1 | 1u << BR_EC_curve25519,
                            generator,
                            order,
                            xoff,
                            mul,
                            mulgen,
                            muladd};
