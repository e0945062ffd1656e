/* oracle.h - the most that a board could deliver without a brown-out. */
#ifndef ORACLE_H
#define ORACLE_H
#include "population.h"

/* What is still to be had from each day on, by the charge of all bursts. */
struct oracle {
    const struct cell *cell;
    const struct limits *limits;
    const float *factor;
    double gain[LEVELS]; /* a burst's part of its slot */
    float *sorted;       /* the factors of each day, rising */
    int days;
    double *value;    /* all days' rows in one block */
    size_t *row;      /* where each day's begins */
    double bound;     /* slots delivered at best */
    double price;     /* of the day that runs */
    double audit_low; /* V over brown-out, of bursts that nearly fail */
    long audits;
};

/* Rows for so many days; reused from cell to cell.  0 if memory ran out. */
int oracle_open(struct oracle *o, int days);
void oracle_plan(struct oracle *o, const struct cell *c, const struct limits *l,
                 const float *factor);
/* Follows the plan; its state is a struct oracle *. */
extern const struct policy oracle_policy;
#endif
