/* links.c - the modem's links by themselves: five at once, each a byte
 * stream; and commands of the application's own beside them.
 * Usage: links PKI-DIRECTORY */
#include "rig.h"

#include "check.h"

#include <stdio.h>

static rig r;
static estls_link l;
static estls_io io[ESTLS_LINKS];

/* Steps until the operation that has begun is over. */
static int finish(int rc)
{
    int steps = 20000;

    if (rc < 0) { return rc; }
    do {
        rc = estls_link_step(&l);
        world_idle(&r.w);
    } while (rc == ESTLS_BUSY && steps--);
    return rc;
}

/* Waits for the pull that a reader may have left under way. */
static void settle(void)
{
    while (estls_link_step(&l) == ESTLS_BUSY) { world_idle(&r.w); }
}

static void begin(int generation, uint8_t push, uint8_t mux)
{
    rig_init(&r, generation, "ec");
    r.d.push = push;
    r.d.mux = mux;
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(finish(estls_link_open(&l, &r.d)), ESTLS_OK);
}

static void dial(uint8_t id)
{
    settle();
    CHECK_INT(finish(estls_link_dial(&l, "mail.example.test", 25, id)),
              ESTLS_OK);
    CHECK_INT(estls_link_io(&l, id, &io[id]), ESTLS_OK);
}

/* Reads a line; its length, or an error. */
static int read_line(const estls_io *stream, char *line, int cap)
{
    int steps = 20000;
    int got = 0;
    int n;

    while (steps-- && got < cap - 1 && (!got || line[got - 1] != '\n')) {
        n = stream->read(stream->user, line + got, 1);
        if (n < 0) { return n; }
        got += n;
        world_idle(&r.w);
    }
    line[got] = 0;
    return got;
}

static int write_line(const estls_io *stream, const char *line)
{
    size_t left = strlen(line);
    int steps = 20000;
    int n;

    while (left && steps--) {
        n = stream->write(stream->user, line, left);
        if (n < 0) { return n; }
        line += n;
        left -= (size_t)n;
        world_idle(&r.w);
    }
    return left ? ESTLS_E_TIMEOUT : 0;
}

static void check_line(uint8_t id, const char *begins)
{
    char line[128];

    CHECK(read_line(&io[id], line, sizeof line) > 4);
    CHECK_INT(strncmp(line, begins, strlen(begins)), 0);
}

/* Five conversations, interleaved; one ends and its id is used again. */
static void five(int generation, uint8_t push)
{
    char line[128];
    uint8_t id;
    int round;

    begin(generation, push, 1);
    for (id = 0; id < ESTLS_LINKS; id++) {
        dial(id);
        check_line(id, "220 ");
    }
    for (round = 0; round < 3; round++) {
        for (id = 0; id < ESTLS_LINKS; id++) {
            CHECK_INT(write_line(&io[id], "NOOP\r\n"), 0);
            check_line(id, "250 ");
        }
    }
    CHECK_INT(write_line(&io[2], "QUIT\r\n"), 0);
    check_line(2, "221 ");
    CHECK_INT(read_line(&io[2], line, sizeof line), ESTLS_E_CLOSED);
    settle();
    CHECK_INT(finish(estls_link_hangup(&l, 2)), ESTLS_OK);
    dial(2);
    check_line(2, "220 ");
    for (id = 0; id < ESTLS_LINKS; id++) {
        settle();
        CHECK_INT(finish(estls_link_hangup(&l, id)), ESTLS_OK);
        CHECK_INT(io[id].read(io[id].user, line, 1), ESTLS_E_STATE);
    }
    rig_end(&r);
}

static void all_five(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        five(generation, 0);
        five(generation, 1);
    }
}

