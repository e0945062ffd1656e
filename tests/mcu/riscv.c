/* riscv.c - QEMU's machine sifive_e: an FE310, 16 KB of RAM. */
#include "board32.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* FE310-G000 manual: 9 CLINT, 10 PLIC, 18 UART */
enum { MTIMECMP = 0x02004000, MTIME = 0x0200bff8 };
enum { PLIC_PRIORITY = 0x0c000000, PLIC_ENABLE = 0x0c002000 };
enum { PLIC_THRESHOLD = 0x0c200000, PLIC_CLAIM = 0x0c200004 };
enum { TXDATA = 0x10013000, RXDATA = 0x10013004, TXCTRL = 0x10013008 };
enum { RXCTRL = 0x1001300c, UART_IE = 0x10013010, UART_IRQ = 3 };

enum { TICKS = 10000 }; /* of QEMU's mtime in a millisecond; a chip: 32.768 */

/* of mie and mip; of mcause */
enum { MTI = 1 << 7, MEI = 1 << 11 };
enum { CAUSE_TIMER = 7, CAUSE_EXTERNAL = 11 };
#define INTERRUPT UINT32_C(0x80000000)
#define UART_NOT  UINT32_C(0x80000000) /* full; empty */

static volatile uint32_t milliseconds;

uint32_t core_milliseconds(void)
{
    return milliseconds;
}

/* -- interrupts ------------------------------------------------------------ */

/* The upper half last, and never less than it will be. */
static void alarm(uint64_t at)
{
    REG(MTIMECMP + 4) = UINT32_MAX;
    REG(MTIMECMP) = (uint32_t)at;
    REG(MTIMECMP + 4) = (uint32_t)(at >> 32);
}

static void tick(void)
{
    static uint64_t next;

    if (!next) { next = (uint64_t)REG(MTIME + 4) << 32 | REG(MTIME); }
    next += TICKS;
    alarm(next);
    milliseconds++;
}

static void external(void)
{
    const uint32_t source = REG(PLIC_CLAIM);
    uint32_t data;

    for (;;) {
        data = REG(RXDATA);
        if (data & UART_NOT) { break; }
        board32_received((uint8_t)data);
    }
    REG(PLIC_CLAIM) = source;
}

__attribute__((interrupt("machine"), aligned(4))) static void trap(void)
{
    uint32_t cause;

    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == (INTERRUPT | CAUSE_TIMER)) {
        tick();
    } else if (cause == (INTERRUPT | CAUSE_EXTERNAL)) {
        external();
    } else {
        board32_fault();
    }
}

static void interrupts_on(void)
{
    __asm__ volatile("csrsi mstatus, 8" ::: "memory");
}

static void interrupts_off(void)
{
    __asm__ volatile("csrci mstatus, 8" ::: "memory");
}

void core_start(void)
{
    REG(TXCTRL) = 1;
    REG(RXCTRL) = 1;
    REG(UART_IE) = 2; /* a byte is there */
    REG(PLIC_PRIORITY + 4 * UART_IRQ) = 1;
    REG(PLIC_THRESHOLD) = 0;
    REG(PLIC_ENABLE) = 1 << UART_IRQ;
    tick();
    __asm__ volatile("csrw mtvec, %0" ::"r"(trap));
    __asm__ volatile("csrw mie, %0" ::"r"(MTI | MEI));
    interrupts_on();
}

/* An interrupt wakes it even where none may run: so none is missed. */
void core_idle(void)
{
    interrupts_off();
    if (!board32_waiting()) { __asm__ volatile("wfi"); }
    interrupts_on();
}

void core_sleep(void)
{
    interrupts_off();
    __asm__ volatile("csrw mie, zero");
    for (;;) { __asm__ volatile("wfi"); }
}

int core_put(uint8_t byte)
{
    if (REG(TXDATA) & UART_NOT) { return 0; }
    REG(TXDATA) = byte;
    return 1;
}

/* RISC-V Semihosting: the three instructions as they are, in one page. */
long core_host(long operation, const void *argument)
{
    register long a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 7\n"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

__attribute__((naked, used, section(".vectors"))) void reset(void)
{
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     "la sp, stack_top\n"
                     "j board32_begin");
}
