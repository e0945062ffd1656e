/* deep_sleep.c - a TLS session that survives deep sleep. Each run is one
 * wake-up of a device that loses its RAM in between, all but a few retained
 * bytes: here a file. The first wake-up pays for a full handshake, the next
 * ones resume it: no elliptic curves, and a third of the bytes on the air.
 *
 *     cc -std=c11 -O2 examples/{deep_sleep,desktop,wire,trace,pem}.c \
 *        -lbearssl -o deep_sleep
 *     for wake in 1 2 3; do
 *         ./deep_sleep --memory rtc.bin --pin server.pem --tcp HOST
 *     done
 */
#define _DEFAULT_SOURCE
#include "desktop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_MEMORY = 1024 };

/* What outlives the sleep. All zero when the battery is new. The session
 * checks itself: one that is not whole, or is of another host, port, protocol
 * or trust, is not offered to the server. */
typedef struct retained {
    uint32_t wakes;
    estls_saved session;
} retained;

typedef struct program {
    desktop desktop;
    const char *memory;
    retained retained;
} program;

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The device:", 1},
    {"memory", OPT_MEMORY, "FILE", 0,
     "Its retained memory, which must be given; as secret as a password", 1},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &p->desktop; return 0;
    case OPT_MEMORY: p->memory = arg; return 0;
    case ARGP_KEY_END:
        if (!p->memory) { argp_error(state, "which --memory?"); }
        if (p->desktop.session) {
            argp_error(state, "the session is in --memory, not in --session");
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&desktop_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    options,
    parse,
    "--memory FILE",
    "Wake up, open TLS to HOST with the session that is kept in FILE, close "
    "it, and sleep."
    "\v"
    "Examples:\n"
    "  deep_sleep --memory rtc.bin --serial /dev/ttyUSB0 --join attic \\\n"
    "             --pin server.pem mail.example.org\n"
    "  deep_sleep --memory rtc.bin --tcp --ca roots.pem mail.example.org\n"
    "\n" DESKTOP_STATUS,
    children,
    0,
    0};

/* A file that is missing, or is not of our size, is memory that lost its
 * power: all zero. */
static void wake(program *p)
{
    FILE *file = fopen(p->memory, "rb");

    if (!file && errno != ENOENT) { err(DESKTOP_FILE, "%s", p->memory); }
    if (file && fread(&p->retained, sizeof p->retained, 1, file) != 1) {
        memset(&p->retained, 0, sizeof p->retained);
    }
    if (file) { (void)fclose(file); }
    p->retained.wakes++;
}

/* Keeps what is retained, for nobody's eyes but ours; the rest of the RAM is
 * gone, as in a device. estls_close has wiped the secrets in it already. */
static void sleep_again(program *p)
{
    const int fd =
        open(p->memory, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || fchmod(fd, 0600) ||
        write(fd, &p->retained, sizeof p->retained) != sizeof p->retained ||
        close(fd)) {
        err(DESKTOP_FILE, "%s", p->memory);
    }
    explicit_bzero(&p->retained, sizeof p->retained);
}

int main(int argc, char **argv)
{
    static program p;
    estls_report report;
    unsigned long wakes;
    int rc;

    desktop_init(&p.desktop);
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    wake(&p);
    wakes = p.retained.wakes;
    p.desktop.desc.saved = &p.retained.session;
    rc = desktop_open(&p.desktop);
    estls_info(&p.desktop.net, &report);
    rc = desktop_finish(&p.desktop, rc);
    sleep_again(&p);
    if (rc == DESKTOP_OK) {
        (void)printf("wake-up %lu: %s session, %llu bytes on the wire\n", wakes,
                     report.resumed ? "resumed" : "new",
                     (unsigned long long)p.desktop.wire.rx + p.desktop.wire.tx);
    }
    return rc;
}
