/* policy_ours.h - what the board of our policy is told of itself. */
#ifndef POLICY_OURS_H
#define POLICY_OURS_H
#include "policy.h"

struct ours_options {
    uint16_t brownout_mV;
    uint32_t reservoir_nF;
};

/* Before the population runs. */
void ours_set(const struct ours_options *o);
extern const struct policy ours, ours_100uF;
#endif
