/* at_cycles_host.c - runs at_cycles.c in simavr with a stream, and prints the
 * cycles per byte that the parser took.
 *
 * at_cycles_host PROGRAM MCU STREAM BYTES CHUNK
 * BYTES: so many of the stream, at most. */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GPIOR0 = 0x3e, START = 1, STOP, FILL, END }; /* as in at_cycles.c */

static FILE *stream;
static unsigned long wanted, fed;
static unsigned chunk, chunk_at, len_at;
static avr_cycle_count_t started, taken;
static int ended;

/* simavr's own messages */
static void no_log(struct avr_t *avr, const int level, const char *format,
                   va_list ap)
{
    (void)avr;
    (void)level;
    (void)format;
    (void)ap;
}

static void fill(struct avr_t *avr)
{
    const unsigned long left = wanted - fed;
    const size_t n = fread(avr->data + chunk_at, 1,
                           left < chunk ? (size_t)left : chunk, stream);

    avr->data[len_at] = (uint8_t)n;
    avr->data[len_at + 1] = (uint8_t)(n >> 8);
    fed += n;
}

static void mark(struct avr_t *avr, avr_io_addr_t address, uint8_t value,
                 void *unused)
{
    (void)unused;
    avr->data[address] = value;
    if (value == START) { started = avr->cycle; }
    if (value == STOP) { taken += avr->cycle - started; }
    if (value == FILL) { fill(avr); }
    ended |= value == END;
}

/* Where a variable is in RAM; 0: nowhere. */
static unsigned find(const elf_firmware_t *firmware, const char *name)
{
    uint32_t i;

    for (i = 0; i < firmware->symbolcount; i++) {
        if (strcmp(firmware->symbol[i]->symbol, name) == 0) {
            return firmware->symbol[i]->addr & 0xffff;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr;
    int state = cpu_Running;

    avr_global_logger_set(no_log);
    memset(&firmware, 0, sizeof firmware);
    if (argc != 6 || elf_read_firmware(argv[1], &firmware)) { return 2; }
    avr = avr_make_mcu_by_name(argv[2]);
    stream = fopen(argv[3], "rb");
    wanted = strtoul(argv[4], NULL, 10);
    chunk = (unsigned)strtoul(argv[5], NULL, 10);
    chunk_at = find(&firmware, "chunk");
    len_at = find(&firmware, "chunk_len");
    if (!avr || !stream || !chunk_at || !len_at) { return 2; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr_register_io_write(avr, GPIOR0, mark, NULL);
    while (!ended && state != cpu_Done && state != cpu_Crashed) {
        state = avr_run(avr);
    }
    if (ended && fed) { printf("%.2f\n", (double)taken / (double)fed); }
    return !ended || fed != wanted;
}
