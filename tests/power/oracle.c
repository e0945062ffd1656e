#include "oracle.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MAH  0.04  /* of burst charge, from row to row of the values */
#define DAY_MAH   0.045 /* a day of bursts never takes more */
#define SLEEP_MAH (SLEEP_A * 24 * 1e3) /* a day */

/* Slots delivered that a mAh must buy.  A slot's sleep costs 0.0015 mAh. */
static const double prices[] = {0.1, 20, 80, 120, 200, 300, 500, 1000, 1e9};

enum { PRICES = sizeof prices / sizeof *prices };

struct option {
    double gain, mAh; /* slots delivered, burst charge of the day */
};

static size_t row_len(int day)
{
    return (size_t)(day * DAY_MAH / STEP_MAH) + 3;
}

int oracle_open(struct oracle *o, int days)
{
    size_t len = 0;
    int d;

    memset(o, 0, sizeof *o);
    o->days = days;
    o->row = calloc((size_t)days + 1, sizeof *o->row);
    o->sorted = calloc((size_t)days * DAY_SLOTS + 1, sizeof *o->sorted);
    if (!o->row || !o->sorted) { return 0; }
    for (d = 0; d <= days; d++) {
        o->row[d] = len;
        len += row_len(d);
    }
    o->value = calloc(len, sizeof *o->value);
    return o->value != NULL;
}

static double burst_mAh(const struct oracle *o, int level, double e, double r0)
{
    double v[2];

    limits_read(o->limits, level, e, r0, v);
    return EVENTS * limits_charge(level, e, v) / 3.6;
}

