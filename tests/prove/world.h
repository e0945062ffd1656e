/* world.h - what the harnesses of Eva share: values that may be anything. */
#ifndef WORLD_H
#define WORLD_H

#define ESTLS_IMPLEMENTATION
#include "estls.h"
#include <stdlib.h>
#include "__fc_builtin.h"

static unsigned long any(unsigned long lo, unsigned long hi)
{
    return Frama_C_unsigned_long_interval(lo, hi);
}

/* n bytes of anything; memory of exactly that size. */
static char *arbitrary(size_t n)
{
    char *p = (char *)malloc(n);

    if (n) { Frama_C_make_unknown(p, n); }
    return p;
}

/* These bytes are some of those. */
static void inside(const char *p, size_t n, const char *object, size_t size)
{
    const size_t at = (size_t)(p - object);

    //@ assert at <= size && n <= size - at;
}
#endif
