/* session.c - the main job, end to end: what must work, and what an
 * application may get wrong. Usage: session PKI-DIRECTORY */
#include "rig.h"

#include "check.h"

#include <stdio.h>

static rig r;

/* Clear text on the wire before TLS is the preamble and nothing else. */
static void check_private(void)
{
    CHECK(!world_heard(&r.w, "AUTH"));
    CHECK(!world_heard(&r.w, "MAIL FROM"));
    CHECK(!world_heard(&r.w, rig_secret));
    CHECK(!world_heard(&r.w, "hello"));
}

static void check_delivered(unsigned mails)
{
    CHECK_INT(r.mails, mails);
    CHECK_INT(r.mail_len, strlen(rig_body));
    CHECK(memcmp(r.mail, rig_body, r.mail_len) == 0);
}

/* A full handshake and a mail, then the same resumed. */
static void twice(void)
{
    static struct smtpd_sessions sessions;
    const int modem = !r.d.no_modem;

    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.d.saved = &r.saved;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.resumed, 0);
    CHECK_INT(r.report.version, 0x0303);
    CHECK_INT(r.report.mfl, r.d.iobuf_cap < 16709);
    /* EHLO, STARTTLS, ClientHello, the flight up to Finished */
    CHECK_INT(r.report.sends, modem ? 4 : 0);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(1);
    check_private();
    rig_end(&r);

    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.resumed, 1);
    CHECK_INT(r.report.sends, modem ? 4 : 0);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(2);
    check_private();
    rig_end(&r);
}

static void mails(void)
{
    static const char *const certificates[] = {"ec", "rsa"};
    static const size_t chunks[] = {0, 1, 7};
    int generation, push, c, k;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            for (c = 0; c < 2; c++) {
                for (k = 0; k < 3; k++) {
                    rig_init(&r, generation, certificates[c]);
                    r.d.push = (uint8_t)push;
                    r.modem.chunk = chunks[k];
                    r.w.read_max = chunks[k];
                    twice();
                }
            }
        }
    }
}

static void full_duplex(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        rig_init(&r, generation, "ec");
        r.d.obuf = r.obuf;
        r.d.obuf_cap = ESTLS_OBUF_MIN + 160;
        twice();
    }
}

static void large_buffer(void)
{
    rig_init(&r, 2, "rsa");
    r.d.iobuf_cap = sizeof r.iobuf;
    twice();
}

/* Without room behind the record the flight's records go one by one. */
static void no_stage(void)
{
    rig_init(&r, 2, "ec");
    r.d.obuf = r.obuf;
    r.d.obuf_cap = ESTLS_OBUF_MIN;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.sends, 2 + 1 + 3);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

static void multiplexed(void)
{
    int generation, push;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            rig_init(&r, generation, "ec");
            r.d.mux = 1;
            r.d.link_id = 3;
            r.d.push = (uint8_t)push;
            twice();
        }
    }
}

static void pinned(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        rig_init(&r, generation, "ec");
        rig_pin(&r, "ec");
        twice();
    }
    rig_init(&r, 2, "ec");
    rig_pin(&r, "ec");
    r.d.profile = estls_small;
    twice();
}

static void implicit(void)
{
    rig_init(&r, 2, "ec");
    r.server.direct = true;
    r.d.proto = estls_direct;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.sends, 2);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

static void slow_and_noisy(void)
{
    int generation, push;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            rig_init(&r, generation, "ec");
            r.modem.seed = 7;
            r.modem.baud = 9600;
            r.modem.delay_ms = 30;
            r.modem.jitter_ms = 20;
            r.modem.busy = 200;
            r.modem.urc = 100;
            r.modem.chunk = 16;
            r.modem.random_chunk = true;
            r.w.write_max = 3;
            r.d.push = (uint8_t)push;
            r.w.now = 0xffffffffu - 5000; /* the tick wraps on the way */
            twice();
        }
    }
}

/* -- the modem's network and clock ------------------------------------------ */

static uint32_t modem_time(void *user)
{
    return estls_link_time(&((rig *)user)->net.link);
}

