/* LDAP, RFC 4511: messages in BER, with lengths in short form. */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

#define SUFFIX "dc=example,dc=test"

enum { LDAP_BIND_DONE = 0x61, LDAP_ENTRY = 0x64, LDAP_SEARCH_DONE = 0x65 };

/* A message is built from its end on: then every length is known. */
typedef struct ber {
    size_t at;
    uint8_t bytes[128];
} ber;

static void put(ber *b, const void *src, size_t n)
{
    if (n > b->at) { n = b->at; } /* a message that cannot be right */
    b->at -= n;
    memcpy(b->bytes + b->at, src, n);
}

/* Puts tag and length before what stands from `end` back to here. */
static void wrap(ber *b, uint8_t tag, size_t end)
{
    const uint8_t head[] = {tag, (uint8_t)(end - b->at)};

    put(b, head, sizeof head);
}

static void put_text(ber *b, uint8_t tag, const char *text)
{
    const size_t end = b->at;

    put(b, text, strlen(text));
    wrap(b, tag, end);
}

/* The message's number and outer frame, and off it goes. */
static int send_message(exchange *x, ber *b, uint8_t number)
{
    const uint8_t id[] = {2, 1, number};

    put(b, id, sizeof id);
    wrap(b, 0x30, sizeof b->bytes);
    return exchange_send(x, b->bytes + b->at, sizeof b->bytes - b->at);
}

/* -- requests -------------------------------------------------------------- */

static int send_bind(exchange *x, uint8_t number)
{
    static const uint8_t version[] = {2, 1, 3};
    ber b = {.at = sizeof b.bytes};
    char name[64];

    (void)snprintf(name, sizeof name, "cn=%s," SUFFIX, x->user);
    put_text(&b, 0x80, x->password);
    put_text(&b, 4, name);
    put(&b, version, sizeof version);
    wrap(&b, 0x60, sizeof b.bytes);
    return send_message(x, &b, number);
}

/* The object itself, as it is there; its description. */
static int send_search(exchange *x, uint8_t number)
{
    /* base object, aliases as they are, no limits, values too */
    static const uint8_t how[] = {0x0a, 1, 0, 0x0a, 1, 0, 2, 1,
                                  0,    2, 1, 0,    1, 1, 0};
    ber b = {.at = sizeof b.bytes};

    put_text(&b, 4, "description");
    wrap(&b, 0x30, sizeof b.bytes);
    put_text(&b, 0x87, "objectClass"); /* is present */
    put(&b, how, sizeof how);
    put_text(&b, 4, "cn=level,ou=readings," SUFFIX);
    wrap(&b, 0x63, sizeof b.bytes);
    return send_message(x, &b, number);
}

static int send_unbind(exchange *x, uint8_t number)
{
    static const uint8_t unbind[] = {0x42, 0};
    ber b = {.at = sizeof b.bytes};

    put(&b, unbind, sizeof unbind);
    return send_message(x, &b, number);
}

/* -- answers --------------------------------------------------------------- */

typedef struct message {
    size_t len; /* of what is behind the number */
    uint8_t bytes[1024];
} message;

/* A length in the short form, or in the long one of up to four bytes. */
static int get_length(exchange *x, size_t *n)
{
    uint8_t bytes[4];
    uint8_t first = 0;
    uint8_t i;
    int rc = exchange_get(x, &first, 1);

    *n = first;
    if (rc || first < 0x80) { return rc; }
    first &= 0x7f;
    if (!first || first > sizeof bytes) {
        return exchange_unexpected("a length", &first, 1);
    }
    rc = exchange_get(x, bytes, first);
    for (i = 0, *n = 0; !rc && i < first; i++) { *n = *n << 8 | bytes[i]; }
    return rc;
}

static int get_message(exchange *x, message *m, uint8_t number)
{
    const uint8_t id[] = {2, 1, number};
    uint8_t tag = 0;
    int rc = exchange_get(x, &tag, 1);

    if (!rc) { rc = get_length(x, &m->len); }
    if (!rc && (tag != 0x30 || m->len < sizeof id + 2)) {
        return exchange_unexpected("a message", &tag, 1);
    }
    if (!rc && m->len > sizeof m->bytes) { rc = ESTLS_E_SPACE; }
    if (!rc) { rc = exchange_get(x, m->bytes, m->len); }
    if (!rc && memcmp(m->bytes, id, sizeof id) != 0) {
        rc = exchange_unexpected("our number", m->bytes, m->len);
    }
    if (rc) { return rc; }
    m->len -= sizeof id;
    memmove(m->bytes, m->bytes + sizeof id, m->len);
    return ESTLS_OK;
}

/* { tag length { 0a 01 resultCode } ... }, the code 0 */
static int is_success(const message *m, uint8_t tag)
{
    static const uint8_t success[] = {0x0a, 1, 0};
    const size_t head = m->bytes[1] < 0x80 ? 2 : 2u + (m->bytes[1] & 0x7f);

    return m->bytes[0] == tag && m->len >= head + sizeof success &&
           memcmp(m->bytes + head, success, sizeof success) == 0;
}

static int expect(exchange *x, uint8_t number, uint8_t tag)
{
    message m;
    const int rc = get_message(x, &m, number);

    if (rc || is_success(&m, tag)) { return rc; }
    return exchange_unexpected("success", m.bytes, m.len);
}

/* The attribute's value, an octet string, is the last thing in the entry. */
static int expect_entry(exchange *x, uint8_t number)
{
    static const char value[] = "\x04\x10It is 3 cm deep.";
    const size_t n = sizeof value - 1;
    message m;
    const int rc = get_message(x, &m, number);

    if (rc) { return rc; }
    if (m.bytes[0] != LDAP_ENTRY || m.len < n ||
        memcmp(m.bytes + m.len - n, value, n) != 0) {
        return exchange_unexpected(value + 2, m.bytes, m.len);
    }
    return ESTLS_OK;
}

/* Number 1 was StartTLS. */
int exchange_ldap(exchange *x)
{
    int rc = send_bind(x, 2);

    if (!rc) { rc = expect(x, 2, LDAP_BIND_DONE); }
    if (!rc) { rc = send_search(x, 3); }
    if (!rc) { rc = expect_entry(x, 3); }
    if (!rc) { rc = expect(x, 3, LDAP_SEARCH_DONE); }
    return rc ? rc : send_unbind(x, 4);
}
