/* cases.h - the circuits on which the predictor of >>tx is judged. */
#ifndef CASES_H
#define CASES_H
#include "circuit.h"
#include <stdint.h>

/* Segments of a load that is written out. */
#define CASE_SEGMENTS 64

/* The load is `repeat` times the segments; a segment of 0 uA draws the
 * level's current.  The sleep current flows too, always. */
struct power_case {
    const char *name, *note;
    uint16_t ocv_mV;
    uint32_t r0_mOhm, r1_mOhm, tau1_us, r2_mOhm, tau2_us;
    uint32_t c_nF;
    uint16_t esr_mOhm;
    uint8_t constant_power;
    uint16_t nominal_mV;
    uint32_t level_uA, sleep_uA;
    struct {
        uint32_t us, uA;
    } segment[5];
    uint8_t segments, repeat;
    uint16_t brownout_mV;
    double given_mV; /* lowest voltage by others' SPICE, 0: not given */
};

extern const struct power_case power_cases[];
extern const size_t power_cases_count;

void case_circuit(const struct power_case *pc, struct circuit *c);

/* Writes the load out; the number of segments, at most `cap`. */
size_t case_segments(const struct power_case *pc,
                     struct circuit_segment *segment, size_t cap);
#endif
