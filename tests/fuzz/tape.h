/* tape.h - a client, and what a real server once said to it. The client's
 * entropy is fixed, so that what it says is always the same, and the server's
 * records, kept on a tape, are the right answer each time: an attacker who may
 * change them meets a real handshake, and no server has to compute. */
#ifndef TAPE_H
#define TAPE_H

#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "fuzz.h"
#include "identity.h"

enum {
    TAPE_BYTES = 8192,
    TAPE_RECORDS = 64,
    HOST_RX = 40000,
    HOST_TX = 8192,
    HOST_TIMEOUT_MS = 5000,
    UNIX_TIME = 1798761600 /* 2027-01-01 */
};

#define HOST_SECRET "AUTH correct-horse-battery\r\n"
#define HOST_WELCOME                                                           \
    "235 welcome\r\n"                                                          \
    "250-mail.example.test\r\n"                                                \
    "250 and a longer line, for a record of its own that is not so short\r\n"

/* -- curves, remembered ------------------------------------------------------
 *
 * The same handshake multiplies the same points: what was computed once is
 * looked up, and what is new is computed. But a signature that was not on a
 * tape is a forgery, and is told so at once: who fuzzes finds no other. */

enum { MEMO_SLOTS = 4096, MEMO_POINT = 133 };

static struct memo {
    uint64_t key;
    uint32_t ok;
    uint8_t point[MEMO_POINT];
} memos[MEMO_SLOTS];

static uint64_t memo_sum(uint64_t sum, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    while (n--) { sum = (sum ^ *p++) * 0x100000001b3u; }
    return sum ^ sum >> 29;
}

/* The slot of a key; *known: it is that one's. */
static struct memo *memo_find(uint64_t key, int *known)
{
    struct memo *m = &memos[key % MEMO_SLOTS];

    *known = m->key == key;
    m->key = key;
    return m;
}

static uint32_t memo_mul(unsigned char *point, size_t n, const unsigned char *x,
                         size_t xn, int curve)
{
    int known;
    uint64_t key = memo_sum((uint64_t)curve + 1, point, n);
    struct memo *m = memo_find(memo_sum(key, x, xn), &known);

    if (n > MEMO_POINT) { return 0; }
    if (!known) {
        memcpy(m->point, point, n);
        m->ok = br_ec_get_default()->mul(m->point, n, x, xn, curve);
    }
    memcpy(point, m->point, n);
    return m->ok;
}

static size_t memo_mulgen(unsigned char *r, const unsigned char *x, size_t xn,
                          int curve)
{
    int known;
    struct memo *m = memo_find(memo_sum((uint64_t)curve + 1001, x, xn), &known);

    if (!known) {
        m->ok = (uint32_t)br_ec_get_default()->mulgen(m->point, x, xn, curve);
    }
    memcpy(r, m->point, m->ok);
    return m->ok;
}

/* The signatures on the tapes. */
static uint64_t known_good[256];
static size_t known_count;
static int memo_learns; /* 1: a tape is being made */

static uint32_t memo_verify(const br_ec_impl *ec, const void *hash, size_t n,
                            const br_ec_public_key *pk, const void *sig,
                            size_t sig_len)
{
    uint64_t key = memo_sum((uint64_t)pk->curve + 2001, hash, n);
    size_t i;

    key = memo_sum(memo_sum(key, pk->q, pk->qlen), sig, sig_len);
    for (i = 0; i < known_count && known_good[i] != key; i++) {}
    if (i == known_count && memo_learns &&
        br_ecdsa_vrfy_asn1_get_default()(ec, hash, n, pk, sig, sig_len)) {
        MUST(known_count < sizeof known_good / sizeof *known_good);
        known_good[known_count++] = key;
    }
    return i < known_count;
}

static br_ec_impl memo_ec;

/* -- the tape ------------------------------------------------------------------ */

typedef struct tape_record {
    uint32_t after; /* the client must have said so many bytes */
    uint16_t at;
    uint16_t len;
} tape_record;

