/* smtpd - the test server of smtpd.h, on a TCP port of 127.0.0.1. */
#define _POSIX_C_SOURCE 200809L

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "smtpd.h"

#define CONNECTIONS_MAX 32
#define LINGER_MS       2000 /* for the client to close first */
#define TICK_MS         500  /* for --die-with-parent to be noticed */

struct settings {
    struct smtpd_options server;
    struct pem_chain chain;
    br_skey_decoder_context key;
    struct smtpd_sessions sessions;
    const char *mail_dir;
    uint16_t port;
    unsigned connections; /* to serve before the exit; 0: without end */
    bool print_mail;
    bool die_with_parent;
};

struct connection {
    int fd;
    bool eof;      /* the client's end is shut down */
    bool finished; /* our end is shut down, the client's is awaited */
    unsigned linger_ms;
    size_t len;
    size_t sent;
    char out[4096];
    struct smtpd server;
};

static struct connection *connections[CONNECTIONS_MAX];
static unsigned accepted;

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* --------------------------------------------------------------- options */

enum option_key {
    KEY_CERT = 256,
    KEY_KEY,
    KEY_MAIL_DIR,
    KEY_PRINT_MAIL,
    KEY_USER,
    KEY_PASSWORD_ENV,
    KEY_DIRECT,
    KEY_ONCE,
    KEY_SESSIONS,
    KEY_NO_RESUMPTION,
    KEY_DIE_WITH_PARENT,
    KEY_GREETING,
    KEY_EHLO,
    KEY_STARTTLS,
    KEY_INJECT,
    KEY_INJECT_DELAY,
    KEY_RAW,
    KEY_RECORD_SIZE,
    KEY_FLOOD,
    KEY_RENEGOTIATE,
    KEY_FLIP,
    KEY_STALL,
    KEY_CUT,
    KEY_CUT_APPLICATION,
    KEY_NO_CLOSE_NOTIFY
};

static const struct argp_option options[] = {
    {"port", 'p', "PORT", 0, "TCP port; 0, the default, picks a free one", 0},
    {"cert", KEY_CERT, "FILE", 0, "Certificate chain, PEM, leaf first", 0},
    {"key", KEY_KEY, "FILE", 0, "Private key of the leaf, PEM", 0},
    {"mail-dir", KEY_MAIL_DIR, "DIR", 0, "Write mails to DIR/N.eml", 0},
    {"print-mail", KEY_PRINT_MAIL, 0, 0, "Print mails", 0},
    {"user", KEY_USER, "NAME", 0, "Offer AUTH, and require it for mail", 0},
    {"password-env", KEY_PASSWORD_ENV, "VARIABLE", 0,
     "Environment variable that holds the password", 0},
    {"direct", KEY_DIRECT, 0, 0, "TLS from the first byte", 0},
    {"once", KEY_ONCE, 0, 0, "Exit after one connection", 0},
    {"sessions", KEY_SESSIONS, "N", 0, "Exit after N connections", 0},
    {"no-resumption", KEY_NO_RESUMPTION, 0, 0, "Forget TLS sessions", 0},
    {"die-with-parent", KEY_DIE_WITH_PARENT, 0, 0,
     "Exit when the parent process has gone", 0},
    {"verbose", 'v', 0, 0, "Log the dialogue to stderr, passwords included", 0},
    {0, 0, 0, 0, "Misbehaviour; TEXT has \\r \\n \\t \\\\ \\xHH:", 1},
    {"greeting", KEY_GREETING, "TEXT", 0, "Greet with TEXT", 1},
    {"ehlo", KEY_EHLO, "TEXT", 0, "Answer the first EHLO with TEXT", 1},
    {"starttls", KEY_STARTTLS, "TEXT", 0, "Answer STARTTLS with TEXT", 1},
    {"inject", KEY_INJECT, "TEXT", 0, "Send TEXT after the go-ahead", 1},
    {"inject-delay", KEY_INJECT_DELAY, "MS", 0, "... this much later", 1},
    {"raw", KEY_RAW, "TEXT", 0, "Send TEXT instead of a ServerHello", 1},
    {"record-size", KEY_RECORD_SIZE, "N", 0,
     "Send records of up to N bytes, whatever the client asked for", 1},
    {"flood", KEY_FLOOD, "KIND", 0,
     "Send `warnings' or `empty' records without end", 1},
    {"renegotiate", KEY_RENEGOTIATE, 0, 0, "Send a HelloRequest", 1},
    {"flip", KEY_FLIP, "N", 0, "Flip a bit of byte N of the TLS output", 1},
    {"stall", KEY_STALL, "N", 0, "Stall after N bytes of TLS output", 1},
    {"cut", KEY_CUT, "N", 0, "Close after N bytes of TLS output", 1},
    {"cut-application", KEY_CUT_APPLICATION, "N", 0,
     "Close after N bytes of plaintext in TLS, without close_notify", 1},
    {"no-close-notify", KEY_NO_CLOSE_NOTIFY, 0, 0,
     "Close without close_notify after QUIT", 1},
    {0, 0, 0, 0, 0, 0},
};