static void joins(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        rig_init(&r, generation, "ec");
        r.modem.fresh = true;
        r.modem.ssid = "a \"net\", \\ with all";
        r.modem.password = "p,a\"ss\\word";
        r.d.ssid = r.modem.ssid;
        r.d.password = r.modem.password;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);

        r.d.password = "wrong";
        CHECK_INT(rig_connect(&r), ESTLS_E_NETWORK);
        CHECK_INT(rig_close(&r), ESTLS_E_NETWORK);
        rig_end(&r);
    }
}

static void modem_clock(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        rig_init(&r, generation, "ec");
        r.modem.unix_time = RIG_UNIX_TIME;
        r.modem.sntp_ms = 4000;
        r.d.sntp = "pool.example.test";
        r.d.unix_time = modem_time;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK(modem_time(&r) - RIG_UNIX_TIME < 60);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
    r.modem.unix_time = 0;
    CHECK_INT(rig_connect(&r), ESTLS_E_CLOCK);
    rig_end(&r);
}

static void dials_elsewhere(void)
{
    rig_init(&r, 1, "ec");
    r.d.connect_host = "192.0.2.7";
    r.d.connect_port = 2525;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_TEXT(r.w.dialled, "192.0.2.7");
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);

    r.d.connect_host = "unreachable.test";
    CHECK_INT(rig_connect(&r), ESTLS_E_NETWORK);
    CHECK_INT(estls_step(&r.net), ESTLS_E_NETWORK);
    CHECK_INT(rig_close(&r), ESTLS_E_NETWORK);
    rig_end(&r);
}

/* A modem left in transparent mode by an earlier life of the host. */
static void transparent_before(void)
{
    static const char leave[] =
        "AT+CIPSTART=\"TCP\",\"mail.example.test\",587\r\n";
    static const char *const lines[] = {"AT+CIPMODE=1\r\n", "AT+CIPSEND\r\n"};
    int i;

    rig_init(&r, 2, "ec");
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    CHECK(r.w.uart.write(r.w.uart.user, leave, sizeof leave - 1) > 0);
    world_idle(&r.w);
    for (i = 0; i < 2; i++) {
        CHECK(r.w.uart.write(r.w.uart.user, lines[i], strlen(lines[i])) > 0);
        world_idle(&r.w);
    }
    CHECK_INT(estls_open(&r.net, &r.d), ESTLS_BUSY);
    CHECK_INT(rig_step(&r), ESTLS_OK);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

/* -- the gate ---------------------------------------------------------------- */

static uint32_t gate_calls;

static uint32_t gate(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what != ESTLS_GATE_SEND) { return 0; }
    ask->len = ask->len > 64 ? 64 : ask->len;
    return gate_calls++ % 3 ? 250 : 0;
}

static void gated(void)
{
    uint8_t waited = 0;
    int rc;

    rig_init(&r, 2, "ec");
    r.d.gate = gate;
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    rc = estls_open(&r.net, &r.d);
    while (rc == ESTLS_BUSY) {
        rc = estls_step(&r.net);
        estls_info(&r.net, &r.report);
        waited |= r.report.wait_ms == 250;
        world_idle(&r.w);
    }
    CHECK_INT(rc, ESTLS_OK);
    CHECK(waited);
    CHECK(r.report.sends > 4);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(1);
    rig_end(&r);
}

