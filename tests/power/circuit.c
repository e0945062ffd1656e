/* circuit.c - see circuit.h.  One step is Rodas3, an L-stable Rosenbrock
 * method of order 3(2) (Hairer, Wanner: Solving ODEs II; Sandu et al. 1997):
 * linear algebra only, no iteration, and time constants from nanoseconds to
 * hours in one run. */
#include "circuit.h"
#include <math.h>

#define TOLERANCE    6e-5 /* V a step, of the embedded method of order 2 */
#define NO_RESERVOIR 1e-9 /* F */

/* A segment's constants: conductances, rates, and the load. */
struct net {
    double ocv, g0, g_esr, g_leak, r, per_c;
    double k1, rate1, k2, rate2; /* dv1/dt = k1 i - rate1 v1 */
    double a, w;                 /* constant current, constant power */
    int pinned;                  /* no ESR: the node is the capacitor */
};

/* The inverse of 1/(gamma h) - J, for one step. */
struct solver {
    double m1, m2, b1, b2; /* of the two RC pairs */
    double p, q, y;        /* what couples them to the capacitor */
    double shrink, mc;
};

struct sag {
    double v1, v2, vc;
};

static void net_cell(const struct circuit *c, struct net *net)
{
    net->ocv = c->ocv;
    net->g0 = 1 / c->r0;
    net->rate1 = c->tau1 > 0 ? 1 / c->tau1 : 0;
    net->rate2 = c->tau2 > 0 ? 1 / c->tau2 : 0;
    net->k1 = c->r1 * net->rate1;
    net->k2 = c->r2 * net->rate2;
}

static void net_node(const struct circuit *c, struct net *net)
{
    const int reservoir = c->c >= NO_RESERVOIR;

    net->g_leak = c->leak > 0 ? 1 / c->leak : 0;
    net->per_c = reservoir ? 1 / c->c : 0;
    net->pinned = reservoir && c->esr <= 0;
    net->g_esr = reservoir && c->esr > 0 ? 1 / c->esr : 0;
    net->r = 1 / (net->g0 + net->g_esr + net->g_leak);
}

static void net_load(const struct circuit *c, double load_a, double sleep_a,
                     struct net *net)
{
    net->a = sleep_a + (c->constant_power ? 0 : load_a);
    net->w = c->constant_power ? load_a * c->nominal : 0;
}

/* Where a source u behind a resistance settles; wr: the power times that
 * resistance.  The upper point if there is one, else the collapsed one. */
static double operating_point(double u, double wr)
{
    const double d = u * u - 4 * wr;

    if (wr <= 0) { return u; }
    if (u > 0 && d >= 0) {
        const double v = (u + sqrt(d)) / 2;
        if (v >= CIRCUIT_KNEE) { return v; }
    }
    return u / (1 + wr / (CIRCUIT_KNEE * CIRCUIT_KNEE));
}

static double node(const struct net *net, const struct sag *at)
{
    const double e = net->ocv - at->v1 - at->v2;

    if (net->pinned) { return at->vc; }
    return operating_point(
        (e * net->g0 + at->vc * net->g_esr - net->a) * net->r, net->w * net->r);
}

/* The conductance of the load of constant power at v. */
static double load_conductance(const struct net *net, double v)
{
    const double u = v > CIRCUIT_KNEE ? v : CIRCUIT_KNEE;

    return net->w / (u * u);
}

static double slope(const struct net *net, const struct sag *at, struct sag *dt)
{
    const double v = node(net, at);
    const double i = (net->ocv - at->v1 - at->v2 - v) * net->g0;
    const double drawn = net->a + v * (net->g_leak + load_conductance(net, v));

    dt->v1 = net->k1 * i - net->rate1 * at->v1;
    dt->v2 = net->k2 * i - net->rate2 * at->v2;
    dt->vc = net->per_c * (i - drawn);
    return v;
}

/* With s = v1 + v2: di = -p ds - q dvc, dvc/dt changes by -y ds - x dvc. */
static void solver_set(const struct net *net, double v, double h,
                       struct solver *s)
{
    const double m = 2 / h;
    const double load = load_conductance(net, v);
    const double g = net->g_leak + (v > CIRCUIT_KNEE ? -load : load);
    const double all = net->g0 + net->g_esr + g;
    const double by_vc = net->pinned ? 1 : net->g_esr / all;
    const double by_e = net->pinned ? 0 : net->g0 / all;
    const double x = (net->g0 + g) * by_vc * net->per_c;

    s->m1 = 1 / (m + net->rate1);
    s->m2 = 1 / (m + net->rate2);
    s->b1 = net->k1 * s->m1;
    s->b2 = net->k2 * s->m2;
    s->p = (1 - by_e) * net->g0;
    s->q = by_vc * net->g0;
    s->y = (net->g0 - (net->g0 + g) * by_e) * net->per_c;
    s->shrink = 1 / (1 + s->p * (s->b1 + s->b2));
    s->mc = 1 / (m + x - s->y * (s->b1 + s->b2) * s->q * s->shrink);
}

