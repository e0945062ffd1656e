/* mail.c - sends a mail through an AT modem, inside TLS.
 *
 *     cc -std=c11 -O2 examples/{mail,smtp,desktop,wire,trace,pem}.c \
 *        -lbearssl -o mail
 */
#define _DEFAULT_SOURCE
#include "desktop.h"
#include "smtp.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { OPT_FROM = 1024, OPT_TO, OPT_SUBJECT, OPT_BODY, OPT_USER };

enum {
    RECIPIENTS = 100,    /* any server takes that many: RFC 5321 4.5.3.1.8 */
    LINE_MAX_BYTES = 998 /* RFC 5322 2.1.1 */
};

typedef struct program {
    desktop desktop;
    const char *subject;
    const char *body_file;
    size_t to_count;
    const char *to[RECIPIENTS + 1];
    smtp_mail mail;
    smtp smtp;
} program;

static void *check(void *block)
{
    if (!block) { err(DESKTOP_FILE, "out of memory"); }
    return block;
}

/* -- command line ---------------------------------------------------------- */

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The mail:", 1},
    {"from", OPT_FROM, "ADDRESS", 0, "The sender", 1},
    {"to", OPT_TO, "ADDRESS", 0, "A recipient; repeatable", 1},
    {"subject", OPT_SUBJECT, "TEXT", 0, "The subject, UTF-8", 1},
    {"body", OPT_BODY, "FILE", 0, "The body, UTF-8 (standard input)", 1},
    {"user", OPT_USER, "NAME", 0,
     "Log in; the password is taken from ESTLS_MAIL_PASSWORD", 1},
    {0}};

/* What could be read as something else on a line of SMTP or in a header. */
static const char *plain_address(const char *text, struct argp_state *state)
{
    const char *p = text;

    while (*p > ' ' && *p < 0x7f && *p != '<' && *p != '>' && *p != ',') {
        p++;
    }
    if (*p || !strchr(text, '@')) {
        argp_error(state,
                   "an address must be NAME@DOMAIN, in ASCII and without "
                   "blanks, line ends, commas and angles");
    }
    return text;
}

static void add_recipient(program *p, const char *arg, struct argp_state *state)
{
    if (p->to_count == RECIPIENTS) {
        argp_error(state, "more than %d recipients", RECIPIENTS);
    }
    p->to[p->to_count++] = plain_address(arg, state);
}

static void check_options(program *p, struct argp_state *state)
{
    if (!p->mail.from || !p->to_count) {
        argp_error(state, "--from and --to are needed");
    }
    if (p->subject && strpbrk(p->subject, "\r\n")) {
        argp_error(state, "a subject has one line");
    }
    if (p->mail.user && !p->mail.password) {
        argp_error(state, "--user needs ESTLS_MAIL_PASSWORD in the "
                          "environment");
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &p->desktop; return 0;
    case OPT_FROM: p->mail.from = plain_address(arg, state); return 0;
    case OPT_TO: add_recipient(p, arg, state); return 0;
    case OPT_SUBJECT: p->subject = arg; return 0;
    case OPT_BODY: p->body_file = arg; return 0;
    case OPT_USER:
        p->mail.user = arg;
        p->mail.password = getenv("ESTLS_MAIL_PASSWORD");
        return 0;
    case ARGP_KEY_END: check_options(p, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&desktop_argp, 0, 0, 0}, {0}};

static const struct argp argp = {
    options,
    parse,
    0,
    "Send a mail to the submission server HOST through an ESP-AT modem; "
    "nothing of it leaves before TLS is open. All recipients get it, or none."
    "\v"
    "Examples:\n"
    "  date | mail --serial /dev/ttyUSB0 --join attic --ca roots.pem \\\n"
    "              --user me --from me@example.org --to you@example.org \\\n"
    "              --subject 'The time' mail.example.org\n"
    "  mail --tcp --proto direct --ca roots.pem --body letter.txt \\\n"
    "       --from me@example.org --to you@example.org mail.example.org\n"
    "\n" DESKTOP_STATUS,
    children,
    0,
    0};

/* -- the message ----------------------------------------------------------- */

/* RFC 2045 6.7: nothing in it is beyond 7 bit, or in a line too long. */
static int needs_encoding(const char *text)
{
    size_t column = 0;

    for (; *text; text++) {
        column = *text == '\n' ? 0 : column + 1;
        if (column > LINE_MAX_BYTES || !((*text >= ' ' && *text < 0x7f) ||
                                         *text == '\n' || *text == '\t')) {
            return 1;
        }
    }
    return 0;
}

static void print_encoded(FILE *out, unsigned char c)
{
    (void)fprintf(out, "=%02X", c);
}

static int is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '-' || c == '/';
}

/* Lines of 76 bytes at most, which never cut a character of UTF-8, of four
 * bytes at most: RFC 2047 2, 5. */
