#define _POSIX_C_SOURCE 200809L

#include "dialogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *hostname(const struct dialogue *d)
{
    return d->options->hostname ? d->options->hostname : "mail.example.test";
}

static void log_line(const struct dialogue *d, bool sent, const char *line)
{
    if (d->options->on_line != NULL) {
        d->options->on_line(d->options->context, sent, d->in_tls, line);
    }
}

static void say(struct dialogue *d, const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log_line(d, true, line);
    bytes_append(d->reply, line, strlen(line));
    bytes_append(d->reply, "\r\n", 2);
}

/* Says what the options want said instead. Returns false if nothing is. */
static bool say_verbatim(struct dialogue *d, const struct smtpd_blob *blob)
{
    if (blob->bytes == NULL) { return false; }
    log_line(d, true, "(verbatim)");
    bytes_append(d->reply, blob->bytes, blob->len);
    return true;
}

static void reset_mail(struct dialogue *d)
{
    d->mail_begun = false;
    d->mail.recipient_count = 0;
    bytes_free(&d->mail.content);
    d->refusal = NULL;
}

/* ------------------------------------------------------------------ AUTH */

static int base64_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(alphabet, c) : NULL;

    return found ? (int)(found - alphabet) : -1;
}

/* Decodes into `out`, which has room for 3/4 of the text. Returns the
 * length, or -1 if the text is not base64 with padding. */
static int base64_decode(const char *text, unsigned char *out)
{
    size_t len = strcspn(text, "=");
    size_t padding = strlen(text + len);
    unsigned bits = 0;
    int made = 0;

    if ((len + padding) % 4 != 0 || padding > 2 ||
        strspn(text + len, "=") != padding) {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        int value = base64_value(text[i]);
        if (value < 0) { return -1; }
        bits = bits << 6 | (unsigned)value;
        if (i % 4 != 0) {
            out[made++] = (unsigned char)(bits >> (6 - i % 4 * 2));
        }
    }
    return made;
}

/* Takes the text `expected`, and the NUL after it unless it is the last. */
static bool take_text(const unsigned char **at, size_t *left,
                      const char *expected, bool last)
{
    size_t len = strlen(expected) + !last;

    if (*left < len || memcmp(*at, expected, len) != 0) { return false; }
    *at += len;
    *left -= len;
    return true;
}

static void finish_auth(struct dialogue *d, bool matched)
{
    d->mode = DIALOGUE_COMMAND;
    d->report->authenticated = matched;
    say(d, matched ? "235 2.7.0 Authentication successful"
                   : "535 5.7.8 Authentication credentials invalid");
}