static void arguments(void)
{
    static char long_host[200];
    estls_io stream;

    memset(long_host, 'h', sizeof long_host - 1);
    begin(2, 0, 0);
    CHECK_INT(estls_link_dial(&l, NULL, 25, 0), ESTLS_E_ARG);
    CHECK_INT(estls_link_dial(&l, "a\rb", 25, 0), ESTLS_E_ARG);
    CHECK_INT(estls_link_dial(&l, "host", 0, 0), ESTLS_E_ARG);
    CHECK_INT(estls_link_dial(&l, "host", 25, 1), ESTLS_E_ARG);
    CHECK_INT(estls_link_dial(&l, long_host, 25, 0), ESTLS_E_SPACE);
    CHECK_INT(estls_link_join(&l), ESTLS_E_ARG);
    CHECK_INT(estls_link_clock(&l), ESTLS_E_ARG);
    CHECK_INT(estls_link_io(&l, ESTLS_LINKS, &stream), ESTLS_E_ARG);
    CHECK_INT(estls_link_time(&l), 0);
    dial(0);
    CHECK_INT(estls_link_dial(&l, "host", 25, 0), ESTLS_E_STATE);
    CHECK_INT(finish(estls_link_hangup(&l, 0)), ESTLS_OK);
    CHECK_INT(estls_link_dial(&l, "unreachable.test", 25, 0), ESTLS_OK);
    CHECK_INT(estls_link_dial(&l, "host", 25, 0), ESTLS_BUSY);
    CHECK_INT(finish(ESTLS_OK), ESTLS_E_NETWORK);
    rig_end(&r);
}

/* Zeroed, lost, busy: whatever is called says so and does nothing. */
static void misused(void)
{
    estls_io stream;

    memset(&l, 0, sizeof l);
    CHECK_INT(estls_link_step(&l), ESTLS_E_STATE);
    CHECK_INT(estls_link_join(&l), ESTLS_E_STATE);
    CHECK_INT(estls_link_clock(&l), ESTLS_E_STATE);
    CHECK_INT(estls_link_dial(&l, "host", 25, 0), ESTLS_E_STATE);
    CHECK_INT(estls_link_hangup(&l, 0), ESTLS_E_STATE);
    CHECK_INT(estls_link_io(&l, 0, &stream), ESTLS_E_ARG);
    CHECK_INT(estls_link_time(&l), 0);
    begin(2, 0, 1);
    CHECK_INT(estls_link_dial(&l, "", 25, 0), ESTLS_E_ARG);
    CHECK_INT(estls_link_dial(&l, "host", 25, ESTLS_LINKS), ESTLS_E_ARG);
    CHECK_INT(estls_link_hangup(&l, ESTLS_LINKS), ESTLS_E_ARG);
    dial(0);
    settle();
    CHECK_INT(io[0].write(io[0].user, "x", 0), 0);
    CHECK_INT(estls_link_dial(&l, "host", 25, 1), ESTLS_OK);
    CHECK_INT(estls_link_join(&l), ESTLS_BUSY);
    CHECK_INT(estls_link_clock(&l), ESTLS_BUSY);
    rig_end(&r);
}

/* Names that a command cannot hold, or that are none. */
static void bad_names(void)
{
    char name[34];

    rig_init(&r, 2, "ec");
    r.d.uart.read = NULL;
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_E_ARG);
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    r.d.ssid = name;
    memset(name, 'n', sizeof name);
    name[33] = 0;
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_E_ARG);
    name[32] = 0;
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_OK);
    name[5] = 0x7f;
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_E_ARG);
    name[5] = '\n';
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_E_ARG);
    name[0] = 0;
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_E_ARG);
    r.d.ssid = NULL;
    r.d.password = name; /* an open network's */
    CHECK_INT(estls_link_open(&l, &r.d), ESTLS_OK);
    rig_end(&r);
}

/* More than the modem takes at once leaves in pieces. */
static void long_write(void)
{
    static char line[6001];
    uint16_t sends;

    memset(line, 'x', sizeof line - 1);
    memcpy(line + 5998, "\r\n", 2);
    begin(2, 0, 0);
    dial(0);
    check_line(0, "220 ");
    sends = l.sends;
    CHECK_INT(write_line(&io[0], line), 0);
    CHECK_INT(l.sends - sends, 3); /* 2048 + 2048 + 1904 */
    check_line(0, "500");
    rig_end(&r);
}

/* -- a modem that says what it is told to ------------------------------------ */

