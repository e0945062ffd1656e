/* tx_steps.h - random boards, jobs, samples, retained memory and ticks through
 * all of the helpers for weak cells, in random order; what must hold of any
 * answer is checked. tx_fuzz.c and fuzz/tx.c share it: each brings estls.h,
 * CHECK, and the chance. */
#ifndef TX_STEPS_H
#define TX_STEPS_H

/* A number below n, or any one where n is 0. */
static uint32_t tx_draw(uint32_t n);

enum { REASONS = ESTLS_TX_NO_DATA + 1, LEVELS = 16, SEGMENTS = 9 };

/* All that a node has; made anew every so often. */
static struct {
    estls_tx tx;
    estls_tx_board board;
    estls_tx_level level[LEVELS];
    estls_tx_segment segment[SEGMENTS];
    estls_tx_guard guard;
    estls_tx_log log;
    uint32_t budget[2];
    estls_tx_job job;
    estls_tx_plan plan;
    uint32_t now;
    int usable;
} node;

static unsigned long seen[4], refused;

/* -- chance ---------------------------------------------------------------- */

static uint32_t any(void)
{
    return tx_draw(0);
}

static uint32_t below(uint32_t n)
{
    return tx_draw(n);
}

/* 1 in n */
static int rarely(uint32_t n)
{
    return below(n) == 0;
}

/* As many small numbers as large ones, up to n, and seldom beyond. */
static uint32_t about(uint32_t n)
{
    if (rarely(200)) { return any(); }
    if (rarely(50)) { return n; }
    n >>= below(16);
    return n ? any() % n + below(2) : 0;
}

static void scramble(void *memory, size_t n)
{
    uint8_t *p = memory;

    while (n--) { *p++ = (uint8_t)below(256); }
}

/* -- what must hold -------------------------------------------------------- */

/* CRC-16/CCITT over all behind the CRC itself, from a start that a first
 * record tells: so the test needs no number from the library. */
