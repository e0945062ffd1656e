/* population.h - runs boards with their cells through the months, slot by
 * slot. */
#ifndef POPULATION_H
#define POPULATION_H
#include "cell.h"
#include "policy.h"

struct tally {
    double delivered;   /* slots */
    double deaths;      /* brown-outs in transmission and in probes */
    double late_deaths; /* of them, after the first day */
    double boot_deaths; /* of a boot by its own load; what follows a death */
    int could_boot;     /* rested, before its first death */
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
    int can_boot;           /* as this slot began */
    struct tally tally;
};

struct population {
    uint64_t seed;
    double brownout, reservoir; /* V, F */
    int days, per_group, workers;
    int r0_less;      /* see cell_r0_less */
    const char *only; /* names of policies between commas; NULL: all */
};

enum { POLICIES_MAX = 16 };

struct result {
    struct cell cell;
    double bound, audit_low; /* of the oracle; V over brown-out */
    long audits;
    struct tally tally[POLICIES_MAX]; /* the oracle's first */
};

struct world {
    struct population p;
    int policies, extra; /* beside the oracle; does one have an extra_c? */
    const struct policy *policy[POLICIES_MAX]; /* the oracle's first */
    struct limits limits[RESERVOIRS];
    struct result results[]; /* group by group */
};

/* Whether a burst would go through: how many events do. */
int board_survives(const struct board *b, int level, int events);
/* From power-on to the end; `state` is zeroed, or set up by who calls. */
void board_run(struct board *b, const struct policy *p, void *state, int days);

/* NULL if something failed. */
const struct world *population_run(const struct population *p);

/* -- report.c -------------------------------------------------------------- */

void report_table(const struct world *w);
/* Checks the goals, prints those that are missed; how many are. */
void report_goals(const struct world *w, int *passed, int *failed);
/* Both 0 if all went well. */
int report_csv(const struct world *w, const char *path);
int report_markdown(const struct world *w, const char *path);
#endif
