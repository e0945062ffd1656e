#include "smtp.h"

enum {
    SMTP_GREETING,
    SMTP_EHLO,
    SMTP_PLAIN,
    SMTP_LOGIN,
    SMTP_USER,
    SMTP_PASSWORD,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_TEXT,
    SMTP_QUIT,
    SMTP_DONE
};

enum { SMTP_OFFERS_PLAIN = 1, SMTP_OFFERS_LOGIN = 2 };

/* A server that has the whole text may take its time: RFC 5321 4.5.3.2.6.
 * Who gives up earlier sends the mail twice. */
enum { SMTP_REPLY_MS = 60000, SMTP_TAKEN_MS = 600000 };

/* -- commands -------------------------------------------------------------- */

static void put_bytes(smtp *s, const char *bytes, size_t n)
{
    if (n > sizeof s->out - s->len) {
        s->rc = ESTLS_E_SPACE;
        return;
    }
    memcpy(s->out + s->len, bytes, n);
    s->len = (uint16_t)(s->len + n);
}

static void put(smtp *s, const char *text)
{
    put_bytes(s, text, strlen(text));
}

/* RFC 4648, of n bytes: 1 to 3 of them, big endian in `group`. */
static void put_base64_group(smtp *s, uint32_t group, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[4];
    unsigned i;

    for (i = 0; i < 4; i++) {
        text[i] = '=';
        if (i <= n) { text[i] = digits[group >> (18 - 6 * i) & 63]; }
    }
    put_bytes(s, text, sizeof text);
}

/* Base64 of `parts`, each with a NUL before it if there are several. */
static void put_base64(smtp *s, const char *const *parts, size_t count)
{
    uint32_t group = 0;
    size_t n = 0;
    size_t i, k;

    for (i = 0; i < count; i++) {
        const size_t len = strlen(parts[i]);
        for (k = count > 1 ? 0 : 1; k <= len; k++) {
            group = group << 8 | (k ? (uint8_t)parts[i][k - 1] : 0u);
            if (++n == 3) {
                put_base64_group(s, group, n);
                group = 0;
                n = 0;
            }
        }
    }
    if (n) { put_base64_group(s, group << (24 - 8 * n), n); }
}

/* RFC 4616: NUL, user, NUL, password; no identity but the user's own. */
static void put_plain(smtp *s)
{
    const char *const parts[] = {s->mail->user, s->mail->password};

    put(s, "AUTH PLAIN ");
    put_base64(s, parts, 2);
}

static void put_address(smtp *s, const char *verb, const char *address)
{
    put(s, verb);
    put(s, address);
    put(s, ">");
}

/* Takes up `state` and writes the line that it sends. */
static void enter(smtp *s, uint8_t state)
{
    const smtp_mail *m = s->mail;

    s->state = state;
    s->off = 0;
    s->len = 0;
    switch (state) {
    case SMTP_EHLO:
        put(s, "EHLO ");
        put(s, m->client_name ? m->client_name : "[127.0.0.1]");
        break;
    case SMTP_PLAIN: put_plain(s); break;
    case SMTP_LOGIN: put(s, "AUTH LOGIN"); break;
    case SMTP_USER: put_base64(s, &m->user, 1); break;
    case SMTP_PASSWORD: put_base64(s, &m->password, 1); break;
    case SMTP_MAIL: put_address(s, "MAIL FROM:<", m->from); break;
    case SMTP_RCPT: put_address(s, "RCPT TO:<", *s->to++); break;
    case SMTP_DATA: put(s, "DATA"); break;
    case SMTP_QUIT: put(s, "QUIT"); break;
    default: return;
    }
    put(s, "\r\n");
}

/* -- the text -------------------------------------------------------------- */

/* RFC 5321 4.5.2: a dot that begins a line is doubled.  A CR without its LF
 * is dropped: it could end a line for some servers and not for others. */
static void fill_text(smtp *s)
{
    const char *p = s->text;

    s->off = 0;
    s->len = 0;
    for (; *p && s->len + 2u <= sizeof s->out; p++) {
        if (*p == '\r') { continue; }
        if (*p == '\n') {
            put(s, "\r");
        } else if (*p == '.' && !s->in_line) {
            put(s, ".");
        }
        put_bytes(s, p, 1);
        s->in_line = *p != '\n';
    }
    s->text = p;
}

