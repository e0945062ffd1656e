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
                    r.d.impl.ec = NULL; /* the library's own choice */
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
    /* 8192, of which there is no fragment */
    rig_init(&r, 2, "ec");
    r.d.iobuf_cap = 9000;
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
    r.d.impl.ec = NULL; /* the profile's */
    twice();
}

/* A saved session that somebody has changed and signed again: a length of the
 * session id beyond its room would send what lies behind it. */
static void forged_session(void)
{
    static const uint8_t lengths[] = {0, 33, 200, 255};
    const size_t at = offsetof(br_ssl_session_parameters, session_id_len);
    br_sha256_context sha;
    uint8_t binding[16];
    uint8_t hash[32];
    size_t i;

    for (i = 0; i < sizeof lengths; i++) {
        rig_init(&r, 2, "ec");
        r.d.saved = &r.saved;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        memcpy(binding, r.net.starttls.tls.binding, sizeof binding);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
        CHECK_INT(r.saved.state[at], 32);
        r.saved.state[at] = lengths[i];
        br_sha256_init(&sha);
        br_sha256_update(&sha, binding, sizeof binding);
        br_sha256_update(&sha, r.saved.state, sizeof r.saved.state);
        br_sha256_out(&sha, hash);
        memcpy(r.saved.tag, hash, sizeof r.saved.tag);
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(r.report.resumed, 0);
        CHECK_INT(r.net.starttls.tls.offered, 0);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

/* Implementations that count how often they are called. */
static struct {
    unsigned ec, ecdsa, rsa, chacha20, poly1305, aes, ghash;
} calls;
static br_ec_impl counted_ec;
static br_block_ctr_class counted_aes;

static size_t counted_mulgen(unsigned char *out, const unsigned char *x,
                             size_t len, int curve)
{
    calls.ec++;
    return br_ec_all_m15.mulgen(out, x, len, curve);
}

static uint32_t counted_ecdsa(const br_ec_impl *ec, const void *hash,
                              size_t hash_len, const br_ec_public_key *key,
                              const void *sig, size_t sig_len)
{
    calls.ecdsa++;
    return br_ecdsa_i15_vrfy_asn1(ec, hash, hash_len, key, sig, sig_len);
}

static uint32_t counted_rsa(const unsigned char *x, size_t len,
                            const unsigned char *oid, size_t hash_len,
                            const br_rsa_public_key *key, unsigned char *hash)
{
    calls.rsa++;
    return br_rsa_i15_pkcs1_vrfy(x, len, oid, hash_len, key, hash);
}

static uint32_t counted_chacha20(const void *key, const void *iv, uint32_t cc,
                                 void *data, size_t len)
{
    calls.chacha20++;
    return br_chacha20_ct_run(key, iv, cc, data, len);
}

static void counted_poly1305(const void *key, const void *iv, void *data,
                             size_t len, const void *aad, size_t aad_len,
                             void *tag, br_chacha20_run chacha20, int encrypt)
{
    calls.poly1305++;
    br_poly1305_i15_run(key, iv, data, len, aad, aad_len, tag, chacha20,
                        encrypt);
}

static void counted_init(const br_block_ctr_class **context, const void *key,
                         size_t len)
{
    calls.aes++;
    br_aes_small_ctr_vtable.init(context, key, len);
}

static void counted_ghash(void *y, const void *h, const void *data, size_t len)
{
    calls.ghash++;
    br_ghash_ctmul32(y, h, data, len);
}

static void gcm_alone(br_ssl_client_context *client)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256};

    estls_full(client);
    br_ssl_engine_set_suites(&client->eng, suites, 2);
}

/* Each implementation that the description names is the one that computes. */
static void implementations(void)
{
    memset(&calls, 0, sizeof calls);
    memcpy(&counted_ec, &br_ec_all_m15, sizeof counted_ec);
    counted_ec.mulgen = counted_mulgen;
    memcpy(&counted_aes, &br_aes_small_ctr_vtable, sizeof counted_aes);
    counted_aes.init = counted_init;

    rig_init(&r, 2, "ec");
    r.d.impl.ec = &counted_ec;
    r.d.impl.ecdsa = counted_ecdsa;
    r.d.impl.chacha20 = counted_chacha20;
    r.d.impl.poly1305 = counted_poly1305;
    twice();
    CHECK(calls.ec == 1);    /* resumed: none */
    CHECK(calls.ecdsa == 3); /* two certificates, the key exchange */
    CHECK(calls.chacha20 && calls.poly1305);

    rig_init(&r, 2, "all-rsa");
    r.d.profile = gcm_alone;
    r.d.impl.rsa = counted_rsa;
    r.d.impl.aes = &counted_aes;
    r.d.impl.ghash = counted_ghash;
    twice();
    CHECK(calls.rsa == 2);
    CHECK(calls.aes && calls.ghash);
    CHECK(calls.ec == 1);
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
        r.d.clock = estls_link_clock;
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

/* A gate that watches, and that holds one kind of load back. */
static struct {
    unsigned count[ESTLS_GATE_RESUMED + 1]; /* that it let go */
    unsigned broken;                        /* ends without a start, ... */
    unsigned linked;                        /* ... loads before FULL */
    unsigned heavy;
    uint8_t sending;
    uint8_t computing;
    uint8_t hold; /* what */
    uint8_t why;
    unsigned after; /* so many have gone */
    unsigned times; /* so often */
    uint32_t ms;
    uint32_t held_at;
} watched;

static void watch_pairs(const estls_gate *ask)
{
    switch (ask->what) {
    case ESTLS_GATE_SEND: watched.broken += watched.sending; break;
    case ESTLS_GATE_SENT:
        watched.broken += !watched.sending;
        watched.sending = 0;
        break;
    case ESTLS_GATE_COMPUTE: watched.broken += watched.computing; break;
    case ESTLS_GATE_COMPUTED:
        watched.broken += !watched.computing;
        watched.computing = 0;
        break;
    default: watched.linked += r.w.connections; break;
    }
}

static uint32_t watch(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what > ESTLS_GATE_RESUMED) {
        watched.broken++;
        return 0;
    }
    watch_pairs(ask);
    if (ask->what == watched.hold && watched.times &&
        watched.count[ask->what] >= watched.after) {
        watched.times--;
        watched.held_at = r.w.now;
        ask->reason = watched.why;
        return watched.ms;
    }
    watched.count[ask->what]++;
    watched.sending |= ask->what == ESTLS_GATE_SEND;
    watched.computing |= ask->what == ESTLS_GATE_COMPUTE;
    return 0;
}

