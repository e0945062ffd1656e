/* units_sdcc.c - a unit test as a program for ucsim: its console and its end
 * are at the address that the simulator's interface was put at. */
#include <stdio.h>

#if defined __SDCC_mcs51
static volatile __xdata unsigned char __at(0xffff) simulator;
#elif defined __SDCC_stm8
static volatile unsigned char __at(0x7fff) simulator;
#else
static __sfr __at(0xff) simulator;
#endif

int test_main(void);

int putchar(int c)
{
    simulator = 'p';
    simulator = (unsigned char)c;
    return c;
}

int main(void)
{
    test_main();
    simulator = 's';
    for (;;) {}
}
