/* population.h - runs boards with their cells through the months, slot by
 * slot. */
#ifndef POPULATION_H
#define POPULATION_H
#include "cell.h"
#include "policy.h"

struct tally {
    double delivered; /* slots */
    double brownouts, boot_brownouts,
        late_brownouts; /* late: after the first day */
    double mAh, loop_mAh, probe_mAh, burst_mAh;
    double bursts[LEVELS]; /* that went through, whole or in part */
    int life_days;         /* to the last day with half of it delivered */
};

struct board {
    const struct cell *cell;
    const struct limits *limits;
    const float *factor; /* of R0, by slot */
    struct rng adc;
    int slot;           /* since power-on */
    double s;           /* in the slot */
    double used;        /* mAh */
    double ocv, r0, r2; /* now */
    double v1, v2;
    double silence[LEVELS]; /* the chance that nothing of a burst is heard */
    double missed;          /* the chance that nothing of this slot was heard */
    int browned, down;      /* in reset; so far below that it cannot boot */
    struct tally tally;
};

struct population {
    uint64_t seed;
    double brownout, reservoir; /* V, F */
    int days, per_group, workers;
};

/* Whether a burst would go through: how many events do. */
int board_survives(const struct board *b, int level, int events);
/* From power-on to the end; `state` is zeroed, or set up by who calls. */
void board_run(struct board *b, const struct policy *p, void *state, int days);

/* Prints the table, and rows to `csv` if it is not NULL; 0 if all went well. */
int population_run(const struct population *p, const char *csv);
#endif
