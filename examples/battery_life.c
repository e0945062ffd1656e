/* battery_life.c - how long will the battery last, and when will a burst of
 * the radio first pull it below brown-out? A calculator for the desktop: it
 * walks through the months with the library's own model of a cell under load,
 * for the board as it is, with capacitors, and with >>tx choosing the level.
 *
 *     cc -std=c11 -O2 examples/battery_life.c -lm -o battery_life
 *     ./battery_life --cell cr2032 --ohm-scale 4 --celsius 9 --swing 11:5
 */
#define _DEFAULT_SOURCE
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include <argp.h>
#include <err.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONTH_DAYS 30.4
#define YEAR_DAYS  365.25
#define PI         3.14159265358979323846

enum {
    OPT_CELL = 1024,
    OPT_CAPACITY,
    OPT_SELF,
    OPT_SCALE,
    OPT_CELSIUS,
    OPT_SWING,
    OPT_SLEEP,
    OPT_EVERY,
    OPT_SEGMENT,
    OPT_EVENTS,
    OPT_LEVEL,
    OPT_CURRENT,
    OPT_NO_BURST,
    OPT_BOOT,
    OPT_BROWNOUT,
    OPT_MARGIN,
    OPT_RESERVOIR,
    OPT_UNTIL,
    OPT_PLOT
};

enum {
    SEGMENTS = 8,
    LEVELS = 14,
    VARIANTS = 4,
    QUARTERS = 4, /* of a day that swings: coldest, warming, warmest, cooling */
    YEARS = 20,   /* it looks no further */
    DAYS = YEARS * 366,
    PLOT_POINTS = 150
};

/* -- cells ----------------------------------------------------------------- */

typedef struct point {
    double used; /* in the same unit as its chemistry's full */
    double mV;
    double ohm;
} point;

typedef struct chemistry {
    const char *name;
    const char *text;
    const point *curve;
    size_t points;
    double full;
    double mAh;
    double self;  /* % a year */
    double cold;  /* resistance grows by e with 1/this degrees below 21 */
    double first; /* of ohm, what the first millisecond shows */
    double r1;    /* of R0, with 0.5 s */
    double r2;    /* Ohm, with 200 s */
} chemistry;

/* Energizer's chart of its CR2032: mAh used, mV at rest, Ohm after 2 s. */
static const point cr2032[] = {
    {0, 2932, 9.5},     {20, 2917, 9.5},    {40, 2927, 10.1},
    {60, 2938, 11.0},   {80, 2939, 11.9},   {100, 2934, 12.7},
    {120, 2925, 13.5},  {130, 2913, 14.3},  {140, 2896, 15.7},
    {150, 2875, 17.3},  {160, 2849, 18.9},  {170, 2819, 21.0},
    {180, 2785, 23.2},  {190, 2755, 24.5},  {195, 2726, 27.6},
    {200, 2679, 36.2},  {205, 2608, 56.8},  {210, 2518, 84.8},
    {215, 2417, 117.1}, {218, 2354, 137.2},
};

/* Rough figures: per cent used, two cells in series. */
static const point aa[] = {
    {0, 3180, 0.30},  {10, 2980, 0.32}, {25, 2800, 0.36}, {50, 2600, 0.45},
    {75, 2420, 0.60}, {90, 2200, 0.90}, {95, 2050, 1.30}, {100, 1700, 2.50},
};

/* Rough figures: per cent used, a small pouch. */
static const point lipo[] = {
    {0, 4180, 0.20},  {10, 4060, 0.20}, {20, 3980, 0.20}, {30, 3920, 0.20},
    {40, 3870, 0.20}, {50, 3820, 0.21}, {60, 3790, 0.21}, {70, 3770, 0.22},
    {80, 3740, 0.24}, {90, 3680, 0.28}, {95, 3550, 0.36}, {100, 3100, 0.60},
};

#define CURVE(c) (c), sizeof(c) / sizeof *(c)

