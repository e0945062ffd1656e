/* ftpd - the test server of ftpd.h, on a TCP port of 127.0.0.1; its files are
 * those of a directory. */
#define _POSIX_C_SOURCE 200809L

#include <argp.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ftpd.h"

enum { CLIENTS = 8, TICK_MS = 100, LINGER_TICKS = 20, ANSWERS = 8 };

/* A connection as the kernel has it. */
struct wire {
    int fd; /* -1: none */
    bool shut;
    unsigned linger;
    size_t len;
    size_t sent;
    char out[16384];
    struct smtpd server;
};

struct client {
    struct ftpd ftpd;
    int passive; /* listens for the data link; -1: not */
    unsigned passive_port;
    struct wire control;
    struct wire data;
};

static struct settings {
    struct ftpd_options ftpd;
    struct ftpd_store store;
    struct ftpd_answer answers[ANSWERS + 1];
    size_t answer_count;
    struct pem_chain chain;
    br_skey_decoder_context key;
    struct smtpd_sessions sessions;
    const char *dir;
    bool die_with_parent;
} settings;

static struct client *clients[CLIENTS];

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* --------------------------------------------------------------- options */

enum option_key {
    KEY_CERT = 256,
    KEY_KEY,
    KEY_DIR,
    KEY_USER,
    KEY_PASSWORD_ENV,
    KEY_SAY,
    KEY_CUT_UPLOAD,
    KEY_CUT_DOWNLOAD,
    KEY_NO_RESUMPTION,
    KEY_NEW_SESSIONS,
    KEY_DIE_WITH_PARENT
};

static const struct argp_option options[] = {
    {"cert", KEY_CERT, "FILE", 0, "Certificate chain, PEM, leaf first", 0},
    {"key", KEY_KEY, "FILE", 0, "Private key of the leaf, PEM", 0},
    {"dir", KEY_DIR, "DIR", 0, "Where the files are", 0},
    {"user", KEY_USER, "NAME", 0, "The only one (anybody)", 0},
    {"password-env", KEY_PASSWORD_ENV, "VARIABLE", 0,
     "Environment variable that holds the password", 0},
    {"die-with-parent", KEY_DIE_WITH_PARENT, 0, 0,
     "Exit when the parent process has gone", 0},
    {"say", KEY_SAY, "TO=REPLY", 0,
     "Say REPLY to the command TO, or instead of the code TO", 0},
    {"cut-upload", KEY_CUT_UPLOAD, "N", 0, "Cut uploads after N bytes", 0},
    {"cut-download", KEY_CUT_DOWNLOAD, "N", 0, "Cut downloads after N bytes",
     0},
    {"no-resumption", KEY_NO_RESUMPTION, 0, 0,
     "Resume no session on data links, and mind", 0},
    {"new-sessions", KEY_NEW_SESSIONS, 0, 0,
     "Do not mind data links that resume none", 0},
    {0, 0, 0, 0, 0, 0},
};

static void add_answer(struct argp_state *state, char *text)
{
    char *equals = strchr(text, '=');
    char *reply;

    if (equals == NULL || settings.answer_count == ANSWERS) {
        argp_error(state, "TO=REPLY, not %s, %d times at most", text, ANSWERS);
    }
    *equals++ = '\0';
    reply = malloc(strlen(equals) + 3);
    if (reply == NULL) { die("malloc"); }
    sprintf(reply, "%s%s", equals, *equals ? "\r\n" : "");
    settings.answers[settings.answer_count++] =
        (struct ftpd_answer){text, reply};
}

