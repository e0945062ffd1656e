#define ESTLS_IMPLEMENTATION
#include "rig.h"

#include "ec_memo.h"

#include <stdio.h>
#include <stdlib.h>

enum { RIG_STEPS = 400000, RIG_NAMES = 32 };

const char rig_body[] =
    "Subject: hello\r\n\r\n.dots\r\n..and more\r\n.\r\nend\r\n";
#define RIG_SECRET "correct-horse-battery"

const char rig_secret[] = RIG_SECRET;

/* -- the PKI --------------------------------------------------------------- */

static struct server_identity {
    char name[32];
    struct pem_chain chain;
    br_skey_decoder_context key;
} identities[RIG_NAMES];

static struct pem_anchors anchors;
static const char *pki;

static void need(bool ok, const char *what)
{
    if (!ok) {
        printf("cannot load %s/%s\n0 passed, 1 failed\n", pki, what);
        exit(1);
    }
}

void rig_pki(const char *dir)
{
    char path[256];

    pki = dir;
    snprintf(path, sizeof path, "%s/anchors.pem", dir);
    need(pem_anchors_load(&anchors, path), "anchors.pem");
}

static struct server_identity *identity(const char *name)
{
    struct server_identity *it = identities;
    char path[256];

    while (it->name[0] && strcmp(it->name, name) != 0) { it++; }
    if (!it->name[0]) {
        snprintf(it->name, sizeof it->name, "%s", name);
        snprintf(path, sizeof path, "%s/%s.pem", pki, name);
        need(pem_chain_load(&it->chain, path), name);
        snprintf(path, sizeof path, "%s/%s.key", pki, name);
        need(pem_key_load(&it->key, path), name);
    }
    return it;
}

/* -- callbacks ------------------------------------------------------------- */

static size_t rig_entropy(void *user, void *dst, size_t len)
{
    const rig *r = user;
    uint8_t *p = dst;
    size_t i;

    for (i = 0; i < len; i++) {
        p[i] = (uint8_t)(r->stuck ? 0x5a : 17 * i + r->w.connections);
    }
    return r->entropy ? r->entropy : len;
}

/* Instead of BearSSL's, which asks the OS: numbers from rig_init on, so that the
 * same test does the same each time. */
static uint32_t seeded;

static int seed(const br_prng_class **generator)
{
    seeded++;
    (*generator)->update(generator, &seeded, sizeof seeded);
    return 1;
}

br_prng_seeder br_prng_seeder_system(const char **name)
{
    if (name) { *name = "rig"; }
    return seed;
}

static uint32_t rig_time(void *user)
{
    return ((rig *)user)->unix_time;
}

static void rig_on_mail(void *context, const struct smtpd_mail *mail)
{
    rig *r = context;

    r->mails++;
    r->mail_len = mail->content.len < sizeof r->mail ? mail->content.len : 0;
    memcpy(r->mail, mail->content.data, r->mail_len);
}

/* -- a session ------------------------------------------------------------- */

void rig_certificate(rig *r, const char *name)
{
    struct server_identity *it = identity(name);

    r->server.chain = &it->chain;
    r->server.key = &it->key;
}

void rig_init(rig *r, int generation, const char *certificate)
{
    memset(r, 0, sizeof *r);
    seeded = 0;
    r->modem.generation = generation;
    r->modem.fault = r->faults;
    r->unix_time = RIG_UNIX_TIME;
    r->patience_ms = 600000;
    r->server.user = "sensor";
    r->server.password = rig_secret;
    r->server.on_mail = rig_on_mail;
    r->server.context = r;
    r->server.ec = &ec_memo;
    r->d.impl.ec = &ec_memo;
    rig_certificate(r, certificate);
    r->d.no_modem = generation == RIG_DIRECT;
    r->d.line = r->line;
    r->d.line_cap = sizeof r->line;
    r->d.host = "mail.example.test";
    r->d.port = 587;
    r->d.trust = estls_anchors;
    r->d.anchors = anchors.anchors;
    r->d.anchor_count = anchors.count;
    r->d.x509 = &r->x509;
    r->d.entropy = rig_entropy;
    r->d.unix_time = rig_time;
    r->d.iobuf = r->iobuf;
    r->d.iobuf_cap = ESTLS_IOBUF_MIN;
    r->d.proto = estls_smtp;
    r->d.timeout_ms = 20000;
    r->d.user = r;
}

void rig_pin(rig *r, const char *certificate)
{
    static br_x509_pkey pins[RIG_NAMES];
    static uint8_t points[RIG_NAMES][BR_EC_KBUF_PUB_MAX_SIZE];
    struct server_identity *it = identity(certificate);
    const size_t i = (size_t)(it - identities);

    pins[i].key_type = BR_KEYTYPE_EC;
    br_ec_compute_pub(&ec_memo, &pins[i].key.ec, points[i],
                      br_skey_decoder_get_ec(&it->key));
    r->d.trust = estls_pin;
    r->d.pin = &pins[i];
    r->d.unix_time = NULL;
    r->d.anchors = NULL;
    r->d.x509 = NULL;
}

void rig_fault(rig *r, const char *fault)
{
    need(espat_fault_parse(&r->faults[r->modem.faults++], fault), fault);
}

