#include "ftp.h"

enum {
    FTP_PBSZ,
    FTP_PROT,
    FTP_USER,
    FTP_PASS,
    FTP_TYPE,
    FTP_READY,
    FTP_SIZE,
    FTP_EPSV,
    FTP_PASV,
    FTP_REST,
    FTP_CONNECT,  /* the data link, up to TCP */
    FTP_TRANSFER, /* the command is sent */
    FTP_QUIT,
    FTP_DONE
};

enum { /* of the data link */
       FTP_LINK_NONE,
       FTP_LINK_CONNECT, /* without a modem: TCP */
       FTP_LINK_OPENING,
       FTP_LINK_OPEN,
       FTP_LINK_CUTTING, /* a modem's: no close_notify shall leave */
       FTP_LINK_CLOSING
};

#define FTP_TIMEOUT_MS 120000ul

enum {
    FTP_SETTLE_MS = 10000, /* for what the server says of a broken link */
    FTP_CUT_MS = 5000
};

/* -- commands -------------------------------------------------------------- */

static uint32_t now(const ftp *f)
{
    const estls_io *io = &f->control->starttls.d->uart;

    return io->tick(io->user);
}

/* All that is put here was measured before. */
static void put(ftp *f, const char *text)
{
    const size_t n = strlen(text);

    if (n <= sizeof f->out - f->len) {
        memcpy(f->out + f->len, text, n);
        f->len = (uint16_t)(f->len + n);
    }
}

static void put_number(ftp *f, uint64_t value)
{
    char text[21];
    char *p = text + sizeof text - 1;

    *p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put(f, p);
}

static void put_transfer(ftp *f)
{
    put(f, f->verb);
    if (f->path[0]) {
        put(f, " ");
        put(f, f->path);
    }
}

/* Takes up `state` and writes the line that it sends. */
static void enter(ftp *f, uint8_t state)
{
    const ftp_account *a = f->account;

    f->state = state;
    f->off = 0;
    f->len = 0;
    f->t0 = now(f);
    switch (state) {
    case FTP_PBSZ: put(f, "PBSZ 0"); break;
    case FTP_PROT: put(f, "PROT P"); break;
    case FTP_USER:
        put(f, "USER ");
        put(f, a->user ? a->user : "anonymous");
        break;
    case FTP_PASS:
        put(f, "PASS ");
        put(f, a->password ? a->password : "ftp@");
        break;
    case FTP_TYPE: put(f, "TYPE I"); break;
    case FTP_SIZE: put_transfer(f); break;
    case FTP_EPSV: put(f, "EPSV"); break;
    case FTP_PASV: put(f, "PASV"); break;
    case FTP_REST:
        put(f, "REST ");
        put_number(f, f->offset);
        break;
    case FTP_TRANSFER: put_transfer(f); break;
    case FTP_QUIT: put(f, "QUIT"); break;
    default: return;
    }
    put(f, "\r\n");
}

/* Sends what is composed. */
static int send_out(ftp *f)
{
    int n;

    if (f->off == f->len) { return 0; }
    n = estls_write(f->control, f->out + f->off, (size_t)(f->len - f->off));
    if (n > 0) {
        f->off = (uint16_t)(f->off + n);
        f->t0 = now(f);
    }
    if (f->off == f->len) { /* the password may have been here */
        memset(f->out, 0, sizeof f->out);
    }
    return n;
}

/* -- replies --------------------------------------------------------------- */

/* Takes bytes until a line ends: 1.  What is beyond the room is dropped, the
 * code is in front; so is what a terminal could take for a command. */
static int take_line(ftp *f)
{
    char c;
    int n;

    while ((n = estls_read(f->control, &c, 1)) > 0) {
        if (c == '\n') {
            f->reply[f->reply_len] = '\0';
            f->reply_len = 0;
            return 1;
        }
        if (c >= ' ' && c < 0x7f && f->reply_len + 1u < sizeof f->reply) {
            f->reply[f->reply_len++] = c;
        }
    }
    return n;
}

