/* check.h - the smallest test frame: prints what fails, then a count. It needs
 * printf and nothing else, so the same tests run on bare metal. */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>
#include <string.h>

static long check_passed, check_failed;
static const char *check_note = ""; /* which case of a table is running */

static inline int check_that(int ok, const char *where, const char *text)
{
    ok ? check_passed++ : check_failed++;
    return ok || check_failed > 8 ||
           printf("%s%s  %s\n", where, text, check_note) < 0;
}
static inline void check_int(long got, long want, const char *where,
                             const char *text)
{
    if (!check_that(got == want, where, text))
        printf("    got %ld, want %ld\n", got, want);
}
static inline void check_text(const char *got, const char *want,
                              const char *where)
{
    if (!check_that(strcmp(got, want) == 0, where, "text differs"))
        printf("  got\n%s\n  want\n%s\n", got, want);
}
static inline int check_end(void)
{
    printf("%ld passed, %ld failed\n", check_passed, check_failed);
    return check_failed != 0 || check_passed == 0;
}
#define CHECK_STR(x)      #x
#define CHECK_WHERE(line) __FILE__ ":" CHECK_STR(line) ": "
#define CHECK(cond)       ((void)check_that(!!(cond), CHECK_WHERE(__LINE__), #cond))
#define CHECK_INT(got, want)                                                   \
    check_int((long)(got), (long)(want), CHECK_WHERE(__LINE__), #got)
#define CHECK_TEXT(got, want) check_text(got, want, CHECK_WHERE(__LINE__))
#endif