static struct {
    const char *dialled; /* its answer to CIPSTART */
    const char *asked;   /* to CWJAP?; null: OK */
    const char *joined;  /* to CWJAP=; null: OK */
    const char *pulled;  /* to the next CIPRECVDATA; null: ERROR */
    const char *later;   /* to the one behind it */
    const char *clock;   /* to CIPSNTPTIME? */
    unsigned joins;
    uint8_t mute;
    char out[256];
    size_t len, off;
    uint32_t now;
} canned;

static int canned_read(void *user, void *dst, size_t cap)
{
    const size_t left = canned.len - canned.off;
    const size_t n = cap < left ? cap : left;

    (void)user;
    memcpy(dst, canned.out + canned.off, n);
    canned.off += n;
    return (int)n;
}

static void canned_say(const char *text)
{
    canned.off = 0;
    canned.len = strlen(text);
    memcpy(canned.out, text, canned.len);
}

static int canned_write(void *user, const void *src, size_t len)
{
    const char *answer = "\r\nOK\r\n";

    (void)user;
    if (len > 11 && memcmp(src, "AT+CIPSTART", 11) == 0) {
        answer = canned.dialled;
    }
    if (len > 9 && memcmp(src, "AT+CWJAP?", 9) == 0 && canned.asked) {
        answer = canned.asked;
    }
    if (len > 9 && memcmp(src, "AT+CWJAP=", 9) == 0) {
        canned.joins++;
        if (canned.joined) { answer = canned.joined; }
    }
    if (len > 15 && memcmp(src, "AT+CIPRECVDATA=", 15) == 0) {
        answer = canned.pulled ? canned.pulled : "\r\nERROR\r\n";
        canned.pulled = canned.later;
        canned.later = NULL;
    }
    if (len > 15 && memcmp(src, "AT+CIPSNTPTIME?", 15) == 0) {
        answer = canned.clock;
    }
    canned_say(canned.mute ? "" : answer);
    return (int)len;
}

static uint32_t canned_tick(void *user)
{
    (void)user;
    return canned.now += 10;
}

static int canned_finish(int rc)
{
    int steps = 100000;

    while (!rc && estls_link_step(&l) == ESTLS_BUSY && steps--) {}
    CHECK(steps > 0);
    return rc ? rc : estls_link_step(&l);
}

static int canned_open(void)
{
    memset(&canned, 0, sizeof canned);
    rig_init(&r, 1, "ec");
    r.d.push = 1;
    r.d.uart.read = canned_read;
    r.d.uart.write = canned_write;
    r.d.uart.tick = canned_tick;
    return canned_finish(estls_link_open(&l, &r.d));
}

static int canned_dial(const char *answer)
{
    CHECK_INT(canned_open(), ESTLS_OK);
    canned.dialled = answer;
    return canned_finish(estls_link_dial(&l, "host", 25, 0));
}

static int canned_join(const char *asked, const char *joined)
{
    CHECK_INT(canned_open(), ESTLS_OK);
    canned.asked = asked;
    canned.joined = joined;
    r.d.ssid = "net";
    return canned_finish(estls_link_join(&l));
}

/* A modem that does not answer is given up, at setup too. */
static void mute(void)
{
    CHECK_INT(canned_open(), ESTLS_OK);
    canned.mute = 1;
    CHECK_INT(canned_finish(estls_link_open(&l, &r.d)), ESTLS_E_TIMEOUT);
}

/* Two minutes, where the description says nothing. */
static void default_deadline(void)
{
    uint32_t t0;

    CHECK_INT(canned_open(), ESTLS_OK);
    canned.dialled = "";
    r.d.timeout_ms = 0;
    t0 = canned.now;
    CHECK_INT(canned_finish(estls_link_dial(&l, "host", 25, 0)),
              ESTLS_E_TIMEOUT);
    CHECK(canned.now - t0 >= 120000 && canned.now - t0 < 121000);
}

/* A modem that is in the network is left there; one in another, whose name is
 * longer, cut or unreadable, joins ours. */
