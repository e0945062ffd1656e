/* job.c - runs a network client against a server of this machine and looks
 * at what it took: job PORT COMMAND...
 *
 * The client's connection goes through here; "PORT" in the command's arguments
 * becomes the port to connect to.  Prints, on the last line of stderr:
 *
 *   STATUS SENT RECEIVED FLIGHTS KB
 *
 * exit status; bytes to and from the server; how often the client spoke
 * after it had listened; the most resident memory that it had. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS = 64, ARG = 256, TICK_MS = 100 };

static unsigned long sent, received, flights;

static struct sockaddr_in address_of(unsigned port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int tcp(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) { err(1, "socket"); }
    return fd;
}

static int listen_here(unsigned *port)
{
    struct sockaddr_in address = address_of(0);
    socklen_t len = sizeof address;
    const int fd = tcp();

    if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        err(1, "127.0.0.1");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int connect_to(unsigned port)
{
    const struct sockaddr_in address = address_of(port);
    const int on = 1;
    const int fd = tcp();

    if (connect(fd, (const struct sockaddr *)&address, sizeof address) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)) {
        err(1, "port %u", port);
    }
    return fd;
}

/* The command, with the port for "PORT". */
static pid_t start(char **command, unsigned port)
{
    static char text[ARGS][ARG];
    char *args[ARGS + 1] = {0};
    const pid_t pid = fork();
    const char *at;
    int i;

    if (pid) { return pid; }
    for (i = 0; command[i] && i < ARGS; i++) {
        args[i] = command[i];
        at = i ? strstr(command[i], "PORT") : NULL;
        if (at) {
            (void)snprintf(text[i], ARG, "%.*s%u%s", (int)(at - command[i]),
                           command[i], port, at + 4);
            args[i] = text[i];
        }
    }
    (void)execvp(args[0], args);
    err(127, "%s", args[0]);
}

/* Moves what there is; 0: the end. */
static int move(int from, int to, unsigned long *count)
{
    char buffer[65536];
    ssize_t n = read(from, buffer, sizeof buffer);
    ssize_t off = 0;
    ssize_t k = 1;

    while (off < n && k > 0) {
        k = write(to, buffer + off, (size_t)(n - off));
        off += k > 0 ? k : 0;
    }
    if (n > 0) { *count += (unsigned long)n; }
    return n > 0 && k > 0;
}

/* Ends what can be written to, and looks no more at what ended. */
static void half_close(struct pollfd *ended, int other)
{
    ended->fd = -1;
    (void)shutdown(other, SHUT_WR);
}

static void relay(int client, int server)
{
    struct pollfd fds[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    int speaks = 0;

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0) { err(1, "poll"); }
        if (fds[1].revents && fds[1].fd >= 0) {
            speaks = 0;
            if (!move(server, client, &received)) {
                half_close(&fds[1], client);
            }
        }
        if (fds[0].revents && fds[0].fd >= 0) {
            if (move(client, server, &sent)) {
                flights += !speaks;
                speaks = 1;
            } else {
                half_close(&fds[0], server);
            }
        }
    }
    (void)close(client);
    (void)close(server);
}

/* The first connection; -1: the command has ended without one. */
static int accept_from(int listener, pid_t pid)
{
    struct pollfd fd = {listener, POLLIN, 0};
    siginfo_t info;

    memset(&info, 0, sizeof info);
    while (poll(&fd, 1, TICK_MS) == 0) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
            info.si_pid) {
            return -1;
        }
    }
    return accept(listener, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct rusage use;
    unsigned port;
    int listener, client, status;
    pid_t pid;

    if (argc < 3) { errx(2, "usage: job PORT COMMAND..."); }
    (void)signal(SIGPIPE, SIG_IGN);
    listener = listen_here(&port);
    pid = start(argv + 2, port);
    if (pid < 0) { err(1, "fork"); }
    client = accept_from(listener, pid);
    if (client >= 0) { relay(client, connect_to((unsigned)atoi(argv[1]))); }
    if (wait4(pid, &status, 0, &use) != pid) { err(1, "wait4"); }
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    (void)fprintf(stderr, "%d %lu %lu %lu %ld\n", status, sent, received,
                  flights, use.ru_maxrss);
    return status;
}