static void heavy_steps(void)
{
    unsigned heavy = 0;
    int rc;

    rig_init(&r, 2, "ec");
    rig_pin(&r, "ec");
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    rc = estls_open(&r.net, &r.d);
    while (rc == ESTLS_BUSY) {
        rc = estls_step(&r.net);
        estls_info(&r.net, &r.report);
        heavy += r.report.heavy;
        world_idle(&r.w);
    }
    CHECK_INT(rc, ESTLS_OK);
    CHECK(heavy >= 1); /* ServerKeyExchange, ServerHelloDone, or both */
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

/* -- what an application may get wrong --------------------------------------- */

static int open_only(void)
{
    world_open(&r.w, r.d.no_modem ? NULL : &r.modem, &r.server);
    if (!r.d.uart.user) { r.d.uart = r.w.uart; }
    return estls_open(&r.net, &r.d);
}

#define REFUSED(field, value, error)                                           \
    do {                                                                       \
        rig_init(&r, 2, "ec");                                                 \
        r.d.uart.user = NULL;                                                  \
        r.d.field = (value);                                                   \
        CHECK_INT(open_only(), (error));                                       \
        CHECK_INT(estls_step(&r.net), ESTLS_E_STATE);                          \
        CHECK_INT(r.w.uart_tx, 0);                                             \
        rig_end(&r);                                                           \
    } while (0)

static void forgotten(void)
{
    static char long_name[300];
    static const br_rsa_public_key weak = {r.iobuf, 128, r.iobuf, 3};
    static br_x509_pkey weak_pin;

    memset(long_name, 'a', sizeof long_name - 1);
    REFUSED(line, NULL, ESTLS_E_ARG);
    REFUSED(line_cap, ESTLS_LINE_MIN - 1, ESTLS_E_SPACE);
    REFUSED(iobuf, NULL, ESTLS_E_ARG);
    REFUSED(iobuf_cap, ESTLS_IOBUF_MIN - 1, ESTLS_E_SPACE);
    REFUSED(iobuf_cap, 0x8000, ESTLS_E_SPACE);
    REFUSED(obuf, r.obuf, ESTLS_E_SPACE);
    REFUSED(host, NULL, ESTLS_E_NAME);
    REFUSED(host, "", ESTLS_E_NAME);
    REFUSED(host, "192.0.2.1", ESTLS_E_NAME);
    REFUSED(host, "2001:db8::1", ESTLS_E_NAME);
    REFUSED(host, "mail\r\nQUIT", ESTLS_E_ARG);
    REFUSED(host, "mail'example", ESTLS_E_ARG);
    REFUSED(host, "<mail>", ESTLS_E_ARG);
    REFUSED(host, long_name, ESTLS_E_ARG);
    REFUSED(client_name, "me\r\nMAIL", ESTLS_E_ARG);
    REFUSED(client_name, "two words", ESTLS_E_ARG);
    REFUSED(client_name, "", ESTLS_E_ARG);
    REFUSED(client_name, long_name, ESTLS_E_ARG);
    REFUSED(port, 0, ESTLS_E_ARG);
    REFUSED(proto, NULL, ESTLS_E_ARG);
    REFUSED(link_id, 5, ESTLS_E_ARG);
    REFUSED(trust, NULL, ESTLS_E_TRUST);
    REFUSED(anchors, NULL, ESTLS_E_TRUST);
    REFUSED(anchor_count, 0, ESTLS_E_TRUST);
    REFUSED(x509, NULL, ESTLS_E_SPACE);
    REFUSED(trust, estls_pin, ESTLS_E_TRUST); /* without a pin */
    REFUSED(entropy, NULL, ESTLS_E_ENTROPY);
    REFUSED(unix_time, NULL, ESTLS_E_CLOCK);
    weak_pin.key_type = BR_KEYTYPE_RSA;
    weak_pin.key.rsa = weak;
    rig_init(&r, 2, "ec");
    r.d.trust = estls_pin;
    r.d.pin = &weak_pin;
    CHECK_INT(open_only(), ESTLS_E_TRUST);
    rig_end(&r);
}

static void forgotten_io(void)
{
    rig_init(&r, 2, "ec");
    CHECK_INT(estls_open(&r.net, &r.d), ESTLS_E_ARG);
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    r.d.uart.read = NULL;
    CHECK_INT(estls_open(&r.net, &r.d), ESTLS_E_ARG);
    r.d.uart = r.w.uart;
    r.d.uart.tick = NULL;
    CHECK_INT(estls_open(&r.net, &r.d), ESTLS_E_ARG);
    rig_end(&r);
}

/* Case 43, case 35. */
static void bad_sources(void)
{
    rig_init(&r, 2, "ec");
    r.entropy = 31;
    CHECK_INT(open_only(), ESTLS_E_ENTROPY);
    rig_end(&r);
    rig_init(&r, 2, "ec");
    r.stuck = 1;
    CHECK_INT(open_only(), ESTLS_E_ENTROPY);
    rig_end(&r);
    rig_init(&r, 2, "ec");
    r.unix_time = 0;
    CHECK_INT(open_only(), ESTLS_E_CLOCK);
    rig_end(&r);
    rig_init(&r, 2, "ec");
    r.unix_time = 1767225600; /* 2026-01-01, before the release */
    CHECK_INT(open_only(), ESTLS_E_CLOCK);
    CHECK_INT(r.w.uart_tx, 0);
    rig_end(&r);
}

static void wrong_objects(void)
{
    static estls copy;
    estls_report report;
    char byte;

    memset(&copy, 0, sizeof copy);
    CHECK_INT(estls_step(&copy), ESTLS_E_STATE);
    CHECK_INT(estls_read(&copy, &byte, 1), ESTLS_E_STATE);
    CHECK_INT(estls_write(&copy, "x", 1), ESTLS_E_STATE);
    CHECK_INT(estls_close(&copy), ESTLS_E_STATE);
    memset(&copy, 0xff, sizeof copy);
    CHECK_INT(estls_step(&copy), ESTLS_E_STATE);
    rig_init(&r, 2, "ec");
    CHECK_INT(open_only(), ESTLS_BUSY);
    CHECK_INT(estls_read(&r.net, &byte, 1), ESTLS_E_STATE);
    CHECK_INT(estls_write(&r.net, "x", 1), ESTLS_E_STATE);
    CHECK_INT(rig_step(&r), ESTLS_OK);
    memcpy(&copy, &r.net, sizeof copy);
    CHECK_INT(estls_step(&copy), ESTLS_E_STATE);
    CHECK_INT(estls_read(&copy, &byte, 1), ESTLS_E_STATE);
    CHECK_INT(estls_close(&copy), ESTLS_E_STATE);
    estls_info(&copy, &report);
    CHECK_TEXT(report.doing, "");
    CHECK_INT(rig_close(&r), ESTLS_OK);
    CHECK_INT(estls_read(&r.net, &byte, 1), ESTLS_E_STATE);
    CHECK_INT(estls_step(&r.net), ESTLS_E_STATE);
    rig_end(&r);
}

/* Closing is legal at every moment, and leaves an object that opens again. */
static void closed_early(void)
{
    int steps, i;

    for (steps = 0; steps < 150; steps += 3) {
        rig_init(&r, 2, "ec");
        CHECK_INT(open_only(), ESTLS_BUSY);
        for (i = 0; i < steps; i++) {
            (void)estls_step(&r.net);
            world_idle(&r.w);
        }
        CHECK_INT(rig_close(&r), ESTLS_OK);
        CHECK_INT(estls_open(&r.net, &r.d), ESTLS_BUSY);
        CHECK_INT(rig_step(&r), ESTLS_OK);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

/* A session that fails hangs up at once, whatever the modem was about to
 * hand over or to take. */
static void hangs_up_at_once(void)
{
    int generation, push;
    uint32_t t0;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            rig_init(&r, generation, "rogue");
            r.d.push = (uint8_t)push;
            r.modem.baud = 115200;
            CHECK_INT(rig_connect(&r), ESTLS_E_TRUST);
            CHECK(r.w.server[0] != NULL);
            t0 = r.w.now;
            CHECK_INT(rig_close(&r), ESTLS_E_TRUST);
            CHECK(r.w.now - t0 < 1000);
            CHECK(r.w.server[0] == NULL);
            rig_end(&r);
        }
    }
}

/* A protocol of one's own may say more than iobuf holds. */
static const estls_proto *wordy(void)
{
    static const estls_proto proto = {
        "wordy", "greeting\0% % % %\000220\0\0\0", NULL, NULL, 0, '\n', 25};

    return &proto;
}

static void own_protocol_too_long(void)
{
    static char name[256];

    memset(name, 'n', sizeof name - 1);
    rig_init(&r, RIG_DIRECT, "ec");
    r.d.proto = wordy;
    r.d.client_name = name;
    r.iobuf[ESTLS_IOBUF_MIN] = 0x77;
    CHECK_INT(rig_connect(&r), ESTLS_E_SPACE);
    CHECK_INT(r.iobuf[ESTLS_IOBUF_MIN], 0x77);
    CHECK_INT(r.w.uart_tx, 0);
    CHECK_INT(rig_close(&r), ESTLS_E_SPACE);
    rig_end(&r);
}

/* What was written and never left is not a success. */
static void lost_while_closing(void)
{
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        rig_init(&r, generation, "ec");
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(estls_write(&r.net, "NOOP\r\n", 6), 6);
        r.w.fail_call = r.w.io_calls + 1;
        CHECK_INT(rig_close(&r), ESTLS_E_IO);
        rig_end(&r);
    }
}

