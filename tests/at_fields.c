/* at_fields.c - reading the fields of a line, building a command, the modem's
 * clock, and its power. */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include "check.h"

enum {
    KEEP = 77, /* what an *out holds when it must not be written */
    LONG = CHECK_SIZE(800, 400), /* of an argument */
    ROUNDS = CHECK_SIZE(30, 1),
    TIMERS = CHECK_ROUNDS(3000, 24),
    CYCLES = CHECK_ROUNDS(4000, 200),
    DAYS = CHECK_SIZE(1, 97 * CHECK_STEP) /* one of so many */
};

/* One text at a time; it ends where its memory does, so that a sanitizer sees
 * a read beyond it. */
static void span(estls_span *s, const char *text)
{
    static char memory[48];
    char *p;

    s->n = strlen(text);
    p = memory + sizeof memory - s->n;
    memcpy(p, text, s->n);
    s->p = p;
}

/* row is a variable of the type that the table's rows have */
#define FETCH(row, table, i) flash_fetch(&(row), &(table)[i], sizeof(row))
#define ROWS(table)          (sizeof(table) / sizeof(table)[0])

/* -- fields ---------------------------------------------------------------- */

/* A line, and its fields joined with '|'. */
typedef struct joined {
    char line[48];
    char fields[48];
} joined;
static const FLASH joined lines[] = {
    {"+CWLAP:(3,\"net\",-60)", "(3,\"net\",-60)"},
    {"+CSQ: 17,99", "17|99"},
    {"+X:", ""},
    {"+X: ", ""},
    {"+X:,", "|"},
    {"+X:1,,3", "1||3"},
    {"+X:1,2,", "1|2|"},
    {"+X: 1, 2,  3", "1|2|3"},
    {"AT+CWJAP=\"a\",\"b\"", "\"a\"|\"b\""},
    {"1,2", "1|2"},
    {"", ""},
    {"\"a:b\",c", "\"a:b\"|c"},
    {"+X:\"a,b\",c", "\"a,b\"|c"},
    {"+X:\"a\\\",b\",c", "\"a\\\",b\"|c"},
    {"+X:\"a\\\\\",c", "\"a\\\\\"|c"},
    {"+X:(1,(2,3)),4", "(1,(2,3))|4"},
    {"+X:1),2", "1)|2"},
    {"+X:(1,2", "(1,2"},
    {"+X:\"a,b", "\"a,b"},
    {"+X:\"(\",2", "\"(\"|2"},
    {"+X:\"\\", "\"\\"},
    {"+CIPSTATE:0,\"TCP\",\"192.168.1.9\",443,1,0",
     "0|\"TCP\"|\"192.168.1.9\"|443|1|0"},
};

static void test_fields(void)
{
    estls_span f;
    estls_span s;
    CHECK_BIG joined row;
    CHECK_BIG char got[64];
    size_t i, n;

    for (i = 0; i < ROWS(lines); i++) {
        FETCH(row, lines, i);
        check_note = row.line;
        n = 0;
        span(&s, row.line);
        estls_at_fields_of(&f, s.p, s.n);
        while (estls_at_field(&f, &s) && n + s.n < sizeof got) {
            memcpy(got + n, s.p, s.n);
            n += s.n;
            got[n++] = '|';
        }
        CHECK(n > 0);
        got[n ? n - 1 : 0] = 0;
        CHECK_TEXT(got, row.fields);
        CHECK_INT(estls_at_field(&f, &s), 0);
    }
}

typedef struct number {
    char text[32];
    int rc;
    uint32_t value;
} number;

static const FLASH number uints[] = {
    {"1:", ESTLS_E_PROTO, 0},
    {"1/", ESTLS_E_PROTO, 0},
    {"0", 0, 0},
    {"00", 0, 0},
    {"7", 0, 7},
    {"65536", 0, 65536},
    {"4294967295", 0, 4294967295u},
    {"00000000000000000004294967295", 0, 4294967295u},
    {"4294967296", ESTLS_E_PROTO, 0},
    {"9999999999", ESTLS_E_PROTO, 0},
    {"99999999999999999999", ESTLS_E_PROTO, 0},
    {"", ESTLS_E_PROTO, 0},
    {"-1", ESTLS_E_PROTO, 0},
    {"+1", ESTLS_E_PROTO, 0},
    {" 1", ESTLS_E_PROTO, 0},
    {"1 ", ESTLS_E_PROTO, 0},
    {"0x1", ESTLS_E_PROTO, 0},
    {"1a", ESTLS_E_PROTO, 0},
    {"\"1\"", ESTLS_E_PROTO, 0},
    {"1.5", ESTLS_E_PROTO, 0},
};

static const FLASH number ints[] = {
    {"0", 0, 0},
    {"-0", 0, 0},
    {"-1", 0, 0xffffffffu},
    {"-60", 0, (uint32_t)-60},
    {"2147483647", 0, 0x7fffffffu},
    {"-2147483647", 0, 0x80000001u},
    {"-2147483648", 0, 0x80000000u},
    {"2147483648", ESTLS_E_PROTO, 0},
    {"-2147483649", ESTLS_E_PROTO, 0},
    {"4294967295", ESTLS_E_PROTO, 0},
    {"-4294967297", ESTLS_E_PROTO, 0},
    {"", ESTLS_E_PROTO, 0},
    {"-", ESTLS_E_PROTO, 0},
    {"--1", ESTLS_E_PROTO, 0},
    {"+1", ESTLS_E_PROTO, 0},
    {"- 1", ESTLS_E_PROTO, 0},
    {"1-", ESTLS_E_PROTO, 0},
};