static void watch_heavy(rig *it)
{
    estls_info(&it->net, &it->report);
    watched.heavy += it->report.heavy;
}

static void watch_begin(int generation)
{
    memset(&watched, 0, sizeof watched);
    rig_init(&r, generation, "ec");
    r.d.gate = watch;
    r.idle = watch_heavy;
}

static void watch_pairs_match(void)
{
    CHECK_INT(watched.broken, 0);
    CHECK_INT(watched.linked, 0);
    CHECK_INT(watched.count[ESTLS_GATE_SEND], watched.count[ESTLS_GATE_SENT]);
    CHECK_INT(watched.count[ESTLS_GATE_COMPUTE],
              watched.count[ESTLS_GATE_COMPUTED]);
}

/* FULL before the first dial, RESUMED where a session is saved; each heavy
 * step and each send in a pair. */
static void gate_hears_of_every_load(int generation)
{
    static struct smtpd_sessions sessions;

    watch_begin(generation);
    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.d.saved = &r.saved;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(watched.count[ESTLS_GATE_FULL], 1);
    CHECK_INT(watched.count[ESTLS_GATE_RESUMED], 0);
    CHECK(watched.heavy >= 2);
    CHECK_INT(watched.count[ESTLS_GATE_COMPUTE], watched.heavy);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    estls_info(&r.net, &r.report);
    CHECK_INT(watched.count[ESTLS_GATE_SEND], r.report.sends);
    watch_pairs_match();
    rig_end(&r);
    memset(&watched, 0, sizeof watched);
    r.w.connections = 0;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.resumed, 1);
    CHECK_INT(watched.count[ESTLS_GATE_FULL], 0);
    CHECK_INT(watched.count[ESTLS_GATE_RESUMED], 1);
    CHECK_INT(watched.count[ESTLS_GATE_COMPUTE], 0);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    watch_pairs_match();
    rig_end(&r);
}

static void gate_hears_of_every_load_all(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        gate_hears_of_every_load(generation);
    }
}

/* Whatever becomes of a send: its end is told, once, and nothing else is. */
static void gate_hears_of_failed_sends(void)
{
    static const char *const faults[] = {
        "fail@send:2", "reset@send:2",   "closed@send:2", "mute@send:2",
        "hang@send:2", "reset@prompt:2", "mute@prompt:2", "closed@prompt:2",
        "reset@tx:30", "hang@tx:30",     "closed@tx:30",  "wifi@tx:30",
        "wifi@send:2", "fail@send:4",    "reset@send:4",  "mute@send:4",
        "late@send:2", "wifi@prompt:3",  "hang@prompt:3", "hang@prompt:2"};
    size_t i;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        check_note = faults[i];
        watch_begin(2);
        rig_fault(&r, faults[i]);
        (void)rig_connect(&r);
        CHECK(watched.count[ESTLS_GATE_SEND] >= 2 ||
              strstr(faults[i], "tx:30") != NULL);
        CHECK(rig_close(&r) <= 0);
        watch_pairs_match();
        rig_end(&r);
    }
}

/* Also if the UART itself breaks, in the middle of anything. */
static void gate_hears_of_broken_wires(void)
{
    uint32_t call;

    for (call = 20; call < 800; call += 13) {
        watch_begin(2);
        r.w.fail_call = call;
        (void)rig_connect(&r);
        CHECK(rig_close(&r) <= 0);
        watch_pairs_match();
        rig_end(&r);
    }
}

/* The three places, and what goes before the one that is held. */
static const struct {
    uint8_t hold;
    unsigned after;
    const char *name;
} places[] = {{ESTLS_GATE_FULL, 0, "dial"},
              {ESTLS_GATE_COMPUTE, 0, "compute"},
              {ESTLS_GATE_COMPUTE, 1, "second compute"},
              {ESTLS_GATE_SEND, 0, "preamble"},
              {ESTLS_GATE_SEND, 2, "ClientHello"},
              {ESTLS_GATE_SEND, 3, "Finished"}};

enum { PLACES = sizeof places / sizeof places[0] };

static void hold_at(size_t place, uint32_t ms, unsigned times)
{
    check_note = places[place].name;
    watched.hold = places[place].hold;
    watched.after = places[place].after;
    watched.ms = ms;
    watched.times = times;
    watched.why = ESTLS_TX_DROOP;
}

