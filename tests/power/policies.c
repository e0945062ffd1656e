/* policies.c - what firmware does today. */
#include "policy.h"
#include "cell.h"
#include "policy_ours.h"

static void forget_nothing(void *state, struct slot *s)
{
    (void)state;
    (void)s;
}

static void run_naive(void *state, struct slot *s)
{
    (void)state;
    slot_burst(s, 0, EVENTS, NULL, NULL);
}

static void run_rest(struct slot *s, uint16_t threshold_mV)
{
    if (slot_rest_mV(s) < threshold_mV) { return; }
    slot_burst(s, 0, EVENTS, NULL, NULL);
}

static void run_rest_2500(void *state, struct slot *s)
{
    (void)state;
    run_rest(s, 2500);
}

static void run_rest_2900(void *state, struct slot *s)
{
    (void)state;
    run_rest(s, 2900);
}

/* -- loaded threshold ------------------------------------------------------ */

enum { LOADED_MV = 2200, LOADED_HOLD_MS = 3600000 };

struct loaded {
    uint32_t since;
    int holding;
};

/* Its RAM is not retained: a brown-out leaves no reading to go by. */
static void boot_loaded(void *state, struct slot *s)
{
    struct loaded *l = state;

    (void)s;
    l->holding = 0;
}

static void run_loaded(void *state, struct slot *s)
{
    struct loaded *l = state;
    uint16_t mV;

    if (l->holding && s->now_ms - l->since < LOADED_HOLD_MS) { return; }
    l->holding = 0;
    if (slot_burst(s, 0, EVENTS, &mV, NULL) <= 0) { return; }
    if (mV < LOADED_MV) {
        l->holding = 1;
        l->since = s->now_ms;
    }
}

/* -- boot back-off --------------------------------------------------------- */

enum { BACKOFF_MAX = 64, BACKOFF_SLOT_MS = 600000 };

struct backoff {
    uint32_t since;
    uint32_t wait; /* slots */
    int holding;
};

static void boot_backoff(void *state, struct slot *s)
{
    struct backoff *b = state;

    if (s->cold) { return; }
    b->wait = b->wait ? 2 * b->wait : 1;
    if (b->wait > BACKOFF_MAX) { b->wait = BACKOFF_MAX; }
    b->since = s->now_ms;
    b->holding = 1;
}

static void run_backoff(void *state, struct slot *s)
{
    struct backoff *b = state;
    /* A little less, or the boot's half second costs a slot. */
    const uint32_t hold = b->wait * BACKOFF_SLOT_MS - BACKOFF_SLOT_MS / 2;

    if (b->holding && s->now_ms - b->since < hold) { return; }
    b->holding = 0;
    if (slot_burst(s, 0, EVENTS, NULL, NULL) > 0) { b->wait /= 2; }
}

/* -- the table ------------------------------------------------------------- */

static const struct policy naive = {"naive",        0,        0, 1,
                                    forget_nothing, run_naive};
static const struct policy rest_2500 = {"rest 2.5 V", 0, 0, 1, forget_nothing,
                                        run_rest_2500};
static const struct policy rest_2900 = {"rest 2.9 V", 0, 0, 1, forget_nothing,
                                        run_rest_2900};
static const struct policy loaded = {
    "loaded 2.2 V", sizeof(struct loaded), 0, 1, boot_loaded, run_loaded};
static const struct policy backoff = {
    "boot back-off", sizeof(struct backoff), 0, 0, boot_backoff, run_backoff};
static const struct policy naive_100uF = {"naive +100 uF", 0,        100e-6, 1,
                                          forget_nothing,  run_naive};

const struct policy *const policies[] = {&naive,  &rest_2500,  &rest_2900,
                                         &loaded, &backoff,    &naive_100uF,
                                         &ours,   &ours_100uF, NULL};
