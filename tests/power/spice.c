/* spice.c - see spice.h.  The analysis begins with an operating point, so the
 * circuit starts settled under its sleep load without any .ic. */
#include "spice.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS    20    /* of CPU, for one case */
#define EDGE       10e-9 /* s, of the load's steps */
#define SLOW_EDGE  10e-6 /* the same where there is no reservoir */
#define PARASITIC  1e-10 /* F, where there is no reservoir: SPICE needs one */
#define WORD       "vlow"
#define PATH_BYTES 4096

/* R and its C in parallel between two nodes; a wire if R is 0. */
static void put_pair(FILE *out, int k, double r, double tau, const char *from,
                     const char *to)
{
    if (r <= 0) {
        fprintf(out, "V%d %s %s 0\n", k, from, to);
        return;
    }
    fprintf(out, "R%d %s %s %.9g\n", k, from, to, r);
    fprintf(out, "C%d %s %s %.9g\n", k, from, to, tau / r);
}

static void put_reservoir(FILE *out, const struct circuit *c)
{
    if (c->c <= 0) {
        fprintf(out, "Cres node 0 %.9g\n", PARASITIC);
        return;
    }
    fprintf(out, "Cres cap 0 %.9g\n", c->c);
    if (c->esr > 0) {
        fprintf(out, "Resr node cap %.9g\n", c->esr);
    } else {
        fprintf(out, "Vesr node cap 0\n");
    }
}

/* The load's current over time as the voltage of a node; a step of the load
 * takes `edge` seconds.  The end. */
static double put_steps(FILE *out, const struct circuit_segment *segment,
                        size_t n, double edge)
{
    double t = edge;
    double a = 0;
    size_t i;

    fprintf(out, "Vload load 0 PWL(0 0\n");
    for (i = 0; i < n; i++) {
        fprintf(out, "+ %.12g %.9g %.12g %.9g\n", t, a, t + edge, segment[i].a);
        a = segment[i].a;
        t += segment[i].s;
    }
    fprintf(out, "+ %.12g %.9g %.12g 0)\n", t, a, t + edge);
    return t + edge;
}

static void put_load(FILE *out, const struct circuit *c)
{
    if (c->constant_power) {
        fprintf(out, "Bload node 0 I=V(load)*%.9g*V(node)/max(V(node),%g)^2\n",
                c->nominal, CIRCUIT_KNEE);
    } else {
        fprintf(out, "Gload node 0 load 0 1\n");
    }
}

/* Gear: the trapezoidal rule rings on a node without a reservoir.  There, the
 * farads of the cell in steps of picoseconds would drown a tight tolerance in
 * rounding; slow edges and a longest step serve instead. */
static void put_analysis(FILE *out, int reservoir, double end)
{
    fprintf(out, ".options method=gear vntol=1e-8 abstol=1e-11 chgtol=1e-16\n");
    fprintf(out, ".options reltol=%g trtol=%g noacct\n",
            reservoir ? 1e-6 : 1e-5, reservoir ? 0.01 : 7.0);
    fprintf(out, ".save v(node)\n.tran %.9g %.12g 0 %.9g\n", end / 1000, end,
            end / 4000);
}

int spice_netlist(const struct power_case *pc, FILE *out)
{
    struct circuit_segment segment[CASE_SEGMENTS];
    const size_t n = case_segments(pc, segment, CASE_SEGMENTS);
    struct circuit c;
    double end;

    case_circuit(pc, &c);
    fprintf(out, "* %s: %s\n", pc->name, pc->note);
    fprintf(out, "Vocv ocv 0 %.9g\nR0 ocv a %.9g\n", c.ocv, c.r0);
    put_pair(out, 1, c.r1, c.tau1, "a", "b");
    put_pair(out, 2, c.r2, c.tau2, "b", "node");
    put_reservoir(out, &c);
    fprintf(out, "Isleep node 0 %.9g\n", pc->sleep_uA * 1e-6);
    put_load(out, &c);
    end = put_steps(out, segment, n, c.c > 0 ? EDGE : SLOW_EDGE);
    put_analysis(out, c.c > 0, end);
    fprintf(out, ".meas tran " WORD " MIN v(node)\n.end\n");
    return ferror(out) ? -1 : 0;
}

/* In the child: no .spiceinit, no terminal, no endless run. */
static void run_child(const char *netlist, const char *log)
{
    const struct rlimit limit = {SECONDS, SECONDS};
    const int null = open("/dev/null", O_RDWR);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    setrlimit(RLIMIT_CPU, &limit);
    execlp("ngspice", "ngspice", "-n", "-b", "-o", log, netlist, (char *)NULL);
    _exit(127);
}

static int run(const char *netlist, const char *log)
{
    const pid_t pid = fork();
    int status;

    if (pid < 0) { return -1; }
    if (pid == 0) { run_child(netlist, log); }
    if (waitpid(pid, &status, 0) != pid) { return -1; }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* "vlow = 2.87e+00 at= 1.0e-03" */
static double measured(const char *log)
{
    FILE *in = fopen(log, "r");
    double mV = -1;
    char line[512];

    if (!in) { return -1; }
    while (fgets(line, sizeof line, in)) {
        const char *is = strchr(line, '=');
        if (strncmp(line, WORD, strlen(WORD)) || !is) { continue; }
        mV = strtod(is + 1, NULL) * 1e3;
    }
    fclose(in);
    return mV;
}

static int path(char *to, const char *dir, const char *name, const char *end)
{
    const int n = snprintf(to, PATH_BYTES, "%s/%s%s", dir, name, end);

    return n > 0 && n < PATH_BYTES ? 0 : -1;
}

double spice_lowest(const struct power_case *pc, const char *dir)
{
    char netlist[PATH_BYTES], log[PATH_BYTES];
    FILE *out;
    int bad;

    if (path(netlist, dir, pc->name, ".cir")) { return -1; }
    if (path(log, dir, pc->name, ".out")) { return -1; }
    remove(log); /* an old answer is none */
    out = fopen(netlist, "w");
    if (!out) { return -1; }
    bad = spice_netlist(pc, out);
    if (fclose(out) || bad || run(netlist, log)) { return -1; }
    return measured(log);
}
