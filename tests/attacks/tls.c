/* tls.c - cases 28 to 44: the handshake, resumption, what comes in TLS, and
 * the modem below it. */
#include "attacks.h"

#include <stdio.h>
#include <stdlib.h>

#define PROTO   ERR(PROTO)
#define TLS     ERR(TLS)
#define TRUST   ERR(TRUST)
#define TIMEOUT ERR(TIMEOUT)
#define CUT     ERR(TRUNCATED)
/* what is no record: by its version, or else */
#define JUNK (ERR(VERSION) | ERR(TLS) | ERR(PROTO))
#define GONE (ERR(CLOSED) | ERR(TRUNCATED) | ERR(NETWORK))

static char big[200000];
static char reply[4096];

/* -- 28 to 32: the handshake ----------------------------------------------- */

static struct smtpd_burst burst(const void *bytes, size_t len, unsigned count)
{
    struct smtpd_burst it;

    memset(&it, 0, sizeof it);
    it.bytes.bytes = bytes;
    it.bytes.len = len;
    it.count = count;
    return it;
}

#define RAW(literal, count) burst(literal, sizeof(literal) - 1, count)

/* Instead of TLS, to the client of each protocol. */
static void each_peer(struct smtpd_burst raw, uint32_t want)
{
    int road, i;

    IN_TLS(raw, raw, want);
    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < PEERS; i++) {
            attack_begin(road, &peers[i], "raw");
            r.server.raw = raw;
            attack_fails(want);
        }
    }
}

static void case_28_clear_text_for_hello(void)
{
    each_peer(RAW("500 what?\r\n", 1), PROTO);
    each_peer(RAW("HTTP/1.1 400 Bad Request\r\n\r\n", 1), PROTO);
    each_peer(RAW("250 AUTH PLAIN\r\n", 1), PROTO);
}

static void case_29_close_notify_in_handshake(void)
{
    each_peer(RAW("\x15\x03\x03\x00\x02\x01\x00", 1), TLS);
    IN_TLS(raw, RAW("\x15\x03\x03\x00\x02\x02\x00", 1), TLS);
}

/* After the handshake, where there is a session to read from. */
static void flood_in_session(int road, const struct smtpd_burst *records)
{
    int rc;

    attack_begin(road, NULL, "flood");
    r.server.records = *records;
    rc = attack_connect();
    if (!rc) { rc = rig_say(&r, "", reply, sizeof reply); }
    attack_got(rc, PROTO);
    attack_dead(rc);
}

static void case_30_floods(void)
{
    static const struct smtpd_burst floods[] = {
        {{"\x01\x5a", 2}, SMTPD_ENDLESS, SMTPD_ALERT},
        {{"", 0}, SMTPD_ENDLESS, SMTPD_APPLICATION_DATA}};
    int road, i;

    each_peer(RAW("\x15\x03\x03\x00\x02\x01\x5a", SMTPD_ENDLESS),
              PROTO | TIMEOUT);
    each_peer(RAW("\x16\x03\x03\x00\x00", SMTPD_ENDLESS), PROTO | TIMEOUT);
    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < 2; i++) { flood_in_session(road, &floods[i]); }
    }
}

static void case_31_malformed_records(void)
{
    IN_TLS(raw, RAW("\x16\x03\x03\x40\x01\x02", 1), TLS);
    IN_TLS(raw, RAW("\x63\x03\x03\x00\x02\x01\x00", 1), PROTO);
    IN_TLS(raw, RAW("\x18\x03\x03\x00\x02\x01\x00", 1), PROTO);
    IN_TLS(raw, RAW("\x14\x03\x03\x00\x01\x01", 1), TLS);
    IN_TLS(raw, RAW("\x17\x03\x03\x00\x02hi", 1), TLS);
    IN_TLS(raw, RAW("\x16\x04\x03\x00\x02hi", 1), PROTO);
    IN_TLS(raw, RAW("\x16\x02\x00\x00\x02hi", 1), PROTO);
    IN_TLS(raw, RAW("\x16\x03\x03\xff\xff\x02", 1), TLS);
    IN_TLS(raw, RAW("\x80\x2e\x01\x03\x01", 1), PROTO); /* SSL 2 */
}

