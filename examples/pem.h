/* pem.h - trust out of PEM files: certificates as anchors, a key as a pin. */
#ifndef PEM_H
#define PEM_H

#include "../estls.h"

typedef struct pem_anchors {
    br_x509_trust_anchor *list;
    size_t count;
    size_t skipped; /* certificates that BearSSL cannot use */
} pem_anchors;

/* Each returns null, or why it failed, for a person. */

/* All certificates of the file become anchors, those that are a CA's as CAs. */
const char *pem_load_anchors(pem_anchors *out, const char *path);
void pem_free_anchors(pem_anchors *anchors);

/* The public key of the file's first certificate, or its first public key
 * (SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it). */
const char *pem_load_pin(br_x509_pkey *out, const char *path);
void pem_free_pin(br_x509_pkey *pin);

/* A stretch of DER. */
typedef struct der {
    const uint8_t *p;
    size_t n;
} der;

/* 1: `in` began with an element of that tag; `content` is what it held, and
 * `in` what stands behind it.  0: it did not, or it is cut. */
int der_take(der *in, uint8_t tag, der *content);

#endif
