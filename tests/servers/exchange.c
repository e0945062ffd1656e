/* exchange.c - opens a session and does inside TLS what its protocol is for,
 * to the end: a mail is sent, a query answered. Every reply is checked.
 * Prints "exchanged" when all of it went well.
 */
#define _DEFAULT_SOURCE
#include "exchange.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { OPT_USER = 1024, OPT_PASSWORD, OPT_SPEAK };

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The exchange:", 8},
    {"user", OPT_USER, "NAME", 0, "Log in as NAME (sensor)", 8},
    {"password", OPT_PASSWORD, "WORD", 0, "With this password (secret)", 8},
    {"speak", OPT_SPEAK, "NAME", 0,
     "What is spoken inside TLS, if not the same as --proto; or nothing", 8},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    exchange *x = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &x->desktop; return 0;
    case OPT_USER: x->user = arg; return 0;
    case OPT_PASSWORD: x->password = arg; return 0;
    case OPT_SPEAK: x->speak = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&desktop_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    options,
    parse,
    0,
    "Open TLS to HOST through an ESP-AT modem, and have a whole exchange of "
    "the protocol in it."
    "\v" DESKTOP_STATUS,
    children,
    0,
    0};

/* -- the stream ------------------------------------------------------------ */

static void wait_begins(exchange *x)
{
    x->t0 = wire_tick(NULL);
}

/* Takes what has come, or waits a moment. */
static int take_some(exchange *x)
{
    const uint32_t timeout = x->desktop.desc.timeout_ms;
    const int n =
        desktop_read(&x->desktop, x->in + x->len, sizeof x->in - x->len);

    if (n > 0) {
        x->len += (size_t)n;
        wait_begins(x);
    }
    if (n) { return n < 0 ? n : (int)ESTLS_OK; }
    if (desktop_interrupted()) { return ESTLS_BUSY; }
    (void)desktop_wait(&x->desktop, -1);
    return wire_tick(NULL) - x->t0 >= (timeout ? timeout : 120000)
               ? ESTLS_E_TIMEOUT
               : ESTLS_OK;
}

/* In half duplex nothing can be written before what came in is read. */
int exchange_send(exchange *x, const void *src, size_t n)
{
    const uint8_t *p = src;
    int rc = ESTLS_OK;
    int k;

    wait_begins(x);
    while (n && !rc) {
        k = desktop_write(&x->desktop, p, n);
        if (k < 0) { return k; }
        p += k;
        n -= (size_t)k;
        if (!k) { rc = take_some(x); }
    }
    while (!rc && (k = estls_step(&x->desktop.net)) != ESTLS_OK) {
        rc = k == ESTLS_BUSY ? take_some(x) : k;
    }
    return rc;
}

static void drop(exchange *x, size_t n)
{
    x->len -= n;
    memmove(x->in, x->in + n, x->len);
}

int exchange_get(exchange *x, void *dst, size_t n)
{
    int rc = ESTLS_OK;

    if (n > sizeof x->in) { return ESTLS_E_SPACE; }
    wait_begins(x);
    while (x->len < n && !rc) { rc = take_some(x); }
    if (!rc) {
        memcpy(dst, x->in, n);
        drop(x, n);
    }
    return rc;
}

int exchange_line(exchange *x, char *dst, size_t cap, char end)
{
    const uint8_t *stop;
    size_t n;
    int rc = ESTLS_OK;

    wait_begins(x);
    while ((stop = memchr(x->in, end, x->len)) == NULL && !rc) {
        rc = x->len == sizeof x->in ? (int)ESTLS_E_SPACE : take_some(x);
    }
    if (rc) { return rc; }
    n = (size_t)(stop - x->in) + 1;
    if (n >= cap) { return ESTLS_E_SPACE; }
    memcpy(dst, x->in, n);
    dst[n] = '\0';
    drop(x, n);
    return ESTLS_OK;
}

int exchange_unexpected(const char *wanted, const void *said, size_t n)
{
    const uint8_t *p = said;
    char text[128];
    size_t i;

    for (i = 0; i < n && i + 1 < sizeof text; i++) {
        text[i] = (char)(p[i] < ' ' || p[i] > '~' ? '.' : p[i]);
    }
    text[i] = '\0';
    warnx("wanted: %s; the server said: %s", wanted, text);
    return ESTLS_E_PROTO;
}

/* -- all ------------------------------------------------------------------- */

static int talk(exchange *x)
{
    static const struct {
        const char *name;
        int (*speak)(exchange *);
    } binary[] = {{"ldap", exchange_ldap},
                  {"postgres", exchange_postgres},
                  {"mysql", exchange_mysql}};
    size_t i;

    for (i = 0; i < sizeof binary / sizeof binary[0]; i++) {
        if (strcmp(x->speak, binary[i].name) == 0) {
            return binary[i].speak(x);
        }
    }
    return exchange_lines(x);
}

static void make_nonce(exchange *x)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        err(DESKTOP_FILE, "getrandom");
    }
    (void)snprintf(x->nonce, sizeof x->nonce, "%016llx",
                   (unsigned long long)number);
}

int main(int argc, char **argv)
{
    static exchange x;
    int rc;

    desktop_init(&x.desktop);
    x.user = "sensor";
    x.password = "secret";
    (void)argp_parse(&argp, argc, argv, 0, NULL, &x);
    if (!x.speak) { x.speak = x.desktop.desc.proto()->name; }
    make_nonce(&x);
    rc = desktop_open(&x.desktop);
    if (rc == ESTLS_OK) {
        rc = talk(&x);
        if (rc == ESTLS_OK) { (void)puts("exchanged"); }
    }
    return desktop_finish(&x.desktop, rc);
}