/* Each byte of the server's handshake: a bit of it is flipped. */
static void flipped_bytes(void)
{
    size_t at;
    int rc;

    for (at = 0; at < 1400; at++) {
        attack_begin(0, NULL, "flipped");
        r.server.fault = SMTPD_FLIP;
        r.server.fault_stream = SMTPD_TLS;
        r.server.fault_at = at;
        r.d.timeout_ms = 500;
        rc = attack_connect();
        if (rc == ESTLS_OK) {
            REQUIRE(!r.w.server[0]->tripped);
            rig_end(&r);
            break;
        }
        attack_got(rc, ANY_ERROR);
        attack_dead(rc);
    }
    REQUIRE(at > 800 && at < 1400);
}

/* ServerHello { 3.2, random, no session, ECDHE_ECDSA_CHACHA20, null } */
#define HELLO_1_1                                                              \
    "\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02"                             \
    "0123456789abcdef0123456789abcdef\x00\xcc\xa9\x00"
/* Of a server that can do no less than 1.3: its number is in an extension. */
#define HELLO_1_3                                                              \
    "\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03"                             \
    "0123456789abcdef0123456789abcdef\x00\x13\x03\x00"                         \
    "\x00\x06\x00\x2b\x00\x02\x03\x04"

static void case_32_versions(void)
{
    each_peer(RAW(HELLO_1_1, 1), ERR(VERSION));
    /* fatal alert protocol_version, as of a server that has only TLS 1.3 */
    each_peer(RAW("\x15\x03\x03\x00\x02\x02\x46", 1), ERR(VERSION));
    /* a suite and an extension that were never offered */
    IN_TLS(raw, RAW(HELLO_1_3, 1), TLS | ERR(VERSION));
}

/* -- 33, 34: certificates -------------------------------------------------- */

/* Those that bare BearSSL would accept, or that it has a weaker view of. */
static int is_of_case_34(const char *name, const char *word)
{
    return strcmp(word, "usage") == 0 || strcmp(word, "weak") == 0 ||
           strncmp(name, "nc-", 3) == 0 || strncmp(name, "cn-", 3) == 0 ||
           strcmp(name, "like-san") == 0 || strcmp(word, "either") == 0;
}

static uint32_t outcome(const char *name, const char *word)
{
    static const struct {
        const char *word;
        uint32_t outcome;
    } words[] = {{"ok", OK},
                 {"trust", TRUST},
                 {"expired", ERR(EXPIRED)},
                 {"future", ERR(EXPIRED)},
                 {"name", ERR(NAME)},
                 {"usage", TRUST},
                 {"weak", TRUST},
                 {"constraint", TRUST},
                 {"either", OK | TRUST}};
    size_t i;

    /* refused rather than evaluated: a limit that the header names */
    if (strcmp(name, "nc-satisfied") == 0) { return TRUST; }
    for (i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, word) == 0) { return words[i].outcome; }
    }
    return 0;
}

static void certificate(const char *name, uint32_t want)
{
    int road, rc;

    for (road = 0; road < ROADS; road++) {
        attack_begin(road, &peers[SMTP], name);
        rig_certificate(&r, name);
        rc = attack_connect();
        attack_got(rc, want);
        if (rc) {
            REQUIRE(r.report.detail != 0);
            attack_dead(rc);
        } else {
            REQUIRE(attack_exchange() == ESTLS_OK);
            attack_closes();
        }
    }
}

/* The certificates of one case. Returns how many there are. */
static unsigned certificates(int case_34)
{
    char path[256], name[64], word[32];
    unsigned count = 0;
    FILE *index;

    snprintf(path, sizeof path, "%s/index", attack_pki);
    index = fopen(path, "r");
    while (index && fscanf(index, "%63s %31s %*[^\n]", name, word) == 2) {
        if (is_of_case_34(name, word) == case_34) {
            certificate(name, outcome(name, word));
            count++;
        }
    }
    if (index) { fclose(index); }
    return count;
}

static int listed(const char *wanted)
{
    char path[256], name[64];
    int found = 0;
    FILE *index;

    snprintf(path, sizeof path, "%s/index", attack_pki);
    index = fopen(path, "r");
    while (index && !found && fscanf(index, "%63s %*[^\n]", name) == 1) {
        found = strcmp(name, wanted) == 0;
    }
    if (index) { fclose(index); }
    return found;
}

