/* links.c - so many links of a modem at once, without TLS, for callgrind:
 * links PKI LINKS
 *
 * Each sends 64 KiB and receives as much, in turn with the others; there is
 * a mark "links" behind it. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES = 65536, STEPS = 1000000 };

static client c;
static estls_link l;
static uint8_t text[BYTES], got[BYTES];

typedef struct stream {
    estls_io io;
    size_t sent, received;
} stream;

static stream streams[ESTLS_LINKS];
static int count;

static int step_turn(client *it)
{
    (void)it;
    return estls_link_step(&l);
}

/* A turn of all links; what the last of them has moved. */
static int streams_turn(client *it)
{
    stream *s;
    int moved = 0;
    int n;

    (void)it;
    for (s = streams; s < streams + count; s++) {
        n = s->sent < BYTES
                ? s->io.write(s->io.user, text + s->sent, BYTES - s->sent)
                : 0;
        if (n < 0) { return n; }
        s->sent += (size_t)n;
        moved += n;
        n = s->received < BYTES
                ? s->io.read(s->io.user, got + s->received, BYTES - s->received)
                : 0;
        if (n < 0) { return n; }
        s->received += (size_t)n;
        moved += n;
    }
    return moved;
}

static int finish(int rc)
{
    long steps = STEPS;

    while (rc >= 0 && steps--) {
        rc = client_turn(&c, step_turn);
        if (rc != ESTLS_BUSY) { return rc; }
        world_idle(&c.r.w);
    }
    return rc;
}

static int open_links(void)
{
    int rc = finish(estls_link_open(&l, &c.r.d));
    uint8_t id;

    for (id = 0; id < count && !rc; id++) {
        rc = finish(estls_link_dial(&l, "mail.example.test", 25, id));
        if (!rc) { rc = estls_link_io(&l, id, &streams[id].io); }
    }
    return rc;
}

static int done(void)
{
    int i;

    for (i = 0; i < count; i++) {
        if (streams[i].sent < BYTES || streams[i].received < BYTES) {
            return 0;
        }
    }
    return 1;
}

static int transfer(void)
{
    long steps = STEPS;
    int n = 0;

    while (!done() && n >= 0 && steps--) {
        n = client_turn(&c, streams_turn);
        if (!n) { world_idle(&c.r.w); }
    }
    return n < 0 ? n : done() ? (int)ESTLS_OK : (int)ESTLS_E_TIMEOUT;
}

int main(int argc, char **argv)
{
    const estls_io io = {client_read, client_write, client_tick, &c};
    const struct smtpd_step script = {
        {0, 0}, {text, BYTES}, SMTPD_CONTINUE, 1, 0};
    int rc;

    if (argc != 3) { return 2; }
    count = atoi(argv[2]);
    rig_pki(argv[1]);
    client_init(&c, 2, estls_small, ESTLS_IOBUF_MIN);
    c.r.d.mux = 1;
    c.r.d.uart = io;
    c.r.server.script = &script;
    c.r.server.step_count = 1;
    world_open(&c.r.w, &c.r.modem, &c.r.server);
    rc = open_links();
    client_mark("before");
    if (!rc) { rc = transfer(); }
    client_mark("links");
    printf("%s\n", estls_error_name(rc));
    world_close(&c.r.w);
    return rc != ESTLS_OK;
}