/* While it waits the report says so, and counts down. */
static uint32_t waits_seen(int *rc)
{
    uint32_t seen = 0;

    while (*rc == ESTLS_BUSY) {
        *rc = estls_step(&r.net);
        estls_info(&r.net, &r.report);
        if (r.report.wait_ms) {
            CHECK_TEXT(r.report.doing, "waiting for the battery");
            CHECK_INT(r.report.reason, ESTLS_TX_DROOP);
            CHECK_INT(r.report.wait_ms, watched.held_at + 5000 - r.w.now);
            seen++;
        } else {
            CHECK(strcmp(r.report.doing, "waiting for the battery") != 0);
        }
        world_idle(&r.w);
    }
    return seen;
}

static void the_report_counts_the_wait_down(void)
{
    size_t i;
    int rc;

    for (i = 0; i < PLACES; i++) {
        watch_begin(2);
        hold_at(i, 5000, 1);
        world_open(&r.w, &r.modem, &r.server);
        r.d.uart = r.w.uart;
        rc = estls_open(&r.net, &r.d);
        CHECK(waits_seen(&rc) >= 50);
        CHECK_INT(rc, ESTLS_OK);
        CHECK_INT(r.report.reason, 0); /* it is over */
        CHECK_INT(rig_mail(&r), ESTLS_OK);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        check_delivered(1);
        rig_end(&r);
    }
}

/* Makes a saved session of which the server knows nothing any more, if the
 * handshake that is held shall be a full one; the dial is RESUMED then. */
static void save_session(struct smtpd_sessions *sessions, size_t place)
{
    watch_begin(2);
    smtpd_sessions_init(sessions);
    r.server.sessions = sessions;
    r.d.saved = &r.saved;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    CHECK(!rig_zero(&r.saved, sizeof r.saved));
    if (places[place].hold == ESTLS_GATE_COMPUTE) {
        smtpd_sessions_init(sessions);
    }
    memset(&watched, 0, sizeof watched);
    r.w.connections = 0;
}

/* Ends with rc, everything wiped, and the saved session as it was. */
static void ends_with(int want)
{
    const estls_saved saved = r.saved;
    int rc = rig_connect(&r);

    CHECK_INT(rc, want);
    CHECK(memcmp(&saved, &r.saved, sizeof saved) == 0);
    CHECK(strcmp(r.report.doing, "waiting for the battery") != 0);
    if (want == ESTLS_E_POWER) {
        CHECK_INT(r.w.now, watched.held_at); /* at once */
        CHECK_INT(r.report.reason, ESTLS_TX_DROOP);
    }
    CHECK_TEXT(rig_dead(&r, rc), "");
    CHECK(memcmp(&saved, &r.saved, sizeof saved) == 0);
    watch_pairs_match();
}

static void a_wait_beyond_the_deadline_ends_at_once(void)
{
    static struct smtpd_sessions sessions;
    size_t i;
    uint32_t more;

    for (i = 0; i < PLACES; i++) {
        for (more = 0; more < 2; more++) {
            save_session(&sessions, i);
            hold_at(i, more ? 0xffffffff : r.d.timeout_ms, 1);
            if (!i) { watched.hold = ESTLS_GATE_RESUMED; }
            ends_with(ESTLS_E_POWER);
            rig_end(&r);
        }
    }
}

/* A little less is waited for. */
static void a_wait_within_the_deadline_is_waited_for(void)
{
    watch_begin(2);
    hold_at(0, r.d.timeout_ms - 500, 1);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK(r.w.now >= r.d.timeout_ms - 500);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
}

static void endless_short_waits_end_at_the_deadline(void)
{
    static struct smtpd_sessions sessions;
    size_t i;

    for (i = 0; i < PLACES; i++) {
        save_session(&sessions, i);
        hold_at(i, 700, 1000000);
        if (!i) { watched.hold = ESTLS_GATE_RESUMED; }
        ends_with(ESTLS_E_TIMEOUT);
        CHECK(watched.times > 1000000 - 40); /* 20 s, and 700 ms each */
        CHECK(watched.times < 1000000 - 20);
        rig_end(&r);
    }
}

/* After a failure for want of power the same description opens again. */
static void a_session_opens_again_after_the_battery_has_rested(void)
{
    watch_begin(2);
    hold_at(0, r.d.timeout_ms, 1);
    CHECK_INT(rig_connect(&r), ESTLS_E_POWER);
    CHECK_INT(rig_close(&r), ESTLS_E_POWER);
    CHECK_INT(r.w.connections, 0); /* it never dialled */
    CHECK_INT(estls_open(&r.net, &r.d), ESTLS_BUSY);
    CHECK_INT(rig_step(&r), ESTLS_OK);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(1);
    rig_end(&r);
}

/* In an open session: what is written waits with the gate. */
static void an_open_session_waits(void)
{
    char reply[64];

    watch_begin(2);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    hold_at(3, 4000, 2);
    CHECK_INT(rig_say(&r, "NOOP\r\n", reply, sizeof reply), ESTLS_OK);
    CHECK_INT(watched.times, 0);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    watch_pairs_match();
    rig_end(&r);
}

static void an_open_session_ends_for_want_of_power(void)
{
    char reply[64];

    watch_begin(2);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    hold_at(3, r.d.timeout_ms, 1000000);
    CHECK_INT(rig_say(&r, "NOOP\r\n", reply, sizeof reply), ESTLS_E_POWER);
    CHECK_TEXT(rig_dead(&r, ESTLS_E_POWER), "");
    rig_end(&r);
}

static void an_open_session_does_not_wait_without_end(void)
{
    char reply[64];

    watch_begin(2);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    hold_at(3, 1000, 1000000);
    CHECK_INT(rig_say(&r, "NOOP\r\n", reply, sizeof reply), ESTLS_E_TIMEOUT);
    CHECK_TEXT(rig_dead(&r, ESTLS_E_TIMEOUT), "");
    rig_end(&r);
}

