/* population_main.c - cells by the hundred, policies side by side.
 *
 * population [-s seed] [-b brown-out mV] [-c reservoir uF] [-n cells a group]
 *            [-d days] [-j workers] [-o csv] [-m markdown] [-p policies]
 *            [-r] [-q]
 *
 * -p: names between commas, naive and ours among them; -m needs them all.
 * -r: R0 is the curve less 1.5 Ohm.  -q: no goals. */
#include "population.h"
#include "policy_ours.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct output {
    const char *csv, *markdown;
    int quiet;
};

/* A board knows its own brown-out voltage and reservoir. */
static void tell_ours(const struct population *p)
{
    const struct ours_options o = {(uint16_t)(1e3 * p->brownout + 0.5),
                                   (uint32_t)(1e9 * p->reservoir + 0.5)};

    ours_set(&o);
}

static int usage(void)
{
    fputs("population [-s seed] [-b brown-out mV] [-c reservoir uF]\n"
          "           [-n cells a group, even] [-d days] [-j workers] "
          "[-o csv]\n"
          "           [-m markdown] [-p policies] [-r] [-q]\n",
          stderr);
    return 2;
}

static int parse(int argc, char **argv, struct population *p, struct output *o)
{
    int c;

    while ((c = getopt(argc, argv, "s:b:c:n:d:j:o:m:p:rq")) != -1) {
        switch (c) {
        case 's': p->seed = strtoull(optarg, NULL, 0); break;
        case 'b': p->brownout = atof(optarg) / 1e3; break;
        case 'c': p->reservoir = atof(optarg) / 1e6; break;
        case 'n': p->per_group = atoi(optarg); break;
        case 'd': p->days = atoi(optarg); break;
        case 'j': p->workers = atoi(optarg); break;
        case 'o': o->csv = optarg; break;
        case 'm': o->markdown = optarg; break;
        case 'p': p->only = optarg; break;
        case 'r': p->r0_less = 1; break;
        case 'q': o->quiet = 1; break;
        default: return 0;
        }
    }
    return optind == argc && p->brownout >= 1.5 && p->brownout <= 2.5 &&
           p->reservoir >= 1e-6 && p->per_group >= 2 && p->per_group <= 1000 &&
           p->per_group % 2 == 0 && p->days > 0 && p->days <= 3650 &&
           p->workers > 0 && p->workers <= 64;
}

int main(int argc, char **argv)
{
    struct population p = {1, 1.75, 10e-6, 608, 40, 2, 0, NULL};
    struct output o = {NULL, NULL, 0};
    const struct world *w;
    int passed = 0, failed = 0;

    if (!parse(argc, argv, &p, &o)) { return usage(); }
    tell_ours(&p);
    w = population_run(&p);
    if (!w) {
        fputs("population: it did not run\n", stderr);
        return 2;
    }
    report_table(w);
    if (!o.quiet) { report_goals(w, &passed, &failed); }
    if (o.csv) { failed += report_csv(w, o.csv); }
    if (o.markdown) { failed += report_markdown(w, o.markdown); }
    if (!o.quiet) { printf("%d passed, %d failed\n", passed, failed); }
    return failed != 0;
}