static const FLASH number hexes[] = {
    {"0", 0, 0},
    {"f", 0, 15},
    {"F", 0, 15},
    {"1A2b", 0, 0x1a2b},
    {"ffffffff", 0, 0xffffffffu},
    {"\"00AB\"", 0, 0xab},
    {"123456789", ESTLS_E_PROTO, 0},
    {"000000000", ESTLS_E_PROTO, 0},
    {"", ESTLS_E_PROTO, 0},
    {"\"\"", ESTLS_E_PROTO, 0},
    {"\"", ESTLS_E_PROTO, 0},
    {"0x10", ESTLS_E_PROTO, 0},
    {"g", ESTLS_E_PROTO, 0},
    {"G", ESTLS_E_PROTO, 0},
    {"@", ESTLS_E_PROTO, 0},
    {"`", ESTLS_E_PROTO, 0},
    {"/", ESTLS_E_PROTO, 0},
    {":", ESTLS_E_PROTO, 0},
    {"-1", ESTLS_E_PROTO, 0},
    {"1 ", ESTLS_E_PROTO, 0},
};

static int read_int(const estls_span *s, uint32_t *out)
{
    int32_t v = KEEP;
    int rc = estls_at_int(s, &v);

    *out = (uint32_t)v;
    return rc;
}

static void numbers(const FLASH number *rows, size_t count,
                    int (*reader)(const estls_span *, uint32_t *))
{
    CHECK_BIG number row;
    size_t i;

    for (i = 0; i < count; i++) {
        estls_span s;
        uint32_t v = KEEP;

        FETCH(row, rows, i);
        span(&s, row.text);
        check_note = row.text;
        CHECK_INT(reader(&s, &v), row.rc);
        CHECK(v == (row.rc ? (uint32_t)KEEP : row.value));
    }
}

static void test_uints(void)
{
    numbers(uints, ROWS(uints), estls_at_uint);
}

static void test_ints(void)
{
    numbers(ints, ROWS(ints), read_int);
}

static void test_hexes(void)
{
    numbers(hexes, ROWS(hexes), estls_at_hex);
}

typedef struct range {
    char text[16];
    int rc;
    uint32_t lo, hi;
} range;
static const FLASH range ranges[] = {
    {"(3-20)", 0, 3, 20},
    {"3-20", 0, 3, 20},
    {"0-0", 0, 0, 0},
    {"(0-4294967295)", 0, 0, 4294967295u},
    {"20-3", ESTLS_E_PROTO, 0, 0},
    {"(3-20", ESTLS_E_PROTO, 0, 0},
    {"3-20)", ESTLS_E_PROTO, 0, 0},
    {"3", ESTLS_E_PROTO, 0, 0},
    {"3:20", ESTLS_E_PROTO, 0, 0},
    {"-", ESTLS_E_PROTO, 0, 0},
    {"3-", ESTLS_E_PROTO, 0, 0},
    {"-3", ESTLS_E_PROTO, 0, 0},
    {"", ESTLS_E_PROTO, 0, 0},
    {"()", ESTLS_E_PROTO, 0, 0},
    {"(", ESTLS_E_PROTO, 0, 0},
    {"1-2-3", ESTLS_E_PROTO, 0, 0},
    {"0-4294967296", ESTLS_E_PROTO, 0, 0},
};

static void test_ranges(void)
{
    CHECK_BIG range row;
    size_t i;

    for (i = 0; i < ROWS(ranges); i++) {
        estls_span s;
        uint32_t lo = KEEP, hi = KEEP;

        FETCH(row, ranges, i);
        span(&s, row.text);
        check_note = row.text;
        CHECK_INT(estls_at_range(&s, &lo, &hi), row.rc);
        CHECK(lo == (row.rc ? (uint32_t)KEEP : row.lo));
        CHECK(hi == (row.rc ? (uint32_t)KEEP : row.hi));
    }
}

typedef struct quoted {
    char field[16];
    int rc; /* or the length */
    char text[8];
} quoted;
static const FLASH quoted texts[] = {
    {"", 0, ""},
    {"abc", 3, "abc"},
    {"\"\"", 0, ""},
    {"\"abc\"", 3, "abc"},
    {"\"a\\\"b\"", 3, "a\"b"},
    {"\"a\\\\\"", 2, "a\\"},
    {"\"a\\,b\"", 3, "a,b"},
    {"a\\b", 3, "a\\b"},
    {"a\"b", 3, "a\"b"},
    {"\"abc", ESTLS_E_PROTO, ""},
    {"\"", ESTLS_E_PROTO, ""},
    {"\"abc\\\"", ESTLS_E_PROTO, ""},
    {"\"abc\"d", ESTLS_E_PROTO, ""},
    {"\"abc\\", ESTLS_E_PROTO, ""},
};

static void test_texts(void)
{
    CHECK_BIG quoted row;
    size_t i;
    char got[16];

    for (i = 0; i < ROWS(texts); i++) {
        estls_span s;

        FETCH(row, texts, i);
        span(&s, row.field);
        check_note = row.field;
        CHECK_INT(estls_at_text(&s, got, sizeof got), row.rc);
        if (row.rc >= 0) { CHECK_TEXT(got, row.text); }
    }
}

/* Every capacity gives the whole text or E_SPACE, and nothing beyond it. */
static void test_text_capacities(void)
{
    estls_span s;
    char got[16];
    size_t cap, i;

    span(&s, "\"a\\\"b\\\\c\"");
    for (cap = 0; cap < 10; cap++) {
        memset(got, '#', sizeof got);
        CHECK_INT(estls_at_text(&s, got, cap), cap > 5 ? 5 : ESTLS_E_SPACE);
        if (cap > 5) { CHECK_TEXT(got, "a\"b\\c"); }
        for (i = cap; i < sizeof got; i++) { CHECK_INT(got[i], '#'); }
    }
    span(&s, "");
    CHECK_INT(estls_at_text(&s, got, 0), ESTLS_E_SPACE);
}

