/* PostgreSQL and MySQL: who am I, and what is 6 * 7? */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

static const char query[] = "SELECT 6*7";
static const char result[] = "42";

typedef struct packet {
    size_t len;
    uint8_t type; /* PostgreSQL: letter; MySQL: number in the sequence */
    uint8_t bytes[1024];
} packet;

/* Goes past what is there: then nothing is sent. */
static void put(packet *p, const void *src, size_t n)
{
    if (p->len + n <= sizeof p->bytes) {
        memcpy(p->bytes + p->len, src, n);
        p->len += n;
    }
}

/* With the NUL behind it. */
static void put_text(packet *p, const char *text)
{
    put(p, text, strlen(text) + 1);
}

/* -- PostgreSQL ------------------------------------------------------------ */

/* Type 0: the first one has none. */
static int pg_send(exchange *x, const packet *p)
{
    const size_t n = p->len + 4;
    const uint8_t head[] = {p->type, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    uint8_t out[sizeof head + sizeof p->bytes];
    const size_t from = p->type ? 0 : 1;

    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, p->bytes, p->len);
    return exchange_send(x, out + from, sizeof head + p->len - from);
}

static int pg_get(exchange *x, packet *p)
{
    uint8_t head[5];
    int rc = exchange_get(x, head, sizeof head);

    if (rc) { return rc; }
    p->type = head[0];
    p->len = (size_t)(head[3] << 8 | head[4]);
    if (head[1] || head[2] || p->len < 4) {
        return exchange_unexpected("a message", head, sizeof head);
    }
    p->len -= 4;
    if (p->len > sizeof p->bytes) { return ESTLS_E_SPACE; }
    rc = exchange_get(x, p->bytes, p->len);
    if (!rc && p->type == 'E') {
        rc = exchange_unexpected("no error", p->bytes, p->len);
    }
    return rc;
}

/* Up to the message of that type. */
static int pg_until(exchange *x, packet *p, uint8_t type)
{
    int rc;

    do {
        rc = pg_get(x, p);
    } while (!rc && p->type != type);
    return rc;
}

/* AuthenticationOk, or AuthenticationCleartextPassword and then that. */
static int pg_log_in(exchange *x)
{
    static const uint8_t cleartext[] = {0, 0, 0, 3};
    static const uint8_t ok[] = {0, 0, 0, 0};
    packet p;
    int rc = pg_until(x, &p, 'R');

    if (!rc && p.len == 4 && memcmp(p.bytes, cleartext, 4) == 0) {
        packet answer = {.type = 'p'};
        put_text(&answer, x->password);
        rc = pg_send(x, &answer);
        if (!rc) { rc = pg_until(x, &p, 'R'); }
    }
    if (!rc && (p.len != 4 || memcmp(p.bytes, ok, 4) != 0)) {
        rc = exchange_unexpected("AuthenticationOk", p.bytes, p.len);
    }
    return rc ? rc : pg_until(x, &p, 'Z');
}

static int pg_ask(exchange *x)
{
    /* one column, two bytes */
    static const uint8_t row[] = {0, 1, 0, 0, 0, 2, '4', '2'};
    packet p = {.type = 'Q'};
    int rc;

    put_text(&p, query);
    rc = pg_send(x, &p);
    if (!rc) { rc = pg_until(x, &p, 'D'); }
    if (!rc && (p.len != sizeof row || memcmp(p.bytes, row, p.len) != 0)) {
        rc = exchange_unexpected(result, p.bytes, p.len);
    }
    return rc ? rc : pg_until(x, &p, 'Z');
}

int exchange_postgres(exchange *x)
{
    static const uint8_t version[] = {0, 3, 0, 0};
    const packet terminate = {.type = 'X'};
    packet p = {.type = 0};
    int rc;

    put(&p, version, sizeof version);
    put_text(&p, "user");
    put_text(&p, x->user);
    put_text(&p, "database");
    put_text(&p, "postgres");
    put_text(&p, "");
    rc = pg_send(x, &p);
    if (!rc) { rc = pg_log_in(x); }
    if (!rc) { rc = pg_ask(x); }
    return rc ? rc : pg_send(x, &terminate);
}

/* -- MySQL ----------------------------------------------------------------- */

static int my_send(exchange *x, const packet *p)
{
    uint8_t out[4 + sizeof p->bytes] = {(uint8_t)p->len, (uint8_t)(p->len >> 8),
                                        0, p->type};

    memcpy(out + 4, p->bytes, p->len);
    return exchange_send(x, out, 4 + p->len);
}

