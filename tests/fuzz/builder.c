/* builder.c - whatever goes into the command builder, what comes out is one
 * line that gives the arguments back, or an error that was due. The readers of
 * fields, numbers and clocks get any bytes, too.
 *
 * Input: which of the two (1 byte); then the capacity (2 bytes), a verb, and
 * arguments; or a line. A text is its length (1 byte) and as many bytes. */
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

#include "fuzz.h"

enum { CAP_MAX = 2048, ARGS_MAX = 400, ANY_LINE = 512 };

enum { NUMBER, TEXT, EMPTY };

typedef struct argument {
    int kind;
    int32_t number;
    char text[256];
} argument;

static argument args[ARGS_MAX];
static size_t arg_count;
static char verb[256];
static char memory[CAP_MAX];

/* A string as C knows them: it ends at the first NUL. */
static void take_text(fuzz_input *in, char *dst)
{
    const fuzz_input text = fuzz_part(in, fuzz_take(in, 1));

    if (text.n) { memcpy(dst, text.p, text.n); }
    dst[text.n] = 0;
}

static void take_arguments(fuzz_input *in)
{
    uint32_t bits, repeat;

    arg_count = 0;
    while (in->n && arg_count < ARGS_MAX) {
        argument *a = &args[arg_count++];
        bits = fuzz_take(in, 1);
        a->kind = (int)(bits % 3);
        if (a->kind == NUMBER) { a->number = (int32_t)fuzz_take(in, 4); }
        if (a->kind == TEXT) { take_text(in, a->text); }
        repeat = bits >> 6 == 3 ? bits & 63 : 0;
        for (; repeat && arg_count < ARGS_MAX; repeat--) {
            args[arg_count++] = *a;
        }
    }
}

/* -- what must come of it ---------------------------------------------------- */

/* Bytes that a text takes, escaped; *bad: it holds what may not be. */
FUZZ_ORACLE static size_t text_size(const char *s, int escape, int *bad)
{
    size_t n = 0;

    for (; *s; s++, n++) {
        *bad |= (uint8_t)*s < 0x20 || *s == 0x7f;
        n += escape && strchr("\",\\", *s);
    }
    return n;
}

FUZZ_ORACLE static size_t number_size(int32_t v)
{
    char digits[16];

    return (size_t)snprintf(digits, sizeof digits, "%ld", (long)v);
}

FUZZ_ORACLE static size_t command_size(int *bad)
{
    size_t n = 2 + text_size(verb, 0, bad) + 2;
    size_t i;

    for (i = 0; i < arg_count; i++) {
        n += 1;
        if (args[i].kind == NUMBER) { n += number_size(args[i].number); }
        if (args[i].kind == TEXT) { n += 2 + text_size(args[i].text, 1, bad); }
    }
    return n;
}

FUZZ_ORACLE static void check_field(const argument *a, const estls_span *field)
{
    char text[256];
    int32_t number = ~a->number;
    int n;

    switch (a->kind) {
    case NUMBER:
        MUST(estls_at_int(field, &number) == ESTLS_OK);
        MUST(number == a->number);
        break;
    case TEXT:
        n = estls_at_text(field, text, sizeof text);
        MUST(n == (int)strlen(a->text));
        MUST(strcmp(text, a->text) == 0);
        MUST(field->n >= 2 && field->p[0] == '"');
        break;
    default: MUST(field->n == 0); break;
    }
}

/* The line, parsed, gives the verb and the arguments back, and nothing else. */
FUZZ_ORACLE static void check_line(const char *line, size_t n)
{
    const size_t head = 2 + strlen(verb);
    estls_span rest, field;
    size_t i;

    MUST(memcmp(line, "AT", 2) == 0);
    MUST(memcmp(line + 2, verb, head - 2) == 0);
    MUST(arg_count ? line[head] == '=' : n == head);
    rest.p = arg_count ? line + head + 1 : NULL;
    rest.n = arg_count ? n - head - 1 : 0;
    for (i = 0; i < arg_count; i++) {
        MUST(estls_at_field(&rest, &field));
        check_field(&args[i], &field);
    }
    MUST(!estls_at_field(&rest, &field));
}

static void no_event(void *user, const estls_at_event *ev)
{
    (void)user;
    (void)ev;
}

static int no_io(void *user, void *dst, size_t cap)
{
    (void)user;
    (void)dst;
    (void)cap;
    return 0;
}

static int all_io(void *user, const void *src, size_t len)
{
    (void)user;
    (void)src;
    return (int)len;
}

static uint32_t no_time(void *user)
{
    (void)user;
    return 0;
}

/* An engine takes what the builder has made. */
static void check_submit(const char *text, int n)
{
    static const estls_io io = {no_io, all_io, no_time, NULL};
    char line[16];
    estls_at_engine e;
    estls_at_cmd cmd;

    memset(&cmd, 0, sizeof cmd);
    cmd.text = text;
    cmd.len = (uint16_t)n;
    cmd.timeout_ms = 1;
    MUST(estls_at_open(&e, &io, estls_at_esp(), line, sizeof line, no_event,
                       NULL) == ESTLS_OK);
    MUST(estls_at_submit(&e, &cmd) == ESTLS_OK);
    MUST(estls_at_step(&e) == ESTLS_BUSY);
}

