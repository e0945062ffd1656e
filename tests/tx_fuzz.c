/* tx_fuzz.c - the random steps of tx_steps.h, from a seed, many of them.
 * Usage: tx_fuzz [COUNT [SEED [progress]]] */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include <stdlib.h>

#include "check.h"
#include "tx_steps.h"

static uint32_t seed = 1;

static uint32_t tx_draw(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return n ? seed % n : seed;
}

int main(int argc, char **argv)
{
    const unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    unsigned long i;

    seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    seed = seed ? seed : 1;
    memset(&node.board, 0, sizeof node.board);
    while (!node.usable || !node.board.guard) { new_board(); }
    for (i = 0; i < count; i++) {
        step();
        if (argc > 3 && (i + 1) % (count / 20 + 1) == 0) {
            printf("%lu of %lu\n", i + 1, count);
            fflush(stdout);
        }
    }
    for (i = 0; i < 4; i++) { CHECK(seen[i] > count / 1000); }
    CHECK(refused > count / 1000);
    printf("send %lu, probe %lu, wait %lu, drop %lu, refused %lu\n", seen[0],
           seen[1], seen[2], seen[3], refused);
    return check_end();
}
