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

static void builder(void)
{
    static const char *const commands[] = {
        "\0\2\0\6+CWJAP\1\3net\1\6secret", "\0\0\40\2E0",
        "\0\1\0\11+CIPSTART\1\3TCP\1\11mail.test\0\0\0\2\113",
        "\0\0\10\6+CWJAP\1\3a\"b\2\0\377\377\377\377", "\0\1\0\2+X\1\2\r\n"};
    static const char *const lines[] = {
        "\1+CWLAP:(3,\"net\",-60,\"02:00:00:00:00:01\",1)",
        "\1+CBC: 0,100,4.230V",
        "\1+CIPSNTPTIME:Tue Oct 19 17:47:56 2027",
        "\1Tue Oct 19 17:47:56 2027",
        "\1\"27/10/19,17:47:56+08\"",
        "\1+X: (3-20),0x7F,\"7F\",-2147483648,4294967295",
        "\1\3\0\0\16\20\0\74\44"};
    static const size_t sizes[] = {20, 6, 33, 22, 10};
    size_t i;

    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        seed(lines[i], i == 6 ? 9 : strlen(lines[i]), "", 0);
    }
    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        seed(commands[i], sizes[i], "", 0);
    }
}

/* Dials, writes, hears, and hangs up, in each way to set the link up. */
static void link_(void)
{
    static const uint8_t acts[] = {1, 0, 0x1f, 0,    0x1f, 4, 0, 50,  0, 0x1f,
                                   4, 0, 50,   0,    0x1f, 5, 0, 40,  0, 0x1f,
                                   3, 0, 100,  0,    0x1f, 3, 0, 100, 6, 3,
                                   0, 9, 0,    0x1f, 3,    0, 9, 2,   0, 0x1f};
    uint8_t how;

    for (how = 0; how < 32; how++) { seed(&how, 1, acts, sizeof acts); }
}

/* Each protocol as it should be, then with something behind the go-ahead. */
static void starttls(void)
{
    static const uint8_t right[] = {0, 0, 0, 0, 0, 0, 6};
    static const uint8_t altered[] = {7, 2, 0, 0, 1, 1, 2, 3, 0, 0, 6};
    static const uint8_t behind[] = {0, 0, 0, 0, 0, 9, '2', 0, 0};
    uint8_t which;

    for (which = 0; which < 13; which++) {
        seed(&which, 1, right, sizeof right);
        seed(&which, 1, altered, sizeof altered);
        seed(&which, 1, behind, sizeof behind);
    }
}

/* Each way to set the client up: untouched, one flip, one cut. */
static void record(void)
{
    static const uint8_t flip[] = {3, 4, 0, 0, 0, 1, 0, 9};
    static const uint8_t cut[] = {0, 0, 0, 0, 0, 9};
    uint8_t how;

    for (how = 0; how < 32; how++) {
        seed(&how, 1, "\0\0", 2);
        seed(&how, 1, flip, sizeof flip);
        seed(&how, 1, cut, sizeof cut);
    }
}

/* What was saved: as it was, changed, and forged. */
static void saved(void)
{
    uint8_t head[3];

    for (head[0] = 0; head[0] < 8; head[0]++) {
        for (head[2] = 0; head[2] < 3; head[2]++) {
            head[1] = 0;
            seed(head, 3, "", 0);
            seed(head, 3, "\60\41", 2);
            head[1] = (uint8_t)(1 << head[0] % 4);
            seed(head, 3, "", 0);
        }
    }
}

static void tx(void)
{
    uint8_t bytes[256];
    unsigned i, k;

    for (i = 0; i < 32; i++) {
        for (k = 0; k < sizeof bytes; k++) {
            bytes[k] = (uint8_t)((k * k * (i + 3) + k * 7 + i * 31) >> 2);
        }
        seed(bytes, sizeof bytes, "", 0);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(void);
    } targets[] = {{"parser", parser}, {"builder", builder},
                   {"link", link_},    {"starttls", starttls},
                   {"record", record}, {"tx", tx},
                   {"saved", saved}};
    size_t i;

    if (argc != 3) { return 2; }
    dir = argv[1];
    for (i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(argv[2], targets[i].name) == 0) { targets[i].make(); }
    }
    return count == 0;
}
