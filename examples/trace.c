#define _DEFAULT_SOURCE
#include "trace.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT,
    TLS_HANDSHAKE,
    TLS_APPLICATION_DATA
};

typedef struct name {
    uint8_t number;
    const char *text;
} name;

/* RFC 5246 7.4, RFC 5077, RFC 6066 */
static const name messages[] = {
    {0, "HelloRequest"},
    {1, "ClientHello"},
    {2, "ServerHello"},
    {4, "NewSessionTicket"},
    {11, "Certificate"},
    {12, "ServerKeyExchange"},
    {13, "CertificateRequest"},
    {14, "ServerHelloDone"},
    {15, "CertificateVerify"},
    {16, "ClientKeyExchange"},
    {20, "Finished"},
    {22, "CertificateStatus"},
    {0, NULL},
};

/* RFC 5246 7.2, those that one meets */
static const name alerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {22, "record_overflow"},
    {40, "handshake_failure"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {100, "no_renegotiation"},
    {112, "unrecognized_name"},
    {0, NULL},
};

static const char *name_of(const name *names, uint8_t number)
{
    while (names->text && names->number != number) { names++; }
    return names->text ? names->text : "unknown";
}

/* -- one line of the trace ------------------------------------------------- */

static const char *colour_of(const trace *t, char mark, int payload)
{
    if (!t->colour) { return ""; }
    switch (mark) {
    case '>': return payload ? "\033[36m" : "\033[2;36m";
    case '<': return payload ? "\033[32m" : "\033[2;32m";
    default: return "\033[1m";
    }
}

static void show_args(const trace *t, char mark, int payload,
                      const char *format, va_list args)
{
    const unsigned long ms = t->tick(NULL) - t->t0;

    (void)fprintf(stderr, "%6lu ms %s%c%c %s", ms, colour_of(t, mark, payload),
                  mark == '-' ? '-' : ' ', mark,
                  payload && t->modem ? "  " : "");
    (void)vfprintf(stderr, format, args);
    (void)fputs(t->colour ? "\033[0m\n" : "\n", stderr);
}

/* mark: '>', '<', or '-' for what is nobody's; payload: of the modem. */
__attribute__((format(printf, 4, 5))) static void show(trace *t, char mark,
                                                       int payload,
                                                       const char *format, ...)
{
    va_list args;

    if (t->said != t->doing) {
        t->said = t->doing;
        show(t, '-', 0, "%s", t->doing);
    }
    va_start(args, format);
    show_args(t, mark, payload, format, args);
    va_end(args);
}

static int printable(const char *text, size_t n)
{
    while (n && (isprint((unsigned char)text[n - 1]) || text[n - 1] == '\t')) {
        n--;
    }
    return n == 0;
}

static void show_text(trace *t, char mark, int payload, const char *text,
                      size_t n)
{
    if (printable(text, n)) {
        show(t, mark, payload, "%.*s", (int)n, text);
    } else {
        show(t, mark, payload, "(%zu bytes)", n);
    }
}

/* -- the TCP stream: lines, then records ----------------------------------- */

static void flow_end_line(trace *t, trace_flow *f)
{
    while (f->len &&
           (f->line[f->len - 1] == '\n' || f->line[f->len - 1] == '\r')) {
        f->len--;
    }
    show_text(t, f->mark, 1, f->line, f->len);
    f->len = 0;
}

static size_t flow_text(trace *t, trace_flow *f, const char *p, size_t n)
{
    size_t i = 0;
    char c;

    do {
        c = p[i++];
        f->line[f->len++] = c;
    } while (i < n && c != '\n' && f->len < sizeof f->line);
    if (c == '\n' || f->len == sizeof f->line) { flow_end_line(t, f); }
    return i;
}

/* Gathers a header; returns how many bytes it took. */
static size_t gather(uint8_t *head, uint8_t *len, size_t want, const char *p,
                     size_t n)
{
    const size_t k = n < want - *len ? n : want - *len;

    memcpy(head + *len, p, k);
    *len = (uint8_t)(*len + k);
    return k;
}

