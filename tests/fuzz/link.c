/* link.c - a modem that answers well, badly, late or never, peers that speak
 * and hang up at any time, and an application that uses the link in any order.
 * What the link promises must hold: each stream comes in order and once, and
 * nothing after its end; what is written arrives so; nothing is asked for
 * beyond what the caller can take; each load is asked of the gate; errors stay
 * and have names; and when the modem falls silent all ends in bounded time.
 *
 * Input: how the link is set up (1 byte), then acts: 1 byte, and arguments. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "fuzz.h"

enum { LINKS = ESTLS_LINKS, OUT = 16384, CAP = 600, TIMEOUT_MS = 2000 };

/* How the next command is answered. */
enum { WELL, ERROR, BUSY, MUTE, LATE, FAIL, URC, DATA, CLOSED, HOW };

typedef struct connection {
    uint8_t open;
    uint8_t refused; /* 1: the modem kept data back, or lost it */
    uint32_t serial; /* which one of this link */
    uint32_t down;   /* bytes that the modem has got from the peer */
    uint32_t given;  /* ... and has given to the host */
    uint32_t up;     /* bytes that the host has sent */
} connection;

static struct {
    connection link[LINKS];
    char line[400];
    size_t len;
    uint32_t payload; /* bytes that the host still owes */
    unsigned payload_id;
    uint8_t out[OUT];
    size_t out_n, out_off;
    char late[80];
    uint8_t how;
    uint8_t pull;
    uint8_t lies;   /* 1: bytes of any kind were said in its name */
    uint8_t fails;  /* 1: the UART is broken */
    uint8_t chunk;  /* most bytes of a read or write; 0: no limit */
    uint8_t stuck;  /* 1: takes no byte */
    uint8_t booted; /* 1: has, and the host may not have heard of it */
} modem;

/* What the application knows of a stream. */
static struct app {
    uint8_t open;
    uint8_t ended;   /* E_CLOSED was told */
    uint8_t dropped; /* a hangup was asked for, and is to be asked for again */
    uint32_t serial;
    uint32_t rx, tx;
    uint32_t want; /* bytes that are offered until all are taken */
} app[LINKS];

static estls_link l;
static estls_desc d;
static char line_memory[ESTLS_LINE_MIN];
static uint32_t now;
static size_t asked;   /* most bytes that the reader can take now */
static size_t offered; /* by the writer */
static int pending;    /* operation of the application's; 0: none */
static unsigned pending_id;
static int8_t dead; /* the link's error, once it is told */
static estls_at_cmd own;
static int own_queued, own_done;

/* -- what flows -------------------------------------------------------------- */

/* Byte i of a stream: counts, and between that looks like a reply. */
static uint8_t flow(uint32_t seed, uint32_t i)
{
    static const char reply[] = "\r\nOK\r\n> +IPD,0,5:ERROR\r\n";

    if (i % 3 == 0) { return (uint8_t)(seed + i / 3); }
    return (uint8_t)reply[i % (sizeof reply - 1)];
}

static uint32_t seed_of(unsigned id, uint32_t serial)
{
    return id * 61 + serial * 17;
}

/* -- the gate ------------------------------------------------------------------ */

static struct {
    uint32_t wait;
    size_t least; /* lowers a send to so many bytes; 0: it does not */
    size_t may;   /* bytes of the send that was let go; 0: none was */
    int sending;
} gate;

static uint32_t ask_gate(void *user, estls_gate *ask)
{
    const uint32_t wait = gate.wait;

    (void)user;
    if (ask->what == ESTLS_GATE_SENT) {
        MUST(gate.sending);
        gate.sending = 0;
        return 0;
    }
    MUST(ask->what == ESTLS_GATE_SEND && !gate.sending);
    MUST(ask->len > 0 && ask->len <= offered);
    gate.wait = 0;
    if (wait) { return wait; }
    if (gate.least && gate.least < ask->len) { ask->len = gate.least; }
    gate.may = ask->len;
    gate.sending = 1;
    return 0;
}

/* -- the modem ------------------------------------------------------------------- */

static void emit(const void *bytes, size_t n)
{
    if (n > OUT - modem.out_n) { /* nobody reads: the UART loses bytes */
        modem.lies = 1;
        return;
    }
    memcpy(modem.out + modem.out_n, bytes, n);
    modem.out_n += n;
}

