/* avr_host.c - runs the job in simavr, its UART 0 wired to a modem (peer.h); or
 * an Arduino sketch, with the modem at UART 1.
 *
 * The receiver is ours: a byte every 10 bits of 115200 baud, and one that comes
 * while the last was not read is lost, as DOR0 says. Simavr's own has 64 bytes
 * of FIFO and loses nothing. */
#include "avr_sketch.h"
#include "board.h"
#include "host.h"

#include <err.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_interrupts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { HZ = 16000000, BYTE_CYCLES = HZ / 11520, TICK_CYCLES = HZ / 1000 };
enum { GPIOR0 = 0x3e, GPIOR1 = 0x4a, GPIOR2 = 0x4b };

static unsigned ramend;    /* 0: the chip's */
static const char *ram;    /* file that keeps RAM from one run to the next */
static const char *sketch; /* it is one: file of its EEPROM */

static avr_t *avr;
static avr_uart_t *uart;
static avr_cycle_count_t woke;   /* when the session began */
static avr_cycle_count_t due;    /* the next byte to the board */
static avr_cycle_count_t ticked; /* the last tick of the modem */
static unsigned received;        /* bytes since the start */
static int unread;               /* the board has not taken the last byte */
static int asleep;
static avr_cycle_count_t stepped; /* when the last step began; 0: none has */
static avr_cycle_count_t longest;

static double seconds(void)
{
    return (double)(avr->cycle - woke) / HZ;
}

/* -- the chip's registers -------------------------------------------------- */

static void end_step(void)
{
    if (stepped && avr->cycle - stepped > longest) {
        longest = avr->cycle - stepped;
    }
}

static void on_mark(avr_t *a, avr_io_addr_t at, uint8_t value, void *unused)
{
    (void)unused;
    a->data[at] = value;
    asleep = value == BOARD_TELL_SLEEP;
    end_step();
    stepped = asleep ? 0 : avr->cycle;
}

static void say(const char *name, unsigned long long value)
{
    char text[40];

    snprintf(text, sizeof text, "%s %llu", name, value);
    host_print(text);
}

/* The session is open: how long its longest step was. */
static void say_longest(void)
{
    end_step();
    stepped = 0;
    say("step", longest);
}

static void on_console(avr_t *a, avr_io_addr_t at, uint8_t value, void *unused)
{
    const char *line = host_line((char)value);

    (void)a;
    (void)at;
    (void)unused;
    if (!line) { return; }
    if (strncmp(line, "open ", 5) == 0) { say_longest(); }
    host_print(line);
}

static uint8_t on_random(avr_t *a, avr_io_addr_t at, void *unused)
{
    uint8_t byte = 0;

    (void)unused;
    if (getrandom(&byte, 1, 0) != 1) { err(1, "getrandom"); }
    return a->data[at] = byte;
}

static void on_transmit(avr_irq_t *irq, uint32_t value, void *unused)
{
    (void)irq;
    (void)unused;
    peer_write((uint8_t)value);
}

/* -- the receiver ---------------------------------------------------------- */

static uint8_t on_receive(avr_t *a, avr_io_addr_t at, void *unused)
{
    (void)unused;
    avr_clear_interrupt(a, &uart->rxc);
    avr_regbit_clear(a, uart->dor);
    unread = 0;
    return a->data[at];
}

static void receive(uint8_t byte)
{
    received++;
    if (unread) {
        avr_regbit_set(avr, uart->dor);
        return;
    }
    if (!avr_regbit_get(avr, uart->rxen)) { return; }
    avr->data[uart->r_udr] = byte;
    unread = 1;
    avr_raise_interrupt(avr, &uart->rxc);
}

static void deliver(void)
{
    uint8_t byte;

    if (!host_next_byte(&byte)) { return; }
    receive(byte);
    due = avr->cycle + BYTE_CYCLES;
    if (received == host.overrun && host_next_byte(&byte)) { receive(byte); }
}

/* -- running --------------------------------------------------------------- */

static avr_uart_t *find_uart(char name)
{
    avr_io_t *io = avr->io_port;

    while (io && !(io->kind && strcmp(io->kind, "uart") == 0 &&
                   ((avr_uart_t *)(void *)io)->name == name)) {
        io = io->next;
    }
    return (avr_uart_t *)(void *)io;
}

