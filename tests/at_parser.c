/* at_parser.c - the parser alone: bytes in, events out, at every split. */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include "check.h"
#include "transcripts/esp.h"

enum {
    CAP = 70,
    GUARD = 8,
    LOG = CHECK_SIZE(8192, 400),
    CHUNK = CHECK_SIZE(4096, 128),
    SOUP = CHECK_SIZE(256, 96),
    PAIRS = CHECK_SIZE(1, 20), /* one of so many */
    STEP = CHECK_STEP,         /* from one chunk size, or cut, to the next */
    PIECE = CHECK_SIZE(1, 21), /* of a payload */
    RANDOM_CUTS = CHECK_ROUNDS(50, 3),
    FLOOD = CHECK_ROUNDS(256, 20), /* chunks */
    SOUPS = CHECK_ROUNDS(25000, 200),
    FINALS = CHECK_ROUNDS(20000, 200)
};

/* One parser and what comes of it: kept in the log, or compared at once. */
typedef struct run {
    estls_at at;
    char line[CAP + GUARD];
    size_t cap;
    const FLASH char *want; /* what is to come; null: it is kept */
    size_t n;               /* characters that came */
    int8_t wrong;
    int8_t in_data;
} run;

static run one, two;
static char log_text[LOG]; /* of the one run that has no want */
static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* -- events as text -------------------------------------------------------- */

static const char *const kinds[] = {
    "NONE", "LINE",  "OK",  "ERROR", "BUSY", "PROMPT", "PAYLOAD",
    "DATA", "AVAIL", "URC", "RESET", "ECHO", "BAD"};
static const char *const tags[] = {"",         " sent",     " not-sent",
                                   " taken",   " connect",  " closed",
                                   " wifi-up", " wifi-down"};

static void put(run *r, char c)
{
    if (r->want) {
        r->wrong |= *r->want != c;
        r->want += *r->want != 0;
        r->n++;
    } else if (r->n + 1 < sizeof log_text) {
        log_text[r->n++] = c;
        log_text[r->n] = 0;
    }
}

/* From here on exactly this is to come. */
static void expect(run *r, const FLASH char *want)
{
    r->want = want;
    r->n = 0;
    r->wrong = 0;
}

/* From here on it is kept. */
static void keep(run *r)
{
    r->want = NULL;
    r->n = 0;
    log_text[0] = 0;
}

#define CHECK_CAME(r) check_came(r, CHECK_WHERE(__LINE__))
static void check_came(const run *r, const FLASH char *where)
{
    if (!check_that(!r->wrong && !*r->want, where, FLASH_TEXT("events"))) {
        check_say(FLASH_TEXT("  not as wanted, before\n"));
        check_say(r->want);
        putchar('\n');
    }
}

static void put_string(run *r, const char *s)
{
    while (*s) { put(r, *s++); }
}

static void put_number(run *r, uint32_t v)
{
    char digits[11];
    size_t n = sizeof digits - 1;

    digits[n] = 0;
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    put_string(r, digits + n);
}

static void put_byte(run *r, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";

    if (c >= 0x20 && c < 0x7f) {
        put(r, (char)c);
    } else if (c == '\r' || c == '\n') {
        put(r, '\\');
        put(r, c == '\r' ? 'r' : 'n');
    } else {
        put_string(r, "\\x");
        put(r, hex[c >> 4]);
        put(r, hex[c & 15]);
    }
}

static void put_bytes(run *r, const char *p, size_t n)
{
    while (n--) { put_byte(r, (uint8_t)*p++); }
}

static void put_head(run *r, const estls_at_event *ev)
{
    put_string(r, kinds[ev->kind]);
    put_string(r, tags[ev->tag]);
    if (ev->overlong) { put_string(r, " overlong"); }
    if (ev->id >= 0 && ev->kind != ESTLS_AT_BAD) {
        put_string(r, " @");
        put_number(r, (uint32_t)ev->id);
    }
    if (ev->number != 0xffffffffu && ev->kind != ESTLS_AT_BAD) {
        put_string(r, " =");
        put_number(r, ev->number);
    }
    put(r, ' ');
}

