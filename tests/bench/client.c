#include "client.h"

#include <valgrind/callgrind.h>

enum { CLIENT_STEPS = 20000000 };

void client_init(client *c, int mode,
                 void (*profile)(br_ssl_client_context *client),
                 uint16_t iobuf_cap)
{
    memset(c, 0, sizeof *c);
    rig_init(&c->r, mode > 0 ? mode : RIG_DIRECT, "ec");
    smtpd_sessions_init(&c->sessions);
    c->mode = mode;
    c->r.server.sessions = &c->sessions;
    c->r.server.seed = (struct smtpd_blob)SMTPD_BLOB("bench");
    c->r.d.profile = profile;
    c->r.d.impl.ec = NULL; /* the profile's, which does not remember */
    c->r.d.iobuf_cap = iobuf_cap;
    c->r.d.saved = &c->r.saved;
    if (mode <= 0) {
        c->r.server.direct = true;
        c->r.d.proto = estls_direct;
    }
}

/* -- what callgrind knows by name ------------------------------------------ */

__attribute__((noinline)) int client_turn(client *c, int (*turn)(client *c))
{
    return c->call ? c->call(c, turn) : turn(c);
}

__attribute__((noinline)) int client_read(void *user, void *dst, size_t cap)
{
    const estls_io *io = &((client *)user)->r.w.uart;

    return io->read(io->user, dst, cap);
}

__attribute__((noinline)) int client_write(void *user, const void *src,
                                           size_t len)
{
    const estls_io *io = &((client *)user)->r.w.uart;

    return io->write(io->user, src, len);
}

__attribute__((noinline)) uint32_t client_tick(void *user)
{
    return ((client *)user)->r.w.now;
}

void client_mark(const char *name)
{
    CALLGRIND_DUMP_STATS_AT(name);
}

/* -- turns ----------------------------------------------------------------- */

static int client_call(client *c, int (*turn)(client *c))
{
    const int rc = client_turn(c, turn);

    if (c->mark) { client_mark(c->mark); }
    return rc;
}

/* Turns until it is not BUSY; the result. */
static int client_run(client *c, int (*turn)(client *c))
{
    long steps = CLIENT_STEPS;
    int rc = client_call(c, turn);

    while (rc == ESTLS_BUSY && steps--) {
        world_idle(&c->r.w);
        rc = client_call(c, turn);
    }
    return rc;
}

/* Turns until nothing is left; time passes where one moves nothing. */
static int client_move(client *c, int (*turn)(client *c), size_t len)
{
    long steps = CLIENT_STEPS;
    int n = 0;

    c->left = len;
    while (c->left && n >= 0 && steps--) {
        n = client_call(c, turn);
        if (!n) { world_idle(&c->r.w); }
    }
    return n < 0 ? n : c->left ? (int)ESTLS_BUSY : (int)ESTLS_OK;
}

/* -- bare ------------------------------------------------------------------ */

static int bare_open_turn(client *c)
{
    br_ssl_engine_context *eng = &c->bare.client.eng;

    bare_init(&c->bare, &c->r, c->r.d.profile);
    if (c->resume) { br_ssl_engine_set_session_parameters(eng, &c->session); }
    return br_ssl_client_reset(&c->bare.client, c->r.d.host, c->resume)
               ? ESTLS_BUSY
               : ESTLS_E_TLS;
}

static int bare_step_turn(client *c)
{
    return bare_move(&c->bare) ? ESTLS_OK : ESTLS_BUSY;
}

static int bare_send_turn(client *c)
{
    size_t n = 0;
    uint8_t *p = br_ssl_engine_sendapp_buf(&c->bare.client.eng, &n);

    if (!p) {
        (void)bare_move(&c->bare);
        return 0;
    }
    n = n < c->left ? n : c->left;
    memcpy(p, c->src, n);
    br_ssl_engine_sendapp_ack(&c->bare.client.eng, n);
    c->src += n;
    c->left -= n;
    return (int)n;
}

