/* main.c - the emulator core on a pty or on stdio, with real TCP behind it. */

#include "espat.h"

#include <argp.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    MAPS = 16,
    CONNECT_MS = 5000,  /* then AT+CIPSTART fails */
    BLOCKED_MS = 5,     /* a host that does not read makes timers this late */
    PEER_CAP = 1 << 16, /* several of the largest sends */
    LOG_WIDTH = 100
};

/* What host:port in AT+CIPSTART stands for. */
struct map {
    char name[160];
    struct sockaddr_in to;
};

enum peer_state {
    PEER_NONE,
    PEER_OPEN,
    PEER_FLUSHING, /* it has closed: send what is left, then close */
    PEER_LEAVING   /* we have: send what is left, then read up to its FIN,
                    * since closing with unread data would be a reset */
};

struct peer {
    enum peer_state state;
    int fd;
    size_t out_len; /* accepted from the modem, not yet by the kernel */
    uint8_t out[PEER_CAP];
};

/* One direction of the UART for --verbose, a line at a time. */
struct trace {
    char mark;
    size_t len;
    char text[LOG_WIDTH + 8];
};

struct program {
    struct espat_options opt;
    struct espat_fault fault[ESPAT_FAULTS];
    struct map map[MAPS];
    size_t maps;
    bool pty, stdio, allow_any, verbose, die_with_parent;
    const char *link;

    espat *modem;
    int in, out;       /* the host's side of the UART */
    int slave;         /* kept open, so that the host may come and go */
    uint8_t from[512]; /* read from the host, not yet taken by the modem */
    size_t from_len;
    uint8_t to[512]; /* said by the modem, not yet written to the host */
    size_t to_len;
    struct trace heard, spoken;
    struct peer peer[ESPAT_LINKS];
};

static struct program program;
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* ---- --verbose -------------------------------------------------------- */

static void trace_flush(struct trace *t)
{
    if (t->len) fprintf(stderr, "%c %.*s\n", t->mark, (int)t->len, t->text);
    t->len = 0;
}

static void trace_byte(struct trace *t, uint8_t byte)
{
    const char *format = isprint(byte) ? "%c" : "\\x%02x";
    if (byte == '\r' || byte == '\n') format = byte == '\r' ? "\\r" : "\\n";
    t->len += (size_t)snprintf(t->text + t->len, sizeof t->text - t->len,
                               format, byte);
    if (byte == '\n' || t->len >= LOG_WIDTH) trace_flush(t);
}

static void trace(struct trace *t, const uint8_t *data, size_t len)
{
    for (size_t i = 0; program.verbose && i < len; i++) trace_byte(t, data[i]);
}

/* ---- addresses -------------------------------------------------------- */

static bool parse_port(const char *text, in_port_t *port)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > 65535) return false;
    *port = htons((uint16_t)n);
    return true;
}

/* "ADDR:PORT", numeric. */
static bool parse_address(const char *text, struct sockaddr_in *to)
{
    char ip[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof ip) return false;
    snprintf(ip, sizeof ip, "%.*s", (int)(colon - text), text);
    *to = (struct sockaddr_in){.sin_family = AF_INET};
    return inet_pton(AF_INET, ip, &to->sin_addr) == 1 &&
           parse_port(colon + 1, &to->sin_port);
}

/* "HOST:PORT=ADDR:PORT" */
static bool parse_map(struct map *m, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof m->name) return false;
    snprintf(m->name, sizeof m->name, "%.*s", (int)(equals - text), text);
    return parse_address(equals + 1, &m->to);
}

static bool look_up(const char *host, struct sockaddr_in *to)
{
    struct addrinfo hint = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(host, NULL, &hint, &found)) return false;
    memcpy(to, found->ai_addr, sizeof *to);
    freeaddrinfo(found);
    return true;
}

static bool is_loopback(const struct sockaddr_in *a)
{
    return ntohl(a->sin_addr.s_addr) >> 24 == 127;
}

