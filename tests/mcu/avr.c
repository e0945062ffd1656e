/* avr.c - an ATmega1284P or ATmega2560 at 16 MHz as a board: the modem at
 * UART 0, 115200 baud, received by interrupt; timer 0 for milliseconds.
 * The host (avr_host.c) reads the console and is told to reset. */
#include "board.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <string.h>

enum { PAINT = 0xc5, RING = 64, UART_2X_115200 = 16 };

extern uint8_t _end[]; /* of .noinit, the last section in RAM */

static volatile uint8_t ring[RING];
static volatile uint8_t ring_in;
static volatile uint8_t ring_out;
static volatile uint8_t lost;
static volatile uint32_t milliseconds;

/* Before the stack is used: RAM behind the data, up to the stack pointer. */
void paint(void) __attribute__((naked, used, section(".init3")));
void paint(void)
{
    __asm__ volatile("ldi r30, lo8(_end)\n"
                     "ldi r31, hi8(_end)\n"
                     "ldi r24, %0\n"
                     "in r26, __SP_L__\n"
                     "in r27, __SP_H__\n"
                     "1: st Z+, r24\n"
                     "cp r30, r26\n"
                     "cpc r31, r27\n"
                     "brlo 1b\n"
                     :
                     : "M"(PAINT));
}

ISR(USART0_RX_vect)
{
    const uint8_t overrun = UCSR0A & _BV(DOR0);
    const uint8_t byte = UDR0;
    const uint8_t next = (uint8_t)((ring_in + 1) % RING);

    if (overrun || next == ring_out) { lost += lost != 0xff; }
    if (next == ring_out) { return; }
    ring[ring_in] = byte;
    ring_in = next;
}

ISR(TIMER0_COMPA_vect)
{
    milliseconds++;
}

void board_start(void)
{
    UBRR0 = UART_2X_115200;
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    TCCR0A = _BV(WGM01);
    OCR0A = 249; /* 16 MHz / 64 / 250 = 1 kHz */
    TIMSK0 = _BV(OCIE0A);
    TCCR0B = _BV(CS01) | _BV(CS00);
    sei();
}

/* What is lost is gone: a stream with a hole is an error, not a guess. */
int board_read(void *user, void *dst, size_t cap)
{
    uint8_t *p = dst;
    size_t n;

    (void)user;
    if (lost) { return -1; }
    for (n = 0; n < cap && ring_out != ring_in; n++) {
        p[n] = ring[ring_out];
        ring_out = (uint8_t)((ring_out + 1) % RING);
    }
    return (int)n;
}

int board_write(void *user, const void *src, size_t len)
{
    const uint8_t *p = src;
    size_t n;

    (void)user;
    for (n = 0; n < len && (UCSR0A & _BV(UDRE0)); n++) { UDR0 = p[n]; }
    return (int)n;
}

uint32_t board_tick(void *user)
{
    uint32_t now;

    (void)user;
    cli();
    now = milliseconds;
    sei();
    return now;
}

/* A simulator has none: the host writes what it drew from /dev/urandom. */
size_t board_entropy(void *user, void *dst, size_t len)
{
    uint8_t *p = dst;
    size_t n;

    (void)user;
    for (n = 0; n < len; n++) { p[n] = GPIOR2; }
    return len;
}

/* 2027-01-01; a device has a clock, or asks the modem. */
uint32_t board_unix_time(void *user)
{
    (void)user;
    return 1798761600 + milliseconds / 1000;
}

static void put(char c)
{
    GPIOR1 = (uint8_t)c;
}

void board_say(const char *name, long value)
{
    char digits[11];
    uint8_t n = 0;
    unsigned long v = (unsigned long)(value < 0 ? -value : value);

    while (*name) { put(*name++); }
    put(' ');
    if (value < 0) { put('-'); }
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n) { put(digits[--n]); }
    put('\n');
}

unsigned board_untouched(void)
{
    const uint8_t *p = _end;

    while (*p == PAINT) { p++; }
    return (unsigned)(p - _end);
}

unsigned board_lost(void)
{
    return lost;
}

void board_sleep(void)
{
    cli();
    GPIOR0 = BOARD_TELL_SLEEP;
    sleep_mode();
    for (;;) {}
}
