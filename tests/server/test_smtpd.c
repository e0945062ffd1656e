/* test_smtpd PKI-DIR - tests the test server against BearSSL's own client,
 * in process. PKI-DIR is what tests/pki.sh makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd.h"

#define USER       "joe"
#define PASSWORD   "s3cret"
#define AUTH_PLAIN "AUTH PLAIN AGpvZQBzM2NyZXQ=" /* NUL joe NUL s3cret */

static unsigned passed;
static unsigned failed;

static void check(bool ok, const char *what, int line)
{
    if (ok) {
        passed++;
    } else {
        failed++;
        fprintf(stderr, "test_smtpd.c:%d: %s\n", line, what);
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)

/* ---------------------------------------------------------------- client */

struct client {
    struct smtpd server;
    br_ssl_client_context tls;
    br_x509_minimal_context x509;
    bool in_tls;
    size_t chunk;        /* bytes per transfer, either way */
    size_t buffer_size;  /* decides on max_fragment_length */
    struct bytes inbox;  /* plaintext received */
    struct bytes record; /* all bytes received */
    br_ssl_session_parameters session;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

static struct {
    const char *dir;
    struct pem_anchors anchors;
    struct pem_chain chain;
    br_skey_decoder_context key;
    struct smtpd_sessions sessions;
} pki;

static struct client client;

static void load_identity(const char *name)
{
    char path[512];

    pem_chain_free(&pki.chain);
    snprintf(path, sizeof path, "%s/%s.pem", pki.dir, name);
    CHECK(pem_chain_load(&pki.chain, path));
    snprintf(path, sizeof path, "%s/%s.key", pki.dir, name);
    CHECK(pem_key_load(&pki.key, path));
}

/* The options of a well-behaved server. */
static struct smtpd_options normal(void)
{
    return (struct smtpd_options){.chain = &pki.chain,
                                  .key = &pki.key,
                                  .user = USER,
                                  .password = PASSWORD,
                                  .seed = SMTPD_BLOB("server seed")};
}

static void connect_to(const struct smtpd_options *options)
{
    memset(&client, 0, sizeof client);
    client.chunk = 4096;
    client.buffer_size = sizeof client.buffer;
    smtpd_init(&client.server, options);
}

static void disconnect(void)
{
    smtpd_free(&client.server);
    bytes_free(&client.inbox);
    bytes_free(&client.record);
}

static bool receive_record(const unsigned char *bytes, size_t *len)
{
    size_t room;
    unsigned char *buf = br_ssl_engine_recvrec_buf(&client.tls.eng, &room);

    if (buf == NULL) { return false; }
    *len = *len < room ? *len : room;
    memcpy(buf, bytes, *len);
    br_ssl_engine_recvrec_ack(&client.tls.eng, *len);
    return true;
}

/* Moves plaintext to the inbox and records to the server, once. */
static bool step_client(void)
{
    br_ssl_engine_context *engine = &client.tls.eng;
    size_t len;
    unsigned char *buf;

    if ((buf = br_ssl_engine_recvapp_buf(engine, &len)) != NULL) {
        bytes_append(&client.inbox, buf, len);
        br_ssl_engine_recvapp_ack(engine, len);
        return true;
    }
    if ((buf = br_ssl_engine_sendrec_buf(engine, &len)) != NULL) {
        len = len < client.chunk ? len : client.chunk;
        smtpd_input(&client.server, buf, len);
        br_ssl_engine_sendrec_ack(engine, len);
        return true;
    }
    return false;
}

static void receive(const unsigned char *bytes, size_t len)
{
    size_t used;

    bytes_append(&client.record, bytes, len);
    if (!client.in_tls) {
        bytes_append(&client.inbox, bytes, len);
        return;
    }
    for (; len > 0; bytes += used, len -= used) {
        used = len;
        if (!receive_record(bytes, &used)) { return; }
        while (step_client()) {}
    }
}

/* Has both sides talk until neither has anything to say, or too much. */
static void talk(void)
{
    unsigned char buf[4096];
    size_t len;
    unsigned rounds = 0;

    do {
        while (client.in_tls && step_client()) {}
        len = smtpd_output(&client.server, buf, client.chunk);
        receive(buf, len);
    } while (len > 0 && ++rounds < 100000 / client.chunk + 1000);
}

static void say(const char *line)
{
    br_ssl_engine_context *engine = &client.tls.eng;
    size_t len = strlen(line);
    size_t room;
    unsigned char *buf;

    bytes_consume(&client.inbox, client.inbox.len);
    if (!client.in_tls) {
        smtpd_input(&client.server, line, len);
    } else if ((buf = br_ssl_engine_sendapp_buf(engine, &room)) != NULL) {
        memcpy(buf, line, len);
        br_ssl_engine_sendapp_ack(engine, len);
        br_ssl_engine_flush(engine, 0);
    }
    talk();
}

static bool heard(const char *text)
{
    bytes_append(&client.inbox, "", 1);
    client.inbox.len--;
    return strstr((const char *)client.inbox.data, text) != NULL;
}

/* Says a line, and whether the reply begins like this. */
static bool answers(const char *command, const char *reply)
{
    char line[256];

    snprintf(line, sizeof line, "%s\r\n", command);
    say(line);
    return client.inbox.len >= strlen(reply) &&
           memcmp(client.inbox.data, reply, strlen(reply)) == 0;
}

/* Prepares TLS; `session`, if any, is offered for resumption. */
static void prepare_tls(const br_ssl_session_parameters *session)
{
    br_ssl_engine_context *engine = &client.tls.eng;

    br_ssl_client_init_full(&client.tls, &client.x509, pki.anchors.anchors,
                            pki.anchors.count);
    br_x509_minimal_set_time(&client.x509, 740000, 0); /* in 2026 */
    br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_buffer(engine, client.buffer, client.buffer_size,
                             client.buffer_size == sizeof client.buffer);
    engine->rng_os_rand_done = 1;
    br_ssl_engine_inject_entropy(engine, "client seed", 11);
    if (session != NULL) {
        br_ssl_engine_set_session_parameters(engine, session);
    }
    br_ssl_client_reset(&client.tls, "mail.example.test", session != NULL);
    client.in_tls = true;
}

/* Completes the handshake, as far as it goes. */
static bool shake_hands(const br_ssl_session_parameters *session)
{
    prepare_tls(session);
    talk();
    br_ssl_engine_get_session_parameters(&client.tls.eng, &client.session);
    return client.server.report.established;
}

static bool upgrade(const br_ssl_session_parameters *session)
{
    talk();
    return answers("EHLO client", "250-") &&
           answers("STARTTLS", "220 2.0.0 ") && shake_hands(session);
}

static int client_error(void)
{
    return br_ssl_engine_last_error(&client.tls.eng);
}

static bool client_closed(void)
{
    return br_ssl_engine_current_state(&client.tls.eng) == BR_SSL_CLOSED;
}

/* -------------------------------------------------------------- dialogue */

static struct bytes mail;

static void keep_mail(void *context, const struct smtpd_mail *received)
{
    (void)context;
    bytes_free(&mail);
    bytes_append(&mail, received->sender, strlen(received->sender));
    bytes_append(&mail, " ", 1);
    bytes_append(&mail, received->recipients[0],
                 strlen(received->recipients[0]));
    bytes_append(&mail, "\n", 1);
    bytes_append(&mail, received->content.data, received->content.len);
}

static bool mail_is(const char *text)
{
    return mail.len == strlen(text) && memcmp(mail.data, text, mail.len) == 0;
}

static bool send_mail(void)
{
    return answers("MAIL FROM:<a@example.test>", "250 ") &&
           answers("RCPT TO:<b@example.test>", "250 ") &&
           answers("DATA", "354 ") &&
           answers("Subject: dots\r\n\r\n..\r\n.x\r\n.", "250 ");
}

static void test_clear_dialogue(void)
{
    struct smtpd_options options = normal();

    connect_to(&options);
    talk();
    CHECK(heard("220 mail.example.test ESMTP\r\n"));
    CHECK(answers("STARTTLS", "503 "));
    CHECK(answers("EHLO", "501 "));
    CHECK(answers("ehlo client", "250-mail.example.test\r\n"));
    CHECK(heard("250-STARTTLS\r\n"));
    CHECK(!heard("AUTH"));
    CHECK(answers(AUTH_PLAIN, "538 "));
    CHECK(answers("MAIL FROM:<a@b>", "530 "));
    CHECK(answers("NOOPS", "500 "));
    CHECK(answers("STARTTLS now", "501 "));
    CHECK(answers("NOOP\nNOOP", "500 "));
    CHECK(answers("noop", "250 "));
    CHECK(answers("HELO client", "250 "));
    CHECK(answers("VRFY x", "252 "));
    CHECK(answers("QUIT", "221 "));
    CHECK(smtpd_closed(&client.server));
    disconnect();
}

static void test_long_line(void)
{
    struct smtpd_options options = normal();
    char text[1000];

    memset(text, 'x', sizeof text);
    connect_to(&options);
    for (int i = 0; i < 50; i++) {
        smtpd_input(&client.server, text, sizeof text);
    }
    talk();
    CHECK(answers("", "500 5.5.2"));
    smtpd_input(&client.server, "NOOP\0\r\n", 7);
    bytes_consume(&client.inbox, client.inbox.len);
    talk();
    CHECK(heard("500 5.5.2"));
    CHECK(answers("NOOP", "250 "));
    disconnect();
}

static void run_session(const char *identity, size_t chunk)
{
    struct smtpd_options options = normal();

    load_identity(identity);
    options.on_mail = keep_mail;
    connect_to(&options);
    client.chunk = chunk;
    CHECK(upgrade(NULL));
    CHECK(answers("MAIL FROM:<a@b>", "503 "));
    CHECK(answers("EHLO client", "250-"));
    CHECK(heard("250-AUTH PLAIN LOGIN\r\n"));
    CHECK(!heard("STARTTLS"));
    CHECK(answers("MAIL FROM:<a@b>", "530 "));
    CHECK(answers("STARTTLS", "503 "));
    CHECK(answers(AUTH_PLAIN, "235 "));
    CHECK(send_mail());
    CHECK(mail_is("a@example.test b@example.test\n"
                  "Subject: dots\r\n\r\n.\r\nx\r\n"));
    CHECK(answers("QUIT", "221 "));
    CHECK(smtpd_closed(&client.server));
    CHECK(client_closed() && client_error() == BR_ERR_OK);
    CHECK(client.server.report.close_notify);
    CHECK(client.server.report.mails == 1);
    CHECK(client.server.report.pipelined == 0);
    disconnect();
}

static void test_sessions(void)
{
    run_session("rsa", 4096);
    run_session("rsa", 1);
    run_session("ec", 4096);
}

static void test_auth(void)
{
    struct smtpd_options options = normal();

    connect_to(&options);
    CHECK(upgrade(NULL));
    CHECK(answers("EHLO client", "250-"));
    CHECK(answers("AUTH CRAM-MD5", "504 "));
    CHECK(answers("AUTH PLAIN AGpvZQBzM2NyZXQ", "501 "));
    CHECK(answers("AUTH PLAIN AGpvZQBzM2NyZXR6", "535 "));
    CHECK(answers("AUTH PLAIN =", "535 "));
    CHECK(answers("AUTH PLAIN", "334 \r\n"));
    CHECK(answers("*", "501 "));
    CHECK(answers("AUTH LOGIN am9l", "334 UGFzc3dvcmQ6\r\n"));
    CHECK(answers("czNjcmV0eg==", "535 "));
    CHECK(answers("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"));
    CHECK(answers("am9l", "334 UGFzc3dvcmQ6\r\n"));
    CHECK(answers("czNjcmV0", "235 "));
    CHECK(answers(AUTH_PLAIN, "503 "));
    CHECK(client.server.report.authenticated);
    disconnect();
}

static void test_mail_order(void)
{
    struct smtpd_options options = normal();

    options.user = NULL;
    connect_to(&options);
    CHECK(upgrade(NULL));
    CHECK(answers("EHLO client", "250-"));
    CHECK(!heard("AUTH"));
    CHECK(answers(AUTH_PLAIN, "502 "));
    CHECK(answers("DATA", "503 "));
    CHECK(answers("RCPT TO:<b@c>", "503 "));
    CHECK(answers("MAIL FROM:a@b", "501 "));
    CHECK(answers("MAIL FROM:<> SIZE=10", "250 "));
    CHECK(answers("RCPT TO:<>", "501 "));
    CHECK(answers("RSET", "250 "));
    CHECK(answers("RCPT TO:<b@c>", "503 "));
    CHECK(answers("MAIL FROM:<a@b>", "250 "));
    CHECK(answers("RCPT TO:<b@c>", "250 "));
    CHECK(answers("DATA", "354 "));
    CHECK(answers("bare\nnewline\r\n.", "554 "));
    CHECK(client.server.report.mails == 0);
    disconnect();
}

static void test_direct(void)
{
    struct smtpd_options options = normal();

    options.direct = true;
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(heard("220 mail.example.test ESMTP\r\n"));
    CHECK(answers("EHLO client", "250-"));
    CHECK(!heard("STARTTLS"));
    say("QUIT\r\n");
    CHECK(client.server.report.close_notify);
    disconnect();
}

/* ------------------------------------------------------------------- TLS */

static void test_resumption(void)
{
    struct smtpd_options options = normal();
    br_ssl_session_parameters session;

    smtpd_sessions_init(&pki.sessions);
    options.sessions = &pki.sessions;
    connect_to(&options);
    CHECK(upgrade(NULL));
    CHECK(!client.server.report.resumed);
    session = client.session;
    disconnect();

    connect_to(&options);
    CHECK(upgrade(&session));
    CHECK(client.server.report.resumed);
    CHECK(answers("EHLO client", "250-"));
    disconnect();

    options.no_resumption = true;
    connect_to(&options);
    CHECK(upgrade(&session));
    CHECK(!client.server.report.resumed);
    disconnect();
}

static void test_determinism(void)
{
    struct smtpd_options options = normal();
    struct bytes first = {0};

    connect_to(&options);
    CHECK(upgrade(NULL));
    bytes_append(&first, client.record.data, client.record.len);
    disconnect();

    connect_to(&options);
    CHECK(upgrade(NULL));
    CHECK(first.len == client.record.len &&
          memcmp(first.data, client.record.data, first.len) == 0);
    disconnect();
    bytes_free(&first);
}

/* The length of the longest TLS record received. */
static size_t longest_record(void)
{
    const unsigned char *at = client.record.data;
    size_t left = client.record.len;
    size_t longest = 0;
    size_t len;

    while (left >= 5) {
        len = 5 + ((size_t)at[3] << 8 | at[4]);
        longest = len > longest ? len : longest;
        at += len < left ? len : left;
        left -= len < left ? len : left;
    }
    return longest;
}

static void test_record_size(void)
{
    static const char reply[2000] = "250 long";
    struct smtpd_options options = normal();

    options.direct = true;
    options.ehlo_tls = (struct smtpd_blob){reply, sizeof reply};
    connect_to(&options);
    client.buffer_size = 512 + 325;
    CHECK(shake_hands(NULL));
    CHECK(answers("EHLO client", "250 long"));
    CHECK(client.inbox.len == sizeof reply);
    CHECK(longest_record() <= 512 + 85);
    disconnect();

    options.record_size = 16384;
    connect_to(&options);
    client.buffer_size = 512 + 325;
    CHECK(shake_hands(NULL));
    say("EHLO client\r\n");
    CHECK(client_error() == BR_ERR_TOO_LARGE);
    disconnect();

    options.record_size = 1;
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(answers("EHLO client", "250 long"));
    CHECK(longest_record() <= 1 + 85);
    disconnect();
}

static void test_version_and_suites(void)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384};
    struct smtpd_options options = normal();

    options.version_min = BR_TLS11;
    options.version_max = BR_TLS11;
    connect_to(&options);
    CHECK(!upgrade(NULL));
    disconnect();

    options = normal();
    options.suites = suites;
    options.suite_count = 1;
    connect_to(&options);
    CHECK(upgrade(NULL));
    CHECK(client.session.cipher_suite == suites[0]);
    disconnect();
}

