/* levels_main.c - does the library choose the level that the circuit would
 * allow, and is its capacitor large enough?
 *
 * levels DIR: a row for each question goes to DIR/levels.csv, one for each
 * capacitor to DIR/capacitor.csv. */
#include "library.h"
#include "circuit.h"
#include "goals.h"
#include <math.h>

enum { LEVELS = 4, NONE = LEVELS, SEGMENTS = 5, ASKS = 3 };

static const estls_tx_level levels[LEVELS] = {
    {8, 16400}, {4, 11200}, {0, 6400}, {-8, 4900}};
/* One advertising event. */
static const estls_tx_segment event[SEGMENTS] = {
    {376, 0}, {350, 5000}, {376, 0}, {350, 5000}, {376, 0}};

#define PROBE_UA   5000
#define NOMINAL_MV 3000
#define ESR_MOHM   5

struct question {
    uint16_t rest_mV, brownout_mV;
    uint32_t r_mOhm;
    uint8_t constant_power;
};

static void board_of(const struct question *q, uint32_t nF, estls_tx_board *b)
{
    memset(b, 0, sizeof *b);
    b->level = levels;
    b->level_count = LEVELS;
    b->segment = event;
    b->segment_count = SEGMENTS;
    b->constant_power = q->constant_power;
    b->brownout_mV = q->brownout_mV;
    b->reservoir_nF = nF;
    b->reservoir_mOhm = ESR_MOHM;
    b->probe_uA = PROBE_UA;
}

/* -- the truth ------------------------------------------------------------- */

static void circuit_of(const struct question *q, double c_F, struct circuit *c)
{
    memset(c, 0, sizeof *c);
    c->ocv = q->rest_mV * 1e-3;
    c->r0 = q->r_mOhm * 1e-3;
    c->c = c_F;
    c->esr = ESR_MOHM * 1e-3;
    c->nominal = NOMINAL_MV * 1e-3;
}

/* Lowest voltage of the event at a level, mV. */
static double event_lowest(const struct question *q, double c_F, int level)
{
    struct circuit_segment s[SEGMENTS];
    struct circuit c;
    struct circuit_state at;
    int i;

    circuit_of(q, c_F, &c);
    c.constant_power = q->constant_power;
    circuit_rest(&c, 0, &at);
    for (i = 0; i < SEGMENTS; i++) {
        s[i].s = event[i].us * 1e-6;
        s[i].a = (event[i].uA ? event[i].uA : levels[level].uA) * 1e-6;
    }
    return 1e3 * circuit_run(&c, &at, s, SEGMENTS, 0, NULL, NULL);
}

static uint16_t probe_mV(const struct question *q, double c_F,
                         const estls_tx_plan *plan)
{
    const struct circuit_segment s = {plan->us * 1e-6, plan->uA * 1e-6};
    struct circuit c;
    struct circuit_state at;

    circuit_of(q, c_F, &c);
    circuit_rest(&c, 0, &at);
    return library_mV(1e3 * circuit_run(&c, &at, &s, 1, 0, NULL, NULL));
}

/* -- choices --------------------------------------------------------------- */

#define RESERVOIR_NF 10000

/* What the library says after one exact probe; NONE: nothing is sent. */
static int choice(const struct question *q, estls_tx_plan *plan)
{
    estls_tx_board board;
    estls_tx_job job = {0};
    estls_tx_sample s = {0, 0, 0, 0, 0};
    estls_tx tx;
    int asks = ASKS;

    memset(plan, 0, sizeof *plan);
    board_of(q, RESERVOIR_NF, &board);
    job.mV = q->rest_mV;
    if (estls_tx_boot(&tx, &board, 0)) { return -1; }
    while (asks--) {
        if (estls_tx_ask(&tx, &job, plan)) { return -1; }
        if (plan->action != ESTLS_TX_PROBE) { break; }
        s.us = plan->us;
        s.uA = plan->uA;
        s.rest_mV = q->rest_mV;
        s.loaded_mV = probe_mV(q, RESERVOIR_NF * 1e-9, plan);
        (void)estls_tx_learn(&tx, &s);
    }
    return plan->action == ESTLS_TX_SEND ? plan->level : NONE;
}

struct score {
    long asked, equal, pure, above, refused;
    double short_mV; /* of the floor, at the worst */
};

/* The best level that keeps above the floor; with `ease`, the first one only
 * if it droops by a sixth at most, as the library demands of it. */
static int best(const double low[LEVELS], double rest, double floor, int ease)
{
    int i;

    for (i = 0; i < LEVELS; i++) {
        double need = floor;
        if (!i && ease) { need = fmax(need, rest - rest / 6); }
        if (low[i] >= need) { break; }
    }
    return i;
}

