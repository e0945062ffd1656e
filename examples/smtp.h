/* smtp.h - submits one mail over a stream that is inside TLS already.
 * No allocation, nothing blocks: for firmware as for a desktop. RFC 5321,
 * 4954.
 *
 *     GREETING, EHLO, [AUTH], MAIL, RCPT..., DATA, the text, QUIT
 *
 * To all recipients or to none: one that is refused refuses the mail. */
#ifndef SMTP_H
#define SMTP_H

#include "../estls.h"

/* Room for a command or a piece of the text, and for a reply that is told. To
 * be the same in all files; commands that do not fit are E_SPACE. */
#ifndef SMTP_OUT
#define SMTP_OUT   512
#define SMTP_REPLY 128
#endif

typedef struct smtp_mail {
    const char *client_name; /* for EHLO; null: "[127.0.0.1]" */
    const char *user;        /* for AUTH; null: none */
    const char *password;
    const char *from;      /* an address, ASCII, without "<>" */
    const char *const *to; /* addresses, null behind the last one */
    /* Headers, an empty line, body; its lines end with LF or CR LF.  7 bit
     * and no line longer than 998 bytes, as any server takes it.  A submission
     * server adds Date and Message-ID where they are missing (RFC 6409 8). */
    const char *text;
    uint8_t greets; /* 1: the server greets inside TLS (estls_direct) */
} smtp_mail;

typedef struct smtp {
    const smtp_mail *mail;
    const char *const *to; /* the next recipient */
    const char *text;      /* what is left of it */
    estls_io io;
    uint32_t t0; /* of the wait */
    uint16_t len;
    uint16_t off;
    int8_t rc;
    uint8_t state;
    uint8_t auth;    /* what the server offers */
    uint8_t in_line; /* 1: the text that was sent last did not end a line */
    uint8_t reply_len;
    char reply[SMTP_REPLY]; /* the server's last line, cut: why it refused */
    char out[SMTP_OUT];
} smtp;

/* io: the inside of TLS.  The mail is borrowed.  ESTLS_BUSY, or E_ARG: an
 * address is missing, or could be taken for more than one. */
int smtp_open(smtp *s, const smtp_mail *mail, const estls_io *io);
/* BUSY, then OK: the server has taken the mail, and QUIT is said.  Errors:
 * E_REFUSED, E_PROTO, E_TIMEOUT, E_SPACE (user and password are too long),
 * and those of io. */
int smtp_step(smtp *s);

#endif
