/* example_host.c - runs an AVR program in simavr as if a modem that knows no
 * flow control were at its UART: a byte of the transcript each 10 bits of
 * 115,200 baud, whether the program is ready or not. Where two wait already,
 * it is lost. Prints what the program writes; on stderr the bytes lost, the
 * most of the stack in use, and the most cycles between two readings while a
 * byte waits.
 *
 * The UART is one of our own: simavr's gives no byte before the time of one
 * has passed since the last was read, and so it falls behind any sender.
 *
 * example_host PROGRAM TRANSCRIPT */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HZ = 16000000, BAUD = 115200 };
/* ATmega328P */
enum { SPL = 0x5d, SPH = 0x5e, UCSR0A = 0xc0, UDR0 = 0xc6, RXC = 0x80 };
enum { UDRE = 0x20, RAM = 0x100, WAITING = 2 };

static const avr_cycle_count_t byte_cycles = 10 * HZ / BAUD;
static uint8_t waiting[WAITING];
static unsigned in, lost, lowest = 0xffff;
static avr_cycle_count_t came, longest, sent;

/* simavr's own messages */
static void no_log(struct avr_t *avr, const int level, const char *format,
                   va_list ap)
{
    (void)avr;
    (void)level;
    (void)format;
    (void)ap;
}

static void arrive(avr_t *avr, int c)
{
    if (in == WAITING) {
        lost++;
        return;
    }
    if (in == 0) { came = avr->cycle; }
    waiting[in++] = (uint8_t)c;
}

static uint8_t read_status(avr_t *avr, avr_io_addr_t address, void *unused)
{
    (void)address;
    (void)unused;
    return (uint8_t)((in ? RXC : 0) |
                     (avr->cycle + byte_cycles >= sent ? UDRE : 0));
}

static uint8_t read_data(avr_t *avr, avr_io_addr_t address, void *unused)
{
    const uint8_t c = waiting[0];

    (void)address;
    (void)unused;
    if (in == 0) { return 0; }
    if (avr->cycle - came > longest) { longest = avr->cycle - came; }
    came = avr->cycle;
    waiting[0] = waiting[1];
    in--;
    return c;
}

/* One byte is on its way, another may wait. */
static void write_data(avr_t *avr, avr_io_addr_t address, uint8_t c,
                       void *unused)
{
    (void)address;
    (void)unused;
    if (avr->cycle + byte_cycles < sent) { lost++; }
    sent = (sent > avr->cycle ? sent : avr->cycle) + byte_cycles;
    putchar(c);
}

/* In the place of simavr's. */
static void plug_in(avr_t *avr)
{
    avr->io[AVR_DATA_TO_IO(UCSR0A)].r.c = read_status;
    avr->io[AVR_DATA_TO_IO(UCSR0A)].w.c = NULL;
    avr->io[AVR_DATA_TO_IO(UDR0)].r.c = read_data;
    avr->io[AVR_DATA_TO_IO(UDR0)].w.c = write_data;
}

static void watch_stack(const avr_t *avr)
{
    const unsigned sp = avr->data[SPL] | (unsigned)avr->data[SPH] << 8;

    if (sp >= RAM && sp < lowest) { lowest = sp; }
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    avr_t *avr;
    avr_cycle_count_t next = HZ / 1000, end = 0;
    FILE *f;
    int state = cpu_Running;
    int c;

    avr_global_logger_set(no_log);
    memset(&firmware, 0, sizeof firmware);
    if (argc != 3 || elf_read_firmware(argv[1], &firmware)) { return 2; }
    avr = avr_make_mcu_by_name("atmega328p");
    f = fopen(argv[2], "rb");
    if (!avr || !f) { return 2; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    plug_in(avr);
    while (state != cpu_Done && state != cpu_Crashed &&
           (!end || avr->cycle < end)) {
        if (!end && avr->cycle >= next) {
            next += byte_cycles;
            c = fgetc(f);
            if (c == EOF) {
                end = avr->cycle + HZ / 10;
            } else {
                arrive(avr, c);
            }
        }
        state = avr_run(avr);
        watch_stack(avr);
    }
    fprintf(stderr, "lost %u\nstack %u\nlongest %llu\n", lost,
            avr->ramend - lowest, (unsigned long long)longest);
    return !end || lost;
}
