/* at_replay.c - the transcripts through the parser, each in chunks of several
 * sizes; says a sum over all that the events say. For a chip whose stack has
 * just room for the parser: main calls it, and nothing is in between. */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "check.h"
#include "transcripts/esp.h"

enum { CAP = 70, CHUNK = 64 };

static const uint8_t sizes[] = {1, 2, 5, 11, CHUNK};
static estls_at at;
static estls_at_event ev;
static transcript t;
static char line[CAP], chunk[CHUNK];
static const char *p;
static size_t size, i, k, left, used;
static uint32_t sum;

static void add(uint8_t byte)
{
    sum = (sum << 5 | sum >> 27) ^ byte;
}

/* Where a payload is cut says nothing. */
static void add_event(void)
{
    if (ev.kind != ESTLS_AT_DATA) {
        add(ev.kind);
        add(ev.tag);
        add(ev.overlong);
        add((uint8_t)ev.id);
        sum ^= ev.number;
    }
    for (k = 0; k < ev.len; k++) { add((uint8_t)ev.text[k]); }
}

static void replay(void)
{
    (void)!estls_at_init(&at, estls_at_esp(), line, CAP);
    at.expect = t.expect;
    at.prompt = 1;
    sum = 0;
    for (i = 0; i < t.len; i += size) {
        left = t.len - i < size ? t.len - i : size;
        flash_fetch(chunk, t.rx + i, left);
        for (p = chunk; left; p += used) {
            used = estls_at_feed(&at, p, left, &ev);
            left -= used;
            if (ev.kind) { add_event(); }
        }
    }
}

int main(void)
{
    static size_t row, which;

    for (row = 0; row < sizeof transcripts / sizeof transcripts[0]; row++) {
        flash_fetch(&t, &transcripts[row], sizeof t);
        for (which = 0; which < sizeof sizes; which++) {
            size = sizes[which];
            replay();
            printf("case_%u_by_%u: %lu\n", (unsigned)row, (unsigned)size,
                   (unsigned long)sum);
            check_passed++;
        }
    }
    return check_end();
}