/* "KIND tag overlong @id =number text". Spans of one payload become one. */
static void show(run *r, const estls_at_event *ev)
{
    const int more = r->in_data && ev->kind == ESTLS_AT_DATA;

    if (r->in_data && !more) { put(r, '\n'); }
    if (!more) { put_head(r, ev); }
    put_bytes(r, ev->text, ev->len);
    r->in_data = ev->kind == ESTLS_AT_DATA && r->at.left != 0;
    if (!r->in_data) { put(r, '\n'); }
}

/* -- feeding --------------------------------------------------------------- */

/* The log stays. */
static void start_again(run *r, const char *answer, size_t cap)
{
    memset(r, 0, sizeof *r);
    memset(r->line, '#', sizeof r->line);
    r->cap = cap;
    CHECK_INT(estls_at_init(&r->at, estls_at_esp(), r->line, cap), ESTLS_OK);
    r->at.expect = answer;
    r->at.prompt = 1;
}

static void start(run *r, const char *answer, size_t cap)
{
    start_again(r, answer, cap);
    keep(r);
}

static int event_sane(const run *r, const estls_at_event *ev, const char *p,
                      size_t n)
{
    if (ev->kind > ESTLS_AT_BAD || ev->tag > ESTLS_AT_WIFI_DOWN) { return 0; }
    if (ev->kind == ESTLS_AT_DATA) {
        return ev->len > 0 && ev->text >= p && ev->text + ev->len <= p + n;
    }
    return ev->len > 0 && ev->len <= r->cap;
}

/* The chunk ends where its memory ends, so that a sanitizer sees a read
 * beyond it. */
static void feed_chunk(run *r, const FLASH char *bytes, size_t n)
{
    static char memory[CHUNK];
    char *p = memory + CHUNK - n;
    estls_at_event ev;
    size_t used;

    flash_fetch(p, bytes, n);
    while (n) {
        used = estls_at_feed(&r->at, p, n, &ev);
        if (used == 0 || used > n) {
            CHECK(used >= 1 && used <= n);
            return;
        }
        if (ev.kind && !event_sane(r, &ev, p, n)) {
            CHECK(ev.kind && event_sane(r, &ev, p, n));
        } else if (ev.kind) {
            show(r, &ev);
        }
        p += used;
        n -= used;
    }
}

/* size 0: chunks of random size */
static void feed(run *r, const FLASH char *bytes, size_t n, size_t size)
{
    size_t part;

    while (n) {
        part = size ? size : 1 + random_below(1u << random_below(7));
        part = part < n ? part : n;
        part = part < CHUNK ? part : CHUNK;
        feed_chunk(r, bytes, part);
        bytes += part;
        n -= part;
    }
}

static void check_guard(const run *r)
{
    size_t i = r->cap;

    while (i < sizeof r->line && r->line[i] == '#') { i++; }
    CHECK_INT(i, sizeof r->line);
}

/* -- transcripts ----------------------------------------------------------- */

static void start_transcript(run *r, const transcript *t)
{
    start(r, t->expect, CAP);
    expect(r, t->events);
}

static void every_chunk_size(const transcript *t)
{
    size_t size;

    for (size = 1; size <= t->len && size <= CHUNK; size += STEP) {
        start_transcript(&one, t);
        feed(&one, t->rx, t->len, size);
        CHECK_CAME(&one);
    }
    check_guard(&one);
}

/* What came before the cut is what would have come anyway; after a resync the
 * next line is read right. */
static void every_cut(const transcript *t)
{
    size_t cut;

    for (cut = 0; cut <= t->len; cut += STEP) {
        start_transcript(&one, t);
        feed(&one, t->rx, cut, CHUNK);
        CHECK(!one.wrong);
        estls_at_resync(&one.at);
        expect(&one, "OK OK\n");
        one.in_data = 0;
        feed(&one, "\nOK\r\n", 5, CHUNK);
        CHECK_CAME(&one);
    }
}

