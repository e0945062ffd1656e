/* soak.c - many whole sessions through the emulated modem, in virtual time,
 * each with faults drawn from a seed: bytes lost and changed on the UART and on
 * the network, a modem that resets, hangs and is busy, a battery that waits,
 * callbacks that break. Whatever happens: an end with a name, no wrong byte, no
 * clear text, no secret left, an object that opens again.
 * Usage: soak PKI SESSIONS [SEED [PART OF | N]]: each OF-th from PART, or N
 * alone, said aloud. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DATA_MAX = 6000,
    TOUCHES = 3,
    LIMIT_MS = 20 * 60 * 1000, /* of virtual time; d.timeout_ms is 20 s */
    ERRORS = 32
};

/* Something that happens to the bytes on one way, from the at-th on. */
typedef struct touch {
    enum world_way way;
    uint32_t at;
    uint32_t count;
    uint8_t flip; /* 0: they are lost */
} touch;

static rig r;
static estls_saved saved;
static struct smtpd_sessions sessions;
static uint64_t dice;
static uint32_t passed[WORLD_WAYS]; /* bytes */
static touch touches[TOUCHES];
static unsigned touched;
static unsigned faults; /* that this session was given */
static unsigned gate_per_mille;
static uint32_t jump_at, jump_ms;
static char down[DATA_MAX + 16];
static char up[DATA_MAX];
static size_t down_len, up_len;
static int aloud;

static struct {
    unsigned long sessions, faulty, completed, resumed, failed[ERRORS];
    unsigned long hangs, leaks, wrong, stuck;
} count;

static uint32_t roll(uint32_t n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 33) % n;
}

static int chance(uint32_t percent)
{
    return roll(100) < percent;
}

static void bad(unsigned long *what, const char *text)
{
    ++*what;
    printf("  %s\n", text);
}

/* -- faults ---------------------------------------------------------------- */

/* The bytes of one call are first..first + n - 1 of their way. */
static size_t touch_apply(const touch *t, uint32_t first, uint8_t *p, size_t n)
{
    size_t i, k = 0;

    for (i = 0; i < n; i++) {
        const int hit = first + i - t->at < t->count;

        if (hit && !t->flip) { continue; }
        p[k++] = (uint8_t)(hit ? p[i] ^ t->flip : p[i]);
    }
    return k;
}

static size_t touch_all(void *context, enum world_way way, uint8_t *p, size_t n)
{
    const uint32_t first = passed[way];
    unsigned i;

    (void)context;
    passed[way] += (uint32_t)n;
    for (i = 0; i < touched; i++) {
        if (touches[i].way == way) {
            n = touch_apply(&touches[i], first, p, n);
        }
    }
    return n;
}

static uint32_t gate(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what == ESTLS_GATE_SENT || ask->what == ESTLS_GATE_COMPUTED ||
        roll(1000) >= gate_per_mille) {
        return 0;
    }
    ask->reason = 1;
    if (ask->what == ESTLS_GATE_SEND && ask->len > 64 && chance(50)) {
        ask->len = 1 + roll((uint32_t)ask->len);
        return 0;
    }
    return chance(5) ? 30000 : 20 + roll(3000);
}

static void give_touch(void)
{
    static const uint8_t modem[] = {WORLD_UART_RX, WORLD_UART_TX, WORLD_TCP_RX,
                                    WORLD_TCP_TX};
    touch *t = &touches[touched++];

    t->way = modem[r.d.no_modem ? 2 + roll(2) : roll(4)];
    t->at = roll(6000);
    t->count = chance(60) ? 1 : 1 + roll(40);
    t->flip = (uint8_t)(chance(50) ? 1 + roll(255) : 0);
}

