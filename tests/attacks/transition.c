/* transition.c - cases 1 to 27: from the greeting to the ClientHello. */
#include "attacks.h"

#include <stdio.h>
#include <stdlib.h>

#define INJECTED ERR(INJECTED)
#define PROTO    ERR(PROTO)
#define REFUSED  ERR(REFUSED)
#define MISSING  ERR(NO_STARTTLS)
#define TIMEOUT  ERR(TIMEOUT)
/* caught before our ClientHello, or as what is no TLS record */
#define LATER     (INJECTED | PROTO)
#define T(text)   SMTPD_BLOB(text)
#define XMPP_NS   "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define FEATURES  "<stream:stream version='1.0'><stream:features>"
#define FEATURES_ "</stream:features>"

static char big[200000];

/* -- controls -------------------------------------------------------------- */

static void well_behaved(void)
{
    int road, i;

    for (road = 0; road < ROADS; road++) {
        attack_begin(road, NULL, "mail");
        attack_works();
        for (i = 0; i < PEERS; i++) {
            attack_begin(road, &peers[i], "well behaved");
            attack_works();
        }
    }
}

/* -- 1 to 9: bytes that nobody has asked for ------------------------------- */

static void case_01_response_injection(void)
{
    IN_CLEAR(inject, BLOB("250-x\r\n250 AUTH PLAIN\r\n"), INJECTED);
    IN_CLEAR(inject, BLOB("\n"), INJECTED);
    IN_CLEAR(inject, BLOB("\0"), INJECTED);
    IN_CLEAR(starttls, BLOB("220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"), INJECTED);
    IN_CLEAR(starttls, BLOB("220 go\r\n220 go\r\n"), INJECTED);
}

static void case_02_injection_later(void)
{
    int road;
    unsigned ms;

    for (road = 0; road < ROADS; road++) {
        for (ms = 1; ms < 300; ms += 13) {
            attack_begin(road, NULL, "later");
            r.server.inject = BLOB("250 AUTH PLAIN\r\n");
            r.server.inject_delay_ms = ms;
            attack_fails(LATER);
        }
    }
}

static const struct twist twins[] = {
    {IMAP, 0, T("a2 OK done\r\n"), INJECTED},
    {IMAP, 0, T("c OK logged in\r\n"), INJECTED},
    {IMAP, 0, T("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"), INJECTED},
    {POP3, 0, T("+OK\r\n"), INJECTED},
    {FTP, 0, T("230 in\r\n"), INJECTED},
    {NNTP, 0, T("281 in\r\n"), INJECTED},
    {SIEVE, 0, T("\"SASL\" \"PLAIN\"\r\nOK\r\n"), INJECTED},
    {IRC, 0, T(":irc.example.test 001 sensor :welcome\r\n"), INJECTED},
    {IRC, 0, T(":irc.example.test 670 * :go\r\n"), INJECTED},
    {LMTP, 0, T("250-x\r\n250 AUTH PLAIN\r\n"), INJECTED},
    {LMTP, 0, T("\n"), INJECTED}};

static const struct twist twins_later[] = {
    {IMAP, 0, T("c OK logged in\r\n"), LATER},
    {POP3, 0, T("+OK\r\n"), LATER},
    {FTP, 0, T("230 in\r\n"), LATER},
    {NNTP, 0, T("281 in\r\n"), LATER},
    {SIEVE, 0, T("\"SASL\" \"PLAIN\"\r\nOK\r\n"), LATER},
    {IRC, 0, T(":irc.example.test 001 sensor :welcome\r\n"), LATER},
    {LMTP, 0, T("250-x\r\n250 AUTH PLAIN\r\n"), LATER}};

static const unsigned late_ms[] = {1, 5, 20, 45, 90, 250};

static void injections_later(const struct twist *twists, size_t count)
{
    size_t i;

    for (i = 0; i < COUNT(late_ms); i++) {
        attack_injections(twists, count, late_ms[i]);
    }
}

static void case_03_twins(void)
{
    attack_injections(twins, COUNT(twins), 0);
    injections_later(twins_later, COUNT(twins_later));
}

static void case_04_postgres(void)
{
    static const struct twist later[] = {
        {POSTGRES, 0,
         T("E\0\0\0\x09"
           "fake\0"),
         LATER},
        {POSTGRES, 0, T("R\0\0\0\x08\0\0\0\0"), LATER}};
    struct twist behind = {POSTGRES, 0, {NULL, 1}, INJECTED};
    unsigned char byte;
    int i;

    behind.reply.bytes = &byte;
    for (i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        attack_injections(&behind, 1, 0);
    }
    injections_later(later, COUNT(later));
}

#define BIND_RESPONSE "\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\0\x04\0\x04\0"

static void case_05_ldap(void)
{
    static const struct twist behind[] = {{LDAP, 0, T(BIND_RESPONSE), INJECTED},
                                          {LDAP, 0, T("\x30"), INJECTED},
                                          {LDAP, 0, T("\0"), INJECTED}};
    static const struct twist later[] = {{LDAP, 0, T(BIND_RESPONSE), LATER}};
    static const struct twist instead[] = {
        /* message ID: another, that of a notice, a longer one */
        {LDAP, GO, T("\x30\x0c\2\1\2\x78\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\0\x78\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0d\2\2\0\1\x78\x07\x0a\1\0\4\0\4\0"), PROTO},
        /* tag: bindResponse, extendedRequest, of a set, of an integer */
        {LDAP, GO, T("\x30\x0c\2\1\1\x61\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\1\x77\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x31\x0c\2\1\1\x78\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x07\2\1\0\4\0\4\0"), PROTO},
        /* length: indefinite, long form, of both */
        {LDAP, GO, T("\x30\x80\2\1\1\x78\x07\x0a\1\0\4\0\4\0\0\0"), PROTO},
        {LDAP, GO, T("\x30\x81\x0c\2\1\1\x78\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x84\0\0\0\x0c\2\1\1\x78\x07\x0a\1\0\4\0\4\0"),
         PROTO},
        {LDAP, GO, T("\x30\x0e\2\1\1\x78\x80\x0a\1\0\4\0\4\0\0\0"), PROTO},
        {LDAP, GO, T("\x30\x0d\2\1\1\x78\x81\x07\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x84\xff\xff\xff\xff\2\1\1"), PROTO},
        /* length: too short for a result, that of the inside disagrees */
        {LDAP, GO, T("\x30\0"), PROTO},
        {LDAP, GO, T("\x30\x03\2\1\1"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x08\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\0\x0a\1\0\4\0\4\0"), PROTO},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x07\x0a\2\0\0\4\0\4"), PROTO},
        /* text */
        {LDAP, GO, T("220 go\r\n"), PROTO},
        {LDAP, GO, T("0\x0c+OK\r\n"), PROTO}};

    attack_injections(behind, COUNT(behind), 0);
    injections_later(later, COUNT(later));
    TWISTS(instead);
}

