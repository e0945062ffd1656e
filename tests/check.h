/* check.h - the smallest test frame: prints what fails, then a count. It needs
 * printf and nothing else, so the same tests run on bare metal.
 *
 * CHECK_SMALL, for chips: smaller buffers, fewer rounds of what is the same but
 * for its numbers, fewer still if it is 2 or more; and each RUN says what it
 * has checked. */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>
#include <string.h>

#include "flash.h"

/* A variable that a stack of 256 bytes has no room for. */
#if defined __SDCC_mcs51
#define CHECK_BIG static
#else
#define CHECK_BIG
#endif

#ifdef CHECK_SMALL
#define CHECK_SIZE(all, small)   small
#define CHECK_ROUNDS(all, small) (((small) + CHECK_SMALL - 1) / CHECK_SMALL)
#define CHECK_STEP               CHECK_SMALL
#else
#define CHECK_SIZE(all, small)   all
#define CHECK_ROUNDS(all, small) all
#define CHECK_STEP               1
#endif

static long check_passed, check_failed;
static const FLASH char *check_note; /* which case of a table is running */

FLASH_API void check_say(const FLASH char *text)
{
    while (text && *text) { putchar(*text++); }
}

FLASH_API int check_that(int ok, const FLASH char *where,
                         const FLASH char *text)
{
    ok ? check_passed++ : check_failed++;
    if (ok || check_failed > 8) { return 1; }
    check_say(where);
    check_say(text);
    check_say(FLASH_TEXT("  "));
    check_say(check_note);
    putchar('\n');
    return 0;
}
FLASH_API void check_int(long got, long want, const FLASH char *where,
                         const FLASH char *text)
{
    if (!check_that(got == want, where, text)) {
        printf("    got %ld, want %ld\n", got, want);
    }
}
FLASH_API int check_same(const FLASH char *a, const FLASH char *b)
{
    while (*a && *a == *b) { a++, b++; }
    return *a == *b;
}
FLASH_API void check_text(const FLASH char *got, const FLASH char *want,
                          const FLASH char *where)
{
    if (!check_that(check_same(got, want), where, FLASH_TEXT("text differs"))) {
        check_say(FLASH_TEXT("  got\n"));
        check_say(got);
        check_say(FLASH_TEXT("\n  want\n"));
        check_say(want);
        putchar('\n');
    }
}
FLASH_API int check_end(void)
{
    printf("%ld passed, %ld failed\n", check_passed, check_failed);
    return check_failed != 0 || check_passed == 0;
}
/* One test, under its name. */
FLASH_API void check_run(void (*test)(void), const FLASH char *name)
{
    const long passed = check_passed;

    check_note = name;
    test();
    (void)passed;
#ifdef CHECK_SMALL
    check_say(name);
    printf(": %ld\n", check_passed - passed);
#endif
}
#define CHECK_STR(x)      #x
#define CHECK_WHERE(line) FLASH_TEXT(__FILE__ ":" CHECK_STR(line) ": ")
#define CHECK(cond)                                                            \
    ((void)check_that(!!(cond), CHECK_WHERE(__LINE__), FLASH_TEXT(#cond)))
#define CHECK_INT(got, want)                                                   \
    check_int((long)(got), (long)(want), CHECK_WHERE(__LINE__),                \
              FLASH_TEXT(#got))
#define CHECK_TEXT(got, want) check_text(got, want, CHECK_WHERE(__LINE__))
#define RUN(test)             check_run(test, FLASH_TEXT(#test))
#endif
