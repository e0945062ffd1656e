#include "population.h"
#include "oracle.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAH(coulomb) ((coulomb) / 3.6)
#define ADC_SIGMA    2.0  /* mV */
#define ADC_LSB      0.88 /* mV */
#define BOOT_S       0.06 /* the first 60 ms at 4 mA, then at 3 mA */
#define BOOT_A       4e-3
#define START_S      0.4
#define START_A      3e-3
#define RESET_S      0.02 /* and three time constants of the reservoir */
#define RELEASE_V    0.05 /* above brown-out */
#define CHUNK_S                                                                \
    20.0 /* of loops counted at once; the slow polarisation
                           * moves a tenth of its way meanwhile */

/* -- the board ------------------------------------------------------------- */

static double board_e(const struct board *b)
{
    return b->ocv - b->v1 - b->v2;
}

static void refresh(struct board *b)
{
    b->ocv = cell_ocv(b->cell, b->used);
    b->r0 = cell_r0(b->cell, b->used) * (double)b->factor[b->slot];
}

static double relax(double v, double end, double taus)
{
    return taus > 20 ? end : end + (v - end) * exp(-taus);
}

/* Time passes, with this current on average. */
static void draw(struct board *b, double s, double a)
{
    b->v1 = relax(b->v1, a * R1_PER_R0 * b->r0, s / TAU1_S);
    b->v2 = relax(b->v2, a * b->r2, s / TAU2_S);
    b->s += s;
    b->used += MAH(a * s);
    b->tally.mAh += MAH(a * s);
}

static uint16_t adc(struct board *b, double v)
{
    const double mV = 1e3 * v + ADC_SIGMA * rng_normal(&b->adc);
    const double code = floor(mV / ADC_LSB + 0.5);

    return (uint16_t)fmax(1, code * ADC_LSB + 0.5);
}

/* In transmission or in a probe. */
static void died(struct board *b, double times)
{
    struct tally *t = &b->tally;

    if (!t->deaths) { t->could_boot = b->can_boot; }
    t->deaths += times;
    if (b->slot >= DAY_SLOTS) { t->late_deaths += times; }
}

/* Charge that a loop took from the cell. */
static void draw_loop(struct board *b, double s, double coulomb)
{
    b->tally.loop_mAh += MAH(coulomb);
    draw(b, s, SLEEP_A + coulomb / s);
}

int board_survives(const struct board *b, int level, int events)
{
    int k;

    if (b->r0 <= limits_r0(b->limits, level, events, board_e(b))) {
        return events;
    }
    for (k = 1; k <= events; k++) {
        const double v1 = b->v1 * exp(-(k - 1) * EVENT_S / TAU1_S);
        const double e = b->ocv - b->v2 - v1;
        if (b->r0 > limits_r0(b->limits, level, k, e)) { return k - 1; }
    }
    return events;
}

/* -- boots ----------------------------------------------------------------- */

/* Loads of constant power, after R1 took its part: V (E - V) = P R. */
static int carries(const struct board *b, double a, double r)
{
    const double v = b->limits->brownout;

    return NOMINAL_V * a * r <= v * (board_e(b) - v);
}

static int boot_carried(const struct board *b)
{
    const double grown = 1 - exp(-BOOT_S / TAU1_S);
    const double later = 1 - exp(-(BOOT_S + START_S) / TAU1_S);

    return carries(b, BOOT_A, b->r0 * (1 + R1_PER_R0 * grown)) &&
           carries(b, START_A, b->r0 * (1 + R1_PER_R0 * later));
}

/* How long a boot lasts that its own load ends: at once, as the reservoir runs
 * down to brown-out, or at the end, by what R1 takes. */
static double boot_death_s(const struct board *b, double v)
{
    const double a = BOOT_A * NOMINAL_V / v;
    const double over = a * b->r0 - (board_e(b) - b->limits->brownout);

    if (!(over > 0)) { return BOOT_S; }
    return fmin(BOOT_S, b->r0 * b->limits->c * log(a * b->r0 / over));
}