/* What is said to QUIT shall not replace the words that mattered. */
static int take_goodbye(ftp *f)
{
    char c = 0;
    int n = 1;

    while (n > 0 && c != '\n') { n = estls_read(f->control, &c, 1); }
    return n > 0 ? 221 : n;
}

/* The number that a reply begins with; 0: none. */
static uint16_t code_of(const char *line)
{
    unsigned code = 0;
    int i;

    for (i = 0; i < 3; i++) {
        if (line[i] < '0' || line[i] > '9') { return 0; }
        code = code * 10 + (unsigned)(line[i] - '0');
    }
    return (uint16_t)(line[0] < '6' ? code : 0);
}

/* The reply's code when its last line is there; 0: not yet.  RFC 959 4.2: of
 * several lines the last begins with the first one's code and a blank; the
 * others say what they like. */
static int take_reply(ftp *f)
{
    uint16_t code;
    int n;

    if (f->state == FTP_QUIT) { return take_goodbye(f); }
    n = take_line(f);
    if (n <= 0) { return n; }
    code = code_of(f->reply);
    if (f->code) {
        if (code != f->code || f->reply[3] == '-') { return 0; }
        if (f->reply[3] && f->reply[3] != ' ') { return 0; }
        f->code = 0;
        return code;
    }
    if (code < 100) { return ESTLS_E_PROTO; }
    if (f->reply[3] == '-') {
        f->code = code;
        return 0;
    }
    return f->reply[3] && f->reply[3] != ' ' ? (int)ESTLS_E_PROTO : (int)code;
}

/* -- the data link --------------------------------------------------------- */

/* Without a modem data gets its stream through these, so that it can be cut
 * under it. */
static int stream_read(void *user, void *dst, size_t cap)
{
    ftp *f = user;

    return f->cut ? (int)ESTLS_E_CLOSED
                  : f->stream.read(f->stream.user, dst, cap);
}

static int stream_write(void *user, const void *src, size_t len)
{
    ftp *f = user;

    return f->cut ? (int)ESTLS_E_CLOSED
                  : f->stream.write(f->stream.user, src, len);
}

static uint32_t stream_tick(void *user)
{
    return now(user);
}

static void disconnect(ftp *f)
{
    if (!f->cut) {
        f->cut = 1;
        if (f->account->disconnect) {
            f->account->disconnect(f->account->user_data);
        }
    }
}

/* Ends the link so that the server cannot take what it got for all of it:
 * without close_notify. */
static void cut_link(ftp *f)
{
    if (f->link <= FTP_LINK_CONNECT) {
        disconnect(f);
        f->link = FTP_LINK_NONE;
    } else if (f->link <= FTP_LINK_OPEN) {
        if (f->account->data->no_modem) { disconnect(f); }
        f->link = f->link == FTP_LINK_OPEN && f->data.modem ? FTP_LINK_CUTTING
                                                            : FTP_LINK_CLOSING;
        f->t0 = now(f);
    }
}

static void break_link(ftp *f, int rc)
{
    if (!f->data_rc) { f->data_rc = (int8_t)rc; }
    cut_link(f);
}

static void connect_link(ftp *f)
{
    const ftp_account *a = f->account;
    estls_desc *d = a->data;
    int rc = ESTLS_OK;

    if (d->no_modem) {
        f->cut = 0;
        rc = a->connect(a->user_data, d->connect_port, &f->stream);
        if (rc == ESTLS_BUSY) { return; }
        d->uart.read = stream_read;
        d->uart.write = stream_write;
        d->uart.tick = stream_tick;
        d->uart.user = f;
    }
    rc = rc ? rc : estls_open_data(&f->data, d, f->control);
    if (rc == ESTLS_BUSY) {
        f->link = FTP_LINK_OPENING;
    } else {
        f->data_rc = (int8_t)rc;
        f->link = FTP_LINK_NONE;
        if (d->no_modem) { disconnect(f); }
    }
}

