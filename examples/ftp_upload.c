/* ftp_upload.c - moves files by FTP through an AT modem, inside TLS.
 *
 *     cc -std=c11 -O2 examples/{ftp_upload,ftp,desktop,wire,trace,pem}.c \
 *        -lbearssl -o ftp_upload
 */
#define _DEFAULT_SOURCE
#include "desktop.h"
#include "ftp.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPT_GET = 1024,
    OPT_LIST,
    OPT_TO,
    OPT_RESUME,
    OPT_USER,
    OPT_DATA_IOBUF,
    OPT_NEW_SESSIONS
};

enum { NAMES = 1000, BAR = 30, REDRAW_MS = 200 };

/* The longest path that ftp.h takes. */
enum { PATH_CAP = 470 };

/* Behind a download's name until all of it is there. */
#define PART ".estls-part"

/* One file on its way. */
typedef struct job {
    const char *name; /* for the progress bar */
    int fd;
    int why;       /* errno of what made it bad */
    uint8_t end;   /* of the file that is read */
    uint8_t bad;   /* 1: the local file cannot be read or written */
    uint8_t stale; /* 1: what is in it is not wanted */
    uint8_t lead;  /* of a list: the first byte of a UTF-8 character ... */
    uint8_t due;   /* ... of which so many are still to come */
    uint64_t done; /* bytes from the beginning of the file */
    uint64_t from; /* where this transfer began */
    uint64_t size; /* 0: not known */
    uint32_t t0;
    uint32_t drawn;
    size_t len;
    size_t off;
    char bytes[16384];
} job;

typedef struct program {
    desktop desktop;
    uint8_t get;
    uint8_t list;
    uint8_t resume;
    uint8_t bar;      /* 1: show one */
    uint8_t bad_file; /* 1: a local one */
    uint16_t data_cap;
    const char *to;
    size_t count;
    const char *names[NAMES];
    ftp_account account;
    ftp ftp;
    job job;
    /* for data links */
    estls_desc data;
    wire wire;
    unsigned links;
    unsigned resumed;
    uint64_t bytes;
    uint8_t iobuf[32767];
} program;

/* -- command line ---------------------------------------------------------- */

static const struct argp_option options[] = {
    {0, 0, 0, 0, "What to do (upload each NAME, a local file):", 1},
    {"get", OPT_GET, 0, 0, "Download each NAME, a file at the server", 1},
    {"list", OPT_LIST, 0, 0, "List each NAME, a directory at the server", 1},
    {"to", OPT_TO, "PATH", 0,
     "Where the file goes, or with a slash at the end, the directory", 1},
    {"resume", OPT_RESUME, 0, 0,
     "Go on with what was interrupted; a download is in NAME" PART
     " until it is whole",
     1},
    {"user", OPT_USER, "USER", 0,
     "Log in; the password is taken from ESTLS_FTP_PASSWORD (anonymous)", 1},
    {"data-iobuf", OPT_DATA_IOBUF, "BYTES", 0,
     "Record memory of data links, as --iobuf (16709)", 1},
    {"new-sessions", OPT_NEW_SESSIONS, 0, 0,
     "Take data links that do not resume the control link's TLS session: they "
     "are verified, but may be another user's",
     1},
    {0}};

static int is_path(const char *text)
{
    const char *p = text;

    while ((uint8_t)*p >= ' ' && *p != 0x7f && (uint8_t)*p != 0xff) { p++; }
    return !*p && p != text;
}