/* Asks the DNS only with --allow-any: a name tells somebody, too. */
static bool resolve(const char *host, unsigned port, struct sockaddr_in *to)
{
    char name[160];
    snprintf(name, sizeof name, "%s:%u", host, port);
    *to = (struct sockaddr_in){.sin_family = AF_INET};
    size_t i = 0;
    while (i < program.maps && strcasecmp(program.map[i].name, name)) i++;
    if (i < program.maps)
        *to = program.map[i].to;
    else if (inet_pton(AF_INET, host, &to->sin_addr) != 1 &&
             !(program.allow_any && look_up(host, to)))
        return false;
    if (i == program.maps) to->sin_port = htons((uint16_t)port);
    return program.allow_any || is_loopback(to);
}

/* ---- TCP -------------------------------------------------------------- */

static void peer_free(struct peer *p)
{
    if (p->state != PEER_NONE) close(p->fd);
    p->state = PEER_NONE;
    p->out_len = 0;
}

/* The modem is deaf meanwhile, as AT+CIPSTART is busy anyway. */
static bool connected(int fd, const struct sockaddr_in *to)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    if (!connect(fd, (const struct sockaddr *)to, sizeof *to)) return true;
    if (errno != EINPROGRESS || poll(&wait, 1, CONNECT_MS) != 1) return false;
    return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error;
}

static int net_open(void *user, int id, const char *host, unsigned port)
{
    struct peer *p = &program.peer[id];
    struct sockaddr_in to;
    (void)user;
    peer_free(p);
    if (!resolve(host, port, &to)) {
        fprintf(stderr, "espat: no way to %s:%u\n", host, port);
        return -1;
    }
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0) return -1;
    p->state = PEER_OPEN;
    if (connected(p->fd, &to)) return 0;
    peer_free(p);
    return -1;
}

static void peer_lost(int id)
{
    peer_free(&program.peer[id]);
    espat_net_closed(program.modem, id);
}

static void peer_flush(int id)
{
    struct peer *p = &program.peer[id];
    ssize_t n = send(p->fd, p->out, p->out_len, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) peer_lost(id);
        return;
    }
    p->out_len -= (size_t)n;
    memmove(p->out, p->out + n, p->out_len);
    if (p->out_len) return;
    if (p->state == PEER_FLUSHING)
        peer_free(p);
    else if (p->state == PEER_LEAVING)
        shutdown(p->fd, SHUT_WR);
}

static int net_send(void *user, int id, const void *data, size_t len)
{
    struct peer *p = &program.peer[id];
    (void)user;
    if (p->state != PEER_OPEN || len > sizeof p->out - p->out_len) return -1;
    memcpy(p->out + p->out_len, data, len);
    p->out_len += len;
    return 0;
}

static void net_close(void *user, int id)
{
    struct peer *p = &program.peer[id];
    (void)user;
    if (p->state != PEER_OPEN) return;
    p->state = PEER_LEAVING;
    if (!p->out_len) shutdown(p->fd, SHUT_WR);
}

static void peer_ended(int id)
{
    struct peer *p = &program.peer[id];
    bool open = p->state == PEER_OPEN;
    if (open && p->out_len)
        p->state = PEER_FLUSHING;
    else
        peer_free(p);
    if (open) espat_net_closed(program.modem, id);
}

static void peer_read(int id)
{
    struct peer *p = &program.peer[id];
    uint8_t data[2048];
    size_t room = espat_net_room(program.modem, id);
    if (p->state == PEER_LEAVING || room > sizeof data) room = sizeof data;
    ssize_t n = recv(p->fd, data, room, 0);
    if (n > 0 && p->state == PEER_OPEN)
        espat_net_data(program.modem, id, data, (size_t)n);
    else if (n == 0)
        peer_ended(id);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        peer_lost(id);
}

static short peer_events(int id)
{
    const struct peer *p = &program.peer[id];
    int events = 0;
    if (p->state == PEER_LEAVING ||
        (p->state == PEER_OPEN && espat_net_room(program.modem, id)))
        events |= POLLIN;
    if (p->state != PEER_NONE && p->out_len) events |= POLLOUT;
    return (short)events;
}

static void peer_serve(int id, short ready)
{
    const struct peer *p = &program.peer[id];
    if ((ready & (POLLOUT | POLLERR)) && p->out_len) peer_flush(id);
    if ((ready & ~POLLOUT) && (peer_events(id) & POLLIN)) peer_read(id);
}

