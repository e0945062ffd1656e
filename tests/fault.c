/* fault.c - one fault at every place where there can be one: each call of a
 * callback fails, moves nothing or one byte, or finds that time has jumped or
 * stands still; each byte on each way is the last one, or is changed; the modem
 * fails at each command, prompt, send and payload. Always an end by name within
 * the deadline, or none but the fault's own; nothing in clear, nothing left
 * behind, and an object that opens again.
 * Usage: fault PKI-DIRECTORY [calls|bytes|modem] */
#include "rig.h"

#include "check.h"

#include <stdio.h>

static rig r;
static struct smtpd_sessions sessions;
static uint32_t place; /* where the fault is */

/* What a session leaves behind that the next one resumes. */
static struct {
    estls_saved host;
    struct smtpd_sessions server;
} kept;

typedef struct road {
    int generation;
    uint8_t push;
} road;

static const road roads[] = {{RIG_DIRECT, 0}, {1, 1}, {2, 0}, {3, 0}};

enum { DIRECT = 1, PUSH1 = 2, PULL2 = 4, PULL3 = 8, ROADS = 4 };

/* Much the same course for each road; lengths of signatures differ. */
static void take(const road *way)
{
    rig_init(&r, way->generation, "ec");
    rig_pin(&r, "ec");
    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.server.seed = (struct smtpd_blob)SMTPD_BLOB("fault");
    r.d.push = way->push;
    r.d.timeout_ms = 4000;
    r.patience_ms = 5000;
}

/* The same, and the session is resumed. */
static void take_resumed(const road *way)
{
    take(way);
    sessions = kept.server;
    r.saved = kept.host;
    r.d.saved = &r.saved;
}

static void keep_session(const road *way)
{
    take(way);
    r.d.saved = &r.saved;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    kept.host = r.saved;
    kept.server = sessions;
}

/* Runs a session with a mail. Returns the first error. */
static int whole_session(void)
{
    int rc = rig_connect(&r);

    if (!rc) { rc = rig_mail(&r); }
    return rc;
}

/* An error by name; or silence in an open session, where waiting is the
 * application's choice, and closing ends all the same. */
static void check_error(int rc)
{
    if (rc == ESTLS_BUSY) {
        rc = rig_close(&r);
        CHECK(rc <= 0 && rc >= ESTLS_E_POWER);
    } else {
        CHECK(rc < 0 && rc >= ESTLS_E_POWER);
        CHECK_TEXT(rig_dead(&r, rc), "");
    }
}

static void check_success(void)
{
    const int rc = rig_close(&r);

    CHECK(rc <= 0 && rc >= ESTLS_E_POWER);
    CHECK(!rig_leaked(&r));
    CHECK(
        rig_zero(&r.net.starttls.tls.client, sizeof r.net.starttls.tls.client));
    CHECK(rig_zero(r.iobuf, r.d.iobuf_cap));
    CHECK_INT(r.mails, 1);
}

/* The same object, after the trouble is over. */
static void check_reusable(void)
{
    world_close(&r.w);
    memset(&r.w, 0, sizeof r.w);
    r.modem.faults = 0;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK_INT(rig_close(&r), ESTLS_OK);
}

/* -- places ---------------------------------------------------------------- */

typedef struct fault {
    const char *name;
    void (*arrange)(void);
    uint32_t (*reached)(void); /* how many places the session had */
    uint8_t roads;
    /* MAY: it may do no harm. MUST: the session fails, unless what is missing
     * comes behind the last reply: the modem's OK, say. */
    uint8_t must;
} fault;

enum { MAY, MUST, BEHIND = 64 };

static uint32_t passed[WORLD_WAYS];
static enum world_way way;
static uint8_t flip; /* 0: cut */

static size_t touch(void *context, enum world_way on, uint8_t *p, size_t n)
{
    const uint32_t first = passed[on];

    (void)context;
    passed[on] += (uint32_t)n;
    if (on != way || passed[on] < place) { return n; }
    if (!flip) { return first + 1 < place ? place - 1 - first : 0; }
    if (first < place) { p[place - 1 - first] ^= flip; }
    return n;
}