/* Closing has 5 s for what is left to send. */
static void closing_does_not_wait_for_the_battery_without_end(void)
{
    uint32_t t0;

    watch_begin(2);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    hold_at(3, 1000, 1000000);
    t0 = r.w.now;
    CHECK(rig_close(&r) <= 0);
    CHECK(r.w.now - t0 <= 10000);
    CHECK(r.w.server[0] == NULL);
    rig_end(&r);
}

static size_t offered, allowed;

/* Asks for more than there is, or for nothing. */
static uint32_t resize(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what != ESTLS_GATE_SEND) { return 0; }
    offered = ask->len > offered ? ask->len : offered;
    ask->len = allowed;
    return 0;
}

static void a_gate_that_raises_the_length_changes_nothing(void)
{
    rig_init(&r, 2, "ec");
    r.d.gate = resize;
    offered = 0;
    allowed = 0xffff;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(r.report.sends, 4);
    CHECK(offered > 100 && offered <= 2048);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(1);
    rig_end(&r);
}

static void a_gate_may_split_to_single_bytes(void)
{
    rig_init(&r, 2, "ec");
    r.d.gate = resize;
    allowed = 1;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK(r.report.sends > 200);
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    check_delivered(1);
    rig_end(&r);
}

static void a_gate_that_splits_to_nothing_ends_at_the_deadline(void)
{
    rig_init(&r, 2, "ec");
    r.d.gate = resize;
    allowed = 0;
    CHECK_INT(rig_connect(&r), ESTLS_E_TIMEOUT);
    CHECK_TEXT(rig_dead(&r, ESTLS_E_TIMEOUT), "");
    CHECK_INT(r.report.sends, 0);
    rig_end(&r);
}

/* The stream itself has no gate: nothing of it is asked. */
static void no_modem_no_gate(void)
{
    watch_begin(RIG_DIRECT);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(watched.count[ESTLS_GATE_FULL], 0);
    CHECK_INT(watched.count[ESTLS_GATE_SEND], 0);
    CHECK_INT(watched.count[ESTLS_GATE_COMPUTE], 0);
    CHECK_INT(rig_close(&r), ESTLS_OK);
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
    static br_x509_trust_anchor weak_anchor;

    memset(long_name, 'a', sizeof long_name - 1);
    REFUSED(line, NULL, ESTLS_E_ARG);
    REFUSED(line_cap, ESTLS_LINE_MIN - 1, ESTLS_E_SPACE);
    REFUSED(iobuf, NULL, ESTLS_E_ARG);
    REFUSED(iobuf_cap, ESTLS_IOBUF_MIN - 1, ESTLS_E_SPACE);
    REFUSED(iobuf_cap, 0x8000, ESTLS_E_SPACE);
    REFUSED(obuf, r.obuf, ESTLS_E_SPACE);
    REFUSED(client_name, "[192.0.2.1", ESTLS_E_ARG);
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
    weak_anchor.pkey.key_type = BR_KEYTYPE_RSA;
    weak_anchor.pkey.key.rsa = weak;
    REFUSED(anchors, (r.d.anchor_count = 1, &weak_anchor), ESTLS_E_TRUST);
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

/* An output buffer that is longer than its bound. */
static void output_too_long(void)
{
    static uint8_t obuf[0x8000];

    rig_init(&r, 2, "ec");
    r.d.obuf = obuf;
    r.d.obuf_cap = 0x8000;
    CHECK_INT(open_only(), ESTLS_E_SPACE);
    rig_end(&r);
}

/* -- the rooms below by themselves ------------------------------------------- */

static estls_starttls below;

static int below_open(const estls_io *io)
{
    rig_init(&r, RIG_DIRECT, "ec");
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    return estls_starttls_open(&below, &r.d, io ? io : &r.d.uart);
}

static int below_run(void)
{
    int steps = 20000;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY && steps--) {
        rc = estls_starttls_step(&below);
        world_idle(&r.w);
    }
    return rc;
}

static int below_close(void)
{
    int steps = 20000;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY && steps--) {
        rc = estls_tls_close(&below.tls);
        world_idle(&r.w);
    }
    return rc;
}

/* The preamble over a stream of the application's own, with no session. */
static void starttls_alone(void)
{
    char reply[256];
    int steps = 20000;
    int n = 0;

    CHECK_INT(below_open(NULL), ESTLS_BUSY);
    CHECK_INT(estls_tls_read(&below.tls, reply, 1), ESTLS_E_STATE);
    CHECK_INT(estls_tls_write(&below.tls, "x", 1), ESTLS_E_STATE);
    CHECK_INT(below_run(), ESTLS_OK);
    CHECK_INT(estls_tls_write(&below.tls, "x", 0), 0);
    CHECK_INT(estls_tls_write(&below.tls, "NOOP\r\n", 6), 6);
    while (n == 0 && steps--) {
        CHECK_INT(estls_tls_read(&below.tls, reply, 0), 0);
        n = estls_tls_read(&below.tls, reply, sizeof reply);
        world_idle(&r.w);
    }
    CHECK(n > 4 && memcmp(reply, "250 ", 4) == 0);
    CHECK_INT(estls_tls_close(&below.tls), ESTLS_BUSY);
    CHECK_INT(estls_tls_step(&below.tls), ESTLS_E_STATE);
    CHECK_INT(estls_tls_read(&below.tls, reply, 1), ESTLS_E_STATE);
    CHECK_INT(estls_tls_write(&below.tls, "x", 1), ESTLS_E_STATE);
    CHECK_INT(below_close(), ESTLS_OK);
    CHECK_INT(estls_tls_step(&below.tls), ESTLS_E_STATE);
    CHECK(!world_heard(&r.w, "NOOP"));
    CHECK(rig_zero(&below.tls.client, sizeof below.tls.client));
    rig_end(&r);
}