static void start(void)
{
    const char name = sketch ? '1' : '0';
    elf_firmware_t firmware;
    uint32_t none = 0;

    memset(&firmware, 0, sizeof firmware);
    if (elf_read_firmware(host.program, &firmware)) {
        errx(1, "%s: no program", host.program);
    }
    avr = avr_make_mcu_by_name(host.machine);
    if (!avr) { errx(1, "%s: no such chip", host.machine); }
    if (ramend) { avr->ramend = (uint16_t)ramend; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = HZ;
    uart = find_uart(name);
    if (!uart) { errx(1, "%s: no UART %c", host.machine, name); }
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS(name), &none);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ(name), UART_IRQ_OUTPUT),
        on_transmit, NULL);
    avr->io[AVR_DATA_TO_IO(uart->r_udr)].r.c = on_receive;
    avr_register_io_write(avr, GPIOR0, on_mark, NULL);
    avr_register_io_write(avr, GPIOR1, on_console, NULL);
    avr_register_io_read(avr, GPIOR2, on_random, NULL);
    if (sketch) { sketch_wire(avr, &firmware, sketch); }
}

static void load(void)
{
    FILE *file = ram ? fopen(ram, "rb") : NULL;

    if (!file) { return; }
    (void)!fread(avr->data + avr->ioend + 1, 1, avr->ramend - avr->ioend, file);
    fclose(file);
}

static void save(void)
{
    const size_t n = (size_t)(avr->ramend - avr->ioend);
    FILE *file = ram ? fopen(ram, "wb") : NULL;

    if (!ram) { return; }
    if (!file || fwrite(avr->data + avr->ioend + 1, 1, n, file) != n ||
        fclose(file)) {
        err(1, "%s", ram);
    }
}

static void advance(void)
{
    if (avr_run(avr) == cpu_Crashed) { errx(1, "crashed at %#x", avr->pc); }
    if (avr->cycle - ticked >= TICK_CYCLES) {
        ticked = avr->cycle;
        host_tick((uint32_t)(avr->cycle / TICK_CYCLES));
        if (peer_waits()) { usleep(1000); }
    }
    if (avr->cycle >= due) { deliver(); }
}

/* The switch opens, and closes again. */
static void wake_sketch(void)
{
    const avr_cycle_count_t end = avr->cycle + HZ / 10;

    sketch_float_switch(0);
    while (avr->cycle < end) { advance(); }
    sketch_float_switch(1);
}

static void wake(void)
{
    const int again = avr != NULL;

    if (!again) {
        start();
        load();
    }
    if (!again || !sketch) {
        avr_reset(avr);
        unread = 0;
    }
    if (sketch) { wake_sketch(); }
    woke = avr->cycle;
    asleep = 0;
    stepped = longest = 0;
}

static void end_sketch(void)
{
    int blinks;

    say("untouched", sketch_untouched());
    while ((blinks = sketch_blinks()) < 0) { advance(); }
    say("blinks", (unsigned)blinks);
}

static int run(double limit)
{
    const avr_cycle_count_t end = woke + (avr_cycle_count_t)(limit * HZ);

    while (!asleep && avr->cycle < end) {
        advance();
        if (sketch) { asleep = sketch_done(); }
    }
    if (sketch && asleep) { end_sketch(); }
    return asleep;
}

enum { OPT_RAMEND = 512, OPT_RAM, OPT_SKETCH };

static const struct argp_option table[] = {
    {"ramend", OPT_RAMEND, "N", 0, "last address of RAM, if not the chip's", 0},
    {"ram", OPT_RAM, "FILE", 0,
     "RAM at the start, if FILE is there; and the end", 0},
    {"sketch", OPT_SKETCH, "FILE", 0,
     "PROGRAM is MailSensor.ino, its EEPROM in FILE", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    (void)state;
    switch (key) {
    case OPT_RAMEND: ramend = (unsigned)strtoul(arg, NULL, 0); return 0;
    case OPT_RAM: ram = arg; return 0;
    case OPT_SKETCH: sketch = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp options = {table, parse, NULL, NULL, NULL, NULL, NULL};

static const struct host_simulator simavr = {
    "Runs PROGRAM in simavr on a chip named MACHINE, its UART on an emulated\n"
    "modem; the modem dials 127.0.0.1:PORT.",
    &options, wake, run, seconds};

int main(int argc, char **argv)
{
    const int status = host_main(argc, argv, &simavr);

    save();
    return status;
}
