/* cycles.c - how long an 8-bit AVR thinks: counted by simavr between marks in
 * GPIOR0. Each decision is told in GPIOR1 first: its level. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include <avr/io.h>

enum { START = 1, STOP, END };

static const estls_tx_level levels[] = {
    {8, 16400}, {4, 11200}, {0, 6400}, {-8, 4900}};
static const estls_tx_segment event[] = {
    {376, 0}, {350, 5000}, {376, 0}, {350, 5000}, {376, 0}};
static estls_tx_board board;
static estls_tx_guard guard;
static estls_tx tx;
static volatile uint16_t rest_mV = 2820; /* no constant to the compiler */

/* Learns a cell from probes that read so, then decides. */
static void decide(uint16_t loaded_mV)
{
    estls_tx_sample sample = {0, 3000, 5000, 0, 0};
    estls_tx_job job;
    estls_tx_plan plan;
    uint8_t i;

    memset(&job, 0, sizeof job);
    sample.rest_mV = rest_mV;
    sample.loaded_mV = loaded_mV;
    for (i = 0; i < 8; i++) { (void)estls_tx_learn(&tx, &sample); }
    job.mV = rest_mV;
    GPIOR0 = START;
    (void)!estls_tx_ask(&tx, &job, &plan);
    GPIOR0 = STOP;
    GPIOR1 = plan.action == ESTLS_TX_SEND ? plan.level : 0xff;
}

int main(void)
{
    board.level = levels;
    board.level_count = 4;
    board.segment = event;
    board.segment_count = 5;
    board.constant_power = 1;
    board.brownout_mV = 1750;
    board.reservoir_nF = 10000;
    board.probe_uA = 5000;
    board.guard = &guard;
    (void)!estls_tx_boot(&tx, &board, 0);
    decide(2740); /* 16 Ohm: the first level */
    decide(2620); /* 40 Ohm: the second */
    decide(2300); /* 105 Ohm: the third */
    decide(2080); /* 160 Ohm: none, or the last */
    GPIOR0 = END;
    for (;;) {}
}