static void flow_head(trace *t, trace_flow *f)
{
    const unsigned n = (unsigned)(f->head[3] << 8 | f->head[4]);

    f->record_left = (uint16_t)n;
    f->message_len = 0;
    switch (f->head[0]) {
    case TLS_CHANGE_CIPHER_SPEC:
        show(t, f->mark, 1, "ChangeCipherSpec");
        f->encrypted = 1;
        return;
    case TLS_ALERT:
        if (f->encrypted) { show(t, f->mark, 1, "alert, encrypted"); }
        return;
    case TLS_HANDSHAKE:
        if (f->encrypted) {
            show(t, f->mark, 1, "handshake, encrypted (%u bytes)", n);
        }
        return;
    case TLS_APPLICATION_DATA:
        show(t, f->mark, 1, "application data (%u bytes)", n);
        return;
    default: show(t, f->mark, 1, "record of unknown type %u", f->head[0]);
    }
}

static size_t flow_handshake(trace *t, trace_flow *f, const char *p, size_t n)
{
    if (f->message_left) {
        n = n < f->message_left ? n : f->message_left;
        f->message_left -= (uint32_t)n;
        return n;
    }
    n = gather(f->message, &f->message_len, 4, p, n);
    if (f->message_len == 4) {
        f->message_len = 0;
        f->message_left = (uint32_t)f->message[1] << 16 |
                          (uint32_t)f->message[2] << 8 | f->message[3];
        show(t, f->mark, 1, "%s (%lu bytes)", name_of(messages, f->message[0]),
             (unsigned long)f->message_left);
    }
    return n;
}

static size_t flow_alert(trace *t, trace_flow *f, const char *p, size_t n)
{
    n = gather(f->message, &f->message_len, 2, p, n);
    if (f->message_len == 2) {
        f->message_len = 0;
        show(t, f->mark, 1, "alert, %s: %s (%u)",
             f->message[0] == 2 ? "fatal" : "warning",
             name_of(alerts, f->message[1]), f->message[1]);
    }
    return n;
}

static size_t flow_record(trace *t, trace_flow *f, const char *p, size_t n)
{
    if (!f->record_left) {
        n = gather(f->head, &f->head_len, sizeof f->head, p, n);
        if (f->head_len == sizeof f->head) {
            f->head_len = 0;
            flow_head(t, f);
        }
        return n;
    }
    n = n < f->record_left ? n : f->record_left;
    if (!f->encrypted && f->head[0] == TLS_HANDSHAKE) {
        n = flow_handshake(t, f, p, n);
    } else if (!f->encrypted && f->head[0] == TLS_ALERT) {
        n = flow_alert(t, f, p, n);
    }
    f->record_left = (uint16_t)(f->record_left - n);
    return n;
}

/* No line of text begins with a record's content type. */
static void flow(trace *t, trace_flow *f, const char *p, size_t n)
{
    size_t used;

    for (; n > 0; p += used, n -= used) {
        if (!f->tls && !f->len) {
            f->tls = (uint8_t)(*p >= TLS_CHANGE_CIPHER_SPEC &&
                               *p <= TLS_APPLICATION_DATA);
        }
        used = f->tls ? flow_record(t, f, p, n) : flow_text(t, f, p, n);
    }
}

static void end_flow(trace *t, trace_flow *f, char mark)
{
    if (f->len) { flow_end_line(t, f); }
    memset(f, 0, sizeof *f);
    f->mark = mark;
}

static void renew(trace *t, uint8_t link)
{
    end_flow(t, &t->in[link], '<');
    end_flow(t, &t->out[link], '>');
}

/* -- the modem around it --------------------------------------------------- */

/* The Wi-Fi password is nobody's business, in an echo of it neither. */
static void show_line(trace *t, char mark, const char *line, size_t n)
{
    estls_span fields;
    estls_span ssid;
    size_t i;

    for (i = 0; i + 6 <= n && memcmp(line + i, "CWJAP=", 6) != 0; i++) {}
    if (i + 6 > n) {
        show_text(t, mark, 0, line, n);
        return;
    }
    estls_at_fields_of(&fields, line + i, n - i);
    (void)estls_at_field(&fields, &ssid);
    show(t, mark, 0, "%.*sCWJAP=%.*s,\"***\"", (int)i, line, (int)ssid.n,
         ssid.p);
}

static int is_command(const trace *t, const char *text)
{
    const size_t n = strlen(text);

    return t->len >= n && memcmp(t->line, text, n) == 0;
}

/* The numbers that a command has, up to two of them; returns how many. */
static size_t numbers_of(const trace *t, uint32_t number[2])
{
    estls_span fields;
    estls_span field;
    size_t n = 0;

    number[0] = 0;
    estls_at_fields_of(&fields, t->line, t->len);
    while (n < 2 && estls_at_field(&fields, &field) &&
           estls_at_uint(&field, &number[n]) == ESTLS_OK) {
        n++;
    }
    return n;
}

