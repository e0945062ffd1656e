/* native.c - the PC itself as a board, for what the others are compared with:
 * qemu_host starts the program, with the UART as its standard input. */
#include "board.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UART = STDIN_FILENO };

void board_start(void)
{
    fprintf(stderr, "awake\n");
}

int board_read(void *user, void *dst, size_t cap)
{
    struct pollfd wire = {.fd = UART, .events = POLLIN};
    ssize_t n;

    (void)user;
    poll(&wire, 1, 1);
    n = recv(UART, dst, cap, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) { return 0; }
    return n > 0 ? (int)n : -1;
}

int board_write(void *user, const void *src, size_t len)
{
    (void)user;
    return (int)send(UART, src, len, MSG_NOSIGNAL);
}

uint32_t board_tick(void *user)
{
    struct timespec t;

    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

size_t board_entropy(void *user, void *dst, size_t len)
{
    (void)user;
    return getrandom(dst, len, 0) == (ssize_t)len ? len : 0;
}

/* 2027-01-01, as the other boards have it */
uint32_t board_unix_time(void *user)
{
    (void)user;
    return 1798761600;
}

void board_say(const char *name, long value)
{
    fprintf(stderr, "%s %ld\n", name, value);
}

/* not a PC's measure */
unsigned board_untouched(void)
{
    return 0;
}

unsigned board_lost(void)
{
    return 0;
}

void board_sleep(void)
{
    fprintf(stderr, "asleep\n");
    pause();
}
