/* pem.h - certificates, private keys and trust anchors from PEM files. */
#ifndef PEM_H
#define PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "bearssl_quiet.h"

struct pem_chain {
    br_x509_certificate *certificates;
    size_t count;
};

struct pem_anchors {
    br_x509_trust_anchor *anchors;
    size_t count;
};

/* The loaders return false, and hold nothing to free, when the file cannot
 * be read or has nothing of the kind in it. */

/* Every certificate of the file, in the file's order. */
bool pem_chain_load(struct pem_chain *chain, const char *path);
void pem_chain_free(struct pem_chain *chain);

/* The first private key of the file, EC or RSA, PKCS #8 or traditional.
 * The decoder contains the key and points into itself: do not copy it. */
bool pem_key_load(br_skey_decoder_context *key, const char *path);

/* Every certificate of the file as a trust anchor. */
bool pem_anchors_load(struct pem_anchors *anchors, const char *path);
void pem_anchors_free(struct pem_anchors *anchors);

#endif
