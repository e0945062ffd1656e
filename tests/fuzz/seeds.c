/* seeds.c - seeds DIR TARGET: first inputs of a fuzz target, one file each,
 * from the transcripts. */
#include "fuzz.h"
#include "../transcripts/esp.h"

static const char *dir;
static unsigned count;

/* A header of the target's own, and what follows it. */
static void seed(const void *head, size_t head_len, const void *bytes, size_t n)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/seed%03u", dir, count++);
    f = fopen(path, "wb");
    if (!f || fwrite(head, 1, head_len, f) != head_len ||
        fwrite(bytes, 1, n, f) != n || fclose(f)) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
}

/* Each transcript, with any answer, then with none, which is a URC. */
static void parser(void)
{
    static const uint8_t any[] = {0x0c, 54, 0x12, 0x34};
    static const uint8_t none[] = {0x1d, 54, 0xab, 0xcd};
    const size_t n = sizeof transcripts / sizeof transcripts[0];
    size_t i;

    for (i = 0; i < n; i++) {
        const uint8_t *head = transcripts[i].expect ? none : any;
        seed(head, sizeof any, transcripts[i].rx, transcripts[i].len);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(void);
    } targets[] = {{"parser", parser}};
    size_t i;

    if (argc != 3) { return 2; }
    dir = argv[1];
    for (i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(argv[2], targets[i].name) == 0) { targets[i].make(); }
    }
    return count == 0;
}