/* ----------------------------------------------------------- certificates */

/* What BearSSL's own validation makes of an outcome; -1: not specified. */
static int expected_error(const char *name, const char *outcome)
{
    if (strcmp(outcome, "ok") == 0) { return BR_ERR_OK; }
    if (strcmp(outcome, "trust") == 0) { return BR_ERR_X509_NOT_TRUSTED; }
    if (strcmp(outcome, "expired") == 0 || strcmp(outcome, "future") == 0) {
        return BR_ERR_X509_EXPIRED;
    }
    /* Without a subjectAltName it falls back to the common name. */
    if (strcmp(name, "cn-only") == 0 || strcmp(name, "like-san") == 0) {
        return BR_ERR_OK;
    }
    if (strcmp(outcome, "name") == 0) { return BR_ERR_X509_BAD_SERVER_NAME; }
    return -1;
}

static void test_identity(const char *name, const char *outcome)
{
    struct smtpd_options options = normal();
    int expected = expected_error(name, outcome);

    load_identity(name);
    options.direct = true;
    connect_to(&options);
    shake_hands(NULL);
    if (expected >= 0 && client_error() != expected) {
        fprintf(stderr, "%s: error %d instead of %d\n", name, client_error(),
                expected);
    }
    CHECK(expected < 0 || client_error() == expected);
    disconnect();
}