/* TCP is there, and the command may be given. */
static int is_dialled(const ftp *f)
{
    estls_report report;

    if (f->link == FTP_LINK_OPEN) { return 1; }
    if (f->link != FTP_LINK_OPENING) { return 0; }
    estls_info(&f->data, &report);
    return strcmp(report.doing, "handshake") == 0;
}

static void open_link(ftp *f)
{
    estls_report report;
    const int rc = estls_step(&f->data);

    if (rc < 0) {
        break_link(f, rc);
    } else if (rc == ESTLS_OK) {
        estls_info(&f->data, &report);
        f->opened = 1;
        f->resumed = report.resumed;
        f->link = FTP_LINK_OPEN;
        f->t0 = now(f);
        if (!report.resumed && !f->account->new_sessions) {
            break_link(f, ESTLS_E_TRUST);
        }
    }
}

/* Sends what was written; and reads, because the server may end the link, and
 * in push mode that must not stay in the modem. */
static void serve_upload(ftp *f)
{
    char byte;
    int n;

    if (f->ended && f->begun) {
        n = estls_step(&f->data); /* closing has a short deadline */
        if (n == ESTLS_OK) { f->link = FTP_LINK_CLOSING; }
        if (n < 0) { break_link(f, n); }
        if (n != ESTLS_BUSY) { return; }
    }
    n = estls_read(&f->data, &byte, 1);
    if (n) { break_link(f, n < 0 ? n : (int)ESTLS_E_PROTO); }
}

static void cut_modem_link(ftp *f)
{
    (void)estls_link_step(f->data.modem);
    if (estls_link_hangup(f->data.modem, f->account->data->link_id) !=
            ESTLS_BUSY ||
        (uint32_t)(now(f) - f->t0) >= FTP_CUT_MS) {
        f->link = FTP_LINK_CLOSING;
    }
}

static void close_link(ftp *f)
{
    const int rc = estls_close(&f->data);

    if (rc == ESTLS_BUSY) { return; }
    if (rc && !f->data_rc) { f->data_rc = (int8_t)rc; }
    if (f->account->data->no_modem) { disconnect(f); }
    f->link = FTP_LINK_NONE;
    f->t0 = now(f);
}

static void serve_link(ftp *f)
{
    switch (f->link) {
    case FTP_LINK_CONNECT: connect_link(f); break;
    case FTP_LINK_OPENING: open_link(f); break;
    case FTP_LINK_OPEN:
        if (f->upload) { serve_upload(f); }
        break;
    case FTP_LINK_CUTTING: cut_modem_link(f); break;
    case FTP_LINK_CLOSING: close_link(f); break;
    default: break;
    }
}

/* -- the course ------------------------------------------------------------ */

/* Nothing is sure any more. */
static int fail(ftp *f, int rc)
{
    f->err = (int8_t)rc;
    f->rc = (int8_t)rc;
    f->state = FTP_DONE;
    memset(f->out, 0, sizeof f->out);
    return rc;
}

/* What was under way is over, and the next may come. */
static int finish(ftp *f, int rc)
{
    f->rc = (int8_t)rc;
    f->state = FTP_READY;
    return rc;
}

/* What a refusal explains, and what it must not hide. */
static int of_server(int rc)
{
    return rc == ESTLS_OK || rc == ESTLS_E_CLOSED || rc == ESTLS_E_TRUNCATED ||
           rc == ESTLS_E_NETWORK;
}

static int verdict(const ftp *f)
{
    if (f->final >= 400 && of_server(f->data_rc)) { return ESTLS_E_REFUSED; }
    return f->data_rc;
}

/* RFC 959 5.4: 1yz once, then the end.  The end of an upload before its own
 * end is none. */