/* Behind the text: the line with the dot, once. */
static void fill_end(smtp *s)
{
    s->off = 0;
    s->len = 0;
    put(s, s->in_line ? "\r\n.\r\n" : ".\r\n");
    s->text = NULL;
}

/* -- replies --------------------------------------------------------------- */

/* Letters without regard to case; avr-libc has no strings.h. */
static int same(const char *text, const char *upper, size_t n)
{
    for (; n && *text; n--, text++, upper++) {
        const char c = *text;
        if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != *upper) { return 0; }
    }
    return !n;
}

static int has_word(const char *text, const char *word)
{
    const size_t n = strlen(word);
    const char *p = text;

    while ((p = strchr(p, ' ')) != NULL) {
        p++;
        if (same(p, word, n) && (p[n] == ' ' || !p[n])) { return 1; }
    }
    return 0;
}

/* "250-AUTH PLAIN LOGIN" */
static void note_offer(smtp *s)
{
    if (s->state == SMTP_EHLO && same(s->reply + 4, "AUTH ", 5)) {
        s->auth |= has_word(s->reply, "PLAIN") ? SMTP_OFFERS_PLAIN : 0;
        s->auth |= has_word(s->reply, "LOGIN") ? SMTP_OFFERS_LOGIN : 0;
    }
}

/* Takes bytes until a line ends: 1.  What is beyond the room is dropped, the
 * code is in front; so is what a terminal could take for a command. */
static int take_line(smtp *s)
{
    char c;
    int n;

    while ((n = s->io.read(s->io.user, &c, 1)) > 0) {
        s->t0 = s->io.tick(s->io.user);
        if (c == '\n') {
            s->reply[s->reply_len] = '\0';
            s->reply_len = 0;
            return 1;
        }
        if (c >= ' ' && c < 0x7f && s->reply_len + 1u < sizeof s->reply) {
            s->reply[s->reply_len++] = c;
        }
    }
    return n;
}

/* What is said to QUIT shall not replace the words that mattered. */
static int take_goodbye(smtp *s)
{
    char c = 0;
    int n = 1;

    while (n > 0 && c != '\n') { n = s->io.read(s->io.user, &c, 1); }
    return n > 0 ? 221 : n;
}

/* The reply's code when its last line is there; 0: not yet. */
static int take_reply(smtp *s)
{
    const char *r = s->reply;
    int n;

    if (s->state == SMTP_QUIT) { return take_goodbye(s); }
    n = take_line(s);
    if (n <= 0) { return n; }
    if (strlen(r) < 3 || strspn(r, "0123456789") != 3 ||
        (r[3] && r[3] != ' ' && r[3] != '-')) {
        return ESTLS_E_PROTO;
    }
    if (r[3]) { note_offer(s); }
    return r[3] == '-' ? 0
                       : (r[0] - '0') * 100 + (r[1] - '0') * 10 + r[2] - '0';
}

static int is_expected(uint8_t state, int code)
{
    static const int16_t codes[] = {220, 250, 235, 334, 334, 235,
                                    250, 250, 354, 250, 221};

    /* 251: the user is elsewhere, and the server forwards */
    return code == codes[state] || (state == SMTP_RCPT && code == 251);
}

/* -- the course ------------------------------------------------------------ */

/* It is over but for QUIT, which politeness wants in any case. */
static void leave(smtp *s, int rc)
{
    s->rc = (int8_t)rc;
    enter(s, SMTP_QUIT);
}

/* PLAIN first: one exchange, one burst of the radio. */
static void authenticate(smtp *s)
{
    static const char none[] = "(neither AUTH PLAIN nor LOGIN is offered)";

    if (!s->mail->user) {
        enter(s, SMTP_MAIL);
    } else if (s->auth & SMTP_OFFERS_PLAIN) {
        enter(s, SMTP_PLAIN);
    } else if (s->auth & SMTP_OFFERS_LOGIN) {
        enter(s, SMTP_LOGIN);
    } else {
        memcpy(s->reply, none, sizeof none);
        leave(s, ESTLS_E_REFUSED);
    }
}