static int fails_oddly(void *user, void *dst, size_t cap)
{
    (void)user;
    (void)dst;
    (void)cap;
    return -100; /* no error of this library */
}

static void starttls_refused(void)
{
    estls_io io;

    CHECK_INT(below_open(NULL), ESTLS_BUSY);
    CHECK_INT(estls_starttls_open(&below, &r.d, NULL), ESTLS_E_ARG);
    r.d.iobuf_cap = ESTLS_IOBUF_MIN - 1;
    CHECK_INT(estls_starttls_open(&below, &r.d, &r.d.uart), ESTLS_E_SPACE);
    r.d.iobuf_cap = ESTLS_IOBUF_MIN;
    CHECK(rig_zero(&below, sizeof below));
    CHECK_INT(estls_tls_open(&below.tls, &r.d, NULL), ESTLS_E_ARG);
    io = r.d.uart;
    io.tick = NULL;
    CHECK_INT(estls_starttls_open(&below, &r.d, &io), ESTLS_E_ARG);
    CHECK_INT(estls_tls_open(&below.tls, &r.d, &io), ESTLS_E_ARG);
    r.unix_time = 0;
    CHECK_INT(estls_starttls_open(&below, &r.d, &r.d.uart), ESTLS_E_CLOCK);
    CHECK_INT(estls_tls_open(&below.tls, &r.d, &r.d.uart), ESTLS_E_CLOCK);
    CHECK(rig_zero(&below, sizeof below));
    CHECK_INT(estls_starttls_step(&below), ESTLS_E_STATE);
    CHECK_INT(estls_tls_step(&below.tls), ESTLS_E_STATE);
    CHECK_INT(estls_tls_close(&below.tls), ESTLS_E_STATE);
    rig_end(&r);
    CHECK_INT(below_open(NULL), ESTLS_BUSY);
    below.tls.io.read = fails_oddly;
    CHECK_INT(below_run(), ESTLS_E_IO);
    CHECK_INT(estls_starttls_step(&below), ESTLS_E_IO);
    CHECK_INT(estls_tls_step(&below.tls), ESTLS_E_IO);
    rig_end(&r);
}

/* MySQL's greeting must be one: its length below 512, its number 0, the
 * version of the protocol 10. */
static void mysql_header(void)
{
    static const uint8_t bad[][5] = {{1, 2, 0, 0, 10},
                                     {90, 0, 1, 0, 10},
                                     {90, 0, 0, 1, 10},
                                     {90, 0, 0, 0, 9},
                                     {16, 0, 0, 0, 10}};
    struct smtpd_step step = {{0, 0}, {0, 0}, SMTPD_START_TLS, 0, 0};
    char greeting[600];
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(greeting, 0xff, sizeof greeting);
        memcpy(greeting, bad[i], 5);
        greeting[5] = 0;
        step.reply.bytes = greeting;
        step.reply.len = 4u + bad[i][0] + bad[i][1] * 256u;
        rig_init(&r, RIG_DIRECT, "ec");
        r.d.proto = estls_mysql;
        r.d.timeout_ms = 2000;
        r.server.script = &step;
        r.server.step_count = 1;
        CHECK_INT(rig_connect(&r), ESTLS_E_PROTO);
        CHECK_INT(rig_close(&r), ESTLS_E_PROTO);
        rig_end(&r);
    }
}

static void unknown_errors(void)
{
    static const int none[] = {2, 100, -100, -128, 32767, -32767 - 1};
    size_t i;

    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK_TEXT(estls_error_name(none[i]), "?");
    }
    CHECK_TEXT(estls_error_name(ESTLS_OK), "OK");
    CHECK_TEXT(estls_error_name(ESTLS_BUSY), "BUSY");
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
    CHECK_INT(estls_close(&r.net), ESTLS_BUSY);
    CHECK_INT(estls_step(&r.net), ESTLS_E_STATE);
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

/* A modem that does not answer the hang-up is not waited for. */
static void hangs_up_on_a_mute_modem(void)
{
    char fault[40];
    uint32_t ms;

    rig_init(&r, 2, "ec");
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    ms = r.w.now;
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    rig_init(&r, 2, "ec");
    (void)snprintf(fault, sizeof fault, "hang@ms:%lu", (unsigned long)ms + 1);
    rig_fault(&r, fault);
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    ms = r.w.now;
    CHECK(rig_close(&r) <= 0);
    /* close_notify, and the hang-up */
    CHECK(r.w.now - ms >= 5000 && r.w.now - ms < 2 * 5000 + 500);
    rig_end(&r);
}

/* Alerts in place of a handshake end for their number, not for their time. */
static void alerts_without_end(void)
{
    rig_init(&r, RIG_DIRECT, "ec");
    r.d.timeout_ms = 2000000000;
    r.server.raw.bytes.bytes = "\x15\3\3\0\2\1\x5a";
    r.server.raw.bytes.len = 7;
    r.server.raw.count = SMTPD_ENDLESS;
    CHECK_INT(rig_connect(&r), ESTLS_E_PROTO);
    CHECK(r.w.now < 100000);
    CHECK_TEXT(rig_dead(&r, ESTLS_E_PROTO), "");
    rig_end(&r);
}

