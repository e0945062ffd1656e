/* bare.h - BearSSL as a client, driven by the least that can drive it: what
 * the benches compare with. Over the world's stream, without a modem. */
#ifndef BARE_H
#define BARE_H

#include "rig.h"

typedef struct bare {
    rig *r;
    br_ssl_client_context client;
    br_x509_minimal_context minimal;
} bare;

static inline void bare_init(bare *b, rig *r,
                             void (*profile)(br_ssl_client_context *))
{
    br_ssl_engine_context *eng = &b->client.eng;
    uint8_t seed[32];
    int id;

    b->r = r;
    r->d.entropy(r->d.user, seed, sizeof seed);
    br_ssl_client_zero(&b->client);
    profile(&b->client);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    br_x509_minimal_init(&b->minimal, &br_sha256_vtable, r->d.anchors,
                         r->d.anchor_count);
    for (id = br_sha256_ID; id <= br_sha512_ID; id++) {
        br_x509_minimal_set_hash(&b->minimal, id,
                                 br_ssl_engine_get_hash(eng, id));
    }
    br_x509_minimal_set_rsa(&b->minimal, br_ssl_engine_get_rsavrfy(eng));
    br_x509_minimal_set_ecdsa(&b->minimal, br_ssl_engine_get_ec(eng),
                              br_ssl_engine_get_ecdsa(eng));
    /* BearSSL counts days from 0000-01-01 */
    br_x509_minimal_set_time(&b->minimal, RIG_UNIX_TIME / 86400 + 719528, 0);
    br_ssl_engine_set_x509(eng, &b->minimal.vtable);
    br_ssl_engine_set_buffer(eng, r->iobuf, r->d.iobuf_cap, 0);
    br_ssl_engine_inject_entropy(eng, seed, sizeof seed);
}

/* Opens the world and begins; resume: the session of the last connection. */
static inline void bare_begin(bare *b, int resume)
{
    world_open(&b->r->w, NULL, &b->r->server);
    b->r->d.uart = b->r->w.uart;
    br_ssl_client_reset(&b->client, b->r->d.host, resume);
}

/* Moves what can move. 1: application data may flow. */
static inline int bare_move(bare *b)
{
    br_ssl_engine_context *eng = &b->client.eng;
    const estls_io *io = &b->r->d.uart;
    size_t n = 0;
    uint8_t *p = br_ssl_engine_sendrec_buf(eng, &n);
    int k;

    if (p) {
        k = io->write(io->user, p, n);
        br_ssl_engine_sendrec_ack(eng, (size_t)(k > 0 ? k : 0));
    } else {
        p = br_ssl_engine_recvrec_buf(eng, &n);
        k = p ? io->read(io->user, p, n) : 0;
        if (k > 0) { br_ssl_engine_recvrec_ack(eng, (size_t)k); }
    }
    return (br_ssl_engine_current_state(eng) & BR_SSL_SENDAPP) != 0;
}

#endif
