/* attack.c - what a hostile network, server or modem may do to SMTP STARTTLS
 * and to TLS, and that it gets nowhere. Usage: attack PKI-DIRECTORY
 *
 * Each case runs over the stream itself and through the modem, in one piece
 * and byte by byte. Numbers are those of the README's list of attacks. */
#include "rig.h"

#include "check.h"

#include <stdio.h>

enum { ROADS = 6 };

static rig r;
static char big[200000];

/* Over which road the bytes come. */
static void take_road(int road)
{
    static const int generation[ROADS] = {RIG_DIRECT, RIG_DIRECT, 2, 2, 1, 3};
    static const uint8_t push[ROADS] = {0, 0, 0, 0, 1, 0};
    static const size_t chunk[ROADS] = {0, 1, 0, 1, 5, 0};

    rig_init(&r, generation[road], "ec");
    r.d.push = push[road];
    r.modem.chunk = chunk[road];
    r.w.read_max = chunk[road];
    r.modem.delay_ms = road == 5 ? 20 : 0;
}

static void check_dead(int rc)
{
    CHECK_TEXT(rig_dead(&r, rc), "");
}

static void check_fails_by(int want, int or_want)
{
    const int rc = rig_connect(&r);

    CHECK_INT(rc, rc == or_want ? or_want : want);
    check_dead(rc);
    rig_end(&r);
}

static void check_fails(int want)
{
    check_fails_by(want, want);
}

static void check_works(void)
{
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    CHECK_INT(r.mails, 1);
    CHECK(!world_heard(&r.w, "AUTH"));
    rig_end(&r);
}

#define BLOB(literal) ((struct smtpd_blob)SMTPD_BLOB(literal))

/* One case on all roads: a field of the server's options, and the outcome. */
#define ATTACK(field, value, want)                                             \
    do {                                                                       \
        int road_;                                                             \
        for (road_ = 0; road_ < ROADS; road_++) {                              \
            take_road(road_);                                                  \
            r.server.field = (value);                                          \
            check_fails(want);                                                 \
        }                                                                      \
    } while (0)

/* -- the transition --------------------------------------------------------- */

static void case_01_injection(void)
{
    ATTACK(inject, BLOB("250-x\r\n250 AUTH PLAIN\r\n"), ESTLS_E_INJECTED);
    ATTACK(inject, BLOB("\n"), ESTLS_E_INJECTED);
    ATTACK(starttls, BLOB("220 go\r\n250-x\r\n250 AUTH PLAIN\r\n"),
           ESTLS_E_INJECTED);
}

/* Later: caught before our ClientHello, or as what is no TLS record. */
static void case_02_injection_later(void)
{
    int road, rc;
    unsigned ms;

    for (road = 0; road < ROADS; road++) {
        for (ms = 1; ms < 300; ms += 13) {
            take_road(road);
            r.server.inject = BLOB("250 AUTH PLAIN\r\n");
            r.server.inject_delay_ms = ms;
            rc = rig_connect(&r);
            CHECK(rc == ESTLS_E_INJECTED || rc == ESTLS_E_PROTO);
            check_dead(rc);
            rig_end(&r);
        }
    }
}

static void case_09_tls_shaped_injection(void)
{
    ATTACK(inject, BLOB("\x15\x03\x03\x00\x02\x01\x5a"), ESTLS_E_INJECTED);
}

static void case_10_to_12_not_offered(void)
{
    ATTACK(ehlo, BLOB("250-mx\r\n250 SIZE\r\n"), ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250 mx\r\n"), ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-mx\r\n250-XXXXXXXA\r\n250 SIZE\r\n"),
           ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-m we love STARTTLS\r\n250 SIZE\r\n"),
           ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-STARTTLS\r\n250 SIZE\r\n"), ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-mx\r\n250 XSTARTTLS\r\n"), ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-mx\r\n250 STARTTLSX\r\n"), ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-mx\r\n250-\0STARTTLS\r\n250 SIZE\r\n"),
           ESTLS_E_NO_STARTTLS);
    ATTACK(ehlo, BLOB("250-mx\r\n250 START\r\n"), ESTLS_E_NO_STARTTLS);
}

