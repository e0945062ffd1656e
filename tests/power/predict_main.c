/* predict_main.c - estls_tx_predict against ngspice on all circuits of cases.c,
 * and estls_tx_recovery against the circuit.
 *
 * predict DIR: netlists go to DIR/spice, a row for each case to
 * DIR/predict.csv and DIR/recovery.csv, the README's line to DIR/predict.md. */
#include "library.h"
#include "cases.h"
#include "goals.h"
#include "spice.h"
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, WORST = 5, MOST = 256 };

/* mV */
struct answer {
    double spice, circuit;
    double rest;
    int ours;
};

/* -- the three answers ----------------------------------------------------- */

static double circuit_lowest(const struct power_case *pc, double *rest)
{
    struct circuit_segment segment[CASE_SEGMENTS];
    const size_t n = case_segments(pc, segment, CASE_SEGMENTS);
    const double sleep_a = pc->sleep_uA * 1e-6;
    struct circuit c;
    struct circuit_state at;

    case_circuit(pc, &c);
    circuit_rest(&c, sleep_a, &at);
    *rest = 1e3 * at.vc;
    return 1e3 * circuit_run(&c, &at, segment, n, sleep_a, NULL, NULL);
}

struct declared {
    estls_tx_cell cell;
    estls_tx_board board;
    estls_tx_level level;
    estls_tx_segment segment[5];
};

/* The case as a caller of the library would put it. */
static void declare(const struct power_case *pc, double rest,
                    struct declared *d)
{
    unsigned i;

    memset(d, 0, sizeof *d);
    d->cell.mV = library_mV(rest);
    d->cell.r0_mOhm = pc->r0_mOhm;
    d->cell.r1_mOhm = pc->r1_mOhm;
    d->cell.tau1_us = pc->tau1_us;
    d->cell.r2_mOhm = pc->r2_mOhm;
    d->cell.tau2_us = pc->tau2_us;
    d->level.uA = pc->level_uA;
    for (i = 0; i < pc->segments; i++) {
        d->segment[i].us = pc->segment[i].us;
        d->segment[i].uA = pc->segment[i].uA;
    }
    d->board.level = &d->level;
    d->board.level_count = 1;
    d->board.segment = d->segment;
    d->board.segment_count = pc->segments;
    d->board.repeat = pc->repeat;
    d->board.reservoir_nF = pc->c_nF;
    d->board.reservoir_mOhm = pc->esr_mOhm;
    d->board.constant_power = pc->constant_power;
    d->board.nominal_mV = pc->nominal_mV;
    d->board.brownout_mV = pc->brownout_mV;
}

static void answer_case(const struct power_case *pc, const char *dir,
                        struct answer *a)
{
    struct declared d;

    a->circuit = circuit_lowest(pc, &a->rest);
    declare(pc, a->rest, &d);
    a->ours = estls_tx_predict(&d.cell, &d.board, pc->level_uA);
    a->spice = spice_lowest(pc, dir);
}

/* ngspice takes its time: several at once. */
static struct answer *answer_all(const char *dir)
{
    const size_t size = power_cases_count * sizeof(struct answer);
    struct answer *a = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t i;
    int child;

    if (a == MAP_FAILED) { return NULL; }
    for (i = 0; i < power_cases_count; i++) { a[i].spice = -1; }
    for (child = 0; child < WORKERS; child++) {
        const pid_t pid = fork();
        if (pid) { continue; }
        for (i = (size_t)child; i < power_cases_count; i += WORKERS) {
            answer_case(&power_cases[i], dir, &a[i]);
        }
        _exit(0);
    }
    while (wait(NULL) > 0) {}
    return a;
}

/* -- what they come to ----------------------------------------------------- */

static unsigned collapsed(double mV)
{
    return mV < 1e3 * CIRCUIT_KNEE;
}

/* Predicted less true; a collapse that both see is none. */
static double error_of(const struct answer *a)
{
    return collapsed(a->spice) && !a->ours ? 0 : a->ours - a->spice;
}

struct sums {
    double error[MOST]; /* outside collapse */
    size_t errors, cases, missing;
    size_t verdicts, unseen, false_alarms, collapses, browned;
    double optimistic, pessimistic; /* worst */
    double circuit, given;          /* worst, of the circuit */
};

static void sum_case(const struct power_case *pc, const struct answer *a,
                     struct sums *s)
{
    const double e = error_of(a);

