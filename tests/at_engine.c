/* at_engine.c - transactions over a scripted UART, in virtual time. */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include "check.h"

/* -- the modem: a script --------------------------------------------------- */

/* The host sends exactly this; so many ms after it the modem answers that.
 * host "": the modem speaks unasked, so long after the row before. */
typedef struct row {
    const char *host;
    uint16_t after;
    const char *modem;
} row;

enum { EVER = 60000, PROBE_MS = 1000, STALL_MS = 5000, GUARD_MS = 1100 };

static struct {
    uint32_t now;
    const row *row; /* null host: the script is over */
    size_t heard;   /* bytes of row->host */
    size_t said;    /* bytes of row->modem */
    uint32_t t0;
    size_t write_max; /* 0: no limit */
    size_t read_max;
    uint8_t deaf; /* write takes nothing */
    uint8_t write_fails;
    uint8_t read_fails;
    long wrong;      /* bytes that the script does not have */
    size_t widest;   /* offered to read */
    uint32_t t_sent; /* when the host wrote last */
} modem;

static uint32_t uart_tick(void *user)
{
    (void)user;
    return modem.now;
}

static void next_row(void)
{
    modem.row++;
    modem.heard = 0;
    modem.said = 0;
    modem.t0 = modem.now;
}

static void hear(char c)
{
    while (modem.row->host && !modem.row->host[modem.heard] &&
           !modem.row->modem[modem.said]) {
        next_row();
    }
    if (!modem.row->host || modem.row->host[modem.heard] != c) {
        modem.wrong++;
        return;
    }
    modem.heard++;
    modem.t0 = modem.now;
}

static int uart_write(void *user, const void *src, size_t len)
{
    const char *p = (const char *)src;
    size_t i;

    (void)user;
    if (modem.write_fails) { return -1; }
    if (modem.deaf || len == 0) { return 0; }
    if (modem.write_max && len > modem.write_max) { len = modem.write_max; }
    for (i = 0; i < len; i++) { hear(p[i]); }
    modem.t_sent = modem.now;
    return (int)len;
}

static int row_speaks(void)
{
    return modem.row->host && !modem.row->host[modem.heard] &&
           (uint32_t)(modem.now - modem.t0) >= modem.row->after;
}

static int uart_read(void *user, void *dst, size_t cap)
{
    size_t n;

    (void)user;
    modem.widest = cap > modem.widest ? cap : modem.widest;
    if (modem.read_fails) { return -1; }
    while (row_speaks() && !modem.row->modem[modem.said]) { next_row(); }
    if (!row_speaks()) { return 0; }
    n = strlen(modem.row->modem + modem.said);
    n = n < cap ? n : cap;
    n = modem.read_max && n > modem.read_max ? modem.read_max : n;
    memcpy(dst, modem.row->modem + modem.said, n);
    modem.said += n;
    return (int)n;
}

static const estls_io uart = {uart_read, uart_write, uart_tick, NULL};

/* -- the host: commands A to F, and a trace of what happens ---------------- */

static estls_at_engine engine;
static char line[64];
static estls_at_cmd a, b, c, d;
static char trace[CHECK_SIZE(2048, 128)];
/* What a test does inside callbacks, besides being traced. */
static void (*in_event)(estls_at_cmd *cmd, const estls_at_event *ev);
static void (*in_done)(estls_at_cmd *cmd, int rc);
static void (*in_engine)(const estls_at_event *ev);

static void note(const char *text, size_t n)
{
    const size_t used = strlen(trace);

    if (used + n < sizeof trace) {
        memcpy(trace + used, text, n);
        trace[used + n] = 0;
    }
}

static void note_string(const char *text)
{
    note(text, strlen(text));
}

static void on_event(estls_at_cmd *cmd, const estls_at_event *ev)
{
    note_string((const char *)cmd->user);
    note_string(": ");
    note(ev->text, ev->len);
    note_string("\n");
    if (in_event) { in_event(cmd, ev); }
}

static void on_done(estls_at_cmd *cmd, int rc)
{
    note_string((const char *)cmd->user);
    note_string(" ");
    note_string(estls_error_name(rc));
    note_string("\n");
    if (in_done) { in_done(cmd, rc); }
}

static void on_engine(void *user, const estls_at_event *ev)
{
    note_string((const char *)user);
    note(ev->text, ev->len);
    note_string("\n");
    if (in_engine) { in_engine(ev); }
}

static void command(estls_at_cmd *cmd, const char *name, const char *text)
{
    memset(cmd, 0, sizeof *cmd);
    cmd->text = text;
    cmd->len = (uint16_t)strlen(text);
    cmd->event = on_event;
    cmd->done = on_done;
    /* a callback's user is not const, a name is */
    memcpy(&cmd->user, &name, sizeof name);
    cmd->timeout_ms = 200;
}

static uint32_t epoch;
static size_t write_max, read_max;