static void case_06_xmpp(void)
{
    static const struct twist behind[] = {
        {XMPP, 0, T("<stream:stream"), INJECTED},
        {XMPP, 0, T("<stream:stream version='1.0'><stream:features/>"),
         INJECTED},
        {XMPP, 0, T("<"), INJECTED},
        {XMPP, 0, T("\n"), INJECTED}};
    static const struct twist later[] = {
        {XMPP, 0, T("<stream:stream version='1.0'>"), LATER}};

    attack_injections(behind, COUNT(behind), 0);
    injections_later(later, COUNT(later));
}

/* A greeting of MySQL, of which two bytes are the lower capabilities. */
#define MYSQL(number, version, capabilities)                                   \
    T("\x49\0\0" number version "8.0.1\0"                                      \
      "\1\0\0\0"                                                               \
      "scramble\0" capabilities "\x2d\2\0"                                     \
      "\xff\xdf"                                                               \
      "\x15"                                                                   \
      "\0\0\0\0\0\0\0\0\0\0"                                                   \
      "scramble-two\0"                                                         \
      "caching_sha2_password\0")

static void check_silent(uint32_t want)
{
    const int rc = attack_connect();

    attack_got(rc, want);
    REQUIRE(r.w.tcp_tx == 0);
    attack_dead(rc);
}

static void case_07_mysql(void)
{
    static const struct twist greetings[] = {
        {MYSQL, 0, MYSQL("\0", "\x0a", "\xff\xf7"), MISSING},
        {MYSQL, 0, MYSQL("\0", "\x0a", "\0\0"), MISSING},
        {MYSQL, 0, MYSQL("\0", "\x09", "\xff\xff"), PROTO},
        {MYSQL, 0, MYSQL("\1", "\x0a", "\xff\xff"), PROTO},
        /* too short for capabilities, without the end of a name, too long */
        {MYSQL, 0,
         T("\x0b\0\0\0\x0a"
           "8.0.1\0"
           "\1\0\0\0"),
         PROTO},
        {MYSQL, 0,
         T("\x10\0\0\0\x0a"
           "888888888888888"),
         PROTO},
        {MYSQL, 0,
         T("\0\2\0\0\x0a"
           "8.0.1\0"),
         PROTO},
        {MYSQL, 0,
         T("\xff\xff\xff\0\x0a"
           "8.0.1\0"),
         PROTO},
        {MYSQL, 0,
         T("\x49\0\0\0\x0a"
           "8.0.1\0"
           "\1\0\0\0"),
         TIMEOUT}};
    static const struct twist behind[] = {
        {MYSQL, 0, T("\x07\0\0\2\0\0\0\2\0\0\0"), LATER},
        {MYSQL, 0, T("\xff"), LATER},
        {MYSQL, 0, T("\0"), LATER}};
    size_t i;
    int road;

    for (i = 0; i < COUNT(greetings); i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[MYSQL], "greeting");
            attack_reply(GREETING, greetings[i].reply);
            check_silent(greetings[i].want);
        }
    }
    /* a second packet in the same segment, before we have said anything */
    for (road = 0; road < ROADS; road++) {
        attack_begin(road, &peers[MYSQL], "two packets");
        memcpy(big, peers[MYSQL].script[0].reply.bytes, 77);
        memcpy(big + 77, "\x07\0\0\2\0\0\0\2\0\0\0", 11);
        attack_reply(GREETING, (struct smtpd_blob){big, 88});
        check_silent(INJECTED);
    }
    injections_later(behind, COUNT(behind));
}

/* -- 8: a modem that says what it is told to ------------------------------- */

static struct {
    char out[512];
    size_t len, off;
    size_t chunk;
    size_t payload; /* bytes of it still to come */
    int sends;
    uint32_t now;
} canned;

static void canned_say(const char *text)
{
    const size_t n = strlen(text);

    memcpy(canned.out + canned.len, text, n);
    canned.len += n;
}

static int canned_read(void *user, void *dst, size_t cap)
{
    size_t n = canned.len - canned.off;

    (void)user;
    n = n < cap ? n : cap;
    n = canned.chunk && canned.chunk < n ? canned.chunk : n;
    memcpy(dst, canned.out + canned.off, n);
    canned.off += n;
    if (canned.off == canned.len) {
        canned.off = 0;
        canned.len = 0;
    }
    return (int)n;
}

/* What the server says, as the modem cuts it: to connect, and to each send. */
static const char *const canned_ipd[] = {
    "\r\n+IPD,3:220\r\n+IPD,4: hi\r\r\n+IPD,1:\n",
    "\r\n+IPD,14:250-x\r\n250 STA\r\n+IPD,7:RTTLS\r\n",
    "\r\n+IPD,2:22\r\n+IPD,8:0 go\r\n25\r\n+IPD,2:0 ", ""};

static void canned_payload(size_t len)
{
    canned.payload -= len;
    if (!canned.payload) {
        canned_say("\r\nRecv bytes\r\n\r\nSEND OK\r\n");
        canned_say(canned_ipd[++canned.sends]);
    }
}

static int canned_write(void *user, const void *src, size_t len)
{
    char line[64];

    (void)user;
    if (canned.payload) {
        len = len < canned.payload ? len : canned.payload;
        memcpy(r.w.heard + r.w.heard_len, src, len);
        r.w.heard_len += len;
        canned_payload(len);
        return (int)len;
    }
    snprintf(line, sizeof line, "%.*s", (int)len, (const char *)src);
    canned_say("\r\n");
    if (strncmp(line, "AT+CIPSEND=", 11) == 0) {
        const char *comma = strrchr(line, ',');
        canned.payload = (size_t)atoi(comma ? comma + 1 : line + 11);
        canned_say("OK\r\n> ");
    } else if (strncmp(line, "AT+CIPSTART", 11) == 0) {
        canned_say("CONNECT\r\n\r\nOK\r\n");
        canned_say(canned_ipd[0]);
    } else {
        canned_say("OK\r\n");
    }
    return (int)len;
}

static uint32_t canned_tick(void *user)
{
    (void)user;
    return ++canned.now;
}

static int canned_connect(size_t chunk)
{
    const estls_io io = {canned_read, canned_write, canned_tick, NULL};
    int rc;

    memset(&canned, 0, sizeof canned);
    canned.chunk = chunk;
    attack_begin(ROAD_PUSH, NULL, "cut by the modem");
    r.d.uart = io;
    rc = estls_open(&r.net, &r.d);
    while (rc == ESTLS_BUSY) { rc = estls_step(&r.net); }
    return rc;
}

static void case_08_split_go_ahead(void)
{
    size_t chunk;
    int road, rc;

    for (chunk = 0; chunk < 12; chunk++) {
        rc = canned_connect(chunk);
        attack_got(rc, INJECTED);
        REQUIRE(canned.sends == 2);
        REQUIRE(attack_heard() == attack_preamble());
        attack_dead(rc);
    }
    for (road = 0; road < ROADS; road++) {
        attack_begin(road, &peers[SMTP], "in two segments");
        attack_reply(GO, BLOB("22"));
        r.server.inject = BLOB("0 go\r\n250 ");
        r.server.inject_delay_ms = 40;
        attack_fails_in_clear(INJECTED);
    }
}

