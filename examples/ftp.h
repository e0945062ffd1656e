/* ftp.h - moves files over an FTP control session that is inside TLS, each
 * on a data link of its own, in TLS as well: never in clear.  No allocation,
 * nothing blocks: for firmware as for a desktop.  RFC 959, 2428, 3659, 4217.
 *
 *     ftp_open --> PBSZ 0, PROT P, USER, PASS, TYPE I --> ready
 *     ready --> ftp_put, ftp_append, ftp_get, ftp_list, ftp_size --> ready
 *     ready --> ftp_close --> QUIT
 *
 * Each of these starts something; step until it is not BUSY.
 *
 *     rc = ftp_put(&f, "log.txt", 0);
 *     while (rc == ESTLS_BUSY) {
 *         n = ftp_write(&f, text, left), text += n, left -= n;
 *         if (!left) { ftp_end(&f); }
 *         rc = ftp_step(&f);
 *     }
 *
 * OK means all of it: the data link ended with close_notify, and the server
 * said 226 or 250. */
#ifndef FTP_H
#define FTP_H

#include "../estls.h"

typedef struct ftp_account {
    const char *user;     /* null: "anonymous" */
    const char *password; /* sent if the server asks; null: "ftp@" */
    /* For the data links: a copy of the description that the control session
     * was opened with, but for iobuf, obuf and, on a modem, link_id; there,
     * mux is set in both.  connect_port, and uart without a modem, are ours
     * to change. */
    estls_desc *data;
    /* Without a modem only.  Opens TCP to port of the host that the control
     * session is with, and fills in io: OK; BUSY: call again; or an error. */
    int (*connect)(void *user, uint16_t port, estls_io *io);
    /* Drops it, whatever became of it; called once behind each connect. */
    void (*disconnect)(void *user);
    void *user_data; /* handed to both */
    /* 0: a data link must resume control's TLS session, or it is E_TRUST.  1:
     * it may also be verified in full; then whoever is on the path, and has
     * an account at that server, can swap the victim's data for his own. */
    uint8_t new_sessions;
} ftp_account;

typedef struct ftp {
    const ftp_account *account;
    estls *control;
    estls data;
    estls_io stream; /* without a modem: under data */
    uint64_t offset; /* for REST */
    uint64_t size;   /* what ftp_size has found */
    uint32_t t0;     /* of the wait */
    uint16_t len;
    uint16_t off;
    uint16_t code;  /* of the reply that is being read, over several lines */
    uint16_t final; /* the transfer's last reply; 0: not yet */
    int8_t err;     /* sticky: the control session is of no use any more */
    int8_t rc;      /* of the last thing that was done */
    int8_t data_rc; /* what went wrong with the data link */
    uint8_t state;
    uint8_t link; /* state of the data link */
    uint8_t upload;
    uint8_t begun;  /* 1: 125 or 150 was said */
    uint8_t ended;  /* 1: the caller has no more to write */
    uint8_t moving; /* 1: bytes were written since the last step */
    uint8_t rested; /* 1: the server holds a REST that nothing has used */
    uint8_t cut;    /* 1: the stream under data is not there any more */
    uint8_t pasv;   /* 1: the server does not know EPSV */
    uint8_t reply_len;
    uint8_t opened;  /* 1: the last data link came to be in TLS ... */
    uint8_t resumed; /* ... 1: by resuming control's session */
    char verb[5];
    char reply[128]; /* the server's last line, cut: why it refused */
    char out[512];
    char path[480];
} ftp;

/* Logs in.  control: opened with estls_ftp, and in TLS; it, the account and
 * all that it points to are borrowed until ftp_close is done.  BUSY, or E_ARG:
 * something is missing, or holds a control character or is too long; E_STATE:
 * control is not open. */
int ftp_open(ftp *f, estls *control, const ftp_account *account);

/* BUSY while something is under way, then its result, which stays.
 *     OK           it is done, and whole
 *     E_REFUSED    the server said no; see reply
 *     E_TRUNCATED  the data link ended without close_notify
 *     E_PROTO, E_TIMEOUT, and the errors of both sessions
 * After a refusal, or a failure of the data link alone, the next may be
 * tried; after all else, and after 421, only ftp_close.  Call it when there
 * is nothing to do, too: a server that says goodbye is heard. */
int ftp_step(ftp *f);

/* Each starts one transfer, and returns BUSY, or: E_ARG for a path that is
 * empty, too long (470 bytes), or has a control character or the byte 0xFF in
 * it; E_STATE while another one is under way; or the error that is left.
 *
 * offset: where the bytes go in a file that is there; 0: all of it is new. */
int ftp_put(ftp *f, const char *path, uint64_t offset);
/* Behind the end of the file, which is made if there is none. */
int ftp_append(ftp *f, const char *path);
/* offset: how many bytes of it to leave out. */
int ftp_get(ftp *f, const char *path, uint64_t offset);
/* Of a directory, null: the present one; a path must not begin with '-'.
 * names: its names only, one a line; else as for a person to read. */
int ftp_list(ftp *f, const char *path, int names);
/* Asks how long a file is: then f->size. */
int ftp_size(ftp *f, const char *path);

/* The bytes of a put: how many were taken, 0: not now.  What became of it is
 * ftp_step's to tell.  They gather into one record until ftp_step. */
size_t ftp_write(ftp *f, const void *src, size_t len);
/* All is written.  A put that is closed before is none: the server learns
 * that it was cut. */
void ftp_end(ftp *f);
/* The bytes of a get or a list: how many were put at dst, 0: none now.  They
 * are the server's, but not all of them before ftp_step says OK.  Go on
 * reading: in push mode, what nobody reads holds the modem up. */
size_t ftp_read(ftp *f, void *dst, size_t cap);

/* Ends what is under way, which is E_STATE then, and the data link; if all is
 * well it says QUIT, and waits 10 s for the answer at most.  BUSY, then OK or
 * the error that is left.  Then close control. */
int ftp_close(ftp *f);

#endif
