#define _DEFAULT_SOURCE
#define ESTLS_IMPLEMENTATION
#include "desktop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- options --------------------------------------------------------------- */

enum {
    OPT_SERIAL = 256,
    OPT_BAUD,
    OPT_RTSCTS,
    OPT_PTY,
    OPT_EXEC,
    OPT_TCP,
    OPT_CA,
    OPT_PIN,
    OPT_PROTO,
    OPT_CONNECT,
    OPT_NAME,
    OPT_JOIN,
    OPT_SNTP,
    OPT_PUSH,
    OPT_MUX,
    OPT_SESSION,
    OPT_IOBUF,
    OPT_TIMEOUT,
    OPT_TRACE,
    OPT_REPORT
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The wire, exactly one:", 2},
    {"serial", OPT_SERIAL, "DEVICE", 0, "A modem on a serial port", 2},
    {"pty", OPT_PTY, "PATH", 0, "A modem on a pseudo-terminal", 2},
    {"exec", OPT_EXEC, "COMMAND", 0,
     "A modem on the standard streams of COMMAND", 2},
    {"tcp", OPT_TCP, 0, 0, "No modem: a TCP connection", 2},
    {0, 0, 0, 0, "Trust, exactly one:", 3},
    {"ca", OPT_CA, "FILE", 0, "The PEM certificates of the CAs to trust", 3},
    {"pin", OPT_PIN, "FILE", 0,
     "The server's public key, from a PEM certificate or public key", 3},
    {0, 0, 0, 0, "The server:", 4},
    {"proto", OPT_PROTO, "NAME", 0,
     "What is spoken before TLS (submission): " DESKTOP_PROTOS, 4},
    {"connect", OPT_CONNECT, "ADDR[:PORT]", 0,
     "Dial this; the certificate must still name HOST", 4},
    {"name", OPT_NAME, "NAME", 0, "Our name in EHLO ([127.0.0.1])", 4},
    {0, 0, 0, 0, "The modem:", 5},
    {"baud", OPT_BAUD, "N", 0, "Of the serial port (115200)", 5},
    {"rtscts", OPT_RTSCTS, 0, 0, "Hardware flow control", 5},
    {"join", OPT_JOIN, "SSID", 0,
     "Join this Wi-Fi; its password is taken from ESTLS_WIFI_PASSWORD", 5},
    {"sntp", OPT_SNTP, "SERVER", 0,
     "Check certificates by the modem's clock, set from SERVER", 5},
    {"push", OPT_PUSH, 0, 0, "Let the modem push what it receives", 5},
    {"mux", OPT_MUX, "ID", 0, "Use link 0..4 of several", 5},
    {0, 0, 0, 0, "The session:", 6},
    {"session", OPT_SESSION, "FILE", 0,
     "Resume the TLS session kept there, and keep the next; as secret as a "
     "password",
     6},
    {"iobuf", OPT_IOBUF, "BYTES", 0,
     "Record memory: 837 is the least, 16709 takes any record (16709)", 6},
    {"timeout", OPT_TIMEOUT, "SECONDS", 0, "Longest wait for a step (120)", 6},
    {0, 0, 0, 0, "Output:", 7},
    {"trace", OPT_TRACE, 0, 0, "Show what goes over the wire, on stderr", 7},
    {"report", OPT_REPORT, 0, 0,
     "End with a line of JSON, the last one on stdout", 7},
    {0}};

/* A decimal number from lo to hi, or a usage error. */
static uint32_t number(const char *text, uint32_t lo, uint32_t hi,
                       struct argp_state *state)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n < lo || n > hi) {
        argp_error(state, "%s is not a number from %lu to %lu", text,
                   (unsigned long)lo, (unsigned long)hi);
    }
    return (uint32_t)n;
}

/* Cuts "host:port" or "[::1]:port" in two; without a port, *port is left. */
static const char *endpoint(char *text, uint16_t *port,
                            struct argp_state *state)
{
    char *colon = strchr(text, ':');

    if (*text == '[') {
        text++;
        colon = strchr(text, ']');
        if (!colon || (colon[1] && colon[1] != ':')) {
            argp_error(state, "[%s is not an address", text);
            return text;
        }
        *colon++ = '\0';
    } else if (colon && strchr(colon + 1, ':')) {
        colon = NULL; /* an IPv6 address and no port */
    }
    if (colon && *colon) {
        *colon = '\0';
        *port = (uint16_t)number(colon + 1, 1, 65535, state);
    }
    return text;
}