static void case_09_tls_shaped_injection(void)
{
    int road, i;

    IN_CLEAR(inject, BLOB("\x15\x03\x03\x00\x02\x01\x5a"), INJECTED);
    IN_CLEAR(inject, BLOB("\x16\x03\x03\x00\x04\x00\x00\x00\x00"), INJECTED);
    IN_CLEAR(inject, BLOB("\x16"), INJECTED);
    for (i = 0; i < PEERS; i++) {
        if (!peer_says(&peers[i], GO)) { continue; }
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[i], "warning");
            r.server.inject = BLOB("\x15\x03\x03\x00\x02\x01\x5a");
            attack_fails_in_clear(INJECTED);
        }
    }
}

/* -- 10 to 12: not offered ------------------------------------------------- */

static void case_10_not_offered(void)
{
    static const struct twist rows[] = {
        {SMTP, CAPABILITIES, T("250-mx\r\n250 SIZE\r\n"), MISSING},
        {SMTP, CAPABILITIES, T("250 mx\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250-mx\r\n250 SIZE\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250 mx\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY IMAP4rev1\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("a OK\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nUSER\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nVERSION 2\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\n.\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"SASL\" \"PLAIN\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("OK\r\n"), MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<bind/>" FEATURES_), MISSING},
        {XMPP, CAPABILITIES, T(FEATURES FEATURES_), MISSING},
        {XMPP, CAPABILITIES, T("<stream:stream><stream:features/>"), MISSING}};

    TWISTS(rows);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 SIZE\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250 mx\r\n"), MISSING);
}

static void case_11_mangled(void)
{
    static const struct twist rows[] = {
        {SMTP, CAPABILITIES, T("250-mx\r\n250-XXXXXXXA\r\n250 SIZE\r\n"),
         MISSING},
        {SMTP, CAPABILITIES, T("250-mx\r\n250 START\r\n"), MISSING},
        {SMTP, CAPABILITIES, T("250-mx\r\n250 START TLS\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250-mx\r\n250-XXXXXXXA\r\n250 x\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY IMAP4rev1 XXXXXXXX\r\na OK\r\n"),
         MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY IMAP4rev1 STARTTL\r\na OK\r\n"),
         MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nXXXX\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nSTL\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nXXXXXXXX\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nSTARTTL\r\n.\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"XXXXXXXX\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"STARTTLS\r\nOK\r\n"), MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<xxxxxxxx " XMPP_NS "/>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<starttls xmlns=''/>" FEATURES_),
         MISSING}};

    TWISTS(rows);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250-XXXXXXXA\r\n250 SIZE\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 START\r\n"), MISSING);
}

/* Inside one answer: other words, other places, other lines. */
static void look_alikes(void)
{
    static const struct twist rows[] = {
        {LMTP, CAPABILITIES, T("250-STARTTLS\r\n250 SIZE\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250-mx\r\n250 XSTARTTLS\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250-mx\r\n250 STARTTLSX\r\n"), MISSING},
        {LMTP, CAPABILITIES, T("250-mx\r\n250-\0STARTTLS\r\n250 x\r\n"),
         MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY XSTARTTLS\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY STARTTLSX\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY X=STARTTLS\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITY \0STARTTLS\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* CAPABILITYX STARTTLS\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* OK we love STARTTLS\r\na OK\r\n"), MISSING},
        {IMAP, CAPABILITIES, T("* STARTTLS\r\na OK STARTTLS\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nXSTLS\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nSTLSX\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\nIMPLEMENTATION STLS\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK\r\n\0STLS\r\n.\r\n"), MISSING},
        {POP3, CAPABILITIES, T("+OK STLS\r\nUSER\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nXSTARTTLS\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nSTARTTLSX\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\nSASL STARTTLS\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 x\r\n\0STARTTLS\r\n.\r\n"), MISSING},
        {NNTP, CAPABILITIES, T("101 STARTTLS\r\nVERSION 2\r\n.\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"XSTARTTLS\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"STARTTLSX\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"SASL\" \"STARTTLS\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("STARTTLS\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"\0STARTTLS\"\r\nOK\r\n"), MISSING},
        {SIEVE, CAPABILITIES, T("\"SASL\"\r\nOK \"STARTTLS\"\r\n"), MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<starttls xmlns='urn:x'/>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<xstarttls " XMPP_NS "/>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<starttlsx " XMPP_NS "/>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES,
         T(FEATURES "<!--<starttls " XMPP_NS "/>" FEATURES_), MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "\0<starttls " XMPP_NS "/>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES, T(FEATURES "<a>we love starttls</a>" FEATURES_),
         MISSING},
        {XMPP, CAPABILITIES,
         T(FEATURES
           "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tlsx'/>" FEATURES_),
         MISSING}};

    TWISTS(rows);
}

/* In the greeting, and not in the answer that counts. */
static void greeting_alone(void)
{
    static const struct {
        uint8_t peer;
        struct smtpd_blob greeting, answer;
    } rows[] = {
        {SMTP, T("220-mx\r\n220 STARTTLS\r\n"), T("250-mx\r\n250 SIZE\r\n")},
        {SMTP, T("220 mx STARTTLS\r\n"), T("250 mx\r\n")},
        {LMTP, T("220 STARTTLS\r\n"), T("250 mx\r\n")},
        {IMAP, T("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"),
         T("* CAPABILITY IMAP4rev1\r\na OK\r\n")},
        {POP3, T("+OK STLS\r\n"), T("+OK\r\nUSER\r\n.\r\n")},
        {NNTP, T("200 STARTTLS\r\n"), T("101 x\r\nVERSION 2\r\n.\r\n")}};
    size_t i;
    int road;

    for (i = 0; i < COUNT(rows); i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[rows[i].peer], "greeting alone");
            attack_reply(GREETING, rows[i].greeting);
            attack_reply(CAPABILITIES, rows[i].answer);
            attack_fails_in_clear(MISSING);
        }
    }
}

static void case_12_look_alike(void)
{
    IN_CLEAR(ehlo, BLOB("250-m we love STARTTLS\r\n250 SIZE\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 we love STARTTLS\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-STARTTLS\r\n250 SIZE\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 XSTARTTLS\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 STARTTLSX\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250-\0STARTTLS\r\n250 SIZE\r\n"), MISSING);
    IN_CLEAR(ehlo, BLOB("250-mx\r\n250 STARTTLS\0\r\n"), MISSING);
    look_alikes();
    greeting_alone();
}

/* -- 13 to 17: refused ----------------------------------------------------- */

