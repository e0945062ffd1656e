/* at_cycles.c - the parser on an AVR, fed with what the simulator puts into a
 * buffer; the cycles that it takes are counted between marks. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include <avr/io.h>

enum { START = 1, STOP, FILL, END, CHUNK = 512 }; /* in GPIOR0 */

extern char chunk[CHUNK];
extern volatile uint16_t chunk_len; /* the simulator's, before the first FILL:
                                       how much it wants to put in */
char chunk[CHUNK];
volatile uint16_t chunk_len;

/* Apart, so that the compiler knows no more of the parser than any caller. */
static size_t __attribute__((noinline))
feed(estls_at *at, const char *p, size_t n, estls_at_event *ev)
{
    size_t used;

    GPIOR0 = START;
    used = estls_at_feed(at, p, n, ev);
    GPIOR0 = STOP;
    return used;
}

int main(void)
{
    static estls_at at;
    static char line[128];
    estls_at_event ev;
    const char *p;
    size_t n;

    (void)!estls_at_init(&at, estls_at_esp(), line, sizeof line);
    for (;;) {
        GPIOR0 = FILL;
        n = chunk_len;
        if (n == 0) { break; }
        for (p = chunk; n;) {
            const size_t used = feed(&at, p, n, &ev);
            p += used;
            n -= used;
            at.prompt = 1; /* as the engine would */
        }
    }
    GPIOR0 = END;
    for (;;) {}
}