static void join_answers(void)
{
    static const char *const others[] = {
        "+CWJAP:\"net2\",\"02:00:00:00:00:01\"\r\n\r\nOK\r\n",
        "+CWJAP:\"ne\"\r\n\r\nOK\r\n",
        "+CWJAP:\"net\r\n\r\nOK\r\n",
        "+CWJAP:\r\n\r\nOK\r\n",
        "No AP\r\n\r\nOK\r\n",
        "\r\nERROR\r\n",
        "+CWJAP:\"a name that is longer than 32 bytes\"\r\n\r\nOK\r\n"};
    size_t i;

    CHECK_INT(canned_join("+CWJAP:\"net\",\"02:00:00:00:00:01\",6,-52\r\n"
                          "\r\nOK\r\n",
                          NULL),
              ESTLS_OK);
    CHECK_INT(canned.joins, 0);
    for (i = 0; i < sizeof others / sizeof others[0]; i++) {
        check_note = others[i];
        CHECK_INT(canned_join(others[i], NULL), ESTLS_OK);
        CHECK_INT(canned.joins, 1);
    }
    check_note = "";
    CHECK_INT(canned_join(NULL, "+CWJAP:3\r\n\r\nFAIL\r\n"), ESTLS_E_NETWORK);
    CHECK_INT(l.at.code, 3);
    CHECK_INT(canned_join(NULL, "\r\nFAIL\r\n"), ESTLS_E_NETWORK);
    CHECK_INT(canned_join(NULL, ""), ESTLS_E_TIMEOUT);
}

/* While it joins, a modem may well lose the network that it was in. */
static void joins_from_another_network(void)
{
    CHECK_INT(canned_join(NULL, "WIFI DISCONNECT\r\nWIFI CONNECTED\r\n"
                                "WIFI GOT IP\r\n\r\nOK\r\n"),
              ESTLS_OK);
}

/* One link is dialled, and payload of another comes. */
static void payload_while_another_is_dialled(void)
{
    estls_io stream;
    char got[8];
    int i;

    CHECK_INT(canned_open(), ESTLS_OK);
    r.d.mux = 1;
    CHECK_INT(canned_finish(estls_link_open(&l, &r.d)), ESTLS_OK);
    canned.dialled = "0,CONNECT\r\n\r\nOK\r\n";
    CHECK_INT(canned_finish(estls_link_dial(&l, "host", 25, 0)), ESTLS_OK);
    CHECK_INT(estls_link_io(&l, 0, &stream), ESTLS_OK);
    canned.dialled = "\r\n+IPD,0,3:abc1,CONNECT\r\n\r\nOK\r\n";
    CHECK_INT(estls_link_dial(&l, "host", 25, 1), ESTLS_OK);
    for (i = 0; i < 5; i++) { CHECK_INT(estls_link_step(&l), ESTLS_BUSY); }
    CHECK_INT(stream.read(stream.user, got, sizeof got), 3);
    CHECK_INT(canned_finish(ESTLS_OK), ESTLS_OK);
}

/* What a read says at last. */
static int read_some(const estls_io *stream, void *dst, size_t cap)
{
    int steps = 100;
    int n = 0;

    while (!n && steps--) { n = stream->read(stream->user, dst, cap); }
    return n;
}

/* A stream in pull mode. */
static void canned_stream(estls_io *stream)
{
    CHECK_INT(canned_open(), ESTLS_OK);
    r.d.push = 0;
    CHECK_INT(canned_finish(estls_link_open(&l, &r.d)), ESTLS_OK);
    canned.dialled = "CONNECT\r\n\r\nOK\r\n";
    CHECK_INT(canned_finish(estls_link_dial(&l, "host", 25, 0)), ESTLS_OK);
    CHECK_INT(estls_link_io(&l, 0, stream), ESTLS_OK);
}

/* A reader who finds that there is something has asked for it when he is told
 * to come again; then he has it in one piece. */
static void pulls_without_a_turn_lost(void)
{
    estls_io stream;
    char got[32];

    canned_stream(&stream);
    canned_say("+IPD,26\r\n");
    canned.pulled = "+CIPRECVDATA,26:abcdefghijklmnopqrstuvwxyz\r\nOK\r\n";
    CHECK_INT(stream.read(stream.user, got, sizeof got), 0);
    CHECK(!canned.pulled);
    CHECK_INT(stream.read(stream.user, got, sizeof got), 26);
    CHECK_INT(memcmp(got, "abcdefghijklmnopqrstuvwxyz", 26), 0);
    CHECK_INT(canned_finish(ESTLS_OK), ESTLS_OK);
}