static void test_catalogue(void)
{
    char path[512], line[256], name[64], outcome[64];
    FILE *index;

    snprintf(path, sizeof path, "%s/index", pki.dir);
    index = fopen(path, "r");
    CHECK(index != NULL);
    while (index != NULL && fgets(line, sizeof line, index) != NULL) {
        CHECK(sscanf(line, "%63s %63s", name, outcome) == 2);
        test_identity(name, outcome);
    }
    if (index != NULL) { fclose(index); }
    load_identity("ec");
}

/* ----------------------------------------------------------- misbehaviour */

static void test_verbatim_replies(void)
{
    struct smtpd_options options = normal();

    options.greeting = (struct smtpd_blob)SMTPD_BLOB("554 \0no\r\n");
    options.ehlo = (struct smtpd_blob)SMTPD_BLOB("250 XSTARTTLS\r\n");
    options.starttls = (struct smtpd_blob)SMTPD_BLOB("454 no\r\n");
    connect_to(&options);
    talk();
    CHECK(client.inbox.len == 9 &&
          memcmp(client.inbox.data, "554 \0no\r\n", 9) == 0);
    CHECK(answers("EHLO client", "250 XSTARTTLS\r\n"));
    CHECK(answers("STARTTLS", "454 no\r\n"));
    CHECK(answers("QUIT", "221 "));
    disconnect();
}

