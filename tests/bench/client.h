/* client.h - one client in five guises, for the benches: BearSSL driven by
 * the least that can drive it, estls over the same stream, or estls through
 * a modem of one of three generations; against the same server, in one
 * process and in virtual time.
 *
 * Callgrind is to count what is inside client_turn, but not what is behind
 * the stream's callbacks, client_read, client_write and client_tick. */
#ifndef CLIENT_H
#define CLIENT_H

#include "bare.h"

enum { CLIENT_BARE = -1, CLIENT_DIRECT = 0 /* 1 to 3: the modem's kind */ };

typedef struct client {
    rig r;
    bare bare;
    br_ssl_session_parameters session; /* of bare */
    struct smtpd_sessions sessions;
    int mode;
    int resume;         /* bare: offer `session` */
    const char *mark;   /* callgrind's counts of each turn, by this name */
    const uint8_t *src; /* what is left to send */
    uint8_t *dst;       /* where to put what comes */
    size_t left;        /* of either */
    /* for a stack of the client's own; null: none */
    int (*call)(struct client *c, int (*turn)(struct client *c));
    const estls_io *uart;
} client;

/* A world with the certificate "ec".  profile: estls_full, for instance.
 * With a modem SMTP comes before TLS; otherwise TLS comes at once. */
void client_init(client *c, int mode,
                 void (*profile)(br_ssl_client_context *client),
                 uint16_t iobuf_cap);
/* Opens the world and the session, which resumes the one before if there was
 * one.  OK, in TLS; or the first error. */
int client_connect(client *c);
/* Sends all of it, the last record included. */
int client_send(client *c, const void *src, size_t len);
int client_receive(client *c, void *dst, size_t len);
/* Closes session and world. */
int client_close(client *c);

/* What client_send and the others do between two moments of the world. */
int client_turn(client *c, int (*turn)(client *c));
/* The world's stream; user is the client. */
int client_read(void *user, void *dst, size_t cap);
int client_write(void *user, const void *src, size_t len);
uint32_t client_tick(void *user);
/* Ends callgrind's counts so far, by this name. */
void client_mark(const char *name);

#endif
