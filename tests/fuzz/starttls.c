/* starttls.c - each protocol with a hostile server. Whatever it says: in clear
 * goes out only the preamble, command by command, and behind the last command
 * nothing but TLS; TLS begins only when the go-ahead was the last thing heard;
 * the application gets nothing, and can say nothing, before; and it ends.
 *
 * Input: the protocol (1 byte), sizes of reads (2 bytes, 0: as asked for), then
 * what the server does, as acts below. */
#include "tape.h"

static host h;

/* -- protocols, told without the header's tables -------------------------------------- */

enum { STEPS = 4 };

/* A well-behaved dialogue: what is answered, from the greeting on, and what we
 * say then. In XMPP a line ends with '>'. */
typedef struct protocol {
    const estls_proto *(*proto)(void);
    const char *heard[STEPS];
    const char *said[STEPS];
    const char *offer; /* must have been heard; null: nothing need */
    const char *go;    /* how the last line heard begins */
    size_t said_len;   /* of a message that is no text */
    size_t heard_len;
} protocol;

#define NS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define MYSQL                                                                  \
    "\x49\0\0\0\x0a"                                                           \
    "8.0.1\0"                                                                  \
    "\1\0\0\0"                                                                 \
    "scramble\0\xff\xff\x2d\2\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0"               \
    "scramble-two\0caching_sha2_password\0"

static const protocol protocols[] = {
    {estls_smtp,
     {"220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", "220 go\r\n"},
     {"EHLO [127.0.0.1]\r\n", "STARTTLS\r\n"},
     "starttls",
     "220",
     0,
     0},
    {estls_lmtp,
     {"220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", "220 go\r\n"},
     {"LHLO [127.0.0.1]\r\n", "STARTTLS\r\n"},
     "starttls",
     "220",
     0,
     0},
    {estls_imap,
     {"* OK hi\r\n", "* CAPABILITY IMAP4rev1 STARTTLS\r\na OK done\r\n",
      "b OK go\r\n"},
     {"a CAPABILITY\r\n", "b STARTTLS\r\n"},
     "starttls",
     "b ok",
     0,
     0},
    {estls_pop3,
     {"+OK hi\r\n", "+OK\r\nUSER\r\nSTLS\r\n.\r\n", "+OK go\r\n"},
     {"CAPA\r\n", "STLS\r\n"},
     "stls",
     "+ok",
     0,
     0},
    {estls_nntp,
     {"200 hi\r\n", "101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n", "382 go\r\n"},
     {"CAPABILITIES\r\n", "STARTTLS\r\n"},
     "starttls",
     "382",
     0,
     0},
    {estls_sieve,
     {"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n", "OK go\r\n"},
     {"STARTTLS\r\n"},
     "\"starttls\"",
     "ok",
     0,
     0},
    {estls_irc,
     {"", ":irc NOTICE * :hi\r\n:irc 670 * :go\r\n"},
     {"STARTTLS\r\n"},
     NULL,
     "",
     0,
     0},
    {estls_ftp,
     {"220-hi\r\n220 hi\r\n", "234 go\r\n"},
     {"AUTH TLS\r\n"},
     NULL,
     "234",
     0,
     0},
    {estls_xmpp,
     {"",
      "<stream:stream version='1.0'><stream:features><starttls " NS
      "/></stream:features>",
      "<proceed " NS "/>"},
     {"<?xml version='1.0'?><stream:stream to='mail.example.test' "
      "version='1.0' xmlns='jabber:client' "
      "xmlns:stream='http://etherx.jabber.org/streams'>",
      "<starttls " NS "/>"},
     "starttls",
     "<proceed",
     0,
     0},
    {estls_ldap,
     {"", "\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0"},
     {"\x30\x1d\2\1\1\x77\x18\x80\x16"
      "1.3.6.1.4.1.1466.20037"},
     NULL,
     NULL,
     31,
     14},
    {estls_postgres, {"", "S"}, {"\0\0\0\x08\4\xd2\x16\x2f"}, NULL, NULL, 8, 1},
    {estls_mysql,
     {MYSQL, ""},
     {"\x20\0\0\1\0\x8a\x08\0\0\0\0\1\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0"},
     NULL,
     NULL,
     36,
     sizeof MYSQL - 1},
    {estls_direct, {""}, {NULL}, NULL, NULL, 0, 0}};

