/* attacks.c - runs each case of SECURITY over each road, and prints what was
 * expected beside what was got. Usage: attacks PKI-DIRECTORY [CASE] */
#include "attacks.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static const struct attack *const lists[] = {transition_attacks, tls_attacks,
                                             ftp_attacks};

rig r;
struct tap tap;
const char *attack_pki;

static struct {
    uint32_t got;
    uint32_t expected;
    long runs;
} tally;

static const struct peer *peer;
static struct smtpd_step script[PEER_STEPS];
static size_t heard_before; /* in earlier connections of this world */

/* -- what the emulated world cannot do ------------------------------------- */

static int tap_fill(void)
{
    size_t cap = tap.piece ? tap.piece : sizeof tap.held;
    int n = tap.below.read(tap.below.user, tap.held, cap);

    if (n == 0 && tap.spoof && ++tap.silences == tap.spoof_at) {
        n = (int)strlen(tap.spoof);
        memcpy(tap.held, tap.spoof, (size_t)n);
    }
    if (n > 0) {
        tap.off = 0;
        tap.len = (size_t)n;
        tap.due = r.w.now + tap.delay_ms;
    }
    return n;
}

static int tap_read(void *user, void *dst, size_t cap)
{
    size_t n = tap.len - tap.off;
    int filled;

    (void)user;
    if (!n) {
        filled = tap_fill();
        if (filled <= 0) { return filled; }
        n = tap.len;
    }
    if ((int32_t)(r.w.now - tap.due) < 0) { return 0; }
    n = n < cap ? n : cap;
    memcpy(dst, tap.held + tap.off, n);
    tap.off += n;
    return (int)n;
}

static int tap_write(void *user, const void *src, size_t len)
{
    (void)user;
    return tap.below.write(tap.below.user, src, len);
}

static uint32_t tap_tick(void *user)
{
    (void)user;
    return r.w.now;
}

static void tap_open(void)
{
    r.d.uart = r.w.uart;
    if (!tap.delay_ms && !tap.spoof) { return; }
    tap.below = r.w.uart;
    r.d.uart.read = tap_read;
    r.d.uart.write = tap_write;
    r.d.uart.tick = tap_tick;
}

/* -- roads ----------------------------------------------------------------- */

static const struct road {
    const char *name;
    uint8_t generation;
    uint8_t push;
    uint8_t chunk;
    uint8_t delay_ms;
    uint32_t baud;
} roads[ROADS] = {{"direct", RIG_DIRECT, 0, 0, 0, 0},
                  {"direct, byte by byte", RIG_DIRECT, 0, 1, 0, 0},
                  {"direct, late", RIG_DIRECT, 0, 0, 20, 0},
                  {"pull", 2, 0, 0, 0, 0},
                  {"pull, byte by byte", 2, 0, 1, 0, 0},
                  {"pull, late", 3, 0, 0, 20, 0},
                  {"pull, 115200 baud", 1, 0, 0, 0, 115200},
                  {"push", 2, 1, 0, 0, 0},
                  {"push, byte by byte", 3, 1, 1, 0, 0},
                  {"push, in pieces", 1, 1, 5, 0, 0},
                  {"push, late", 1, 1, 0, 20, 0},
                  {"push, 115200 baud", 2, 1, 0, 0, 115200}};

int road_is_modem(int road)
{
    return roads[road].generation != RIG_DIRECT;
}

static void take_road(const struct road *way)
{
    rig_init(&r, way->generation, "ec");
    memset(&tap, 0, sizeof tap);
    r.d.push = way->push;
    r.modem.chunk = way->chunk;
    r.w.read_max = way->chunk;
    r.modem.delay_ms = way->delay_ms;
    r.modem.baud = way->baud;
    if (way->generation == RIG_DIRECT) { tap.delay_ms = way->delay_ms; }
}

void attack_begin(int road, const struct peer *p, const char *note)
{
    static char text[128];

    take_road(&roads[road]);
    peer = p ? p : &peers[SMTP];
    r.d.proto = peer->proto;
    heard_before = 0;
    if (p) {
        memcpy(script, p->script, sizeof script);
        r.server.script = script;
        r.server.step_count = p->steps;
    }
    snprintf(text, sizeof text, "%s, %s, %s", peer->name, note,
             roads[road].name);
    check_note = text;
}

void attack_reply(int saying, struct smtpd_blob reply)
{
    script[peer->step[saying]].reply = reply;
}

void attack_reply_at(int step, struct smtpd_blob reply)
{
    script[step].reply = reply;
}

/* -- what the network could read ------------------------------------------- */

size_t attack_heard(void)
{
    return r.w.heard_len - heard_before;
}

/* How much of what a step expects was said. */
static size_t heard_of(const struct smtpd_blob *expect, size_t at)
{
    const size_t left = r.w.heard_len - at;
    const size_t n = expect->len < left ? expect->len : left;

    return n && memcmp(r.w.heard + at, expect->bytes, n) == 0 ? n : 0;
}