static unsigned parse_number(struct argp_state *state, const char *text,
                             unsigned long max)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno || value > max) {
        argp_error(state, "not a number from 0 to %lu: %s", max, text);
    }
    return (unsigned)value;
}

/* The byte of the escape sequence after a backslash; advances past it. */
static char parse_escape(struct argp_state *state, const char **text)
{
    static const char names[] = "rnt\\", values[] = "\r\n\t\\";
    const char *found = **text ? strchr(names, **text) : NULL;
    unsigned byte;

    if (found != NULL) {
        ++*text;
        return values[found - names];
    }
    if (sscanf(*text, "x%2x", &byte) != 1 || strlen(*text) < 3) {
        argp_error(state, "unknown escape sequence: \\%s", *text);
    }
    *text += 3;
    return (char)byte;
}

/* The bytes stay allocated as long as the program runs. */
static struct smtpd_blob parse_text(struct argp_state *state, const char *text)
{
    char *bytes = malloc(strlen(text) + 1);
    size_t len = 0;

    if (bytes == NULL) { die("malloc"); }
    while (*text != '\0') {
        char c = *text++;
        bytes[len++] = c == '\\' ? parse_escape(state, &text) : c;
    }
    return (struct smtpd_blob){bytes, len};
}

static void log_line(void *context, bool sent, bool in_tls, const char *line)
{
    (void)context;
    fprintf(stderr, "%s %s %s\n", in_tls ? "tls" : "clear",
            sent ? "S:" : "C:", line);
}

static void set_fault(struct smtpd_options *o, enum smtpd_fault fault,
                      enum smtpd_stream stream, unsigned at)
{
    o->fault = fault;
    o->fault_stream = stream;
    o->fault_at = at;
}

static void set_flood(struct argp_state *state, struct smtpd_options *o,
                      const char *kind)
{
    static const struct smtpd_burst warnings = {SMTPD_BLOB("\1\x5a"),
                                                SMTPD_ENDLESS, SMTPD_ALERT};
    static const struct smtpd_burst empty = {SMTPD_BLOB(""), SMTPD_ENDLESS,
                                             SMTPD_APPLICATION_DATA};

    if (strcmp(kind, "warnings") == 0) {
        o->records = warnings;
    } else if (strcmp(kind, "empty") == 0) {
        o->records = empty;
    } else {
        argp_error(state, "unknown kind of flood: %s", kind);
    }
}