typedef struct tape {
    uint8_t bytes[TAPE_BYTES];
    tape_record record[TAPE_RECORDS];
    size_t n;
    size_t records;
    estls_saved saved;  /* what the client kept */
    estls_saved before; /* what it began with */
    uint8_t said[HOST_TX];
    size_t said_n;
} tape;

/* -- the client ---------------------------------------------------------------- */

typedef struct host {
    estls net;
    estls_x509 x509;
    estls_desc d;
    estls_saved saved;
    uint32_t now;
    uint32_t chunks; /* where sizes of reads come from; 0: as asked for */
    uint8_t ended;   /* 1: the stream ends behind rx; 0: silence */
    uint8_t moves;   /* 1: there was something to move */
    void (*heard)(struct host *h); /* after each write; null: nobody */
    /* what comes: bytes, each piece after so many of ours */
    uint8_t rx[HOST_RX];
    tape_record piece[TAPE_RECORDS * 2];
    size_t pieces, rx_n, rx_off;
    uint8_t tx[HOST_TX];
    size_t tx_n;
    char got[512]; /* by the application */
    size_t got_n;
    uint8_t iobuf[16709];
    uint8_t obuf[2048];
} host;

/* How many bytes may be read by now. */
static size_t host_ready(const host *h)
{
    size_t i;

    for (i = 0; i < h->pieces && h->piece[i].after <= h->tx_n; i++) {}
    return (i < h->pieces ? h->piece[i].at : h->rx_n) - h->rx_off;
}

static size_t host_chunk(host *h, size_t n)
{
    size_t most;

    h->moves |= n != 0;
    if (!h->chunks || !n) { return n; }
    h->chunks = h->chunks * 1664525u + 1013904223u;
    if (h->chunks >> 29 == 0) { return 0; }
    most = 1 + (h->chunks >> 16) % (h->chunks >> 31 ? 9 : 400);
    return most < n ? most : n;
}

static int host_read(void *user, void *dst, size_t cap)
{
    host *h = user;
    size_t n = host_ready(h);

    if (!n && h->ended && h->rx_off == h->rx_n) { return ESTLS_E_CLOSED; }
    n = host_chunk(h, n < cap ? n : cap);
    memcpy(dst, h->rx + h->rx_off, n);
    h->rx_off += n;
    return (int)n;
}

static int host_write(void *user, const void *src, size_t len)
{
    host *h = user;

    MUST(len <= 0x7fff);
    len = host_chunk(h, len);
    MUST(len <= HOST_TX - h->tx_n);
    memcpy(h->tx + h->tx_n, src, len);
    h->tx_n += len;
    if (h->heard) { h->heard(h); }
    return (int)len;
}

static uint32_t host_tick(void *user)
{
    return ((host *)user)->now;
}

static size_t host_entropy(void *user, void *dst, size_t len)
{
    uint8_t *p = dst;
    size_t i;

    (void)user;
    for (i = 0; i < len; i++) { p[i] = (uint8_t)(17 * i + 5); }
    return len;
}

static uint32_t host_time(void *user)
{
    (void)user;
    return UNIX_TIME;
}

static unsigned char *bytes_of(const uint8_t *p)
{
    union {
        const uint8_t *in;
        unsigned char *out; /* BearSSL's structs have no const */
    } u;

    u.in = p;
    return u.out;
}

static const br_x509_trust_anchor *host_anchor(void)
{
    static br_x509_trust_anchor anchor;

    anchor.dn.data = bytes_of(identity_root_dn);
    anchor.dn.len = sizeof identity_root_dn;
    anchor.flags = BR_X509_TA_CA;
    anchor.pkey.key_type = BR_KEYTYPE_EC;
    anchor.pkey.key.ec.curve = BR_EC_secp256r1;
    anchor.pkey.key.ec.q = bytes_of(identity_root_q);
    anchor.pkey.key.ec.qlen = sizeof identity_root_q;
    return &anchor;
}