static void case_13_refused(void)
{
    static const struct twist rows[] = {
        {SMTP, GO, T("454 not now\r\n"), REFUSED},
        {SMTP, GO, T("501-no\r\n501 no\r\n"), REFUSED},
        {SMTP, GREETING, T("554 go away\r\n"), REFUSED},
        {LMTP, GO, T("454 not now\r\n"), REFUSED},
        {LMTP, GREETING, T("421 go away\r\n"), REFUSED},
        {IMAP, GO, T("b NO not now\r\n"), REFUSED},
        {IMAP, GO, T("b BAD what\r\n"), REFUSED},
        {IMAP, GO, T("* BYE\r\nb OK begin\r\n"), REFUSED},
        {IMAP, CAPABILITIES, T("a NO\r\n"), REFUSED},
        {IMAP, CAPABILITIES, T("a BAD\r\n"), REFUSED},
        {IMAP, GREETING, T("* BYE\r\n"), REFUSED},
        {POP3, GO, T("-ERR not now\r\n"), REFUSED},
        {POP3, GO, T("-ERR\r\n"), REFUSED},
        {POP3, CAPABILITIES, T("-ERR what\r\n"), REFUSED},
        {POP3, GREETING, T("-ERR [SYS/TEMP]\r\n"), REFUSED},
        {FTP, GO, T("500 what\r\n"), REFUSED},
        {FTP, GO, T("534 no\r\n"), REFUSED},
        {FTP, GO, T("431 later\r\n"), REFUSED},
        {FTP, GREETING, T("421 full\r\n"), REFUSED},
        {NNTP, GO, T("580 no\r\n"), REFUSED},
        {NNTP, GO, T("502 no\r\n"), REFUSED},
        {NNTP, CAPABILITIES, T("500 what\r\n"), REFUSED},
        {NNTP, GREETING, T("400 later\r\n"), REFUSED},
        {SIEVE, GO, T("NO \"not now\"\r\n"), REFUSED},
        {SIEVE, GO, T("BYE\r\n"), REFUSED},
        {SIEVE, GREETING, T("BYE \"full\"\r\n"), REFUSED},
        {SIEVE, GREETING, T("NO\r\n"), REFUSED},
        {IRC, GO, T(":irc.example.test 691 * :no\r\n"), REFUSED},
        {IRC, GO, T("691 * :no\r\n"), REFUSED},
        {IRC, GO, T(":irc.example.test 421 * STARTTLS :what\r\n"), REFUSED},
        {IRC, GO, T(":irc.example.test 451 * :first\r\n"), REFUSED},
        {IRC, GO, T("ERROR :Closing Link\r\n"), REFUSED},
        {XMPP, GO, T("<failure " XMPP_NS "/></stream:stream>"), REFUSED},
        {XMPP, GO, T("<failure/>"), REFUSED},
        {XMPP, GO, T("</stream:stream>"), REFUSED},
        {XMPP, CAPABILITIES, T("<stream:stream><stream:error><x/>"), REFUSED},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x07\x0a\1\1\4\0\4\0"), REFUSED},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x07\x0a\1\2\4\0\4\0"), REFUSED},
        {LDAP, GO, T("\x30\x0c\2\1\1\x78\x07\x0a\1\x34\4\0\4\0"), REFUSED},
        {LDAP, GO, T("\x30\x0e\2\1\1\x78\x09\x0a\1\x50\4\0\4\2no"), REFUSED},
        {POSTGRES, GO, T("N"), REFUSED},
        {POSTGRES, GO, T("E\0\0\0\x0eSFATAL\0\0"), REFUSED},
        {POSTGRES, GO, T("Eno pg_hba.conf entry\n"), REFUSED},
        {MYSQL, GREETING, T("\x08\0\0\0\xff\x10\4full\0"), REFUSED}};

    TWISTS(rows);
    IN_CLEAR(starttls, BLOB("454 not now\r\n"), REFUSED);
    IN_CLEAR(starttls, BLOB("501-no\r\n501 no\r\n"), REFUSED);
    IN_CLEAR(greeting, BLOB("554 go away\r\n"), REFUSED);
}

static void case_14_wrong_success(void)
{
    static const struct twist rows[] = {
        {SMTP, GO, T("354 go\r\n"), PROTO},
        {SMTP, GO, T("+OK\r\n"), PROTO},
        {LMTP, GO, T("250 go\r\n"), PROTO},
        {LMTP, GO, T("2200 go\r\n"), PROTO},
        {IMAP, GO, T("+ go\r\n"), TIMEOUT},
        {IMAP, GO, T("b OKAY\r\n"), TIMEOUT},
        {IMAP, GO, T("b PREAUTH\r\n"), TIMEOUT},
        {POP3, GO, T("+ \r\n"), PROTO},
        {POP3, GO, T("+OKAY\r\n"), PROTO},
        {POP3, GO, T("OK\r\n"), PROTO},
        {POP3, GO, T("220 go\r\n"), PROTO},
        {FTP, GO, T("334 go\r\n"), PROTO},
        {FTP, GO, T("200 go\r\n"), PROTO},
        {FTP, GO, T("230 in\r\n"), PROTO},
        {FTP, GO, T("2340 go\r\n"), PROTO},
        {NNTP, GO, T("281 in\r\n"), PROTO},
        {NNTP, GO, T("381 go\r\n"), PROTO},
        {NNTP, GO, T("3820 go\r\n"), PROTO},
        {SIEVE, GO, T("+OK\r\n"), PROTO},
        {SIEVE, GO, T("OKAY\r\n"), PROTO},
        {SIEVE, GO, T("\"OK\"\r\n"), PROTO},
        {IRC, GO, T(":irc.example.test 671 * :go\r\n"), TIMEOUT},
        {IRC, GO, T(":irc.example.test 001 * :670\r\n"), TIMEOUT},
        {IRC, GO, T(":irc.example.test NOTICE 670 :670\r\n"), TIMEOUT},
        {IRC, GO, T(":irc.example.test 6700 * :go\r\n"), TIMEOUT},
        {XMPP, GO, T("<success " XMPP_NS "/>"), PROTO},
        {XMPP, GO, T("<proceed/>"), PROTO},
        {XMPP, GO, T("<proceed xmlns='urn:x'/>"), PROTO},
        {XMPP, GO, T("<proceeds " XMPP_NS "/>"), PROTO},
        {XMPP, GO, T("proceed " XMPP_NS "/>"), PROTO},
        {POSTGRES, GO, T("s"), PROTO},
        {POSTGRES, GO, T("Y"), PROTO},
        {POSTGRES, GO, T("\0"), PROTO},
        {POSTGRES, GO, T("G"), PROTO},
        {POSTGRES, GO, T("\x16"), PROTO}};

    TWISTS(rows);
    IN_CLEAR(starttls, BLOB("250 go\r\n"), PROTO);
    IN_CLEAR(starttls, BLOB("221 go\r\n"), PROTO);
    IN_CLEAR(starttls, BLOB("2200 go\r\n"), PROTO);
    IN_CLEAR(starttls, BLOB("220go\r\n"), PROTO);
    IN_CLEAR(starttls, BLOB("\r\n220 go\r\n"), PROTO);
    IN_CLEAR(greeting, BLOB("+OK\r\n"), PROTO);
}

