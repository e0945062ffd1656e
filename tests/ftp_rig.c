#include "ftp_rig.h"

enum { FTP_RIG_STEPS = 3000000 };

static int accept_link(void *host, unsigned port, struct smtpd *connection)
{
    return ftpd_accept(host, port, connection);
}

static void link_gone(void *host, const struct smtpd *connection)
{
    ftpd_gone(host, connection);
}

static void host_step(void *host)
{
    ftpd_step(host);
}

static int connect_data(void *user, uint16_t port, estls_io *io)
{
    ftp_rig *t = user;

    t->connects++;
    return world_connect(&t->r.w, 1, port, io) ? ESTLS_OK : ESTLS_E_NETWORK;
}

static void disconnect_data(void *user)
{
    ftp_rig *t = user;

    t->disconnects++;
    world_disconnect(&t->r.w, 1);
}

void ftp_rig_init(ftp_rig *t, int generation, const char *certificate)
{
    memset(t, 0, sizeof *t);
    rig_init(&t->r, generation, certificate);
    smtpd_sessions_init(&t->sessions);
    t->r.d.proto = estls_ftp;
    t->r.d.port = 21;
    t->r.d.mux = 1;
    t->r.server.sessions = &t->sessions;
    t->r.server.seed = (struct smtpd_blob){"ftp", 3};
    t->o.store = &t->store;
    t->o.demand_resumption = true;
    t->patience_ms = 600000;
    t->link_id = 1;
    t->host = (struct world_host){accept_link, link_gone, host_step, &t->ftpd};
    t->r.w.host = &t->host;
    t->account.user = "sensor";
    t->account.password = rig_secret;
    t->account.data = &t->data;
    t->account.connect = connect_data;
    t->account.disconnect = disconnect_data;
    t->account.user_data = t;
}

void ftp_rig_copy(ftp_rig *t)
{
    t->data = t->r.d;
    t->data.iobuf = t->data_iobuf;
    t->data.obuf = t->r.d.obuf ? t->data_obuf : NULL;
    t->data.link_id = t->link_id;
}

int ftp_rig_login(ftp_rig *t)
{
    int rc;

    t->o.control = t->r.server;
    ftpd_init(&t->ftpd, &t->o);
    rc = rig_connect(&t->r);
    if (rc) { return rc; }
    if (!t->data.iobuf) { ftp_rig_copy(t); }
    return ftp_rig_run(t, ftp_open(&t->f, &t->r.net, &t->account));
}

static size_t take(ftp_rig *t)
{
    const size_t room = sizeof t->got - t->got_len;
    const size_t want = t->piece && t->piece < room ? t->piece : room;
    const size_t n = ftp_read(&t->f, t->got + t->got_len, want);

    t->got_len += n;
    return n;
}

int ftp_rig_upload(ftp_rig *t, int rc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    const uint32_t t0 = t->r.w.now;
    long steps = FTP_RIG_STEPS;
    size_t n;

    t->got_len = 0;
    while (rc == ESTLS_BUSY && steps-- && t->r.w.now - t0 <= t->patience_ms) {
        n = t->piece && t->piece < len ? t->piece : len;
        n = ftp_write(&t->f, p, n);
        p += n;
        len -= n;
        n += take(t);
        if (!len) { ftp_end(&t->f); }
        rc = ftp_step(&t->f);
        if (rc == ESTLS_BUSY && !n) { world_idle(&t->r.w); }
    }
    return rc;
}

int ftp_rig_run(ftp_rig *t, int rc)
{
    return ftp_rig_upload(t, rc, "", 0);
}

int ftp_rig_put(ftp_rig *t, const char *path, const void *bytes, size_t len)
{
    return ftp_rig_upload(t, ftp_put(&t->f, path, 0), bytes, len);
}

int ftp_rig_get(ftp_rig *t, const char *path)
{
    return ftp_rig_run(t, ftp_get(&t->f, path, 0));
}

void ftp_rig_file(ftp_rig *t, const char *path, const void *bytes, size_t len)
{
    struct ftpd_file *file = ftpd_make(&t->store, path);

    bytes_truncate(&file->content, 0);
    bytes_append(&file->content, bytes, len);
}

int ftp_rig_has(ftp_rig *t, const char *path, const void *bytes, size_t len)
{
    const struct ftpd_file *file = ftpd_find(&t->store, path);

    return file && file->content.len == len &&
           (!len || memcmp(file->content.data, bytes, len) == 0);
}

int ftp_rig_close(ftp_rig *t)
{
    long steps = FTP_RIG_STEPS;

    while (ftp_close(&t->f) == ESTLS_BUSY && steps--) { world_idle(&t->r.w); }
    return rig_close(&t->r);
}

int ftp_rig_wiped(const ftp_rig *t)
{
    const br_ssl_client_context *a = &t->r.net.starttls.tls.client;
    const br_ssl_client_context *b = &t->f.data.starttls.tls.client;

    return rig_zero(a, sizeof *a) && rig_zero(b, sizeof *b) &&
           rig_zero(t->r.iobuf, sizeof t->r.iobuf) &&
           rig_zero(t->data_iobuf, sizeof t->data_iobuf) &&
           rig_zero(t->f.out, sizeof t->f.out);
}

void ftp_rig_end(ftp_rig *t)
{
    rig_end(&t->r);
    ftpd_free(&t->ftpd);
    ftpd_store_free(&t->store);
}