/* -- commands -------------------------------------------------------------- */

static char text[LONG - 100];
static estls_at_builder cmd;

static void test_commands(void)
{
    estls_at_begin(&cmd, text, sizeof text, "");
    CHECK_INT(estls_at_end(&cmd), 4);
    CHECK(memcmp(text, "AT\r\n", 4) == 0);
    estls_at_begin(&cmd, text, sizeof text, "E0");
    CHECK_INT(estls_at_end(&cmd), 6);
    CHECK(memcmp(text, "ATE0\r\n", 6) == 0);
    estls_at_begin(&cmd, text, sizeof text, "+X");
    estls_at_add_int(&cmd, 0);
    estls_at_add_int(&cmd, -2147483647 - 1);
    estls_at_add_int(&cmd, 2147483647);
    estls_at_add_text(&cmd, NULL);
    estls_at_add_text(&cmd, "");
    estls_at_add_text(&cmd, "a\"b,c\\");
    CHECK_INT(estls_at_end(&cmd), 47);
    text[47] = 0;
    CHECK_TEXT(text, "AT+X=0,-2147483648,2147483647,,\"\",\"a\\\"b\\,c\\\\\""
                     "\r\n");
}

static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* n bytes that may stand in an argument; dense in what must be escaped. */
static void make_argument(char *p, size_t n)
{
    static const char special[] = "\"\\,():=+>\xff\x80 ";
    uint8_t c;

    while (n--) {
        c = (uint8_t)(0x20 + random_below(0xe0));
        *p++ = (char)(c == 0x7f || random_below(2)
                          ? special[random_below(sizeof special - 1)]
                          : (char)c);
    }
    *p = 0;
}

static int one_line(size_t n)
{
    size_t i = 0;

    while (i < n && (uint8_t)text[i] >= 0x20 && text[i] != 0x7f) { i++; }
    return i + 2 == n && text[i] == '\r' && text[i + 1] == '\n';
}

/* What goes in as arguments comes out as fields of one line. */
static void round_trip(const char *first, int32_t middle, const char *last)
{
    estls_span f;
    estls_span s;
    CHECK_BIG char got[80];
    int32_t v = 0;
    int n;

    estls_at_begin(&cmd, text, sizeof text, "+CWJAP");
    estls_at_add_text(&cmd, first);
    estls_at_add_int(&cmd, middle);
    estls_at_add_text(&cmd, last);
    n = estls_at_end(&cmd);
    CHECK(n > 2 && one_line((size_t)n));
    estls_at_fields_of(&f, text, (size_t)n - 2);
    CHECK(estls_at_field(&f, &s));
    CHECK_INT(estls_at_text(&s, got, sizeof got), strlen(first));
    CHECK_TEXT(got, first);
    CHECK(estls_at_field(&f, &s));
    CHECK_INT(estls_at_int(&s, &v), ESTLS_OK);
    CHECK_INT(v, middle);
    CHECK(estls_at_field(&f, &s));
    CHECK_INT(estls_at_text(&s, got, sizeof got), strlen(last));
    CHECK_TEXT(got, last);
    CHECK(!estls_at_field(&f, &s));
}

static void test_round_trip(void)
{
    CHECK_BIG char first[80], last[80];
    uint32_t n, i;

    for (n = 0; n < 64; n += CHECK_STEP) {
        for (i = 0; i < ROUNDS; i++) {
            make_argument(first, n);
            make_argument(last, random_below(64));
            round_trip(first,
                       (int32_t)(random_below(0xffffffffu) - 0x80000000u),
                       last);
        }
    }
}

/* Every byte alone: it survives, or it is refused before anything leaves. */
static void test_every_byte(void)
{
    char argument[4] = "a.b";
    int c;

    for (c = 1; c < 256; c += CHECK_STEP) {
        argument[1] = (char)c;
        if (c >= 0x20 && c != 0x7f) {
            round_trip(argument, c, argument);
            continue;
        }
        estls_at_begin(&cmd, text, sizeof text, "+X");
        estls_at_add_text(&cmd, argument);
        estls_at_add_int(&cmd, 1);
        CHECK_INT(estls_at_end(&cmd), ESTLS_E_ARG);
        estls_at_begin(&cmd, text, sizeof text, argument);
        CHECK_INT(estls_at_end(&cmd), ESTLS_E_ARG);
    }
}

static const char *const arguments[] = {
    "", "a", "a\"b", "\\\\\\", ",,,,", "a longer one, with a \"quote\""};

static int build(char *at, size_t cap, const char *argument)
{
    estls_at_begin(&cmd, at, cap, "+X");
    estls_at_add_text(&cmd, argument);
    estls_at_add_int(&cmd, -12);
    estls_at_add_text(&cmd, argument);
    return estls_at_end(&cmd);
}

/* Every capacity gives the whole command or E_SPACE, and nothing beyond it. */
static void every_capacity(const char *argument)
{
    CHECK_BIG char got[160];
    const int full = build(text, sizeof text, argument);
    int cap, rc;
    size_t i;

    CHECK(full > 0 && full < 100);
    for (cap = 0; cap <= full + 2; cap++) {
        memset(got, '#', sizeof got);
        rc = build(got, (size_t)cap, argument);
        CHECK_INT(rc, cap < full ? ESTLS_E_SPACE : full);
        CHECK(rc < 0 || memcmp(got, text, (size_t)full) == 0);
        i = (size_t)cap;
        while (i < sizeof got && got[i] == '#') { i++; }
        CHECK_INT(i, sizeof got);
    }
}

static void test_capacities(void)
{
    size_t i;

    for (i = 0; i < ROWS(arguments); i++) {
        check_note = arguments[i];
        every_capacity(arguments[i]);
    }
}

