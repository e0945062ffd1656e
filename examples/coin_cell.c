/* coin_cell.c - a sensor on a coin cell that asks >>tx before it transmits.
 *
 * The first half is firmware, as it would be flashed: a board's table, a queue
 * of messages, and bursts that are asked for.  It meets its board through the
 * hal_ functions alone.  The second half is the desk: those functions, over a
 * simulated cell whose voltage falls under load, and which resets the board as
 * a brown-out detector does.
 *
 *     cc -std=gnu11 -O2 examples/{coin_cell,battery}.c \
 *        tests/power/circuit.c -lm -o coin_cell
 */
#define _DEFAULT_SOURCE
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"
#include "battery.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

/* ======================================================================
 * The firmware
 * ====================================================================== */

enum {
    MEASURE_MS = 600000, /* a message every ten minutes ... */
    WORTH_MS = 7200000,  /* ... that is worth nothing after two hours */
    EVENTS = 28,         /* advertising events of a burst, in one second */
    EVENT_MS = 34,       /* from the end of one to the next */
    QUEUE = 16,
    ASKS = 3,         /* a probe, another one, and the answer */
    AGAIN_MS = 10000, /* when three probes have taught nothing */
    RESTED_MS = 2000, /* from a boot to a voltage at rest ... */
    REFILL_MS = 20,   /* ... and from a probe, which is short */
    PACKET_US = 376,
    BETWEEN_US = 350,
    BETWEEN_UA = 5000,
    PROBE_UA = 5000 /* the processor in a loop, the radio off */
};

typedef struct message {
    uint32_t t; /* when it was measured, ms */
    uint32_t reading;
} message;

/* What the firmware needs of its board. */
static uint32_t hal_millis(void);
static void hal_sleep(uint32_t ms);
static uint16_t hal_cell_mV(void);
static uint32_t hal_sensor(void);
/* Runs the processor for so long; the cell's voltage at the end. */
static uint16_t hal_spin(uint32_t us);
/* The same message on three channels; the voltage at the end of the last. */
static uint16_t hal_advertise(uint8_t level, const message *m);
/* A short flash: alive, and will be back.  A long one: a message is lost. */
static void hal_led_holding(uint32_t ms);
static void hal_led_lost(const message *m);
/* For a log, if there is somebody to read it. */
static void hal_log(const estls_tx_job *job, const estls_tx_plan *plan);

/* The table of the board: nRF52840 at 3 V, from its datasheet. */
static const estls_tx_level levels[] = {
    {8, 16400}, {4, 11200}, {0, 6400}, {-8, 4900}};
static const estls_tx_segment event[] = {{PACKET_US, 0},
                                         {BETWEEN_US, BETWEEN_UA},
                                         {PACKET_US, 0},
                                         {BETWEEN_US, BETWEEN_UA},
                                         {PACKET_US, 0}};

/* .noinit: what a reset leaves alone. */
static struct retained {
    estls_tx_guard guard;
    estls_tx_log log;
} retained;

/* Const and in flash, but that the desk may solder another one. */
static estls_tx_board board = {
    .level = levels,
    .level_count = 4,
    .segment = event,
    .segment_count = 5,
    .constant_power = 1,
    .brownout_mV = 1750,
    .reservoir_nF = 10000,
    .reservoir_mOhm = 10,
    .probe_uA = PROBE_UA,
    .boot_uC = 1440,
    .guard = &retained.guard,
    .log = &retained.log,
    .part = {estls_tx_recorder},
};

/* What a reset zeroes. */
static struct ram {
    estls_tx tx;
    uint32_t measured; /* when */
    uint32_t asked;    /* when the gate had us wait ... */
    uint32_t wait;     /* ... and for how long */
    uint8_t holding;
    uint8_t first;
    uint8_t count;
    message queue[QUEUE];
} ram;

static uint8_t naive; /* the firmware of others: never asks */

static message *oldest(void)
{
    return &ram.queue[ram.first];
}

static void forget(void)
{
    ram.first = (uint8_t)((ram.first + 1) % QUEUE);
    ram.count--;
}

