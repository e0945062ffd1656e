/* world.h - a host's UART, an ESP-AT modem, a network and mail servers, all in
 * one process and in virtual time. One seed gives one course of events. */
#ifndef WORLD_H
#define WORLD_H

#include "../estls.h"

#include "modem/espat.h"
#include "server/smtpd.h"

enum { WORLD_LINKS = ESPAT_LINKS };

/* Who answers where, if not the same server everywhere. */
struct world_host {
    /* A connection to port has come, and is to be begun by smtpd_init; 0:
     * nobody listens there. */
    int (*accept)(void *host, unsigned port, struct smtpd *connection);
    /* It is over, and about to be freed. */
    void (*gone)(void *host, const struct smtpd *connection);
    /* Bytes may have moved. */
    void (*step)(void *host);
    void *host;
};

/* Ways that bytes take. Without a modem there is no UART. */
enum world_way {
    WORLD_UART_RX, /* modem to host */
    WORLD_UART_TX,
    WORLD_TCP_RX, /* server to modem, or to the host */
    WORLD_TCP_TX,
    WORLD_WAYS
};

struct world_stream {
    struct world *world;
    int id;
};

typedef struct world {
    uint32_t now; /* ms; set it before world_open to start elsewhere */
    espat *modem; /* null: the UART is the TCP connection itself */
    struct smtpd *server[WORLD_LINKS];
    uint8_t half_closed[WORLD_LINKS];
    const struct smtpd_options *server_options;
    const struct world_host *host; /* null: server_options are for all */
    /* faults of the callbacks themselves */
    size_t write_max;   /* most bytes per uart.write; 0: no limit */
    size_t read_max;    /* most bytes per uart.read; 0: no limit */
    uint32_t io_calls;  /* reads and writes so far */
    uint32_t fail_call; /* this call, and all after it, fail; 0: none */
    uint32_t dull_call; /* from this call on, dull_calls of them move nothing */
    uint32_t dull_calls;
    uint32_t lone_call; /* this call moves one byte at most */
    uint32_t tick_calls;
    uint32_t jump_call; /* at this call of tick jump_ms pass */
    uint32_t jump_ms;
    uint32_t still_call; /* from this call on the clock stands; 0: never */
    uint32_t still;
    uint32_t cut_rx; /* after so many bytes to the host, silence; 0: never */
    /* null, or changes what passes; returns how much of it is left */
    size_t (*touch)(void *context, enum world_way way, uint8_t *p, size_t n);
    void *context;
    uint8_t moved; /* 1: bytes moved since the last world_idle */
    /* what was seen */
    uint32_t uart_rx; /* bytes to the host */
    uint32_t uart_tx;
    uint32_t tcp_tx;      /* bytes that the servers received */
    uint32_t tcp_rx;      /* bytes that they sent */
    uint32_t connections; /* that were opened */
    char dialled[256];    /* the host that the modem was told */
    /* A copy of what a server received, for the search of clear text. */
    uint8_t heard[65536];
    size_t heard_len;
    unsigned port; /* that was connected to last */
    struct world_stream stream[WORLD_LINKS];
    estls_io uart;
} world;

/* modem: null for a direct connection. The options are borrowed. */
void world_open(world *w, const struct espat_options *modem,
                const struct smtpd_options *server);
void world_close(world *w);
/* Without a modem: one more connection, besides that of uart, as a stream; 0:
 * nobody listens at port. */
int world_connect(world *w, int id, unsigned port, estls_io *io);
void world_disconnect(world *w, int id);
/* Moves all bytes that can move, then lets time pass to the next event, 1 to
 * 100 ms; 1 where bytes have just moved. */
void world_idle(world *w);
/* 1: the needle was on the wire to a server, in clear. */
int world_heard(const world *w, const char *needle);

#endif