static error_t parse_misbehaviour(int key, char *text, struct argp_state *state)
{
    static const struct smtpd_burst hello_request = {SMTPD_BLOB("\0\0\0\0"), 1,
                                                     SMTPD_HANDSHAKE};
    struct settings *settings = state->input;
    struct smtpd_options *o = &settings->server;
    unsigned at = 0;

    if (key >= KEY_FLIP && key <= KEY_CUT_APPLICATION) {
        at = parse_number(state, text, INT_MAX);
    }
    switch (key) {
    case KEY_GREETING: o->greeting = parse_text(state, text); break;
    case KEY_EHLO: o->ehlo = parse_text(state, text); break;
    case KEY_STARTTLS: o->starttls = parse_text(state, text); break;
    case KEY_INJECT: o->inject = parse_text(state, text); break;
    case KEY_INJECT_DELAY:
        o->inject_delay_ms = parse_number(state, text, INT_MAX);
        break;
    case KEY_RAW:
        o->raw.bytes = parse_text(state, text);
        o->raw.count = 1;
        break;
    case KEY_RECORD_SIZE:
        o->record_size = (uint16_t)parse_number(state, text, 16384);
        break;
    case KEY_FLOOD: set_flood(state, o, text); break;
    case KEY_RENEGOTIATE: o->records = hello_request; break;
    case KEY_FLIP: set_fault(o, SMTPD_FLIP, SMTPD_TLS, at); break;
    case KEY_STALL: set_fault(o, SMTPD_STALL, SMTPD_TLS, at); break;
    case KEY_CUT: set_fault(o, SMTPD_CUT, SMTPD_TLS, at); break;
    case KEY_CUT_APPLICATION:
        set_fault(o, SMTPD_CUT, SMTPD_APPLICATION, at);
        break;
    case KEY_NO_CLOSE_NOTIFY: o->no_close_notify = true; break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void check_identity(struct argp_state *state, struct settings *settings)
{
    struct smtpd_options *o = &settings->server;

    if (o->chain == NULL || o->key == NULL) {
        argp_error(state, "--cert and --key are needed, and readable");
    }
    if ((o->user == NULL) != (o->password == NULL)) {
        argp_error(state, "--user and --password-env go together");
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct settings *s = state->input;
    struct smtpd_options *o = &s->server;

    switch (key) {
    case 'p': s->port = (uint16_t)parse_number(state, text, 65535); break;
    case 'v': o->on_line = log_line; break;
    case KEY_CERT:
        o->chain = pem_chain_load(&s->chain, text) ? &s->chain : NULL;
        break;
    case KEY_KEY: o->key = pem_key_load(&s->key, text) ? &s->key : NULL; break;
    case KEY_MAIL_DIR: s->mail_dir = text; break;
    case KEY_PRINT_MAIL: s->print_mail = true; break;
    case KEY_USER: o->user = text; break;
    case KEY_PASSWORD_ENV: o->password = getenv(text); break;
    case KEY_DIRECT: o->direct = true; break;
    case KEY_ONCE: s->connections = 1; break;
    case KEY_SESSIONS:
        s->connections = parse_number(state, text, INT_MAX);
        break;
    case KEY_NO_RESUMPTION: o->no_resumption = true; break;
    case KEY_DIE_WITH_PARENT: s->die_with_parent = true; break;
    case ARGP_KEY_END: check_identity(state, s); break;
    default: return parse_misbehaviour(key, text, state);
    }
    return 0;
}

/* ------------------------------------------------------------------ mail */

static void write_mail(FILE *file, const struct smtpd_mail *mail)
{
    fprintf(file, "Return-Path: <%s>\r\n", mail->sender);
    for (size_t i = 0; i < mail->recipient_count; i++) {
        fprintf(file, "Delivered-To: %s\r\n", mail->recipients[i]);
    }
    fwrite(mail->content.data, 1, mail->content.len, file);
}

static void save_mail(const char *dir, const struct smtpd_mail *mail)
{
    static unsigned number;
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%u.eml", dir, ++number);
    file = fopen(path, "wb");
    if (file == NULL) { die(path); }
    write_mail(file, mail);
    if (fclose(file) != 0) { die(path); }
}

static void receive_mail(void *context, const struct smtpd_mail *mail)
{
    const struct settings *settings = context;

    if (settings->mail_dir != NULL) { save_mail(settings->mail_dir, mail); }
    if (settings->print_mail) {
        write_mail(stdout, mail);
        fflush(stdout);
    }
}

/* ----------------------------------------------------------- connections */

static int open_listener(const struct settings *settings)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(settings->port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    socklen_t len = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 ||
        listen(fd, CONNECTIONS_MAX) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        die("127.0.0.1");
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* The first free slot, or NULL. */
static struct connection **free_slot(void)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (connections[i] == NULL) { return &connections[i]; }
    }
    return NULL;
}

static void open_connection(struct connection **slot, int listener,
                            const struct smtpd_options *server)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0) { return; }
    *slot = calloc(1, sizeof **slot);
    if (*slot == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        die("connection");
    }
    (*slot)->fd = fd;
    (*slot)->linger_ms = LINGER_MS;
    smtpd_init(&(*slot)->server, server);
    accepted++;
}

static void close_connection(struct connection **slot)
{
    close((*slot)->fd);
    smtpd_free(&(*slot)->server);
    free(*slot);
    *slot = NULL;
}