/* What the modem still holds when the peer has closed is not lost, also if
 * nobody has announced it. */
static void pulls_what_was_left_at_the_end(void)
{
    estls_io stream;
    char got[8];

    canned_stream(&stream);
    CHECK_INT(stream.read(stream.user, got, 0), 0);
    canned.pulled = "+CIPRECVDATA,4:abcd\r\nOK\r\n";
    canned.later = "+CIPRECVDATA,2:ef\r\nOK\r\n";
    canned.now += 60000;
    CHECK_INT(read_some(&stream, got, 4), 4);
    CHECK_INT(memcmp(got, "abcd", 4), 0);
    CHECK(canned.pulled && !canned.later);
    CHECK_INT(canned_finish(ESTLS_OK), ESTLS_OK);
    canned_say("CLOSED\r\n");
    CHECK_INT(canned_finish(ESTLS_OK), ESTLS_OK);
    CHECK_INT(stream.write(stream.user, "x", 1), ESTLS_E_CLOSED);
    CHECK_INT(read_some(&stream, got, 4), 2);
    CHECK_INT(memcmp(got, "ef", 2), 0);
    CHECK(!canned.pulled);
    CHECK_INT(canned_finish(ESTLS_OK), ESTLS_OK);
    CHECK_INT(stream.read(stream.user, got, 4), ESTLS_E_CLOSED);
}

static int canned_clock(const char *answer)
{
    int steps = 100000;
    int rc;

    CHECK_INT(canned_open(), ESTLS_OK);
    canned.clock = answer;
    r.d.sntp = "pool.example.test";
    r.d.timeout_ms = 0;
    while ((rc = estls_link_clock(&l)) == ESTLS_BUSY && steps--) {
        (void)estls_link_step(&l);
    }
    return rc;
}

/* The modem's clock goes on; an answer without one is none. */
static void clock_answers(void)
{
    static const char *const none[] = {
        "+CIPSNTPTIME:\r\n\r\nOK\r\n",
        "+CIPSNTPTIME:Thu Jan 01 00:00:00 1970\r\n\r\nOK\r\n",
        "+CIPSNTPTIME:Thu Nov 26 12:00:00 2026 and so much more behind it that "
        "no line of this size holds it, and so nobody knows what was cut away "
        "from its end\r\n\r\nOK\r\n",
        "\r\nOK\r\n"};
    uint32_t t0;
    size_t i;

    CHECK_INT(canned_clock("+CIPSNTPTIME:Thu Nov 26 12:00:00 2026\r\n"
                           "\r\nOK\r\n"),
              ESTLS_OK);
    t0 = estls_link_time(&l);
    CHECK(t0 - 1795694400u < 5);
    canned.now += 2000 * 1000;
    CHECK(estls_link_time(&l) - t0 - 2000 < 2);
    for (i = 0; i < sizeof none / sizeof none[0]; i++) {
        check_note = none[i];
        CHECK_INT(canned_clock(none[i]), ESTLS_E_CLOCK);
        CHECK(canned.now < 40000);
        CHECK_INT(estls_link_time(&l), 0);
    }
    check_note = "";
}

/* A server may greet before the modem has said that the link is open. */
static void greeting_before_ok(void)
{
    char text[8] = "";
    int n;

    CHECK_INT(canned_dial("CONNECT\r\n\r\n+IPD,5:220 a\r\nOK\r\n"), ESTLS_OK);
    CHECK_INT(estls_link_io(&l, 0, &io[0]), ESTLS_OK);
    n = io[0].read(io[0].user, text, 7);
    n += io[0].read(io[0].user, text + n, 7 - (size_t)n);
    CHECK_TEXT(text, "220 a");
    CHECK_INT(io[0].read(io[0].user, text, 7), 0);
    CHECK_INT(estls_link_step(&l), ESTLS_OK);
    CHECK_INT(estls_link_dial(&l, "host", 25, 0), ESTLS_E_STATE);
    CHECK_INT(estls_link_hangup(&l, 0), ESTLS_OK);
}