static void test_injection(void)
{
    struct smtpd_options options = normal();

    options.inject = (struct smtpd_blob)SMTPD_BLOB("250 AUTH PLAIN\r\n");
    connect_to(&options);
    CHECK(answers("EHLO client", "220 "));
    CHECK(answers("STARTTLS", "220 2.0.0 "));
    CHECK(heard("TLS\r\n250 AUTH PLAIN\r\n"));
    disconnect();

    options.inject_delay_ms = 300;
    connect_to(&options);
    CHECK(answers("EHLO client", "220 "));
    CHECK(answers("STARTTLS", "220 2.0.0 "));
    CHECK(!heard("250 AUTH"));
    CHECK(smtpd_due(&client.server) == 300);
    smtpd_elapse(&client.server, 299);
    talk();
    CHECK(!heard("250 AUTH"));
    smtpd_elapse(&client.server, 1);
    talk();
    CHECK(heard("250 AUTH"));
    disconnect();
}

static void test_pipelining(void)
{
    struct smtpd_options options = normal();

    connect_to(&options);
    CHECK(answers("EHLO client", "220 "));
    CHECK(answers("STARTTLS\r\nNOOP", "220 2.0.0 "));
    CHECK(client.server.report.pipelined == 6);
    CHECK(!heard("250 "));
    disconnect();
}

