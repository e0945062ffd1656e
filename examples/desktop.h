/* desktop.h - what the desktop programs share: options, the wire, trust, a
 * session run to its end, the report and the exit status.
 *
 *     desktop_init --> argp_parse --> desktop_open --> read, write, wait
 *                                              \--> desktop_finish --> status
 */
#ifndef DESKTOP_H
#define DESKTOP_H

#include "../estls.h"
#include "pem.h"
#include "trace.h"
#include "wire.h"

#include <argp.h>
#include <stdint.h>

/* Exit statuses; an error of the library is DESKTOP_ERROR - its number. */
enum {
    DESKTOP_OK,
    DESKTOP_FILE,  /* a file of ours could not be read or written */
    DESKTOP_USAGE, /* a mistake on the command line */
    DESKTOP_ERROR = 10,
    DESKTOP_INTERRUPTED = 130 /* 128 + SIGINT, as shells have it */
};

#define DESKTOP_PROTOS                                                         \
    "smtp, submission, lmtp, imap, pop3, nntp, sieve, irc, ftp, xmpp, ldap, "  \
    "postgres, mysql, or direct for nothing"

#define DESKTOP_STATUS                                                         \
    "Exit status: 0 only after a clean close; 1 a local file cannot be read "  \
    "or written; 2 usage; 130 interrupted; else 10 + the library's error "     \
    "number:\n"                                                                \
    "  11 ARG      12 STATE    13 SPACE        14 IO        15 TIMEOUT\n"      \
    "  16 MODEM    17 NETWORK  18 CLOSED       19 PROTO     20 REFUSED\n"      \
    "  21 NO_STARTTLS          22 INJECTED     23 ENTROPY   24 CLOCK\n"        \
    "  25 TRUST    26 EXPIRED  27 NAME         28 RECORD    29 VERSION\n"      \
    "  30 TRUNCATED            31 TLS\n"

typedef struct desktop {
    /* from the command line */
    const char *serial;
    const char *pty;
    const char *exec;
    const char *ca;
    const char *pin_file;
    const char *session;
    uint32_t baud;
    uint16_t proto_port; /* 0: the protocol knows */
    uint8_t tcp;
    uint8_t rts_cts;
    uint8_t tracing;
    uint8_t reporting;
    /* the session */
    estls_desc desc;
    estls net;
    wire wire;
    trace trace;
    uint32_t t0;
    uint64_t app_rx;
    uint64_t app_tx;
    char more[128]; /* the program's own fields of the report: ,"name":1 */
    /* what the description points to */
    pem_anchors anchors;
    br_x509_pkey pin;
    estls_x509 x509;
    estls_saved saved;
    char line[64 + 28 + 256]; /* the longest host name fits */
    uint8_t iobuf[32767];
} desktop;

/* A child parser, its input a desktop: all options but the program's own, and
 * the argument HOST[:PORT]. */
extern const struct argp desktop_argp;

void desktop_init(desktop *d);
/* Opens all and goes on until inside TLS: ESTLS_OK, an error, or BUSY if the
 * user interrupted it.  Exits if a file cannot be read. */
int desktop_open(desktop *d);
/* estls_read and estls_write, counted. */
int desktop_read(desktop *d, void *dst, size_t cap);
int desktop_write(desktop *d, const void *src, size_t len);
/* Waits a moment; 1: fd (-1: none) can be read. */
int desktop_wait(desktop *d, int fd);
/* 1: the user pressed Ctrl-C; the second time it kills. */
int desktop_interrupted(void);
/* Closes the session and tells how it went.  rc: of what was done in it;
 * ESTLS_BUSY: it was interrupted.  Returns the exit status. */
int desktop_finish(desktop *d, int rc);

#endif