FUZZ_ORACLE static int is_one_line(const char *p, size_t n)
{
    while (n && (uint8_t)*p >= 0x20 && *p != 0x7f) {
        p++;
        n--;
    }
    return n == 2 && p[0] == '\r' && p[1] == '\n';
}

static void build(fuzz_input *in)
{
    const size_t cap = fuzz_take(in, 2) % (CAP_MAX + 1);
    char *text = memory + CAP_MAX - cap; /* a write beyond it is seen */
    estls_at_builder c;
    size_t i, size;
    int bad = 0;
    int rc;

    take_text(in, verb);
    take_arguments(in);
    estls_at_begin(&c, text, cap, verb);
    for (i = 0; i < arg_count; i++) {
        if (args[i].kind == NUMBER) {
            estls_at_add_int(&c, args[i].number);
        } else {
            estls_at_add_text(&c, args[i].kind == TEXT ? args[i].text : NULL);
        }
    }
    rc = estls_at_end(&c);
    size = command_size(&bad);
    if (rc == ESTLS_E_ARG) {
        MUST(bad);
    } else if (rc == ESTLS_E_SPACE) {
        MUST(size > cap);
    } else {
        MUST(!bad && size <= cap && rc == (int)size);
        MUST(is_one_line(text, size));
        check_line(text, size - 2);
        check_submit(text, rc);
    }
}

/* -- any line ---------------------------------------------------------------- */

static char any_line[ANY_LINE];

static void check_readers(const estls_span *field)
{
    static char text[ANY_LINE + 1];
    const size_t cap = field->n % 40;
    uint32_t a = 7, b = 8;
    int32_t i = 9;
    int rc = estls_at_uint(field, &a);

    MUST(rc == ESTLS_OK || (rc == ESTLS_E_PROTO && a == 7));
    rc = estls_at_int(field, &i);
    MUST(rc == ESTLS_OK || (rc == ESTLS_E_PROTO && i == 9));
    a = 7;
    rc = estls_at_hex(field, &a);
    MUST(rc == ESTLS_OK || (rc == ESTLS_E_PROTO && a == 7));
    a = 7;
    rc = estls_at_range(field, &a, &b);
    MUST(rc == ESTLS_OK ? a <= b : rc == ESTLS_E_PROTO && a == 7 && b == 8);
    rc = estls_at_text(field, text + sizeof text - cap, cap);
    MUST(rc == ESTLS_E_PROTO || rc == ESTLS_E_SPACE ||
         (rc >= 0 && (size_t)rc < cap && (size_t)rc <= field->n));
    rc = estls_at_text(field, text, sizeof text);
    MUST(rc == ESTLS_E_PROTO || (rc >= 0 && (size_t)rc <= field->n));
}

/* Fields lie in the line, in order, with a comma between two. */
static void check_fields(const char *line, size_t n)
{
    const char *end = line + n;
    const char *last = line;
    estls_span rest, field;

    estls_at_fields_of(&rest, line, n);
    MUST(rest.p >= line && rest.p + rest.n == end);
    while (estls_at_field(&rest, &field)) {
        MUST(field.p >= last && field.p + field.n <= end);
        MUST(!rest.p || rest.p[-1] == ',');
        last = field.p + field.n;
        check_readers(&field);
    }
    MUST(last == end);
}

static void check_rest(const char *line, size_t n)
{
    uint16_t range[2] = {0, 0};
    const uint32_t t = estls_time(line, n);
    const int rc = estls_at_cbc(line, n, range);

    MUST(t == 0 || t >= 1577836800 - 96 * 900); /* 2020, less a zone */
    MUST(rc == ESTLS_E_PROTO ? !range[0] && !range[1]
                             : rc == ESTLS_OK && range[0] >= 1000 &&
                                   range[0] == range[1] && range[0] <= 6000);
}

static void check_power(fuzz_input in)
{
    char text[36];
    const uint8_t knob = (uint8_t)fuzz_take(&in, 1) % 8;
    const uint32_t value = fuzz_take(&in, 4);
    const uint16_t active = (uint16_t)fuzz_take(&in, 2);
    const size_t cap = fuzz_take(&in, 1) % (sizeof text + 1);
    const int rc = estls_at_power(text, sizeof text, knob, value, active);
    const int cut =
        estls_at_power(text + sizeof text - cap, cap, knob, value, active);

    MUST(rc == ESTLS_E_ARG || rc > 0);
    MUST(cut == rc || (cut == ESTLS_E_SPACE && rc > (int)cap));
    if (cut > 0) { MUST(is_one_line(text + sizeof text - cap, (size_t)cut)); }
}

static void read_line(fuzz_input *in)
{
    const size_t n = in->n < ANY_LINE ? in->n : (size_t)ANY_LINE;
    char *line = any_line + ANY_LINE - n;

    if (n) { memcpy(line, in->p, n); }
    check_fields(line, n);
    check_rest(line, n);
    check_power(*in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};

    if (fuzz_take(&in, 1) & 1) {
        read_line(&in);
    } else {
        build(&in);
    }
    return 0;
}