/* A string argument of every length up to beyond what fits. */
static void test_every_length(void)
{
    static char argument[LONG];
    size_t n;

    for (n = 0; n < sizeof argument - 1; n++) {
        argument[n] = 'x';
        argument[n + 1] = 0;
        estls_at_begin(&cmd, text, sizeof text, "+X");
        estls_at_add_text(&cmd, argument);
        CHECK_INT(estls_at_end(&cmd),
                  n + 1 + 9 <= sizeof text ? (int)(n + 1 + 9) : ESTLS_E_SPACE);
    }
}

/* A text is as long as an int is on the smallest chip, and not longer. */
static void test_longer_than_an_int16(void)
{
    static char from[CHECK_SIZE(40000, 1)];
    static char to[CHECK_SIZE(40000, 1)];
    estls_span s;

    if (sizeof from < 40000) { return; }
    memset(from, 'x', sizeof from);
    s.p = from;
    s.n = sizeof from;
    CHECK_INT(estls_at_text(&s, to, sizeof to), ESTLS_E_SPACE);
    s.n = 32767;
    CHECK_INT(estls_at_text(&s, to, sizeof to), 32767);
    from[32760] = 0;
    estls_at_begin(&cmd, to, sizeof to, "+X");
    estls_at_add_text(&cmd, from);
    CHECK_INT(estls_at_end(&cmd), ESTLS_E_SPACE);
    from[32757] = 0;
    estls_at_begin(&cmd, to, sizeof to, "+X");
    estls_at_add_text(&cmd, from);
    CHECK_INT(estls_at_end(&cmd), 32757 + 9);
}

/* The first thing that goes wrong is what estls_at_end tells. */
static void test_first_error_sticks(void)
{
    size_t cap;

    for (cap = 7; cap < 12; cap++) {
        estls_at_begin(&cmd, text, cap, "+X");
        estls_at_add_text(&cmd, "a\nb");
        estls_at_add_text(&cmd, "cdefghijklm");
        CHECK_INT(estls_at_end(&cmd), ESTLS_E_ARG);
    }
    estls_at_begin(&cmd, text, 8, "+X");
    estls_at_add_text(&cmd, "cdefghijklm");
    estls_at_add_text(&cmd, "a\nb");
    CHECK_INT(estls_at_end(&cmd), ESTLS_E_SPACE);
}

/* -- clocks ---------------------------------------------------------------- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* A calendar that goes on day by day. */
typedef struct calendar {
    unsigned year, month, day; /* month: 0 to 11 */
    unsigned weekday;          /* 0: Sunday */
} calendar;

static void next_day(calendar *c)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31};
    const int leap = c->month == 1 && c->year % 4 == 0 && c->year != 2100;

    c->weekday = (c->weekday + 1) % 7;
    if (c->day++ < (unsigned)days[c->month] + (unsigned)leap) { return; }
    c->day = 1;
    if (c->month++ < 11) { return; }
    c->month = 0;
    c->year++;
}

static void two_digits(char *p, unsigned v)
{
    p[0] = (char)('0' + v / 10 % 10);
    p[1] = (char)('0' + v % 10);
}

static void put_clock(char *p, uint32_t s)
{
    two_digits(p, (unsigned)(s / 3600));
    two_digits(p + 3, (unsigned)(s / 60 % 60));
    two_digits(p + 6, (unsigned)(s % 60));
}

/* Both clocks, s seconds into a day that began at midnight. */
static void clocks(const calendar *c, uint32_t midnight, uint32_t s)
{
    static const char weekdays[] = "SunMonTueWedThuFriSat";
    CHECK_BIG char asctime[25], cclk[21];

    memcpy(asctime, "Www Mmm dd hh:mm:ss yyyy", 25);
    memcpy(cclk, "yy/mm/dd,hh:mm:ss+00", 21);
    memcpy(asctime, weekdays + 3 * c->weekday, 3);
    memcpy(asctime + 4, months + 3 * c->month, 3);
    two_digits(asctime + 8, c->day);
    put_clock(asctime + 11, s);
    two_digits(asctime + 20, c->year / 100);
    two_digits(asctime + 22, c->year);
    CHECK(estls_time(asctime, 24) == midnight + s);
    if (c->day < 10) { asctime[8] = ' '; }
    CHECK(estls_time(asctime, 24) == midnight + s);
    if (c->year >= 2100) { return; }
    two_digits(cclk, c->year);
    two_digits(cclk + 3, c->month + 1);
    two_digits(cclk + 6, c->day);
    put_clock(cclk + 9, s);
    CHECK(estls_time(cclk, 20) == midnight + s);
}

static void test_clock_days(void)
{
    uint32_t midnight = 1577836800u;  /* 2020-01-01 */
    const uint32_t end = 4291747200u; /* 2106-01-01 */
    calendar c = {2020, 0, 1, 3};
    uint32_t day = 0;

    clocks(&c, midnight, 0);
    for (; midnight != end - 86400u; midnight += 86400u) {
        if (day++ % DAYS == 0) { clocks(&c, midnight, random_below(86400u)); }
        next_day(&c);
    }
    clocks(&c, midnight, 86399u);
    CHECK(c.year == 2105 && c.month == 11 && c.day == 31);
    CHECK_INT(estls_time("Sat Feb 29 00:00:00 2020", 24), 1582934400u);
    CHECK_INT(estls_time("Thu Feb 29 23:59:59 2024", 24), 1709251199u);
    CHECK(estls_time("Mon Mar  1 00:00:00 2100", 24) == 4107542400u);
    CHECK(estls_time("Sun Feb 28 23:59:59 2100", 24) == 4107542399u);
}