static void go_on(smtp *s)
{
    switch (s->state) {
    case SMTP_EHLO: authenticate(s); break;
    case SMTP_PLAIN:
    case SMTP_PASSWORD: enter(s, SMTP_MAIL); break;
    case SMTP_RCPT: enter(s, *s->to ? SMTP_RCPT : SMTP_DATA); break;
    case SMTP_QUIT: s->state = SMTP_DONE; break;
    default: enter(s, (uint8_t)(s->state + 1)); break;
    }
}

/* Refusals keep the session in step; after anything else nothing is sure. */
static int judge(smtp *s, int code)
{
    if (is_expected(s->state, code)) {
        if (s->state == SMTP_TEXT) {
            leave(s, ESTLS_OK);
        } else {
            go_on(s);
        }
        return ESTLS_BUSY;
    }
    if (code < 400) { return ESTLS_E_PROTO; }
    leave(s, ESTLS_E_REFUSED);
    return ESTLS_BUSY;
}

/* Sends what is composed: 1, all is sent. */
static int send_out(smtp *s)
{
    int n;

    if (s->off == s->len && s->state == SMTP_TEXT && s->text) {
        if (*s->text) {
            fill_text(s);
        } else {
            fill_end(s);
        }
    }
    if (s->off == s->len) { return 1; }
    n = s->io.write(s->io.user, s->out + s->off, (size_t)(s->len - s->off));
    if (n > 0) {
        s->off = (uint16_t)(s->off + n);
        s->t0 = s->io.tick(s->io.user);
    }
    return n < 0 ? n : 0;
}

static int timed_out(const smtp *s)
{
    const uint32_t limit = s->state == SMTP_TEXT && !s->text
                               ? (uint32_t)SMTP_TAKEN_MS
                               : (uint32_t)SMTP_REPLY_MS;

    return (uint32_t)(s->io.tick(s->io.user) - s->t0) >= limit;
}

/* Reading comes even while there is more to send: in half duplex, TLS takes
 * nothing before it has handed over what came in. */
static int advance(smtp *s)
{
    const int sent = s->rc == ESTLS_E_SPACE ? ESTLS_E_SPACE : send_out(s);
    const int code = sent < 0 ? sent : take_reply(s);

    if (code < 0) { return code; }
    if (code > 0 && !sent) { /* a server that does not hear us out */
        return code < 400 ? ESTLS_E_PROTO : ESTLS_E_REFUSED;
    }
    if (code > 0) { return judge(s, code); }
    return timed_out(s) ? ESTLS_E_TIMEOUT : ESTLS_BUSY;
}

int smtp_step(smtp *s)
{
    int rc;

    if (s->state != SMTP_DONE) {
        rc = advance(s);
        if (rc < 0) {
            /* what happens to QUIT does not change what became of the mail */
            s->rc = (int8_t)(s->state == SMTP_QUIT ? s->rc : rc);
            s->state = SMTP_DONE;
        }
    }
    if (s->state != SMTP_DONE) { return ESTLS_BUSY; }
    memset(s->out, 0, sizeof s->out); /* the password may have been here */
    return s->rc;
}

/* Printable ASCII without blanks and angles: nothing that ends a path. */
static int is_address(const char *text)
{
    const char *p = text;

    while (p && *p > ' ' && *p < 0x7f && *p != '<' && *p != '>') { p++; }
    return p && p != text && !*p;
}

int smtp_open(smtp *s, const smtp_mail *mail, const estls_io *io)
{
    const char *const *to = mail->to;

    memset(s, 0, sizeof *s);
    if (!to || !*to || !is_address(mail->from) || !mail->text ||
        (mail->user && !mail->password) ||
        (mail->client_name && !is_address(mail->client_name))) {
        return ESTLS_E_ARG;
    }
    for (; *to; to++) {
        if (!is_address(*to)) { return ESTLS_E_ARG; }
    }
    s->mail = mail;
    s->to = mail->to;
    s->text = mail->text;
    s->io = *io;
    s->t0 = io->tick(io->user);
    enter(s, mail->greets ? SMTP_GREETING : SMTP_EHLO);
    return ESTLS_BUSY;
}
