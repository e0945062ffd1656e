/* mail_on_battery.c - a mail over STARTTLS from an old, cold battery: each
 * radio burst and each heavy computation asks >>tx first.
 *
 * The first half is firmware: the gate of estls_desc, a board's table for
 * >>tx, and a main loop.  The second half is the desk: an emulated ESP-AT
 * modem and a mail server in this process and in virtual time, and a simulated
 * battery that all of it is powered from.  When its voltage falls below
 * brown-out, the module resets.
 *
 *     mail_on_battery --pki build/pki
 *
 * It sends without the gate first, then with it.
 */
#define _DEFAULT_SOURCE
#include "../tests/rig.h"
#include "battery.h"
#include "smtp.h"

#include <err.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* ======================================================================
 * The firmware
 * ====================================================================== */

enum {
    FRAME_US = 800,   /* until a frame's first byte is on the air */
    BYTE_US = 8,      /* at 1 Mbit/s, at the edge of the network */
    HEADER = 76,      /* 802.11, IP and TCP */
    FULL_BYTES = 700, /* the longest flight of a full handshake, and some */
    RESUMED_BYTES = 300,
    COMPUTE_UA = 30000, /* the processor, on an elliptic curve ... */
    COMPUTE_US = 600000,
    PROBE_UA = 60000, /* a resistor that a pin can switch on */
    POWER_MS = 50,    /* AT+RFPOWER takes less */
    REFILL_MS = 20,   /* from a probe to a voltage at rest */
    LEAST_BYTES = 40, /* a piece that is worth its frame; TCP's own, too */
    AGAIN_MS = 1000,
    TIMEOUT_MS = 60000,
    ASKS = 3
};

#define NEVER 0xffffffff

