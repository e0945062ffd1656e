/* policy_ours.c - a sensor that asks >>tx, through its public functions only,
 * with its defaults: nothing here is tuned to a group of cells. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "policy_ours.h"

enum { SLOT_MS = 600000, EVENTS = 28, ASKS = 3 };

struct ours {
    estls_tx tx;
    estls_tx_board board;
    estls_tx_guard guard;
    estls_tx_log log;
};

_Static_assert(sizeof(struct ours) <= POLICY_STATE_MAX, "state");

static const estls_tx_level levels[] = {
    {8, 16400}, {4, 11200}, {0, 6400}, {-8, 4900}};
/* The readings are of the last event: the burst is described whole. */
static const estls_tx_segment event[] = {{376, 0},    {350, 5000}, {376, 0},
                                         {350, 5000}, {376, 0},    {33872, 9}};

static struct ours_options options = {1750, 10000};

void ours_set(const struct ours_options *o)
{
    options = *o;
}

static void boot_with(struct ours *o, struct slot *s, uint32_t extra_nF)
{
    estls_tx_board *b = &o->board;

    memset(b, 0, sizeof *b);
    b->level = levels;
    b->level_count = 4;
    b->segment = event;
    b->segment_count = sizeof event / sizeof *event;
    b->repeat = EVENTS;
    b->constant_power = 1;
    b->brownout_mV = options.brownout_mV;
    b->reservoir_nF = options.reservoir_nF + extra_nF;
    b->reservoir_mOhm = 10;
    b->probe_uA = 5000;
    b->guard = &o->guard;
    b->log = &o->log;
    b->part[0] = estls_tx_recorder;
    (void)!estls_tx_boot(&o->tx, b, s->now_ms);
}

static void boot(void *state, struct slot *s)
{
    boot_with(state, s, 0);
}

static void boot_100uF(void *state, struct slot *s)
{
    boot_with(state, s, 100000);
}

static void transmit(struct ours *o, struct slot *s, const estls_tx_job *job,
                     const estls_tx_plan *plan)
{
    estls_tx_sample sample = {0};

    estls_tx_key(&o->tx, plan);
    if (slot_burst(s, plan->level, EVENTS, &sample.loaded_mV, NULL) <= 0) {
        return; /* the world says how it goes on: by boot() */
    }
    sample.now = s->now_ms;
    sample.rest_mV = job->mV;
    (void)estls_tx_done(&o->tx, &sample);
}

static void probe(struct ours *o, struct slot *s, const estls_tx_plan *plan)
{
    estls_tx_sample sample = {0};

    sample.rest_mV = slot_rest_mV(s);
    sample.loaded_mV = slot_probe(s, plan->uA, plan->us);
    sample.uA = plan->uA;
    sample.us = plan->us;
    sample.now = s->now_ms;
    (void)estls_tx_learn(&o->tx, &sample);
}

static void run(void *state, struct slot *s)
{
    struct ours *o = state;
    estls_tx_job job = {0};
    estls_tx_plan plan;
    int asks = ASKS;

    while (asks-- && !slot_browned_out(s)) {
        job.now = s->now_ms;
        job.mV = slot_rest_mV(s);
        job.expiry_ms = SLOT_MS;
        if (estls_tx_ask(&o->tx, &job, &plan)) { return; }
        if (plan.action == ESTLS_TX_SEND) { transmit(o, s, &job, &plan); }
        if (plan.action != ESTLS_TX_PROBE) { return; }
        probe(o, s, &plan);
    }
}

const struct policy ours = {"ours", sizeof(struct ours), 0, 0, boot, run};
const struct policy ours_100uF = {
    "ours + 100 uF", sizeof(struct ours), 100e-6, 0, boot_100uF, run};