static void touch_way(enum world_way on, uint8_t how)
{
    memset(passed, 0, sizeof passed);
    way = on;
    flip = how;
    r.w.touch = touch;
}

/* one bit, and another in each place */
static uint8_t bit(void)
{
    return (uint8_t)(1u << place % 8);
}

static void fail_call(void)
{
    r.w.fail_call = place;
}
static void dull_call(void)
{
    r.w.dull_call = place;
    r.w.dull_calls = 40;
}
static void lone_call(void)
{
    r.w.lone_call = place;
}
static uint32_t io_calls(void)
{
    return r.w.io_calls;
}
static void jump(void)
{
    r.w.jump_call = place;
    r.w.jump_ms = 1000000;
}
static void wrap(void)
{
    r.w.now = 0u - place;
}
static uint32_t milliseconds(void)
{
    return r.w.now + place;
}
static void still(void)
{
    r.w.still_call = place;
}
static uint32_t tick_calls(void)
{
    return r.w.tick_calls;
}
static void cut_rx(void)
{
    r.w.cut_rx = place;
}
static uint32_t uart_rx(void)
{
    return r.w.uart_rx;
}
static void cut_uart_tx(void)
{
    touch_way(WORLD_UART_TX, 0);
}
static void cut_tcp_rx(void)
{
    touch_way(WORLD_TCP_RX, 0);
}
static void cut_tcp_tx(void)
{
    touch_way(WORLD_TCP_TX, 0);
}
static void flip_uart_rx(void)
{
    touch_way(WORLD_UART_RX, bit());
}
static void flip_uart_tx(void)
{
    touch_way(WORLD_UART_TX, bit());
}
static void flip_tcp_rx(void)
{
    touch_way(WORLD_TCP_RX, bit());
}
static uint32_t bytes(void)
{
    return passed[way];
}

/* How many places a session has that meets no fault. */
static uint32_t count_places(const fault *f, int resumed)
{
    uint32_t reached;

    place = 0x7fffffff;
    f->arrange();
    CHECK_INT(whole_session(), ESTLS_OK);
    CHECK_INT(r.report.resumed, resumed);
    reached = f->reached();
    rig_end(&r);
    CHECK(reached > 30);
    return reached;
}

static void once(const fault *f, uint32_t places)
{
    int rc;

    f->arrange();
    rc = whole_session();
    if (rc) {
        check_error(rc);
    } else {
        CHECK(f->must == MAY || place + BEHIND > places);
        check_success();
    }
    CHECK(r.mails == 0 || r.mail_len == strlen(rig_body));
    if (place % 16 == 0) { check_reusable(); }
    rig_end(&r);
}

/* At each place. Returns how many there were. */
static uint32_t on_road(const fault *f, const road *on, int resumed)
{
    void (*const begin)(const road *) = resumed ? take_resumed : take;
    uint32_t places;

    begin(on);
    places = count_places(f, resumed);
    for (place = 1; place <= places; place++) {
        begin(on);
        once(f, places);
    }
    return places;
}

static void everywhere(const fault *f)
{
    unsigned long points = 0;
    int i;

    check_note = f->name;
    for (i = 0; i < ROADS; i++) {
        if (!(f->roads >> i & 1)) { continue; }
        points += on_road(f, &roads[i], 0);
        keep_session(&roads[i]);
        points += on_road(f, &roads[i], 1);
    }
    printf("points: %6lu %s\n", points, f->name);
}

static void calls(void)
{
    static const fault faults[] = {
        {"a read or write and all after it fail", fail_call, io_calls,
         DIRECT | PUSH1 | PULL2 | PULL3, MAY},
        {"40 reads and writes move nothing", dull_call, io_calls,
         DIRECT | PULL2, MAY},
        {"a read or write moves one byte", lone_call, io_calls, DIRECT | PULL2,
         MAY},
        {"time jumps by 1000 s", jump, tick_calls, DIRECT | PULL2, MAY},
        {"time wraps", wrap, milliseconds, PULL2, MAY},
        {"time stands still", still, tick_calls, DIRECT | PULL2, MAY}};
    size_t i;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        everywhere(&faults[i]);
    }
}