static void cut_downloads(const char *text)
{
    struct smtpd_options *o = &settings.ftpd.data;

    o->fault = SMTPD_CUT;
    o->fault_stream = SMTPD_APPLICATION;
    o->fault_at = strtoul(text, NULL, 10);
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct settings *s = &settings;
    struct smtpd_options *o = &s->ftpd.control;

    switch (key) {
    case KEY_CERT:
        o->chain = pem_chain_load(&s->chain, text) ? &s->chain : NULL;
        break;
    case KEY_KEY: o->key = pem_key_load(&s->key, text) ? &s->key : NULL; break;
    case KEY_DIR: s->dir = text; break;
    case KEY_USER: o->user = text; break;
    case KEY_PASSWORD_ENV: o->password = getenv(text); break;
    case KEY_SAY: add_answer(state, text); break;
    case KEY_CUT_UPLOAD: s->ftpd.cut_upload_at = strtoul(text, NULL, 10); break;
    case KEY_CUT_DOWNLOAD: cut_downloads(text); break;
    case KEY_NO_RESUMPTION: s->ftpd.data.no_resumption = true; break;
    case KEY_NEW_SESSIONS: s->ftpd.demand_resumption = false; break;
    case KEY_DIE_WITH_PARENT: s->die_with_parent = true; break;
    case ARGP_KEY_END:
        if (o->chain == NULL || o->key == NULL || s->dir == NULL ||
            (o->user == NULL) != (o->password == NULL)) {
            argp_error(state, "--cert, --key and --dir are needed; --user and "
                              "--password-env go together");
        }
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ----------------------------------------------------------------- files */

/* Nothing but a name in the directory itself. */
static FILE *open_file(const char *name, const char *mode)
{
    char path[4096];

    if (strchr(name, '/') || name[0] == '.') { return NULL; }
    snprintf(path, sizeof path, "%s/%s", settings.dir, name);
    return fopen(path, mode);
}

static void load_file(void *context, struct ftpd_store *store, const char *name)
{
    struct ftpd_file *file;
    char block[4096];
    size_t n;
    FILE *in = *name ? open_file(name, "rb") : NULL;

    (void)context;
    if (in == NULL) { return; }
    file = ftpd_make(store, name);
    if (file == NULL) { die("too many files"); }
    bytes_truncate(&file->content, 0);
    while ((n = fread(block, 1, sizeof block, in)) > 0) {
        bytes_append(&file->content, block, n);
    }
    fclose(in);
}

static void save_file(void *context, const struct ftpd_file *file)
{
    FILE *out = open_file(file->name, "wb");

    (void)context;
    if (out == NULL) { return; }
    fwrite(file->content.data, 1, file->content.len, out);
    fclose(out);
}

/* ----------------------------------------------------------- connections */

static int listen_at(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, CLIENTS) < 0) {
        die("127.0.0.1");
    }
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0) { die("port"); }
    return ntohs(address.sin_port);
}

static void open_wire(struct wire *w, int fd)
{
    w->fd = fd;
    w->shut = false;
    w->linger = 0;
    w->len = 0;
    w->sent = 0;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) { die("fcntl"); }
}

static void close_wire(struct client *c, struct wire *w)
{
    if (w->fd < 0) { return; }
    close(w->fd);
    w->fd = -1;
    ftpd_gone(&c->ftpd, &w->server);
    smtpd_free(&w->server);
}

/* Returns false when the connection is over. */
static bool receive(struct client *c, struct wire *w)
{
    char in[16384];
    ssize_t len = recv(w->fd, in, sizeof in, 0);

    if (len <= 0) { return false; }
    smtpd_input(&w->server, in, (size_t)len);
    ftpd_step(&c->ftpd);
    return true;
}

/* Once all is sent only our end is closed, so that none of it gets lost. */
static bool transmit(struct wire *w)
{
    ssize_t n;

    if (w->sent == w->len) {
        w->sent = 0;
        w->len = smtpd_output(&w->server, w->out, sizeof w->out);
    }
    if (w->len > w->sent) {
        n = send(w->fd, w->out + w->sent, w->len - w->sent, MSG_DONTWAIT);
        w->sent += n > 0 ? (size_t)n : 0;
    } else if (smtpd_closed(&w->server) && !w->shut) {
        w->shut = true;
        shutdown(w->fd, SHUT_WR);
    }
    return !w->shut || w->linger++ < LINGER_TICKS;
}

static void serve(struct client *c, struct wire *w, short events)
{
    bool alive = w->fd >= 0;

    if (!alive) { return; }
    if (events) { alive = receive(c, w); }
    if (!alive || !transmit(w)) { close_wire(c, w); }
}

