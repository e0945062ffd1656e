/* record.c - the records of a real handshake and what follows it, tampered
 * with. A session succeeds only if nothing that matters was changed; the
 * application gets what the server said, in order, up to where it was changed;
 * a truncation is told; secrets are gone in the end.
 *
 * Input: how the client is set up (1 byte), sizes of reads (2 bytes, 0: as
 * asked for), then what is done to the records, as changes below. */
#include "tape.h"

static tape tapes[HOSTS];
static host h;

/* A stream that the attacker makes of the tape's records. */
static uint8_t made[HOST_RX];
static tape_record made_record[TAPE_RECORDS * 2];
static size_t made_n, made_records;

/* -- changes -------------------------------------------------------------------- */

enum {
    KEEP,
    FLIP,
    SET,
    SHORTEN,
    DROP,
    TWICE,
    SWAP,
    INSERT,
    LATE,
    CUT,
    CHANGES
};

static void put(const uint8_t *p, size_t n, uint32_t after)
{
    tape_record *r;

    if (made_records == TAPE_RECORDS * 2 || n > HOST_RX - made_n) { return; }
    r = &made_record[made_records++];
    r->after = after;
    r->at = (uint16_t)made_n;
    r->len = (uint16_t)n;
    if (n) { memcpy(made + made_n, p, n); }
    made_n += n;
}

static void put_record(const tape *t, size_t i)
{
    const tape_record *r = &t->record[i];

    put(t->bytes + r->at, r->len, r->after);
}

/* A record of the attacker's own: its header is right if it likes. */
static void put_own(fuzz_input *in, uint32_t after)
{
    uint8_t record[5 + 255];
    const uint32_t bits = fuzz_take(in, 1);
    fuzz_input body;

    record[0] = (uint8_t)(bits & 4 ? fuzz_take(in, 1) : 20 + (bits & 3));
    record[1] = 3;
    record[2] = (uint8_t)(bits & 8 ? fuzz_take(in, 1) : 3);
    body = fuzz_part(in, fuzz_take(in, 1));
    record[3] = bits & 16 ? (uint8_t)fuzz_take(in, 1) : 0;
    record[4] = (uint8_t)body.n;
    if (body.n) { memcpy(record + 5, body.p, body.n); }
    put(record, 5 + body.n, after);
}

/* Changes record i; how many records were used up. */
static size_t change(const tape *t, size_t i, fuzz_input *in, int *cut)
{
    const tape_record *r = &t->record[i];
    const uint32_t what = fuzz_take(in, 1);
    const size_t at = made_n;
    size_t place;

    switch (what % CHANGES) {
    case FLIP:
    case SET:
        place = fuzz_take(in, 2) % r->len;
        put_record(t, i);
        if (at == made_n) { break; }
        if (what % CHANGES == FLIP) {
            made[at + place] ^= (uint8_t)(1 << (what / CHANGES & 7));
        } else {
            made[at + place] = (uint8_t)fuzz_take(in, 1);
        }
        break;
    case SHORTEN:
        put(t->bytes + r->at, fuzz_take(in, 2) % r->len, r->after);
        break;
    case DROP: break;
    case TWICE:
        put_record(t, i);
        put_record(t, i);
        break;
    case SWAP:
        if (i + 1 == t->records) { break; }
        put_record(t, i + 1);
        put_record(t, i);
        return 2;
    case INSERT: put_own(in, r->after); return 0;
    case LATE: /* all in one: comes before its time */
        put(t->bytes + r->at, r->len, 0);
        break;
    case CUT: *cut = 1; break;
    default: put_record(t, i); break;
    }
    return 1;
}

static void tamper(const tape *t, fuzz_input *in)
{
    size_t i = 0;
    int cut = 0;

    made_n = 0;
    made_records = 0;
    while (i < t->records && !cut && in->n) { i += change(t, i, in, &cut); }
    for (; i < t->records && !cut; i++) { put_record(t, i); }
}

/* -- what was changed ------------------------------------------------------------ */

static size_t record_size(const uint8_t *p)
{
    return 5u + p[3] * 256u + p[4];
}

/* The bytes of the handshake messages that a stream has in clear, which are all
 * that counts of it: not how records cut them. Returns where CCS stands. */