static void case_13_refused(void)
{
    ATTACK(starttls, BLOB("454 not now\r\n"), ESTLS_E_REFUSED);
    ATTACK(starttls, BLOB("501-no\r\n501 no\r\n"), ESTLS_E_REFUSED);
    ATTACK(greeting, BLOB("554 go away\r\n"), ESTLS_E_REFUSED);
}

static void case_14_wrong_code(void)
{
    ATTACK(starttls, BLOB("250 go\r\n"), ESTLS_E_PROTO);
    ATTACK(starttls, BLOB("221 go\r\n"), ESTLS_E_PROTO);
    ATTACK(starttls, BLOB("2200 go\r\n"), ESTLS_E_PROTO);
    ATTACK(starttls, BLOB("220go\r\n"), ESTLS_E_PROTO);
    ATTACK(starttls, BLOB("\r\n220 go\r\n"), ESTLS_E_PROTO);
    ATTACK(greeting, BLOB("+OK\r\n"), ESTLS_E_PROTO);
}

static void case_17_ehlo_refused(void)
{
    ATTACK(ehlo, BLOB("502 what\r\n"), ESTLS_E_REFUSED);
}

static void case_18_19_multi_line(void)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.starttls = BLOB("220-a\r\n220-b\r\n220 go\r\n");
        check_works();
    }
    ATTACK(starttls, BLOB("220-a\r\n454 no\r\n"), ESTLS_E_REFUSED);
    ATTACK(starttls, BLOB("220-a\r\n250 go\r\n"), ESTLS_E_PROTO);
}

static void case_20_bare_newlines(void)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.starttls = BLOB("220 go\n");
        check_works();
    }
    ATTACK(starttls, BLOB("220 go\r"), ESTLS_E_TIMEOUT);
    ATTACK(starttls, BLOB("220 go\r220 go\r\n"), ESTLS_E_PROTO);
}

static void case_21_all_in_one(void)
{
    ATTACK(greeting, BLOB("220 a\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"),
           ESTLS_E_INJECTED);
    ATTACK(ehlo, BLOB("250-x\r\n250 STARTTLS\r\n220 go\r\n"), ESTLS_E_INJECTED);
}

static void case_22_oversize(void)
{
    struct smtpd_blob blob = {big, 100000};
    size_t i;

    memset(big, 'x', sizeof big);
    memcpy(big, "220 ", 4);
    ATTACK(greeting, blob, ESTLS_E_PROTO);
    for (i = 0; i + 7 <= sizeof big; i += 7) {
        memcpy(big + i, "250-x\r\n", 7);
    }
    blob.len = 7 * 20000;
    ATTACK(ehlo, blob, ESTLS_E_PROTO);
}

static void case_26_no_pipelining(void)
{
    int road, id;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        id = 0;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(r.w.server[id]->report.pipelined, 0);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

/* -- the handshake ----------------------------------------------------------- */

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

static void case_28_clear_text_for_hello(void)
{
    ATTACK(raw, RAW("500 what?\r\n", 1), ESTLS_E_PROTO);
    ATTACK(raw, RAW("HTTP/1.1 400 Bad Request\r\n\r\n", 1), ESTLS_E_PROTO);
}

static void case_29_close_notify_in_handshake(void)
{
    ATTACK(raw, RAW("\x15\x03\x03\x00\x02\x01\x00", 1), ESTLS_E_TLS);
}

static void case_30_floods(void)
{
    const struct smtpd_burst floods[] = {
        RAW("\x15\x03\x03\x00\x02\x01\x5a", SMTPD_ENDLESS),
        RAW("\x16\x03\x03\x00\x00", SMTPD_ENDLESS)};
    int road, i;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < 2; i++) {
            take_road(road);
            r.server.raw = floods[i];
            check_fails_by(ESTLS_E_PROTO, ESTLS_E_TIMEOUT);
        }
    }
}