static void measure(void)
{
    message *m;

    if (ram.count == QUEUE) {
        hal_led_lost(oldest());
        forget();
    }
    m = &ram.queue[(ram.first + ram.count++) % QUEUE];
    m->t = ram.measured = hal_millis();
    m->reading = hal_sensor();
}

/* The radio's second.  Without a scheduler nobody is told. */
static void transmit(const estls_tx_job *job, const estls_tx_plan *plan)
{
    estls_tx_sample sample = {.rest_mV = job->mV, .us = plan->us};
    uint16_t mV;
    int i;

    if (!naive) { estls_tx_key(&ram.tx, plan); }
    for (i = 0; i < EVENTS; i++) {
        mV = hal_advertise(plan->level, oldest());
        if (!i || mV < sample.loaded_mV) { sample.loaded_mV = mV; }
        if (i + 1 < EVENTS) { hal_sleep(EVENT_MS); }
    }
    sample.now = hal_millis();
    if (!naive) { (void)estls_tx_done(&ram.tx, &sample); }
}

static void probe(const estls_tx_plan *plan)
{
    estls_tx_sample sample = {.us = plan->us, .uA = plan->uA};

    sample.rest_mV = hal_cell_mV();
    sample.loaded_mV = hal_spin(plan->us);
    sample.now = hal_millis();
    (void)estls_tx_learn(&ram.tx, &sample);
    hal_sleep(REFILL_MS);
}

static void ask(estls_tx_job *job, estls_tx_plan *plan)
{
    int asks;

    job->now = hal_millis();
    job->expiry_ms = (int32_t)(oldest()->t + WORTH_MS - job->now);
    job->mV = hal_cell_mV();
    for (asks = ASKS; asks--;) {
        if (estls_tx_ask(&ram.tx, job, plan)) { return; /* DROP */ }
        hal_log(job, plan);
        if (plan->action != ESTLS_TX_PROBE) { return; }
        probe(plan);
        job->now = hal_millis();
        job->mV = hal_cell_mV();
    }
}

/* One message.  1: go on with the next. */
static int serve(void)
{
    estls_tx_job job = {0};
    estls_tx_plan plan = {.action = ESTLS_TX_SEND};

    if (naive) {
        job.mV = hal_cell_mV();
        hal_log(&job, &plan);
    } else {
        ask(&job, &plan);
    }
    ram.asked = job.now;
    ram.wait = 0;
    ram.holding = plan.reason == ESTLS_TX_HOLD;
    switch (plan.action) {
    case ESTLS_TX_SEND: transmit(&job, &plan); break;
    case ESTLS_TX_DROP: hal_led_lost(oldest()); break;
    case ESTLS_TX_WAIT: ram.wait = plan.ms; return 0;
    default: ram.wait = AGAIN_MS; return 0;
    }
    forget();
    return 1;
}

/* Until there is something to do.  A board that holds off says so, lest it be
 * taken for a dead one. */
static void nap(void)
{
    const uint32_t since = hal_millis() - ram.measured;
    const uint32_t waited = hal_millis() - ram.asked;
    const uint32_t left = ram.wait > waited ? ram.wait - waited : 0;
    uint32_t ms = MEASURE_MS - since;

    if (since > MEASURE_MS) { return; /* overdue */ }
    if (ram.count && left < ms) { ms = left; }
    if (ram.count && ram.holding) { hal_led_holding(left); }
    hal_sleep(ms);
}

/* From the reset vector. */
static void firmware(void)
{
    memset(&ram, 0, sizeof ram);
    if (!naive && estls_tx_boot(&ram.tx, &board, hal_millis())) {
        abort(); /* the board's table is wrong, and always was */
    }
    measure();
    if (!naive) { hal_sleep(RESTED_MS); } /* a boot is a load, too */
    for (;;) {
        if (hal_millis() - ram.measured >= MEASURE_MS) { measure(); }
        if (ram.count && hal_millis() - ram.asked >= ram.wait) {
            while (ram.count && serve()) {}
        }
        nap();
    }
}

/* ======================================================================
 * The desk
 * ====================================================================== */

