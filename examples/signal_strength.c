/* signal_strength.c - the parser of >>at alone, in the smallest program that
 * has a use for it: reads what a modem says, and writes its signal strength in
 * dBm, a line for each answer to AT+CSQ; "?" where it is not known. No engine,
 * no commands, and a rule of its own.
 *
 *     gcc -o signal_strength signal_strength.c && ./signal_strength <transcript
 *
 * On an ATmega328P of 16 MHz it does so from its UART to its UART, at 115,200
 * baud, without interrupts:
 *
 *     avr-gcc -mmcu=atmega328p -std=c99 -Os -mrelax -mstrict-X \
 *         -nostartfiles -fno-tree-ter -o signal_strength.elf \
 *         signal_strength.c
 */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

/* -- the port: a byte in, a byte out --------------------------------------- */

#if defined __AVR__
#include <avr/io.h>

/* No interrupt, so no table of vectors: the program begins at address 0. */
static void __attribute__((naked, used, section(".init2"))) start(void)
{
    __asm__("clr r1");
}
static void __attribute__((naked, used, section(".init9"))) go(void)
{
    __asm__("rjmp main");
}

static void port_open(void)
{
    UBRR0 = 16; /* 16 MHz / 8 / 17 = 117,647 baud, 2 % fast */
    UCSR0A = 1 << U2X0;
    UCSR0B = 1 << RXEN0 | 1 << TXEN0;
}

/* What is still to be written: a line of ours is shorter than the modem's, so
 * that it is out before the next. */
static char out[8];
static uint8_t first, last;

static void port_put(char c)
{
    out[last++ % sizeof out] = c;
}

/* 0: there will be no more. */
static int port_get(char *c)
{
    while (!(UCSR0A & 1 << RXC0)) {
        if (first != last && (UCSR0A & 1 << UDRE0)) {
            UDR0 = (uint8_t)out[first++ % sizeof out];
        }
    }
    *c = (char)UDR0;
    return 1;
}

#else
#include <stdio.h>

static void port_open(void)
{
}

static int port_get(char *c)
{
    const int got = getchar();

    *c = (char)got;
    return got != EOF;
}

static void port_put(char c)
{
    putchar(c);
}
#endif

/* -- what the modem says --------------------------------------------------- */

enum { SIGNAL = 1 };

static const estls_at_rule rules[] = {
    ESTLS_AT_RULE("+CSQ:", ESTLS_AT_URC, 0, SIGNAL, 0), ESTLS_AT_RULES_END};

static estls_at at;
static char line[16];

/* 3GPP TS 27.007, 8.5: 0 to 31 are -113 to -51 dBm, 99 is not known. */
static void write_dbm(uint32_t rssi)
{
    uint8_t dbm = (uint8_t)(113 - 2 * (uint8_t)rssi);

    port_put(rssi > 31 ? '?' : '-');
    if (rssi <= 31) {
        if (dbm >= 100) {
            port_put('1');
            dbm = (uint8_t)(dbm - 100);
        }
        port_put((char)('0' + dbm / 10));
        port_put((char)('0' + dbm % 10));
    }
    port_put('\n');
}

static void hear(const estls_at_event *ev)
{
    estls_span rest, field;
    uint32_t rssi;

    if (ev->tag != SIGNAL) { return; }
    estls_at_fields_of(&rest, ev->text, ev->len);
    if (estls_at_field(&rest, &field) && !estls_at_uint(&field, &rssi)) {
        write_dbm(rssi);
    }
}

int main(void)
{
    estls_at_event ev;
    char c;

    port_open();
    if (estls_at_init(&at, rules, line, sizeof line)) { return 1; }
    while (port_get(&c)) {
        (void)estls_at_feed(&at, &c, 1, &ev);
        hear(&ev);
    }
    return 0;
}