/* The default port is that of the protocol, but for SMTP, which has two. */
static void set_proto(desktop *d, const char *arg, struct argp_state *state)
{
    static const struct {
        const char *name;
        const estls_proto *(*proto)(void);
        uint16_t port;
    } protos[] = {{"smtp", estls_smtp, 25},  {"submission", estls_smtp, 587},
                  {"lmtp", estls_lmtp, 0},   {"imap", estls_imap, 0},
                  {"pop3", estls_pop3, 0},   {"nntp", estls_nntp, 0},
                  {"sieve", estls_sieve, 0}, {"irc", estls_irc, 0},
                  {"ftp", estls_ftp, 0},     {"xmpp", estls_xmpp, 0},
                  {"ldap", estls_ldap, 0},   {"postgres", estls_postgres, 0},
                  {"mysql", estls_mysql, 0}, {"direct", estls_direct, 0}};
    size_t i = 0;

    while (strcmp(arg, protos[i].name) != 0) {
        if (++i == sizeof protos / sizeof protos[0]) {
            argp_error(state, "%s is none of " DESKTOP_PROTOS, arg);
        }
    }
    d->desc.proto = protos[i].proto;
    d->proto_port = protos[i].port;
}

static void check_options(desktop *d, struct argp_state *state)
{
    const int wires =
        (d->serial != NULL) + (d->pty != NULL) + (d->exec != NULL) + d->tcp;

    if (!d->desc.host) { argp_error(state, "which HOST?"); }
    if (wires != 1) {
        argp_error(state, "exactly one of --serial, --pty, --exec and --tcp "
                          "must say where the wire is");
    }
    if (!d->ca == !d->pin_file) {
        argp_error(state, "exactly one of --ca and --pin must say whom to "
                          "trust; there is no default");
    }
    if (!d->desc.port) { d->desc.port = d->proto_port; }
    if (!d->desc.port) { d->desc.port = d->desc.proto()->port; }
}

/* What concerns the description of the session. */
static error_t parse_session(int key, char *arg, struct argp_state *state)
{
    desktop *d = state->input;
    estls_desc *desc = &d->desc;

    switch (key) {
    case OPT_PROTO: set_proto(d, arg, state); break;
    case OPT_CONNECT:
        desc->connect_host = endpoint(arg, &desc->connect_port, state);
        break;
    case OPT_NAME: desc->client_name = arg; break;
    case OPT_JOIN:
        desc->ssid = arg;
        desc->password = getenv("ESTLS_WIFI_PASSWORD");
        break;
    case OPT_SNTP:
        desc->sntp = arg;
        desc->clock = estls_link_clock;
        break;
    case OPT_PUSH: desc->push = 1; break;
    case OPT_MUX:
        desc->mux = 1;
        desc->link_id = (uint8_t)number(arg, 0, ESTLS_LINKS - 1, state);
        break;
    case OPT_IOBUF:
        desc->iobuf_cap =
            (uint16_t)number(arg, ESTLS_IOBUF_MIN, sizeof d->iobuf, state);
        break;
    case OPT_TIMEOUT:
        desc->timeout_ms = number(arg, 1, 86400, state) * 1000;
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    desktop *d = state->input;

    switch (key) {
    case OPT_SERIAL: d->serial = arg; break;
    case OPT_BAUD: d->baud = number(arg, 1, 4000000, state); break;
    case OPT_RTSCTS: d->rts_cts = 1; break;
    case OPT_PTY: d->pty = arg; break;
    case OPT_EXEC: d->exec = arg; break;
    case OPT_TCP: d->tcp = 1; break;
    case OPT_CA: d->ca = arg; break;
    case OPT_PIN: d->pin_file = arg; break;
    case OPT_SESSION: d->session = arg; break;
    case OPT_TRACE: d->tracing = 1; break;
    case OPT_REPORT: d->reporting = 1; break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one HOST is enough; what is %s?", arg);
        }
        d->desc.host = endpoint(arg, &d->desc.port, state);
        break;
    case ARGP_KEY_END: check_options(d, state); break;
    default: return parse_session(key, arg, state);
    }
    return 0;
}

const struct argp desktop_argp = {options, parse, "HOST[:PORT]", 0, 0, 0, 0};

/* -- what the description asks for ----------------------------------------- */

static int uart_read(void *user, void *dst, size_t cap)
{
    desktop *d = user;
    const int n = wire_read(&d->wire, dst, cap);

    if (n > 0 && d->tracing) { trace_read(&d->trace, dst, (size_t)n); }
    return n;
}

