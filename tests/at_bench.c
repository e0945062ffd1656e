/* at_bench.c - feeds a stream to the parser: at_bench FILE CHUNK
 * CHUNK 0: the whole stream at once. The parser is compiled by itself, so that
 * a profiler can tell it from this loop. */
#define ESTLS_NO_TLS
#include "../estls.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 2 << 20 };

static char stream[MOST];
static long events, payload;

/* The loop that is measured. The prompt is armed as the engine would. */
static void feed(estls_at *at, const char *p, size_t n, size_t chunk)
{
    const char *end = p + n;
    estls_at_event ev;

    while (p != end) {
        size_t part = (size_t)(end - p) < chunk ? (size_t)(end - p) : chunk;
        p += estls_at_feed(at, p, part, &ev);
        events += ev.kind != ESTLS_AT_NONE;
        if (ev.kind == ESTLS_AT_DATA) { payload += (long)ev.len; }
        at->prompt = 1;
    }
}

int main(int argc, char **argv)
{
    estls_at at;
    char line[512];
    FILE *f = argc > 2 ? fopen(argv[1], "rb") : NULL;
    size_t n, chunk;

    if (!f || estls_at_init(&at, estls_at_esp(), line, sizeof line) != 0) {
        fprintf(stderr, "usage: at_bench FILE CHUNK\n");
        return 2;
    }
    n = fread(stream, 1, sizeof stream, f);
    fclose(f);
    chunk = (size_t)strtoul(argv[2], NULL, 10);
    feed(&at, stream, n, chunk ? chunk : n);
    printf("%lu bytes, %ld events, %ld payload\n", (unsigned long)n, events,
           payload);
    return 0;
}
