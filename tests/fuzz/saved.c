/* saved.c - any bytes where a saved session should be. It is offered only if it
 * is the one that was saved for this host, port, protocol and trust, whole; a
 * forger who knows the tag's recipe, and so could read the session anyway, gets
 * nothing read or written outside of it; what was used and failed is wiped.
 *
 * Input: how the client is set up (1 byte), what of the binding differs (1
 * byte), how the saved bytes come about (1 byte), and what they are made of:
 * pairs of a place and a byte, or the bytes. */
#include "tape.h"

static tape tapes[HOSTS];
static host h;
static estls_saved box; /* a global of its own: a sanitizer sees its end */

enum { RAW, CHANGED, FORGED, WAYS };

/* -- the binding ------------------------------------------------------------------ */

static const estls_proto *other_proto(void)
{
    static const estls_proto it = {"other", "", NULL, NULL, 0, 0, 465};

    return &it;
}

enum { OTHER_HOST = 1, OTHER_PORT = 2, OTHER_PROTO = 4, OTHER_TRUST = 8 };

static void bind_otherwise(uint32_t what)
{
    static br_x509_trust_anchor anchor;
    static br_x509_pkey pin;
    static uint8_t point[sizeof identity_root_q];

    if (what & OTHER_HOST) { h.d.host = "mail.example.tes"; }
    if (what & OTHER_PORT) { h.d.port = 466; }
    if (what & OTHER_PROTO) { h.d.proto = other_proto; }
    if (what & OTHER_TRUST) {
        memcpy(point, identity_root_q, sizeof point);
        point[64] ^= 1;
        anchor = *host_anchor();
        anchor.pkey.key.ec.q = point;
        pin = *host_pin();
        pin.key.ec.q = point;
        h.d.anchors = &anchor;
        h.d.pin = &pin;
    }
}

/* -- the bytes --------------------------------------------------------------------- */

static void make_saved(const estls_saved *authentic, uint32_t way,
                       fuzz_input *in)
{
    uint8_t *p = (uint8_t *)&box;
    size_t place;

    if (way == RAW) {
        const fuzz_input raw = fuzz_part(in, sizeof box);
        memset(&box, 0, sizeof box);
        if (raw.n) { memcpy(&box, raw.p, raw.n); }
        return;
    }
    box = *authentic;
    while (in->n) {
        place = fuzz_take(in, 1) % sizeof box;
        p[place] = (uint8_t)fuzz_take(in, 1);
    }
    if (way == FORGED) { estlsi_tls_tag(&h.net.starttls.tls, &box, box.tag); }
}

static br_ssl_session_parameters state_of(const estls_saved *saved)
{
    br_ssl_session_parameters pp;

    memcpy(&pp, saved->state, sizeof pp);
    return pp;
}

static int same_state(const estls_saved *a, const estls_saved *b)
{
    const br_ssl_session_parameters x = state_of(a);
    const br_ssl_session_parameters y = state_of(b);

    return x.session_id_len == y.session_id_len &&
           memcmp(x.session_id, y.session_id, x.session_id_len) == 0 &&
           x.version == y.version && x.cipher_suite == y.cipher_suite &&
           memcmp(x.master_secret, y.master_secret, 48) == 0;
}

/* The tag is right, and not the one that was saved. A fuzzer sees what is
 * compared, so raw bytes may be a forger's, too. */
static int is_forged(const estls_saved *authentic)
{
    uint8_t tag[sizeof box.tag];

    estlsi_tls_tag(&h.net.starttls.tls, &box, tag);
    return memcmp(box.tag, tag, sizeof tag) == 0 &&
           memcmp(box.tag, authentic->tag, sizeof tag) != 0;
}

/* -- the run -------------------------------------------------------------------------- */

/* The session id in our ClientHello: RFC 5246, 7.4.1.2. */
static void check_hello(int may, const estls_saved *was)
{
    const br_ssl_session_parameters pp = state_of(was);
    const uint8_t *p = h.tx + 5 + 4 + 2 + 32;

    MUST(h.tx_n > 44 && h.tx[0] == 22 && h.tx[5] == 1);
    if (!may) {
        MUST(p[0] == 0);
        return;
    }
    MUST(p[0] == pp.session_id_len && p[0] >= 1 && p[0] <= 32);
    MUST(memcmp(p + 1, pp.session_id, p[0]) == 0);
}

static void run(const tape *t, uint32_t other)
{
    const estls_saved was = box;
    const uint8_t len = state_of(&box).session_id_len;
    const int may = is_forged(&t->before)
                        ? len >= 1 && len <= 32
                        : !other && memcmp(&box, &t->before, sizeof box) == 0;
    const int good = may && same_state(&box, &t->before) &&
                     !(other & OTHER_HOST); /* its name is in the hello */
    int rc = host_step(&h);
    estls_report report;

    check_hello(may, &was);
    MUST(rc == ESTLS_OK ? good : !good && is_named(rc));
    estls_info(&h.net, &report);
    MUST(report.resumed == good);
    if (!good) {
        if (may && !estlsi_tls_of_path(rc)) {
            MUST(is_zero(&box, sizeof box));
        } else {
            MUST(memcmp(&box, &was, sizeof box) == 0);
        }
    }
    (void)host_close(&h);
    host_said_tls(&h, 0);
    host_wiped(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const unsigned how = fuzz_take(&in, 1) % HOST_SAVED | (unsigned)HOST_SAVED;
    const uint32_t other = fuzz_take(&in, 1) % (2 * OTHER_TRUST);
    const uint32_t way = fuzz_take(&in, 1) % WAYS;
    tape *t = &tapes[how];

    if (!t->records) { tape_make(t, &h, how); }
    host_init(&h, how);
    h.d.saved = &box;
    bind_otherwise(other);
    memcpy(h.rx, t->bytes, t->n);
    memcpy(h.piece, t->record, t->records * sizeof *t->record);
    h.rx_n = t->n;
    h.pieces = t->records;
    h.ended = 1;
    MUST(host_open(&h) == ESTLS_BUSY);
    make_saved(&t->before, way, &in);
    run(t, other);
    return 0;
}