static void case_30_floods_later(void)
{
    static const struct smtpd_burst floods[] = {
        {{"\x01\x5a", 2}, SMTPD_ENDLESS, SMTPD_ALERT},
        {{"", 0}, SMTPD_ENDLESS, SMTPD_APPLICATION_DATA}};
    char reply[256];
    int road, i, rc;

    for (road = 0; road < ROADS; road++) {
        for (i = 0; i < 2; i++) {
            take_road(road);
            r.server.records = floods[i];
            rc = rig_connect(&r);
            if (!rc) { rc = rig_say(&r, "", reply, sizeof reply); }
            CHECK_INT(rc, ESTLS_E_PROTO);
            rig_end(&r);
        }
    }
}

static void case_31_malformed_records(void)
{
    ATTACK(raw, RAW("\x16\x03\x03\x40\x01\x02", 1), ESTLS_E_TLS);
    ATTACK(raw, RAW("\x63\x03\x03\x00\x02\x01\x00", 1), ESTLS_E_PROTO);
    ATTACK(raw, RAW("\x18\x03\x03\x00\x02\x01\x00", 1), ESTLS_E_PROTO);
    ATTACK(raw, RAW("\x14\x03\x03\x00\x01\x01", 1), ESTLS_E_TLS);
    ATTACK(raw, RAW("\x17\x03\x03\x00\x02hi", 1), ESTLS_E_TLS);
    ATTACK(raw, RAW("\x16\x04\x03\x00\x02hi", 1), ESTLS_E_PROTO);
}

/* ServerHello { 3.2, random, no session, ECDHE_ECDSA_CHACHA20, null } */
#define HELLO_1_1                                                              \
    "\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02"                             \
    "0123456789abcdef0123456789abcdef\x00\xcc\xa9\x00"

static void case_32_versions(void)
{
    ATTACK(raw, RAW(HELLO_1_1, 1), ESTLS_E_VERSION);
    /* fatal alert protocol_version, as of a server that has only TLS 1.3 */
    ATTACK(raw, RAW("\x15\x03\x03\x00\x02\x02\x46", 1), ESTLS_E_VERSION);
}

static int outcome(const char *word)
{
    static const struct {
        const char *word;
        int rc;
    } words[] = {{"ok", ESTLS_OK},
                 {"trust", ESTLS_E_TRUST},
                 {"expired", ESTLS_E_EXPIRED},
                 {"future", ESTLS_E_EXPIRED},
                 {"name", ESTLS_E_NAME},
                 {"usage", ESTLS_E_TRUST},
                 {"weak", ESTLS_E_TRUST},
                 {"constraint", ESTLS_E_TRUST}};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0) { return words[i].rc; }
    }
    return 1; /* either */
}

static void certificate(const char *name, const char *word)
{
    static char note[160];
    int want = outcome(word);
    int road, rc;

    /* refused rather than evaluated: a limit that the header names */
    if (strcmp(name, "nc-satisfied") == 0) { want = ESTLS_E_TRUST; }
    for (road = 1; road < 4; road++) {
        snprintf(note, sizeof note, "case_33_34 %s (%s)", name, word);
        check_note = note;
        take_road(road);
        rig_certificate(&r, name);
        rc = rig_connect(&r);
        CHECK(rc == want || (want == 1 && (!rc || rc == ESTLS_E_TRUST)));
        if (rc) { check_dead(rc); }
        rig_end(&r);
    }
}

static void case_33_34_certificates(const char *dir)
{
    char path[256], name[64], word[32];
    unsigned count = 0;
    FILE *index;

    snprintf(path, sizeof path, "%s/index", dir);
    index = fopen(path, "r");
    while (index && fscanf(index, "%63s %31s %*[^\n]", name, word) == 2) {
        certificate(name, word);
        count++;
    }
    CHECK(count >= 25);
    if (index) { fclose(index); }
}

/* -- resumption --------------------------------------------------------------- */

static struct smtpd_sessions sessions;