FUZZ_ORACLE static size_t clear_messages(const uint8_t *p, size_t n,
                                         uint8_t *out, size_t *out_n)
{
    size_t i = 0;
    size_t size;

    *out_n = 0;
    while (i + 5 <= n) {
        size = record_size(p + i);
        if (i + size > n || (p[i] == 20 && size > 5)) { break; }
        if (p[i] == 22) {
            memcpy(out + *out_n, p + i + 5, size - 5);
            *out_n += size - 5;
        }
        i += size;
    }
    return i;
}

/* In TLS: the server's messages came as they were. */
FUZZ_ORACLE static void check_transcript(const tape *t)
{
    static uint8_t a[HOST_RX], b[HOST_RX];
    size_t an, bn;

    (void)clear_messages(t->bytes, t->n, a, &an);
    (void)clear_messages(made, made_n, b, &bn);
    MUST(an == bn && memcmp(a, b, an) == 0);
}

/* How much of the welcome stands in records that came whole and unchanged, in
 * order, behind CCS. */
FUZZ_ORACLE static size_t authentic(const tape *t, int *whole)
{
    static uint8_t waste[HOST_RX];
    size_t n, i, j, size;
    size_t got = 0;

    i = clear_messages(t->bytes, t->n, waste, &n);
    j = clear_messages(made, made_n, waste, &n);
    while (i < t->n) {
        size = record_size(t->bytes + i);
        if (j + size > made_n || memcmp(t->bytes + i, made + j, size) != 0) {
            break;
        }
        /* 16 bytes of a tag, and 8 of a nonce where the suite is AES's */
        if (t->bytes[i] == 23) {
            got += size - 5 - 16;
            got -= (t - tapes) & HOST_AES ? 8 : 0;
        }
        i += size;
        j += size;
    }
    *whole = i == t->n;
    return got;
}

/* A session counts as resumed only if the server has resumed it. */
static void check_resumed(const tape *t)
{
    const unsigned how = (unsigned)(t - tapes);
    estls_report report;

    estls_info(&h.net, &report);
    MUST(report.resumed == ((how & (HOST_SAVED | HOST_STALE)) == HOST_SAVED));
}

/* -- the run ---------------------------------------------------------------------- */

static void host_replay(const tape *t, unsigned how, uint32_t chunks)
{
    host_init(&h, how);
    h.saved = t->before;
    h.chunks = chunks;
    h.ended = 1;
    memcpy(h.rx, made, made_n);
    memcpy(h.piece, made_record, made_records * sizeof *made_record);
    h.rx_n = made_n;
    h.pieces = made_records;
}

/* As rig_dead: the first error stays. */
static void check_dead(int rc)
{
    char byte;

    MUST(is_named(rc));
    MUST(estls_step(&h.net) == rc);
    MUST(estls_read(&h.net, &byte, 1) == rc);
    MUST(estls_write(&h.net, "x", 1) == rc);
}

/* Neither what came nor when. */
FUZZ_ORACLE static int untouched(const tape *t)
{
    return made_n == t->n && memcmp(made, t->bytes, t->n) == 0 &&
           made_records == t->records &&
           memcmp(made_record, t->record, t->records * sizeof *t->record) == 0;
}

static void run(const tape *t)
{
    int whole;
    const size_t most = authentic(t, &whole);
    const int same = untouched(t);
    int rc = host_open(&h);
    int closed;

    MUST(rc == ESTLS_BUSY);
    rc = host_step(&h);
    if (rc == ESTLS_OK) {
        check_transcript(t);
        check_resumed(t);
        rc = host_talk(&h);
    }
    MUST(rc < 0);
    MUST(h.got_n <= most);
    MUST(memcmp(h.got, HOST_WELCOME, h.got_n) == 0);
    if (same) { MUST(rc == ESTLS_E_CLOSED); }
    if (rc == ESTLS_E_CLOSED) { MUST(whole && h.got_n == most); }
    if (rc != ESTLS_E_TIMEOUT || h.net.err) { check_dead(rc); }
    closed = host_close(&h);
    MUST(closed == (rc == ESTLS_E_CLOSED ? (int)ESTLS_OK : h.net.err));
    host_said_tls(&h, 0);
    host_wiped(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const unsigned how = fuzz_take(&in, 1) % HOSTS;
    tape *t = &tapes[how];
    const uint32_t chunks = fuzz_take(&in, 2);

    if (!t->records) { tape_make(t, &h, how); }
    tamper(t, &in);
    host_replay(t, how, chunks);
    run(t);
    return 0;
}
