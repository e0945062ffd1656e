/* attacks.h - what a hostile network, server or modem may do, case by case,
 * and that it gets nowhere.
 *
 * A case is a function. It runs its sub-cases over each road:
 *
 *     for (road = 0; road < ROADS; road++) {
 *         attack_begin(road, &peers[IMAP], "untagged");
 *         attack_reply(GO, BLOB("* OK begin\r\n"));
 *         attack_fails_in_clear(ERR(TIMEOUT));
 *     }
 */
#ifndef ATTACKS_H
#define ATTACKS_H

#include "rig.h"

/* -- the list of cases ----------------------------------------------------- */

/* Outcomes, as a set. */
#define OK        1u
#define ERR(name) (1u << -ESTLS_E_##name)
#define ANY_ERROR (0x3ffffeu) /* E_ARG to E_TLS */

struct attack {
    int number; /* 0: none */
    const char *title;
    uint32_t expected; /* set of outcomes */
    void (*run)(void);
};

/* One list per file; an entry without a function ends it. */
extern const struct attack transition_attacks[];
extern const struct attack tls_attacks[];
extern const struct attack ftp_attacks[];

/* Where tests/pki.sh has put the certificates. */
extern const char *attack_pki;

/* -- roads: how the bytes come --------------------------------------------- */

enum { ROADS = 12, ROAD_PULL = 3, ROAD_PUSH = 7 };

extern rig r;

/* What stands between the UART and the session. */
struct tap {
    uint32_t delay_ms; /* each piece comes so much later */
    size_t piece;      /* most bytes of one; 0: as they come */
    const char *spoof; /* said in the UART's name ... */
    unsigned spoof_at; /* ... at the n-th time that it has nothing to say */
    void (*each_step)(void);
    /* its state */
    estls_io below;
    uint8_t held[2048];
    size_t len, off;
    uint32_t due;
    unsigned silences;
};
extern struct tap tap;

int road_is_modem(int road);

/* -- peers: a server of each protocol, as a script ------------------------- */

enum {
    SMTP,
    LMTP,
    IMAP,
    POP3,
    NNTP,
    SIEVE,
    IRC,
    FTP,
    XMPP,
    LDAP,
    POSTGRES,
    MYSQL,
    PEERS
};

/* What it says, and the step of the script that says so. */
enum { GREETING, CAPABILITIES, GO, SAYINGS };

enum { PEER_STEPS = 6 };

struct peer {
    const char *name;
    const estls_proto *(*proto)(void);
    signed char step[SAYINGS]; /* -1: it says no such thing */
    uint8_t steps;
    struct smtpd_step script[PEER_STEPS];
    const char *secret; /* what the application says in TLS */
};

extern const struct peer peers[PEERS];
extern const char peer_welcome[]; /* the answer to the secret */

int peer_says(const struct peer *p, int saying);

/* -- a run ----------------------------------------------------------------- */

#define BLOB(literal) ((struct smtpd_blob)SMTPD_BLOB(literal))

/* A well-behaved world with a session that is about to open. Without a peer:
 * the SMTP server, which r.server tells what to do. */
void attack_begin(int road, const struct peer *p, const char *note);
/* Replaces something that the peer says. */
void attack_reply(int saying, struct smtpd_blob reply);
void attack_reply_at(int step, struct smtpd_blob reply);
/* As rig_connect, with an application that tries to say its secret early. */
int attack_connect(void);
/* Counts a run, and its outcome, which must be one of `want`. */
void attack_got(int rc, uint32_t want);
/* The session is dead, nothing readable has left; ends it. */
void attack_dead(int rc);
/* Connects, to fail. In clear: before the ClientHello. */
void attack_fails(uint32_t want);
void attack_fails_in_clear(uint32_t want);
/* In TLS: says the secret, and hears the welcome. Returns the first error. */
int attack_exchange(void);
/* Connects, exchanges a secret, or a mail with the SMTP server, and closes. */
void attack_works(void);
/* Closes a session that is in order; ends it. */
void attack_closes(void);
/* Opens, to be refused before a byte is sent. */
void attack_refused_at_open(uint32_t want);
/* "", or what the network could read that it should not. */
const char *attack_eavesdrop(void);
/* Bytes that left in this connection, and those of them in clear. */
size_t attack_heard(void);
size_t attack_preamble(void);

/* As CHECK of check.h, which counts per file. */
void attack_require(int ok, const char *where, const char *text);
#define WHERE_(line)  __FILE__ ":" #line ": "
#define WHERE(line)   WHERE_(line)
#define REQUIRE(cond) attack_require(!!(cond), WHERE(__LINE__), #cond)

/* A field of the SMTP server's options, over all roads. */
#define EACH_ROAD(field, value, run)                                           \
    do {                                                                       \
        int road_;                                                             \
        for (road_ = 0; road_ < ROADS; road_++) {                              \
            attack_begin(road_, NULL, #field);                                 \
            r.server.field = (value);                                          \
            run;                                                               \
        }                                                                      \
    } while (0)
#define IN_CLEAR(field, value, want)                                           \
    EACH_ROAD(field, value, attack_fails_in_clear(want))
#define IN_TLS(field, value, want) EACH_ROAD(field, value, attack_fails(want))

/* A table of what peers say instead, over all roads. */
struct twist {
    uint8_t peer;
    uint8_t saying;
    struct smtpd_blob reply;
    uint32_t want;
};
void attack_twists(const struct twist *twists, size_t count);
/* The same bytes behind what the peer has said, `delay_ms` later. */
void attack_injections(const struct twist *twists, size_t count,
                       unsigned delay_ms);
#define COUNT(table)  (sizeof(table) / sizeof(table)[0])
#define TWISTS(table) attack_twists(table, COUNT(table))

#endif