static uint8_t link_of(uint32_t id)
{
    return id < ESTLS_LINKS ? (uint8_t)id : 0;
}

/* AT+CIPSEND=[link id,]length */
static void note_send(trace *t)
{
    uint32_t number[2];
    const size_t n = numbers_of(t, number);

    t->link = n == 2 ? link_of(number[0]) : 0;
    t->asked = (uint16_t)(n ? number[n - 1] : 0);
    t->at.prompt = 1;
}

/* AT+CIPRECVDATA=[link id,]length: the answer does not name the link. */
static void note_pull(trace *t)
{
    uint32_t number[2];

    t->pulled = numbers_of(t, number) == 2 ? link_of(number[0]) : 0;
}

/* AT+CIPSTART=[link id,]"TCP",...: what was on that link before has ended. */
static void note_start(trace *t)
{
    uint32_t number[2];

    (void)numbers_of(t, number);
    renew(t, link_of(number[0]));
}

static void end_command(trace *t)
{
    while (t->len && iscntrl((unsigned char)t->line[t->len - 1])) { t->len--; }
    show_line(t, '>', t->line, t->len);
    if (is_command(t, "AT+CIPSEND=")) { note_send(t); }
    if (is_command(t, "AT+CIPRECVDATA=")) { note_pull(t); }
    if (is_command(t, "AT+CIPSTART=")) { note_start(t); }
    t->len = 0;
}

static size_t command(trace *t, const char *p, size_t n)
{
    size_t i = 0;
    char c;

    do {
        c = p[i++];
        t->line[t->len++] = c;
    } while (i < n && c != '\n' && t->len < sizeof t->line);
    if (c == '\n' || t->len == sizeof t->line ||
        (t->len == 3 && memcmp(t->line, "+++", 3) == 0)) {
        end_command(t);
    }
    return i;
}

static void event(trace *t, const estls_at_event *ev)
{
    switch (ev->kind) {
    case ESTLS_AT_NONE: return;
    case ESTLS_AT_DATA:
        flow(t, &t->in[ev->id < 0 ? t->pulled : link_of((uint32_t)ev->id)],
             ev->text, ev->len);
        return;
    case ESTLS_AT_PROMPT:
        t->payload = t->asked;
        t->asked = 0;
        break;
    case ESTLS_AT_ERROR:
    case ESTLS_AT_BUSY: t->at.prompt = 0; break;
    default: break;
    }
    show_line(t, '<', ev->text, ev->len);
}

void trace_read(trace *t, const void *bytes, size_t n)
{
    const char *p = bytes;
    estls_at_event ev;
    size_t used;

    if (!t->modem) {
        flow(t, &t->in[0], p, n);
        return;
    }
    for (; n > 0; p += used, n -= used) {
        used = estls_at_feed(&t->at, p, n, &ev);
        event(t, &ev);
    }
}

void trace_written(trace *t, const void *bytes, size_t n)
{
    const char *p = bytes;
    size_t used;

    if (!t->modem) {
        flow(t, &t->out[0], p, n);
        return;
    }
    for (; n > 0; p += used, n -= used) {
        if (t->payload) {
            used = n < t->payload ? n : t->payload;
            t->payload = (uint16_t)(t->payload - used);
            flow(t, &t->out[t->link], p, used);
        } else {
            used = command(t, p, n);
        }
    }
}

void trace_phase(trace *t, const char *doing)
{
    t->doing = doing;
}

void trace_note(trace *t, const char *text)
{
    show(t, '-', 0, "%s", text);
}

void trace_open(trace *t, uint32_t (*tick)(void *), int modem)
{
    uint8_t link;

    memset(t, 0, sizeof *t);
    t->tick = tick;
    t->t0 = tick(NULL);
    t->modem = (uint8_t)modem;
    t->colour = (uint8_t)(isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
    for (link = 0; link < ESTLS_LINKS; link++) { renew(t, link); }
    /* a line of ours is larger than the least that it takes */
    (void)!estls_at_init(&t->at, estls_at_esp(), t->at_line, sizeof t->at_line);
}

void trace_close(trace *t)
{
    uint8_t link;

    if (t->at.len) { show_line(t, '<', t->at_line, t->at.len); }
    for (link = 0; link < ESTLS_LINKS; link++) { renew(t, link); }
}