#define DAY_S          86400.0
#define SLOT_S         (MEASURE_MS / 1e3)
#define BOOT_S         0.06 /* 60 ms at 4 mA, then twice 200 ms at 3 mA */
#define BOOT_A         4e-3
#define START_S        0.2
#define START_A        3e-3
#define RESET_S        0.02 /* from enough voltage to the first instruction */
#define SLEEP_A        8.9e-6
#define PLOT_S         12.0
#define R1_PER_R0      0.3
#define R2_OHM         40.0
#define PER_DEGREE     0.039
#define ROOM_CELSIUS   21.0
#define DAYS_MAX       60
#define SLOTS_MAX      (DAYS_MAX * 144 + 1)
#define SLEEP_STEP_S   60.0
#define RECOVER_STEP_S 1e-3

enum { LOOP_MAX = 20000 }; /* brown-outs after which it is a loop for good */
enum { POWER_ON, BROWN_OUT, OVER };

/* One event is heard so often, where the receiver is near. */
static const double heard[] = {.60, .60, .55, .35};

static struct desk {
    battery cell;
    double ohm, ocv, celsius, swing, days, release, brownout, uF, believed_uF;
    int tracing;
    const char *plot;
    jmp_buf reset;
    double booted_s;
    unsigned long boots, brownouts;
    unsigned long in_vain; /* brown-outs since the last message was heard */
    unsigned made, delivered, late;
    uint8_t slot[SLOTS_MAX]; /* 1: measured, 2: heard */
    estls_tx_plan last;      /* that was printed */
    int printed;
} desk = {.ohm = 65,
          .ocv = 2.82,
          .celsius = ROOM_CELSIUS,
          .swing = 12,
          .days = 3,
          .release = 2.0,
          .brownout = 1.75,
          .uF = 10};

/* -- options --------------------------------------------------------------- */

