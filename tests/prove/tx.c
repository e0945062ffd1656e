/* >>tx: any board that boots, any retained record, any job and sample, and the
 * calls in any order; numbers are anything that their types hold. */
#include "world.h"
// eva -eva-slevel 8 -eva-min-loop-unroll 0 -eva-auto-loop-unroll 40 -eva-split-return auto

// reach estls_tx_boot estls_tx_ask estls_tx_key estls_tx_done estls_tx_learn
// reach estls_tx_poke estls_tx_flash_ok estls_tx_low estls_tx_predict
// reach estls_tx_recovery estls_tx_capacitor estls_tx_diagnose estls_tx_report
// reach estls_tx_splitter estls_tx_bucket estls_tx_recorder

static estls_tx_level level[ESTLSI_TX_LEVELS];
static estls_tx_segment segment[ESTLSI_TX_SEGMENTS];
static estls_tx_guard guard;
static estls_tx_log flight;
static uint32_t budget[2];
static estls_tx_board board;
static estls_tx tx;
static estls_tx_job job;
static estls_tx_sample sample;
static estls_tx_plan plan;
static estls_tx_cell cell;
static estls_io io;

#define UNKNOWN(object) Frama_C_make_unknown((char *)&(object), sizeof(object))

static int any_write(void *user, const void *src, size_t len)
{
    return Frama_C_interval(-32768, (int)len);
}

/* A board that boots, of so many segments and levels; with all that is
 * optional. */
static void any_board(uint8_t segments, uint8_t levels, uint8_t power)
{
    uint8_t i;

    UNKNOWN(board);
    UNKNOWN(level);
    UNKNOWN(segment);
    UNKNOWN(guard);
    UNKNOWN(flight);
    UNKNOWN(budget);
    for (i = 0; i < ESTLSI_TX_LEVELS; i++) {
        level[i].uA = (uint32_t)any(1, ESTLSI_TX_UA_MAX);
    }
    for (i = 0; i < ESTLSI_TX_SEGMENTS; i++) {
        segment[i].uA = (uint32_t)any(0, ESTLSI_TX_UA_MAX);
    }
    board.level = level;
    board.level_count = levels;
    board.segment = segment;
    board.segment_count = segments;
    board.constant_power = power;
    board.brownout_mV = (uint16_t)any(1, 6000);
    board.margin_mV = (uint16_t)any(0, 2000);
    board.nominal_mV = (uint16_t)any(0, 8000);
    board.probe_uA = (uint32_t)any(0, ESTLSI_TX_UA_MAX);
    board.guard = &guard;
    board.log = &flight;
    board.budget = budget;
    board.part[0] = estls_tx_recorder;
    board.part[1] = estls_tx_bucket;
    board.part[2] = estls_tx_splitter;
}

static void any_call(void)
{
    uint32_t nF;

    UNKNOWN(job);
    UNKNOWN(sample);
    switch (any(0, 8)) {
    case 0: (void)estls_tx_ask(&tx, &job, &plan); break;
    case 1: estls_tx_key(&tx, &plan); break;
    case 2: (void)estls_tx_done(&tx, &sample); break;
    case 3: (void)estls_tx_learn(&tx, &sample); break;
    case 4: estls_tx_poke(&tx); break;
    case 5: (void)estls_tx_flash_ok(&tx, job.mV); break;
    case 6: (void)estls_tx_low(&tx, job.mV); break;
    case 7: (void)estls_tx_report(&tx, &io); break;
    default:
        (void)estls_tx_diagnose(&tx, job.mV, (int8_t)any(0, 255), &nF);
        break;
    }
}

static void model(void)
{
    UNKNOWN(cell);
    (void)estls_tx_predict(&cell, &board, (uint32_t)any(0, 0xffffffff));
    (void)estls_tx_recovery(&cell, &board, (uint32_t)any(0, 0xffffffff),
                            (uint16_t)any(0, 0xffff));
    (void)estls_tx_capacitor(&cell, &board, (uint32_t)any(0, 0xffffffff));
}

static void live(uint8_t segments, uint8_t levels, uint8_t power)
{
    any_board(segments, levels, power);
    if (estls_tx_boot(&tx, &board, (uint32_t)any(0, 0xffffffff))) { return; }
    while (any(0, 1)) {
        any_call();
        model();
    }
}

int main(void)
{
    io.write = any_write;
    live(1, 1, 0);
    live(1, 1, 1);
    live(ESTLSI_TX_SEGMENTS, ESTLSI_TX_LEVELS, 0);
    live(ESTLSI_TX_SEGMENTS, ESTLSI_TX_LEVELS, 1);
    return 0;
}
