/* goals.h - checks with a figure: every one is printed, a missed one loudly. */
#ifndef GOALS_H
#define GOALS_H
#include <stdarg.h>
#include <stdio.h>

static int goals_passed, goals_failed;

static inline void goal(int ok, const char *format, ...)
{
    va_list arguments;

    ok ? goals_passed++ : goals_failed++;
    fputs(ok ? "ok    " : "FAIL  goal missed: ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* The exit status. */
static inline int goals_end(void)
{
    printf("%d passed, %d failed\n", goals_passed, goals_failed);
    return goals_failed != 0 || goals_passed == 0;
}
#endif
