/* tx.c - the random steps of tx_steps.h, steered by the input: boards, jobs,
 * samples, garbage in retained memory; no overflow, a reason for each answer,
 * and more resistance never means more voltage. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "fuzz.h"

#define CHECK(cond) MUST(cond)
#include "../tx_steps.h"

static fuzz_input input;

static uint32_t tx_draw(uint32_t n)
{
    const uint32_t v = fuzz_take(&input, n - 1 < 256     ? 1
                                         : n - 1 < 65536 ? 2
                                                         : 4);

    return n ? v % n : v;
}

/* From what the CRC starts, a first record tells. */
static void learn_start(void)
{
    static int known;

    if (known) { return; }
    known = 1;
    node.level[0].uA = 10000;
    node.segment[0].us = 1000;
    node.board.level = node.level;
    node.board.level_count = 1;
    node.board.segment = node.segment;
    node.board.segment_count = 1;
    node.board.brownout_mV = 2000;
    node.board.guard = &node.guard;
    boot();
    MUST(node.usable);
    check_records();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    learn_start();
    input.p = data;
    input.n = size;
    memset(&node, 0, sizeof node);
    new_board();
    while (input.n) { step(); }
    return 0;
}