/* A first session, so that there is something to resume. */
static void first(int road)
{
    take_road(road);
    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.d.saved = &r.saved;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    CHECK(!rig_zero(&r.saved, sizeof r.saved));
}

static void check_resumed(int want)
{
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.resumed, want);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

static void case_36_other_binding(void)
{
    size_t i;

    first(0);
    check_resumed(1);
    r.d.host = "localhost";
    check_resumed(0);
    first(0);
    r.d.port = 25;
    check_resumed(0);
    first(0);
    r.d.anchor_count = 1;
    check_resumed(0);
    first(0);
    rig_pin(&r, "ec");
    check_resumed(0);
    first(2);
    r.server.direct = true;
    r.d.proto = estls_direct;
    check_resumed(0);
    for (i = 0; i < sizeof r.saved; i += 9) {
        first(0);
        ((uint8_t *)&r.saved)[i] ^= 1;
        check_resumed(0);
    }
}

static void case_37_resumption_refused(void)
{
    first(2);
    r.server.no_resumption = true;
    check_resumed(0);
    first(2);
    r.server.no_resumption = true;
    rig_certificate(&r, "rogue");
    check_fails(ESTLS_E_TRUST);
    CHECK(rig_zero(&r.saved, sizeof r.saved));
}

/* -- inside TLS ---------------------------------------------------------------- */

static void case_38_renegotiation(void)
{
    static const struct smtpd_burst hello_request = {
        {"\0\0\0\0", 4}, 1, SMTPD_HANDSHAKE};
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.records = hello_request;
        check_works();
    }
}

static void case_39_truncated(void)
{
    char reply[256];
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.fault = SMTPD_CUT;
        r.server.fault_stream = SMTPD_APPLICATION;
        r.server.fault_at = 10;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(rig_say(&r, "EHLO x\r\n", reply, sizeof reply),
                  ESTLS_E_TRUNCATED);
        CHECK(strlen(reply) <= 10);
        CHECK_INT(rig_close(&r), ESTLS_E_TRUNCATED);
        rig_end(&r);
    }
}

static void case_40_no_close_notify_after_quit(void)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.no_close_notify = true;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(rig_mail(&r), ESTLS_OK);  /* 221 was seen */
        CHECK_INT(rig_close(&r), ESTLS_OK); /* we close: nothing to lose */
        rig_end(&r);
    }
}

static void case_41_record_too_large(void)
{
    struct smtpd_blob blob = {big, 3000};
    char reply[256];
    int road;

    memset(big, 'x', sizeof big);
    memcpy(big, "250 ", 4);
    memcpy(big + 2998, "\r\n", 2);
    for (road = 0; road < ROADS; road++) {
        take_road(road);
        r.server.record_size = 16384;
        r.server.ehlo_tls = blob;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(rig_say(&r, "EHLO x\r\n", reply, sizeof reply),
                  ESTLS_E_RECORD);
        CHECK_INT(rig_close(&r), ESTLS_E_RECORD);
        rig_end(&r);
    }
}

static void case_42_other_pin(void)
{
    int road;

    for (road = 0; road < ROADS; road++) {
        take_road(road);
        rig_pin(&r, "ec");
        rig_certificate(&r, "other");
        check_fails(ESTLS_E_TRUST);
    }
}

/* Each bit-flip in the server's handshake is seen. */
static void flipped_bytes(void)
{
    size_t at;
    int rc;

    for (at = 0; at < 1400; at++) {
        rig_init(&r, RIG_DIRECT, "ec");
        r.server.fault = SMTPD_FLIP;
        r.server.fault_stream = SMTPD_TLS;
        r.server.fault_at = at;
        r.d.timeout_ms = 500;
        rc = rig_connect(&r);
        if (rc == ESTLS_OK) {
            CHECK_INT(r.w.server[0]->tripped, 0);
            rig_end(&r);
            break;
        }
        check_dead(rc);
        rig_end(&r);
    }
    CHECK(at > 800 && at < 1400);
}