/* ---- the host --------------------------------------------------------- */

/* A modem that cannot send yet takes no more input. */
static bool peers_idle(void)
{
    for (int id = 0; id < ESPAT_LINKS; id++)
        if (program.peer[id].state == PEER_OPEN && program.peer[id].out_len)
            return false;
    return true;
}

static void host_take(void)
{
    size_t n = espat_input(program.modem, program.from, program.from_len);
    program.from_len -= n;
    memmove(program.from, program.from + n, program.from_len);
}

/* False at the end of the input. */
static bool host_read(void)
{
    ssize_t n = read(program.in, program.from, sizeof program.from);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    trace(&program.heard, program.from, (size_t)n);
    program.from_len = (size_t)n;
    return n > 0;
}

/* Each piece the core hands out is one write, to keep --chunk visible. */
static bool host_write(void)
{
    ssize_t n = write(program.out, program.to, program.to_len);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    program.to_len -= (size_t)n;
    memmove(program.to, program.to + n, program.to_len);
    return true;
}

static void host_fill(void)
{
    if (program.to_len) return;
    program.to_len = espat_output(program.modem, program.to, sizeof program.to);
    trace(&program.spoken, program.to, program.to_len);
}

/* The host writes no more, but may still read what it asked for. */
static void host_finish(void)
{
    do host_fill();
    while (program.to_len && host_write());
}

/* ---- the loop --------------------------------------------------------- */

static uint32_t clock_ms(void)
{
    static int64_t first;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    if (!first) first = ms;
    return (uint32_t)(ms - first);
}

static struct timespec patience(void)
{
    uint32_t ms = espat_due(program.modem);
    if (ms > 60000) ms = 60000;
    if (program.to_len && ms < BLOCKED_MS) ms = BLOCKED_MS;
    return (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
}

enum { HOST_IN = ESPAT_LINKS, HOST_OUT, POLLS };

/* Nothing to wait for is -1, or a hang-up would be reported for ever. */
static void poll_prepare(struct pollfd *fd)
{
    for (int id = 0; id < ESPAT_LINKS; id++) {
        fd[id].events = peer_events(id);
        fd[id].fd = fd[id].events ? program.peer[id].fd : -1;
    }
    fd[HOST_IN].events = POLLIN;
    fd[HOST_IN].fd = program.from_len || !peers_idle() ? -1 : program.in;
    fd[HOST_OUT].events = POLLOUT;
    fd[HOST_OUT].fd = program.to_len ? program.out : -1;
}

/* One turn; false when the host is gone. */
static bool serve(const sigset_t *mask)
{
    struct pollfd fd[POLLS] = {0};
    host_fill();
    poll_prepare(fd);
    struct timespec wait = patience();
    int n = ppoll(fd, POLLS, &wait, mask);
    espat_tick(program.modem, clock_ms());
    if (n < 0) return errno == EINTR;
    for (int id = 0; id < ESPAT_LINKS; id++)
        if (fd[id].revents) peer_serve(id, fd[id].revents);
    if (fd[HOST_OUT].revents && !host_write()) return false;
    if (fd[HOST_IN].revents && !host_read()) {
        host_finish();
        return false;
    }
    if (program.from_len) host_take();
    return true;
}

/* ---- set-up ----------------------------------------------------------- */

static bool replace_link(const char *target, const char *path)
{
    char old[8];
    if (readlink(path, old, sizeof old) >= 0)
        unlink(path); /* left over; a file that is not a link stays */
    return !symlink(target, path);
}

static bool open_pty(void)
{
    struct termios raw;
    const char *name;
    program.in = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    program.out = program.in;
    if (program.in < 0 || grantpt(program.in) || unlockpt(program.in) ||
        !(name = ptsname(program.in)))
        return false;
    program.slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (program.slave < 0 || tcgetattr(program.slave, &raw)) return false;
    cfmakeraw(&raw);
    if (tcsetattr(program.slave, TCSANOW, &raw)) return false;
    if (program.link && !replace_link(name, program.link)) return false;
    puts(name);
    return !fflush(stdout);
}

static void catch_signals(sigset_t *mask)
{
    struct sigaction act = {.sa_handler = on_signal};
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGINT);
    sigprocmask(SIG_BLOCK, &block, mask);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* The parent may be gone before the kernel has been told to watch it. */
static void follow_parent(void)
{
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) stop = 1;
}