static void give_modem_fault(void)
{
    static const char *const whats[] = {
        "reset@cmd:%u", "hang@cmd:%u",      "mute@cmd:%u",      "closed@cmd:%u",
        "wifi@cmd:%u",  "late@cmd:%u:3000", "fail@cmd:%u",      "busy@cmd:%u",
        "urc@cmd:%u",   "short@ipd:%u",     "reset@ipd:%u",     "closed@ipd:%u",
        "hang@tx:%u",   "reset@tx:%u",      "late@send:%u:9000"};
    char text[40];

    snprintf(text, sizeof text, whats[roll(sizeof whats / sizeof whats[0])],
             1 + roll(40));
    if (aloud) { printf("  %s\n", text); }
    rig_fault(&r, text);
}

static void give_fault(void)
{
    switch (roll(r.d.no_modem ? 4 : 7)) {
    case 0: r.w.fail_call = 1 + roll(4000); break;
    case 1: r.w.cut_rx = 1 + roll(8000); break;
    case 2:
        jump_at = roll(20000);
        jump_ms = 1 + roll(60000);
        break;
    case 3: give_touch(); break;
    default: give_modem_fault(); break;
    }
}

/* -- a session ------------------------------------------------------------- */

static void draw_data(void)
{
    static const char end[] = "250 done\r\n";
    size_t i;

    down_len = chance(30) ? roll(DATA_MAX) : roll(400);
    up_len = 1 + (chance(30) ? roll(DATA_MAX) : roll(400));
    for (i = 0; i < down_len; i++) { down[i] = (char)roll(256); }
    for (i = 0; i < up_len && i < DATA_MAX; i++) { up[i] = (char)roll(256); }
    memcpy(down + down_len, end, sizeof end - 1);
    down_len += sizeof end - 1;
}

/* Serves it: the download at once, its last line when the upload is right. */
static void serve(void)
{
    static struct smtpd_step steps[5];
    static const struct smtpd_step clear[] = {
        {.reply = SMTPD_BLOB("220 soak ESMTP\r\n")},
        {.expect = SMTPD_BLOB("EHLO "),
         .reply = SMTPD_BLOB("250-soak\r\n250 STARTTLS\r\n")},
        {.expect = SMTPD_BLOB("STARTTLS\r\n"),
         .reply = SMTPD_BLOB("220 go\r\n"),
         .then = SMTPD_START_TLS}};

    memset(steps, 0, sizeof steps);
    memcpy(steps, clear, sizeof clear);
    steps[3].take = 5;
    steps[3].expect = (struct smtpd_blob){"HELLO", 5};
    steps[3].reply = (struct smtpd_blob){down, down_len - 10};
    steps[4].take = up_len;
    steps[4].expect = (struct smtpd_blob){up, up_len};
    steps[4].reply = (struct smtpd_blob){down + down_len - 10, 10};
    r.server.script = steps;
    r.server.step_count = sizeof steps / sizeof steps[0];
}

static void draw_board(void)
{
    static const uint16_t iobufs[] = {837, 837, 1349, 2373, 4421, 16709};
    const int generation = (int)roll(4);

    rig_init(&r, generation, "ec");
    if (chance(75)) { rig_pin(&r, "ec"); }
    r.d.push = generation == 1 || chance(30);
    r.d.mux = (uint8_t)roll(2);
    r.d.iobuf_cap = iobufs[roll(sizeof iobufs / sizeof iobufs[0])];
    if (chance(40)) {
        r.d.obuf = r.obuf;
        r.d.obuf_cap = (uint16_t)(chance(50) ? sizeof r.obuf : 757);
    }
    r.modem.seed = roll(0x7fffffff);
    r.modem.chunk = chance(50) ? 1 + roll(100) : 0;
    r.modem.random_chunk = chance(50);
    r.modem.delay_ms = roll(60);
    r.modem.jitter_ms = roll(200);
    r.modem.busy = chance(20) ? roll(100) : 0;
    r.modem.urc = chance(20) ? roll(100) : 0;
    if (chance(20)) { r.w.write_max = 1 + roll(64); }
    if (chance(20)) { r.w.read_max = 1 + roll(64); }
    r.server.sessions = &sessions;
    r.d.gate = gate;
    r.w.now = roll(0xffffffff);
}

