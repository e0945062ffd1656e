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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input.p = data;
    input.n = size;
    memset(&node, 0, sizeof node);
    new_board();
    while (input.n) { step(); }
    return 0;
}