/* ---- options ---------------------------------------------------------- */

enum option_key {
    OPT_PTY = 256,
    OPT_STDIO,
    OPT_LINK,
    OPT_GEN,
    OPT_SEED,
    OPT_CHUNK,
    OPT_RANDOM_CHUNK,
    OPT_DELAY,
    OPT_JITTER,
    OPT_BAUD,
    OPT_BUSY,
    OPT_URC,
    OPT_FAULT,
    OPT_FRESH,
    OPT_SSID,
    OPT_PASSWORD_ENV,
    OPT_MAP,
    OPT_ALLOW_ANY,
    OPT_TIME,
    OPT_SNTP_DELAY,
    OPT_DIE_WITH_PARENT
};

static const struct argp_option options[] = {
    {"pty", OPT_PTY, NULL, 0, "talk on a pty; its name is printed first", 0},
    {"stdio", OPT_STDIO, NULL, 0, "talk on stdin and stdout", 0},
    {"link", OPT_LINK, "PATH", 0, "symbolic link to the pty", 0},
    {"gen", OPT_GEN, "1|2|3", 0, "ESP-AT generation (1)", 0},
    {"seed", OPT_SEED, "N", 0, "of all that is random (0)", 0},
    {"chunk", OPT_CHUNK, "N", 0, "at most N bytes per write", 0},
    {"random-chunk", OPT_RANDOM_CHUNK, NULL, 0, "1 to N bytes per write", 0},
    {"delay", OPT_DELAY, "MS", 0, "before each final answer", 0},
    {"jitter", OPT_JITTER, "MS", 0, "at most this much more", 0},
    {"baud", OPT_BAUD, "N", 0, "limit the output to N / 10 bytes/s", 0},
    {"busy", OPT_BUSY, "N", 0, "answer N of 1000 commands with busy p...", 0},
    {"urc", OPT_URC, "N", 0, "a URC at N of 1000 line boundaries", 0},
    {"fault", OPT_FAULT, "WHAT@WHEN:N[:ARG]", 0, "misbehave; repeatable", 0},
    {"fresh", OPT_FRESH, NULL, 0, "not joined until AT+CWJAP", 0},
    {"ssid", OPT_SSID, "NAME", 0, "the only access point (any)", 0},
    {"password-env", OPT_PASSWORD_ENV, "VAR", 0, "holds its password", 0},
    {"map", OPT_MAP, "HOST:PORT=ADDR:PORT", 0, "instead of DNS; repeatable", 0},
    {"allow-any", OPT_ALLOW_ANY, NULL, 0,
     "use DNS, and connect outside of 127.0.0.0/8", 0},
    {"time", OPT_TIME, "UNIX", 0,
     "SNTP time at the start (now); 0: never synced", 0},
    {"sntp-delay", OPT_SNTP_DELAY, "MS", 0, "until SNTP knows the time", 0},
    {"verbose", 'v', NULL, 0, "log the UART to stderr", 0},
    {"die-with-parent", OPT_DIE_WITH_PARENT, NULL, 0, "end with it", 0},
    {0},
};

static const char fault_help[] =
    "ESP-AT Wi-Fi modem emulator\vFaults: N counts events from 1; 0 is each "
    "one. A fault strikes at its "
    "first opportunity at or after the N-th event, once.\n\n"
    "  WHEN: cmd commands, open AT+CIPSTART, prompt prompts, send whole\n"
    "  payloads of AT+CIPSEND, ipd blocks of payload for the host, tx and\n"
    "  rx payload bytes from the host and from the peer, ms time\n\n"
    "  reset  any        boot noise, ready, all links lost\n"
    "  closed any        the link drops; ARG: link (last used)\n"
    "  wifi   any        WIFI DISCONNECT; ARG: ms until it is back (never)\n"
    "  hang   any        deaf, says no more; ARG: ms (for good)\n"
    "  urc    any        an unsolicited line\n"
    "  mute   cmd open prompt send   no answer, no effect\n"
    "  late   cmd send   the answer is late; ARG: ms (1000)\n"
    "  busy   cmd        busy p...\n"
    "  fail   cmd open send   ERROR, failed open, SEND FAIL\n"
    "  short  ipd        the end of the payload is missing; ARG: bytes (1)\n"
    "  lie    ipd        the length shown is more; ARG: bytes (1)\n"
    "  crlf   ipd        CRLF after the payload\n";

