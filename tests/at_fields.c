/* at_fields.c - reading the fields of a line, building a command, the modem's
 * clock, and its power. */
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

/* -- power ----------------------------------------------------------------- */

/* A knob, and the command without its CR LF; null: out of range. */
static const struct {
    uint8_t knob;
    uint32_t value;
    uint16_t active_s;
    const char *want;
} knobs[] = {
    {ESTLS_AT_RFPOWER, 0, 0, NULL},
    {ESTLS_AT_RFPOWER, 33, 0, NULL},
    {ESTLS_AT_RFPOWER, 34, 0, "AT+RFPOWER=34"},
    {ESTLS_AT_RFPOWER, 78, 65535, "AT+RFPOWER=78"},
    {ESTLS_AT_RFPOWER, 84, 0, "AT+RFPOWER=84"},
    {ESTLS_AT_RFPOWER, 85, 0, NULL},
    {ESTLS_AT_RFPOWER, 256 + 40, 0, NULL},
    {ESTLS_AT_RFPOWER, 0xffffffffu, 0, NULL},
    {ESTLS_AT_SLEEP, 0, 0, "AT+SLEEP=0"},
    {ESTLS_AT_SLEEP, 1, 0, "AT+SLEEP=1"},
    {ESTLS_AT_SLEEP, 2, 0, "AT+SLEEP=2"},
    {ESTLS_AT_SLEEP, 3, 0, "AT+SLEEP=3"},
    {ESTLS_AT_SLEEP, 4, 0, NULL},
    {ESTLS_AT_SLEEP, 0x10000, 0, NULL},
    {ESTLS_AT_GSLP, 0, 0, NULL},
    {ESTLS_AT_GSLP, 1, 0, "AT+GSLP=1"},
    {ESTLS_AT_GSLP, 65536, 0, "AT+GSLP=65536"},
    {ESTLS_AT_GSLP, 0x7fffffff, 0, "AT+GSLP=2147483647"},
    {ESTLS_AT_GSLP, 0x80000000u, 0, NULL},
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
    {ESTLS_AT_PSM, 35712001, 0, NULL},
    {ESTLS_AT_PSM, 0xffffffffu, 0, NULL},
    /* and of GPRS Timer 2 */
    {ESTLS_AT_PSM, 3600, 1, "AT+CPSMS=1,,,\"00000110\",\"00000001\""},
    {ESTLS_AT_PSM, 3600, 62, "AT+CPSMS=1,,,\"00000110\",\"00011111\""},
    {ESTLS_AT_PSM, 3600, 63, "AT+CPSMS=1,,,\"00000110\",\"00100010\""},
    {ESTLS_AT_PSM, 3600, 1860, "AT+CPSMS=1,,,\"00000110\",\"00111111\""},
    {ESTLS_AT_PSM, 3600, 1861, "AT+CPSMS=1,,,\"00000110\",\"01000110\""},
    {ESTLS_AT_PSM, 3600, 11160, "AT+CPSMS=1,,,\"00000110\",\"01011111\""},
    {ESTLS_AT_PSM, 3600, 11161, NULL},
    {ESTLS_AT_PSM, 3600, 65535, NULL},
    {ESTLS_AT_PSM, 0, 11161, NULL},
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
    {ESTLS_AT_EDRX_M, 2621441, 0, NULL},
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
    {ESTLS_AT_EDRX_NB, 10485761, 0, NULL},
    {ESTLS_AT_EDRX_NB, 0xffffffffu, 0, NULL},
    {ESTLS_AT_EDRX_NB + 1, 1, 0, NULL},
    {255, 40, 0, NULL},
};

/* In every capacity: the command or an error, and nothing beyond it. */
static void turn_knob(size_t row, size_t cap)
{
    const char *want = knobs[row].want;
    const size_t n = want ? strlen(want) : 0;
    char got[64];
    int rc;

    memset(got, '#', sizeof got);
    rc = estls_at_power(got, cap, knobs[row].knob, knobs[row].value,
                        knobs[row].active_s);
    CHECK_INT(got[cap], '#');
    if (!want) {
        CHECK_INT(rc, ESTLS_E_ARG);
    } else if (cap < n + 2) {
        CHECK_INT(rc, ESTLS_E_SPACE);
    } else if (rc == (int)n + 2) {
        CHECK(memcmp(got, want, n) == 0 && memcmp(got + n, "\r\n", 2) == 0);
    } else {
        CHECK_INT(rc, n + 2);
    }
}

