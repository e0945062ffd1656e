/* cortex_m.c - QEMU's Cortex-M machines: -DMACHINE_NAME, with NAME as QEMU's
 * and "_" for "-". */
#include "board32.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* -- UARTs -----------------------------------------------------------------
 * Baud rates are left as they are: QEMU has none. */

#if defined MACHINE_microbit /* nRF51 Series Reference Manual, 29 */

enum { UART = 0x40002000, UART_IRQ = 2, CORE_HZ = 16000000 };
enum { STARTRX = UART, STARTTX = UART + 8, RXDRDY = UART + 0x108 };
enum { TXDRDY = UART + 0x11c, INTENSET = UART + 0x304, ENABLE = UART + 0x500 };
enum { RXD = UART + 0x518, TXD = UART + 0x51c };

static void uart_start(void)
{
    REG(ENABLE) = 4;
    REG(INTENSET) = 1 << 2; /* RXDRDY */
    REG(STARTRX) = 1;
    REG(STARTTX) = 1;
    REG(TXDRDY) = 1;
}

static void uart_interrupt(void)
{
    while (REG(RXDRDY)) {
        REG(RXDRDY) = 0;
        board32_received((uint8_t)REG(RXD));
    }
}

int core_put(uint8_t byte)
{
    if (!REG(TXDRDY)) { return 0; }
    REG(TXDRDY) = 0;
    REG(TXD) = byte;
    return 1;
}

#elif defined MACHINE_stm32vldiscovery || defined MACHINE_netduinoplus2
/* RM0041, 23.6; RM0090, 30.6: the same as far as it is used here */

#if defined MACHINE_stm32vldiscovery
enum { UART = 0x40013800, CORE_HZ = 24000000 };
#else
enum { UART = 0x40011000, CORE_HZ = 168000000 };
#endif
enum { UART_IRQ = 37, SR = UART, DR = UART + 4, CR1 = UART + 12 };
enum { RXNE = 1 << 5, TXE = 1 << 7 };

static void uart_start(void)
{
    REG(CR1) = 1 << 13 | 1 << 5 | 1 << 3 | 1 << 2; /* UE RXNEIE TE RE */
}

static void uart_interrupt(void)
{
    while (REG(SR) & RXNE) { board32_received((uint8_t)REG(DR)); }
}

int core_put(uint8_t byte)
{
    if (!(REG(SR) & TXE)) { return 0; }
    REG(DR) = byte;
    return 1;
}

#else /* MPS2; DDI 0479, 4.3: APB UART */

#if defined MACHINE_mps2_an505
enum { UART = 0x50200000, UART_IRQ = 32, CORE_HZ = 20000000 };
#elif defined MACHINE_mps2_an385 || defined MACHINE_mps2_an386
enum { UART = 0x40004000, UART_IRQ = 0, CORE_HZ = 25000000 };
#else
#error "which machine?"
#endif
enum { DATA = UART, STATE = UART + 4, CTRL = UART + 8 };
enum { INTCLEAR = UART + 12, BAUDDIV = UART + 16 };
enum { TX_FULL = 1, RX_FULL = 2 };

static void uart_start(void)
{
    REG(BAUDDIV) = 16; /* the least that is legal */
    REG(CTRL) = 1 << 3 | 1 << 1 | 1 << 0;
}

static void uart_interrupt(void)
{
    REG(INTCLEAR) = RX_FULL;
    while (REG(STATE) & RX_FULL) { board32_received((uint8_t)REG(DATA)); }
}

int core_put(uint8_t byte)
{
    if (REG(STATE) & TX_FULL) { return 0; }
    REG(DATA) = byte;
    return 1;
}

#endif

/* -- the core --------------------------------------------------------------
 * DDI 0419, B3: SysTick, NVIC */

enum { SYST_CSR = 0xe000e010, SYST_RVR = 0xe000e014, SYST_CVR = 0xe000e018 };
enum { NVIC_ISER = 0xe000e100 };

static volatile uint32_t milliseconds;

static void tick(void)
{
    milliseconds++;
}

uint32_t core_milliseconds(void)
{
    return milliseconds;
}

void core_start(void)
{
    uart_start();
    REG(NVIC_ISER + UART_IRQ / 32 * 4) = UINT32_C(1) << UART_IRQ % 32;
    REG(SYST_RVR) = CORE_HZ / 1000 - 1;
    REG(SYST_CVR) = 0;
    REG(SYST_CSR) = 7; /* the core's clock, interrupt, on */
}

/* An interrupt wakes it even where none may run: so none is missed. */
void core_idle(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    if (!board32_waiting()) { __asm__ volatile("wfi"); }
    __asm__ volatile("cpsie i" ::: "memory");
}

void core_sleep(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    REG(SYST_CSR) = 0;
    for (;;) { __asm__ volatile("wfi"); }
}

long core_host(long operation, const void *argument)
{
    register long r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* -- vectors --------------------------------------------------------------- */

extern uint8_t stack_top[];

typedef void vector(void);

/* Of the external interrupts, only the UART's is enabled. */
__attribute__((section(".vectors"), used)) static vector *const vectors[] = {
    (vector *)(uintptr_t)stack_top, board32_begin,
    [2 ... 14] = board32_fault,     tick,
    [16 ... 63] = uart_interrupt,
};
