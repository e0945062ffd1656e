/* at_parser.c - the parser alone: bytes in, events out, at every split. */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include "check.h"
#include "transcripts/esp.h"

enum { CAP = 70, GUARD = 8, LOG = 8192, CHUNK = 4096 };

/* One parser and what came of it. */
typedef struct run {
    estls_at at;
    char line[CAP + GUARD];
    size_t cap;
    char log[LOG];
    size_t n;
    int in_data;
    int8_t data_id;
} run;

static run one, two, whole;
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
    if (r->n + 1 < sizeof r->log) {
        r->log[r->n++] = c;
        r->log[r->n] = 0;
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
    r->in_data = ev->kind == ESTLS_AT_DATA && r->at.left;
    if (!r->in_data) { put(r, '\n'); }
}

/* -- feeding --------------------------------------------------------------- */

static void start(run *r, const char *expect, size_t cap)
{
    memset(r, 0, sizeof *r);
    memset(r->line, '#', sizeof r->line);
    r->cap = cap;
    CHECK_INT(estls_at_init(&r->at, estls_at_esp(), r->line, cap), ESTLS_OK);
    r->at.expect = expect;
    r->at.prompt = 1;
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
static void feed_chunk(run *r, const char *bytes, size_t n)
{
    static char memory[CHUNK];
    char *p = memory + CHUNK - n;
    estls_at_event ev;
    size_t used;

    memcpy(p, bytes, n);
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
static void feed(run *r, const char *bytes, size_t n, size_t size)
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

static void every_chunk_size(const transcript *t)
{
    size_t size;

    for (size = 1; size <= t->len; size++) {
        start(&one, t->expect, CAP);
        feed(&one, t->rx, t->len, size);
        CHECK_TEXT(one.log, t->events);
    }
    check_guard(&one);
}

/* What came before the cut is what would have come anyway; after a resync the
 * next line is read right. */
static void every_cut(const transcript *t)
{
    size_t cut;

    for (cut = 0; cut <= t->len; cut++) {
        start(&one, t->expect, CAP);
        feed(&one, t->rx, cut, CHUNK);
        CHECK(strncmp(one.log, t->events, one.n) == 0);
        estls_at_resync(&one.at);
        one.n = 0;
        one.in_data = 0;
        feed(&one, "\nOK\r\n", 5, CHUNK);
        CHECK_TEXT(one.log, "OK OK\n");
    }
}

static void random_chunks(const transcript *t)
{
    int i;

    for (i = 0; i < 50; i++) {
        start(&one, t->expect, CAP);
        feed(&one, t->rx, t->len, 0);
        CHECK_TEXT(one.log, t->events);
    }
}

/* A line end is where a modem may put an unasked line. */
static void urc_at_every_boundary(const transcript *t)
{
    static const char urc[] = "0,CLOSED\r\n";
    size_t cut;

    for (cut = 1; cut <= t->len; cut++) {
        start(&one, t->expect, CAP);
        feed(&one, t->rx, cut, CHUNK);
        if (t->rx[cut - 1] != '\n' || one.at.left || one.at.len) { continue; }
        two = one;
        two.at.line = two.line;
        feed(&two, t->rx + cut, t->len - cut, CHUNK);
        CHECK_TEXT(two.log, t->events);
        memmove(two.log, two.log + one.n, two.n - one.n + 1);
        feed(&one, urc, sizeof urc - 1, CHUNK);
        CHECK(strstr(one.log, "URC closed @0 0,CLOSED\n") != NULL);
        one.n = 0;
        feed(&one, t->rx + cut, t->len - cut, CHUNK);
        one.log[one.n] = 0;
        CHECK_TEXT(one.log, two.log);
    }
}

static void test_transcripts(void)
{
    size_t i;

    for (i = 0; i < sizeof transcripts / sizeof transcripts[0]; i++) {
        check_note = transcripts[i].name;
        every_chunk_size(&transcripts[i]);
        every_cut(&transcripts[i]);
        random_chunks(&transcripts[i]);
        urc_at_every_boundary(&transcripts[i]);
    }
    check_note = "";
}

/* Two parsers, fed by turns, know nothing of each other. */
static void interleave(const transcript *a, const transcript *b)
{
    size_t i = 0;
    size_t j = 0;
    size_t n;

    start(&one, a->expect, CAP);
    start(&two, b->expect, CAP);
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
    CHECK_TEXT(one.log, a->events);
    CHECK_TEXT(two.log, b->events);
}

static void test_two_parsers(void)
{
    const size_t n = sizeof transcripts / sizeof transcripts[0];
    size_t i, j;

    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            interleave(&transcripts[i], &transcripts[j]);
        }
    }
}