static void rig_idle(rig *r)
{
    world_idle(&r->w);
    if (r->idle) { r->idle(r); }
}

/* A name that callgrind can find. */
__attribute__((noinline)) int rig_step(rig *r)
{
    long steps = RIG_STEPS;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY && steps--) {
        rc = estls_step(&r->net);
        if (rc == ESTLS_BUSY) { rig_idle(r); }
    }
    estls_info(&r->net, &r->report);
    return rc;
}

int rig_connect(rig *r)
{
    int rc;

    world_open(&r->w, r->d.no_modem ? NULL : &r->modem, &r->server);
    r->d.uart = r->w.uart;
    rc = estls_open(&r->net, &r->d);
    return rc == ESTLS_BUSY ? rig_step(r) : rc;
}

static int write_all(rig *r, const char *text)
{
    size_t left = strlen(text);
    const uint32_t t0 = r->w.now;
    int n;

    while (left && r->w.now - t0 <= r->patience_ms) {
        n = estls_write(&r->net, text, left);
        if (n < 0) { return n; }
        text += n;
        left -= (size_t)n;
        if (!n) { rig_idle(r); }
    }
    return left ? (int)ESTLS_BUSY : (int)ESTLS_OK;
}

/* A reply is whole when its last line is "250 ...". */
static int whole(const char *reply, size_t n)
{
    size_t start = n;

    if (n < 4 || reply[n - 1] != '\n') { return 0; }
    for (start = n - 1; start > 0 && reply[start - 1] != '\n'; start--) {}
    return n - start > 4 && reply[start + 3] == ' ';
}

int rig_say(rig *r, const char *text, char *reply, size_t cap)
{
    const uint32_t t0 = r->w.now;
    size_t got = 0;
    int n = write_all(r, text);

    if (n > 0) { return n; }
    while (n >= 0 && !whole(reply, got)) {
        n = estls_read(&r->net, reply + got, cap - 1 - got);
        got += (size_t)(n > 0 ? n : 0);
        if (n == 0) { rig_idle(r); }
        if (n >= 0 && r->w.now - t0 > r->patience_ms) { return ESTLS_BUSY; }
    }
    reply[got] = 0;
    return n < 0 ? n : (int)ESTLS_OK;
}

int rig_mail(rig *r)
{
    static const char *const talk[][2] = {
        {"EHLO sensor.example.test\r\n", "250"},
        /* base64 of NUL "sensor" NUL "correct-horse-battery" */
        {"AUTH PLAIN AHNlbnNvcgBjb3JyZWN0LWhvcnNlLWJhdHRlcnk=\r\n", "235"},
        {"MAIL FROM:<sensor@example.test>\r\n", "250"},
        {"RCPT TO:<ops@example.test>\r\n", "250"},
        {"DATA\r\n", "354"},
        {"Subject: hello\r\n\r\n..dots\r\n...and more\r\n..\r\nend\r\n.\r\n",
         "250"},
        {"QUIT\r\n", "221"}};
    char reply[1024];
    size_t i;
    int rc;

    for (i = 0; i < sizeof talk / sizeof talk[0]; i++) {
        rc = rig_say(r, talk[i][0], reply, sizeof reply);
        if (rc) { return rc; }
        if (memcmp(reply, talk[i][1], 3) != 0) { return ESTLS_E_REFUSED; }
    }
    return ESTLS_OK;
}

int rig_close(rig *r)
{
    long steps = RIG_STEPS;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY && steps--) {
        rc = estls_close(&r->net);
        if (rc == ESTLS_BUSY) { rig_idle(r); }
    }
    return rc;
}

int rig_zero(const void *memory, size_t n)
{
    const uint8_t *p = memory;

    while (n && !*p) {
        p++;
        n--;
    }
    return n == 0;
}

/* Long enough not to come by chance in what is encrypted. */
int rig_leaked(const rig *r)
{
    static const char *const secrets[] = {"AUTH PLAIN", "MAIL FROM", "HELO ",
                                          "hello", RIG_SECRET};
    size_t i;
    int found = 0;

    for (i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        found |= world_heard(&r->w, secrets[i]);
    }
    return found;
}

static int wiped(const rig *r)
{
    return rig_zero(&r->net.starttls.tls.client,
                    sizeof r->net.starttls.tls.client) &&
           rig_zero(r->iobuf, r->d.iobuf_cap);
}

const char *rig_dead(rig *r, int rc)
{
    char byte;

    if (rc >= 0) { return "it succeeded"; }
    if (rig_leaked(r)) { return "clear text on the wire"; }
    if (!wiped(r)) { return "secrets are left in memory"; }
    if (estls_step(&r->net) != rc || estls_read(&r->net, &byte, 1) != rc ||
        estls_write(&r->net, "AUTH PLAIN", 10) != rc) {
        return "the error does not stay";
    }
    if (rig_close(r) != (rc == ESTLS_E_CLOSED && r->net.starttls.tls.version
                             ? (int)ESTLS_OK
                             : rc)) {
        return "closing hides the error, or does not end";
    }
    if (!wiped(r)) { return "closing leaves secrets in memory"; }
    return rig_leaked(r) ? "clear text on the wire while closing" : "";
}

void rig_end(rig *r)
{
    world_close(&r->w);
}