/* A ChangeCipherSpec without content changes nothing: what follows is clear. */
static void empty_change_cipher_spec(void)
{
    rig_init(&r, RIG_DIRECT, "ec");
    r.server.raw.bytes.bytes = "\x14\3\3\0\0\x15\3\3\0\2\2\x28";
    r.server.raw.bytes.len = 12;
    r.server.raw.count = 1;
    CHECK_INT(rig_connect(&r), ESTLS_E_TLS);
    CHECK_INT(r.net.starttls.tls.watch.off, 0);
    CHECK_TEXT(rig_dead(&r, ESTLS_E_TLS), "");
    rig_end(&r);
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
        uint8_t gcm;
    } rows[] = {{2373, 2, 32, 0}, {4421, 2, 32, 0}, {16709, 2, 32, 0},
                {4421, 3, 16, 0}, {16709, 3, 8, 0}, {2373, 3, 32, 0},
                {1349, 2, 63, 0}, {2373, 2, 32, 1}, {16709, 2, 32, 1},
                {16709, 3, 8, 1}};
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
        if (rows[i].gcm) { r.d.profile = gcm_alone; }
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

/* A server that answers one byte with a stream of text. */
static void begin_download(int generation, uint16_t iobuf_cap,
                           const struct smtpd_step *script, size_t steps)
{
    rig_init(&r, generation, "ec");
    r.d.iobuf_cap = iobuf_cap;
    r.d.proto = estls_direct;
    r.server.direct = true;
    r.server.script = script;
    r.server.step_count = steps;
}

/* Writes text and sends it, without a look at what comes. */
static int send_only(const char *text, size_t len)
{
    const uint32_t t0 = r.w.now;
    size_t off = 0;
    int n = 0;

    while (off < len && n >= 0 && r.w.now - t0 < 10000) {
        n = estls_write(&r.net, text + off, len - off);
        off += (size_t)(n > 0 ? n : 0);
        if (!n) { world_idle(&r.w); }
    }
    return off < len ? (int)ESTLS_BUSY : rig_step(&r);
}

/* Reads until len bytes have come. */
static size_t receive(char *dst, size_t len)
{
    const uint32_t t0 = r.w.now;
    size_t got = 0;
    int n = 0;

    while (got < len && n >= 0 && r.w.now - t0 < 10000) {
        n = estls_read(&r.net, dst + got, len - got);
        got += (size_t)(n > 0 ? n : 0);
        if (!n) { world_idle(&r.w); }
    }
    return got;
}

/* A record comes with the header of the next: one command for each, where
 * that may bring so much. */
static void a_pull_for_each_record(void)
{
    static const struct {
        uint16_t iobuf_cap;
        uint8_t generation;
        uint8_t records; /* in 64,000 bytes */
    } rows[] = {{837, 2, 125}, {1349, 2, 63}, {2373, 3, 32}};
    static char text[64000], got[64000];
    const struct smtpd_step script = {
        {0, 0}, {text, sizeof text}, SMTPD_CONTINUE, 1, 0};
    uint32_t pulls;
    size_t i;

    for (i = 0; i < sizeof text; i++) { text[i] = (char)(i * 40503u >> 8); }
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_download(rows[i].generation, rows[i].iobuf_cap, &script, 1);
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(send_only("?", 1), ESTLS_OK);
        pulls = espat_count(r.w.modem, ESPAT_IPD);
        CHECK_INT(receive(got, sizeof got), sizeof got);
        pulls = espat_count(r.w.modem, ESPAT_IPD) - pulls;
        CHECK(memcmp(got, text, sizeof got) == 0);
        /* the first header has a command of its own */
        CHECK_INT(pulls, 1 + rows[i].records);
        CHECK_INT(rig_close(&r), ESTLS_OK);
        rig_end(&r);
    }
}

/* The header behind a record waits in the modem, and nobody reads any more:
 * what is written must get past it, in half and in full duplex. */
static void a_writer_that_does_not_read(void)
{
    static char text[2000];
    const struct smtpd_step script[] = {
        {{0, 0}, {text, sizeof text}, SMTPD_CONTINUE, 1, 0},
        {{0, 0}, {0, 0}, SMTPD_CONTINUE, 600, 0}};
    char got[512];
    int generation, full;

    for (generation = 2; generation <= RIG_GENERATIONS; generation++) {
        for (full = 0; full < 2; full++) {
            begin_download(generation, ESTLS_IOBUF_MIN, script, 2);
            r.d.obuf = full ? r.obuf : NULL;
            r.d.obuf_cap = full ? sizeof r.obuf : 0;
            CHECK_INT(rig_connect(&r), ESTLS_OK);
            CHECK_INT(send_only("?", 1), ESTLS_OK);
            r.w.read_max = 512 + 16; /* a record, without the header behind */
            CHECK_INT(receive(got, full ? 1 : sizeof got),
                      full ? 1 : sizeof got);
            CHECK_INT(send_only(text, 600), ESTLS_OK);
            rig_end(&r);
        }
    }
}

/* Closing while half a record is there, in half duplex: its rest is taken,
 * and close_notify leaves at once. */
