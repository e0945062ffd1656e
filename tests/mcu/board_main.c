/* board_main.c - a firmware that shows what a board file of examples/boards
 * can do, for QEMU.  It says "ready" and echoes what comes by the UART, but
 * for
 *     !  milliseconds that two million instructions took
 *     ?  32 bytes of the random generator in hexadecimal, or as many as it has
 *     #  Unix time
 *     .  the end */
#include "../../examples/boards/board.h"

int main(void);

static void put(const char *text, size_t len)
{
    int n;

    for (; len; len -= (size_t)n, text += n) {
        n = uart_write(NULL, text, len);
    }
}

static void put_number(uint32_t number)
{
    char text[11];
    size_t i = sizeof text;

    text[--i] = '\n';
    do {
        text[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put(text + i, sizeof text - i);
}

/* Of two instructions. */
static void spin(uint32_t turns)
{
    __asm__ volatile(".syntax unified\n"
                     "1: subs %0, #1\n"
                     "   bne 1b\n"
                     : "+l"(turns)
                     :
                     : "cc");
}

static void put_random(void)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[32];
    const size_t n = trng(NULL, bytes, sizeof bytes);
    size_t i;

    for (i = 0; i < n; i++) {
        put(digits + (bytes[i] >> 4), 1);
        put(digits + (bytes[i] & 15), 1);
    }
    put("\n", 1);
}

/* ARM, Semihosting for AArch32 and AArch64: SYS_EXIT, application exit */
static void quit(void)
{
    __asm__ volatile("movs r0, #0x18\n"
                     "ldr r1, =0x20026\n"
                     "bkpt 0xab\n" ::
                         : "r0", "r1", "memory");
}

static void obey(char c)
{
    uint32_t t0;

    switch (c) {
    case '!':
        t0 = millis(NULL);
        spin(1000000);
        put_number(millis(NULL) - t0);
        break;
    case '?': put_random(); break;
    case '#': put_number(rtc(NULL)); break;
    case '.': quit(); break;
    default: put(&c, 1); break;
    }
}

int main(void)
{
    char bytes[16];
    int n, i;

    put("ready\n", 6);
    for (;;) {
        n = uart_read(NULL, bytes, sizeof bytes);
        for (i = 0; i < n; i++) { obey(bytes[i]); }
    }
}
