/* >>at: one turn of the loop in estls_at_feed, over up to CHUNK bytes, by a
 * parser in any state that it can be in; and the whole of it over up to one
 * byte.  The state that a turn leaves is one of those again, and where it ends is
 * within the chunk, so no input, however long and in whatever chunks, does more.
 * For the judge of a line stands its contract, see judge.c.
 *
 * Where a header of payload ends is not for Eva to show: the bytes that were
 * kept have been judged when they came, and had no header in them, so one that
 * is found now ends behind them (assertion header, and in explained). */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 2000 -eva-min-loop-unroll 40 -eva-use-spec estlsi_at_judge
// eva -eva-slevel-function main:0
// eva -eva-slevel-merge-after-loop=-@all
// reach estls_at_feed estlsi_at_run estlsi_at_keep estlsi_at_prompt
// reach estlsi_at_text_end estlsi_at_payload estlsi_at_blank

enum { CHUNK = 9, CAP = 16 };

static estls_at at;

/* A parser that has kept so many bytes of a line. */
static int any_state(uint16_t kept)
{
    char *line = arbitrary(CAP);

    if (estls_at_init(&at, estls_at_esp(), line, CAP)) { return 0; }
    at.len = kept;
    at.left = 0;
    at.id = (int8_t)any(0, 255);
    at.skip = (uint8_t)any(0, 1);
    at.prompt = (uint8_t)any(0, 2);
    return 1;
}

static void feed(size_t n, uint16_t kept)
{
    const char *chunk = arbitrary(n);
    estls_at_event ev;
    size_t taken;

    if (!any_state(kept)) { return; }
    at.left = (uint16_t)any(0, 0xffff);
    taken = estls_at_feed(&at, chunk, n, &ev);
    if (ev.kind == ESTLS_AT_PAYLOAD) { return; }
    //@ assert at.len <= CAP && taken <= n;
}

static void turn(size_t n, uint16_t kept)
{
    const char *chunk = arbitrary(n);
    const char *end = chunk + n;
    const char *p = chunk;
    estls_at_event ev;

    if (!any_state(kept)) { return; }
    ev.kind = ESTLS_AT_NONE;
    if (!at.len && !at.skip && estlsi_at_blank(&at, p, &ev)) {
        p++;
    } else {
        p = estlsi_at_run(&at, p, end, &ev);
    }
    //@ assert at.len <= CAP;
    if (ev.kind == ESTLS_AT_PAYLOAD) { return; }
    //@ assert chunk <= p <= end;
}

int main(void)
{
    size_t n;
    uint16_t kept;

    //@ loop unroll CAP + 1;
    for (kept = 0; kept <= CAP; kept++) {
        feed(0, kept);
        feed(1, kept);
        //@ loop unroll CHUNK;
        for (n = 1; n <= CHUNK; n++) { turn(n, kept); }
    }
    return 0;
}
