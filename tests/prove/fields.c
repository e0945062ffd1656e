/* The readers of fields, on every field of up to so many bytes.  That a field
 * is a part of its line is proved by WP. */
// eva -eva-split-return full
// eva -eva-slevel 300 -eva-min-loop-unroll 40
// eva -eva-slevel-function main:0,read_field:0,read_marked:0
// reach estls_at_uint estls_at_int estls_at_hex estls_at_range estls_at_text
// reach estls_time estlsi_at_digits estlsi_at_mv estlsi_at_inside
#include "world.h"

enum { FIELD = 24 };

static void read_number(const estls_span *field)
{
    uint32_t a;
    int32_t i;

    (void)estls_at_uint(field, &a);
    (void)estls_at_int(field, &i);
    (void)estlsi_at_mv(field);
}

/* The mark, or what is below or above it. */
static char about(char mark, int side)
{
    const int lo = side > 0 ? mark + 1 : side < 0 ? -128 : mark;
    const int hi = side > 0 ? 127 : side < 0 ? mark - 1 : mark;

    return (char)Frama_C_interval(lo, hi);
}

/* With marks around it and without, each for itself. */
static void read_marked(size_t n, int first, int last)
{
    char *p = arbitrary(n);
    estls_span field;
    uint32_t a, b;

    field.p = p;
    field.n = n;
    p[n - 1] = about('"', last);
    p[0] = about('"', first);
    (void)estls_at_hex(&field, &a);
    p[n - 1] = about(')', last);
    p[0] = about('(', first);
    (void)estls_at_range(&field, &a, &b);
}

static void read_field(size_t n)
{
    estls_span field;
    char dst[FIELD / 2];
    uint32_t a;

    field.p = arbitrary(n);
    field.n = n;
    read_number(&field);
    (void)estls_at_text(&field, dst, any(0, sizeof dst));
    (void)estls_time(field.p, n);
    if (!n) { /* else see read_marked */
        (void)estls_at_hex(&field, &a);
        (void)estls_at_range(&field, &a, &a);
    }
}

int main(void)
{
    size_t n;
    int ends;

    //@ loop unroll FIELD + 1;
    for (n = 0; n <= FIELD; n++) { read_field(n); }
    //@ loop unroll FIELD;
    for (n = 1; n <= FIELD; n++) {
        //@ loop unroll 9;
        for (ends = 0; ends < 9; ends++) {
            read_marked(n, ends / 3 - 1, ends % 3 - 1);
        }
    }
    return 0;
}