/* -- hostile numbers ------------------------------------------------------- */

typedef struct header {
    const char *text; /* what stands for the length, or the link id */
    long number;      /* -1: the header is refused */
} header;

static const header lengths[] = {
    {"0", 0},           {"00", 0},          {"1", 1},
    {"0005", 5},        {"-1", -1},         {"-5", -1},
    {"+5", -1},         {" 5", -1},         {"5 ", -1},
    {"0x10", -1},       {"5a", -1},         {"", -1},
    {"\"5\"", -1},      {"69", 69},         {"70", 70},
    {"71", 71},         {"65535", 65535},   {"65536", -1},
    {"99999", -1},      {"2147483648", -1}, {"4294967295", -1},
    {"4294967296", -1}, {"4294967301", -1}, {"18446744073709551621", -1},
};

static const header ids[] = {
    {"0", 0},   {"4", 4},  {"5", 5},          {"127", 127}, {"00", 0},
    {"-1", -1}, {":", -1}, {"128", -1},       {"255", -1},  {"256", -1},
    {" 1", -1}, {"", -1},  {"4294967296", -1}};

static void feed_string(run *r, const char *s)
{
    feed(r, s, strlen(s), 0);
}

/* Every byte of a payload is one of a reply. */
static void feed_payload(run *r, long n)
{
    static const char reply[] = "\r\nOK\r\n+IPD,0,99999:> ";
    size_t i = 0;

    for (; n > 0; n--) {
        feed_chunk(r, reply + i, 1);
        i = (i + 1) % (sizeof reply - 1);
        r->n = 0;
    }
}

static void hostile_length(const header *h, const char *prefix, const char *end)
{
    check_note = h->text;
    start(&one, "\n", CAP);
    feed_string(&one, prefix);
    feed_string(&one, h->text);
    feed_string(&one, end);
    CHECK(strncmp(one.log, h->number < 0 ? "BAD " : "PAYLOAD ", 4) == 0);
    CHECK_INT(one.at.left, h->number < 0 ? 0 : h->number);
    one.n = 0;
    feed_payload(&one, h->number);
    CHECK_INT(one.at.left, 0);
    one.n = 0;
    feed_string(&one, h->number < 0 ? "abcOK\r\nOK\r\n" : "OK\r\n");
    CHECK_TEXT(one.log, "OK OK\n");
    check_note = "";
}

static void test_hostile_lengths(void)
{
    size_t i;

    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        hostile_length(&lengths[i], "+IPD,0,", ":");
        hostile_length(&lengths[i], "+IPD,", ":");
        hostile_length(&lengths[i], "+IPD,3,", ",\"1.1.1.1\",80:");
        hostile_length(&lengths[i], "+CIPRECVDATA,", ":");
        hostile_length(&lengths[i], "+CIPRECVDATA:", ",");
    }
}

static void test_hostile_ids(void)
{
    size_t i;

    for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        check_note = ids[i].text;
        start(&one, "\n", CAP);
        feed_string(&one, "+IPD,");
        feed_string(&one, ids[i].text);
        feed_string(&one, ",2:");
        CHECK_INT(one.at.left, ids[i].number < 0 ? 0 : 2);
        CHECK_INT(one.at.left ? one.at.id : -1, ids[i].number);
        feed_string(&one, "hi\r\n");
        one.n = 0;
        feed_string(&one, "OK\r\n");
        CHECK_TEXT(one.log, "OK OK\n");
    }
    check_note = "";
}

static void test_avail_lengths(void)
{
    size_t i;

    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_note = lengths[i].text;
        start(&one, "\n", CAP);
        feed_string(&one, "+IPD,2,");
        feed_string(&one, lengths[i].text);
        feed_string(&one, "\r\nOK\r\n");
        CHECK(strncmp(one.log, lengths[i].number < 0 ? "BAD " : "AVAIL @2",
                      4) == 0);
        CHECK(one.n > 6 && strcmp(one.log + one.n - 6, "OK OK\n") == 0);
    }
    check_note = "";
}

/* -- floods ---------------------------------------------------------------- */

