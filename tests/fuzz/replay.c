/* replay.c - runs kept inputs, files or directories of them, through a fuzz
 * target without any fuzzer. An input that breaks a promise, hangs or trips a
 * sanitizer ends the program, which then names it. */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

enum { SECONDS = 20 }; /* for one input, sanitised, on a busy machine */

static const char *current = "?";
static long passed;

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:detect_leaks=0";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) { _exit(2); }
}

static void on_signal(int number)
{
    say(number == SIGALRM ? "hangs: " : "breaks: ");
    say(current);
    say("\n0 passed, 1 failed\n");
    _exit(1);
}

static void replay_file(const char *path)
{
    static uint8_t buffer[1 << 20];
    FILE *f = fopen(path, "rb");
    uint8_t *exact;
    size_t n;

    if (!f) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(2);
    }
    n = fread(buffer, 1, sizeof buffer, f);
    fclose(f);
    exact = malloc(n ? n : 1); /* a sanitizer sees what is beyond it */
    if (!exact) { exit(2); }
    memcpy(exact, buffer, n);
    current = path;
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(exact, n);
    alarm(0);
    free(exact);
    passed++;
}

static int shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
    struct dirent **list;
    char file[1024];
    int i;
    const int n = scandir(path, &list, shown, alphasort);

    if (n < 0) {
        replay_file(path);
        return;
    }
    for (i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
        replay_file(file);
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv)
{
    int i;

    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    signal(SIGSEGV, on_signal);
    signal(SIGFPE, on_signal);
    for (i = 1; i < argc; i++) { replay(argv[i]); }
    printf("%ld passed, 0 failed\n", passed);
    return passed == 0;
}