static void case_33_certificates(void)
{
    static const char *const names[] = {
        "rogue",      "self-signed", "expired",
        "future",     "wrong-name",  "nul-name",
        "leaf-as-ca", "path-length", "no-intermediate"};
    size_t i;

    for (i = 0; i < COUNT(names); i++) { REQUIRE(listed(names[i])); }
    REQUIRE(certificates(0) >= 16);
}

static void case_34_beyond_bearssl(void)
{
    static const char *const names[] = {"client-auth", "sha1",
                                        "sha1-chain",  "rsa1024",
                                        "cn-only",     "nc-violated"};
    size_t i;

    for (i = 0; i < COUNT(names); i++) { REQUIRE(listed(names[i])); }
    REQUIRE(certificates(1) >= 13);
}

/* -- 35: the clock --------------------------------------------------------- */

static uint32_t no_modem_time(void *user)
{
    return estls_link_time(&((rig *)user)->net.link);
}

static void case_35_clock(void)
{
    static const uint32_t times[] = {
        0,          /* never set */
        1,          /* 1970 */
        86400,      /* a day after reset */
        946684800,  /* 2000 */
        1767225600, /* 2026-01-01 */
        1793491199  /* the second before 2026-11-01, the release */
    };
    size_t i;
    int road;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < COUNT(times); i++) {
            attack_begin(road, NULL, "clock");
            r.unix_time = times[i];
            attack_refused_at_open(ERR(CLOCK));
        }
        attack_begin(road, NULL, "no clock");
        r.d.unix_time = NULL;
        attack_refused_at_open(ERR(CLOCK));
        if (!road_is_modem(road)) { continue; }
        attack_begin(road, NULL, "SNTP has no time");
        r.d.sntp = "pool.example.test";
        r.d.clock = estls_link_clock;
        r.d.unix_time = no_modem_time;
        attack_got(attack_connect(), ERR(CLOCK));
        REQUIRE(r.w.connections == 0);
        REQUIRE(rig_close(&r) == ESTLS_E_CLOCK);
        rig_end(&r);
    }
}

/* -- 36, 37: resumption ---------------------------------------------------- */

static struct smtpd_sessions sessions;

/* A first session, so that there is something to resume. */
static void first(int road)
{
    attack_begin(road, NULL, "resumption");
    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.d.saved = &r.saved;
    REQUIRE(attack_connect() == ESTLS_OK);
    REQUIRE(rig_close(&r) == ESTLS_OK);
    rig_end(&r);
    REQUIRE(!rig_zero(&r.saved, sizeof r.saved));
}

/* The length of the session ID in the ClientHello: 5 bytes of the record, 4
 * of the message, version, random. */
static int offers_session(void)
{
    const size_t at = r.w.heard_len - attack_heard() + attack_preamble();

    return r.w.heard[at + 5 + 4 + 2 + 32] != 0;
}

static void check_resumed(int offered, int resumed)
{
    attack_got(attack_connect(), OK);
    REQUIRE(r.report.resumed == resumed);
    REQUIRE(offers_session() == offered);
    REQUIRE(rig_close(&r) == ESTLS_OK);
    rig_end(&r);
}

static void other_trust(int road)
{
    first(road);
    r.d.anchor_count = 1;
    check_resumed(0, 0);
    first(road);
    r.d.anchors++;
    r.d.anchor_count--;
    rig_certificate(&r, "all-rsa");
    check_resumed(0, 0);
    first(road);
    rig_pin(&r, "ec");
    check_resumed(0, 0);
    first(road);
    r.d.anchors++;
    r.d.anchor_count--;
    attack_got(attack_connect(), TRUST);
    attack_dead(ESTLS_E_TRUST);
}

static void case_36_other_binding(void)
{
    size_t i;
    int road;

    for (road = 0; road < ROADS; road++) {
        first(road);
        check_resumed(1, 1);
        r.d.host = "localhost";
        check_resumed(0, 0);
        first(road);
        r.d.port = 25;
        check_resumed(0, 0);
        first(road);
        r.server.direct = true;
        r.d.proto = estls_direct;
        check_resumed(0, 0);
        other_trust(road);
    }
    for (i = 0; i < sizeof r.saved; i += 9) {
        first(0);
        ((uint8_t *)&r.saved)[i] ^= 1;
        check_resumed(0, 0);
    }
}

