/* stm32f1.c - STM32F1: an ESP-AT modem at USART1 (TX PA9, RX PA10), 115200
 * baud.  Registers: ST's reference manual RM0008; the SysTick: ARM's
 * ARMv7-M Architecture Reference Manual, B3.3. */
#include "board.h"

/* With a crystal of 8 MHz.  An STM32F103 runs at 72 MHz, an STM32F100 at
 * 24 MHz: PLL_TIMES 3, FLASH_WAIT 0, APB1_HALF 0. */
#ifndef PLL_TIMES
#define PLL_TIMES  9u
#define FLASH_WAIT 2u /* states; 3.3.3 */
#define APB1_HALF  1u /* its limit is 36 MHz */
#endif

enum { BAUD = 115200, RX_SIZE = 256, START_TURNS = 50000 };

#define CRYSTAL_HZ  8000000u
#define INTERNAL_HZ 8000000u

#define REG(address) (*(volatile uint32_t *)(address))

/* 7.3: RCC */
#define RCC_CR      REG(0x40021000u)
#define RCC_CFGR    REG(0x40021004u)
#define RCC_APB2ENR REG(0x40021018u)
#define RCC_APB1ENR REG(0x4002101cu)
#define RCC_BDCR    REG(0x40021020u)
enum {
    HSE_ON = 1 << 16,
    HSE_READY = 1 << 17,
    PLL_ON = 1 << 24,
    PLL_READY = 1 << 25,
    SW_PLL = 2,
    SWS_PLL = 2 << 2,
    PPRE1_HALF = 4 << 8,
    PLL_FROM_HSE = 1 << 16,
    PLLMUL = 18,
    PORT_A_ON = 1 << 2,
    USART1_ON = 1 << 14,
    BACKUP_ON = 3 << 27,
    RTC_ON = 1 << 15
};

/* 3.3.3: FLASH_ACR; bit 4 is the prefetch buffer */
#define FLASH_ACR REG(0x40022000u)

/* 9.2: GPIO; four bits a pin */
#define GPIOA_CRH REG(0x40010804u)
enum {
    PA9_PA10 = 0xff << 4,
    PA9_FAST_OUTPUT = 0xb << 4, /* alternate function, 50 MHz */
    PA10_INPUT = 0x4 << 8       /* floating */
};

/* 27.6: USART1 */
#define USART_SR  REG(0x40013800u)
#define USART_DR  REG(0x40013804u)
#define USART_BRR REG(0x40013808u)
#define USART_CR1 REG(0x4001380cu)
enum {
    OVERRUN = 1 << 3,
    RXNE = 1 << 5,
    TXE = 1 << 7,
    USART_ON = 1 << 13 | 1 << 5 | 1 << 3 | 1 << 2 /* UE, RXNEIE, TE, RE */
};

/* 18.4: the RTC counts seconds, in two halves */
#define RTC_CRL  REG(0x40002804u)
#define RTC_CNTH REG(0x40002818u)
#define RTC_CNTL REG(0x4000281cu)
enum {
    RTC_SYNCED = 1 << 3,
    RTC_NOT_SYNCED = 7 /* clears it, and none of the other flags */
};

/* B3.4.4: NVIC; USART1 is interrupt 37 (RM0008 10.1.2) */
#define NVIC_ISER1   REG(0xe000e104u)
#define USART1_BIT   (1u << (37 - 32))
#define SYSTICK_CSR  REG(0xe000e010u)
#define SYSTICK_LOAD REG(0xe000e014u)
#define SYSTICK_VAL  REG(0xe000e018u)

/* The interrupt writes at head, uart_read takes at tail; each changes its own
 * index alone, so none needs a lock. */
static volatile uint8_t rx[RX_SIZE];
static volatile uint16_t rx_head;
static volatile uint16_t rx_tail;
static volatile uint32_t ms;

void SysTick_Handler(void);
void USART1_IRQHandler(void);

/* -- interrupts ------------------------------------------------------------ */

void SysTick_Handler(void)
{
    ms++;
}

