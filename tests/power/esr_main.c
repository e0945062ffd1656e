/* esr_main.c - what estls_tx_learn makes of noisy pairs.
 *
 * esr SEED DIR: a row for each pair goes to DIR/esr.csv. */
#include "library.h"
#include "cell.h"
#include "circuit.h"
#include "goals.h"
#include <math.h>
#include <stdlib.h>

enum { PAIRS = 1000, REASONS = 64 };

/* hidden: no reader could tell the resistance from such a sample. */
static const struct condition {
    const char *note;
    uint16_t ocv_mV;
    uint32_t r_mOhm, c_nF;
    uint16_t esr_mOhm;
    uint32_t uA, us;
    double sigma_mV, lsb_mV;
    int coarse, hidden;
} conditions[] = {
    {"no reservoir, 500 us", 2820, 30000, 100, 5, 16000, 500, 2, 0.88, 0, 0},
    {"10 uF, 376 us", 2820, 30000, 10000, 10, 16000, 376, 2, 0.88, 0, 0},
    {"10 uF, 376 us", 2820, 65000, 10000, 10, 16000, 376, 2, 0.88, 0, 0},
    {"100 uF, 376 us: hidden", 2820, 65000, 100000, 5, 16000, 376, 2, 0.88, 0,
     1},
    {"100 uF, held 7 ms", 2820, 65000, 100000, 5, 16000, 7000, 2, 0.88, 0, 0},
    {"100 uF, 5 mA 20 ms", 2820, 65000, 100000, 5, 5000, 20000, 2, 0.88, 0, 0},
    {"10 uF, 5 mA 3 ms", 2820, 65000, 10000, 10, 5000, 3000, 2, 0.88, 0, 0},
    {"the same, fresh cell", 3000, 8000, 10000, 10, 5000, 3000, 2, 0.88, 0, 0},
    {"AVR, 10 bit", 2820, 30000, 10000, 10, 16000, 1000, 4, 7.5, 1, 0},
    {"ESP32, 2 AA, 200 mA", 2550, 1300, 100000, 20, 200000, 1000, 10, 1, 1, 0},
    {"GSM, LiPo, 1 mF, 2 A", 3800, 200, 1000000, 30, 2000000, 550, 5, 2, 0, 0},
    {"dying cell, 5 mA", 2600, 200000, 10000, 10, 5000, 3000, 2, 0.88, 0, 0},
};

enum { CONDITIONS = sizeof conditions / sizeof *conditions };

/* At the end of the load, V. */
static double loaded_V(const struct condition *q)
{
    const struct circuit_segment load = {q->us * 1e-6, q->uA * 1e-6};
    struct circuit c = {0};
    struct circuit_state at;

    c.ocv = q->ocv_mV * 1e-3;
    c.r0 = q->r_mOhm * 1e-3;
    c.c = q->c_nF * 1e-9;
    c.esr = q->esr_mOhm * 1e-3;
    circuit_rest(&c, 0, &at);
    return circuit_run(&c, &at, &load, 1, 0, NULL, NULL);
}

static uint16_t adc(const struct condition *q, double v, struct rng *r)
{
    const double mV = 1e3 * v + q->sigma_mV * rng_normal(r);

    return library_mV(floor(mV / q->lsb_mV + 0.5) * q->lsb_mV);
}

/* Below all of these voltages: what is judged here is learning alone. */
enum { BROWNOUT_MV = 1000 };

/* A fresh library and one pair.  The reason; the resistance is what the next
 * plan would reckon with. */
static uint8_t learn(const struct condition *q, const estls_tx_sample *s,
                     uint32_t *mOhm)
{
    const estls_tx_level level = {0, q->uA};
    const estls_tx_segment segment = {q->us, 0};
    estls_tx_job job = {0};
    estls_tx_board board;
    estls_tx_plan plan;
    estls_tx tx;
    uint8_t reason;

    memset(&board, 0, sizeof board);
    board.level = &level;
    board.level_count = 1;
    board.segment = &segment;
    board.segment_count = 1;
    board.reservoir_nF = q->c_nF;
    board.reservoir_mOhm = q->esr_mOhm;
    board.brownout_mV = BROWNOUT_MV;
    job.mV = s->rest_mV;
    if (estls_tx_boot(&tx, &board, 0)) { return ESTLS_TX_NO_DATA; }
    reason = estls_tx_learn(&tx, s);
    if (estls_tx_ask(&tx, &job, &plan)) { return ESTLS_TX_NO_DATA; }
    *mOhm = plan.esr_mOhm;
    return reason;
}