/* All that the peer's client says in clear. */
static size_t whole_preamble(void)
{
    size_t n = 0;
    int i = 0;

    do {
        n += peer->script[i].expect.len;
    } while (peer->script[i++].then != SMTPD_START_TLS);
    return n;
}

size_t attack_preamble(void)
{
    size_t n = heard_before;
    int i;

    if (r.server.direct) { return 0; }
    for (i = 0; i < peer->steps; i++) {
        n += heard_of(&peer->script[i].expect, n);
        if (peer->script[i].then == SMTPD_START_TLS) { break; }
    }
    return n - heard_before;
}

/* Is it TLS records, the last of which may be cut off? RFC 5246 6.2.1 */
static int is_tls(const uint8_t *p, size_t n)
{
    size_t record;

    while (n) {
        if (p[0] < 20 || p[0] > 23 || (n > 1 && p[1] != 3)) { return 0; }
        record = n < 5 ? n : 5u + (size_t)(p[3] << 8 | p[4]);
        record = record < n ? record : n;
        p += record;
        n -= record;
    }
    return 1;
}

/* A send that the modem was waiting for when the link went is filled with
 * NUL. */
static int only_tls(size_t from)
{
    size_t end = r.w.heard_len;

    while (end > from && !r.w.heard[end - 1]) { end--; }
    return is_tls(r.w.heard + from, end - from);
}

const char *attack_eavesdrop(void)
{
    if (!only_tls(heard_before + attack_preamble())) {
        return "clear text behind the preamble";
    }
    if (world_heard(&r.w, peer->secret) || world_heard(&r.w, "hunter2") ||
        world_heard(&r.w, rig_secret)) {
        return "a secret on the wire";
    }
    return "";
}

/* -- a run ----------------------------------------------------------------- */

/* The application that cannot wait for TLS. */
static int writes_early(void)
{
    return estls_write(&r.net, peer->secret, strlen(peer->secret)) >= 0;
}

static int step_to_the_end(void)
{
    long steps = 400000;
    int rc = ESTLS_BUSY;
    int early = 0;

    while (rc == ESTLS_BUSY && steps--) {
        rc = estls_step(&r.net);
        if (rc == ESTLS_BUSY) {
            early |= writes_early();
            if (tap.each_step) { tap.each_step(); }
            world_idle(&r.w);
        }
    }
    CHECK(!early);
    estls_info(&r.net, &r.report);
    return rc;
}

int attack_connect(void)
{
    int rc;

    heard_before = r.w.heard_len;
    world_open(&r.w, r.d.no_modem ? NULL : &r.modem, &r.server);
    tap_open();
    rc = estls_open(&r.net, &r.d);
    return rc == ESTLS_BUSY ? step_to_the_end() : rc;
}

void attack_got(int rc, uint32_t want)
{
    const uint32_t got = rc > 0 || rc < ESTLS_E_TLS ? 1u << 31 : 1u << -rc;
    int known;

    tally.runs++;
    tally.got |= got;
    CHECK((want & ~tally.expected) == 0);
    known = (got & want) != 0;
    CHECK(known);
    if (!known && check_failed <= 8) { printf("    got %d\n", rc); }
}

void attack_dead(int rc)
{
    const size_t clear = attack_preamble();

    CHECK_TEXT(attack_eavesdrop(), "");
    /* the rig shall not mistake the preamble, as of FTP, for a leak */
    memset(r.w.heard + heard_before, 0, clear);
    CHECK_TEXT(rig_dead(&r, rc), "");
    CHECK(only_tls(heard_before + clear));
    rig_end(&r);
}

void attack_fails(uint32_t want)
{
    const int rc = attack_connect();

    attack_got(rc, want);
    attack_dead(rc);
}

void attack_fails_in_clear(uint32_t want)
{
    const int rc = attack_connect();

    attack_got(rc, want);
    CHECK_INT(attack_heard(), attack_preamble());
    attack_dead(rc);
}

static int say(const char *text)
{
    size_t left = strlen(text);
    const uint32_t t0 = r.w.now;
    int n = 0;

    while (left && n >= 0 && r.w.now - t0 < r.patience_ms) {
        n = estls_write(&r.net, text, left);
        if (n > 0) {
            text += n;
            left -= (size_t)n;
        }
        if (n == 0) { world_idle(&r.w); }
    }
    return n < 0 ? n : left ? (int)ESTLS_BUSY : (int)ESTLS_OK;
}

