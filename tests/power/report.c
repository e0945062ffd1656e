/* report.c - what became of the cells: tables, goals, CSV, and the README's
 * table. */
#include "population.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- sums ------------------------------------------------------------------ */

/* A policy in a group.  Per cell but for the parts. */
struct sum {
    double delivered, of_oracle; /* parts */
    double deaths, late_deaths, boot_deaths;
    double loop_mAh, probe_part, life; /* median, months */
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_life(const struct result *r, int n, int policy)
{
    double life[1024];
    int i;

    for (i = 0; i < n && i < 1024; i++) {
        life[i] = r[i].tally[policy].life_days / 30.4;
    }
    qsort(life, (size_t)i, sizeof *life, by_value);
    return (life[i / 2] + life[(i - 1) / 2]) / 2;
}

static struct sum add_up(const struct world *w, int group, int policy)
{
    const struct result *r = &w->results[group * w->p.per_group];
    const int n = w->p.per_group;
    struct sum s = {0};
    double best = 0, mAh = 0, probes = 0;
    int i;

    for (i = 0; i < n; i++) {
        const struct tally *t = &r[i].tally[policy];
        s.delivered += t->delivered;
        best += r[i].tally[0].delivered;
        s.deaths += t->deaths / n;
        s.late_deaths += t->late_deaths / n;
        s.boot_deaths += t->boot_deaths / n;
        s.loop_mAh += t->loop_mAh / n;
        probes += t->probe_mAh;
        mAh += t->mAh;
    }
    s.of_oracle = s.delivered / best;
    s.delivered /= (double)w->p.days * DAY_SLOTS * n;
    s.probe_part = probes / mAh;
    s.life = median_life(r, n, policy);
    return s;
}

/* -1: it did not run. */
static int number_of(const struct world *w, const char *name)
{
    int k;

    for (k = w->policies; k >= 0; k--) {
        if (!strcmp(w->policy[k]->name, name)) { break; }
    }
    return k;
}

/* -- the table ------------------------------------------------------------- */

#define ROW "  %-14s %9s %9s %12s %10s %12s %8s %8s %7s\n"

static const char *figure(char *to, double x, int places)
{
    snprintf(to, 24, "%.*f", x < 100000 ? places : 0, x);
    return to;
}

static void print_row(const struct world *w, int group, int policy)
{
    const struct sum s = add_up(w, group, policy);
    char f[8][24];

    printf(ROW, w->policy[policy]->name, figure(f[0], 100 * s.delivered, 2),
           figure(f[1], 100 * s.of_oracle, 2), figure(f[2], s.deaths, 3),
           figure(f[3], s.late_deaths, 3), figure(f[4], s.boot_deaths, 1),
           figure(f[5], s.loop_mAh, 2), figure(f[6], 100 * s.probe_part, 2),
           figure(f[7], s.life, 1));
}

/* The most that a policy without brown-outs has more than the oracle. */
static double beaten_by(const struct world *w, const struct result *r)
{
    double over = 0;
    int k;

    for (k = 1; k <= w->policies; k++) {
        if (r->tally[k].deaths > 0 || w->policy[k]->extra_c > 0) { continue; }
        over = fmax(over, r->tally[k].delivered - r->tally[0].delivered);
    }
    return over;
}

struct trust {
    double gap, over, deaths, low;
    long audits;
};

/* How far the oracle may be trusted; percent, V. */
static struct trust trust_of(const struct world *w)
{
    const double percent = 100. / ((double)w->p.days * DAY_SLOTS);
    struct trust t = {0, 0, 0, HUGE_VAL, 0};
    int i;