static long long number(struct argp_state *state, const char *text,
                        long long max)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end || n < 0 || n > max)
        argp_error(state, "not a number up to %lld: %s", max, text);
    return n;
}

static void add_fault(struct argp_state *state, const char *text)
{
    size_t n = program.opt.faults;
    if (n == ESPAT_FAULTS || !espat_fault_parse(&program.fault[n], text))
        argp_error(state, "bad fault: %s", text);
    program.opt.faults++;
}

static void add_map(struct argp_state *state, const char *text)
{
    size_t n = program.maps;
    if (n == MAPS || !parse_map(&program.map[n], text))
        argp_error(state, "bad map: %s", text);
    program.maps++;
}

static void set_password(struct argp_state *state, const char *name)
{
    program.opt.password = getenv(name);
    if (!program.opt.password) argp_error(state, "%s is not set", name);
}

static void check_options(struct argp_state *state)
{
    if (program.pty == program.stdio)
        argp_error(state, "either --pty or --stdio");
    if (program.link && !program.pty) argp_error(state, "--link needs --pty");
}

/* Options of the modem itself. */
static error_t parse_modem(int key, char *arg, struct argp_state *state)
{
    struct espat_options *o = &program.opt;
    switch (key) {
    case OPT_GEN: o->generation = (int)number(state, arg, 3); break;
    case OPT_SEED: o->seed = (uint32_t)number(state, arg, UINT32_MAX); break;
    case OPT_CHUNK: o->chunk = (size_t)number(state, arg, 4096); break;
    case OPT_RANDOM_CHUNK: o->random_chunk = true; break;
    case OPT_DELAY: o->delay_ms = (uint32_t)number(state, arg, 60000); break;
    case OPT_JITTER: o->jitter_ms = (uint32_t)number(state, arg, 60000); break;
    case OPT_BAUD: o->baud = (uint32_t)number(state, arg, 5000000); break;
    case OPT_BUSY: o->busy = (unsigned)number(state, arg, 1000); break;
    case OPT_URC: o->urc = (unsigned)number(state, arg, 1000); break;
    case OPT_FAULT: add_fault(state, arg); break;
    case OPT_FRESH: o->fresh = true; break;
    case OPT_SSID: o->ssid = arg; break;
    case OPT_PASSWORD_ENV: set_password(state, arg); break;
    case OPT_TIME: o->unix_time = number(state, arg, INT64_MAX); break;
    case OPT_SNTP_DELAY:
        o->sntp_ms = (uint32_t)number(state, arg, 3600000);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case OPT_PTY: program.pty = true; break;
    case OPT_STDIO: program.stdio = true; break;
    case OPT_LINK: program.link = arg; break;
    case OPT_MAP: add_map(state, arg); break;
    case OPT_ALLOW_ANY: program.allow_any = true; break;
    case OPT_DIE_WITH_PARENT: program.die_with_parent = true; break;
    case 'v': program.verbose = true; break;
    case ARGP_KEY_END: check_options(state); break;
    default: return parse_modem(key, arg, state);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct espat_net net = {net_open, net_send, net_close};
    const struct argp argp = {
        .options = options, .parser = parse, .doc = fault_help};
    sigset_t mask;

    program.heard.mark = '>';
    program.spoken.mark = '<';
    program.out = STDOUT_FILENO;
    program.opt.unix_time = time(NULL);
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    program.opt.fault = program.fault;

    catch_signals(&mask);
    if (program.die_with_parent) follow_parent();
    program.modem = espat_new(&program.opt, &net, NULL);
    if (!program.modem || (program.pty && !open_pty())) {
        perror("espat");
        return 1;
    }
    clock_ms();
    while (!stop && serve(&mask))
        ;
    trace_flush(&program.heard);
    trace_flush(&program.spoken);
    if (program.link) unlink(program.link);
    espat_free(program.modem);
    return 0;
}