static void emit_text(const char *text)
{
    emit(text, strlen(text));
}

/* Payload of a connection, as far as the peer has sent it. */
static void emit_flow(unsigned id, uint32_t n)
{
    connection *c = &modem.link[id];
    uint8_t byte;

    for (; n; n--) {
        byte = flow(seed_of(id, c->serial), c->given++);
        emit(&byte, 1);
    }
}

/* n bytes come from the peer: pushed, or announced. */
static void peer_says(unsigned id, uint32_t n)
{
    connection *c = &modem.link[id];
    char head[32];

    if (!c->open || !n) { return; }
    c->down += n;
    snprintf(head, sizeof head, "\r\n+IPD,%u,%lu", id, (unsigned long)n);
    if (!d.mux) {
        snprintf(head, sizeof head, "\r\n+IPD,%lu", (unsigned long)n);
    }
    emit_text(head);
    if (modem.pull) {
        emit_text("\r\n");
    } else {
        emit_text(":");
        emit_flow(id, n);
    }
}

static void say_of(unsigned id, const char *what)
{
    char text[32];

    snprintf(text, sizeof text, "%u,%s\r\n", id, what);
    emit_text(d.mux ? text : text + 2);
}

static void peer_closes(unsigned id)
{
    if (!modem.link[id].open) { return; }
    modem.link[id].open = 0;
    say_of(id, "CLOSED");
}

/* The final answer, in the way that was chosen. */
static void answer(const char *text, unsigned id)
{
    const uint8_t how = modem.how;

    modem.how = WELL;
    switch (how) {
    case MUTE: return;
    case LATE: snprintf(modem.late, sizeof modem.late, "%s", text); return;
    case URC: emit_text("\r\nWIFI GOT IP\r\n+X:1\r\n"); break;
    case DATA: peer_says(id, 5); break;
    case CLOSED: peer_closes(id); break;
    default: break;
    }
    emit_text(text);
}

/* Refused, before it was done. */
static int refuses(void)
{
    static const char *const words[] = {
        NULL, "\r\nERROR\r\n", "busy p...\r\n", NULL, NULL, "\r\nFAIL\r\n"};
    const char *word = modem.how <= FAIL ? words[modem.how] : NULL;

    if (!word) { return 0; }
    modem.how = WELL;
    emit_text(word);
    return 1;
}

static void hear_dial(unsigned id)
{
    connection *c = &modem.link[id];

    if (c->open || refuses()) {
        if (c->open) { emit_text("ALREADY CONNECTED\r\n\r\nERROR\r\n"); }
        return;
    }
    c->serial++;
    c->open = 1;
    c->refused = 0;
    c->down = c->given = c->up = 0;
    say_of(id, "CONNECT");
    answer("\r\nOK\r\n", id);
}

static void hear_send(unsigned id, uint32_t n)
{
    if (!modem.lies) {
        MUST(n > 0 && n <= 8192 && (n <= app[id].want || !app[id].open));
        /* a link that was lost just now need not ask */
        MUST(l.err || !d.gate || (gate.sending && n == gate.may));
    }
    if (refuses()) { return; }
    if (!modem.link[id].open) {
        answer("link is not valid\r\n\r\nERROR\r\n", id);
        return;
    }
    if (modem.how == MUTE) { /* no prompt: it does not take payload either */
        modem.how = WELL;
        return;
    }
    if (modem.how == LATE) { modem.how = WELL; }
    answer("\r\nOK\r\n> ", id);
    modem.payload = n;
    modem.payload_id = id;
}

static void hear_pull(unsigned id, uint32_t n)
{
    connection *c = &modem.link[id];
    const uint32_t held = c->down - c->given;
    char head[32];

    if (!modem.lies) { MUST(n > 0 && n <= asked); }
    if (modem.how != WELL && modem.how < URC) { c->refused = 1; }
    if (refuses()) { return; }
    if (modem.how == MUTE || modem.how == LATE) {
        modem.how = WELL;
        return;
    }
    n = n < held ? n : held;
    snprintf(head, sizeof head, "+CIPRECVDATA,%lu:", (unsigned long)n);
    emit_text(head);
    emit_flow(id, n);
    answer("\r\nOK\r\n", id);
}