/* Boots that die of their own load, again and again. */
static void boot_loops(struct board *b, double pause_s)
{
    const double v = (board_e(b) + b->limits->brownout) / 2;
    const double s = boot_death_s(b, v);
    const double cycle = pause_s + s;
    const double left = fmin(CHUNK_S, SLOT_S - b->s);
    const double n = fmax(1, floor(left / cycle));

    b->tally.boot_deaths += n;
    draw_loop(b, n * cycle, n * NOMINAL_V * BOOT_A * s / v);
    refresh(b);
}

static void boot_through(struct board *b, double pause_s)
{
    const double watt_s = NOMINAL_V * (BOOT_A * BOOT_S + START_A * START_S);
    const double sag = START_A * NOMINAL_V / board_e(b) * b->r0;
    const double v = fmax(board_e(b) - 1.2 * sag, b->limits->brownout);

    draw(b, pause_s, SLEEP_A);
    draw_loop(b, BOOT_S + START_S, watt_s / v);
    refresh(b);
}

/* From a brown-out to a boot that lasts; 0 if the slot ends before. */
static int recover(struct board *b)
{
    const double pause_s = RESET_S + 3 * b->r0 * b->limits->c;

    while (b->s < SLOT_S && b->used < b->cell->capacity) {
        if (board_e(b) < b->limits->brownout + RELEASE_V) {
            draw(b, fmin(CHUNK_S, SLOT_S - b->s + 1e-3), SLEEP_A);
        } else if (!boot_carried(b)) {
            boot_loops(b, pause_s);
        } else {
            boot_through(b, pause_s);
            b->down = b->browned = 0;
            return 1;
        }
    }
    b->down = 1;
    return 0;
}

/* -- what a policy may do -------------------------------------------------- */

static void tell_time(struct slot *s)
{
    const struct board *b = s->board;
    const double ms = 1e3 * fmin(b->s, SLOT_S);

    s->now_ms = (uint32_t)b->slot * (SLOT_S * 1000u) + (uint32_t)ms;
}

int slot_browned_out(const struct slot *s)
{
    return s->board->browned;
}

void slot_sleep(struct slot *s, uint32_t ms)
{
    struct board *b = s->board;

    if (b->browned) { return; }
    draw(b, fmax(0, fmin(ms / 1e3, SLOT_S - b->s)), SLEEP_A);
    tell_time(s);
}

uint16_t slot_rest_mV(struct slot *s)
{
    struct board *b = s->board;

    return b->browned ? 0 : adc(b, board_e(b) - SLEEP_A * b->r0);
}

/* Its charge counts as probe, died or not. */
uint16_t slot_probe(struct slot *s, uint32_t uA, uint32_t us)
{
    struct board *b = s->board;
    const double a = uA * 1e-6;
    const double t = us * 1e-6;
    const double tau = b->r0 * b->limits->c;
    const double slow = R1_PER_R0 * b->r0 * (1 - exp(-t / TAU1_S)) +
                        b->r2 * (1 - exp(-t / TAU2_S));
    const double v = board_e(b) - (a + SLEEP_A) * b->r0 +
                     a * b->r0 * exp(-t / tau) - a * slow;

    if (b->browned || t <= 0) { return 0; }
    draw(b, t, a + SLEEP_A);
    b->tally.probe_mAh += MAH(a * t);
    tell_time(s);
    if (v >= b->limits->brownout) { return adc(b, v); }
    b->browned = 1;
    died(b, 1);
    return 0;
}

static void count_heard(struct board *b, int level, int events)
{
    if (events < EVENTS) {
        b->missed *= pow(1 - heard[b->cell->far][level], events);
    } else {
        b->missed *= b->silence[level];
    }
    b->tally.bursts[level] += events > 0;
}

/* Dies half way through the event after so many. */
static int die(struct board *b, int level, int sent, double event_c)
{
    const double c = (sent + 0.6) * event_c;

    count_heard(b, level, sent);
    draw_loop(b, (sent + 0.05) * EVENT_S, c);
    b->browned = 1;
    died(b, 1);
    return -1;
}

/* The lowest voltage of the last event, which R1 has made the deepest. */
static double last_event(const struct board *b, int level, int events,
                         double event_c)
{
    const double left = exp(-(events - 1) * EVENT_S / TAU1_S);
    const double v1 = event_c / EVENT_S * R1_PER_R0 * b->r0;
    double v[2];

    limits_read(b->limits, level,
                b->ocv - b->v2 - b->v1 * left - v1 * (1 - left), b->r0, v);
    return v[1];
}