static void case_15_wrong_tag(void)
{
    static const struct twist rows[] = {
        {IMAP, GO, T("zzz OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T("a OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T("bb OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T("* OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T("* b OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T(" b OK begin\r\n"), TIMEOUT},
        {IMAP, GO, T("OK begin\r\n"), TIMEOUT},
        {IMAP, CAPABILITIES, T("* CAPABILITY STARTTLS\r\nb OK\r\n"), TIMEOUT},
        {IMAP, CAPABILITIES, T("zzz OK\r\nb OK\r\n"), TIMEOUT}};

    TWISTS(rows);
}

static void case_16_preauth(void)
{
    static const struct smtpd_blob greetings[] = {
        T("* PREAUTH hi\r\n"), T("* preauth hi\r\n"),
        T("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"),
        T("* PREAUTH\r\n* OK hi\r\n")};
    size_t i;
    int road, rc;

    for (i = 0; i < COUNT(greetings); i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[IMAP], "preauth");
            attack_reply(GREETING, greetings[i]);
            rc = attack_connect();
            attack_got(rc, PROTO);
            REQUIRE(r.w.tcp_tx == 0 && r.w.now < 5000);
            attack_dead(rc);
        }
    }
}

static void case_17_ehlo_refused(void)
{
    static const struct twist rows[] = {
        {SMTP, CAPABILITIES, T("502 what\r\n"), REFUSED},
        {SMTP, CAPABILITIES, T("500-what\r\n500 HELO please\r\n"), REFUSED},
        {LMTP, CAPABILITIES, T("502 what\r\n"), REFUSED}};

    TWISTS(rows);
    EACH_ROAD(ehlo, BLOB("502 what\r\n"), {
        const int rc = attack_connect();
        attack_got(rc, REFUSED);
        REQUIRE(!world_heard(&r.w, "HELO"));
        attack_dead(rc);
    });
}

/* -- 18 to 22: lines ------------------------------------------------------- */

static void works(int saying, const struct twist *rows, size_t count)
{
    size_t i;
    int road;

    for (i = 0; i < count; i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[rows[i].peer], "accepted");
            attack_reply(saying, rows[i].reply);
            attack_works();
        }
    }
}

static void case_18_multi_line(void)
{
    static const struct twist go[] = {
        {SMTP, GO, T("220-a\r\n220-b\r\n220 go\r\n"), OK},
        {LMTP, GO, T("220-a\r\n220-b\r\n220 go\r\n"), OK},
        {FTP, GO, T("234-a\r\n234-b\r\n234 go\r\n"), OK},
        {FTP, GO, T("234-a\r\n free text\r\n234 go\r\n"), OK},
        {IMAP, GO, T("* a\r\n* OK b\r\nb OK go\r\n"), OK},
        {IRC, GO, T(":x NOTICE * :a\r\nPING :b\r\n:x 670 * :go\r\n"), OK}};

    works(GO, go, COUNT(go));
    EACH_ROAD(starttls, BLOB("220-a\r\n220-b\r\n220 go\r\n"), attack_works());
}

static void case_19_mixed_codes(void)
{
    static const struct twist rows[] = {
        {LMTP, GO, T("220-a\r\n454 no\r\n"), REFUSED},
        {LMTP, GO, T("220-a\r\n250 go\r\n"), PROTO},
        {SMTP, GO, T("250-a\r\n220 go\r\n"), PROTO},
        {SMTP, GREETING, T("220-a\r\n250 b\r\n"), PROTO},
        {SMTP, CAPABILITIES, T("250-a\r\n250-STARTTLS\r\n220 b\r\n"), PROTO},
        {SMTP, CAPABILITIES, T("250-a\r\n250-STARTTLS\r\n554 b\r\n"), REFUSED},
        {FTP, GO, T("234-a\r\n534 no\r\n"), REFUSED},
        {FTP, GO, T("234-a\r\n334 go\r\n"), PROTO},
        {FTP, GREETING, T("220-a\r\n230 in\r\n"), PROTO}};

    TWISTS(rows);
    IN_CLEAR(starttls, BLOB("220-a\r\n454 no\r\n"), REFUSED);
    IN_CLEAR(starttls, BLOB("220-a\r\n250 go\r\n"), PROTO);
}

static void case_20_bare_newlines(void)
{
    static const struct twist lf[] = {
        {SMTP, GO, T("220 go\n"), OK},         {LMTP, GO, T("220 go\n"), OK},
        {IMAP, GO, T("b OK go\n"), OK},        {POP3, GO, T("+OK go\n"), OK},
        {NNTP, GO, T("382 go\n"), OK},         {SIEVE, GO, T("OK\n"), OK},
        {IRC, GO, T(":x 670 *\n"), OK},        {FTP, GO, T("234 go\n"), OK},
        {SMTP, GO, T("220-a\n220 go\r\n"), OK}};
    static const struct twist cr[] = {
        {LMTP, GO, T("220 go\r"), TIMEOUT},
        {LMTP, GO, T("220 go\r220 go\r\n"), PROTO},
        {IMAP, GO, T("b OK go\r"), TIMEOUT},
        {IMAP, GO, T("b OK go\rb OK go\r\n"), PROTO},
        {IMAP, GO, T("* x\rb OK go\r\n"), PROTO},
        {POP3, GO, T("+OK go\r"), TIMEOUT},
        {POP3, GO, T("+OK go\r+OK\r\n"), PROTO},
        {NNTP, GO, T("382 go\r"), TIMEOUT},
        {NNTP, GO, T("382 go\r382 go\r\n"), PROTO},
        {SIEVE, GO, T("OK\r"), TIMEOUT},
        {SIEVE, GO, T("OK\rOK\r\n"), PROTO},
        {IRC, GO, T(":x 670 *\r"), TIMEOUT},
        {IRC, GO, T(":x NOTICE\r:x 670 *\r\n"), PROTO},
        {FTP, GO, T("234 go\r"), TIMEOUT},
        {FTP, GO, T("234 go\r234 go\r\n"), PROTO},
        {SMTP, GO, T("220 go\r\r\n"), PROTO},
        {SMTP, GO, T("220 go\n\r"), INJECTED}};

    works(GO, lf, COUNT(lf));
    TWISTS(cr);
    EACH_ROAD(starttls, BLOB("220 go\n"), attack_works());
    IN_CLEAR(starttls, BLOB("220 go\r"), TIMEOUT);
    IN_CLEAR(starttls, BLOB("220 go\r220 go\r\n"), PROTO);
}

/* One byte in 20 ms, also of the handshake. */
static void dribble(int road, int i)
{
    attack_begin(road, &peers[i], "dribble");
    r.d.timeout_ms = 120000;
    tap.delay_ms = 20;
    tap.piece = 1;
    attack_works();
}

static const char early_welcome[] = ":irc.example.test 001 * :welcome\r\n";