static void case_37_resumption_refused(void)
{
    static const struct {
        const char *certificate;
        uint32_t want;
        int rc;
    } rows[] = {{"rogue", TRUST, ESTLS_E_TRUST},
                {"expired", ERR(EXPIRED), ESTLS_E_EXPIRED},
                {"wrong-name", ERR(NAME), ESTLS_E_NAME}};
    size_t i;
    int road;

    for (road = 0; road < ROADS; road++) {
        first(road);
        r.server.no_resumption = true;
        check_resumed(1, 0);
        for (i = 0; i < COUNT(rows); i++) {
            first(road);
            r.server.no_resumption = true;
            rig_certificate(&r, rows[i].certificate);
            attack_fails(rows[i].want);
            REQUIRE(rig_zero(&r.saved, sizeof r.saved));
        }
    }
}

/* -- 38 to 43: in TLS ------------------------------------------------------ */

static void case_38_renegotiation(void)
{
    static const struct smtpd_burst hello_request = {
        {"\0\0\0\0", 4}, 1, SMTPD_HANDSHAKE};
    int road;

    for (road = 0; road < ROADS; road++) {
        attack_begin(road, NULL, "HelloRequest");
        r.server.records = hello_request;
        attack_got(attack_connect(), OK);
        /* reads it, and nothing else */
        r.patience_ms = 1000;
        REQUIRE(rig_say(&r, "", reply, sizeof reply) == ESTLS_BUSY);
        r.patience_ms = 600000;
        REQUIRE(rig_say(&r, "NOOP\r\n", reply, sizeof reply) == ESTLS_OK);
        REQUIRE(r.w.server[0]->report.renegotiation_refused);
        REQUIRE(rig_mail(&r) == ESTLS_OK);
        REQUIRE(r.mails == 1);
        attack_closes();
    }
}

static void cut_at(int road, size_t at)
{
    int rc;

    attack_begin(road, NULL, "cut");
    r.server.fault = SMTPD_CUT;
    r.server.fault_stream = SMTPD_APPLICATION;
    r.server.fault_at = at;
    REQUIRE(attack_connect() == ESTLS_OK);
    rc = rig_say(&r, "EHLO x\r\n", reply, sizeof reply);
    if (rc == ESTLS_OK) { /* the reply was whole; now the end */
        rc = rig_say(&r, "", reply, sizeof reply);
    }
    attack_got(rc, CUT);
    REQUIRE(at > 10 || strlen(reply) <= 10);
    attack_dead(rc);
}

static void case_39_truncated(void)
{
    static const size_t cuts[] = {0, 1, 10, 20};
    static const char *const modem[] = {"closed@rx:600", "closed@rx:1000",
                                        "closed@rx:1300"};
    size_t i;
    int road, rc;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < COUNT(cuts); i++) { cut_at(road, cuts[i]); }
        for (i = 0; road_is_modem(road) && i < COUNT(modem); i++) {
            attack_begin(road, NULL, modem[i]);
            rig_fault(&r, modem[i]);
            rc = attack_connect();
            if (!rc) { rc = rig_mail(&r); }
            attack_got(rc, CUT);
            attack_dead(rc);
        }
    }
}

/* A cut somewhere in the dialogue: success if 221 was seen, and only then. */
static int cut_before_goodbye(int road, size_t at)
{
    int rc;

    attack_begin(road, NULL, "cut before the goodbye");
    r.server.fault = SMTPD_CUT;
    r.server.fault_stream = SMTPD_APPLICATION;
    r.server.fault_at = at;
    r.server.no_close_notify = true;
    rc = attack_connect();
    REQUIRE(rc == ESTLS_OK);
    rc = rig_mail(&r);
    attack_got(rc, OK | CUT);
    if (rc) {
        attack_dead(rc);
    } else {
        attack_closes();
    }
    return rc;
}