static void solve(const struct solver *s, struct sag *u)
{
    const double u1 = u->v1 * s->m1;
    const double u2 = u->v2 * s->m2;
    const double sum = (u1 + u2) * s->shrink;
    const double vc = (u->vc - s->y * sum) * s->mc;
    const double i = s->p * sum + s->q * vc * s->shrink;

    u->v1 = u1 - s->b1 * i;
    u->v2 = u2 - s->b2 * i;
    u->vc = vc;
}

static struct sag plus(struct sag a, double k, struct sag b)
{
    a.v1 += k * b.v1;
    a.v2 += k * b.v2;
    a.vc += k * b.vc;
    return a;
}

static double largest(const struct sag *a)
{
    return fmax(fmax(fabs(a->v1), fabs(a->v2)), fabs(a->vc));
}

/* One step from `at`, whose node is at v and whose slope is dt.  The error
 * over the tolerance. */
static double step(const struct net *net, const struct sag *at, double v,
                   const struct sag *dt, double h, struct sag *to)
{
    const double k = 1 / h;
    struct solver s;
    struct sag a = *dt, b, c, d;

    solver_set(net, v, h, &s);
    solve(&s, &a);
    b = plus(*dt, 4 * k, a);
    solve(&s, &b);
    *to = plus(*at, 2, a);
    slope(net, to, &c);
    a = plus(a, -1, b);
    c = plus(c, k, a);
    solve(&s, &c);
    *to = plus(*to, 1, c);
    slope(net, to, &d);
    d = plus(plus(d, k, a), k * -8 / 3, c);
    solve(&s, &d);
    *to = plus(*to, 1, d);
    return largest(&d) / TOLERANCE;
}

static double next_step(double h, double error)
{
    if (!(error > 0.003)) { return error >= 0 ? 6 * h : h / 6; }
    return h * fmax(1. / 6, 0.9 / cbrt(error));
}

/* A first step for a node that answers within tau. */
static double first_step(const struct net *net, double s)
{
    const double g = net->g0 + net->g_leak;
    const double tau =
        net->pinned || net->g_esr <= 0 ? 1 / g : 1 / g + 1 / net->g_esr;

    return net->per_c > 0 ? fmin(s, 0.1 * tau / net->per_c) : s / 8;
}

struct record {
    double t, low;
    circuit_trace *trace;
    void *user;
};

static void note(struct record *r, double v)
{
    if (v < r->low) { r->low = v; }
    if (r->trace) { r->trace(r->user, r->t, v); }
}

static void run_segment(const struct net *net, double s, struct sag *at,
                        struct record *r)
{
    const double begin = r->t;
    /* Where a collapse jumps, no step is small enough for the tolerance. */
    const double least = 1e-12 * s;
    double h = first_step(net, s);
    double done = 0;
    struct sag to, dt;
    double v = slope(net, at, &dt);

    note(r, v);
    while (done < s) {
        const int last = h >= s - done;
        const double now = last ? s - done : h;
        const double error = step(net, at, v, &dt, now, &to);
        h = next_step(now, error);
        if (!(error <= 1) && now > least) { continue; }
        done = last ? s : done + now;
        r->t = begin + done;
        *at = to;
        v = slope(net, at, &dt);
        note(r, v);
    }
}

void circuit_rest(const struct circuit *c, double sleep_a,
                  struct circuit_state *state)
{
    const double r = c->r0 + c->r1 + c->r2;
    const double g_leak = c->leak > 0 ? 1 / c->leak : 0;
    const double v = (c->ocv - r * sleep_a) / (1 + r * g_leak);
    const double i = sleep_a + v * g_leak;

    state->v1 = c->r1 * i;
    state->v2 = c->r2 * i;
    state->vc = v;
}

double circuit_node(const struct circuit *c, const struct circuit_state *state,
                    double load_a)
{
    const struct sag at = {state->v1, state->v2, state->vc};
    struct net net;

    net_cell(c, &net);
    net_node(c, &net);
    net_load(c, load_a, 0, &net);
    return node(&net, &at);
}

double circuit_run(const struct circuit *c, struct circuit_state *state,
                   const struct circuit_segment *segment, size_t n,
                   double sleep_a, circuit_trace *trace, void *user)
{
    struct record r = {0, HUGE_VAL, trace, user};
    struct sag at = {state->v1, state->v2, state->vc};
    struct net net;
    size_t i;

    net_cell(c, &net);
    net_node(c, &net);
    for (i = 0; i < n; i++) {
        net_load(c, segment[i].a, sleep_a, &net);
        run_segment(&net, segment[i].s, &at, &r);
    }
    /* Without a reservoir the node has no memory; show where it ended. */
    if (net.per_c <= 0 && n) { at.vc = node(&net, &at); }
    state->v1 = at.v1;
    state->v2 = at.v2;
    state->vc = at.vc;
    return r.low;
}