static void print_words(FILE *out, const char *text, size_t column)
{
    (void)fputs("=?UTF-8?Q?", out);
    for (column += 10; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const int inside = (c & 0xc0) == 0x80;
        if (column + (inside ? 3 : 12) > 74) {
            (void)fputs("?=\n =?UTF-8?Q?", out);
            column = 11;
        }
        if (is_plain(c)) {
            (void)fputc(c, out);
            column++;
        } else {
            print_encoded(out, c);
            column += 3;
        }
    }
    (void)fputs("?=", out);
}

static void print_subject(FILE *out, const char *text)
{
    const int words = needs_encoding(text) || strstr(text, "=?") ||
                      strlen(text) > LINE_MAX_BYTES - 9;

    (void)fputs("Subject: ", out);
    if (words) {
        print_words(out, text, 9);
    } else {
        (void)fputs(text, out);
    }
    (void)fputc('\n', out);
}

/* RFC 2045 6.7, in lines of at most 76. */
static void print_quoted(FILE *out, const char *text)
{
    size_t column = 0;

    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const int blank = c == ' ' || c == '\t';
        if (c == '\n') {
            (void)fputc('\n', out);
            column = 0;
            continue;
        }
        if (column > 72) {
            (void)fputs("=\n", out);
            column = 0;
        }
        if ((c > ' ' && c < 0x7f && c != '=') ||
            (blank && text[1] != '\n' && text[1])) {
            (void)fputc(c, out);
            column++;
        } else {
            print_encoded(out, c);
            column += 3;
        }
    }
}

static void print_date(FILE *out)
{
    const time_t now = time(NULL);
    struct tm tm;
    char text[64];

    if (localtime_r(&now, &tm) &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &tm)) {
        (void)fprintf(out, "Date: %s\n", text);
    }
}

static void print_message_id(FILE *out, const char *from)
{
    uint64_t id[2];

    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        err(DESKTOP_FILE, "getrandom");
    }
    (void)fprintf(out, "Message-ID: <%016llx%016llx%s>\n",
                  (unsigned long long)id[0], (unsigned long long)id[1],
                  strrchr(from, '@'));
}

static void print_headers(FILE *out, const program *p, int quoted)
{
    size_t i;

    print_date(out);
    print_message_id(out, p->mail.from);
    (void)fprintf(out, "From: %s\nTo: %s", p->mail.from, p->to[0]);
    for (i = 1; i < p->to_count; i++) {
        (void)fprintf(out, ",\n %s", p->to[i]);
    }
    (void)fputc('\n', out);
    print_subject(out, p->subject ? p->subject : "");
    (void)fprintf(out,
                  "MIME-Version: 1.0\n"
                  "Content-Type: text/plain; charset=utf-8\n"
                  "Content-Transfer-Encoding: %s\n\n",
                  quoted ? "quoted-printable" : "7bit");
}

/* The body's lines end with LF, whatever they ended with. */
static char *read_body(const char *path)
{
    FILE *in = path ? fopen(path, "rb") : stdin;
    char *text;
    size_t size;
    FILE *out = check(open_memstream(&text, &size));
    int c;

    if (!in) { err(DESKTOP_FILE, "%s", path); }
    while ((c = getc(in)) > 0) {
        if (c != '\r') { (void)fputc(c, out); }
    }
    if (ferror(in) || c == 0 || fclose(out)) {
        errx(DESKTOP_FILE, "%s: it cannot be read, or is no text",
             path ? path : "standard input");
    }
    if (in != stdin) { (void)fclose(in); }
    return text;
}

static char *make_message(const program *p)
{
    char *body = read_body(p->body_file);
    const int quoted = needs_encoding(body);
    char *text;
    size_t size;
    FILE *out = check(open_memstream(&text, &size));

    print_headers(out, p, quoted);
    if (quoted) {
        print_quoted(out, body);
    } else {
        (void)fputs(body, out);
    }
    if (fclose(out)) { err(DESKTOP_FILE, "out of memory"); }
    free(body);
    return text;
}

/* -- the dialogue ---------------------------------------------------------- */

static int tls_read(void *user, void *dst, size_t cap)
{
    return desktop_read(user, dst, cap);
}

static int tls_write(void *user, const void *src, size_t len)
{
    return desktop_write(user, src, len);
}

static int talk(program *p)
{
    const estls_io io = {tls_read, tls_write, wire_tick, &p->desktop};
    int rc = smtp_open(&p->smtp, &p->mail, &io);

    while (rc == ESTLS_BUSY && !desktop_interrupted()) {
        rc = smtp_step(&p->smtp);
        (void)desktop_wait(&p->desktop, -1);
    }
    if (rc == ESTLS_OK) {
        (void)printf("sent: %s\n", p->smtp.reply);
    } else if (rc == ESTLS_E_REFUSED) {
        warnx("the server said: %s", p->smtp.reply);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static program p;
    char *message;
    int rc;

    desktop_init(&p.desktop);
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    message = make_message(&p);
    p.mail.to = p.to;
    p.mail.text = message;
    p.mail.client_name = p.desktop.desc.client_name;
    p.mail.greets = p.desktop.desc.proto == estls_direct;
    rc = desktop_open(&p.desktop);
    if (rc == ESTLS_OK) { rc = talk(&p); }
    free(message);
    return desktop_finish(&p.desktop, rc);
}