static void ask(const struct question *q, struct score *s, FILE *f)
{
    double low[LEVELS];
    estls_tx_plan plan;
    int i, ours, reference, pure;

    ours = choice(q, &plan);
    for (i = 0; i < LEVELS; i++) {
        low[i] = event_lowest(q, RESERVOIR_NF * 1e-9, i);
    }
    reference = best(low, q->rest_mV, plan.floor_mV, 1);
    pure = best(low, q->rest_mV, plan.floor_mV, 0);
    s->asked++;
    s->equal += ours == reference;
    s->pure += ours == pure;
    s->above += ours < pure;
    if (ours < pure) {
        s->short_mV = fmax(s->short_mV, plan.floor_mV - low[ours]);
    }
    s->refused += ours == NONE;
    fprintf(f, "%d,%lu,%d,%d,%d,%lu,", q->rest_mV, (unsigned long)q->r_mOhm,
            q->constant_power, q->brownout_mV, plan.floor_mV,
            (unsigned long)plan.esr_mOhm);
    fprintf(f, "%d,%d,%d,%.2f,%.2f,%.2f,%.2f\n", ours, reference, pure, low[0],
            low[1], low[2], low[3]);
}

static struct score ask_grid(uint8_t power, uint16_t brownout_mV, FILE *f)
{
    static const uint16_t rest[] = {2500, 2700, 2820, 2950};
    struct score s = {0, 0, 0, 0, 0, 0};
    struct question q;
    size_t i;

    q.constant_power = power;
    q.brownout_mV = brownout_mV;
    for (i = 0; i < sizeof rest / sizeof *rest; i++) {
        q.rest_mV = rest[i];
        for (q.r_mOhm = 8000; q.r_mOhm <= 100000; q.r_mOhm += 2000) {
            ask(&q, &s, f);
        }
    }
    printf("  %-8s %10d %7ld %7ld %7ld %12ld %7ld\n",
           power ? "power" : "current", brownout_mV, s.asked, s.equal, s.pure,
           s.above, s.refused);
    return s;
}

static void ask_all(FILE *f)
{
    static const uint16_t brownout[] = {1750, 1850, 2000, 2100};
    struct score sum = {0, 0, 0, 0, 0, 0};
    int i;

    printf("level after an exact probe, 8..100 Ohm, against the circuit\n"
           "  %-8s %10s %7s %7s %7s %12s %7s\n",
           "constant", "brown-out", "asked", "equal", "pure", "above safe",
           "none");
    for (i = 0; i < 8; i++) {
        const struct score s = ask_grid(i / 4 > 0, brownout[i % 4], f);
        sum.asked += s.asked;
        sum.equal += s.equal;
        sum.pure += s.pure;
        sum.above += s.above;
        sum.short_mV = fmax(sum.short_mV, s.short_mV);
    }
    goal(sum.equal >= 0.95 * (double)sum.asked,
         "the circuit's best level: %ld of %ld (at least 95 %%)", sum.equal,
         sum.asked);
    goal(!sum.above,
         "a level above a safe one: %ld (0), at most %.1f mV under the floor",
         sum.above, sum.short_mV);
    printf("      the best safe level without the rule that the first may "
           "droop by a sixth: %ld of %ld\n",
           sum.pure, sum.asked);
}

/* -- capacitors ------------------------------------------------------------ */

#define MOST_F 1.0

/* The smallest, F; 0: none is needed, HUGE_VAL: not even 1 F. */
static double smallest(const struct question *q, int level, double floor)
{
    double low = 1e-9, high = MOST_F;

    if (event_lowest(q, 0, level) >= floor) { return 0; }
    if (event_lowest(q, high, level) < floor) { return HUGE_VAL; }
    while (high / low > 1.0001) {
        const double mid = sqrt(low * high);
        if (event_lowest(q, mid, level) >= floor) {
            high = mid;
        } else {
            low = mid;
        }
    }
    return high;
}

/* Charge of the event and its length; currents times `factor`. */
static double event_charge(int level, double factor, double *s)
{
    double q = 0;
    int i;

    *s = 0;
    for (i = 0; i < SEGMENTS; i++) {
        const uint32_t uA = event[i].uA ? event[i].uA : levels[level].uA;
        q += event[i].us * 1e-6 * uA * 1e-6 * factor;
        *s += event[i].us * 1e-6;
    }
    return q;
}

/* The bound: the capacitor gives all, at the current of the lowest voltage. */
static double bound_F(const struct question *q, int level, double floor)
{
    double s;
    const double charge = event_charge(level, NOMINAL_MV / floor, &s);

    return charge / ((q->rest_mV - floor) * 1e-3);
}