static void test_knobs(void)
{
    size_t i, cap;

    for (i = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        check_note = knobs[i].want ? knobs[i].want : "out of range";
        for (cap = 0; cap <= 36; cap++) { turn_knob(i, cap); }
    }
    check_note = "";
    CHECK_INT(estls_at_power(NULL, 99, ESTLS_AT_SLEEP, 0, 0), ESTLS_E_ARG);
    for (i = 0, cap = 0; i < sizeof knobs / sizeof knobs[0]; i++) {
        const size_t n = knobs[i].want ? strlen(knobs[i].want) + 2 : 0;
        cap = n > cap ? n : cap;
    }
    CHECK_INT(cap, 36); /* as estls_at_power promises */
}

static unsigned bits_at(const char *p, int n)
{
    unsigned v = 0;

    while (n--) { v = 2 * v + (*p++ == '1'); }
    return v;
}

/* Bits 8 to 6 of a timer, in seconds; 0: a unit that must not be used. */
static const uint32_t timer3[8] = {600, 3600, 36000, 2, 30, 60, 320 * 3600u, 0};
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

    for (i = 0; i < 3000; i++) {
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

    for (i = 0; i < 4000; i++) {
        nb = i & 1;
        ms = 1 + random_below(cycles[nb ? i / 2 % 16 : i / 2 % 14]);
        CHECK_INT(estls_at_power(text, sizeof text,
                                 nb ? ESTLS_AT_EDRX_NB : ESTLS_AT_EDRX_M, ms,
                                 0),
                  22);
        got = bits_at(text + 15, 4);
        CHECK_INT(text[12], nb ? '5' : '4');
        CHECK((nb ? in_nb : in_m)[got] == '1' && cycles[got] >= ms);
        for (other = 0; other < got; other++) {
            CHECK((nb ? in_nb : in_m)[other] == '0' || cycles[other] < ms);
        }
    }
}

/* A line that answers AT+CBC, and mV; 0: it has none. */
static const struct {
    const char *line;
    uint16_t mv;
} voltages[] = {
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
    uint16_t range[2];
    uint16_t mv;
    size_t i;

    for (i = 0; i < sizeof voltages / sizeof voltages[0]; i++) {
        check_note = voltages[i].line;
        mv = voltages[i].mv;
        memset(range, 0, sizeof range);
        CHECK_INT(estls_at_cbc(check_note, strlen(check_note), range),
                  mv ? ESTLS_OK : ESTLS_E_PROTO);
        CHECK(range[0] == mv && range[1] == mv);
    }
    check_note = "";
}

/* Not terminated, cut at every byte: no read beyond, no more than it says. */
static void test_voltage_cut(void)
{
    static const char line[] = "+CBC: 0,97,3987";
    char copy[sizeof line];
    uint16_t range[2];
    size_t n;

    for (n = 0; n < sizeof line; n++) {
        memset(copy, '9', sizeof copy);
        memcpy(copy, line, n);
        memset(range, 0, sizeof range);
        CHECK_INT(estls_at_cbc(copy, n, range),
                  n + 1 == sizeof line ? ESTLS_OK : ESTLS_E_PROTO);
    }
}

/* The least and the most of several; a bad line in between changes neither. */
static void test_voltage_range(void)
{
    static const char *const said[] = {"+CBC: 0,97,3987", "+CBC: 0,97",
                                       "+CBC: 3.612V", "+CBC: 0,97,4011",
                                       "+CBC: 0,97,6001"};
    uint16_t range[2] = {0, 0};
    size_t i;
    int good = 0;

    for (i = 0; i < 5; i++) {
        good += estls_at_cbc(said[i], strlen(said[i]), range) == ESTLS_OK;
    }
    CHECK_INT(good, 3);
    CHECK_INT(range[0], 3612);
    CHECK_INT(range[1], 4011);
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
    test_knobs();
    test_timers();
    test_cycles();
    test_voltages();
    test_voltage_cut();
    test_voltage_range();
    return check_end();
}