static void closed_within_a_record(void)
{
    static char text[600];
    const struct smtpd_step script = {
        {0, 0}, {text, sizeof text}, SMTPD_CONTINUE, 1, 0};
    const br_ssl_engine_context *eng = &r.net.starttls.tls.client.eng;
    int generation, steps;
    uint32_t t0;
    char byte;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        begin_download(generation, ESTLS_IOBUF_MIN, &script, 1);
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        CHECK_INT(send_only("?", 1), ESTLS_OK);
        r.w.read_max = 64;
        for (steps = 0; steps < 1000; steps++) {
            if (!(br_ssl_engine_current_state(eng) & BR_SSL_SENDAPP)) { break; }
            CHECK_INT(estls_read(&r.net, &byte, 1), 0);
            world_idle(&r.w);
        }
        CHECK(steps < 1000);
        t0 = r.w.now;
        CHECK_INT(rig_close(&r), ESTLS_OK);
        CHECK(r.w.now - t0 < 1000);
        if (generation) { CHECK_INT(r.net.link.sends, 4); }
        rig_end(&r);
    }
}

static int path_rc;
static estls_saved kept;

static int path_ends(void *user, void *dst, size_t cap)
{
    (void)user;
    if (path_rc <= 0) { return path_rc; }
    if (path_rc > 1) {
        path_rc--;
        return 0;
    }
    if (!cap) { return 0; }
    *(char *)dst = 0;
    return 1;
}

/* TLS alone, until the path below it ends with rc; from the rc-th read on,
 * there are bytes that no record begins with. */
static int path_fails(const estls_proto *(*proto)(void), int rc)
{
    int result = ESTLS_BUSY;
    int steps = 100;

    rig_init(&r, RIG_DIRECT, "ec");
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    r.d.saved = &kept;
    r.d.proto = proto;
    path_rc = rc;
    CHECK_INT(estls_tls_open(&below.tls, &r.d, &r.d.uart), ESTLS_OK);
    below.tls.io.read = path_ends;
    while (result == ESTLS_BUSY && steps--) {
        result = estls_tls_step(&below.tls);
    }
    rig_end(&r);
    return result;
}

/* A saved session outlives a bad path, and nothing else. */
static void a_bad_path_keeps_the_session(void)
{
    static const struct {
        int says;
        int rc;
    } rows[] = {{ESTLS_E_IO, ESTLS_E_IO},
                {ESTLS_E_TIMEOUT, ESTLS_E_TIMEOUT},
                {ESTLS_E_MODEM, ESTLS_E_MODEM},
                {ESTLS_E_NETWORK, ESTLS_E_NETWORK},
                {ESTLS_E_CLOSED, ESTLS_E_TRUNCATED},
                {ESTLS_E_TRUNCATED, ESTLS_E_TRUNCATED},
                {ESTLS_E_POWER, ESTLS_E_POWER},
                {1, ESTLS_E_INJECTED}};
    static estls_saved saved;
    size_t i;

    rig_init(&r, RIG_DIRECT, "ec");
    r.d.saved = &kept;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    saved = kept;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_INT(path_fails(estls_smtp, rows[i].says), rows[i].rc);
        CHECK(memcmp(&kept, &saved, sizeof saved) == 0);
    }
    CHECK_INT(path_fails(estls_direct, 1), ESTLS_E_PROTO);
    CHECK(memcmp(&kept, &saved, sizeof saved) == 0); /* it was not its own */
    CHECK_INT(path_fails(estls_smtp, 9), ESTLS_E_PROTO);
    CHECK(rig_zero(&kept, sizeof kept));
}

/* All that a name may be made of. */
static void host_characters(void)
{
    static const char *const good[] = {"A-b_C.example", "x", "Z9"};
    static const char *const bad[] = {"a@b", "a[b", "a`b", "a{b", "a/b", "a;b"};
    size_t i;

    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        rig_init(&r, RIG_DIRECT, "ec");
        world_open(&r.w, NULL, &r.server);
        r.d.uart = r.w.uart;
        r.d.host = good[i];
        CHECK_INT(estls_tls_open(&below.tls, &r.d, &r.d.uart), ESTLS_OK);
        rig_end(&r);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rig_init(&r, RIG_DIRECT, "ec");
        world_open(&r.w, NULL, &r.server);
        r.d.uart = r.w.uart;
        r.d.host = bad[i];
        CHECK_INT(estls_tls_open(&below.tls, &r.d, &r.d.uart), ESTLS_E_ARG);
        rig_end(&r);
    }
}

/* A reply may end where its code does (RFC 5321 4.2). */
static void bare_code(void)
{
    static const struct smtpd_step steps[] = {
        {{0, 0}, {"220\r\n", 5}, SMTPD_CONTINUE, 0, 0},
        {{"EHLO ", 5}, {"250\r\n", 5}, SMTPD_CONTINUE, 0, '\n'}};

    rig_init(&r, RIG_DIRECT, "ec");
    r.server.script = steps;
    r.server.step_count = 2;
    CHECK_INT(rig_connect(&r), ESTLS_E_NO_STARTTLS);
    CHECK_INT(rig_close(&r), ESTLS_E_NO_STARTTLS);
    rig_end(&r);
}

static int takes_nothing_more(void *user, const void *src, size_t len)
{
    (void)user;
    (void)src;
    (void)len;
    return -1;
}

/* The last bytes of a record are left free; the write that finds only these
 * sends what there is, and says so if that fails. */
static void full_record_and_no_wire(void)
{
    static char much[20000];
    int n;

    rig_init(&r, RIG_DIRECT, "ec");
    r.d.iobuf_cap = sizeof r.iobuf;
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(estls_starttls_open(&below, &r.d, &r.d.uart), ESTLS_BUSY);
    CHECK_INT(below_run(), ESTLS_OK);
    n = estls_tls_write(&below.tls, much, sizeof much);
    CHECK(n > 0);
    below.tls.io.write = takes_nothing_more;
    CHECK_INT(estls_tls_write(&below.tls, much, sizeof much), ESTLS_E_IO);
    CHECK(rig_zero(&below.tls.client, sizeof below.tls.client));
    rig_end(&r);
}

