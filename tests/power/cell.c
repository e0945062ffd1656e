#include "cell.h"
#include "circuit.h"
#include <math.h>
#include <stddef.h>

#define PI 3.14159265358979323846

const double level_a[LEVELS] = {16.4e-3, 11.2e-3, 6.4e-3, 4.9e-3};
const double heard[2][LEVELS] = {{.60, .60, .55, .35}, {.30, .15, .06, .01}};
const char *const group_names[GROUPS] = {"good indoor",    "good outdoor",
                                         "stored outdoor", "cold site",
                                         "bad indoor",     "bad outdoor"};

/* -- chance ---------------------------------------------------------------- */

static uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double rng_uniform(struct rng *r)
{
    return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

double rng_normal(struct rng *r)
{
    const double radius = sqrt(-2 * log(rng_uniform(r)));

    return radius * cos(2 * PI * rng_uniform(r));
}

/* -- cells ----------------------------------------------------------------- */

/* Energizer CR2032 at 21 degrees: mAh used, mV at 0.19 mA, Ohm after 2 s. */
static const struct point {
    double mAh, mV, ohm;
} curve[] = {
    {0, 2932, 9.5},     {10, 2924, 9.5},    {20, 2917, 9.5},
    {30, 2918, 9.7},    {40, 2927, 10.1},   {50, 2934, 10.5},
    {60, 2938, 11.0},   {70, 2939, 11.5},   {80, 2939, 11.9},
    {90, 2937, 12.3},   {100, 2934, 12.7},  {110, 2930, 13.0},
    {120, 2925, 13.5},  {130, 2913, 14.3},  {140, 2896, 15.7},
    {150, 2875, 17.3},  {160, 2849, 18.9},  {170, 2819, 21.0},
    {180, 2785, 23.2},  {190, 2755, 24.5},  {195, 2726, 27.6},
    {200, 2679, 36.2},  {205, 2608, 56.8},  {210, 2518, 84.8},
    {215, 2417, 117.1}, {218, 2354, 137.2},
};

enum { CURVE_POINTS = sizeof curve / sizeof *curve };

#define CURVE_MAH 225.0 /* of the cell that was measured */
#define COLD      0.039 /* R0 grows by e with 1/0.039 degrees */

static const struct site {
    double lot, sigma, age, capacity; /* log-normal lot times age */
    double mean, season, day, noise;
} sites[GROUPS] = {
    {1, 0.15, 1, 1, 21, 2, 1, 0.5},      {1, 0.15, 1, 1, 9, 11, 5, 1.5},
    {1, 0.15, 1.8, 0.92, 9, 11, 5, 1.5}, {1, 0.15, 1, 1, -2, 13, 5, 1.5},
    {4, 0.30, 1, 0.75, 21, 2, 1, 0.5},   {4, 0.30, 1, 0.75, 9, 11, 5, 1.5},
};

void cell_make(struct cell *c, uint64_t seed, int group, int far, int index)
{
    const struct site *s = &sites[group];
    struct rng r = {seed * 1000003u + (uint64_t)(group * 100000 + index)};

    c->group = group;
    c->far = far;
    rng_next(&r);
    c->lot = s->lot * s->age * exp(s->sigma * rng_normal(&r));
    c->capacity = (225 + 8 * rng_normal(&r)) * s->capacity;
    c->mean = s->mean;
    c->season = s->season;
    c->day = s->day;
    c->noise = s->noise;
    c->phase = 2 * PI * rng_uniform(&r);
    c->seed = rng_next(&r);
}

/* The curve's piece and the place in it; its last piece goes on for ever. */
static double locate(const struct cell *c, double used, size_t *piece)
{
    const double x = used / c->capacity * CURVE_MAH;
    size_t i = x < 195 ? (size_t)(x / 10) : 20;

    while (i < CURVE_POINTS - 2 && x >= curve[i + 1].mAh) { i++; }
    *piece = i;
    return (x - curve[i].mAh) / (curve[i + 1].mAh - curve[i].mAh);
}

double cell_ocv(const struct cell *c, double used)
{
    size_t i;
    const double k = locate(c, used, &i);

    return (curve[i].mV + k * (curve[i + 1].mV - curve[i].mV)) * 1e-3;
}

int cell_r0_less;

double cell_r0(const struct cell *c, double used)
{
    size_t i;
    const double k = locate(c, used, &i);
    const double ohm = curve[i].ohm + k * (curve[i + 1].ohm - curve[i].ohm);

    return c->lot * (cell_r0_less ? ohm - 1.5 : ohm * 8.0 / 9.5);
}

double cell_r2(const struct cell *c)
{
    return 40 * sqrt(c->lot);
}

/* Noise from day to day, remembered for some days, a line from noon to noon. */
void cell_weather(const struct cell *c, int days, float *factor)
{
    struct rng r = {c->seed};
    double today = c->noise * rng_normal(&r);
    int d, s;

    for (d = 0; d < days; d++) {
        const double next = 0.7 * today + 0.714 * c->noise * rng_normal(&r);
        for (s = 0; s < DAY_SLOTS; s++) {
            const double part = (double)s / DAY_SLOTS;
            const double year = c->phase + 2 * PI * (d + part) / 365.25;
            const double celsius = c->mean + c->season * sin(year) +
                                   c->day * sin(2 * PI * part) + today +
                                   part * (next - today);
            *factor++ = (float)exp(COLD * (21 - celsius));
        }
        today = next;
    }
}

/* -- what a burst does ----------------------------------------------------- */

enum { SEGMENTS = 6 };

#define E_STEP   0.01
#define R_HALF   50.0 /* tables hold r/(r + this), so that none is infinite */
#define R_MOST   3000.0
#define R2_TABLE 80.0 /* 40 Ohm in place of it would be 0.2 mV more */

static const int knots[LIMIT_KNOTS] = {1, 2, 3, 5, 8, 12, 18, EVENTS};

static size_t event_segments(int level, struct circuit_segment *s)
{
    size_t i;

    for (i = 0; i < SEGMENTS - 1; i++) {
        s[i].s = i % 2 ? BETWEEN_S : PACKET_S;
        s[i].a = i % 2 ? BETWEEN_A : level_a[level];
    }
    s[i].s = EVENT_S - 3 * PACKET_S - 2 * BETWEEN_S;
    s[i].a = 0;
    return SEGMENTS;
}

static void burst_circuit(const struct limits *l, double e, double r0,
                          double r2, struct circuit *c)
{
    c->r0 = r0;
    c->r1 = R1_PER_R0 * r0;
    c->tau1 = TAU1_S;
    c->r2 = r2;
    c->tau2 = TAU2_S;
    c->c = l->c;
    c->esr = l->esr;
    c->leak = 0;
    c->constant_power = 1;
    c->nominal = NOMINAL_V;
    c->ocv = e;
}

double burst_lowest(const struct limits *l, int level, int events, double e,
                    double v1, double r0, double r2)
{
    struct circuit_segment s[SEGMENTS];
    struct circuit c;
    struct circuit_state at;
    double low = e;
    const size_t n = event_segments(level, s);

    burst_circuit(l, e, r0, r2, &c);
    circuit_rest(&c, SLEEP_A, &at);
    c.ocv += at.v1 + at.v2 + v1;
    at.v1 += v1;
    at.vc = e - SLEEP_A * r0;
    while (events-- && low >= l->brownout) {
        low = fmin(low, circuit_run(&c, &at, s, n, SLEEP_A, NULL, NULL));
    }
    return low;
}

/* Lowest voltages fall with R0: halve between a limit known to be too low and
 * one known to be too high. */
static double bisect(const struct limits *l, int level, int events, double e,
                     double low, double high)
{
    while (high - low > 4e-6) {
        const double g = (low + high) / 2;
        const double r = R_HALF * g / (1 - g);
        if (burst_lowest(l, level, events, e, 0, r, R2_TABLE) >= l->brownout) {
            low = g;
        } else {
            high = g;
        }
    }
    return low;
}

/* Columns crowd at small R0, where a large reservoir bends the curve. */
static double column_r0(double most, int column)
{
    const double x = (double)column / (READ_COLUMNS - 1);

    return most * x * x;
}

static void build_readings(struct limits *l, int level, int row)
{
    const double e = l->brownout + row * E_STEP;
    const double g = l->r[level][0][row];
    const double most = R_HALF * g / (1 - g);
    struct circuit_segment s[SEGMENTS];
    struct circuit c;
    struct circuit_state at;
    int i;

    event_segments(level, s);
    l->mv[level][0][row][0] = l->mv[level][1][row][0] = (float)e;
    for (i = 1; i < READ_COLUMNS; i++) {
        const double r0 = fmax(column_r0(most, i), 1e-3);
        burst_circuit(l, e, r0, R2_TABLE, &c);
        circuit_rest(&c, SLEEP_A, &at);
        c.ocv += at.v1 + at.v2;
        at.vc = e - SLEEP_A * r0;
        l->mv[level][0][row][i] =
            (float)circuit_run(&c, &at, s, 1, SLEEP_A, NULL, NULL);
        l->mv[level][1][row][i] =
            (float)circuit_run(&c, &at, s + 1, 4, SLEEP_A, NULL, NULL);
    }
}

void limits_init(struct limits *l, double brownout, double c)
{
    l->brownout = brownout;
    l->c = c;
    l->esr = 7e-3;
}

void limits_build(struct limits *l, int level)
{
    int row, k;

    for (k = 0; k < LIMIT_KNOTS; k++) {
        double *r = l->r[level][k];
        r[0] = 0;
        for (row = 1; row < LIMIT_ROWS; row++) {
            const double most =
                k ? l->r[level][k - 1][row] + 1e-5 : R_MOST / (R_MOST + R_HALF);
            r[row] = bisect(l, level, knots[k], l->brownout + row * E_STEP,
                            fmin(r[row - 1], most), most);
        }
    }
    for (row = 0; row < LIMIT_ROWS; row++) { build_readings(l, level, row); }
}

static int row_of(const struct limits *l, double e, double *part)
{
    const double x = (e - l->brownout) / E_STEP;
    const int row = x < 0 ? 0 : x > LIMIT_ROWS - 2 ? LIMIT_ROWS - 2 : (int)x;

    *part = x < 0 ? 0 : x - row;
    return row;
}

double limits_r0(const struct limits *l, int level, int events, double e)
{
    int k = LIMIT_KNOTS - 1;
    double part, g;
    const int row = row_of(l, e, &part);
    const double *at;

    while (k && knots[k - 1] >= events) { k--; }
    at = &l->r[level][k][row];
    g = at[0] + part * (at[1] - at[0]);
    if (knots[k] != events) {
        const double back =
            (double)(knots[k] - events) / (knots[k] - knots[k - 1]);
        at = &l->r[level][k - 1][row];
        g += back * (at[0] + part * (at[1] - at[0]) - g);
    }
    return g >= 0.98 ? HUGE_VAL : R_HALF * g / (1 - g);
}

static double between(const float (*mv)[READ_COLUMNS], double part, int i,
                      double x)
{
    const double low = (double)mv[0][i] + x * (double)(mv[0][i + 1] - mv[0][i]);
    const double high =
        (double)mv[1][i] + x * (double)(mv[1][i + 1] - mv[1][i]);

    return low + part * (high - low);
}

/* The columns of both rows stand at the same part of their own limit, so no
 * reading mixes with one from below brown-out. */
void limits_read(const struct limits *l, int level, double e, double r0,
                 double v[2])
{
    double part, x;
    const int row = row_of(l, e, &part);
    const double *limit = &l->r[level][0][row];
    const double g = limit[0] + part * (limit[1] - limit[0]);
    int i, packet;

    v[0] = v[1] = l->brownout;
    if (!(g > 0)) { return; }
    x = sqrt(r0 * (1 - g) / (R_HALF * g)) * (READ_COLUMNS - 1);
    i = x < READ_COLUMNS - 2 ? (int)x : READ_COLUMNS - 2;
    x = x - i < 1 ? x - i : 1;
    for (packet = 0; packet < 2; packet++) {
        const double at = between(&l->mv[level][packet][row], part, i, x);
        if (at > v[packet]) { v[packet] = at; }
    }
}

/* The mean of what the load saw, near enough for a charge. */
double limits_charge(int level, double e, const double v[2])
{
    const double watt_s =
        NOMINAL_V * (3 * PACKET_S * level_a[level] + 2 * BETWEEN_S * BETWEEN_A);

    return watt_s / (0.25 * v[0] + 0.65 * v[1] + 0.1 * e);
}