    for (i = 0; i < GROUPS * w->p.per_group; i++) {
        const struct result *r = &w->results[i];
        t.gap = fmax(t.gap, percent * fabs(r->bound - r->tally[0].delivered));
        t.over = fmax(t.over, percent * beaten_by(w, r));
        t.deaths += r->tally[0].deaths;
        t.audits += r->audits;
        t.low = fmin(t.low, r->audit_low);
    }
    return t;
}

void report_table(const struct world *w)
{
    const struct trust t = trust_of(w);
    int g, k;

    printf("seed %llu, brown-out %.2f V, %g uF, %d days, %d cells a group\n"
           "brown-outs a cell: in transmission or a probe; of boots by their "
           "own load, after those\n\n",
           (unsigned long long)w->p.seed, w->p.brownout, 1e6 * w->p.reservoir,
           w->p.days, w->p.per_group);
    printf(ROW, "", "delivered", "of oracle", "brown-outs", "after", "of boots",
           "loops", "probes", "life");
    printf(ROW, "", "%", "%", "", "24 h", "", "mAh", "% mAh", "months");
    for (g = 0; g < GROUPS; g++) {
        printf("%s\n", group_names[g]);
        for (k = 0; k <= w->policies; k++) { print_row(w, g, k); }
    }
    printf("\noracle: %g brown-outs; %ld of its tightest bursts run whole: the "
           "lowest %+.2f mV from brown-out\n",
           t.deaths, t.audits, 1e3 * t.low);
    printf("oracle: its replay is within %.3f %% of its bound; a policy "
           "without brown-outs has at most %.4f %% more\n\n",
           t.gap, t.over);
}

/* -- goals ----------------------------------------------------------------- */

struct goals {
    int passed, failed;
};

static void goal(struct goals *to, int ok, const char *format, ...)
{
    va_list arguments;

    ok ? to->passed++ : to->failed++;
    if (ok) { return; }
    printf("FAIL  goal missed: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static int bad(int group)
{
    return strncmp(group_names[group], "bad", 3) == 0;
}

/* Ours, at the settings of the issue or at a brown-out of 2.0 V. */
static void goals_ours(const struct world *w, int g, struct goals *to)
{
    const char *name = group_names[g];
    const int strict = w->p.brownout < 1.9;
    const double least = strict ? 0.99 : 0.97;
    const double most = !strict ? 1 : bad(g) ? 0.1 : 0;
    const struct sum s = add_up(w, g, number_of(w, "ours"));
    const struct sum naive = add_up(w, g, number_of(w, "naive"));

    goal(to, s.of_oracle >= least,
         "%s: ours delivers %.2f %% of the oracle, not %g", name,
         100 * s.of_oracle, 100 * least);
    goal(to, s.deaths <= most,
         "%s: %.3f brown-outs a cell, not %g (and %.1f of boots)", name,
         s.deaths, most, s.boot_deaths);
    if (!strict) { return; }
    goal(to, s.late_deaths <= 0, "%s: %.3f brown-outs a cell after 24 h, not 0",
         name, s.late_deaths);
    goal(to, s.loop_mAh < 0.1, "%s: %.2f mAh in loops, not 0.1", name,
         s.loop_mAh);
    goal(to, s.probe_part < 0.01, "%s: %.2f %% of the charge in probes, not 1",
         name, 100 * s.probe_part);
    goal(to, s.life >= naive.life, "%s: life %.1f months, naive's %.1f", name,
         s.life, naive.life);
}

/* With 110 uF: 0, but for cells that, rested, could no longer carry their own
 * boot before their first brown-out: those are beyond any policy. */
static void goals_110uF(const struct world *w, struct goals *to)
{
    const int k = number_of(w, "ours + 100 uF");
    double all = 0, boots = 0, blamed = 0;
    int i, beyond = 0, cells = GROUPS * w->p.per_group;

    if (k < 0) { return; }
    for (i = 0; i < cells; i++) {
        const struct tally *t = &w->results[i].tally[k];
        all += t->deaths;
        boots += t->boot_deaths;
        if (t->deaths > 0 && !t->could_boot) {
            beyond++;
        } else {
            blamed += t->deaths;
        }
    }
    printf("ours with 110 uF: %g brown-outs in %d cells (and %.0f of boots); "
           "without %d cells that, rested, could not carry their own boot "
           "when it happened: %g\n",
           all, cells, boots, beyond, blamed);
    goal(to, blamed <= 0,
         "with 110 uF, cells that could boot: %g brown-outs, not 0", blamed);
}

static void goals_oracle(const struct world *w, struct goals *to)
{
    const struct trust t = trust_of(w);

    goal(to, t.deaths <= 0, "the oracle browns out %g times", t.deaths);
    goal(to, t.gap < 0.1, "the oracle's replay is %.3f %% off its bound",
         t.gap);
    goal(to, t.over < 0.1, "a policy delivers %.3f %% more than the oracle",
         t.over);
    goal(to, t.audits > 0 && t.low > -2e-3,
         "%ld audits of the oracle, the lowest %.2f mV", t.audits, 1e3 * t.low);
}

void report_goals(const struct world *w, int *passed, int *failed)
{
    struct goals to = {0, 0};
    int g;

    if (number_of(w, "ours") < 0 || number_of(w, "naive") < 0) {
        goal(&to, 0, "ours or naive did not run");
    } else {
        for (g = 0; g < GROUPS; g++) { goals_ours(w, g, &to); }
    }
    goals_110uF(w, &to);
    goals_oracle(w, &to);
    printf("goals: %d hold, %d missed\n", to.passed, to.failed);
    *passed += to.passed;
    *failed += to.failed;
}

/* -- files ----------------------------------------------------------------- */

static void write_row(FILE *f, const struct world *w, int cell, int number)
{
    const struct result *r = &w->results[cell];
    const struct tally *t = &r->tally[number];
    const double slots = (double)w->p.days * DAY_SLOTS;

    fprintf(f, "%s,%d,%s,%.4f,%.2f,", group_names[r->cell.group], cell,
            r->cell.far ? "far" : "near", r->cell.lot, r->cell.capacity);
    fprintf(f, "%s,%.6f,%.6f,%.0f,%.0f,%.0f,%d,", w->policy[number]->name,
            t->delivered / slots, r->bound / slots, t->deaths, t->late_deaths,
            t->boot_deaths, t->could_boot);
    fprintf(f, "%.4f,%.4f,%.4f,%.4f,%.2f,%.5f,%.5f,%.5f,%.5f\n", t->mAh,
            t->burst_mAh, t->loop_mAh, t->probe_mAh, t->life_days / 30.4,
            t->bursts[0] / slots, t->bursts[1] / slots, t->bursts[2] / slots,
            t->bursts[3] / slots);
}

/* A row for each cell and policy.  lot: of the resistance; delivered and
 * oracle_bound: parts of all slots; could_boot: rested, before the first
 * brown-out, if there was one; share: slots with a burst at that level. */
int report_csv(const struct world *w, const char *path)
{
    FILE *f = fopen(path, "w");
    int i, k;

    if (!f) {
        perror(path);
        return 1;
    }
    fprintf(f, "group,cell,link,lot,capacity_mAh,policy,delivered,"
               "oracle_bound,brownouts,brownouts_after_24h,brownouts_by_boot,"
               "could_boot,mAh,burst_mAh,loop_mAh,probe_mAh,life_months,"
               "share_p8,share_p4,share_0,share_m8\n");
    for (i = 0; i < GROUPS * w->p.per_group; i++) {
        for (k = 0; k <= w->policies; k++) { write_row(f, w, i, k); }
    }
    return fclose(f) != 0;
}

enum { COLUMNS = 6 };

int report_markdown(const struct world *w, const char *path)
{
    static const char *const name[COLUMNS] = {"naive",         "rest 2.9 V",
                                              "boot back-off", "ours",
                                              "naive +100 uF", "oracle"};
    FILE *f;
    int g, i;

    for (i = 0; i < COLUMNS; i++) {
        if (number_of(w, name[i]) < 0) { return 1; }
    }
    f = fopen(path, "w");
    if (!f) {
        perror(path);
        return 1;
    }
    fprintf(f, "| delivered, %% | naive | rest 2.9 V | boot back-off | estls |"
               " naive + 100 uF | oracle | brown-outs a cell: naive | estls |\n"
               "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (g = 0; g < GROUPS; g++) {
        fprintf(f, "| %s |", group_names[g]);
        for (i = 0; i < COLUMNS; i++) {
            const struct sum s = add_up(w, g, number_of(w, name[i]));
            fprintf(f, " %.1f |", 100 * s.delivered);
        }
        fprintf(f, " %.0f | %.2f |\n",
                add_up(w, g, number_of(w, "naive")).deaths,
                add_up(w, g, number_of(w, "ours")).deaths);
    }
    return fclose(f) != 0;
}