static void random_chunks(const transcript *t)
{
    int i;

    for (i = 0; i < RANDOM_CUTS; i++) {
        start_transcript(&one, t);
        feed(&one, t->rx, t->len, 0);
        CHECK_CAME(&one);
    }
}

/* A line end is where a modem may put an unasked line. */
static void urc_at_every_boundary(const transcript *t)
{
    size_t cut;

    for (cut = 1; cut <= t->len; cut++) {
        if (t->rx[cut - 1] != '\n') { continue; }
        start_transcript(&one, t);
        feed(&one, t->rx, cut, CHUNK);
        if (one.at.left || one.at.len) { continue; }
        two = one;
        two.at.line = two.line;
        expect(&one, "URC closed @0 0,CLOSED\n");
        feed(&one, "0,CLOSED\r\n", 10, CHUNK);
        CHECK_CAME(&one);
        expect(&one, two.want);
        feed(&one, t->rx + cut, t->len - cut, CHUNK);
        CHECK_CAME(&one);
        feed(&two, t->rx + cut, t->len - cut, CHUNK);
        CHECK_CAME(&two);
    }
}

enum { TRANSCRIPTS = sizeof transcripts / sizeof transcripts[0] };

static void fetch_transcript(transcript *t, size_t i)
{
    flash_fetch(t, &transcripts[i], sizeof *t);
}

static void each_transcript(void (*test)(const transcript *))
{
    transcript t;
    size_t i;

    for (i = 0; i < TRANSCRIPTS; i++) {
        fetch_transcript(&t, i);
        check_note = t.name;
        test(&t);
    }
}

static void test_every_chunk_size(void)
{
    each_transcript(every_chunk_size);
}

static void test_every_cut(void)
{
    each_transcript(every_cut);
}

static void test_random_chunks(void)
{
    each_transcript(random_chunks);
}

static void test_urc_at_every_boundary(void)
{
    each_transcript(urc_at_every_boundary);
}

/* Two parsers, fed by turns, know nothing of each other. */
static void interleave(const transcript *a, const transcript *b)
{
    size_t i = 0;
    size_t j = 0;
    size_t n;

    start_transcript(&one, a);
    start_transcript(&two, b);
    while (i < a->len || j < b->len) {
        n = 1 + random_below(9);
        n = n < a->len - i ? n : a->len - i;
        feed(&one, a->rx + i, n, CHUNK);
        i += n;
        n = 1 + random_below(9);
        n = n < b->len - j ? n : b->len - j;
        feed(&two, b->rx + j, n, CHUNK);
        j += n;
    }
    CHECK_CAME(&one);
    CHECK_CAME(&two);
}

static void test_two_parsers(void)
{
    transcript a, b;
    size_t i, j;

    for (i = 0; i < TRANSCRIPTS; i++) {
        for (j = i % PAIRS; j < TRANSCRIPTS; j += PAIRS) {
            fetch_transcript(&a, i);
            fetch_transcript(&b, j);
            interleave(&a, &b);
        }
    }
}

/* -- hostile numbers ------------------------------------------------------- */

typedef struct header {
    char text[24];  /* what stands for the length, or the link id */
    int32_t number; /* -1: the header is refused */
} header;

static const FLASH header lengths[] = {
    {"0", 0},           {"00", 0},          {"1", 1},
    {"0005", 5},        {"-1", -1},         {"-5", -1},
    {"+5", -1},         {" 5", -1},         {"5 ", -1},
    {"0x10", -1},       {"5a", -1},         {"", -1},
    {"\"5\"", -1},      {"69", 69},         {"70", 70},
    {"71", 71},         {"65535", 65535},   {"65536", -1},
    {"99999", -1},      {"2147483648", -1}, {"4294967295", -1},
    {"4294967296", -1}, {"4294967301", -1}, {"18446744073709551621", -1},
};

static const FLASH header ids[] = {
    {"0", 0},   {"4", 4},  {"5", 5},          {"127", 127}, {"00", 0},
    {"-1", -1}, {":", -1}, {"128", -1},       {"255", -1},  {"256", -1},
    {" 1", -1}, {"", -1},  {"4294967296", -1}};

