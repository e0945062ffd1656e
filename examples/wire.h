/* wire.h - what a desktop has for a UART: a serial port, a pty, the standard
 * streams of a command; or, in a modem's place, a TCP connection. */
#ifndef WIRE_H
#define WIRE_H

#include "../estls.h"

#include <sys/types.h>

typedef struct wire {
    int fd;
    pid_t child;    /* the command that is the modem; 0: there is none */
    uint8_t tcp;    /* 1: end of file is the peer's, not a fault */
    uint8_t full;   /* 1: the last write was not taken whole */
    uint64_t rx;    /* bytes so far */
    uint64_t tx;    /* ... */
    uint64_t moved; /* rx + tx at the last wire_wait */
    unsigned idle;  /* calls of it since something moved */
} wire;

/* Each returns ESTLS_OK, or an error, and then errno says more if it is not
 * 0. */

/* baud 0: leave it, as for a pty.  E_ARG: no such baud rate. */
int wire_open_tty(wire *w, const char *path, uint32_t baud, int rts_cts);
/* Runs command by the shell; it ends with the wire. */
int wire_open_exec(wire *w, const char *command);
int wire_open_tcp(wire *w, const char *host, uint16_t port,
                  uint32_t timeout_ms);
void wire_close(wire *w);

/* As estls_io wants them; user is the wire. */
int wire_read(void *user, void *dst, size_t cap);
int wire_write(void *user, const void *src, size_t len);
uint32_t wire_tick(void *user);

/* Sleeps a moment, or until the wire or fd (-1: none) has something; not at
 * all while the wire is busy.  1: fd can be read. */
int wire_wait(wire *w, int fd);

#endif
