/* ftpd.h - an FTP server with AUTH TLS, for tests: bytes in, bytes out.
 *
 * Each connection, of control or of data, is one of smtpd.h, which plays TLS
 * and most of the faults; this is the dialogue on it. Who moves the bytes
 * tells when a connection comes and goes, and calls ftpd_step() whenever some
 * have moved.
 *
 *     ftpd_init(&ftpd, &options);
 *     ftpd_accept(&ftpd, 21, connection)      -> smtpd_input(), smtpd_output()
 *     ftpd_accept(&ftpd, 40001, another)      a port that EPSV has named
 *     ftpd_step(&ftpd);
 *     ftpd_gone(&ftpd, another);              then smtpd_free()
 */
#ifndef FTPD_H
#define FTPD_H

#include "smtpd.h"

enum { FTPD_FILES = 16, FTPD_PORT = 40000 };

struct ftpd_file {
    char name[256]; /* "": free */
    struct bytes content;
};

struct ftpd_store {
    struct ftpd_file files[FTPD_FILES];
};

/* What is said instead. `to` is a command, or the code of a reply, or "TLS":
 * nobody asked. In an answer # stands for the passive port, and @ for its two
 * bytes. One that refuses takes the command's effect away, 421 closes, and an
 * empty one says nothing. */
struct ftpd_answer {
    const char *to;
    const char *say;
};

/* All zero, but for `control.chain`, `control.key` and `store`, is a server
 * that behaves well. All is borrowed. */
struct ftpd_options {
    struct smtpd_options control; /* user null: anybody may log in */
    struct smtpd_options data;    /* what is null here is as in control */
    struct ftpd_store *store;
    const struct ftpd_answer *answers; /* behind the last: to is null */
    bool demand_resumption;            /* on data links, else 522 */
    bool data_in_clear;
    bool reply_late;      /* 150 only when the data link is through */
    size_t cut_upload_at; /* after so many bytes, the data link is cut */
    /* Before a file is looked up, or with null all of them; after a change. */
    void (*load)(void *context, struct ftpd_store *store, const char *name);
    void (*save)(void *context, const struct ftpd_file *file);
    void *context;
};

enum ftpd_transfer { FTPD_NONE, FTPD_STORE, FTPD_RETRIEVE, FTPD_LIST };

/* One client. What others may read is above the line. */
struct ftpd {
    unsigned commands;
    unsigned data_links;   /* that were accepted */
    unsigned data_resumed; /* ... and resumed the session of control */
    unsigned stored;       /* uploads that were whole */
    unsigned port;         /* where a data link is awaited; 0: nowhere */
    bool ccc;              /* was said, or PROT C */
    bool pasv;             /* was said */
    char last[64];         /* command */
    /* -- */
    const struct ftpd_options *options;
    struct smtpd_options control_options;
    struct smtpd_options data_options;
    struct smtpd *control;
    struct smtpd *data;
    struct ftpd_file *file;
    struct bytes listing;
    enum ftpd_transfer transfer;
    unsigned next_port;
    size_t offset; /* of REST */
    size_t taken;  /* bytes of this upload */
    bool greeted_tls;
    bool user_matched;
    bool logged_in;
    bool pbsz;
    bool protects;
    bool said_150;
    bool moved;       /* all of a download was given to the data link */
    bool data_came;   /* since EPSV */
    bool counted;     /* in data_resumed, if it was */
    bool data_done;   /* the data link is over ... */
    bool data_closed; /* ... and the client had closed it in order */
    size_t line_len;
    char line[1024];
};

void ftpd_init(struct ftpd *ftpd, const struct ftpd_options *options);
void ftpd_free(struct ftpd *ftpd);

/* A connection has come to a port; it is begun. False: nobody listens. */
bool ftpd_accept(struct ftpd *ftpd, unsigned port, struct smtpd *connection);
/* It is over, and about to be freed. */
void ftpd_gone(struct ftpd *ftpd, const struct smtpd *connection);
void ftpd_step(struct ftpd *ftpd);

/* Null: there is none. */
struct ftpd_file *ftpd_find(struct ftpd_store *store, const char *name);
/* Makes it if there is none. Null: too many. */
struct ftpd_file *ftpd_make(struct ftpd_store *store, const char *name);
void ftpd_store_free(struct ftpd_store *store);

#endif
