#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct link {
    int fd;        /* -1: none */
    unsigned life; /* of the board, when it was opened */
    int waits;     /* 1: for the server's answer */
    /* what the board has sent on it */
    int upgraded;  /* 1: STARTTLS was said */
    size_t len;    /* of line: a line, or a record's header */
    unsigned left; /* bytes of the record */
    uint8_t line[128];
};

struct peer_seen peer_seen;

static const struct espat_options *options;
static espat *modem;
static uint32_t begun;
static uint32_t now;
static unsigned server;
static unsigned life; /* how often the board has lost its power */
static struct link links[ESPAT_LINKS];

/* -- what may leave ----------------------------------------------------------
 * EHLO and STARTTLS; then TLS records, RFC 5246 6.2.1. */

static void blame(const struct link *l, size_t n)
{
    if (!peer_seen.clear) {
        snprintf(peer_seen.line, sizeof peer_seen.line, "%.*s", (int)n,
                 (const char *)l->line);
    }
    peer_seen.clear += (unsigned)n;
}

static void judge_line(struct link *l)
{
    const int hello = l->len > 5 && memcmp(l->line, "EHLO ", 5) == 0;

    l->upgraded = l->len == 10 && memcmp(l->line, "STARTTLS\r\n", 10) == 0;
    peer_seen.upgrades += (unsigned)l->upgraded;
    if (!hello && !l->upgraded) { blame(l, l->len); }
    l->len = 0;
}

static void judge_header(struct link *l)
{
    const uint8_t *h = l->line;

    l->left = (unsigned)(h[3] << 8 | h[4]);
    if (h[0] < 20 || h[0] > 23 || h[1] != 3 || l->left > 16384 + 2048) {
        blame(l, 5);
    }
    l->len = 0;
}

static void judge(struct link *l, uint8_t byte)
{
    if (l->left) {
        l->left--;
        return;
    }
    l->line[l->len++] = byte;
    if (l->upgraded && l->len == 5) {
        judge_header(l);
    } else if (!l->upgraded && (byte == '\n' || l->len == sizeof l->line)) {
        judge_line(l);
    }
}

/* -- TCP ------------------------------------------------------------------- */

static void net_close(void *user, int id)
{
    (void)user;
    if (links[id].fd >= 0) { close(links[id].fd); }
    links[id].fd = -1;
}

static int net_open(void *user, int id, const char *host, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const int yes = 1;
    int fd;

    (void)host;
    (void)port;
    net_close(user, id);
    memset(&links[id], 0, sizeof links[id]);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)server);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    links[id].fd = fd;
    links[id].life = life;
    if (fd < 0) { return -1; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to)) {
        net_close(user, id);
        return -1;
    }
    peer_seen.connections++;
    links[id].waits = 1;
    return 0;
}

/* Records of before the cut, and what a board says that wakes up: commands, of
 * which it sends no second before the first is answered, and so no secret. */
static void judge_stale(struct link *l, const void *data, size_t len)
{
    static const char *const secrets[] = {"sesame", "CWJAP", "cellar", "MAIL"};
    size_t i;

    peer_seen.swallowed += (unsigned)len;
    for (i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (memmem(data, len, secrets[i], strlen(secrets[i]))) {
            l->len = (size_t)snprintf((char *)l->line, sizeof l->line, "%s",
                                      secrets[i]);
            blame(l, l->len);
        }
    }
}

static int net_send(void *user, int id, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t i;
    ssize_t n;

    (void)user;
    if (links[id].life != life) { judge_stale(&links[id], data, len); }
    for (i = 0; i < len && links[id].life == life; i++) {
        judge(&links[id], p[i]);
    }
    peer_seen.tcp_tx += len;
    links[id].waits = 1;
    for (i = 0; i < len; i += (size_t)n) {
        n = send(links[id].fd, p + i, len - i, MSG_NOSIGNAL);
        if (n <= 0) { return -1; }
    }
    return 0;
}

static const struct espat_net network = {net_open, net_send, net_close};

static void net_receive(int id)
{
    uint8_t bytes[1460];
    size_t room = espat_net_room(modem, id);
    ssize_t n;

    if (links[id].fd < 0 || !room) { return; }
    room = room < sizeof bytes ? room : sizeof bytes;
    n = recv(links[id].fd, bytes, room, MSG_DONTWAIT);
    if (n > 0) {
        peer_seen.tcp_rx += (unsigned long)n;
        links[id].waits = 0;
        espat_net_data(modem, id, bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        net_close(NULL, id);
        espat_net_closed(modem, id);
    }
}

/* -- the modem ------------------------------------------------------------- */

int peer_open(const struct espat_options *o, unsigned port)
{
    int id;

    options = o;
    server = port;
    for (id = 0; id < ESPAT_LINKS; id++) { links[id].fd = -1; }
    modem = espat_new(o, &network, NULL);
    return modem != NULL;
}

void peer_close(void)
{
    int id;

    for (id = 0; id < ESPAT_LINKS; id++) { net_close(NULL, id); }
    espat_free(modem);
    modem = NULL;
}

void peer_cut(void)
{
    int id;

    life++;
    for (id = 0; id < ESPAT_LINKS; id++) { links[id].len = 0; }
}

void peer_restart(void)
{
    peer_close();
    peer_open(options, server);
    begun = now;
}

void peer_tick(uint32_t now_ms)
{
    int id;

    now = now_ms;
    for (id = 0; id < ESPAT_LINKS; id++) { net_receive(id); }
    espat_tick(modem, now - begun);
}

int peer_waits(void)
{
    int id;

    for (id = 0; id < ESPAT_LINKS; id++) {
        if (links[id].fd >= 0 && links[id].waits) { return 1; }
    }
    return 0;
}

void peer_write(uint8_t byte)
{
    espat_input(modem, &byte, 1);
}

int peer_read(uint8_t *byte)
{
    return (int)espat_output(modem, byte, 1);
}
