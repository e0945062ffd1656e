/* bench_tls.c - one handshake, for callgrind: bench_tls PKI bare|direct|modem
 *
 *   bare    BearSSL driven by the least that can drive it
 *   direct  >>tls over the same stream
 *   modem   the whole session: AT set-up, dial, SMTP preamble, TLS
 *
 * All against the same server with the same certificate, in one process. The
 * functions bare_step and rig_step are what is measured; the UART callbacks,
 * behind which are modem and server, are not. */
#include "rig.h"

#include <stdio.h>

static rig r;
static br_ssl_client_context client;
static br_x509_minimal_context minimal;

static void bare_open(void)
{
    br_ssl_engine_context *eng = &client.eng;
    uint8_t seed[32];
    int id;

    r.d.entropy(r.d.user, seed, sizeof seed);
    br_ssl_client_zero(&client);
    estls_full(&client);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    br_x509_minimal_init(&minimal, &br_sha256_vtable, r.d.anchors,
                         r.d.anchor_count);
    for (id = br_sha256_ID; id <= br_sha512_ID; id++) {
        br_x509_minimal_set_hash(&minimal, id, br_ssl_engine_get_hash(eng, id));
    }
    br_x509_minimal_set_rsa(&minimal, br_ssl_engine_get_rsavrfy(eng));
    br_x509_minimal_set_ecdsa(&minimal, br_ssl_engine_get_ec(eng),
                              br_ssl_engine_get_ecdsa(eng));
    br_x509_minimal_set_time(&minimal, RIG_UNIX_TIME / 86400 + 719528, 0);
    br_ssl_engine_set_x509(eng, &minimal.vtable);
    br_ssl_engine_set_buffer(eng, r.iobuf, r.d.iobuf_cap, 0);
    br_ssl_engine_inject_entropy(eng, seed, sizeof seed);
}

/* 1: application data may flow. */
__attribute__((noinline)) int bare_step(void);
int bare_step(void)
{
    br_ssl_engine_context *eng = &client.eng;
    const estls_io *io = &r.d.uart;
    static int begun;
    size_t n = 0;
    uint8_t *p;
    int k;

    if (!begun) {
        begun = br_ssl_client_reset(&client, r.d.host, 0);
        return 0;
    }
    p = br_ssl_engine_sendrec_buf(eng, &n);
    if (p) {
        k = io->write(io->user, p, n);
        br_ssl_engine_sendrec_ack(eng, (size_t)k);
    } else {
        p = br_ssl_engine_recvrec_buf(eng, &n);
        k = p ? io->read(io->user, p, n) : 0;
        if (k > 0) { br_ssl_engine_recvrec_ack(eng, (size_t)k); }
    }
    return (br_ssl_engine_current_state(eng) & BR_SSL_SENDAPP) != 0;
}

static int bare(void)
{
    int steps = 100000;

    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    bare_open();
    while (!bare_step() && steps--) { world_idle(&r.w); }
    return steps > 0 ? ESTLS_OK : ESTLS_E_TIMEOUT;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "modem";
    int rc;

    rig_pki(argc > 1 ? argv[1] : "build/pki");
    rig_init(&r, strcmp(mode, "modem") == 0 ? 2 : RIG_DIRECT, "ec");
    if (strcmp(mode, "modem") != 0) {
        r.server.direct = true;
        r.d.proto = estls_direct;
    }
    rc = strcmp(mode, "bare") == 0 ? bare() : rig_connect(&r);
    rig_end(&r);
    printf("%s\n", estls_error_name(rc));
    return rc != ESTLS_OK;
}