enum {
    OPT_OHM = 1024,
    OPT_OCV,
    OPT_CELSIUS,
    OPT_SWING,
    OPT_UF,
    OPT_BELIEVED,
    OPT_BROWNOUT,
    OPT_DAYS,
    OPT_NAIVE,
    OPT_TRACE,
    OPT_PLOT
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The cell and its weather:", 1},
    {"ohm", OPT_OHM, "OHM", 0, "Its resistance at 21 Celsius (65)", 1},
    {"ocv", OPT_OCV, "VOLT", 0, "Its voltage without any load (2.82)", 1},
    {"celsius", OPT_CELSIUS, "DEGREES", 0, "The mean of a day (21)", 1},
    {"swing", OPT_SWING, "DEGREES", 0, "Day and night differ by +- this (12)",
     1},
    {0, 0, 0, 0, "The board:", 2},
    {"uF", OPT_UF, "UF", 0, "Reservoir across the supply, effective (10)", 2},
    {"believed-uF", OPT_BELIEVED, "UF", 0,
     "What the firmware takes it for, if it is wrong", 2},
    {"brownout", OPT_BROWNOUT, "VOLT", 0,
     "Resets below this, starts 0.25 V above it (1.75)", 2},
    {"naive", OPT_NAIVE, 0, 0, "A firmware that does not ask: always +8 dBm",
     2},
    {0, 0, 0, 0, "The run:", 3},
    {"days", OPT_DAYS, "DAYS", 0,
     "How long, up to 60 (3); a boot loop that never ends does end it", 3},
    {"trace", OPT_TRACE, 0, 0, "Print all decisions, not only new ones", 3},
    {"plot", OPT_PLOT, "FILE", 0,
     "Draw the first 12 s for gnuplot: seconds, mV, \"event\"", 3},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case OPT_OHM:
        desk.ohm = battery_number("ohm", arg, 0.001, 1000, state);
        return 0;
    case OPT_OCV: desk.ocv = battery_number("ocv", arg, 1, 6, state); return 0;
    case OPT_CELSIUS:
        desk.celsius = battery_number("celsius", arg, -40, 60, state);
        return 0;
    case OPT_SWING:
        desk.swing = battery_number("swing", arg, 0, 30, state);
        return 0;
    case OPT_UF: desk.uF = battery_number("uF", arg, 0, 1e6, state); return 0;
    case OPT_BELIEVED:
        desk.believed_uF =
            battery_number("believed-uF", arg, 0.001, 1e6, state);
        return 0;
    case OPT_BROWNOUT:
        desk.brownout = battery_number("brownout", arg, 0.8, 5, state);
        return 0;
    case OPT_DAYS:
        desk.days = battery_number("days", arg, 0.0001, DAYS_MAX, state);
        return 0;
    case OPT_NAIVE: naive = 1; return 0;
    case OPT_TRACE: desk.tracing = 1; return 0;
    case OPT_PLOT: desk.plot = arg; return 0;
    case ARGP_KEY_ARG: argp_error(state, "%s: what for?", arg); return 0;
    case ARGP_KEY_END:
        desk.release = desk.brownout + 0.25;
        if (desk.ocv <= desk.release) {
            argp_error(state,
                       "a cell of %g V cannot start a board that needs "
                       "%g V",
                       desk.ocv, desk.release);
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    0,
    "Run a sensor with a Bluetooth radio for some days on a simulated coin "
    "cell, and tell what it decides. Without options it is an old cell that "
    "rests at 2.82 V and sends the board of others into a boot loop."
    "\v"
    "Examples:\n"
    "  coin_cell                  an old cell, with >>tx\n"
    "  coin_cell --naive          the same, without\n"
    "  coin_cell --naive --uF 110 the cure\n"
    "  coin_cell --ohm 12         a good cell\n"
    "\n"
    "Exit status: 0, or 1 if FILE cannot be written, or 2 for usage.\n",
    0,
    0,
    0};

/* -- the cell -------------------------------------------------------------- */

static double celsius_now(void)
{
    return desk.celsius - desk.swing * sin(2 * M_PI * desk.cell.s / DAY_S);
}

/* R1 and R2 are in proportion, R2 at half the rate. */
static void weather(void)
{
    struct circuit *c = &desk.cell.circuit;

    c->r0 = desk.ohm * exp(PER_DEGREE * (ROOM_CELSIUS - celsius_now()));
    c->r1 = R1_PER_R0 * c->r0;
    c->r2 = fmin(R2_OHM, c->r0 * 2);
}

static void set_up(void)
{
    struct circuit *c = &desk.cell.circuit;
    const double believed = desk.believed_uF > 0 ? desk.believed_uF : desk.uF;

    c->ocv = desk.ocv;
    c->tau1 = 0.5;
    c->tau2 = 200;
    c->c = desk.uF * 1e-6;
    c->esr = 0.01;
    c->constant_power = 1;
    c->nominal = 3.0;
    desk.cell.idle_a = SLEEP_A;
    desk.cell.brownout = desk.brownout;
    weather();
    battery_start(&desk.cell);
    board.reservoir_nF = (uint32_t)(believed * 1000 + 0.5);
    board.brownout_mV = (uint16_t)(desk.brownout * 1000 + 0.5);
}

/* -- what is printed ------------------------------------------------------- */

static void print_time(void)
{
    const unsigned long s = (unsigned long)desk.cell.s;

    (void)printf("%2lud %02lu:%02lu:%02lu.%d", s / 86400, s / 3600 % 24,
                 s / 60 % 60, s % 60, (int)(fmod(desk.cell.s, 1) * 10));
}

static void print_head(void)
{
    (void)printf("        time  rest mV  lowest  floor  decision\n");
}

/* A brown-out, a hold-off: what is no plan. */
static void print_note(const char *note)
{
    print_time();
    (void)printf("                           %s\n", note);
}

static int is_news(const estls_tx_plan *plan)
{
    const estls_tx_plan *last = &desk.last;
    const int same = desk.printed && plan->action == last->action &&
                     plan->reason == last->reason && plan->level == last->level;

    desk.last = *plan;
    desk.printed = 1;
    return !same || desk.tracing;
}

static void print_action(const estls_tx_plan *plan)
{
    switch (plan->action) {
    case ESTLS_TX_SEND:
        (void)printf("send at %+d dBm", levels[plan->level].dBm);
        break;
    case ESTLS_TX_PROBE:
        (void)printf("probe %lu uA for %lu us", (unsigned long)plan->uA,
                     (unsigned long)plan->us);
        break;
    case ESTLS_TX_WAIT:
        (void)printf("wait %lu s", (unsigned long)plan->ms / 1000);
        break;
    default: (void)printf("drop the message"); break;
    }
}

/* What is not known, or was not asked for, is no number. */
static void print_mV(unsigned mV, int known)
{
    if (mV || known) {
        (void)printf(" %7u", mV);
    } else {
        (void)printf("       -");
    }
}

static void hal_log(const estls_tx_job *job, const estls_tx_plan *plan)
{
    char event_name[48];

    if (!is_news(plan)) { return; }
    print_time();
    print_mV(job->mV, 1);
    print_mV(plan->lowest_mV, plan->reason == ESTLS_TX_COLLAPSE);
    print_mV(plan->floor_mV, 0);
    (void)printf("  ");
    print_action(plan);
    (void)printf(naive ? ", without asking\n" : ": %s\n",
                 estls_tx_reason(plan->reason));
    (void)snprintf(event_name, sizeof event_name, "plan: %s",
                   plan->action == ESTLS_TX_PROBE  ? "probe"
                   : plan->action == ESTLS_TX_SEND ? "send"
                                                   : "no send");
    battery_mark(&desk.cell, event_name);
}

/* -- the board ------------------------------------------------------------- */

static void check_power(int alive)
{
    if (alive) { return; }
    desk.brownouts++;
    battery_mark(&desk.cell, "brown-out");
    if (desk.brownouts <= 3 || desk.tracing) {
        print_note(desk.brownouts < 3 ? "BROWN-OUT" : "BROWN-OUT, and so on");
    }
    desk.printed = desk.brownouts >= 3;
    longjmp(desk.reset, ++desk.in_vain < LOOP_MAX ? BROWN_OUT : OVER);
}

static uint32_t hal_millis(void)
{
    return (uint32_t)(uint64_t)((desk.cell.s - desk.booted_s) * 1e3);
}

/* Weather goes on while the board sleeps, and the run may end. */
static void pass(double s)
{
    while (s > 0) {
        const double step = fmin(s, SLEEP_STEP_S);
        battery_rest(&desk.cell, step);
        weather();
        s -= step;
        if (desk.cell.s >= desk.days * DAY_S) { longjmp(desk.reset, OVER); }
    }
}

static void hal_sleep(uint32_t ms)
{
    pass(ms / 1e3);
}

static uint16_t hal_cell_mV(void)
{
    return battery_adc(&desk.cell, battery_volt(&desk.cell));
}

/* The reading is the number of its ten minutes, by which the desk can tell
 * which of them have arrived. */
static uint32_t hal_sensor(void)
{
    const uint32_t slot = (uint32_t)(desk.cell.s / SLOT_S);

    if (slot < SLOTS_MAX && !desk.slot[slot]) {
        desk.slot[slot] = 1;
        desk.made++;
    }
    return slot;
}

static uint16_t hal_spin(uint32_t us)
{
    battery_mark(&desk.cell, "probe");
    check_power(battery_hold(&desk.cell, us * 1e-6, PROBE_UA * 1e-6));
    return battery_adc(&desk.cell, desk.cell.loaded);
}

static void receive(uint8_t level, const message *m)
{
    if (battery_chance(&desk.cell) > heard[level] || m->reading >= SLOTS_MAX ||
        desk.slot[m->reading] != 1) {
        return;
    }
    desk.slot[m->reading] = 2;
    desk.delivered++;
    desk.in_vain = 0;
    desk.late += (unsigned)(desk.cell.s / SLOT_S) != m->reading;
}

static uint16_t hal_advertise(uint8_t level, const message *m)
{
    char name[32];
    size_t i;

    (void)snprintf(name, sizeof name, "%+d dBm", levels[level].dBm);
    battery_mark(&desk.cell, name);
    for (i = 0; i < sizeof event / sizeof event[0]; i++) {
        const uint32_t uA = event[i].uA ? event[i].uA : levels[level].uA;
        check_power(battery_draw(&desk.cell, event[i].us * 1e-6, uA * 1e-6));
    }
    receive(level, m);
    return battery_adc(&desk.cell, desk.cell.loaded);
}

static void hal_led_holding(uint32_t ms)
{
    char note[64];

    (void)snprintf(note, sizeof note,
                   "LED: holding off, %lu s left; a button would end it",
                   (unsigned long)(ms / 1000));
    if (is_news(&(estls_tx_plan){.action = 0xff, .ms = ms})) {
        print_note(note);
    }
}

static void hal_led_lost(const message *m)
{
    char note[64];

    (void)snprintf(note, sizeof note, "LED: the message of %02lu:%02lu is lost",
                   (unsigned long)m->reading / 6 % 24,
                   (unsigned long)m->reading % 6 * 10);
    print_note(note);
}

/* Reset is held until the reservoir has recovered; then a boot, which draws
 * current itself. */
static void boot(void)
{
    const double a[] = {BOOT_A, START_A, START_A};
    const double s[] = {BOOT_S, START_S, START_S};
    size_t i;

    while (battery_volt(&desk.cell) < desk.release) { pass(RECOVER_STEP_S); }
    pass(RESET_S);
    desk.boots++;
    desk.booted_s = desk.cell.s;
    battery_mark(&desk.cell, "boot");
    for (i = 0; i < sizeof a / sizeof a[0]; i++) {
        check_power(battery_draw(&desk.cell, s[i], a[i]));
    }
}

static void run(void)
{
    for (;;) {
        if (setjmp(desk.reset) == OVER) { return; }
        boot();
        firmware();
    }
}

/* -- the end --------------------------------------------------------------- */

static int print_line(void *user, const void *src, size_t len)
{
    const char *text = src;
    size_t i;

    (void)user;
    for (i = 0; i < len; i++) {
        if (text[i] != '\r') { (void)putchar(text[i]); }
    }
    return (int)len;
}

static void print_verdict(void)
{
    static const estls_io out = {0, print_line, 0, 0};
    const int celsius = (int)lround(celsius_now());
    uint32_t nF = 0;
    uint8_t reason;

    (void)estls_tx_report(&ram.tx, &out);
    reason = estls_tx_diagnose(&ram.tx, hal_cell_mV(), (int8_t)celsius, &nF);
    (void)printf("verdict      %s\n", estls_tx_reason(reason));
    if (nF == 0xffffffff) {
        (void)printf("capacitor    none would carry %+d dBm\n", levels[0].dBm);
    } else {
        (void)printf("capacitor    %.1f uF would carry %+d dBm\n", nF / 1e3,
                     levels[0].dBm);
    }
}

static void print_summary(void)
{
    if (desk.in_vain >= LOOP_MAX) {
        (void)printf("\nA boot loop: %d brown-outs without a message, the run "
                     "ends here.\n",
                     LOOP_MAX);
    }
    (void)printf("\nfirmware     %s\n", naive ? "naive" : "asks >>tx");
    (void)printf("messages     %u measured, %u delivered, %u of them late, "
                 "%u dropped\n",
                 desk.made, desk.delivered, desk.late,
                 desk.made - desk.delivered);
    (void)printf("brown-outs   %lu\nboots        %lu\n", desk.brownouts,
                 desk.boots);
    (void)printf("charge       %.3f mAh in %.2f days\n",
                 (desk.cell.coulomb + SLEEP_A * desk.cell.s) / 3.6,
                 desk.cell.s / DAY_S);
    if (!naive) { print_verdict(); }
}

int main(int argc, char **argv)
{
    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, NULL);
    set_up();
    if (desk.plot) { battery_plot(&desk.cell, desk.plot, PLOT_S, 0); }
    (void)printf("A cell of %g V and %g Ohm (at 21 C), %g uF, brown-out at %g "
                 "V, %g +- %g C\n\n",
                 desk.ocv, desk.ohm, desk.uF, desk.brownout, desk.celsius,
                 desk.swing);
    print_head();
    run();
    print_summary();
    battery_plot_end(&desk.cell, desk.plot);
    return 0;
}
