/* ftp.c - an upload, for callgrind: ftp PKI PROFILE MODE IOBUF
 *
 *   small    BearSSL's portable code, as on a microcontroller
 *   full     what it picks on a PC: ChaCha20 with SSE2
 *
 *   bare     BearSSL driven by the least that can drive it: a connection that
 *            resumes an earlier one, the bytes, close_notify
 *   1, 2, 3  the FTP client over a modem of this generation: EPSV, the data
 *            link, its TLS session, STOR, the bytes, close_notify, 226
 *
 * IOBUF: of the bytes' connection.  The function all is what is measured, but
 * for world_idle, world_open, world_close and the UART callbacks. */
#include "../ftp_rig.h"
#include "bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

enum { MOST = 1 << 20 };

static ftp_rig t;
static uint8_t bytes[MOST];
static void (*profile)(br_ssl_client_context *);
static bare client;

static int bare_connect(int resume)
{
    long steps = 100000;

    bare_begin(&client, resume);
    while (!bare_move(&client)) {
        if (!steps--) { return ESTLS_E_TIMEOUT; }
        world_idle(&t.r.w);
    }
    return ESTLS_OK;
}

static int bare_upload(void)
{
    br_ssl_engine_context *eng = &client.client.eng;
    size_t off, n = 0;
    uint8_t *p;

    world_close(&t.r.w);
    if (bare_connect(1)) { return ESTLS_E_TIMEOUT; }
    for (off = 0; off < MOST;) {
        p = br_ssl_engine_sendapp_buf(eng, &n);
        if (p) {
            n = n < MOST - off ? n : MOST - off;
            memcpy(p, bytes + off, n);
            off += n;
            br_ssl_engine_sendapp_ack(eng, n);
        } else {
            (void)bare_move(&client);
        }
    }
    br_ssl_engine_close(eng);
    while (br_ssl_engine_sendrec_buf(eng, &n)) { (void)bare_move(&client); }
    return ESTLS_OK;
}

static int upload(int generation)
{
    return generation ? ftp_rig_put(&t, "file", bytes, MOST) : bare_upload();
}

/* What comes before an upload. */
static int prepare(int generation, uint16_t iobuf_cap)
{
    static const struct smtpd_step drain = {
        {0, 0}, {0, 0}, SMTPD_CONTINUE, MOST + 1, 0};
    int rc;

    ftp_rig_init(&t, generation, "ec");
    t.r.d.profile = profile;
    t.r.d.impl.ec = NULL; /* the profile's, which does not remember */
    if (generation) {
        rc = ftp_rig_login(&t);
        t.data.iobuf_cap = iobuf_cap;
        return rc;
    }
    t.r.w.host = NULL;
    t.r.server.direct = true;
    t.r.server.script = &drain;
    t.r.server.step_count = 1;
    t.r.d.iobuf_cap = iobuf_cap;
    bare_init(&client, &t.r, profile);
    return bare_connect(0);
}

__attribute__((noinline)) int all(int generation, uint16_t iobuf_cap);
int all(int generation, uint16_t iobuf_cap)
{
    int rc = prepare(generation, iobuf_cap);

    CALLGRIND_DUMP_STATS_AT("before");
    if (!rc) { rc = upload(generation); }
    CALLGRIND_DUMP_STATS_AT("upload");
    return rc;
}

int main(int argc, char **argv)
{
    int generation, rc;
    size_t i;

    if (argc != 5) { return 2; }
    profile = strcmp(argv[2], "small") == 0 ? estls_small : estls_full;
    generation = atoi(argv[3]); /* bare: 0 */
    for (i = 0; i < MOST; i++) { bytes[i] = (uint8_t)(i * 40503u >> 8); }
    rig_pki(argv[1]);
    rc = all(generation, (uint16_t)atoi(argv[4]));
    if (!rc && generation && !ftp_rig_has(&t, "file", bytes, MOST)) {
        rc = ESTLS_E_TRUNCATED;
    }
    printf("%s\n", estls_error_name(rc));
    return rc != ESTLS_OK;
}