static void feed_string(run *r, const char *s)
{
    feed(r, s, strlen(s), 0);
}

/* Every byte of a payload is one of a reply. */
static void feed_payload(run *r, int32_t n)
{
    static const char reply[] = "\r\nOK\r\n+IPD,0,99999:> ";
    estls_at_event ev;
    size_t i = 0;
    size_t part = 1;

    for (; n > 0 && part; n -= (int32_t)part) {
        part = sizeof reply - 1 - i < PIECE ? sizeof reply - 1 - i : PIECE;
        part = (int32_t)part < n ? part : (size_t)n;
        if (estls_at_feed(&r->at, reply + i, part, &ev) != part ||
            ev.kind != ESTLS_AT_DATA) {
            CHECK_INT(ev.kind, ESTLS_AT_DATA);
            part = 0;
        }
        i = (i + part) % (sizeof reply - 1);
    }
}

static void hostile_length(const header *h, const char *prefix, const char *end)
{
    start(&one, "\n", CAP);
    feed_string(&one, prefix);
    feed_string(&one, h->text);
    feed_string(&one, end);
    CHECK(strncmp(log_text, h->number < 0 ? "BAD " : "PAYLOAD ", 4) == 0);
    CHECK_INT(one.at.left, h->number < 0 ? 0 : h->number);
    feed_payload(&one, h->number);
    CHECK_INT(one.at.left, 0);
    one.in_data = 0;
    expect(&one, "OK OK\n");
    feed_string(&one, h->number < 0 ? "abcOK\r\nOK\r\n" : "OK\r\n");
    CHECK_CAME(&one);
}

static void hostile_lengths(const header *h)
{
    hostile_length(h, "+IPD,0,", ":");
    hostile_length(h, "+IPD,", ":");
    hostile_length(h, "+IPD,3,", ",\"1.1.1.1\",80:");
    hostile_length(h, "+CIPRECVDATA,", ":");
    hostile_length(h, "+CIPRECVDATA:", ",");
}

static void hostile_id(const header *h)
{
    start(&one, "\n", CAP);
    feed_string(&one, "+IPD,");
    feed_string(&one, h->text);
    feed_string(&one, ",2:");
    CHECK_INT(one.at.left, h->number < 0 ? 0 : 2);
    CHECK_INT(one.at.left ? one.at.id : -1, h->number);
    feed_string(&one, "hi\r\n");
    expect(&one, "OK OK\n");
    feed_string(&one, "OK\r\n");
    CHECK_CAME(&one);
}

static void avail_length(const header *h)
{
    start(&one, "\n", CAP);
    feed_string(&one, "+IPD,2,");
    feed_string(&one, h->text);
    feed_string(&one, "\r\nOK\r\n");
    CHECK(strncmp(log_text, h->number < 0 ? "BAD " : "AVAIL @2", 4) == 0);
    CHECK(one.n > 6 && strcmp(log_text + one.n - 6, "OK OK\n") == 0);
}

static void each_header(const FLASH header *rows, size_t count,
                        void (*test)(const header *))
{
    header h;

    for (; count--; rows++) {
        flash_fetch(&h, rows, sizeof h);
        check_note = h.text;
        test(&h);
    }
}

static void test_hostile_lengths(void)
{
    each_header(lengths, sizeof lengths / sizeof lengths[0], hostile_lengths);
}

static void test_hostile_ids(void)
{
    each_header(ids, sizeof ids / sizeof ids[0], hostile_id);
}

static void test_avail_lengths(void)
{
    each_header(lengths, sizeof lengths / sizeof lengths[0], avail_length);
}

/* -- floods ---------------------------------------------------------------- */

