#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* -- the network ----------------------------------------------------------- */

static void world_host_step(world *w)
{
    if (w->host) { w->host->step(w->host->host); }
}

static size_t world_touch(world *w, enum world_way way, void *p, size_t n)
{
    return n && w->touch ? w->touch(w->context, way, p, n) : n;
}

static void world_serve(world *w, int id, const void *data, size_t len)
{
    const size_t room = sizeof w->heard - w->heard_len;
    const size_t keep = len < room ? len : room;

    memcpy(w->heard + w->heard_len, data, keep);
    w->heard_len += keep;
    w->tcp_tx += (uint32_t)len;
    smtpd_input(w->server[id], data, len);
    world_host_step(w);
}

/* Begins the connection; 0: nobody wants it. */
static int world_accept(world *w, int id, unsigned port)
{
    struct smtpd *server = calloc(1, sizeof *server);

    w->port = port;
    if (!w->host) {
        smtpd_init(server, w->server_options);
    } else if (!w->host->accept(w->host->host, port, server)) {
        free(server);
        return 0;
    }
    w->server[id] = server;
    w->half_closed[id] = 0;
    w->connections++;
    return 1;
}

static int net_open(void *user, int id, const char *host, unsigned port)
{
    world *w = user;

    snprintf(w->dialled, sizeof w->dialled, "%s", host);
    if (strcmp(host, "unreachable.test") == 0) { return -1; }
    return world_accept(w, id, port) ? 0 : -1;
}

/* What is under way to a server, in pieces that may be touched. */
static void world_carry(world *w, int id, const uint8_t *data, size_t len)
{
    uint8_t piece[512];
    size_t n;

    for (; len; data += n, len -= n) {
        n = len < sizeof piece ? len : sizeof piece;
        memcpy(piece, data, n);
        world_serve(w, id, piece, world_touch(w, WORLD_TCP_TX, piece, n));
    }
}

static int net_send(void *user, int id, const void *data, size_t len)
{
    world *w = user;

    if (!w->server[id]) { return -1; }
    world_carry(w, id, data, len);
    return 0;
}

static void net_close(void *user, int id)
{
    world *w = user;

    if (w->server[id]) {
        if (w->host) { w->host->gone(w->host->host, w->server[id]); }
        smtpd_free(w->server[id]);
        free(w->server[id]);
        w->server[id] = NULL;
    }
}

static const struct espat_net network = {net_open, net_send, net_close};

/* What a server has to say. */
static size_t world_say(world *w, int id, void *dst, size_t cap)
{
    const size_t n = smtpd_output(w->server[id], dst, cap);

    w->tcp_rx += (uint32_t)n;
    return world_touch(w, WORLD_TCP_RX, dst, n);
}

/* Moves it into the modem. */
static void world_network(world *w)
{
    uint8_t bytes[1460];
    size_t room, n;
    int id;

    for (id = 0; w->modem && id < WORLD_LINKS; id++) {
        if (!w->server[id]) { continue; }
        room = espat_net_room(w->modem, id);
        n = world_say(w, id, bytes, room < sizeof bytes ? room : sizeof bytes);
        espat_net_data(w->modem, id, bytes, n);
        if (!n && room && smtpd_closed(w->server[id])) {
            net_close(w, id);
            espat_net_closed(w->modem, id);
        }
    }
}

/* -- the UART -------------------------------------------------------------- */

static int world_fails(world *w)
{
    return ++w->io_calls >= w->fail_call && w->fail_call;
}

/* What this call may move. */
static size_t world_limit(const world *w, size_t max, size_t n)
{
    if (w->dull_call && w->io_calls - w->dull_call < w->dull_calls) {
        return 0;
    }
    if (w->io_calls == w->lone_call && n > 1) { return 1; }
    return max && n > max ? max : n;
}

static size_t world_produce(world *w, int id, void *dst, size_t cap)
{
    if (!w->modem) { return world_say(w, id, dst, cap); }
    return world_touch(w, WORLD_UART_RX, dst, espat_output(w->modem, dst, cap));
}

