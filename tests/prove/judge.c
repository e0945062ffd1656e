/* >>at: what is this line?  Every line of up to LENGTH bytes, whole, cut and
 * unfinished, in the dialect of ESP-AT. */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 400 -eva-min-loop-unroll 40
// eva -eva-slevel-function main:0,judge:0
// reach estlsi_at_judge estlsi_at_header estlsi_at_find estlsi_at_id
// reach estlsi_at_tail estlsi_at_terminator estlsi_at_unmatched

enum { LENGTH = 16 };

static void judge(size_t n, int extent, char first)
{
    static estls_at at;
    estls_at_event ev;
    char *line = arbitrary(n);

    line[0] = first ? first : (char)any('0', '9');
    memset(&ev, 0, sizeof ev);
    ev.text = line;
    ev.len = n;
    at.rules = estls_at_esp();
    at.expect = any(0, 1) ? "+CIPMUX:" : NULL;
    estlsi_at_judge(&at, extent, &ev);
}

int main(void)
{
    static const char first[] = {0,   '+', 'A', 'C', 'E',
                                 'O', 'R', 'S', 'b', 'x'};
    size_t n, i;
    int extent;

    //@ loop unroll LENGTH;
    for (n = 1; n <= LENGTH; n++) {
        //@ loop unroll 3;
        for (extent = ESTLSI_AT_PART; extent <= ESTLSI_AT_CUT; extent++) {
            //@ loop unroll 10;
            for (i = 0; i < sizeof first; i++) { judge(n, extent, first[i]); }
        }
    }
    return 0;
}
