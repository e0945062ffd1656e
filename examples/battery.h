/* battery.h - a cell on the desk: what the battery examples are powered from.
 * A simulated circuit with an ADC, a brown-out detector, a meter of charge and
 * a pen that draws its voltage.  SI units; no firmware sees any of this. */
#ifndef BATTERY_H
#define BATTERY_H

#include "../tests/power/circuit.h"

#include <argp.h>
#include <stdint.h>
#include <stdio.h>

typedef struct battery {
    struct circuit circuit;
    struct circuit_state state;
    double s;        /* since the start */
    double idle_a;   /* a constant current that flows always */
    double brownout; /* V, below which a load ends */
    double low;      /* lowest voltage of the last load ... */
    double loaded;   /* ... and at its end, still under it */
    double coulomb;  /* taken so far, but for what idles */
    uint64_t chance;
    FILE *plot; /* null: no pen */
    double plot_s;
    double plot_per_s; /* its unit of time */
    double drawn_s;    /* where the pen is */
    double drawn_v;
} battery;

/* At rest; the circuit, idle_a and brownout are set. */
void battery_start(battery *b);
/* Now, under no other load than what idles. */
double battery_volt(const battery *b);
/* Nobody draws anything, whatever the voltage. */
void battery_rest(battery *b, double s);
/* A load, at the circuit's nominal voltage if that is of constant power.
 * 0: the voltage fell below brown-out, and the load has ended there. */
int battery_draw(battery *b, double s, double a);
/* The same, with a constant current in any case. */
int battery_hold(battery *b, double s, double a);
/* What a noisy ADC makes of a voltage, mV. */
uint16_t battery_adc(battery *b, double v);
/* 0 to 1, another one each time, the same in each run. */
double battery_chance(battery *b);

/* Opens the file that the pen draws in, up to plot_s seconds of a run: lines
 * of time in ms or s, mV, and an event in quotes, which is empty for most.
 * Exits with 1 if it cannot. */
void battery_plot(battery *b, const char *path, double plot_s, int in_ms);
/* Writes an event there. */
void battery_mark(battery *b, const char *event);
/* Ends a curve; the next one is gnuplot's next index. */
void battery_plot_next(battery *b);
/* Exits with 1 if not all could be written. */
void battery_plot_end(battery *b, const char *path);

/* A decimal number from lo to hi, or a usage error. */
double battery_number(const char *name, const char *text, double lo, double hi,
                      struct argp_state *state);
#endif