static int uart_write(void *user, const void *src, size_t len)
{
    desktop *d = user;
    const int n = wire_write(&d->wire, src, len);

    if (n > 0 && d->tracing) { trace_written(&d->trace, src, (size_t)n); }
    return n;
}

static size_t entropy(void *user, void *dst, size_t len)
{
    const ssize_t n = getrandom(dst, len, 0);

    (void)user;
    return n > 0 ? (size_t)n : 0;
}

static uint32_t unix_time(void *user)
{
    const desktop *d = user;

    return d->desc.sntp && !d->tcp ? estls_link_time(&d->net.link)
                                   : (uint32_t)time(NULL);
}

void desktop_init(desktop *d)
{
    estls_desc *desc = &d->desc;

    memset(d, 0, sizeof *d);
    argp_err_exit_status = DESKTOP_USAGE;
    d->baud = 115200;
    d->wire.fd = -1;
    desc->uart = (estls_io){uart_read, uart_write, wire_tick, d};
    desc->line = d->line;
    desc->line_cap = sizeof d->line;
    desc->iobuf = d->iobuf;
    desc->iobuf_cap = 16709;
    desc->proto = estls_smtp;
    desc->entropy = entropy;
    desc->unix_time = unix_time;
    desc->user = d;
}

/* -- opening --------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

int desktop_interrupted(void)
{
    return interrupted;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void load_trust(desktop *d)
{
    const char *path = d->ca ? d->ca : d->pin_file;
    const char *why = d->ca ? pem_load_anchors(&d->anchors, path)
                            : pem_load_pin(&d->pin, path);

    if (why) { errx(DESKTOP_FILE, "%s: %s", path, why); }
    if (d->anchors.skipped) {
        warnx("%s: %zu certificates of a kind that BearSSL does not know are "
              "left out",
              path, d->anchors.skipped);
    }
    d->desc.trust = d->ca ? estls_anchors : estls_pin;
    d->desc.anchors = d->anchors.list;
    d->desc.anchor_count = d->anchors.count;
    d->desc.x509 = &d->x509;
    d->desc.pin = &d->pin;
}

/* A file that is not there yet, or is no session, is an empty one. */
static void load_session(desktop *d)
{
    FILE *file = fopen(d->session, "rb");

    if (!file && errno != ENOENT) { err(DESKTOP_FILE, "%s", d->session); }
    if (file && fread(&d->saved, sizeof d->saved, 1, file) != 1) {
        memset(&d->saved, 0, sizeof d->saved);
    }
    if (file) { (void)fclose(file); }
    d->desc.saved = &d->saved;
}