/* Returns false when the connection is lost. */
static bool receive(struct connection *c)
{
    char in[4096];
    ssize_t len = recv(c->fd, in, sizeof in, 0);

    if (len > 0) {
        smtpd_input(&c->server, in, (size_t)len);
    } else if (len == 0) {
        c->eof = true;
        smtpd_eof(&c->server);
    }
    return len >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Returns false when the connection is lost. */
static bool transmit(struct connection *c)
{
    ssize_t len = send(c->fd, c->out + c->sent, c->len - c->sent, 0);

    if (len >= 0) {
        c->sent += (size_t)len;
        return true;
    }
    return errno == EAGAIN || errno == EINTR;
}

static bool has_output(struct connection *c)
{
    if (c->sent == c->len) {
        c->sent = 0;
        c->len = smtpd_output(&c->server, c->out, sizeof c->out);
    }
    return c->len > 0;
}

/* Once all is sent, only our end is closed: to close both while the client
 * still sends would have TCP throw away what we sent. */
static void finish(struct connection *c)
{
    if (!c->finished && c->sent == c->len && smtpd_closed(&c->server)) {
        c->finished = true;
        shutdown(c->fd, SHUT_WR);
    }
}

/* Does what `events` allow. Returns false when the connection is over. */
static bool progress(struct connection *c, short events)
{
    if ((events & POLLOUT) && !transmit(c)) { return false; }
    /* After EOF only errors are left to be told by poll. */
    if ((events & ~POLLOUT) && (c->eof || !receive(c))) { return false; }
    return c->linger_ms > 0 && (!c->eof || has_output(c));
}

static void serve(struct connection **slot, short events)
{
    if (progress(*slot, events)) {
        finish(*slot);
    } else {
        close_connection(slot);
    }
}

/* ------------------------------------------------------------------ loop */

static unsigned elapsed_ms(void)
{
    static struct timespec before;
    struct timespec now;
    long long ms = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (before.tv_sec != 0) {
        ms = (now.tv_sec - before.tv_sec) * 1000LL +
             (now.tv_nsec - before.tv_nsec) / 1000000;
    }
    before = now;
    return (unsigned)ms;
}

static void elapse(struct connection *c, unsigned ms)
{
    smtpd_elapse(&c->server, ms);
    if (c->finished) { c->linger_ms -= ms < c->linger_ms ? ms : c->linger_ms; }
}

/* Fills in what to poll for; returns how long to at most. */
static int prepare(struct pollfd *polled, unsigned ms)
{
    unsigned timeout = TICK_MS;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = connections[i];
        polled[i] = (struct pollfd){.fd = c ? c->fd : -1};
        if (c == NULL) { continue; }
        elapse(c, ms);
        polled[i].events = c->eof ? 0 : POLLIN;
        if (has_output(c)) { polled[i].events |= POLLOUT; }
        if (smtpd_due(&c->server) > 0 && smtpd_due(&c->server) < timeout) {
            timeout = smtpd_due(&c->server);
        }
    }
    return (int)timeout;
}

static bool may_accept(const struct settings *settings)
{
    return free_slot() != NULL &&
           (settings->connections == 0 || accepted < settings->connections);
}

static bool is_done(const struct settings *settings)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (connections[i] != NULL) { return false; }
    }
    return settings->connections > 0 && accepted == settings->connections;
}

static void run(const struct settings *settings)
{
    struct pollfd polled[CONNECTIONS_MAX + 1];
    int listener = open_listener(settings);
    pid_t parent = getppid();

    while (!is_done(settings)) {
        int timeout = prepare(polled, elapsed_ms());
        polled[CONNECTIONS_MAX] = (struct pollfd){
            .fd = may_accept(settings) ? listener : -1, .events = POLLIN};
        if (poll(polled, CONNECTIONS_MAX + 1, timeout) < 0) { die("poll"); }
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            if (connections[i] != NULL) {
                serve(&connections[i], polled[i].revents);
            }
        }
        if (polled[CONNECTIONS_MAX].revents & POLLIN) {
            open_connection(free_slot(), listener, &settings->server);
        }
        if (settings->die_with_parent && getppid() != parent) { break; }
    }
    close(listener);
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static const struct argp argp = {
        options, parse_option,
        NULL,    "An SMTP server with STARTTLS for tests, on 127.0.0.1.",
        NULL,    NULL,
        NULL};

    settings.server.sessions = &settings.sessions;
    settings.server.on_mail = receive_mail;
    settings.server.context = &settings;
    smtpd_sessions_init(&settings.sessions);
    argp_parse(&argp, argc, argv, 0, NULL, &settings);
    signal(SIGPIPE, SIG_IGN);
    run(&settings);
    pem_chain_free(&settings.chain);
    return EXIT_SUCCESS;
}
