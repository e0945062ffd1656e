#include "pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* Takes one decoded PEM object. Returns false to stop at it. */
typedef bool visit_fn(void *context, const char *name,
                      const struct bytes *object);

struct reader {
    br_pem_decoder_context decoder;
    struct bytes object;
    visit_fn *visit;
    void *context;
};

static void append_bytes(void *context, const void *data, size_t len)
{
    bytes_append(context, data, len);
}

/* Acts on what the decoder stopped for. Returns false to stop reading. */
static bool handle_event(struct reader *reader)
{
    switch (br_pem_decoder_event(&reader->decoder)) {
    case BR_PEM_BEGIN_OBJ:
        bytes_consume(&reader->object, reader->object.len);
        br_pem_decoder_setdest(&reader->decoder, append_bytes, &reader->object);
        return true;
    case BR_PEM_END_OBJ:
        return reader->visit(reader->context,
                             br_pem_decoder_name(&reader->decoder),
                             &reader->object);
    case BR_PEM_ERROR: return false;
    default: return true;
    }
}

static bool push_text(struct reader *reader, const char *text, size_t len)
{
    size_t used;

    for (; len > 0; text += used, len -= used) {
        used = br_pem_decoder_push(&reader->decoder, text, len);
        if (!handle_event(reader)) { return false; }
    }
    return true;
}

static void visit_file(const char *path, visit_fn *visit, void *context)
{
    struct reader reader = {.visit = visit, .context = context};
    FILE *file = fopen(path, "rb");
    char text[1024];
    size_t len;

    if (file == NULL) { return; }
    br_pem_decoder_init(&reader.decoder);
    do {
        len = fread(text, 1, sizeof text, file);
    } while (push_text(&reader, text, len) && len > 0);
    bytes_free(&reader.object);
    fclose(file);
}

static void *allocate(size_t size)
{
    void *block = malloc(size);

    if (block == NULL) { abort(); }
    return block;
}

static void *copy(const void *data, size_t len)
{
    return memcpy(allocate(len), data, len);
}

/* An array of `count` elements, with room for one more. */
static void *grow(void *array, size_t count, size_t size)
{
    void *block = realloc(array, (count + 1) * size);

    if (block == NULL) { abort(); }
    return block;
}

static bool add_certificate(void *context, const char *name,
                            const struct bytes *object)
{
    struct pem_chain *chain = context;
    br_x509_certificate *added;

    if (strcmp(name, "CERTIFICATE") != 0) { return true; }
    chain->certificates =
        grow(chain->certificates, chain->count, sizeof *chain->certificates);
    added = &chain->certificates[chain->count++];
    added->data = copy(object->data, object->len);
    added->data_len = object->len;
    return true;
}

bool pem_chain_load(struct pem_chain *chain, const char *path)
{
    memset(chain, 0, sizeof *chain);
    visit_file(path, add_certificate, chain);
    return chain->count > 0;
}

void pem_chain_free(struct pem_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        free(chain->certificates[i].data);
    }
    free(chain->certificates);
    memset(chain, 0, sizeof *chain);
}

static bool take_key(void *context, const char *name,
                     const struct bytes *object)
{
    br_skey_decoder_context *key = context;

    if (strstr(name, "PRIVATE KEY") == NULL) { return true; }
    br_skey_decoder_push(key, object->data, object->len);
    return false;
}

bool pem_key_load(br_skey_decoder_context *key, const char *path)
{
    br_skey_decoder_init(key);
    visit_file(path, take_key, key);
    return br_skey_decoder_last_error(key) == 0;
}

/* The decoder's key points into the decoder, hence a deep copy. */
static br_x509_pkey copy_public_key(const br_x509_pkey *key)
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

static bool add_anchor(void *context, const char *name,
                       const struct bytes *object)
{
    struct pem_anchors *anchors = context;
    br_x509_decoder_context decoder;
    struct bytes subject = {0};

    if (strcmp(name, "CERTIFICATE") != 0) { return true; }
    br_x509_decoder_init(&decoder, append_bytes, &subject);
    br_x509_decoder_push(&decoder, object->data, object->len);
    if (br_x509_decoder_last_error(&decoder) == 0) {
        anchors->anchors =
            grow(anchors->anchors, anchors->count, sizeof *anchors->anchors);
        anchors->anchors[anchors->count++] = (br_x509_trust_anchor){
            .dn = {copy(subject.data, subject.len), subject.len},
            .flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0,
            .pkey = copy_public_key(br_x509_decoder_get_pkey(&decoder)),
        };
    }
    bytes_free(&subject);
    return true;
}

bool pem_anchors_load(struct pem_anchors *anchors, const char *path)
{
    memset(anchors, 0, sizeof *anchors);
    visit_file(path, add_anchor, anchors);
    return anchors->count > 0;
}

static void free_public_key(br_x509_pkey *key)
{
    if (key->key_type == BR_KEYTYPE_RSA) {
        free(key->key.rsa.n);
        free(key->key.rsa.e);
    } else {
        free(key->key.ec.q);
    }
}

void pem_anchors_free(struct pem_anchors *anchors)
{
    for (size_t i = 0; i < anchors->count; i++) {
        free(anchors->anchors[i].dn.data);
        free_public_key(&anchors->anchors[i].pkey);
    }
    free(anchors->anchors);
    memset(anchors, 0, sizeof *anchors);
}
