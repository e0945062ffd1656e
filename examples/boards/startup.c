/* startup.c - from reset to main on a Cortex-M, for the boards beside it.
 *
 * One table serves them all: what a board does not define is `halt`.  Leave
 * this file out where the vendor's own start-up file calls board_init; the
 * handlers have the names that it gives them. */
#include "board.h"

int main(void);
void reset(void);
void halt(void);

/* by the linker script, sections.ld */
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];
extern uint32_t stack_top[];

#define OR_HALT __attribute__((weak, alias("halt")))
void SysTick_Handler(void) OR_HALT;
void UARTE0_UART0_IRQHandler(void) OR_HALT;
void TIMER0_IRQHandler(void) OR_HALT;
void USART1_IRQHandler(void) OR_HALT;

/* For a debugger to find it here. */
void halt(void)
{
    for (;;) {}
}

/* ARMv7-M Architecture Reference Manual, B1.5.2: where the exceptions are.
 * The other numbers are those of the chips' interrupts. */
enum { SYSTICK = 15, IRQ = 16, NRF_UART = 2, NRF_TIMER0 = 8, STM_USART1 = 37 };

typedef void (*vector)(void);

static const struct {
    uint32_t *stack;
    vector handler[IRQ + STM_USART1];
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    {
        reset,
        halt,
        halt,
        halt,
        halt,
        halt,
        [SYSTICK - 1] = SysTick_Handler,
        [IRQ + NRF_UART - 1] = UARTE0_UART0_IRQHandler,
        [IRQ + NRF_TIMER0 - 1] = TIMER0_IRQHandler,
        [IRQ + STM_USART1 - 1] = USART1_IRQHandler,
    },
};

/* .noinit is left as it is. */
void reset(void)
{
    const uint32_t *from = data_load;
    uint32_t *to;

    for (to = data_start; to < data_end;) { *to++ = *from++; }
    for (to = bss_start; to < bss_end;) { *to++ = 0; }
    board_init();
    (void)main();
    halt();
}