/* All that the peer says in clear, in its first segment. */
static void all_in_one(int road, int i)
{
    const struct peer *p = &peers[i];
    size_t len = 0;
    int k, first = 1;

    attack_begin(road, p, "all in one");
    for (k = 0; k < p->steps; k++) {
        memcpy(big + len, p->script[k].reply.bytes, p->script[k].reply.len);
        len += p->script[k].reply.len;
        attack_reply_at(k, BLOB(""));
        if (p->script[k].then == SMTPD_START_TLS) { break; }
    }
    /* who speaks first cannot tell an early answer from one in time, so there
     * is more behind it */
    if (i == IRC) {
        memcpy(big + len, early_welcome, sizeof early_welcome - 1);
        len += sizeof early_welcome - 1;
    }
    for (k = 0; first && k < p->steps; k++) {
        if (!p->script[k].reply.len) { continue; }
        attack_reply_at(k, (struct smtpd_blob){big, len});
        first = 0;
    }
    /* these servers may speak unasked: what they say is passed over */
    attack_fails_in_clear(i == IMAP || i == IRC ? INJECTED | TIMEOUT
                                                : INJECTED);
}

static void case_21_dribble_and_all_in_one(void)
{
    static const int slow[] = {0, ROAD_PULL, ROAD_PUSH};
    size_t k;
    int road, i;

    for (i = 0; i < PEERS; i++) {
        for (k = 0; k < COUNT(slow); k++) { dribble(slow[k], i); }
    }
    IN_CLEAR(greeting, BLOB("220 a\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"),
             INJECTED);
    IN_CLEAR(ehlo, BLOB("250-x\r\n250 STARTTLS\r\n220 go\r\n"), INJECTED);
    for (i = 0; i < PEERS; i++) {
        if (i == LDAP || i == POSTGRES || i == MYSQL) { continue; }
        for (road = 0; road < ROADS; road++) { all_in_one(road, i); }
    }
}

/* Bounded in bytes: what was read from the stream, and in time. */
static void check_bounded(uint32_t want)
{
    const int rc = attack_connect();

    attack_got(rc, want);
    REQUIRE(r.w.uart_rx < 48000);
    REQUIRE(r.w.now <= r.d.timeout_ms + 1000);
    attack_dead(rc);
}

static void long_line(int i, const char *begin)
{
    const struct smtpd_blob blob = {big, 100000};
    int road;

    memset(big, 'x', sizeof big);
    memcpy(big, begin, strlen(begin));
    for (road = 0; road < ROADS; road++) {
        attack_begin(road, &peers[i], "long line");
        attack_reply(peer_says(&peers[i], GREETING) ? GREETING : CAPABILITIES,
                     blob);
        check_bounded(PROTO);
    }
}

static void endless_lines(int i, const char *begin, const char *line)
{
    static const int slow[] = {0, ROAD_PULL, ROAD_PUSH};
    const size_t step = strlen(line);
    struct smtpd_blob blob = {big, 0};
    int saying = peer_says(&peers[i], CAPABILITIES) ? CAPABILITIES : GO;
    size_t at = strlen(begin);
    int road;

    memcpy(big, begin, at);
    for (; at + step <= 140000; at += step) { memcpy(big + at, line, step); }
    blob.len = at;
    for (road = 0; road < ROADS; road++) {
        attack_begin(road, &peers[i], "endless lines");
        attack_reply(saying, blob);
        check_bounded(PROTO);
    }
    for (road = 0; road < 3; road++) {
        attack_begin(slow[road], &peers[i], "endless lines, slowly");
        attack_reply(saying, blob);
        tap.delay_ms = 200;
        tap.piece = 1;
        check_bounded(TIMEOUT);
    }
}

static void case_22_oversize(void)
{
    static const char *const long_lines[PEERS] = {
        "220 ",       "220 ", "* OK ",
        "+OK ",       "200 ", "\"SASL\" \"",
        ":x NOTICE ", "220 ", "<stream:stream x='",
        NULL,         NULL,   NULL};
    static const char *const endless[PEERS][2] = {
        {"", "250-x\r\n"},    {"", "250-x\r\n"},    {"", "* x\r\n"},
        {"+OK\r\n", "x\r\n"}, {"101\r\n", "x\r\n"}, {"", "\"x\"\r\n"},
        {"", "PING\r\n"},     {"", "234-\r\n"},     {"", "<x>"},
        {NULL, NULL},         {NULL, NULL},         {NULL, NULL}};
    static const struct twist packets[] = {
        {LDAP, GO, T("\x30\x7f\2\1\1\x78\x7a\x0a\1\0\4\0\4\x71"), TIMEOUT},
        {LDAP, GO, T("\x30\x7f\2\1\1"), TIMEOUT},
        {LDAP, GO, T("\x30"), TIMEOUT}};
    struct smtpd_blob blob = {big, 100000};
    size_t i;

    TWISTS(packets);
    for (i = 0; i < PEERS; i++) {
        if (!long_lines[i]) { continue; }
        long_line((int)i, long_lines[i]);
        endless_lines((int)i, endless[i][0], endless[i][1]);
    }
    memset(big, 'x', sizeof big);
    memcpy(big, "220 ", 4);
    IN_CLEAR(greeting, blob, PROTO);
    for (i = 0; i + 7 <= sizeof big; i += 7) {
        memcpy(big + i, "250-x\r\n", 7);
    }
    blob.len = 7 * 20000;
    IN_CLEAR(ehlo, blob, PROTO);
}

/* -- 23 to 26: what is learnt in clear, and what is said ------------------- */

#define MARK "call +1-555"
/* puts what follows where the ClientHello does not reach */
#define FIFTY "12345678901234567890123456789012345678901234567890"
#define FAR   FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

static int holds(const void *memory, size_t n, const char *text)
{
    const char *p = memory;
    const size_t len = strlen(text);
    size_t i;

    for (i = 0; i + len <= n; i++) {
        if (memcmp(p + i, text, len) == 0) { return 1; }
    }
    return 0;
}

/* Nothing that the application can read holds what was said in clear. */
static void check_forgotten(const char *text)
{
    estls_report report;

    estls_info(&r.net, &report);
    REQUIRE(!strstr(report.doing, text));
    REQUIRE(!holds(&r.net, sizeof r.net, text));
    REQUIRE(!holds(r.iobuf, sizeof r.iobuf, text));
    REQUIRE(!holds(r.obuf, sizeof r.obuf, text));
    REQUIRE(!holds(&r.saved, sizeof r.saved, text));
    REQUIRE(!holds(&r.x509, sizeof r.x509, text));
}

static void check_text_fails(const struct twist *rows, size_t count)
{
    size_t i;
    int road, rc;

    for (i = 0; i < count; i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[rows[i].peer], "text, refused");
            attack_reply(rows[i].saying, rows[i].reply);
            rc = attack_connect();
            attack_got(rc, rows[i].want);
            check_forgotten(MARK);
            attack_dead(rc);
        }
    }
}

/* As soon as the ClientHello has left, before records cover iobuf. */
static void forgotten_in_time(void)
{
    const struct smtpd *s = r.w.server[0];

    if (s && s->in_tls && attack_heard() > attack_preamble()) {
        check_forgotten(MARK);
        tap.each_step = NULL;
    }
}