static void case_40_no_close_notify_after_quit(void)
{
    size_t at;
    int road, rc;

    for (road = 0; road < ROADS; road++) {
        attack_begin(road, NULL, "no close_notify");
        r.server.no_close_notify = true;
        attack_got(attack_connect(), OK);
        REQUIRE(rig_mail(&r) == ESTLS_OK); /* 221 was seen */
        attack_closes();                   /* we close: nothing to lose */
        rc = ESTLS_E_TRUNCATED;
        for (at = 0; rc && at < 2000; at += 25) {
            rc = cut_before_goodbye(road, at);
        }
        REQUIRE(at > 200 && at < 2000);
    }
}

static void case_41_record_too_large(void)
{
    struct smtpd_blob blob = {big, 3000};
    int road, rc;

    memset(big, 'x', sizeof big);
    memcpy(big, "250 ", 4);
    memcpy(big + 2998, "\r\n", 2);
    for (road = 0; road < ROADS; road++) {
        attack_begin(road, NULL, "large record");
        r.server.record_size = 16384;
        r.server.ehlo_tls = blob;
        REQUIRE(attack_connect() == ESTLS_OK);
        rc = rig_say(&r, "EHLO x\r\n", reply, sizeof reply);
        attack_got(rc, ERR(RECORD));
        REQUIRE(strstr(estls_strerror(rc), "iobuf") != NULL);
        REQUIRE(strstr(estls_error_advice(rc), "iobuf") != NULL);
        attack_dead(rc);
        /* with the buffer that it asks for, all is well */
        attack_begin(road, NULL, "large record and buffer");
        r.server.record_size = 16384;
        r.server.ehlo_tls = blob;
        r.d.iobuf_cap = sizeof r.iobuf;
        REQUIRE(attack_connect() == ESTLS_OK);
        REQUIRE(rig_say(&r, "EHLO x\r\n", reply, sizeof reply) == ESTLS_OK);
        attack_closes();
    }
}

static void case_42_other_pin(void)
{
    static const char *const others[] = {"other", "rogue-root", "rsa", "p384"};
    size_t i;
    int road;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < COUNT(others); i++) {
            if (!listed(others[i])) { continue; }
            attack_begin(road, NULL, "pin");
            rig_pin(&r, "ec");
            rig_certificate(&r, others[i]);
            attack_fails(TRUST);
        }
    }
}

static size_t entropy_len;
static uint8_t entropy_byte;

static size_t bad_entropy(void *user, void *dst, size_t len)
{
    (void)user;
    memset(dst, entropy_byte, len);
    return entropy_len;
}

/* Fills half of what it claims to fill. */
static size_t half_entropy(void *user, void *dst, size_t len)
{
    size_t i;

    (void)user;
    for (i = 0; i < len / 2; i++) { ((uint8_t *)dst)[i] = (uint8_t)(7 * i); }
    return len / 2;
}

static void case_43_entropy(void)
{
    static const struct {
        size_t len;
        uint8_t byte;
    } rows[] = {{0, 0},  {1, 1},    {31, 7},        {33, 7},
                {32, 0}, {32, 255}, {(size_t)-1, 9}};
    size_t i;
    int road;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < COUNT(rows); i++) {
            attack_begin(road, NULL, "entropy");
            entropy_len = rows[i].len;
            entropy_byte = rows[i].byte;
            r.d.entropy = bad_entropy;
            attack_refused_at_open(ERR(ENTROPY));
        }
        attack_begin(road, NULL, "too little");
        r.entropy = 31;
        attack_refused_at_open(ERR(ENTROPY));
        attack_begin(road, NULL, "stuck");
        r.stuck = 1;
        attack_refused_at_open(ERR(ENTROPY));
        attack_begin(road, NULL, "half");
        r.d.entropy = half_entropy;
        attack_refused_at_open(ERR(ENTROPY));
        attack_begin(road, NULL, "none");
        r.d.entropy = NULL;
        attack_refused_at_open(ERR(ENTROPY));
    }
}

/* -- 44: the modem, and the link below ------------------------------------- */

static void take_modem(int generation, int push, const char *note)
{
    attack_begin(push ? ROAD_PUSH : ROAD_PULL, NULL, note);
    r.modem.generation = generation;
}

static void modem_fault(int generation, int push, const char *fault,
                        uint32_t want)
{
    take_modem(generation, push, fault);
    rig_fault(&r, fault);
    attack_fails(want);
}

