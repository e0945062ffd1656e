/* spice.h - ngspice as the judge of circuit.c and of the predictor. */
#ifndef SPICE_H
#define SPICE_H
#include "cases.h"
#include <stdio.h>

/* Writes the case as a netlist that measures the node's lowest voltage; 0, or
 * -1 if that failed. */
int spice_netlist(const struct power_case *pc, FILE *out);

/* Runs ngspice on it, with <name>.cir and <name>.out in `dir`.  mV, or -1 if
 * ngspice is missing or failed (the node itself may be negative, but in no
 * case of the table).  Safe to call from several processes or threads, on
 * different cases. */
double spice_lowest(const struct power_case *pc, const char *dir);
#endif
