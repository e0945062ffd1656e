/* The dialogue of >>starttls: one step in any state that it can be in.  The
 * state that it leaves is one of those again, so no server, however much it
 * says, makes it do more. */
#include <stddef.h>
#include <string.h>

/* As the standard has it; Eva's own does not tell one place from another. */
static void *find_byte(const void *memory, int byte, size_t n)
{
    const unsigned char *p = (const unsigned char *)memory;
    size_t i;

    for (i = 0; i < n; i++) {
        if (p[i] == (unsigned char)byte) { return (void *)(p + i); }
    }
    return NULL;
}
#define memchr find_byte
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 300 -eva-min-loop-unroll 60
// eva -eva-slevel-function main:0,walk:0,state:0
// reach estlsi_starttls_send estlsi_starttls_answer estlsi_starttls_line
// reach estlsi_starttls_reply estlsi_starttls_compose estlsi_starttls_next
// reach estlsi_starttls_end estlsi_starttls_patterns estlsi_starttls_read

enum { LINES = 6, PACKET = 40 };

static estls_starttls s;
static estls_desc desc;

/* -- what is below: BearSSL, the stream, the clock, trust ------------------ */

int br_ssl_client_reset(br_ssl_client_context *cc, const char *name, int resume)
{
    return (int)any(0, 1);
}

static int any_read(void *user, void *dst, size_t cap)
{
    const int n = Frama_C_interval(-32768, (int)cap);

    if (n > 0) { Frama_C_make_unknown((char *)dst, (size_t)n); }
    return n;
}

static int any_write(void *user, const void *src, size_t len)
{
    return Frama_C_interval(-32768, (int)len);
}

static uint32_t any_tick(void *user)
{
    return (uint32_t)any(0, 0xffffffff);
}

static int any_trust(estls_tls *tls, void *binding)
{
    return Frama_C_interval(ESTLS_E_POWER, ESTLS_OK);
}

/* -- one step --------------------------------------------------------------- */

static void sound(int rc)
{
    //@ assert ESTLS_E_POWER <= rc <= ESTLS_BUSY;
    if (rc < 0) {
        (void)estlsi_starttls_end(&s, rc);
    } else {
        //@ assert s.len <= desc.iobuf_cap;
        //@ assert s.off <= s.len;
        //@ assert s.lines <= ESTLSI_STARTTLS_LINES;
        (void)rc;
    }
}

static void state(const char *now, size_t len)
{
    memset(&s, 0, sizeof s);
    s.d = &desc;
    s.now = now;
    s.len = (uint16_t)len;
    s.budget = (uint16_t)any(0, ESTLSI_STARTTLS_BUDGET);
    s.lines = (uint8_t)any(0, ESTLSI_STARTTLS_LINES);
    s.found = (uint8_t)any(0, 1);
    s.step = (uint8_t)any(0, 4);
    s.tls.d = &desc;
    s.tls.io.read = any_read;
    s.tls.io.write = any_write;
    s.tls.io.tick = any_tick;
}

static void answer(const char *now, size_t len)
{
    state(now, len);
    sound(estlsi_starttls_answer(&s));
}

static void send(const char *now, size_t len, size_t off)
{
    state(now, len);
    s.off = (uint16_t)off;
    sound(estlsi_starttls_send(&s));
}

static void walk(const estls_proto *(*proto)(void), uint16_t cap)
{
    const char *now;
    size_t len, off;

    desc.proto = proto;
    desc.iobuf = (uint8_t *)arbitrary(cap);
    desc.iobuf_cap = cap;
    desc.host = "mail.example.org";
    desc.trust = any_trust;
    now = proto()->dialogue;
    while (*now) {
        //@ loop unroll PACKET + 1;
        for (len = 0; len <= cap; len++) {
            answer(now, len);
            //@ loop unroll PACKET;
            for (off = 0; off < len; off++) { send(now, len, off); }
        }
        now = estlsi_core_nth(now, ESTLSI_PARTS);
    }
}

int main(void)
{
    walk(estls_smtp, LINES);
    walk(estls_pop3, LINES);
    walk(estls_xmpp, LINES);
    walk(estls_ldap, PACKET);
    walk(estls_postgres, PACKET);
    walk(estls_mysql, PACKET);
    return 0;
}
