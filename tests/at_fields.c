/* at_fields.c - reading the fields of a line, building a command, and the
 * modem's clock. */
#define _DEFAULT_SOURCE /* timegm, to compare with */
#define ESTLS_NO_TLS
#define ESTLS_IMPLEMENTATION
#include "../estls.h"

#include <time.h>

#include "check.h"

enum { KEEP = 77 }; /* what an *out holds when it must not be written */

static estls_span span(const char *text)
{
    estls_span s;

    s.p = text;
    s.n = strlen(text);
    return s;
}

/* -- fields ---------------------------------------------------------------- */

/* A line, and its fields joined with '|'. */
static const char *const lines[][2] = {
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
    char joined[64];
    size_t i, n;

    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        check_note = lines[i][0];
        n = 0;
        estls_at_fields_of(&f, lines[i][0], strlen(lines[i][0]));
        while (estls_at_field(&f, &s) && n + s.n < sizeof joined) {
            memcpy(joined + n, s.p, s.n);
            n += s.n;
            joined[n++] = '|';
        }
        CHECK(n > 0);
        joined[n ? n - 1 : 0] = 0;
        CHECK_TEXT(joined, lines[i][1]);
        CHECK_INT(estls_at_field(&f, &s), 0);
    }
    check_note = "";
}

typedef struct number {
    const char *text;
    int rc;
    uint32_t value;
} number;