static int judge_transfer(ftp *f, int code)
{
    if (code < 200 && !f->begun && !f->final) {
        f->begun = 1;
        f->rested = 0;
        f->t0 = now(f);
    } else if (code >= 400 && !f->final) {
        f->final = (uint16_t)code;
        cut_link(f);
    } else if ((code == 226 || code == 250) && f->begun && !f->final &&
               !(f->upload &&
                 (f->link == FTP_LINK_OPENING || f->link == FTP_LINK_OPEN))) {
        f->final = (uint16_t)code;
    } else {
        return fail(f, ESTLS_E_PROTO);
    }
    return ESTLS_BUSY;
}

/* "213 12345" */
static int judge_size(ftp *f)
{
    const char *p = f->reply + 4;
    uint64_t size = 0;

    if (!f->reply[3]) { return fail(f, ESTLS_E_PROTO); }
    for (; *p >= '0' && *p <= '9' && size < UINT64_MAX / 10; p++) {
        size = size * 10 + (uint64_t)(*p - '0');
    }
    if (p == f->reply + 4 || (*p && *p != ' ')) {
        return fail(f, ESTLS_E_PROTO);
    }
    f->size = size;
    return finish(f, ESTLS_OK);
}

/* Where the server listens; the host in it is passed over. */
static int judge_port(ftp *f)
{
    const int rc = estls_ftp_port(f->reply, strlen(f->reply),
                                  &f->account->data->connect_port);

    if (rc) { return fail(f, rc); }
    if (f->offset || f->rested) {
        enter(f, FTP_REST);
    } else {
        enter(f, FTP_CONNECT);
        f->link = FTP_LINK_CONNECT;
    }
    return ESTLS_BUSY;
}

static int judge_user(ftp *f, int code)
{
    enter(f, code == 331 ? FTP_PASS : FTP_TYPE);
    return ESTLS_BUSY;
}

static int is_expected(uint8_t state, int code)
{
    static const int16_t codes[] = {200, 200, 230, 230, 200,
                                    0,   213, 229, 227, 350};

    return code == codes[state] || (state == FTP_USER && code == 331) ||
           (state == FTP_PASS && code == 202);
}

/* A refusal in the login, PROT P above all, ends the session; later it leaves
 * both sides in step. */
static int refuse(ftp *f, int code)
{
    if (code < 400 && code != 332) { return fail(f, ESTLS_E_PROTO); }
    if (f->state < FTP_READY) { return fail(f, ESTLS_E_REFUSED); }
    if (f->state == FTP_EPSV && code >= 500) {
        f->pasv = 1;
        enter(f, FTP_PASV);
        return ESTLS_BUSY;
    }
    return finish(f, ESTLS_E_REFUSED);
}

static int judge(ftp *f, int code)
{
    if (f->state == FTP_QUIT) {
        f->state = FTP_DONE;
        return ESTLS_BUSY;
    }
    if (code == 421) { return fail(f, ESTLS_E_REFUSED); }
    if (f->state == FTP_TRANSFER) { return judge_transfer(f, code); }
    if (f->state == FTP_READY || f->state == FTP_CONNECT) {
        return fail(f, ESTLS_E_PROTO); /* nobody had asked */
    }
    if (!is_expected(f->state, code)) { return refuse(f, code); }
    switch (f->state) {
    case FTP_USER: return judge_user(f, code);
    case FTP_PASS: enter(f, FTP_TYPE); break;
    case FTP_TYPE: return finish(f, ESTLS_OK);
    case FTP_SIZE: return judge_size(f);
    case FTP_EPSV:
    case FTP_PASV: return judge_port(f);
    case FTP_REST:
        f->rested = 1;
        enter(f, FTP_CONNECT);
        f->link = FTP_LINK_CONNECT;
        break;
    default: enter(f, (uint8_t)(f->state + 1)); break;
    }
    return ESTLS_BUSY;
}