static int bare_receive_turn(client *c)
{
    size_t n = 0;
    const uint8_t *p = br_ssl_engine_recvapp_buf(&c->bare.client.eng, &n);

    if (!p) {
        (void)bare_move(&c->bare);
        return 0;
    }
    n = n < c->left ? n : c->left;
    memcpy(c->dst, p, n);
    br_ssl_engine_recvapp_ack(&c->bare.client.eng, n);
    c->dst += n;
    c->left -= n;
    return (int)n;
}

static int bare_flush_turn(client *c)
{
    br_ssl_engine_context *eng = &c->bare.client.eng;
    size_t n = 0;

    br_ssl_engine_flush(eng, 0);
    if (!br_ssl_engine_sendrec_buf(eng, &n)) { return ESTLS_OK; }
    (void)bare_move(&c->bare);
    return ESTLS_BUSY;
}

static int bare_close_turn(client *c)
{
    br_ssl_engine_close(&c->bare.client.eng);
    return bare_flush_turn(c);
}

/* -- estls ----------------------------------------------------------------- */

static int open_turn(client *c)
{
    return estls_open(&c->r.net, &c->r.d);
}

static int step_turn(client *c)
{
    return estls_step(&c->r.net);
}

static int send_turn(client *c)
{
    const int n = estls_write(&c->r.net, c->src, c->left);
    int rc;

    if (n > 0) {
        c->src += n;
        c->left -= (size_t)n;
    }
    if (n) { return n; }
    rc = estls_step(&c->r.net);
    return rc < 0 ? rc : 0;
}

static int receive_turn(client *c)
{
    const int n = estls_read(&c->r.net, c->dst, c->left);

    if (n > 0) {
        c->dst += n;
        c->left -= (size_t)n;
    }
    return n;
}

static int close_turn(client *c)
{
    return estls_close(&c->r.net);
}

/* -- either ---------------------------------------------------------------- */

typedef int client_turn_fn(client *c);

typedef struct client_kind {
    client_turn_fn *open, *step, *send, *flush, *receive, *close;
} client_kind;

static const client_kind *client_of(const client *c)
{
    static const client_kind least = {bare_open_turn,    bare_step_turn,
                                      bare_send_turn,    bare_flush_turn,
                                      bare_receive_turn, bare_close_turn};
    static const client_kind ours = {open_turn, step_turn,    send_turn,
                                     step_turn, receive_turn, close_turn};

    return c->mode == CLIENT_BARE ? &least : &ours;
}

/* What only one kind can tell of a handshake. */
static void client_note(client *c, int rc)
{
    if (c->mode != CLIENT_BARE) {
        estls_info(&c->r.net, &c->r.report);
    } else if (!rc) {
        br_ssl_engine_get_session_parameters(&c->bare.client.eng, &c->session);
        c->resume = 1;
    }
}

int client_connect(client *c)
{
    const estls_io io = {client_read, client_write, client_tick, c};
    int rc;

    world_open(&c->r.w, c->mode > 0 ? &c->r.modem : NULL, &c->r.server);
    c->r.d.uart = c->uart ? *c->uart : io;
    rc = client_call(c, client_of(c)->open);
    if (rc == ESTLS_BUSY) { rc = client_run(c, client_of(c)->step); }
    client_note(c, rc);
    return rc;
}

int client_send(client *c, const void *src, size_t len)
{
    int rc;

    c->src = src;
    rc = client_move(c, client_of(c)->send, len);
    return rc ? rc : client_run(c, client_of(c)->flush);
}

int client_receive(client *c, void *dst, size_t len)
{
    c->dst = dst;
    return client_move(c, client_of(c)->receive, len);
}

int client_close(client *c)
{
    const int rc = client_run(c, client_of(c)->close);

    world_close(&c->r.w);
    return rc;
}