static const FLASH char bad_asctime[][32] = {
    "",
    "Thu Jan  1 00:00:00 1970",
    "Tue Dec 31 23:59:59 2019",
    "Fri Jan  1 00:00:00 2106",
    "Tue Oct 19 17:47:56 202",
    "Tue Oct 19 17:47:56 20211",
    "Tue Oct 19 17:47:56 2O21",
    "Tue Oct 19 17:47:56 +021",
    "Tue Okt 19 17:47:56 2021",
    "Tue oct 19 17:47:56 2021",
    "Tue ctN 19 17:47:56 2021",
    "Tue Oct  0 17:47:56 2021",
    "Tue Oct 32 17:47:56 2021",
    "Tue Oct -1 17:47:56 2021",
    "Tue Oct 1  17:47:56 2021",
    "Tue Oct 19 24:47:56 2021",
    "Tue Oct 19 17:60:56 2021",
    "Tue Oct 19 17:47:61 2021",
    "Tue Oct 19 17:47.56 2021",
    "Tue Oct 19 17.47:56 2021",
    "Tue Oct 19 1x:47:56 2021",
    "Tue-Oct 19 17:47:56 2021",
    "Tue Oct-19 17:47:56 2021",
    "Tue Oct 19-17:47:56 2021",
    "Tue Oct 19 17:47:56-2021",
    "Tue Feb 30 00:00:00 2021",
    "Mon Feb 29 00:00:00 2021",
    "Mon Feb 29 00:00:00 2100",
    "Wed Apr 31 00:00:00 2024",
};

static const FLASH char bad_cclk[][32] = {
    "",
    "\"",
    "\"\"",
    "19/12/31,23:59:59+00",
    "80/01/06,00:00:00+00x",
    "21/10/19,17:47:56",
    "21/10/19,17:47:56+8",
    "21/10/19,17:47:56 08",
    "21-10/19,17:47:56+00",
    "21/10-19,17:47:56+00",
    "21/10/19,17:47:56+97",
    "21/10/19,17:47:56+x0",
    "21/13/19,17:47:56+00",
    "21/00/19,17:47:56+00",
    "21/10/32,17:47:56+00",
    "21/10/00,17:47:56+00",
    "21/02/29,17:47:56+00",
    "21/10/19,24:00:00+00",
    "21/10/19,17:60:00+00",
    "21/10/19,17:47:61+00",
    "21-10-19,17:47:56+00",
    "21/10/19 17:47:56+00",
    "21/10/19,17-47-56+00",
    "2x/10/19,17:47:56+00",
    "\"21/10/19,17:47:56+00",
    "21/10/19,17:47:56+00\"",
};

static void malformed(const FLASH char (*rows)[32], size_t count)
{
    CHECK_BIG char row[32];
    estls_span s;

    for (; count--; rows++) {
        flash_fetch(row, rows, sizeof row);
        check_note = row;
        span(&s, row);
        CHECK_INT(estls_time(s.p, s.n), 0);
    }
}

static void test_clock_malformed(void)
{
    malformed(bad_asctime, ROWS(bad_asctime));
    malformed(bad_cclk, ROWS(bad_cclk));
}

/* Every month name at its place, and none in between two. */
static void test_clock_months(void)
{
    char got[] = "Fri XXX 15 00:00:00 2027";
    size_t i;
    uint32_t before = 0;

    for (i = 0; i + 3 <= sizeof months - 1; i++) {
        uint32_t t;
        memcpy(got + 4, months + i, 3);
        t = estls_time(got, 24);
        CHECK(i % 3 == 0 ? t > before : t == 0);
        before = t ? t : before;
    }
}

/* Local time ahead of UTC ("+") is earlier in UTC. */
static void test_clock_zones(void)
{
    const uint32_t local = 1634665676u; /* 2021-10-19 17:47:56 */
    char got[] = "\"21/10/19,17:47:56+00\"";
    uint32_t quarters;

    for (quarters = 0; quarters <= 96; quarters++) {
        got[19] = (char)('0' + quarters / 10);
        got[20] = (char)('0' + quarters % 10);
        got[18] = '+';
        CHECK_INT(estls_time(got, 22), local - quarters * 900);
        CHECK_INT(estls_time(got + 1, 20), local - quarters * 900);
        got[18] = '-';
        CHECK_INT(estls_time(got, 22), local + quarters * 900);
    }
}

/* -- power ----------------------------------------------------------------- */