    s->cases++;
    s->missing += a->spice < 0;
    s->verdicts += (a->spice < pc->brownout_mV) != (a->ours < pc->brownout_mV);
    s->browned += a->spice < pc->brownout_mV;
    s->collapses += collapsed(a->spice);
    s->unseen += collapsed(a->spice) && a->ours;
    s->false_alarms +=
        !collapsed(a->spice) && !a->ours && a->spice >= a->rest / 2;
    s->circuit = fmax(s->circuit, fabs(a->circuit - a->spice));
    if (pc->given_mV > 0) {
        s->given = fmax(s->given, fabs(a->circuit - pc->given_mV));
    }
    if (collapsed(a->spice) || !a->ours || s->errors == MOST) { return; }
    s->optimistic = fmax(s->optimistic, e);
    s->pessimistic = fmin(s->pessimistic, e);
    s->error[s->errors++] = fabs(e);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_error(struct sums *s)
{
    qsort(s->error, s->errors, sizeof *s->error, by_value);
    return s->errors ? s->error[s->errors / 2] : HUGE_VAL;
}

/* -- tables ---------------------------------------------------------------- */

/* What a name begins with. */
static int group_len(const char *name)
{
    return (int)strcspn(name, "_");
}

static void print_group(const struct answer *a, const char *name, int n)
{
    struct sums s = {0};
    size_t i;

    for (i = 0; i < power_cases_count; i++) {
        const char *own = power_cases[i].name;
        if (group_len(own) != n || strncmp(own, name, (size_t)n)) { continue; }
        sum_case(&power_cases[i], &a[i], &s);
    }
    printf("  %-8.*s %5zu %9.2f %11.2f %12.2f %9zu %10zu %8zu\n", n, name,
           s.cases, s.errors ? median_error(&s) : 0, s.optimistic,
           s.pessimistic, s.browned, s.collapses, s.verdicts);
}

static void print_groups(const struct answer *a)
{
    const char *last = "";
    size_t i;

    printf("predictor against ngspice, mV\n"
           "  %-8s %5s %9s %11s %12s %9s %10s %8s\n",
           "", "cases", "median", "optimistic", "pessimistic", "brown-out",
           "collapses", "wrong");
    for (i = 0; i < power_cases_count; i++) {
        const char *name = power_cases[i].name;
        const int n = group_len(name);
        if (group_len(last) == n && !strncmp(last, name, (size_t)n)) {
            continue;
        }
        print_group(a, name, n);
        last = name;
    }
}

/* The worst that has not been printed yet, by `done`. */
static void print_worst(const struct answer *a)
{
    char done[MOST] = {0};
    size_t i, at;
    int n;

    printf("the five worst\n");
    for (n = 0; n < WORST; n++) {
        at = power_cases_count;
        for (i = 0; i < power_cases_count; i++) {
            if (done[i]) { continue; }
            if (at == power_cases_count ||
                fabs(error_of(&a[i])) > fabs(error_of(&a[at]))) {
                at = i;
            }
        }
        if (at == power_cases_count) { return; }
        done[at] = 1;
        printf("  %-16s %-40s ngspice %7.1f, ours %4d: %+.1f\n",
               power_cases[at].name, power_cases[at].note, a[at].spice,
               a[at].ours, error_of(&a[at]));
    }
}

/* given_mV 0: not given; predicted_mV 0: a collapse. */
static int write_csv(const struct answer *a, const char *dir)
{
    char path[4096];
    FILE *f;
    size_t i;

    snprintf(path, sizeof path, "%s/predict.csv", dir);
    f = fopen(path, "w");
    if (!f) { return 1; }
    fprintf(f, "case,note,constant_power,rest_mV,spice_mV,circuit_mV,given_mV,"
               "predicted_mV,error_mV,brownout_mV,browned_out,verdict_right,"
               "collapse\n");
    for (i = 0; i < power_cases_count; i++) {
        const struct power_case *pc = &power_cases[i];
        fprintf(f, "%s,\"%s\",%d,%.3f,%.3f,%.3f,%.2f,%d,%.3f,%d,%d,%d,%d\n",
                pc->name, pc->note, pc->constant_power, a[i].rest, a[i].spice,
                a[i].circuit, pc->given_mV, a[i].ours, error_of(&a[i]),
                pc->brownout_mV, a[i].spice < pc->brownout_mV,
                (a[i].spice < pc->brownout_mV) == (a[i].ours < pc->brownout_mV),
                collapsed(a[i].spice));
    }
    return fclose(f) != 0;
}

static int write_markdown(struct sums *s, const char *dir)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/predict.md", dir);
    f = fopen(path, "w");
    if (!f) { return 1; }
    fprintf(f,
            "| circuits | median error | most optimistic | most pessimistic |"
            " wrong brown-out verdicts | collapses foreseen |\n"
            "|--:|--:|--:|--:|--:|--:|\n"
            "| %zu | %.1f mV | %+.1f mV | %+.1f mV | %zu of %zu | %zu of %zu "
            "|\n",
            s->cases, median_error(s), s->optimistic, s->pessimistic,
            s->verdicts, s->cases, s->collapses - s->unseen, s->collapses);
    return fclose(f) != 0;
}

static void check_predictor(struct sums *s)
{
    const double median = median_error(s);

    goal(s->cases && !s->missing, "%zu circuits, %zu without an answer",
         s->cases, s->missing);
    goal(median <= 1, "median error %.2f mV (at most 1)", median);
    goal(s->optimistic <= 3, "most optimistic %+.2f mV (at most 3)",
         s->optimistic);
    goal(!s->verdicts, "wrong verdicts: %zu (0)", s->verdicts);
    goal(s->collapses && !s->unseen, "collapses: %zu, unforeseen %zu (0)",
         s->collapses, s->unseen);
    goal(!s->false_alarms, "collapses foreseen that are none: %zu (0)",
         s->false_alarms);
    goal(s->circuit <= 0.1, "circuit against ngspice: %.3f mV (at most 0.1)",
         s->circuit);
    goal(s->given <= 0.1, "circuit against the given: %.3f mV (at most 0.1)",
         s->given);
}