static void idle(void)
{
    world_idle(&r.w);
    if (jump_ms && r.w.io_calls >= jump_at) {
        r.w.now += jump_ms;
        jump_ms = 0;
    }
}

static int late(uint32_t t0)
{
    return r.w.now - t0 > LIMIT_MS;
}

static int is_error(int rc)
{
    return rc < 0 && rc > -ERRORS && strcmp(estls_error_name(rc), "?") != 0;
}

static int soak_open(void)
{
    const uint32_t t0 = r.w.now;
    int rc;

    world_open(&r.w, r.d.no_modem ? NULL : &r.modem, &r.server);
    r.d.uart = r.w.uart;
    rc = estls_open(&r.net, &r.d);
    while (rc == ESTLS_BUSY && !late(t0)) {
        rc = estls_step(&r.net);
        if (rc == ESTLS_BUSY) { idle(); }
    }
    estls_info(&r.net, &r.report);
    return rc;
}

static int soak_write(size_t said)
{
    return said < 5 ? estls_write(&r.net, "HELLO" + said, 5 - said)
                    : estls_write(&r.net, up + said - 5, up_len - (said - 5));
}

/* Writes all and reads all; each byte is compared as it comes. With one buffer
 * in push mode it reads before it writes on, as the README says. BUSY: silence,
 * which only the application can end. */
static int soak_talk(void)
{
    const int in_turn = r.d.push && !r.d.obuf;
    char bytes[512];
    size_t said = 0, got = 0;
    uint32_t t0 = r.w.now;
    int n, k;

    while (got < down_len) {
        k = in_turn && said >= 5 && got < down_len - 10 ? 0 : soak_write(said);
        if (k < 0) { return k; }
        said += (size_t)k;
        n = estls_read(&r.net, bytes, 1 + roll(sizeof bytes));
        if (n < 0) { return n; }
        if (got + (size_t)n > down_len ||
            memcmp(bytes, down + got, (size_t)n) != 0) {
            bad(&count.wrong, "wrong bytes were delivered");
            return ESTLS_E_PROTO;
        }
        got += (size_t)n;
        if (n || k) { t0 = r.w.now; }
        if (!n && !k) { idle(); }
        if (r.w.now - t0 > 60000) { return ESTLS_BUSY; }
    }
    return ESTLS_OK;
}

static int soak_close(void)
{
    const uint32_t t0 = r.w.now;
    int rc = ESTLS_BUSY;

    while (rc == ESTLS_BUSY && !late(t0)) {
        rc = estls_close(&r.net);
        if (rc == ESTLS_BUSY) { idle(); }
    }
    if (rc == ESTLS_BUSY) { bad(&count.hangs, "closing does not end"); }
    return rc;
}

/* -- what must hold -------------------------------------------------------- */

static int heard(const char *text, size_t n)
{
    size_t i;

    for (i = 0; i + n <= r.w.heard_len; i++) {
        if (memcmp(r.w.heard + i, text, n) == 0) { return 1; }
    }
    return 0;
}

static void check_error(int rc)
{
    char byte;

    if (!is_error(rc)) {
        bad(&count.hangs, "it ends without an error's name");
        return;
    }
    count.failed[-rc]++;
    if (r.net.phase == 0 && r.net.self == 0) { return; /* never opened */ }
    if (estls_step(&r.net) != rc || estls_read(&r.net, &byte, 1) != rc ||
        estls_write(&r.net, up, 1) != rc) {
        bad(&count.stuck, "the error does not stay");
    }
}

static void check_clean(void)
{
    if (!rig_zero(&r.net.starttls.tls.client,
                  sizeof r.net.starttls.tls.client) ||
        !rig_zero(r.iobuf, r.d.iobuf_cap) || !rig_zero(r.obuf, sizeof r.obuf)) {
        bad(&count.leaks, "secrets are left in memory");
    }
    if (heard("HELLO", 5) || (up_len >= 8 && heard(up, 8))) {
        bad(&count.leaks, "clear text on the wire");
    }
}