static void test_raw(void)
{
    struct smtpd_options options = normal();

    options.raw.bytes = (struct smtpd_blob)SMTPD_BLOB("500 what?\r\n");
    options.raw.count = 2;
    connect_to(&options);
    CHECK(!upgrade(NULL));
    CHECK(client_error() != BR_ERR_OK);
    CHECK(memcmp(client.record.data + client.record.len - 22,
                 "500 what?\r\n500 what?\r\n", 22) == 0);
    disconnect();
}

static void test_script(void)
{
    static const struct smtpd_step steps[] = {
        {.reply = SMTPD_BLOB("* OK hi\r\n")},
        {.expect = SMTPD_BLOB("a1 "), .reply = SMTPD_BLOB("a1 OK go\r\n")},
        {.expect = SMTPD_BLOB("\0\1"), .take = 4, .reply = SMTPD_BLOB("S")},
        {.expect = SMTPD_BLOB("<x"),
         .until = '>',
         .reply = SMTPD_BLOB("<y>"),
         .then = SMTPD_START_TLS},
        {.expect = SMTPD_BLOB("in"), .reply = SMTPD_BLOB("inside\r\n")},
    };
    struct smtpd_options options = normal();

    options.script = steps;
    options.step_count = sizeof steps / sizeof *steps;
    connect_to(&options);
    talk();
    CHECK(heard("* OK hi\r\n"));
    CHECK(answers("a1 STARTTLS", "a1 OK go\r\n"));
    smtpd_input(&client.server, "\0\1\r\n<x>", 7);
    talk();
    CHECK(heard("S<y>"));
    CHECK(shake_hands(NULL));
    CHECK(answers("in", "inside\r\n"));
    disconnect();

    connect_to(&options);
    say("a2 STARTTLS\r\n");
    CHECK(client.server.report.script_mismatch);
    CHECK(smtpd_closed(&client.server));
    disconnect();
}