/* -- recovery -------------------------------------------------------------- */

enum { NEAR_MV = 10, STEP_US = 8 };

/* Has come within 10 mV for good. */
struct settle {
    double rest, since; /* V, s; since < 0: it is not there */
};

static void watch(void *user, double t, double v)
{
    struct settle *s = user;

    if (v < s->rest - NEAR_MV * 1e-3) {
        s->since = -1;
    } else if (s->since < 0) {
        s->since = t;
    }
}

/* Pauses, each a little longer than the one before, until the node is there.
 * s, < 0: not within an hour. */
static double true_recovery(const struct power_case *pc)
{
    struct circuit_segment segment[CASE_SEGMENTS], pause = {1e-6, 0};
    const size_t n = case_segments(pc, segment, CASE_SEGMENTS);
    const double sleep_a = pc->sleep_uA * 1e-6;
    struct circuit c;
    struct circuit_state at;
    struct settle s;
    double t = 0;

    case_circuit(pc, &c);
    circuit_rest(&c, sleep_a, &at);
    s.rest = at.vc;
    circuit_run(&c, &at, segment, n, sleep_a, NULL, NULL);
    for (; t < 3600; t += pause.s) {
        s.since = -1;
        pause.s = 1e-6 + t / 500;
        circuit_run(&c, &at, &pause, 1, sleep_a, watch, &s);
        if (s.since >= 0) { return t + s.since; }
    }
    return -1;
}

static const char *const recovered[] = {
    "given_01", "given_03", "given_06", "given_09",  "given_17",
    "given_25", "given_37", "ble_last", "ble_cold",  "t_100m_cp",
    "t_1s_cp",  "c_100u",   "gsm_cp",   "wifi_lipo", "lte_lipo",
    "lte_aa",   "tls_new",  "tls_old",  "r_200_cc",  "edge_gsm_up",
};

static const struct power_case *find(const char *name)
{
    size_t i;

    for (i = 0; i < power_cases_count; i++) {
        if (!strcmp(power_cases[i].name, name)) { return &power_cases[i]; }
    }
    return NULL;
}

struct band {
    double shortest, longest; /* parts of the truth, over and above a step */
};

/* estls_tx_recovery against the truth. */
static void recovery_of(const struct power_case *pc, FILE *f, struct band *b)
{
    const double true_us = 1e6 * true_recovery(pc);
    struct declared d;
    double rest;
    uint32_t us;

    circuit_lowest(pc, &rest);
    declare(pc, rest, &d);
    us = estls_tx_recovery(&d.cell, &d.board, pc->level_uA, NEAR_MV);
    fprintf(f, "%s,%.1f,%lu\n", pc->name, true_us, (unsigned long)us);
    printf("  %-12s %10.0f %10lu\n", pc->name, true_us, (unsigned long)us);
    if (true_us < 0) { us = 0; }
    b->shortest = fmin(b->shortest, (us + STEP_US) / fabs(true_us) - 1);
    b->longest = fmax(b->longest, (us - STEP_US) / fabs(true_us) - 1);
}

static void check_recovery(const char *dir)
{
    const size_t n = sizeof recovered / sizeof *recovered;
    struct band b = {HUGE_VAL, -HUGE_VAL};
    char path[4096];
    size_t i;
    FILE *f;

    snprintf(path, sizeof path, "%s/recovery.csv", dir);
    f = fopen(path, "w");
    if (!f) { return; }
    fprintf(f, "case,circuit_us,recovery_us\n");
    printf("\nback within %d mV of rest, us: circuit, estls_tx_recovery\n",
           NEAR_MV);
    for (i = 0; i < n; i++) { recovery_of(find(recovered[i]), f, &b); }
    goal(b.shortest >= -0.03, "shortest %+.1f %% and 8 us (at least -3)",
         100 * b.shortest);
    goal(b.longest <= 0.2, "longest %+.1f %% and 8 us (at most +20)",
         100 * b.longest);
    if (fclose(f)) { goal(0, "recovery.csv"); }
}

int main(int argc, char **argv)
{
    struct sums s = {0};
    struct answer *a;
    char spice[2048];
    size_t i;

    if (argc != 2 || power_cases_count > MOST) { return 2; }
    snprintf(spice, sizeof spice, "%s/spice", argv[1]);
    a = answer_all(spice);
    if (!a) { return 2; }
    for (i = 0; i < power_cases_count; i++) {
        sum_case(&power_cases[i], &a[i], &s);
    }
    print_groups(a);
    print_worst(a);
    check_predictor(&s);
    check_recovery(argv[1]);
    if (write_csv(a, argv[1]) || write_markdown(&s, argv[1])) {
        goal(0, "files in %s", argv[1]);
    }
    return goals_end();
}