static const br_x509_pkey *host_pin(void)
{
    static br_x509_pkey pin;

    pin.key_type = BR_KEYTYPE_EC;
    pin.key.ec.curve = BR_EC_secp256r1;
    pin.key.ec.q = bytes_of(identity_public);
    pin.key.ec.qlen = sizeof identity_public;
    return &pin;
}

static void host_aes(br_ssl_client_context *client)
{
    static const uint16_t suite = BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;

    estls_full(client);
    br_ssl_engine_set_suites(&client->eng, &suite, 1);
}

/* Ways to set a client up, or together. */
enum {
    HOST_PIN = 1,
    HOST_DUPLEX = 2,
    HOST_AES = 4,
    HOST_SAVED = 8,  /* offers a session */
    HOST_STALE = 16, /* ... that the server has forgotten */
    HOSTS = 32
};

static void host_init(host *h, unsigned how)
{
    estls_desc *d = &h->d;

    memset(h, 0, offsetof(host, rx));
    h->pieces = h->rx_n = h->rx_off = h->tx_n = h->got_n = 0;
    memo_ec = *br_ec_get_default();
    memo_ec.mul = memo_mul;
    memo_ec.mulgen = memo_mulgen;
    d->uart.read = host_read;
    d->uart.write = host_write;
    d->uart.tick = host_tick;
    d->uart.user = h;
    d->no_modem = 1;
    d->host = "mail.example.test";
    d->port = 465;
    d->proto = estls_direct;
    d->trust = how & HOST_PIN ? estls_pin : estls_anchors;
    d->pin = host_pin();
    d->anchors = host_anchor();
    d->anchor_count = 1;
    d->x509 = &h->x509;
    d->entropy = host_entropy;
    d->unix_time = host_time;
    d->iobuf = h->iobuf;
    d->iobuf_cap = how & HOST_DUPLEX ? sizeof h->iobuf : ESTLS_IOBUF_MIN;
    d->obuf = how & HOST_DUPLEX ? h->obuf : NULL;
    d->obuf_cap = how & HOST_DUPLEX ? sizeof h->obuf : 0;
    d->saved = how & HOST_SAVED ? &h->saved : NULL;
    d->profile = how & HOST_AES ? host_aes : estls_full;
    d->impl.ec = &memo_ec;
    d->impl.ecdsa = memo_verify;
    d->timeout_ms = HOST_TIMEOUT_MS;
    d->user = h;
}

/* Opens; no randomness but ours, so that it says the same each time. */
static int host_open(host *h)
{
    const int rc = estls_open(&h->net, &h->d);

    h->net.starttls.tls.client.eng.rng_os_rand_done = 1;
    return rc;
}

/* Time passes: little while there is something to move, else much. */
static void host_idle(host *h)
{
    h->now += h->moves ? 1 : 250;
    h->moves = 0;
}

/* Steps until it is no more BUSY, which is bounded, and not for ever. */
static int host_step(host *h)
{
    const uint32_t t0 = h->now;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY) {
        MUST(h->now - t0 <= 2 * HOST_TIMEOUT_MS + HOST_RX + 1000);
        rc = estls_step(&h->net);
        if (rc == ESTLS_BUSY) { host_idle(h); }
    }
    return rc;
}

/* Says the secret, and hears all until the end. An error, or E_CLOSED. */
static int host_talk(host *h)
{
    const char *text = HOST_SECRET;
    size_t left = strlen(text);
    const uint32_t t0 = h->now;
    int n = 0;

    while (left) {
        MUST(h->now - t0 <= 2 * HOST_TIMEOUT_MS);
        n = estls_write(&h->net, text, left);
        if (n < 0) { return n; }
        MUST((size_t)n <= left);
        text += n;
        left -= (size_t)n;
        if (!n) { host_idle(h); }
    }
    for (;;) {
        /* a reader may wait for ever: it has a deadline of its own */
        if (h->now - t0 > 4 * HOST_TIMEOUT_MS + HOST_RX) {
            return ESTLS_E_TIMEOUT;
        }
        n = estls_read(&h->net, h->got + h->got_n, sizeof h->got - h->got_n);
        if (n < 0) { return n; }
        MUST((size_t)n <= sizeof h->got - h->got_n);
        h->got_n += (size_t)n;
        if (!n) { host_idle(h); }
    }
}