/* A knob, and the command without its CR LF; "": out of range. */
typedef struct knob {
    uint8_t knob;
    uint32_t value;
    uint16_t active_s;
    char want[40];
} knob;
static const FLASH knob knobs[] = {
    {ESTLS_AT_RFPOWER, 0, 0, ""},
    {ESTLS_AT_RFPOWER, 33, 0, ""},
    {ESTLS_AT_RFPOWER, 34, 0, "AT+RFPOWER=34"},
    {ESTLS_AT_RFPOWER, 78, 65535, "AT+RFPOWER=78"},
    {ESTLS_AT_RFPOWER, 84, 0, "AT+RFPOWER=84"},
    {ESTLS_AT_RFPOWER, 85, 0, ""},
    {ESTLS_AT_RFPOWER, 256 + 40, 0, ""},
    {ESTLS_AT_RFPOWER, 0xffffffffu, 0, ""},
    {ESTLS_AT_SLEEP, 0, 0, "AT+SLEEP=0"},
    {ESTLS_AT_SLEEP, 1, 0, "AT+SLEEP=1"},
    {ESTLS_AT_SLEEP, 2, 0, "AT+SLEEP=2"},
    {ESTLS_AT_SLEEP, 3, 0, "AT+SLEEP=3"},
    {ESTLS_AT_SLEEP, 4, 0, ""},
    {ESTLS_AT_SLEEP, 0x10000, 0, ""},
    {ESTLS_AT_GSLP, 0, 0, ""},
    {ESTLS_AT_GSLP, 1, 0, "AT+GSLP=1"},
    {ESTLS_AT_GSLP, 65536, 0, "AT+GSLP=65536"},
    {ESTLS_AT_GSLP, 0x7fffffff, 0, "AT+GSLP=2147483647"},
    {ESTLS_AT_GSLP, 0x80000000u, 0, ""},
    {ESTLS_AT_PSM, 0, 0, "AT+CPSMS=0"},
    /* the examples of TS 27.007, 7.38: 70 h and 4 min */
    {ESTLS_AT_PSM, 252000, 240, "AT+CPSMS=1,,,\"01000111\",\"00100100\""},
    {ESTLS_AT_PSM, 28200, 36, "AT+CPSMS=1,,,\"00101000\",\"00010010\""},
    {ESTLS_AT_PSM, 108000, 18, "AT+CPSMS=1,,,\"00111110\",\"00001001\""},
    /* each unit of GPRS Timer 3: its last, and what comes next */
    {ESTLS_AT_PSM, 1, 0, "AT+CPSMS=1,,,\"01100001\",\"00000000\""},
    {ESTLS_AT_PSM, 2, 0, "AT+CPSMS=1,,,\"01100001\",\"00000000\""},
    {ESTLS_AT_PSM, 3, 0, "AT+CPSMS=1,,,\"01100010\",\"00000000\""},
    {ESTLS_AT_PSM, 62, 0, "AT+CPSMS=1,,,\"01111111\",\"00000000\""},
    {ESTLS_AT_PSM, 63, 0, "AT+CPSMS=1,,,\"10000011\",\"00000000\""},
    {ESTLS_AT_PSM, 930, 0, "AT+CPSMS=1,,,\"10011111\",\"00000000\""},
    {ESTLS_AT_PSM, 931, 0, "AT+CPSMS=1,,,\"10110000\",\"00000000\""},
    {ESTLS_AT_PSM, 1860, 0, "AT+CPSMS=1,,,\"10111111\",\"00000000\""},
    {ESTLS_AT_PSM, 1861, 0, "AT+CPSMS=1,,,\"00000100\",\"00000000\""},
    {ESTLS_AT_PSM, 18600, 0, "AT+CPSMS=1,,,\"00011111\",\"00000000\""},
    {ESTLS_AT_PSM, 18601, 0, "AT+CPSMS=1,,,\"00100110\",\"00000000\""},
    {ESTLS_AT_PSM, 111600, 0, "AT+CPSMS=1,,,\"00111111\",\"00000000\""},
    {ESTLS_AT_PSM, 111601, 0, "AT+CPSMS=1,,,\"01000100\",\"00000000\""},
    {ESTLS_AT_PSM, 1116000, 0, "AT+CPSMS=1,,,\"01011111\",\"00000000\""},
    {ESTLS_AT_PSM, 1116001, 0, "AT+CPSMS=1,,,\"11000001\",\"00000000\""},
    {ESTLS_AT_PSM, 35712000, 0, "AT+CPSMS=1,,,\"11011111\",\"00000000\""},
    {ESTLS_AT_PSM, 35712001, 0, ""},
    {ESTLS_AT_PSM, 0xffffffffu, 0, ""},
    /* and of GPRS Timer 2 */
    {ESTLS_AT_PSM, 3600, 1, "AT+CPSMS=1,,,\"00000110\",\"00000001\""},
    {ESTLS_AT_PSM, 3600, 62, "AT+CPSMS=1,,,\"00000110\",\"00011111\""},
    {ESTLS_AT_PSM, 3600, 63, "AT+CPSMS=1,,,\"00000110\",\"00100010\""},
    {ESTLS_AT_PSM, 3600, 1860, "AT+CPSMS=1,,,\"00000110\",\"00111111\""},
    {ESTLS_AT_PSM, 3600, 1861, "AT+CPSMS=1,,,\"00000110\",\"01000110\""},
    {ESTLS_AT_PSM, 3600, 11160, "AT+CPSMS=1,,,\"00000110\",\"01011111\""},
    {ESTLS_AT_PSM, 3600, 11161, ""},
    {ESTLS_AT_PSM, 3600, 65535, ""},
    {ESTLS_AT_PSM, 0, 11161, ""},
    {ESTLS_AT_EDRX_M, 0, 0, "AT+CEDRXS=0"},
    {ESTLS_AT_EDRX_M, 1, 0, "AT+CEDRXS=1,4,\"0000\""},
    {ESTLS_AT_EDRX_M, 5120, 4, "AT+CEDRXS=1,4,\"0000\""},
    {ESTLS_AT_EDRX_M, 5121, 5, "AT+CEDRXS=1,4,\"0001\""},
    {ESTLS_AT_EDRX_M, 10241, 0, "AT+CEDRXS=1,4,\"0010\""},
    {ESTLS_AT_EDRX_M, 40960, 0, "AT+CEDRXS=1,4,\"0011\""},
    {ESTLS_AT_EDRX_M, 40961, 0, "AT+CEDRXS=1,4,\"0100\""},
    {ESTLS_AT_EDRX_M, 81920, 0, "AT+CEDRXS=1,4,\"0101\""},
    {ESTLS_AT_EDRX_M, 102400, 0, "AT+CEDRXS=1,4,\"0110\""},
    {ESTLS_AT_EDRX_M, 122880, 0, "AT+CEDRXS=1,4,\"0111\""},
    {ESTLS_AT_EDRX_M, 143360, 0, "AT+CEDRXS=1,4,\"1000\""},
    {ESTLS_AT_EDRX_M, 143361, 0, "AT+CEDRXS=1,4,\"1001\""},
    {ESTLS_AT_EDRX_M, 163841, 0, "AT+CEDRXS=1,4,\"1010\""},
    {ESTLS_AT_EDRX_M, 655360, 0, "AT+CEDRXS=1,4,\"1011\""},
    {ESTLS_AT_EDRX_M, 1310720, 0, "AT+CEDRXS=1,4,\"1100\""},
    {ESTLS_AT_EDRX_M, 2621440, 0, "AT+CEDRXS=1,4,\"1101\""},
    {ESTLS_AT_EDRX_M, 2621441, 0, ""},
    {ESTLS_AT_EDRX_NB, 0, 0, "AT+CEDRXS=0"},
    {ESTLS_AT_EDRX_NB, 1, 0, "AT+CEDRXS=1,5,\"0010\""},
    {ESTLS_AT_EDRX_NB, 20480, 0, "AT+CEDRXS=1,5,\"0010\""},
    {ESTLS_AT_EDRX_NB, 20481, 0, "AT+CEDRXS=1,5,\"0011\""},
    {ESTLS_AT_EDRX_NB, 40961, 0, "AT+CEDRXS=1,5,\"0101\""},
    {ESTLS_AT_EDRX_NB, 81921, 0, "AT+CEDRXS=1,5,\"1001\""},
    {ESTLS_AT_EDRX_NB, 163840, 0, "AT+CEDRXS=1,5,\"1001\""},
    {ESTLS_AT_EDRX_NB, 2621441, 0, "AT+CEDRXS=1,5,\"1110\""},
    {ESTLS_AT_EDRX_NB, 5242881, 0, "AT+CEDRXS=1,5,\"1111\""},
    {ESTLS_AT_EDRX_NB, 10485760, 0, "AT+CEDRXS=1,5,\"1111\""},
    {ESTLS_AT_EDRX_NB, 10485761, 0, ""},
    {ESTLS_AT_EDRX_NB, 0xffffffffu, 0, ""},
    {ESTLS_AT_EDRX_NB + 1, 1, 0, ""},
    {255, 40, 0, ""},
};

