/* units_avr_host.c - runs an AVR program in simavr: prints what it puts into
 * GPIOR1, and ends with what it puts into GPIOR0, less one.
 *
 * units_avr_host PROGRAM MCU */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GPIOR0 = 0x3e, GPIOR1 = 0x4a, CRASHED = 3 };

static const avr_cycle_count_t limit = 20000000000;
static int ended;

/* simavr's own messages, on what it has loaded */
static void no_log(struct avr_t *avr, const int level, const char *format,
                   va_list ap)
{
    (void)avr;
    (void)level;
    (void)format;
    (void)ap;
}

static void say(struct avr_t *avr, avr_io_addr_t address, uint8_t value,
                void *unused)
{
    (void)unused;
    avr->data[address] = value;
    putchar(value);
}

static void end(struct avr_t *avr, avr_io_addr_t address, uint8_t value,
                void *unused)
{
    (void)unused;
    avr->data[address] = value;
    ended = value;
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr;
    int state = cpu_Running;

    avr_global_logger_set(no_log);
    memset(&firmware, 0, sizeof firmware);
    if (argc != 3 || elf_read_firmware(argv[1], &firmware)) { return CRASHED; }
    avr = avr_make_mcu_by_name(argv[2]);
    if (!avr) { return CRASHED; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr_register_io_write(avr, GPIOR0, end, NULL);
    avr_register_io_write(avr, GPIOR1, say, NULL);
    while (!ended && avr->cycle < limit && state != cpu_Done &&
           state != cpu_Crashed) {
        state = avr_run(avr);
    }
    printf("cycles %llu\n", (unsigned long long)avr->cycle);
    return ended ? ended - 1 : CRASHED;
}