static int host_close(host *h)
{
    const uint32_t t0 = h->now;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY) {
        MUST(h->now - t0 <= 10000);
        rc = estls_close(&h->net);
        if (rc == ESTLS_BUSY) { host_idle(h); }
    }
    return rc;
}

FUZZ_ORACLE static int is_zero(const void *memory, size_t n)
{
    const uint8_t *p = memory;

    return !n || (!*p && !memcmp(p, p + 1, n - 1));
}

/* Closed: no secret is left. */
static void host_wiped(const host *h)
{
    const estls_tls *t = &h->net.starttls.tls;

    MUST(is_zero(&t->client, sizeof t->client));
    MUST(is_zero(h->iobuf, h->d.iobuf_cap));
    MUST(is_zero(h->obuf, h->d.obuf_cap));
}

/* An error that has a name and that a stranger can cause. */
static int is_named(int rc)
{
    switch (rc) {
    case ESTLS_E_TIMEOUT:
    case ESTLS_E_CLOSED:
    case ESTLS_E_PROTO:
    case ESTLS_E_REFUSED:
    case ESTLS_E_NO_STARTTLS:
    case ESTLS_E_INJECTED:
    case ESTLS_E_TRUST:
    case ESTLS_E_EXPIRED:
    case ESTLS_E_NAME:
    case ESTLS_E_RECORD:
    case ESTLS_E_VERSION:
    case ESTLS_E_TRUNCATED:
    case ESTLS_E_TLS: return 1;
    default: return 0;
    }
}

/* Whole TLS records, but for the last, of handshake, alerts, CCS or data; and
 * the secret is in none of them. */
static void host_said_tls(const host *h, size_t from)
{
    const size_t secret = strlen(HOST_SECRET) - 2;
    size_t i;

    for (i = from; i + 5 <= h->tx_n;) {
        MUST(h->tx[i] >= 20 && h->tx[i] <= 23 && h->tx[i + 1] == 3);
        i += 5u + h->tx[i + 3] * 256u + h->tx[i + 4];
    }
    for (i = from; i + secret <= h->tx_n; i++) {
        MUST(h->tx[i] != 'A' || memcmp(h->tx + i, HOST_SECRET, secret) != 0);
    }
}

/* -- the server, which is heard once ------------------------------------------- */

static struct server {
    br_ssl_server_context ctx;
    br_ssl_session_cache_lru lru;
    unsigned char store[1024];
    unsigned char in[BR_SSL_BUFSIZE_INPUT];
    unsigned char out[BR_SSL_BUFSIZE_OUTPUT];
    size_t heard; /* of the client's bytes */
    size_t said;  /* of the welcome */
    size_t got;   /* of the secret */
    tape *t;
} server;

static void server_init(tape *t, int again, int cached)
{
    static br_x509_certificate chain[2];
    static br_ec_private_key key;
    br_ssl_engine_context *eng = &server.ctx.eng;

    chain[0].data = bytes_of(identity_leaf);
    chain[0].data_len = sizeof identity_leaf;
    chain[1].data = bytes_of(identity_intermediate);
    chain[1].data_len = sizeof identity_intermediate;
    key.curve = BR_EC_secp256r1;
    key.x = bytes_of(identity_key);
    key.xlen = sizeof identity_key;
    br_ssl_server_init_full_ec(&server.ctx, chain, 2, BR_KEYTYPE_EC, &key);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_buffers_bidi(eng, server.in, sizeof server.in, server.out,
                                   sizeof server.out);
    if (!cached) {
        br_ssl_session_cache_lru_init(&server.lru, server.store,
                                      sizeof server.store);
    }
    br_ssl_server_set_cache(&server.ctx, &server.lru.vtable);
    eng->rng_os_rand_done = 1;
    br_ssl_engine_inject_entropy(eng, identity_leaf + again * 32, 64);
    MUST(br_ssl_server_reset(&server.ctx));
    server.heard = server.said = server.got = 0;
    server.t = t;
}