static void hear_hangup(unsigned id)
{
    if (refuses()) { return; }
    if (id < LINKS) {
        modem.link[id].open = 0;
        modem.link[id].given = modem.link[id].down;
        say_of(id, "CLOSED");
    }
    answer("\r\nOK\r\n", 0);
}

static int begins(const char *text)
{
    return strncmp(modem.line, text, strlen(text)) == 0;
}

/* The number behind the equal sign, or behind the comma. */
static uint32_t argument(int behind_comma)
{
    const char *p = strchr(modem.line, '=');

    if (p && behind_comma) { p = strchr(p, ','); }
    return p ? (uint32_t)strtoul(p + 1, NULL, 10) : 0;
}

static void hear_line(void)
{
    const unsigned id = d.mux ? argument(0) % LINKS : 0;

    emit_text(modem.late); /* one after the other */
    modem.late[0] = 0;
    if (!begins("AT") || strstr(modem.line + 1, "AT+")) {
        /* behind one that was given up in the middle */
        emit_text("\r\nERROR\r\n");
    } else if (begins("AT+CIPSTART=")) {
        hear_dial(id);
    } else if (begins("AT+CIPSEND=")) {
        hear_send(id, argument(d.mux));
    } else if (begins("AT+CIPRECVDATA=")) {
        hear_pull(id, argument(d.mux));
    } else if (begins("AT+CIPCLOSE")) {
        hear_hangup(d.mux ? argument(0) : 0);
    } else if (begins("AT+CIPMUX?")) {
        emit_text(d.mux ? "+CIPMUX:1\r\n" : "+CIPMUX:0\r\n");
        answer("\r\nOK\r\n", 0);
    } else if (begins("AT+CWJAP?")) {
        emit_text("+CWJAP:\"other\",\"a4:2b:b0:11:22:33\",1,-60\r\n");
        answer("\r\nOK\r\n", 0);
    } else if (begins("AT+CIPSNTPTIME?")) {
        emit_text(modem.how == FAIL
                      ? "+CIPSNTPTIME:Thu Jan 01 00:00:00 1970\r\n"
                      : "+CIPSNTPTIME:Tue Oct 19 17:47:56 2027\r\n");
        answer("\r\nOK\r\n", 0);
    } else if (!refuses()) {
        answer("\r\nOK\r\n", 0);
    }
}

/* A byte of payload: the next one of the stream; or filling, once nobody is
 * left who would write it. */
static void hear_payload(uint8_t byte)
{
    const unsigned id = modem.payload_id;
    connection *c = &modem.link[id];
    const int alive = c->open && app[id].open && app[id].serial == c->serial;

    if (!modem.lies && alive) {
        MUST(byte == flow(seed_of(id, c->serial) + 99, c->up));
        MUST(c->up < app[id].tx + app[id].want);
    }
    c->up++;
    if (--modem.payload) { return; }
    emit_text("\r\nRecv bytes\r\n");
    if (modem.how == ERROR || modem.how == FAIL || modem.how == BUSY) {
        modem.how = WELL;
        emit_text("\r\nSEND FAIL\r\n");
    } else {
        answer("\r\nSEND OK\r\n", id);
    }
}

static void hear(uint8_t byte)
{
    if (modem.payload) {
        hear_payload(byte);
        return;
    }
    /* commands given up in the middle may be too much: their end counts */
    if (modem.len + 1 == sizeof modem.line) {
        modem.len--;
        modem.line[modem.len - 1] = modem.line[modem.len];
    }
    modem.line[modem.len++] = (char)byte;
    if (modem.len == 3 && memcmp(modem.line, "+++", 3) == 0) { modem.len = 0; }
    if (byte != '\n') { return; }
    modem.line[modem.len] = 0;
    if (!modem.lies && !modem.booted) {
        MUST(strstr(modem.line, "AT") && modem.len > 3);
        MUST(memcmp(modem.line + modem.len - 2, "\r\n", 2) == 0);
    }
    modem.len = 0;
    hear_line();
}

/* -- the UART ---------------------------------------------------------------------- */

static size_t limited(size_t n)
{
    return modem.chunk && modem.chunk < n ? modem.chunk : n;
}