int slot_burst(struct slot *s, int level, int events, uint16_t *lowest_mV,
               uint16_t *first_packet_mV)
{
    struct board *b = s->board;
    const double e = board_e(b);
    double c, v[2];
    int sent;

    if (b->browned) { return -1; }
    if (level < 0 || level >= LEVELS || events < 1) { return 0; }
    if (events > EVENTS) { events = EVENTS; }
    if (b->s + events * EVENT_S > SLOT_S) { return 0; }
    sent = board_survives(b, level, events);
    limits_read(b->limits, level, e, b->r0, v);
    c = limits_charge(level, e, v);
    if (sent < events) { return die(b, level, sent, c); }
    count_heard(b, level, events);
    if (first_packet_mV) { *first_packet_mV = adc(b, v[0]); }
    if (lowest_mV) { *lowest_mV = adc(b, last_event(b, level, events, c)); }
    b->tally.burst_mAh += MAH(events * c);
    draw(b, events * EVENT_S, SLEEP_A + c / EVENT_S);
    tell_time(s);
    return events;
}

/* -- months ---------------------------------------------------------------- */

/* Where a loop of a blind policy stood when it began. */
struct loop {
    double s, used, missed, deaths, boot_deaths;
};

static struct loop loop_mark(const struct board *b)
{
    const struct loop l = {b->s, b->used, b->missed, b->tally.deaths,
                           b->tally.boot_deaths};

    return l;
}

/* The same again, as often as a chunk of time holds it. */
static void loop_count(struct board *b, const struct loop *l)
{
    const double cycle = b->s - l->s;
    const double used = b->used - l->used;
    const double left = fmin(CHUNK_S, SLOT_S - 2 - b->s);
    const double n = floor(left / cycle);

    if (n < 1) { return; }
    b->missed *= pow(b->missed / l->missed, n);
    died(b, n * (b->tally.deaths - l->deaths));
    b->tally.boot_deaths += n * (b->tally.boot_deaths - l->boot_deaths);
    b->tally.loop_mAh += n * used;
    draw(b, n * cycle, used * 3.6 / cycle);
    refresh(b);
}

/* The slot's first loop is not like the others: the cell had rested. */
static void run_slot(struct board *b, const struct policy *p, void *state)
{
    struct slot s = {0, 0, b};
    struct loop mark;
    int loops = 0;

    tell_time(&s);
    if (b->down) {
        if (!recover(b)) { return; }
        tell_time(&s);
        p->boot(state, &s);
    }
    for (;;) {
        mark = loop_mark(b);
        p->run(state, &s);
        if (!b->browned || !recover(b)) { return; }
        if (p->blind && loops++) { loop_count(b, &mark); }
        tell_time(&s);
        p->boot(state, &s);
        if (b->used >= b->cell->capacity || b->s + 1.1 > SLOT_S) { return; }
    }
}

static double run_day(struct board *b, const struct policy *p, void *state)
{
    double delivered = 0;
    int i;

    for (i = 0; i < DAY_SLOTS && b->used < b->cell->capacity; i++) {
        b->s = 0;
        b->missed = 1;
        refresh(b);
        b->can_boot = boot_carried(b);
        run_slot(b, p, state);
        if (b->s < SLOT_S) { draw(b, SLOT_S - b->s, SLEEP_A); }
        delivered += 1 - b->missed;
        b->slot++;
    }
    return delivered;
}

void board_run(struct board *b, const struct policy *p, void *state, int days)
{
    struct slot s = {0, 1, b};
    int d, i;

    for (i = 0; i < LEVELS; i++) {
        b->silence[i] = pow(1 - heard[b->cell->far][i], EVENTS);
    }
    b->r2 = cell_r2(b->cell);
    refresh(b);
    p->boot(state, &s);
    for (d = 0; d < days && b->used < b->cell->capacity; d++) {
        const double delivered = run_day(b, p, state);
        b->tally.delivered += delivered;
        if (delivered >= DAY_SLOTS / 2) { b->tally.life_days = d + 1; }
    }
}

