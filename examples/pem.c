#include "pem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OID = 0x06, DER_LIST = 0x30 };

static void *allocate(void *old, size_t size)
{
    void *block = realloc(old, size ? size : 1);

    if (!block) { abort(); }
    return block;
}

static unsigned char *copy(const void *data, size_t n)
{
    return memcpy(allocate(NULL, n), data, n);
}

/* -- DER ------------------------------------------------------------------- */

/* X.690 8.1.3: up to 127 in one byte, else the number of bytes first. */
static int der_length(der *in, size_t *length)
{
    size_t count;

    if (!in->n) { return 0; }
    *length = *in->p++;
    in->n--;
    if (*length < 0x80) { return 1; }
    count = *length & 0x7f;
    if (!count || count > 3 || count > in->n) { return 0; }
    in->n -= count;
    for (*length = 0; count > 0; count--) { *length = *length << 8 | *in->p++; }
    return 1;
}

int der_take(der *in, uint8_t tag, der *content)
{
    if (!in->n || *in->p != tag) { return 0; }
    in->p++;
    in->n--;
    if (!der_length(in, &content->n) || content->n > in->n) { return 0; }
    content->p = in->p;
    in->p += content->n;
    in->n -= content->n;
    return 1;
}

static int der_is(const der *content, const char *bytes, size_t n)
{
    return content->n == n && memcmp(content->p, bytes, n) == 0;
}

/* -- PEM ------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char *data;
    size_t len;
} bytes;

static void append(void *user, const void *data, size_t n)
{
    bytes *b = user;

    b->data = allocate(b->data, b->len + n);
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

/* Takes one decoded object; 0 ends the reading. */
typedef int pem_visit(void *user, const char *name, const bytes *object);

typedef struct pem_reader {
    br_pem_decoder_context decoder;
    bytes object;
    pem_visit *visit;
    void *user;
} pem_reader;

static int pem_event(pem_reader *r)
{
    switch (br_pem_decoder_event(&r->decoder)) {
    case BR_PEM_BEGIN_OBJ:
        r->object.len = 0;
        br_pem_decoder_setdest(&r->decoder, append, &r->object);
        return 1;
    case BR_PEM_END_OBJ:
        return r->visit(r->user, br_pem_decoder_name(&r->decoder), &r->object);
    case BR_PEM_ERROR: return 0;
    default: return 1;
    }
}

static int pem_push(pem_reader *r, const char *text, size_t n)
{
    size_t used;

    for (; n > 0; text += used, n -= used) {
        used = br_pem_decoder_push(&r->decoder, text, n);
        if (!pem_event(r)) { return 0; }
    }
    return 1;
}

static const char *pem_read(const char *path, pem_visit *visit, void *user)
{
    pem_reader r = {.visit = visit, .user = user};
    FILE *file = fopen(path, "rb");
    char text[4096];
    size_t n;
    int failed;

    if (!file) { return strerror(errno); }
    br_pem_decoder_init(&r.decoder);
    do {
        n = fread(text, 1, sizeof text, file);
    } while (n && pem_push(&r, text, n));
    /* the last line may lack its end, without which it is not decoded */
    (void)(feof(file) && pem_push(&r, "\n", 1));
    failed = ferror(file);
    free(r.object.data);
    (void)fclose(file);
    return failed ? "it cannot be read" : NULL;
}

/* -- keys ------------------------------------------------------------------ */

/* BearSSL's decoders lend their key, hence a copy. */
static br_x509_pkey key_copy(const br_x509_pkey *key)
{
    br_x509_pkey made = *key;

    if (key->key_type == BR_KEYTYPE_RSA) {
        made.key.rsa.n = copy(key->key.rsa.n, key->key.rsa.nlen);
        made.key.rsa.e = copy(key->key.rsa.e, key->key.rsa.elen);
    } else {
        made.key.ec.q = copy(key->key.ec.q, key->key.ec.qlen);
    }
    return made;
}

void pem_free_pin(br_x509_pkey *pin)
{
    if (pin->key_type == BR_KEYTYPE_RSA) {
        free(pin->key.rsa.n);
        free(pin->key.rsa.e);
    } else if (pin->key_type == BR_KEYTYPE_EC) {
        free(pin->key.ec.q);
    }
    memset(pin, 0, sizeof *pin);
}