static const chemistry chemistries[] = {
    {"cr2032", "a CR2032", CURVE(cr2032), 225, 225, 1, 0.039, 8 / 9.5, 0.3, 40},
    {"aa", "two alkaline AA", CURVE(aa), 100, 2500, 3, 0.025, 0.8, 0.5, 0.3},
    {"lipo", "a LiPo", CURVE(lipo), 100, 500, 20, 0.030, 0.8, 0.4, 0.1},
};

enum { CHEMISTRIES = sizeof chemistries / sizeof *chemistries };

/* -- what is asked --------------------------------------------------------- */

typedef struct program {
    const chemistry *cell;
    double mAh, self, scale;
    double celsius, year, day; /* mean, and swing about it */
    double sleep_uA, every_s;
    int silent;
    double boot_ms, boot_uA;
    double until; /* % used, up to which a capacitor shall do */
    const char *plot;
    estls_tx_level level[LEVELS];
    estls_tx_segment segment[SEGMENTS];
    estls_tx_board board;
} program;

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The battery:", 1},
    {"cell", OPT_CELL, "KIND", 0, "cr2032 (default), aa (two in series), lipo",
     1},
    {"capacity", OPT_CAPACITY, "MAH", 0, "Default 225, 2500, 500", 1},
    {"self-discharge", OPT_SELF, "PERCENT", 0,
     "Of what is left, a year; default 1, 3, 20", 1},
    {"ohm-scale", OPT_SCALE, "X", 0,
     "Its resistance, to a typical cell of its kind: 1.8 was stored for long, "
     "4 is a bad lot",
     1},
    {"celsius", OPT_CELSIUS, "C", 0, "Mean temperature; default 21", 1},
    {"swing", OPT_SWING, "YEAR[:DAY]", 0,
     "Degrees from the mean to a summer, and to a noon; it begins in spring",
     1},
    {0, 0, 0, 0, "The board:", 2},
    {"sleep", OPT_SLEEP, "UA", 0, "Sleep current; default 8.9", 2},
    {"every", OPT_EVERY, "SECONDS", 0, "A burst as often; default 600", 2},
    {"segment", OPT_SEGMENT, "US[:UA]", 0,
     "A piece of a burst; without UA at the level's current. Up to 8 times; "
     "default: an advertising event on three channels and the pause after it",
     2},
    {"events", OPT_EVENTS, "N", 0, "The segments so often; default 28", 2},
    {"level", OPT_LEVEL, "UA", 0,
     "Current at a transmit power; once for each, the best first. Default "
     "16400, 11200, 6400, 4900",
     2},
    {"constant-current", OPT_CURRENT, 0, 0,
     "The load is not of constant power, with currents as at 3 V", 2},
    {"no-burst", OPT_NO_BURST, 0, 0, "It sleeps for ever", 2},
    {"boot", OPT_BOOT, "MS:UA", 0, "What a boot takes; default 460:3130", 2},
    {"brownout", OPT_BROWNOUT, "MV", 0, "It resets below; default 1750", 2},
    {"margin", OPT_MARGIN, "MV", 0, "What >>tx keeps above; default 150", 2},
    {"reservoir", OPT_RESERVOIR, "UF", 0,
     "Across the supply, effective; default 10", 2},
    {"until", OPT_UNTIL, "PERCENT", 0,
     "The computed capacitor shall do until so much of the charge is used, at "
     "the coldest; default 90",
     2},
    {0, 0, 0, 0, "The answer:", 3},
    {"plot", OPT_PLOT, "FILE.svg", 0, "Draw the months, too (needs gnuplot)",
     3},
    {0}};

/* A number from low to high, and nothing behind it but what *rest takes. */
static double number(struct argp_state *state, const char *name,
                     const char *arg, double low, double high, char **rest)
{
    char *end;
    const double x = strtod(arg, &end);

    if (end == arg || (!rest && *end) || !(x >= low && x <= high)) {
        argp_error(state, "--%s %s: a number from %g to %g, please", name, arg,
                   low, high);
    }
    if (rest) { *rest = end; }
    return x;
}