/* The same object, when all is well again. */
static void check_reusable(void)
{
    r.modem.faults = 0;
    touched = 0;
    jump_ms = 0;
    gate_per_mille = 0;
    memset(&r.w, 0, sizeof r.w);
    if (soak_open() || soak_talk() || soak_close()) {
        bad(&count.stuck, "the object does not open again");
    }
    rig_end(&r);
}

/* A session to resume, without any fault. */
static void prepare(void)
{
    const world keep = r.w;

    memset(&saved, 0, sizeof saved);
    r.d.saved = &saved;
    r.w.write_max = r.w.read_max = 0;
    if (soak_open() || soak_close()) {
        bad(&count.stuck, "a session without faults fails");
    }
    rig_end(&r);
    r.w = keep;
}

static void session(unsigned long n, uint64_t seed)
{
    int rc;

    dice = (n + 1) * 0x9e3779b97f4a7c15u ^ seed * 0xd1342543de82ef95u;
    dice |= dice == 0;
    (void)roll(2);
    touched = 0;
    jump_ms = 0;
    gate_per_mille = 0;
    memset(passed, 0, sizeof passed);
    smtpd_sessions_init(&sessions);
    draw_board();
    draw_data();
    serve();
    if (chance(60)) { prepare(); }
    r.w.touch = touch_all;
    gate_per_mille = chance(15) ? roll(300) : 0;
    faults = chance(25) ? 0 : 1 + roll(3);
    for (unsigned i = 0; i < faults; i++) { give_fault(); }
    count.sessions++;
    count.faulty += faults > 0;
    rc = soak_open();
    if (rc == ESTLS_BUSY) { bad(&count.hangs, "opening does not end"); }
    if (rc == ESTLS_OK) {
        count.resumed += r.report.resumed;
        rc = soak_talk();
        if (rc < 0) { check_error(rc); }
    } else {
        check_error(rc);
    }
    if (rc == ESTLS_BUSY) { count.failed[0]++; /* silence */ }
    if (aloud) {
        printf("session %lu: %s, %u faults\n", n, estls_error_name(rc), faults);
    }
    if (soak_close() == ESTLS_OK && rc == ESTLS_OK) { count.completed++; }
    check_clean();
    rig_end(&r);
    if (n % 4 == 0) { check_reusable(); }
}

static void report(void)
{
    int i;

    printf("sessions %lu\nfaulty %lu\nresumed %lu\ncompleted %lu\n",
           count.sessions, count.faulty, count.resumed, count.completed);
    for (i = 0; i < ERRORS; i++) {
        if (count.failed[i]) {
            printf("failed:%s %lu\n", i ? estls_error_name(-i) : "silence",
                   count.failed[i]);
        }
    }
    printf("hangs %lu\nleaks %lu\nwrong %lu\nstuck %lu\n", count.hangs,
           count.leaks, count.wrong, count.stuck);
}

int main(int argc, char **argv)
{
    const unsigned long all = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    unsigned long n = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    const unsigned long step = argc > 5 ? strtoul(argv[5], NULL, 10) : 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    aloud = argc == 5;
    for (; n < all; n += step) {
        const unsigned long before =
            count.hangs + count.leaks + count.wrong + count.stuck;

        session(n, seed);
        if (count.hangs + count.leaks + count.wrong + count.stuck != before) {
            printf("  that was session %lu of seed %lu\n", n,
                   (unsigned long)seed);
        }
        if (aloud) { break; }
        if (count.sessions % (all / step / 20 + 1) == 0) {
            printf("progress %lu\n", n);
        }
    }
    report();
    return (count.hangs + count.leaks + count.wrong + count.stuck) != 0;
}
