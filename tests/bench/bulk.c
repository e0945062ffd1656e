/* bulk.c - a stream of payload, for callgrind:
 * bulk PKI MODE small|full IOBUF send|receive MOST
 *
 * MODE: see client.h.  There is a mark each time that ten times as much has
 * passed, from 1,000 bytes to MOST, by that number.  What has arrived is
 * compared with what was sent. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 10000000 };

static client c;
static uint8_t payload[MOST];
static uint8_t got[MOST];
static size_t got_len;

/* The server's side of a dialogue that is no SMTP: takes what is sent; or
 * answers one byte with all there is. */
static enum smtpd_action take(void *talker, unsigned char byte)
{
    (void)talker;
    if (got_len < sizeof got) { got[got_len++] = byte; }
    return SMTPD_CONTINUE;
}

static enum smtpd_action give(void *talker, unsigned char byte)
{
    (void)byte;
    smtpd_reply(c.r.w.server[0], payload, *(const size_t *)talker);
    return SMTPD_CONTINUE;
}

static int transfer(int sends, size_t off, size_t len)
{
    if (sends) { return client_send(&c, payload + off, len); }
    got_len = off + len;
    return client_receive(&c, got + off, len);
}

static int run(int sends, size_t most)
{
    char name[16];
    size_t off = 0;
    size_t size;
    int rc = client_connect(&c);

    if (!rc && !sends) { rc = client_send(&c, "?", 1); }
    client_mark("before");
    for (size = 1000; size <= most && !rc; size *= 10) {
        rc = transfer(sends, off, size - off);
        off = size;
        snprintf(name, sizeof name, "%lu", (unsigned long)size);
        client_mark(name);
    }
    if (!rc && (got_len != off || memcmp(got, payload, off) != 0)) {
        rc = ESTLS_E_TRUNCATED;
    }
    printf("%s sends %u\n", estls_error_name(rc), c.r.net.link.sends);
    return rc;
}

int main(int argc, char **argv)
{
    size_t most, i;
    int sends, rc;

    if (argc != 7) { return 2; }
    rig_pki(argv[1]);
    client_init(&c, atoi(argv[2]),
                strcmp(argv[3], "small") == 0 ? estls_small : estls_full,
                (uint16_t)atoi(argv[4]));
    sends = strcmp(argv[5], "send") == 0;
    most = (size_t)atol(argv[6]);
    if (most > MOST) { return 2; }
    for (i = 0; i < most; i++) { payload[i] = (uint8_t)(i * 40503u >> 8); }
    c.r.server.direct = true;
    c.r.d.proto = estls_direct;
    c.r.server.talk = sends ? take : give;
    c.r.server.talker = &most;
    rc = run(sends, most);
    world_close(&c.r.w);
    return rc != ESTLS_OK;
}