/* What the modem says before CONNECT is of a connection that it still had, as
 * after a hangup that it refused: neither its bytes nor its end are the new
 * one's. */
static void an_older_connection_while_dialling(void)
{
    char text[8] = "";

    CHECK_INT(canned_dial("\r\n+IPD,3:old\r\nCLOSED\r\nCONNECT\r\n\r\nOK\r\n"
                          "\r\n+IPD,3:new"),
              ESTLS_OK);
    CHECK_INT(estls_link_io(&l, 0, &io[0]), ESTLS_OK);
    CHECK_INT(read_some(&io[0], text, 7), 3);
    CHECK_TEXT(text, "new");
    CHECK_INT(io[0].read(io[0].user, text, 7), 0);
}

/* A connection of another link, which had been given up, is nobody's. */
static void another_connects_while_dialling(void)
{
    CHECK_INT(canned_open(), ESTLS_OK);
    r.d.mux = 1;
    CHECK_INT(canned_finish(estls_link_open(&l, &r.d)), ESTLS_OK);
    canned.dialled = "1,CONNECT\r\n\r\nERROR\r\n";
    CHECK_INT(canned_finish(estls_link_dial(&l, "host", 25, 0)),
              ESTLS_E_NETWORK);
    CHECK_INT(estls_link_io(&l, 1, &io[1]), ESTLS_OK);
    CHECK_INT(io[1].write(io[1].user, "x", 1), ESTLS_E_STATE);
    canned_say("0,CONNECT\r\n"); /* nor is one that nobody dials open */
    CHECK_INT(estls_link_io(&l, 0, &io[0]), ESTLS_OK);
    CHECK_INT(io[0].write(io[0].user, "x", 1), ESTLS_E_STATE);
}

static void dial_answers(void)
{
    CHECK_INT(canned_dial("CONNECT\r\n\r\nOK\r\n"), ESTLS_OK);
    CHECK_INT(canned_dial("DNS Fail\r\n\r\nERROR\r\n"), ESTLS_E_NETWORK);
    CHECK_INT(canned_dial("ALREADY CONNECTED\r\n\r\nERROR\r\n"),
              ESTLS_E_NETWORK);
    CHECK_INT(canned_dial("CONNECT FAIL\r\nCLOSED\r\n\r\nOK\r\n"),
              ESTLS_E_NETWORK);
    CHECK_INT(canned_dial("\r\n+IPD,99999:x\r\nOK\r\n"), ESTLS_E_PROTO);
    CHECK_INT(canned_dial("\r\nready\r\n"), ESTLS_E_MODEM);
    CHECK_INT(canned_dial("WIFI DISCONNECT\r\n"), ESTLS_E_NETWORK);
    CHECK_INT(canned_dial(""), ESTLS_E_TIMEOUT);
    /* a payload that nobody reads */
    CHECK_INT(canned_dial("CONNECT\r\n\r\nOK\r\n+IPD,9:xxxx"), ESTLS_OK);
    while (estls_link_step(&l) == ESTLS_OK) {}
    CHECK_INT(estls_link_step(&l), ESTLS_E_TIMEOUT);
}

/* -- commands of the application's own -------------------------------------- */

static struct {
    estls_at_cmd cmd;
    char text[40];
    char line[40]; /* the last line that answered */
    uint8_t queued;
    int rc; /* what done said */
    int taken, refused;
    unsigned idles, turns;
} own;

static void own_event(estls_at_cmd *cmd, const estls_at_event *ev)
{
    (void)cmd;
    if (ev->kind == ESTLS_AT_LINE && ev->len < sizeof own.line) {
        memcpy(own.line, ev->text, ev->len);
        own.line[ev->len] = 0;
    }
}

static void own_done(estls_at_cmd *cmd, int rc)
{
    CHECK(cmd == &own.cmd && own.queued);
    own.queued = 0;
    own.rc = rc;
    own.taken += rc == ESTLS_OK;
    own.refused += rc == ESTLS_E_MODEM;
}

