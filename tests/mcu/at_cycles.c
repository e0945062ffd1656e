/* at_cycles.c - a stream through the parser of >>at, in pieces of 64 bytes as a
 * ring would give them.  Marks, for tests/power/avr_host.c, each piece. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include <avr/io.h>

#include "stream.h" /* made for the run: STREAM, in flash */

enum { START = 1, STOP, END };

static estls_at at;
static char line[64];
static char piece[64];

int main(void)
{
    estls_at_event ev;
    size_t i, k, n;

    (void)!estls_at_init(&at, estls_at_esp(), line, sizeof line);
    for (i = 0; i < sizeof STREAM; i += n) {
        n = sizeof STREAM - i < sizeof piece ? sizeof STREAM - i : sizeof piece;
        memcpy_P(piece, STREAM + i, n);
        GPIOR0 = START;
        for (k = 0; k < n;) { k += estls_at_feed(&at, piece + k, n - k, &ev); }
        GPIOR0 = STOP;
        GPIOR1 = (uint8_t)n;
    }
    GPIOR0 = END;
    return 0;
}