/* 1 MB of one byte and no LF: counts events, then a good line must follow. */
static void flood(char byte, const char *want)
{
    static char block[CHUNK];
    int i;

    memset(block, byte, sizeof block);
    start(&one, NULL, CAP);
    for (i = 0; i < FLOOD; i++) { feed(&one, block, sizeof block, CHUNK); }
    CHECK(strncmp(log_text, want, strlen(want)) == 0);
    CHECK(one.n <= 400);
    keep(&one);
    feed_string(&one, "OK\r\nOK\r\n");
    CHECK(one.n >= 6 && strcmp(log_text + one.n - 6, "OK OK\n") == 0);
    check_guard(&one);
}

static void test_floods(void)
{
    flood('A', "LINE overlong AAAA");
    flood((char)0xff, "LINE overlong \\xff\\xff");
    flood('"', "LINE overlong \"\"");
    flood(' ', "LINE overlong    ");
    flood('>', "PROMPT >\nLINE overlong >>>");
    flood('\0', "");
    flood('\r', "");
    flood('\n', "");
    flood(0x11, "");
}

static void exact_line(size_t cap, size_t fill, const char *tail)
{
    size_t i;

    start(&one, NULL, cap);
    for (i = 0; i < fill; i++) { feed_chunk(&one, "A", 1); }
    feed_string(&one, tail);
    check_guard(&one);
}

/* A line of exactly the capacity is whole; one byte more is cut, and what is
 * beyond the cut is not a line. */
static void test_capacity(void)
{
    size_t cap;

    for (cap = 16; cap <= CAP; cap++) {
        exact_line(cap, cap - 2, "OK\r\n");
        CHECK(strncmp(log_text, "LINE AAA", 8) == 0);
        CHECK_INT(one.n, 5 + cap + 1);
        exact_line(cap, cap, "\r\nOK\r\n");
        CHECK(strncmp(log_text, "LINE AAA", 8) == 0);
        CHECK_INT(one.n, 5 + cap + 7);
        exact_line(cap, cap - 1, "OK\r\n");
        CHECK(strncmp(log_text, "LINE overlong AAA", 17) == 0);
        CHECK_INT(one.n, 14 + cap + 1);
        exact_line(cap, cap, "OK\r\n");
        CHECK(strncmp(log_text, "LINE overlong AAA", 17) == 0);
        CHECK_INT(one.n, 14 + cap + 1);
    }
}

static void test_init(void)
{
    estls_at at;
    char line[16];

    CHECK_INT(estls_at_init(&at, estls_at_esp(), line, 16), ESTLS_OK);
    CHECK_INT(estls_at_init(&at, estls_at_esp(), line, 15), ESTLS_E_SPACE);
    CHECK_INT(estls_at_init(&at, estls_at_esp(), line, 0), ESTLS_E_SPACE);
    CHECK_INT(estls_at_init(&at, estls_at_esp(), NULL, 16), ESTLS_E_ARG);
    CHECK_INT(estls_at_init(&at, NULL, line, 16), ESTLS_E_ARG);
    /* more than it can count; of 17 bits it would keep 1 */
    CHECK_INT(estls_at_init(&at, estls_at_esp(), line, 0x8001), ESTLS_OK);
    CHECK_INT(at.cap, 0x7fff);
}

/* After a resync the rest of the line is dropped, whatever it was. */
static void resync_after(const char *before, const char *tail)
{
    check_note = before;
    start(&one, NULL, CAP);
    feed_string(&one, before);
    estls_at_resync(&one.at);
    one.in_data = 0;
    expect(&one, "");
    feed_string(&one, tail);
    CHECK_CAME(&one);
    expect(&one, "OK OK\n");
    feed_string(&one, "OK\r\n");
    CHECK_CAME(&one);
}

/* Nothing is fed while a payload is under way, and so nothing happens. */
static void test_nothing_within_a_payload(void)
{
    estls_at_event ev;

    start(&one, "\n", CAP);
    feed_string(&one, "+IPD,0,10:abc");
    CHECK_INT(estls_at_feed(&one.at, "", 0, &ev), 0);
    CHECK_INT(ev.kind, ESTLS_AT_NONE);
    CHECK_INT(one.at.left, 7);
}

