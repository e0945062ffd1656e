/* smtpd.h - an SMTP server with STARTTLS, for tests: bytes in, bytes out.
 *
 * The core does no I/O, reads no clock and, given a seed, draws no
 * randomness: a unit test runs it in process and in virtual time, the
 * program in main.c puts it behind a socket. It behaves well unless its
 * options ask for something else, and can then play most of what a hostile
 * server or network may do to a client, of SMTP or of any other protocol
 * that can be told as a script.
 *
 *     struct smtpd server;
 *     smtpd_init(&server, &options);
 *     while (!smtpd_closed(&server)) {
 *         len = smtpd_output(&server, buf, sizeof buf);   -> to the client
 *         smtpd_input(&server, bytes, n);                 <- from the client
 *     }
 *     smtpd_free(&server);
 */
#ifndef SMTPD_H
#define SMTPD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bearssl_quiet.h"
#include "bytes.h"
#include "pem.h"

#define SMTPD_PATH_MAX       256     /* RFC 5321, 4.5.3.1.3 */
#define SMTPD_RECIPIENTS_MAX 100     /* RFC 5321, 4.5.3.1.8 */
#define SMTPD_LINE_MAX       12288   /* RFC 4954, 4 */
#define SMTPD_MAIL_MAX       1048576 /* as announced with SIZE */
#define SMTPD_ENDLESS        UINT_MAX

struct smtpd_blob {
    const void *bytes;
    size_t len;
};

/* The blob of a string literal, which may contain NUL. */
#define SMTPD_BLOB(literal)                                                    \
    {                                                                          \
        (literal), sizeof(literal) - 1                                         \
    }

struct smtpd_mail {
    char sender[SMTPD_PATH_MAX + 1];
    char recipients[SMTPD_RECIPIENTS_MAX][SMTPD_PATH_MAX + 1];
    size_t recipient_count;
    struct bytes content; /* dots unstuffed, lines end in CRLF */
};

/* Sessions to resume. Outlives the connections that share it. */
struct smtpd_sessions {
    br_ssl_session_cache_lru lru;
    unsigned char store[4096];
    uint32_t connections;
};

enum smtpd_action { SMTPD_CONTINUE, SMTPD_START_TLS, SMTPD_CLOSE };

/* One step of a script: wait for a message, then reply. A message is
 * `take` bytes long or, with `take` 0, ends with the byte `until`, or with
 * LF if that is 0 too. With nothing expected, taken or awaited the reply
 * goes out at once. A message that does not begin with `expect` ends the
 * connection. */
struct smtpd_step {
    struct smtpd_blob expect;
    struct smtpd_blob reply;
    enum smtpd_action then;
    size_t take;
    char until;
};

/* TLS record types (RFC 5246, 6.2.1). */
enum { SMTPD_ALERT = 21, SMTPD_HANDSHAKE = 22, SMTPD_APPLICATION_DATA = 23 };

/* The same bytes, `count` times or SMTPD_ENDLESS. */
struct smtpd_burst {
    struct smtpd_blob bytes;
    unsigned count;
    unsigned char type; /* of the TLS record, where it is one */
};

/* What happens to one byte of the output, and to all after it. */
enum smtpd_fault {
    SMTPD_NO_FAULT,
    SMTPD_FLIP,  /* its lowest bit is inverted */
    SMTPD_STALL, /* nothing is sent any more, the connection stays */
    SMTPD_CUT    /* the connection is closed, without close_notify */
};

/* Where that byte is counted, from 0. */
enum smtpd_stream {
    SMTPD_WIRE,       /* everything sent */
    SMTPD_TLS,        /* everything sent since TLS began */
    SMTPD_APPLICATION /* the plaintext sent inside TLS */
};

/* All zero, but for the certificate and its key, is a server that behaves
 * well. Whatever is pointed to has to outlive the connection. */
struct smtpd_options {
    /* Identity. Without a chain only the clear dialogue works. */
    const struct pem_chain *chain;
    const br_skey_decoder_context *key;
    const br_ec_impl *ec;            /* NULL: BearSSL's choice */
    const char *hostname;            /* NULL: mail.example.test */
    const char *user;                /* NULL: AUTH is not offered ... */
    const char *password;            /* ... else mail requires it */
    struct smtpd_sessions *sessions; /* NULL: nothing is resumed */
    bool no_resumption;              /* refuse what is in `sessions` */
    bool direct;                     /* TLS from the first byte */

    /* All the randomness there is; without it, the OS's. Connections of
     * one seed need `sessions` in common, which number them, or else each
     * gives out the session ID of the other. */
    struct smtpd_blob seed;

    /* Called with `context`. Lines come without CRLF. */
    void (*on_mail)(void *context, const struct smtpd_mail *mail);
    void (*on_line)(void *context, bool sent, bool in_tls, const char *line);
    void *context;

    /* TLS. 0 or NULL: version 1.2, ECDHE with AES-GCM or ChaCha20. */
    unsigned version_min;
    unsigned version_max;
    const uint16_t *suites;
    size_t suite_count;

    /* Plaintext bytes per record, 1 to 16384. The client's
     * max_fragment_length is then ignored; with 0 it is honoured. With 1
     * alerts are split too, which not every client puts up with. */
    uint16_t record_size;

