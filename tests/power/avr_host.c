/* avr_host.c - runs an AVR program in simavr and prints, for each pair of
 * marks 1 and 2 in GPIOR0, the cycles between them and what the program put
 * into GPIOR1 behind them. Ends at mark 3.
 *
 * avr_host PROGRAM MCU */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <string.h>

enum { GPIOR0 = 0x3e, GPIOR1 = 0x4a, START = 1, STOP, END }; /* ATmega328P */

static const avr_cycle_count_t limit = 1000000000;
static avr_cycle_count_t started, took;
static int ended;

static void mark(struct avr_t *avr, avr_io_addr_t address, uint8_t value,
                 void *unused)
{
    (void)unused;
    avr->data[address] = value;
    if (value == START) { started = avr->cycle; }
    if (value == STOP) { took = avr->cycle - started; }
    ended |= value == END;
}

static void tell(struct avr_t *avr, avr_io_addr_t address, uint8_t value,
                 void *unused)
{
    (void)unused;
    avr->data[address] = value;
    printf("%u %llu\n", value, (unsigned long long)took);
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr;
    int state = cpu_Running;

    memset(&firmware, 0, sizeof firmware);
    if (argc != 3 || elf_read_firmware(argv[1], &firmware)) { return 2; }
    avr = avr_make_mcu_by_name(argv[2]);
    if (!avr) { return 2; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr_register_io_write(avr, GPIOR0, mark, NULL);
    avr_register_io_write(avr, GPIOR1, tell, NULL);
    while (!ended && avr->cycle < limit) {
        state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) { return 1; }
    }
    return !ended;
}