static void test_resync(void)
{
    resync_after("", "OK\r\n");
    resync_after("ERROR\r\n", "OK\r\n");
    resync_after("E", "RROR\r\n");
    resync_after("+IPD,0,10:abc", "OK\r\n");
    resync_after("+IPD,0", ",5:hello\r\n");
}

/* A table of the caller's own: SIMCom puts the id first and a line end behind
 * the header. */
static void test_other_dialect(void)
{
    static const estls_at_rule rules[] ESTLS_ROM = {
        ESTLS_AT_RULE("+RECEIVE,", ESTLS_AT_PAYLOAD, ESTLS_AT_ID_FIRST, 0, ':'),
        ESTLS_AT_RULE("0", ESTLS_AT_OK, ESTLS_AT_WHOLE, 0, 0),
        ESTLS_AT_RULE("4", ESTLS_AT_ERROR, ESTLS_AT_WHOLE, 0, 0),
        ESTLS_AT_RULES_END};
    static const char rx[] = "+RECEIVE,1,3,x:abc\r\n0\r\n4\r\n40\r\n";

    start(&one, NULL, CAP);
    one.at.rules = rules;
    expect(&one, "PAYLOAD @1 =3 +RECEIVE,1,3,x:\n"
                 "DATA @1 abc\n"
                 "OK 0\n"
                 "ERROR 4\n"
                 "LINE 40\n");
    feed(&one, rx, sizeof rx - 1, 0);
    CHECK_CAME(&one);
}

/* -- soup: tokens at random, cut at random --------------------------------- */

static const FLASH char tokens[][24] = {"\r\n",
                                        "\r\n",
                                        "\r\n",
                                        "\n",
                                        "\r",
                                        "OK",
                                        "OK\r\n",
                                        "ERROR\r\n",
                                        "SEND OK",
                                        "SEND FAIL\r\n",
                                        "+IPD,",
                                        "+IPD,0,5:",
                                        "+IPD,3:",
                                        "+IPD,0,7\r\n",
                                        "0,",
                                        "1",
                                        "5",
                                        "-",
                                        ",",
                                        ":",
                                        "\"",
                                        "\\",
                                        "(",
                                        ">",
                                        "> ",
                                        " ",
                                        "CONNECT",
                                        "CLOSED",
                                        "CONNECT FAIL",
                                        "ready\r\n",
                                        "busy p...",
                                        "Recv 5 bytes",
                                        "AT+X",
                                        "AT\r\r\n",
                                        "+CME ERROR: 3",
                                        "+CIPRECVDATA,2:",
                                        "+CIPRECVDATA:3,",
                                        "WIFI GOT IP",
                                        "+CIPMUX:1",
                                        "AAAAAAAAAAAAAAA",
                                        "99999999999",
                                        "\xff",
                                        "\x01",
                                        "\x13",
                                        "\x14",
                                        "\x7f",
                                        "+IPD,0,3,\"1.2\",80:",
                                        "+IPD,1,0:"};

static size_t make_soup(char *soup, size_t cap)
{
    const uint32_t count = 1 + random_below(14);
    const size_t kinds_of = sizeof tokens / sizeof tokens[0];
    char token[sizeof tokens[0]];
    size_t n = 0;
    size_t len;
    uint32_t i;

    for (i = 0; i < count; i++) {
        flash_fetch(token, tokens + random_below((uint32_t)kinds_of),
                    sizeof token);
        if (random_below(20) == 0) { token[0] = 0; }
        len = *token ? strlen(token) : 1; /* a NUL */
        if (n + len > cap) { break; }
        memcpy(soup + n, token, len);
        n += len;
    }
    return n;
}

static void test_soup(void)
{
    static const char *const expects[] = {NULL, "\n", "+CIPMUX:", "A"};
    static char edge[CAP]; /* a sanitizer sees what goes beyond it */
    char soup[SOUP];
    size_t n, cap;
    const char *answer;
    int i;

    for (i = 0; i < SOUPS; i++) {
        n = make_soup(soup, sizeof soup);
        cap = 16 + random_below(CAP - 16 + 1);
        answer = expects[random_below(4)];
        start(&two, answer, cap);
        feed(&two, soup, n, CHUNK);
        start_again(&one, answer, cap);
        expect(&one, log_text);
        feed(&one, soup, n, 1);
        CHECK_CAME(&one);
        start_again(&two, answer, cap);
        two.at.line = edge + CAP - cap;
        expect(&two, log_text);
        feed(&two, soup, n, 0);
        CHECK_CAME(&two);
        check_guard(&one);
    }
}

