/* at_parser.c - >>at alone, on the smallest chip: says what a modem reports
 * about its signal and its network, unasked or in answer to AT+CSQ, AT+CREG?.
 *
 *     cc -std=c11 examples/at_parser.c -o at_parser && ./at_parser <log
 *     avr-gcc -mmcu=atmega328p -Os -flto examples/at_parser.c
 *
 * On AVR the modem hangs on the UART, 115200 baud at 16 MHz, and what is said
 * goes out there, too. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#ifdef __AVR__
#include <avr/io.h>

static void start(void)
{
    UBRR0 = 16; /* 16 MHz / 8 / 17 */
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
}

static int get(void)
{
    while (!(UCSR0A & _BV(RXC0))) {}
    return UDR0;
}

static void put(char c)
{
    while (!(UCSR0A & _BV(UDRE0))) {}
    UDR0 = (uint8_t)c;
}
#else
#include <stdio.h>

static void start(void)
{
}
static int get(void)
{
    return getchar();
}
static void put(char c)
{
    (void)putchar(c);
}
#endif

enum { SIGNAL = 1, NETWORK };

static const estls_at_rule rules[] ESTLS_ROM = {
    ESTLS_AT_RULE("+CREG:", ESTLS_AT_URC, 0, NETWORK, 0),
    ESTLS_AT_RULE("+CSQ:", ESTLS_AT_URC, 0, SIGNAL, 0),
    ESTLS_AT_RULE("OK", ESTLS_AT_OK, ESTLS_AT_WHOLE, 0, 0), ESTLS_AT_RULES_END};

static void put_text(const char *text)
{
    while (*text) { put(*text++); }
}

static void put_number(uint8_t n)
{
    if (n > 9) { put_number(n / 10); }
    put((char)('0' + n % 10));
}

/* 3GPP TS 27.007 8.5: 0 to 31 are -113 to -51 dBm, 99 is unknown. */
static void tell_signal(uint32_t rssi)
{
    if (rssi > 31) {
        put_text("no signal\n");
        return;
    }
    put('-');
    put_number((uint8_t)(113 - 2 * rssi));
    put_text(" dBm\n");
}

/* 3GPP TS 27.007 7.2: 1 at home, 5 roaming.  An answer's first field is how
 * to report; one that comes unasked has but one. */
static void tell_network(uint32_t stat)
{
    put_text(stat == 1 ? "at home\n" : stat == 5 ? "roaming\n" : "none\n");
}

static void tell(const estls_at_event *ev)
{
    estls_span fields, field;
    uint32_t n = 0;

    if (ev->kind != ESTLS_AT_URC || ev->overlong) { return; }
    estls_at_fields_of(&fields, ev->text, ev->len);
    while (estls_at_field(&fields, &field)) {
        if (!estls_at_uint(&field, &n) || ev->tag == SIGNAL) { break; }
    }
    if (ev->tag == SIGNAL) { tell_signal(n); }
    if (ev->tag == NETWORK) { tell_network(n); }
}

int main(void)
{
    static estls_at at;
    static char line[32];
    estls_at_event ev;
    int c;
    char byte;

    start();
    (void)!estls_at_init(&at, rules, line, sizeof line);
    while ((c = get()) >= 0) {
        byte = (char)c;
        (void)estls_at_feed(&at, &byte, 1, &ev);
        if (ev.kind) { tell(&ev); }
    }
    return 0;
}