static int uart_read(void *user, void *dst, size_t cap)
{
    const struct world_stream *stream = user;
    world *w = stream->world;
    const int id = stream->id;
    size_t n;

    if (world_fails(w)) { return ESTLS_E_IO; }
    cap = world_limit(w, w->read_max, cap);
    if (w->cut_rx && cap > w->cut_rx - w->uart_rx) {
        cap = w->cut_rx - w->uart_rx;
    }
    world_network(w);
    if (!w->modem && !w->server[id]) { return ESTLS_E_CLOSED; }
    n = cap ? world_produce(w, id, dst, cap) : 0;
    w->uart_rx += (uint32_t)n;
    w->moved |= n > 0;
    if (!n && !w->modem && smtpd_closed(w->server[id])) {
        return ESTLS_E_CLOSED;
    }
    return (int)n;
}

/* To the modem; a byte that gets lost on the way counts as taken. */
static size_t world_type(world *w, const uint8_t *src, size_t len)
{
    uint8_t piece[512];
    size_t n, taken;

    if (!w->touch) { return espat_input(w->modem, src, len); }
    len = len < sizeof piece ? len : sizeof piece;
    memcpy(piece, src, len);
    n = world_touch(w, WORLD_UART_TX, piece, len);
    taken = espat_input(w->modem, piece, n);
    return n < len ? len : taken;
}

static int uart_write(void *user, const void *src, size_t len)
{
    const struct world_stream *stream = user;
    world *w = stream->world;
    const int id = stream->id;

    if (world_fails(w)) { return -1; /* as a POSIX function would */ }
    len = world_limit(w, w->write_max, len);
    if (!w->modem && (!w->server[id] || smtpd_closed(w->server[id]))) {
        return ESTLS_E_CLOSED;
    }
    if (w->modem) {
        len = world_type(w, src, len);
    } else {
        world_carry(w, id, src, len);
    }
    w->uart_tx += (uint32_t)len;
    w->moved |= len > 0;
    return (int)len;
}

static uint32_t uart_tick(void *user)
{
    world *w = ((struct world_stream *)user)->world;

    if (++w->tick_calls == w->jump_call) { w->now += w->jump_ms; }
    if (w->tick_calls == w->still_call) { w->still = w->now; }
    return w->still_call && w->tick_calls >= w->still_call ? w->still : w->now;
}

static void open_stream(world *w, int id, estls_io *io)
{
    w->stream[id].world = w;
    w->stream[id].id = id;
    io->read = uart_read;
    io->write = uart_write;
    io->tick = uart_tick;
    io->user = &w->stream[id];
}

int world_connect(world *w, int id, unsigned port, estls_io *io)
{
    open_stream(w, id, io);
    return world_accept(w, id, port);
}

void world_disconnect(world *w, int id)
{
    net_close(w, id);
}

/* -- the whole ------------------------------------------------------------- */

void world_open(world *w, const struct espat_options *modem,
                const struct smtpd_options *server)
{
    w->server_options = server;
    open_stream(w, 0, &w->uart);
    if (modem) {
        w->modem = espat_new(modem, &network, w);
    } else {
        net_open(w, 0, "direct", 21);
    }
}

void world_close(world *w)
{
    int id;

    espat_free(w->modem);
    w->modem = NULL;
    for (id = 0; id < WORLD_LINKS; id++) { net_close(w, id); }
}

void world_idle(world *w)
{
    uint32_t wait = 1;
    int id;

    if (w->modem) {
        world_network(w);
        wait = espat_due(w->modem);
    }
    wait = w->moved || wait < 1 ? 1 : wait > 100 ? 100 : wait;
    w->moved = 0;
    w->now += wait;
    if (w->modem) { espat_tick(w->modem, w->now); }
    for (id = 0; id < WORLD_LINKS; id++) {
        if (w->server[id]) { smtpd_elapse(w->server[id], wait); }
    }
    world_host_step(w);
}

int world_heard(const world *w, const char *needle)
{
    const size_t n = strlen(needle);
    size_t i;

    for (i = 0; i + n <= w->heard_len; i++) {
        if (memcmp(w->heard + i, needle, n) == 0) { return 1; }
    }
    return 0;
}