static void check_text_forgotten(const struct twist *row, int road)
{
    attack_begin(road, &peers[row->peer], "text, forgotten");
    attack_reply(row->saying, row->reply);
    tap.each_step = forgotten_in_time;
    attack_got(attack_connect(), OK);
    REQUIRE(!tap.each_step);
    check_forgotten(MARK);
    REQUIRE(attack_exchange() == ESTLS_OK);
    check_forgotten(MARK);
    REQUIRE(rig_close(&r) == ESTLS_OK);
    check_forgotten(MARK);
    rig_end(&r);
}

static void case_23_text_before_tls(void)
{
    static const struct twist fails[] = {
        {SMTP, GO, T("454 " MARK "\r\n"), REFUSED},
        {IMAP, GREETING, T("* BYE [ALERT] " MARK "\r\n"), REFUSED},
        {IMAP, GO, T("* OK [ALERT] " MARK "\r\nb NO " MARK "\r\n"), REFUSED},
        {POP3, GREETING, T("-ERR " MARK "\r\n"), REFUSED},
        {IRC, GO, T("ERROR :" MARK "\r\n"), REFUSED},
        {POSTGRES, GO, T("E\0\0\0\x12" MARK "\0\0\0"), REFUSED},
        {MYSQL, GREETING, T("\x0f\0\0\0\xff\x10\4" MARK "\0"), REFUSED},
        {LDAP, GO, T("\x30\x17\2\1\1\x78\x12\x0a\1\1\4\0\4\x0b" MARK), REFUSED},
        {XMPP, GO, T("<failure " XMPP_NS ">" MARK "</failure>"), REFUSED}};
    static const struct twist works_too[] = {
        {SMTP, GREETING, T("220 " MARK "\r\n"), OK},
        {SMTP, GO, T("220 " MARK "\r\n"), OK},
        {IMAP, GREETING, T("* OK [ALERT] " MARK "\r\n"), OK},
        {IMAP, GO, T("* OK [ALERT] " MARK "\r\nb OK " MARK "\r\n"), OK},
        {SIEVE, GO, T("OK (WARNINGS) \"" MARK "\"\r\n"), OK},
        {FTP, GREETING, T("220-" MARK "\r\n220 hi\r\n"), OK},
        {IRC, GREETING, T(":x NOTICE * :" MARK "\r\n"), OK},
        {LDAP, GO, T("\x30\x17\2\1\1\x78\x12\x0a\1\0\4\0\4\x0b" MARK), OK}};
    size_t i;
    int road;

    check_text_fails(fails, COUNT(fails));
    for (i = 0; i < COUNT(works_too); i++) {
        for (road = 0; road < ROADS; road++) {
            check_text_forgotten(&works_too[i], road);
        }
    }
}

static void case_24_referral(void)
{
    static const struct twist rows[] = {
        {IMAP, GO, T("b NO [REFERRAL imap://evil.test/]\r\n"), REFUSED},
        {IMAP, GREETING, T("* BYE [REFERRAL imap://evil.test/]\r\n"), REFUSED},
        {IMAP, CAPABILITIES, T("a NO [REFERRAL imap://evil.test/]\r\n"),
         REFUSED},
        {IMAP, GO, T("* BYE see imap://evil.test/\r\n"), REFUSED},
        {SIEVE, GREETING, T("BYE (REFERRAL \"sieve://evil.test\")\r\n"),
         REFUSED},
        {SIEVE, GO, T("BYE (REFERRAL \"sieve://evil.test\") \"x\"\r\n"),
         REFUSED},
        {SMTP, GO, T("551 try evil.test\r\n"), REFUSED},
        {IRC, GO, T(":x 010 sensor evil.test 6667 :go there\r\n"), TIMEOUT},
        {XMPP, GO, T("<stream:error><see-other-host>evil.test"), REFUSED},
        {LDAP, GO,
         T("\x30\x22\2\1\1\x78\x1d\x0a\1\x0a\4\0\4\0\xa3\x14\4\x12"
           "ldap://evil.test:1"),
         REFUSED}};
    size_t i;
    int road, rc;

    for (i = 0; i < COUNT(rows); i++) {
        for (road = 0; road < ROADS; road++) {
            attack_begin(road, &peers[rows[i].peer], "referral");
            attack_reply(rows[i].saying, rows[i].reply);
            rc = attack_connect();
            attack_got(rc, rows[i].want);
            REQUIRE(!road_is_modem(road) ||
                    strcmp(r.w.dialled, "mail.example.test") == 0);
            attack_dead(rc);
            REQUIRE(r.w.connections == 1);
            REQUIRE(!strstr(r.w.dialled, "evil"));
        }
    }
}

static void case_25_learnt_in_clear(void)
{
    static const struct twist rows[] = {
        {SMTP, CAPABILITIES,
         T("250-mx\r\n250-STARTTLS\r\n250-" FAR "\r\n250 " MARK "\r\n"), OK},
        {IMAP, CAPABILITIES,
         T("* CAPABILITY STARTTLS " FAR " " MARK "\r\na OK\r\n"), OK},
        {SMTP, CAPABILITIES, T("250-mx\r\n250-" MARK "\r\n250 STARTTLS\r\n"),
         OK},
        {LMTP, CAPABILITIES, T("250-mx\r\n250-" MARK "\r\n250 STARTTLS\r\n"),
         OK},
        {IMAP, CAPABILITIES,
         T("* 9 EXISTS " MARK "\r\n* CAPABILITY STARTTLS AUTH=" MARK
           "\r\na OK\r\n"),
         OK},
        {POP3, CAPABILITIES, T("+OK\r\n" MARK "\r\nSTLS\r\n.\r\n"), OK},
        {NNTP, CAPABILITIES, T("101\r\n" MARK "\r\nSTARTTLS\r\n.\r\n"), OK},
        {SIEVE, CAPABILITIES,
         T("\"SASL\" \"" MARK "\"\r\n\"STARTTLS\"\r\nOK\r\n"), OK},
        {XMPP, CAPABILITIES,
         T("<stream:stream id='" MARK "'><stream:features><mechanism>" MARK
           "</mechanism><starttls " XMPP_NS "/></stream:features>"),
         OK},
        {MYSQL, GREETING,
         T("\x4f\0\0\0\x0a" MARK "\0"
           "\1\0\0\0"
           "scramble\0"
           "\xff\xff"
           "\x2d\2\0"
           "\xff\xdf"
           "\x15"
           "\0\0\0\0\0\0\0\0\0\0"
           "scramble-two\0"
           "caching_sha2_password\0"),
         OK}};
    size_t i;
    int road;

    for (i = 0; i < COUNT(rows); i++) {
        for (road = 0; road < ROADS; road++) {
            check_text_forgotten(&rows[i], road);
        }
    }
    /* the server has forgotten, too: without EHLO it takes no mail */
    for (road = 0; road < ROADS; road++) {
        char reply[256] = "";
        attack_begin(road, NULL, "greet again");
        attack_got(attack_connect(), OK);
        REQUIRE(rig_say(&r, "MAIL FROM:<a@example.test>\r\n", reply,
                        sizeof reply) == ESTLS_BUSY ||
                reply[0] == '5');
        attack_closes();
    }
}