static void refuse_encoding(struct dialogue *d)
{
    d->mode = DIALOGUE_COMMAND;
    say(d, "501 5.5.2 Cannot decode the response");
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. */
static void check_plain(struct dialogue *d, const char *response)
{
    unsigned char message[SMTPD_LINE_MAX];
    int len = base64_decode(response, message);
    const unsigned char *at = message;
    size_t left = (size_t)len;

    if (len < 0) {
        refuse_encoding(d);
        return;
    }
    if (left > 0 && *at != '\0') {
        take_text(&at, &left, d->options->user, true);
    }
    finish_auth(d, take_text(&at, &left, "", false) &&
                       take_text(&at, &left, d->options->user, false) &&
                       take_text(&at, &left, d->options->password, true) &&
                       left == 0);
}

/* Whether the response is exactly the text; -1 if it cannot be decoded. */
static int response_is(const char *response, const char *text)
{
    unsigned char message[SMTPD_LINE_MAX];
    int len = base64_decode(response, message);

    if (len < 0) { return -1; }
    return (size_t)len == strlen(text) &&
           memcmp(message, text, (size_t)len) == 0;
}

static void check_user(struct dialogue *d, const char *response)
{
    int matched = response_is(response, d->options->user);

    if (matched < 0) {
        refuse_encoding(d);
        return;
    }
    d->user_matched = matched;
    d->mode = DIALOGUE_AUTH_PASSWORD;
    say(d, "334 UGFzc3dvcmQ6");
}

static void check_password(struct dialogue *d, const char *response)
{
    int matched = response_is(response, d->options->password);

    if (matched < 0) {
        refuse_encoding(d);
        return;
    }
    finish_auth(d, matched && d->user_matched);
}

static void run_response(struct dialogue *d, const char *response)
{
    if (strcmp(response, "*") == 0) {
        d->mode = DIALOGUE_COMMAND;
        say(d, "501 5.7.0 Authentication cancelled");
    } else if (d->mode == DIALOGUE_AUTH_PLAIN) {
        check_plain(d, response);
    } else if (d->mode == DIALOGUE_AUTH_USER) {
        check_user(d, response);
    } else {
        check_password(d, response);
    }
}

/* The part of `text` after `prefix`, in any case; NULL if it lacks it. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncasecmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* Waits for the response, unless it came with the command. */
static void begin_auth(struct dialogue *d, enum dialogue_mode mode,
                       const char *initial, const char *challenge)
{
    d->mode = mode;
    if (*initial == ' ') {
        initial++;
        run_response(d, strcmp(initial, "=") == 0 ? "" : initial);
    } else {
        say(d, "334 %s", challenge);
    }
}

static bool is_word_end(const char *rest)
{
    return rest != NULL && (*rest == '\0' || *rest == ' ');
}

static void run_auth(struct dialogue *d, const char *arguments)
{
    const char *plain = after(arguments, "PLAIN");
    const char *login = after(arguments, "LOGIN");

    if (d->options->user == NULL) {
        say(d, "502 5.5.1 No authentication here");
    } else if (!d->in_tls) {
        say(d, "538 5.7.11 Encryption required");
    } else if (!d->greeted || d->mail_begun || d->report->authenticated) {
        say(d, "503 5.5.1 Not now");
    } else if (is_word_end(plain)) {
        begin_auth(d, DIALOGUE_AUTH_PLAIN, plain, "");
    } else if (is_word_end(login)) {
        begin_auth(d, DIALOGUE_AUTH_USER, login, "VXNlcm5hbWU6");
    } else {
        say(d, "504 5.5.4 Unknown mechanism");
    }
}

/* -------------------------------------------------------------- commands */

static void say_capabilities(struct dialogue *d)
{
    say(d, "250-%s", hostname(d));
    say(d, "250-SIZE %d", SMTPD_MAIL_MAX);
    say(d, "250-8BITMIME");
    if (!d->in_tls) {
        say(d, "250-STARTTLS");
    } else if (d->options->user != NULL) {
        say(d, "250-AUTH PLAIN LOGIN");
    }
    say(d, "250 ENHANCEDSTATUSCODES");
}

static void run_ehlo(struct dialogue *d, const char *arguments)
{
    if (*arguments == '\0') {
        say(d, "501 5.5.4 EHLO needs a name");
        return;
    }
    d->greeted = true;
    reset_mail(d);
    if (!say_verbatim(d,
                      d->in_tls ? &d->options->ehlo_tls : &d->options->ehlo)) {
        say_capabilities(d);
    }
}

static void run_helo(struct dialogue *d, const char *arguments)
{
    if (*arguments == '\0') {
        say(d, "501 5.5.4 HELO needs a name");
        return;
    }
    d->greeted = true;
    reset_mail(d);
    say(d, "250 %s", hostname(d));
}

static void run_starttls(struct dialogue *d, const char *arguments)
{
    const struct smtpd_blob *verbatim = &d->options->starttls;

    if (d->in_tls) {
        say(d, "503 5.5.1 TLS is active");
    } else if (*arguments != '\0') {
        say(d, "501 5.5.4 STARTTLS has no arguments");
    } else if (!d->greeted) {
        say(d, "503 5.5.1 EHLO first");
    } else if (say_verbatim(d, verbatim)) {
        bool positive =
            verbatim->len > 0 && *(const char *)verbatim->bytes == '2';
        d->action = positive ? SMTPD_START_TLS : SMTPD_CONTINUE;
    } else {
        say(d, "220 2.0.0 Ready to start TLS");
        d->action = SMTPD_START_TLS;
    }
}

/* Copies the path of "<path>" or "<path> parameters". */
static bool take_path(const char *text, char path[SMTPD_PATH_MAX + 1])
{
    const char *end = text ? strchr(text, '>') : NULL;
    size_t len;

    if (end == NULL || *text != '<' || (end[1] != '\0' && end[1] != ' ')) {
        return false;
    }
    len = (size_t)(end - text) - 1;
    if (len > SMTPD_PATH_MAX) { return false; }
    memcpy(path, text + 1, len);
    path[len] = '\0';
    return true;
}

static void run_mail(struct dialogue *d, const char *arguments)
{
    if (!d->greeted || d->mail_begun) {
        say(d, "503 5.5.1 Not now");
    } else if (!d->in_tls) {
        say(d, "530 5.7.0 STARTTLS first");
    } else if (d->options->user != NULL && !d->report->authenticated) {
        say(d, "530 5.7.0 AUTH first");
    } else if (!take_path(after(arguments, "FROM:"), d->mail.sender)) {
        say(d, "501 5.5.4 MAIL FROM:<path> expected");
    } else {
        d->mail_begun = true;
        say(d, "250 2.1.0 Sender OK");
    }
}

static void run_rcpt(struct dialogue *d, const char *arguments)
{
    size_t count = d->mail.recipient_count;

    if (!d->mail_begun) {
        say(d, "503 5.5.1 MAIL first");
    } else if (count == SMTPD_RECIPIENTS_MAX) {
        say(d, "452 4.5.3 Too many recipients");
    } else if (!take_path(after(arguments, "TO:"), d->mail.recipients[count]) ||
               d->mail.recipients[count][0] == '\0') {
        say(d, "501 5.5.4 RCPT TO:<path> expected");
    } else {
        d->mail.recipient_count++;
        say(d, "250 2.1.5 Recipient OK");
    }
}

static void run_data(struct dialogue *d, const char *arguments)
{
    if (*arguments != '\0') {
        say(d, "501 5.5.4 DATA has no arguments");
    } else if (d->mail.recipient_count == 0) {
        say(d, "503 5.5.1 RCPT first");
    } else {
        d->mode = DIALOGUE_DATA;
        say(d, "354 End with a dot on a line of its own");
    }
}

static void run_rset(struct dialogue *d, const char *arguments)
{
    (void)arguments;
    reset_mail(d);
    say(d, "250 2.0.0 OK");
}

static void run_noop(struct dialogue *d, const char *arguments)
{
    (void)arguments;
    say(d, "250 2.0.0 OK");
}

static void run_vrfy(struct dialogue *d, const char *arguments)
{
    (void)arguments;
    say(d, "252 2.5.0 Try to send it");
}

static void run_quit(struct dialogue *d, const char *arguments)
{
    (void)arguments;
    say(d, "221 2.0.0 Bye");
    d->action = SMTPD_CLOSE;
}

static const struct command {
    const char *verb;
    void (*run)(struct dialogue *d, const char *arguments);
} commands[] = {
    {"EHLO", run_ehlo}, {"HELO", run_helo}, {"STARTTLS", run_starttls},
    {"AUTH", run_auth}, {"MAIL", run_mail}, {"RCPT", run_rcpt},
    {"DATA", run_data}, {"RSET", run_rset}, {"NOOP", run_noop},
    {"VRFY", run_vrfy}, {"QUIT", run_quit},
};

static void run_command(struct dialogue *d)
{
    d->report->commands++;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *rest = after(d->line, commands[i].verb);
        if (is_word_end(rest)) {
            commands[i].run(d, *rest == ' ' ? rest + 1 : rest);
            return;
        }
    }
    say(d, "500 5.5.1 Unknown command");
}

