/* trace.h - shows on stderr what goes over the wire: AT commands, what the
 * modem says, and inside its payload the preamble's lines and TLS's records. */
#ifndef TRACE_H
#define TRACE_H

#include "../estls.h"

enum { TRACE_LINE = 256 };

/* One direction of a TCP connection. */
typedef struct trace_flow {
    char mark; /* '<' or '>' */
    uint8_t tls;
    uint8_t encrypted;
    uint8_t head_len;
    uint8_t head[5]; /* of a record */
    uint8_t message_len;
    uint8_t message[4];    /* header of a handshake message, or an alert */
    uint16_t record_left;  /* bytes of the record */
    uint32_t message_left; /* bytes of the handshake message */
    size_t len;
    char line[TRACE_LINE];
} trace_flow;

typedef struct trace {
    uint32_t (*tick)(void *);
    uint32_t t0;
    uint8_t modem;     /* 1: AT commands around it all */
    uint8_t colour;    /* 1: stderr is a terminal that wants it */
    uint8_t link;      /* for which AT+CIPSEND announced ... */
    uint8_t pulled;    /* the link of the last AT+CIPRECVDATA */
    uint16_t asked;    /* ... so many bytes */
    uint16_t payload;  /* ... of which so many are still to be written */
    const char *doing; /* the phase ... */
    const char *said;  /* ... and the one that was shown last */
    estls_at at;       /* what the modem says */
    char at_line[TRACE_LINE];
    size_t len;
    char line[TRACE_LINE];      /* what we say */
    trace_flow in[ESTLS_LINKS]; /* the only one is 0 */
    trace_flow out[ESTLS_LINKS];
} trace;

/* modem 0: the wire is the TCP connection itself. */
void trace_open(trace *t, uint32_t (*tick)(void *), int modem);
void trace_read(trace *t, const void *bytes, size_t n);
void trace_written(trace *t, const void *bytes, size_t n);
/* What the session is at; shown before the next line, since phases in which
 * nothing happens are of no interest. */
void trace_phase(trace *t, const char *doing);
/* Says something of its own. */
void trace_note(trace *t, const char *text);
/* Shows what is left of lines that have not ended. */
void trace_close(trace *t);

#endif
