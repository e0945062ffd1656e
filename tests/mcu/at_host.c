/* at_host.c - runs a program in simavr with standard input at its UART 0, and
 * its answers on standard output.  Paints the RAM first, and tells on standard
 * error how much of it was ever used.
 *
 * at_host PROGRAM MCU */
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <string.h>

enum { PAINT = 0xc5, HZ = 16000000, IDLE_CYCLES = HZ / 10 };

static int ready;
static avr_cycle_count_t last;

static void on_ready(avr_irq_t *irq, uint32_t value, void *avr)
{
    (void)irq;
    (void)value;
    (void)avr;
    ready = 1;
}

static void on_full(avr_irq_t *irq, uint32_t value, void *avr)
{
    (void)irq;
    (void)value;
    (void)avr;
    ready = 0;
}

static void on_byte(avr_irq_t *irq, uint32_t value, void *avr)
{
    (void)irq;
    putchar((int)value);
    last = ((avr_t *)avr)->cycle;
}

static unsigned used(const avr_t *avr)
{
    unsigned at, n = 0;

    for (at = avr->ioend + 1u; at <= avr->ramend; at++) {
        n += avr->data[at] != PAINT;
    }
    return n;
}

static void wire(avr_t *avr)
{
    const uint32_t base = AVR_IOCTL_UART_GETIRQ('0');
    uint32_t none = 0;

    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &none);
    avr_irq_register_notify(avr_io_getirq(avr, base, UART_IRQ_OUTPUT), on_byte,
                            avr);
    avr_irq_register_notify(avr_io_getirq(avr, base, UART_IRQ_OUT_XON),
                            on_ready, avr);
    avr_irq_register_notify(avr_io_getirq(avr, base, UART_IRQ_OUT_XOFF),
                            on_full, avr);
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr;
    int c = 0;

    memset(&firmware, 0, sizeof firmware);
    if (argc != 3 || elf_read_firmware(argv[1], &firmware)) { return 2; }
    avr = avr_make_mcu_by_name(argv[2]);
    if (!avr) { return 2; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = HZ;
    memset(avr->data + avr->ioend + 1, PAINT, avr->ramend - avr->ioend);
    wire(avr);
    while (c != EOF || avr->cycle - last < IDLE_CYCLES) {
        const int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) { return 1; }
        if (ready && c != EOF && avr->cycle > IDLE_CYCLES) {
            c = getchar();
            last = avr->cycle;
            if (c != EOF) {
                avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'),
                                            UART_IRQ_INPUT),
                              (uint32_t)c);
            }
        }
    }
    fprintf(stderr, "%u\n", used(avr));
    return 0;
}
