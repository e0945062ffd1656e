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
#include "ftp_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1 << 20 };

static ftp_rig t;
static uint8_t bytes[MOST];
static uint16_t iobuf_cap;
static void (*profile)(br_ssl_client_context *);
static br_ssl_client_context client;
static br_x509_minimal_context minimal;

static void bare_init(void)
{
    br_ssl_engine_context *eng = &client.eng;
    rig *r = &t.r;
    uint8_t seed[32];
    int id;

    r->d.entropy(r->d.user, seed, sizeof seed);
    br_ssl_client_zero(&client);
    profile(&client);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    br_x509_minimal_init(&minimal, &br_sha256_vtable, r->d.anchors,
                         r->d.anchor_count);
    for (id = br_sha256_ID; id <= br_sha512_ID; id++) {
        br_x509_minimal_set_hash(&minimal, id, br_ssl_engine_get_hash(eng, id));
    }
    br_x509_minimal_set_rsa(&minimal, br_ssl_engine_get_rsavrfy(eng));
    br_x509_minimal_set_ecdsa(&minimal, br_ssl_engine_get_ec(eng),
                              br_ssl_engine_get_ecdsa(eng));
    br_x509_minimal_set_time(&minimal, RIG_UNIX_TIME / 86400 + 719528, 0);
    br_ssl_engine_set_x509(eng, &minimal.vtable);
    br_ssl_engine_set_buffer(eng, r->iobuf, r->d.iobuf_cap, 0);
    br_ssl_engine_inject_entropy(eng, seed, sizeof seed);
}

/* Moves what can move. */
static void bare_step(void)
{
    br_ssl_engine_context *eng = &client.eng;
    const estls_io *io = &t.r.d.uart;
    size_t n = 0;
    uint8_t *p = br_ssl_engine_sendrec_buf(eng, &n);
    int k;

    if (p) {
        k = io->write(io->user, p, n);
        br_ssl_engine_sendrec_ack(eng, (size_t)(k > 0 ? k : 0));
        return;
    }
    p = br_ssl_engine_recvrec_buf(eng, &n);
    k = p ? io->read(io->user, p, n) : 0;
    if (k > 0) { br_ssl_engine_recvrec_ack(eng, (size_t)k); }
    if (k <= 0) { world_idle(&t.r.w); }
}

static int bare_connect(int resume)
{
    long steps = 100000;

    world_open(&t.r.w, NULL, &t.r.server);
    t.r.d.uart = t.r.w.uart;
    br_ssl_client_reset(&client, t.r.d.host, resume);
    while (!(br_ssl_engine_current_state(&client.eng) & BR_SSL_SENDAPP)) {
        if (!steps--) { return ESTLS_E_TIMEOUT; }
        bare_step();
    }
    return ESTLS_OK;
}

static int bare_upload(size_t len)
{
    br_ssl_engine_context *eng = &client.eng;
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
            bare_step();
        }
    }
    br_ssl_engine_close(eng);
    while (br_ssl_engine_sendrec_buf(eng, &n)) { bare_step(); }
    return ESTLS_OK;
}

static int bare(size_t len)
{
    int rc;

    bare_init();
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
    return generation ? modem(len) : bare(len);
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