static void modem_faults(void)
{
    static const struct {
        const char *fault;
        uint32_t want;
    } faults[] = {
        {"fail@send:1", ERR(NETWORK)},  {"fail@send:3", ERR(NETWORK)},
        {"mute@send:3", TIMEOUT},       {"mute@prompt:2", TIMEOUT},
        {"reset@send:3", ERR(MODEM)},   {"reset@rx:300", ERR(MODEM)},
        {"reset@prompt:2", ERR(MODEM)}, {"wifi@rx:300", ERR(NETWORK)},
        {"wifi@send:1", ERR(NETWORK)},  {"hang@rx:300", TIMEOUT},
        {"hang@cmd:5", TIMEOUT},        {"fail@open:1", ERR(NETWORK)},
        {"closed@rx:600", CUT},         {"closed@prompt:1", ERR(CLOSED)}};
    size_t i;
    int generation, push;

    for (i = 0; i < COUNT(faults); i++) {
        for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
            for (push = 0; push < 2; push++) {
                modem_fault(generation, push, faults[i].fault, faults[i].want);
            }
        }
    }
}

/* A payload that is shorter than its header says swallows what follows, and
 * the stream is broken. Where that hits lines of no weight behind the last
 * byte of the handshake, TLS has proven that nothing is missing. */
static void liar(int generation, int push, const char *what, int nth)
{
    char fault[32];
    int rc;

    snprintf(fault, sizeof fault, "%s@ipd:%d:3", what, nth);
    take_modem(generation, push, fault);
    rig_fault(&r, fault);
    rc = attack_connect();
    attack_got(rc, what[0] == 'l' || nth == 5 ? OK | ANY_ERROR : ANY_ERROR);
    if (rc) {
        attack_dead(rc);
        return;
    }
    if (rig_mail(&r) == ESTLS_OK) {
        REQUIRE(r.mail_len == strlen(rig_body));
        REQUIRE(memcmp(r.mail, rig_body, r.mail_len) == 0);
    }
    rig_end(&r);
}

static void short_payloads(void)
{
    int generation, push, nth;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            for (nth = 1; nth < 6; nth++) {
                liar(generation, push, "short", nth);
                liar(generation, push, "lie", nth);
            }
        }
    }
}

static void stalls(void)
{
    size_t at;
    int road;

    for (road = 0; road < ROADS; road++) {
        for (at = 0; at < 900; at += 150) {
            attack_begin(road, NULL, "stall");
            r.server.fault = SMTPD_STALL;
            r.server.fault_stream = SMTPD_WIRE;
            r.server.fault_at = at;
            attack_fails(TIMEOUT);
        }
    }
}

/* What the modem says in between, of a link that is ours and open. */
static const struct spoof {
    const char *text;
    uint32_t before; /* somewhere on the way to TLS */
    uint32_t pull;   /* in TLS */
    uint32_t push;
} spoofs[] = {{"\r\nready\r\n", ERR(MODEM), ERR(MODEM), ERR(MODEM)},
              {"0,CLOSED\r\n", GONE, CUT, CUT},
              /* the id comes back, with somebody else behind it */
              {"0,CLOSED\r\n0,CONNECT\r\n", GONE, CUT, CUT},
              {"0,CLOSED\r\n0,CONNECT\r\n\r\n+IPD,0,10:220 evil\r\n", ANY_ERROR,
               CUT | JUNK, CUT | JUNK},
              {"0,CLOSED\r\n0,CONNECT\r\n\r\n+IPD,0,9:230 evil.", ANY_ERROR,
               CUT | JUNK, CUT | JUNK},
              {"0,CONNECT\r\n\r\n+IPD,0,10:250 evil\r\n", ANY_ERROR, ANY_ERROR,
               ANY_ERROR},
              {"\r\n+IPD,0,10:250 evil\r\n", ANY_ERROR, ANY_ERROR, JUNK},
              {"\r\n+IPD,0,12:\x17\x03\x03\x01\x07"
               "evil!!!",
               ANY_ERROR, ANY_ERROR, TIMEOUT}};

static void begin_spoof(int push, const struct spoof *it, unsigned at)
{
    take_modem(push ? 1 : 2, push, it->text + (it->text[0] == '\r') * 2);
    r.d.mux = 1;
    r.d.timeout_ms = 4000;
    r.patience_ms = 5000;
    tap.spoof = it->text;
    tap.spoof_at = at;
}