/* Are we through with both, the link and the replies? */
static int settle(ftp *f)
{
    if (f->state == FTP_CONNECT) {
        if (f->link == FTP_LINK_NONE) { return finish(f, f->data_rc); }
        if (is_dialled(f)) { enter(f, FTP_TRANSFER); }
    } else if (f->state == FTP_TRANSFER && f->final &&
               f->link == FTP_LINK_NONE) {
        return finish(f, verdict(f));
    }
    return ESTLS_BUSY;
}

/* The sessions watch their own steps.  Here it is the server who lets us wait;
 * the caller may. */
static int timed_out(const ftp *f)
{
    const uint32_t set = f->account->data->timeout_ms;
    uint32_t limit = set ? set : FTP_TIMEOUT_MS;

    if (f->state == FTP_READY || f->link == FTP_LINK_OPENING ||
        f->link > FTP_LINK_OPEN ||
        (f->link == FTP_LINK_OPEN && f->upload && f->begun)) {
        return 0;
    }
    if ((f->data_rc || f->state == FTP_QUIT) && limit > FTP_SETTLE_MS) {
        limit = FTP_SETTLE_MS;
    }
    return (uint32_t)(now(f) - f->t0) >= limit;
}

/* Control is read all the time: in push mode the modem waits for it. */
static int advance(ftp *f)
{
    int code = take_reply(f);

    if (code > 0 && f->off != f->len) { /* it does not hear us out */
        code = code < 400 ? (int)ESTLS_E_PROTO : (int)ESTLS_E_REFUSED;
    } else if (code > 0) {
        code = judge(f, code);
    } else if (code == 0) {
        code = send_out(f);
    }
    if (f->state == FTP_READY) { return f->rc; }
    if (code < 0) { return fail(f, code); }
    serve_link(f);
    code = settle(f);
    if (code == ESTLS_BUSY && timed_out(f)) {
        return fail(f, f->data_rc ? f->data_rc : (int)ESTLS_E_TIMEOUT);
    }
    return code;
}

/* As long as bytes leave, nobody else is listened to: what the server has to
 * say can wait, and in push mode it makes them stop. */
static int move(ftp *f)
{
    const int rc = estls_step(&f->data);

    f->moving = 0;
    if (rc < 0) { break_link(f, rc); }
    return ESTLS_BUSY;
}

int ftp_step(ftp *f)
{
    if (f->err || f->state == FTP_DONE) { return f->rc; }
    if (f->moving) { return move(f); }
    if (f->state == FTP_READY) {
        /* nothing but a goodbye can come */
        const int code = take_reply(f);
        if (code < 0) { return fail(f, code); }
        return code ? judge(f, code) : f->rc;
    }
    return advance(f);
}

/* -- the caller's side ----------------------------------------------------- */

/* What can be a word of a command: no control character, and no 0xFF, which
 * is an escape in Telnet. */
static int is_text(const char *text, size_t max)
{
    const char *p = text;

    while ((uint8_t)*p >= ' ' && *p != 0x7f && (uint8_t)*p != 0xff) { p++; }
    return !*p && p != text && (size_t)(p - text) <= max;
}

int ftp_open(ftp *f, estls *control, const ftp_account *account)
{
    const size_t max = sizeof f->out - 10;
    estls_report report;

    memset(f, 0, sizeof *f);
    if (!control || !account->data ||
        (account->user && !is_text(account->user, max)) ||
        (account->password && *account->password &&
         !is_text(account->password, max)) ||
        (account->data->no_modem && !account->connect)) {
        f->state = FTP_DONE;
        f->rc = ESTLS_E_ARG;
        return ESTLS_E_ARG;
    }
    estls_info(control, &report);
    if (strcmp(report.doing, "open") != 0) {
        f->state = FTP_DONE;
        f->rc = ESTLS_E_STATE;
        return ESTLS_E_STATE;
    }
    f->account = account;
    f->control = control;
    f->cut = 1;
    enter(f, FTP_PBSZ);
    return ESTLS_BUSY;
}