/* A record that trickles in does not hold the close beyond its time. */
static void closed_while_trickling(void)
{
    static const struct smtpd_burst endless = {
        {"slowly, slowly", 14}, SMTPD_ENDLESS, SMTPD_APPLICATION_DATA};
    uint32_t t0;

    rig_init(&r, 2, "ec");
    r.server.records = endless;
    r.modem.baud = 300;
    r.d.timeout_ms = 200000;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    t0 = r.w.now;
    CHECK(rig_close(&r) != ESTLS_BUSY);
    CHECK(r.w.now - t0 < 10500);
    rig_end(&r);
}

/* A stall in the middle of a record ends, wherever it is. */
static void stalled_record(void)
{
    char reply[64];
    size_t at;

    for (at = 0; at < 60; at++) {
        rig_init(&r, RIG_DIRECT, "ec");
        rig_pin(&r, "ec");
        r.d.timeout_ms = 500;
        r.patience_ms = 3000;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        r.w.cut_rx = r.w.uart_rx + 1 + (uint32_t)at;
        CHECK_INT(rig_say(&r, "NOOP\r\n", reply, sizeof reply),
                  at < 34 ? ESTLS_E_TIMEOUT : ESTLS_OK);
        CHECK(rig_close(&r) <= 0);
        rig_end(&r);
    }
}

