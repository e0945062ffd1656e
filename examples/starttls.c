/* starttls.c - the like of `openssl s_client -starttls`, over an AT modem.
 *
 *     cc -std=c11 -O2 examples/{starttls,desktop,wire,trace,pem}.c \
 *        -lbearssl -o starttls
 */
#define _DEFAULT_SOURCE
#include "desktop.h"

#include <stdio.h>
#include <unistd.h>

enum { OPT_CRLF = 1024, OPT_WAIT };

typedef struct program {
    desktop desktop;
    uint8_t crlf;     /* send LF as CR LF */
    uint8_t wait;     /* at the end of the input, wait for the server */
    uint8_t ended;    /* the input has */
    uint8_t mid_line; /* the output's last byte was no LF */
    char last;        /* byte of the input */
    size_t len;       /* of out ... */
    size_t off;       /* ... of which so much is sent */
    char out[2 * 1024];
} program;

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The standard streams:", 8},
    {"crlf", OPT_CRLF, 0, 0, "Send each LF of the input as CR LF", 8},
    {"wait", OPT_WAIT, 0, 0,
     "At the end of the input, wait for the server to close", 8},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &p->desktop; return 0;
    case OPT_CRLF: p->crlf = 1; return 0;
    case OPT_WAIT: p->wait = 1; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&desktop_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    options,
    parse,
    0,
    "Open TLS to HOST through an ESP-AT modem, by STARTTLS on a link that was "
    "opened in clear, and connect it to the standard streams."
    "\v"
    "The end of the input, or Ctrl-C, closes the connection cleanly.\n"
    "\n"
    "Examples:\n"
    "  starttls --serial /dev/ttyUSB0 --join attic --ca roots.pem --crlf \\\n"
    "           mail.example.org\n"
    "  starttls --tcp --ca roots.pem --proto direct www.example.org:443\n"
    "  starttls --pty /dev/pts/7 --pin server.pem --trace --report \\\n"
    "           --connect 192.0.2.1:2525 mail.example.org\n"
    "\n" DESKTOP_STATUS,
    children,
    0,
    0};

/* Input -> out, with CR put before each LF that has none. */
static int take_input(program *p)
{
    char in[sizeof p->out / 2];
    const ssize_t n = read(STDIN_FILENO, in, sizeof in);
    ssize_t i;

    if (n < 0) { return desktop_interrupted() ? ESTLS_OK : ESTLS_E_IO; }
    p->ended = n == 0;
    p->off = 0;
    p->len = 0;
    for (i = 0; i < n; i++) {
        if (p->crlf && in[i] == '\n' && p->last != '\r') {
            p->out[p->len++] = '\r';
        }
        p->last = in[i];
        p->out[p->len++] = in[i];
    }
    return ESTLS_OK;
}

static int send_output(program *p)
{
    const int n = desktop_write(&p->desktop, p->out + p->off, p->len - p->off);

    p->off += n > 0 ? (size_t)n : 0;
    return n < 0 ? n : estls_step(&p->desktop.net);
}

/* 1: something came, 0: nothing. */
static int show_input(program *p)
{
    char in[1024];
    const int n = desktop_read(&p->desktop, in, sizeof in);

    if (n <= 0) { return n; }
    p->mid_line = in[n - 1] != '\n';
    if (fwrite(in, 1, (size_t)n, stdout) != (size_t)n || fflush(stdout)) {
        return ESTLS_E_IO;
    }
    return 1;
}

/* Until the input ends, the user interrupts, or the server closes. */
static int talk(program *p)
{
    desktop *d = &p->desktop;
    int sent = ESTLS_OK;
    int came;
    int fd;

    while (!desktop_interrupted()) {
        if (p->off < p->len || sent == ESTLS_BUSY) { sent = send_output(p); }
        came = show_input(p);
        if (sent < 0 || came < 0) { return sent < 0 ? sent : came; }
        if (p->ended && !p->wait) { return ESTLS_OK; }
        fd = p->ended || p->off < p->len || sent ? -1 : STDIN_FILENO;
        if (!came && desktop_wait(d, fd) && take_input(p)) {
            return ESTLS_E_IO;
        }
    }
    return ESTLS_OK;
}

int main(int argc, char **argv)
{
    static program p;
    int rc;

    desktop_init(&p.desktop);
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    rc = desktop_open(&p.desktop);
    if (rc == ESTLS_OK) {
        rc = talk(&p);
        rc = rc == ESTLS_E_CLOSED ? (int)ESTLS_OK : rc; /* with close_notify */
    }
    if (p.mid_line && p.desktop.reporting) { (void)putchar('\n'); }
    return desktop_finish(&p.desktop, rc);
}
