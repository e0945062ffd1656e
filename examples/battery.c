/* battery.c - see battery.h. */
#define _DEFAULT_SOURCE
#include "battery.h"

#include <err.h>
#include <math.h>
#include <stdlib.h>

#define ADC_SIGMA_MV 2.0
#define ADC_STEP_MV  0.88
#define PEN_V        1e-3 /* a curve needs no more than that ... */
#define PEN_S        1e-3 /* ... but a line each millisecond of load */

/* One run of the circuit: what flows, and what has come by. */
typedef struct meter {
    battery *battery;
    double begin;
    double a;
    double t;
    double v;
} meter;

/* -- the pen --------------------------------------------------------------- */

static int plotting(const battery *b)
{
    return b->plot && b->s < b->plot_s;
}

static void draw_point(battery *b, double s, double v, const char *event)
{
    (void)fprintf(b->plot, "%.6f %.1f \"%s\"\n", s * b->plot_per_s, 1e3 * v,
                  event);
    b->drawn_s = s;
    b->drawn_v = v;
}

void battery_plot(battery *b, const char *path, double plot_s, int in_ms)
{
    b->plot = fopen(path, "w");
    if (!b->plot) { err(1, "%s", path); }
    b->plot_s = plot_s;
    b->plot_per_s = in_ms ? 1e3 : 1;
    (void)fprintf(b->plot, "# %s mV \"event\"\n", in_ms ? "ms" : "seconds");
}

void battery_mark(battery *b, const char *event)
{
    /* a load that has just ended for want of voltage shows where */
    const double v = b->low < b->brownout ? b->low : battery_volt(b);

    if (plotting(b)) { draw_point(b, b->s, v, event); }
}

void battery_plot_next(battery *b)
{
    if (b->plot) { (void)fprintf(b->plot, "\n\n"); }
}

void battery_plot_end(battery *b, const char *path)
{
    if (!b->plot) { return; }
    if (ferror(b->plot) | fclose(b->plot)) { err(1, "%s", path); }
    b->plot = NULL;
}

/* -- the circuit ----------------------------------------------------------- */

static void on_step(void *user, double t, double v)
{
    meter *m = user;
    battery *b = m->battery;
    const double mean = fmax((v + m->v) / 2, CIRCUIT_KNEE);
    const double a =
        b->circuit.constant_power ? m->a * b->circuit.nominal / mean : m->a;
    const double s = m->begin + t;

    b->coulomb += a * (t - m->t);
    m->t = t;
    m->v = v;
    if (plotting(b) && (fabs(v - b->drawn_v) >= PEN_V ||
                        (m->a > 0 && s - b->drawn_s >= PEN_S))) {
        draw_point(b, s, v, "");
    }
}

static void run(battery *b, double s, double a)
{
    const struct circuit_segment load = {s, a};
    meter m = {b, b->s, a, 0, circuit_node(&b->circuit, &b->state, a)};

    b->low =
        circuit_run(&b->circuit, &b->state, &load, 1, b->idle_a, on_step, &m);
    b->loaded = m.v;
    b->s += s;
}

void battery_start(battery *b)
{
    b->s = 0;
    b->coulomb = 0;
    b->low = HUGE_VAL;
    b->drawn_s = -1;
    b->chance = 1;
    circuit_rest(&b->circuit, b->idle_a, &b->state);
}

double battery_volt(const battery *b)
{
    return circuit_node(&b->circuit, &b->state, b->idle_a);
}

void battery_rest(battery *b, double s)
{
    if (s > 0) { run(b, s, 0); }
}

/* In pieces, so that it ends where the voltage falls through brown-out. */
static int draw_in_pieces(battery *b, double s, double a)
{
    const double piece = s < 5e-3 ? 25e-6 : s / 200;
    double low = HUGE_VAL;

    while (s > 0) {
        run(b, fmin(piece, s), a);
        low = b->low = fmin(low, b->low);
        if (low < b->brownout) { return 0; }
        s -= piece;
    }
    return 1;
}

int battery_draw(battery *b, double s, double a)
{
    const battery before = *b;

    if (!plotting(b)) { /* all at once is faster, and mostly goes well */
        run(b, s, a);
        if (b->low >= b->brownout) { return 1; }
        *b = before;
    }
    return draw_in_pieces(b, s, a);
}

int battery_hold(battery *b, double s, double a)
{
    const int power = b->circuit.constant_power;
    int alive;

    b->circuit.constant_power = 0;
    alive = battery_draw(b, s, a);
    b->circuit.constant_power = power;
    return alive;
}

/* -- what is measured ------------------------------------------------------ */

/* splitmix64 */
double battery_chance(battery *b)
{
    uint64_t z = b->chance += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

uint16_t battery_adc(battery *b, double v)
{
    double normal = -6; /* nearly, by twelve uniform ones */
    double code;
    int i;

    for (i = 0; i < 12; i++) { normal += battery_chance(b); }
    code = floor((1e3 * v + ADC_SIGMA_MV * normal) / ADC_STEP_MV + 0.5);
    return (uint16_t)fmax(1, code * ADC_STEP_MV + 0.5);
}

double battery_number(const char *name, const char *text, double lo, double hi,
                      struct argp_state *state)
{
    char *end;
    const double x = strtod(text, &end);

    if (end == text || *end || !(x >= lo && x <= hi)) {
        argp_error(state, "--%s: %s is not a number from %g to %g", name, text,
                   lo, hi);
    }
    return x;
}