static int uart_read(void *user, void *dst, size_t cap)
{
    size_t n = modem.out_n - modem.out_off;

    (void)user;
    if (modem.fails) { return -1; }
    n = limited(n < cap ? n : cap);
    memcpy(dst, modem.out + modem.out_off, n);
    modem.out_off += n;
    if (modem.out_off == modem.out_n) { modem.out_off = modem.out_n = 0; }
    return (int)n;
}

static int uart_write(void *user, const void *src, size_t len)
{
    const uint8_t *p = src;
    size_t i;

    (void)user;
    if (modem.fails) { return -1; }
    if (modem.stuck) { return 0; }
    len = limited(len);
    for (i = 0; i < len; i++) { hear(p[i]); }
    return (int)len;
}

static uint32_t uart_tick(void *user)
{
    (void)user;
    return now;
}

/* -- the application ------------------------------------------------------------------ */

static int is_fatal(int rc)
{
    return rc == ESTLS_E_TIMEOUT || rc == ESTLS_E_MODEM || rc == ESTLS_E_IO ||
           rc == ESTLS_E_NETWORK || rc == ESTLS_E_PROTO ||
           rc == ESTLS_E_POWER || rc == ESTLS_E_SPACE;
}

/* Once lost, lost for good. */
static void check_link(void)
{
    if (dead) { MUST(l.err == dead); }
    dead = l.err;
    MUST(!dead || is_fatal(dead));
}

enum { DIAL = 1, OTHER_OP };

static void step(void)
{
    const int rc = estls_link_step(&l);

    check_link();
    if (rc == ESTLS_BUSY) { return; }
    MUST(rc == ESTLS_OK || rc == ESTLS_E_ARG || is_fatal(rc));
    if (pending == DIAL && rc == ESTLS_OK) {
        struct app *a = &app[pending_id];
        const uint8_t dropped = a->dropped;
        memset(a, 0, sizeof *a);
        a->open = !dropped;
        a->dropped = dropped;
        a->serial = modem.link[pending_id].serial;
    }
    pending = 0;
}

static void started(int rc, int op, unsigned id)
{
    check_link();
    if (rc == ESTLS_OK) {
        pending = op;
        pending_id = id;
    } else {
        MUST(rc == ESTLS_BUSY || rc == ESTLS_E_ARG || rc == ESTLS_E_STATE ||
             rc == ESTLS_E_SPACE || rc == ESTLS_E_CLOCK || rc == dead);
    }
}

static void dial(unsigned id)
{
    const int rc = estls_link_dial(&l, "host.test", 25, (uint8_t)id);

    if (rc == ESTLS_OK) { memset(&app[id], 0, sizeof app[id]); }
    started(rc, DIAL, id);
}

static void hang_up(unsigned id)
{
    const int rc = estls_link_hangup(&l, (uint8_t)id);

    app[id].open = 0;
    if (rc == ESTLS_BUSY) { app[id].dropped = 1; }
    started(rc, OTHER_OP, id);
}

static void check_read(unsigned id, const uint8_t *p, uint32_t n)
{
    struct app *a = &app[id];
    const connection *c = &modem.link[id];
    uint32_t i;

    MUST(!a->ended || modem.lies);
    if (!modem.lies && a->serial == c->serial) {
        MUST(a->rx + n <= c->given);
        for (i = 0; i < n; i++) {
            MUST(p[i] == flow(seed_of(id, a->serial), a->rx + i));
        }
    }
    a->rx += n;
}

static void read_some(unsigned id, size_t cap)
{
    static uint8_t memory[CAP];
    struct app *a = &app[id];
    const connection *c = &modem.link[id];
    estls_io io;
    int n;

    if (!a->open && c->serial) { return; } /* whose it is, the dial tells */
    MUST(estls_link_io(&l, (uint8_t)id, &io) == ESTLS_OK);
    asked = asked > cap ? asked : cap; /* a pull may outlive its read */
    n = io.read(io.user, memory + CAP - cap, cap);
    check_link();
    if (!a->open) {
        MUST(n <= 0 || modem.lies || c->serial);
    } else if (n > 0) {
        MUST((size_t)n <= cap);
        check_read(id, memory + CAP - cap, (uint32_t)n);
    } else if (n == ESTLS_E_CLOSED) {
        if (!modem.lies && !c->refused && a->serial == c->serial &&
            !(l.port[id].flags & ESTLSI_LINK_FAILED)) {
            MUST(!c->open && a->rx == c->down);
        }
        a->ended = 1;
    } else {
        MUST(n == 0 || n == dead || n == ESTLS_E_NETWORK || n == ESTLS_E_STATE);
        /* 0 only while the payload of another is under way */
        if (a->ended && cap && !modem.lies) { MUST(n || l.at.at.left); }
    }
}

