/* weak_cell.c - WeakCell.ino on simulated cells, in virtual time.  Each life of
 * the board, from a reset to a brown-out, is a process of its own, so that its
 * RAM is new but for .noinit, which outlives it in a mapping. */
#define _DEFAULT_SOURCE
#include "../../../examples/battery.h"
#include "../../check.h"
#include "core.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEVELS = 4, NOINIT = 64, LIVES_MAX = 200 };
enum { OVER, BROWN_OUT, BUTTON }; /* how a life ends */

#define AWAKE_A      3.5e-3 /* ATmega328P, 8 MHz */
#define ASLEEP_A     5e-6
#define AWAKE_S      3e-3 /* from a nap to a burst */
#define BURST_S      680e-6
#define CONVERSION_S 104e-6
#define NAP_S        8.0
#define RESTART_V    2.1 /* brown-out and its hysteresis */
#define RESET_S      0.065
#define HOUR_S       3600.0

/* RF24_PA_MIN to RF24_PA_MAX, by the radio's datasheet */
static const double level_a[LEVELS] = {7e-3, 7.5e-3, 9e-3, 11.3e-3};

/* The sketch's .noinit, which the build has renamed so that C can name it. */
extern uint8_t __start_noinit[], __stop_noinit[];

static struct world {
    battery cell;
    double zero_s;    /* of millis() */
    double end_s;     /* of the run */
    double later_s;   /* from here on ... */
    double later_ohm; /* ... R0 is this */
    double button_s;  /* somebody presses reset */
    double radio_end_s;
    double radio_a;
    double reset_s; /* the last one */
    double gap_s;   /* from it to the first burst; < 0: not yet */
    unsigned lives, brownouts, heard;
    unsigned at_level[LEVELS];
    uint8_t noinit[NOINIT];
} * w;

/* -- time ------------------------------------------------------------------ */

static void die(int how)
{
    memcpy(w->noinit, __start_noinit, (size_t)(__stop_noinit - __start_noinit));
    _exit(how);
}

static double load_now(void)
{
    return w->cell.s < w->radio_end_s ? w->radio_a : 0;
}

static void events(void)
{
    if (w->cell.s >= w->later_s) {
        w->cell.circuit.r0 = w->later_ohm;
        w->cell.circuit.r1 = w->later_ohm * 0.3;
    }
    if (w->cell.s >= w->button_s) {
        w->button_s = HUGE_VAL;
        die(BUTTON);
    }
    if (w->cell.s >= w->end_s) { die(OVER); }
}

/* In pieces: the load ends where the radio falls silent. */
static void pass(double s)
{
    const double end = w->cell.s + s;
    double to;

    while (w->cell.s < end) {
        to = w->cell.s < w->radio_end_s ? fmin(end, w->radio_end_s) : end;
        to = fmax(to - w->cell.s, 1e-9);
        if (!battery_hold(&w->cell, to, load_now())) { die(BROWN_OUT); }
    }
    events();
}

uint32_t core_millis(void)
{
    return (uint32_t)(uint64_t)(1e3 * (w->cell.s - w->zero_s));
}

void core_wait(uint32_t us)
{
    pass(us * 1e-6);
}

/* -- the board ------------------------------------------------------------- */

uint16_t core_adc(uint8_t admux)
{
    double mV;

    pass(CONVERSION_S);
    if (admux != 0x4e) { return 0; } /* AVCC is not the reference, or ... */
    mV = battery_adc(&w->cell, circuit_node(&w->cell.circuit, &w->cell.state,
                                            w->cell.idle_a + load_now()));
    return (uint16_t)fmin(1023, 1100 * 1024 / mV);
}

void core_radio_send(uint8_t level, const void *message, uint8_t len)
{
    (void)message;
    (void)len;
    if (w->gap_s < 0) { w->gap_s = w->cell.s - w->reset_s; }
    w->radio_a = level_a[level];
    w->radio_end_s = w->cell.s + BURST_S;
    w->at_level[level]++;
}

void core_radio_wait(void)
{
    if (w->cell.s < w->radio_end_s) { pass(w->radio_end_s - w->cell.s); }
    w->heard++;
}

void core_sleep(uint8_t watchdog)
{
    w->cell.idle_a = ASLEEP_A;
    pass(watchdog == 0x61 ? NAP_S : w->end_s); /* else nothing wakes it */
    w->cell.idle_a = AWAKE_A;
    w->zero_s += NAP_S; /* millis() stands still */
}

/* -- lives ----------------------------------------------------------------- */

static void live(void)
{
    memcpy(__start_noinit, w->noinit, (size_t)(__stop_noinit - __start_noinit));
    sketch_setup();
    for (;;) { sketch_loop(); }
}

