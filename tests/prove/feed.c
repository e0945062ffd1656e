/* >>at: one chunk of up to CHUNK bytes, fed to a parser in any state that it
 * can be in.  The state that it leaves is one of those again, so no input,
 * however long and in whatever chunks, does more.  For the judge of a line
 * stands its contract, see judge.c. */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 100 -eva-min-loop-unroll 40 -eva-use-spec estlsi_at_judge
// eva -eva-slevel-function main:0
// reach estls_at_feed estlsi_at_run estlsi_at_keep estlsi_at_prompt
// reach estlsi_at_text_end estlsi_at_payload

enum { CHUNK = 9, CAP = 16 };

static estls_at at;

static void feed(size_t n, uint16_t kept)
{
    const char *chunk = arbitrary(n);
    estls_at_event ev;
    char *line = arbitrary(CAP);
    size_t taken;

    if (estls_at_init(&at, estls_at_esp(), line, CAP)) { return; }
    at.len = kept;
    at.left = (uint16_t)any(0, 0xffff);
    at.id = (int8_t)any(0, 255);
    at.skip = (uint8_t)any(0, 1);
    at.prompt = (uint8_t)any(0, 2);
    taken = estls_at_feed(&at, chunk, n, &ev);
    //@ assert at.len <= at.cap;
}

int main(void)
{
    size_t n;
    uint16_t kept;

    //@ loop unroll CHUNK + 1;
    for (n = 0; n <= CHUNK; n++) {
        //@ loop unroll CAP + 1;
        for (kept = 0; kept <= CAP; kept++) { feed(n, kept); }
    }
    return 0;
}
