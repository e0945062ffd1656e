/* nrf52.c - nRF52: an ESP-AT modem at UART0 (TX P0.06, RX P0.08), 115200 baud.
 * Registers: Nordic's nRF52832 Product Specification; those that are used
 * here are the same in an nRF52840 and in an nRF51.
 *
 * This is the plain UART, not UARTE: it has a FIFO of six bytes, and one byte
 * at a time is what an AT modem wants. */
#include "board.h"

enum { TX_PIN = 6, RX_PIN = 8, RX_SIZE = 256, WAIT_TURNS = 100000 };

#define REG(address) (*(volatile uint32_t *)(address))

/* CLOCK: the UART's accuracy wants the crystal */
#define CLOCK_HFCLKSTART   REG(0x40000000u)
#define CLOCK_HFCLKSTARTED REG(0x40000100u)

/* UART */
#define UART_STARTRX  REG(0x40002000u)
#define UART_STARTTX  REG(0x40002008u)
#define UART_RXDRDY   REG(0x40002108u)
#define UART_TXDRDY   REG(0x4000211cu)
#define UART_INTENSET REG(0x40002304u)
#define UART_ENABLE   REG(0x40002500u)
#define UART_PSELTXD  REG(0x4000250cu)
#define UART_PSELRXD  REG(0x40002514u)
#define UART_RXD      REG(0x40002518u)
#define UART_TXD      REG(0x4000251cu)
#define UART_BAUDRATE REG(0x40002524u)
#define UART_ON       4u
#define BAUD_115200   0x01d7e000u
#define INT_RXDRDY    (1u << 2)

/* TIMER0 */
#define TIMER_START     REG(0x40008000u)
#define TIMER_COMPARE0  REG(0x40008140u)
#define TIMER_SHORTS    REG(0x40008200u)
#define TIMER_INTENSET  REG(0x40008304u)
#define TIMER_BITMODE   REG(0x40008508u)
#define TIMER_PRESCALER REG(0x40008510u)
#define TIMER_CC0       REG(0x40008540u)
#define INT_COMPARE0    (1u << 16)
#define CLEAR_AT_CC0    1u
#define BITS_32         3u
#define PRESCALE_1_MHZ  4u

/* RNG */
#define RNG_START  REG(0x4000d000u)
#define RNG_STOP   REG(0x4000d004u)
#define RNG_VALRDY REG(0x4000d100u)
#define RNG_CONFIG REG(0x4000d504u)
#define RNG_VALUE  REG(0x4000d508u)
#define UNBIASED   1u

/* GPIO, port 0 */
#define GPIO_OUTSET REG(0x50000508u)
#define GPIO_DIRSET REG(0x50000518u)
#define GPIO_CNF(n) REG(0x50000700u + 4u * (n))
#define PULL_UP     (3u << 2)

/* NVIC: the interrupt's number is that of the peripheral's address */
#define NVIC_ISER0 REG(0xe000e100u)
#define IRQ_UART   (1u << 2)
#define IRQ_TIMER0 (1u << 8)

/* The interrupt writes at head, uart_read takes at tail; each changes its own
 * index alone, so none needs a lock. */
static volatile uint8_t rx[RX_SIZE];
static volatile uint16_t rx_head;
static volatile uint16_t rx_tail;
static volatile uint32_t ms;
static uint8_t sending; /* 1: a byte has been given to the UART */

void UARTE0_UART0_IRQHandler(void);
void TIMER0_IRQHandler(void);

/* 1: the event came within some milliseconds. */
static int comes(const volatile uint32_t *event)
{
    uint32_t turns = WAIT_TURNS;

    while (!*event && turns) { turns--; }
    return turns > 0;
}

/* -- interrupts ------------------------------------------------------------ */

/* A byte that finds no room is lost, as the modem's protocol will show. */
void UARTE0_UART0_IRQHandler(void)
{
    uint16_t next;
    uint8_t byte;

    while (UART_RXDRDY) {
        UART_RXDRDY = 0;
        byte = (uint8_t)UART_RXD;
        next = (uint16_t)((rx_head + 1u) % RX_SIZE);
        if (next == rx_tail) { continue; }
        rx[rx_head] = byte;
        rx_head = next;
    }
}

/* What is read back is written: else the interrupt might come twice. */
void TIMER0_IRQHandler(void)
{
    TIMER_COMPARE0 = 0;
    (void)TIMER_COMPARE0;
    ms++;
}

/* -- the port -------------------------------------------------------------- */

int uart_read(void *user, void *dst, size_t cap)
{
    uint8_t *to = (uint8_t *)dst;
    size_t n = 0;

    (void)user;
    while (n < cap && rx_tail != rx_head) {
        to[n++] = rx[rx_tail];
        rx_tail = (uint16_t)((rx_tail + 1u) % RX_SIZE);
    }
    return (int)n;
}

/* One byte at a time, and none before the last one has left. */
int uart_write(void *user, const void *src, size_t len)
{
    const uint8_t *from = (const uint8_t *)src;
    size_t n = 0;

    (void)user;
    while (n < len && (!sending || UART_TXDRDY)) {
        UART_TXDRDY = 0;
        sending = 1;
        UART_TXD = from[n++];
    }
    return (int)n;
}

uint32_t millis(void *user)
{
    (void)user;
    return ms;
}

/* From thermal noise, 0.12 ms a byte with the correction of its bias.  One
 * that falls silent gives less than len, and estls_open answers E_ENTROPY. */
size_t trng(void *user, void *dst, size_t len)
{
    uint8_t *to = (uint8_t *)dst;
    size_t n = 0;

    (void)user;
    RNG_CONFIG = UNBIASED;
    RNG_VALRDY = 0;
    RNG_START = 1;
    while (n < len && comes(&RNG_VALRDY)) {
        RNG_VALRDY = 0;
        to[n++] = (uint8_t)RNG_VALUE;
    }
    RNG_STOP = 1;
    return n;
}

/* This chip's RTC is a counter that nobody has set.  board_unix_time is a
 * clock beside it, a GPS, or the phone that the board is paired with.
 * Without one, estls_open answers E_CLOCK where certificates are checked; a
 * pinned key needs no clock, and the modem has one, too: see
 * estls_desc.sntp. */
extern uint32_t board_unix_time(void) __attribute__((weak));

uint32_t rtc(void *user)
{
    (void)user;
    return board_unix_time ? board_unix_time() : 0;
}

/* -- at reset -------------------------------------------------------------- */

static void start_uart(void)
{
    GPIO_OUTSET = 1u << TX_PIN;
    GPIO_DIRSET = 1u << TX_PIN;
    GPIO_CNF(RX_PIN) = PULL_UP;
    UART_PSELTXD = TX_PIN;
    UART_PSELRXD = RX_PIN;
    UART_ENABLE = UART_ON; /* the pins come before it */
    UART_BAUDRATE = BAUD_115200;
    UART_INTENSET = INT_RXDRDY;
    UART_STARTTX = 1;
    UART_STARTRX = 1;
}

/* An interrupt each millisecond. */
static void start_timer(void)
{
    TIMER_BITMODE = BITS_32;
    TIMER_PRESCALER = PRESCALE_1_MHZ;
    TIMER_CC0 = 1000;
    TIMER_SHORTS = CLEAR_AT_CC0;
    TIMER_INTENSET = INT_COMPARE0;
    TIMER_START = 1;
}

void board_init(void)
{
    CLOCK_HFCLKSTART = 1;
    (void)comes(&CLOCK_HFCLKSTARTED);
    start_uart();
    start_timer();
    NVIC_ISER0 = IRQ_UART | IRQ_TIMER0;
}