static uint16_t crc_of(const void *record, size_t n, uint16_t crc)
{
    const uint8_t *p = record;
    size_t i;
    int bit;

    for (i = 2; i < n; i++) {
        crc = (uint16_t)(crc ^ p[i] << 8);
        for (bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

/* The start from which a record's CRC comes out as it is. */
static uint16_t crc_start(void)
{
    static int known;
    static uint16_t start;
    uint32_t s;

    for (s = 0; !known && s < 0x10000; s++) {
        start = (uint16_t)s;
        known = crc_of(&node.guard, sizeof node.guard, start) == node.guard.crc;
    }
    return start;
}

static void check_records(void)
{
    const uint16_t start = crc_start();

    if (node.board.guard) {
        CHECK(node.guard.crc == crc_of(&node.guard, sizeof node.guard, start));
    }
    if (node.board.log) {
        CHECK(node.log.crc == crc_of(&node.log, sizeof node.log, start));
    }
}

static void check_send(void)
{
    const estls_tx_plan *p = &node.plan;

    CHECK((p->level < node.board.level_count ||
           (node.job.uA && p->level == 255)));
    CHECK(p->us <= node.job.us);
    CHECK(p->us > 0 || !node.job.us);
    CHECK(p->us == node.job.us || p->ms > 0);
    CHECK(p->reason == ESTLS_TX_FINE || p->reason == ESTLS_TX_LOWER ||
          p->reason == ESTLS_TX_SPLIT || p->reason == ESTLS_TX_UNKNOWN ||
          p->reason == ESTLS_TX_STALE);
    if (p->esr_mOhm && p->reason != ESTLS_TX_STALE &&
        p->reason != ESTLS_TX_UNKNOWN) {
        CHECK(p->lowest_mV >= p->floor_mV);
    }
}

static void check_plan(void)
{
    const estls_tx_plan *p = &node.plan;

    CHECK(p->action <= ESTLS_TX_DROP);
    CHECK(p->reason < REASONS);
    seen[p->action & 3]++;
    CHECK(p->floor_mV >= node.board.brownout_mV);
    if (p->action != ESTLS_TX_SEND) {
        CHECK(p->reason > ESTLS_TX_SPLIT && p->reason != ESTLS_TX_NO_DATA);
    }
    switch (p->action) {
    case ESTLS_TX_SEND: check_send(); break;
    case ESTLS_TX_PROBE:
        CHECK(p->us > 0);
        CHECK(p->uA == node.board.probe_uA);
        break;
    case ESTLS_TX_WAIT:
        CHECK(p->ms > 0);
        CHECK(!node.job.expiry_ms || p->ms <= (uint32_t)node.job.expiry_ms);
        break;
    default: break;
    }
}

/* -- a board --------------------------------------------------------------- */

static void make_tables(void)
{
    const uint32_t most = rarely(4) ? 2000000 : 200000;
    size_t i;

    for (i = 0; i < LEVELS; i++) {
        node.level[i].dBm = (int16_t)any();
        node.level[i].uA = about(most);
        if (!node.level[i].uA && !rarely(20)) { node.level[i].uA = 1; }
    }
    for (i = 0; i < SEGMENTS; i++) {
        node.segment[i].us = about(rarely(8) ? 0xffffffffu : 200000);
        node.segment[i].uA = rarely(2) ? 0 : about(most);
    }
}

static void make_board(void)
{
    estls_tx_board *b = &node.board;

    memset(b, 0, sizeof *b);
    b->level = rarely(100) ? NULL : node.level;
    b->segment = rarely(100) ? NULL : node.segment;
    b->guard = rarely(5) ? NULL : &node.guard;
    b->log = rarely(5) ? NULL : &node.log;
    b->budget = rarely(2) ? NULL : node.budget;
    b->budget_uA = rarely(4) ? any() : below(100);
    b->part[0] = estls_tx_recorder;
    b->part[1] = rarely(4) ? NULL : estls_tx_bucket;
    if (b->part[1] && !rarely(4)) { b->part[2] = estls_tx_splitter; }
    b->reservoir_nF = about(rarely(4) ? 1000000000 : 200000);
    b->probe_uA = rarely(4) ? 0 : about(50000);
    b->boot_uC = about(10000);
    b->reservoir_mOhm = (uint16_t)about(rarely(4) ? 65535 : 500);
    b->brownout_mV = (uint16_t)(rarely(20) ? about(7000) : 1500 + below(1500));
    b->margin_mV = (uint16_t)(rarely(2) ? 0 : about(2200));
    b->full_scale_mV = (uint16_t)(rarely(2) ? 0 : 3300 + below(2000));
    b->constant_power = (uint8_t)below(2);
    b->level_count = (uint8_t)(rarely(50) ? below(18) : 1 + below(5));
    b->segment_count = (uint8_t)(rarely(50) ? below(11) : 1 + below(4));
    if (b->level_count > LEVELS || b->segment_count > SEGMENTS) {
        b->level_count = 0; /* the tables are no longer than that */
    }
    b->repeat = (uint8_t)(rarely(10) ? any() : below(6));
    b->nominal_mV = (uint16_t)(rarely(2) ? 0 : about(5000));
    b->hold_s = (uint16_t)about(65535);
}

/* -- steps ----------------------------------------------------------------- */

static void boot(void)
{
    const int rc = estls_tx_boot(&node.tx, &node.board, node.now);

    CHECK(rc == ESTLS_OK || rc == ESTLS_E_ARG);
    node.usable = rc == ESTLS_OK;
}

static void new_board(void)
{
    make_tables();
    make_board();
    if (rarely(2)) { scramble(&node.guard, sizeof node.guard); }
    if (rarely(2)) { scramble(&node.log, sizeof node.log); }
    scramble(node.budget, sizeof node.budget);
    if (rarely(10)) { node.now = 0u - below(200000); }
    boot();
}

/* Garbage of which only the CRC is right, as a flipped bit may leave it. */
static void lie(void)
{
    scramble(&node.guard, sizeof node.guard);
    if (rarely(2)) { node.guard.phase = (uint8_t)below(6); }
    if (rarely(2)) { node.guard.deaths = (uint8_t)below(12); }
    node.guard.crc = crc_of(&node.guard, sizeof node.guard, crc_start());
    if (node.usable) { boot(); }
}

static uint16_t volts(void)
{
    return (uint16_t)(rarely(20) ? any() : 1500 + below(2500));
}

static void ask(void)
{
    estls_tx_job *j = &node.job;
    int rc;

    j->now = node.now;
    j->mV = volts();
    j->urgent = (uint8_t)below(2);
    j->us = rarely(2) ? 0 : about(rarely(8) ? 0xffffffffu : 5000000);
    j->uA = rarely(3) ? about(2000000) : 0;
    j->slack_ms = rarely(2) ? 0 : about(100000);
    j->expiry_ms = rarely(3) ? (int32_t)(about(10000000) - 100) : 0;
    scramble(&node.plan, sizeof node.plan);
    rc = estls_tx_ask(&node.tx, j, &node.plan);
    if (node.usable) {
        CHECK(rc == ESTLS_OK);
        check_plan();
    } else {
        CHECK(rc == ESTLS_E_STATE);
        CHECK(node.plan.action == ESTLS_TX_DROP);
    }
}

static void make_sample(estls_tx_sample *s)
{
    s->now = node.now;
    s->rest_mV = volts();
    s->loaded_mV = (uint16_t)(rarely(10) ? any() : s->rest_mV - about(2000));
    s->us = about(rarely(8) ? 0xffffffffu : 500000);
    s->uA = about(100000);
}

static void learn(void)
{
    estls_tx before = node.tx;
    const estls_tx_guard guard = node.guard;
    estls_tx_sample s;
    uint8_t reason;

    make_sample(&s);
    reason = estls_tx_learn(&node.tx, &s);
    CHECK(reason < REASONS);
    if (reason == ESTLS_TX_FINE) { return; }
    refused++;
    if (reason == ESTLS_TX_TOO_SHORT && !before.fast) { return; }
    if (reason == ESTLS_TX_TOO_SHORT) { before.stamp = node.tx.stamp; }
    CHECK(memcmp(&before, &node.tx, sizeof before) == 0);
    CHECK(memcmp(&guard, &node.guard, sizeof guard) == 0);
}

static void burst(void)
{
    estls_tx_sample s;

    if (rarely(20)) { scramble(&node.plan, sizeof node.plan); }
    estls_tx_key(&node.tx, &node.plan);
    if (rarely(8)) { return; } /* dead, or forgotten */
    node.now += below(3000);
    make_sample(&s);
    s.rest_mV = rarely(4) ? s.rest_mV : node.job.mV;
    s.loaded_mV = (uint16_t)(rarely(4) ? 0 : s.rest_mV - about(1000));
    s.us = rarely(4) ? s.us : node.plan.us;
    CHECK(estls_tx_done(&node.tx, &s) < REASONS);
    if (node.usable && node.board.guard) {
        CHECK((node.guard.phase & 15) == 0);
    }
}

static int write_some(void *user, const void *src, size_t len)
{
    (void)user;
    (void)src;
    return rarely(50) ? -1 : rarely(50) ? 0 : (int)len;
}

static void questions(void)
{
    uint32_t nF = 77;
    estls_io io;
    int rc;

    memset(&io, 0, sizeof io);
    io.write = write_some;
    rc = estls_tx_flash_ok(&node.tx, volts());
    CHECK(rc == 0 || rc == 1);
    CHECK(estls_tx_low(&node.tx, volts()) < REASONS);
    CHECK(estls_tx_diagnose(&node.tx, volts(), (int8_t)any(), &nF) < REASONS);
    rc = estls_tx_report(&node.tx, &io);
    CHECK(rc == ESTLS_OK || rc == ESTLS_E_IO || rc == ESTLS_E_STATE);
}

static uint16_t floor_of(const estls_tx_board *b)
{
    const uint16_t margin = b->margin_mV ? b->margin_mV : 150;

    return (uint16_t)(b->brownout_mV + (margin < 100 ? 100 : margin));
}

/* The largest current of the burst. */
static uint32_t peak(uint32_t uA)
{
    uint8_t i;

    for (i = 0; i < node.board.segment_count; i++) {
        if (node.segment[i].uA > uA) { uA = node.segment[i].uA; }
    }
    return uA;
}

/* More resistance is not more voltage, but for ROUNDING.  Of a cell that could
 * be: one that drops no more than 8 V, beyond which the model counts no
 * further; without R1 and R2, of which short time constants are beyond it. */
static void resistance(void)
{
    enum { ROUNDING = 2 };
    estls_tx_cell c;
    uint32_t uA = 1 + about(500000);
    uint16_t before, after;
    uint8_t i;

    if (!node.usable) { return; }
    for (i = 0; i < node.board.segment_count; i++) {
        if (!node.segment[i].us) { return; } /* a drop without a time */
    }
    memset(&c, 0, sizeof c);
    c.mV = (uint16_t)(1800 + below(2200));
    c.r0_mOhm = 100 + about(50000);
    if (c.r0_mOhm >> 31) { return; } /* twice that is too much for it */
    before = estls_tx_predict(&c, &node.board, uA);
    c.r0_mOhm += below(c.r0_mOhm);
    if ((uint64_t)c.r0_mOhm * peak(uA) > 8000000000u) { return; }
    after = estls_tx_predict(&c, &node.board, uA);
    CHECK(after <= before + ROUNDING);
}

/* The model by itself, which wants a board that is one. */
static void model(void)
{
    estls_tx_board b = node.board;
    estls_tx_cell c;
    uint32_t uA = about(2000000), nF;

    if (!node.usable) { return; }
    c.mV = volts();
    c.r0_mOhm = about(1000000);
    c.r1_mOhm = rarely(2) ? 0 : about(1000000);
    c.tau1_us = about(10000000);
    c.r2_mOhm = rarely(2) ? 0 : about(1000000);
    c.tau2_us = about(1000000000);
    CHECK(estls_tx_predict(&c, &b, uA) <= c.mV);
    if (rarely(8)) { (void)estls_tx_recovery(&c, &b, uA, (uint16_t)any()); }
    nF = rarely(16) ? estls_tx_capacitor(&c, &b, uA) : 0xffffffffu;
    if (nF == 0xffffffffu) { return; }
    b.reservoir_nF = nF;
    CHECK(estls_tx_predict(&c, &b, uA) >= floor_of(&b));
}

static void step(void)
{
    switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: ask(); break;
    case 5:
    case 6:
    case 7: learn(); break;
    case 8:
    case 9: burst(); break;
    case 10: questions(); break;
    case 11: rarely(2) ? model() : resistance(); break;
    case 12: node.now += about(rarely(8) ? 0xffffffffu : 4000000); break;
    case 13: estls_tx_poke(&node.tx); break;
    case 14: rarely(2) ? lie() : boot(); break;
    default:
        if (rarely(8)) { new_board(); }
        break;
    }
    if (node.usable) { check_records(); }
}

#endif
