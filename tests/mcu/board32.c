/* board32.c - a board in QEMU, whatever its core. The host (qemu_host.c) reads
 * the console, is told of the sleep, and resets. */
#include "board32.h"
#include "board.h"

#include <string.h>

enum { PAINT = 0xc5, RING = 64, OWN = 64 /* stack of board32_begin() */ };

/* Semihosting, release 2: operations, and the mode of fopen's "rb". */
enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE0 = 4, SYS_READ = 6, READ = 1 };

/* from the linker */
extern const uint8_t data_image[];
extern uint8_t data_start[], data_end[], bss_start[], bss_end[], ram_free[],
    stack_top[];

int main(void);

static volatile uint8_t ring[RING];
static volatile uint8_t ring_in;
static volatile uint8_t ring_out;
static volatile uint8_t lost;
static uint8_t idle; /* the last read had nothing, nor was written since */

/* Volatile, lest it becomes calls that use the stack. */
void board32_begin(void)
{
    const uint8_t *from = data_image;
    const uintptr_t end = (uintptr_t)stack_top - OWN;
    volatile uint8_t *p;

    for (p = data_start; p < data_end; p++) { *p = *from++; }
    for (p = bss_start; p < bss_end; p++) { *p = 0; }
    for (p = ram_free; (uintptr_t)p < end; p++) { *p = PAINT; }
    main();
}

static void tell(const char *line)
{
    core_host(SYS_WRITE0, line);
}

void board32_fault(void)
{
    tell("fault\n");
    core_sleep();
}

/* -- the UART -------------------------------------------------------------- */

void board32_received(uint8_t byte)
{
    const uint8_t next = (uint8_t)((ring_in + 1) % RING);

    if (next == ring_out) {
        lost += lost != 0xff;
        return;
    }
    ring[ring_in] = byte;
    ring_in = next;
}

int board32_waiting(void)
{
    return ring_in != ring_out;
}

/* What is lost is gone: a stream with a hole is an error, not a guess. */
int board_read(void *user, void *dst, size_t cap)
{
    uint8_t *p = dst;
    size_t n;

    (void)user;
    if (lost) { return -1; }
    if (idle) { core_idle(); }
    for (n = 0; n < cap && board32_waiting(); n++) {
        p[n] = ring[ring_out];
        ring_out = (uint8_t)((ring_out + 1) % RING);
    }
    idle = n == 0;
    return (int)n;
}

int board_write(void *user, const void *src, size_t len)
{
    const uint8_t *p = src;
    size_t n;

    (void)user;
    idle = 0;
    for (n = 0; n < len && core_put(p[n]); n++) {}
    return (int)n;
}

/* -- the rest of the port -------------------------------------------------- */

uint32_t board_tick(void *user)
{
    (void)user;
    return core_milliseconds();
}

/* A simulator has none: it is the host's. */
size_t board_entropy(void *user, void *dst, size_t len)
{
    static const char path[] = "/dev/urandom";
    const uintptr_t open[] = {(uintptr_t)path, READ, sizeof path - 1};
    uintptr_t read[3];
    size_t missing;

    (void)user;
    read[0] = (uintptr_t)core_host(SYS_OPEN, open);
    read[1] = (uintptr_t)dst;
    read[2] = len;
    missing = (size_t)core_host(SYS_READ, read);
    core_host(SYS_CLOSE, read);
    return missing ? 0 : len;
}

/* 2027-01-01; a device has a clock, or asks the modem. */
uint32_t board_unix_time(void *user)
{
    (void)user;
    return 1798761600 + core_milliseconds() / 1000;
}

/* -- what the board is told, and tells ------------------------------------- */

void board_start(void)
{
    core_start();
    tell("awake\n");
}

void board_say(const char *name, long value)
{
    char line[32];
    char *p = line + sizeof line;
    unsigned long v = (unsigned long)(value < 0 ? -value : value);

    *--p = '\0';
    *--p = '\n';
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (value < 0) { *--p = '-'; }
    *--p = ' ';
    tell(memcpy(p - strlen(name), name, strlen(name)));
}

unsigned board_untouched(void)
{
    const uint8_t *p = ram_free;

    while (*p == PAINT) { p++; }
    return (unsigned)(p - ram_free);
}

unsigned board_lost(void)
{
    return lost;
}

void board_sleep(void)
{
    tell("asleep\n");
    core_sleep();
}
