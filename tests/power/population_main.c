/* population_main.c - cells by the hundred, policies side by side.
 *
 * population [-s seed] [-b brown-out mV] [-c reservoir uF] [-n cells a group]
 *            [-d days] [-j workers] [-o csv] */
#include "population.h"
#ifdef POLICY_OURS
#include "policy_ours.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A board knows its own brown-out voltage and reservoir. */
static void tell_ours(const struct population *p)
{
#ifdef POLICY_OURS
    const struct ours_options o = {(uint16_t)(1e3 * p->brownout + 0.5),
                                   (uint32_t)(1e9 * p->reservoir + 0.5)};

    ours_set(&o);
#else
    (void)p;
#endif
}

static int usage(void)
{
    fputs("population [-s seed] [-b brown-out mV] [-c reservoir uF]\n"
          "           [-n cells a group, even] [-d days] [-j workers] "
          "[-o csv]\n",
          stderr);
    return 2;
}

static int parse(int argc, char **argv, struct population *p, const char **csv)
{
    int c;

    while ((c = getopt(argc, argv, "s:b:c:n:d:j:o:")) != -1) {
        switch (c) {
        case 's': p->seed = strtoull(optarg, NULL, 0); break;
        case 'b': p->brownout = atof(optarg) / 1e3; break;
        case 'c': p->reservoir = atof(optarg) / 1e6; break;
        case 'n': p->per_group = atoi(optarg); break;
        case 'd': p->days = atoi(optarg); break;
        case 'j': p->workers = atoi(optarg); break;
        case 'o': *csv = optarg; break;
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
    struct population p = {1, 1.75, 10e-6, 608, 40, 2};
    const char *csv = NULL;

    if (!parse(argc, argv, &p, &csv)) { return usage(); }
    tell_ours(&p);
    return population_run(&p, csv);
}