/* -- case 44: the modem, and the link below ---------------------------------- */

static void modem_fault(int generation, int push, const char *fault, int want)
{
    int rc;

    check_note = fault;
    rig_init(&r, generation, "ec");
    r.d.push = (uint8_t)push;
    rig_fault(&r, fault);
    rc = rig_connect(&r);
    CHECK_INT(rc, want);
    check_dead(rc);
    rig_end(&r);
}

static void case_44_modem(void)
{
    static const struct {
        const char *fault;
        int push; /* how the modem hands bytes over, 2: either */
        int want;
    } faults[] = {{"fail@send:1", 2, ESTLS_E_NETWORK},
                  {"fail@send:3", 2, ESTLS_E_NETWORK},
                  {"mute@send:3", 2, ESTLS_E_TIMEOUT},
                  {"mute@prompt:2", 2, ESTLS_E_TIMEOUT},
                  {"reset@send:3", 2, ESTLS_E_MODEM},
                  {"reset@rx:300", 2, ESTLS_E_MODEM},
                  {"reset@prompt:2", 2, ESTLS_E_MODEM},
                  {"wifi@rx:300", 2, ESTLS_E_NETWORK},
                  {"wifi@send:1", 2, ESTLS_E_NETWORK},
                  {"hang@rx:300", 2, ESTLS_E_TIMEOUT},
                  {"hang@cmd:5", 2, ESTLS_E_TIMEOUT},
                  {"fail@open:1", 2, ESTLS_E_NETWORK},
                  {"closed@rx:600", 2, ESTLS_E_TRUNCATED},
                  {"closed@prompt:1", 2, ESTLS_E_CLOSED}};
    size_t i;
    int generation, push;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
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

    rig_init(&r, generation, "ec");
    r.d.push = (uint8_t)push;
    snprintf(fault, sizeof fault, "%s@ipd:%d:3", what, nth);
    rig_fault(&r, fault);
    rc = rig_connect(&r);
    if (rc) {
        check_dead(rc);
    } else if (rig_mail(&r) == ESTLS_OK) {
        CHECK_INT(r.mail_len, strlen(rig_body));
        CHECK(memcmp(r.mail, rig_body, r.mail_len) == 0);
    }
    CHECK(rc || what[0] == 'l' || nth == 5);
    rig_end(&r);
}

static void case_44_short_payload(void)
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

static void case_44_stall(void)
{
    size_t at;
    int road;

    for (road = 0; road < ROADS; road++) {
        for (at = 0; at < 900; at += 150) {
            take_road(road);
            r.server.fault = SMTPD_STALL;
            r.server.fault_stream = SMTPD_WIRE;
            r.server.fault_at = at;
            check_fails(ESTLS_E_TIMEOUT);
        }
    }
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "build/pki";

    rig_pki(dir);
    RUN(case_01_injection);
    RUN(case_02_injection_later);
    RUN(case_09_tls_shaped_injection);
    RUN(case_10_to_12_not_offered);
    RUN(case_13_refused);
    RUN(case_14_wrong_code);
    RUN(case_17_ehlo_refused);
    RUN(case_18_19_multi_line);
    RUN(case_20_bare_newlines);
    RUN(case_21_all_in_one);
    RUN(case_22_oversize);
    RUN(case_26_no_pipelining);
    RUN(case_28_clear_text_for_hello);
    RUN(case_29_close_notify_in_handshake);
    RUN(case_30_floods);
    RUN(case_30_floods_later);
    RUN(case_31_malformed_records);
    RUN(case_32_versions);
    case_33_34_certificates(dir);
    RUN(case_36_other_binding);
    RUN(case_37_resumption_refused);
    RUN(case_38_renegotiation);
    RUN(case_39_truncated);
    RUN(case_40_no_close_notify_after_quit);
    RUN(case_41_record_too_large);
    RUN(case_42_other_pin);
    RUN(flipped_bytes);
    RUN(case_44_modem);
    RUN(case_44_short_payload);
    RUN(case_44_stall);
    return check_end();
}