static const number uints[] = {
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

static const number ints[] = {
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

static const number hexes[] = {
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

static void numbers(const number *row, size_t count,
                    int (*reader)(const estls_span *, uint32_t *))
{
    for (; count--; row++) {
        estls_span s = span(row->text);
        uint32_t v = KEEP;

        check_note = row->text;
        CHECK_INT(reader(&s, &v), row->rc);
        CHECK(v == (row->rc ? (uint32_t)KEEP : row->value));
    }
    check_note = "";
}

static void test_numbers(void)
{
    numbers(uints, sizeof uints / sizeof uints[0], estls_at_uint);
    numbers(ints, sizeof ints / sizeof ints[0], read_int);
    numbers(hexes, sizeof hexes / sizeof hexes[0], estls_at_hex);
}

static const struct range {
    const char *text;
    int rc;
    uint32_t lo, hi;
} ranges[] = {
    {"(3-20)", 0, 3, 20},
    {"3-20", 0, 3, 20},
    {"0-0", 0, 0, 0},
    {"(0-4294967295)", 0, 0, 4294967295u},
    {"20-3", ESTLS_E_PROTO, 0, 0},
    {"(3-20", ESTLS_E_PROTO, 0, 0},
    {"3-20)", ESTLS_E_PROTO, 0, 0},
    {"3", ESTLS_E_PROTO, 0, 0},
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
    size_t i;

    for (i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        estls_span s = span(ranges[i].text);
        uint32_t lo = KEEP, hi = KEEP;

        check_note = ranges[i].text;
        CHECK_INT(estls_at_range(&s, &lo, &hi), ranges[i].rc);
        CHECK(lo == (ranges[i].rc ? (uint32_t)KEEP : ranges[i].lo));
        CHECK(hi == (ranges[i].rc ? (uint32_t)KEEP : ranges[i].hi));
    }
    check_note = "";
}

static const struct text {
    const char *field;
    int rc; /* or the length */
    const char *text;
} texts[] = {
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
    size_t i;
    char got[16];

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        estls_span s = span(texts[i].field);

        check_note = texts[i].field;
        CHECK_INT(estls_at_text(&s, got, sizeof got), texts[i].rc);
        if (texts[i].rc >= 0) { CHECK_TEXT(got, texts[i].text); }
    }
    check_note = "";
}

/* Every capacity gives the whole text or E_SPACE, and nothing beyond it. */
static void test_text_capacities(void)
{
    estls_span s = span("\"a\\\"b\\\\c\"");
    char got[16];
    size_t cap, i;

    for (cap = 0; cap < 10; cap++) {
        memset(got, '#', sizeof got);
        CHECK_INT(estls_at_text(&s, got, cap), cap > 5 ? 5 : ESTLS_E_SPACE);
        if (cap > 5) { CHECK_TEXT(got, "a\"b\\c"); }
        for (i = cap; i < sizeof got; i++) { CHECK_INT(got[i], '#'); }
    }
    s = span("");
    CHECK_INT(estls_at_text(&s, got, 0), ESTLS_E_SPACE);
}

/* -- commands -------------------------------------------------------------- */

static char text[700];
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
    char got[80];
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
    char first[80], last[80];
    uint32_t n, i;

    for (n = 0; n < 64; n++) {
        for (i = 0; i < 30; i++) {
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

    for (c = 1; c < 256; c++) {
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
    char got[160];
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

    for (i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        check_note = arguments[i];
        every_capacity(arguments[i]);
    }
    check_note = "";
}

/* A string argument of every length up to beyond what fits. */
static void test_every_length(void)
{
    static char argument[800];
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

/* Both clocks, for a moment that gmtime takes apart. */
static void clocks(uint32_t t)
{
    time_t when = (time_t)t;
    struct tm *tm = gmtime(&when);
    char got[40];

    CHECK_INT(strftime(got, sizeof got, "%a %b %e %H:%M:%S %Y", tm), 24);
    CHECK_INT(estls_time(got, 24), t);
    CHECK_INT(strftime(got, sizeof got, "%a %b %d %H:%M:%S %Y", tm), 24);
    CHECK_INT(estls_time(got, 24), t);
    if (tm->tm_year < 200) {
        CHECK_INT(strftime(got, sizeof got, "%y/%m/%d,%H:%M:%S+00", tm), 20);
        CHECK_INT(estls_time(got, 20), t);
    }
}

static void test_clock_days(void)
{
    const uint32_t first = 1577836800u; /* 2020-01-01 */
    const uint32_t end = 4291747200u;   /* 2106-01-01 */
    uint32_t t;

    for (t = first; t < end - 86400u; t += 86400u) {
        clocks(t + random_below(86400u));
    }
    clocks(first);
    clocks(end - 1);
    CHECK_INT(estls_time("Sat Feb 29 00:00:00 2020", 24), 1582934400u);
    CHECK_INT(estls_time("Thu Feb 29 23:59:59 2024", 24), 1709251199u);
    CHECK_INT(estls_time("Mon Mar  1 00:00:00 2100", 24), 4107542400u);
    CHECK_INT(estls_time("Sun Feb 28 23:59:59 2100", 24), 4107542399u);
}

static const char *const bad_asctime[] = {
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

static const char *const bad_cclk[] = {
    "",
    "\"",
    "\"\"",
    "19/12/31,23:59:59+00",
    "80/01/06,00:00:00+00x",
    "21/10/19,17:47:56",
    "21/10/19,17:47:56+8",
    "21/10/19,17:47:56 08",
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

static void test_clock_malformed(void)
{
    size_t i;

    for (i = 0; i < sizeof bad_asctime / sizeof bad_asctime[0]; i++) {
        check_note = bad_asctime[i];
        CHECK_INT(estls_time(bad_asctime[i], strlen(bad_asctime[i])), 0);
    }
    for (i = 0; i < sizeof bad_cclk / sizeof bad_cclk[0]; i++) {
        check_note = bad_cclk[i];
        CHECK_INT(estls_time(bad_cclk[i], strlen(bad_cclk[i])), 0);
    }
    check_note = "";
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

int main(void)
{
    test_fields();
    test_numbers();
    test_ranges();
    test_texts();
    test_text_capacities();
    test_commands();
    test_round_trip();
    test_every_byte();
    test_capacities();
    test_every_length();
    test_first_error_sticks();
    test_clock_days();
    test_clock_malformed();
    test_clock_months();
    test_clock_zones();
    return check_end();
}
