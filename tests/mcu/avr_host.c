/* avr_host.c - runs the job in simavr, its UART 0 wired to a modem (peer.h).
 *
 * The receiver is ours: a byte every 10 bits of 115200 baud, and one that comes
 * while the last was not read is lost, as DOR0 says. Simavr's own has 64 bytes
 * of FIFO and loses nothing. */
#include "peer.h"

#include <argp.h>
#include <err.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_interrupts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HZ = 16000000, BYTE_CYCLES = HZ / 11520, TICK_CYCLES = HZ / 1000 };
enum { GPIOR0 = 0x3e, GPIOR1 = 0x4a, GPIOR2 = 0x4b };

static struct settings {
    const char *program;
    const char *mcu;
    unsigned port;
    unsigned ramend; /* 0: the chip's */
    unsigned sessions;
    unsigned cuts;      /* of the power, after the first session */
    unsigned long seed; /* of when */
    unsigned noise;     /* bytes at each start */
    unsigned overrun;   /* this byte comes too early; 0: none */
    unsigned limit;     /* seconds that a session may take */
    struct espat_options modem;
    struct espat_fault fault;
} set = {.sessions = 1, .limit = 300};

static avr_t *avr;
static avr_uart_t *uart;
static avr_cycle_count_t woke;   /* when the session began */
static avr_cycle_count_t due;    /* the next byte to the board */
static avr_cycle_count_t ticked; /* the last tick of the modem */
static unsigned received;        /* bytes since the start */
static unsigned noise;           /* left to send */
static int unread;               /* the board has not taken the last byte */
static int asleep;

static double seconds(void)
{
    return (double)(avr->cycle - woke) / HZ;
}

/* -- the chip's registers -------------------------------------------------- */

static void on_mark(avr_t *a, avr_io_addr_t at, uint8_t value, void *unused)
{
    (void)unused;
    a->data[at] = value;
    asleep = 1;
}

static void on_console(avr_t *a, avr_io_addr_t at, uint8_t value, void *unused)
{
    static char line[80];
    static size_t len;

    (void)a;
    (void)at;
    (void)unused;
    if (value != '\n') {
        if (len < sizeof line - 1) { line[len++] = (char)value; }
        return;
    }
    printf("%9.3f %.*s\n", seconds(), (int)len, line);
    len = 0;
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

static int next_byte(uint8_t *byte)
{
    if (!noise) { return peer_read(byte); }
    noise--;
    return getrandom(byte, 1, 0) == 1;
}

static void deliver(void)
{
    uint8_t byte;

    if (!next_byte(&byte)) { return; }
    receive(byte);
    due = avr->cycle + BYTE_CYCLES;
    if (received == set.overrun && next_byte(&byte)) { receive(byte); }
}

/* -- running --------------------------------------------------------------- */

static avr_uart_t *find_uart(void)
{
    avr_io_t *io = avr->io_port;

    while (io && !(io->kind && strcmp(io->kind, "uart") == 0 &&
                   ((avr_uart_t *)(void *)io)->name == '0')) {
        io = io->next;
    }
    return (avr_uart_t *)(void *)io;
}

static void start(void)
{
    elf_firmware_t firmware;
    uint32_t none = 0;

    memset(&firmware, 0, sizeof firmware);
    if (elf_read_firmware(set.program, &firmware)) {
        errx(1, "%s: no program", set.program);
    }
    avr = avr_make_mcu_by_name(set.mcu);
    if (!avr) { errx(1, "%s: no such chip", set.mcu); }
    if (set.ramend) { avr->ramend = (uint16_t)set.ramend; }
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = HZ;
    uart = find_uart();
    if (!uart) { errx(1, "%s: no UART 0", set.mcu); }
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &none);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
        on_transmit, NULL);
    avr->io[AVR_DATA_TO_IO(uart->r_udr)].r.c = on_receive;
    avr_register_io_write(avr, GPIOR0, on_mark, NULL);
    avr_register_io_write(avr, GPIOR1, on_console, NULL);
    avr_register_io_read(avr, GPIOR2, on_random, NULL);
}

/* Power on, or a reset: RAM keeps what it holds. */
static void wake(void)
{
    avr_reset(avr);
    woke = avr->cycle;
    unread = 0;
    asleep = 0;
    noise = set.noise;
}

static void tell_upgrade(void)
{
    static unsigned told;

    if (told != peer_seen.upgrades) { printf("%9.3f starttls\n", seconds()); }
    told = peer_seen.upgrades;
}

