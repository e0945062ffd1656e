/* droop_main.c - the lowest voltage of a burst over the cell's resistance:
 * what the library predicts, and what the circuit does.  Blocks for gnuplot, a
 * pair for each level: Ohm and V predicted, then Ohm and V of the circuit. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "cell.h"
#include "circuit.h"

#include <math.h>
#include <stdio.h>

enum { REST_MV = 2820, RESERVOIR_NF = 10000, R2_OHM = 40, SEGMENTS = 6 };

#define OHM_MOST    120.0
#define OHM_LINE    0.5 /* from point to point */
#define OHM_POINT   4.0
#define ESR_OHM     10e-3
#define LEVEL_BLOCK "\n\n"

static const estls_tx_segment event[SEGMENTS] = {
    {376, 0}, {350, 5000}, {376, 0}, {350, 5000}, {376, 0}, {33886, 9}};

static double predicted(double ohm, double a)
{
    const uint32_t mOhm = (uint32_t)(1e3 * ohm + 0.5);
    const estls_tx_cell cell = {REST_MV,
                                mOhm,
                                (uint32_t)(mOhm * R1_PER_R0),
                                (uint32_t)(1e6 * TAU1_S),
                                R2_OHM * 1000,
                                (uint32_t)(1e6 * TAU2_S)};
    estls_tx_board board = {0};

    board.segment = event;
    board.segment_count = SEGMENTS;
    board.repeat = EVENTS;
    board.constant_power = 1;
    board.reservoir_nF = RESERVOIR_NF;
    board.reservoir_mOhm = (uint16_t)(1e3 * ESR_OHM);
    return estls_tx_predict(&cell, &board, (uint32_t)(1e6 * a + 0.5)) / 1e3;
}

static double happens(double ohm, double a)
{
    const struct circuit c = {REST_MV * 1e-3,
                              ohm,
                              R1_PER_R0 * ohm,
                              TAU1_S,
                              R2_OHM,
                              TAU2_S,
                              RESERVOIR_NF * 1e-9,
                              ESR_OHM,
                              0,
                              1,
                              NOMINAL_V};
    struct circuit_segment s[SEGMENTS];
    struct circuit_state state;
    double low = HUGE_VAL;
    int i;

    for (i = 0; i < SEGMENTS; i++) {
        s[i].s = event[i].us * 1e-6;
        s[i].a = event[i].uA ? event[i].uA * 1e-6 : a;
    }
    circuit_rest(&c, 0, &state);
    for (i = 0; i < EVENTS; i++) {
        low = fmin(low, circuit_run(&c, &state, s, SEGMENTS, 0, NULL, NULL));
    }
    return low;
}

static void block(double a, double step, double (*lowest)(double, double))
{
    double ohm;

    for (ohm = step; ohm <= OHM_MOST; ohm += step) {
        printf("%.1f %.4f\n", ohm, lowest(ohm, a));
    }
    printf(LEVEL_BLOCK);
}

int main(void)
{
    int level;

    for (level = 0; level < LEVELS; level++) {
        block(level_a[level], OHM_LINE, predicted);
        block(level_a[level], OHM_POINT, happens);
    }
    return fflush(stdout) != 0;
}