/* How many of the sorted factors are no larger. */
static int count_up_to(const float *sorted, double most)
{
    int low = 0, high = DAY_SLOTS;

    while (low < high) {
        const int mid = (low + high) / 2;
        if ((double)sorted[mid] <= most) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* What a day offers at this state of charge: in how many slots a level is the
 * strongest that is safe, and what a burst takes. */
struct offer {
    int slots[LEVELS];
    double gain[LEVELS], mAh[LEVELS];
};

static void make_offer(const struct oracle *o, int day, double used,
                       struct offer *f)
{
    const float *sorted = o->sorted + day * DAY_SLOTS;
    const double r0 = cell_r0(o->cell, used);
    const double mid = r0 * (double)sorted[DAY_SLOTS / 2];
    const double rest = SLEEP_A * (R1_PER_R0 * mid + cell_r2(o->cell));
    const double e = cell_ocv(o->cell, used) - rest;
    int level, below = 0;

    for (level = 0; level < LEVELS; level++) {
        const double most = limits_r0(o->limits, level, EVENTS, e) / r0;
        int n = count_up_to(sorted, most);
        if (n < below) { n = below; }
        f->slots[level] = n - below;
        f->mAh[level] = 0;
        f->gain[level] = o->gain[level];
        if (n) {
            const double like = r0 * (double)sorted[n / 2];
            f->mAh[level] = burst_mAh(o, level, e, like);
        }
        below = n;
    }
}

/* The best level at a price among those from `strongest` down, -1: none. */
static int choose(const struct offer *f, int strongest, double price)
{
    double best = 0;
    int level, at = -1;

    for (level = strongest; level < LEVELS; level++) {
        const double worth = f->gain[level] - price * f->mAh[level];
        if (worth > best) {
            best = worth;
            at = level;
        }
    }
    return at;
}

static struct option day_option(const struct offer *f, double price)
{
    struct option sum = {0, 0};
    int strongest;

    for (strongest = 0; strongest < LEVELS; strongest++) {
        const int n = f->slots[strongest];
        const int level = n ? choose(f, strongest, price) : -1;
        if (level < 0) { continue; }
        sum.gain += n * f->gain[level];
        sum.mAh += n * f->mAh[level];
    }
    return sum;
}

static double value_at(const struct oracle *o, int day, double burst_mAh)
{
    const double *row = o->value + o->row[day];
    const double x = burst_mAh / STEP_MAH;
    const size_t last = row_len(day) - 2;
    const size_t i = x < (double)last ? (size_t)x : last;

    return row[i] + (x - (double)i) * (row[i + 1] - row[i]);
}

static double best_price(const struct oracle *o, int day, double burst_mAh,
                         double *value)
{
    const double used = SLEEP_MAH * (day + 0.5) + burst_mAh; /* at noon */
    double price = prices[0];
    struct offer f;
    int i;

    *value = 0;
    if (used >= o->cell->capacity) { return price; }
    make_offer(o, day, used, &f);
    for (i = 0; i < PRICES; i++) {
        const struct option day_best = day_option(&f, prices[i]);
        const double v =
            day_best.gain + value_at(o, day + 1, burst_mAh + day_best.mAh);
        if (v > *value) {
            *value = v;
            price = prices[i];
        }
    }
    return price;
}

static int by_factor(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void sort_days(struct oracle *o)
{
    const size_t n = (size_t)o->days * DAY_SLOTS;
    int d;

    memcpy(o->sorted, o->factor, n * sizeof *o->sorted);
    for (d = 0; d < o->days; d++) {
        qsort(o->sorted + d * DAY_SLOTS, DAY_SLOTS, sizeof *o->sorted,
              by_factor);
    }
}

void oracle_plan(struct oracle *o, const struct cell *c, const struct limits *l,
                 const float *factor)
{
    int d, level;

    o->cell = c;
    o->limits = l;
    o->factor = factor;
    for (level = 0; level < LEVELS; level++) {
        o->gain[level] = 1 - pow(1 - heard[c->far][level], EVENTS);
    }
    sort_days(o);
    memset(o->value + o->row[o->days], 0, row_len(o->days) * sizeof *o->value);
    for (d = o->days - 1; d >= 0; d--) {
        double *row = o->value + o->row[d];
        size_t i;
        for (i = 0; i < row_len(d); i++) {
            best_price(o, d, (double)i * STEP_MAH, &row[i]);
        }
    }
    o->bound = o->value[0];
    o->audits = 0;
    o->audit_low = HUGE_VAL;
}

/* -- the plan, followed ---------------------------------------------------- */

static void boot_oracle(void *state, struct slot *s)
{
    (void)state;
    (void)s;
}

/* Some of the bursts that the tables only just allow, by the circuit. */
static void audit(struct oracle *o, const struct board *b, int level)
{
    const double e = b->ocv - b->v1 - b->v2;
    const double most = limits_r0(o->limits, level, EVENTS, e);
    double low;

    if (b->slot % 7 || b->r0 < 0.98 * most) { return; }
    low = burst_lowest(o->limits, level, EVENTS, e, 0, b->r0, b->r2);
    o->audit_low = fmin(o->audit_low, low - o->limits->brownout);
    o->audits++;
}

/* The day's price holds; what is safe is asked of the very slot. */
static void run_oracle(void *state, struct slot *s)
{
    struct oracle *o = state;
    const struct board *b = s->board;
    const int day = b->slot / DAY_SLOTS;
    const double e = b->ocv - b->v1 - b->v2;
    struct offer f;
    double value;
    int level = 0;

    if (b->slot % DAY_SLOTS == 0) {
        o->price = best_price(o, day, b->used - SLEEP_MAH * day, &value);
    }
    for (; level < LEVELS; level++) {
        if (board_survives(b, level, EVENTS) == EVENTS) { break; }
    }
    if (level == LEVELS) { return; }
    memset(&f, 0, sizeof f);
    for (int i = level; i < LEVELS; i++) {
        f.gain[i] = o->gain[i];
        f.mAh[i] = burst_mAh(o, i, e, b->r0);
    }
    level = choose(&f, level, o->price);
    if (level < 0) { return; }
    audit(o, b, level);
    slot_burst(s, level, EVENTS, NULL, NULL);
}

const struct policy oracle_policy = {"oracle", 0,           0,
                                     0,        boot_oracle, run_oracle};