static void write_some(unsigned id, size_t n)
{
    static uint8_t memory[CAP];
    struct app *a = &app[id];
    const connection *c = &modem.link[id];
    uint8_t *p;
    estls_io io;
    size_t i;
    int k;

    if (!a->open) { return; }
    n = a->want ? a->want : n;
    p = memory + CAP - n;
    MUST(estls_link_io(&l, (uint8_t)id, &io) == ESTLS_OK);
    for (i = 0; i < n; i++) {
        p[i] = flow(seed_of(id, a->serial) + 99, a->tx + (uint32_t)i);
    }
    offered = n;
    a->want = (uint32_t)n;
    k = io.write(io.user, p, n);
    check_link();
    if (k > 0) {
        MUST((size_t)k <= n);
        a->tx += (uint32_t)k;
        a->want -= (uint32_t)k;
        if (!modem.lies && c->open && c->serial == a->serial) {
            MUST(c->up == a->tx);
        }
    } else {
        MUST(k == 0 || k == dead || k == ESTLS_E_CLOSED ||
             k == ESTLS_E_NETWORK || k == ESTLS_E_STATE || k == ESTLS_E_POWER);
    }
}

static void on_own(estls_at_cmd *cmd, int rc)
{
    (void)cmd;
    MUST(own_queued && !own_done);
    MUST(rc == ESTLS_OK || rc == ESTLS_E_MODEM || rc == ESTLS_E_TIMEOUT ||
         rc == ESTLS_E_IO);
    own_done = 1;
}

static void submit_own(void)
{
    static const char text[] = "AT+RFPOWER=40\r\n";

    if (own_queued && !own_done) { return; }
    memset(&own, 0, sizeof own);
    own.text = text;
    own.len = sizeof text - 1;
    own.timeout_ms = 1000;
    own.done = on_own;
    own_done = 0;
    own_queued = 1;
    MUST(estls_at_submit(&l.at, &own) == ESTLS_OK);
}

/* -- acts --------------------------------------------------------------------------------- */

static void raw(fuzz_input *in)
{
    const fuzz_input bytes = fuzz_part(in, fuzz_take(in, 1) % 80);

    modem.lies = 1;
    if (bytes.n) { emit(bytes.p, bytes.n); }
}

static void boot(void)
{
    unsigned id;

    for (id = 0; id < LINKS; id++) { modem.link[id].open = 0; }
    modem.payload = 0;
    modem.len = 0;
    modem.booted = 1;
    emit_text("\r\nets Jan  8 2013\r\nready\r\n");
}

static void pass(fuzz_input *in)
{
    static const uint16_t some_ms[] = {0, 1, 20, 300, 1100, 2100};
    const uint32_t bits = fuzz_take(in, 1);
    uint32_t n = 1 + (bits & 15);

    while (n--) {
        step();
        now += some_ms[(bits >> 4) % 6];
    }
}

static void misuse(unsigned id)
{
    estls_io io;

    MUST(estls_link_io(&l, LINKS, &io) == ESTLS_E_ARG);
    started(estls_link_dial(&l, "a\r\nb", 25, (uint8_t)id), OTHER_OP, 0);
    started(estls_link_dial(&l, "", 25, (uint8_t)id), OTHER_OP, 0);
    MUST(estls_link_hangup(&l, LINKS) == ESTLS_E_ARG);
}

enum {
    STEP,
    OPEN_LINK,
    HANG_UP,
    READ,
    WRITE,
    SAYS,
    CLOSES,
    ANSWER,
    LATE_ANSWER,
    JOIN,
    CLOCK,
    OWN,
    GATE,
    CHUNK,
    RAW_BYTES,
    BOOT,
    WIFI,
    BREAK,
    STUCK,
    MISUSE,
    ACTS
};

