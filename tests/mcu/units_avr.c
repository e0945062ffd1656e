/* units_avr.c - a unit test as an AVR program: what it prints goes to the
 * simulator through GPIOR1; at the end it says how much RAM it had taken, and
 * its result goes into GPIOR0. */
#include <avr/io.h>
#include <stdint.h>
#include <stdio.h>

int test_main(void);

enum { UNTOUCHED = 0xc5 };

extern uint8_t _end[]; /* behind all that is static */

/* Before main, and before anything is on the stack. */
static void __attribute__((naked, used, section(".init3"))) paint(void)
{
    __asm__ volatile("ldi r30, lo8(_end)\n"
                     "ldi r31, hi8(_end)\n"
                     "ldi r24, %0\n"
                     "ldi r25, hi8(%1)\n"
                     "1: st Z+, r24\n"
                     "cpi r30, lo8(%1)\n"
                     "cpc r31, r25\n"
                     "brlo 1b\n"
                     :
                     : "i"(UNTOUCHED), "i"(RAMEND + 1));
}

static int put(char c, FILE *f)
{
    (void)f;
    GPIOR1 = (uint8_t)c;
    return 0;
}

static FILE out = FDEV_SETUP_STREAM(put, NULL, _FDEV_SETUP_WRITE);

int main(void)
{
    const uint8_t *p = _end;
    const unsigned all = RAMEND + 1 - RAMSTART;
    const unsigned fixed = (unsigned)(_end - (uint8_t *)RAMSTART);
    unsigned spare;
    int rc;

    stdout = &out;
    rc = test_main();
    while (*p == UNTOUCHED) { p++; }
    spare = (unsigned)(p - _end);
    printf("ram %u static %u stack %u spare\n", fixed, all - fixed - spare,
           spare);
    GPIOR0 = (uint8_t)(1 + (rc != 0 || spare == 0));
    for (;;) {}
}
