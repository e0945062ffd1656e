/* x509.c - what >>tls reads in a certificate beyond what BearSSL does: the
 * extensions that say for what and for whom it is (RFC 5280 4.2.1).
 * Usage: x509 PKI-DIRECTORY */
#include "rig.h"

#include "check.h"

static rig r;
static estls_tls tls;

/* -- DER ------------------------------------------------------------------- */

typedef struct der {
    uint8_t bytes[512];
    size_t n;
} der;

static der raw(const char *bytes, size_t n)
{
    der d;

    memcpy(d.bytes, bytes, n);
    d.n = n;
    return d;
}

static der join(der a, der b)
{
    memcpy(a.bytes + a.n, b.bytes, b.n);
    a.n += b.n;
    return a;
}

/* tag, length, content */
static der element(uint8_t tag, der content)
{
    der d;

    d.bytes[0] = tag;
    d.n = 1;
    if (content.n > 127) { d.bytes[d.n++] = 0x82; }
    if (content.n > 127) { d.bytes[d.n++] = (uint8_t)(content.n >> 8); }
    d.bytes[d.n++] = (uint8_t)content.n;
    return join(d, content);
}

/* A certificate with these extensions, as far as their reader cares. */
static der certificate(der extensions)
{
    const der serial = raw("\2\1\1", 3);
    const der list = element(0xa3, element(0x30, extensions));

    return element(0x30, element(0x30, join(serial, list)));
}

static der extension(der oid, der body)
{
    return element(0x30, join(oid, body));
}

#define SAN         "\6\3\x55\x1d\x11"
#define EKU         "\6\3\x55\x1d\x25"
#define NAMES       "\6\3\x55\x1d\x1e"
#define SERVER_AUTH "\6\10\x2b\6\1\5\5\7\3\1"
#define CLIENT_AUTH "\6\10\x2b\6\1\5\5\7\3\2"
#define ANY         "\6\4\x55\x1d\x25\0"

/* subjectAltName, whose content nobody here reads */
static der san(void)
{
    return extension(raw(SAN, 5), element(4, raw("\x30\0", 2)));
}

static der eku(const char *purposes, size_t n)
{
    return extension(raw(EKU, 5), element(4, element(0x30, raw(purposes, n))));
}

/* -- what becomes of it ---------------------------------------------------- */

/* The reason to refuse it as the server's own, or 0; in chunks of so many
 * bytes. */
static int refused(const der *cert, size_t chunk)
{
    estls_x509 *x = r.d.x509;
    size_t at, n;

    x->vtable->start_chain(&x->vtable, "mail.example.test");
    x->vtable->start_cert(&x->vtable, (uint32_t)cert->n);
    for (at = 0; at < cert->n; at += n) {
        n = cert->n - at < chunk ? cert->n - at : chunk;
        x->vtable->append(&x->vtable, cert->bytes + at, n);
    }
    x->vtable->end_cert(&x->vtable);
    return x->refused;
}

static void check_cert(der cert, int want)
{
    size_t chunk;

    for (chunk = 1; chunk <= cert.n; chunk++) {
        CHECK_INT(refused(&cert, chunk), want);
    }
}

static void begin(void)
{
    rig_init(&r, RIG_DIRECT, "ec");
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(estls_tls_open(&tls, &r.d, &r.d.uart), ESTLS_OK);
}

/* -- tests ----------------------------------------------------------------- */

