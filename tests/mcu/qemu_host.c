/* qemu_host.c - runs the job in QEMU, its UART wired to a modem (peer.h), in
 * real time. UART, console and monitor are sockets that only the two hold; the
 * emulator ends when this does. A job for the PC (native.c) runs as it is, for
 * one session. */
#include "host.h"

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_PER_MS = 11 }; /* 115200 baud, 10 bits each */
enum { UART, MONITOR, CONSOLE, WIRES };
enum state { OFF, AWAKE, ASLEEP };

static const char *plugin;

static pid_t emulator;
static struct pollfd wire[WIRES];
static int far[WIRES]; /* the emulator's ends */
static enum state state;
static double woke;       /* when the session began, s */
static uint32_t ticked;   /* the last tick of the modem, ms */
static unsigned received; /* bytes since the start */

static double clock_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(void)
{
    return clock_s() - woke;
}

/* -- the emulator ---------------------------------------------------------- */

static void end(void)
{
    if (emulator <= 0) { return; }
    kill(emulator, SIGKILL);
    waitpid(emulator, NULL, 0);
}

/* Of the core that the program is for: a field of its ELF header. */
static const char *emulator_name(void)
{
    Elf32_Ehdr header;
    FILE *f = fopen(host.program, "rb");
    const int whole = f && fread(&header, sizeof header, 1, f) == 1;

    if (f) { fclose(f); }
    if (!whole) { errx(1, "%s: no program", host.program); }
    switch (header.e_machine) {
    case EM_ARM: return "qemu-system-arm";
    case EM_RISCV: return "qemu-system-riscv32";
    default: return host.program;
    }
}

static void arguments(const char **argv, const char *uart, const char *monitor)
{
    const char *const all[] = {"-M",
                               host.machine,
                               "-bios",
                               "none",
                               "-kernel",
                               host.program,
                               "-display",
                               "none",
                               "-chardev",
                               uart,
                               "-serial",
                               "chardev:uart",
                               "-chardev",
                               monitor,
                               "-mon",
                               "monitor",
                               "-semihosting-config",
                               "enable=on,target=native",
                               plugin ? "-plugin" : NULL,
                               plugin,
                               NULL};

    memcpy(argv, all, sizeof all);
}

/* In the child. */
static void execute(const char *name, pid_t parent)
{
    char uart[40], monitor[40];
    const char *argv[32] = {name};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) { _exit(1); }
    snprintf(uart, sizeof uart, "socket,id=uart,fd=%d", far[UART]);
    snprintf(monitor, sizeof monitor, "socket,id=monitor,fd=%d", far[MONITOR]);
    if (name != host.program) { arguments(argv + 1, uart, monitor); }
    dup2(far[UART], STDIN_FILENO);
    dup2(far[CONSOLE], STDOUT_FILENO);
    dup2(far[CONSOLE], STDERR_FILENO);
    fcntl(far[UART], F_SETFD, 0);
    fcntl(far[MONITOR], F_SETFD, 0);
    execvp(name, (char *const *)(uintptr_t)argv);
    warn("%s", name);
    _exit(1);
}

static void start(void)
{
    const char *name = emulator_name();
    const pid_t parent = getpid();
    int i, pair[2];

    for (i = 0; i < WIRES; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
            err(1, "socketpair");
        }
        wire[i].fd = pair[0];
        wire[i].events = POLLIN;
        far[i] = pair[1];
    }
    emulator = fork();
    if (emulator < 0) { err(1, "fork"); }
    if (emulator == 0) { execute(name, parent); }
    for (i = 0; i < WIRES; i++) { close(far[i]); }
    atexit(end);
}

/* -- its wires ------------------------------------------------------------- */

static void on_line(const char *line)
{
    if (strcmp(line, "awake") == 0) {
        woke = clock_s();
        state = AWAKE;
    } else if (state == OFF) { /* of before the reset */
        if (woke == 0) { warnx("%s", line); }
    } else if (strcmp(line, "asleep") == 0) {
        state = ASLEEP;
    } else {
        host_print(line);
    }
    if (strcmp(line, "fault") == 0) { errx(1, "the program has crashed"); }
}

static void on_bytes(int from, const uint8_t *bytes, ssize_t n)
{
    const char *line;
    ssize_t i;

    for (i = 0; i < n; i++) {
        if (from == UART) { peer_write(bytes[i]); }
        if (from != CONSOLE) { continue; }
        line = host_line((char)bytes[i]);
        if (line) { on_line(line); }
    }
}

/* The console first: on_bytes() may not find the board asleep too early. */
static void receive(void)
{
    uint8_t bytes[512];
    ssize_t n;
    int i;

    for (i = 0; i < WIRES; i++) {
        if (!wire[i].revents) { continue; }
        n = recv(wire[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            errx(1, "the emulator has ended");
        }
        on_bytes(i, bytes, n);
    }
}

static void deliver(void)
{
    uint8_t byte;
    int i;

    for (i = 0; i < BYTES_PER_MS && host_next_byte(&byte); i++) {
        received++;
        if (host.overrun && received == host.overrun + 1) { continue; }
        if (send(wire[UART].fd, &byte, 1, MSG_NOSIGNAL) != 1) {
            errx(1, "the emulator has ended");
        }
    }
}

/* A millisecond at most. */
static void pump(void)
{
    const uint32_t now = (uint32_t)(clock_s() * 1000);

    if (poll(wire, WIRES, 1) > 0) { receive(); }
    if (now == ticked) { return; }
    ticked = now;
    host_tick(now);
    if (state == AWAKE) { deliver(); }
}

static void wake(void)
{
    static const char command[] = "system_reset\n";
    double until;

    state = OFF;
    if (!emulator) {
        start();
    } else if (send(wire[MONITOR].fd, command, sizeof command - 1,
                    MSG_NOSIGNAL) < 0) {
        errx(1, "the emulator has ended");
    }
    for (until = clock_s() + host.limit; state == OFF;) {
        pump();
        if (clock_s() > until) { errx(1, "it does not start"); }
    }
}

static int run(double limit)
{
    while (state == AWAKE && seconds() < limit) { pump(); }
    return state == ASLEEP;
}

enum { OPT_PLUGIN = 512 };

static const struct argp_option table[] = {
    {"plugin", OPT_PLUGIN, "FILE,ARG=VALUE...", 0, "for the emulator", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *unused)
{
    (void)unused;
    if (key != OPT_PLUGIN) { return ARGP_ERR_UNKNOWN; }
    plugin = arg;
    return 0;
}

static const struct argp options = {table, parse, NULL, NULL, NULL, NULL, NULL};

static const struct host_simulator qemu = {
    "Runs PROGRAM in QEMU on its machine MACHINE, the UART on an emulated\n"
    "modem; the modem dials 127.0.0.1:PORT.",
    &options, wake, run, seconds};

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return host_main(argc, argv, &qemu);
}