static size_t said_size(const protocol *p, size_t step)
{
    if (!p->said[step]) { return 0; }
    return p->said_len ? p->said_len : strlen(p->said[step]);
}

static size_t heard_size(const protocol *p, size_t step)
{
    const char *text = step < STEPS ? p->heard[step] : NULL;

    if (!text) { return 0; }
    return p->heard_len && (*text || p->heard_len == 1) &&
                   step == !p->heard[0][0]
               ? p->heard_len
               : strlen(text);
}

/* All that is said in clear. */
static size_t preamble(const protocol *p, uint8_t *out)
{
    size_t n = 0;
    size_t i, k;

    for (i = 0; i < STEPS && p->said[i]; i++) {
        k = said_size(p, i);
        memcpy(out + n, p->said[i], k);
        n += k;
    }
    return n;
}

/* -- the server -------------------------------------------------------------------------- */

enum { RIGHT, ALTERED, TEXT, LINE, WAIT, AT_ONCE, HELLO, ACTS };

static struct {
    uint8_t clear[512];
    size_t clear_n;
    const protocol *p;
    uint8_t in_tls; /* 1: the first byte behind the preamble has left */
    size_t before;  /* what had left at the last look */
    int honest;     /* the server said the right things, and no more */
} watch;

static uint32_t after; /* so many bytes of ours comes the next act */

static void say(const void *bytes, size_t n)
{
    tape_record *r;

    if (h.pieces == TAPE_RECORDS * 2 || n > 4096 - h.rx_n || !n) { return; }
    r = &h.piece[h.pieces++];
    r->after = after;
    r->at = (uint16_t)h.rx_n;
    r->len = (uint16_t)n;
    memcpy(h.rx + h.rx_n, bytes, n);
    h.rx_n += n;
}

/* The right thing, with bytes changed, cut, or put in. */
static void say_altered(fuzz_input *in, const char *text, size_t n)
{
    char copy[600];
    const uint32_t bits = fuzz_take(in, 1);
    size_t place = n ? fuzz_take(in, 1) % n : 0;
    const char byte = (char)fuzz_take(in, 1);

    if (!n) { return; }
    memcpy(copy, text, n);
    if (bits & 1) { copy[place] = byte; }
    if (bits & 2) {
        memmove(copy + place, copy + place + 1, n - place - 1);
        n--;
    }
    if (bits & 4) {
        memmove(copy + place + 1, copy + place, n - place);
        copy[place] = byte;
        n++;
    }
    if (bits & 8) { n = place; }
    say(copy, n);
}

/* A ServerHello, which ends in tears since nobody knows the key: what a real
 * one said to another. */
static void say_hello(void)
{
    static tape t;

    if (!t.records) {
        static host other;
        tape_make(&t, &other, HOST_PIN);
    }
    say(t.bytes + t.record[0].at, t.record[0].len);
    if (t.records > 1) { say(t.bytes + t.record[1].at, t.record[1].len); }
}

static void play(const protocol *p, fuzz_input *in)
{
    size_t step = 0;
    uint32_t what;
    fuzz_input part;

    after = 0;
    while (in->n) {
        what = fuzz_take(in, 1);
        if (what % ACTS != RIGHT) { watch.honest = 0; }
        switch (what % ACTS) {
        case RIGHT:
            say(step < STEPS ? p->heard[step] : NULL, heard_size(p, step));
            after += (uint32_t)(step < STEPS ? said_size(p, step) : 0);
            step++;
            break;
        case ALTERED:
            say_altered(in, p->heard[step % STEPS],
                        heard_size(p, step % STEPS));
            break;
        case TEXT:
        case LINE:
            part = fuzz_part(in, what / ACTS);
            say(part.p, part.n);
            if (what % ACTS == LINE) { say("\r\n", 2); }
            break;
        case WAIT: after += fuzz_take(in, 1); break;
        case AT_ONCE: after = 0; break;
        default: say_hello(); break;
        }
    }
    if (step < STEPS) { watch.honest = 0; }
}

/* -- what must hold ---------------------------------------------------------------------- */

static uint8_t lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Does text begin here, whatever the case? */
FUZZ_ORACLE static int begins(const uint8_t *p, size_t n, const char *text)
{
    for (; *text; text++, p++, n--) {
        if (!n || lower(*p) != lower((uint8_t)*text)) { return 0; }
    }
    return 1;
}