/* The kernel chooses the port, and the server names it. */
static void await_data(struct client *c)
{
    if (c->passive < 0) {
        c->passive = listen_at(0);
        c->passive_port = port_of(c->passive);
    }
    c->ftpd.next_port = c->passive_port;
}

static void accept_data(struct client *c)
{
    int fd = accept(c->passive, NULL, NULL);

    if (fd < 0) { return; }
    if (c->data.fd >= 0 ||
        !ftpd_accept(&c->ftpd, c->passive_port, &c->data.server)) {
        close(fd);
        return;
    }
    open_wire(&c->data, fd);
}

static void accept_client(int listener)
{
    int fd = accept(listener, NULL, NULL);
    size_t i = 0;

    while (i < CLIENTS && clients[i] != NULL) { i++; }
    if (fd < 0) { return; }
    if (i == CLIENTS) {
        close(fd);
        return;
    }
    clients[i] = calloc(1, sizeof *clients[i]);
    if (clients[i] == NULL) { die("calloc"); }
    clients[i]->passive = -1;
    clients[i]->data.fd = -1;
    ftpd_init(&clients[i]->ftpd, &settings.ftpd);
    await_data(clients[i]);
    ftpd_accept(&clients[i]->ftpd, 21, &clients[i]->control.server);
    open_wire(&clients[i]->control, fd);
}

static void end_client(struct client **slot)
{
    struct client *c = *slot;

    close_wire(c, &c->data);
    close(c->passive);
    ftpd_free(&c->ftpd);
    free(c);
    *slot = NULL;
}

/* ------------------------------------------------------------------ loop */

static bool busy(const struct wire *w)
{
    return w->fd >= 0 && (w->sent < w->len || w->server.wire.len > 0);
}

static void poll_for(struct pollfd *p, const struct wire *w)
{
    p->fd = w->fd;
    p->events = POLLIN;
    if (busy(w)) { p->events |= POLLOUT; }
}

static int poll_all(struct pollfd *polled, int listener)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct pollfd *p = polled + 3 * i;
        memset(p, 0, 3 * sizeof *p);
        p[0].fd = p[1].fd = p[2].fd = -1;
        if (clients[i] == NULL) { continue; }
        poll_for(p, &clients[i]->control);
        poll_for(p + 1, &clients[i]->data);
        /* one data link at a time */
        p[2].fd = clients[i]->data.fd < 0 ? clients[i]->passive : -1;
        p[2].events = POLLIN;
    }
    polled[3 * CLIENTS] = (struct pollfd){.fd = listener, .events = POLLIN};
    return poll(polled, 3 * CLIENTS + 1, TICK_MS);
}

static void serve_client(struct client **slot, const struct pollfd *polled)
{
    struct client *c = *slot;
    const short errors = (short)~POLLOUT;

    serve(c, &c->control, polled[0].revents & errors);
    serve(c, &c->data, polled[1].revents & errors);
    if (polled[2].revents) { accept_data(c); }
    await_data(c);
    if (c->control.fd < 0) { end_client(slot); }
}

static void run(void)
{
    struct pollfd polled[3 * CLIENTS + 1];
    int listener = listen_at(0);
    pid_t parent = getppid();

    printf("listening on 127.0.0.1:%u\n", port_of(listener));
    fflush(stdout);
    while (!settings.die_with_parent || getppid() == parent) {
        if (poll_all(polled, listener) < 0) { die("poll"); }
        for (size_t i = 0; i < CLIENTS; i++) {
            if (clients[i] != NULL) {
                serve_client(&clients[i], polled + 3 * i);
            }
        }
        if (polled[3 * CLIENTS].revents) { accept_client(listener); }
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse_option,
        NULL,    "An FTP server with AUTH TLS for tests, on 127.0.0.1.",
        NULL,    NULL,
        NULL};

    settings.ftpd.demand_resumption = true;
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    smtpd_sessions_init(&settings.sessions);
    settings.ftpd.control.sessions = &settings.sessions;
    settings.ftpd.store = &settings.store;
    settings.ftpd.answers = settings.answers;
    settings.ftpd.load = load_file;
    settings.ftpd.save = save_file;
    signal(SIGPIPE, SIG_IGN);
    run();
    return EXIT_SUCCESS;
}