static void purposes(void)
{
    static const struct {
        const char *oids;
        size_t n;
        int refused;
    } rows[] = {
        {SERVER_AUTH, 10, 0},
        {CLIENT_AUTH SERVER_AUTH, 20, 0},
        {SERVER_AUTH CLIENT_AUTH, 20, 0},
        {ANY, 6, 0},
        {CLIENT_AUTH, 10, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        {"", 0, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        /* another arc of four bytes, and one of three */
        {"\6\4\x55\x1d\x25\1", 6, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        {"\6\3\x55\x1d\x25", 5, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        /* the end of serverAuth behind another beginning, alone and behind one
         * whose beginning is right */
        {"\6\10\x2a\6\1\5\5\7\3\1", 10, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        {CLIENT_AUTH "\6\10\x2a\6\1\5\5\7\3\1", 20,
         BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        /* longer than any that counts, empty, and no OID at all */
        {"\6\11\x2b\6\1\5\5\7\3\1\1", 11, BR_ERR_X509_FORBIDDEN_KEY_USAGE},
        {"\6\0" SERVER_AUTH, 12, 0},
        {"\5\0" SERVER_AUTH, 12, 0},
        {"\4\10\x2b\6\1\5\5\7\3\1", 10, BR_ERR_X509_FORBIDDEN_KEY_USAGE}};
    size_t i;

    begin();
    check_cert(certificate(san()), 0);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const der list = eku(rows[i].oids, rows[i].n);
        check_cert(certificate(join(san(), list)), rows[i].refused);
        check_cert(certificate(join(list, san())), rows[i].refused);
    }
    rig_end(&r);
}

/* The name must be where RFC 6125 wants it. */
static void names(void)
{
    const der constraints =
        extension(raw(NAMES, 5), element(4, raw("\x30\0", 2)));
    const der other =
        extension(raw("\6\3\x55\x1d\x0f", 5), element(4, raw("\3\1\0", 3)));
    const der critical = extension(join(raw(SAN, 5), raw("\1\1\xff", 3)),
                                   element(4, raw("\x30\0", 2)));
    const der long_id = extension(raw("\6\11\x55\x1d\x11\0\0\0\0\0\0", 11),
                                  element(4, raw("\x30\0", 2)));
    const der no_id = extension(raw("\6\0", 2), element(4, raw("\x30\0", 2)));

    begin();
    check_cert(certificate(other), BR_ERR_X509_BAD_SERVER_NAME);
    check_cert(certificate(long_id), BR_ERR_X509_BAD_SERVER_NAME);
    check_cert(certificate(no_id), BR_ERR_X509_BAD_SERVER_NAME);
    check_cert(certificate(join(no_id, san())), 0);
    check_cert(certificate(join(other, critical)), 0);
    check_cert(certificate(join(constraints, san())),
               BR_ERR_X509_CRITICAL_EXTENSION);
    check_cert(certificate(join(san(), constraints)),
               BR_ERR_X509_CRITICAL_EXTENSION);
    rig_end(&r);
}

/* Purposes that end within an element may hide what comes behind them; so does
 * a list that claims to be longer than a certificate can be. */
static void lengths(void)
{
    const der cut[] = {
        extension(raw(EKU, 5), element(4, raw("\x30\12\6\10\x2b\6", 6))),
        extension(raw(EKU, 5), element(4, raw("\x30\2\6", 3))),
        extension(raw(EKU, 5), element(4, raw("\x30\x82", 2))),
        extension(raw(EKU, 5), element(4, raw("\x30\4\5\x7f", 4)))};
    const der huge = raw("\x30\x0c" EKU "\4\x83\1\0\0", 12);
    size_t i;

    begin();
    for (i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        check_cert(certificate(join(cut[i], san())),
                   BR_ERR_X509_CRITICAL_EXTENSION);
    }
    check_cert(certificate(join(san(), huge)), BR_ERR_X509_FORBIDDEN_KEY_USAGE);
    rig_end(&r);
}

static void with_sha1(br_ssl_client_context *client)
{
    estls_full(client);
    br_ssl_engine_set_hash(&client->eng, br_sha1_ID, &br_sha1_vtable);
}

/* A certificate signed with SHA-1 is none, though the profile has it. */
static void no_sha1(void)
{
    rig_init(&r, RIG_DIRECT, "ec");
    r.d.profile = with_sha1;
    world_open(&r.w, NULL, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(estls_tls_open(&tls, &r.d, &r.d.uart), ESTLS_OK);
    CHECK(br_ssl_engine_get_hash(&tls.client.eng, br_sha1_ID) != NULL);
    CHECK(!br_multihash_getimpl(&r.d.x509->minimal.mhash, br_sha1_ID));
    CHECK(br_multihash_getimpl(&r.d.x509->minimal.mhash, br_sha256_ID) != NULL);
    rig_end(&r);
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    RUN(purposes);
    RUN(names);
    RUN(lengths);
    RUN(no_sha1);
    return check_end();
}
