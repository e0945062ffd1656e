/* The protocols that consist of lines, as tables. */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

/* What is sent, and what must come. In `send` and `must`, but not in the
 * others, stands
 *     %u user   %p password   %b both in base64, as SASL's PLAIN has them
 *     %h host   %n the nonce  %f what was found: the word behind the last must
 * Patterns are for the beginning of a line, '_' is a word and its blank. */
typedef struct row {
    const char *send; /* a line, or several; null: reads on */
    const char *last; /* pattern of the answer's last line */
    const char
        *more; /* ... of its other lines; "": any; null: there are none */
    const char *must; /* a part of one of the lines; null: nothing */
} row;

typedef struct dialogue {
    const char *name;
    char end;        /* of a line: LF, and CR LF is sent; or XML's '>' */
    row greeting;    /* is expected if TLS began with the first byte */
    const row *rows; /* up to one without `last` */
} dialogue;

/* -- the tables ------------------------------------------------------------ */

#define TEXT "It is 3 cm deep."
#define MAIL "Subject: %n\r\n\r\n" TEXT "\r\n"

#define SEND_MAIL(hello)                                                       \
    {hello, "250 ", "250-", 0}, {"MAIL FROM:<me@example.test>", "250 ", 0, 0}, \
        {"RCPT TO:<%u@example.test>", "250 ", 0, 0}, {"DATA", "354 ", 0, 0},   \
        {MAIL ".", "250 ", 0, 0}, {"QUIT", "221 ", 0, 0},                      \
    {                                                                          \
        0, 0, 0, 0                                                             \
    }

static const row smtp[] = {SEND_MAIL("EHLO [127.0.0.1]")};
static const row lmtp[] = {SEND_MAIL("LHLO [127.0.0.1]")};

/* MAIL has 47 bytes. */
static const row imap[] = {{"a LOGIN %u %p", "a OK", "* ", 0},
                           {"b LIST \"\" *", "b OK", "* LIST ", "INBOX"},
                           {"c APPEND INBOX {47}", "+ ", "* ", 0},
                           {MAIL, "c OK", "* ", 0},
                           {"d SELECT INBOX", "d OK", "* ", " EXISTS"},
                           {"e UID SEARCH SUBJECT %n", "e OK", "* ", "SEARCH "},
                           {"f UID FETCH %f BODY.PEEK[]", "f OK", "", TEXT},
                           {"g LOGOUT", "g OK", "* ", "* BYE"},
                           {0, 0, 0, 0}};

static const row pop3[] = {{"USER %u", "+OK", 0, 0},
                           {"PASS %p", "+OK", 0, 0},
                           {"STAT", "+OK ", 0, 0},
                           {"LIST", "+OK", 0, 0},
                           {0, ".\r\n", "", 0},
                           {"QUIT", "+OK", 0, 0},
                           {0, 0, 0, 0}};

static const row sieve[] = {{0, "OK", "\"", "\"SASL\" \"PLAIN"},
                            {"AUTHENTICATE \"PLAIN\" \"%b\"", "OK", 0, 0},
                            {"PUTSCRIPT \"%n\" {7+}\r\nkeep;\r\n", "OK", 0, 0},
                            {"LISTSCRIPTS", "OK", "\"", "\"%n\""},
                            {"DELETESCRIPT \"%n\"", "OK", 0, 0},
                            {"LOGOUT", "OK", 0, 0},
                            {0, 0, 0, 0}};

static const row nntp[] = {{"GROUP estls.test", "211 ", 0, 0},
                           {"ARTICLE 1", "220 ", 0, 0},
                           {0, ".\r\n", "", TEXT},
                           {"LIST", "215 ", 0, 0},
                           {0, ".\r\n", "", "estls.test "},
                           {"QUIT", "205 ", 0, 0},
                           {0, 0, 0, 0}};

static const row irc[] = {{"NICK s%n\r\nUSER %u 0 * :%u", "_001 ", "", "s%n"},
                          {"JOIN #%n", "_366 ", "", " JOIN :#%n"},
                          {"QUIT", "ERROR ", "", 0},
                          {0, 0, 0, 0}};

#define STREAM                                                                 \
    "<?xml version='1.0'?><stream:stream to='%h' version='1.0' "               \
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

static const row xmpp[] = {
    {STREAM, "</stream:features>", "", "PLAIN</mechanism>"},
    {"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%b"
     "</auth>",
     "<success ", 0, 0},
    {STREAM, "</stream:features>", "", "<bind "},
    {"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
     "</iq>",
     "</iq>", "", "%u@%h/"},
    {"<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "</iq>",
     "", "type='result'"},
    {"</stream:stream>", "</stream:stream>", "", 0},
    {0, 0, 0, 0}};

static const row nothing[] = {{0, 0, 0, 0}};

static const dialogue dialogues[] = {
    {"smtp", '\n', {0, "220 ", "220-", 0}, smtp},
    {"lmtp", '\n', {0, "220 ", "220-", 0}, lmtp},
    {"imap", '\n', {0, "* OK ", 0, 0}, imap},
    {"pop3", '\n', {0, "+OK", 0, 0}, pop3},
    {"sieve", '\n', {0, 0, 0, 0}, sieve},
    {"nntp", '\n', {0, "20", 0, 0}, nntp},
    {"irc", '\n', {0, 0, 0, 0}, irc},
    {"xmpp", '>', {0, 0, 0, 0}, xmpp},
    {"direct", '\n', {0, 0, 0, 0}, nothing},
    {"nothing", '\n', {0, 0, 0, 0}, nothing}};