/* The server says goodbye with close_notify and closes: nothing is missing. */
static void server_closes_first(void)
{
    char reply[256];
    int generation, push;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        for (push = 0; push < 2; push++) {
            rig_init(&r, generation, "ec");
            r.d.push = (uint8_t)push;
            CHECK_INT(rig_connect(&r), ESTLS_OK);
            CHECK_INT(rig_say(&r, "QUIT\r\n", reply, sizeof reply), ESTLS_OK);
            CHECK_INT(rig_say(&r, "", reply, sizeof reply), ESTLS_E_CLOSED);
            CHECK_INT(rig_close(&r), ESTLS_OK);
            rig_end(&r);
        }
    }
}

/* One greeting, and what comes of it. */
static int greeted_by(const estls_proto *(*proto)(void), const char *bytes,
                      size_t len)
{
    struct smtpd_step steps[2] = {{{0, 0}, {0, 0}, SMTPD_CONTINUE, 0, 0},
                                  {SMTPD_BLOB("AUTH TLS"),
                                   SMTPD_BLOB("234 go\r\n"), SMTPD_START_TLS, 0,
                                   0}};
    int rc;

    rig_init(&r, RIG_DIRECT, "ec");
    r.d.proto = proto;
    r.d.timeout_ms = 2000;
    steps[0].reply.bytes = bytes;
    steps[0].reply.len = len;
    r.server.script = steps;
    r.server.step_count = 2;
    rc = rig_connect(&r);
    CHECK(rig_close(&r) <= 0);
    rig_end(&r);
    return rc;
}

/* 101 lines of an answer are too many, 100 before the last are not. */
static void many_lines(void)
{
    char text[102 * 6 + 8] = "";
    int i;

    for (i = 0; i < 100; i++) { strcat(text, "220-\r\n"); }
    strcat(text, "220 \r\n");
    CHECK_INT(greeted_by(estls_ftp, text, strlen(text)), ESTLS_OK);
    memcpy(text + 100 * 6, "220-\r\n220 \r\n", 13);
    CHECK_INT(greeted_by(estls_ftp, text, 102 * 6), ESTLS_E_PROTO);
}