/* What stands behind A in "A:B"; NULL if nothing does. */
static const char *second(struct argp_state *state, const char *name,
                          const char *arg, const char *rest)
{
    if (!*rest) { return NULL; }
    if (*rest != ':' || !rest[1]) {
        argp_error(state, "--%s %s: two numbers with a colon, please", name,
                   arg);
    }
    return rest + 1;
}

static const chemistry *kind(struct argp_state *state, const char *arg)
{
    int i;

    for (i = 0; i < CHEMISTRIES; i++) {
        if (!strcmp(arg, chemistries[i].name)) { return &chemistries[i]; }
    }
    argp_error(state, "--cell %s: cr2032, aa or lipo, please", arg);
    return chemistries;
}

static void add_segment(program *p, struct argp_state *state, const char *arg)
{
    estls_tx_segment *s = &p->segment[p->board.segment_count];
    const char *uA;
    char *rest;

    if (p->board.segment_count == SEGMENTS) {
        argp_error(state, "--segment: no more than %d", SEGMENTS);
    }
    s->us = (uint32_t)number(state, "segment", arg, 1, 1e7, &rest);
    uA = second(state, "segment", arg, rest);
    s->uA = uA ? (uint32_t)number(state, "segment", uA, 1, 2e6, NULL) : 0;
    p->board.segment_count++;
}

static void add_level(program *p, struct argp_state *state, const char *arg)
{
    if (p->board.level_count == LEVELS) {
        argp_error(state, "--level: no more than %d", LEVELS);
    }
    p->level[p->board.level_count++].uA =
        (uint32_t)number(state, "level", arg, 1, 2e6, NULL);
}

static void set_swing(program *p, struct argp_state *state, const char *arg)
{
    const char *day;
    char *rest;

    p->year = number(state, "swing", arg, 0, 40, &rest);
    day = second(state, "swing", arg, rest);
    p->day = day ? number(state, "swing", day, 0, 40, NULL) : 0;
}

static void set_boot(program *p, struct argp_state *state, const char *arg)
{
    const char *uA;
    char *rest;

    p->boot_ms = number(state, "boot", arg, 1, 60000, &rest);
    uA = second(state, "boot", arg, rest);
    if (!uA) { argp_error(state, "--boot %s: MS:UA, please", arg); }
    p->boot_uA = number(state, "boot", uA, 1, 2e6, NULL);
}

static void set_plot(program *p, struct argp_state *state, const char *arg)
{
    const size_t n = strlen(arg);

    if (n < 5 || strcmp(arg + n - 4, ".svg") != 0 || strpbrk(arg, "'\r\n")) {
        argp_error(state, "--plot %s: a name in .svg without quotes, please",
                   arg);
    }
    p->plot = arg;
}

/* -- defaults -------------------------------------------------------------- */

static const estls_tx_level usual_level[] = {
    {8, 16400}, {4, 11200}, {0, 6400}, {-8, 4900}};
static const estls_tx_segment usual_segment[] = {
    {376, 0}, {350, 5000}, {376, 0}, {350, 5000}, {376, 0}, {33886, 9}};

static void begin(program *p)
{
    p->cell = chemistries;
    p->scale = 1;
    p->celsius = 21;
    p->sleep_uA = 8.9;
    p->every_s = 600;
    p->boot_ms = 460;
    p->boot_uA = 3130;
    p->until = 90;
    p->mAh = -1;
    p->self = -1;
    p->board.level = p->level;
    p->board.segment = p->segment;
    p->board.constant_power = 1;
    p->board.brownout_mV = 1750;
    p->board.margin_mV = 150;
    p->board.reservoir_nF = 10000;
    p->board.reservoir_mOhm = 10;
    p->board.repeat = 28;
}