/* For nobody's eyes but ours, a file that was there before too. */
static int store_session(const desktop *d)
{
    const int fd =
        open(d->session, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const int bad = fd < 0 || fchmod(fd, 0600) || ftruncate(fd, 0) ||
                    write(fd, &d->saved, sizeof d->saved) != sizeof d->saved;

    if (bad) { warn("%s", d->session); }
    if (fd >= 0) { (void)close(fd); }
    return bad;
}

static int open_wire(desktop *d)
{
    const estls_desc *desc = &d->desc;
    const char *what = d->serial ? d->serial : d->pty;

    if (d->tcp) {
        return wire_open_tcp(
            &d->wire, desc->connect_host ? desc->connect_host : desc->host,
            desc->connect_port ? desc->connect_port : desc->port,
            desc->timeout_ms ? desc->timeout_ms : 120000);
    }
    if (d->exec) { return wire_open_exec(&d->wire, d->exec); }
    return wire_open_tty(&d->wire, what, d->serial ? d->baud : 0, d->rts_cts);
}

static const char *version_name(uint16_t version)
{
    return version == BR_TLS12 ? "TLS1.2" : "";
}

static const char *suite_name(uint16_t suite)
{
    switch (suite) {
    case BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
        return "ECDHE_ECDSA_CHACHA20_POLY1305";
    case BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
        return "ECDHE_RSA_CHACHA20_POLY1305";
    case BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
        return "ECDHE_ECDSA_AES128_GCM";
    case BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
        return "ECDHE_RSA_AES128_GCM";
    default: return "";
    }
}

static void trace_progress(desktop *d)
{
    estls_report report;

    if (d->tracing) {
        estls_info(&d->net, &report);
        trace_phase(&d->trace, report.doing);
    }
}

/* What the handshake has agreed on. */
static void trace_agreed(desktop *d)
{
    estls_report report;
    char text[128];

    if (d->tracing) {
        estls_info(&d->net, &report);
        (void)snprintf(text, sizeof text, "%s, %s, %s session%s",
                       version_name(report.version), suite_name(report.suite),
                       report.resumed ? "resumed" : "new",
                       report.mfl ? ", short records" : "");
        trace_note(&d->trace, text);
    }
}

static int run_until_open(desktop *d)
{
    int rc = estls_open(&d->net, &d->desc);

    while (rc == ESTLS_BUSY && !interrupted) {
        trace_progress(d);
        (void)desktop_wait(d, -1);
        rc = estls_step(&d->net);
    }
    if (rc == ESTLS_OK) {
        trace_progress(d);
        trace_agreed(d);
    }
    return rc;
}

int desktop_open(desktop *d)
{
    int rc;

    catch_signals();
    load_trust(d);
    if (d->session) { load_session(d); }
    d->desc.no_modem = d->tcp;
    d->t0 = wire_tick(NULL);
    trace_open(&d->trace, wire_tick, !d->tcp);
    rc = open_wire(d);
    if (rc) {
        warnx("the wire cannot be opened: %s", errno ? strerror(errno)
                                               : rc == ESTLS_E_ARG
                                                   ? "no such baud rate"
                                                   : "no such host");
        return rc;
    }
    return run_until_open(d);
}

/* -- inside TLS ------------------------------------------------------------ */

int desktop_read(desktop *d, void *dst, size_t cap)
{
    const int n = estls_read(&d->net, dst, cap);

    d->app_rx += n > 0 ? (uint64_t)n : 0;
    return n;
}

int desktop_write(desktop *d, const void *src, size_t len)
{
    const int n = estls_write(&d->net, src, len);

    d->app_tx += n > 0 ? (uint64_t)n : 0;
    return n;
}

int desktop_wait(desktop *d, int fd)
{
    return wire_wait(&d->wire, fd);
}

/* -- the end --------------------------------------------------------------- */

static void explain(int rc, int detail)
{
    const char *advice = estls_error_advice(rc);

    if (rc == ESTLS_BUSY) {
        warnx("interrupted");
    } else if (rc != ESTLS_OK) {
        warnx("%s (detail %d): %s%s%s", estls_error_name(rc), detail,
              estls_strerror(rc), strlen(advice) ? "\n  " : "", advice);
    }
}

static const char *truth(int value)
{
    return value ? "true" : "false";
}

static void print_report(const desktop *d, int rc, const estls_report *report)
{
    (void)printf("{\"result\":\"%s\",\"proto\":\"%s\",\"version\":\"%s\","
                 "\"suite\":\"%s\",\"resumed\":%s,\"mfl\":%s,\"sends\":%u,"
                 "\"wire_rx\":%llu,\"wire_tx\":%llu,\"app_rx\":%llu,"
                 "\"app_tx\":%llu,\"ms\":%lu,\"detail\":%d%s}\n",
                 rc == ESTLS_BUSY ? "INTERRUPTED" : estls_error_name(rc),
                 d->desc.proto()->name, version_name(report->version),
                 suite_name(report->suite), truth(report->resumed),
                 truth(report->mfl), (unsigned)report->sends,
                 (unsigned long long)d->wire.rx, (unsigned long long)d->wire.tx,
                 (unsigned long long)d->app_rx, (unsigned long long)d->app_tx,
                 (unsigned long)(wire_tick(NULL) - d->t0), report->detail,
                 d->more);
}

static int close_session(desktop *d)
{
    int rc;

    while ((rc = estls_close(&d->net)) == ESTLS_BUSY) {
        trace_progress(d);
        (void)desktop_wait(d, -1);
    }
    return rc;
}

static int status_of(int rc)
{
    return rc == ESTLS_BUSY ? DESKTOP_INTERRUPTED
           : rc < 0         ? DESKTOP_ERROR - rc
                            : DESKTOP_OK;
}

int desktop_finish(desktop *d, int rc)
{
    estls_report report;
    const int closed = close_session(d);
    int bad = 0;

    trace_progress(d);
    estls_info(&d->net, &report);
    rc = rc == ESTLS_OK ? closed : rc;
    wire_close(&d->wire);
    trace_close(&d->trace);
    if (d->session) { bad = store_session(d); }
    explain(rc, report.detail);
    if (d->reporting) { print_report(d, rc, &report); }
    bad |= fflush(stdout) != 0;
    pem_free_anchors(&d->anchors);
    pem_free_pin(&d->pin);
    return rc == ESTLS_OK && bad ? DESKTOP_FILE : status_of(rc);
}