/* Reading SR, then DR, clears an overrun, too.  A byte that finds no room is
 * lost, as the modem's protocol will show. */
void USART1_IRQHandler(void)
{
    const uint16_t next = (uint16_t)((rx_head + 1u) % RX_SIZE);
    uint8_t byte;

    if (!(USART_SR & (RXNE | OVERRUN))) { return; }
    byte = (uint8_t)USART_DR;
    if (next == rx_tail) { return; }
    rx[rx_head] = byte;
    rx_head = next;
}

/* 1: it came within some milliseconds. */
static int comes(const volatile uint32_t *reg, uint32_t bits)
{
    uint32_t turns = START_TURNS;

    while ((*reg & bits) != bits && turns) { turns--; }
    return turns > 0;
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

/* What the transmitter takes without a wait: a byte or two. */
int uart_write(void *user, const void *src, size_t len)
{
    const uint8_t *from = (const uint8_t *)src;
    size_t n = 0;

    (void)user;
    while (n < len && (USART_SR & TXE)) { USART_DR = from[n++]; }
    return (int)n;
}

uint32_t millis(void *user)
{
    (void)user;
    return ms;
}

/* This chip has no random generator, and its ADC's noise can be guessed.
 * board_seed is the seed keeper: a secret in flash that was put there when the
 * board was made, and whose successor is stored before it is used.  Without
 * one, estls_open answers E_ENTROPY. */
extern size_t board_seed(void *dst, size_t len) __attribute__((weak));

size_t trng(void *user, void *dst, size_t len)
{
    (void)user;
    return board_seed ? board_seed(dst, len) : 0;
}

/* Zero, and so E_CLOCK, until somebody has set the RTC, which then goes on by
 * its battery.  After a reset its count must be waited for: 18.3.3. */
uint32_t rtc(void *user)
{
    uint32_t high, low;

    (void)user;
    if (!(RCC_BDCR & RTC_ON)) { return 0; }
    RTC_CRL = RTC_NOT_SYNCED;
    if (!comes(&RTC_CRL, RTC_SYNCED)) { return 0; }
    do {
        high = RTC_CNTH & 0xffff;
        low = RTC_CNTL & 0xffff;
    } while (high != (RTC_CNTH & 0xffff));
    return high << 16 | low;
}

/* -- at reset -------------------------------------------------------------- */

/* The processor's clock, Hz.  Without a crystal that starts it stays on the
 * internal oscillator, which is right enough for the UART at room
 * temperature, and slow. */
static uint32_t start_clock(void)
{
    RCC_CR |= HSE_ON;
    if (!comes(&RCC_CR, HSE_READY)) { return INTERNAL_HZ; }
    FLASH_ACR = FLASH_WAIT | 1u << 4;
    RCC_CFGR = PLL_FROM_HSE | (PLL_TIMES - 2) << PLLMUL |
               (APB1_HALF ? (uint32_t)PPRE1_HALF : 0u);
    RCC_CR |= PLL_ON;
    if (!comes(&RCC_CR, PLL_READY)) { return INTERNAL_HZ; }
    RCC_CFGR |= SW_PLL;
    return comes(&RCC_CFGR, SWS_PLL) ? CRYSTAL_HZ * PLL_TIMES : INTERNAL_HZ;
}

static void start_uart(uint32_t hz)
{
    RCC_APB2ENR |= PORT_A_ON | USART1_ON;
    GPIOA_CRH =
        (GPIOA_CRH & ~(uint32_t)PA9_PA10) | PA9_FAST_OUTPUT | PA10_INPUT;
    USART_BRR = (hz + BAUD / 2) / BAUD;
    USART_CR1 = USART_ON;
    NVIC_ISER1 = USART1_BIT;
}

void board_init(void)
{
    const uint32_t hz = start_clock();

    RCC_APB1ENR |= BACKUP_ON;
    start_uart(hz);
    SYSTICK_LOAD = hz / 1000 - 1;
    SYSTICK_VAL = 0;
    SYSTICK_CSR = 7; /* the processor's clock, interrupt, on */
}