/* What would be a length in short form if it had not its top bit. */
static void ldap_length(void)
{
    static const struct smtpd_step step = {
        {0, 0},
        SMTPD_BLOB("\x30\x85\x02\x01\x01\x78\x80\x0a\x01\0"
                   "0123456789012345678901234567890123456789012345678901234567"
                   "8901234567890123456789012345678901234567890123456789012345"
                   "678901234"),
        SMTPD_START_TLS,
        31,
        0};

    rig_init(&r, RIG_DIRECT, "ec");
    r.d.proto = estls_ldap;
    r.d.timeout_ms = 2000;
    r.server.script = &step;
    r.server.step_count = 1;
    CHECK_INT(step.reply.len, 2 + 0x85);
    CHECK_INT(rig_connect(&r), ESTLS_E_PROTO);
    CHECK_INT(rig_close(&r), ESTLS_E_PROTO);
    rig_end(&r);
}

/* An address literal has 255 bytes at most, its brackets included. */
static void long_client_name(void)
{
    char name[258];
    int n;

    for (n = 255; n <= 256; n++) {
        memset(name, '1', sizeof name);
        name[0] = '[';
        name[n - 1] = ']';
        name[n] = 0;
        rig_init(&r, RIG_DIRECT, "ec");
        r.d.client_name = name;
        CHECK_INT(rig_connect(&r), n == 255 ? ESTLS_OK : ESTLS_E_ARG);
        CHECK(rig_close(&r) <= 0);
        rig_end(&r);
    }
}

/* A link that drops while we send was closed by the peer: that is no lack of
 * network. */
static void closed_while_sending(void)
{
    char fault[32], reply[64];
    uint32_t sent = 0;
    int generation, pass;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        for (pass = 0; pass < 2; pass++) {
            rig_init(&r, generation, "ec");
            if (pass) {
                snprintf(fault, sizeof fault, "closed@tx:%u", sent + 10);
                rig_fault(&r, fault);
            }
            CHECK_INT(rig_connect(&r), ESTLS_OK);
            sent = espat_count(r.w.modem, ESPAT_TX);
            CHECK_INT(rig_say(&r, "NOOP\r\n", reply, sizeof reply),
                      pass ? ESTLS_E_TRUNCATED : ESTLS_OK);
            CHECK_INT(rig_close(&r), pass ? ESTLS_E_TRUNCATED : ESTLS_OK);
            rig_end(&r);
        }
    }
}

/* Line memory that does not hold the command to dial with is refused at once,
 * and what holds it just so is enough. */