/* 1 MB of one byte and no LF: counts events, then a good line must follow. */
static void flood(char byte, const char *want)
{
    static char block[CHUNK];
    int i;

    memset(block, byte, sizeof block);
    start(&one, NULL, CAP);
    for (i = 0; i < 256; i++) { feed(&one, block, sizeof block, CHUNK); }
    CHECK(strncmp(one.log, want, strlen(want)) == 0);
    CHECK(one.n <= 400);
    one.n = 0;
    feed_string(&one, "OK\r\nOK\r\n");
    CHECK(one.n >= 6 && strcmp(one.log + one.n - 6, "OK OK\n") == 0);
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
        CHECK(strncmp(one.log, "LINE AAA", 8) == 0);
        CHECK_INT(one.n, 5 + cap + 1);
        exact_line(cap, cap, "\r\nOK\r\n");
        CHECK(strncmp(one.log, "LINE AAA", 8) == 0);
        CHECK_INT(one.n, 5 + cap + 7);
        exact_line(cap, cap - 1, "OK\r\n");
        CHECK(strncmp(one.log, "LINE overlong AAA", 17) == 0);
        CHECK_INT(one.n, 14 + cap + 1);
        exact_line(cap, cap, "OK\r\n");
        CHECK(strncmp(one.log, "LINE overlong AAA", 17) == 0);
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
}

/* After a resync the rest of the line is dropped, whatever it was. */
static void resync_after(const char *before, const char *tail)
{
    check_note = before;
    start(&one, NULL, CAP);
    feed_string(&one, before);
    estls_at_resync(&one.at);
    one.n = 0;
    one.in_data = 0;
    feed_string(&one, tail);
    one.log[one.n] = 0;
    CHECK_TEXT(one.log, "");
    feed_string(&one, "OK\r\n");
    CHECK_TEXT(one.log, "OK OK\n");
    check_note = "";
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
    static const estls_at_rule rules[] = {
        ESTLS_AT_RULE("+RECEIVE,", ESTLS_AT_PAYLOAD, ESTLS_AT_ID_FIRST, 0, ':'),
        ESTLS_AT_RULE("0", ESTLS_AT_OK, ESTLS_AT_WHOLE, 0, 0),
        ESTLS_AT_RULE("4", ESTLS_AT_ERROR, ESTLS_AT_WHOLE, 0, 0),
        ESTLS_AT_RULES_END};
    static const char rx[] = "+RECEIVE,1,3,x:abc\r\n0\r\n4\r\n40\r\n";

    start(&one, NULL, CAP);
    one.at.rules = rules;
    feed(&one, rx, sizeof rx - 1, 0);
    CHECK_TEXT(one.log, "PAYLOAD @1 =3 +RECEIVE,1,3,x:\n"
                        "DATA @1 abc\n"
                        "OK 0\n"
                        "ERROR 4\n"
                        "LINE 40\n");
}

/* -- soup: tokens at random, cut at random --------------------------------- */

static const char *const tokens[] = {"\r\n",
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
    size_t n = 0;
    size_t len;
    uint32_t i;

    for (i = 0; i < count; i++) {
        const char *token = tokens[random_below((uint32_t)kinds_of)];
        if (random_below(20) == 0) { token = ""; /* a NUL */ }
        len = *token ? strlen(token) : 1;
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
    char soup[256];
    size_t n, cap;
    const char *expect;
    long i;

    for (i = 0; i < 25000; i++) {
        n = make_soup(soup, sizeof soup);
        cap = 16 + random_below(CAP - 16 + 1);
        expect = expects[random_below(4)];
        start(&whole, expect, cap);
        start(&one, expect, cap);
        start(&two, expect, cap);
        two.at.line = edge + CAP - cap;
        feed(&whole, soup, n, CHUNK);
        feed(&one, soup, n, 1);
        feed(&two, soup, n, 0);
        CHECK_TEXT(one.log, whole.log);
        CHECK_TEXT(two.log, whole.log);
        check_guard(&one);
    }
}

/* The same, without payload: exactly the lines that read OK are OK. */
static long lines_that_are(const char *text, const char *p, size_t n)
{
    char line[256];
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
    const char *p = one.log;

    while ((p = strstr(p, text)) != NULL) {
        count += p == one.log || p[-1] == '\n';
        p++;
    }
    return count;
}

static void test_finals_are_never_forged(void)
{
    char soup[250];
    size_t n;
    long i;

    for (i = 0; i < 20000; i++) {
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

int main(void)
{
    test_init();
    test_transcripts();
    test_two_parsers();
    test_hostile_lengths();
    test_hostile_ids();
    test_avail_lengths();
    test_floods();
    test_capacity();
    test_resync();
    test_other_dialect();
    test_soup();
    test_finals_are_never_forged();
    return check_end();
}
