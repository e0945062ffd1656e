/* parser.c - any bytes to the AT parser: in one chunk, byte by byte and in
 * chunks of random size they must give the same events, a payload is as long
 * as its header said, and no final result is forged.
 *
 * Input: how the parser is set up (2 bytes), where the random chunks come from
 * (2 bytes), and what the modem says. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "fuzz.h"

enum { CAP_MIN = 16, CAP_MAX = 79 };

/* How a caller uses the parser, the same for each run. */
typedef struct setup {
    const char *expect;
    size_t cap;
    uint8_t prompt;   /* armed from the start */
    uint8_t rearm;    /* ... and by each OK, as an engine's next command does */
    uint16_t give_up; /* resync where a payload is longer */
} setup;

/* One parser, and what came of it, as a sum. */
typedef struct run {
    estls_at at;
    const setup *how;
    uint64_t sum;
    uint32_t owed; /* payload bytes of the last header */
    uint32_t events;
} run;

/* The last bytes of this are the line, so that a write beyond it is seen. */
static char line_memory[CAP_MAX];
static int verbose; /* set it in a debugger */

FUZZ_ORACLE static void add(run *r, const char *p, size_t n)
{
    uint64_t sum = r->sum;

    while (n--) { sum = (sum ^ (uint8_t)*p++) * 0x100000001b3u; }
    r->sum = sum;
}

FUZZ_ORACLE static void add_number(run *r, uint32_t v)
{
    r->sum = (r->sum ^ v) * 0x9e3779b97f4a7c15u;
    r->sum ^= r->sum >> 29;
}

static void show(const estls_at_event *ev)
{
    fprintf(stderr, "  kind %u tag %u overlong %u id %d number %u: %.*s\n",
            (unsigned)ev->kind, (unsigned)ev->tag, (unsigned)ev->overlong,
            ev->id, (unsigned)ev->number, (int)ev->len, ev->text);
}

/* Spans of a payload are one event, whatever they are cut into. */
FUZZ_ORACLE static void note(run *r, const estls_at_event *ev)
{
    if (verbose) { show(ev); }
    r->events++;
    if (ev->kind != ESTLS_AT_DATA) {
        MUST(!r->owed);
        MUST(ev->len > 0 && ev->len <= r->how->cap);
        MUST(ev->kind <= ESTLS_AT_BAD && ev->tag <= ESTLS_AT_WIFI_DOWN);
        add_number(r, (uint32_t)(ev->kind << 16 | ev->tag << 8 | ev->overlong));
        add_number(r, (uint32_t)ev->id);
        add_number(r, ev->number);
        add_number(r, (uint32_t)ev->len);
        if (ev->kind == ESTLS_AT_PAYLOAD) { r->owed = ev->number; }
    } else {
        MUST(ev->len > 0 && ev->len <= r->owed);
        r->owed -= (uint32_t)ev->len;
    }
    add(r, ev->text, ev->len);
    MUST(r->at.left == r->owed);
}

FUZZ_ORACLE static void act(run *r, const estls_at_event *ev)
{
    if (ev->kind == ESTLS_AT_OK && r->how->rearm) { r->at.prompt = 1; }
    if (ev->kind == ESTLS_AT_PAYLOAD && ev->number > r->how->give_up) {
        estls_at_resync(&r->at);
        r->owed = 0;
    }
}

FUZZ_ORACLE static void start(run *r, const setup *how)
{
    memset(r, 0, sizeof *r);
    r->how = how;
    MUST(estls_at_init(&r->at, estls_at_esp(), line_memory + CAP_MAX - how->cap,
                       how->cap) == ESTLS_OK);
    r->at.expect = how->expect;
    r->at.prompt = how->prompt;
}

FUZZ_ORACLE static void feed(run *r, const char *p, size_t n)
{
    estls_at_event ev;
    size_t used;

    for (; n; p += used, n -= used) {
        used = estls_at_feed(&r->at, p, n, &ev);
        MUST(used > 0 && used <= n);
        if (!ev.kind) {
            MUST(used == n);
            continue;
        }
        if (ev.kind == ESTLS_AT_DATA) { MUST(ev.text == p && ev.len == used); }
        note(r, &ev);
        act(r, &ev);
    }
}