static int start(ftp *f, const char *verb, const char *path, uint64_t offset)
{
    if (f->err || f->state == FTP_DONE) {
        return f->rc ? f->rc : (int)ESTLS_E_STATE;
    }
    if (f->state != FTP_READY) { return ESTLS_E_STATE; }
    if (path && !is_text(path, sizeof f->path - 10)) { return ESTLS_E_ARG; }
    memset(f->path, 0, sizeof f->path);
    if (path) { memcpy(f->path, path, strlen(path)); }
    memcpy(f->verb, verb, sizeof f->verb);
    f->offset = offset;
    f->upload = verb[0] == 'S' || verb[0] == 'A';
    f->begun = 0;
    f->ended = 0;
    f->final = 0;
    f->data_rc = 0;
    f->opened = 0;
    f->resumed = 0;
    f->cut = 1;
    f->reply[0] = '\0';
    enter(f, verb[1] == 'I' && verb[0] == 'S' ? FTP_SIZE
             : f->pasv                        ? FTP_PASV
                                              : FTP_EPSV);
    return ESTLS_BUSY;
}

int ftp_put(ftp *f, const char *path, uint64_t offset)
{
    return path ? start(f, "STOR", path, offset) : (int)ESTLS_E_ARG;
}

int ftp_append(ftp *f, const char *path)
{
    return path ? start(f, "APPE", path, 0) : (int)ESTLS_E_ARG;
}

int ftp_get(ftp *f, const char *path, uint64_t offset)
{
    return path ? start(f, "RETR", path, offset) : (int)ESTLS_E_ARG;
}

/* A path that begins with '-' would be options to most servers. */
int ftp_list(ftp *f, const char *path, int names)
{
    if (path && *path == '-') { return ESTLS_E_ARG; }
    return start(f, names ? "NLST" : "LIST", path, 0);
}

int ftp_size(ftp *f, const char *path)
{
    return path ? start(f, "SIZE", path, 0) : (int)ESTLS_E_ARG;
}

size_t ftp_write(ftp *f, const void *src, size_t len)
{
    int n;

    if (f->state != FTP_TRANSFER || f->link != FTP_LINK_OPEN || !f->upload ||
        !f->begun || f->ended) {
        return 0;
    }
    n = estls_write(&f->data, src, len);
    if (n < 0) { break_link(f, n); }
    f->moving = n > 0;
    return n > 0 ? (size_t)n : 0;
}

void ftp_end(ftp *f)
{
    f->ended = 1;
}

size_t ftp_read(ftp *f, void *dst, size_t cap)
{
    int n;

    if (f->state != FTP_TRANSFER || f->link != FTP_LINK_OPEN || f->upload) {
        return 0;
    }
    n = estls_read(&f->data, dst, cap);
    if (n == ESTLS_E_CLOSED) { /* close_notify: that was all */
        f->link = FTP_LINK_CLOSING;
    } else if (n < 0) {
        break_link(f, n);
    } else if (n > 0) {
        f->t0 = now(f);
    }
    return n > 0 ? (size_t)n : 0;
}

int ftp_close(ftp *f)
{
    if (!f->control) { return f->rc; }
    if (f->state < FTP_QUIT && f->state != FTP_READY) {
        (void)fail(f, ESTLS_E_STATE);
    }
    if (f->link != FTP_LINK_NONE) {
        if (f->link <= FTP_LINK_OPEN) { cut_link(f); }
        serve_link(f);
        return ESTLS_BUSY;
    }
    if (f->state == FTP_READY) { enter(f, FTP_QUIT); }
    if (f->state == FTP_QUIT) {
        if (advance(f) == ESTLS_BUSY && f->state == FTP_QUIT) {
            return ESTLS_BUSY;
        }
        f->err = 0; /* what happens to QUIT changes nothing */
    }
    memset(f->out, 0, sizeof f->out);
    f->state = FTP_DONE;
    return f->err;
}