static const char *base(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

static const char *path(const char *text, struct argp_state *state)
{
    if (!is_path(text)) {
        argp_error(state, "a path must not be empty, or have a line end or "
                          "another control character in it");
    }
    return text;
}

static void add_name(program *p, const char *arg, struct argp_state *state)
{
    if (p->count == NAMES) { argp_error(state, "more than %d names", NAMES); }
    p->names[p->count++] = path(arg, state);
}

static uint16_t data_cap(const char *arg, struct argp_state *state)
{
    char *end;
    const long n = strtol(arg, &end, 10);

    if (*end || n < ESTLS_IOBUF_MIN || n > 32767) {
        argp_error(state, "%s is not a number from %d to 32767", arg,
                   (int)ESTLS_IOBUF_MIN);
    }
    return (uint16_t)n;
}

static int is_folder(const char *to)
{
    return to && to[strlen(to) - 1] == '/';
}

/* One would replace the other. */
static void check_bases(const program *p, struct argp_state *state)
{
    size_t i;
    size_t k;

    for (i = 1; i < p->count; i++) {
        for (k = 0; k < i; k++) {
            if (strcmp(base(p->names[i]), base(p->names[k])) == 0) {
                argp_error(state, "%s and %s would be one file, %s",
                           p->names[k], p->names[i], base(p->names[i]));
            }
        }
    }
}

/* What the server is told. */
static void check_path(const program *p, const char *name,
                       struct argp_state *state)
{
    const int whole = p->get || p->list;
    size_t n = strlen(whole ? name : base(name));

    if (p->list && *name == '-') {
        argp_error(state,
                   "a directory to list must not begin with '-', as "
                   "options do: ./%s",
                   name);
    }
    if (!whole && p->to) { n = strlen(p->to) + (is_folder(p->to) ? n : 0); }
    if (n > PATH_CAP) {
        argp_error(state, "a path at the server has %d bytes at most, not %zu",
                   (int)PATH_CAP, n);
    }
}

static void check_names(const program *p, struct argp_state *state)
{
    size_t i;

    if (!p->count && !p->list) { argp_error(state, "which NAME?"); }
    if (p->count > 1 && p->to && !is_folder(p->to)) {
        argp_error(state, "several files go to a directory: --to %s/", p->to);
    }
    if (!p->list) { check_bases(p, state); }
    for (i = 0; i < p->count; i++) { check_path(p, p->names[i], state); }
}

static void check_options(program *p, struct argp_state *state)
{
    if (p->desktop.desc.proto != estls_ftp) {
        argp_error(state, "--proto can be nothing but ftp");
    }
    if (p->get && p->list) { argp_error(state, "either --get or --list"); }
    if (p->list && (p->resume || p->to)) {
        argp_error(state, "a list can not be resumed, or stored");
    }
    check_names(p, state);
    if (p->account.user && !p->account.password) {
        argp_error(state, "--user needs ESTLS_FTP_PASSWORD in the "
                          "environment");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &p->desktop; return 0;
    case OPT_GET: p->get = 1; return 0;
    case OPT_LIST: p->list = 1; return 0;
    case OPT_TO: p->to = path(arg, state); return 0;
    case OPT_RESUME: p->resume = 1; return 0;
    case OPT_USER:
        p->account.user = path(arg, state);
        p->account.password = getenv("ESTLS_FTP_PASSWORD");
        return 0;
    case OPT_DATA_IOBUF: p->data_cap = data_cap(arg, state); return 0;
    case OPT_NEW_SESSIONS: p->account.new_sessions = 1; return 0;
    case ARGP_KEY_ARG:
        if (!p->desktop.desc.host) { return ARGP_ERR_UNKNOWN; }
        add_name(p, arg, state);
        return 0;
    case ARGP_KEY_END: check_options(p, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* desktop_argp, whose only argument is one of ours, and what is different
 * here: FTP is all that is spoken, and on two links. */
static struct argp wire_argp;
static struct argp_option wire_options[64];

static void adapt_options(void)
{
    const struct argp_option *from = desktop_argp.options;
    size_t i = 0;

    for (; from->name || from->doc; from++) {
        struct argp_option *o = &wire_options[i++];

        *o = *from;
        if (!o->name) { continue; }
        if (strcmp(o->name, "proto") == 0 || strcmp(o->name, "name") == 0) {
            o->flags |= OPTION_HIDDEN;
        } else if (strcmp(o->name, "mux") == 0) {
            o->doc = "Control is on link ID, data on the next: ID + 1, or 0 "
                     "for 4 (0)";
        }
    }
    wire_argp = desktop_argp;
    wire_argp.options = wire_options;
    wire_argp.args_doc = NULL;
}

static const struct argp_child children[] = {{&wire_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    options,
    parse,
    "HOST[:PORT] NAME...\n--list HOST[:PORT] [NAME...]",
    "Upload files to the FTP server HOST, or download them, through an ESP-AT "
    "modem. PORT is 21 if there is none, and TLS begins after AUTH TLS. "
    "Control link and data links are in TLS, or there are none. Files "
    "that are there are replaced, local ones only by all of the new one."
    "\v"
    "Examples:\n"
    "  ftp_upload --serial /dev/ttyUSB0 --join attic --ca roots.pem \\\n"
    "             --user me --to logs/ ftp.example.org today.log\n"
    "  ftp_upload --tcp --ca roots.pem --get ftp.example.org pub/map.png\n"
    "\n" DESKTOP_STATUS
    "1 as well: the server has more of a file than there is "
    "here, or another program is downloading it.\n",
    children,
    0,
    0};

/* -- progress -------------------------------------------------------------- */

static void draw(program *p)
{
    const job *j = &p->job;
    const uint32_t ms = wire_tick(NULL) - j->t0;
    const uint64_t rate = (j->done - j->from) * 1000 / (ms ? ms : 1);
    const uint64_t done = j->done < j->size ? j->done : j->size;
    const int part = j->size ? (int)(done * BAR / j->size) : 0;

    if (j->size) {
        (void)fprintf(stderr, "\r%.40s [%.*s%*s] %3d%% %llu kB, %llu kB/s  ",
                      j->name, part, "##############################",
                      BAR - part, "", (int)(done * 100 / j->size),
                      (unsigned long long)(j->done / 1000),
                      (unsigned long long)(rate / 1000));
    } else {
        (void)fprintf(stderr, "\r%.40s %llu kB, %llu kB/s  ", j->name,
                      (unsigned long long)(j->done / 1000),
                      (unsigned long long)(rate / 1000));
    }
}

static void progress(program *p)
{
    const uint32_t now = wire_tick(NULL);

    if (p->bar && now - p->job.drawn >= REDRAW_MS) {
        p->job.drawn = now;
        draw(p);
    }
}

static void progress_end(program *p)
{
    if (p->bar) {
        draw(p);
        (void)fputc('\n', stderr);
    }
}

/* -- data links without a modem -------------------------------------------- */

/* The host that control is with, not what its name may mean by now. */
static const char *same_host(program *p, char *text, size_t cap)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    struct sockaddr *address = (struct sockaddr *)(void *)&peer;

    if (getpeername(p->desktop.wire.fd, address, &n) ||
        getnameinfo(address, n, text, (socklen_t)cap, NULL, 0,
                    NI_NUMERICHOST)) {
        return NULL;
    }
    return text;
}

static int connect_data(void *user, uint16_t port, estls_io *io)
{
    program *p = user;
    char host[NI_MAXHOST];
    const uint32_t timeout = p->data.timeout_ms;

    if (!same_host(p, host, sizeof host)) { return ESTLS_E_NETWORK; }
    *io = (estls_io){wire_read, wire_write, wire_tick, &p->wire};
    return wire_open_tcp(&p->wire, host, port, timeout ? timeout : 120000);
}

static void disconnect_data(void *user)
{
    program *p = user;

    wire_close(&p->wire);
}

/* -- one transfer ---------------------------------------------------------- */

/* errno is another's before anybody asks for it. */
static void spoil(job *j)
{
    j->bad = 1;
    j->why = errno;
}

/* Takes up to `size` bytes of the local file on their way: 1, some moved. */
static int move_up(program *p)
{
    job *j = &p->job;
    size_t n;
    ssize_t got;

    if (j->off == j->len && !j->end && !j->bad) {
        got = read(j->fd, j->bytes, sizeof j->bytes);
        if (got < 0) { spoil(j); }
        j->end = got == 0;
        j->off = 0;
        j->len = got > 0 ? (size_t)got : 0;
    }
    if (j->end && !j->bad) { ftp_end(&p->ftp); }
    n = ftp_write(&p->ftp, j->bytes + j->off, j->len - j->off);
    j->off += n;
    j->done += n;
    return n > 0;
}

static int write_all(int fd, const char *bytes, size_t n)
{
    ssize_t k = 0;

    while (n && k >= 0) {
        k = write(fd, bytes, n);
        bytes += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
        if (k < 0 && errno == EINTR) { k = 0; }
    }
    return n ? -1 : 0;
}

/* The first byte of the new content is the end of the old one. */
static int keep_fresh(job *j)
{
    if (j->stale && (ftruncate(j->fd, 0) || lseek(j->fd, 0, SEEK_SET))) {
        return -1;
    }
    j->stale = 0;
    return 0;
}

static int move_down(program *p)
{
    job *j = &p->job;
    const size_t n = ftp_read(&p->ftp, j->bytes, sizeof j->bytes);

    if (n && (keep_fresh(j) || write_all(j->fd, j->bytes, n))) { spoil(j); }
    j->done += n;
    return n > 0;
}

/* What a terminal could take for a command is not shown: control characters,
 * and those from U+0080 to U+009F, in UTF-8 and by themselves. */
static int shown(job *j, char c)
{
    const uint8_t b = (uint8_t)c;
    const int rest = j->due && (b & 0xc0) == 0x80; /* of a character */
    int ok = b < ' ' ? b == '\n' || b == '\t' : b != 0x7f;

    if ((b & 0xe0) == 0x80) { ok = rest && j->lead != 0xc2; }
    if (rest) {
        j->due--;
    } else {
        j->lead = b;
        j->due = (uint8_t)((b >= 0xc2) + (b >= 0xe0) + (b >= 0xf0));
    }
    return ok ? c : '?';
}

static int move_list(program *p)
{
    char *bytes = p->job.bytes;
    const size_t n = ftp_read(&p->ftp, bytes, sizeof p->job.bytes);
    size_t i;

    for (i = 0; i < n; i++) {
        if (bytes[i] != '\r') { (void)putchar(shown(&p->job, bytes[i])); }
    }
    p->job.done += n;
    return n > 0;
}

/* Steps what has begun, to its end; BUSY: somebody wants to stop. */
static int run(program *p, int rc, int (*move)(program *))
{
    while (rc == ESTLS_BUSY && !desktop_interrupted() && !p->job.bad) {
        const int moved = move ? move(p) : 0;

        rc = ftp_step(&p->ftp);
        if (move && move != move_list) { progress(p); }
        if (!moved && rc == ESTLS_BUSY) {
            (void)desktop_wait(&p->desktop, p->wire.fd);
        }
    }
    return rc;
}

static int transfer(program *p, int rc, int (*move)(program *))
{
    job *j = &p->job;
    const uint64_t from = j->done;

    j->from = from;
    j->t0 = wire_tick(NULL);
    j->end = 0;
    j->len = 0;
    j->off = 0;
    rc = run(p, rc, move);
    if (move != move_list && j->done != from) { progress_end(p); }
    p->bytes += j->done - from;
    p->links += p->ftp.opened;
    p->resumed += p->ftp.resumed;
    return rc;
}

static void say_why(program *p, const char *name, int rc)
{
    if (rc == ESTLS_E_REFUSED) {
        warnx("%s: the server said: %s", name, p->ftp.reply);
    } else if (rc == ESTLS_E_TRUST && p->ftp.opened && !p->ftp.resumed) {
        warnx("%s: the server did not resume the TLS session of the control "
              "link on the data link, which could be somebody else's; see "
              "--new-sessions",
              name);
    } else if (rc < 0) {
        warnx("%s: it is not complete", name);
    }
}

/* 1: it was refused as such, so that another way may do.  What may be better
 * later is not: all of it, anew, would cut what is there. */
static int other_way(const program *p, int rc)
{
    static const char codes[] = "451 500 501 502 503 504 550 551 553 554 ";
    char code[5] = "";

    (void)snprintf(code, sizeof code, "%.3s ", p->ftp.reply);
    return rc == ESTLS_E_REFUSED && p->job.done == p->job.from && !p->ftp.err &&
           strlen(code) == 4 && strstr(codes, code);
}

/* -- names ----------------------------------------------------------------- */

static char *join(const char *a, const char *b)
{
    const size_t cap = strlen(a) + strlen(b) + 1;
    char *text = malloc(cap);

    if (!text) { err(DESKTOP_FILE, "%s", a); }
    (void)snprintf(text, cap, "%s%s", a, b);
    return text;
}

/* Where the file goes. */
static char *target(const program *p, const char *name)
{
    if (!p->to) { return join("", base(name)); }
    return join(p->to, is_folder(p->to) ? base(name) : "");
}

static int bad_file(program *p, const char *name)
{
    errno = p->job.why ? p->job.why : errno;
    warn("%s", name);
    p->bad_file = 1;
    return ESTLS_OK;
}

/* -- upload ---------------------------------------------------------------- */

static int seek(program *p, uint64_t offset)
{
    p->job.done = offset;
    return lseek(p->job.fd, (off_t)offset, SEEK_SET) < 0;
}

/* How much of it the server has; 0 too if it has none, or does not tell, but
 * not if it may tell later. */
static int size_there(program *p, const char *remote, uint64_t *size)
{
    const int rc = run(p, ftp_size(&p->ftp, remote), NULL);

    *size = rc == ESTLS_OK ? p->ftp.size : 0;
    if (p->resume && !p->get && rc && !other_way(p, rc)) { return rc; }
    if (rc == ESTLS_E_REFUSED && p->resume &&
        strncmp(p->ftp.reply, "550", 3) != 0) {
        warnx("%s: the server does not tell its size (%s)", remote,
              p->ftp.reply);
    }
    return rc == ESTLS_E_REFUSED && !p->ftp.err ? (int)ESTLS_OK : rc;
}

/* Behind what is there: REST, or else APPE, or else all of it. */
static int upload_rest(program *p, const char *remote, uint64_t offset)
{
    int rc;

    rc = transfer(p, ftp_put(&p->ftp, remote, offset), move_up);
    if (other_way(p, rc)) {
        warnx("%s: the server does not go on at an offset (%s): appending",
              remote, p->ftp.reply);
        if (seek(p, offset)) { return bad_file(p, p->job.name); }
        rc = transfer(p, ftp_append(&p->ftp, remote), move_up);
    }
    if (other_way(p, rc)) {
        warnx("%s: the server does not append (%s): sending all of it", remote,
              p->ftp.reply);
        if (seek(p, 0)) { return bad_file(p, p->job.name); }
        rc = transfer(p, ftp_put(&p->ftp, remote, 0), move_up);
    }
    return rc;
}

/* Of what was sent: the file may have grown since. */
static int check_size(program *p, const char *remote)
{
    uint64_t there = 0;
    const int rc = size_there(p, remote, &there);

    if (rc || there == p->job.done) { return rc; }
    warnx("%s: the server has %llu bytes now, not %llu: upload it again "
          "without --resume",
          remote, (unsigned long long)there, (unsigned long long)p->job.done);
    return ESTLS_E_PROTO;
}

static int upload_to(program *p, const char *remote)
{
    uint64_t there = 0;
    int rc = p->resume ? size_there(p, remote, &there) : (int)ESTLS_OK;

    if (rc) { return rc; }
    if (there > p->job.size) {
        warnx("%s: the server has more of it already than there is", remote);
        p->bad_file = 1;
        return ESTLS_OK;
    }
    if (there && there == p->job.size) {
        (void)printf("%s: is there\n", remote);
        return ESTLS_OK;
    }
    if (seek(p, there)) { return bad_file(p, p->job.name); }
    rc = there ? upload_rest(p, remote, there)
               : transfer(p, ftp_put(&p->ftp, remote, 0), move_up);
    if (p->job.bad) { return bad_file(p, p->job.name); }
    return rc == ESTLS_OK && there ? check_size(p, remote) : rc;
}

static int upload(program *p, const char *name)
{
    job *j = &p->job;
    char *remote = target(p, name);
    struct stat st;
    int rc;

    memset(j, 0, sizeof *j);
    j->name = name;
    j->fd = open(name, O_RDONLY | O_CLOEXEC);
    if (j->fd < 0 || fstat(j->fd, &st)) {
        rc = bad_file(p, name);
    } else {
        j->size = (uint64_t)st.st_size;
        rc = upload_to(p, remote);
        if (rc == ESTLS_OK && !p->bad_file) {
            (void)printf("%s: %llu bytes sent\n", remote,
                         (unsigned long long)(j->done - j->from));
        }
        say_why(p, remote, rc);
    }
    if (j->fd >= 0) { (void)close(j->fd); }
    free(remote);
    return rc;
}

/* -- download -------------------------------------------------------------- */

/* Nobody else writes into it; the other one, which has just ended, may have
 * renamed it, or taken it away. */
static int lock_part(const job *j, const char *part)
{
    struct stat ours;
    struct stat named;

    if (flock(j->fd, LOCK_EX | LOCK_NB)) { return -1; }
    if (fstat(j->fd, &ours) || lstat(part, &named) ||
        ours.st_dev != named.st_dev || ours.st_ino != named.st_ino) {
        errno = EWOULDBLOCK;
        return -1;
    }
    return 0;
}

static int open_part(program *p, const char *part)
{
    job *j = &p->job;
    struct stat st;

    j->fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (j->fd < 0 || fstat(j->fd, &st)) { return -1; }
    if (!S_ISREG(st.st_mode)) {
        errno = EEXIST;
        return -1;
    }
    if (lock_part(j, part) || fstat(j->fd, &st)) { return -1; }
    j->stale = 1;
    if (p->resume && st.st_size > 0) {
        if (j->size && (uint64_t)st.st_size > j->size) {
            warnx("%s: it is longer than at the server: starting over", part);
            return 0;
        }
        j->stale = 0;
        j->done = (uint64_t)st.st_size;
        return lseek(j->fd, 0, SEEK_END) < 0;
    }
    return 0;
}

static int no_part(program *p, const char *part)
{
    if (errno != EWOULDBLOCK) { return bad_file(p, part); }
    warnx("%s: it is being downloaded by another", part);
    p->bad_file = 1;
    return ESTLS_OK;
}

/* All of it is there, and more if it has grown: it takes its name. */
static int take_name(program *p, const char *part, const char *local)
{
    job *j = &p->job;

    if (j->done < j->size) {
        warnx("%s: %llu bytes came, not %llu", local,
              (unsigned long long)j->done, (unsigned long long)j->size);
        return ESTLS_E_TRUNCATED;
    }
    if (keep_fresh(j) || fsync(j->fd) || rename(part, local)) {
        return bad_file(p, local);
    }
    (void)printf("%s: %llu bytes received\n", local,
                 (unsigned long long)(j->done - j->from));
    return ESTLS_OK;
}

static int fetch(program *p, const char *remote, const char *part)
{
    job *j = &p->job;
    int rc = transfer(p, ftp_get(&p->ftp, remote, j->done), move_down);

    if (other_way(p, rc) && j->done) {
        warnx("%s: the server does not go on at an offset (%s): starting over",
              remote, p->ftp.reply);
        j->stale = 1;
        j->done = 0;
        rc = transfer(p, ftp_get(&p->ftp, remote, 0), move_down);
    }
    if (j->bad) { return bad_file(p, part); }
    return rc;
}

/* What has come stays for --resume; what has not, leaves no trace. */
static void keep_part(const program *p, const char *part)
{
    struct stat st;

    if (fstat(p->job.fd, &st) == 0 && st.st_size > 0) {
        warnx("what has come is in %s; --resume goes on with it", part);
    } else {
        (void)unlink(part);
    }
}

static int download_to(program *p, const char *remote, const char *local)
{
    job *j = &p->job;
    char *part = join(local, PART);
    int rc = size_there(p, remote, &j->size);

    if (rc == ESTLS_OK && open_part(p, part)) { rc = no_part(p, part); }
    if (rc == ESTLS_OK && !p->bad_file) {
        rc = fetch(p, remote, part);
        if (rc == ESTLS_OK && !p->bad_file) { rc = take_name(p, part, local); }
        if (rc != ESTLS_OK || p->bad_file) {
            say_why(p, remote, rc);
            keep_part(p, part);
        }
    }
    if (j->fd >= 0) { (void)close(j->fd); }
    free(part);
    return rc;
}

static int download(program *p, const char *name)
{
    char *local = target(p, name);
    struct stat st;
    int rc;

    memset(&p->job, 0, sizeof p->job);
    p->job.name = name;
    p->job.fd = -1;
    if (!*base(local) || (stat(local, &st) == 0 && !S_ISREG(st.st_mode))) {
        warnx("%s: it is no name for a file here", *local ? local : name);
        p->bad_file = 1;
        rc = ESTLS_OK;
    } else {
        rc = download_to(p, name, local);
    }
    free(local);
    return rc;
}

/* -- the whole ------------------------------------------------------------- */

static int list(program *p, const char *name)
{
    int rc;

    memset(&p->job, 0, sizeof p->job);
    p->job.fd = -1;
    rc = transfer(p, ftp_list(&p->ftp, name, 0), move_list);
    say_why(p, name ? name : "the list", rc);
    return rc;
}

/* Before anybody is bothered. */
static void check_files(const program *p)
{
    size_t i;
    struct stat st;

    for (i = 0; i < p->count && !p->get && !p->list; i++) {
        if (stat(p->names[i], &st) || access(p->names[i], R_OK)) {
            err(DESKTOP_FILE, "%s", p->names[i]);
        }
        if (!S_ISREG(st.st_mode)) {
            errx(DESKTOP_FILE, "%s: it is no file", p->names[i]);
        }
    }
}

/* A modem has both on links of their own. */
static int log_in(program *p)
{
    int rc;

    p->data = p->desktop.desc;
    p->data.iobuf = p->iobuf;
    p->data.iobuf_cap = p->data_cap;
    p->data.link_id = (uint8_t)((p->data.link_id + 1) % ESTLS_LINKS);
    p->account.data = &p->data;
    p->account.connect = connect_data;
    p->account.disconnect = disconnect_data;
    p->account.user_data = p;
    rc = run(p, ftp_open(&p->ftp, &p->desktop.net, &p->account), NULL);
    say_why(p, "login", rc == ESTLS_E_REFUSED ? rc : ESTLS_OK);
    return rc;
}

static int work(program *p)
{
    size_t i;
    int rc = log_in(p);

    if (rc == ESTLS_OK && p->list && !p->count) { rc = list(p, NULL); }
    for (i = 0; i < p->count && rc == ESTLS_OK && !p->bad_file; i++) {
        rc = p->list  ? list(p, p->names[i])
             : p->get ? download(p, p->names[i])
                      : upload(p, p->names[i]);
    }
    while (ftp_close(&p->ftp) == ESTLS_BUSY) {
        (void)desktop_wait(&p->desktop, p->wire.fd);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static program p;
    desktop *d = &p.desktop;
    int rc;

    adapt_options();
    desktop_init(d);
    d->desc.proto = estls_ftp;
    p.data_cap = 16709;
    p.wire.fd = -1;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    d->desc.mux = !d->tcp;
    p.bar = isatty(STDERR_FILENO) != 0 && !d->tracing;
    check_files(&p);
    rc = desktop_open(d);
    if (rc == ESTLS_OK) { rc = work(&p); }
    d->app_rx = p.list || p.get ? p.bytes : 0;
    d->app_tx = p.list || p.get ? 0 : p.bytes;
    (void)snprintf(d->more, sizeof d->more,
                   ",\"data_links\":%u,\"data_resumed\":%s,\"bytes\":%llu",
                   p.links, p.links && p.links == p.resumed ? "true" : "false",
                   (unsigned long long)p.bytes);
    rc = desktop_finish(d, rc);
    return rc == DESKTOP_OK && p.bad_file ? DESKTOP_FILE : rc;
}
