/* host.h - what the hosts of simulated boards share: the options, when the
 * power comes and goes, and what is printed. The simulator is the caller's. */
#ifndef HOST_H
#define HOST_H

#include "peer.h"

#include <argp.h>

struct host_settings {
    const char *program;
    const char *machine;
    unsigned port; /* of the server, on 127.0.0.1 */
    unsigned sessions;
    unsigned cuts;      /* of the power, after the last session */
    unsigned long seed; /* of when */
    unsigned noise;     /* bytes at each start */
    unsigned overrun;   /* the byte behind this one is lost; 0: none */
    unsigned limit;     /* seconds that a session may take */
    struct espat_options modem;
    struct espat_fault fault;
};

struct host_simulator {
    const char *about;
    const struct argp *options; /* its own; NULL: none */
    /* Power on, or a reset: RAM keeps what it holds. */
    void (*wake)(void);
    /* Runs until the board sleeps, 1; or is awake for so many seconds, 0. */
    int (*run)(double limit);
    /* since the board woke up */
    double (*seconds)(void);
};

extern struct host_settings host;

/* All that a host does; returns the exit status. */
int host_main(int argc, char **argv, const struct host_simulator *);
/* The time for the modem and the network, ms; 1000 times a second. */
void host_tick(uint32_t now_ms);
/* What comes to the board's UART next: 0 or 1 byte. */
int host_next_byte(uint8_t *byte);
/* A character of the board's console: the line that it ends, or NULL. */
const char *host_line(char c);
/* A line with the time before it. */
void host_print(const char *line);

#endif