static void line_for_the_host(void)
{
    static char line[256];
    char host[61];
    int mux;

    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = 0;
    for (mux = 0; mux < 2; mux++) {
        rig_init(&r, 2, "ec");
        r.d.connect_host = host;
        r.d.mux = (uint8_t)mux;
        r.d.connect_port = 65535;
        r.d.line = line;
        r.d.line_cap = (uint16_t)(64 + 60 + (mux ? 30 : 28) - 1);
        CHECK_INT(rig_connect(&r), ESTLS_E_SPACE);
        CHECK_INT(r.w.uart_tx, 0);
        rig_end(&r);
        r.d.line_cap++;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_TEXT(r.w.dialled, host);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

/* A record with all around it fills whole sends: no short one behind it. */
static void records_fill_sends(void)
{
    static const struct {
        uint16_t iobuf_cap;
        uint8_t generation;
        uint8_t sends; /* for 64,000 bytes */
    } rows[] = {{2373, 2, 32}, {4421, 2, 32}, {16709, 2, 32}, {4421, 3, 16},
                {16709, 3, 8}, {2373, 3, 32}, {1349, 2, 63}};
    static char text[64000];
    const struct smtpd_step drain = {{0, 0}, {0, 0}, SMTPD_CONTINUE, 65000, 0};
    estls_report report;
    size_t i, off;
    int n;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_init(&r, rows[i].generation, "ec");
        r.d.iobuf_cap = rows[i].iobuf_cap;
        r.d.proto = estls_direct;
        r.server.direct = true;
        r.server.script = &drain;
        r.server.step_count = 1;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        for (off = 0; off < sizeof text; off += (size_t)n) {
            n = estls_write(&r.net, text + off, sizeof text - off);
            if (n < 0) { break; }
            if (!n) { world_idle(&r.w); }
        }
        CHECK_INT(off, sizeof text);
        CHECK_INT(rig_step(&r), ESTLS_OK);
        estls_info(&r.net, &report);
        CHECK_INT(report.sends - 2, rows[i].sends);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

static const estls_proto *own_proto;

static const estls_proto *own(void)
{
    return own_proto;
}

/* What a line must be: each mark of the pattern language. */
static void patterns(void)
{
    static const struct {
        const char *dialogue;
        const char *line;
        int rc;
    } rows[] = {{"x\0\0ok\0\0\0\0", "OK then\r\n", ESTLS_OK},
                {"x\0\0ok\0\0\0\0", "okay\r\n", ESTLS_E_PROTO},
                {"x\0\0a|b|c\0\0\0\0", "c\r\n", ESTLS_OK},
                {"x\0\0a|b|c\0\0\0\0", "d\r\n", ESTLS_E_PROTO},
                {"x\0\0a?c\0\0\0\0", "a|c\r\n", ESTLS_OK},
                {"x\0\0a?c\0\0\0\0", "ac\r\n", ESTLS_E_PROTO},
                {"x\0\0_done\0\0\0\0", "whatever done\r\n", ESTLS_OK},
                {"x\0\0_done\0\0\0\0", "what ever done\r\n", ESTLS_E_PROTO},
                {"x\0\0go ~now\0\0\0\0", "go right now\r\n", ESTLS_OK},
                {"x\0\0go ~now\0\0\0\0", "go now\r\n", ESTLS_OK},
                {"x\0\0go ~now\0\0\0\0", "go nowhere, not now !\r\n", ESTLS_OK},
                {"x\0\0go ~now\0\0\0\0", "go know\r\n", ESTLS_E_PROTO},
                {"x\0\0go ~now\0\0\0\0", "go\r\n", ESTLS_E_PROTO},
                {"x\0\0.\0!\0\0\0", "line\r\n.\r\n", ESTLS_OK},
                {"x\0\0.\0!\0\0\0", "1 line\r\n.\r\n", ESTLS_E_PROTO},
                {"x\0\0.\0?\0no|nay\0\0", "1\r\nnay: x\r\n", ESTLS_E_TIMEOUT},
                {"x\0\0.\0!\0no|nay\0\0", "nay x\r\n", ESTLS_E_REFUSED},
                {"x\0\0.\0?\0\0tls\0", "ssl\r\n.\r\n", ESTLS_E_NO_STARTTLS},
                {"x\0\0.\0?\0\0tls\0", "ssl\r\nTLS\r\n.\r\n", ESTLS_OK},
                {"x\0\0.\0?\0\0\0", ".\r\n.\r\n", ESTLS_E_INJECTED}};
    static estls_proto proto = {"own", NULL, NULL, NULL, 0, '\n', 1};
    struct smtpd_step step = {{0, 0}, {0, 0}, SMTPD_START_TLS, 0, 0};
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_init(&r, RIG_DIRECT, "ec");
        own_proto = &proto;
        proto.dialogue = rows[i].dialogue;
        r.d.proto = own;
        step.reply.bytes = rows[i].line;
        step.reply.len = strlen(rows[i].line);
        r.server.script = &step;
        r.server.step_count = 1;
        CHECK_INT(rig_connect(&r), rows[i].rc);
        CHECK(rig_close(&r) <= 0);
        rig_end(&r);
    }
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    RUN(mails);
    RUN(full_duplex);
    RUN(large_buffer);
    RUN(no_stage);
    RUN(multiplexed);
    RUN(pinned);
    RUN(implicit);
    RUN(slow_and_noisy);
    RUN(joins);
    RUN(modem_clock);
    RUN(dials_elsewhere);
    RUN(transparent_before);
    RUN(gated);
    RUN(heavy_steps);
    RUN(forgotten);
    RUN(forgotten_io);
    RUN(bad_sources);
    RUN(wrong_objects);
    RUN(closed_early);
    RUN(hangs_up_at_once);
    RUN(own_protocol_too_long);
    RUN(lost_while_closing);
    RUN(closed_while_trickling);
    RUN(stalled_record);
    RUN(server_closes_first);
    RUN(many_lines);
    RUN(ldap_length);
    RUN(long_client_name);
    RUN(closed_while_sending);
    RUN(line_for_the_host);
    RUN(records_fill_sends);
    RUN(patterns);
    return check_end();
}