static void set_fault(struct smtpd_options *options, enum smtpd_fault fault,
                      enum smtpd_stream stream, size_t at)
{
    *options = normal();
    options->direct = true;
    options->fault = fault;
    options->fault_stream = stream;
    options->fault_at = at;
}

static void test_flip(void)
{
    struct smtpd_options options;
    size_t handshake_len;

    set_fault(&options, SMTPD_NO_FAULT, SMTPD_TLS, 0);
    options.greeting = (struct smtpd_blob)SMTPD_BLOB("");
    connect_to(&options);
    CHECK(shake_hands(NULL));
    handshake_len = client.record.len;
    disconnect();

    options.fault = SMTPD_FLIP;
    options.fault_at = handshake_len + 20;
    connect_to(&options);
    CHECK(shake_hands(NULL));
    say("EHLO client\r\n");
    CHECK(client_error() == BR_ERR_BAD_MAC);
    disconnect();

    set_fault(&options, SMTPD_FLIP, SMTPD_APPLICATION, 1);
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(heard("230 mail.example.test"));
    disconnect();
}

static void test_stall(void)
{
    struct smtpd_options options;

    set_fault(&options, SMTPD_STALL, SMTPD_TLS, 100);
    connect_to(&options);
    CHECK(!shake_hands(NULL));
    CHECK(client.record.len == 100);
    smtpd_eof(&client.server);
    CHECK(!smtpd_closed(&client.server));
    disconnect();

    set_fault(&options, SMTPD_STALL, SMTPD_WIRE, 0);
    options.direct = false;
    connect_to(&options);
    CHECK(!answers("NOOP", "2"));
    CHECK(client.record.len == 0);
    disconnect();
}