/* -- what is sent ---------------------------------------------------------- */

typedef struct text {
    size_t len;
    char at[1024];
} text;

static void put(text *t, const char *bytes, size_t n)
{
    if (n > sizeof t->at - 1 - t->len) { n = sizeof t->at - 1 - t->len; }
    memcpy(t->at + t->len, bytes, n);
    t->len += n;
    t->at[t->len] = '\0';
}

/* RFC 4648 */
static void put_base64(text *t, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t group;
    size_t i, k;

    for (i = 0; i < n; i += 3) {
        group = (uint32_t)p[i] << 16;
        group |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        group |= i + 2 < n ? p[i + 2] : 0;
        for (k = 0; k < 4; k++) {
            put(t, i + k > n ? "=" : digits + (group >> (18 - 6 * k) & 63), 1);
        }
    }
}

/* RFC 4616: NUL, user, NUL, password */
static void put_plain(const exchange *x, text *t)
{
    char plain[256];
    const int n =
        snprintf(plain, sizeof plain, "%c%s%c%s", 0, x->user, 0, x->password);

    put_base64(t, (const uint8_t *)plain, (size_t)n);
}

static const char *word(const exchange *x, char name)
{
    switch (name) {
    case 'u': return x->user;
    case 'p': return x->password;
    case 'h': return x->desktop.desc.host;
    case 'n': return x->nonce;
    default: return x->found;
    }
}

static void compose(const exchange *x, text *t, const char *p)
{
    t->len = 0;
    t->at[0] = '\0';
    for (; *p; p++) {
        if (*p != '%') {
            put(t, p, 1);
        } else if (*++p == 'b') {
            put_plain(x, t);
        } else {
            put(t, word(x, *p), strlen(word(x, *p)));
        }
    }
}

/* -- what comes ------------------------------------------------------------ */

/* Does the line begin so? */
static int fits(const char *line, const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == '_') {
            line += strcspn(line, " ");
            line += *line == ' ';
        } else if (*line++ != *pattern) {
            return 0;
        }
    }
    return 1;
}

/* 1: the line has the text; the word behind it is kept. */
static int found(exchange *x, const char *line, const char *wanted)
{
    const char *p = strstr(line, wanted);
    size_t n;

    if (!p) { return 0; }
    p += strlen(wanted);
    n = strcspn(p, " \r\n");
    if (n >= sizeof x->found) { n = sizeof x->found - 1; }
    memcpy(x->found, p, n);
    x->found[n] = '\0';
    return 1;
}

/* A line, without what is blank in front of it; IRC's PING is answered. */
static int next_line(exchange *x, const dialogue *d, text *line)
{
    char *p = line->at;
    size_t blank;
    int rc;

    do {
        rc = exchange_line(x, p, sizeof line->at, d->end);
        blank = rc || d->end == '\n' ? 0 : strspn(p, " \t\r\n");
        if (!rc && d->rows == irc && fits(p, "PING ")) {
            p[1] = 'O';
            rc = exchange_send(x, p, strlen(p));
            p[1] = 'I';
        }
    } while (!rc && d->rows == irc && fits(p, "PING "));
    if (!rc) {
        line->len = strlen(p + blank);
        memmove(p, p + blank, line->len + 1);
    }
    return rc;
}

static int answer(exchange *x, const dialogue *d, const row *r)
{
    int missing = r->must != NULL;
    text line, must;
    int rc;

    compose(x, &must, r->must ? r->must : "");
    for (;;) {
        rc = next_line(x, d, &line);
        if (rc) { return rc; }
        if (missing && found(x, line.at, must.at)) { missing = 0; }
        if (fits(line.at, r->last)) { break; }
        if (!r->more || !fits(line.at, r->more)) {
            return exchange_unexpected(r->last, line.at, line.len);
        }
    }
    return missing ? exchange_unexpected(must.at, line.at, line.len) : ESTLS_OK;
}

/* -- the course ------------------------------------------------------------ */

static int take_turn(exchange *x, const dialogue *d, const row *r)
{
    text out;
    int rc = ESTLS_OK;

    if (r->send) {
        compose(x, &out, r->send);
        if (d->end == '\n') { put(&out, "\r\n", 2); }
        rc = exchange_send(x, out.at, out.len);
    }
    return rc ? rc : answer(x, d, r);
}

int exchange_lines(exchange *x)
{
    const size_t count = sizeof dialogues / sizeof dialogues[0];
    const dialogue *d = dialogues;
    const row *r;
    int rc = ESTLS_OK;

    while (d < dialogues + count && strcmp(d->name, x->speak) != 0) { d++; }
    if (d == dialogues + count) { return ESTLS_E_ARG; }
    if (x->desktop.desc.proto == estls_direct && d->greeting.last) {
        rc = take_turn(x, d, &d->greeting);
    }
    for (r = d->rows; r->last && !rc; r++) { rc = take_turn(x, d, r); }
    return rc;
}
