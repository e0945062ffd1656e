/* The command builder: verb, number and text in every order that has two
 * fields, in a buffer of any size, from a builder in any state. */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 200 -eva-min-loop-unroll 40
// eva -eva-slevel-function main:0,build:0,string:0
// reach estls_at_begin estls_at_add_int estls_at_add_text estls_at_end
// reach estls_at_power estlsi_at_timer estlsi_at_edrx estlsi_at_put_text

enum { CAP = 8, TEXT = 3 };

static const char *string(size_t n)
{
    char *s = arbitrary(n + 1);

    s[n] = 0;
    return s;
}

static void build(size_t cap, size_t n)
{
    estls_at_builder c;
    char *text = arbitrary(cap);

    estls_at_begin(&c, text, cap, string(n));
    //@ assert c.len <= cap;
    c.len = any(0, cap);
    c.fields = (uint8_t)any(0, 255);
    c.rc = (int16_t)any(0, 1) ? ESTLS_OK : ESTLS_E_ARG;
    estls_at_add_int(&c, (int32_t)any(0, 0xffffffff));
    //@ assert c.len <= cap;
    estls_at_add_text(&c, any(0, 1) ? string(n) : NULL);
    //@ assert c.len <= cap;
    n = (size_t)estls_at_end(&c);
    //@ assert c.len <= cap;
}

int main(void)
{
    size_t cap, n;
    char text[36];
    uint8_t knob;

    //@ loop unroll CAP + 1;
    for (cap = 0; cap <= CAP; cap++) {
        //@ loop unroll TEXT + 1;
        for (n = 0; n <= TEXT; n++) { build(cap, n); }
    }
    //@ loop unroll 7;
    for (knob = 0; knob <= ESTLS_AT_EDRX_NB + 1; knob++) {
        (void)estls_at_power(text, any(0, sizeof text), knob,
                             (uint32_t)any(0, 0xffffffff),
                             (uint16_t)any(0, 0xffff));
    }
    return 0;
}