/* -- the population -------------------------------------------------------- */

/* Jobs are dealt out to children; each writes to shared memory of its own, so
 * that their number changes nothing. */
static int spread(struct world *w, int jobs, int (*job)(struct world *, int))
{
    int child, i, status, failed = 0;

    fflush(NULL);
    for (child = 0; child < w->p.workers; child++) {
        const pid_t pid = fork();
        if (pid < 0) { failed = 1; }
        if (pid) { continue; }
        for (i = child; i < jobs && !failed; i += w->p.workers) {
            failed = job(w, i);
        }
        _exit(failed);
    }
    while (wait(&status) > 0) { failed |= status != 0; }
    return failed;
}

static int limits_job(struct world *w, int i)
{
    if (i % RESERVOIRS && !w->extra) { return 0; }
    limits_build(&w->limits[i % RESERVOIRS], i / RESERVOIRS);
    return 0;
}

static void run_policy(const struct world *w, const struct policy *p,
                       void *state, int number, const float *factor,
                       struct result *to)
{
    struct board b;

    memset(&b, 0, sizeof b);
    b.cell = &to->cell;
    b.limits = &w->limits[p->extra_c > 0];
    b.factor = factor;
    b.adc.s = to->cell.seed ^ (uint64_t)number << 32;
    board_run(&b, p, state, w->p.days);
    to->tally[number] = b.tally;
}

static int cell_job(struct world *w, int i)
{
    union {
        max_align_t align;
        unsigned char bytes[POLICY_STATE_MAX];
    } state;
    static struct oracle o;
    static float *factor;
    struct result *to = &w->results[i];
    const int index = i % w->p.per_group;
    int k;

    if (!factor) {
        factor = calloc((size_t)w->p.days * DAY_SLOTS + 1, sizeof *factor);
        if (!factor || !oracle_open(&o, w->p.days)) { return 1; }
    }
    cell_make(&to->cell, w->p.seed, i / w->p.per_group, index % 2, index);
    cell_weather(&to->cell, w->p.days, factor);
    oracle_plan(&o, &to->cell, &w->limits[0], factor);
    to->bound = o.bound;
    run_policy(w, &oracle_policy, &o, 0, factor, to);
    to->audits = o.audits;
    to->audit_low = o.audit_low;
    for (k = 1; k <= w->policies; k++) {
        memset(&state, 0, sizeof state);
        run_policy(w, w->policy[k], &state, k, factor, to);
    }
    return 0;
}

/* Is the name in the list, between commas?  No list names all. */
static int named(const char *list, const char *name)
{
    const size_t n = strlen(name);

    for (; list; list = strchr(list, ','), list += list != NULL) {
        if (!strncmp(list, name, n) && (list[n] == ',' || !list[n])) {
            return 1;
        }
    }
    return 0;
}

/* 0: a name too many, or a policy too large. */
static int choose_policies(struct world *w)
{
    int i;

    w->policy[0] = &oracle_policy;
    for (i = 0; policies[i]; i++) {
        if (w->p.only && !named(w->p.only, policies[i]->name)) { continue; }
        if (policies[i]->state_size > POLICY_STATE_MAX) { return 0; }
        if (w->policies == POLICIES_MAX - 1) { return 0; }
        w->policy[++w->policies] = policies[i];
        w->extra |= policies[i]->extra_c > 0;
    }
    return w->policies;
}

const struct world *population_run(const struct population *p)
{
    const size_t cells = (size_t)(GROUPS * p->per_group);
    const size_t size = sizeof(struct world) + cells * sizeof(struct result);
    struct world *w = mmap(NULL, size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (w == MAP_FAILED) { return NULL; }
    w->p = *p;
    if (!choose_policies(w)) { return NULL; }
    cell_r0_less = p->r0_less;
    limits_init(&w->limits[0], p->brownout, p->reservoir);
    limits_init(&w->limits[1], p->brownout, p->reservoir + 100e-6);
    if (spread(w, LEVELS * RESERVOIRS, limits_job) ||
        spread(w, (int)cells, cell_job)) {
        return NULL;
    }
    return w;
}