static void begin(const row *script)
{
    static char engine_name[] = "- ";

    memset(&modem, 0, sizeof modem);
    modem.row = script;
    modem.now = epoch;
    modem.t0 = epoch;
    modem.write_max = write_max;
    modem.read_max = read_max;
    in_event = NULL;
    in_done = NULL;
    in_engine = NULL;
    trace[0] = 0;
    command(&a, "A", "AT+A\r\n");
    command(&b, "B", "AT+B\r\n");
    command(&c, "C", "AT+C\r\n");
    command(&d, "D", "AT+D\r\n");
    CHECK_INT(estls_at_open(&engine, &uart, estls_at_esp(), line, sizeof line,
                            on_engine, engine_name),
              ESTLS_OK);
}

static void submit(estls_at_cmd *cmd)
{
    CHECK_INT(estls_at_submit(&engine, cmd), ESTLS_OK);
}

/* Steps for so long. */
static void pass(uint32_t ms)
{
    int rc = ESTLS_OK;

    for (; ms; ms--) {
        rc = estls_at_step(&engine);
        if (rc < 0) {
            CHECK_INT(rc, ESTLS_OK);
            return;
        }
        modem.now++;
    }
}

/* Steps until idle, at most so long. */
static void settle(uint32_t ms)
{
    int rc = ESTLS_BUSY;

    for (; ms && rc == ESTLS_BUSY; ms--) {
        rc = estls_at_step(&engine);
        modem.now++;
    }
    CHECK_INT(rc, ESTLS_OK);
}

/* The trace is this, and the modem heard its script and no more. */
static void end(const char *want)
{
    CHECK_TEXT(trace, want);
    CHECK_INT(modem.wrong, 0);
    while (modem.row->host && !modem.row->host[modem.heard] &&
           !modem.row->modem[modem.said]) {
        next_row();
    }
    CHECK(modem.row->host == NULL);
}

/* -- answers --------------------------------------------------------------- */

static void test_ok(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"}, {0, 0, 0}};

    begin(script);
    CHECK_INT(estls_at_step(&engine), ESTLS_OK);
    submit(&a);
    CHECK_INT(estls_at_step(&engine), ESTLS_BUSY);
    settle(100);
    end("A OK\n");
}