/* The same, without payload: exactly the lines that read OK are OK. */
static long lines_that_are(const char *text, const char *p, size_t n)
{
    char line[SOUP];
    size_t len = 0;
    long count = 0;

    for (; n--; p++) {
        if (*p == '\n') {
            line[len] = 0;
            count += strcmp(line, text) == 0;
            len = 0;
        } else if ((uint8_t)*p >= 0x14) {
            line[len++] = *p;
        }
    }
    return count;
}

static long events_that_are(const char *text)
{
    long count = 0;
    const char *p = log_text;

    while ((p = strstr(p, text)) != NULL) {
        count += p == log_text || p[-1] == '\n';
        p++;
    }
    return count;
}

static void test_finals_are_never_forged(void)
{
    char soup[SOUP - 1];
    size_t n;
    int i;

    for (i = 0; i < FINALS; i++) {
        n = make_soup(soup, sizeof soup);
        start(&one, NULL, 16 + random_below(9));
        one.at.prompt = 0;
        one.at.rules = estls_at_esp() + 5; /* behind all payload headers */
        feed(&one, soup, n, 0);
        CHECK_INT(events_that_are("OK "),
                  lines_that_are("OK", soup, n) +
                      lines_that_are("SEND OK", soup, n));
        CHECK_INT(events_that_are("RESET "), lines_that_are("ready", soup, n));
    }
}

/* What is nearly a line that says something, and a line that is all prefix. */
static void test_near_misses(void)
{
    char line[64];
    estls_at_event ev;
    estls_at at;

    CHECK_INT(estls_at_init(&at, estls_at_esp(), line, sizeof line), ESTLS_OK);
    at.expect = "+X:";
    (void)estls_at_feed(&at, "+X:\r\n", 5, &ev);
    CHECK_INT(ev.kind, ESTLS_AT_LINE);
    (void)estls_at_feed(&at, "+X\r\n", 4, &ev);
    CHECK_INT(ev.kind, ESTLS_AT_URC);
    (void)estls_at_feed(&at, "1,CLOSED\r\n", 10, &ev);
    CHECK_INT(ev.tag, ESTLS_AT_CLOSED);
    (void)estls_at_feed(&at, "1;CLOSED\r\n", 10, &ev);
    CHECK_INT(ev.tag, 0);
    (void)estls_at_feed(&at, "Recv 5 bytes\r\n", 14, &ev);
    CHECK_INT(ev.number, 5);
    (void)estls_at_feed(&at, "Recv   5\r\n", 10, &ev);
    CHECK_INT(ev.number, 5);
    (void)estls_at_feed(&at, "Recv 5x bytes\r\n", 15, &ev);
    CHECK(ev.tag == ESTLS_AT_TAKEN && ev.number == 0xffffffffu);
    (void)estls_at_feed(&at, "Recv \r\n", 7, &ev);
    CHECK(ev.tag == ESTLS_AT_TAKEN && ev.number == 0xffffffffu);
}

int main(void)
{
    RUN(test_init);
    RUN(test_every_chunk_size);
    RUN(test_every_cut);
    RUN(test_random_chunks);
    RUN(test_urc_at_every_boundary);
    RUN(test_near_misses);
    RUN(test_two_parsers);
    RUN(test_hostile_lengths);
    RUN(test_hostile_ids);
    RUN(test_avail_lengths);
    RUN(test_floods);
    RUN(test_capacity);
    RUN(test_nothing_within_a_payload);
    RUN(test_resync);
    RUN(test_other_dialect);
    RUN(test_soup);
    RUN(test_finals_are_never_forged);
    return check_end();
}