/* The next one in the sequence. */
static int my_get(exchange *x, packet *p)
{
    const uint8_t number = (uint8_t)(p->type + 1);
    uint8_t head[4];
    int rc = exchange_get(x, head, sizeof head);

    if (rc) { return rc; }
    p->len = (size_t)(head[0] | head[1] << 8);
    p->type = head[3];
    if (head[2] || p->type != number || !p->len) {
        return exchange_unexpected("a packet", head, sizeof head);
    }
    if (p->len > sizeof p->bytes) { return ESTLS_E_SPACE; }
    rc = exchange_get(x, p->bytes, p->len);
    if (!rc && p->bytes[0] == 0xff) {
        rc = exchange_unexpected("no error", p->bytes, p->len);
    }
    return rc;
}

static void sha1(uint8_t *hash, const void *a, size_t a_len, const void *b,
                 size_t b_len)
{
    br_sha1_context c;

    br_sha1_init(&c);
    br_sha1_update(&c, a, a_len);
    br_sha1_update(&c, b, b_len);
    br_sha1_out(&c, hash);
}

/* mysql_native_password: SHA-1(password) ^
 * SHA-1(scramble, SHA-1(SHA-1(password))) */
static void put_native(packet *p, const char *password, const uint8_t *scramble)
{
    uint8_t once[20], twice[20], mask[20];
    size_t i;

    sha1(once, password, strlen(password), "", 0);
    sha1(twice, once, sizeof once, "", 0);
    sha1(mask, scramble, 20, twice, sizeof twice);
    for (i = 0; i < sizeof mask; i++) { mask[i] ^= once[i]; }
    put(p, mask, sizeof mask);
}

/* AuthSwitchRequest: { fe, name of the method, NUL, its data }.  Our answer
 * goes into p. */
static int my_answer(const exchange *x, packet *p)
{
    static const char native[] = "mysql_native_password";
    static const char clear[] = "mysql_clear_password";
    const char *name = (const char *)p->bytes + 1;
    const packet asked = *p;

    p->len = 0;
    p->type++;
    if (asked.bytes[0] == 0xfe && asked.len >= 1 + sizeof native + 20 &&
        memcmp(name, native, sizeof native) == 0) {
        put_native(p, x->password, asked.bytes + 1 + sizeof native);
        return ESTLS_OK;
    }
    if (asked.bytes[0] == 0xfe && asked.len >= 1 + sizeof clear &&
        memcmp(name, clear, sizeof clear) == 0) {
        put_text(p, x->password);
        return ESTLS_OK;
    }
    return exchange_unexpected("AuthSwitchRequest", asked.bytes, asked.len);
}

/* Packets 0 and 1 were in clear.  The capabilities are those of the SSL
 * request; the method "none" makes the server name one, and a new scramble. */
static int my_log_in(exchange *x)
{
    static const uint8_t head[32] = {0, 0x8a, 8, 0, 0, 0, 0, 1, 45};
    packet p = {.type = 2};
    int rc;

    put(&p, head, sizeof head);
    put_text(&p, x->user);
    put(&p, "", 1);
    put_text(&p, "none");
    rc = my_send(x, &p);
    if (!rc) { rc = my_get(x, &p); }
    if (!rc) { rc = my_answer(x, &p); }
    if (!rc) { rc = my_send(x, &p); }
    if (!rc) { rc = my_get(x, &p); }
    if (!rc && p.bytes[0] != 0) {
        rc = exchange_unexpected("OK", p.bytes, p.len);
    }
    return rc;
}

static int is_eof(const packet *p)
{
    return p->bytes[0] == 0xfe && p->len < 9;
}

/* One column; its description and EOF; the row and EOF. */
static int my_ask(exchange *x)
{
    packet p = {.type = 0};
    uint8_t columns;
    int rc;

    put(&p, "\x03", 1);
    put(&p, query, sizeof query - 1);
    rc = my_send(x, &p);
    if (!rc) { rc = my_get(x, &p); }
    columns = p.bytes[0];
    if (!rc && columns != 1) {
        return exchange_unexpected("a column", p.bytes, p.len);
    }
    do {
        rc = rc ? rc : my_get(x, &p);
    } while (!rc && !is_eof(&p));
    if (!rc) { rc = my_get(x, &p); }
    if (!rc && (p.len != 3 || memcmp(p.bytes,
                                     "\x02"
                                     "42",
                                     3) != 0)) {
        return exchange_unexpected(result, p.bytes, p.len);
    }
    if (!rc) { rc = my_get(x, &p); }
    if (!rc && !is_eof(&p)) {
        rc = exchange_unexpected("the end of the rows", p.bytes, p.len);
    }
    return rc;
}

int exchange_mysql(exchange *x)
{
    packet quit = {.type = 0};
    int rc = my_log_in(x);

    put(&quit, "\x01", 1);
    if (!rc) { rc = my_ask(x); }
    return rc ? rc : my_send(x, &quit);
}
