/* rooms.c - a room of estls.h alone on a board, for the stack that it takes:
 * -DROOM_at feeds the parser an ESP-AT dialogue and builds a command, and
 * -DROOM_tx asks, sends and learns a few times, from cells good and bad. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "board.h"

#ifdef ROOM_at

static const char dialogue[] = "AT+CWLAP\r\r\n"
                               "busy p...\r\n"
                               "+CWLAP:(3,\"att\\\"ic\",-60,11)\r\n"
                               "\r\nOK\r\n"
                               "WIFI GOT IP\r\n"
                               "1,CONNECT\r\n"
                               "+CIPRECVDATA:4,abcd\r\n"
                               "+IPD,1,5:12345"
                               "+CME ERROR: 17\r\n"
                               "ready\r\n";

static void read_fields(const estls_at_event *event)
{
    estls_span rest, field;
    char text[16];
    uint32_t u;
    int32_t i;

    estls_at_fields_of(&rest, event->text, event->len);
    while (estls_at_field(&rest, &field)) {
        (void)estls_at_uint(&field, &u);
        (void)estls_at_int(&field, &i);
        (void)estls_at_hex(&field, &u);
        (void)estls_at_text(&field, text, sizeof text);
    }
}

static int build(void)
{
    static char text[40];
    estls_at_builder b;

    estls_at_begin(&b, text, sizeof text, "+CWJAP");
    estls_at_add_text(&b, "att\"ic");
    estls_at_add_int(&b, -32000);
    return estls_at_end(&b);
}

/* Events, so that the output shows that it ran. */
static long run(void)
{
    static estls_at at;
    static char line[64];
    const char *p = dialogue;
    size_t left = sizeof dialogue - 1, n;
    estls_at_event event;
    long events = 0;

    if (estls_at_init(&at, estls_at_esp(), line, sizeof line)) { return 0; }
    for (; left; left -= n, p += n) {
        n = estls_at_feed(&at, p, left, &event);
        if (event.kind == ESTLS_AT_NONE) { continue; }
        events++;
        if (event.kind == ESTLS_AT_LINE) { read_fields(&event); }
    }
    return build() > 0 ? events : 0;
}

#else

static const estls_tx_level levels[] = {{8, 16400}, {4, 11200}, {-8, 4900}};
static const estls_tx_segment burst[] = {{376, 0}, {350, 5000}, {376, 0}};

static estls_tx tx;
static estls_tx_guard guard BOARD_RETAINED;
static estls_tx_log log_ BOARD_RETAINED;
static uint32_t budget[2];
static const estls_tx_board cell = {
    .level = levels,
    .level_count = 3,
    .segment = burst,
    .segment_count = 3,
    .guard = &guard,
    .log = &log_,
    .part = {estls_tx_recorder, estls_tx_bucket},
    .budget = budget,
    .budget_uA = 50,
    .reservoir_nF = 10000,
    .probe_uA = 5000,
    .brownout_mV = 1750,
    .constant_power = 1,
};

/* One question, and what follows from the answer. */
static long ask(uint32_t now, uint16_t mV)
{
    estls_tx_job job = {.now = now, .mV = mV, .urgent = 1};
    estls_tx_sample sample = {.us = 20000, .uA = 5000, .rest_mV = mV};
    estls_tx_plan plan;

    if (estls_tx_ask(&tx, &job, &plan)) { return 0; }
    sample.now = now + 20;
    sample.loaded_mV = (uint16_t)(mV - 100);
    if (plan.action == ESTLS_TX_PROBE) {
        sample.us = plan.us;
        (void)estls_tx_learn(&tx, &sample);
    }
    if (plan.action != ESTLS_TX_SEND) { return 1; }
    sample.us = plan.us;
    estls_tx_key(&tx, &plan);
    (void)estls_tx_done(&tx, &sample);
    return 1;
}

static long run(void)
{
    static const uint16_t rest[] = {3000, 3000, 2900, 2500, 2100, 1800};
    uint32_t now = 0;
    long asked = 0;
    uint8_t i;

    if (estls_tx_boot(&tx, &cell, now)) { return 0; }
    for (i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        now += 100000;
        asked += ask(now, rest[i]);
    }
    return asked;
}

#endif

/* Measured before the board starts: no interrupt comes in between, and each
 * run finds the same. */
int main(void)
{
    const long runs = run();
    const unsigned untouched = board_untouched();

    board_start();
    board_say("runs", runs);
    board_say("untouched", (long)untouched);
    board_sleep();
    return 0;
}