static void test_cut(void)
{
    struct smtpd_options options;

    set_fault(&options, SMTPD_CUT, SMTPD_TLS, 100);
    connect_to(&options);
    CHECK(!shake_hands(NULL));
    CHECK(client.record.len == 100);
    CHECK(smtpd_closed(&client.server));
    disconnect();

    set_fault(&options, SMTPD_CUT, SMTPD_APPLICATION, 7);
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(client.inbox.len == 7);
    CHECK(smtpd_closed(&client.server));
    CHECK(!client_closed());
    disconnect();

    set_fault(&options, SMTPD_NO_FAULT, SMTPD_WIRE, 0);
    options.no_close_notify = true;
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(answers("QUIT", "221 "));
    CHECK(smtpd_closed(&client.server));
    CHECK(!client_closed());
    disconnect();
}

static void test_flood(void)
{
    struct smtpd_options options = normal();
    unsigned char buf[4096];

    options.records.bytes = (struct smtpd_blob)SMTPD_BLOB("\1\x5a");
    options.records.type = SMTPD_ALERT;
    options.records.count = SMTPD_ENDLESS;
    options.direct = true;
    connect_to(&options);
    CHECK(shake_hands(NULL));
    CHECK(client_error() == BR_ERR_OK);
    CHECK(client.record.len > 100000);
    CHECK(smtpd_output(&client.server, buf, sizeof buf) == sizeof buf);
    smtpd_eof(&client.server);
    while (smtpd_output(&client.server, buf, sizeof buf) > 0) {}
    CHECK(smtpd_closed(&client.server));
    disconnect();
}

static void test_hello_request(uint32_t flags)
{
    struct smtpd_options options = normal();

    options.records.bytes = (struct smtpd_blob)SMTPD_BLOB("\0\0\0\0");
    options.records.type = SMTPD_HANDSHAKE;
    options.records.count = 1;
    options.direct = true;
    connect_to(&options);
    prepare_tls(NULL);
    br_ssl_engine_set_all_flags(&client.tls.eng, flags);
    talk();
    CHECK(client.server.report.established);
    CHECK(client.server.report.renegotiation_refused ==
          (flags == BR_OPT_NO_RENEGOTIATION));
    CHECK(answers("EHLO client", "250-"));
    CHECK(answers("QUIT", "221 "));
    CHECK(client.server.report.close_notify);
    disconnect();
}

static void test_renegotiation(void)
{
    test_hello_request(0);
    test_hello_request(BR_OPT_NO_RENEGOTIATION);
}

int main(int argc, char **argv)
{
    static void (*const tests[])(void) = {
        test_clear_dialogue,
        test_long_line,
        test_sessions,
        test_auth,
        test_mail_order,
        test_direct,
        test_resumption,
        test_determinism,
        test_record_size,
        test_version_and_suites,
        test_catalogue,
        test_verbatim_replies,
        test_injection,
        test_pipelining,
        test_raw,
        test_script,
        test_flip,
        test_stall,
        test_cut,
        test_flood,
        test_renegotiation,
    };
    char path[512];

    if (argc != 2) {
        fprintf(stderr, "usage: %s PKI-DIR\n", argv[0]);
        return EXIT_FAILURE;
    }
    pki.dir = argv[1];
    snprintf(path, sizeof path, "%s/anchors.pem", pki.dir);
    CHECK(pem_anchors_load(&pki.anchors, path));
    load_identity("ec");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) { tests[i](); }
    bytes_free(&mail);
    pem_chain_free(&pki.chain);
    pem_anchors_free(&pki.anchors);
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