    /* Replies instead of the usual ones, verbatim. STARTTLS begins TLS
     * when its reply begins with '2'. */
    struct smtpd_blob greeting;
    struct smtpd_blob ehlo;
    struct smtpd_blob ehlo_tls;
    struct smtpd_blob starttls;

    /* Another dialogue instead of SMTP: takes a byte of plaintext, and gives
     * its replies to smtpd_reply(). */
    enum smtpd_action (*talk)(void *talker, unsigned char byte);
    void *talker;

    /* A script instead of SMTP. After SMTPD_START_TLS the steps that
     * remain go on inside TLS; SMTP takes over if there are none. */
    const struct smtpd_step *script;
    size_t step_count;

    /* Clear text after the go-ahead, this much later. The server's TLS
     * output waits behind it. */
    struct smtpd_blob inject;
    unsigned inject_delay_ms;

    /* Raw bytes as the answer to the client's first TLS byte, instead of
     * any TLS. */
    struct smtpd_burst raw;

    /* TLS records sent as soon as the handshake is complete; a payload
     * of four 0 in type 22 is a HelloRequest. At most 16384 bytes each. */
    struct smtpd_burst records;

    enum smtpd_fault fault;
    enum smtpd_stream fault_stream;
    size_t fault_at;
    bool no_close_notify; /* after QUIT */
};

/* What the connection has seen so far. */
struct smtpd_report {
    size_t pipelined; /* bytes after STARTTLS, go-ahead not yet read */
    unsigned commands;
    unsigned mails;
    int tls_error; /* BR_ERR_*, 0 while fine */
    bool established;
    bool resumed;
    bool authenticated;
    bool renegotiation_refused;
    bool close_notify;    /* the client ended TLS in order */
    bool script_mismatch; /* the client did not say what was expected */
};

enum dialogue_mode {
    DIALOGUE_COMMAND,
    DIALOGUE_AUTH_PLAIN,
    DIALOGUE_AUTH_USER,
    DIALOGUE_AUTH_PASSWORD,
    DIALOGUE_DATA
};

/* The state of the SMTP session; see dialogue.h. */
struct dialogue {
    const struct smtpd_options *options;
    struct smtpd_report *report;
    struct bytes *reply;
    enum dialogue_mode mode;
    enum smtpd_action action; /* what the command being run leads to */
    bool in_tls;
    bool greeted;
    bool user_matched;
    bool mail_begun;
    bool bare_newline;
    bool overlong;
    const char *refusal; /* why the mail being received will be refused */
    struct smtpd_mail mail;
    size_t line_len;
    char line[SMTPD_LINE_MAX + 1];
};

/* The state of a script; see script.h. */
struct script {
    const struct smtpd_step *step;
    size_t steps_left;
    struct bytes *reply;
    struct bytes message;
};

/* A connection. Only `report` is for others to read. */
struct smtpd {
    struct smtpd_report report;
    const struct smtpd_options *options;
    struct dialogue dialogue;
    struct script script;
    bool scripted;
    bool in_tls;
    bool closing;
    bool notified;        /* close_notify was asked for */
    struct bytes reply;   /* plaintext, not yet sent */
    struct bytes wire;    /* sent, not yet taken by smtpd_output() */
    size_t go_ahead_left; /* of `wire`: up to the end of the go-ahead */
    unsigned hold_ms;     /* until the rest of `wire` may be taken */
    bool raw_begun;
    unsigned raw_left;
    unsigned records_left;
    size_t passed; /* bytes of the stream where the fault is counted */
    bool tripped;  /* the fault has happened */
    br_ssl_server_context tls;
    br_sslrec_in_class opener; /* see soften_refusal() */
    unsigned char *(*decrypt)(const br_sslrec_in_class **, int, unsigned,
                              void *, size_t *);
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
};

void smtpd_sessions_init(struct smtpd_sessions *sessions);

/* Begins a connection, greeting included. The object must not move. */
void smtpd_init(struct smtpd *server, const struct smtpd_options *options);
void smtpd_free(struct smtpd *server);

/* Bytes from the client. Returns how many were used: all, but for a
 * connection that is being closed in clear text. */
size_t smtpd_input(struct smtpd *server, const void *bytes, size_t len);

/* Bytes for the client. Returns how many there were, 0 for none now. */
size_t smtpd_output(struct smtpd *server, void *buf, size_t cap);

/* Appends to what is to be sent. Outside of `talk`, smtpd_push() sends it. */
void smtpd_reply(struct smtpd *server, const void *bytes, size_t len);
void smtpd_push(struct smtpd *server);

/* Closes the connection behind what is to be sent. */
void smtpd_close(struct smtpd *server);

/* The client closed its end. */
void smtpd_eof(struct smtpd *server);

/* Nothing more will come and the connection is to be closed. */
bool smtpd_closed(const struct smtpd *server);

/* Time passes, for inject_delay_ms. */
void smtpd_elapse(struct smtpd *server, unsigned ms);

/* Milliseconds until smtpd_output() may have more by itself; 0: never. */
unsigned smtpd_due(const struct smtpd *server);

#endif