/* In every capacity: the command or an error, and nothing beyond it. */
static void turn_knob(const knob *row, size_t cap)
{
    const size_t n = strlen(row->want);
    CHECK_BIG char got[64];
    int rc;

    memset(got, '#', sizeof got);
    rc = estls_at_power(got, cap, row->knob, row->value, row->active_s);
    CHECK_INT(got[cap], '#');
    if (!n) {
        CHECK_INT(rc, ESTLS_E_ARG);
    } else if (cap < n + 2) {
        CHECK_INT(rc, ESTLS_E_SPACE);
    } else if (rc == (int)n + 2) {
        CHECK(memcmp(got, row->want, n) == 0 &&
              memcmp(got + n, "\r\n", 2) == 0);
    } else {
        CHECK_INT(rc, n + 2);
    }
}

static void test_knobs(void)
{
    size_t i, cap;
    size_t longest = 0;
    CHECK_BIG knob row;

    for (i = 0; i < ROWS(knobs); i++) {
        FETCH(row, knobs, i);
        check_note = row.want;
        for (cap = 0; cap <= 36; cap++) { turn_knob(&row, cap); }
        cap = row.want[0] ? strlen(row.want) + 2 : 0;
        longest = cap > longest ? cap : longest;
    }
    CHECK_INT(longest, 36); /* as estls_at_power promises */
    CHECK_INT(estls_at_power(NULL, 99, ESTLS_AT_SLEEP, 0, 0), ESTLS_E_ARG);
}

static unsigned bits_at(const char *p, int n)
{
    unsigned v = 0;

    while (n--) { v = 2 * v + (*p++ == '1'); }
    return v;
}

/* Bits 8 to 6 of a timer, in seconds; 0: a unit that must not be used. */
static const uint32_t timer3[8] = {600, 3600, 36000, 2, 30, 60, 1152000u, 0};
static const uint32_t timer2[8] = {2, 60, 360};

static uint32_t timer_s(const uint32_t *unit, unsigned octet)
{
    return unit[octet >> 5] * (octet & 31);
}

/* The octet says s or the least above it that any octet can. */
static void least_timer(const uint32_t *unit, unsigned octet, uint32_t s)
{
    unsigned other;

    CHECK(unit[octet >> 5] && timer_s(unit, octet) >= s);
    for (other = 0; other < 256; other++) {
        CHECK(timer_s(unit, other) < s ||
              timer_s(unit, other) >= timer_s(unit, octet));
    }
}

static void test_timers(void)
{
    static const uint32_t reach[] = {70, 1000, 2000, 20000, 200000, 35712000};
    uint32_t period, active;
    int i;

    for (i = 0; i < TIMERS; i++) {
        period = 1 + random_below(reach[i % 6]);
        active = random_below(i % 2 ? 11161 : 100);
        CHECK_INT(estls_at_power(text, sizeof text, ESTLS_AT_PSM, period,
                                 (uint16_t)active),
                  36);
        least_timer(timer3, bits_at(text + 14, 8), period);
        least_timer(timer2, bits_at(text + 25, 8), active);
    }
}

/* TS 24.008, table 10.5.5.32, in ms; NB-IoT has those that are marked. */
static const uint32_t cycles[16] = {
    5120,   10240,  20480,  40960,  61440,   81920,   102400,  122880,
    143360, 163840, 327680, 655360, 1310720, 2621440, 5242880, 10485760};
static const char in_m[] = "1111111111111100";
static const char in_nb[] = "0011010001111111";

