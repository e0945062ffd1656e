/* job.c - the main job, as a sensor does it: wakes up, mails a reading over
 * STARTTLS, keeps the TLS session in retained RAM, sleeps.
 *
 *     JOB_CHAIN  trust by certificate; else by the server's key
 *     JOB_GCM    AES-128-GCM, for servers without ChaCha20; else ChaCha20-Poly1305 */
#include <bearssl.h>

#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#ifdef JOB_GCM
static void gcm(br_ssl_client_context *client);
#define ESTLS_PROFILE gcm
#else
#define ESTLS_PROFILE estls_small
#endif
#include "../../estls.h"

#include "../../examples/smtp.h"
#include "board.h"
#ifdef JOB_CHAIN
#include "anchors.h" /* made for the run, as pin.h */
#else
#include "pin.h"
#endif

#ifdef JOB_GCM
/* A profile of one's own. */
static void gcm(br_ssl_client_context *client)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256};
    br_ssl_engine_context *eng = &client->eng;

    br_ssl_engine_set_suites(eng, suites, 1);
    br_ssl_engine_set_ec(eng, &br_ec_p256_m31);
    br_ssl_engine_set_ecdsa(eng, &br_ecdsa_i31_vrfy_asn1);
    br_ssl_engine_set_aes_ctr(eng, &br_aes_ct_ctr_vtable);
    br_ssl_engine_set_ghash(eng, &br_ghash_ctmul32);
    br_ssl_engine_set_gcm(eng, &br_sslrec_in_gcm_vtable,
                          &br_sslrec_out_gcm_vtable);
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
}
#endif

static estls net;
static smtp client;
static char line[ESTLS_LINE_MIN];
static uint8_t iobuf[ESTLS_IOBUF_MIN];
#ifdef JOB_CHAIN
static estls_x509 x509;
#endif

/* What outlives the sleep. */
static struct retained {
    uint16_t magic;
    uint16_t mails;
    estls_saved saved;
} retained BOARD_RETAINED;

enum { MAGIC = 0x5a17 };

static const estls_desc session = {
    .uart = {board_read, board_write, board_tick, NULL},
    .line = line,
    .line_cap = sizeof line,
    .iobuf = iobuf,
    .iobuf_cap = sizeof iobuf,
    .ssid = "attic",
    .password = "open sesame",
    .host = "mail.example.test",
    .port = 587,
    .proto = estls_smtp,
#ifdef JOB_CHAIN
    .trust = estls_anchors,
    .x509 = &x509,
    .anchors = ANCHORS,
    .anchor_count = ANCHORS_NUM,
    .unix_time = board_unix_time,
#else
    .trust = estls_pin,
    .pin = &PIN,
#endif
    .entropy = board_entropy,
    .saved = &retained.saved,
};

static const char *const to[] = {"ops@example.test", NULL};
static const smtp_mail mail = {
    .from = "sensor@example.test",
    .to = to,
    .text = "Subject: Water in the cellar\n\nIt is 3 cm deep.\n",
};

static int tls_read(void *user, void *dst, size_t cap)
{
    return estls_read((estls *)user, dst, cap);
}

static int tls_write(void *user, const void *src, size_t len)
{
    return estls_write((estls *)user, src, len);
}

static const estls_io tls = {tls_read, tls_write, board_tick, &net};

static int send_mail(void)
{
    int rc = estls_open(&net, &session);

    while (rc == ESTLS_BUSY) {
        BOARD_STEP();
        rc = estls_step(&net);
    }
    board_say("open", rc);
    if (rc != ESTLS_OK) { return rc; }
    rc = smtp_open(&client, &mail, &tls);
    while (rc == ESTLS_BUSY) { rc = smtp_step(&client); }
    return rc;
}

int main(void)
{
    estls_report report;
    int rc;

    board_start();
    if (retained.magic != MAGIC) {
        memset(&retained, 0, sizeof retained);
        retained.magic = MAGIC;
    }
    rc = send_mail();
    retained.mails = (uint16_t)(retained.mails + (rc == ESTLS_OK));
    estls_info(&net, &report);
    while (estls_close(&net) == ESTLS_BUSY) {}
    board_say("mail", rc);
    board_say("mails", retained.mails);
    board_say("detail", report.detail);
    board_say("resumed", report.resumed);
    board_say("sends", report.sends);
    board_say("suite", report.suite);
    board_say("lost", (long)board_lost());
    board_say("untouched", (long)board_untouched());
    board_sleep();
    return 0;
}
