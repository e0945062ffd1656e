/* stack.c - the stack that a client takes in a full handshake and a resumed
 * one: stack PKI small|full MODE
 *
 * The client's turns run on a painted stack of their own; what is behind its
 * callbacks, modem and server, runs on the program's.  MODE: see client.h.
 * Prints the bytes that were touched. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum { STACK = 256 * 1024, PAINT = 0xa5 };

static client c;
static _Alignas(16) uint8_t stack[STACK];
static ucontext_t outside, inside;
static int (*turn)(client *c);
static int result; /* of the turn */

/* What a callback wants done on the other stack; 0: the turn is over. */
static struct {
    int what;
    void *dst;
    const void *src;
    size_t n;
    int result;
} wanted;

enum { WANT_NOTHING, WANT_READ, WANT_WRITE };

static void run_turn(void)
{
    result = turn(&c);
    wanted.what = WANT_NOTHING;
}

static int want(int what)
{
    wanted.what = what;
    (void)swapcontext(&inside, &outside);
    return wanted.result;
}

static int read_outside(void *user, void *dst, size_t cap)
{
    (void)user;
    wanted.dst = dst;
    wanted.n = cap;
    return want(WANT_READ);
}

static int write_outside(void *user, const void *src, size_t len)
{
    (void)user;
    wanted.src = src;
    wanted.n = len;
    return want(WANT_WRITE);
}

static void serve(void)
{
    wanted.result = wanted.what == WANT_READ
                        ? client_read(&c, wanted.dst, wanted.n)
                        : client_write(&c, wanted.src, wanted.n);
}

static int call_inside(client *it, int (*what)(client *c))
{
    (void)it;
    turn = what;
    (void)getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = sizeof stack;
    inside.uc_link = &outside;
    makecontext(&inside, run_turn, 0);
    (void)swapcontext(&outside, &inside);
    while (wanted.what) {
        serve();
        (void)swapcontext(&outside, &inside);
    }
    return result;
}

static int handshake(const char *name)
{
    size_t untouched = 0;
    int rc;

    memset(stack, PAINT, sizeof stack);
    rc = client_connect(&c);
    while (untouched < sizeof stack && stack[untouched] == PAINT) {
        untouched++;
    }
    printf("%s %s %lu\n", name, estls_error_name(rc),
           (unsigned long)(sizeof stack - untouched));
    return rc ? rc : client_close(&c);
}

int main(int argc, char **argv)
{
    static const estls_io uart = {read_outside, write_outside, client_tick, &c};

    if (argc != 4) { return 2; }
    rig_pki(argv[1]);
    client_init(&c, atoi(argv[3]),
                strcmp(argv[2], "small") == 0 ? estls_small : estls_full,
                ESTLS_IOBUF_MIN);
    c.call = call_inside;
    c.uart = &uart;
    return handshake("full") || handshake("resumed");
}