struct outcome {
    double learnt[PAIRS], naive[PAIRS]; /* over the true one */
    size_t accepted, pairs;
    size_t refused[REASONS];
};

static void one_pair(const struct condition *q, int number, double v,
                     struct rng *r, struct outcome *o, FILE *f)
{
    estls_tx_sample s = {0, 0, 0, 0, 0};
    uint32_t mOhm = 0;
    uint8_t reason;
    double naive;

    s.us = q->us;
    s.uA = q->uA;
    s.rest_mV = adc(q, q->ocv_mV * 1e-3, r);
    s.loaded_mV = adc(q, v, r);
    naive = 1e6 * (s.rest_mV - s.loaded_mV) / q->uA;
    reason = learn(q, &s, &mOhm);
    fprintf(f, "%d,%lu,%d,%d,%.0f,%lu,%d\n", number, (unsigned long)q->r_mOhm,
            s.rest_mV, s.loaded_mV, naive, (unsigned long)mOhm, reason);
    o->naive[o->pairs++] = naive / q->r_mOhm;
    if (reason) {
        o->refused[reason % REASONS]++;
    } else {
        o->learnt[o->accepted++] = (double)mOhm / q->r_mOhm;
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Percent off the true resistance; sorts. */
static double percentile(double *ratio, size_t n, unsigned percent)
{
    if (!n) { return NAN; }
    qsort(ratio, n, sizeof *ratio, by_value);
    return 100 * (ratio[(n - 1) * percent / 100] - 1);
}

static void print_refusals(const struct outcome *o)
{
    uint8_t i;

    for (i = 0; i < REASONS; i++) {
        if (!o->refused[i]) { continue; }
        printf("      %zu refused: %s\n", o->refused[i], estls_tx_reason(i));
    }
}

/* Whether its median counted. */
static int judge(const struct condition *q, int number, struct outcome *o)
{
    const double median = percentile(o->learnt, o->accepted, 50);
    const double most = q->coarse ? 5 : 3;

    printf("  %2d %-22s %6.1f %7.1f %9.1f %+8.2f %+8.2f %+8.2f\n", number,
           q->note, q->r_mOhm * 1e-3, 100. * (double)o->accepted / PAIRS,
           percentile(o->naive, o->pairs, 50), median,
           percentile(o->learnt, o->accepted, 5),
           percentile(o->learnt, o->accepted, 95));
    print_refusals(o);
    if (q->hidden) {
        goal(o->accepted < PAIRS / 10, "refused: %zu of %d (over 90 %%)",
             PAIRS - o->accepted, PAIRS);
        return 0;
    }
    if (o->accepted <= PAIRS * 9 / 10) { return 0; }
    goal(fabs(median) <= most, "median %+.2f %% (at most %g)", median, most);
    return 1;
}

int main(int argc, char **argv)
{
    struct rng r;
    char path[4096];
    FILE *f;
    int i, k, judged = 0;

    if (argc != 3) { return 2; }
    r.s = strtoull(argv[1], NULL, 0);
    snprintf(path, sizeof path, "%s/esr.csv", argv[2]);
    f = fopen(path, "w");
    if (!f) { return 2; }
    fprintf(f, "condition,true_mOhm,rest_mV,loaded_mV,naive_mOhm,learnt_mOhm,"
               "reason\n");
    printf("resistance from %d noisy pairs each, %% off the true one\n"
           "     %-22s %6s %7s %9s %8s %8s %8s\n",
           PAIRS, "", "Ohm", "taken %", "(rest-loaded)/I", "median", "5th",
           "95th");
    for (i = 0; i < CONDITIONS; i++) {
        const double v = loaded_V(&conditions[i]);
        struct outcome o = {0};
        for (k = 0; k < PAIRS; k++) {
            one_pair(&conditions[i], i + 1, v, &r, &o, f);
        }
        judged += judge(&conditions[i], i + 1, &o);
    }
    goal(judged >= CONDITIONS - 2,
         "conditions with over 90 %% taken: %d (of 11,"
         " at least 10)",
         judged);
    if (fclose(f)) { goal(0, "esr.csv"); }
    return goals_end();
}