FUZZ_ORACLE static void feed_chunks(run *r, const fuzz_input *rx, uint32_t seed)
{
    size_t i, n;

    for (i = 0; i < rx->n; i += n) {
        seed = seed * 1664525u + 1013904223u;
        n = 1 + (seed >> 16) % (seed >> 31 ? 4 : 40);
        n = n < rx->n - i ? n : rx->n - i;
        feed(r, (const char *)rx->p + i, n);
    }
}

/* -- what a final is, told without the parser ------------------------------- */

FUZZ_ORACLE static int is_final(const estls_at_event *ev)
{
    return ev->kind == ESTLS_AT_OK || ev->kind == ESTLS_AT_RESET ||
           (ev->kind == ESTLS_AT_ERROR && ev->text[0] != '+');
}

/* Is this all that stands between from and to, but for control bytes? */
FUZZ_ORACLE static int is_whole(const uint8_t *from, const uint8_t *to,
                                const estls_at_event *ev)
{
    size_t i = 0;

    for (; from != to; from++) {
        if (*from <= 0x13) { continue; }
        if (i == ev->len || (uint8_t)ev->text[i++] != *from) { return 0; }
    }
    return i == ev->len;
}

FUZZ_ORACLE static int is_known(const estls_at_event *ev)
{
    static const char *const finals[] = {"OK",   "SEND OK",   "ERROR",
                                         "FAIL", "SEND FAIL", "ready"};
    size_t i;

    for (i = 0; i < sizeof finals / sizeof finals[0]; i++) {
        if (strlen(finals[i]) == ev->len &&
            memcmp(finals[i], ev->text, ev->len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Byte by byte, so that it is known where each line begins: behind an LF, a
 * payload, or a prompt. */
FUZZ_ORACLE static void feed_bytes(run *r, const fuzz_input *rx)
{
    static char byte;
    estls_at_event ev;
    const uint8_t *p = rx->p;
    const uint8_t *line = p;
    const uint8_t *end = p + rx->n;
    uint8_t blank = 0; /* a blank here belongs to the prompt */

    for (; p != end; p++) {
        byte = (char)*p;
        MUST(estls_at_feed(&r->at, &byte, 1, &ev) == 1);
        if (is_final(&ev)) {
            MUST(is_known(&ev));
            MUST(is_whole(line, p, &ev));
        }
        if (ev.kind) {
            note(r, &ev);
            act(r, &ev);
        }
        if (*p == '\n' || ev.kind == ESTLS_AT_PAYLOAD ||
            ev.kind == ESTLS_AT_DATA || ev.kind == ESTLS_AT_PROMPT ||
            (blank && *p == ' ')) {
            line = p + 1;
        }
        blank = ev.kind == ESTLS_AT_PROMPT;
    }
}

/* -- the target -------------------------------------------------------------- */

static void set_up(setup *how, fuzz_input *in)
{
    static const char *const expects[] = {NULL, "\n", "+CIPMUX:", "A"};
    const uint32_t bits = fuzz_take(in, 1);

    how->expect = expects[bits & 3];
    how->prompt = bits >> 2 & 1;
    how->rearm = bits >> 3 & 1;
    how->give_up = bits >> 4 & 1 ? 9 : 0xffff;
    how->cap = CAP_MIN + fuzz_take(in, 1) % (CAP_MAX - CAP_MIN + 1);
}

FUZZ_ORACLE static void compare(const run *a, const run *b)
{
    MUST(a->sum == b->sum);
    MUST(a->owed == b->owed);
    MUST(a->at.len == b->at.len && a->at.skip == b->at.skip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    run whole, bytes, chunks;
    setup how;
    uint32_t seed;

    set_up(&how, &in);
    seed = fuzz_take(&in, 2);
    start(&bytes, &how);
    feed_bytes(&bytes, &in);
    start(&whole, &how);
    feed(&whole, (const char *)in.p, in.n);
    compare(&bytes, &whole);
    start(&chunks, &how);
    feed_chunks(&chunks, &in, seed);
    compare(&bytes, &chunks);
    return 0;
}