static void each_byte(void)
{
    static const fault faults[] = {
        {"the last byte to the host", cut_rx, uart_rx,
         DIRECT | PUSH1 | PULL2 | PULL3, MUST},
        {"the last byte to the modem", cut_uart_tx, bytes, PULL2, MUST},
        {"the last byte of the server", cut_tcp_rx, bytes, PULL3, MUST},
        {"the last byte to the server", cut_tcp_tx, bytes, DIRECT | PULL3,
         MUST},
        {"a byte of the server is changed", flip_tcp_rx, bytes, DIRECT, MAY},
        {"a byte to the host is changed", flip_uart_rx, bytes, PULL2, MAY},
        {"a byte to the modem is changed", flip_uart_tx, bytes, PULL2, MAY}};
    size_t i;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        everywhere(&faults[i]);
    }
}

/* Each byte of the server's handshake, from the first record to the last: the
 * session must not open. */
static uint32_t hello_at, open_at;

static size_t watch(void *context, enum world_way on, uint8_t *p, size_t n)
{
    (void)context;
    if (on != WORLD_TCP_RX) { return n; }
    if (!hello_at && p[0] == 0x16) { hello_at = passed[on]; }
    passed[on] += (uint32_t)n;
    return n;
}

static void handshake(void)
{
    unsigned long points = 0;
    int rc;

    take(&roads[0]);
    memset(passed, 0, sizeof passed);
    r.w.touch = watch;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    open_at = passed[WORLD_TCP_RX];
    CHECK_INT(rig_close(&r), ESTLS_OK);
    rig_end(&r);
    CHECK(hello_at > 100 && open_at > hello_at + 500);
    for (place = hello_at + 1; place <= open_at; place++) {
        take(&roads[0]);
        touch_way(WORLD_TCP_RX, bit());
        rc = rig_connect(&r);
        if (passed[WORLD_TCP_RX] >= place) {
            CHECK(rc < 0);
            check_error(rc);
            points++;
        } else { /* a shorter signature: it was open before that byte */
            CHECK_INT(rc, ESTLS_OK);
            rc = rig_close(&r); /* the close_notify may be what is hit */
            CHECK(rc <= 0 && rc >= ESTLS_E_POWER);
        }
        rig_end(&r);
    }
    CHECK(points + 8 > open_at - hello_at);
    printf("points: %6lu a byte of the server's handshake is changed\n",
           points);
}

/* -- the modem ------------------------------------------------------------- */

/* What may happen to a command may happen to every command. The session
 * recovers or fails by name; a mail arrives whole or not at all. */
static void modem_once(const road *on, const char *text)
{
    int rc;

    take(on);
    check_note = text;
    rig_fault(&r, text);
    rc = whole_session();
    if (rc) { check_error(rc); }
    CHECK(r.mails == 0 || r.mail_len == strlen(rig_body));
    check_reusable();
    rig_end(&r);
}

static void modem(void)
{
    static const struct {
        const char *fault;
        int most;
    } rows[] = {
        {"reset@cmd:%d", 60},  {"hang@cmd:%d", 60},  {"mute@cmd:%d", 60},
        {"closed@cmd:%d", 60}, {"wifi@cmd:%d", 60},  {"late@cmd:%d:3000", 60},
        {"fail@cmd:%d", 60},   {"busy@cmd:%d", 60},  {"reset@prompt:%d", 16},
        {"reset@send:%d", 16}, {"reset@ipd:%d", 40}, {"closed@ipd:%d", 40},
        {"short@ipd:%d", 40},  {"lie@ipd:%d", 40}};
    char text[32];
    unsigned long points = 0;
    size_t k;
    int i, n;

    for (i = 1; i < ROADS; i++) {
        for (k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            for (n = 1; n < rows[k].most; n++, points++) {
                snprintf(text, sizeof text, rows[k].fault, n);
                modem_once(&roads[i], text);
            }
        }
    }
    printf("points: %6lu the modem fails\n", points);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[2] : "";

    rig_pki(argc > 1 ? argv[1] : "build/pki");
    if (!*what || !strcmp(what, "calls")) { RUN(calls); }
    if (!*what || !strcmp(what, "bytes")) {
        RUN(each_byte);
        RUN(handshake);
    }
    if (!*what || !strcmp(what, "modem")) { RUN(modem); }
    return check_end();
}