FUZZ_ORACLE static int has(const uint8_t *p, size_t n, const char *text)
{
    for (; n; p++, n--) {
        if (begins(p, n, text)) { return 1; }
    }
    return 0;
}

/* The last line that was heard; XMPP's are tags. */
FUZZ_ORACLE static const uint8_t *last_line(int xml)
{
    const uint8_t end = xml ? '>' : '\n';
    const uint8_t *p = h.rx + h.rx_off;

    MUST(h.rx_off > 0 && p[-1] == end);
    for (p--; p != h.rx && p[-1] != end; p--) {}
    while (xml && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
        p++;
    }
    return p;
}

/* TLS begins: what was heard so far must allow it, and nothing more must have
 * come. */
static void check_decision(void)
{
    const protocol *p = watch.p;
    const size_t n = h.rx_off;

    if (p->offer) { MUST(has(h.rx, n, p->offer)); }
    if (p->go && *p->go) {
        const uint8_t *line = last_line(p->proto == estls_xmpp);
        MUST(begins(line, (size_t)(h.rx + n - line), p->go));
    }
    if (p->proto == estls_irc) { MUST(has(h.rx, n, "670")); }
    if (p->proto == estls_postgres) { MUST(n == 1 && h.rx[0] == 'S'); }
    if (p->proto == estls_ldap) { MUST(n == h.rx[1] + 2u && !h.rx[9]); }
    if (p->proto == estls_mysql) { MUST(n == h.rx[0] + h.rx[1] * 256u + 4); }
    if (p->proto == estls_direct) { MUST(n == 0); }
}

/* What could have been read before this left is no answer to it. */
static void check_nothing_waits(host *it)
{
    const size_t now = it->tx_n;

    if (it->chunks) { return; } /* the stream was slow */
    it->tx_n = watch.before;
    MUST(host_ready(it) == 0);
    it->tx_n = now;
}

/* Each byte that leaves is the preamble's, or TLS. */
static void check_heard(host *it)
{
    const size_t n = it->tx_n < watch.clear_n ? it->tx_n : watch.clear_n;

    MUST(memcmp(it->tx, watch.clear, n) == 0);
    if (it->tx_n > watch.clear_n && !watch.in_tls) {
        watch.in_tls = 1;
        check_decision();
        check_nothing_waits(it);
    }
    watch.before = it->tx_n;
}

/* The application tries, at any time before TLS. */
static void check_mute(int rc)
{
    char byte = 0;
    const int want = rc == ESTLS_BUSY ? (int)ESTLS_E_STATE : rc;

    MUST(estls_read(&h.net, &byte, 1) == want && !byte);
    MUST(estls_write(&h.net, HOST_SECRET, 4) == want);
}

static int step_to_the_end(void)
{
    const uint32_t t0 = h.now;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY) {
        MUST(h.now - t0 <= 2 * HOST_TIMEOUT_MS + 1000);
        rc = estls_step(&h.net);
        check_mute(rc);
        if (rc == ESTLS_BUSY) { host_idle(&h); }
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint32_t which = fuzz_take(&in, 1);
    const protocol *p =
        &protocols[which % 16 % (sizeof protocols / sizeof *protocols)];
    size_t sent;
    int rc;

    host_init(&h, HOST_PIN | (which & 16 ? HOST_DUPLEX : 0));
    h.d.proto = p->proto;
    h.chunks = fuzz_take(&in, 2);
    h.ended = which >> 7 & 1;
    h.heard = check_heard;
    watch.p = p;
    watch.in_tls = 0;
    watch.before = 0;
    watch.honest = 1;
    watch.clear_n = preamble(p, watch.clear);
    play(p, &in);
    MUST(host_open(&h) == ESTLS_BUSY);
    rc = step_to_the_end();
    MUST(is_named(rc)); /* nobody there has the key */
    sent = h.tx_n;
    MUST(host_close(&h) == rc || rc == ESTLS_E_CLOSED);
    MUST(h.tx_n == sent);
    if (watch.honest && !h.ended) { MUST(watch.in_tls); }
    if (watch.in_tls) { host_said_tls(&h, watch.clear_n); }
    host_wiped(&h);
    return 0;
}