int attack_exchange(void)
{
    const size_t wanted = strlen(peer_welcome);
    const uint32_t t0 = r.w.now;
    char text[256];
    size_t got = 0;
    int n = say(peer->secret);

    if (n) { return n; }
    while (got < wanted ||
           memcmp(text + got - wanted, peer_welcome, wanted) != 0) {
        n = estls_read(&r.net, text + got, sizeof text - got);
        if (n < 0) { return n; }
        got += (size_t)n;
        if (n == 0) { world_idle(&r.w); }
        if (r.w.now - t0 > r.patience_ms) { return ESTLS_BUSY; }
    }
    return ESTLS_OK;
}

void attack_works(void)
{
    const int rc = attack_connect();

    attack_got(rc, OK);
    if (r.server.script) {
        CHECK_INT(attack_exchange(), ESTLS_OK);
    } else {
        CHECK_INT(rig_mail(&r), ESTLS_OK);
        CHECK_INT(r.mails, 1);
    }
    attack_closes();
}

void attack_closes(void)
{
    CHECK_TEXT(attack_eavesdrop(), "");
    CHECK_INT(rig_close(&r), ESTLS_OK);
    CHECK_TEXT(attack_eavesdrop(), "");
    rig_end(&r);
}

void attack_refused_at_open(uint32_t want)
{
    int rc;

    world_open(&r.w, r.d.no_modem ? NULL : &r.modem, &r.server);
    tap_open();
    rc = estls_open(&r.net, &r.d);
    attack_got(rc, want);
    CHECK_INT(estls_step(&r.net), ESTLS_E_STATE);
    CHECK_INT(estls_write(&r.net, "AUTH", 4), ESTLS_E_STATE);
    CHECK_INT(r.w.uart_tx, 0);
    CHECK_INT(r.w.tcp_tx, 0);
    rig_end(&r);
}

void attack_twists(const struct twist *twists, size_t count)
{
    char note[32];
    size_t i;
    int road, rc;

    for (i = 0; i < count; i++) {
        for (road = 0; road < ROADS; road++) {
            snprintf(note, sizeof note, "row %u", (unsigned)i);
            attack_begin(road, &peers[twists[i].peer], note);
            attack_reply(twists[i].saying, twists[i].reply);
            rc = attack_connect();
            attack_got(rc, twists[i].want);
            CHECK_INT(attack_heard(), attack_preamble());
            CHECK(twists[i].saying != GO || attack_heard() == whole_preamble());
            attack_dead(rc);
        }
    }
}

void attack_injections(const struct twist *twists, size_t count,
                       unsigned delay_ms)
{
    char note[32];
    size_t i;
    int road;

    for (i = 0; i < count; i++) {
        for (road = 0; road < ROADS; road++) {
            snprintf(note, sizeof note, "row %u, %u ms", (unsigned)i, delay_ms);
            attack_begin(road, &peers[twists[i].peer], note);
            r.server.inject = twists[i].reply;
            r.server.inject_delay_ms = delay_ms;
            if (delay_ms) {
                attack_fails(twists[i].want);
            } else {
                attack_fails_in_clear(twists[i].want);
            }
        }
    }
}

void attack_require(int ok, const char *where, const char *text)
{
    (void)check_that(ok, where, text);
}

/* -- the table ------------------------------------------------------------- */

/* A set of outcomes as names without their "E_". */
static const char *names(uint32_t set, char *text, size_t cap)
{
    size_t n = 0;
    int i;

    text[0] = 0;
    if ((set & ANY_ERROR) == ANY_ERROR) {
        n = (size_t)snprintf(text, cap, "any error");
        set &= ~ANY_ERROR;
    }
    for (i = 0; i < 32 && n < cap; i++) {
        if (set >> i & 1) {
            n += (size_t)snprintf(text + n, cap - n, "%s%s", n ? " " : "",
                                  estls_error_name(-i));
        }
    }
    return text;
}

static void run(const struct attack *it)
{
    const long failed = check_failed;
    char expected[256], got[256], number[8];

    memset(&tally, 0, sizeof tally);
    tally.expected = it->expected;
    check_note = it->title;
    it->run();
    CHECK(tally.runs > 0);
    snprintf(number, sizeof number, it->number ? "%d" : "-", it->number);
    printf("%3s  %-44s  %-28s  %-28s  %6ld%s\n", number, it->title,
           names(it->expected, expected, sizeof expected),
           names(tally.got, got, sizeof got), tally.runs,
           check_failed > failed ? "  FAILED" : "");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const int only = argc > 2 ? atoi(argv[2]) : -1;
    const struct attack *it;
    size_t i;

    attack_pki = argc > 1 ? argv[1] : "build/pki";
    rig_pki(attack_pki);
    printf("%3s  %-44s  %-28s  %-28s  %6s\n", "", "attack", "expected", "got",
           "runs");
    for (i = 0; i < COUNT(lists); i++) {
        for (it = lists[i]; it->run; it++) {
            if (only < 0 || only == it->number) { run(it); }
        }
    }
    return check_end();
}
