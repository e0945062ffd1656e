/* cell.h - the cells of the population, their weather, and what a burst does
 * to them. */
#ifndef CELL_H
#define CELL_H
#include <stdint.h>

enum {
    LEVELS = 4,
    EVENTS = 28, /* advertising events of a burst */
    GROUPS = 6,
    SLOT_S = 600,
    DAY_SLOTS = 144
};

#define SLEEP_A    8.9e-6
#define NOMINAL_V  3.0
#define EVENT_S    (1.0 / EVENTS)
#define PACKET_S   376e-6
#define BETWEEN_S  350e-6
#define BETWEEN_A  5e-3
#define TAU1_S     0.5
#define TAU2_S     200.0
#define R1_PER_R0  0.3
#define RESERVOIRS 2 /* the board's, and the one with 100 uF more */

extern const double level_a[LEVELS];
extern const double heard[2][LEVELS]; /* one event; near, far */
extern const char *const group_names[GROUPS];

/* -- chance: splitmix64, the same everywhere ------------------------------- */

struct rng {
    uint64_t s;
};

double rng_uniform(struct rng *r);
double rng_normal(struct rng *r);

/* -- cells ----------------------------------------------------------------- */

struct cell {
    int group, far;
    double lot;      /* R0 and R1 times this, R2 its root */
    double capacity; /* mAh */
    double mean, season, day, noise, phase; /* the site, degrees and radians */
    uint64_t seed;
};

void cell_make(struct cell *c, uint64_t seed, int group, int far, int index);
double cell_ocv(const struct cell *c, double used_mAh);
/* How the first millisecond follows from the curve's two seconds: times
 * 8.0 / 9.5, or less 1.5 Ohm.  Both are right for a new cell. */
extern int cell_r0_less;
/* At 21 degrees. */
double cell_r0(const struct cell *c, double used_mAh);
double cell_r2(const struct cell *c);
/* R0 of each slot over R0 at 21 degrees. */
void cell_weather(const struct cell *c, int days, float *factor);

/* -- what a burst does: exact runs of the circuit, tabled ------------------ */

enum { LIMIT_KNOTS = 8, LIMIT_ROWS = 133, READ_COLUMNS = 257 };

/* All of a board with one reservoir.  e: OCV less the polarisation before the
 * burst; the largest R0 with which the first n events stay above brown-out;
 * what an ADC without noise reads in the first event. */
struct limits {
    double brownout, c, esr;
    double r[LEVELS][LIMIT_KNOTS][LIMIT_ROWS];
    float mv[LEVELS][2][LIMIT_ROWS][READ_COLUMNS];
};

/* One level at a time; they are independent. */
void limits_init(struct limits *l, double brownout, double c);
void limits_build(struct limits *l, int level);
double limits_r0(const struct limits *l, int level, int events, double e);
/* V at the end of the first and of the last packet of the first event. */
void limits_read(const struct limits *l, int level, double e, double r0,
                 double v[2]);
/* Coulomb of one event that reads so. */
double limits_charge(int level, double e, const double v[2]);
/* The circuit itself: the lowest voltage of so many events, v1 volts of the
 * half-second polarisation left from before. */
double burst_lowest(const struct limits *l, int level, int events, double e,
                    double v1, double r0, double r2);
#endif
