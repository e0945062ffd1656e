/* peer.h - what hangs on a simulated board's UART: the ESP-AT emulator, and
 * behind it TCP to a server on 127.0.0.1. Watches that nothing leaves in clear
 * but the preamble. One per process. */
#ifndef PEER_H
#define PEER_H

#include "../modem/espat.h"

struct peer_seen {
    unsigned connections;
    unsigned upgrades;    /* STARTTLS that left */
    unsigned clear;       /* bytes that were neither preamble nor TLS */
    unsigned swallowed;   /* of payload that commands have made whole */
    unsigned long tcp_tx; /* bytes to servers, and from them */
    unsigned long tcp_rx;
    char line[129]; /* the first that was clear, cut */
};

extern struct peer_seen peer_seen;

/* The modem dials 127.0.0.1:port whatever name it is told; 0: out of memory.
 * The options are borrowed. */
int peer_open(const struct espat_options *modem, unsigned port);
void peer_close(void);
/* The board has been without power.  A modem that had asked for payload takes
 * what the board says next for that: so on links from before, the commands that
 * a board begins with may leave, but none that holds a secret. */
void peer_cut(void);
/* So has the modem: all that it knew is gone. */
void peer_restart(void);
/* Sets the time, ms since peer_open, and moves what can move. */
void peer_tick(uint32_t now_ms);
/* 1: a server has not answered what it was told last, and does so in its own
 * time: a simulated one must not run ahead of it. */
int peer_waits(void);
/* From the board to the modem. */
void peer_write(uint8_t byte);
/* From the modem to the board: 0 or 1 byte. */
int peer_read(uint8_t *byte);

#endif