static double burst_s(const program *p)
{
    double us = 0;
    int i;

    for (i = 0; i < p->board.segment_count; i++) { us += p->segment[i].us; }
    return us * p->board.repeat * 1e-6;
}

static void complete(program *p, struct argp_state *state)
{
    estls_tx_board *b = &p->board;

    if (p->mAh < 0) { p->mAh = p->cell->mAh; }
    if (p->self < 0) { p->self = p->cell->self; }
    if (!b->level_count) {
        memcpy(p->level, usual_level, sizeof usual_level);
        b->level_count = sizeof usual_level / sizeof *usual_level;
    }
    if (!b->segment_count) {
        memcpy(p->segment, usual_segment, sizeof usual_segment);
        b->segment_count = sizeof usual_segment / sizeof *usual_segment;
    }
    if (!p->silent && burst_s(p) > p->every_s) {
        argp_error(state, "a burst of %g s does not fit into --every %g",
                   burst_s(p), p->every_s);
    }
    if (!p->silent && b->brownout_mV >= p->cell->curve[0].mV) {
        argp_error(state, "--brownout %u: %s rests at %g mV when new",
                   b->brownout_mV, p->cell->text, p->cell->curve[0].mV);
    }
    if (p->silent && p->plot) {
        argp_error(state, "--plot draws bursts: not with --no-burst");
    }
}

/* -- options --------------------------------------------------------------- */

