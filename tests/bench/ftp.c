/* bench_ftp.c - an upload, for callgrind: bench_ftp PKI PROFILE MODE IOBUF
 * BYTES
 *
 *   small    BearSSL's portable code, as on a microcontroller
 *   full     what it picks on a PC: ChaCha20 with SSE2
 *
 *   bare     BearSSL driven by the least that can drive it: a connection that
 *            resumes an earlier one, the bytes, close_notify
 *   1, 2, 3  the FTP client over a modem of this generation: EPSV, the data
 *            link, its TLS session, STOR, the bytes, close_notify, 226
 *
 * IOBUF: of the bytes' connection. With 0 BYTES only what comes before an
 * upload is done, to be subtracted. The function `all` is what is measured,
 * but for world_idle and the UART callbacks. */
#include "bare.h"
#include "ftp_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1 << 20 };

static ftp_rig t;
static uint8_t bytes[MOST];
static uint16_t iobuf_cap;
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

static int bare_upload(size_t len)
{
    br_ssl_engine_context *eng = &client.client.eng;
    size_t off, n = 0;
    uint8_t *p;

    world_close(&t.r.w);
    if (bare_connect(1)) { return ESTLS_E_TIMEOUT; }
    for (off = 0; off < len;) {
        p = br_ssl_engine_sendapp_buf(eng, &n);
        if (p) {
            n = n < len - off ? n : len - off;
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

static int bare_all(size_t len)
{
    int rc;

    bare_init(&client, &t.r, profile);
    rc = bare_connect(0);
    return rc || !len ? rc : bare_upload(len);
}

static int modem(size_t len)
{
    int rc = ftp_rig_login(&t);

    t.data.iobuf_cap = iobuf_cap;
    if (!rc && len) { rc = ftp_rig_put(&t, "file", bytes, len); }
    return rc;
}

__attribute__((noinline)) int all(int generation, size_t len);
int all(int generation, size_t len)
{
    return generation ? modem(len) : bare_all(len);
}

int main(int argc, char **argv)
{
    static const struct smtpd_step drain = {
        {0, 0}, {0, 0}, SMTPD_CONTINUE, MOST + 1, 0};
    int generation, rc;
    size_t i, len;

    if (argc != 6) { return 2; }
    profile = strcmp(argv[2], "small") == 0 ? estls_small : estls_full;
    generation = atoi(argv[3]); /* bare: 0 */
    iobuf_cap = (uint16_t)atoi(argv[4]);
    len = (size_t)atol(argv[5]);
    if (len > MOST) { return 2; }
    for (i = 0; i < len; i++) { bytes[i] = (uint8_t)(i * 40503u >> 8); }
    rig_pki(argv[1]);
    ftp_rig_init(&t, generation, "ec");
    t.r.d.profile = profile;
    if (!generation) {
        t.r.w.host = NULL;
        t.r.server.direct = true;
        t.r.server.script = &drain;
        t.r.server.step_count = 1;
        t.r.d.iobuf_cap = iobuf_cap;
    }
    rc = all(generation, len);
    if (!rc && len && generation && !ftp_rig_has(&t, "file", bytes, len)) {
        rc = ESTLS_E_TRUNCATED;
    }
    printf("%s\n", estls_error_name(rc));
    return rc != ESTLS_OK;
}