/* What the firmware needs of its board. */
static uint32_t hal_millis(void);
static uint16_t hal_cell_mV(void);
/* Begins to look for the lowest voltage ... */
static void hal_watch(void);
/* ... which was this. */
static uint16_t hal_lowest_mV(void);
static void hal_probe(uint32_t us);
static void hal_sleep(uint32_t ms);
static void hal_log(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* AT+RFPOWER, and what an ESP8266 then draws beyond the 20 mA of its receiver;
 * measure yours. */
static const estls_tx_level levels[] = {
    {78, 240000}, {60, 190000}, {44, 150000}, {34, 120000}};

/* A burst that nobody has described by its length. */
static const estls_tx_segment frame[] = {
    {FRAME_US + BYTE_US * (HEADER + 100), 0}};

static estls_tx_guard guard; /* .noinit */
static estls_tx_log tx_log;  /* .noinit */

static estls_tx_board board = {
    .level = levels,
    .level_count = 4,
    .segment = frame,
    .segment_count = 1,
    .constant_power = 1,
    .nominal_mV = 3300,
    .brownout_mV = 2700,
    .reservoir_mOhm = 50,
    .probe_uA = PROBE_UA,
    .guard = &guard,
    .log = &tx_log,
    .part = {estls_tx_recorder, estls_tx_splitter},
};

static struct firmware {
    estls_tx tx;
    estls_tx_plan plan;
    estls_tx_sample sample;
    uint8_t keyed;   /* a burst is under way, or has killed the module */
    uint8_t level;   /* that the module is set to */
    uint8_t want;    /* ... and shall be */
    uint8_t setting; /* AT+RFPOWER is in the queue */
    uint8_t longer;  /* a probe, than planned: so often twice */
    uint16_t predicted_mV;
    uint32_t pause_from;
    uint32_t pause_ms; /* between two pieces */
    estls_at_cmd command;
    char text[40];
} fw;

static uint32_t airtime_us(size_t bytes)
{
    return FRAME_US + BYTE_US * (uint32_t)(HEADER + bytes);
}

static size_t airtime_bytes(uint32_t us)
{
    return (us - airtime_us(0)) / BYTE_US;
}

/* An unknown cell is taken for a bad one, and probed for so short a time that
 * a large reservoir may hide it all.  If that went well, longer is no risk.
 * 0: the probe alone brings the cell to its floor. */
static int probe(void)
{
    estls_tx_sample sample = {.us = fw.plan.us << fw.longer, .uA = fw.plan.uA};
    uint8_t reason;
    int well;

    sample.rest_mV = hal_cell_mV();
    hal_watch();
    hal_probe(sample.us);
    sample.loaded_mV = hal_lowest_mV();
    sample.now = hal_millis();
    reason = estls_tx_learn(&fw.tx, &sample);
    hal_log("probe: %u mV, after %lu us of %d mA %u mV%s%s", sample.rest_mV,
            (unsigned long)sample.us, PROBE_UA / 1000, sample.loaded_mV,
            reason ? "; " : "", reason ? estls_tx_reason(reason) : "");
    well = sample.loaded_mV > fw.plan.floor_mV;
    fw.longer = (uint8_t)(well && reason == ESTLS_TX_TOO_SHORT && fw.longer < 4
                              ? fw.longer + 1
                              : 0);
    hal_sleep(REFILL_MS);
    return well;
}

/* Fills the plan; a probe is short enough to be done on the way.  0: go. */
static uint32_t question(estls_tx_job *job, estls_gate *gate)
{
    int asks = ASKS;

    do {
        job->now = hal_millis();
        job->mV = hal_cell_mV();
        if (estls_tx_ask(&fw.tx, job, &fw.plan)) { return NEVER; }
        if (fw.plan.action != ESTLS_TX_PROBE) { break; }
        gate->reason = ESTLS_TX_DROOP;
        if (!probe()) { return NEVER; }
    } while (--asks);
    gate->reason = fw.plan.reason;
    switch (fw.plan.action) {
    case ESTLS_TX_SEND: return 0;
    case ESTLS_TX_WAIT: return fw.plan.ms ? fw.plan.ms : 1;
    case ESTLS_TX_PROBE: return AGAIN_MS;
    default: return NEVER;
    }
}

/* The burst is over, and the module is alive. */
static void landed(void)
{
    if (!fw.keyed) { return; }
    fw.keyed = 0;
    fw.sample.now = hal_millis();
    fw.sample.loaded_mV = hal_lowest_mV();
    (void)estls_tx_done(&fw.tx, &fw.sample);
}

/* For the log: the plan's number is that of its own level, and the module may
 * be set to a lower one. */
static uint16_t predict(uint16_t rest_mV, uint32_t us)
{
    const estls_tx_segment burst = {us, 0};
    const estls_tx_cell cell = {.mV = rest_mV, .r0_mOhm = fw.plan.esr_mOhm};
    estls_tx_board b = board;

    b.segment = &burst;
    return estls_tx_predict(&cell, &b, levels[fw.level].uA);
}

static void key(uint16_t rest_mV, size_t bytes)
{
    estls_tx_key(&fw.tx, &fw.plan);
    fw.keyed = 1;
    fw.sample.rest_mV = rest_mV;
    fw.sample.us = airtime_us(bytes); /* what it really is */
    fw.predicted_mV = predict(rest_mV, fw.sample.us);
    hal_watch();
}

/* Down at once; up when a connection begins, since a command costs time. */
static int level_fits(int may_rise)
{
    const uint32_t now = levels[fw.level].uA;
    const uint32_t then = levels[fw.plan.level].uA;

    if (then < now || (may_rise && then > now)) {
        fw.want = fw.plan.level;
        return 0;
    }
    fw.plan.level = fw.level;
    return 1;
}

/* So many bytes in one burst, or as many as the plan then says: a piece.  One
 * that is hardly more than its header is no use; then half of it at a lower
 * level may go as a whole. */
static uint32_t may_radiate(estls_gate *gate, estls_tx_job *job, size_t *bytes)
{
    const uint32_t least = airtime_us(LEAST_BYTES);
    uint32_t ms;

    for (;;) {
        job->us = airtime_us(*bytes);
        ms = question(job, gate);
        if (ms) { return ms; }
        if (fw.plan.us >= job->us) { return 0; }
        if (fw.plan.us >= least) { break; }
        if (*bytes <= LEAST_BYTES) {
            gate->reason = ESTLS_TX_DROOP;
            return AGAIN_MS;
        }
        *bytes = *bytes / 2 > LEAST_BYTES ? *bytes / 2 : LEAST_BYTES;
    }
    *bytes = airtime_bytes(fw.plan.us);
    return 0;
}

static uint32_t may_send(estls_gate *gate)
{
    const uint32_t since = hal_millis() - fw.pause_from;
    size_t bytes = gate->len;
    estls_tx_job job = {0};
    uint32_t ms;

    landed(); /* the dial, if it was that */
    if (since < fw.pause_ms) {
        gate->reason = ESTLS_TX_SPLIT;
        return fw.pause_ms - since;
    }
    ms = may_radiate(gate, &job, &bytes);
    if (ms) { return ms; }
    if (!level_fits(0)) { return POWER_MS; }
    fw.pause_ms = bytes < gate->len ? fw.plan.ms : 0;
    if (bytes < gate->len) {
        hal_log("split: %u of %u bytes, the rest after %lu ms", (unsigned)bytes,
                (unsigned)gate->len, (unsigned long)fw.pause_ms);
        gate->len = bytes;
    }
    key(job.mV, gate->len);
    return 0;
}

/* Better not begun than broken off: the longest flight must fit, or be one
 * that can be split, and a full handshake's curves must. */
static uint32_t may_connect(estls_gate *gate, size_t bytes, int curves)
{
    estls_tx_job heavy = {.us = COMPUTE_US, .uA = COMPUTE_UA};
    estls_tx_job job = {0};
    uint32_t ms = curves ? question(&heavy, gate) : 0;

    if (!ms) { ms = may_radiate(gate, &job, &bytes); }
    if (ms) { return fw.plan.action == ESTLS_TX_SEND ? NEVER : ms; }
    if (!level_fits(1)) { return POWER_MS; }
    key(job.mV, LEAST_BYTES); /* the dial itself */
    return 0;
}

static uint32_t may_compute(estls_gate *gate)
{
    estls_tx_job job = {.us = COMPUTE_US, .uA = COMPUTE_UA};
    const uint32_t ms = question(&job, gate);

    fw.sample.rest_mV = job.mV;
    hal_watch();
    return ms;
}

/* A load of half a second teaches the slow part of the resistance. */
static void computed(void)
{
    estls_tx_sample sample = {.us = COMPUTE_US, .uA = COMPUTE_UA};

    sample.now = hal_millis();
    sample.rest_mV = fw.sample.rest_mV;
    sample.loaded_mV = hal_lowest_mV();
    (void)estls_tx_learn(&fw.tx, &sample);
}

static uint32_t gate_asks(estls_gate *gate)
{
    switch (gate->what) {
    case ESTLS_GATE_SEND: return may_send(gate);
    case ESTLS_GATE_COMPUTE: return may_compute(gate);
    case ESTLS_GATE_FULL: return may_connect(gate, FULL_BYTES, 1);
    case ESTLS_GATE_RESUMED: return may_connect(gate, RESUMED_BYTES, 0);
    case ESTLS_GATE_SENT:
        landed();
        fw.pause_from = hal_millis();
        return 0;
    default: computed(); return 0;
    }
}

static void power_set(estls_at_cmd *command, int rc)
{
    (void)command;
    fw.setting = 0;
    if (rc) { return; } /* the gate will ask again */
    fw.level = fw.want;
    hal_log("AT+RFPOWER=%d, %lu mA", levels[fw.level].dBm,
            (unsigned long)levels[fw.level].uA / 1000);
}

/* Not in the gate, which must not call the session. */
static void set_power(estls *net)
{
    int n;

    if (fw.setting || fw.want == fw.level) { return; }
    n = estls_at_power(fw.text, sizeof fw.text, ESTLS_AT_RFPOWER,
                       (uint32_t)levels[fw.want].dBm, 0);
    memset(&fw.command, 0, sizeof fw.command);
    fw.command.text = fw.text;
    fw.command.len = (uint16_t)n;
    fw.command.timeout_ms = 1000;
    fw.command.done = power_set;
    fw.setting = estls_at_submit(&net->link.at, &fw.command) == ESTLS_OK;
}

/* What a module that has been reset has forgotten.  >>tx must know what killed
 * it, which it asks the guard at boot. */
static void power_start(void)
{
    fw.level = fw.want = fw.setting = fw.keyed = 0;
    fw.pause_ms = 0;
    if (estls_tx_boot(&fw.tx, &board, hal_millis())) {
        abort(); /* the board's table is wrong, and always was */
    }
}

static rig r; /* the session, and what the desk puts around it */
static smtp client;
static struct shown {
    const char *doing;
    int waiting;
} shown;

static const smtp_mail mail = {
    .client_name = "sensor.example.test",
    .user = "sensor",
    .password = rig_secret,
    .from = "sensor@example.test",
    .to = (const char *const[]){"ops@example.test", NULL},
    .text =
        "From: sensor@example.test\nTo: ops@example.test\n"
        "Subject: Water in the cellar\n\n"
        "It is 3 cm deep, and rises by 4 mm an hour.\n"
        "The pump has run for 12 minutes since midnight.\n"
        "This battery is old, and it is cold down here: the gate has asked\n"
        "before each burst whether it would carry it, and has lowered the\n"
        "power of the radio, or sent less at a time, or waited, rather\n"
        "than let the module reset in the middle of a handshake.\n\n"
        "Time   Level\n00:00  12 mm\n02:00  17 mm\n04:00  22 mm\n"
        "06:00  26 mm\n08:00  30 mm\n",
};

static int tls_read(void *user, void *dst, size_t cap)
{
    return estls_read(user, dst, cap);
}

static int tls_write(void *user, const void *src, size_t len)
{
    return estls_write(user, src, len);
}

static uint32_t tls_tick(void *user)
{
    (void)user;
    return hal_millis();
}

/* One turn of everything else, and a line if the session does another thing
 * than before. */
static void turn(void)
{
    estls_report now;

    set_power(&r.net);
    estls_info(&r.net, &now);
    if (now.wait_ms && !shown.waiting) {
        hal_log("%s, %lu ms: %s", now.doing, (unsigned long)now.wait_ms,
                estls_tx_reason(now.reason));
    } else if (!now.wait_ms && strcmp(shown.doing, now.doing) != 0) {
        shown.doing = now.doing;
        hal_log("-- %s", now.doing);
    }
    shown.waiting = now.wait_ms > 0;
    hal_sleep(0);
}

/* The main loop of firmware_mail.c. */
static int send_mail(void)
{
    const estls_io tls = {tls_read, tls_write, tls_tick, &r.net};
    int rc;

    fw.setting = 0; /* nothing of an older session is in the queue */
    rc = estls_open(&r.net, &r.d);
    shown.doing = "";
    for (; rc == ESTLS_BUSY; rc = estls_step(&r.net)) { turn(); }
    if (rc == ESTLS_OK) {
        rc = smtp_open(&client, &mail, &tls);
        for (; rc == ESTLS_BUSY; rc = smtp_step(&client)) { turn(); }
    }
    while (estls_close(&r.net) == ESTLS_BUSY) { turn(); }
    /* a dial that came to nothing has no end of its own */
    if (rc != ESTLS_E_MODEM) { landed(); }
    return rc;
}

/* ======================================================================
 * The desk
 * ====================================================================== */

#define IDLE_A   20e-3 /* the module's receiver, mostly asleep */
#define R1_TO_R0 0.3

enum {
    TRIES = 3,
    MAILS = 2, /* one in a new session, one that resumes it */
    PAUSE_MS = 5000,
    DIAL_FRAMES = 3, /* the name, and TCP's handshake */
    ROUND_TRIP_MS = 30,
    PLOT_MS = 60000
};

static struct desk {
    battery cell;
    double ohm, ocv, uF, brownout;
    const char *pki;
    const char *plot;
    uint8_t naive, gated; /* which runs */
    uint8_t gating;
    uint8_t dead; /* below brown-out, by this load */
    unsigned brownouts;
    uint32_t t0; /* of the run */
    double lowest;
    uint32_t opens, sends, sent_bytes; /* of the modem, that have been loads */
    estls_io uart;                     /* of the world */
    uint32_t rf_uA;
    char line[64]; /* to the modem */
    size_t line_len;
} desk = {.ohm = 2.4, .ocv = 3.3, .uF = 470, .brownout = 2.7};

/* -- options --------------------------------------------------------------- */

enum {
    OPT_OHM = 1024,
    OPT_OCV,
    OPT_UF,
    OPT_BROWNOUT,
    OPT_NAIVE,
    OPT_GATED,
    OPT_PKI,
    OPT_PLOT
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The battery:", 1},
    {"ohm", OPT_OHM, "OHM", 0, "Its resistance, in the cold (2.4)", 1},
    {"ocv", OPT_OCV, "VOLT", 0, "Its voltage without any load (3.3)", 1},
    {"uF", OPT_UF, "UF", 0, "Reservoir across the supply (470)", 1},
    {"brownout", OPT_BROWNOUT, "VOLT", 0, "The module resets below this (2.7)",
     1},
    {0, 0, 0, 0, "The run:", 2},
    {"naive", OPT_NAIVE, 0, 0, "Only without a gate", 2},
    {"gated", OPT_GATED, 0, 0, "Only with it", 2},
    {"pki", OPT_PKI, "DIR", 0,
     "What tests/pki.sh made, for the server (build/pki)", 2},
    {"plot", OPT_PLOT, "FILE", 0,
     "Draw for gnuplot: ms, mV, \"event\"; each run is an index", 2},
    {0}};

static void check_options(struct argp_state *state)
{
    if (desk.ocv <= desk.brownout) {
        argp_error(state, "a cell of %g V is below brown-out without any load",
                   desk.ocv);
    }
    if (!desk.naive && !desk.gated) { desk.naive = desk.gated = 1; }
    if (!desk.pki) { desk.pki = "build/pki"; }
}

static error_t parse(int option, char *arg, struct argp_state *state)
{
    switch (option) {
    case OPT_OHM:
        desk.ohm = battery_number("ohm", arg, 1e-3, 100, state);
        break;
    case OPT_OCV: desk.ocv = battery_number("ocv", arg, 1, 6, state); break;
    case OPT_UF: desk.uF = battery_number("uF", arg, 0, 1e6, state); break;
    case OPT_BROWNOUT:
        desk.brownout = battery_number("brownout", arg, 0.8, 5, state);
        break;
    case OPT_NAIVE: desk.naive = 1; break;
    case OPT_GATED: desk.gated = 1; break;
    case OPT_PKI: desk.pki = arg; break;
    case OPT_PLOT: desk.plot = arg; break;
    case ARGP_KEY_ARG: argp_error(state, "%s: what for?", arg); break;
    case ARGP_KEY_END: check_options(state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp argp = {
    options,
    parse,
    0,
    "Send a mail over STARTTLS, through an emulated modem on a simulated "
    "battery: first as everybody does, then with a gate that asks >>tx. "
    "Without options the battery is old and cold, two AA cells at 2.4 Ohm."
    "\v"
    "Exit status: 0 if the mail arrived with the gate, and not without it (of "
    "one run alone: if the mail arrived); 1 if not, or if a file cannot be "
    "read or written; 2 for usage.\n",
    0,
    0,
    0};

/* -- the battery ----------------------------------------------------------- */

static uint32_t hal_millis(void)
{
    return r.w.now;
}

static void hal_log(const char *format, ...)
{
    va_list args;

    (void)printf("%7lu  ", (unsigned long)(r.w.now - desk.t0));
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

/* The battery lives as long as the world has by now. */
static void catch_up(void)
{
    battery_rest(&desk.cell, (r.w.now - desk.t0) / 1e3 - desk.cell.s);
}

static void note_lowest(void)
{
    if (desk.cell.low < desk.lowest) { desk.lowest = desk.cell.low; }
}

static uint16_t hal_cell_mV(void)
{
    catch_up();
    return battery_adc(&desk.cell, battery_volt(&desk.cell));
}

static void hal_watch(void)
{
    catch_up();
    desk.lowest = battery_volt(&desk.cell);
}

static uint16_t hal_lowest_mV(void)
{
    return battery_adc(&desk.cell, desk.lowest);
}

/* The module has lost its power for a moment: its links are gone, and it
 * boots. */
static void module_dies(void)
{
    static const struct espat_fault boots = {ESPAT_RESET, ESPAT_MS, 1, 0};

    desk.brownouts++;
    battery_mark(&desk.cell, "brown-out");
    hal_log("BROWN-OUT: the module resets");
    world_close(&r.w);
    r.faults[0] = boots;
    r.modem.faults = 1;
    world_open(&r.w, &r.modem, &r.server);
    desk.opens = desk.sends = desk.sent_bytes = 0;
    desk.line_len = 0;
    desk.rf_uA = levels[0].uA;
}

static void hal_probe(uint32_t us)
{
    catch_up();
    battery_mark(&desk.cell, "probe");
    if (!battery_hold(&desk.cell, us * 1e-6, PROBE_UA * 1e-6)) {
        module_dies();
    }
    note_lowest();
}

/* -- the module's loads ---------------------------------------------------- */

/* So many frames of so many bytes; 0: it has died. */
static int transmit(const char *what, unsigned frames, size_t bytes)
{
    const double before = battery_volt(&desk.cell);
    const double us = airtime_us(bytes);
    double low = before;
    char event[48];
    int alive = 1;

    (void)snprintf(event, sizeof event, "%s, %u bytes", what, (unsigned)bytes);
    battery_mark(&desk.cell, event);
    while (frames-- && alive) {
        alive = battery_draw(&desk.cell, us * 1e-6, desk.rf_uA * 1e-6);
        low = fmin(low, desk.cell.low);
        note_lowest();
        if (frames) { battery_rest(&desk.cell, 5e-3); }
    }
    (void)snprintf(event, sizeof event, ", predicted %u", fw.predicted_mV);
    hal_log("%-7s %4u bytes, %5.2f ms at %3u mA: %4.0f mV, lowest %4.0f%s",
            what, (unsigned)bytes, us / 1e3, (unsigned)(desk.rf_uA / 1000),
            1e3 * before, 1e3 * low, desk.gating ? event : "");
    return alive;
}

/* What has the modem done since the last look? */
static void look(void)
{
    const uint32_t opens = espat_count(r.w.modem, ESPAT_OPEN);
    const uint32_t sends = espat_count(r.w.modem, ESPAT_SEND);
    const uint32_t bytes = espat_count(r.w.modem, ESPAT_TX);
    int alive = 1;

    if (opens == desk.opens && sends == desk.sends) { return; }
    catch_up();
    if (opens != desk.opens) {
        desk.opens = opens;
        alive = transmit("dial", DIAL_FRAMES, LEAST_BYTES);
    } else {
        alive = transmit("send", 1, bytes - desk.sent_bytes);
        desk.sends = sends;
        desk.sent_bytes = bytes;
        desk.line_len = 0;
    }
    if (!alive) { module_dies(); }
}

/* AT+RFPOWER, on its way to the modem. */
static void listen_in(const char *text, size_t n)
{
    unsigned long power;
    size_t i;

    for (; n--; text++) {
        if (*text != '\n') {
            if (desk.line_len + 1 < sizeof desk.line) {
                desk.line[desk.line_len++] = *text;
            }
            continue;
        }
        desk.line[desk.line_len] = '\0';
        desk.line_len = 0;
        if (strncmp(desk.line, "AT+RFPOWER=", 11) != 0) { continue; }
        power = strtoul(desk.line + 11, NULL, 10);
        for (i = 0; i < board.level_count; i++) {
            if ((unsigned long)levels[i].dBm == power) {
                desk.rf_uA = levels[i].uA;
            }
        }
    }
}

static int desk_write(void *user, const void *src, size_t len)
{
    const int n = desk.uart.write(user, src, len);

    if (n > 0) { listen_in(src, (size_t)n); }
    look();
    return n;
}

static void pass(uint32_t ms)
{
    const uint32_t t0 = r.w.now;

    do {
        world_idle(&r.w);
        look();
    } while (r.w.now - t0 < ms);
}

/* In the gate, where the world stands still, time passes too. */
static void hal_sleep(uint32_t ms)
{
    if (ms) {
        r.w.now += ms;
    } else {
        pass(0);
    }
}

/* -- the gate, seen from the desk ------------------------------------------ */

/* The processor has been busy for a while. */
static void compute(void)
{
    double before;

    catch_up();
    before = battery_volt(&desk.cell);
    battery_mark(&desk.cell, "compute");
    if (!battery_hold(&desk.cell, COMPUTE_US * 1e-6, COMPUTE_UA * 1e-6)) {
        module_dies();
    }
    note_lowest();
    r.w.now += COMPUTE_US / 1000;
    hal_log("compute %27d mA: %4.0f mV, lowest %4.0f", COMPUTE_UA / 1000,
            1e3 * before, 1e3 * desk.cell.low);
}

/* The desk hears of computations by it, also where the firmware never asks. */
static uint32_t on_gate(void *user, estls_gate *ask)
{
    (void)user;
    if (ask->what == ESTLS_GATE_COMPUTED) { compute(); }
    return desk.gating ? gate_asks(ask) : 0;
}

/* -- the runs -------------------------------------------------------------- */

static void set_up_battery(void)
{
    struct circuit *c = &desk.cell.circuit;

    c->ocv = desk.ocv;
    c->r0 = desk.ohm;
    c->r1 = R1_TO_R0 * desk.ohm;
    c->tau1 = 0.5;
    c->c = desk.uF * 1e-6;
    c->esr = 0.05;
    c->constant_power = 1;
    c->nominal = board.nominal_mV / 1e3;
    desk.cell.idle_a = IDLE_A;
    desk.cell.brownout = desk.brownout;
    battery_start(&desk.cell);
    board.reservoir_nF = (uint32_t)(desk.uF * 1000 + 0.5);
    board.brownout_mV = (uint16_t)(desk.brownout * 1000 + 0.5);
}

static void set_up_world(int gating)
{
    static struct smtpd_sessions sessions;

    rig_init(&r, 1, "ec"); /* an ESP8266 */
    r.modem.delay_ms = ROUND_TRIP_MS;
    smtpd_sessions_init(&sessions);
    r.server.sessions = &sessions;
    r.d.saved = &r.saved;
    r.d.timeout_ms = TIMEOUT_MS;
    r.d.gate = on_gate;
    desk.gating = (uint8_t)gating;
    desk.opens = desk.sends = desk.sent_bytes = 0;
    desk.rf_uA = levels[0].uA;
    desk.brownouts = 0;
    r.w.now = desk.t0 = 1000;
    world_open(&r.w, &r.modem, &r.server);
    desk.uart = r.w.uart;
    r.d.uart = r.w.uart;
    r.d.uart.write = desk_write;
}

/* The last mail at the server is ours, line by line. */
static int arrived(unsigned mails)
{
    const char *text = mail.text;
    size_t i;

    if (r.mails != mails) { return 0; }
    for (i = 0; i < r.mail_len; i++) {
        if (r.mail[i] == '\r') { continue; }
        if (r.mail[i] != *text++) { return 0; }
    }
    return !*text;
}

static void log_end(int rc)
{
    estls_report end;

    estls_info(&r.net, &end);
    hal_log("%s: %s%s%s", estls_error_name(rc), estls_strerror(rc),
            rc == ESTLS_E_POWER ? "; " : "",
            rc == ESTLS_E_POWER ? estls_tx_reason(end.reason) : "");
}

static int one_mail(unsigned mails)
{
    int rc, i;

    for (i = 1; i <= TRIES; i++) {
        (void)printf("\n     ms  mail %u, try %d of %d\n", mails, i, TRIES);
        rc = send_mail();
        log_end(rc);
        if (rc == ESTLS_E_MODEM) {
            power_start();
        } else {
            landed();
        }
        if (rc == ESTLS_OK) { return arrived(mails); }
        pass(PAUSE_MS);
    }
    return 0;
}

static int run(int gating)
{
    unsigned mails;
    int ok = 1;

    (void)printf("%s%s: a battery of %g V and %g Ohm, %g uF, brown-out at %g "
                 "V\n",
                 gating && desk.naive ? "\n" : "",
                 gating ? "With the gate" : "Without a gate", desk.ocv,
                 desk.ohm, desk.uF, desk.brownout);
    set_up_battery();
    set_up_world(gating);
    power_start();
    for (mails = 1; ok && mails <= MAILS; mails++) { ok = one_mail(mails); }
    (void)printf("\n%s: %u mails of %d have arrived, %u brown-outs, %.1f mC\n",
                 gating ? "with the gate" : "without a gate", r.mails, MAILS,
                 desk.brownouts, 1e3 * desk.cell.coulomb);
    rig_end(&r);
    return ok;
}

int main(int argc, char **argv)
{
    char anchors[4096];
    int ok = 1;

    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, NULL);
    (void)snprintf(anchors, sizeof anchors, "%s/anchors.pem", desk.pki);
    if (access(anchors, R_OK)) {
        err(1, "%s (make it by tests/pki.sh %s, or name it by --pki)", anchors,
            desk.pki);
    }
    rig_pki(desk.pki);
    if (desk.plot) { battery_plot(&desk.cell, desk.plot, PLOT_MS / 1e3, 1); }
    if (desk.naive) {
        ok = run(0);
        if (desk.gated) {
            ok = !ok;
            battery_plot_next(&desk.cell);
        }
    }
    if (desk.gated) { ok &= run(1); }
    battery_plot_end(&desk.cell, desk.plot);
    return !ok;
}
