/* exchange.h - what the parts of the program `exchange` share: the stream
 * inside TLS, and one function for each protocol that is spoken in it.
 *
 * Whatever returns int: ESTLS_OK, an error, or BUSY if the user interrupted. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "../../examples/desktop.h"

typedef struct exchange {
    desktop desktop;
    const char *user;
    const char *password;
    const char *speak; /* name of the protocol inside TLS */
    char nonce[17];    /* 16 digits of base 16, others each time */
    char found[32];    /* what stood behind the last text that had to come */
    uint32_t t0;       /* of the wait */
    size_t len;        /* of in */
    uint8_t in[4096];  /* came, and nobody has asked for it yet */
} exchange;

/* -- the stream ------------------------------------------------------------ */

/* All n bytes; they have left when it returns. */
int exchange_send(exchange *x, const void *src, size_t n);
/* Exactly n bytes. */
int exchange_get(exchange *x, void *dst, size_t n);
/* Up to and with the byte `end`; E_SPACE: that is more than fits with the NUL
 * behind it. */
int exchange_line(exchange *x, char *dst, size_t cap, char end);
/* E_PROTO: tells what the server said in place of `wanted`. */
int exchange_unexpected(const char *wanted, const void *said, size_t n);

/* -- protocols ------------------------------------------------------------- */

/* One of those that consist of lines: `speak`.  E_ARG: it is none. */
int exchange_lines(exchange *x);
/* Simple bind, a search, unbind: RFC 4511. */
int exchange_ldap(exchange *x);
/* SELECT 6*7 */
int exchange_postgres(exchange *x);
int exchange_mysql(exchange *x);

#endif
