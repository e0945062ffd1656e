/* espat.h - emulator of an ESP-AT Wi-Fi modem, without any I/O of its own.
 *
 * The owner moves bytes: what the host writes goes to espat_input(), what the
 * modem says comes out of espat_output(), TCP goes through struct espat_net.
 * Time is whatever espat_tick() says, so a test can run on virtual time. For
 * one seed and one sequence of calls the output is always the same.
 *
 * Faults are strings, WHAT@WHEN:N[:ARG], such as reset@send:2. N counts events
 * from 1. A fault strikes once, at its first opportunity at or after the N-th
 * event; N = 0 is each time (not for tx, rx and ms).
 *
 *   WHEN    counts
 *   cmd     command lines received while none was running
 *   open    AT+CIPSTART
 *   prompt  prompts shown
 *   send    payloads of AT+CIPSEND and AT+CIPSENDL received whole
 *   ipd     blocks of payload given to the host, +IPD or +CIPRECVDATA
 *   tx      payload bytes from the host
 *   rx      payload bytes from the peer
 *   ms      milliseconds since espat_new()
 *
 *   WHAT    WHEN       ARG (default)       effect
 *   reset   any                            boot noise, ready, all links lost
 *   closed  any        link (last used)    the link drops
 *   wifi    any        ms until back (0)   WIFI DISCONNECT; 0: for good
 *   hang    any        ms (0)              deaf, says no more; 0: for good
 *   urc     any                            an unsolicited line
 *   mute    cmd open prompt send           no answer, no effect
 *   late    cmd send   ms (1000)           the answer is late
 *   busy    cmd                            busy p...
 *   fail    cmd open send                  ERROR, failed open, SEND FAIL
 *   short   ipd        bytes (1)           the end of the payload is missing
 *   lie     ipd        bytes (1)           the length shown is this much more
 *   crlf    ipd                            CRLF after the payload
 */
#ifndef ESPAT_H
#define ESPAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ESPAT_LINKS = 5,     /* link ids are 0 .. ESPAT_LINKS - 1 */
    ESPAT_WINDOW = 5760, /* bytes a link holds for the host */
    ESPAT_FAULTS = 16    /* most faults per modem */
};

enum espat_when {
    ESPAT_CMD,
    ESPAT_OPEN,
    ESPAT_PROMPT,
    ESPAT_SEND,
    ESPAT_IPD,
    ESPAT_TX,
    ESPAT_RX,
    ESPAT_MS,
    ESPAT_WHENS
};

enum espat_what {
    ESPAT_RESET,
    ESPAT_CLOSED,
    ESPAT_WIFI,
    ESPAT_HANG,
    ESPAT_URC,
    ESPAT_MUTE,
    ESPAT_LATE,
    ESPAT_BUSY,
    ESPAT_FAIL,
    ESPAT_SHORT,
    ESPAT_LIE,
    ESPAT_CRLF,
    ESPAT_WHATS
};

struct espat_fault {
    enum espat_what what;
    enum espat_when when;
    uint32_t nth;
    int32_t arg;
};

/* All zero is a well-behaved 1.x modem, already joined to its access point. */
struct espat_options {
    int generation;       /* 1, 2 or 3; 0 is 1 */
    uint32_t seed;        /* of everything below that is random */
    size_t chunk;         /* most bytes per espat_output(); 0: no limit */
    bool random_chunk;    /* draw 1 .. chunk each time */
    uint32_t delay_ms;    /* before each final answer */
    uint32_t jitter_ms;   /* at most this much more */
    uint32_t baud;        /* 10 bits per byte; 0: infinitely fast */
    unsigned busy;        /* per mille of commands answered busy p... */
    unsigned urc;         /* per mille of line ends followed by a URC */
    bool fresh;           /* not joined: links need AT+CWJAP first */
    const char *ssid;     /* the only one there is; NULL: any */
    const char *password; /* of that ssid; NULL: any */
    int64_t unix_time;    /* at espat_new(), for SNTP; 0: never synced */
    uint32_t sntp_ms;     /* from AT+CIPSNTPCFG to synced */
    const struct espat_fault *fault;
    size_t faults; /* at most ESPAT_FAULTS */
};

/* The owner's TCP; 0 is success. open() and close() must not call the emulator;
 * send() may call espat_net_data() and espat_net_closed(). After close(), or
 * after espat_net_closed(), the id may come back in another open(). Every id
 * is 0 .. ESPAT_LINKS - 1. */
struct espat_net {
    int (*open)(void *user, int id, const char *host, unsigned port);
    int (*send)(void *user, int id, const void *data, size_t len);
    void (*close)(void *user, int id);
};

typedef struct espat espat;

/* Copies the options but not the strings they point to. NULL: no memory, no
 * such generation, or too many faults. */
espat *espat_new(const struct espat_options *, const struct espat_net *,
                 void *user);
void espat_free(espat *);

/* Host to modem. Returns the bytes taken: fewer than len only while too much
 * output is waiting for espat_output(). */
size_t espat_input(espat *, const void *data, size_t len);

/* Modem to host. Returns the bytes stored, within the chunk and baud limits. */
size_t espat_output(espat *, void *data, size_t cap);

/* Sets the time since espat_new() and does what has become due. */
void espat_tick(espat *, uint32_t now_ms);

/* Milliseconds until espat_output() or espat_tick() has something to do: 0 is
 * now, UINT32_MAX never. */
uint32_t espat_due(const espat *);

/* Bytes espat_net_data() would take: 0 for a link that is not open. */
size_t espat_net_room(const espat *, int id);

/* Peer to modem. Returns the bytes taken. */
size_t espat_net_data(espat *, int id, const void *data, size_t len);

/* The peer has closed or reset the connection. */
void espat_net_closed(espat *, int id);

/* How often it has happened so far; ESPAT_MS is the time. */
uint32_t espat_count(const espat *, enum espat_when);

/* False if text is not a fault, or that WHAT knows no such WHEN. */
bool espat_fault_parse(struct espat_fault *, const char *text);

#endif