/* A brown-out holds the board in reset until its reservoir has recovered. */
static void reset(int how)
{
    w->brownouts += how == BROWN_OUT;
    w->radio_end_s = 0;
    w->gap_s = -1;
    w->cell.idle_a = ASLEEP_A;
    do {
        battery_rest(&w->cell, RESET_S);
    } while (battery_volt(&w->cell) < RESTART_V && w->cell.s < w->end_s);
    w->cell.idle_a = AWAKE_A;
    w->zero_s = w->reset_s = w->cell.s;
}

/* A new cell, and a RAM that nobody has written to. */
static void insert(double ocv, double ohm)
{
    struct circuit *c = &w->cell.circuit;
    unsigned i;

    memset(w, 0, sizeof *w);
    c->ocv = ocv;
    c->r0 = ohm;
    c->r1 = ohm * 0.3;
    c->tau1 = 0.5;
    c->r2 = fmin(40, 2 * ohm);
    c->tau2 = 200;
    c->c = 20e-6;
    c->esr = 0.05;
    w->cell.brownout = 2.0;
    battery_start(&w->cell);
    w->later_s = w->button_s = HUGE_VAL;
    for (i = 0; i < NOINIT; i++) { w->noinit[i] = (uint8_t)(37 * i + 11); }
    reset(OVER);
}

static void run(double hours)
{
    int status = 0;
    pid_t pid;

    w->end_s = w->cell.s + hours * HOUR_S;
    while (w->cell.s < w->end_s && w->lives++ < LIVES_MAX) {
        pid = fork();
        if (!pid) { live(); }
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status)) {
            CHECK(!"a life has no end");
            return;
        }
        if (WEXITSTATUS(status) == OVER) { return; }
        reset(WEXITSTATUS(status));
    }
    CHECK(w->lives <= LIVES_MAX);
}

/* -- tests ----------------------------------------------------------------- */

/* Would a board that does not ask be alive after a burst? */
static int carries(unsigned level)
{
    battery cell = w->cell;

    cell.idle_a = AWAKE_A;
    return battery_hold(&cell, AWAKE_S, 0) &&
           battery_hold(&cell, BURST_S, level_a[level]);
}

/* 36 slots of ten minutes; the first goes at the least power, since nothing is
 * known yet. */
static void test_a_good_cell_sends_all_at_full_power(void)
{
    insert(3.0, 12);
    run(6);
    CHECK_INT(w->heard, 36);
    CHECK_INT(w->at_level[0], 1);
    CHECK_INT(w->at_level[3], 35);
    CHECK_INT(w->brownouts, 0);
}

static void test_a_weak_cell_sends_at_less_power(void)
{
    insert(2.55, 105);
    CHECK(carries(0) && !carries(3));
    run(6);
    CHECK_INT(w->heard, 36);
    CHECK_INT(w->at_level[3], 0);
    CHECK_INT(w->brownouts, 0);
}

/* Each death doubles the hold-off: few of them, where a board that does not
 * know of them would die every eight seconds. */
static void test_a_dying_cell_is_let_rest_until_it_is_warm(void)
{
    insert(2.5, 180);
    CHECK(!carries(0));
    run(3);
    CHECK_INT(w->heard, 0);
    CHECK(w->brownouts >= 1 && w->brownouts <= 8);
    w->later_s = w->cell.s;
    w->later_ohm = 25;
    run(6);
    CHECK(w->heard >= 24);
}

/* Learnt when it was warm: the first burst in the cold is the death. */
static void test_sudden_cold(void)
{
    insert(2.6, 12);
    run(1);
    CHECK_INT(w->brownouts, 0);
    w->later_s = w->cell.s;
    w->later_ohm = 125;
    run(5);
    CHECK(!carries(3));
    CHECK(w->brownouts >= 1 && w->brownouts <= 4);
    CHECK(w->gap_s >= 60);
    CHECK(w->heard >= 32);
}

/* The guard is retained, and says that nobody has died. */
static void test_a_button_is_no_death(void)
{
    insert(3.0, 12);
    w->button_s = HOUR_S + 300;
    run(2);
    CHECK_INT(w->lives, 2);
    CHECK(w->gap_s > 0 && w->gap_s < 30);
}

int main(void)
{
    w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w == MAP_FAILED || __stop_noinit - __start_noinit > NOINIT) {
        puts("no memory for .noinit\n0 passed, 1 failed");
        return 1;
    }
    test_a_good_cell_sends_all_at_full_power();
    test_a_weak_cell_sends_at_less_power();
    test_a_dying_cell_is_let_rest_until_it_is_warm();
    test_sudden_cold();
    test_a_button_is_no_death();
    return check_end();
}