static void test_cycles(void)
{
    uint32_t ms;
    unsigned got, other;
    int i, nb;

    for (i = 0; i < CYCLES; i++) {
        nb = i & 1;
        ms = 1 + random_below(cycles[nb ? i / 2 % 16 : i / 2 % 14]);
        CHECK_INT(estls_at_power(text, sizeof text,
                                 nb ? ESTLS_AT_EDRX_NB : ESTLS_AT_EDRX_M, ms,
                                 0),
                  22);
        got = bits_at(text + 15, 4);
        CHECK_INT(text[12], nb ? '5' : '4');
        CHECK((nb ? in_nb : in_m)[got] == '1' && cycles[got] >= ms);
        for (other = 0; other < 16; other++) {
            CHECK(other >= got || (nb ? in_nb : in_m)[other] == '0' ||
                  cycles[other] < ms);
        }
    }
}

/* A line that answers AT+CBC, and mV; 0: it has none. */
typedef struct voltage {
    char line[40];
    uint16_t mv;
} voltage;
static const FLASH voltage voltages[] = {
    {"+CBC: 0,97,3987", 3987},
    {"+CBC: 0, 97, 3987", 3987},
    {"+CBC:0,97,3987", 3987},
    {"+CBC: 0,3663", 3663},
    {"+CBC: 3853", 3853},
    {"+CBC: 3.853V", 3853},
    {"+CBC: 3.95V", 3950},
    {"+CBC: 4.2V", 4200},
    {"+CBC: 3.8537V", 3853},
    {"+CBC: 3.853799999999999999999999999V", 3853},
    {"+CBC: 0,100,4.230V", 4230},
    {"+CBC: 0,50,1000", 1000},
    {"+CBC: 0,50,6000", 6000},
    {"+CBC: 1.000V", 1000},
    {"+CBC: 6.000V", 6000},
    {"+CBC: 0,50,999", 0},
    {"+CBC: 0,50,6001", 0},
    {"+CBC: 0.999V", 0},
    {"+CBC: 6.001V", 0},
    {"+CBC: 38.53V", 0},
    {"+CBC: 4294967295.1V", 0},
    {"+CBC: 0,75", 0},
    {"+CBC: 0,100", 0},
    {"+CBC: 0,97,", 0},
    {"+CBC: 0,97,3987,", 0},
    {"+CBC: 0,97,3987 mV", 0},
    {"+CBC: 0,97,-3987", 0},
    {"+CBC: 0,97,69523", 0},      /* 3987 in 16 bits */
    {"+CBC: 0,97,4294971283", 0}, /* 3987 in 32 bits */
    {"+CBC: (0-2),(1-100),(voltage)", 0},
    {"+CBC: 3.V", 0},
    {"+CBC: .853V", 0},
    {"+CBC: 3.853", 0},
    {"+CBC: 3.853v", 0},
    {"+CBC: 3.853VV", 0},
    {"+CBC: 3,853V", 0},
    {"+CBC: 3.8.3V", 0},
    {"+CBC: -3.853V", 0},
    {"+CBC: \"3.853V\"", 0},
    {"+CBC: V", 0},
    {"+CBC: ", 0},
    {"+CBC:", 0},
    {"+CBC", 0},
    {"", 0},
    {"0,97,3987", 0},
    {"AT+CBC", 0},
    {"+CBCX: 0,97,3987", 0},
    {" +CBC: 0,97,3987", 0},
    {"+CSQ: 0,97,3987", 0},
};

static void test_voltages(void)
{
    uint16_t mv[2];
    CHECK_BIG voltage row;
    estls_span s;
    size_t i;

    for (i = 0; i < ROWS(voltages); i++) {
        FETCH(row, voltages, i);
        check_note = row.line;
        memset(mv, 0, sizeof mv);
        span(&s, row.line);
        CHECK_INT(estls_at_cbc(s.p, s.n, mv),
                  row.mv ? ESTLS_OK : ESTLS_E_PROTO);
        CHECK(mv[0] == row.mv && mv[1] == row.mv);
    }
}

/* Not terminated, cut at every byte: no read beyond, no more than it says. */
static void test_voltage_cut(void)
{
    static const char line[] = "+CBC: 0,97,3987";
    char copy[sizeof line];
    uint16_t mv[2];
    size_t n;

    for (n = 0; n < sizeof line; n++) {
        memset(copy, '9', sizeof copy);
        memcpy(copy, line, n);
        memset(mv, 0, sizeof mv);
        CHECK_INT(estls_at_cbc(copy, n, mv),
                  n + 1 == sizeof line ? ESTLS_OK : ESTLS_E_PROTO);
    }
}

/* The least and the most of several; a bad line in between changes neither. */
static void test_voltage_range(void)
{
    static const char *const said[] = {"+CBC: 0,97,3987", "+CBC: 0,97",
                                       "+CBC: 3.612V", "+CBC: 0,97,4011",
                                       "+CBC: 0,97,6001"};
    uint16_t mv[2] = {0, 0};
    size_t i;
    int good = 0;

    for (i = 0; i < 5; i++) {
        good += estls_at_cbc(said[i], strlen(said[i]), mv) == ESTLS_OK;
    }
    CHECK_INT(good, 3);
    CHECK_INT(mv[0], 3612);
    CHECK_INT(mv[1], 4011);
}

int main(void)
{
    RUN(test_fields);
    RUN(test_uints);
    RUN(test_ints);
    RUN(test_hexes);
    RUN(test_ranges);
    RUN(test_texts);
    RUN(test_text_capacities);
    RUN(test_commands);
    RUN(test_round_trip);
    RUN(test_every_byte);
    RUN(test_capacities);
    RUN(test_every_length);
    RUN(test_longer_than_an_int16);
    RUN(test_first_error_sticks);
    RUN(test_clock_days);
    RUN(test_clock_malformed);
    RUN(test_clock_months);
    RUN(test_clock_zones);
    RUN(test_knobs);
    RUN(test_timers);
    RUN(test_cycles);
    RUN(test_voltages);
    RUN(test_voltage_cut);
    RUN(test_voltage_range);
    return check_end();
}