/* At the n-th silence of the modem, wherever that is. Nothing that TLS has not
 * authenticated is delivered: a reply is the server's, or there is none. */
static void spoof(int push, const struct spoof *it, unsigned at)
{
    int rc;

    begin_spoof(push, it, at);
    rc = attack_connect();
    if (!rc) {
        rc = rig_mail(&r);
        REQUIRE(rc != ESTLS_E_REFUSED);
    }
    /* too late, or too early, to matter */
    attack_got(rc == ESTLS_BUSY ? ESTLS_E_TIMEOUT : rc,
               it->before | OK | TIMEOUT);
    REQUIRE(rc != ESTLS_OK || r.mails == 1);
    if (rc < 0) {
        attack_dead(rc);
    } else {
        REQUIRE(rig_close(&r) <= 0);
        rig_end(&r);
    }
}

/* In TLS, while we wait for the server. */
static void spoof_in_session(int push, const struct spoof *it)
{
    int rc;

    begin_spoof(push, it, 0);
    REQUIRE(attack_connect() == ESTLS_OK);
    tap.silences = 0;
    tap.spoof_at = 3;
    rc = rig_say(&r, "", reply, sizeof reply);
    attack_got(rc == ESTLS_BUSY ? ESTLS_E_TIMEOUT : rc,
               push ? it->push : it->pull);
    REQUIRE(!strstr(reply, "evil"));
    if (rc < 0) {
        attack_dead(rc);
    } else {
        REQUIRE(rig_close(&r) <= 0);
        rig_end(&r);
    }
}

static void spoofed_lines(void)
{
    size_t i;
    unsigned at;
    int push;

    for (i = 0; i < COUNT(spoofs); i++) {
        for (push = 0; push < 2; push++) {
            for (at = 1; at < 60; at++) { spoof(push, &spoofs[i], at); }
            spoof_in_session(push, &spoofs[i]);
        }
    }
}

static void case_44_link_and_modem(void)
{
    modem_faults();
    short_payloads();
    stalls();
    spoofed_lines();
}

/* -- the list -------------------------------------------------------------- */

#define CASE(number, title, expected, function)                                \
    {                                                                          \
        number, title, expected, function                                      \
    }

const struct attack tls_attacks[] = {
    CASE(28, "clear text instead of ServerHello", PROTO,
         case_28_clear_text_for_hello),
    CASE(29, "close_notify in the handshake", TLS,
         case_29_close_notify_in_handshake),
    CASE(30, "floods of alerts, of empty records", PROTO | TIMEOUT,
         case_30_floods),
    CASE(31, "malformed records", PROTO | TLS, case_31_malformed_records),
    CASE(0, "each byte of the handshake flipped", ANY_ERROR, flipped_bytes),
    CASE(32, "TLS 1.1, TLS 1.3 alone", ERR(VERSION) | TLS, case_32_versions),
    CASE(33, "certificates", OK | TRUST | ERR(EXPIRED) | ERR(NAME),
         case_33_certificates),
    CASE(34, "certificates that BearSSL would take", OK | TRUST | ERR(NAME),
         case_34_beyond_bearssl),
    CASE(35, "clock not set, or before the release", ERR(CLOCK), case_35_clock),
    CASE(36, "saved session of another binding", OK | TRUST,
         case_36_other_binding),
    CASE(37, "resumption refused by the server",
         OK | TRUST | ERR(EXPIRED) | ERR(NAME), case_37_resumption_refused),
    CASE(38, "renegotiation asked for", OK, case_38_renegotiation),
    CASE(39, "FIN or CLOSED without close_notify", CUT, case_39_truncated),
    CASE(40, "no close_notify after the goodbye", OK | CUT,
         case_40_no_close_notify_after_quit),
    CASE(41, "record larger than the buffer", ERR(RECORD),
         case_41_record_too_large),
    CASE(42, "another key than the pinned one", TRUST, case_42_other_pin),
    CASE(43, "no entropy, too little, stuck", ERR(ENTROPY), case_43_entropy),
    CASE(44, "stalls, modem faults, links reused", OK | ANY_ERROR,
         case_44_link_and_modem),
    {0, NULL, 0, NULL}};