/* TI, SWRA349: it discharges through a resistor that draws the event's mean
 * current at rest. */
static double ti_F(const struct question *q, int level, double floor)
{
    double s;
    const double mean = event_charge(level, 1, &s) / s;
    const double ohm = q->rest_mV * 1e-3 / mean;

    return s / (ohm * log(q->rest_mV / floor));
}

struct sizing {
    double least, most; /* ours over the exact one */
    long sized, wrong;  /* wrong: one says that none is needed, the other no */
    long ti_small;
    double short_mV; /* of the floor, by the worst of ours */
};

static void size(const struct question *q, int level, struct sizing *z, FILE *f)
{
    const double floor = q->brownout_mV + 150;
    const double exact = smallest(q, level, floor);
    const double ti = ti_F(q, level, floor);
    const double bound = bound_F(q, level, floor);
    estls_tx_board board;
    estls_tx_cell cell = {0, 0, 0, 0, 0, 0};
    uint32_t nF;

    board_of(q, 0, &board);
    cell.mV = q->rest_mV;
    cell.r0_mOhm = q->r_mOhm;
    nF = estls_tx_capacitor(&cell, &board, levels[level].uA);
    fprintf(f, "%lu,%d,%.4f,%.4f,%.4f,%.4f\n", (unsigned long)q->r_mOhm,
            levels[level].dBm, 1e6 * exact, nF * 1e-3, 1e6 * ti, 1e6 * bound);
    if (exact <= 0 || isinf(exact)) {
        z->wrong += exact <= 0 ? nF != 0 : nF != 0xffffffff;
        return;
    }
    printf("  %6.0f %+4d dBm %9.2f %9.2f %+7.2f %% %9.2f %9.2f\n",
           q->r_mOhm * 1e-3, levels[level].dBm, 1e6 * exact, nF * 1e-3,
           100 * (nF * 1e-9 / exact - 1), 1e6 * ti, 1e6 * bound);
    z->sized++;
    z->least = fmin(z->least, nF * 1e-9 / exact);
    z->most = fmax(z->most, nF * 1e-9 / exact);
    z->ti_small += ti < exact;
    z->short_mV = fmax(z->short_mV, floor - event_lowest(q, nF * 1e-9, level));
}

/* The bisection of the exact one is good for 0.01 %. */
static void size_all(FILE *f)
{
    static const uint32_t ohm[] = {20, 30, 40, 50, 65, 80, 100, 140, 200};
    struct question q = {2820, 1750, 0, 1};
    struct sizing z = {HUGE_VAL, 0, 0, 0, 0, 0};
    size_t i;
    int level;

    printf("\nreservoir for one event above %d + 150 mV from %d mV, uF\n"
           "  %6s %8s %9s %9s %9s %9s %9s\n",
           q.brownout_mV, q.rest_mV, "Ohm", "", "exact", "estls", "", "TI",
           "Q/dV");
    for (i = 0; i < sizeof ohm / sizeof *ohm; i++) {
        q.r_mOhm = ohm[i] * 1000;
        for (level = 0; level < LEVELS; level++) { size(&q, level, &z, f); }
    }
    goal(z.sized && z.least >= 0.9999,
         "smallest: %+.2f %% (at least 0), which is %.2f mV under the floor",
         100 * (z.least - 1), z.short_mV);
    goal(z.most <= 1.1, "largest: %+.2f %% (at most 10)", 100 * (z.most - 1));
    goal(!z.wrong, "none needed, or none enough: %ld wrong (0)", z.wrong);
    printf("      TI's formula is too small in %ld of %ld\n", z.ti_small,
           z.sized);
}

static FILE *table(const char *dir, const char *name, const char *head)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    if (f) { fprintf(f, "%s\n", head); }
    return f;
}

/* level: 0..3 as in the table, 4: none; exact_uF 0: none needed, inf: 1 F is
 * not enough. */
int main(int argc, char **argv)
{
    FILE *f, *g;

    if (argc != 2) { return 2; }
    f = table(argv[1], "levels.csv",
              "rest_mV,r_mOhm,constant_power,brownout_mV,floor_mV,learnt_mOhm,"
              "level,reference,pure,p8_mV,p4_mV,0_mV,m8_mV");
    g = table(argv[1], "capacitor.csv",
              "r_mOhm,dBm,exact_uF,estls_uF,ti_uF,bound_uF");
    if (!f || !g) { return 2; }
    ask_all(f);
    size_all(g);
    if (fclose(f) | fclose(g)) { goal(0, "files in %s", argv[1]); }
    return goals_end();
}
