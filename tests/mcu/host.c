#include "host.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct host_settings host = {.sessions = 1, .limit = 300};

static const struct host_simulator *simulator;
static unsigned noise;     /* bytes left to send */
static size_t console_len; /* of the line that is not ended */

/* -- options --------------------------------------------------------------- */

enum option_key {
    OPT_SESSIONS = 256,
    OPT_CUTS,
    OPT_SEED,
    OPT_NOISE,
    OPT_OVERRUN,
    OPT_LIMIT,
    OPT_FAULT
};

static const struct argp_option table[] = {
    {"sessions", OPT_SESSIONS, "N", 0, "until it has slept so often (1)", 0},
    {"cuts", OPT_CUTS, "N", 0, "then cut the power so often", 0},
    {"seed", OPT_SEED, "N", 0, "of when it is cut", 0},
    {"noise", OPT_NOISE, "N", 0, "random bytes at each start", 0},
    {"overrun", OPT_OVERRUN, "N", 0, "the byte behind the N-th is lost", 0},
    {"limit", OPT_LIMIT, "S", 0, "seconds a session may take (300)", 0},
    {"fault", OPT_FAULT, "WHAT@WHEN:N[:ARG]", 0, "of the modem", 0},
    {0},
};

static void fault(const char *text, const struct argp_state *state)
{
    if (!espat_fault_parse(&host.fault, text)) {
        argp_error(state, "no such fault: %s", text);
    }
    host.modem.fault = &host.fault;
    host.modem.faults = 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const unsigned long n = arg ? strtoul(arg, NULL, 0) : 0;

    switch (key) {
    case OPT_SESSIONS: host.sessions = (unsigned)n; break;
    case OPT_CUTS: host.cuts = (unsigned)n; break;
    case OPT_SEED: host.seed = n; break;
    case OPT_NOISE: host.noise = (unsigned)n; break;
    case OPT_OVERRUN: host.overrun = (unsigned)n; break;
    case OPT_LIMIT: host.limit = (unsigned)n; break;
    case OPT_FAULT: fault(arg, state); break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 2) { return ARGP_ERR_UNKNOWN; }
        if (state->arg_num == 0) { host.program = arg; }
        if (state->arg_num == 1) { host.machine = arg; }
        if (state->arg_num == 2) { host.port = (unsigned)n; }
        break;
    case ARGP_KEY_END:
        if (state->arg_num != 3) { argp_usage(state); }
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void parse_all(int argc, char **argv)
{
    const struct argp_child own[] = {{simulator->options, 0, NULL, 0}, {0}};
    const struct argp all = {table,
                             parse,
                             "PROGRAM MACHINE PORT",
                             simulator->about,
                             simulator->options ? own : NULL,
                             NULL,
                             NULL};

    argp_parse(&all, argc, argv, 0, NULL, NULL);
}

/* -- the board's world ----------------------------------------------------- */

void host_print(const char *line)
{
    printf("%9.3f %s\n", simulator->seconds(), line);
}

const char *host_line(char c)
{
    static char line[80];

    if (c != '\n') {
        if (console_len < sizeof line - 1) { line[console_len++] = c; }
        return NULL;
    }
    line[console_len] = '\0';
    console_len = 0;
    return line;
}

void host_tick(uint32_t now_ms)
{
    static unsigned told;

    peer_tick(now_ms);
    if (told != peer_seen.upgrades) { host_print("starttls"); }
    told = peer_seen.upgrades;
}

int host_next_byte(uint8_t *byte)
{
    if (!noise) { return peer_read(byte); }
    noise--;
    return getrandom(byte, 1, 0) == 1;
}

/* -- power ----------------------------------------------------------------- */

/* A line that the power cut short is gone. */
static void wake(void)
{
    console_len = 0;
    noise = host.noise;
    simulator->wake();
}

static void session(void)
{
    wake();
    if (!simulator->run(host.limit)) {
        printf("HANGS after %u s\n", host.limit);
        exit(1);
    }
    host_print("asleep");
}

/* Ends the power at a random moment of a session as long as the last. */
static void cut(double length)
{
    wake();
    if (!simulator->run(length * (double)random() / RAND_MAX)) {
        host_print("cut");
    }
    peer_cut();
    if (random() % 2) { peer_restart(); }
}

int host_main(int argc, char **argv, const struct host_simulator *s)
{
    double length;
    unsigned i;

    simulator = s;
    setvbuf(stdout, NULL, _IOLBF, 0);
    parse_all(argc, argv);
    srandom((unsigned)host.seed);
    host.modem.generation = 2;
    host.modem.fresh = true;
    if (!peer_open(&host.modem, host.port)) { err(1, "modem"); }
    for (i = 0; i < host.sessions; i++) { session(); }
    length = simulator->seconds();
    for (i = 0; i < host.cuts; i++) { cut(length); }
    if (host.cuts) { session(); }
    printf(
        "clear %u %s\nswallowed %u\nconnections %u\ntcp_tx %lu\ntcp_rx %lu\n",
        peer_seen.clear, peer_seen.line, peer_seen.swallowed,
        peer_seen.connections, peer_seen.tcp_tx, peer_seen.tcp_rx);
    peer_close();
    return peer_seen.clear != 0;
}