/* Runs to the sleep, 1; or to the cycle `end`, 0. */
static int run(avr_cycle_count_t end)
{
    int state;

    while (!asleep && avr->cycle < end) {
        state = avr_run(avr);
        if (state == cpu_Crashed) { errx(1, "crashed at %#x", avr->pc); }
        if (avr->cycle - ticked >= TICK_CYCLES) {
            ticked = avr->cycle;
            peer_tick((uint32_t)(avr->cycle / TICK_CYCLES));
            tell_upgrade();
        }
        if (avr->cycle >= due) { deliver(); }
    }
    return asleep;
}

static void session(void)
{
    wake();
    if (!run(avr->cycle + (avr_cycle_count_t)set.limit * HZ)) {
        printf("HANGS after %u s\n", set.limit);
        exit(1);
    }
    printf("%9.3f asleep\n", seconds());
}

/* Ends the power at random moments of a session as long as the last. */
static void cut(avr_cycle_count_t length)
{
    const double at = (double)random() / RAND_MAX;

    wake();
    if (!run(avr->cycle + (avr_cycle_count_t)(at * (double)length))) {
        printf("%9.3f cut\n", seconds());
    }
    if (random() % 2) { peer_restart(); }
}

enum option_key {
    OPT_RAMEND = 256,
    OPT_SESSIONS,
    OPT_CUTS,
    OPT_SEED,
    OPT_NOISE,
    OPT_OVERRUN,
    OPT_LIMIT,
    OPT_FAULT
};

static const struct argp_option table[] = {
    {"ramend", OPT_RAMEND, "N", 0, "last address of RAM, if not the chip's", 0},
    {"sessions", OPT_SESSIONS, "N", 0, "until it has slept so often (1)", 0},
    {"cuts", OPT_CUTS, "N", 0, "then cut the power so often", 0},
    {"seed", OPT_SEED, "N", 0, "of when it is cut", 0},
    {"noise", OPT_NOISE, "N", 0, "random bytes at each start", 0},
    {"overrun", OPT_OVERRUN, "N", 0, "the byte behind the N-th comes at once",
     0},
    {"limit", OPT_LIMIT, "S", 0, "seconds a session may take (300)", 0},
    {"fault", OPT_FAULT, "WHAT@WHEN:N[:ARG]", 0, "of the modem", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const unsigned long n = arg ? strtoul(arg, NULL, 0) : 0;

    switch (key) {
    case OPT_RAMEND: set.ramend = (unsigned)n; break;
    case OPT_SESSIONS: set.sessions = (unsigned)n; break;
    case OPT_CUTS: set.cuts = (unsigned)n; break;
    case OPT_SEED: set.seed = n; break;
    case OPT_NOISE: set.noise = (unsigned)n; break;
    case OPT_OVERRUN: set.overrun = (unsigned)n; break;
    case OPT_LIMIT: set.limit = (unsigned)n; break;
    case OPT_FAULT:
        if (!espat_fault_parse(&set.fault, arg)) {
            argp_error(state, "no such fault: %s", arg);
        }
        set.modem.fault = &set.fault;
        set.modem.faults = 1;
        break;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) { set.program = arg; }
        if (state->arg_num == 1) { set.mcu = arg; }
        if (state->arg_num == 2) { set.port = (unsigned)n; }
        break;
    case ARGP_KEY_END:
        if (state->arg_num != 3) { argp_usage(state); }
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    table,
    parse,
    "PROGRAM MCU PORT",
    "Runs PROGRAM in simavr, its UART on an emulated modem; the modem dials\n"
    "127.0.0.1:PORT.",
    NULL,
    NULL,
    NULL};

int main(int argc, char **argv)
{
    avr_cycle_count_t length;
    unsigned i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    srandom((unsigned)set.seed);
    set.modem.generation = 2;
    set.modem.fresh = true;
    if (!peer_open(&set.modem, set.port)) { err(1, "modem"); }
    start();
    for (i = 0; i < set.sessions; i++) { session(); }
    length = avr->cycle - woke;
    for (i = 0; i < set.cuts; i++) { cut(length); }
    if (set.cuts) { session(); }
    printf("clear %u %s\nconnections %u\ntcp_tx %lu\ntcp_rx %lu\n",
           peer_seen.clear, peer_seen.line, peer_seen.connections,
           peer_seen.tcp_tx, peer_seen.tcp_rx);
    peer_close();
    return peer_seen.clear != 0;
}
