/* ftp_rig.h - the FTP client in a world with an FTP server: what each test of
 * it starts from. */
#ifndef FTP_RIG_H
#define FTP_RIG_H

#include "rig.h"
#include "server/ftpd.h"

#include "../examples/ftp.h"

enum { FTP_RIG_ROOM = 200000 };

typedef struct ftp_rig {
    rig r;
    struct ftpd_options o;
    struct ftpd_store store;
    struct ftpd ftpd;
    struct smtpd_sessions sessions;
    struct world_host host;
    estls_desc data; /* for data links; see ftp_rig_copy */
    ftp_account account;
    ftp f;
    uint8_t link_id;   /* of data links */
    unsigned connects; /* TCP links that the client asked for, no modem */
    unsigned disconnects;
    size_t piece; /* most bytes that the caller moves at a time; 0: all */
    uint32_t patience_ms;
    size_t got_len; /* what a download has brought */
    uint8_t got[FTP_RIG_ROOM];
    uint8_t data_iobuf[16709];
    uint8_t data_obuf[2048];
} ftp_rig;

/* A well-behaved world, the smallest buffers, one user. */
void ftp_rig_init(ftp_rig *t, int generation, const char *certificate);
/* Makes the data links' description, after all changes of the other. */
void ftp_rig_copy(ftp_rig *t);
/* Opens the world and the session, and logs in. OK, or the first error. */
int ftp_rig_login(ftp_rig *t);
/* Steps what the client has begun: its result; BUSY: it does not end. Bytes
 * that come are in got. */
int ftp_rig_run(ftp_rig *t, int rc);
/* As run, with bytes for an upload. */
int ftp_rig_upload(ftp_rig *t, int rc, const void *bytes, size_t len);
int ftp_rig_put(ftp_rig *t, const char *path, const void *bytes, size_t len);
int ftp_rig_get(ftp_rig *t, const char *path);
/* A file at the server. */
void ftp_rig_file(ftp_rig *t, const char *path, const void *bytes, size_t len);
/* 1: the server has it, and it is that. */
int ftp_rig_has(ftp_rig *t, const char *path, const void *bytes, size_t len);
/* Ends the client, then the session: the result of the session. */
int ftp_rig_close(ftp_rig *t);
/* 1: no secret is left in memory; after ftp_rig_close. */
int ftp_rig_wiped(const ftp_rig *t);
/* Closes the world. */
void ftp_rig_end(ftp_rig *t);

#endif
