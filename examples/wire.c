#define _DEFAULT_SOURCE
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MS = 10,        /* the library's own timers want a step now and then */
    SPIN = 8,            /* steps that may pass between two bytes */
    CHILD_EXIT_MS = 1000 /* for the command to end by itself */
};

static void wire_init(wire *w, int fd)
{
    memset(w, 0, sizeof *w);
    w->fd = fd;
    errno = 0;
}

/* -- serial port and pty --------------------------------------------------- */

static speed_t speed_of(uint32_t baud)
{
    static const struct {
        uint32_t baud;
        speed_t speed;
    } speeds[] = {
        {9600, B9600},       {19200, B19200},     {38400, B38400},
        {57600, B57600},     {115200, B115200},   {230400, B230400},
        {460800, B460800},   {921600, B921600},   {1000000, B1000000},
        {1500000, B1500000}, {2000000, B2000000}, {3000000, B3000000},
    };
    size_t i;

    for (i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) { return speeds[i].speed; }
    }
    return B0;
}

/* Eight bits, no parity, no echo, no translation. */
static int tty_setup(int fd, speed_t speed, int rts_cts)
{
    struct termios tty;

    if (tcgetattr(fd, &tty)) { return -1; }
    cfmakeraw(&tty);
    tty.c_cflag |= CREAD | CLOCAL;
    tty.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
    if (rts_cts) { tty.c_cflag |= CRTSCTS; }
    if (speed != B0 && (cfsetispeed(&tty, speed) || cfsetospeed(&tty, speed))) {
        return -1;
    }
    return tcsetattr(fd, TCSANOW, &tty);
}

int wire_open_tty(wire *w, const char *path, uint32_t baud, int rts_cts)
{
    const speed_t speed = speed_of(baud);

    wire_init(w, -1);
    if (baud && speed == B0) { return ESTLS_E_ARG; }
    w->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return w->fd < 0 || tty_setup(w->fd, speed, rts_cts) ? ESTLS_E_IO
                                                         : ESTLS_OK;
}

/* -- command --------------------------------------------------------------- */

/* A process group of its own: Ctrl-C is for us, who then close the link
 * through the modem, and a kill reaches what the shell has started. */
static void child_run(int fd, const char *command)
{
    (void)setpgid(0, 0);
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(127);
}

int wire_open_exec(wire *w, const char *command)
{
    int pair[2];

    wire_init(w, -1);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return ESTLS_E_IO;
    }
    w->fd = pair[0];
    w->child = fork();
    if (w->child == 0) { child_run(pair[1], command); }
    (void)close(pair[1]);
    if (w->child < 0) {
        w->child = 0;
        return ESTLS_E_IO;
    }
    (void)setpgid(w->child, w->child);
    return fcntl(w->fd, F_SETFL, O_NONBLOCK) ? ESTLS_E_IO : ESTLS_OK;
}

/* It saw its end of file, and may end by itself; else it is ended. */
static void child_end(pid_t child)
{
    const struct timespec pause = {0, 10L * 1000 * 1000};
    int ms;

    for (ms = 0; ms < CHILD_EXIT_MS; ms += 10) {
        if (waitpid(child, NULL, WNOHANG) == child) { return; }
        (void)nanosleep(&pause, NULL);
    }
    (void)kill(-child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

/* -- TCP ------------------------------------------------------------------- */

static int tcp_wait(int fd, uint32_t timeout_ms)
{
    struct pollfd p = {fd, POLLOUT, 0};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    const int n = poll(&p, 1, (int)timeout_ms);

    if (n < 0 ||
        (n > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))) {
        return -1;
    }
    errno = error;
    return error ? -1 : 0;
}

static int tcp_connect(const struct addrinfo *a, uint32_t timeout_ms)
{
    const int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) == 0 ||
        (errno == EINPROGRESS && tcp_wait(fd, timeout_ms) == 0)) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

int wire_open_tcp(wire *w, const char *host, uint16_t port, uint32_t timeout_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list, *a;
    char service[6];

    wire_init(w, -1);
    w->tcp = 1;
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &list)) {
        errno = 0;
        return ESTLS_E_NETWORK;
    }
    for (a = list; a && w->fd < 0; a = a->ai_next) {
        w->fd = tcp_connect(a, timeout_ms);
    }
    freeaddrinfo(list);
    return w->fd < 0 ? ESTLS_E_NETWORK : ESTLS_OK;
}

/* -- all ------------------------------------------------------------------- */

void wire_close(wire *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
        w->fd = -1;
    }
    if (w->child) {
        child_end(w->child);
        w->child = 0;
    }
}

static int not_now(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int wire_read(void *user, void *dst, size_t cap)
{
    wire *w = user;
    const ssize_t n = read(w->fd, dst, cap);

    if (n > 0) {
        w->rx += (uint64_t)n;
        return (int)n;
    }
    if (n < 0 && not_now()) { return 0; }
    return w->tcp && (n == 0 || errno == ECONNRESET) ? ESTLS_E_CLOSED
                                                     : ESTLS_E_IO;
}

int wire_write(void *user, const void *src, size_t len)
{
    wire *w = user;
    const ssize_t n = write(w->fd, src, len);

    if (n < 0 && !not_now()) {
        return w->tcp && (errno == EPIPE || errno == ECONNRESET)
                   ? ESTLS_E_CLOSED
                   : ESTLS_E_IO;
    }
    w->full = n < (ssize_t)len;
    w->tx += n > 0 ? (uint64_t)n : 0;
    return n > 0 ? (int)n : 0;
}

uint32_t wire_tick(void *user)
{
    struct timespec now;

    (void)user;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 +
                      (uint64_t)now.tv_nsec / 1000000);
}

int wire_wait(wire *w, int fd)
{
    struct pollfd p[2] = {{w->fd, POLLIN, 0}, {fd, POLLIN, 0}};
    if (w->full) { p[0].events |= POLLOUT; }
    w->full = 0;
    w->idle = w->moved == w->rx + w->tx ? w->idle + 1 : 0;
    w->moved = w->rx + w->tx;
    return poll(p, 2, w->idle < SPIN ? 0 : WAIT_MS) > 0 && p[1].revents;
}