static error_t parse_battery(program *p, int key, char *arg,
                             struct argp_state *state)
{
    switch (key) {
    case OPT_CELL: p->cell = kind(state, arg); return 0;
    case OPT_CAPACITY:
        p->mAh = number(state, "capacity", arg, 1, 1e6, NULL);
        return 0;
    case OPT_SELF:
        p->self = number(state, "self-discharge", arg, 0, 99, NULL);
        return 0;
    case OPT_SCALE:
        p->scale = number(state, "ohm-scale", arg, 0.1, 20, NULL);
        return 0;
    case OPT_CELSIUS:
        p->celsius = number(state, "celsius", arg, -40, 85, NULL);
        return 0;
    case OPT_SWING: set_swing(p, state, arg); return 0;
    case OPT_PLOT: set_plot(p, state, arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_supply(program *p, int key, char *arg,
                            struct argp_state *state)
{
    estls_tx_board *b = &p->board;

    switch (key) {
    case OPT_BOOT: set_boot(p, state, arg); return 0;
    case OPT_BROWNOUT:
        b->brownout_mV =
            (uint16_t)number(state, "brownout", arg, 500, 6000, NULL);
        return 0;
    case OPT_MARGIN:
        b->margin_mV = (uint16_t)number(state, "margin", arg, 100, 2000, NULL);
        return 0;
    case OPT_RESERVOIR:
        b->reservoir_nF =
            (uint32_t)(1e3 * number(state, "reservoir", arg, 0, 1e6, NULL));
        return 0;
    case OPT_UNTIL:
        p->until = number(state, "until", arg, 1, 99, NULL);
        return 0;
    default: return parse_battery(p, key, arg, state);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    switch (key) {
    case ARGP_KEY_INIT: begin(p); return 0;
    case OPT_SLEEP:
        p->sleep_uA = number(state, "sleep", arg, 0.01, 1e6, NULL);
        return 0;
    case OPT_EVERY:
        p->every_s = number(state, "every", arg, 0.1, 1e6, NULL);
        return 0;
    case OPT_SEGMENT: add_segment(p, state, arg); return 0;
    case OPT_EVENTS:
        p->board.repeat = (uint8_t)number(state, "events", arg, 1, 255, NULL);
        return 0;
    case OPT_LEVEL: add_level(p, state, arg); return 0;
    case OPT_CURRENT: p->board.constant_power = 0; return 0;
    case OPT_NO_BURST: p->silent = 1; return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", arg); return 0;
    case ARGP_KEY_END: complete(p, state); return 0;
    default: return parse_supply(p, key, arg, state);
    }
}

static const struct argp argp = {
    options,
    parse,
    "",
    "How long a battery lasts, and when a burst first pulls it below "
    "brown-out: for the board as it is, with capacitors, and with >>tx."
    "\v"
    "A month has 30.4 days. A board that browns out boots and transmits again, "
    "over and over, until the cell carries the burst or is empty. >>tx is "
    "taken to know the resistance exactly; a real board measures it, and is a "
    "little more careful. The curves of aa and lipo are rough.\n"
    "\n"
    "Examples:\n"
    "  battery_life --capacity 150 --sleep 10 --no-burst\n"
    "  battery_life --capacity 169 --ohm-scale 4 --celsius 9 --swing 11:5\n"
    "  battery_life --cell lipo --level 180000 --segment 300000 --events 1 \\\n"
    "               --every 3600 --brownout 2800 --plot wifi.svg",
    NULL,
    NULL,
    NULL};

/* -- the model ------------------------------------------------------------- */

static double celsius_at(const program *p, double day)
{
    return p->celsius + p->year * sin(2 * PI * day / YEAR_DAYS) -
           (p->day > 0 ? p->day * cos(2 * PI * day) : 0);
}

static uint32_t mOhm(double ohm)
{
    return (uint32_t)(1e3 * fmin(ohm, 1000) + 0.5);
}

/* The cell when so many mAh are used. The curve's last piece goes on. */
static estls_tx_cell cell_at(const program *p, double used, double celsius)
{
    const chemistry *c = p->cell;
    const double x = used / p->mAh * c->full;
    const double cold = exp(c->cold * (21 - celsius));
    const point *at = c->curve;
    estls_tx_cell cell = {0};
    double part, mV, r0;

    while (at < c->curve + c->points - 2 && x >= at[1].used) { at++; }
    part = (x - at->used) / (at[1].used - at->used);
    mV = at->mV + part * (at[1].mV - at->mV);
    r0 = at->ohm + part * (at[1].ohm - at->ohm);
    r0 *= c->first * p->scale * cold;
    r0 = exp2(ceil(128 * log2(r0)) / 128); /* so that few cells differ */
    cell.mV = (uint16_t)(mV > 1 ? mV + 0.5 : 1);
    cell.r0_mOhm = mOhm(r0);
    cell.r1_mOhm = mOhm(r0 * c->r1);
    cell.tau1_us = 500000;
    cell.r2_mOhm = mOhm(c->r2 * sqrt(p->scale));
    cell.tau2_us = 200000000;
    return cell;
}

/* uC of one burst, if the supply is at mV. */
static double burst_uC(const program *p, int level, double mV)
{
    double uC = 0;
    int i;

    for (i = 0; i < p->board.segment_count; i++) {
        const estls_tx_segment *s = &p->segment[i];
        uC += s->us * 1e-6 * (s->uA ? s->uA : p->level[level].uA);
    }
    return uC * p->board.repeat * (p->board.constant_power ? 3000 / mV : 1);
}

/* As an engineer would on paper: at the best level, without any droop. */
static double average_uA(const program *p)
{
    const double pause = p->silent ? 1 : 1 - burst_s(p) / p->every_s;

    return p->sleep_uA * pause +
           (p->silent ? 0 : burst_uC(p, 0, 3000) / p->every_s);
}

/* Part of what is left that a day takes. */
static double self_a_day(const program *p)
{
    return -log(1 - p->self / 100) / YEAR_DAYS;
}

static double days_by_charge(const program *p)
{
    const double mAh_a_day = average_uA(p) * 24e-3;
    const double k = self_a_day(p);

    return k > 0 ? log1p(k * p->mAh / mAh_a_day) / k : p->mAh / mAh_a_day;
}

/* -- through the months ---------------------------------------------------- */

typedef struct variant {
    char name[32];
    estls_tx_board board;
    int chooses; /* the level, as >>tx does */
    double used; /* mAh */
    double due, sent, at_level[LEVELS];
    double resets;
    int browned; /* once; and then the first time: */
    double first_day, first_used, first_celsius;
    double last_day; /* that a burst went through */
    struct {
        uint16_t mV, low_mV;
        uint32_t r0_mOhm;
    } last[LEVELS]; /* prediction */
    int days;       /* that were walked */
    uint16_t rest_mV[DAYS];
    uint16_t lowest_mV[DAYS]; /* of the day's bursts; UINT16_MAX: none */
} variant;

/* Many days are like the one before. */
static uint16_t predict(variant *v, const estls_tx_cell *cell, int level)
{
    if (v->last[level].mV != cell->mV ||
        v->last[level].r0_mOhm != cell->r0_mOhm) {
        v->last[level].mV = cell->mV;
        v->last[level].r0_mOhm = cell->r0_mOhm;
        v->last[level].low_mV =
            estls_tx_predict(cell, &v->board, v->board.level[level].uA);
    }
    return v->last[level].low_mV;
}

/* The level to send at, and its lowest voltage; -1 and UINT16_MAX: better
 * not. */
static int choose(variant *v, const estls_tx_cell *cell, uint16_t *low)
{
    const estls_tx_board *b = &v->board;
    int i;

    for (i = 0; i < b->level_count; i++) {
        *low = predict(v, cell, i);
        if (!v->chooses || *low >= b->brownout_mV + b->margin_mV) { return i; }
    }
    *low = UINT16_MAX;
    return -1;
}

/* It loops, as long as there is charge. */
static void brown_out(const program *p, variant *v, double day, double days)
{
    const double mAh_a_day = p->boot_uA * 24e-3;
    const double left = (p->mAh - v->used) / mAh_a_day;
    const double loops = left < days ? fmax(left, 0) : days;

    if (!v->browned) {
        v->browned = 1;
        v->first_day = day;
        v->first_used = 100 * v->used / p->mAh;
        v->first_celsius = celsius_at(p, day);
    }
    v->resets += loops * 86400e3 / p->boot_ms;
    v->used += mAh_a_day * loops;
}

/* A part of a day, in which nothing changes. The lowest voltage. */
static uint16_t walk(const program *p, variant *v, double day, double days,
                     int counts)
{
    const estls_tx_cell cell = cell_at(p, v->used, celsius_at(p, day));
    const double bursts = days * 86400 / p->every_s;
    uint16_t low;
    const int level = choose(v, &cell, &low);

    v->used += (p->mAh - v->used) * self_a_day(p) * days;
    if (counts) { v->due += bursts; }
    if (level >= 0 && low < v->board.brownout_mV) {
        brown_out(p, v, day, days);
        return low;
    }
    v->used += p->sleep_uA * days * 24e-3;
    if (level < 0) { return low; }
    v->used += bursts * burst_uC(p, level, (cell.mV + low) / 2.0) / 3.6e6;
    v->last_day = day + days;
    if (!counts) { return low; }
    v->sent += bursts;
    v->at_level[level] += bursts;
    return low;
}

/* Until the cell is empty, or rests below brown-out. What was due until the
 * charge should have been gone counts. */
static void live(const program *p, variant *v)
{
    const double due = days_by_charge(p);
    const int quarters = p->day > 0 ? QUARTERS : 1;
    int quarter;

    while (v->days < DAYS && v->used < p->mAh) {
        const estls_tx_cell cell = cell_at(p, v->used, p->celsius);
        uint16_t lowest = UINT16_MAX;

        if (cell.mV < v->board.brownout_mV) { break; }
        for (quarter = 0; quarter < quarters && v->used < p->mAh; quarter++) {
            const double day = v->days + (double)quarter / quarters;
            const uint16_t low = walk(p, v, day, 1.0 / quarters, day < due);
            if (low < lowest) { lowest = low; }
        }
        v->rest_mV[v->days] = cell.mV;
        v->lowest_mV[v->days++] = lowest;
    }
    if (due > v->days && v->days < DAYS) {
        v->due += (due - v->days) * 86400 / p->every_s;
    }
}

/* For the cell in its last days, at its coldest. */
static uint32_t enough_nF(const program *p)
{
    const estls_tx_cell cell =
        cell_at(p, p->mAh * p->until / 100, p->celsius - p->year - p->day);

    return estls_tx_capacitor(&cell, &p->board, p->level[0].uA);
}

static void variants_init(const program *p, variant *v)
{
    static const char *const names[VARIANTS] = {
        "as built", "computed capacitor", "100 uF more", "as built, with >>tx"};
    uint32_t nF = enough_nF(p);
    int i;

    for (i = 0; i < VARIANTS; i++) {
        (void)snprintf(v[i].name, sizeof v[i].name, "%s", names[i]);
        v[i].board = p->board;
    }
    if (nF < p->board.reservoir_nF) { nF = p->board.reservoir_nF; }
    v[1].board.reservoir_nF = nF == UINT32_MAX ? 1000000000 : nF;
    v[2].board.reservoir_nF += 100000;
    v[3].chooses = 1;
}

/* -- the table ------------------------------------------------------------- */

static void print_facts(const program *p)
{
    const double days = days_by_charge(p);

    (void)printf("%s: %g mAh, %g %% of self-discharge a year, %g C",
                 p->cell->text, p->mAh, p->self, p->celsius);
    if (p->year > 0 || p->day > 0) {
        (void)printf(" +- %g with the year, +- %g with the day", p->year,
                     p->day);
    }
    (void)printf("\nasleep %g uA", p->sleep_uA);
    if (!p->silent) {
        (void)printf("; every %g s a burst of %.3g s, %.0f uC at %g mA",
                     p->every_s, burst_s(p), burst_uC(p, 0, 3000),
                     p->level[0].uA / 1e3);
    }
    (void)printf("\naverage current         %8.2f uA\n", average_uA(p));
    (void)printf("life by charge alone    %8.0f months (%.0f days)\n",
                 floor(days / MONTH_DAYS), days);
}

static void print_capacitor(const program *p)
{
    const uint32_t nF = enough_nF(p);

    (void)printf("capacitor that is enough ");
    if (!nF) {
        (void)printf("   none is needed");
    } else if (nF == UINT32_MAX) {
        (void)printf("   not even 1 F; 1 F is shown");
    } else {
        (void)printf("%7.1f uF", nF / 1e3);
    }
    (void)printf(" (until %g %% are used, at %g C, %g mA)\n", p->until,
                 p->celsius - p->year - p->day, p->level[0].uA / 1e3);
}

static void print_variant(const variant *v)
{
    (void)printf("%-20s %8.1f ", v->name, v->board.reservoir_nF / 1e3);
    if (v->browned) {
        (void)printf("%6.1f %5.0f %5.0f", v->first_day / MONTH_DAYS,
                     v->first_used, v->first_celsius);
    } else {
        (void)printf(" never     -     -");
    }
    (void)printf(" %9.0f %6.1f %6.1f%s\n", v->resets,
                 v->due > 0 ? 100 * v->sent / v->due : 0,
                 v->last_day / MONTH_DAYS, v->last_day >= DAYS ? "+" : "");
}

static void print_levels(const variant *v)
{
    int i;

    (void)printf("sent by >>tx, %%:");
    for (i = 0; i < v->board.level_count; i++) {
        (void)printf("%s %.1f at %g mA", i ? "," : "",
                     v->due > 0 ? 100 * v->at_level[i] / v->due : 0,
                     v->board.level[i].uA / 1e3);
    }
    (void)printf("\n");
}

static void print_table(const variant *v)
{
    int i;

    (void)printf("\n%-20s %8s %-18s %9s %6s %6s\n", "", "", "first brown-out",
                 "", "sent", "lasts");
    (void)printf("%-20s %8s %6s %5s %5s %9s %6s %6s\n", "", "uF", "month",
                 "used%", "C", "resets", "%", "months");
    for (i = 0; i < VARIANTS; i++) { print_variant(&v[i]); }
    print_levels(&v[VARIANTS - 1]);
}

/* -- the plot -------------------------------------------------------------- */

/* One point for so many days: the rest, and the lowest of all, if it sent. */
static void plot_data(FILE *gp, const variant *v, int number, int every)
{
    int day, i;

    (void)fprintf(gp, "$v%d << EOD\n", number);
    for (day = 0; day < v->days; day += every) {
        uint16_t low = v->lowest_mV[day];
        for (i = day; i < day + every && i < v->days; i++) {
            if (v->lowest_mV[i] < low) { low = v->lowest_mV[i]; }
        }
        (void)fprintf(gp, "%.3f %.3f %.3f\n", day / MONTH_DAYS,
                      v->rest_mV[day] / 1e3,
                      low < UINT16_MAX ? low / 1e3 : NAN);
    }
    (void)fprintf(gp, "EOD\n");
}

static void plot_panel(FILE *gp, const variant *v, int number)
{
    char end[64];

    if (v->browned) {
        (void)snprintf(end, sizeof end, "first brown-out in month %.1f",
                       v->first_day / MONTH_DAYS);
    } else {
        (void)snprintf(end, sizeof end, "no brown-out");
    }
    (void)fprintf(gp,
                  "set title '%s (%.3g uF): %s'\n"
                  "plot brownout with lines dashtype 2 lc rgb '#c03030' title "
                  "'brown-out', $v%d using 1:3 with lines lw 1.5 lc rgb "
                  "'#2060b0' title 'lowest in a burst', $v%d using 1:2 with "
                  "lines lw 1.5 lc rgb '#505050' title 'at rest'\n",
                  v->name, v->board.reservoir_nF / 1e3, end, number, number);
}

static void plot_script(FILE *gp, const program *p, const variant *v)
{
    int most = 1;
    int i;

    for (i = 0; i < VARIANTS; i++) {
        if (v[i].days > most) { most = v[i].days; }
    }
    (void)fprintf(gp,
                  "set terminal svg size 900,640 font 'sans,13' background "
                  "'white'\nset output '%s'\nbrownout = %g\n",
                  p->plot, p->board.brownout_mV / 1e3);
    (void)fprintf(gp,
                  "set multiplot layout 2,2\nset xrange [0:%g]\n"
                  "set yrange [0:%g]\nset xlabel 'months'\n"
                  "set ylabel 'V (0: collapse)'\nunset key\n"
                  "set grid lc rgb '#dddddd'\n",
                  ceil(most / MONTH_DAYS), ceil(v->rest_mV[0] / 500.0) / 2);
    for (i = 0; i < VARIANTS; i++) {
        plot_data(gp, &v[i], i, most / PLOT_POINTS + 1);
        /* where >>tx chooses there is room below brown-out */
        if (v[i].chooses) { (void)fprintf(gp, "set key bottom center\n"); }
        plot_panel(gp, &v[i], i);
    }
    (void)fprintf(gp, "unset multiplot\n");
}

static void plot(const program *p, const variant *v)
{
    FILE *gp;

    /* if there is no gnuplot, its status tells it, not a signal */
    (void)signal(SIGPIPE, SIG_IGN);
    gp = popen("gnuplot", "w");
    if (!gp) { err(1, "gnuplot"); }
    plot_script(gp, p, v);
    if (pclose(gp)) {
        errx(1, "%s: gnuplot could not draw it; is it installed?", p->plot);
    }
}

int main(int argc, char **argv)
{
    static program p;
    static variant variants[VARIANTS];
    int i;

    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    print_facts(&p);
    if (p.silent) { return 0; }
    print_capacitor(&p);
    variants_init(&p, variants);
    for (i = 0; i < VARIANTS; i++) { live(&p, &variants[i]); }
    print_table(variants);
    if (p.plot) { plot(&p, variants); }
    return 0;
}