/* ------------------------------------------------------------------ DATA */

static void finish_mail(struct dialogue *d)
{
    d->mode = DIALOGUE_COMMAND;
    if (d->refusal != NULL) {
        say(d, "%s", d->refusal);
    } else {
        d->report->mails++;
        if (d->options->on_mail != NULL) {
            d->options->on_mail(d->options->context, &d->mail);
        }
        say(d, "250 2.0.0 Mail accepted");
    }
    reset_mail(d);
}

static void add_mail_line(struct dialogue *d)
{
    size_t stuffed = d->line[0] == '.';

    if (d->overlong || d->bare_newline) {
        d->refusal = "554 5.6.0 Line too long, or without CRLF";
    } else if (d->mail.content.len + d->line_len > SMTPD_MAIL_MAX) {
        d->refusal = "552 5.3.4 Mail too large";
    }
    if (d->refusal == NULL) {
        bytes_append(&d->mail.content, d->line + stuffed,
                     d->line_len - stuffed);
        bytes_append(&d->mail.content, "\r\n", 2);
    }
}

static void run_mail_line(struct dialogue *d)
{
    if (d->line_len == 1 && d->line[0] == '.' && !d->overlong) {
        finish_mail(d);
    } else {
        add_mail_line(d);
    }
}

/* ----------------------------------------------------------------- lines */

/* The line is complete, without its CRLF. */
static void run_line(struct dialogue *d)
{
    log_line(d, false, d->line);
    if (d->mode == DIALOGUE_DATA) {
        run_mail_line(d);
    } else if (d->overlong || d->bare_newline ||
               memchr(d->line, '\0', d->line_len) != NULL) {
        d->mode = DIALOGUE_COMMAND;
        say(d, "500 5.5.2 Line too long, without CRLF, or with NUL");
    } else if (d->mode == DIALOGUE_COMMAND) {
        run_command(d);
    } else {
        run_response(d, d->line);
    }
}

static void add_byte(struct dialogue *d, unsigned char byte)
{
    if (d->line_len == SMTPD_LINE_MAX) {
        /* Make room at the end, where the CRLF will have to show up. */
        d->overlong = true;
        d->line_len = 1;
        d->line[0] = d->line[SMTPD_LINE_MAX - 1];
    }
    d->line[d->line_len++] = (char)byte;
}

enum smtpd_action dialogue_input(struct dialogue *d, unsigned char byte)
{
    d->action = SMTPD_CONTINUE;
    add_byte(d, byte);
    if (byte != '\n') { return d->action; }
    if (d->line_len < 2 || d->line[d->line_len - 2] != '\r') {
        d->bare_newline = true;
        return d->action;
    }
    d->line_len -= 2;
    d->line[d->line_len] = '\0';
    run_line(d);
    d->line_len = 0;
    d->bare_newline = false;
    d->overlong = false;
    return d->action;
}

void dialogue_init(struct dialogue *d, const struct smtpd_options *options,
                   struct bytes *reply, struct smtpd_report *report)
{
    memset(d, 0, sizeof *d);
    d->options = options;
    d->reply = reply;
    d->report = report;
}

void dialogue_free(struct dialogue *d)
{
    bytes_free(&d->mail.content);
}

void dialogue_greet(struct dialogue *d)
{
    if (!say_verbatim(d, &d->options->greeting)) {
        say(d, "220 %s ESMTP", hostname(d));
    }
}

void dialogue_enter_tls(struct dialogue *d)
{
    d->in_tls = true;
    d->greeted = false;
    reset_mail(d);
}