static void act_of_modem(uint32_t what, unsigned id, fuzz_input *in)
{
    switch (what) {
    case SAYS: peer_says(id, fuzz_take(in, 2) % 1500); break;
    case CLOSES: peer_closes(id); break;
    case ANSWER: modem.how = (uint8_t)(fuzz_take(in, 1) % HOW); break;
    case LATE_ANSWER:
        emit_text(modem.late);
        modem.late[0] = 0;
        break;
    case CHUNK: modem.chunk = (uint8_t)(fuzz_take(in, 1) % 64); break;
    case RAW_BYTES: raw(in); break;
    case BOOT: boot(); break;
    case WIFI: emit_text("WIFI DISCONNECT\r\n"); break;
    case BREAK: modem.fails = 1; break;
    case STUCK: modem.stuck ^= 1; break;
    default: break;
    }
}

static void act(fuzz_input *in)
{
    const uint32_t bits = fuzz_take(in, 1);
    const uint32_t what = bits % ACTS;
    const unsigned id = d.mux ? bits / ACTS % LINKS : 0;

    switch (what) {
    case STEP: pass(in); break;
    case OPEN_LINK: dial(id); break;
    case HANG_UP: hang_up(id); break;
    case READ: read_some(id, fuzz_take(in, 2) % (CAP + 1)); break;
    case WRITE: write_some(id, fuzz_take(in, 2) % (CAP + 1)); break;
    case JOIN: started(estls_link_join(&l), OTHER_OP, 0); break;
    case CLOCK: started(estls_link_clock(&l), OTHER_OP, 0); break;
    case OWN: submit_own(); break;
    case GATE:
        gate.wait = fuzz_take(in, 1) * 20;
        gate.least = fuzz_take(in, 1);
        break;
    case MISUSE: misuse(id); break;
    default: act_of_modem(what, id, in); break;
    }
}

/* -- the target ---------------------------------------------------------------------------- */

static void set_up(uint32_t bits)
{
    memset(&d, 0, sizeof d);
    memset(&modem, 0, offsetof(__typeof__(modem), out));
    modem.out_n = modem.out_off = 0;
    memset(&modem.late, 0, sizeof modem - offsetof(__typeof__(modem), late));
    memset(app, 0, sizeof app);
    memset(&gate, 0, sizeof gate);
    dead = 0;
    pending = OTHER_OP;
    own_queued = own_done = 0;
    asked = offered = 0;
    now = bits & 16 ? 0xffffff00u : 0;
    d.uart.read = uart_read;
    d.uart.write = uart_write;
    d.uart.tick = uart_tick;
    d.line = line_memory;
    d.line_cap = sizeof line_memory;
    d.mux = bits & 1;
    d.push = bits >> 1 & 1;
    d.gate = bits & 4 ? NULL : ask_gate;
    d.ssid = "net";
    d.password = "a\"b,c\\d";
    d.sntp = "pool.ntp.org";
    d.timeout_ms = TIMEOUT_MS;
    modem.pull = !d.push;
}

/* The modem falls silent: all that is under way must end. */
static void silence(void)
{
    const uint32_t t0 = now;
    uint32_t time;
    int rc;

    modem.out_off = modem.out_n = 0;
    modem.stuck = 1;
    do {
        rc = estls_link_step(&l);
        check_link();
        now += 100;
        MUST(now - t0 <= 60000);
    } while (rc == ESTLS_BUSY || (!l.err && l.at.head));
    MUST(rc == ESTLS_OK || rc == ESTLS_E_ARG || is_fatal(rc));
    MUST(!gate.sending || !d.gate);
    if (!l.err && own_queued) { MUST(own_done); }
    time = estls_link_time(&l);
    MUST(!time || modem.lies || time >= 1577836800);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint32_t bits = fuzz_take(&in, 1);
    int i;

    set_up(bits);
    MUST(estls_link_open(&l, &d) == ESTLS_OK);
    /* set up in any case, unless the acts shall meet it half done */
    for (i = 0; !(bits & 8) && pending && i < 60; i++) { step(); }
    while (in.n) { act(&in); }
    silence();
    return 0;
}
