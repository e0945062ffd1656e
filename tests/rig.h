/* rig.h - a session in a world: what each session test starts from. */
#ifndef RIG_H
#define RIG_H

#include "world.h"

enum {
    RIG_DIRECT = 0,            /* "generation" 0: no modem, the stream itself */
    RIG_GENERATIONS = 3,       /* ESP-AT 1.x, 2.x, 3.x */
    RIG_UNIX_TIME = 1798761600 /* 2027-01-01 */
};

typedef struct rig {
    world w;
    estls net;
    estls_x509 x509;
    estls_desc d;
    estls_saved saved;
    struct espat_options modem;
    struct espat_fault faults[4];
    struct smtpd_options server;
    char mail[4096]; /* the last one that a server took */
    size_t mail_len;
    unsigned mails;
    estls_report report; /* when the connection was made */
    uint32_t unix_time;
    uint32_t patience_ms;        /* how long rig_say waits for a reply */
    size_t entropy;              /* bytes that the source gives; 0: 32 */
    uint8_t stuck;               /* 1: it repeats one byte */
    void (*idle)(struct rig *r); /* null, or called as time passes */
    char line[192];
    uint8_t iobuf[16709];
    uint8_t obuf[2048];
} rig;

/* The PKI that tests/pki.sh made; loaded once. Ends the program if it cannot. */
void rig_pki(const char *dir);
/* A well-behaved world with the certificate NAME, a description that trusts
 * it, and the smallest buffers. Change what the test is about, then connect. */
void rig_init(rig *r, int generation, const char *certificate);
/* Presents another certificate. */
void rig_certificate(rig *r, const char *name);
/* Trusts the key of a certificate's server, and nothing else. */
void rig_pin(rig *r, const char *certificate);
/* Adds a fault of the modem, as espat --fault takes it. */
void rig_fault(rig *r, const char *fault);

/* Opens the world and the session, and steps it to TLS or an error. */
int rig_connect(rig *r);
/* Steps the session that estls_open has begun. */
int rig_step(rig *r);
/* In TLS: EHLO, AUTH PLAIN, one mail, QUIT. OK, or the first error; E_REFUSED
 * for a reply that is not the one of success. */
int rig_mail(rig *r);
/* Writes text, and reads until a whole reply has come. BUSY: none came, and
 * nothing is wrong with the session. */
int rig_say(rig *r, const char *text, char *reply, size_t cap);
/* Closes the session; the world stays. */
int rig_close(rig *r);
/* After a failure rc: only the preamble went out in clear, every call repeats
 * the error, closing ends, and no secret is left in memory. "", or what is not
 * so. Closes the session. */
const char *rig_dead(rig *r, int rc);
int rig_zero(const void *memory, size_t n);
/* 1: something of the dialogue inside TLS was on the wire in clear. */
int rig_leaked(const rig *r);
/* Closes the world. */
void rig_end(rig *r);

/* The body that rig_mail sends, as the server must deliver it. */
extern const char rig_body[];
extern const char rig_secret[]; /* the password */

#endif
