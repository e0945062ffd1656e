/* fuzz.h - what the fuzz targets share: an input that is eaten from its front,
 * and a way to say that a promise was broken. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input. */
typedef struct fuzz_input {
    const uint8_t *p;
    size_t n;
} fuzz_input;

/* The next bytes as a number, the highest first; 0 where there are none. */
static inline uint32_t fuzz_take(fuzz_input *in, size_t bytes)
{
    uint32_t v = 0;

    for (; bytes && in->n; bytes--, in->n--) { v = v << 8 | *in->p++; }
    return v;
}

/* The next n bytes, or as many as there are. */
static inline fuzz_input fuzz_part(fuzz_input *in, size_t n)
{
    fuzz_input part;

    part.p = in->p;
    part.n = n < in->n ? n : in->n;
    in->p += part.n;
    in->n -= part.n;
    return part;
}

static inline void fuzz_broken(const char *where, const char *what)
{
    fprintf(stderr, "%s: broken: %s\n", where, what);
    abort();
}

/* Of an oracle: its branches are no news to the fuzzer, and cost time. */
#if defined __clang__
#define FUZZ_ORACLE __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_ORACLE
#endif

#define FUZZ_STR(x)   #x
#define FUZZ_AT(line) __FILE__ ":" FUZZ_STR(line)
/* A promise. Always checked, whatever NDEBUG says. */
#define MUST(cond) ((cond) ? (void)0 : fuzz_broken(FUZZ_AT(__LINE__), #cond))

#endif