/* While the go-ahead is held back. */
static void nothing_behind_the_command(void)
{
    const struct smtpd *s = r.w.server[0];

    if (s && s->in_tls && s->hold_ms) {
        REQUIRE(attack_heard() == attack_preamble());
    }
}

static void go_ahead_late(int road, int i)
{
    const struct peer *p = &peers[i];
    const struct smtpd_blob go = p->script[p->step[GO]].reply;

    attack_begin(road, p, "go-ahead late");
    attack_reply(GO, (struct smtpd_blob){go.bytes, 0});
    r.server.inject = go;
    r.server.inject_delay_ms = 700;
    tap.each_step = nothing_behind_the_command;
    attack_works();
}

static void case_26_no_pipelining(void)
{
    int road, i;

    for (road = 0; road < ROADS; road++) {
        attack_begin(road, NULL, "pipelined");
        attack_got(attack_connect(), OK);
        REQUIRE(r.w.server[0]->report.pipelined == 0);
        attack_closes();
        for (i = 0; i < PEERS; i++) {
            attack_begin(road, &peers[i], "pipelined");
            attack_got(attack_connect(), OK);
            REQUIRE(r.w.server[0]->report.pipelined == 0);
            attack_closes();
            if (peer_says(&peers[i], GO)) { go_ahead_late(road, i); }
        }
    }
}

/* -- 27: hostile arguments ------------------------------------------------- */

static char long_name[300];

static const char *const hostile[] = {
    "mail\r\nQUIT", "mail\rx",  "mail\nx", "mail\n",  "\r",     "mail'x",
    "'/>",          "<mail>",   "mail<x",  "mail\tx", "mail x", " mail",
    "mail\x7f",     "mail\x01", "",        long_name};

static void hostile_host(int road, const struct peer *p, const char *text)
{
    attack_begin(road, p, "host");
    r.d.host = text;
    attack_refused_at_open(ERR(ARG) | ERR(NAME));
}

static void hostile_name(int road, const struct peer *p, const char *text)
{
    attack_begin(road, p, "client_name");
    r.d.client_name = text;
    attack_refused_at_open(ERR(ARG));
}

/* What the modem is told. A quote or a backslash is escaped there. */
static void hostile_modem_text(int road)
{
    static const char *const texts[] = {"a\r\nAT+RST", "a\rb", "a\nb", "a\x01"};
    size_t i;

    for (i = 0; i < COUNT(texts); i++) {
        attack_begin(road, NULL, "connect_host");
        r.d.connect_host = texts[i];
        attack_refused_at_open(ERR(ARG));
        attack_begin(road, NULL, "ssid");
        r.d.ssid = texts[i];
        attack_refused_at_open(ERR(ARG));
        attack_begin(road, NULL, "password");
        r.d.ssid = "net";
        r.d.password = texts[i];
        attack_refused_at_open(ERR(ARG));
        attack_begin(road, NULL, "sntp");
        r.d.sntp = texts[i];
        attack_refused_at_open(ERR(ARG));
    }
}

/* A NUL ends the name; what is behind it is not part of anything. */
static void nul_ends(int road)
{
    attack_begin(road, NULL, "NUL");
    r.d.host = "mail.example.test\0.evil.test";
    REQUIRE(attack_connect() == ESTLS_OK);
    REQUIRE(!road_is_modem(road) ||
            strcmp(r.w.dialled, "mail.example.test") == 0);
    REQUIRE(!world_heard(&r.w, "evil"));
    attack_closes();
}

static void case_27_hostile_arguments(void)
{
    size_t k;
    int road, i;

    memset(long_name, 'a', 256);
    long_name[256] = 0;
    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < PEERS; i++) {
            for (k = 0; k < COUNT(hostile); k++) {
                hostile_host(road, &peers[i], hostile[k]);
                hostile_name(road, &peers[i], hostile[k]);
            }
        }
        if (road_is_modem(road)) { hostile_modem_text(road); }
        nul_ends(road);
    }
}

/* -- the list -------------------------------------------------------------- */

#define CASE(number, title, expected, function)                                \
    {                                                                          \
        number, title, expected, function                                      \
    }

const struct attack transition_attacks[] = {
    CASE(0, "none: well-behaved servers", OK, well_behaved),
    CASE(1, "response injection, one segment", INJECTED,
         case_01_response_injection),
    CASE(2, "response injection, later", LATER, case_02_injection_later),
    CASE(3, "IMAP, POP3, FTP, NNTP, Sieve, IRC, LMTP twins", LATER,
         case_03_twins),
    CASE(4, "PostgreSQL: S and any byte", LATER, case_04_postgres),
    CASE(5, "LDAP: forged response, ID, tag, length", LATER, case_05_ldap),
    CASE(6, "XMPP: stream behind proceed", LATER, case_06_xmpp),
    CASE(7, "MySQL: CLIENT_SSL cleared", MISSING | LATER | TIMEOUT,
         case_07_mysql),
    CASE(8, "go-ahead cut by the modem", INJECTED, case_08_split_go_ahead),
    CASE(9, "TLS-shaped bytes before ClientHello", INJECTED,
         case_09_tls_shaped_injection),
    CASE(10, "STARTTLS not offered", MISSING, case_10_not_offered),
    CASE(11, "capability mangled", MISSING, case_11_mangled),
    CASE(12, "capability that looks alike", MISSING, case_12_look_alike),
    CASE(13, "refused", REFUSED, case_13_refused),
    CASE(14, "wrong success code", PROTO | TIMEOUT, case_14_wrong_success),
    CASE(15, "IMAP: wrong tag", TIMEOUT, case_15_wrong_tag),
    CASE(16, "IMAP: PREAUTH", PROTO, case_16_preauth),
    CASE(17, "EHLO refused, HELO would do", REFUSED, case_17_ehlo_refused),
    CASE(18, "go-ahead of several lines", OK, case_18_multi_line),
    CASE(19, "mixed codes in one reply", REFUSED | PROTO, case_19_mixed_codes),
    CASE(20, "bare LF, bare CR", OK | PROTO | TIMEOUT | INJECTED,
         case_20_bare_newlines),
    CASE(21, "dribble; all in one", OK | INJECTED | TIMEOUT,
         case_21_dribble_and_all_in_one),
    CASE(22, "long lines, endless lines", PROTO | TIMEOUT, case_22_oversize),
    CASE(23, "text shown before TLS", REFUSED | OK, case_23_text_before_tls),
    CASE(24, "referral, BYE", REFUSED | TIMEOUT, case_24_referral),
    CASE(25, "state learnt in clear", OK, case_25_learnt_in_clear),
    CASE(26, "bytes behind the command", OK, case_26_no_pipelining),
    CASE(27, "hostile host, names", ERR(ARG) | ERR(NAME),
         case_27_hostile_arguments),
    {0, NULL, 0, NULL}};
