/* >>at: what is this line?  The search in the table of ESP-AT, for every line;
 * then each of its rules as the only one, for every line of up to LENGTH bytes,
 * whole, cut and unfinished.  As the search ends with one rule or none, that is
 * the whole table. */
#include "world.h"
// eva -eva-split-return full
// eva -eva-slevel 400 -eva-min-loop-unroll 40
// eva -eva-slevel-function main:0,find:0,find_all:0,judge:0,judge_all:0
// reach estlsi_at_judge estlsi_at_header estlsi_at_find estlsi_at_id
// reach estlsi_at_tail estlsi_at_terminator estlsi_at_unmatched

enum { LENGTH = 16 };

/* Every line that begins with a character from lo to hi. */
static void find(int lo, int hi)
{
    size_t n;

    //@ loop unroll LENGTH;
    for (n = 1; lo <= hi && n <= LENGTH; n++) {
        char *line = arbitrary(n);
        const estls_at_rule *r;

        line[0] = (char)(uint8_t)any((unsigned long)lo, (unsigned long)hi);
        r = estlsi_at_find(estls_at_esp(), line, n);
        //@ assert r == \null || r->len <= n;
    }
}

/* Each character that a rule begins with, and the gaps between them; from 128
 * on a char may be negative. */
static void find_all(void)
{
    const estls_at_rule *r = estls_at_esp();
    int before = -1;
    int first;

    //@ loop unroll 40;
    for (;; r++) {
        first = (uint8_t)r->text[0];
        find(before + 1, first < 128 ? first - 1 : 127);
        if (first > 128) { find(128, first - 1); }
        if (first != before) { find(first, first); }
        before = first;
        if (first == 0xff) { break; }
    }
}

static void judge(const estls_at_rule *rules, size_t n, int extent, char first)
{
    static estls_at at;
    estls_at_event ev;
    char *line = arbitrary(n);

    line[0] = first ? first : (char)any('0', '9');
    memset(&ev, 0, sizeof ev);
    ev.text = line;
    ev.len = n;
    at.rules = rules;
    at.expect = any(0, 1) ? "+CIPMUX:" : NULL;
    estlsi_at_judge(&at, extent, &ev);
    //@ assert ev.kind <= 12 && ev.len <= n;
}

static void judge_all(const estls_at_rule *rule)
{
    const estls_at_rule rules[2] = {*rule, ESTLS_AT_RULES_END};
    size_t n;
    int extent;

    //@ loop unroll LENGTH;
    for (n = 1; n <= LENGTH; n++) {
        //@ loop unroll 3;
        for (extent = ESTLSI_AT_PART; extent <= ESTLSI_AT_CUT; extent++) {
            judge(rules, n, extent, rule->text[0]);
            judge(rules, n, extent, 0);
        }
    }
}

int main(void)
{
    const estls_at_rule *r;

    find_all();
    //@ loop unroll 40;
    for (r = estls_at_esp(); (uint8_t)r->text[0] != 0xff; r++) { judge_all(r); }
    return 0;
}