/* What the server's application does: hears the secret, then says the welcome,
 * a line at a time, and closes. 1: something. */
static int server_talk(void)
{
    br_ssl_engine_context *eng = &server.ctx.eng;
    static const char welcome[] = HOST_WELCOME;
    const char *text = welcome + server.said;
    size_t n;
    unsigned char *p = br_ssl_engine_recvapp_buf(eng, &n);

    if (p) {
        br_ssl_engine_recvapp_ack(eng, n);
        server.got += n;
        return 1;
    }
    if (server.got < strlen(HOST_SECRET)) { return 0; }
    p = br_ssl_engine_sendapp_buf(eng, &n);
    if (!p) { return 0; }
    if (!*text) {
        br_ssl_engine_close(eng);
        return 1;
    }
    n = (size_t)(strchr(text, '\n') + 1 - text);
    memcpy(p, text, n);
    br_ssl_engine_sendapp_ack(eng, n);
    br_ssl_engine_flush(eng, 0);
    server.said += n;
    return 1;
}

/* Puts what the server has to say on the tape, and before the client. */
static int server_say(host *h)
{
    br_ssl_engine_context *eng = &server.ctx.eng;
    tape *t = server.t;
    tape_record *r;
    size_t n;
    const unsigned char *p = br_ssl_engine_sendrec_buf(eng, &n);

    if (!p) { return 0; }
    MUST(t->records < TAPE_RECORDS && n <= TAPE_BYTES - t->n);
    r = &t->record[t->records++];
    r->after = (uint32_t)h->tx_n;
    r->at = (uint16_t)t->n;
    r->len = (uint16_t)n;
    memcpy(t->bytes + t->n, p, n);
    t->n += n;
    memcpy(h->rx + h->rx_n, p, n);
    h->rx_n += n;
    br_ssl_engine_sendrec_ack(eng, n);
    return 1;
}

static int server_listen(host *h)
{
    br_ssl_engine_context *eng = &server.ctx.eng;
    size_t n;
    unsigned char *p = br_ssl_engine_recvrec_buf(eng, &n);
    const size_t left = h->tx_n - server.heard;

    if (!p || !left) { return 0; }
    n = n < left ? n : left;
    memcpy(p, h->tx + server.heard, n);
    server.heard += n;
    br_ssl_engine_recvrec_ack(eng, n);
    return 1;
}

static void server_heard(host *h)
{
    while (server_listen(h) || server_say(h) || server_talk()) {}
}

/* Makes the tape of a client that is set up so. With HOST_SAVED there must be a
 * session to resume: a first connection makes it. */
static void tape_record_one(tape *t, host *h, unsigned how,
                            const estls_saved *saved)
{
    memset(t, 0, sizeof *t);
    host_init(h, how);
    if (saved) { h->saved = *saved; }
    t->before = h->saved;
    server_init(t, saved != NULL, saved && !(how & HOST_STALE));
    h->heard = server_heard;
    MUST(host_open(h) == ESTLS_BUSY);
    MUST(host_step(h) == ESTLS_OK);
    t->saved = h->saved;
    MUST(host_talk(h) == ESTLS_E_CLOSED);
    MUST(host_close(h) == ESTLS_OK);
    MUST(h->got_n == strlen(HOST_WELCOME));
    MUST(memcmp(h->got, HOST_WELCOME, h->got_n) == 0);
    memcpy(t->said, h->tx, h->tx_n);
    t->said_n = h->tx_n;
}

static void tape_make(tape *t, host *h, unsigned how)
{
    estls_saved saved;

    memset(&saved, 0, sizeof saved);
    memo_learns = 1;
    tape_record_one(t, h, how, NULL);
    if (how & HOST_SAVED) {
        saved = t->saved;
        tape_record_one(t, h, how, &saved);
    }
    memo_learns = 0;
}

#endif