/* Queues what stands in own.text, len bytes of it. */
static void submit(estls_at_engine *e, int len)
{
    CHECK(len > 0);
    own.cmd.text = own.text;
    own.cmd.len = (uint16_t)len;
    own.cmd.timeout_ms = 1000;
    own.cmd.event = own_event;
    own.cmd.done = own_done;
    own.queued = 1;
    CHECK_INT(estls_at_submit(e, &own.cmd), ESTLS_OK);
}

static void turn(estls_at_engine *e, uint8_t knob, uint32_t value)
{
    submit(e, estls_at_power(own.text, sizeof own.text, knob, value, 0));
}

/* Steps until the own command is over; nothing else is under way. */
static void turned(void)
{
    int steps = 20000;

    while (own.queued && steps--) {
        CHECK_INT(estls_link_step(&l), ESTLS_OK);
        world_idle(&r.w);
    }
    CHECK_INT(own.queued, 0);
}

/* Asks; what the modem answered is in own.line. */
static void ask(const char *verb)
{
    estls_at_builder c;

    estls_at_begin(&c, own.text, sizeof own.text, verb);
    submit(&l.at, estls_at_end(&c));
    turned();
    CHECK_INT(own.rc, ESTLS_OK);
}

/* A number that the module does not have, though another one does. */
static uint32_t power_refused(int generation)
{
    return generation == 1 ? 83 : 39;
}

/* Operations and streams wait for a knob, and go on once it is turned. */
static void wait_for_knob(int generation, uint8_t push)
{
    uint16_t sends;

    memset(&own, 0, sizeof own);
    begin(generation, push, 1);
    turn(&l.at, ESTLS_AT_RFPOWER, 52);
    CHECK_INT(estls_link_dial(&l, "host", 25, 0), ESTLS_BUSY);
    turned();
    CHECK_INT(own.rc, ESTLS_OK);
    dial(0);
    check_line(0, "220 ");
    settle();
    sends = l.sends;
    turn(&l.at, ESTLS_AT_RFPOWER, power_refused(generation));
    CHECK_INT(estls_link_dial(&l, "host", 25, 1), ESTLS_BUSY);
    CHECK_INT(io[0].write(io[0].user, "NOOP\r\n", 6), 0);
    CHECK_INT(own.queued, 1);
    CHECK_INT(l.sends, sends);
    CHECK_INT(write_line(&io[0], "NOOP\r\n"), 0);
    CHECK_INT(own.queued, 0);
    CHECK_INT(own.rc, ESTLS_E_MODEM);
    check_line(0, "250 ");
    settle();
    ask("+RFPOWER?");
    CHECK_TEXT(own.line, "+RFPOWER:52");
    turn(&l.at, ESTLS_AT_SLEEP, 1);
    CHECK_INT(estls_link_hangup(&l, 0), ESTLS_BUSY);
    turned();
    ask("+SLEEP?");
    CHECK_TEXT(own.line, "+SLEEP:1");
    CHECK_INT(finish(estls_link_hangup(&l, 0)), ESTLS_OK);
    rig_end(&r);
}

static void knobs_wait_and_are_waited_for(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        wait_for_knob(generation, 0);
        wait_for_knob(generation, 1);
    }
}

/* Turns the next knob every now and then, whatever is going on. */
static void fidget(rig *it)
{
    static const uint8_t power[] = {78, 60, 52, 44};
    estls_at_engine *e = &it->net.link.at;
    const unsigned n = own.turns;

    if (own.queued || own.idles++ % 3) { return; }
    own.turns++;
    if (n % 3 == 0) {
        turn(e, ESTLS_AT_RFPOWER, power[n / 3 % 4]);
    } else if (n % 3 == 1) {
        turn(e, ESTLS_AT_SLEEP, n / 3 % 3);
    } else {
        turn(e, ESTLS_AT_RFPOWER, power_refused(it->modem.generation));
    }
}

