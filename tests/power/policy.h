/* policy.h - what a sensor decides in its ten minutes, and what it may do. */
#ifndef POLICY_H
#define POLICY_H
#include <stddef.h>
#include <stdint.h>

/* Ten minutes of one board.  The board itself is the world's secret. */
struct slot {
    uint32_t now_ms; /* wraps; moves with every call below */
    int cold;        /* in boot(): power-on, the state is zeroed */
    struct board *board;
};

struct policy {
    const char *name;
    size_t state_size; /* retained: brown-outs leave it alone */
    double extra_c;    /* F beside the board's reservoir */
    int blind;         /* does the same after every boot: the world may count
                        * the loops of a slot instead of running them */
    void (*boot)(void *state, struct slot *s); /* power-on or brown-out */
    void (*run)(void *state, struct slot *s);  /* once a slot, and after boot */
};

/* NULL ends the table. */
extern const struct policy *const policies[];

enum { POLICY_STATE_MAX = 512 };

/* Once the board browned out in a slot, everything here does nothing until
 * boot(): run() must return. */

/* A noisy reading at rest, 0 after a brown-out. */
uint16_t slot_rest_mV(struct slot *s);
/* A noisy reading at the end of a load of constant current, 0 if the board
 * browned out under it. */
uint16_t slot_probe(struct slot *s, uint32_t uA, uint32_t us);
/* Events sent, 0 without the time for them, -1 if the board browned out.  The
 * readings may be NULL: the lowest, at the end of the last packet of the last
 * event, and one at the end of the first packet of all. */
int slot_burst(struct slot *s, int level, int events, uint16_t *lowest_mV,
               uint16_t *first_packet_mV);
void slot_sleep(struct slot *s, uint32_t ms);
int slot_browned_out(const struct slot *s);
#endif