static void test_errors(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nERROR\r\n"},
                                 {"AT+B\r\n", 5, "+CME ERROR: 10\r\n"},
                                 {"AT+C\r\n", 5, "\r\nFAIL\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    settle(100);
    CHECK(engine.code == 0xffffffffu);
    submit(&b);
    settle(100);
    CHECK_INT(engine.code, 10);
    submit(&c);
    settle(100);
    CHECK(engine.code == 0xffffffffu);
    end("A E_MODEM\nB E_MODEM\nC E_MODEM\n");
}

static void test_order(void)
{
    static const row script[] = {{"AT+A\r\n", 9, "\r\nOK\r\n"},
                                 {"AT+B\r\n", 0, "\r\nERROR\r\n"},
                                 {"AT+C\r\n", 3, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    submit(&c);
    settle(100);
    end("A OK\nB E_MODEM\nC OK\n");
}

static void test_lines(void)
{
    static const row script[] = {
        {"", 1, "+A: 0\r\n"},
        {"AT+A\r\n", 5,
         "AT+A\r\r\n+A: 1\r\n0,CLOSED\r\n+X: 2\r\n+A: 3\r\n\r\nOK\r\n"},
        {"", 5, "+A: 4\r\n"},
        {"AT+B\r\n", 5, "anything\r\nWIFI GOT IP\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    pass(20);
    a.expect = "+A:";
    submit(&a);
    settle(100);
    pass(20);
    submit(&b);
    settle(100);
    end("- +A: 0\nA: +A: 1\n- 0,CLOSED\n- +X: 2\nA: +A: 3\nA OK\n- +A: 4\n"
        "B: anything\n- WIFI GOT IP\nB OK\n");
}

static void test_null_callbacks(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "x\r\nOK\r\n"}, {0, 0, 0}};

    begin(script);
    a.event = NULL;
    a.done = NULL;
    submit(&a);
    settle(100);
    end("");
}

/* An overlong line that does not begin as the answer does is not an answer. */
static void test_overlong_urc(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5,
         "+LONG:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAA\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.expect = "+A:";
    submit(&a);
    settle(100);
    end("- +LONG:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        "A OK\n");
}

/* -- deadlines and late replies -------------------------------------------- */

static void test_deadline(void)
{
    static const row script[] = {{"AT+A\r\n", 0, ""}, {0, 0, 0}};

    begin(script);
    submit(&a);
    pass(200);
    CHECK_TEXT(trace, "");
    settle(20);
    end("A E_TIMEOUT\n");
}

static void test_modem_takes_nothing(void)
{
    static const row script[] = {{0, 0, 0}};

    begin(script);
    modem.deaf = 1;
    submit(&a);
    pass(199);
    CHECK_TEXT(trace, "");
    settle(20);
    end("A E_TIMEOUT\n");
}

/* The late OK of A must not complete B. */
static void test_late_ok(void)
{
    static const row script[] = {{"AT+A\r\n", 0, ""},
                                 {"AT+CIPMUX?\r\n", 5, "+A: 1\r\n\r\nOK\r\n"},
                                 {"", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
                                 {"AT+B\r\n", 5, "\r\nERROR\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    settle(2000);
    end("A E_TIMEOUT\n- +A: 1\nB E_MODEM\n");
}

static void test_late_ok_before_the_probe(void)
{
    static const row script[] = {
        {"AT+A\r\n", 250, "\r\nOK\r\n"},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:0\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    settle(1000);
    pass(100);
    submit(&b);
    settle(1000);
    end("A E_TIMEOUT\nB OK\n");
}

/* A long late answer is no answer to the probe either. */
static void test_late_overlong_line(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5,
         "+LONG:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAA\r\n\r\nOK\r\n"},
        {"", 50, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 100, "\r\nERROR\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    settle(2000);
    end("A E_TIMEOUT\n"
        "- +LONG:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        "B E_MODEM\n");
}

static void test_late_error_and_prompt(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "\r\nERROR\r\n\r\n>\r\nbusy p...\r\n"},
        {"", 5, "+CIPMUX:1\r\n\r\nERROR\r\n"},
        {"", 50, "\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.kind = ESTLS_AT_PROMPTS;
    submit(&a);
    submit(&b);
    settle(2000);
    end("A E_TIMEOUT\n- >\nB OK\n");
}

/* Three probes for each command that waits; the probes are 1 s apart. */
static void test_dead_modem(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},       {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""}, {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""}, {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""}, {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    submit(&c);
    pass(200 + 3 * PROBE_MS);
    CHECK_TEXT(trace, "A E_TIMEOUT\n");
    pass(50);
    CHECK_TEXT(trace, "A E_TIMEOUT\nB E_TIMEOUT\n");
    pass(3 * PROBE_MS - 100);
    end("A E_TIMEOUT\nB E_TIMEOUT\n");
    estls_at_abort(&engine, &c);
    CHECK_INT(estls_at_step(&engine), ESTLS_OK);
    submit(&a); /* aborted before anything of it can leave */
    estls_at_abort(&engine, &a);
    CHECK_INT(estls_at_step(&engine), ESTLS_OK);
    CHECK_INT(modem.wrong, 0);
}

static void test_probe_is_repeated(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    settle(3000);
    end("A E_TIMEOUT\nB OK\n");
}

/* -- busy ------------------------------------------------------------------ */

static void test_busy(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nbusy p...\r\n"},
                                 {"AT+A\r\n", 5, "\r\nbusy s...\r\n"},
                                 {"AT+A\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+B\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};
    uint32_t first;

    begin(script);
    submit(&a);
    submit(&b);
    pass(50);
    first = modem.t_sent;
    pass(100);
    CHECK((uint32_t)(modem.t_sent - first) >= 100);
    settle(1000);
    end("A OK\nB OK\n");
}

#define BUSY                                                                   \
    {                                                                          \
        "AT+A\r\n", 5, "\r\nbusy p...\r\n"                                     \
    }

static void test_busy_for_ever(void)
{
    static const row script[] = {
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        BUSY,
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    settle(EVER);
    end("A E_MODEM\nB OK\n");
}

/* The next command has its own three probes, whatever its predecessor used. */
static void test_abort_after_busy(void)
{
    static const row script[] = {
        BUSY,
        BUSY,
        BUSY,
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    pass(400);
    estls_at_abort(&engine, &a);
    settle(2000);
    end("B OK\n");
}

static void test_busy_while_sending_payload(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"hello", 5, "\r\nRecv 5 bytes\r\n\r\nbusy p...\r\n\r\nSEND OK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.kind = ESTLS_AT_PROMPTS;
    submit(&a);
    pass(50);
    CHECK_INT(uart_write(NULL, "hello", 1), 1);
    CHECK_INT(modem.wrong, 0);
    while (modem.row->host[modem.heard]) {
        CHECK_INT(uart_write(NULL, &"hello"[modem.heard], 1), 1);
    }
    settle(100);
    end("A: >\n- Recv 5 bytes\nA OK\n");
}

/* -- prompts --------------------------------------------------------------- */

static void write_hello(estls_at_cmd *cmd, const estls_at_event *ev)
{
    size_t i;

    (void)cmd;
    for (i = 0; ev->kind == ESTLS_AT_PROMPT && i < 5; i++) {
        CHECK_INT(uart_write(NULL, &"hello"[i], 1), 1);
    }
}

static void prompted(const row *script, const char *want)
{
    begin(script);
    a.kind = ESTLS_AT_PROMPTS;
    in_event = write_hello;
    submit(&a);
    settle(1000);
    end(want);
}

static void test_prompts(void)
{
    static const row old[] = {
        {"AT+A\r\n", 5, "AT+A\r\r\nOK\r\n>"}, /* and a blank */
        {"hello", 5, " \r\nRecv 5 bytes\r\n\r\nSEND OK\r\n"},
        {0, 0, 0}};
    static const row current[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"hello", 5, "\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n"},
        {0, 0, 0}};
    static const row slow[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"},
                               {"", 150, "\r\n>"},
                               {"hello", 150, "\r\nRecv 5 bytes\r\n"},
                               {"", 40, "\r\nSEND OK\r\n"},
                               {0, 0, 0}};
    static const row urc[] = {
        {"AT+A\r\n", 5, "0,CLOSED\r\n\r\nOK\r\n1,CLOSED\r\n\r\n>"},
        {"hello", 5, "2,CLOSED\r\nRecv 5 bytes\r\n3,CLOSED\r\n\r\nSEND OK\r\n"},
        {0, 0, 0}};

    prompted(old, "A: >\n- Recv 5 bytes\nA OK\n");
    prompted(current, "A: >\n- Recv 5 bytes\nA OK\n");
    prompted(slow, "A: >\n- Recv 5 bytes\nA OK\n");
    prompted(urc, "- 0,CLOSED\n- 1,CLOSED\nA: >\n- 2,CLOSED\n- Recv 5 bytes\n"
                  "- 3,CLOSED\nA OK\n");
}

static void test_prompt_refused(void)
{
    static const row refused[] = {{"AT+A\r\n", 5, "\r\nERROR\r\n"}, {0, 0, 0}};
    static const row invalid[] = {
        {"AT+A\r\n", 5, "link is not valid\r\n\r\nERROR\r\n"}, {0, 0, 0}};
    static const row failed[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"hello", 5, "\r\nRecv 5 bytes\r\n\r\nSEND FAIL\r\n"},
        {0, 0, 0}};
    static const row closed[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"hello", 5, "0,CLOSED\r\n\r\nRecv 5 bytes\r\n\r\nERROR\r\n"},
        {0, 0, 0}};

    prompted(refused, "A E_MODEM\n");
    prompted(invalid, "A: link is not valid\nA E_MODEM\n");
    prompted(failed, "A: >\n- Recv 5 bytes\nA E_MODEM\n");
    prompted(closed, "A: >\n- 0,CLOSED\n- Recv 5 bytes\nA E_MODEM\n");
}

static void test_prompt_phases_time_out(void)
{
    static const row no_prompt[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"}, {0, 0, 0}};
    static const row no_final[] = {{"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
                                   {"hello", 5, "\r\nRecv 5 bytes\r\n"},
                                   {0, 0, 0}};

    prompted(no_prompt, "A E_TIMEOUT\n");
    prompted(no_final, "A: >\n- Recv 5 bytes\nA E_TIMEOUT\n");
}

/* A '>' that nobody waits for is a line's beginning. */
static void test_prompt_unasked(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\n> x\r\n\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    settle(100);
    end("A: > x\nA OK\n");
}

/* -- payload --------------------------------------------------------------- */

static char payload[64];
static size_t payload_len;

/* Steps, and takes payload as it comes, in small pieces. */
static void settle_reading(uint32_t ms)
{
    int rc = ESTLS_BUSY;
    int n = 0;

    for (; ms && rc >= 0 && n >= 0; ms--) {
        rc = estls_at_step(&engine);
        do {
            n = estls_at_read(&engine, payload + payload_len, 3);
            payload_len += n > 0 ? (size_t)n : 0;
        } while (n > 0);
        modem.now++;
    }
    payload[payload_len] = 0;
    CHECK_INT(rc, ESTLS_OK);
    CHECK_INT(n, 0);
}

static void with_payload(const row *script, const char *want,
                         const char *want_payload)
{
    begin(script);
    payload_len = 0;
    a.kind = ESTLS_AT_PROMPTS;
    in_event = write_hello;
    settle_reading(20);
    submit(&a);
    settle_reading(300);
    end(want);
    CHECK_TEXT(payload, want_payload);
}

static void test_payload_at_every_phase(void)
{
    static const row before[] = {
        {"", 0, "+IPD,0,3:OK\n"},
        {"AT+A\r\n", 5, "\r\n+IPD,0,6:\r\nOK\r\n\r\nERROR\r\n"},
        {0, 0, 0}};
    static const row middle[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n+IPD,4,2:> \r\n>"},
        {"hello", 5,
         "\r\n+IPD,4,5,\"192.168.1.48\",65267:abcde\r\nRecv 5 bytes\r\n"
         "\r\n+IPD,4,1:fSEND OK\r\n"},
        {0, 0, 0}};
    static const row empty[] = {
        {"AT+A\r\n", 5, "\r\n+IPD,0,0:\r\n+IPD,0,0:\r\nERROR\r\n"}, {0, 0, 0}};

    with_payload(before, "- +IPD,0,3:\n- +IPD,0,6:\nA E_MODEM\n",
                 "OK\n\r\nOK\r\n");
    with_payload(middle,
                 "- +IPD,4,2:\nA: >\n- +IPD,4,5,\"192.168.1.48\",65267:\n"
                 "- Recv 5 bytes\n- +IPD,4,1:\nA OK\n",
                 "> abcdef");
    with_payload(empty, "- +IPD,0,0:\n- +IPD,0,0:\nA E_MODEM\n", "");
}

static void test_payload_stalls(void)
{
    static const row script[] = {{"", 1, "+IPD,0,10:1234567"},
                                 {"", 6000, "\r\n0,CLOSED\r\n"},
                                 {0, 0, 0}};
    char got[16];
    size_t n = 0;

    begin(script);
    pass(20);
    while (n < 7) {
        int part = estls_at_read(&engine, got + n, sizeof got - n);
        CHECK(part > 0 && part <= 7);
        n += part > 0 ? (size_t)part : 7;
    }
    modem.now += STALL_MS - 1;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), 0);
    modem.now++;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), ESTLS_E_TIMEOUT);
    CHECK_INT(estls_at_read(&engine, got, sizeof got), 0);
    pass(6100);
    end("- +IPD,0,10:\n- 0,CLOSED\n");
}

static void test_read_without_payload(void)
{
    static const row script[] = {{"", 1, "\r\nOK\r\n+IPD,0,2:hi"}, {0, 0, 0}};
    char got[4];

    begin(script);
    CHECK_INT(estls_at_read(&engine, got, sizeof got), 0);
    pass(20);
    CHECK_INT(estls_at_read(&engine, got, 0), 0);
    CHECK_INT(estls_at_read(&engine, got, 1), 1);
    while (engine.at.left) { CHECK_INT(estls_at_read(&engine, got + 1, 3), 1); }
    CHECK(memcmp(got, "hi", 2) == 0);
    modem.read_fails = 1;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), 0);
    modem.read_fails = 0;
    end("- +IPD,0,2:\n");
}

/* What the engine has taken with the header, and what is behind it, as one; an
 * error there takes nothing away. */
static void test_read_takes_all_that_is_there(void)
{
    static const row script[] = {
        {"", 1, "+IPD,0,26:abcdefghijklmnopqrstuvwxyz"}, {0, 0, 0}};
    char got[26];

    begin(script);
    modem.read_max = 0;
    pass(20);
    CHECK_INT(estls_at_read(&engine, got, 25), 25);
    CHECK_INT(estls_at_read(&engine, got + 25, 25), 1);
    CHECK_INT(engine.at.left, 0);
    CHECK(memcmp(got, "abcdefghijklmnopqrstuvwxyz", sizeof got) == 0);
    end("- +IPD,0,26:\n");
    begin(script);
    modem.read_max = 0;
    pass(20);
    modem.read_fails = 1;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), ESTLS_E_IO);
    modem.read_fails = 0;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), 26);
    CHECK(memcmp(got, "abcdefghijklmnopqrstuvwxyz", sizeof got) == 0);
    end("- +IPD,0,26:\n");
}

/* estls_io says: never more than 32,767 at once. */
static void test_read_offers_no_more_than_an_int(void)
{
    static const row script[] = {{"", 1, "+IPD,0,65535:"}, {0, 0, 0}};
    char dst[1]; /* nothing comes */

    begin(script);
    pass(20);
    CHECK_INT(engine.at.left, 65535);
    CHECK_INT(estls_at_read(&engine, dst, 65535), 0);
    CHECK(modem.widest <= 32767);
    end("- +IPD,0,65535:\n");
}

/* Payload stops a command's clock; it does not start it afresh, so that a
 * peer that sends on and on cannot hold off a deadline for ever. */
static void test_payload_stops_the_clock(void)
{
    static const row script[] = {{"AT+A\r\n", 150, "+IPD,0,0:+IPD,0,1:x"},
                                 {0, 0, 0}};
    char got[1];

    begin(script);
    submit(&a);
    pass(160);
    CHECK_INT(engine.at.left, 1);
    pass(1000);
    CHECK_TEXT(trace, "- +IPD,0,0:\n- +IPD,0,1:\n");
    CHECK_INT(estls_at_read(&engine, got, 1), 1);
    pass(20);
    CHECK_TEXT(trace, "- +IPD,0,0:\n- +IPD,0,1:\n");
    pass(60);
    end("- +IPD,0,0:\n- +IPD,0,1:\nA E_TIMEOUT\n");
}

/* -- abort ----------------------------------------------------------------- */

static void test_abort_queued(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    submit(&c);
    submit(&d);
    pass(2);
    estls_at_abort(&engine, &b);
    estls_at_abort(&engine, &d);
    estls_at_abort(&engine, &d);
    settle(100);
    end("A OK\nC OK\n");
    submit(&b);
    estls_at_abort(&engine, &b);
    CHECK_INT(estls_at_step(&engine), ESTLS_OK);
}

static void test_abort_in_flight(void)
{
    static const row script[] = {
        {"AT+A\r\n", 50, "+A: 1\r\n\r\nOK\r\n"},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    pass(20);
    estls_at_abort(&engine, &a);
    pass(100);
    submit(&b);
    settle(1000);
    end("- +A: 1\nB OK\n");
}

static void abort_self(estls_at_cmd *cmd, const estls_at_event *ev)
{
    (void)ev;
    estls_at_abort(&engine, cmd);
}

static void test_abort_inside_event(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "+A: 1\r\n+A: 2\r\n\r\nOK\r\n"},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    in_event = abort_self;
    submit(&a);
    pass(50);
    submit(&b);
    settle(1000);
    end("A: +A: 1\n- +A: 2\nB OK\n");
}

static void test_abort_inside_prompt(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.kind = ESTLS_AT_PROMPTS;
    in_event = abort_self;
    submit(&a);
    submit(&b);
    settle(3000);
    end("A: >\nB OK\n");
}

static void abort_b(estls_at_cmd *cmd, int rc)
{
    (void)rc;
    if (cmd == &a) {
        estls_at_abort(&engine, &b);
        estls_at_abort(&engine, &a);
    }
}

static void test_abort_inside_done(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    in_done = abort_b;
    submit(&a);
    submit(&b);
    submit(&c);
    settle(100);
    end("A OK\nC OK\n");
}

/* A has timed out, and with it goes B, which had its turn. */
static void test_abort_inside_done_of_a_timeout(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+C\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    in_done = abort_b;
    submit(&a);
    submit(&b);
    submit(&c);
    settle(3000);
    end("A E_TIMEOUT\nC OK\n");
}

static void abort_a_and_submit_c(const estls_at_event *ev)
{
    if (ev->kind == ESTLS_AT_URC) {
        estls_at_abort(&engine, &a);
        submit(&c);
    }
}

static void test_abort_and_submit_inside_engine_event(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "0,CLOSED\r\n\r\nOK\r\n"},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {"AT+C\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    in_engine = abort_a_and_submit_c;
    submit(&a);
    submit(&b);
    settle(1000);
    end("- 0,CLOSED\nB OK\nC OK\n");
}

/* However often commands were given up before, this one has its probes. */
static void test_abort_during_probes(void)
{
    static const row script[] = {
        {"AT+A\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+C\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    pass(200 + 2 * PROBE_MS + 50);
    estls_at_abort(&engine, &b);
    pass(5 * PROBE_MS);
    submit(&c);
    settle(2000);
    end("A E_TIMEOUT\nC OK\n");
}

/* Half a command is out when it is aborted: the modem chokes on the probe that
 * follows it, and answers the next. */
static void test_abort_half_sent(void)
{
    static const row script[] = {
        {"AT+", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "\r\nERROR\r\n"},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    submit(&a);
    modem.write_max = 3;
    CHECK_INT(estls_at_step(&engine), ESTLS_BUSY);
    estls_at_abort(&engine, &a);
    modem.write_max = write_max;
    submit(&b);
    while (modem.row->host[0] && modem.heard < 3 && write_max == 1) {
        modem.heard = 3;
    }
    settle(3000);
    CHECK_TEXT(trace, "B OK\n");
}

/* -- submit ---------------------------------------------------------------- */

static void submit_again(estls_at_cmd *cmd, int rc)
{
    (void)rc;
    if (cmd == &a) {
        a.text = "AT+C\r\n";
        in_done = NULL;
        submit(&a);
    }
}

static void test_submit_inside_done(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+B\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    in_done = submit_again;
    submit(&a);
    submit(&b);
    settle(100);
    end("A OK\nB OK\nA OK\n");
}

static void submit_b(estls_at_cmd *cmd, const estls_at_event *ev)
{
    (void)ev;
    if (cmd == &a) { submit(&b); }
}

static void test_submit_inside_event(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "+A: 1\r\n\r\nOK\r\n"},
                                 {"AT+B\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    in_event = submit_b;
    submit(&a);
    settle(100);
    end("A: +A: 1\nA OK\nB OK\n");
}

static void refuse_submit(const char *text, uint16_t len, uint8_t kind)
{
    a.text = text;
    a.len = len;
    a.kind = kind;
    CHECK_INT(estls_at_submit(&engine, &a), ESTLS_E_ARG);
}

static void test_submit_refused(void)
{
    static const row script[] = {{0, 0, 0}};

    begin(script);
    refuse_submit(NULL, 6, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\r\n", 0, ESTLS_AT_PLAIN);
    refuse_submit("\r\n", 2, ESTLS_AT_PLAIN);
    refuse_submit("AT+A", 4, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\r", 5, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\n", 5, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\n\r", 6, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\r\r", 6, ESTLS_AT_PLAIN);
    refuse_submit("AT\r\nAT\r\n", 8, ESTLS_AT_PLAIN);
    refuse_submit("AT\nAT\r\n", 7, ESTLS_AT_PLAIN);
    refuse_submit("AT\rAT\r\n", 7, ESTLS_AT_PROMPTS);
    refuse_submit("AT\0A\r\n", 6, ESTLS_AT_PLAIN);
    refuse_submit("AT\033\r\n", 5, ESTLS_AT_PLAIN);
    refuse_submit("AT+A\r\n", 6, ESTLS_AT_ESCAPE);
    refuse_submit("++", 2, ESTLS_AT_ESCAPE);
    refuse_submit("AT+A\r\n", 6, ESTLS_AT_ESCAPE + 1);
    CHECK_INT(estls_at_step(&engine), ESTLS_OK);
    end("");
}

static void test_submit_twice(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n"},
                                 {"AT+B\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    CHECK_INT(estls_at_submit(&engine, &a), ESTLS_E_ARG);
    submit(&b);
    CHECK_INT(estls_at_submit(&engine, &a), ESTLS_E_ARG);
    CHECK_INT(estls_at_submit(&engine, &b), ESTLS_E_ARG);
    pass(3);
    CHECK_INT(estls_at_submit(&engine, &a), ESTLS_E_ARG);
    settle(100);
    end("A OK\nB OK\n");
}

/* -- reset ----------------------------------------------------------------- */

static void test_reset(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "ets Jun  8 2016\r\n\r\nready\r\n"},
        {"AT+D\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.expect = "+A:";
    submit(&a);
    submit(&b);
    submit(&c);
    settle(100);
    submit(&d);
    settle(100);
    end("- ets Jun  8 2016\nA E_MODEM\nB E_MODEM\nC E_MODEM\n- ready\nD OK\n");
}

static void test_reset_while_prompted(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
                                 {"hello", 5, "\r\nready\r\n"},
                                 {0, 0, 0}};

    prompted(script, "A: >\nA E_MODEM\n- ready\n");
}

/* What the callbacks of a reset submit is for the modem that has booted. */
static void test_submit_inside_reset(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nready\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    in_done = submit_again;
    submit(&a);
    submit(&b);
    settle(100);
    end("A E_MODEM\nB E_MODEM\n- ready\nA OK\n");
}

static int resubmissions;

static void abort_b_and_submit_again(estls_at_cmd *cmd, int rc)
{
    if (rc == ESTLS_E_MODEM && resubmissions++ < 5) {
        estls_at_abort(&engine, &b);
        a.text = "AT+C\r\n";
        submit(cmd);
    }
}

static void test_abort_and_submit_inside_reset(void)
{
    static const row script[] = {{"AT+A\r\n", 5, "\r\nready\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    in_done = abort_b_and_submit_again;
    resubmissions = 0;
    submit(&a);
    submit(&b);
    settle(100);
    CHECK_INT(resubmissions, 1);
    end("A E_MODEM\n- ready\nA OK\n");
}

static void test_reset_during_probes(void)
{
    static const row script[] = {{"AT+A\r\n", 0, ""},
                                 {"AT+CIPMUX?\r\n", 5, "\r\nready\r\n"},
                                 {"AT+C\r\n", 5, "\r\nOK\r\n"},
                                 {0, 0, 0}};

    begin(script);
    submit(&a);
    submit(&b);
    settle(1000);
    submit(&c);
    settle(100);
    end("A E_TIMEOUT\nB E_MODEM\n- ready\nC OK\n");
}

/* -- escape ---------------------------------------------------------------- */

static void escape(estls_at_cmd *cmd)
{
    cmd->text = "+++";
    cmd->len = 3;
    cmd->kind = ESTLS_AT_ESCAPE;
    submit(cmd);
}

static void test_escape(void)
{
    static const row script[] = {
        {"+++", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+B\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    escape(&a);
    submit(&b);
    pass(GUARD_MS - 1);
    CHECK_INT(modem.heard, 0);
    pass(10);
    CHECK(modem.row == script + 1 || modem.heard == 3);
    pass(GUARD_MS - 20);
    CHECK_TEXT(trace, "");
    settle(1000);
    end("A OK\nB OK\n");
}

static void test_escape_that_never_leaves(void)
{
    static const row script[] = {{0, 0, 0}};

    begin(script);
    escape(&a);
    modem.deaf = 1;
    settle(2 * GUARD_MS + 1000);
    end("A E_TIMEOUT\n");
}

/* Nothing answers +++: a late OK must not shorten the silence behind it. */
static void test_escape_and_stray_ok(void)
{
    static const row script[] = {{"+++", 5, "\r\nOK\r\n\r\nERROR\r\n"},
                                 {0, 0, 0}};

    begin(script);
    escape(&a);
    pass(2 * GUARD_MS - 10);
    CHECK_TEXT(trace, "");
    pass(50);
    end("A OK\n");
}

/* Out of a send that hangs: escape goes before the probe. */
static void test_escape_after_timeout(void)
{
    static const row script[] = {
        {"AT+A\r\n", 5, "\r\nOK\r\n\r\n>"},
        {"+++", 0, ""},
        {"AT+CIPMUX?\r\n", 5, "+CIPMUX:1\r\n\r\nOK\r\n"},
        {"AT+C\r\n", 5, "\r\nOK\r\n"},
        {0, 0, 0}};

    begin(script);
    a.kind = ESTLS_AT_PROMPTS;
    submit(&a);
    pass(250);
    CHECK_TEXT(trace, "A: >\nA E_TIMEOUT\n");
    escape(&b);
    submit(&c);
    settle(4000);
    end("A: >\nA E_TIMEOUT\nB OK\nC OK\n");
}

/* -- failures of the UART, and of the caller ------------------------------- */

static void test_write_fails(void)
{
    static const row script[] = {{0, 0, 0}};

    begin(script);
    modem.write_fails = 1;
    submit(&a);
    CHECK_INT(estls_at_step(&engine), ESTLS_E_IO);
    end("A E_IO\n");
}

static void test_write_fails_in_probe(void)
{
    static const row script[] = {{"AT+A\r\n", 0, ""}, {0, 0, 0}};
    int rc = ESTLS_OK;
    int i;

    begin(script);
    submit(&a);
    submit(&b);
    pass(150);
    modem.write_fails = 1;
    for (i = 0; i < 100 && rc >= 0; i++) {
        rc = estls_at_step(&engine);
        modem.now++;
    }
    CHECK_INT(rc, ESTLS_E_IO);
    end("A E_TIMEOUT\n");
}

static void test_read_fails(void)
{
    static const row script[] = {{"", 0, "+IPD,0,5:"}, {0, 0, 0}};
    char got[5];

    begin(script);
    pass(10);
    modem.read_fails = 1;
    CHECK_INT(estls_at_read(&engine, got, sizeof got), ESTLS_E_IO);
    modem.read_fails = 0;
    end("- +IPD,0,5:\n");
    begin(script);
    modem.read_fails = 1;
    submit(&a);
    CHECK_INT(estls_at_step(&engine), ESTLS_E_IO);
    CHECK_INT(estls_at_step(&engine), ESTLS_E_IO);
}

static void state_refused(estls_at_engine *e)
{
    char got[4];

    CHECK_INT(estls_at_submit(e, &a), ESTLS_E_STATE);
    CHECK_INT(estls_at_step(e), ESTLS_E_STATE);
    CHECK_INT(estls_at_read(e, got, sizeof got), ESTLS_E_STATE);
    estls_at_abort(e, &a); /* harmless */
}

static void test_state(void)
{
    static const row script[] = {{"", 0, "+IPD,0,5:hello"}, {0, 0, 0}};
    static estls_at_engine other;

    begin(script);
    pass(10);
    memset(&other, 0, sizeof other);
    state_refused(&other);
    other = engine;
    state_refused(&other);
    CHECK_INT(
        estls_at_open(&other, &uart, NULL, line, sizeof line, on_engine, NULL),
        ESTLS_E_ARG);
    state_refused(&other);
}

static void test_open_refused(void)
{
    static estls_at_engine e;
    estls_io io;
    const estls_at_rule *rules = estls_at_esp();

    io = uart;
    CHECK_INT(estls_at_open(&e, NULL, rules, line, 64, on_engine, NULL),
              ESTLS_E_ARG);
    CHECK_INT(estls_at_open(&e, &io, rules, line, 64, NULL, NULL), ESTLS_E_ARG);
    CHECK_INT(estls_at_open(&e, &io, rules, NULL, 64, on_engine, NULL),
              ESTLS_E_ARG);
    CHECK_INT(estls_at_open(&e, &io, rules, line, 15, on_engine, NULL),
              ESTLS_E_SPACE);
    io.read = NULL;
    CHECK_INT(estls_at_open(&e, &io, rules, line, 64, on_engine, NULL),
              ESTLS_E_ARG);
    io = uart;
    io.write = NULL;
    CHECK_INT(estls_at_open(&e, &io, rules, line, 64, on_engine, NULL),
              ESTLS_E_ARG);
    io = uart;
    io.tick = NULL;
    CHECK_INT(estls_at_open(&e, &io, rules, line, 64, on_engine, NULL),
              ESTLS_E_ARG);
}

/* -- all of it ------------------------------------------------------------- */

static void all(void)
{
    RUN(test_ok);
    RUN(test_errors);
    RUN(test_order);
    RUN(test_lines);
    RUN(test_null_callbacks);
    RUN(test_overlong_urc);
    RUN(test_deadline);
    RUN(test_modem_takes_nothing);
    RUN(test_late_ok);
    RUN(test_late_ok_before_the_probe);
    RUN(test_late_overlong_line);
    RUN(test_late_error_and_prompt);
    RUN(test_dead_modem);
    RUN(test_probe_is_repeated);
    RUN(test_busy);
    RUN(test_busy_for_ever);
    RUN(test_abort_after_busy);
    RUN(test_busy_while_sending_payload);
    RUN(test_prompts);
    RUN(test_prompt_refused);
    RUN(test_prompt_phases_time_out);
    RUN(test_prompt_unasked);
    RUN(test_payload_at_every_phase);
    RUN(test_payload_stalls);
    RUN(test_read_without_payload);
    RUN(test_read_takes_all_that_is_there);
    RUN(test_read_offers_no_more_than_an_int);
    RUN(test_payload_stops_the_clock);
    RUN(test_abort_queued);
    RUN(test_abort_in_flight);
    RUN(test_abort_inside_event);
    RUN(test_abort_inside_prompt);
    RUN(test_abort_inside_done);
    RUN(test_abort_inside_done_of_a_timeout);
    RUN(test_abort_and_submit_inside_engine_event);
    RUN(test_abort_during_probes);
    RUN(test_abort_half_sent);
    RUN(test_submit_inside_done);
    RUN(test_submit_inside_event);
    RUN(test_submit_refused);
    RUN(test_submit_twice);
    RUN(test_reset);
    RUN(test_reset_while_prompted);
    RUN(test_submit_inside_reset);
    RUN(test_abort_and_submit_inside_reset);
    RUN(test_reset_during_probes);
    RUN(test_escape);
    RUN(test_escape_that_never_leaves);
    RUN(test_escape_and_stray_ok);
    RUN(test_escape_after_timeout);
    RUN(test_write_fails);
    RUN(test_write_fails_in_probe);
    RUN(test_read_fails);
    RUN(test_state);
    RUN(test_open_refused);
}

/* Everything again with a tick about to wrap, and a UART that moves one byte
 * at a time. */
int main(void)
{
    static const uint32_t epochs[] = {0, 0xffffffffu, 0xffffff80u, 0xfffffb00u,
                                      0x7fffff00u};
    static const size_t limits[] = {0, 1, 2, 7};
    size_t i;

    for (i = 0; i < 5 * 16; i += CHECK_SIZE(1, CHECK_STEP > 1 ? 76 : 19)) {
        epoch = epochs[i / 16];
        write_max = limits[i / 4 % 4];
        read_max = limits[i % 4];
        all();
    }
    return check_end();
}