static void mail_with_knobs(int generation, uint8_t push)
{
    memset(&own, 0, sizeof own);
    rig_init(&r, generation, "ec");
    r.d.push = push;
    r.modem.delay_ms = 5;
    r.idle = fidget;
    CHECK_INT(rig_connect(&r), ESTLS_OK);
    CHECK(own.taken > 3 && own.refused > 1);
    own.taken = own.refused = 0;
    CHECK_INT(rig_mail(&r), ESTLS_OK);
    CHECK(own.taken > 3 && own.refused > 1);
    CHECK_INT(r.mails, 1);
    CHECK_INT(r.mail_len, strlen(rig_body));
    CHECK_INT(memcmp(r.mail, rig_body, r.mail_len), 0);
    CHECK_INT(rig_close(&r), ESTLS_OK);
    CHECK(own.rc == ESTLS_OK || own.rc == ESTLS_E_MODEM);
    rig_end(&r);
}

static void knobs_during_a_mail(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        mail_with_knobs(generation, 0);
        mail_with_knobs(generation, 1);
    }
}

/* On an open link, whose greeting is read, with the fault if there is one;
 * returns how many commands the modem has had. */
static uint32_t greeted(int generation, const char *fault)
{
    memset(&own, 0, sizeof own);
    rig_init(&r, generation, "ec");
    if (fault) { rig_fault(&r, fault); }
    world_open(&r.w, &r.modem, &r.server);
    r.d.uart = r.w.uart;
    CHECK_INT(finish(estls_link_open(&l, &r.d)), ESTLS_OK);
    dial(0);
    check_line(0, "220 ");
    settle();
    return espat_count(r.w.modem, ESPAT_CMD);
}

/* A knob that the modem does not answer costs its timeout and no more. */
static void knob_unanswered(void)
{
    char fault[32];
    uint32_t t0;

    snprintf(fault, sizeof fault, "mute@cmd:%u",
             (unsigned)greeted(2, NULL) + 1);
    rig_end(&r);
    (void)greeted(2, fault);
    turn(&l.at, ESTLS_AT_SLEEP, 1);
    t0 = r.w.now;
    CHECK_INT(write_line(&io[0], "NOOP\r\n"), 0);
    CHECK_INT(own.rc, ESTLS_E_TIMEOUT);
    CHECK(r.w.now - t0 >= 1000 && r.w.now - t0 < 1500);
    check_line(0, "250 ");
    rig_end(&r);
}

/* The modem is told to sleep on an open link, and wakes by itself. */
static void slept(int generation)
{
    int steps = 20000;

    (void)greeted(generation, NULL);
    turn(&l.at, ESTLS_AT_GSLP, 5000);
    turned();
    CHECK_INT(own.rc, ESTLS_OK);
    CHECK_TEXT(own.line, "5000");
    while (estls_link_step(&l) == ESTLS_OK && steps--) { world_idle(&r.w); }
    CHECK_INT(estls_link_step(&l), ESTLS_E_MODEM);
    turn(&l.at, ESTLS_AT_SLEEP, 1);
    CHECK_INT(estls_link_step(&l), ESTLS_E_MODEM);
    CHECK_INT(own.queued, 1); /* and is never done */
    CHECK_INT(finish(estls_link_open(&l, &r.d)), ESTLS_OK);
    turn(&l.at, ESTLS_AT_SLEEP, 1);
    turned();
    CHECK_INT(own.rc, ESTLS_OK);
    dial(0);
    check_line(0, "220 ");
    CHECK(steps > 0);
    rig_end(&r);
}

static void deep_sleep(void)
{
    int generation;

    for (generation = 1; generation <= RIG_GENERATIONS; generation++) {
        slept(generation);
    }
}

int main(int argc, char **argv)
{
    rig_pki(argc > 1 ? argv[1] : "build/pki");
    RUN(all_five);
    RUN(arguments);
    RUN(misused);
    RUN(bad_names);
    RUN(long_write);
    RUN(greeting_before_ok);
    RUN(an_older_connection_while_dialling);
    RUN(another_connects_while_dialling);
    RUN(dial_answers);
    RUN(join_answers);
    RUN(joins_from_another_network);
    RUN(payload_while_another_is_dialled);
    RUN(pulls_without_a_turn_lost);
    RUN(pulls_what_was_left_at_the_end);
    RUN(clock_answers);
    RUN(mute);
    RUN(default_deadline);
    RUN(knobs_wait_and_are_waited_for);
    RUN(knobs_during_a_mail);
    RUN(knob_unanswered);
    RUN(deep_sleep);
    return check_end();
}