static int takes_nothing(void *user, const void *src, size_t len)
{
    (void)user;
    (void)src;
    (void)len;
    return 0;
}

/* What waits to be sent lies behind the record that comes in, and outlives
 * one that is long. */
static void long_record_beside_the_stage(void)
{
    static char text[2200];
    static char got[4000];
    const struct smtpd_burst burst = {
        {text, sizeof text}, 1, SMTPD_APPLICATION_DATA};
    estls_io wire;
    size_t have = 0;
    int steps = 20000;
    int n;

    memset(text, 'r', sizeof text);
    rig_init(&r, RIG_DIRECT, "ec");
    r.d.iobuf_cap = 2373; /* 2048, 85, and the 240 of the stage */
    r.server.record_size = 2200;
    r.server.records = burst;
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(estls_starttls_open(&below, &r.d, &r.d.uart), ESTLS_BUSY);
    CHECK_INT(below_run(), ESTLS_OK);
    wire = below.tls.io;
    below.tls.io.write = takes_nothing;
    CHECK_INT(estls_tls_write(&below.tls, "NOOP\r\n", 6), 6);
    for (n = 0; n < 200; n++) {
        CHECK_INT(estls_tls_step(&below.tls), ESTLS_BUSY);
        world_idle(&r.w);
    }
    below.tls.io = wire;
    while (have < sizeof text + 4 && steps--) {
        n = estls_tls_read(&below.tls, got + have, sizeof got - have);
        CHECK(n >= 0);
        have += (size_t)(n > 0 ? n : 0);
        world_idle(&r.w);
    }
    CHECK(memcmp(got, text, sizeof text) == 0);
    CHECK(memcmp(got + sizeof text, "250 ", 4) == 0);
    CHECK_INT(below_close(), ESTLS_OK);
    rig_end(&r);
}

/* close_notify, and the link stays. */
static void closed_by_tls_alone(void)
{
    static const struct smtpd_burst notify = {{"\1\0", 2}, 1, SMTPD_ALERT};
    estls_saved saved;
    char byte;
    int generation;

    for (generation = 0; generation <= RIG_GENERATIONS; generation++) {
        int n = 0;
        int steps = 20000;

        rig_init(&r, generation, "ec");
        r.d.saved = &r.saved;
        r.server.records = notify;
        CHECK_INT(rig_connect(&r), ESTLS_OK);
        saved = r.saved;
        while (n == 0 && steps--) {
            n = estls_read(&r.net, &byte, 1);
            world_idle(&r.w);
        }
        CHECK_INT(n, ESTLS_E_CLOSED);
        CHECK(memcmp(&saved, &r.saved, sizeof saved) == 0);
        CHECK_INT(estls_write(&r.net, "x", 1), ESTLS_E_CLOSED);
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
                {"x\0\0say '\0\0\0\0", "say \"\r\n", ESTLS_OK},
                {"x\0\0say '\0\0\0\0", "say `\r\n", ESTLS_E_PROTO},
                {"x\0\0@\0\0\0\0", "`\r\n", ESTLS_E_PROTO},
                {"x\0\0a!\0\0\0\0", "a\r\n", ESTLS_OK},
                {"x\0\0a?\0\0\0\0", "a\r\n", ESTLS_E_PROTO},
                {"x\0\0<a\0\0\0\0", "  \r\n", ESTLS_E_PROTO},
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

    proto.judge = estls_imap()->judge;
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
    RUN(implementations);
    RUN(forged_session);
    RUN(implicit);
    RUN(slow_and_noisy);
    RUN(joins);
    RUN(modem_clock);
    RUN(dials_elsewhere);
    RUN(transparent_before);
    RUN(gated);
    RUN(gate_hears_of_every_load_all);
    RUN(gate_hears_of_failed_sends);
    RUN(gate_hears_of_broken_wires);
    RUN(the_report_counts_the_wait_down);
    RUN(a_wait_beyond_the_deadline_ends_at_once);
    RUN(a_wait_within_the_deadline_is_waited_for);
    RUN(endless_short_waits_end_at_the_deadline);
    RUN(a_session_opens_again_after_the_battery_has_rested);
    RUN(an_open_session_waits);
    RUN(an_open_session_ends_for_want_of_power);
    RUN(an_open_session_does_not_wait_without_end);
    RUN(closing_does_not_wait_for_the_battery_without_end);
    RUN(a_gate_that_raises_the_length_changes_nothing);
    RUN(a_gate_may_split_to_single_bytes);
    RUN(a_gate_that_splits_to_nothing_ends_at_the_deadline);
    RUN(no_modem_no_gate);
    RUN(heavy_steps);
    RUN(forgotten);
    RUN(forgotten_io);
    RUN(bad_sources);
    RUN(output_too_long);
    RUN(starttls_alone);
    RUN(starttls_refused);
    RUN(mysql_header);
    RUN(unknown_errors);
    RUN(wrong_objects);
    RUN(closed_early);
    RUN(hangs_up_at_once);
    RUN(hangs_up_on_a_mute_modem);
    RUN(alerts_without_end);
    RUN(empty_change_cipher_spec);
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
    RUN(a_pull_for_each_record);
    RUN(a_writer_that_does_not_read);
    RUN(closed_within_a_record);
    RUN(patterns);
    RUN(a_bad_path_keeps_the_session);
    RUN(host_characters);
    RUN(bare_code);
    RUN(full_record_and_no_wire);
    RUN(long_record_beside_the_stage);
    RUN(closed_by_tls_alone);
    return check_end();
}
