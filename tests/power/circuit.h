/* circuit.h - the truth for the tests of >>tx: a cell, its reservoir and a
 * load, integrated with doubles.  SI units throughout. */
#ifndef CIRCUIT_H
#define CIRCUIT_H
#include <stddef.h>

/* A cell (OCV behind R0, R1||C1, R2||C2) feeds a node with a reservoir
 * capacitor; r0 > 0.  Below 1 nF there is none: the node is algebraic. */
struct circuit {
    double ocv, r0, r1, tau1, r2, tau2;
    double c, esr;
    double leak; /* Ohm across the node, 0: none */
    int constant_power;
    double nominal; /* V at which currents of constant-power loads hold: 3.0 */
};

/* Volts across R1||C1 and R2||C2, and of the capacitor behind its ESR. */
struct circuit_state {
    double v1, v2, vc;
};

/* Ampere at the nominal voltage if the loads are of constant power. */
struct circuit_segment {
    double s, a;
};

typedef void circuit_trace(void *user, double t, double v);

/* A load of constant power turns into a resistor below this, as a converter
 * that gives up: I = P V / max(V, CIRCUIT_KNEE)^2. */
#define CIRCUIT_KNEE 0.3

/* Settled with a sleep load of constant current. */
void circuit_rest(const struct circuit *c, double sleep_a,
                  struct circuit_state *state);

/* The node's voltage at once under this load; nothing moves. */
double circuit_node(const struct circuit *c, const struct circuit_state *state,
                    double load_a);

/* Runs the segments one after the other and advances the state; the sleep
 * current flows too, always.  The lowest voltage of the node.  `trace` may be
 * NULL. */
double circuit_run(const struct circuit *c, struct circuit_state *state,
                   const struct circuit_segment *segment, size_t n,
                   double sleep_a, circuit_trace *trace, void *user);
#endif