/* RFC 5480 2.1.1.1; the point is uncompressed. */
static int key_of_ec(br_x509_pkey *out, const der *curve, const der *point)
{
    static const struct {
        int id;
        size_t point;
        size_t n;
        char oid[9];
    } curves[] = {
        {BR_EC_secp256r1, 65, 8, "\x2a\x86\x48\xce\x3d\x03\x01\x07"},
        {BR_EC_secp384r1, 97, 5, "\x2b\x81\x04\x00\x22"},
        {BR_EC_secp521r1, 133, 5, "\x2b\x81\x04\x00\x23"},
    };
    size_t i;

    for (i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (der_is(curve, curves[i].oid, curves[i].n) &&
            point->n == curves[i].point && point->p[0] == 4) {
            out->key_type = BR_KEYTYPE_EC;
            out->key.ec.curve = curves[i].id;
            out->key.ec.q = copy(point->p, point->n);
            out->key.ec.qlen = point->n;
            return 1;
        }
    }
    return 0;
}

static void skip_zeros(der *number)
{
    while (number->n && !*number->p) {
        number->p++;
        number->n--;
    }
}

/* RFC 8017 A.1.1 */
static int key_of_rsa(br_x509_pkey *out, der *text)
{
    der list, n, e;

    if (!der_take(text, DER_LIST, &list) || !der_take(&list, DER_INTEGER, &n) ||
        !der_take(&list, DER_INTEGER, &e)) {
        return 0;
    }
    skip_zeros(&n);
    skip_zeros(&e);
    out->key_type = BR_KEYTYPE_RSA;
    out->key.rsa.n = copy(n.p, n.n);
    out->key.rsa.nlen = n.n;
    out->key.rsa.e = copy(e.p, e.n);
    out->key.rsa.elen = e.n;
    return 1;
}

/* SubjectPublicKeyInfo, RFC 5280 4.1 */
static int key_of_spki(br_x509_pkey *out, const bytes *object)
{
    der in = {object->data, object->len};
    der info, algorithm, oid, curve, key;

    if (!der_take(&in, DER_LIST, &info) ||
        !der_take(&info, DER_LIST, &algorithm) ||
        !der_take(&info, DER_BITS, &key) ||
        !der_take(&algorithm, DER_OID, &oid) || !key.n || *key.p) {
        return 0;
    }
    key.p++; /* the number of unused bits, 0 */
    key.n--;
    if (der_is(&oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) {
        return key_of_rsa(out, &key);
    }
    return der_is(&oid, "\x2a\x86\x48\xce\x3d\x02\x01", 7) &&
           der_take(&algorithm, DER_OID, &curve) &&
           key_of_ec(out, &curve, &key);
}

static int key_of_certificate(br_x509_pkey *out, const bytes *object)
{
    br_x509_decoder_context decoder;
    const br_x509_pkey *key;

    br_x509_decoder_init(&decoder, NULL, NULL);
    br_x509_decoder_push(&decoder, object->data, object->len);
    key = br_x509_decoder_get_pkey(&decoder);
    if (key) { *out = key_copy(key); }
    return key != NULL;
}

static int visit_pin(void *user, const char *name, const bytes *object)
{
    if (strcmp(name, "CERTIFICATE") == 0) {
        return !key_of_certificate(user, object);
    }
    if (strcmp(name, "PUBLIC KEY") == 0) { return !key_of_spki(user, object); }
    return 1;
}

const char *pem_load_pin(br_x509_pkey *out, const char *path)
{
    const char *why;

    memset(out, 0, sizeof *out);
    why = pem_read(path, visit_pin, out);
    if (!why && !out->key_type) {
        why = "no certificate or public key in it that BearSSL can use";
    }
    return why;
}

/* -- anchors --------------------------------------------------------------- */

static int visit_anchor(void *user, const char *name, const bytes *object)
{
    pem_anchors *anchors = user;
    br_x509_decoder_context decoder;
    const br_x509_pkey *key;
    bytes dn = {0};

    if (strcmp(name, "CERTIFICATE") != 0) { return 1; }
    br_x509_decoder_init(&decoder, append, &dn);
    br_x509_decoder_push(&decoder, object->data, object->len);
    key = br_x509_decoder_get_pkey(&decoder);
    if (!key) {
        anchors->skipped++;
        free(dn.data);
        return 1;
    }
    anchors->list =
        allocate(anchors->list, (anchors->count + 1) * sizeof *anchors->list);
    anchors->list[anchors->count++] = (br_x509_trust_anchor){
        .dn = {dn.data, dn.len},
        .flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0,
        .pkey = key_copy(key),
    };
    return 1;
}

const char *pem_load_anchors(pem_anchors *out, const char *path)
{
    const char *why;

    memset(out, 0, sizeof *out);
    why = pem_read(path, visit_anchor, out);
    if (!why && !out->count) {
        why = "no certificate in it that BearSSL can use";
    }
    return why;
}

void pem_free_anchors(pem_anchors *anchors)
{
    size_t i;

    for (i = 0; i < anchors->count; i++) {
        free(anchors->list[i].dn.data);
        pem_free_pin(&anchors->list[i].pkey);
    }
    free(anchors->list);
    memset(anchors, 0, sizeof *anchors);
}
