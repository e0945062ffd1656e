/* faults.c - one fault for each tool of `make lint`, which must find it. */
#include <stdlib.h>
#include <string.h>

int fault_tidy(const char *a, const char *b);
int fault_cppcheck(const int *p);
int fault_misra(int n);
int fault_gcc(void);
int fault_scan(int n);

/* bugprone-suspicious-string-compare */
int fault_tidy(const char *a, const char *b)
{
    if (strcmp(a, b)) { return 1; }
    return 2;
}

/* nullPointerRedundantCheck */
int fault_cppcheck(const int *p)
{
    const int n = *p;

    return p ? n : 0;
}

/* rule 15.1 */
int fault_misra(int n)
{
    if (n > 0) { goto end; }
    n = 1;
end:
    return n;
}

/* -Wanalyzer-use-after-free */
int fault_gcc(void)
{
    char *p = malloc(1);

    if (!p) { return 0; }
    *p = 1;
    free(p);
    return *p;
}

/* core.DivideZero */
int fault_scan(int n)
{
    if (n == 0) { return 1 / n; }
    return n;
}
