/* estls.h - AT engine, in-place STARTTLS and battery-aware sending for MCUs.
 *
 * An AT modem can open a plain TCP link or an SSL link, but it cannot switch
 * an open one; so SMTP STARTTLS and FTP AUTH TLS are out of its reach.  This
 * file drives the modem and runs BearSSL on the host, over the plain link.
 *
 * Do this
 *     #define ESTLS_IMPLEMENTATION
 *     #include "estls.h"
 * in one C or C++ file, plain #include "estls.h" elsewhere, and link with
 * -lbearssl.  C99, C11, C17 or C++11; no allocation, no stdio, no threads.
 *
 * A mail server, over an ESP-AT module, as a main loop would do it:
 *
 *     static estls      net;
 *     static estls_x509 x509;
 *     static char       line[ESTLS_LINE_MIN + 32];
 *     static uint8_t    iobuf[ESTLS_IOBUF_MIN];
 *
 *     estls_desc d = {0};
 *     d.uart.read = uart_read;   d.uart.write = uart_write;
 *     d.uart.tick = millis;
 *     d.line = line;             d.line_cap = sizeof line;
 *     d.iobuf = iobuf;           d.iobuf_cap = sizeof iobuf;
 *     d.host = "mail.example.org";
 *     d.port = 587;              d.proto = estls_smtp;
 *     d.trust = estls_anchors;   d.x509 = &x509;
 *     d.anchors = ANCHORS;       d.anchor_count = ANCHORS_NUM;
 *     d.entropy = trng;          d.unix_time = rtc;
 *
 *     int rc = estls_open(&net, &d);
 *     while (rc == ESTLS_BUSY) { idle(); rc = estls_step(&net); }
 *     if (rc == ESTLS_OK) rc = mail_talk(&net);    // all inside TLS
 *     while (estls_close(&net) == ESTLS_BUSY) idle();
 *
 * The rooms.  Search for the tag; each stands twice, declared and defined.
 *
 *     UART --read/write/tick--> >>at        bytes -> events
 *                                 |
 *                               >>link      events -> TCP byte streams
 *                                 |
 *                               >>tls       BearSSL, in place
 *                                 |
 *                               >>starttls  the preamble in clear, then >>tls
 *                                 |
 *                               >>session   the front door
 *     battery, clock ---------> >>tx        "may I send now?"
 *
 * A room calls only rooms below it, so each works without those above: an
 * AVR may use >>at alone, a program with a socket >>starttls and no modem.
 *
 * The contract, once for all rooms
 *   - Nothing blocks.  A _step does a bounded piece of work and at most one
 *     BearSSL advance, and returns ESTLS_BUSY, ESTLS_OK or an error < 0.
 *     BearSSL's elliptic-curve steps take 0.3 s to 40 s on small cores; ask
 *     estls_info before them if a watchdog or a battery must know.
 *   - Every wait has a deadline by tick; a tick that wraps is fine.
 *   - Errors are sticky: a failed object repeats its first error until it is
 *     opened again.
 *   - Objects are yours and stay where they are: a copied, moved, zeroed or
 *     uninitialised object answers ESTLS_E_STATE.
 *   - One object, one thread.  Callbacks may not call back into the object
 *     they serve, unless their contract says so.
 *   - Pointers in estls_desc, and the estls_desc itself, must outlive the
 *     session: nothing is copied, so that it may be const and in flash.
 *
 * Security
 *   - Trust, name, clock and entropy have no default, no fallback and no
 *     switch: what is missing is refused by name in estls_open.
 *   - The application never holds a clear-text handle, so no password can
 *     leave early.  STARTTLS not offered, refused or mangled: the session
 *     fails.  A byte after the go-ahead is an injection: the session fails.
 *   - TLS 1.2 only; ECDHE with AES-128-GCM or ChaCha20-Poly1305 only.
 *   - On top of BearSSL's path validation: subjectAltName demanded, serverAuth
 *     demanded when extKeyUsage is there, RSA >= 2048 bits, SHA-256 or better,
 *     and a CA with nameConstraints is refused since they are not evaluated.
 *   - Limits: no revocation checks; resumption by session id, not tickets;
 *     no TLS 1.3; no certificate for an IP address (use a pinned key).
 *
 * Macros, for the file that holds the implementation
 *   ESTLS_IMPLEMENTATION   define the functions here
 *   ESTLS_STATIC           ... as static ones
 *   ESTLS_NO_TLS           core, at, link and tx only; needs no BearSSL
 *   ESTLS_PROFILE          the profile that a null estls_desc.profile means
 *                          (estls_full); the build carries it in any case
 *   ESTLS_NOT_BEFORE       no clock before this is right, Unix seconds
 * None of them changes the layout of a struct: files may differ in them.
 *
 * Licence: MIT, at the end of this file.
 */
#ifndef ESTLSI_H
#define ESTLSI_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef ESTLS_NO_TLS
#if defined __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wcast-qual"
#endif
#include <bearssl.h>
#if defined __GNUC__
#pragma GCC diagnostic pop
#if UINT_MAX <= 0xffff
/* it shifts into bit 18 of an int, and makes wrong tags */
#pragma GCC poison br_poly1305_ctmul32_run
#endif
#endif
#endif

#ifdef ESTLS_STATIC
#if defined __GNUC__
#define ESTLS_API static __attribute__((unused))
#else
#define ESTLS_API static
#endif
#else
#define ESTLS_API /* SDCC exports no definition that says extern */
#endif

/* Of a constant table that is to cost no RAM on AVR: there it lies in flash, to
 * be read by other instructions.  Elsewhere nothing; const is enough. */
#if defined __AVR__
#include <avr/pgmspace.h>
#define ESTLS_ROM PROGMEM
#else
#define ESTLS_ROM
#endif

#if defined __GNUC__
#define ESTLSI_CHECKED __attribute__((warn_unused_result))
#else
#define ESTLSI_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ======================================================================
 * >>core   errors, byte streams, the description
 * ====================================================================== */

/* One code per different thing that the caller would do.
 * X(name, value, text for a person, what to do) */
#define ESTLS_ERRORS(X)                                                        \
    X(OK, 0, "success", "")                                                    \
    X(BUSY, 1, "still working", "call again")                                  \
    X(E_ARG, -1, "an argument is missing or malformed",                        \
      "check callbacks, host, names and credentials for NUL, CR, LF, length")  \
    X(E_STATE, -2, "object not open, copied, or used out of order",            \
      "open it first, in place; one operation at a time")                      \
    X(E_SPACE, -3, "a buffer is too small",                                    \
      "give a larger line, iobuf or obuf")                                     \
    X(E_IO, -4, "reading or writing failed",                                   \
      "check the wiring, the baud rate and the callbacks")                     \
    X(E_TIMEOUT, -5, "no answer within the deadline",                          \
      "check power, baud rate and signal, or allow more time")                 \
    X(E_MODEM, -6, "the modem reset or refused a command",                     \
      "check its supply; see the detail number; open again")                   \
    X(E_NETWORK, -7, "no network, or the host could not be reached",           \
      "check SSID, password, host name, port and firewall")                    \
    X(E_CLOSED, -8, "the peer closed the connection",                          \
      "nothing was lost; open again if there is more to say")                  \
    X(E_PROTO, -9, "the peer broke the protocol",                              \
      "check host, port and protocol; trace the dialogue")                     \
    X(E_REFUSED, -10, "the server refused",                                    \
      "the server said no in its protocol's own words; trace the dialogue")    \
    X(E_NO_STARTTLS, -11, "the server does not offer STARTTLS",                \
      "check the port; if it was there before, somebody removed it")           \
    X(E_INJECTED, -12, "bytes came that nobody had asked for before TLS",      \
      "somebody on the path injects them, or the port speaks another "         \
      "protocol")                                                              \
    X(E_ENTROPY, -13, "no entropy, or too little, or a stuck source",          \
      "give an entropy callback that fills all 32 bytes")                      \
    X(E_CLOCK, -14, "the clock is not set",                                    \
      "give unix_time; it must not be before the library's release")           \
    X(E_TRUST, -15, "no trust given, or the server's key is not trusted",      \
      "give the right anchors or pin; see the detail number")                  \
    X(E_EXPIRED, -16, "a certificate is expired or not yet valid",             \
      "check the clock; if it is right, the server must renew")                \
    X(E_NAME, -17, "no host name given, or the certificate has another",       \
      "host must be the DNS name in the certificate's subjectAltName")         \
    X(E_RECORD, -18, "a TLS record is larger than iobuf",                      \
      "give iobuf up to 16,709 bytes: the server ignores max_fragment_length") \
    X(E_VERSION, -19, "no common TLS version",                                 \
      "the server must speak TLS 1.2")                                         \
    X(E_TRUNCATED, -20, "the connection ended without close_notify",           \
      "treat what was received as incomplete")                                 \
    X(E_TLS, -21, "the TLS handshake or a record failed",                      \
      "see the detail number: BearSSL's, 256 + n an alert from the server")    \
    X(E_POWER, -22, "the gate holds back longer than the deadline allows",     \
      "let the battery rest, then open again; see the report's reason")

enum {
#define ESTLSI_ENUM(name, value, text, advice) ESTLS_##name = (value),
    ESTLS_ERRORS(ESTLSI_ENUM)
#undef ESTLSI_ENUM
        ESTLSI_ERRORS_END
};

/* "E_TIMEOUT"; "?" for a number that is none.  Static storage. */
ESTLS_API const char *estls_error_name(int rc);
/* A sentence for a person.  Static storage. */
ESTLS_API const char *estls_strerror(int rc);
/* What to do about it, for a person; "" where there is nothing to do. */
ESTLS_API const char *estls_error_advice(int rc);

/* A byte stream and a clock: the only shape in which this library meets the
 * world.  You supply one for the UART; >>link and >>tls hand out others.
 * Sizes offered never exceed 32,767, so that an int of 16 bits can say them. */
typedef struct estls_io {
    /* > 0 bytes put at dst, 0 nothing yet, < 0 gone for good: E_CLOSED at the
     * end of the stream, E_IO or plain -1 for what broke */
    int (*read)(void *user, void *dst, size_t cap);
    /* > 0 bytes taken, 0 not now, < 0 gone.  After 0 or a part, the caller
     * offers the rest again, the same bytes, until all are taken. */
    int (*write)(void *user, const void *src, size_t len);
    /* milliseconds, monotonic, wraps at 2^32 */
    uint32_t (*tick)(void *user);
    void *user;
} estls_io;

/* What a gate is asked: may this load start now?  See estls_desc.gate. */
typedef struct estls_gate {
    uint8_t what;
    /* Why it waits, any number of yours; the report hands it on.  As in
     * ESTLS_TX_DROOP, if >>tx has answered. */
    uint8_t reason;
    size_t len; /* SEND: bytes; may be lowered, to have them split */
} estls_gate;

enum {                      /* what */
       ESTLS_GATE_SEND,     /* an AT+CIPSEND of len bytes: a radio burst */
       ESTLS_GATE_SENT,     /* ... has ended; no question: return 0 */
       ESTLS_GATE_COMPUTE,  /* seconds of elliptic curves or RSA */
       ESTLS_GATE_COMPUTED, /* ... have ended; no question */
       ESTLS_GATE_FULL,     /* a connection with a full handshake: dial, 2 or 3
                            * sends, 2 or 3 heavy computations */
       ESTLS_GATE_RESUMED   /* one that resumes a saved session, if the server
                            * plays along: dial, 2 or 3 short sends */
};

/* A TLS session in a form that survives deep sleep: keep it in retained RAM,
 * zeroed when new.  Bound to host, port, protocol and trust: offered to any
 * other it is not used.  Holds the master secret: as secret as a password. */
typedef struct estls_saved {
    uint8_t tag[16];   /* SHA-256 over the binding and state, cut */
    uint8_t state[88]; /* session id, cipher suite, master secret */
} estls_saved;

#ifdef ESTLS_NO_TLS
typedef void estlsi_anchor;
typedef void estlsi_pkey;
typedef void estlsi_client;
typedef void estlsi_ec;
typedef void estlsi_aes;
typedef void (*estlsi_ecdsa)(void);
typedef void (*estlsi_rsa)(void);
typedef void (*estlsi_chacha20)(void);
typedef void (*estlsi_poly1305)(void);
typedef void (*estlsi_ghash)(void);
#else
typedef br_x509_trust_anchor estlsi_anchor;
typedef br_x509_pkey estlsi_pkey;
typedef br_ssl_client_context estlsi_client;
typedef br_ec_impl estlsi_ec;
typedef br_block_ctr_class estlsi_aes;
typedef br_ecdsa_vrfy estlsi_ecdsa;
typedef br_rsa_pkcs1_vrfy estlsi_rsa;
typedef br_chacha20_run estlsi_chacha20;
typedef br_poly1305_run estlsi_poly1305;
typedef br_ghash estlsi_ghash;
#endif
struct estls_link;
struct estls_tls;
struct estls_x509;
struct estls_proto;
struct estls_starttls;

/* Everything that a session needs to know.  Zero means the default, except
 * for security: there it means refusal.  Each room reads its own part, so a
 * room that is used alone needs only that part filled.
 *
 * The five functions that a port must write: uart.read, uart.write,
 * uart.tick, entropy, unix_time. */
typedef struct estls_desc {
    /* -- the wire ------------------------------------------------------ */

    /* The UART that the modem hangs on; with no_modem, the TCP stream. */
    estls_io uart;
    /* 1: uart is a TCP connection that is open already; >>link is skipped
     * and none of the modem's fields below is read. */
    uint8_t no_modem;

    /* -- >>link -------------------------------------------------------- */

    /* Line memory, ESTLS_LINE_MIN bytes or more.  The first 64 take the
     * modem's lines (longer ones are cut), the rest builds commands: 28 bytes
     * plus the host's name, or 16 plus SSID and password (32 + 63 at most). */
    char *line;
    uint16_t line_cap;
    /* 1: AT+CIPMUX=1, up to five links at once; 0: one link. */
    uint8_t mux;
    /* Which link this session opens when mux is set: 0..4. */
    uint8_t link_id;
    /* 1: let the modem push +IPD as it comes, for modems without pull mode.
     * The UART must then be read or buffered even during TLS's long steps, and
     * a server that may speak while we send wants obuf: else E_TIMEOUT. */
    uint8_t push;
    /* Wi-Fi to join first; null: the modem is, or will be, joined already.
     * password: null for an open network. */
    const char *ssid;
    const char *password;
    /* estls_link_clock, to set the modem's clock before it dials; a function,
     * for the linker's sake.  unix_time can then return estls_link_time.
     * Null: do not ask. */
    int (*clock)(struct estls_link *link);
    /* for estls_link_clock: an SNTP server (AT+CIPSNTPCFG).  SNTP is not
     * authenticated: who controls the network can set this clock back and
     * make an expired (maybe stolen) certificate valid again, or set it
     * forward and refuse service.  It cannot forge a certificate. */
    const char *sntp;
    /* What the modem dials, when that differs from the name that the
     * certificate must carry; null and 0: host and port. */
    const char *connect_host;
    uint16_t connect_port;
    /* Asked before each load that a battery feels: before the modem dials,
     * before each send, and before a heavy computation.  Return 0 to let it
     * go, else the milliseconds after which to ask again; timeout_ms or more
     * ends the session at once, with E_POWER.  While it waits, the session's
     * own deadline runs: E_TIMEOUT.  Not asked with no_modem; the sends of a
     * session beside another are asked of that one's.  It may not call into
     * the session or its link: set a flag, and queue AT+RFPOWER from the main
     * loop before you let the send go.  Null: always go.  See >>tx.
     * Closing has 5 s for what is left to send: step until OK before it. */
    uint32_t (*gate)(void *user, estls_gate *ask);

    /* -- >>tls ---------------------------------------------------------- */

    /* The name that the certificate must carry, up to 255 bytes; also SNI.
     * Demanded, with a pinned key too. */
    const char *host;
    uint16_t port;
    /* How the server proves itself: estls_anchors, or estls_pin.  A function,
     * so that the linker keeps only the one that you name.  Demanded. */
    int (*trust)(struct estls_tls *tls, void *binding);
    /* for estls_anchors: the roots, and 3 KB to check chains in */
    const estlsi_anchor *anchors;
    size_t anchor_count;
    struct estls_x509 *x509;
    /* for estls_pin: the server's public key, EC or RSA */
    const estlsi_pkey *pin;
    /* Fill dst with len (32) bytes that nobody can guess and return len.
     * Demanded, on a PC too.  Chips without a generator: estls_seed. */
    size_t (*entropy)(void *user, void *dst, size_t len);
    /* Seconds since 1970, UTC.  Demanded with estls_anchors. */
    uint32_t (*unix_time)(void *user);
    /* Record memory.  iobuf alone: half duplex, ESTLS_IOBUF_MIN bytes or
     * more.  With obuf (ESTLS_OBUF_MIN or more): full duplex.  What a buffer
     * holds beyond its largest outgoing record gathers the records of one
     * flight into one send; iobuf alone always has 240 bytes for that, obuf
     * wants 160 extra.  Larger iobufs (1349, 2373, 4421, 16709) allow larger
     * records. */
    uint8_t *iobuf;
    uint8_t *obuf;
    uint16_t iobuf_cap;
    uint16_t obuf_cap;
    /* Session to resume, and where the next one is kept: read at open,
     * written after a handshake, wiped when a session that used it fails for
     * any reason but the path (a link that drops, a deadline).  Null: none. */
    estls_saved *saved;
    /* Cipher suites and implementations: estls_full, estls_small, or your
     * own, which calls br_ssl_engine_set_*.  Null: ESTLS_PROFILE, which is
     * linked whatever stands here: where flash counts, define that. */
    void (*profile)(estlsi_client *client);
    /* BearSSL's implementations, each in place of the one that the profile has
     * chosen, which is what is fastest on most cores of its kind; null: that.
     * What a profile names is linked all the same: to save the code, write a
     * profile.  Where int has 16 bits br_poly1305_ctmul32 is wrong, and naming
     * it does not compile. */
    struct {
        const estlsi_ec *ec;      /* br_ec_p256_m15, br_ec_all_m31, ... */
        estlsi_ecdsa ecdsa;       /* br_ecdsa_i15_vrfy_asn1, _i31_ */
        estlsi_rsa rsa;           /* br_rsa_i15_pkcs1_vrfy, _i31_, _i62_ */
        estlsi_chacha20 chacha20; /* br_chacha20_ct_run, _sse2_ */
        estlsi_poly1305 poly1305; /* br_poly1305_i15_run, _ctmul_, _ctmul32_ */
        const estlsi_aes *aes;    /* br_aes_ct_ctr_vtable, _small_, _ct64_ */
        estlsi_ghash ghash;       /* br_ghash_ctmul, _ctmul32, _ctmul64 */
    } impl;

    /* -- >>starttls ------------------------------------------------------ */

    /* What is spoken before TLS: estls_smtp, or estls_direct for none.  A
     * function for the linker's sake, as trust.  Demanded. */
    const struct estls_proto *(*proto)(void);
    /* Our name in EHLO, a domain or an address literal (RFC 5321 4.1.3);
     * null: "[127.0.0.1]". */
    const char *client_name;

    /* -- all -------------------------------------------------------------- */

    /* Longest wait for a modem's network operation, for the preamble as a
     * whole, for the handshake as a whole, and between two bytes of a record,
     * ms; 0: 120,000 (a handshake on an 8-bit AVR takes 45 s). */
    uint32_t timeout_ms;
    /* handed to gate, entropy and unix_time */
    void *user;
} estls_desc;

enum {
    /* RFC 6066: the smallest max_fragment_length is 512; BearSSL wants 325
     * bytes more for a record that comes in, 85 for one that goes out. */
    ESTLS_IOBUF_MIN = 512 + 325,
    ESTLS_OBUF_MIN = 512 + 85,
    ESTLS_LINE_MIN = 128
};

/* ======================================================================
 * >>at   bytes from a modem -> events; commands that cannot inject
 *
 * The parser is push-fed and does no I/O.  Its states, and what leaves them:
 *     LINE     a line is gathered     LF: an event; payload header: PAYLOAD
 *     SKIP     rest of a bad line     LF: LINE
 *     PAYLOAD  counted bytes          the count: LINE; estls_at_resync: SKIP
 *
 * Any split of the input gives the same events.  NUL, XON, XOFF and the
 * other bytes below 0x14 are dropped outside payload.
 *
 * The room alone, as a sensor without TLS would use it:
 *
 *     static estls_at_engine e;
 *     static char line[64], text[32];
 *     static estls_at_cmd cmd;
 *     estls_at_builder b;
 *
 *     estls_at_open(&e, &uart, estls_at_esp(), line, sizeof line, urc, NULL);
 *     estls_at_begin(&b, text, sizeof text, "+RFPOWER");
 *     estls_at_add_int(&b, 40);
 *     cmd.text = text;
 *     cmd.len = (uint16_t)estls_at_end(&b);       // or an error, < 0
 *     cmd.timeout_ms = 1000;
 *     cmd.done = done;                            // done(&cmd, rc)
 *     estls_at_submit(&e, &cmd);
 *     for (;;) estls_at_step(&e);
 * ====================================================================== */

/* What an event says.  text/len is the line without CR LF. */
enum {
    ESTLS_AT_NONE,    /* nothing yet, feed more */
    ESTLS_AT_LINE,    /* an answer's line; overlong: cut to the line buffer */
    ESTLS_AT_OK,      /* final: done (OK, SEND OK) */
    ESTLS_AT_ERROR,   /* final: failed; number: of +CME ERROR, if it has one */
    ESTLS_AT_BUSY,    /* the command was not taken: busy p..., busy s... */
    ESTLS_AT_PROMPT,  /* '>': the modem waits for payload */
    ESTLS_AT_PAYLOAD, /* number payload bytes follow, for link id */
    ESTLS_AT_DATA,    /* text/len: some of them, where you fed them */
    ESTLS_AT_AVAIL,   /* number bytes wait in the modem for link id */
    ESTLS_AT_URC,     /* unasked line; tag: of the rule, 0 if it has none */
    ESTLS_AT_RESET,   /* the modem booted: all its state is gone */
    ESTLS_AT_ECHO,    /* our own command */
    ESTLS_AT_BAD      /* a payload header that lies; skipped to the next LF */
};

/* Tags in the ESP-AT table. */
enum {
    ESTLS_AT_SENT = 1, /* SEND OK */
    ESTLS_AT_NOT_SENT, /* SEND FAIL */
    ESTLS_AT_TAKEN,    /* Recv n bytes */
    ESTLS_AT_CONNECT,  /* [id,]CONNECT */
    ESTLS_AT_CLOSED,   /* [id,]CLOSED, [id,]CONNECT FAIL */
    ESTLS_AT_WIFI_UP,  /* WIFI GOT IP */
    ESTLS_AT_WIFI_DOWN /* WIFI DISCONNECT */
};

/* How a rule matches; or them. */
enum {
    ESTLS_AT_WHOLE = 1,    /* the whole line, not its beginning */
    ESTLS_AT_ID = 2,       /* "<id>," may come before it */
    ESTLS_AT_NUMBER = 4,   /* a decimal follows and becomes number */
    ESTLS_AT_ID_EVEN = 8,  /* payload header: the first field is the link id
                           * when the fields are even in number (ESP-AT) */
    ESTLS_AT_ID_FIRST = 16 /* payload header: it always is (SIMCom) */
};

/* One line of a dialect.  Tables are sorted by the first character of text,
 * and end with ESTLS_AT_RULES_END:
 *     static const estls_at_rule rules[] ESTLS_ROM = {...}; */
typedef struct estls_at_rule {
    char text[16];
    uint8_t len;   /* of text */
    uint8_t kind;  /* ESTLS_AT_OK ... */
    uint8_t match; /* ESTLS_AT_WHOLE | ... */
    uint8_t tag;   /* yours, handed on */
    char end;      /* payload header: what ends it, outside quotes */
} estls_at_rule;

#define ESTLS_AT_RULE(text, kind, match, tag, end)                             \
    {                                                                          \
        text, (uint8_t)(sizeof(text) - 1), (kind), (match), (tag), (end)       \
    }
#define ESTLS_AT_RULES_END                                                     \
    {                                                                          \
        "\xff", 0, 0, 0, 0, 0                                                  \
    }

/* The rules of ESP-AT 1.x to 4.x: finals, busy, payload in push and pull mode,
 * link and Wi-Fi notices, boot.  Static storage.  A table for another modem
 * may be built the same way; >>link needs this one. */
ESTLS_API const estls_at_rule *estls_at_esp(void);

typedef struct estls_at_event {
    uint8_t kind;
    uint8_t tag;
    uint8_t overlong;
    int8_t id;       /* link id, -1: the line names none */
    uint32_t number; /* 0xFFFFFFFF: the line has none */
    /* Borrowed: valid until the next call on the parser.  Not terminated. */
    const char *text;
    size_t len;
} estls_at_event;

typedef struct estls_at {
    uintptr_t self;
    int8_t id; /* whose payload it is */
    uint8_t skip;
    uint8_t prompt; /* 1: a '>' at the start of a line is a prompt; 2: one
                     * has come, a blank may follow; yours to set to 1 */
    uint16_t cap;
    uint16_t len;
    uint16_t left; /* payload bytes still to come */
    const estls_at_rule *rules;
    const char *expect; /* prefix that makes a line LINE, else URC; null: any */
    char *line;
} estls_at;

/* rules and line must outlive the parser.  cap: 16 or more, else E_SPACE. */
ESTLS_API int estls_at_init(estls_at *at, const estls_at_rule *rules,
                            char *line, size_t cap) ESTLSI_CHECKED;

/* Takes some of the n bytes and reports at most one event.  Returns how many
 * were taken: 1..n, or 0 when n is 0.  Call again with the rest.  The one
 * function that does not check its object: it has no way to say E_STATE. */
ESTLS_API size_t estls_at_feed(estls_at *at, const char *bytes, size_t n,
                               estls_at_event *ev);

/* Gives up a payload that stalls, or a line: skips to the next LF.  For those
 * who feed the parser themselves; the engine does it by its own deadline. */
ESTLS_API void estls_at_resync(estls_at *at);

/* -- fields of a line: +CWLAP:(3,"net",-60) -------------------------------- */

/* A piece of a line, borrowed: one field as it stands, quotes and parentheses
 * included; or the cursor, which is the fields still to come, p null: none. */
typedef struct estls_span {
    const char *p;
    size_t n;
} estls_span;

/* Puts the cursor on the first field of a line, as in an event: behind the
 * first ':' (or '='), or at the line's start where it has none. */
ESTLS_API void estls_at_fields_of(estls_span *rest, const char *text,
                                  size_t len);
/* 1: *field is the next one (n is 0 if it is empty), and is off *rest; 0:
 * there is none.  Commas inside quotes or parentheses do not split. */
ESTLS_API int estls_at_field(estls_span *rest, estls_span *field);
/* Each: ESTLS_OK, or E_PROTO if the field is not exactly that, or too large;
 * then *out keeps its value. */
ESTLS_API int estls_at_uint(const estls_span *field, uint32_t *out);
ESTLS_API int estls_at_int(const estls_span *field, int32_t *out);
ESTLS_API int estls_at_hex(const estls_span *field, uint32_t *out);
/* "(3-20)" or "3-20". */
ESTLS_API int estls_at_range(const estls_span *field, uint32_t *lo,
                             uint32_t *hi);
/* Unquotes and unescapes into dst and terminates it.  Returns the length, or
 * E_SPACE, or E_PROTO for a quote that does not end. */
ESTLS_API int estls_at_text(const estls_span *field, char *dst, size_t cap);

/* -- commands that cannot inject ------------------------------------------- */

/* AT+CWJAP="a\"b","c" CR LF, field by field into memory of yours.  The first
 * thing that goes wrong sticks, and estls_at_end tells. */
typedef struct estls_at_builder {
    char *text;
    size_t cap;
    size_t len;
    int16_t rc;
    uint8_t fields; /* 1: there is one already */
} estls_at_builder;

/* Begins a command in text, which is yours and must outlive its use.
 * verb: "+CWJAP", "E0", "+CIPSNTPTIME?" */
ESTLS_API void estls_at_begin(estls_at_builder *c, char *text, size_t cap,
                              const char *verb);
/* A decimal field; -1 is "-1". */
ESTLS_API void estls_at_add_int(estls_at_builder *c, int32_t value);
/* Quoted, with '"', ',' and '\' escaped.  E_ARG if value holds a control
 * character; it is judged before any byte can leave.  Null: an empty field. */
ESTLS_API void estls_at_add_text(estls_at_builder *c, const char *value);
/* The command's length with its CR LF, or E_ARG, or E_SPACE. */
ESTLS_API int estls_at_end(estls_at_builder *c) ESTLSI_CHECKED;

/* -- transactions ----------------------------------------------------------
 *
 *     IDLE  -- a command is queued --> SEND -- all written --> WAIT
 *     WAIT  -- OK, ERROR --> IDLE     -- busy p... --> BACKOFF --> SEND
 *           -- '>' --> RAW            -- deadline --> SYNC
 *     RAW   -- SEND OK, SEND FAIL, ERROR --> IDLE    -- deadline --> SYNC
 *     SYNC  -- the probe is answered --> IDLE        (a late OK is not it)
 *     any   -- the modem reset --> IDLE, all commands fail with E_MODEM
 */

enum {
    ESTLS_AT_PLAIN,   /* answered by lines and OK or ERROR */
    ESTLS_AT_PROMPTS, /* answered by '>', then payload, then a final */
    ESTLS_AT_ESCAPE   /* "+++" between two silences; nothing answers */
};

/* A command in the queue.  Yours, in place, until done is called or it is
 * aborted; text and expect are borrowed as long. */
typedef struct estls_at_cmd {
    struct estls_at_cmd *next;
    const char *text;   /* as from estls_at_end, CR LF included */
    const char *expect; /* prefix of the lines that answer; null: any line */
    /* An event while it runs: LINE, PROMPT.  May be null. */
    void (*event)(struct estls_at_cmd *cmd, const estls_at_event *ev);
    /* It ended: OK; E_MODEM for ERROR, for a modem that reset or that stays
     * busy; E_TIMEOUT; E_IO.  The node is yours again: submit is legal. */
    void (*done)(struct estls_at_cmd *cmd, int rc);
    void *user;          /* yours */
    uint32_t timeout_ms; /* per phase; the deadline starts when it is sent */
    uint16_t len;        /* of text */
    uint8_t kind;        /* ESTLS_AT_PLAIN ... */
    uint8_t boot;        /* the engine's: submitted before which reset */
} estls_at_cmd;

typedef struct estls_at_engine {
    uintptr_t self; /* small fields first: Thumb reaches them in one step */
    uint8_t state;
    uint8_t tries;
    uint8_t synced;
    uint8_t boot; /* resets seen */
    uint8_t rx_pos;
    uint8_t rx_len;
    uint16_t off;
    estls_at at;
    const estls_io *io;
    estls_at_cmd *head;
    void (*event)(void *user, const estls_at_event *ev);
    void *user;
    uint32_t t0;
    uint32_t t1;   /* of the last byte of a payload */
    uint32_t code; /* number of the last ERROR; 0xFFFFFFFF: it had none */
    char rx[20];
} estls_at_engine;

/* io is the UART, borrowed.  event gets all that no command claims: URC,
 * AVAIL, PAYLOAD, RESET, BAD; inside it, and inside a command's callbacks,
 * submit and abort are legal. */
ESTLS_API int estls_at_open(estls_at_engine *e, const estls_io *io,
                            const estls_at_rule *rules, char *line, size_t cap,
                            void (*event)(void *, const estls_at_event *),
                            void *user) ESTLSI_CHECKED;
/* Queues cmd.  E_ARG: no text, a text that does not end with its only CR LF
 * (but ESCAPE), or a node that is queued already. */
ESTLS_API int estls_at_submit(estls_at_engine *e,
                              estls_at_cmd *cmd) ESTLSI_CHECKED;
/* Takes cmd back; done is not called.  If it was under way, the next one
 * waits until the modem has answered a probe. */
ESTLS_API void estls_at_abort(estls_at_engine *e, estls_at_cmd *cmd);
/* Reads, writes, and calls back.  ESTLS_OK: idle; BUSY; E_IO. */
ESTLS_API int estls_at_step(estls_at_engine *e);
/* After PAYLOAD: takes payload bytes straight from the UART, > 0; 0 nothing
 * yet or none left; E_TIMEOUT: no byte for 5 s, the payload is given up; E_IO.
 * No line is parsed until all are taken. */
ESTLS_API int estls_at_read(estls_at_engine *e, void *dst, size_t cap);

/* -- the modem's clock ----------------------------------------------------- */

/* What a modem says of the time -> Unix seconds, UTC.  Two forms:
 *     Tue Oct 19 17:47:56 2021   asctime, of +CIPSNTPTIME; UTC when the
 *                                modem's time zone is 0
 *     "21/10/19,17:47:56+08"     3GPP TS 27.007 +CCLK, quotes or not; local
 *                                time, and its zone in quarters of an hour
 * 0: malformed, or a year before 2020: the modem's clock is not set yet. */
ESTLS_API uint32_t estls_time(const char *text, size_t len);

/* -- the modem's power ----------------------------------------------------- */

/* The knobs of estls_at_power, each with what its value means.
 *
 * ESP-AT.  AT+RFPOWER is forgotten at a reset, and AT+SLEEP too.
 *   RFPOWER  the most that Wi-Fi sends with, in 0.25 dBm: 34 (8.5 dBm) to 84
 *            (21 dBm).  The module rounds down to a step it has, which
 *            AT+RFPOWER? tells, and refuses what it has not: ESP-AT 1.x above
 *            82, an ESP32 below 40.
 *   SLEEP    0: none.  1: modem-sleep, the radio wakes for the access point's
 *            DTIM beacons.  2: light-sleep, the processor sleeps as well, and
 *            may miss what the UART says.  3: modem-sleep that wakes at the
 *            listen interval of AT+CWJAP.  Links stay open in all of them.
 *            ESP-AT 1.x has other numbers: 1 light-sleep, 2 modem-sleep.
 *   GSLP     deep sleep for so many ms, 1 to 2^31 - 1.  It answers OK, drops
 *            all links, and boots by itself: the next bytes are its boot log,
 *            so open the engine or the link again.  On an ESP8266, GPIO16
 *            must be wired to RST, or it never wakes.
 *
 * 3GPP.  What is asked for; the network may grant another, or nothing: see
 * +CEREG with AT+CEREG=4 for the first, AT+CEDRXRDP for the others.  Times are
 * rounded up to the next that the coding has.
 *   PSM      AT+CPSMS (TS 27.007, 7.38).  The modem is off the air, and in
 *            most of them off the UART, between two tracking area updates.
 *            value: their period in s (T3412 extended, a GPRS Timer 3 of TS
 *            24.008, 10.5.7.4a), up to 35,712,000; above 1,116,000 (31 x 10 h)
 *            in steps of 320 h, which a network takes for 1 h if it is an old
 *            one, or the request has no integrity protection.  active_s: how
 *            long it can be reached after each (T3324, a GPRS Timer 2,
 *            10.5.7.4), up to 11,160 (31 x 6 min).  value 0: no PSM.
 *   EDRX_M   AT+CEDRXS (TS 27.007, 7.40) in LTE-M, <AcT-type> 4.  The modem
 *            is deaf between two paging windows.  value: their period in ms
 *            (TS 24.008, table 10.5.5.32), 5,120 to 2,621,440; 0: no eDRX in
 *            any technology.
 *   EDRX_NB  the same in NB-IoT, <AcT-type> 5: 20,480 to 10,485,760.  It has
 *            no cycle between 40,960 and 81,920, nor from there to 163,840. */
enum {
    ESTLS_AT_RFPOWER,
    ESTLS_AT_SLEEP,
    ESTLS_AT_GSLP,
    ESTLS_AT_PSM,
    ESTLS_AT_EDRX_M,
    ESTLS_AT_EDRX_NB
};

/* Builds a whole command in text, for estls_at_cmd.text, and returns its
 * length: 36 bytes are room for any.  E_ARG: no such knob, or a value beyond
 * its range; E_SPACE.  active_s: of ESTLS_AT_PSM; the others ignore it. */
ESTLS_API int estls_at_power(char *text, size_t cap, uint8_t knob,
                             uint32_t value, uint16_t active_s) ESTLSI_CHECKED;

/* The modem as a voltmeter: reads one line that answers AT+CBC, and widens
 * range, {0, 0} before the first, to hold it: the least and the most mV of
 * all lines so far.  A read that meets a transmission is the loaded supply,
 * so of several reads around sends the least comes near the cell under load
 * and the most near the cell at rest.
 *
 * TS 27.007, 8.4 has no voltage; where a vendor added one, it is the last
 * field: "+CBC: 0,97,3987" (SIMCom, Quectel), "+CBC: 0,100,4.230V",
 * "+CBC: 0,3663", "+CBC: 3.853V" (SIM7600, A7600).
 * E_PROTO, and range keeps its values: another line; a charge in percent only
 * (u-blox, Telit); a voltage outside 1000 to 6000 mV, where no modem runs. */
ESTLS_API int estls_at_cbc(const char *text, size_t len,
                           uint16_t range[2]) ESTLSI_CHECKED;

/* ======================================================================
 * >>link   an ESP-AT modem -> up to five TCP byte streams
 *
 * One operation at a time: start it, then step until it is not BUSY.
 *
 *     setup    ATE0, CIPMUX, CIPDINFO, receive mode     answered: idle
 *              silence: +++ and again, three times      then E_TIMEOUT
 *     join     CWJAP, unless joined already             OK or FAIL: idle
 *     clock    CIPSNTPCFG, then CIPSNTPTIME a second    any answer: idle
 *     dial     CIPSTART                                 OK or ERROR: idle
 *     send     CIPSEND, '>', payload                    SEND OK: idle
 *              SEND FAIL or ERROR: that port is dead, E_NETWORK, or E_CLOSED
 *              if the peer had closed it
 *     pull     CIPRECVDATA, payload                     OK or ERROR: idle
 *     hangup   CIPCLOSE                                 any answer: idle
 *     any      "ready": E_MODEM; "WIFI DISCONNECT": E_NETWORK; a payload
 *              header that lies: E_PROTO; all for good
 *
 *     open --> [join] --> [clock] --> dial --> io --> hangup
 * Starting one returns OK, or BUSY while another is under way: step, and try
 * again.  A modem that resets, or loses its network, fails them all, for
 * good; a dial that fails does not.
 *
 * A command of your own, such as one of estls_at_power, goes into the same
 * queue, at any time after estls_link_open, also while streams are open:
 *
 *     cmd.text = text;                            // yours, not d->line
 *     n = estls_at_power(text, sizeof text, ESTLS_AT_RFPOWER, 52, 0);
 *     cmd.len = (uint16_t)n;  cmd.timeout_ms = 1000;  cmd.done = done;
 *     estls_at_submit(&link.at, &cmd);            // a session: &net.link.at
 *
 * It waits for the operation under way, and operations wait for it: till then
 * they answer BUSY, and streams 0.  Go on stepping, reading or writing; that
 * it is over says done, not the step.  A refusal is done's E_MODEM and harms
 * nothing.  A link that has failed calls no done any more, and opening it
 * empties the queue.  Leave the link's own commands alone: AT+CIP..., ATE.
 * ====================================================================== */

enum { ESTLS_LINKS = 5 };

typedef struct estlsi_port {
    uint8_t id;
    uint8_t flags;
} estlsi_port;

typedef struct estls_link {
    uintptr_t self; /* small fields first: Thumb reaches them in one step */
    const estls_desc *d;
    uint8_t op;
    uint8_t step;
    uint8_t tries;
    uint8_t roomy; /* 1: takes 8192 bytes a send, not 2048 */
    uint8_t gate_waits;
    uint8_t gate_reason;
    int8_t err;      /* sticky: the modem is lost */
    int8_t rc;       /* of the last operation */
    uint8_t port_op; /* link id of the operation */
    uint8_t port_rx; /* ... of the payload under way, ESTLS_LINKS: nobody's */
    estlsi_port port[ESTLS_LINKS + 1]; /* the last: nobody's, never open */
    uint16_t sends;                    /* AT+CIPSEND that were started */
    uint16_t asked;      /* bytes of the last pull or send, or a number */
    uint16_t owed;       /* bytes that the open prompt still wants */
    uint32_t t0;         /* of the operation, or of the last pull */
    uint32_t gate_until; /* when the gate is asked again */
    estls_at_cmd cmd;
    estls_at_engine at;
    uint32_t clock; /* Unix seconds at clock_t0; 0: not set */
    uint32_t clock_t0;
    uint32_t reason; /* why the network was not joined, +CWJAP:<reason> */
} estls_link;

/* Takes the modem over, whatever state it is in: leaves transparent mode,
 * echo off, links closed, CIPMUX and receive mode as the description says.
 * Errors: E_ARG, E_SPACE; by step: E_TIMEOUT, E_MODEM, E_IO. */
ESTLS_API int estls_link_open(estls_link *l,
                              const estls_desc *d) ESTLSI_CHECKED;
/* Joins d->ssid.  By step: E_NETWORK if refused, E_TIMEOUT.
 * A modem that is joined to it already is left alone. */
ESTLS_API int estls_link_join(estls_link *l) ESTLSI_CHECKED;
/* Sets the modem's clock from d->sntp: OK when it is set; BUSY: step, and call
 * it again.  E_CLOCK if it stays 1970 for 30 s. */
ESTLS_API int estls_link_clock(estls_link *l) ESTLSI_CHECKED;
/* Unix seconds by the modem's clock; 0 if estls_link_clock has not run. */
ESTLS_API uint32_t estls_link_time(const estls_link *l);
/* Opens TCP to host:port on link id (0 without mux).  E_ARG: id, or host
 * holds a control character; E_STATE: that link is open; E_SPACE: line_cap;
 * by step: E_NETWORK, or E_TIMEOUT, and then the modem may still be at it and
 * not answer what comes next.  What comes before CONNECT (AT+SYSMSG as it is by
 * default) is of an earlier connection, and thrown away. */
ESTLS_API int estls_link_dial(estls_link *l, const char *host, uint16_t port,
                              uint8_t id) ESTLSI_CHECKED;
/* Closes link id.  A peer that closed first is fine.  What it had sent and
 * nobody has read is thrown away.  BUSY: something is under way: step, and call
 * again.  By step: nothing that matters; the port is free in any case. */
ESTLS_API int estls_link_hangup(estls_link *l, uint8_t id) ESTLSI_CHECKED;
/* ESTLS_OK: the last operation is done, or none was started. */
ESTLS_API int estls_link_step(estls_link *l);
/* The byte stream of link id, whole as long as the link is open.  Reading and
 * writing step the modem.  read: E_CLOSED after the peer's last byte.  write:
 * announces all that is offered as one send, of 2048 bytes at most (8192 since
 * ESP-AT 3.3), so offer a flight at once; it takes the first byte when the
 * modem prompts. */
ESTLS_API int estls_link_io(estls_link *l, uint8_t id,
                            estls_io *io) ESTLSI_CHECKED;

#ifndef ESTLS_NO_TLS
/* ======================================================================
 * >>tls   a byte stream -> a TLS 1.2 byte stream, in place
 *
 *     HELLO      nothing sent yet       ClientHello taken: HANDSHAKE
 *     HANDSHAKE                         application data allowed: OPEN
 *     OPEN       read, write            estls_tls_close: CLOSING
 *     CLOSING    close_notify           sent and answered, or 2 s: DONE
 *     any        an error, the peer's close_notify: DONE, secrets wiped
 * ====================================================================== */

/* Follows the server's clear handshake from outside BearSSL, which tells
 * neither whether max_fragment_length was agreed nor when a heavy step is
 * next.  RFC 5246 6.2.1, 7.4; RFC 6066 4. */
typedef struct estlsi_watch {
    uint32_t message_left; /* bytes of the handshake message */
    uint32_t value;        /* number that is being read in the ServerHello */
    uint16_t skip;         /* bytes of it to pass over */
    uint16_t record_left;  /* bytes of the record */
    uint8_t record_have;   /* bytes of a record header */
    uint8_t message_have;  /* bytes of a message header */
    uint8_t record;        /* content type */
    uint8_t message;       /* handshake type */
    uint8_t hello;         /* where in the ServerHello */
    uint8_t off;           /* 1: encrypted from here on */
    uint8_t full;          /* 1: a Certificate came, so nothing was resumed */
    uint8_t mfl;           /* 1: the server agreed to our fragment length */
} estlsi_watch;

/* A pinned key as BearSSL's certificate handler: vtable first. */
typedef struct estlsi_pin {
    const br_x509_class *vtable;
    const br_x509_pkey *key;
} estlsi_pin;

/* Memory to check a certificate chain in; yours, as long as the session.  Two
 * sessions may share it, unless both are in the handshake: then the one that
 * was first fails with E_STATE. */
typedef struct estls_x509 {
    const br_x509_class *vtable;
    br_x509_minimal_context minimal;
    uint32_t skip;  /* DER bytes to pass over */
    uint32_t left;  /* bytes of the extensions that are left */
    uint32_t value; /* length, or OID, that is being read */
    uint8_t phase;  /* of the element */
    uint8_t state;  /* in the certificate */
    uint8_t count;  /* bytes of value still to come */
    uint8_t tag;
    uint8_t ext;  /* which extension we are in */
    uint8_t seen; /* what the certificate has shown */
    uint8_t leaf;
    uint8_t refused;   /* BearSSL's number of the first objection; 0: none */
    uint8_t oid;       /* length of the OID that is being read */
    uint16_t inner;    /* bytes of extKeyUsage that are left */
    const void *owner; /* the handshake that it serves */
} estls_x509;

typedef struct estls_tls {
    uintptr_t self; /* BearSSL's context last: what stands behind it is far */
    const estls_desc *d;
    uint8_t state;
    int8_t err;
    uint8_t offered; /* 1: a saved session went into the ClientHello */
    uint8_t owes;    /* 1: closing, and written data has not left yet */
    uint8_t head_len;
    uint8_t head[5]; /* of a record, taken before BearSSL had room for it */
    uint16_t stage_cap;
    uint16_t stage_len;
    uint16_t stage_off;
    uint16_t pending; /* > 0: the next step runs elliptic-curve or RSA
                       * arithmetic on so many bytes; yours to read */
    uint16_t got;     /* bytes that lie where BearSSL wants more of them */
    uint16_t version; /* agreed; 0: not yet */
    uint16_t suite;
    int16_t detail;
    uint8_t *stage;   /* gathers the records of one flight */
    uint32_t t0;      /* of the phase, or of the last byte */
    uint32_t budget;  /* bytes that the peer may still send for nothing */
    estls_x509 *x509; /* null: trust is by a pinned key */
    estls_io io;
    estlsi_pin pin;
    estlsi_watch watch;
    uint8_t binding[16];
    br_ssl_client_context client;
} estls_tls;

/* Trust by certificate: d->anchors, d->x509, d->host and d->unix_time. */
ESTLS_API int estls_anchors(estls_tls *tls, void *binding);
/* Trust by key: d->pin.  Smallest: no certificate is looked at, no clock is
 * needed, and an expired or renewed certificate over the same key is fine. */
ESTLS_API int estls_pin(estls_tls *tls, void *binding);

/* Profiles: which cipher suites are offered, and with which of BearSSL's
 * implementations.  Each is linked only if it is named.
 *
 * Full: ECDHE with ECDSA or RSA, ChaCha20-Poly1305 or AES-128-GCM,
 * P-256, P-384, P-521 and X25519, SHA-256 to SHA-512. */
ESTLS_API void estls_full(br_ssl_client_context *client);
/* Small: ECDHE_ECDSA with ChaCha20-Poly1305, P-256, SHA-256; for a pinned EC
 * key, or a private P-256 chain. */
ESTLS_API void estls_small(br_ssl_client_context *client);

/* Starts TLS over io, which is copied; what it points to must stay.  Nothing
 * is sent before the first step.  Errors: E_ARG, E_SPACE, E_ENTROPY, E_CLOCK,
 * E_TRUST, E_NAME. */
ESTLS_API int estls_tls_open(estls_tls *t, const estls_desc *d,
                             const estls_io *io) ESTLSI_CHECKED;
/* BUSY in the handshake and while written data is not sent, then OK.  Errors:
 * E_INJECTED, E_TIMEOUT, E_PROTO, E_TRUST, E_EXPIRED, E_NAME, E_RECORD,
 * E_VERSION, E_TRUNCATED, E_CLOSED, E_TLS, and those of io. */
ESTLS_API int estls_tls_step(estls_tls *t);
/* > 0 bytes at dst; 0 nothing yet; E_CLOSED: the peer closed with
 * close_notify, nothing is missing; E_TRUNCATED: it did not; or as step.
 * Sends first what was written. */
ESTLS_API int estls_tls_read(estls_tls *t, void *dst, size_t cap);
/* > 0 bytes taken; 0 not now: step, or in half duplex read first.  Bytes
 * gather into one record until step or read sends it. */
ESTLS_API int estls_tls_write(estls_tls *t, const void *src, size_t len);
/* Sends what was written, then close_notify; unread data is dropped.  BUSY,
 * then OK: closed by us or cleanly by the peer; else the first error. */
ESTLS_API int estls_tls_close(estls_tls *t);

/* -- the seed keeper, for chips without a true random generator -------------
 *
 * Makes what estls_desc.entropy asks for out of a secret that the device was
 * given once.  Each open stretches the secret, its number and your noise
 * (HMAC-DRBG, SP 800-90A, SHA-256) into a successor, which takes the secret's
 * place in the store, and a state in RAM.  Nothing is put out before the
 * secret is gone from the store.
 *
 * What holds
 *   - No output comes twice, wherever and however often power fails.
 *   - To whoever has read neither store nor RAM, outputs are as hard to guess
 *     as the secret.
 *   - Who reads the store learns nothing of outputs up to the end of that
 *     boot; who reads this object, nothing of those before.
 *   - Without a secret it does not work: there is no default.
 * What does not
 *   - Who reads the store, or knows the secret (the factory), knows all later
 *     outputs, until one open has noise that is worth 128 bits to him.
 *     Smaller portions add up only against who does not see the sessions
 *     between; who sees them guesses one portion at a time.
 *   - Devices with one secret put out the same.  So does a device whose store
 *     was set back to an older state: it cannot tell.  But where the noise
 *     differs, so does the output, even if the noise is worth 0 bits: always
 *     give serial number and clock. */
typedef struct estls_seed {
    /* -- yours: zero the object, then fill these --------------------------- */

    /* The store: slots 0 and 1 of 48 bytes (len).  Return len; else the open
     * fails.  load reads what is stored, not a copy in RAM.  store returns
     * when the bytes are where a power cut leaves them, and never harms the
     * other slot, also if power fails meanwhile: in flash, each has an erase
     * page of its own.  It need be neither atomic nor in order: a slot in
     * which it was cut may hold anything, if only that reads the same until
     * the next store (so have a brown-out detector).
     *
     * Each open writes each slot once, and more often only after a cut.  With
     * one an hour, an EEPROM of 100,000 cycles lasts 11 years, flash of 10,000
     * one year: open in those boots alone that use TLS. */
    int (*load)(void *user, uint8_t slot, void *dst, size_t len);
    int (*store)(void *user, uint8_t slot, const void *src, size_t len);
    void *user;
    /* Whatever differs from boot to boot and device to device, read in open
     * only: iobuf is a good place.  Null and 0: none. */
    const void *noise;
    size_t noise_len;
    /* Your estimate of what it is worth: its min-entropy in bits, to somebody
     * who knows the board and its code; an ADC sample has far less than one.
     * In doubt 0; at most 8 for each byte. */
    uint16_t noise_bits;

    /* -- to read after an open --------------------------------------------- */

    uint32_t boots; /* opens since the secret was given */
    uint32_t bits;  /* of noise in all of them, stays at 2^32 - 1 */

    /* -- the keeper's ------------------------------------------------------ */

    uintptr_t self;
    br_hmac_drbg_context drbg;
} estls_seed;

/* Once in a boot, or again to add noise.  secret: null.  ESTLS_OK, or
 *   E_ENTROPY  no slot holds a record: give it a secret.  (Or 2^32 - 1 boots.)
 *   E_IO       load or store failed, or what was stored does not read back
 *   E_ARG      a callback is missing, or noise_bits is too high
 *
 * The secret is given once, in one of two ways:
 *   - by you, with 32 bytes from a true generator.  E_STATE: there is a record
 *     already; E_ENTROPY: they are all the same.  A secret that has been
 *     used before, here or elsewhere, repeats its outputs: never give one that
 *     is part of the program.
 *   - by the factory, which writes the same record into both slots: 8 bytes
 *     of 0, 32 of secret, and the first 8 of the SHA-256 of these 40. */
ESTLS_API int estls_seed_open(estls_seed *s,
                              const uint8_t *secret) ESTLSI_CHECKED;
/* Fills dst, up to 65,535 bytes, and returns len; 0: not open.  The value for
 * estls_desc.entropy: seed is estls_desc.user.  Where gate or unix_time need
 * that for something else, name a function of yours:
 *     size_t entropy(void *user, void *dst, size_t len)
 *     {
 *         return estls_seed_entropy(&seed, dst, len);
 *     }
 * Zero the object to forget the state. */
ESTLS_API size_t estls_seed_entropy(void *seed, void *dst, size_t len);

/* ======================================================================
 * >>starttls   the preamble in clear text, then >>tls on the same stream
 *
 * A protocol is a table of exchanges: send a line, judge those that answer.
 *     SEND --> ANSWER --> the next exchange's SEND ... --> TLS --> OPEN
 * What does not match fails the session; there is no way back to clear text,
 * and nothing that was learnt in clear is kept.
 * ====================================================================== */

/* A protocol that can be upgraded; you may write your own.
 *
 * Its dialogue is one string, so that the linker can drop it: for each command
 * and its answer six parts, each with a NUL behind it, and a NUL at the end.
 *     name   for estls_info
 *     send   a line, "%" is client_name and "@" host; empty: reads on
 *     done   the answer's last line
 *     more   its other lines; empty: there are none; "?": whatever the server
 *            says, which may then speak unasked, too
 *     no     a refusal, E_REFUSED; any other line is E_PROTO
 *     need   one of the lines, or E_NO_STARTTLS; empty: nothing
 * Without a judge, answers are replies of three digits, as in SMTP: done is
 * their code, need a word in capitals, which stands behind a code but not in
 * the first line; more and no are empty, and 4yz and 5yz refuse.
 *
 * With the judge of estls_imap(), which takes 0.4 KB of code, the last four
 * are patterns for the beginning of a line, alternatives separated by '|',
 * without regard to case:
 *     ?  any character         _  a word and the blank behind it
 *     !  nothing, or no digit  ~  any number of words; once in a pattern
 *     '  either quote         <  at the beginning, any blanks before it, too
 * A pattern that ends with a letter or digit must end a word of the line.
 * Write each part as a literal of its own with "\0" behind it: "\0220" in
 * one is an octal number.
 * Bytes behind the last line fail the session as injected, unless the next
 * command sends nothing and reads on. */
typedef struct estls_proto {
    const char *name;
    const char *dialogue;
    /* Null, that of estls_imap(), or your own.  Judges the n bytes at p of the
     * answer to command number s->step: a line, without its end; or, where
     * end is 0, all that came.  BUSY, more must come; OK, that was the last of
     * it; or an error. */
    int (*judge)(struct estls_starttls *s, const char *p, size_t n);
    /* what each command sends, instead of a line; null: a line */
    const void *request;
    uint8_t request_len;
    /* of a line: LF, and CR LF is sent; or another, as XML's '>'; 0: there
     * are no lines */
    char end;
    uint16_t port; /* the usual one */
} estls_proto;

/* A refusal (SMTP's 4yz and 5yz, IMAP's NO, ...) is E_REFUSED, a capability
 * that is missing E_NO_STARTTLS; any other line than expected is E_PROTO. */

/* SMTP and submission, RFC 3207: EHLO, never HELO; port 587 */
ESTLS_API const estls_proto *estls_smtp(void);
/* LMTP, RFC 2033 and 3207; port 24 */
ESTLS_API const estls_proto *estls_lmtp(void);
/* IMAP, RFC 3501; PREAUTH is E_PROTO; port 143 */
ESTLS_API const estls_proto *estls_imap(void);
/* POP3, RFC 2595, with CAPA; port 110 */
ESTLS_API const estls_proto *estls_pop3(void);
/* NNTP, RFC 4642, with CAPABILITIES; port 119 */
ESTLS_API const estls_proto *estls_nntp(void);
/* ManageSieve, RFC 5804; the server lists its capabilities again in TLS; port
 * 4190 */
ESTLS_API const estls_proto *estls_sieve(void);
/* IRC, numerics 670 and 691; the server's notices before it are skipped; port
 * 6667 */
ESTLS_API const estls_proto *estls_irc(void);
/* FTP, RFC 4217: AUTH TLS; see estls_open_data; port 21 */
ESTLS_API const estls_proto *estls_ftp(void);
/* XMPP, client to server, RFC 6120 5; host is the domain; port 5222 */
ESTLS_API const estls_proto *estls_xmpp(void);
/* LDAP, RFC 4511 4.14; answers with lengths in short form, so OpenLDAP's but
 * not Active Directory's; port 389 */
ESTLS_API const estls_proto *estls_ldap(void);
/* PostgreSQL, SSLRequest; port 5432 */
ESTLS_API const estls_proto *estls_postgres(void);
/* MySQL and MariaDB, SSL request packet.  The next packet has number 2 and the
 * capabilities 0x00088A00 again; the scramble of the greeting was in clear and
 * is forgotten, so authenticate by AuthSwitchRequest; port 3306. */
ESTLS_API const estls_proto *estls_mysql(void);
/* TLS from the first byte, implicit TLS, RFC 8314; port 465 */
ESTLS_API const estls_proto *estls_direct(void);

typedef struct estls_starttls {
    uintptr_t self;
    const estls_desc *d;
    const char *now; /* in the dialogue */
    uint32_t t0;
    uint16_t budget; /* bytes that the server may still send in clear */
    uint16_t len;    /* of what is in iobuf: lines, or what is left to send */
    uint16_t off;
    int8_t err;
    uint8_t state;
    uint8_t lines; /* of this answer */
    uint8_t step;  /* commands so far */
    uint8_t found;
    estls_tls tls;
} estls_starttls;

/* Starts the dialogue over io, which is copied.  Errors: those of
 * estls_tls_open, at once; E_ARG for a client_name that cannot be one. */
ESTLS_API int estls_starttls_open(estls_starttls *s, const estls_desc *d,
                                  const estls_io *io) ESTLSI_CHECKED;
/* BUSY, then OK in TLS.  Errors: E_PROTO, E_REFUSED, E_NO_STARTTLS,
 * E_INJECTED, E_CLOSED, E_TIMEOUT, and those of estls_tls_step. */
ESTLS_API int estls_starttls_step(estls_starttls *s);

/* The port in an answer to EPSV or PASV, 1024 or more, for connect_port.  The
 * host in it is passed over: a server shall not send us to another (RFC 2428
 * 3, RFC 2577 3).  reply: the line, n bytes.  E_REFUSED: 4yz or 5yz; E_PROTO:
 * neither 229 nor 227, or malformed, or a port below 1024. */
ESTLS_API int estls_ftp_port(const char *reply, size_t n,
                             uint16_t *port) ESTLSI_CHECKED;

/* ======================================================================
 * >>session   the front door: modem, preamble and TLS as one object
 * ====================================================================== */

typedef struct estls {
    uintptr_t self;
    estls_link *modem; /* our own, or that of the session beside; or null */
    int8_t err;
    uint8_t phase;
    estls_link link;
    estls_starttls starttls;
} estls;

/* What a session is doing and has done; for logs, watchdogs and batteries. */
typedef struct estls_report {
    const char *doing; /* "setup", "join", "clock", "dial", the preamble's
                        * "greeting"..., "handshake", "open", "closing", or
                        * "waiting for the battery" */
    int detail;        /* BearSSL's error number, or the modem's; 0: none */
    uint32_t wait_ms;  /* the gate holds back for so long yet; 0: not ... */
    uint8_t reason;    /* ... and why: what it has put in estls_gate */
    uint16_t sends;    /* AT+CIPSEND so far */
    uint16_t version;  /* 0x0303: TLS 1.2; 0: no handshake yet */
    uint16_t suite;    /* cipher suite, IANA number */
    uint8_t resumed;   /* 1: a saved session was taken up */
    uint8_t heavy;     /* 1: the next step is elliptic-curve arithmetic */
    uint8_t mfl;       /* 1: the server agreed to our max_fragment_length */
} estls_report;

/* Checks the whole description, then starts.  ESTLS_BUSY, or what is wrong:
 * E_ARG, E_SPACE, E_ENTROPY, E_CLOCK, E_TRUST, E_NAME.  d is borrowed until
 * the session is closed.  Nothing has been sent when it returns. */
ESTLS_API int estls_open(estls *s, const estls_desc *d) ESTLSI_CHECKED;
/* Opens one more TLS stream to the server of control, which must be open: an
 * FTP data connection.  It resumes control's TLS session, as FTP servers
 * demand; one that declines is verified in full.  d: a copy of control's
 * description but for iobuf, obuf, connect_port (see estls_ftp_port), and
 * link_id (on one modem, with mux in both) or uart with a user of its own
 * (without).  E_ARG if those are shared; E_TRUST if host, port, protocol or
 * trust differ; E_STATE if control is not open, or link_id is in use; else as
 * estls_open.  saved is kept and wiped as by any session.
 *
 * Close it before control.  While one of the two steps, reads, writes or
 * closes, go on reading the other: a payload under way that nobody reads
 * holds the modem up, and after timeout_ms loses it. */
ESTLS_API int estls_open_data(estls *s, const estls_desc *d,
                              estls *control) ESTLSI_CHECKED;
/* BUSY on the way to TLS and while written data waits; OK: in TLS and idle.
 * Errors: all of >>link, >>starttls and >>tls. */
ESTLS_API int estls_step(estls *s);
/* As estls_tls_read, estls_tls_write; E_STATE before estls_step said OK. */
ESTLS_API int estls_read(estls *s, void *dst, size_t cap);
ESTLS_API int estls_write(estls *s, const void *src, size_t len);
/* close_notify, then the modem's link.  BUSY, then OK, or the session's first
 * error (E_TRUNCATED: the peer ended without close_notify).  Secrets are
 * wiped when it is not BUSY.  Bounded by 10 s. */
ESTLS_API int estls_close(estls *s);
/* Any time after estls_open. */
ESTLS_API void estls_info(const estls *s, estls_report *out);
#endif /* ESTLS_NO_TLS */

/* ======================================================================
 * >>tx   "may I transmit now, how strongly, or when?", for weak cells
 *
 * A cell that rests at 2.8 V may fall below 2 V in a burst: what counts is
 * its resistance (ESR), which one measures from a rest and a loaded voltage.
 * With it the lowest voltage of a burst is predicted before it is sent.
 *
 *     at reset       estls_tx_boot: did the last burst kill us?  Then HOLD
 *     before a burst estls_tx_ask: job in, plan out
 *         SEND  at a level, so much of it: estls_tx_key, radio, estls_tx_done
 *         PROBE hold a known load, estls_tx_learn, ask again
 *         WAIT  ask again after so many ms, or let the job be
 *         DROP  never: it is too late, or the cell cannot
 *     HOLD           its time, a poke, a rise of 150 mV: ends
 *
 * Integers only: mV, uA, mOhm, us, ms, uC, nF.  This room knows >>core alone.
 *
 * A sensor with a radio of its own:
 *
 *     static const estls_tx_level levels[] = {{8, 16400}, {4, 11200},
 *                                             {0, 6400}, {-8, 4900}};
 *     static const estls_tx_segment event[] = {{376, 0}, {350, 5000},
 *                                 {376, 0}, {350, 5000}, {376, 0}};
 *     board.level = levels;     board.level_count = 4;
 *     board.segment = event;    board.segment_count = 5;
 *     board.constant_power = 1; board.brownout_mV = 1750;
 *     board.reservoir_nF = 10000;
 *     board.probe_uA = 5000;    board.guard = &retained;
 *
 *     estls_tx_boot(&tx, &board, millis());
 *     ...
 *     job.now = millis();       job.mV = adc_mV();
 *     switch (estls_tx_ask(&tx, &job, &plan)) { ... }
 *
 * 100 uF across the supply beat any scheduler: see estls_tx_capacitor first.
 * The model does not know passivation (the film on a cell that has idled for
 * weeks: hence PROBE), nor the temperature inside the cell: what was learnt
 * at noon is aged until the next burst or probe teaches better.
 * ====================================================================== */

/* Why a plan is what it is, why a reading was refused, or what a diagnosis
 * found.  X(name, text for a person). */
#define ESTLSI_TX_REASONS(X)                                                   \
    X(FINE, "the supply carries it")                                           \
    X(LOWER, "a lower level: a higher one would droop too far")                \
    X(SPLIT, "in pieces: all at once would droop too far")                     \
    X(UNKNOWN, "the cell's resistance is not known yet: probe first")          \
    X(STALE, "the cell's resistance was learnt long ago: probe again")         \
    X(DROOP, "no level keeps the voltage above brown-out and margin")          \
    X(COLLAPSE, "no operating point: the cell cannot give that power")         \
    X(EMPTY, "the rest voltage is at the floor: the cell is empty")            \
    X(RECOVERING, "the cell still recovers from the last burst")               \
    X(HOLD, "hold-off: a brown-out in transmission")                           \
    X(BUDGET, "the charge budget is spent")                                    \
    X(EXPIRED, "too late for the job")                                         \
    X(BAD_ADC, "the ADC says 0 or full scale: measure again")                  \
    X(BAD_LOAD, "a load of no current or no time, or beyond 2 A")              \
    X(BAD_PAIR, "no droop: loaded at or above rest, or samples swapped")       \
    X(TOO_SHORT, "the reservoir hides the droop: hold the load longer")        \
    X(BAD_LEVELS, "the table of levels is empty or says no current")           \
    X(CELL_OLD, "the cell's resistance is too high: replace the cell")         \
    X(CELL_COLD, "the cell is cold: warm it, or lower the level")              \
    X(NO_RESERVOIR, "reservoir missing or too small: fit a larger one")        \
    X(LOAD_LARGER, "the load is larger than the table of levels says")         \
    X(NO_DATA, "nothing has been measured yet")

enum {
#define ESTLSI_TX_ENUM(name, text) ESTLS_TX_##name,
    ESTLSI_TX_REASONS(ESTLSI_TX_ENUM)
#undef ESTLSI_TX_ENUM
        ESTLSI_TX_REASONS_END
};

/* A sentence for a reason.  Static storage; "?" for a number that is none. */
ESTLS_API const char *estls_tx_reason(uint8_t reason);

/* -- the board: const, may be in flash ------------------------------------- */

/* A transmit power.  Tables are in order of preference, best first; currents
 * need not fall with the power (nRF52840: -4 dBm takes less than -8 dBm). */
typedef struct estls_tx_level {
    int16_t dBm; /* yours: dBm, or what AT+RFPOWER takes; not read */
    uint32_t uA; /* of the whole board while it transmits; 1..2,000,000 */
} estls_tx_level;

/* A piece of a burst.  The last one may well be a pause. */
typedef struct estls_tx_segment {
    uint32_t us; /* up to 1,000,000 */
    uint32_t uA; /* 0: the level's current */
} estls_tx_segment;

/* 8 bytes that outlive a reset (.noinit): whether we died in transmission. */
typedef struct estls_tx_guard {
    uint16_t crc;    /* CRC-16/CCITT of the rest */
    uint8_t phase;   /* 0, or 1 + level while the radio is keyed */
    uint8_t deaths;  /* in transmission, less what successes took off */
    uint16_t hold_s; /* hold-off that is left */
    uint16_t esr;    /* fast ESR, packed */
} estls_tx_guard;

/* Flight recorder: 32 bytes that outlive a reset.  A debugger that attaches
 * resets the board, and the log is gone; this is not.  Resistances are
 * packed; estls_tx_report unpacks them.  Kept by estls_tx_recorder. */
typedef struct estls_tx_log {
    uint16_t crc;
    uint8_t phase; /* as the guard's when the board last booted */
    uint8_t level; /* of the last burst */
    uint32_t attempts;
    uint16_t boots;
    uint16_t near_misses; /* bursts that used up half the margin */
    uint16_t brownouts;   /* in transmission */
    uint16_t lowest_mV;   /* ever sampled; 0: never */
    uint16_t rest_mV;     /* before the last burst ... */
    uint16_t loaded_mV;   /* ... and its lowest */
    uint16_t fast;        /* ESR within a burst */
    uint16_t slow;        /* what seconds of load add to it */
    uint16_t probe;       /* ESR by the last probe alone ... */
    uint16_t burst;       /* ... and by the last burst alone */
    uint16_t best;        /* lowest ESR of this cell */
    uint16_t hold_s;      /* the last hold-off */
} estls_tx_log;

/* Zero means the default, but for level, segment and brownout_mV. */
struct estls_tx;
typedef struct estls_tx_board {
    const estls_tx_level *level;
    /* What one burst draws: the segments, repeat times (0: once).  8 segments
     * at most.  List pauses within it (1 uA for none). */
    const estls_tx_segment *segment;
    uint8_t level_count;
    uint8_t segment_count;
    uint8_t repeat;
    /* 1: radio or DC/DC draw constant power, and currents are those at
     * nominal_mV (0: 3000).  0: constant current. */
    uint8_t constant_power;
    uint16_t nominal_mV;
    /* What the board resets at, from the datasheet: demanded. */
    uint16_t brownout_mV;
    /* Kept above it: 0 is 150; less than 100 is taken as 100.  It is for what
     * a cell may hide: in the quarter of an hour after a probe a third of it
     * does, and after a burst, which shows the droop itself, an eighth. */
    uint16_t margin_mV;
    /* Readings at or above it are not real; 0: none are. */
    uint16_t full_scale_mV;
    /* First hold-off after a death, s, doubled with each; 0: 60.  A record that
     * was garbage, as when new, counts as one. */
    uint16_t hold_s;
    uint16_t reservoir_mOhm; /* ESR of the reservoir */
    /* Reservoir across the supply, effective: a class II MLCC has half of its
     * nominal capacitance at 3 V. */
    uint32_t reservoir_nF;
    /* A constant current that you can hold to measure by, such as the CPU in
     * a loop, 1..2,000,000; 0: none, then unknown cells get the lowest level
     * first. */
    uint32_t probe_uA;
    estls_tx_guard *guard; /* null: no boot guard */
    /* What is optional, null behind the last, in any order.  A program links
     * what it names: estls_tx_recorder, estls_tx_bucket, estls_tx_splitter. */
    uint32_t (*part[3])(struct estls_tx *tx, uint8_t event, const void *with);
    estls_tx_log *log; /* the recorder's; null: none */
    /* The bucket's; null: none.  Two words, zero when new; retained, they
     * outlive resets: uC that are saved up, at most a day's worth, and ms, of
     * when.  uA are what transmission may take on average: capacity over
     * lifetime less the sleep current. */
    uint32_t *budget;
    uint32_t budget_uA; /* 0: charge is counted, but no reason to wait */
    uint32_t boot_uC;   /* charge of a boot, for the bucket */
} estls_tx_board;

/* -- the question ---------------------------------------------------------- */

/* 24 bytes on 32-bit machines.  One for each cell. */
typedef struct estls_tx {
    uint16_t self;
    uint8_t level; /* of the last burst, and flags */
    uint8_t slow;  /* what seconds of load add to ESR, 64 is as much again */
    const estls_tx_board *board;
    uint16_t fast;  /* ESR within a burst, packed; as in the log */
    uint16_t alpha; /* what the board's burst meets of it; ... */
    uint16_t
        fixed;     /* ... its other segments, as so much more uA, packed; ... */
    uint8_t share; /* ... and how much of the droop counts in its power */
    uint8_t before; /* the reading before the last */
    uint16_t rest_mV;
    uint16_t stamp; /* when ESR was learnt, in 65.536 s */
    uint32_t t0;    /* of the hold-off, or of the end of the last burst */
} estls_tx;

typedef struct estls_tx_job {
    uint32_t now; /* ms, by your tick; may wrap */
    /* The cell at rest, just measured: nothing but the sleep current has
     * flowed for 5 RC, and for 2 s after a boot or a long load. */
    uint16_t mV;
    /* 1: the bucket is no reason to wait.  Brown-out always is. */
    uint8_t urgent;
    /* Length, us: one load of that length, which a board with the splitter
     * sends in pieces if need be.  0: the burst that the board describes. */
    uint32_t us;
    /* 0: a transmission, at one of the levels.  Else another load of constant
     * current for us: an elliptic curve, a flash write, a motor. */
    uint32_t uA;
    /* ms that it may be put off at no loss: waits for recovery rather than
     * lower its level */
    uint32_t slack_ms;
    /* ms from now after which it is worth nothing; 0: never, < 0: by now */
    int32_t expiry_ms;
} estls_tx_job;

enum { /* action */
       ESTLS_TX_SEND,
       ESTLS_TX_PROBE,
       ESTLS_TX_WAIT,
       ESTLS_TX_DROP
};

typedef struct estls_tx_plan {
    uint8_t action;
    uint8_t reason;
    uint8_t level; /* SEND: index into the board's table; 255: another load */
    /* SEND: of the job's us so many now; for the rest ask again after ms.
     * PROBE: hold the load of uA so long, and sample at its end. */
    uint32_t us;
    uint32_t uA;
    /* WAIT: ask again after so long */
    uint32_t ms;
    /* The numbers behind it */
    uint16_t lowest_mV; /* predicted; 0: collapse */
    uint16_t floor_mV;  /* what it must not fall below */
    uint32_t esr_mOhm;  /* that was reckoned with; 0: unknown */
    uint32_t uC;        /* charge that it takes; 0: there is no bucket */
} estls_tx_plan;

/* A measured pair: at rest, and at the end of a load. */
typedef struct estls_tx_sample {
    uint32_t now;       /* ms */
    uint32_t us;        /* how long the load had been on */
    uint32_t uA;        /* of it: constant current */
    uint16_t rest_mV;   /* before it */
    uint16_t loaded_mV; /* at its end, still under load */
} estls_tx_sample;

/* Once after each reset, before the radio is used.  Reads guard and log,
 * which may hold garbage.  board is borrowed for good.  E_ARG: no level, or
 * one of no current or beyond 2 A; no or too many segments; brownout_mV 0 or
 * above 6000; margin_mV above 2000; nominal_mV above 8000.  Then all else
 * answers E_STATE. */
ESTLS_API int estls_tx_boot(estls_tx *tx, const estls_tx_board *board,
                            uint32_t now) ESTLSI_CHECKED;
/* Job in, plan out; plan is always filled.  OK or E_STATE (plan: DROP). */
ESTLS_API int estls_tx_ask(estls_tx *tx, const estls_tx_job *job,
                           estls_tx_plan *plan) ESTLSI_CHECKED;
/* The radio is about to be keyed at plan->level: marks it in the guard.  A
 * modem that dies of it while we do not: call estls_tx_boot again. */
ESTLS_API void estls_tx_key(estls_tx *tx, const estls_tx_plan *plan);
/* It is over, and we are alive.  sample: now; rest_mV, as in the job;
 * loaded_mV, sampled at the end of the last pulse, which is the lowest (0: not
 * sampled); us, as in the plan; uA is not read.  Learns from it.
 * Returns a reason: FINE, DROOP for a near miss, or why the sample was not
 * used. */
ESTLS_API uint8_t estls_tx_done(estls_tx *tx, const estls_tx_sample *sample);
/* Learns from a probe.  Returns FINE or why it was not used: BAD_ADC,
 * BAD_LOAD, BAD_PAIR, TOO_SHORT; then nothing has changed, but that TOO_SHORT
 * teaches an unknown cell what its ESR is at most, and after all that a cell
 * could bear a known one is no longer old.
 * Loads of 200 ms and more teach the slow ESR, others the fast. */
ESTLS_API uint8_t estls_tx_learn(estls_tx *tx, const estls_tx_sample *sample);
/* Somebody is there (button, USB): ends a hold-off and forgets deaths. */
ESTLS_API void estls_tx_poke(estls_tx *tx);
/* May a flash page be written at mV now?  1 or 0: not while the radio is
 * keyed (so says the guard), nor near brown-out, nor by an unknown cell. */
ESTLS_API int estls_tx_flash_ok(const estls_tx *tx, uint16_t mV);
/* Battery low?  FINE; EMPTY or DROOP: the weakest level comes within 100 mV
 * of the floor; CELL_OLD: ESR is four times its best (needs the log). */
ESTLS_API uint8_t estls_tx_low(const estls_tx *tx, uint16_t mV);

/* -- what is optional: for board.part, not to be called by you ------------- */

/* Keeps board.log. */
ESTLS_API uint32_t estls_tx_recorder(estls_tx *tx, uint8_t event,
                                     const void *with);
/* Keeps board.budget: plan->uC, and WAIT until a job can be afforded. */
ESTLS_API uint32_t estls_tx_bucket(estls_tx *tx, uint8_t event,
                                   const void *with);
/* Sends a job of a length in pieces where it would droop too far in one: the
 * longest piece, to 1/64 of the job, at the first level that takes a quarter
 * of it, else at the one that takes most; and the pause behind it. */
ESTLS_API uint32_t estls_tx_splitter(estls_tx *tx, uint8_t event,
                                     const void *with);

/* -- the model, by itself -------------------------------------------------- */

/* A cell: R0, then R1 and R2 each beside a capacitor, as time constants.
 * Resistances up to 1 kOhm; 0: there is none. */
typedef struct estls_tx_cell {
    uint16_t mV; /* at rest, up to 8000 */
    uint32_t r0_mOhm;
    uint32_t r1_mOhm;
    uint32_t tau1_us;
    uint32_t r2_mOhm;
    uint32_t tau2_us;
} estls_tx_cell;

/* The lowest voltage of the board's burst at a level of uA, mV.  0: it
 * collapses, or the input makes no sense (no voltage, more than 2 A). */
ESTLS_API uint16_t estls_tx_predict(const estls_tx_cell *cell,
                                    const estls_tx_board *board, uint32_t uA);
/* After that burst: us until the voltage is within mV of rest; up to 12 % too
 * long.  0xFFFFFFFF: the burst collapses. */
ESTLS_API uint32_t estls_tx_recovery(const estls_tx_cell *cell,
                                     const estls_tx_board *board, uint32_t uA,
                                     uint16_t mV);
/* The smallest reservoir, nF and effective, that keeps that burst above
 * brown-out and margin.  0: none is needed; 0xFFFFFFFF: not even 1 F. */
ESTLS_API uint32_t estls_tx_capacitor(const estls_tx_cell *cell,
                                      const estls_tx_board *board, uint32_t uA);

/* -- what happened --------------------------------------------------------- */

/* The log as one line of text, through io->write, which must take all of it
 * (a UART that waits): else E_IO.  E_STATE: no log. */
ESTLS_API int estls_tx_report(const estls_tx *tx, const estls_io *io);
/* What ails the supply, and so the cure: FINE, EMPTY, CELL_COLD, CELL_OLD,
 * NO_RESERVOIR, LOAD_LARGER or NO_DATA.  mV: at rest now; celsius: of the
 * cell, 127: unknown.  *nF: the reservoir that would carry the first level,
 * as estls_tx_capacitor. */
ESTLS_API uint8_t estls_tx_diagnose(const estls_tx *tx, uint16_t mV,
                                    int8_t celsius, uint32_t *nF);

#ifdef __cplusplus
}
#endif
#endif /* ESTLSI_H */

#if defined ESTLS_IMPLEMENTATION && !defined ESTLSI_IMPLEMENTED
#define ESTLSI_IMPLEMENTED

/* Seconds at the start of the month this file was released: 2026-11-01. */
#ifndef ESTLS_NOT_BEFORE
#define ESTLS_NOT_BEFORE 1793491200
#endif
#ifndef ESTLS_PROFILE
#define ESTLS_PROFILE estls_full
#endif
/* A helper that costs more where it is inlined than where it is called. */
#if defined __GNUC__
#define ESTLSI_APART static __attribute__((noinline))
#else
#define ESTLSI_APART static
#endif

/* ======================================================================
 * >>core
 * ====================================================================== */

/* The n-th of some texts, each with a NUL behind it. */
static const char *estlsi_core_nth(const char *texts, uint8_t n)
{
    while (n--) { texts += strlen(texts) + 1; }
    return texts;
}

enum { /* places of the errors in a list of them */
#define ESTLSI_PLACE(name, value, text, advice) ESTLSI_PLACE_##name,
       ESTLS_ERRORS(ESTLSI_PLACE)
#undef ESTLSI_PLACE
           ESTLSI_PLACES
};

/* The text about an error; the last one is for what is none.  One array, since
 * the strings of a table would be linked with any other string. */
static const char *estlsi_core_about(const char *texts, int rc)
{
    const unsigned place = rc < 0 ? 1u - (unsigned)rc : (unsigned)rc;
    const int known = rc <= ESTLS_BUSY && place < ESTLSI_PLACES;

    return estlsi_core_nth(texts,
                           (uint8_t)(known ? place : (unsigned)ESTLSI_PLACES));
}

ESTLS_API const char *estls_error_name(int rc)
{
#define ESTLSI_TEXT(name, value, text, advice) #name "\0"
    static const char names[] = ESTLS_ERRORS(ESTLSI_TEXT) "?";
#undef ESTLSI_TEXT

    return estlsi_core_about(names, rc);
}

ESTLS_API const char *estls_strerror(int rc)
{
#define ESTLSI_TEXT(name, value, text, advice) text "\0"
    static const char texts[] =
        ESTLS_ERRORS(ESTLSI_TEXT) "not an error of this library";
#undef ESTLSI_TEXT

    return estlsi_core_about(texts, rc);
}

ESTLS_API const char *estls_error_advice(int rc)
{
#define ESTLSI_TEXT(name, value, text, advice) advice "\0"
    static const char texts[] = ESTLS_ERRORS(ESTLSI_TEXT);
#undef ESTLSI_TEXT

    return estlsi_core_about(texts, rc);
}

/* An object's mark is its address, scrambled: a copy has another. */
static uintptr_t estlsi_core_mark(const void *object)
{
    return (uintptr_t)object ^ (uintptr_t)0xA5C3;
}

/* Marks an object as open. */
ESTLSI_APART void estlsi_core_sign(void *object)
{
    *(uintptr_t *)object = estlsi_core_mark(object);
}

/* Is it one of ours, open and in its place?  The mark comes first in each. */
ESTLSI_APART int estlsi_core_is(const void *object)
{
    return *(const uintptr_t *)object == estlsi_core_mark(object);
}

static int estlsi_core_past(uint32_t now, uint32_t t0, uint32_t limit)
{
    return (uint32_t)(now - t0) >= limit;
}

ESTLSI_APART uint32_t estlsi_core_tick(const estls_io *io)
{
    return io->tick(io->user);
}

/* Are so many ms over? */
ESTLSI_APART int estlsi_core_late(const estls_io *io, uint32_t t0,
                                  uint32_t limit)
{
    return estlsi_core_past(estlsi_core_tick(io), t0, limit);
}

ESTLSI_APART uint32_t estlsi_core_timeout(const estls_desc *d)
{
    return d->timeout_ms ? d->timeout_ms : 120000u;
}

static int estlsi_core_io_ok(const estls_io *io)
{
    return io->read && io->write && io->tick;
}

/* What goes into a line must not end it, and must be a name's length. */
static int estlsi_core_text_ok(const char *text, size_t max)
{
    size_t i;

    for (i = 0; text[i]; i++) {
        if (i == max || (uint8_t)text[i] < 0x20 || text[i] == 0x7f) {
            return 0;
        }
    }
    return i > 0;
}

/* ======================================================================
 * >>at
 * ====================================================================== */

/* A byte of an ESTLS_ROM table. */
#if defined __AVR__
#define ESTLSI_ROM(place) pgm_read_byte(&(place))
#else
#define ESTLSI_ROM(place) ((uint8_t)(place))
#endif

#define ESTLSI_W ESTLS_AT_WHOLE
#define ESTLSI_I (ESTLS_AT_WHOLE | ESTLS_AT_ID)
#define ESTLSI_N ESTLS_AT_NUMBER

static const estls_at_rule estlsi_at_esp_rules[] ESTLS_ROM = {
    ESTLS_AT_RULE("+IPD,", ESTLS_AT_PAYLOAD, ESTLS_AT_ID_EVEN, 0, ':'),
    ESTLS_AT_RULE("+CIPRECVDATA,", ESTLS_AT_PAYLOAD, 0, 0, ':'),
    ESTLS_AT_RULE("+CIPRECVDATA:", ESTLS_AT_PAYLOAD, 0, 0, ','),
    ESTLS_AT_RULE("+CME ERROR:", ESTLS_AT_ERROR, ESTLSI_N, 0, 0),
    ESTLS_AT_RULE("+CMS ERROR:", ESTLS_AT_ERROR, ESTLSI_N, 0, 0),
    ESTLS_AT_RULE("AT+", ESTLS_AT_ECHO, 0, 0, 0),
    ESTLS_AT_RULE("ATE", ESTLS_AT_ECHO, 0, 0, 0),
    ESTLS_AT_RULE("AT", ESTLS_AT_ECHO, ESTLSI_W, 0, 0),
    ESTLS_AT_RULE("CONNECT", ESTLS_AT_URC, ESTLSI_I, ESTLS_AT_CONNECT, 0),
    ESTLS_AT_RULE("CONNECT FAIL", ESTLS_AT_URC, ESTLSI_I, ESTLS_AT_CLOSED, 0),
    ESTLS_AT_RULE("CLOSED", ESTLS_AT_URC, ESTLSI_I, ESTLS_AT_CLOSED, 0),
    ESTLS_AT_RULE("ERROR", ESTLS_AT_ERROR, ESTLSI_W, 0, 0),
    ESTLS_AT_RULE("FAIL", ESTLS_AT_ERROR, ESTLSI_W, 0, 0),
    ESTLS_AT_RULE("OK", ESTLS_AT_OK, ESTLSI_W, 0, 0),
    ESTLS_AT_RULE("Recv ", ESTLS_AT_URC, ESTLSI_N, ESTLS_AT_TAKEN, 0),
    ESTLS_AT_RULE("SEND OK", ESTLS_AT_OK, ESTLSI_W, ESTLS_AT_SENT, 0),
    ESTLS_AT_RULE("SEND FAIL", ESTLS_AT_ERROR, ESTLSI_W, ESTLS_AT_NOT_SENT, 0),
    ESTLS_AT_RULE("WIFI GOT IP", ESTLS_AT_URC, ESTLSI_W, ESTLS_AT_WIFI_UP, 0),
    ESTLS_AT_RULE("WIFI DISCONNECT", ESTLS_AT_URC, ESTLSI_W, ESTLS_AT_WIFI_DOWN,
                  0),
    ESTLS_AT_RULE("busy ", ESTLS_AT_BUSY, 0, 0, 0),
    ESTLS_AT_RULE("ready", ESTLS_AT_RESET, ESTLSI_W, 0, 0),
    ESTLS_AT_RULES_END};

#undef ESTLSI_W
#undef ESTLSI_I
#undef ESTLSI_N

ESTLS_API const estls_at_rule *estls_at_esp(void)
{
    return estlsi_at_esp_rules;
}

ESTLS_API int estls_at_init(estls_at *at, const estls_at_rule *rules,
                            char *line, size_t cap)
{
    memset(at, 0, sizeof *at);
    if (!rules || !line) { return ESTLS_E_ARG; }
    if (cap < 16) { return ESTLS_E_SPACE; }
    at->rules = rules;
    at->line = line;
    at->cap = (uint16_t)(cap >> 15 ? 0x7fff : cap);
    estlsi_core_sign(at);
    return ESTLS_OK;
}

/* The one decimal reader of the house.  Returns where the digits end; null:
 * there is none, or the number is larger than 2^32 - 1. */
static const char *estlsi_at_digits(const char *p, const char *end,
                                    uint32_t *out)
{
    const char *first = p;
    uint32_t v = 0;
    uint32_t digit;

    for (; p != end; p++) {
        digit = (uint32_t)(uint8_t)*p - '0';
        if (digit > 9) { break; }
        if (v > 429496729u || v * 10 + digit < digit) { return NULL; }
        v = v * 10 + digit;
    }
    if (p == first) { return NULL; }
    *out = v;
    return p;
}

/* Behind "<id>," at p, or p where that is not. */
static const char *estlsi_at_id(const char *p, const char *end, int8_t *id)
{
    uint32_t v;
    const char *q = estlsi_at_digits(p, end, &v);

    if (!q || q == end || *q != ',' || v > 127) { return p; }
    *id = (int8_t)v;
    return q + 1;
}

static const estls_at_rule *estlsi_at_find(const estls_at_rule *r,
                                           const char *text, size_t n)
{
    const uint8_t c = (uint8_t)text[0];
    size_t i;

    if (c == 0xff) { return NULL; /* as the table's end begins, and no rule */ }
#if UINTPTR_MAX > 0xffffffffu
    /* two at once: behind what is not the end there is another */
    while (ESTLSI_ROM(r->text[0]) < c && ESTLSI_ROM(r[1].text[0]) < c) {
        r += 2;
    }
#endif
    while (ESTLSI_ROM(r->text[0]) < c) { r++; }
    for (; ESTLSI_ROM(r->text[0]) == c; r++) {
        i = ESTLSI_ROM(r->len);
        if (n < i) { continue; }
        /* most rules fail at their last character */
        while (--i && ESTLSI_ROM(r->text[i]) == (uint8_t)text[i]) {}
        if (!i && (n == ESTLSI_ROM(r->len) ||
                   !(ESTLSI_ROM(r->match) & ESTLS_AT_WHOLE))) {
            return r;
        }
    }
    return NULL;
}

/* Number that a rule's text is followed by: "Recv 5 bytes", "ERROR: 10". */
static uint32_t estlsi_at_tail(const char *p, const char *end)
{
    const char *q;
    uint32_t v;

    while (p != end && *p == ' ') { p++; }
    q = estlsi_at_digits(p, end, &v);
    return q && (q == end || *q == ' ') ? v : 0xffffffffu;
}

static uint8_t estlsi_at_unmatched(const char *expect, const char *text,
                                   size_t n)
{
    size_t i;

    for (i = 0; expect && expect[i]; i++) {
        if (i == n || expect[i] != text[i]) { return ESTLS_AT_URC; }
    }
    return ESTLS_AT_LINE;
}

/* The terminator of a payload header, which counts outside quotes only; end
 * where it is missing.  Counts the commas on the way. */
static const char *estlsi_at_terminator(const char *p, const char *end,
                                        char terminator, unsigned *commas)
{
    unsigned quoted = 0;

    for (; p != end; p++) {
        if (*p > ',' && *p != terminator) { continue; /* digits, mostly */ }
        if (*p == '"') {
            quoted ^= 1;
        } else if (!quoted && *p == terminator) {
            break;
        } else if (!quoted) {
            *commas += *p == ',';
        }
    }
    return p;
}

/* What there is of a line: its beginning, all of it, or what had room. */
enum { ESTLSI_AT_PART, ESTLSI_AT_ALL, ESTLSI_AT_CUT };

/* Reads "id,length" or "length" from a payload header.  Without a terminator
 * the whole line must be that: an announcement. */
static void estlsi_at_header(estls_at *at, const estls_at_rule *r, int extent,
                             estls_at_event *ev)
{
    const char *p = ev->text + ESTLSI_ROM(r->len);
    const char *end = ev->text + ev->len;
    unsigned commas = 0;
    const char *stop =
        estlsi_at_terminator(p, end, (char)ESTLSI_ROM(r->end), &commas);
    const char *q = p;
    int bad = 0;

    if (stop == end && extent != ESTLSI_AT_ALL) { return; }
    ev->kind = ESTLS_AT_BAD;
    ev->tag = ESTLSI_ROM(r->tag);
    ev->len = (size_t)(stop - ev->text) + (stop != end);
    if ((ESTLSI_ROM(r->match) & ESTLS_AT_ID_FIRST) ||
        ((ESTLSI_ROM(r->match) & ESTLS_AT_ID_EVEN) && commas % 2)) {
        p = estlsi_at_id(p, stop, &ev->id);
        bad = p == q;
    }
    q = estlsi_at_digits(p, stop, &ev->number);
    if (bad || !q || ev->number > 0xffff) { return; }
    if (stop == end) {
        if (q == stop) { ev->kind = ESTLS_AT_AVAIL; }
    } else if (q == stop || *q == ',') {
        ev->kind = ESTLS_AT_PAYLOAD;
        at->left = (uint16_t)ev->number;
        at->id = ev->id;
    }
}

/* What is this line, or the beginning of one?  Sets ev->kind if it can
 * tell. */
static void estlsi_at_judge(estls_at *at, int extent, estls_at_event *ev)
{
    const char *text = ev->text;
    const char *end = text + ev->len;
    const char *body = text;
    const estls_at_rule *r;

    if ((uint8_t)(text[0] - '0') < 10) {
        body = estlsi_at_id(text, end, &ev->id);
        body = body == end ? text : body;
    }
    r = estlsi_at_find(at->rules, body, (size_t)(end - body));
    if (r && body != text && !(ESTLSI_ROM(r->match) & ESTLS_AT_ID)) {
        r = NULL;
    }
    if (r && ESTLSI_ROM(r->kind) == ESTLS_AT_PAYLOAD) {
        estlsi_at_header(at, r, extent, ev);
        if (ev->kind) { return; }
    }
    if (extent == ESTLSI_AT_PART) { return; }
    if (!r || extent == ESTLSI_AT_CUT) {
        ev->id = -1;
        ev->overlong = extent == ESTLSI_AT_CUT;
        ev->kind = estlsi_at_unmatched(at->expect, text, ev->len);
        return;
    }
    ev->kind = ESTLSI_ROM(r->kind);
    ev->tag = ESTLSI_ROM(r->tag);
    if (ESTLSI_ROM(r->match) & ESTLS_AT_NUMBER) {
        ev->number = estlsi_at_tail(text + ESTLSI_ROM(r->len), end);
    }
}

static size_t estlsi_at_payload(estls_at *at, const char *bytes, size_t n,
                                estls_at_event *ev)
{
    n = n < at->left ? n : at->left;
    at->left = (uint16_t)(at->left - n);
    ev->kind = ESTLS_AT_DATA;
    ev->id = at->id;
    ev->text = bytes;
    ev->len = n;
    return n;
}

/* Keeps a run of text for later; what does not fit is not kept. */
static void estlsi_at_keep(estls_at *at, const char *run, size_t n)
{
    const size_t room = (size_t)(at->cap - at->len);

    if (n > room) { n = room; }
    memcpy(at->line + at->len, run, n);
    at->len = (uint16_t)(at->len + n);
}

/* Where the text at p ends. */
static const char *estlsi_at_text_end(const char *p, const char *end)
{
#if defined __GNUC__ && defined __x86_64__
    uint64_t eight;

    /* eight at once: a byte below 0x14 borrows into its top bit, unless it
     * had that already; the first that does has nothing to borrow from */
    for (; end - p >= 8; p += 8) {
        memcpy(&eight, p, 8);
        eight = (eight - 0x1414141414141414u) & ~eight & 0x8080808080808080u;
        if (eight) { return p + ((unsigned)__builtin_ctzll(eight) >> 3); }
    }
#endif
    while (p != end && (uint8_t)*p > 0x13) { p++; }
    return p;
}

/* Parses a run of text and the control bytes that end it, if any.  Returns
 * where it stopped; *ev says whether something came of it. */
static const char *estlsi_at_run(estls_at *at, const char *p, const char *end,
                                 estls_at_event *ev)
{
    const size_t kept = at->len;
    const char *next = estlsi_at_text_end(p, end);
    size_t n = (size_t)(next - p);
    int extent = ESTLSI_AT_PART;
    uint8_t skip;

    for (; next != end && (uint8_t)*next <= 0x13; next++) {
        if (*next == '\n') { extent = ESTLSI_AT_ALL; }
    }
    if (at->skip) {
        at->skip = (uint8_t)!extent;
        return next;
    }
    ev->text = p;
    if (kept) {
        estlsi_at_keep(at, p, n);
        ev->text = at->line;
        n += kept;
    }
    skip = !extent;
    if (n > at->cap) {
        n = at->cap;
        extent = ESTLSI_AT_CUT;
    }
    ev->len = n;
    estlsi_at_judge(at, extent, ev);
    if (ev->kind) {
        at->len = 0;
        if (ev->kind == ESTLS_AT_PAYLOAD) { return p + (ev->len - kept); }
        at->skip = skip;
    } else if (!kept) {
        estlsi_at_keep(at, p, n);
    }
    return next;
}

/* At the start of a line: is this the '>' that was asked for, or its blank? */
static int estlsi_at_prompt(estls_at *at, const char *p, estls_at_event *ev)
{
    if (at->prompt == 2) {
        at->prompt = 0;
        return *p == ' ';
    }
    if (*p != '>') { return 0; }
    at->prompt = 2;
    ev->kind = ESTLS_AT_PROMPT;
    ev->text = p;
    ev->len = 1;
    return 1;
}

/* At the start of a line: nothing of it yet? */
static int estlsi_at_blank(estls_at *at, const char *p, estls_at_event *ev)
{
    return (at->prompt && estlsi_at_prompt(at, p, ev)) || (uint8_t)*p <= 0x13;
}

ESTLS_API size_t estls_at_feed(estls_at *at, const char *bytes, size_t n,
                               estls_at_event *ev)
{
    const char *p = bytes;
    const char *end = bytes + n;

    ev->kind = ESTLS_AT_NONE;
    ev->tag = 0;
    ev->overlong = 0;
    ev->id = -1;
    ev->number = 0xffffffffu;
    if (at->left && n) { return estlsi_at_payload(at, bytes, n, ev); }
    while (p != end && !ev->kind) {
        if (!at->len && !at->skip && estlsi_at_blank(at, p, ev)) {
            p++;
        } else {
            p = estlsi_at_run(at, p, end, ev);
        }
    }
    return (size_t)(p - bytes);
}

ESTLS_API void estls_at_resync(estls_at *at)
{
    at->left = 0;
    at->len = 0;
    at->skip = 1;
}

ESTLS_API void estls_at_fields_of(estls_span *rest, const char *text,
                                  size_t len)
{
    rest->p = text;
    rest->n = len;
    for (; len && *text != '"'; text++) {
        len--;
        if (*text == ':' || *text == '=') {
            rest->p = text + 1;
            rest->n = len;
            return;
        }
    }
}

ESTLS_API int estls_at_field(estls_span *rest, estls_span *field)
{
    const char *p = rest->p;
    const char *end;
    unsigned quoted = 0;
    unsigned depth = 0;

    if (!p) { return 0; }
    end = p + rest->n;
    while (p != end && *p == ' ') { p++; }
    field->p = p;
    for (; p != end; p++) {
        if (*p == '"') {
            quoted ^= 1;
        } else if (quoted) {
            p += *p == '\\' && p + 1 != end;
        } else if (*p == '(') {
            depth++;
        } else if (*p == ')') {
            depth -= depth > 0;
        } else if (*p == ',' && !depth) {
            break;
        }
    }
    field->n = (size_t)(p - field->p);
    rest->p = p == end ? NULL : p + 1;
    rest->n = (size_t)(end - p) - (p != end);
    return 1;
}

ESTLS_API int estls_at_uint(const estls_span *field, uint32_t *out)
{
    const char *end = field->p + field->n;
    uint32_t v = 0;

    if (estlsi_at_digits(field->p, end, &v) != end) { return ESTLS_E_PROTO; }
    *out = v;
    return ESTLS_OK;
}

ESTLS_API int estls_at_int(const estls_span *field, int32_t *out)
{
    const uint32_t minus = field->n && field->p[0] == '-';
    const char *end = field->p + field->n;
    uint32_t v = 0;

    if (estlsi_at_digits(field->p + minus, end, &v) != end ||
        v > 0x7fffffffu + minus) {
        return ESTLS_E_PROTO;
    }
    *out = (int32_t)(minus ? 0u - v : v);
    return ESTLS_OK;
}

/* Takes a pair of marks off a field, if it stands between them. */
static const char *estlsi_at_inside(const estls_span *field, char open,
                                    char close, const char **end)
{
    const char *p = field->p;

    *end = p + field->n;
    if (field->n > 1 && *p == open && (*end)[-1] == close) {
        --*end;
        p++;
    }
    return p;
}

ESTLS_API int estls_at_hex(const estls_span *field, uint32_t *out)
{
    const char *end;
    const char *p = estlsi_at_inside(field, '"', '"', &end);
    uint32_t v = 0;
    unsigned nibble;

    if (p == end || end - p > 8) { return ESTLS_E_PROTO; }
    for (; p != end; p++) {
        nibble = (uint8_t)*p - (unsigned)'0';
        if (nibble > 9) {
            nibble = ((uint8_t)*p | 0x20u) - 'a';
            if (nibble > 5) { return ESTLS_E_PROTO; }
            nibble += 10;
        }
        v = v << 4 | nibble;
    }
    *out = v;
    return ESTLS_OK;
}

ESTLS_API int estls_at_range(const estls_span *field, uint32_t *lo,
                             uint32_t *hi)
{
    const char *end;
    const char *p = estlsi_at_inside(field, '(', ')', &end);
    uint32_t first = 0;
    uint32_t last = 0;

    p = estlsi_at_digits(p, end, &first);
    if (!p || p == end || *p != '-' ||
        estlsi_at_digits(p + 1, end, &last) != end || first > last) {
        return ESTLS_E_PROTO;
    }
    *lo = first;
    *hi = last;
    return ESTLS_OK;
}

ESTLS_API int estls_at_text(const estls_span *field, char *dst, size_t cap)
{
    const char *p = field->p;
    const char *end = p + field->n;
    const int quoted = field->n && *p == '"';
    size_t n = 0;

    for (p += quoted; p != end && !(quoted && *p == '"'); p++) {
        if (quoted && *p == '\\' && p + 1 != end) { p++; }
        if (n + 1 >= cap || (n + 1) >> 15) { return ESTLS_E_SPACE; }
        dst[n++] = *p;
    }
    if (quoted && end - p != 1) { return ESTLS_E_PROTO; }
    if (n >= cap) { return ESTLS_E_SPACE; }
    dst[n] = 0;
    return (int)n;
}

static void estlsi_at_put(estls_at_builder *c, char byte)
{
    if (c->len < c->cap) {
        c->text[c->len++] = byte;
    } else if (!c->rc) {
        c->rc = ESTLS_E_SPACE;
    }
}

/* Text from the application: a control character would end the command.  All
 * of it is judged, also what does not fit. */
static void estlsi_at_put_text(estls_at_builder *c, const char *s, int escape)
{
    for (; *s; s++) {
        if (((uint8_t)*s < 0x20 || *s == 0x7f) && !c->rc) {
            c->rc = ESTLS_E_ARG;
        }
        if (escape && (*s == '"' || *s == ',' || *s == '\\')) {
            estlsi_at_put(c, '\\');
        }
        estlsi_at_put(c, *s);
    }
}

ESTLSI_APART void estlsi_at_into(estls_at_builder *c, char *text, size_t cap)
{
    c->text = text;
    c->cap = cap >> 15 ? 0x7fff : cap;
    c->len = 0;
    c->rc = ESTLS_OK;
    c->fields = 0;
}

ESTLS_API void estls_at_begin(estls_at_builder *c, char *text, size_t cap,
                              const char *verb)
{
    estlsi_at_into(c, text, cap);
    estlsi_at_put_text(c, "AT", 0);
    estlsi_at_put_text(c, verb, 0);
}

static void estlsi_at_put_int(estls_at_builder *c, int32_t value)
{
    uint32_t v = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    char digits[12];
    char *p = digits + sizeof digits - 1;

    *p = 0;
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (value < 0) { *--p = '-'; }
    estlsi_at_put_text(c, p, 0);
}

ESTLS_API void estls_at_add_int(estls_at_builder *c, int32_t value)
{
    estls_at_add_text(c, NULL); /* an empty field, to be filled */
    estlsi_at_put_int(c, value);
}

ESTLS_API void estls_at_add_text(estls_at_builder *c, const char *value)
{
    estlsi_at_put(c, c->fields ? ',' : '=');
    c->fields = 1;
    if (!value) { return; }
    estlsi_at_put(c, '"');
    estlsi_at_put_text(c, value, 1);
    estlsi_at_put(c, '"');
}

ESTLS_API int estls_at_end(estls_at_builder *c)
{
    estlsi_at_put(c, '\r');
    estlsi_at_put(c, '\n');
    return c->rc ? c->rc : (int)c->len;
}

/* -- transactions ---------------------------------------------------------- */

enum {
    ESTLSI_AT_IDLE,
    ESTLSI_AT_GUARD, /* the silence before +++ */
    ESTLSI_AT_SEND,
    ESTLSI_AT_WAIT,
    ESTLSI_AT_RAW, /* prompted; the owner writes payload */
    ESTLSI_AT_BACKOFF,
    ESTLSI_AT_DESYNC, /* an answer may still come: probe before the next */
    ESTLSI_AT_PROBE
};

enum {
    /* ESP-AT wants 20 ms of silence before +++, V.250 modems 1 s; then no
     * command for 1 s. */
    ESTLSI_AT_GUARD_MS = 1100,
    ESTLSI_AT_PROBE_MS = 1000,
    ESTLSI_AT_PROBES = 3,
    ESTLSI_AT_BUSY_MS = 50, /* doubled each time */
    ESTLSI_AT_BUSY_TRIES = 8,
    ESTLSI_AT_STALL_MS = 5000, /* between two bytes of a payload */
    ESTLSI_AT_READS = 8        /* chunks of the UART in one step */
};

/* Answered by a line of its own before OK, so that a late OK of an older
 * command cannot pass for its answer.  In every ESP-AT generation. */
#define ESTLSI_AT_PROBE_TEXT "AT+CIPMUX?\r\n"
#define ESTLSI_AT_PROBE_LINE "+CIPMUX:"
/* No line of a modem begins so: what comes unasked is a URC. */
#define ESTLSI_AT_NO_LINE "\n"

static void estlsi_at_enter(estls_at_engine *e, uint8_t state)
{
    e->state = state;
    e->t0 = estlsi_core_tick(e->io);
    e->off = 0;
    e->at.prompt &= 2;
    e->at.expect = ESTLSI_AT_NO_LINE;
}

static void estlsi_at_finish(estls_at_engine *e, int rc, uint8_t next)
{
    estls_at_cmd *cmd = e->head;

    e->head = cmd->next;
    cmd->next = NULL;
    estlsi_at_enter(e, next);
    e->tries = 0;
    if (cmd->done) { cmd->done(cmd, rc); }
}

ESTLS_API int estls_at_open(estls_at_engine *e, const estls_io *io,
                            const estls_at_rule *rules, char *line, size_t cap,
                            void (*event)(void *, const estls_at_event *),
                            void *user)
{
    int rc;

    memset(e, 0, sizeof *e);
    if (!io || !estlsi_core_io_ok(io) || !event) { return ESTLS_E_ARG; }
    rc = estls_at_init(&e->at, rules, line, cap);
    if (rc) { return rc; }
    e->io = io;
    e->event = event;
    e->user = user;
    estlsi_core_sign(e);
    estlsi_at_enter(e, ESTLSI_AT_IDLE);
    return ESTLS_OK;
}

static int estlsi_at_cmd_ok(const estls_at_cmd *cmd)
{
    size_t i;

    if (!cmd->text || cmd->kind > ESTLS_AT_ESCAPE) { return 0; }
    if (cmd->kind == ESTLS_AT_ESCAPE) { return cmd->len == 3; }
    for (i = 0; i < cmd->len && (uint8_t)cmd->text[i] >= 0x20; i++) {}
    return cmd->len > 2 && i == (size_t)cmd->len - 2 && cmd->text[i] == '\r' &&
           cmd->text[i + 1] == '\n';
}

/* Behind all others, unless it is there already. */
static int estlsi_at_queue(estls_at_engine *e, estls_at_cmd *cmd)
{
    estls_at_cmd **link = &e->head;

    for (; *link; link = &(*link)->next) {
        if (*link == cmd) { return ESTLS_E_ARG; }
    }
    cmd->next = NULL;
    cmd->boot = e->boot;
    *link = cmd;
    return ESTLS_OK;
}

ESTLS_API int estls_at_submit(estls_at_engine *e, estls_at_cmd *cmd)
{
    if (!estlsi_core_is(e)) { return ESTLS_E_STATE; }
    return estlsi_at_cmd_ok(cmd) ? estlsi_at_queue(e, cmd) : (int)ESTLS_E_ARG;
}

ESTLS_API void estls_at_abort(estls_at_engine *e, estls_at_cmd *cmd)
{
    estls_at_cmd **link = &e->head;

    while (*link && *link != cmd) { link = &(*link)->next; }
    if (!*link) { return; }
    if (cmd == e->head && e->state != ESTLSI_AT_DESYNC &&
        e->state != ESTLSI_AT_PROBE && e->state != ESTLSI_AT_IDLE) {
        estlsi_at_enter(e, ESTLSI_AT_DESYNC);
    }
    if (cmd == e->head) { e->tries = 0; }
    *link = cmd->next;
    cmd->next = NULL;
}

/* The modem booted: whatever was asked, nothing will be answered. */
static void estlsi_at_reset(estls_at_engine *e)
{
    estlsi_at_enter(e, ESTLSI_AT_IDLE);
    e->tries = 0;
    e->boot++;
    while (e->head && e->head->boot != e->boot) {
        estlsi_at_finish(e, ESTLS_E_MODEM, ESTLSI_AT_IDLE);
    }
}

static void estlsi_at_busy(estls_at_engine *e)
{
    if (e->state != ESTLSI_AT_WAIT) { return; }
    if (e->tries == ESTLSI_AT_BUSY_TRIES) {
        estlsi_at_finish(e, ESTLS_E_MODEM, ESTLSI_AT_DESYNC);
        return;
    }
    e->tries++;
    estlsi_at_enter(e, ESTLSI_AT_BACKOFF);
}

static void estlsi_at_final(estls_at_engine *e, const estls_at_event *ev)
{
    if (e->state == ESTLSI_AT_PROBE && e->synced && ev->kind == ESTLS_AT_OK) {
        estlsi_at_enter(e, ESTLSI_AT_IDLE);
        e->tries = 0;
        return;
    }
    if (e->state != ESTLSI_AT_WAIT && e->state != ESTLSI_AT_RAW) {
        return; /* late, of a command that was given up */
    }
    if (e->head->kind == ESTLS_AT_ESCAPE) { return; }
    if (ev->kind == ESTLS_AT_ERROR) {
        e->code = ev->number;
        estlsi_at_finish(e, ESTLS_E_MODEM, ESTLSI_AT_IDLE);
    } else if (e->state == ESTLSI_AT_WAIT &&
               e->head->kind == ESTLS_AT_PROMPTS) {
        return; /* the OK before '>' */
    } else {
        estlsi_at_finish(e, ESTLS_OK, ESTLSI_AT_IDLE);
    }
}

static void estlsi_at_dispatch(estls_at_engine *e, const estls_at_event *ev)
{
    switch (ev->kind) {
    case ESTLS_AT_NONE:
    case ESTLS_AT_ECHO: break;
    case ESTLS_AT_OK:
    case ESTLS_AT_ERROR: estlsi_at_final(e, ev); break;
    case ESTLS_AT_BUSY: estlsi_at_busy(e); break;
    case ESTLS_AT_PROMPT:
        estlsi_at_enter(e, ESTLSI_AT_RAW);
        /* fall through */
    case ESTLS_AT_LINE:
        if (e->state == ESTLSI_AT_PROBE) {
            e->synced = 1;
        } else if (e->head && e->head->event) {
            e->head->event(e->head, ev);
        }
        break;
    case ESTLS_AT_PAYLOAD:
        e->t1 = estlsi_core_tick(e->io);
        e->event(e->user, ev);
        break;
    case ESTLS_AT_RESET:
        estlsi_at_reset(e);
        /* fall through */
    default: e->event(e->user, ev); break;
    }
}

/* Reads the UART and dispatches until there is nothing, or payload comes. */
static int estlsi_at_pump(estls_at_engine *e)
{
    estls_at_event ev;
    uint8_t reads = 0;
    int n;

    while (!e->at.left) {
        if (e->rx_pos == e->rx_len) {
            if (reads++ == ESTLSI_AT_READS) { return ESTLS_OK; }
            n = e->io->read(e->io->user, e->rx, sizeof e->rx);
            if (n <= 0) { return n < 0 ? ESTLS_E_IO : ESTLS_OK; }
            e->rx_pos = 0;
            e->rx_len = (uint8_t)n;
        }
        e->rx_pos =
            (uint8_t)(e->rx_pos + estls_at_feed(&e->at, e->rx + e->rx_pos,
                                                (size_t)(e->rx_len - e->rx_pos),
                                                &ev));
        estlsi_at_dispatch(e, &ev);
    }
    return ESTLS_OK;
}

ESTLS_API int estls_at_read(estls_at_engine *e, void *dst, size_t cap)
{
    size_t ready;
    uint32_t now;
    int n;

    if (!estlsi_core_is(e)) { return ESTLS_E_STATE; }
    now = estlsi_core_tick(e->io);
    ready = (size_t)(e->rx_len - e->rx_pos);
    if (cap > e->at.left) { cap = e->at.left; }
    if (cap > 0x7fff) { cap = 0x7fff; }
    if (cap == 0) { return 0; }
    if (ready > cap) { ready = cap; }
    cap -= ready;
    memcpy(dst, e->rx + e->rx_pos, ready);
    n = cap ? e->io->read(e->io->user, (char *)dst + ready, cap) : 0;
    if (n < 0) { return ESTLS_E_IO; }
    e->rx_pos = (uint8_t)(e->rx_pos + ready);
    n += (int)ready;
    if (n) {
        e->at.left = (uint16_t)(e->at.left - n);
        e->t0 += now - e->t1;
        e->t1 = now;
    } else if (estlsi_core_past(now, e->t1, ESTLSI_AT_STALL_MS)) {
        estls_at_resync(&e->at);
        return ESTLS_E_TIMEOUT;
    }
    return n;
}

/* Writes the probe, or the command, from where it stopped. */
static int estlsi_at_send(estls_at_engine *e)
{
    const int probe = e->state == ESTLSI_AT_PROBE;
    estls_at_cmd *cmd = e->head;
    const char *text = probe ? ESTLSI_AT_PROBE_TEXT : cmd->text;
    const size_t len = probe ? sizeof ESTLSI_AT_PROBE_TEXT - 1 : cmd->len;
    int n = 0;

    if (e->off < len) {
        n = e->io->write(e->io->user, text + e->off, len - e->off);
    }
    if (n < 0) { return ESTLS_E_IO; }
    e->off = (uint16_t)(e->off + n);
    if (e->off == len && !probe) {
        estlsi_at_enter(e, ESTLSI_AT_WAIT);
        e->at.prompt = cmd->kind == ESTLS_AT_PROMPTS;
        e->at.expect = cmd->expect;
    }
    return ESTLS_OK;
}

/* How long a state may last, ms. */
static uint32_t estlsi_at_limit(const estls_at_engine *e)
{
    switch (e->state) {
    case ESTLSI_AT_BACKOFF: return (uint32_t)ESTLSI_AT_BUSY_MS << e->tries;
    case ESTLSI_AT_PROBE: return ESTLSI_AT_PROBE_MS;
    default: break;
    }
    return e->head->kind == ESTLS_AT_ESCAPE ? (uint32_t)ESTLSI_AT_GUARD_MS
                                            : e->head->timeout_ms;
}

/* Its time is over. */
static void estlsi_at_expire(estls_at_engine *e)
{
    switch (e->state) {
    case ESTLSI_AT_GUARD:
    case ESTLSI_AT_BACKOFF: estlsi_at_enter(e, ESTLSI_AT_SEND); break;
    case ESTLSI_AT_PROBE: estlsi_at_enter(e, ESTLSI_AT_DESYNC); break;
    default:
        /* silence is what +++ waits for */
        estlsi_at_finish(e,
                         e->head->kind == ESTLS_AT_ESCAPE &&
                                 e->state == ESTLSI_AT_WAIT
                             ? (int)ESTLS_OK
                             : (int)ESTLS_E_TIMEOUT,
                         ESTLSI_AT_DESYNC);
        break;
    }
}

/* Begins with the command at the head of the queue: with the silence before
 * +++, with a probe if the modem may still answer an older one, or at once.
 * When nobody answers the probes, this command pays for it. */
static void estlsi_at_start(estls_at_engine *e)
{
    if (e->head->kind == ESTLS_AT_ESCAPE) {
        estlsi_at_enter(e, ESTLSI_AT_GUARD);
    } else if (e->state == ESTLSI_AT_IDLE) {
        estlsi_at_enter(e, ESTLSI_AT_SEND);
    } else if (e->tries++ == ESTLSI_AT_PROBES) {
        estlsi_at_finish(e, ESTLS_E_TIMEOUT, ESTLSI_AT_DESYNC);
    } else {
        estlsi_at_enter(e, ESTLSI_AT_PROBE);
        e->at.expect = ESTLSI_AT_PROBE_LINE;
        e->synced = 0;
    }
}

/* What the clock makes of the state.  A payload under way stops it: its
 * reader may be busy for as long as an elliptic curve takes. */
static void estlsi_at_turn(estls_at_engine *e)
{
    if (e->at.left || !(e->head || e->state == ESTLSI_AT_PROBE)) { return; }
    if (e->state == ESTLSI_AT_IDLE || e->state == ESTLSI_AT_DESYNC) {
        estlsi_at_start(e);
    } else if (estlsi_core_past(estlsi_core_tick(e->io), e->t0,
                                estlsi_at_limit(e))) {
        estlsi_at_expire(e);
    }
}

ESTLS_API int estls_at_step(estls_at_engine *e)
{
    int rc;

    if (!estlsi_core_is(e)) { return ESTLS_E_STATE; }
    rc = estlsi_at_pump(e);
    if (!rc) {
        estlsi_at_turn(e);
        if (e->state == ESTLSI_AT_SEND || e->state == ESTLSI_AT_PROBE) {
            rc = estlsi_at_send(e);
        }
    }
    if (!rc) { return e->head != NULL; /* BUSY */ }
    if (e->state == ESTLSI_AT_SEND) { estlsi_at_finish(e, rc, ESTLSI_AT_IDLE); }
    return rc;
}

/* -- the modem's clock ----------------------------------------------------- */

/* Days from 1970-01-01 to a Gregorian date; years from March make February
 * the last month, so that leap days fall at the end. */
static uint32_t estlsi_at_days(uint32_t year, uint32_t month, uint32_t day)
{
    const uint32_t y = month > 2 ? year : year - 1;
    const uint32_t m = month > 2 ? month - 3 : month + 9;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
           719469;
}

/* Two digits, or a blank and one (asctime pads days so); 255: neither. */
static uint8_t estlsi_at_two(const char *p)
{
    const uint8_t tens = (uint8_t)(p[0] == ' ' ? 0 : p[0] - '0');
    const uint8_t ones = (uint8_t)(p[1] - '0');

    return (uint8_t)(tens > 9 || ones > 9 ? 255 : tens * 10 + ones);
}

/* "17:47:56" on a day; 0 if any of it cannot be. */
static uint32_t estlsi_at_seconds(uint32_t year, uint32_t month, uint8_t day,
                                  const char *hms)
{
    const uint8_t h = estlsi_at_two(hms);
    const uint8_t m = estlsi_at_two(hms + 3);
    const uint8_t s = estlsi_at_two(hms + 6);
    uint32_t days;

    if (month < 1 || month > 12 || day < 1 ||
        day > estlsi_at_days(year, month + 1, 1) -
                  estlsi_at_days(year, month, 1) ||
        h > 23 || m > 59 || s > 60 || hms[2] != ':' || hms[5] != ':' ||
        year < 2020 || year > 2105) {
        return 0;
    }
    days = estlsi_at_days(year, month, day);
    return ((days * 24 + h) * 60 + m) * 60 + s;
}

static uint32_t estlsi_at_asctime(const char *text, size_t len)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint32_t month = 0;
    uint32_t year;

    if (len != 24 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' ||
        text[19] != ' ' ||
        estlsi_at_digits(text + 20, text + 24, &year) != text + 24) {
        return 0;
    }
    while (month < 12 && memcmp(months + (size_t)3 * month, text + 4, 3) != 0) {
        month++;
    }
    return estlsi_at_seconds(year, month + 1, estlsi_at_two(text + 8),
                             text + 11);
}

static uint32_t estlsi_at_cclk(const char *text, size_t len)
{
    uint32_t t, zone;

    if (len > 1 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    if (len != 20 || text[2] != '/' || text[5] != '/' || text[8] != ',' ||
        (text[17] != '+' && text[17] != '-')) {
        return 0;
    }
    t = estlsi_at_seconds(2000u + estlsi_at_two(text), estlsi_at_two(text + 3),
                          estlsi_at_two(text + 6), text + 9);
    zone = estlsi_at_two(text + 18);
    if (t == 0 || zone > 96) { return 0; }
    return text[17] == '+' ? t - zone * 900 : t + zone * 900;
}

ESTLS_API uint32_t estls_time(const char *text, size_t len)
{
    const uint32_t t = estlsi_at_asctime(text, len);

    return t ? t : estlsi_at_cclk(text, len);
}

/* -- the modem's power ----------------------------------------------------- */

/* A string of bits, the highest first. */
static void estlsi_at_bits(estls_at_builder *c, unsigned value, uint8_t count)
{
    char bits[9];

    bits[count] = 0;
    while (count) {
        bits[--count] = (char)('0' + (value & 1));
        value >>= 1;
    }
    estls_at_add_text(c, bits);
}

/* The next GPRS timer: a count of 5 bits, and in front of it the finest unit
 * that reaches s.  units: pairs of one in multiples of that before, the first
 * in s, and its code. */
static void estlsi_at_timer(estls_at_builder *c, uint32_t s,
                            const uint8_t (*units)[2])
{
    uint32_t unit = (*units)[0];

    while (s > 31 * unit) { unit *= (*++units)[0]; }
    estlsi_at_bits(c, (*units)[1] * 32u + (unsigned)((s + unit - 1) / unit), 8);
}

static void estlsi_at_psm(estls_at_builder *c, uint32_t period, uint16_t active)
{
    /* 2 s, 30 s, 1 min, 10 min, 1 h, 10 h, 320 h */
    static const uint8_t timer3[][2] = {{2, 3}, {15, 4}, {2, 5}, {10, 0},
                                        {6, 1}, {10, 2}, {32, 6}};
    /* 2 s, 1 min, 6 min */
    static const uint8_t timer2[][2] = {{2, 0}, {30, 1}, {6, 2}};

    estls_at_add_text(c, NULL); /* GPRS: its routing area update ... */
    estls_at_add_text(c, NULL); /* ... and its READY timer */
    estlsi_at_timer(c, period, timer3);
    estlsi_at_timer(c, active, timer2);
}

static void estlsi_at_edrx(estls_at_builder *c, uint32_t period, int nb)
{
    /* by code, in 5.12 s */
    static const uint16_t cycles[] = {1,  2,  4,  8,   12,  16,  20,   24,
                                      28, 32, 64, 128, 256, 512, 1024, 2048};
    const unsigned known = nb ? 0xfe2c : 0x3fff; /* bit n: code n */
    uint8_t code = 0;

    while (period > cycles[code] * 5120ul || !(known >> code & 1)) { code++; }
    estls_at_add_int(c, nb ? 5 : 4);
    estlsi_at_bits(c, code, 4);
}

ESTLS_API int estls_at_power(char *text, size_t cap, uint8_t knob,
                             uint32_t value, uint16_t active_s)
{
    static const struct {
        char verb[9];
        uint8_t min;
        uint32_t max;
    } knobs[] = {{"+RFPOWER", 34, 84},         {"+SLEEP", 0, 3},
                 {"+GSLP", 1, 0x7fffffff},     {"+CPSMS", 0, 35712000},
                 {"+CEDRXS", 0, 512 * 5120ul}, {"+CEDRXS", 0, 2048 * 5120ul}};
    estls_at_builder c;

    if (!text || knob > ESTLS_AT_EDRX_NB || value < knobs[knob].min ||
        value > knobs[knob].max || (knob == ESTLS_AT_PSM && active_s > 11160)) {
        return ESTLS_E_ARG;
    }
    estls_at_begin(&c, text, cap, knobs[knob].verb);
    if (knob < ESTLS_AT_PSM || !value) {
        estls_at_add_int(&c, (int32_t)value);
        return estls_at_end(&c);
    }
    estls_at_add_int(&c, 1);
    if (knob == ESTLS_AT_PSM) {
        estlsi_at_psm(&c, value, active_s);
    } else {
        estlsi_at_edrx(&c, value, knob == ESTLS_AT_EDRX_NB);
    }
    return estls_at_end(&c);
}

/* "3853" or "3.853V" in mV; 0: neither. */
static uint32_t estlsi_at_mv(const estls_span *field)
{
    const char *end = field->p + field->n;
    uint32_t mv = 0;
    uint16_t scale = 1000;
    const char *p = estlsi_at_digits(field->p, end, &mv);

    if (p == end) { return mv; }
    if (!p || *p++ != '.' || mv > 9) { return 0; }
    mv *= scale;
    for (; p != end && (uint8_t)(*p - '0') <= 9; p++) {
        scale /= 10;
        mv += scale * (uint32_t)(*p - '0');
    }
    return scale < 1000 && end - p == 1 && *p == 'V' ? mv : 0;
}

ESTLS_API int estls_at_cbc(const char *text, size_t len, uint16_t range[2])
{
    estls_span rest, field;
    uint32_t mv;

    if (len < 5 || memcmp(text, "+CBC:", 5) != 0) { return ESTLS_E_PROTO; }
    estls_at_fields_of(&rest, text, len);
    while (estls_at_field(&rest, &field)) {}
    mv = estlsi_at_mv(&field);
    if (mv < 1000 || mv > 6000) { return ESTLS_E_PROTO; }
    if (!range[0] || mv < range[0]) { range[0] = (uint16_t)mv; }
    if (mv > range[1]) { range[1] = (uint16_t)mv; }
    return ESTLS_OK;
}

/* ======================================================================
 * >>link
 * ====================================================================== */

enum {
    ESTLSI_LINK_NONE,
    ESTLSI_LINK_CLOCK,
    ESTLSI_LINK_HANGUP,
    ESTLSI_LINK_PULL,
    ESTLSI_LINK_SETUP,
    ESTLSI_LINK_JOIN, /* from here on they wait for the network */
    ESTLSI_LINK_DIAL,
    ESTLSI_LINK_SEND
};

enum {
    ESTLSI_LINK_OPEN = 1,
    ESTLSI_LINK_EOF = 2,     /* CLOSED was seen */
    ESTLSI_LINK_MORE = 4,    /* pull mode: the modem may hold bytes */
    ESTLSI_LINK_FAILED = 8,  /* a send failed: bytes are missing in between */
    ESTLSI_LINK_DROPPED = 16 /* nobody will read or write any more */
};

enum {
    ESTLSI_LINK_LINE = 64, /* of line memory, for the modem's lines */
    /* AT+CIPSEND, ESP-AT 1.x to 2.x; four times as much with CIPRECVTYPE */
    ESTLSI_LINK_SEND_MAX = 2048,
    ESTLSI_LINK_TRIES = 3,        /* at waking the modem */
    ESTLSI_LINK_ANSWER_MS = 2000, /* for what the modem knows by itself */
    ESTLSI_LINK_POLL_MS = 2000,   /* pull mode: an announcement may be lost */
    ESTLSI_LINK_SNTP_MS = 30000
};

static uint32_t estlsi_link_now(const estls_link *l)
{
    return estlsi_core_tick(&l->d->uart);
}

/* Asks the gate, or tells it that a load has ended.  ms to wait; 0: go. */
ESTLSI_APART uint32_t estlsi_link_gate(const estls_desc *d, estls_gate *ask)
{
    ask->reason = 0;
    return d->gate ? d->gate(d->user, ask) : 0;
}

static void estlsi_link_tell(const estls_desc *d, uint8_t what)
{
    estls_gate ask;

    ask.what = what;
    ask.len = 0;
    (void)estlsi_link_gate(d, &ask);
}

static int estlsi_link_end(estls_link *l, int rc)
{
    if (l->op == ESTLSI_LINK_SEND) { estlsi_link_tell(l->d, ESTLS_GATE_SENT); }
    l->op = ESTLSI_LINK_NONE;
    l->rc = (int8_t)rc;
    return rc;
}

/* Ends it; an error here means a lost modem. */
static int estlsi_link_fail(estls_link *l, int rc)
{
    if (!l->err) { l->err = (int8_t)rc; }
    return estlsi_link_end(l, rc);
}

/* The port that a line speaks of, ESTLS_LINKS if there is none such. */
static unsigned estlsi_link_named(const estls_link *l, int8_t id)
{
    const unsigned n = id < 0 && !l->d->mux ? 0 : (uint8_t)id;

    return n < ESTLS_LINKS ? n : (unsigned)ESTLS_LINKS;
}

static void estlsi_link_payload(estls_link *l, const estls_at_event *ev,
                                unsigned id)
{
    const unsigned mine = l->port_op;

    if (l->op == ESTLSI_LINK_PULL && ev->id < 0) {
        if (ev->number < l->asked) {
            l->port[mine].flags &= (uint8_t)~ESTLSI_LINK_MORE;
        }
        id = mine;
    }
    l->port_rx = (uint8_t)id;
}

/* The dial has succeeded, and the peer may speak before the OK, which must
 * wait behind it.  What came earlier is of another that the modem still had. */
static void estlsi_link_connected(estls_link *l, unsigned id)
{
    if (l->op != ESTLSI_LINK_DIAL || id != l->port_op) { return; }
    l->port[id].flags =
        (uint8_t)((l->port[id].flags & ESTLSI_LINK_DROPPED) | ESTLSI_LINK_OPEN);
    estlsi_link_end(l, ESTLS_OK);
}

static void estlsi_link_event(void *user, const estls_at_event *ev)
{
    estls_link *l = (estls_link *)user;
    const unsigned id = estlsi_link_named(l, ev->id);
    const uint8_t op = l->op;
    uint8_t flag = 0;
    int rc = ESTLS_OK;

    switch (ev->kind) {
    case ESTLS_AT_URC:
        if (ev->tag == ESTLS_AT_CONNECT) { estlsi_link_connected(l, id); }
        if (ev->tag == ESTLS_AT_CLOSED) { flag = ESTLSI_LINK_EOF; }
        if (ev->tag == ESTLS_AT_WIFI_DOWN && op != ESTLSI_LINK_SETUP &&
            op != ESTLSI_LINK_JOIN) {
            rc = ESTLS_E_NETWORK;
        }
        break;
    case ESTLS_AT_PAYLOAD: estlsi_link_payload(l, ev, id); break;
    case ESTLS_AT_AVAIL: flag = ESTLSI_LINK_MORE; break;
    case ESTLS_AT_RESET:
        if (op != ESTLSI_LINK_SETUP) { rc = ESTLS_E_MODEM; }
        break;
    case ESTLS_AT_BAD: rc = ESTLS_E_PROTO; break;
    default: break;
    }
    l->port[id].flags |= flag;
    if (rc) { estlsi_link_fail(l, rc); }
}

/* -- operations ------------------------------------------------------------ */

/* How long the modem may take for the operation. */
static uint32_t estlsi_link_limit(const estls_link *l)
{
    return l->op < ESTLSI_LINK_JOIN ? (uint32_t)ESTLSI_LINK_ANSWER_MS
                                    : estlsi_core_timeout(l->d);
}

/* Queues what stands in the line, rc bytes of it, or an error of the builder.
 * 0, or what was wrong, which ends the operation. */
static int estlsi_link_submit(estls_link *l, int rc)
{
    l->cmd.len = (uint16_t)rc;
    l->cmd.timeout_ms = estlsi_link_limit(l);
    if (rc >= 0) { rc = estls_at_submit(&l->at, &l->cmd); }
    return rc ? estlsi_link_end(l, rc) : 0;
}

/* Builds a command and queues it.  In form a lower-case letter is
 *     i  with mux the port and a comma    n  asked
 *     m  is it mux?                       t  text
 *     r  is it pull mode?                 p  the password
 *     x  nothing, but without mux it hides the two behind it
 * and anything else itself. */
static int estlsi_link_say(estls_link *l, const char *form, const char *text)
{
    const estls_desc *d = l->d;
    estls_at_builder c;

    estls_at_begin(&c, d->line + ESTLSI_LINK_LINE,
                   (size_t)(d->line_cap - ESTLSI_LINK_LINE), "");
    for (; *form; form++) {
        switch (*form) {
        case 'i':
            if (!d->mux) { break; }
            estlsi_at_put(&c, (char)('0' + l->port_op));
            estlsi_at_put(&c, ',');
            break;
        case 'm': estlsi_at_put(&c, d->mux ? '1' : '0'); break;
        case 'n': estlsi_at_put_int(&c, l->asked); break;
        case 'p':
            text = d->password;
            /* fall through */
        case 't':
            if (text) { estlsi_at_put_text(&c, text, 1); }
            break;
        case 'r': estlsi_at_put(&c, d->push ? '0' : '1'); break;
        case 'x': form += d->mux ? 0 : 2; break;
        default: estlsi_at_put(&c, *form); break;
        }
    }
    l->cmd.text = c.text;
    l->cmd.kind = l->op == ESTLSI_LINK_SEND ? ESTLS_AT_PROMPTS : ESTLS_AT_PLAIN;
    return estlsi_link_submit(l, estls_at_end(&c));
}

enum { /* steps of setup and join */
       ESTLSI_SETUP_ECHO,
       ESTLSI_SETUP_MODE,  /* not transparent */
       ESTLSI_SETUP_CLOSE, /* all: as it must be with CIPMUX=1 left over */
       ESTLSI_SETUP_CLOSE_ALL,
       ESTLSI_SETUP_MUX,
       ESTLSI_SETUP_INFO, /* no addresses in +IPD */
       ESTLSI_SETUP_RECVMODE,
       ESTLSI_SETUP_RECVTYPE, /* ESP-AT 3.3 and later, instead of RECVMODE */
       ESTLSI_JOIN_MODE,
       ESTLSI_JOIN_ASK,
       ESTLSI_JOIN_NOW,
       ESTLSI_CLOCK_ASK
};

/* The link whose command this is. */
static estls_link *estlsi_link_whose(estls_at_cmd *cmd)
{
    return (estls_link *)(void *)((char *)cmd - offsetof(estls_link, cmd));
}

static void estlsi_link_next(estls_link *l)
{
    static const char forms[] = "E0\0"
                                "+CIPMODE=0\0"
                                "+CIPCLOSE\0"
                                "+CIPCLOSE=5\0"
                                "+CIPMUX=m\0"
                                "+CIPDINFO=0\0"
                                "+CIPRECVMODE=r\0"
                                "+CIPRECVTYPE=ir\0"
                                "+CWMODE=1\0"
                                "+CWJAP?\0"
                                "+CWJAP=\"t\",\"p\"";

    if (l->op == ESTLSI_LINK_JOIN) {
        l->cmd.expect = "+CWJAP:"; /* where it is, or why not */
    }
    (void)estlsi_link_say(l, estlsi_core_nth(forms, l->step), l->d->ssid);
}

/* The modem does not answer: it may boot, or be in transparent mode. */
static void estlsi_link_wake(estls_link *l, int rc)
{
    if (l->tries++ == ESTLSI_LINK_TRIES) {
        estlsi_link_fail(l, rc);
        return;
    }
    l->step = 0xff;
    l->cmd.text = "+++";
    l->cmd.kind = ESTLS_AT_ESCAPE;
    (void)estlsi_link_submit(l, 3);
}

/* May the modem refuse this step?  An old one need not know it, a closed link
 * need not be closed; pushing is what it does by itself. */
static int estlsi_link_optional(const estls_link *l)
{
    if (l->step == ESTLSI_SETUP_RECVTYPE) { return l->d->push; }
    return l->step != ESTLSI_SETUP_ECHO && l->step != ESTLSI_SETUP_MUX;
}

static void estlsi_link_setup_done(estls_link *l, int rc)
{
    if (rc && !(rc == ESTLS_E_MODEM && estlsi_link_optional(l))) {
        estlsi_link_wake(l, rc);
        return;
    }
    if (l->step == ESTLSI_SETUP_RECVTYPE) {
        l->roomy = !rc;
    } else if (rc || l->step != ESTLSI_SETUP_RECVMODE) {
        l->step++;
        estlsi_link_next(l);
        return;
    }
    estlsi_link_end(l, ESTLS_OK);
}

static void estlsi_link_join_done(estls_link *l, int rc)
{
    if (l->step == ESTLSI_JOIN_ASK) {
        rc = ESTLS_OK;
    } else if (rc) {
        if (l->reason) { l->at.code = l->reason; }
        rc = rc == ESTLS_E_MODEM ? ESTLS_E_NETWORK : rc;
    }
    if (rc || l->tries || l->step == ESTLSI_JOIN_NOW) {
        estlsi_link_end(l, rc);
    } else {
        l->step++;
        estlsi_link_next(l);
    }
}

static void estlsi_link_dial_done(estls_link *l, estlsi_port *port, int rc)
{
    if (!rc && !(port->flags & ESTLSI_LINK_EOF)) {
        port->flags |= ESTLSI_LINK_OPEN;
    } else if (!rc || rc == ESTLS_E_MODEM) {
        rc = ESTLS_E_NETWORK;
    } else { /* it may yet open, and must then be hung up */
        port->flags |= ESTLSI_LINK_OPEN | ESTLSI_LINK_DROPPED;
    }
    estlsi_link_end(l, rc);
}

/* The modem refuses a send: too much at a time, perhaps, and nothing is lost;
 * else that port is dead. */
static uint8_t estlsi_link_refused(estls_link *l)
{
    if (l->asked <= ESTLSI_LINK_SEND_MAX || l->owed != l->asked) {
        return ESTLSI_LINK_FAILED;
    }
    l->roomy = 0;
    return 0;
}

static void estlsi_link_done(estls_at_cmd *cmd, int rc)
{
    estls_link *l = estlsi_link_whose(cmd);
    estlsi_port *port = &l->port[l->port_op];
    uint8_t flags = port->flags;
    const int refused = rc == ESTLS_E_MODEM;

    switch (l->op) {
    case ESTLSI_LINK_NONE: /* a dial that CONNECT has ended */
        if (flags & ESTLSI_LINK_DROPPED) {
            (void)!estls_link_hangup(l, port->id);
        }
        return;
    case ESTLSI_LINK_SETUP: estlsi_link_setup_done(l, rc); return;
    case ESTLSI_LINK_JOIN: estlsi_link_join_done(l, rc); return;
    case ESTLSI_LINK_DIAL: estlsi_link_dial_done(l, port, rc); return;
    case ESTLSI_LINK_SEND:
        if (refused) { flags |= estlsi_link_refused(l); }
        l->owed = 0;
        break;
    case ESTLSI_LINK_PULL:
        if (refused) { flags &= (uint8_t)~ESTLSI_LINK_MORE; }
        break;
    default: /* hangup */
        flags = 0;
        rc = ESTLS_OK;
        break;
    }
    port->flags = flags;
    estlsi_link_fail(l, refused ? (int)ESTLS_OK : rc);
}

/* A line that answers: the network that we are in, or why we are not. */
static void estlsi_link_line(estls_at_cmd *cmd, const estls_at_event *ev)
{
    estls_link *l = estlsi_link_whose(cmd);
    const char *ssid = l->d->ssid;
    estls_span fields;
    estls_span field;
    char name[33]; /* IEEE 802.11: an SSID has 32 bytes at most */

    if (l->op != ESTLSI_LINK_JOIN) { return; }
    estls_at_fields_of(&fields, ev->text, ev->len);
    if (!estls_at_field(&fields, &field)) { return; }
    if (l->step == ESTLSI_JOIN_NOW) {
        (void)estls_at_uint(&field, &l->reason);
    } else {
        l->tries = estls_at_text(&field, name, sizeof name) >= 0 &&
                   memcmp(name, ssid, strlen(ssid) + 1) == 0;
    }
}

static int estlsi_link_usable(const estls_link *l)
{
    if (!estlsi_core_is(l)) { return ESTLS_E_STATE; }
    if (l->err) { return l->err; }
    return l->op || l->at.head ? ESTLS_BUSY : ESTLS_OK;
}

/* Starts an operation, of port id if it is one's. */
ESTLSI_APART void estlsi_link_start(estls_link *l, uint8_t op, uint8_t id)
{
    l->op = op;
    l->port_op = id;
    l->tries = 0;
    l->t0 = estlsi_link_now(l);
    l->cmd.expect = NULL;
}

/* Starts one that is a script. */
ESTLSI_APART int estlsi_link_run(estls_link *l, uint8_t op, uint8_t step)
{
    estlsi_link_start(l, op, ESTLS_LINKS);
    l->step = step;
    estlsi_link_next(l);
    return ESTLS_OK;
}

/* Null, or what may stand in a command. */
static int estlsi_link_text_ok(const char *text, size_t max)
{
    return !text || estlsi_core_text_ok(text, max);
}

/* ESSID: 32 bytes (IEEE 802.11), passphrase: 64 (WPA), names: 255. */
static int estlsi_link_texts_ok(const estls_desc *d)
{
    const char *password = d->password;

    return estlsi_link_text_ok(d->ssid, 32) &&
           estlsi_link_text_ok(password && *password ? password : NULL, 64) &&
           estlsi_link_text_ok(d->sntp, 255) &&
           estlsi_link_text_ok(d->connect_host, 255);
}

ESTLS_API int estls_link_open(estls_link *l, const estls_desc *d)
{
    int rc;

    memset(l, 0, sizeof *l);
    rc = estls_at_open(&l->at, &d->uart, estls_at_esp(), d->line,
                       ESTLSI_LINK_LINE, estlsi_link_event, l);
    if (rc) { return rc; }
    if (!estlsi_link_texts_ok(d)) { return ESTLS_E_ARG; }
    if (d->line_cap < ESTLS_LINE_MIN) { return ESTLS_E_SPACE; }
    l->d = d;
    l->port_rx = ESTLS_LINKS;
    l->cmd.done = estlsi_link_done;
    l->cmd.event = estlsi_link_line;
    estlsi_core_sign(l);
    return estlsi_link_run(l, ESTLSI_LINK_SETUP, ESTLSI_SETUP_ECHO);
}

ESTLS_API int estls_link_join(estls_link *l)
{
    const int rc = estlsi_link_usable(l);

    if (rc) { return rc; }
    if (!l->d->ssid) { return ESTLS_E_ARG; }
    return estlsi_link_run(l, ESTLSI_LINK_JOIN, ESTLSI_JOIN_MODE);
}

/* -- the clock, which is linked only if it is named ------------------------ */

static void estlsi_link_clock_done(estls_at_cmd *cmd, int rc)
{
    cmd->done = estlsi_link_done;
    cmd->event = estlsi_link_line;
    (void)estlsi_link_end(estlsi_link_whose(cmd), rc);
}

static void estlsi_link_clock_line(estls_at_cmd *cmd, const estls_at_event *ev)
{
    estls_link *l = estlsi_link_whose(cmd);

    if (!ev->overlong && ev->len > 13) {
        l->clock = estls_time(ev->text + 13, ev->len - 13);
        if (l->clock) { l->clock_t0 = estlsi_link_now(l); }
    }
}

/* Asks again every second. */
ESTLS_API int estls_link_clock(estls_link *l)
{
    const int rc = estlsi_link_usable(l);
    const int first = l->step != ESTLSI_CLOCK_ASK;

    if (rc) { return rc; }
    if (!l->d->sntp) { return ESTLS_E_ARG; }
    if (first) {
        l->clock = 0;
        l->clock_t0 = estlsi_link_now(l);
        l->step = ESTLSI_CLOCK_ASK;
    } else if (l->clock) {
        return ESTLS_OK;
    } else if (estlsi_core_late(&l->d->uart, l->clock_t0,
                                ESTLSI_LINK_SNTP_MS) ||
               estlsi_core_late(&l->d->uart, l->clock_t0,
                                estlsi_core_timeout(l->d))) {
        return ESTLS_E_CLOCK;
    } else if (!estlsi_core_late(&l->d->uart, l->t0, 1000)) {
        return ESTLS_BUSY;
    }
    estlsi_link_start(l, ESTLSI_LINK_CLOCK, ESTLS_LINKS);
    l->cmd.done = estlsi_link_clock_done;
    l->cmd.event = estlsi_link_clock_line;
    if (!first) { l->cmd.expect = "+CIPSNTPTIME:"; }
    (void)estlsi_link_say(
        l, first ? "+CIPSNTPCFG=1,0,\"t\"" /* UTC */ : "+CIPSNTPTIME?",
        l->d->sntp);
    return ESTLS_BUSY;
}

ESTLS_API uint32_t estls_link_time(const estls_link *l)
{
    if (!estlsi_core_is(l) || !l->clock) { return 0; }
    return l->clock + (uint32_t)(estlsi_link_now(l) - l->clock_t0) / 1000;
}

/* -- dial and hangup ------------------------------------------------------- */

/* Open, and the peer has not closed it? */
static int estlsi_link_up(const estlsi_port *port)
{
    return (port->flags & (ESTLSI_LINK_OPEN | ESTLSI_LINK_EOF)) ==
           ESTLSI_LINK_OPEN;
}

ESTLS_API int estls_link_dial(estls_link *l, const char *host, uint16_t port,
                              uint8_t id)
{
    const int rc = estlsi_link_usable(l);

    if (rc) { return rc; }
    if (!host || !*host || !port || id >= ESTLS_LINKS || (id && !l->d->mux)) {
        return ESTLS_E_ARG;
    }
    if (estlsi_link_up(&l->port[id])) { return ESTLS_E_STATE; }
    estlsi_link_start(l, ESTLSI_LINK_DIAL, id);
    l->port[id].id = id;
    l->port[id].flags = 0;
    l->asked = port;
    return estlsi_link_say(l, "+CIPSTART=i\"TCP\",\"t\",n", host);
}

ESTLS_API int estls_link_hangup(estls_link *l, uint8_t id)
{
    const int rc = estlsi_link_usable(l);
    estlsi_port *port;

    if (id >= ESTLS_LINKS) { return ESTLS_E_ARG; }
    port = &l->port[id];
    if (rc) {
        if (rc == ESTLS_BUSY) { port->flags |= ESTLSI_LINK_DROPPED; }
        return rc;
    }
    if (!estlsi_link_up(port)) {
        port->flags = 0;
        return ESTLS_OK;
    }
    estlsi_link_start(l, ESTLSI_LINK_HANGUP, id);
    port->flags &= (uint8_t)~ESTLSI_LINK_OPEN;
    l->asked = id;
    return estlsi_link_say(l, "+CIPCLOSEx=n", NULL);
}

/* Writes payload, as much as the open prompt still wants. */
static int estlsi_link_put(estls_link *l, const void *src, size_t len)
{
    const estls_io *io = &l->d->uart;
    int n;

    if (!l->owed || l->at.state != ESTLSI_AT_RAW) { return 0; }
    n = io->write(io->user, src, len < l->owed ? len : l->owed);
    if (n < 0) { return estlsi_link_fail(l, ESTLS_E_IO); }
    if (n) {
        l->owed = (uint16_t)(l->owed - n);
        l->at.t0 = estlsi_link_now(l);
    }
    return n;
}

/* Throws away payload that nobody reads any more, and fills a prompt whose
 * bytes will not come: the modem still swallows as many as were announced.  A
 * payload whose reader never comes back would stop the modem for ever. */
static int estlsi_link_drain(estls_link *l)
{
    char waste[16];

    if (l->owed &&
        (l->port[l->port_op].flags & (ESTLSI_LINK_EOF | ESTLSI_LINK_DROPPED))) {
        memset(waste, 0, sizeof waste);
        (void)estlsi_link_put(l, waste, sizeof waste);
    }
    if (!l->at.at.left) { return 0; }
    if ((l->port[l->port_rx].flags &
         (ESTLSI_LINK_OPEN | ESTLSI_LINK_DROPPED)) == ESTLSI_LINK_OPEN) {
        return estlsi_core_late(&l->d->uart, l->at.t1,
                                estlsi_core_timeout(l->d))
                   ? (int)ESTLS_E_TIMEOUT
                   : 0;
    }
    return estls_at_read(&l->at, waste, sizeof waste);
}

ESTLS_API int estls_link_step(estls_link *l)
{
    int rc;

    if (!estlsi_core_is(l)) { return ESTLS_E_STATE; }
    if (l->err) { return l->err; }
    rc = estls_at_step(&l->at);
    if (rc >= 0) { rc = estlsi_link_drain(l); }
    if (rc < 0) { estlsi_link_fail(l, rc); }
    if (l->err) { return l->err; }
    return l->op ? (int)ESTLS_BUSY : l->rc;
}

/* -- a port as a byte stream ----------------------------------------------- */

ESTLSI_APART estls_link *estlsi_link_of(estlsi_port *port)
{
    return (estls_link *)(void *)((char *)(port - port->id) -
                                  offsetof(estls_link, port));
}

/* Steps the modem and says whether the port is still good. */
static int estlsi_link_serve(estls_link *l, const estlsi_port *port)
{
    (void)estls_link_step(l);
    if (l->err) { return l->err; }
    if (port->flags & ESTLSI_LINK_FAILED) {
        return port->flags & ESTLSI_LINK_EOF ? ESTLS_E_CLOSED : ESTLS_E_NETWORK;
    }
    return port->flags & ESTLSI_LINK_OPEN ? (int)ESTLS_OK : ESTLS_E_STATE;
}

/* Most bytes that one command moves. */
static size_t estlsi_link_most(const estls_link *l, size_t len)
{
    const size_t max = (size_t)ESTLSI_LINK_SEND_MAX << 2 * l->roomy;

    return len < max ? len : max;
}

/* Fetches what the modem holds, as much as the reader wants and no more: what
 * nobody reads would keep the modem's answers from being seen.  Polls now and
 * then, since a lost announcement does not come again. */
static int estlsi_link_pull(estls_link *l, estlsi_port *port, size_t cap)
{
    if (!(port->flags & ESTLSI_LINK_MORE) &&
        !estlsi_core_late(&l->d->uart, l->t0, ESTLSI_LINK_POLL_MS)) {
        return ESTLS_OK;
    }
    if (estlsi_link_usable(l)) { return ESTLS_OK; }
    estlsi_link_start(l, ESTLSI_LINK_PULL, port->id);
    l->asked = (uint16_t)estlsi_link_most(l, cap);
    port->flags |= ESTLSI_LINK_MORE;
    (void)estlsi_link_say(l, "+CIPRECVDATA=in", NULL);
    l->cmd.timeout_ms = ESTLSI_AT_STALL_MS;
    return estlsi_link_serve(l, port);
}

static int estlsi_link_read(void *user, void *dst, size_t cap)
{
    estlsi_port *port = (estlsi_port *)user;
    estls_link *l = estlsi_link_of(port);
    int rc = estlsi_link_serve(l, port);

    if (rc || !cap) { return rc; }
    if (l->at.at.left) {
        if (l->port_rx != port->id) { return 0; }
        rc = estls_at_read(&l->at, dst, cap);
        return rc < 0 ? estlsi_link_fail(l, rc) : rc;
    }
    if ((port->flags & (ESTLSI_LINK_EOF | ESTLSI_LINK_MORE)) ==
        ESTLSI_LINK_EOF) {
        return ESTLS_E_CLOSED;
    }
    return l->d->push ? 0 : estlsi_link_pull(l, port, cap);
}

/* For how many ms the gate still holds something back. */
static uint32_t estlsi_link_wait(const estls_link *l, uint32_t now)
{
    const uint32_t ms = l->gate_until - now;

    return l->gate_waits && ms <= 0x7fffffff ? ms : 0;
}

/* Asks the gate, if it is time to.  OK: go; BUSY: wait; E_POWER. */
static int estlsi_link_ask(estls_link *l, const estls_desc *d, estls_gate *ask)
{
    uint32_t ms;

    if (estlsi_link_wait(l, estlsi_core_tick(&d->uart))) { return ESTLS_BUSY; }
    ms = estlsi_link_gate(d, ask);
    l->gate_waits = ms != 0;
    l->gate_reason = ask->reason;
    l->gate_until = estlsi_core_tick(&d->uart) + ms;
    if (ms >= estlsi_core_timeout(d)) { return ESTLS_E_POWER; }
    return ms ? ESTLS_BUSY : ESTLS_OK;
}

/* Asks the gate, then announces len bytes; by the same command as the last
 * time, if that still stands in the line. */
static int estlsi_link_announce(estls_link *l, const estlsi_port *port,
                                size_t len)
{
    estls_gate ask;
    int again, rc;

    len = estlsi_link_most(l, len);
    ask.what = ESTLS_GATE_SEND;
    ask.len = len;
    rc = estlsi_link_ask(l, l->d, &ask);
    if (ask.len < len) { len = ask.len; }
    if (rc || !len) { return rc < 0 ? rc : (int)ESTLS_OK; }
    again = l->cmd.kind == ESTLS_AT_PROMPTS && l->asked == len &&
            l->port_op == port->id;
    estlsi_link_start(l, ESTLSI_LINK_SEND, port->id);
    l->owed = (uint16_t)len;
    l->asked = l->owed;
    l->sends++;
    return again ? estlsi_link_submit(l, l->cmd.len)
                 : estlsi_link_say(l, "+CIPSEND=in", NULL);
}

static int estlsi_link_write(void *user, const void *src, size_t len)
{
    estlsi_port *port = (estlsi_port *)user;
    estls_link *l = estlsi_link_of(port);
    int rc = estlsi_link_serve(l, port);

    if (rc || !len) { return rc; }
    if (port->flags & ESTLSI_LINK_EOF) { return ESTLS_E_CLOSED; }
    if (!estlsi_link_usable(l)) { return estlsi_link_announce(l, port, len); }
    return l->op == ESTLSI_LINK_SEND && l->port_op == port->id
               ? estlsi_link_put(l, src, len)
               : 0;
}

static uint32_t estlsi_link_tick(void *user)
{
    return estlsi_link_now(estlsi_link_of((estlsi_port *)user));
}

ESTLS_API int estls_link_io(estls_link *l, uint8_t id, estls_io *io)
{
    estlsi_port *port;

    if (!estlsi_core_is(l) || id >= ESTLS_LINKS) { return ESTLS_E_ARG; }
    port = &l->port[id];
    port->id = id;
    io->read = estlsi_link_read;
    io->write = estlsi_link_write;
    io->tick = estlsi_link_tick;
    io->user = port;
    return ESTLS_OK;
}

#ifndef ESTLS_NO_TLS
/* ======================================================================
 * >>tls
 * ====================================================================== */

enum {
    ESTLSI_TLS_HELLO,
    ESTLSI_TLS_HANDSHAKE,
    ESTLSI_TLS_OPEN,
    ESTLSI_TLS_CLOSING,
    ESTLSI_TLS_DONE
};

enum {
    ESTLSI_TLS_ENTROPY = 32,
    ESTLSI_TLS_HOST_MAX = 255, /* RFC 1035 2.3.4; BearSSL's server_name */
    ESTLSI_TLS_STAGE_MAX = 2048,
    ESTLSI_TLS_CLOSE_MS = 2000,
    ESTLSI_TLS_FLUSH_MS = 5000
};

/* What a peer may send without getting anywhere: certificates in the
 * handshake; alerts and empty records after it. */
#define ESTLSI_TLS_BUDGET 65536ul

/* RFC 5246 6.2.1 and 7.4 */
enum {
    ESTLSI_TLS_CCS = 20,
    ESTLSI_TLS_ALERT = 21,
    ESTLSI_TLS_RECORD = 22,
    ESTLSI_TLS_SERVER_HELLO = 2,
    ESTLSI_TLS_CERTIFICATE = 11,
    ESTLSI_TLS_KEY_EXCHANGE = 12,
    ESTLSI_TLS_HELLO_DONE = 14
};

static uint8_t estlsi_tls_lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* An address is no name: it has no letter, or it has a colon. */
static int estlsi_tls_is_address(const char *host)
{
    int letters = 0;

    for (; *host; host++) {
        if (*host == ':') { return 1; }
        letters |= estlsi_tls_lower(*host) >= 'a';
    }
    return !letters;
}

/* The compiler may not skip this: what is wiped is used by the empty assembly,
 * or stored to as volatile. */
static void estlsi_tls_wipe(void *memory, size_t n)
{
#if defined __GNUC__
    memset(memory, 0, n);
    __asm__ volatile("" : : "r"(memory) : "memory");
#else
    volatile uint8_t *p = (volatile uint8_t *)memory;

    while (n--) { *p++ = 0; }
#endif
}

/* -- certificate policy, beside BearSSL's validation ------------------------
 *
 * Walks the DER of each certificate as it streams by, down to the extensions:
 * Certificate { tbs { fields..., [3] { SEQUENCE { ext { OID, critical?,
 * OCTET STRING } } } } }.  RFC 5280 4.1, 4.2. */

enum { /* phase */
       ESTLSI_X509_TAG,
       ESTLSI_X509_LENGTH,
       ESTLSI_X509_LONG,
       ESTLSI_X509_OID
};

enum { /* state: which element is next */
       ESTLSI_X509_CERTIFICATE,
       ESTLSI_X509_TBS,
       ESTLSI_X509_FIELD,
       ESTLSI_X509_EXTENSIONS,
       ESTLSI_X509_EXTENSION,
       ESTLSI_X509_EXTENSION_ID,
       ESTLSI_X509_BODY,
       ESTLSI_X509_PURPOSES,
       ESTLSI_X509_PURPOSE,
       ESTLSI_X509_END
};

enum { /* seen */
       ESTLSI_X509_SAN = 1,
       ESTLSI_X509_EKU = 2,
       ESTLSI_X509_SERVER = 4, /* serverAuth or anyExtendedKeyUsage */
       ESTLSI_X509_NAMES = 8,  /* nameConstraints, or what may hide them */
       ESTLSI_X509_KP = 16     /* first half of id-kp-serverAuth */
};

/* An extension's id, or a purpose: an OID to read, or something to pass
 * over. */
static void estlsi_x509_id(estls_x509 *x, uint32_t length)
{
    if (x->tag == 0x06 && length && length <= 8) {
        x->phase = ESTLSI_X509_OID;
        x->oid = (uint8_t)length;
        x->count = (uint8_t)length;
        x->value = 0;
        x->seen &= (uint8_t)~ESTLSI_X509_KP;
        return;
    }
    x->skip = length;
    if (x->state == ESTLSI_X509_EXTENSION_ID) {
        x->ext = 0;
        x->state = ESTLSI_X509_BODY;
    }
}

/* Critical or not; then the body, of which only the purposes are read. */
static void estlsi_x509_body(estls_x509 *x, uint32_t length)
{
    if (x->tag == 0x04 && x->ext == ESTLSI_X509_EKU && length < 0xffff) {
        x->inner = (uint16_t)(length + 1); /* as with left */
        x->state = ESTLSI_X509_PURPOSES;
        return;
    }
    x->skip = length;
    if (x->tag == 0x04) { x->state = ESTLSI_X509_EXTENSION; }
}

/* An element's header is complete: enter it, or pass over it. */
static void estlsi_x509_element(estls_x509 *x)
{
    const uint32_t length = x->value;

    x->phase = ESTLSI_X509_TAG;
    switch (x->state) {
    case ESTLSI_X509_CERTIFICATE:
    case ESTLSI_X509_TBS:
    case ESTLSI_X509_PURPOSES: x->state++; break;
    case ESTLSI_X509_FIELD:
        if (x->tag == 0xA3) {
            x->state = ESTLSI_X509_EXTENSIONS;
        } else {
            x->skip = length;
        }
        break;
    case ESTLSI_X509_EXTENSIONS:
        x->left = length + 1; /* the byte that ends this header counts too */
        x->state = ESTLSI_X509_EXTENSION;
        break;
    case ESTLSI_X509_EXTENSION: x->state = ESTLSI_X509_EXTENSION_ID; break;
    case ESTLSI_X509_BODY: estlsi_x509_body(x, length); break;
    default: estlsi_x509_id(x, length); break;
    }
}

static void estlsi_x509_oid(estls_x509 *x)
{
    x->phase = ESTLSI_X509_TAG;
    if (x->state == ESTLSI_X509_PURPOSE) {
        /* 1.3.6.1.5.5.7.3.1 serverAuth, 2.5.29.37.0 any */
        if ((x->oid == 8 && x->value == 0x05070301 &&
             (x->seen & ESTLSI_X509_KP)) ||
            (x->oid == 4 && x->value == 0x551D2500)) {
            x->seen |= ESTLSI_X509_SERVER;
        }
        return;
    }
    /* 2.5.29.17, .37, .30 */
    x->ext = (uint8_t)(x->oid != 3            ? 0
                       : x->value == 0x551D11 ? ESTLSI_X509_SAN
                       : x->value == 0x551D25 ? ESTLSI_X509_EKU
                       : x->value == 0x551D1E ? ESTLSI_X509_NAMES
                                              : 0);
    x->seen |= x->ext;
    x->state = ESTLSI_X509_BODY;
}

static void estlsi_x509_byte(estls_x509 *x, uint8_t byte)
{
    switch (x->phase) {
    case ESTLSI_X509_TAG:
        x->tag = byte;
        x->phase = ESTLSI_X509_LENGTH;
        break;
    case ESTLSI_X509_LENGTH:
        if (byte < 0x80) {
            x->value = byte;
            estlsi_x509_element(x);
        } else {
            x->value = 0;
            x->count = byte & 0x7f;
            x->phase = ESTLSI_X509_LONG;
        }
        break;
    case ESTLSI_X509_LONG:
        x->value = x->value << 8 | byte;
        if (--x->count == 0) { estlsi_x509_element(x); }
        break;
    default:
        x->value = x->value << 8 | byte;
        if (--x->count == 4 && x->value == 0x2B060105) {
            x->seen |= ESTLSI_X509_KP;
        }
        if (x->count == 0) { estlsi_x509_oid(x); }
        break;
    }
}

/* Counts down extKeyUsage and the extensions as a whole.  What would reach
 * out of the one is malformed: BearSSL, which passes over it, would see other
 * extensions behind it than this walk. */
static void estlsi_x509_count(estls_x509 *x, size_t k)
{
    if (x->inner) {
        x->inner = (uint16_t)(x->inner - k);
        if (!x->inner) {
            if (x->skip || x->phase != ESTLSI_X509_TAG) {
                x->seen |= ESTLSI_X509_NAMES;
            }
            x->skip = 0;
            x->phase = ESTLSI_X509_TAG;
            x->state = ESTLSI_X509_EXTENSION;
        }
    }
    if (x->left) {
        x->left = x->left > k ? x->left - (uint32_t)k : 0;
        x->state = x->left ? x->state : (uint8_t)ESTLSI_X509_END;
    }
}

static void estlsi_x509_walk(estls_x509 *x, const uint8_t *p, size_t n)
{
    size_t k;

    for (; n && x->state != ESTLSI_X509_END; p += k, n -= k) {
        k = 1;
        if (x->skip) {
            k = x->skip < n ? (size_t)x->skip : n;
            k = x->inner && x->inner < k ? x->inner : k;
            x->skip -= (uint32_t)k;
        } else {
            estlsi_x509_byte(x, *p);
        }
        estlsi_x509_count(x, k);
    }
}

static void estlsi_x509_refuse(estls_x509 *x, uint8_t reason)
{
    if (!x->refused) { x->refused = reason; }
}

/* BearSSL calls these with the address of vtable, the first member. */
static estls_x509 *estlsi_x509_of(const br_x509_class **context)
{
    return (estls_x509 *)(void *)context;
}

static void estlsi_x509_start_chain(const br_x509_class **context,
                                    const char *server_name)
{
    estls_x509 *x = estlsi_x509_of(context);

    x->leaf = 1;
    x->refused = 0;
    x->minimal.vtable->start_chain(&x->minimal.vtable, server_name);
}

static void estlsi_x509_start_cert(const br_x509_class **context,
                                   uint32_t length)
{
    estls_x509 *x = estlsi_x509_of(context);

    x->skip = 0;
    x->left = 0;
    x->inner = 0;
    x->phase = ESTLSI_X509_TAG;
    x->state = ESTLSI_X509_CERTIFICATE;
    x->ext = 0;
    x->seen = 0;
    x->minimal.vtable->start_cert(&x->minimal.vtable, length);
}

static void estlsi_x509_append(const br_x509_class **context,
                               const unsigned char *buf, size_t len)
{
    estls_x509 *x = estlsi_x509_of(context);

    estlsi_x509_walk(x, buf, len);
    x->minimal.vtable->append(&x->minimal.vtable, buf, len);
}

static void estlsi_x509_end_cert(const br_x509_class **context)
{
    estls_x509 *x = estlsi_x509_of(context);

    if (x->seen & ESTLSI_X509_NAMES) {
        estlsi_x509_refuse(x, BR_ERR_X509_CRITICAL_EXTENSION);
    }
    if ((x->seen & ESTLSI_X509_EKU) && !(x->seen & ESTLSI_X509_SERVER)) {
        estlsi_x509_refuse(x, BR_ERR_X509_FORBIDDEN_KEY_USAGE);
    }
    if (x->leaf && !(x->seen & ESTLSI_X509_SAN)) {
        estlsi_x509_refuse(x, BR_ERR_X509_BAD_SERVER_NAME);
    }
    x->leaf = 0;
    x->minimal.vtable->end_cert(&x->minimal.vtable);
}

static unsigned estlsi_x509_end_chain(const br_x509_class **context)
{
    estls_x509 *x = estlsi_x509_of(context);
    const unsigned err = x->minimal.vtable->end_chain(&x->minimal.vtable);

    return err ? err : x->refused;
}

static const br_x509_pkey *estlsi_x509_get_pkey(
    const br_x509_class *const *context, unsigned *usages)
{
    const estls_x509 *x = (const estls_x509 *)(const void *)context;

    return x->minimal.vtable->get_pkey(&x->minimal.vtable, usages);
}

static const br_x509_class estlsi_x509_class = {
    sizeof(estls_x509),  estlsi_x509_start_chain, estlsi_x509_start_cert,
    estlsi_x509_append,  estlsi_x509_end_cert,    estlsi_x509_end_chain,
    estlsi_x509_get_pkey};

static int estlsi_tls_weak(const br_x509_pkey *key)
{
    return key->key_type == BR_KEYTYPE_RSA && key->key.rsa.nlen < 256;
}

static void estlsi_tls_bind_key(br_sha256_context *id, const br_x509_pkey *key)
{
    br_sha256_update(id, &key->key_type, 1);
    if (key->key_type == BR_KEYTYPE_RSA) {
        br_sha256_update(id, key->key.rsa.n, key->key.rsa.nlen);
        br_sha256_update(id, key->key.rsa.e, key->key.rsa.elen);
    } else {
        br_sha256_update(id, key->key.ec.q, key->key.ec.qlen);
    }
}

/* A clock before this library's own release is not set. */
static int estlsi_x509_clock(estls_tls *t)
{
    const uint32_t now = t->d->unix_time(t->d->user);

    if (now < ESTLS_NOT_BEFORE) { return ESTLS_E_CLOCK; }
    /* BearSSL counts days from 0000-01-01; 1970-01-01 is day 719528 */
    br_x509_minimal_set_time(&t->x509->minimal, now / 86400 + 719528u,
                             now % 86400);
    return ESTLS_OK;
}

ESTLS_API int estls_anchors(estls_tls *tls, void *binding)
{
    const estls_desc *d = tls->d;
    br_ssl_engine_context *eng = &tls->client.eng;
    estls_x509 *x = d->x509;
    size_t i;
    int id;

    if (!binding) { return estlsi_x509_clock(tls); }
    if (!d->anchors || !d->anchor_count) { return ESTLS_E_TRUST; }
    if (!x) { return ESTLS_E_SPACE; }
    memset(x, 0, sizeof *x);
    x->vtable = &estlsi_x509_class;
    x->owner = tls;
    br_x509_minimal_init(&x->minimal, &br_sha256_vtable, d->anchors,
                         d->anchor_count);
    /* SHA-256 or better; of those, what the profile has linked in anyway */
    for (id = br_sha256_ID; id <= br_sha512_ID; id++) {
        br_x509_minimal_set_hash(&x->minimal, id,
                                 br_ssl_engine_get_hash(eng, id));
    }
    br_x509_minimal_set_rsa(&x->minimal, br_ssl_engine_get_rsavrfy(eng));
    br_x509_minimal_set_ecdsa(&x->minimal, br_ssl_engine_get_ec(eng),
                              br_ssl_engine_get_ecdsa(eng));
    br_x509_minimal_set_minrsa(&x->minimal, 256);
    br_ssl_engine_set_x509(eng, &x->vtable);
    tls->x509 = x;
    for (i = 0; i < d->anchor_count; i++) {
        const br_x509_trust_anchor *a = &d->anchors[i];
        const br_x509_pkey *key = (const br_x509_pkey *)(const void *)&a->pkey;
        if (estlsi_tls_weak(key)) { return ESTLS_E_TRUST; }
        br_sha256_update((br_sha256_context *)binding, a->dn.data, a->dn.len);
        estlsi_tls_bind_key((br_sha256_context *)binding, key);
    }
    if (estlsi_tls_is_address(d->host)) { return ESTLS_E_NAME; }
    return d->unix_time ? ESTLS_OK : ESTLS_E_CLOCK;
}

static void estlsi_pin_start_chain(const br_x509_class **context,
                                   const char *server_name)
{
    (void)context;
    (void)server_name;
}

static void estlsi_pin_start_cert(const br_x509_class **context,
                                  uint32_t length)
{
    (void)context;
    (void)length;
}

static void estlsi_pin_append(const br_x509_class **context,
                              const unsigned char *buf, size_t len)
{
    (void)context;
    (void)buf;
    (void)len;
}

static void estlsi_pin_end_cert(const br_x509_class **context)
{
    (void)context;
}

static unsigned estlsi_pin_end_chain(const br_x509_class **context)
{
    (void)context;
    return 0;
}

static const br_x509_pkey *estlsi_pin_get_pkey(
    const br_x509_class *const *context, unsigned *usages)
{
    if (usages) { *usages = BR_KEYTYPE_SIGN; }
    return ((const estlsi_pin *)(const void *)context)->key;
}

static const br_x509_class estlsi_pin_class = {
    sizeof(estlsi_pin), estlsi_pin_start_chain, estlsi_pin_start_cert,
    estlsi_pin_append,  estlsi_pin_end_cert,    estlsi_pin_end_chain,
    estlsi_pin_get_pkey};

ESTLS_API int estls_pin(estls_tls *tls, void *binding)
{
    const br_x509_pkey *key = tls->d->pin;

    if (!binding) { return ESTLS_OK; } /* needs no clock */
    if (!key || estlsi_tls_weak(key)) { return ESTLS_E_TRUST; }
    tls->pin.vtable = &estlsi_pin_class;
    tls->pin.key = key;
    br_ssl_engine_set_x509(&tls->client.eng, &tls->pin.vtable);
    estlsi_tls_bind_key((br_sha256_context *)binding, key);
    return ESTLS_OK;
}

/* -- profiles --------------------------------------------------------------
 *
 * What estls_small computes with, by the compiler's macros; `make mcu` measures
 * it.  Full leaves it to BearSSL, which on a PC finds out what the CPU has.
 *
 *     core                        P-256, ECDSA   Poly1305
 *     int of 16 bits: AVR         m31, i31       i15       m15: 1.4 times that
 *     ARMv6-M: Cortex-M0, M0+     m15, i15       ctmul32   no 64-bit product
 *     others                      m31, i31       ctmul */
#if UINT_MAX <= 0xffff
#define ESTLSI_EC       br_ec_p256_m31
#define ESTLSI_ECDSA    br_ecdsa_i31_vrfy_asn1
#define ESTLSI_POLY1305 br_poly1305_i15_run
#elif defined __ARM_ARCH_6M__
#define ESTLSI_EC       br_ec_p256_m15
#define ESTLSI_ECDSA    br_ecdsa_i15_vrfy_asn1
#define ESTLSI_POLY1305 br_poly1305_ctmul32_run
#else
#define ESTLSI_EC       br_ec_p256_m31
#define ESTLSI_ECDSA    br_ecdsa_i31_vrfy_asn1
#define ESTLSI_POLY1305 br_poly1305_ctmul_run
#endif

/* What the description names, in place of the profile's. */
static void estlsi_tls_implement(br_ssl_engine_context *eng,
                                 const estls_desc *d)
{
    if (d->impl.ec) { br_ssl_engine_set_ec(eng, d->impl.ec); }
    if (d->impl.ecdsa) { br_ssl_engine_set_ecdsa(eng, d->impl.ecdsa); }
    if (d->impl.rsa) { br_ssl_engine_set_rsavrfy(eng, d->impl.rsa); }
    if (d->impl.chacha20) { br_ssl_engine_set_chacha20(eng, d->impl.chacha20); }
    if (d->impl.poly1305) { br_ssl_engine_set_poly1305(eng, d->impl.poly1305); }
    if (d->impl.aes) { br_ssl_engine_set_aes_ctr(eng, d->impl.aes); }
    if (d->impl.ghash) { br_ssl_engine_set_ghash(eng, d->impl.ghash); }
}

ESTLS_API void estls_full(br_ssl_client_context *client)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256};
    br_ssl_engine_context *eng = &client->eng;

    br_ssl_engine_set_suites(eng, suites, sizeof suites / sizeof suites[0]);
    br_ssl_engine_set_default_rsavrfy(eng);
    br_ssl_engine_set_default_ecdsa(eng);
    br_ssl_engine_set_default_chapol(eng);
    br_ssl_engine_set_default_aes_gcm(eng);
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(eng, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
#if UINT_MAX <= 0xffff
    br_ssl_engine_set_poly1305(eng, &br_poly1305_i15_run);
#endif
}

ESTLS_API void estls_small(br_ssl_client_context *client)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256};
    br_ssl_engine_context *eng = &client->eng;

    br_ssl_engine_set_suites(eng, suites, 1);
    br_ssl_engine_set_ec(eng, &ESTLSI_EC);
    br_ssl_engine_set_ecdsa(eng, &ESTLSI_ECDSA);
    br_ssl_engine_set_chacha20(eng, &br_chacha20_ct_run);
    br_ssl_engine_set_poly1305(eng, &ESTLSI_POLY1305);
    br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable,
                             &br_sslrec_out_chapol_vtable);
    br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
}

/* -- watching the server's clear handshake --------------------------------- */

/* ServerHello: version, random, session id, suite, compression, extensions. */
static void estlsi_tls_watch_hello(estlsi_watch *w, uint8_t byte)
{
    if (w->skip) {
        w->skip--;
        return;
    }
    w->value = w->value << 8 | byte;
    switch (w->hello++) {
    case 0: w->skip = 2 + 32 - 1; break;
    case 1: w->skip = (uint16_t)(byte + 2 + 1 + 2); break;
    case 5: /* an extension's type and length */
        w->mfl |= w->value >> 16 == 1;
        w->skip = (uint16_t)w->value;
        w->hello = 2;
        break;
    default: break;
    }
}

/* A byte of a handshake message.  Will BearSSL do public-key arithmetic when
 * it gets it? */
static int estlsi_tls_watch_message(estls_tls *t, uint8_t byte)
{
    estlsi_watch *w = &t->watch;
    int heavy = 0;

    if (w->message_have < 4) {
        if (!w->message_have++) { w->message = byte; }
        /* the type is shifted out again */
        w->message_left = (w->message_left << 8 | byte) & 0xffffff;
    } else {
        w->message_left--;
        if (w->message == ESTLSI_TLS_SERVER_HELLO) {
            estlsi_tls_watch_hello(w, byte);
        } else if (w->message == ESTLSI_TLS_CERTIFICATE) {
            w->full = 1;
            heavy = t->x509 != NULL;
        }
    }
    if (w->message_have == 4 && !w->message_left) {
        w->message_have = 0;
        heavy |= w->message == ESTLSI_TLS_KEY_EXCHANGE ||
                 w->message == ESTLSI_TLS_HELLO_DONE;
    }
    return heavy;
}

/* One byte of a record header; E_PROTO if it cannot be TLS. */
static int estlsi_tls_watch_header(estlsi_watch *w, uint8_t byte)
{
    int ok = 1;

    w->record_left = (uint16_t)(w->record_left << 8 | byte);
    switch (w->record_have++) {
    case 0:
        w->record = byte;
        ok = (uint8_t)(byte - ESTLSI_TLS_CCS) < 4;
        break;
    case 1: ok = byte == 3; break;
    case 4:
        w->record_have = 0;
        /* one without content is passed over, by BearSSL too */
        w->off = w->record == ESTLSI_TLS_CCS && w->record_left;
        break;
    default: break;
    }
    return ok ? ESTLS_OK : ESTLS_E_PROTO;
}

/* > 0: a heavy step is next; or E_PROTO. */
static int estlsi_tls_watch(estls_tls *t, const uint8_t *p, size_t n)
{
    estlsi_watch *w = &t->watch;
    int rc = 0;

    for (; n && !w->off && rc >= 0; p++, n--) {
        if (w->record_have || !w->record_left) {
            if (estlsi_tls_watch_header(w, *p)) { rc = ESTLS_E_PROTO; }
            continue;
        }
        w->record_left--;
        if (w->record == ESTLSI_TLS_RECORD) {
            rc |= estlsi_tls_watch_message(t, *p);
        }
    }
    return rc;
}

/* -- the session that is kept ---------------------------------------------- */

static void estlsi_tls_tag(const estls_tls *t, const estls_saved *saved,
                           uint8_t *tag)
{
    br_sha256_context id;
    uint8_t hash[br_sha256_SIZE];

    br_sha256_init(&id);
    br_sha256_update(&id, t->binding, sizeof t->binding);
    br_sha256_update(&id, saved->state, sizeof saved->state);
    br_sha256_out(&id, hash);
    memcpy(tag, hash, sizeof saved->tag);
    estlsi_tls_wipe(&id, sizeof id); /* it holds the end of the state */
}

/* It must fit. */
typedef char estlsi_tls_saved_fits[sizeof(br_ssl_session_parameters) <=
                                           sizeof(((estls_saved *)0)->state)
                                       ? 1
                                       : -1];

ESTLSI_APART void estlsi_tls_save(const estls_tls *t)
{
    br_ssl_session_parameters pp;
    estls_saved *saved = t->d->saved;

    if (!saved) { return; }
    br_ssl_engine_get_session_parameters(&t->client.eng, &pp);
    memset(saved, 0, sizeof *saved);
    if (pp.session_id_len) {
        memcpy(saved->state, &pp, sizeof pp);
        estlsi_tls_tag(t, saved, saved->tag);
    }
    estlsi_tls_wipe(&pp, sizeof pp);
}

/* Is there a saved session, and is it ours? */
static int estlsi_tls_resumable(const estls_tls *t)
{
    const estls_saved *saved = t->d->saved;
    uint8_t tag[16];

    if (!saved) { return 0; }
    estlsi_tls_tag(t, saved, tag);
    return memcmp(tag, saved->tag, sizeof tag) == 0;
}

/* Hands it to BearSSL. */
static int estlsi_tls_restore(estls_tls *t)
{
    br_ssl_session_parameters pp;
    int sound;

    if (!estlsi_tls_resumable(t)) { return 0; }
    memcpy(&pp, t->d->saved->state, sizeof pp);
    /* the tag is no proof against somebody who writes to retained RAM, and
     * BearSSL sends as many bytes as this says */
    sound = pp.session_id_len && pp.session_id_len <= sizeof pp.session_id;
    if (sound) { br_ssl_engine_set_session_parameters(&t->client.eng, &pp); }
    estlsi_tls_wipe(&pp, sizeof pp);
    return sound;
}

/* Resumes the session of another connection, if it can be, and if that is
 * bound to the same server. */
static int estlsi_tls_adopt(estls_tls *t, const estls_tls *first)
{
    br_ssl_session_parameters pp;

    if (memcmp(t->binding, first->binding, sizeof t->binding) != 0) {
        return ESTLS_E_TRUST;
    }
    br_ssl_engine_get_session_parameters(&first->client.eng, &pp);
    br_ssl_engine_set_session_parameters(&t->client.eng, &pp);
    t->offered = pp.session_id_len != 0;
    estlsi_tls_wipe(&pp, sizeof pp);
    return ESTLS_OK;
}

/* -- failure --------------------------------------------------------------- */

/* Failures of the path say nothing against the saved session. */
static int estlsi_tls_of_path(int rc)
{
    return rc == ESTLS_E_IO || rc == ESTLS_E_TIMEOUT || rc == ESTLS_E_MODEM ||
           rc == ESTLS_E_NETWORK || rc == ESTLS_E_CLOSED ||
           rc == ESTLS_E_TRUNCATED || rc == ESTLS_E_INJECTED ||
           rc == ESTLS_E_POWER;
}

/* Ends it: secrets are wiped, and the first result stays. */
static int estlsi_tls_end(estls_tls *t, int rc)
{
    const estls_desc *d = t->d;

    if (t->state == ESTLSI_TLS_DONE) { return t->err; }
    if (d->saved && (t->offered || t->version) && rc < 0 &&
        !estlsi_tls_of_path(rc)) {
        estlsi_tls_wipe(d->saved, sizeof *d->saved);
    }
    t->err = (int8_t)rc;
    t->state = ESTLSI_TLS_DONE;
    t->stage_len = 0;
    t->pending = 0;
    estlsi_tls_wipe(&t->client, sizeof t->client);
    estlsi_tls_wipe(d->iobuf, d->iobuf_cap);
    if (d->obuf) { estlsi_tls_wipe(d->obuf, d->obuf_cap); }
    return rc;
}

/* BearSSL's number -> ours. */
static int estlsi_tls_error(int e)
{
    switch (e) {
    case BR_ERR_UNSUPPORTED_VERSION:
    case BR_ERR_BAD_VERSION:
    case BR_ERR_RECV_FATAL_ALERT + 70: return ESTLS_E_VERSION;
    case BR_ERR_TOO_LARGE: return ESTLS_E_RECORD;
    case BR_ERR_NO_RANDOM: return ESTLS_E_ENTROPY;
    case BR_ERR_X509_EXPIRED: return ESTLS_E_EXPIRED;
    case BR_ERR_X509_BAD_SERVER_NAME: return ESTLS_E_NAME;
    case BR_ERR_WRONG_KEY_USAGE:
    case BR_ERR_BAD_SIGNATURE: return ESTLS_E_TRUST;
    default: break;
    }
    return e > BR_ERR_X509_OK && e <= BR_ERR_X509_NOT_TRUSTED ? ESTLS_E_TRUST
                                                              : ESTLS_E_TLS;
}

/* BearSSL has closed.  Its error 0 is a close_notify, which proves nothing
 * before the handshake is through: any attacker can send one. */
static int estlsi_tls_closed(estls_tls *t)
{
    const int e = br_ssl_engine_last_error(&t->client.eng);

    t->detail = (int16_t)e;
    if (e) { return estlsi_tls_end(t, estlsi_tls_error(e)); }
    if (t->state == ESTLSI_TLS_CLOSING) { return estlsi_tls_end(t, ESTLS_OK); }
    return estlsi_tls_end(t, t->state == ESTLSI_TLS_OPEN ? ESTLS_E_CLOSED
                                                         : ESTLS_E_TLS);
}

/* What a stream says of its end; a callback may well return a plain -1, or an
 * errno. */
ESTLSI_APART int estlsi_tls_io_error(int rc)
{
    return rc <= ESTLS_E_IO && rc >= ESTLS_E_POWER ? rc : (int)ESTLS_E_IO;
}

/* The stream below is gone. */
static int estlsi_tls_lost(estls_tls *t, int rc)
{
    rc = estlsi_tls_io_error(rc);
    if (t->state == ESTLSI_TLS_CLOSING) {
        return estlsi_tls_end(t, t->owes ? rc : (int)ESTLS_OK);
    }
    /* BearSSL shuts this door at a close_notify, and at nothing else */
    if (t->client.eng.shutdown_recv && t->state == ESTLSI_TLS_OPEN) {
        return estlsi_tls_end(t, ESTLS_E_CLOSED);
    }
    return estlsi_tls_end(t,
                          rc == ESTLS_E_CLOSED ? (int)ESTLS_E_TRUNCATED : rc);
}

/* -- opening --------------------------------------------------------------- */

/* Letters, digits, '-', '.', '_', and ':' for an IPv6 literal: nothing that a
 * command, a protocol or an XML attribute could misread. */
static int estlsi_tls_host_char(char byte)
{
    const uint8_t c = estlsi_tls_lower(byte);

    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= ':') || c == '-' ||
           c == '.' || c == '_';
}

/* Behind those. */
ESTLSI_APART const char *estlsi_tls_host_end(const char *p)
{
    while (estlsi_tls_host_char(*p)) { p++; }
    return p;
}

static int estlsi_tls_host_ok(const char *host)
{
    const char *p = estlsi_tls_host_end(host);

    return !*p && p - host <= ESTLSI_TLS_HOST_MAX;
}

ESTLSI_APART int estlsi_tls_check(const estls_desc *d)
{
    if (!d->host || !d->host[0]) { return ESTLS_E_NAME; }
    if (!estlsi_tls_host_ok(d->host) || !d->iobuf || !d->proto) {
        return ESTLS_E_ARG;
    }
    if (d->iobuf_cap < ESTLS_IOBUF_MIN || d->iobuf_cap >> 15 ||
        (d->obuf && (d->obuf_cap < ESTLS_OBUF_MIN || d->obuf_cap >> 15))) {
        return ESTLS_E_SPACE;
    }
    if (!d->trust) { return ESTLS_E_TRUST; }
    return d->entropy ? ESTLS_OK : ESTLS_E_ENTROPY;
}

/* A source that fails, falls short, or is stuck is none. */
static int estlsi_tls_seed(estls_tls *t)
{
    const estls_desc *d = t->d;
    uint8_t seed[ESTLSI_TLS_ENTROPY];
    uint8_t differ = 0;
    size_t i, n;

    memset(seed, 0, sizeof seed);
    n = d->entropy(d->user, seed, sizeof seed);
    for (i = 1; i < sizeof seed; i++) {
        differ |= (uint8_t)(seed[i] ^ seed[0]);
    }
    br_ssl_engine_inject_entropy(&t->client.eng, seed, sizeof seed);
    estlsi_tls_wipe(seed, sizeof seed);
    return n == sizeof seed && differ ? ESTLS_OK : ESTLS_E_ENTROPY;
}

/* What an outgoing record cannot reach of the output buffer gathers the
 * records of a flight.  BearSSL picks the largest fragment of 512..4096 or
 * 16384 that fits both buffers, and wants 85 bytes around it. */
static void estlsi_tls_buffers(estls_tls *t)
{
    const estls_desc *d = t->d;
    uint8_t *out = d->obuf ? d->obuf : d->iobuf;
    const size_t out_cap = d->obuf ? d->obuf_cap : d->iobuf_cap;
    size_t fragment = 512;
    size_t reach, room;

    while (fragment < 16384 && out_cap >= 2 * fragment + 85 &&
           d->iobuf_cap >= 2u * fragment + 325) {
        fragment *= 2;
    }
    if (fragment == 8192) { fragment = 4096; }
    reach = fragment + 85;
    room = out_cap - reach;
    if (room > ESTLSI_TLS_STAGE_MAX) { room = ESTLSI_TLS_STAGE_MAX; }
    t->stage = out + reach;
    t->stage_cap = (uint16_t)room;
    br_ssl_engine_set_buffers_bidi(&t->client.eng, d->iobuf, d->iobuf_cap,
                                   d->obuf, d->obuf ? d->obuf_cap : 0);
}

static void estlsi_tls_bind(estls_tls *t, br_sha256_context *id)
{
    const estls_desc *d = t->d;
    const char *proto = d->proto()->name;
    uint8_t hash[br_sha256_SIZE];

    br_sha256_update(id, d->host, strlen(d->host) + 1);
    br_sha256_update(id, proto, strlen(proto) + 1);
    br_sha256_update(id, &d->port, sizeof d->port);
    br_sha256_out(id, hash);
    memcpy(t->binding, hash, sizeof t->binding);
}

/* All that can be judged before anything is sent, but the clock. */
static int estlsi_tls_prepare(estls_tls *t, const estls_desc *d)
{
    br_ssl_engine_context *eng = &t->client.eng;
    br_sha256_context id;
    int rc;

    memset(t, 0, sizeof *t);
    rc = estlsi_tls_check(d);
    if (rc) { return rc; }
    t->d = d;
    if (d->profile) {
        d->profile(&t->client);
    } else {
        ESTLS_PROFILE(&t->client);
    }
    estlsi_tls_implement(eng, d);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_all_flags(eng, BR_OPT_NO_RENEGOTIATION);
    br_sha256_init(&id);
    rc = d->trust(t, &id);
    if (rc) { return rc; }
    estlsi_tls_bind(t, &id);
    estlsi_tls_buffers(t);
    rc = estlsi_tls_seed(t);
    if (!rc) { estlsi_core_sign(t); }
    return rc;
}

/* Lets the trust that needs it read the clock. */
static int estlsi_tls_clock(estls_tls *t)
{
    return t->d->trust(t, NULL);
}

/* Starts over t->io. */
static int estlsi_tls_begin(estls_tls *t)
{
    const char *host = t->d->host;
    const int rc = estlsi_tls_clock(t);

    if (rc) { return rc; }
    t->t0 = estlsi_core_tick(&t->io);
    t->budget = ESTLSI_TLS_BUDGET;
    t->offered = (uint8_t)(t->offered || estlsi_tls_restore(t));
    if (!br_ssl_client_reset(&t->client,
                             estlsi_tls_is_address(host) ? NULL : host,
                             t->offered)) {
        t->detail = (int16_t)br_ssl_engine_last_error(&t->client.eng);
        return ESTLS_E_ARG;
    }
    return ESTLS_OK;
}

ESTLS_API int estls_tls_open(estls_tls *t, const estls_desc *d,
                             const estls_io *io)
{
    int rc = estlsi_tls_prepare(t, d);

    if (!rc && !(io && estlsi_core_io_ok(io))) { rc = ESTLS_E_ARG; }
    if (!rc) {
        t->io = *io;
        rc = estlsi_tls_begin(t);
    }
    if (rc) { estlsi_tls_wipe(t, sizeof *t); }
    return rc;
}

/* -- driving BearSSL through its four doors -------------------------------- */

/* In an open session each byte earns more time; handshake and close have
 * their time as a whole. */
static int estlsi_tls_io(estls_tls *t, int n)
{
    if (n > 0 && t->state == ESTLSI_TLS_OPEN) {
        t->t0 = estlsi_core_tick(&t->io);
    }
    return n < 0 ? estlsi_tls_lost(t, n) : n;
}

/* Moves a record to the stage, or the stage or a record to the stream.  The
 * stage leaves when BearSSL has no more for this flight. */
static int estlsi_tls_out(estls_tls *t)
{
    br_ssl_engine_context *eng = &t->client.eng;
    size_t n = 0;
    const uint8_t *record = br_ssl_engine_sendrec_buf(eng, &n);
    int k;

    if (record && !t->stage_off && n <= (size_t)(t->stage_cap - t->stage_len)) {
        memcpy(t->stage + t->stage_len, record, n);
        t->stage_len = (uint16_t)(t->stage_len + n);
        br_ssl_engine_sendrec_ack(eng, n);
        return 1;
    }
    if (t->stage_len) {
        k = t->io.write(t->io.user, t->stage + t->stage_off,
                        (size_t)(t->stage_len - t->stage_off));
        t->stage_off = (uint16_t)(t->stage_off + (k > 0 ? k : 0));
        if (t->stage_off == t->stage_len) {
            t->stage_off = 0;
            t->stage_len = 0;
        }
        return estlsi_tls_io(t, k);
    }
    if (!record) { return 0; }
    k = t->io.write(t->io.user, record, n);
    if (k > 0) { br_ssl_engine_sendrec_ack(eng, (size_t)k); }
    return estlsi_tls_io(t, k);
}

/* Lets BearSSL have what was read. */
static int estlsi_tls_ack(estls_tls *t)
{
    const size_t n = t->pending;

    if (t->state < ESTLSI_TLS_OPEN && t->x509 && t->x509->owner != t) {
        return estlsi_tls_end(t, ESTLS_E_STATE);
    }
    t->pending = 0;
    br_ssl_engine_recvrec_ack(&t->client.eng, n);
    return 1;
}

/* BearSSL takes nothing while it holds data for the application and, in half
 * duplex, while it sends.  A record's header is taken all the same: the modem
 * may be about to hand it over, and does nothing else until somebody does. */
static int estlsi_tls_peek(estls_tls *t)
{
    const size_t room = sizeof t->head - t->head_len;
    int k;

    if (!room) { return 0; }
    k = t->io.read(t->io.user, t->head + t->head_len, room);
    if (k > 0) { t->head_len = (uint8_t)(t->head_len + k); }
    return estlsi_tls_io(t, k);
}

/* Fills the place that BearSSL names, from the header that was taken early or
 * from the stream; there the header behind a record comes along, for which a
 * modem would be asked once more. */
static int estlsi_tls_fill(estls_tls *t, uint8_t *place, size_t n)
{
    const size_t room = (size_t)(t->d->iobuf + t->d->iobuf_cap - place) - n;
    const size_t more =
        n > sizeof t->head && !t->stage_len ? sizeof t->head : 0;
    int k = t->head_len;

    if (k) {
        memcpy(place, t->head, (size_t)k);
        t->head_len = 0;
        return k;
    }
    k = t->io.read(t->io.user, place, room < more ? n : n + more);
    if (k > 0 && (size_t)k > n) {
        t->head_len = (uint8_t)((size_t)k - n);
        memcpy(t->head, place + n, t->head_len);
        k = (int)n;
    }
    return k;
}

/* Moves bytes from the stream into the place that BearSSL asks for, and lets it
 * have them when it is full: it thinks while nothing is under way, which a
 * UART without flow control wants.  Before a heavy step it stops, so that the
 * caller can learn of it. */
static int estlsi_tls_in(estls_tls *t)
{
    size_t n = 0;
    uint8_t *place = br_ssl_engine_recvrec_buf(&t->client.eng, &n);
    int k, heavy;

    if (t->pending) { return estlsi_tls_ack(t); }
    if (!place) { return estlsi_tls_peek(t); }
    if (t->stage_len && place < t->stage && place + n > t->stage) {
        return 0; /* the record would run into the stage */
    }
    k = estlsi_tls_fill(t, place + t->got, n - t->got);
    if (k <= 0) { return estlsi_tls_io(t, k); }
    if ((uint32_t)k > t->budget) { return estlsi_tls_end(t, ESTLS_E_PROTO); }
    t->budget -= (uint32_t)k;
    t->got = (uint16_t)(t->got + k);
    (void)estlsi_tls_io(t, k);
    if (t->got < n) { return 1; }
    t->got = 0;
    heavy = estlsi_tls_watch(t, place, n);
    if (heavy < 0) { return estlsi_tls_end(t, heavy); }
    t->pending = (uint16_t)n;
    return heavy ? 1 : estlsi_tls_ack(t);
}

static int estlsi_tls_sending(const estls_tls *t)
{
    size_t n;

    return t->stage_len || br_ssl_engine_sendrec_buf(&t->client.eng, &n);
}

/* One piece of work: > 0 done, 0 nothing to do now, < 0 the end. */
static int estlsi_tls_advance(estls_tls *t)
{
    int n = estlsi_tls_sending(t) ? estlsi_tls_out(t) : 0;

    if (n == 0) { n = estlsi_tls_in(t); }
    if (n >= 0 && t->state != ESTLSI_TLS_DONE && !t->stage_len &&
        br_ssl_engine_current_state(&t->client.eng) == BR_SSL_CLOSED) {
        n = estlsi_tls_closed(t);
    }
    return n;
}

/* Nothing may have arrived before our ClientHello has left. */
static int estlsi_tls_hello(estls_tls *t)
{
    uint8_t byte;
    int n = t->io.read(t->io.user, &byte, 1);

    if (n < 0) { return estlsi_tls_lost(t, n); }
    if (n) { /* implicit TLS: just another protocol */
        return estlsi_tls_end(t, *t->d->proto()->dialogue ? ESTLS_E_INJECTED
                                                          : ESTLS_E_PROTO);
    }
    n = estlsi_tls_out(t);
    if (n < 0) { return n; }
    if (!estlsi_tls_sending(t) || t->stage_off) {
        t->state = ESTLSI_TLS_HANDSHAKE;
    }
    return ESTLS_BUSY;
}

static int estlsi_tls_handshake(estls_tls *t)
{
    const int n = estlsi_tls_advance(t);

    if (n < 0) { return n; }
    if (!estlsi_tls_sending(t) &&
        (br_ssl_engine_current_state(&t->client.eng) & BR_SSL_SENDAPP)) {
        t->state = ESTLSI_TLS_OPEN;
        t->budget = ESTLSI_TLS_BUDGET;
        t->offered = t->offered && !t->watch.full;
        t->version = t->client.eng.session.version;
        t->suite = t->client.eng.session.cipher_suite;
        estlsi_tls_save(t);
        return ESTLS_OK;
    }
    return ESTLS_BUSY;
}

/* Is a wait under way that the peer or the stream must end? */
static int estlsi_tls_waits(const estls_tls *t)
{
    const uint8_t *place;
    size_t n = 0;

    if (t->state < ESTLSI_TLS_OPEN || estlsi_tls_sending(t)) { return 1; }
    /* in the middle of a record: only its first byte goes to the beginning */
    place = br_ssl_engine_recvrec_buf(&t->client.eng, &n);
    return place && (place != t->d->iobuf || t->got);
}

static int estlsi_tls_usable(estls_tls *t)
{
    if (!estlsi_core_is(t)) { return ESTLS_E_STATE; }
    if (t->state == ESTLSI_TLS_DONE) {
        return t->err ? t->err : (int)ESTLS_E_STATE;
    }
    if (estlsi_core_past(estlsi_core_tick(&t->io), t->t0,
                         estlsi_core_timeout(t->d)) &&
        !t->pending && estlsi_tls_waits(t)) {
        return estlsi_tls_end(t, ESTLS_E_TIMEOUT);
    }
    return ESTLS_OK;
}

ESTLS_API int estls_tls_step(estls_tls *t)
{
    int n = estlsi_tls_usable(t);

    if (n) { return n; }
    switch (t->state) {
    case ESTLSI_TLS_HELLO: return estlsi_tls_hello(t);
    case ESTLSI_TLS_HANDSHAKE: return estlsi_tls_handshake(t);
    case ESTLSI_TLS_CLOSING: return ESTLS_E_STATE;
    default: break;
    }
    br_ssl_engine_flush(&t->client.eng, 0);
    if (estlsi_tls_sending(t)) { n = estlsi_tls_advance(t); }
    if (n < 0) { return n; }
    return estlsi_tls_sending(t) ? ESTLS_BUSY : ESTLS_OK;
}

/* Copies what BearSSL has decrypted. */
static int estlsi_tls_take(estls_tls *t, void *dst, size_t cap)
{
    size_t n = 0;
    const uint8_t *data = br_ssl_engine_recvapp_buf(&t->client.eng, &n);

    if (!data) { return 0; }
    n = n < cap ? n : cap;
    memcpy(dst, data, n);
    br_ssl_engine_recvapp_ack(&t->client.eng, n);
    t->budget = ESTLSI_TLS_BUDGET;
    return (int)n;
}

ESTLS_API int estls_tls_read(estls_tls *t, void *dst, size_t cap)
{
    int n = estlsi_tls_usable(t);

    if (n) { return n; }
    if (t->state != ESTLSI_TLS_OPEN) { return ESTLS_E_STATE; }
    br_ssl_engine_flush(&t->client.eng, 0);
    n = estlsi_tls_take(t, dst, cap);
    if (n == 0 && cap) {
        n = estlsi_tls_advance(t);
        n = n < 0 ? n : estlsi_tls_take(t, dst, cap);
    }
    return n;
}

/* What a record leaves free, so that with all around it it fills sends of 2048
 * bytes and needs no short one more: header 5, tag 16, and GCM's nonce 8 (RFC
 * 5288 3, RFC 7905 2). */
static size_t estlsi_tls_spare(const estls_tls *t)
{
    if (t->client.eng.max_frag_len < ESTLSI_TLS_STAGE_MAX) { return 0; }
    return t->suite >> 8 == 0xcc ? 21 : 29;
}

ESTLS_API int estls_tls_write(estls_tls *t, const void *src, size_t len)
{
    const size_t spare = estlsi_tls_spare(t);
    size_t n = 0;
    uint8_t *place;
    int rc = estlsi_tls_usable(t);

    if (rc) { return rc; }
    if (t->state != ESTLSI_TLS_OPEN) { return ESTLS_E_STATE; }
    if (estlsi_tls_sending(t)) {
        rc = estlsi_tls_advance(t);
        if (rc < 0) { return rc; }
    }
    place = br_ssl_engine_sendapp_buf(&t->client.eng, &n);
    if (!place || !len) { return 0; }
    if (n <= spare) {
        br_ssl_engine_flush(&t->client.eng, 0);
        rc = estlsi_tls_advance(t);
        return rc < 0 ? rc : 0;
    }
    n = n - spare < len ? n - spare : len;
    memcpy(place, src, n);
    br_ssl_engine_sendapp_ack(&t->client.eng, n);
    t->t0 = estlsi_core_tick(&t->io);
    return (int)n;
}

/* Unread data would keep the only buffer from taking our close_notify. */
static void estlsi_tls_drop(estls_tls *t)
{
    size_t n;

    while (br_ssl_engine_recvapp_buf(&t->client.eng, &n)) {
        br_ssl_engine_recvapp_ack(&t->client.eng, n);
    }
}

/* Asks BearSSL for the close_notify once all that was written has left.  Not in
 * the middle of a record, in half duplex: it would wait for one more. */
static void estlsi_tls_notify(estls_tls *t)
{
    br_ssl_engine_context *eng = &t->client.eng;

    estlsi_tls_drop(t);
    if (estlsi_tls_sending(t)) { return; }
    t->owes = 0;
    if (br_ssl_engine_current_state(eng) & BR_SSL_SENDAPP) {
        br_ssl_engine_close(eng);
    }
}

static int estlsi_tls_closing(estls_tls *t)
{
    int sending;

    (void)estlsi_tls_advance(t);
    if (t->state == ESTLSI_TLS_DONE) { return t->err; }
    estlsi_tls_notify(t);
    sending = estlsi_tls_sending(t);
    if (estlsi_core_past(estlsi_core_tick(&t->io), t->t0,
                         sending ? ESTLSI_TLS_FLUSH_MS : ESTLSI_TLS_CLOSE_MS)) {
        return estlsi_tls_end(t,
                              sending ? (int)ESTLS_E_TIMEOUT : (int)ESTLS_OK);
    }
    return ESTLS_BUSY;
}

ESTLS_API int estls_tls_close(estls_tls *t)
{
    if (!estlsi_core_is(t)) { return ESTLS_E_STATE; }
    if (t->state == ESTLSI_TLS_DONE) {
        return t->err == ESTLS_E_CLOSED ? (int)ESTLS_OK : t->err;
    }
    if (t->state < ESTLSI_TLS_OPEN) { return estlsi_tls_end(t, ESTLS_OK); }
    if (t->state == ESTLSI_TLS_OPEN) {
        br_ssl_engine_flush(&t->client.eng, 0);
        t->owes = 1;
        t->state = ESTLSI_TLS_CLOSING;
        t->t0 = estlsi_core_tick(&t->io);
        t->budget = ESTLSI_TLS_BUDGET;
        estlsi_tls_notify(t);
    }
    return estlsi_tls_closing(t);
}

/* -- the seed keeper --------------------------------------------------------
 *
 * A slot is written only while the other holds a record that may follow, so
 * one always does.  Outputs begin when both hold the successor: before that,
 * falling back to the predecessor repeats nothing. */

/* As stored.  The factory's numbers are 0, so their byte order is free. */
typedef struct estlsi_seed_record {
    uint32_t boots;
    uint32_t bits;
    uint8_t secret[32];
    uint8_t check[8]; /* SHA-256 of what is above, cut */
} estlsi_seed_record;

static void estlsi_seed_check(const estlsi_seed_record *r, uint8_t *check)
{
    br_sha256_context sha;
    uint8_t hash[br_sha256_SIZE];

    br_sha256_init(&sha);
    br_sha256_update(&sha, r, offsetof(estlsi_seed_record, check));
    br_sha256_out(&sha, hash);
    memcpy(check, hash, sizeof r->check);
    estlsi_tls_wipe(&sha, sizeof sha);
}

/* A load that does nothing must not pass for one that did. */
static int estlsi_seed_load(const estls_seed *s, uint8_t slot,
                            estlsi_seed_record *r)
{
    memset(r, 0, sizeof *r);
    return s->load(s->user, slot, r, sizeof *r) == (int)sizeof *r ? ESTLS_OK
                                                                  : ESTLS_E_IO;
}

static int estlsi_seed_store(const estls_seed *s, uint8_t slot,
                             const estlsi_seed_record *next,
                             estlsi_seed_record *back)
{
    if (s->store(s->user, slot, next, sizeof *next) != (int)sizeof *next ||
        estlsi_seed_load(s, slot, back) ||
        memcmp(back, next, sizeof *next) != 0) {
        return ESTLS_E_IO;
    }
    return ESTLS_OK;
}

/* Loads both slots; the newer record's is *slot. */
static int estlsi_seed_find(const estls_seed *s, estlsi_seed_record *r,
                            uint8_t *slot)
{
    uint8_t check[sizeof r->check];
    uint8_t i, found = 0;

    *slot = 0;
    for (i = 0; i < 2; i++) {
        if (estlsi_seed_load(s, i, r + i)) { return ESTLS_E_IO; }
        estlsi_seed_check(r + i, check);
        if (memcmp(check, r[i].check, sizeof check) != 0) { continue; }
        if (!found || r[i].boots > r[0].boots) { *slot = i; }
        found = 1;
    }
    return found ? ESTLS_OK : ESTLS_E_ENTROPY;
}

/* What a secret, given in place of a record, starts with. */
static int estlsi_seed_provision(const uint8_t *secret, estlsi_seed_record *r)
{
    if (memcmp(secret, secret + 1, sizeof r->secret - 1) == 0) {
        return ESTLS_E_ENTROPY;
    }
    memset(r, 0, sizeof *r);
    memcpy(r->secret, secret, sizeof r->secret);
    return ESTLS_OK;
}

/* The successor comes first: it tells nothing of what comes after it. */
static void estlsi_seed_stretch(estls_seed *s, const estlsi_seed_record *r,
                                estlsi_seed_record *next)
{
    br_hmac_drbg_init(&s->drbg, &br_sha256_vtable, r,
                      offsetof(estlsi_seed_record, check));
    if (s->noise_len) { br_hmac_drbg_update(&s->drbg, s->noise, s->noise_len); }
    br_hmac_drbg_generate(&s->drbg, next->secret, sizeof next->secret);
    s->boots = r->boots + 1;
    s->bits = r->bits + s->noise_bits;
    if (s->bits < r->bits) { s->bits = 0xffffffffu; }
    next->boots = s->boots;
    next->bits = s->bits;
    estlsi_seed_check(next, next->check);
}

static int estlsi_seed_advance(estls_seed *s, const uint8_t *secret,
                               estlsi_seed_record *r)
{
    uint8_t slot;
    int rc = estlsi_seed_find(s, r, &slot);

    if (secret && rc != ESTLS_E_IO) {
        rc = rc ? estlsi_seed_provision(secret, r) : (int)ESTLS_E_STATE;
    }
    if (rc) { return rc; }
    if (r[slot].boots == 0xffffffffu) { return ESTLS_E_ENTROPY; }
    estlsi_seed_stretch(s, r + slot, r + !slot);
    rc = estlsi_seed_store(s, !slot, r + !slot, r + slot);
    return rc ? rc : estlsi_seed_store(s, slot, r + !slot, r + slot);
}

static int estlsi_seed_usable(const estls_seed *s)
{
    return s->load && s->store && (s->noise || !s->noise_len) &&
           s->noise_bits <= 8ul * s->noise_len;
}

ESTLS_API int estls_seed_open(estls_seed *s, const uint8_t *secret)
{
    estlsi_seed_record r[2];
    int rc = ESTLS_E_ARG;

    s->self = 0;
    if (estlsi_seed_usable(s)) { rc = estlsi_seed_advance(s, secret, r); }
    estlsi_tls_wipe(r, sizeof r);
    if (rc) {
        estlsi_tls_wipe(&s->drbg, sizeof s->drbg);
    } else {
        s->self = estlsi_core_mark(s);
    }
    return rc;
}

ESTLS_API size_t estls_seed_entropy(void *seed, void *dst, size_t len)
{
    estls_seed *s = (estls_seed *)seed;

    if (!s || s->self != estlsi_core_mark(s)) { return 0; }
    br_hmac_drbg_generate(&s->drbg, dst, len);
    return len;
}

/* ======================================================================
 * >>starttls
 * ====================================================================== */

enum {
    ESTLSI_STARTTLS_SEND,
    ESTLSI_STARTTLS_ANSWER,
    ESTLSI_STARTTLS_TLS,
    ESTLSI_STARTTLS_DONE
};

enum {
    /* RFC 5321 4.5.3.1.5 allows 512 bytes a reply line; nobody needs more
     * than this for a whole preamble */
    ESTLSI_STARTTLS_BUDGET = 16384,
    ESTLSI_STARTTLS_LINES = 100
};

/* -- protocols of lines ---------------------------------------------------- */

#define ESTLSI_LINES(proto, judge, end, port, rows)                            \
    ESTLS_API const estls_proto *estls_##proto(void)                           \
    {                                                                          \
        static const char text[] = #proto "\0" rows;                           \
        static const estls_proto it = {                                        \
            text, text + sizeof #proto, judge, NULL, 0, end, port};            \
        return &it;                                                            \
    }
#define ESTLSI_ROW(name, send, done, more, no, need)                           \
    name "\0" send "\0" done "\0" more "\0" no "\0" need "\0"
#define ESTLSI_45  "4??|5??" /* RFC 5321 4.2.1, RFC 959 4.2, RFC 3977 3.2 */
#define ESTLSI_XML "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"

static int estlsi_starttls_patterns(estls_starttls *s, const char *line,
                                    size_t n);

/* name, send, done, more, no, need */
/* clang-format off */
ESTLSI_LINES(smtp, NULL, '\n', 587,
    ESTLSI_ROW("greeting", "", "220", "", "", "")
    ESTLSI_ROW("EHLO", "EHLO %", "250", "", "", "STARTTLS")
    ESTLSI_ROW("STARTTLS", "STARTTLS", "220", "", "", ""))

ESTLSI_LINES(lmtp, NULL, '\n', 24,
    ESTLSI_ROW("greeting", "", "220", "", "", "")
    ESTLSI_ROW("LHLO", "LHLO %", "250", "", "", "STARTTLS")
    ESTLSI_ROW("STARTTLS", "STARTTLS", "220", "", "", ""))

ESTLSI_LINES(imap, estlsi_starttls_patterns, '\n', 143,
    ESTLSI_ROW("greeting", "", "* OK", "", "* BYE", "")
    ESTLSI_ROW("CAPABILITY", "a CAPABILITY", "a OK", "*|?", "a NO|a BAD|* BYE",
               "* CAPABILITY ~STARTTLS")
    ESTLSI_ROW("STARTTLS", "b STARTTLS", "b OK", "*|?", "b NO|b BAD|* BYE", ""))

ESTLSI_LINES(pop3, estlsi_starttls_patterns, '\n', 110,
    ESTLSI_ROW("greeting", "", "+OK", "", "-ERR", "")
    ESTLSI_ROW("CAPA", "CAPA", "+OK", "", "-ERR", "")
    ESTLSI_ROW("CAPA", "", ".", "?", "", "STLS")
    ESTLSI_ROW("STLS", "STLS", "+OK", "", "-ERR", ""))

ESTLSI_LINES(nntp, estlsi_starttls_patterns, '\n', 119,
    ESTLSI_ROW("greeting", "", "200|201", "", ESTLSI_45, "")
    ESTLSI_ROW("CAPABILITIES", "CAPABILITIES", "101", "", ESTLSI_45, "")
    ESTLSI_ROW("CAPABILITIES", "", ".", "?", "", "STARTTLS")
    ESTLSI_ROW("STARTTLS", "STARTTLS", "382", "", ESTLSI_45, ""))

ESTLSI_LINES(sieve, estlsi_starttls_patterns, '\n', 4190,
    ESTLSI_ROW("greeting", "", "OK", "?", "NO|BYE", "\"STARTTLS\"")
    ESTLSI_ROW("STARTTLS", "STARTTLS", "OK", "", "NO|BYE", ""))

ESTLSI_LINES(irc, estlsi_starttls_patterns, '\n', 6667,
    ESTLSI_ROW("STARTTLS", "STARTTLS", "670|:_670", "?",
               "691|:_691|4??|:_4??|ERROR", ""))

ESTLSI_LINES(ftp, estlsi_starttls_patterns, '\n', 21,
    ESTLSI_ROW("greeting", "", "220", "220-|!", ESTLSI_45, "")
    ESTLSI_ROW("AUTH", "AUTH TLS", "234", "234-|!", ESTLSI_45, ""))

/* RFC 6120 4.2, 5.4.2; a line is a tag here. */
ESTLSI_LINES(xmpp, estlsi_starttls_patterns, '>', 5222,
    ESTLSI_ROW("stream",
               "<?xml version='1.0'?><stream:stream to='@' version='1.0' "
               "xmlns='jabber:client' "
               "xmlns:stream='http://etherx.jabber.org/streams'>",
               "</stream:features|<stream:features/", "?",
               "<stream:error|</stream:stream", "<starttls " ESTLSI_XML)
    ESTLSI_ROW("starttls",
               "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
               "<proceed " ESTLSI_XML, "",
               "<failure|<failure/|<stream:error|</stream:stream", ""))

ESTLSI_LINES(direct, NULL, 0, 465, "")
/* clang-format on */

/* -- binary protocols ------------------------------------------------------ */

/* { 30 n { 02 01 messageID } { 78 n { 0a 01 resultCode } ... } }, in which
 * nothing but the lengths and the code may differ; X.690 8.1.3.4. */
static int estlsi_starttls_ldap(estls_starttls *s, const char *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    static const char shape[] = "\x30?\x02\x01\x01\x78?\x0a\x01";
    size_t i;

    (void)s;
    for (i = 0; i < n && i < sizeof shape - 1; i++) {
        if (shape[i] != '?' && p[i] != (uint8_t)shape[i]) {
            return ESTLS_E_PROTO;
        }
    }
    if (n > 1 && (p[1] > 127 || p[1] < 12)) { return ESTLS_E_PROTO; }
    if (n > 6 && p[6] != p[1] - 5) { return ESTLS_E_PROTO; }
    if (n < 2 || n < p[1] + 2u) { return ESTLS_BUSY; }
    if (n > p[1] + 2u) { return ESTLS_E_INJECTED; }
    return p[9] ? ESTLS_E_REFUSED : ESTLS_OK;
}

ESTLS_API const estls_proto *estls_ldap(void)
{
    /* { 30 { 02 01 messageID } { 77 { 80 OID } } } */
    static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                  "1.3.6.1.4.1.1466.20037";
    static const char text[] =
        "ldap\0" ESTLSI_ROW("StartTLS", "!", "", "", "", "");
    static const estls_proto ldap = {
        text,    text + sizeof "ldap", estlsi_starttls_ldap,
        request, sizeof request - 1,   0,
        389};

    return &ldap;
}

static int estlsi_starttls_postgres(estls_starttls *s, const char *p, size_t n)
{
    (void)s;
    if (!n) { return ESTLS_BUSY; }
    switch (p[0]) {
    case 'S': return n > 1 ? ESTLS_E_INJECTED : ESTLS_OK;
    case 'N':
    case 'E': return ESTLS_E_REFUSED;
    default: return ESTLS_E_PROTO;
    }
}

ESTLS_API const estls_proto *estls_postgres(void)
{
    /* length 8, request code 80877103 */
    static const uint8_t request[] = {0, 0, 0, 8, 4, 210, 22, 47};
    static const char text[] =
        "postgres\0" ESTLSI_ROW("SSLRequest", "!", "", "", "", "");
    static const estls_proto postgres = {
        text,    text + sizeof "postgres", estlsi_starttls_postgres,
        request, sizeof request,           0,
        5432};

    return &postgres;
}

/* The greeting: { length 3, number 0 }, version 10, name, NUL, thread 4,
 * scramble 8, 0, capabilities 2, ...  Behind our request there is nothing. */
static int estlsi_starttls_mysql(estls_starttls *s, const char *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    const uint8_t *caps;

    if (s->step) { return n ? ESTLS_E_INJECTED : ESTLS_OK; }
    if (n < 5) { return ESTLS_BUSY; }
    if (p[4] == 0xff) { return ESTLS_E_REFUSED; }
    if (p[1] > 1 || p[2] || p[3] || p[4] != 10) { return ESTLS_E_PROTO; }
    if (n < p[0] + p[1] * 256u + 4) { return ESTLS_BUSY; }
    if (n > p[0] + p[1] * 256u + 4) { return ESTLS_E_INJECTED; }
    caps = (const uint8_t *)memchr(p + 5, 0, n - 5);
    if (!caps || p + n - caps < 16) { return ESTLS_E_PROTO; }
    return caps[15] & 0x08 ? ESTLS_OK : ESTLS_E_NO_STARTTLS; /* CLIENT_SSL */
}

ESTLS_API const estls_proto *estls_mysql(void)
{
    /* length 32, number 1; PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH;
     * packets of 16 MB; utf8mb4; 23 bytes of nothing */
    static const uint8_t request[36] = {32, 0, 0, 1, 0, 0x8a, 8,
                                        0,  0, 0, 0, 1, 45};
    static const char text[] =
        "mysql\0" ESTLSI_ROW("greeting", "", "", "", "", "")
            ESTLSI_ROW("SSLRequest", "!", "", "", "", "");
    static const estls_proto mysql = {
        text,    text + sizeof "mysql", estlsi_starttls_mysql,
        request, sizeof request,        0,
        3306};

    return &mysql;
}

#undef ESTLSI_LINES
#undef ESTLSI_ROW
#undef ESTLSI_45
#undef ESTLSI_XML

/* -- patterns -------------------------------------------------------------- */

static int estlsi_starttls_is_letter(char c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

static int estlsi_starttls_is_digit(char c)
{
    return (uint8_t)(c - '0') < 10;
}

/* Behind the word and the blank at p, or end. */
static const char *estlsi_starttls_word(const char *p, const char *end)
{
    while (p != end && *p++ != ' ') {}
    return p;
}

/* Behind what one character of a pattern takes; null: it does not fit. */
static const char *estlsi_starttls_take(const char *p, const char *end, char c)
{
    char differ;

    if (c == '_') { return estlsi_starttls_word(p, end); }
    if (p == end) { return c == '!' ? p : NULL; }
    differ = (char)(c ^ *p);
    return !differ || c == '?' || (c == '!' && !estlsi_starttls_is_digit(*p)) ||
                   (c == '\'' && *p == '"') ||
                   (differ == 0x20 && estlsi_starttls_is_letter(c))
               ? p + 1
               : NULL;
}

/* Does p begin as one alternative says, which '|' or NUL ends? */
static int estlsi_starttls_fits(const char *p, const char *end,
                                const char *pattern)
{
    const char *again = NULL; /* the pattern behind '~' ... */
    const char *next = p;     /* ... is tried at each word from here on */

    if (*pattern == '<') {
        while (p != end && memchr(" \t\r\n", *p, 4)) { p++; }
    }
    for (;;) {
        if (*pattern == '~') {
            again = ++pattern;
            next = p;
        } else if (*pattern && *pattern != '|') {
            p = estlsi_starttls_take(p, end, *pattern++);
        } else if (p == end || *p == ' ' ||
                   !(estlsi_starttls_is_letter(pattern[-1]) ||
                     estlsi_starttls_is_digit(pattern[-1]))) {
            return 1;
        } else {
            p = NULL;
        }
        if (!p) {
            if (!again || next == end) { return 0; }
            next = estlsi_starttls_word(next, end);
            p = next;
            pattern = again;
        }
    }
}

/* Does the line begin as one of the alternatives says? */
static int estlsi_starttls_match(const char *line, size_t n,
                                 const char *pattern)
{
    while (*pattern) {
        if (estlsi_starttls_fits(line, line + n, pattern)) { return 1; }
        while (*pattern && *pattern++ != '|') {}
    }
    return 0;
}

/* -- the dialogue ---------------------------------------------------------- */

ESTLSI_APART const char *estlsi_starttls_name(const estls_desc *d)
{
    return d->client_name ? d->client_name : "[127.0.0.1]";
}

/* A domain, or an address in brackets. */
static int estlsi_starttls_name_ok(const char *name)
{
    const int literal = *name == '[';
    const char *p = estlsi_tls_host_end(name + literal);

    if (literal && *p++ != ']') { return 0; }
    return !*p && (size_t)(p - name) - 1 < ESTLSI_TLS_HOST_MAX;
}

/* What was learnt in clear is forgotten, whatever comes next. */
static int estlsi_starttls_end(estls_starttls *s, int rc)
{
    s->err = (int8_t)rc;
    s->state = ESTLSI_STARTTLS_DONE;
    return estlsi_tls_end(&s->tls, rc);
}

enum { /* the parts of a command in the dialogue */
       ESTLSI_PART_SEND = 1,
       ESTLSI_PART_DONE,
       ESTLSI_PART_MORE,
       ESTLSI_PART_NO,
       ESTLSI_PART_NEED,
       ESTLSI_PARTS
};

static const char *estlsi_starttls_part(const estls_starttls *s, uint8_t part)
{
    return estlsi_core_nth(s->now, part);
}

/* Builds in iobuf, which TLS does not use yet, what the command sends. */
static int estlsi_starttls_compose(estls_starttls *s, const char *p)
{
    const estls_desc *d = s->d;
    const estls_proto *proto = d->proto();
    estls_at_builder c;
    int n = proto->request_len;

    if (proto->request) {
        memcpy(d->iobuf, proto->request, (size_t)n);
    } else {
        estlsi_at_into(&c, (char *)d->iobuf, d->iobuf_cap);
        for (; *p; p++) {
            if (*p == '%') {
                estlsi_at_put_text(&c, estlsi_starttls_name(d), 0);
            } else if (*p == '@') {
                estlsi_at_put_text(&c, d->host, 0);
            } else {
                estlsi_at_put(&c, *p);
            }
        }
        n = proto->end == '\n' ? estls_at_end(&c) : (int)c.len;
    }
    if (n < 0) { return n; }
    s->len = (uint16_t)n;
    return ESTLS_OK;
}

/* Starts the command, or TLS behind the last.  What stands behind an answer
 * when it is our turn came before we had asked for it. */
static int estlsi_starttls_next(estls_starttls *s)
{
    const char *send = estlsi_starttls_part(s, ESTLSI_PART_SEND);
    int rc;

    s->found = 0;
    if (!*s->now) {
        s->state = ESTLSI_STARTTLS_TLS;
    } else if (*send) {
        s->state = ESTLSI_STARTTLS_SEND;
    } else {
        s->state = ESTLSI_STARTTLS_ANSWER;
        return ESTLS_BUSY;
    }
    if (s->len) { return ESTLS_E_INJECTED; }
    s->lines = 0;
    if (*s->now) {
        rc = estlsi_starttls_compose(s, send);
    } else {
        memset(s->d->iobuf, 0, s->d->iobuf_cap);
        rc = estlsi_tls_begin(&s->tls);
    }
    return rc ? rc : (int)ESTLS_BUSY;
}

static int estlsi_starttls_prepare(estls_starttls *s, const estls_desc *d)
{
    int rc;

    memset(s, 0, sizeof *s);
    rc = estlsi_tls_prepare(&s->tls, d);
    if (!rc && !estlsi_starttls_name_ok(estlsi_starttls_name(d))) {
        rc = ESTLS_E_ARG;
    }
    if (rc) { return rc; }
    s->d = d;
    s->now = d->proto()->dialogue;
    estlsi_core_sign(s);
    return ESTLS_OK;
}

/* A stream beside one that has been upgraded: nothing is said in clear, and
 * its TLS session is resumed. */
static int estlsi_starttls_join(estls_starttls *s, const estls_starttls *first)
{
    while (*s->now) { s->now = estlsi_starttls_part(s, ESTLSI_PARTS); }
    return estlsi_tls_adopt(&s->tls, &first->tls);
}

static int estlsi_starttls_begin(estls_starttls *s, const estls_io *io)
{
    s->tls.io = *io;
    s->t0 = estlsi_core_tick(io);
    s->budget = ESTLSI_STARTTLS_BUDGET;
    return estlsi_starttls_next(s);
}

ESTLS_API int estls_starttls_open(estls_starttls *s, const estls_desc *d,
                                  const estls_io *io)
{
    int rc = estlsi_starttls_prepare(s, d);

    if (!rc && !(io && estlsi_core_io_ok(io))) { rc = ESTLS_E_ARG; }
    if (!rc) { rc = estlsi_tls_clock(&s->tls); }
    if (!rc) { rc = estlsi_starttls_begin(s, io); }
    if (rc < 0) { estlsi_tls_wipe(s, sizeof *s); }
    return rc;
}

/* The end of an answer: was there what we need? */
static int estlsi_starttls_found(const estls_starttls *s, const char *need)
{
    return *need && !s->found ? ESTLS_E_NO_STARTTLS : ESTLS_OK;
}

/* A judge of lines: by the patterns in the dialogue. */
static int estlsi_starttls_patterns(estls_starttls *s, const char *line,
                                    size_t n)
{
    const char *pattern = s->now;
    unsigned fits = 0; /* which parts the line fits */
    uint8_t part;

    for (part = ESTLSI_PART_DONE; part < ESTLSI_PARTS; part++) {
        pattern = estlsi_starttls_part(s, part);
        fits |= (unsigned)estlsi_starttls_match(line, n, pattern) << part;
    }
    if (fits & 1u << ESTLSI_PART_NEED) { s->found = 1; }
    if (fits & 1u << ESTLSI_PART_DONE) {
        return estlsi_starttls_found(s, pattern);
    }
    if (fits & 1u << ESTLSI_PART_NO) { return ESTLS_E_REFUSED; }
    return (fits & 1u << ESTLSI_PART_MORE) ? (int)ESTLS_BUSY : ESTLS_E_PROTO;
}

/* Another: three digits, then a '-' if more follow; RFC 5321 4.2.1.  There is
 * a blank behind the line. */
static int estlsi_starttls_reply(estls_starttls *s, const char *line, size_t n)
{
    const char *need = estlsi_starttls_part(s, ESTLSI_PART_NEED);
    const char *word = need;
    const char *p = line + 4;

    if (n > 2 && (uint8_t)(*line - '4') < 2) { return ESTLS_E_REFUSED; }
    if (memcmp(line, estlsi_starttls_part(s, ESTLSI_PART_DONE), 3) != 0) {
        return ESTLS_E_PROTO;
    }
    for (; n > 3 && *word && (*p & 0xdf) == *word; p++) { word++; }
    if (s->lines && !*word && *p == ' ') { s->found = 1; }
    if (line[3] == '-') { return ESTLS_BUSY; }
    return line[3] == ' ' ? estlsi_starttls_found(s, need) : ESTLS_E_PROTO;
}

/* Judges a line, which ends at stop, and takes it out of iobuf. */
static int estlsi_starttls_line(estls_starttls *s, const estls_proto *proto,
                                const char *stop)
{
    char *line = (char *)s->d->iobuf;
    const char *cr = NULL;
    size_t n = (size_t)(stop - line);
    int rc;

    if (proto->end == '\n') { cr = (const char *)memchr(line, '\r', n); }
    if (cr) {
        if (cr + 1 != stop) { return ESTLS_E_PROTO; }
        n--;
    }
    line[n] = ' ';
    rc = proto->judge ? proto->judge(s, line, n)
                      : estlsi_starttls_reply(s, line, n);
    if (rc == ESTLS_BUSY && ++s->lines > ESTLSI_STARTTLS_LINES) {
        return ESTLS_E_PROTO;
    }
    s->len = (uint16_t)(s->len - (stop + 1 - line));
    memmove(line, stop + 1, s->len);
    return rc;
}

/* Reads; what the server may say in clear has a limit. */
static int estlsi_starttls_read(estls_starttls *s, void *dst, size_t cap)
{
    const int n = s->tls.io.read(s->tls.io.user, dst, cap);

    if (n < 0) { return estlsi_tls_io_error(n); }
    if ((unsigned)n > s->budget) { return ESTLS_E_PROTO; }
    s->budget = (uint16_t)(s->budget - (unsigned)n);
    return n;
}

/* Judges what has come, a line of it, or reads on. */
static int estlsi_starttls_answer(estls_starttls *s)
{
    const estls_desc *d = s->d;
    const estls_proto *proto = d->proto();
    const char *stop = NULL;
    int n = ESTLS_BUSY;

    if (proto->end) {
        stop = (const char *)memchr(d->iobuf, proto->end, s->len);
        if (stop) { n = estlsi_starttls_line(s, proto, stop); }
    } else {
        n = proto->judge(s, (const char *)d->iobuf, s->len);
        if (!n) { s->len = 0; }
    }
    if (n == ESTLS_OK) {
        s->now = estlsi_starttls_part(s, ESTLSI_PARTS);
        s->step++;
        return estlsi_starttls_next(s);
    }
    if (n < 0 || stop) { return n; }
    if (s->len == d->iobuf_cap) { return ESTLS_E_PROTO; }
    n = estlsi_starttls_read(s, d->iobuf + s->len,
                             (size_t)(d->iobuf_cap - s->len));
    if (n < 0) { return n; }
    s->len = (uint16_t)(s->len + n);
    return ESTLS_BUSY;
}

/* Sends the command.  What the server says before it has heard it is no
 * answer. */
static int estlsi_starttls_send(estls_starttls *s)
{
    uint8_t waste[16];
    int n = estlsi_starttls_read(s, waste, sizeof waste);

    if (n < 0) { return n; }
    if (n && *estlsi_starttls_part(s, ESTLSI_PART_MORE) != '?') {
        return ESTLS_E_INJECTED;
    }
    n = s->tls.io.write(s->tls.io.user, s->d->iobuf + s->off,
                        (size_t)(s->len - s->off));
    if (n < 0) { return estlsi_tls_io_error(n); }
    s->off = (uint16_t)(s->off + n);
    if (s->off == s->len) {
        s->len = 0;
        s->off = 0;
        s->state = ESTLSI_STARTTLS_ANSWER;
    }
    return ESTLS_BUSY;
}

ESTLS_API int estls_starttls_step(estls_starttls *s)
{
    int rc;

    if (!estlsi_core_is(s)) { return ESTLS_E_STATE; }
    if (s->state == ESTLSI_STARTTLS_DONE) { return s->err; }
    if (s->state == ESTLSI_STARTTLS_TLS) { return estls_tls_step(&s->tls); }
    rc = s->state == ESTLSI_STARTTLS_SEND ? estlsi_starttls_send(s)
                                          : estlsi_starttls_answer(s);
    if (rc == ESTLS_BUSY &&
        estlsi_core_late(&s->tls.io, s->t0, estlsi_core_timeout(s->d))) {
        rc = ESTLS_E_TIMEOUT;
    }
    return rc < 0 ? estlsi_starttls_end(s, rc) : rc;
}

/* -- FTP: where the data connection goes ----------------------------------- */

/* "(|||port|)", with any one character for '|'; 0: it is not. */
static uint32_t estlsi_starttls_epsv(const char *p, const char *end)
{
    uint32_t port;
    const char *stop;
    char mark;

    if (end - p < 6 || p[1] != p[2] || p[1] != p[3]) { return 0; }
    mark = p[1];
    stop = estlsi_at_digits(p + 4, end, &port);
    if (!stop || end - stop < 2 || stop[0] != mark || stop[1] != ')') {
        return 0;
    }
    return port;
}

/* "(h1,h2,h3,h4,p1,p2)"; 0: it is not. */
static uint32_t estlsi_starttls_pasv(const char *p, const char *end)
{
    uint32_t port = 0;
    uint32_t number;
    uint8_t i;

    for (i = 0; i < 6; i++) {
        p = estlsi_at_digits(p + 1, end, &number);
        if (!p || p == end || number > 255 || *p != (i < 5 ? ',' : ')')) {
            return 0;
        }
        port = (port << 8 | number) & 0xffff;
    }
    return port;
}

ESTLS_API int estls_ftp_port(const char *reply, size_t n, uint16_t *port)
{
    const char *end = reply + n;
    const char *open = (const char *)memchr(reply, '(', n);
    uint32_t found = 0;

    if (estlsi_starttls_match(reply, n, "4??|5??")) { return ESTLS_E_REFUSED; }
    if (!open) { return ESTLS_E_PROTO; }
    if (estlsi_starttls_match(reply, n, "229")) {
        found = estlsi_starttls_epsv(open, end);
    } else if (estlsi_starttls_match(reply, n, "227")) {
        found = estlsi_starttls_pasv(open, end);
    }
    if (found < 1024 || found > 65535) { return ESTLS_E_PROTO; }
    *port = (uint16_t)found;
    return ESTLS_OK;
}

/* ======================================================================
 * >>session
 * ====================================================================== */

enum {
    ESTLSI_SETUP,
    ESTLSI_JOIN,
    ESTLSI_CLOCK,
    ESTLSI_DIAL,
    ESTLSI_PREAMBLE, /* and the handshake */
    ESTLSI_READY,
    ESTLSI_CLOSING,
    ESTLSI_HANGUP,
    ESTLSI_CLOSED
};

static uint8_t estlsi_session_port(const estls *s)
{
    const estls_desc *d = s->starttls.d;

    return d->mux ? d->link_id : 0;
}

static uint32_t estlsi_session_now(const estls *s)
{
    return estlsi_core_tick(&s->starttls.d->uart);
}

static int estlsi_session_usable(const estls *s)
{
    if (!estlsi_core_is(s)) { return ESTLS_E_STATE; }
    if (s->err) { return s->err; }
    return s->phase == ESTLSI_READY ? ESTLS_OK : ESTLS_E_STATE;
}

static const char *estlsi_session_host(const estls_desc *d)
{
    return d->connect_host ? d->connect_host : d->host;
}

/* All that can be judged of a description before anything is sent. */
static int estlsi_session_prepare(estls *s, const estls_desc *d)
{
    size_t dialling;
    int rc;

    memset(s, 0, sizeof *s);
    if (!estlsi_core_io_ok(&d->uart) || !d->port || d->link_id >= ESTLS_LINKS) {
        return ESTLS_E_ARG;
    }
    rc = estlsi_starttls_prepare(&s->starttls, d);
    if (rc || d->no_modem) { return rc; }
    /* AT+CIPSTART=4,"TCP","host",65535 */
    dialling = strlen(estlsi_session_host(d)) + (d->mux ? 30u : 28u);
    return ESTLSI_LINK_LINE + dialling > d->line_cap ? (int)ESTLS_E_SPACE
                                                     : (int)ESTLS_OK;
}

/* Begins in phase, if nothing is wrong. */
static int estlsi_session_begin(estls *s, int rc, uint8_t phase)
{
    if (rc) {
        estlsi_tls_wipe(s, sizeof *s);
        return rc;
    }
    s->phase = phase;
    estlsi_core_sign(s);
    return ESTLS_BUSY;
}

ESTLS_API int estls_open(estls *s, const estls_desc *d)
{
    int rc = estlsi_session_prepare(s, d);

    if (!rc && (d->no_modem || !d->clock)) {
        rc = estlsi_tls_clock(&s->starttls.tls);
    }
    if (!rc && !d->no_modem) {
        s->modem = &s->link;
        rc = estls_link_open(s->modem, d);
    }
    return estlsi_session_begin(
        s, rc, (uint8_t)(d->no_modem ? ESTLSI_DIAL : ESTLSI_SETUP));
}

/* Do the two descriptions share what two streams cannot share? */
static int estlsi_session_clash(const estls_desc *d, const estls_desc *c)
{
    if (d->iobuf == c->iobuf || d->iobuf == c->obuf ||
        (d->obuf && (d->obuf == c->obuf || d->obuf == c->iobuf)) ||
        d->no_modem != c->no_modem) {
        return 1;
    }
    if (d->no_modem) { return d->uart.user == c->uart.user; }
    return !d->mux || !c->mux || d->link_id == c->link_id;
}

ESTLS_API int estls_open_data(estls *s, const estls_desc *d, estls *control)
{
    int rc;

    if (s == control) { return ESTLS_E_ARG; }
    if (estlsi_session_usable(control)) { return ESTLS_E_STATE; }
    rc = estlsi_session_prepare(s, d);
    if (!rc) { rc = estlsi_tls_clock(&s->starttls.tls); }
    if (!rc) { rc = estlsi_starttls_join(&s->starttls, &control->starttls); }
    if (!rc && estlsi_session_clash(d, control->starttls.d)) {
        rc = ESTLS_E_ARG;
    }
    if (!rc) {
        s->modem = control->modem;
        s->starttls.t0 = estlsi_session_now(s);
    }
    return estlsi_session_begin(
        s, rc, (uint8_t)(d->no_modem ? ESTLSI_DIAL : ESTLSI_CLOCK));
}

static int estlsi_session_fail(estls *s, int rc)
{
    if (!s->err) {
        s->err = (int8_t)rc;
        if (s->starttls.state != ESTLSI_STARTTLS_DONE) {
            (void)estlsi_starttls_end(&s->starttls, rc);
        }
        if (s->modem && s->phase >= ESTLSI_DIAL) {
            /* what still comes shall not hold up the others */
            s->modem->port[estlsi_session_port(s)].flags |= ESTLSI_LINK_DROPPED;
        }
    }
    return s->err;
}

/* Dials, as soon as nobody else uses the modem. */
static int estlsi_session_dial(estls *s)
{
    const estls_desc *d = s->starttls.d;
    const int rc = estls_link_dial(s->modem, estlsi_session_host(d),
                                   d->connect_port ? d->connect_port : d->port,
                                   estlsi_session_port(s));

    if (rc == ESTLS_BUSY && s->modem != &s->link &&
        estlsi_core_past(estlsi_session_now(s), s->starttls.t0,
                         estlsi_core_timeout(d))) {
        return ESTLS_E_TIMEOUT;
    }
    return rc;
}

/* Asks the gate about a load that is no send. */
static int estlsi_session_gate(estls *s, uint8_t what)
{
    estls_gate ask;

    ask.what = what;
    ask.len = 0;
    return s->modem ? estlsi_link_ask(&s->link, s->starttls.d, &ask)
                    : (int)ESTLS_OK;
}

/* What a connection costs, the battery should know before there is one. */
static int estlsi_session_may_dial(estls *s)
{
    const uint32_t now = estlsi_session_now(s);
    const estls_tls *t = &s->starttls.tls;
    int rc = estlsi_link_usable(s->modem);

    if (rc) { return rc < 0 ? rc : (int)ESTLS_OK; /* not its turn yet */ }
    if (!s->link.gate_waits && s->modem == &s->link) {
        s->starttls.t0 = now;
    } else if (estlsi_core_past(now, s->starttls.t0,
                                estlsi_core_timeout(t->d))) {
        return ESTLS_E_TIMEOUT;
    }
    return estlsi_session_gate(
        s, (uint8_t)(t->offered || estlsi_tls_resumable(t) ? ESTLS_GATE_RESUMED
                                                           : ESTLS_GATE_FULL));
}

/* A step of TLS that is heavy, if the gate lets it go. */
static int estlsi_session_compute(estls *s)
{
    const estls_tls *t = &s->starttls.tls;
    int rc = estlsi_session_gate(s, ESTLS_GATE_COMPUTE);

    if (rc == ESTLS_BUSY && estlsi_core_past(estlsi_session_now(s), t->t0,
                                             estlsi_core_timeout(t->d))) {
        return ESTLS_E_TIMEOUT;
    }
    if (rc == ESTLS_BUSY) { (void)estls_link_step(s->modem); }
    if (rc) { return rc; }
    rc = estls_starttls_step(&s->starttls);
    if (s->modem) { estlsi_link_tell(t->d, ESTLS_GATE_COMPUTED); }
    return rc;
}

/* How our dial has ended, or BUSY.  Another session may have used the modem
 * since. */
static int estlsi_session_dialled(const estls *s)
{
    const estls_link *l = s->modem;
    const uint8_t id = estlsi_session_port(s);

    if (l->err) { return l->err; }
    if ((l->port[id].flags & (ESTLSI_LINK_OPEN | ESTLSI_LINK_DROPPED)) ==
        ESTLSI_LINK_OPEN) {
        return ESTLS_OK;
    }
    if (l->op == ESTLSI_LINK_DIAL && l->port_op == id) { return ESTLS_BUSY; }
    return l->op || !l->rc ? (int)ESTLS_E_NETWORK : l->rc;
}

static int estlsi_session_preamble(estls *s, const estls_io *io)
{
    const int rc = estlsi_starttls_begin(&s->starttls, io);

    return rc < 0 ? rc : (int)ESTLS_OK;
}

/* Has the phase ended, and can the next one start?  BUSY: not yet. */
static int estlsi_session_next(estls *s)
{
    const estls_desc *d = s->starttls.d;
    estls_io io;
    int rc;

    if (!s->modem) { return estlsi_session_preamble(s, &d->uart); }
    rc = estls_link_step(s->modem);
    /* later, or beside another, it may be what others do with the modem */
    if (rc && s->modem == &s->link && s->phase < ESTLSI_DIAL) { return rc; }
    switch (s->phase) {
    case ESTLSI_SETUP: return d->ssid ? estls_link_join(s->modem) : ESTLS_OK;
    case ESTLSI_JOIN: return ESTLS_OK;
    case ESTLSI_CLOCK:
        rc = d->clock && s->modem == &s->link ? d->clock(s->modem)
                                              : (int)ESTLS_OK;
        rc = rc ? rc : estlsi_session_may_dial(s);
        return rc ? rc : estlsi_session_dial(s);
    default: break;
    }
    rc = estlsi_session_dialled(s);
    rc = rc ? rc : estls_link_io(s->modem, estlsi_session_port(s), &io);
    return rc ? rc : estlsi_session_preamble(s, &io);
}

static int estlsi_session_advance(estls *s)
{
    int rc;

    if (s->phase >= ESTLSI_PREAMBLE) {
        rc = s->starttls.tls.pending ? estlsi_session_compute(s)
                                     : estls_starttls_step(&s->starttls);
        if (rc == ESTLS_OK) { s->phase = ESTLSI_READY; }
        return rc;
    }
    rc = estlsi_session_next(s);
    if (rc == ESTLS_OK) { s->phase++; }
    return rc < 0 ? rc : (int)ESTLS_BUSY;
}

ESTLS_API int estls_step(estls *s)
{
    int rc;

    if (!estlsi_core_is(s) || s->phase > ESTLSI_READY) { return ESTLS_E_STATE; }
    if (s->err) { return s->err; }
    rc = estlsi_session_advance(s);
    return rc < 0 ? estlsi_session_fail(s, rc) : rc;
}

ESTLS_API int estls_read(estls *s, void *dst, size_t cap)
{
    int n = estlsi_session_usable(s);

    if (!n) {
        n = estls_tls_read(&s->starttls.tls, dst, cap);
        n = n < 0 ? estlsi_session_fail(s, n) : n;
    }
    return n;
}

ESTLS_API int estls_write(estls *s, const void *src, size_t len)
{
    int n = estlsi_session_usable(s);

    if (!n) {
        n = estls_tls_write(&s->starttls.tls, src, len);
        n = n < 0 ? estlsi_session_fail(s, n) : n;
    }
    return n;
}

/* Ends TLS; an error that ended it before is what the caller shall hear. */
static int estlsi_session_goodbye(estls *s)
{
    const int rc = estls_tls_close(&s->starttls.tls);

    if (rc < 0) { (void)estlsi_session_fail(s, rc); }
    if (rc != ESTLS_BUSY) {
        s->starttls.t0 = estlsi_session_now(s);
        s->phase = s->modem ? ESTLSI_HANGUP : ESTLSI_CLOSED;
    }
    return ESTLS_BUSY;
}

/* Hangs the modem's link up; a modem that does not play along is left. */
static int estlsi_session_hangup(estls *s)
{
    estls_link *l = s->modem;
    int rc;

    (void)estls_link_step(l);
    rc = estls_link_hangup(l, estlsi_session_port(s));
    if ((rc != ESTLS_BUSY && !l->op) ||
        estlsi_core_past(estlsi_session_now(s), s->starttls.t0,
                         ESTLSI_TLS_FLUSH_MS)) {
        if (l == &s->link && l->op == ESTLSI_LINK_SEND) {
            estlsi_link_tell(l->d, ESTLS_GATE_SENT);
        }
        s->phase = ESTLSI_CLOSED;
    }
    return ESTLS_BUSY;
}

ESTLS_API int estls_close(estls *s)
{
    if (!estlsi_core_is(s)) { return ESTLS_E_STATE; }
    if (s->phase < ESTLSI_CLOSING) {
        if (s->phase != ESTLSI_READY || s->err) {
            (void)estlsi_starttls_end(&s->starttls, s->err);
        }
        s->phase = s->phase < ESTLSI_DIAL ? ESTLSI_CLOSED : ESTLSI_CLOSING;
    }
    if (s->phase == ESTLSI_CLOSING) { return estlsi_session_goodbye(s); }
    if (s->phase == ESTLSI_HANGUP) { return estlsi_session_hangup(s); }
    if (s->err == ESTLS_E_CLOSED && s->starttls.tls.version) {
        return ESTLS_OK; /* by the peer, and in TLS */
    }
    return s->err;
}

static const char *estlsi_session_doing(const estls *s)
{
    static const char names[][7] = {"setup", "join",  "clock",  "dial",  "",
                                    "open",  "close", "hangup", "closed"};

    if (s->phase == ESTLSI_CLOCK && s->modem != &s->link) { return "dial"; }
    if (s->phase != ESTLSI_PREAMBLE) { return names[s->phase]; }
    return *s->starttls.now ? s->starttls.now : "handshake";
}

/* Is it the battery that it waits for, here or before the modem sends? */
static void estlsi_session_waits(const estls *s, estls_report *out)
{
    const uint32_t now = estlsi_session_now(s);
    const estls_link *l = s->link.gate_waits ? &s->link : s->modem;

    if (l->gate_waits) { out->reason = l->gate_reason; }
    out->wait_ms = estlsi_link_wait(l, now);
    if (out->wait_ms && !s->err) { out->doing = "waiting for the battery"; }
}

ESTLS_API void estls_info(const estls *s, estls_report *out)
{
    const estls_link *l = s->modem;
    const estls_tls *t = &s->starttls.tls;

    memset(out, 0, sizeof *out);
    out->doing = "";
    if (!estlsi_core_is(s)) { return; }
    out->doing = estlsi_session_doing(s);
    out->detail = t->detail;
    out->mfl = t->watch.mfl;
    out->heavy = t->pending != 0;
    if (l) {
        if (!t->detail && s->err && l->at.code < 0x7fff) {
            out->detail = (int)l->at.code;
        }
        out->sends = l->sends;
        estlsi_session_waits(s, out);
    }
    out->version = t->version;
    out->suite = t->suite;
    out->resumed = (uint8_t)(t->version && t->offered);
}
#endif /* ESTLS_NO_TLS */

/* ======================================================================
 * >>tx
 * ====================================================================== */

enum { /* flags, beside a level of 0 to 14; 15: none */
       ESTLSI_TX_LEVEL = 15,
       ESTLSI_TX_BURST = 16,  /* t0 is the end of a burst */
       ESTLSI_TX_RESTED = 32, /* the last job's mV was at rest */
       ESTLSI_TX_SEEN = 128   /* ESR was learnt from a burst, not a probe */
};

enum {
    ESTLSI_TX_SEGMENTS = 8,
    ESTLSI_TX_LEVELS = 14, /* a guard's phase keeps one in four bits */
    ESTLSI_TX_PIECES = 8,  /* of a segment, where the model shall be exact */
    ESTLSI_TX_MARGIN_MV = 150,
    ESTLSI_TX_MARGIN_MIN_MV = 100,
    ESTLSI_TX_NEW_CELL_MV = 150,
    ESTLSI_TX_NOISE_MV = 10,
    ESTLSI_TX_HOLD_S = 60,
    ESTLSI_TX_DEATHS_MAX = 10,
    ESTLSI_TX_FRESH = 14,      /* a quarter of an hour, in 65.536 s ... */
    ESTLSI_TX_STALE = 55,      /* ... an hour ... */
    ESTLSI_TX_OLD = 330,       /* ... six hours ... */
    ESTLSI_TX_DOUBLED = 511,   /* ... and when ESR may have doubled */
    ESTLSI_TX_REST_MS = 100,   /* from a burst to a rest voltage */
    ESTLSI_TX_SETTLE_MS = 2000 /* for the slow ESR, 4 time constants */
};

/* What an enumerator of 16 bits cannot hold.  LONG: loads that the slow ESR
 * takes part in; SLOW: those that teach it; TAU: its time constant. */
#define ESTLSI_TX_HOUR_MS    3600000ul
#define ESTLSI_TX_UA_MAX     2000000ul
#define ESTLSI_TX_MOHM_MAX   1000000ul
#define ESTLSI_TX_CODE_MAX   0x4f42u /* of 1 kOhm */
#define ESTLSI_TX_HIDDEN     0x8000u
#define ESTLSI_TX_AT_MOST    0xff00u /* no reading: the next replaces it */
#define ESTLSI_TX_WEAK_MOHM  100000ul
#define ESTLSI_TX_US_MAX     1000000ul
#define ESTLSI_TX_HOLD_MAX_S 43200ul
#define ESTLSI_TX_LONG_US    8000ul
#define ESTLSI_TX_SLOW_US    200000ul
#define ESTLSI_TX_TAU_US     500000ul
#define ESTLSI_TX_ONE        ((uint32_t)1 << 20)
#define ESTLSI_TX_NEVER      ((uint32_t)0xffffffffu)

ESTLS_API const char *estls_tx_reason(uint8_t reason)
{
#define ESTLSI_TEXT(name, text) text "\0"
    static const char texts[] = ESTLSI_TX_REASONS(ESTLSI_TEXT) "?";
#undef ESTLSI_TEXT

    if (reason > ESTLSI_TX_REASONS_END) { reason = ESTLSI_TX_REASONS_END; }
    return estlsi_core_nth(texts, reason);
}

/* -- arithmetic of 32 bits ------------------------------------------------- */

/* x * f / 2^16 */
static uint32_t estlsi_tx_part(uint32_t x, uint16_t f)
{
    return (uint32_t)(uint16_t)(x >> 16) * f +
           (((uint32_t)(uint16_t)x * f + 0x8000u) >> 16);
}

/* From there a part of the way, f of 2^20. */
static uint32_t estlsi_tx_toward(uint32_t from, uint32_t to, uint32_t f)
{
    const uint32_t way = to > from ? to - from : from - to;
    const uint32_t part = f >> 20
                              ? way
                              : estlsi_tx_part(way, (uint16_t)(f >> 4)) +
                                    (((way >> 16) * (uint16_t)(f & 15)) >> 4);

    return to > from ? from + part : from - part;
}

/* a * b / 2^shift to 16 bits of precision; NEVER where that is too much. */
static uint32_t estlsi_tx_mul(uint32_t a, uint32_t b, int8_t shift)
{
    for (; a >> 16; shift--) { a >>= 1; }
    for (; b >> 16; shift--) { b >>= 1; }
    a = (uint32_t)(uint16_t)a * (uint16_t)b;
    if (shift >= 0) { return a >> shift; }
    if (shift < -31 || a >> (32 + shift)) { return ESTLSI_TX_NEVER; }
    return a << -shift;
}

/* a * b / 10^6, with so many binary places up to 20. */
static uint32_t estlsi_tx_micro(uint32_t a, uint32_t b, uint8_t places)
{
    return estlsi_tx_mul(a + estlsi_tx_part(a, 3183), b, (int8_t)(20 - places));
}

/* us / tau with 20 binary places, tau in 1/16 us. */
static uint32_t estlsi_tx_ratio(uint32_t us, uint32_t tau)
{
    uint8_t n = 24;

    for (; n && !(us >> 31); n--) { us <<= 1; }
    tau >>= n;
    return tau ? us / tau : ESTLSI_TX_NEVER;
}

/* 1 - exp(-x), x and the result with 20 binary places: exp(-x / 2^n),
 * squared as often. */
static uint32_t estlsi_tx_rise(uint32_t x)
{
    uint8_t n = 0;

    for (; x >> 14; n++) { x >>= 1; }
    x = ESTLSI_TX_ONE - x + ((x * x) >> 21);
    for (; n; n--) { x = estlsi_tx_part(x, (uint16_t)((x + 8) >> 4)); }
    return ESTLSI_TX_ONE - x;
}

static uint16_t estlsi_tx_root(uint32_t x)
{
    uint32_t root = 0;
    uint32_t bit = 1ul << 30;

    for (; bit; bit >>= 2) {
        if (x >= root + bit) {
            x -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint16_t)root;
}

/* Resistances and capacitances in 16 bits: 5 of exponent, 11 of mantissa with
 * a hidden one; larger numbers have larger codes.  Rounds up. */
static uint16_t estlsi_tx_pack(uint32_t x)
{
    uint16_t e = 0;

    for (; x > 0xfff; e++) { x = (x >> 1) + (x & 1); }
    return (uint16_t)(x < 0x800 ? x : (uint32_t)(e + 1) << 11 | (x & 0x7ff));
}

static uint32_t estlsi_tx_unpack(uint16_t code)
{
    if (code < 0x800) { return code; }
    return (uint32_t)(0x800 | (code & 0x7ff)) << (code / 0x800 - 1);
}

/* -- a burst in one formula ------------------------------------------------
 *
 * To a current I for t the reservoir answers with a droop of I R k, k = 1 -
 * exp(-t / (R + ESR) C), and forgets it as 1 - k; so the segments of a burst
 * add up to R z at its deepest, and seconds of its mean current to R1 more.
 * The train is run at the least level and at the largest current there is;
 * between, droops are taken to be linear, which is never optimistic: alpha I +
 * fixed.  At constant power the current grows with the droop D.  Of that a
 * share s counts, 1 where the voltage settles and about 1/2 where it falls in
 * a straight line: D (V - s D) = (alpha I + fixed) V(nominal), and where that
 * has no root there is no operating point. */

typedef struct estlsi_tx_load {
    const estls_tx_board *board;
    const estls_tx_segment *segment;
    uint8_t count;
    uint8_t repeat;
    uint8_t slow;     /* of 64, what seconds add to r; 0: nothing */
    uint8_t share;    /* s, of 2^8, less one */
    uint16_t nominal; /* mV; 0: constant current */
    uint16_t rest;    /* mV */
    uint32_t r;       /* mOhm */
    uint32_t nF;
    uint32_t alpha; /* what the level's current meets, mOhm times s ... */
    uint32_t fixed; /* ... and what the other segments add, 1/8 mV */
    uint16_t x;     /* alpha for r, 13 binary places */
    uint32_t uA;    /* 0: a level's */
    estls_tx_segment one;
} estlsi_tx_load;

static uint8_t estlsi_tx_least(const estls_tx_board *b)
{
    uint8_t least = 0;
    uint8_t i;

    for (i = 1; i < b->level_count; i++) {
        if (b->level[i].uA < b->level[least].uA) { least = i; }
    }
    return least;
}

/* The board's burst; else one load of us, at a level or, if not 0, of uA. */
static void estlsi_tx_load_of(estlsi_tx_load *l, const estls_tx_board *b,
                              uint32_t us, uint32_t uA)
{
    l->board = b;
    l->nF = b->reservoir_nF;
    l->slow = 0;
    l->one.us = us;
    l->one.uA = 0;
    l->segment = &l->one;
    l->count = 1;
    l->repeat = 1;
    if (!us) {
        l->segment = b->segment;
        l->count = b->segment_count;
        if (b->repeat) { l->repeat = b->repeat; }
    }
    l->nominal = 0;
    l->uA = uA;
    if (!uA && b->constant_power) {
        l->nominal = b->nominal_mV;
        if (!l->nominal) { l->nominal = 3000; }
    }
}

/* A segment as the train meets it. */
typedef struct estlsi_tx_pulse {
    uint16_t k;
    uint16_t u;    /* its current; 0: the level's */
    uint16_t time; /* 256 us */
} estlsi_tx_pulse;

/* Currents have 15 binary places, of 2^down / 2^8 uA. */
typedef struct estlsi_tx_train {
    estlsi_tx_pulse pulse[ESTLSI_TX_SEGMENTS];
    uint16_t esr; /* part of the reservoir's in all */
} estlsi_tx_train;

/* a * b, 15 binary places each */
static unsigned estlsi_tx_times(unsigned a, unsigned b)
{
    return (unsigned)((uint32_t)a * b >> 15);
}

/* From z, 30 binary places, a part k of the way to u, 15 each.  SDCC's z80
 * multiplies two ints into a long wrongly. */
static uint32_t estlsi_tx_move(uint32_t z, unsigned u, unsigned k)
{
    const int32_t d = (int)u - (int)(z / 0x8000);

    return z + (uint32_t)(d * (int)k);
}

/* How much of a segment's way the node is on average, in what counts at its
 * end: [k - x (1 - k)] / k, within 3 % and above. */
static unsigned estlsi_tx_mean(unsigned k)
{
    const unsigned k2 = estlsi_tx_times(k, k);

    return estlsi_tx_times(k,
                           0x4000u + estlsi_tx_times(k, 5461) +
                               estlsi_tx_times(estlsi_tx_times(k2, k2), 10923));
}

/* What seconds of the mean current add. */
static uint32_t estlsi_tx_slow(const estlsi_tx_load *l,
                               const estlsi_tx_train *t, unsigned level)
{
    const estlsi_tx_pulse *p = t->pulse;
    uint32_t sum = 0, time = 0;
    uint8_t i;

    for (i = l->count; i--; p++) {
        time += p->time;
        sum += (uint32_t)p->time * (p->u ? p->u : level);
    }
    sum = sum / (time + 1) * l->slow;
    time = estlsi_tx_rise(estlsi_tx_ratio(time * l->repeat, 31250));
    return estlsi_tx_part(sum, (uint16_t)((time - 1) >> 4)) >> 6;
}

/* The whole train at a level, until a round adds nothing: how deep. */
static uint32_t estlsi_tx_depth(estlsi_tx_load *l, const estlsi_tx_train *t,
                                unsigned level)
{
    const estlsi_tx_pulse *p;
    uint8_t times = l->repeat;
    uint32_t z = 0, q = 0, node = 0, s = 0, before;
    unsigned u, mean, top = 0;
    uint8_t i;

    do {
        before = z;
        p = t->pulse;
        for (i = l->count; i--; p++) {
            u = p->u ? p->u : level;
            mean = (unsigned)(estlsi_tx_move(z, u, estlsi_tx_mean(p->k)) >> 15);
            z = estlsi_tx_move(z, u, p->k);
            q = estlsi_tx_move(q, estlsi_tx_times(u, mean), p->k);
            u = (unsigned)(estlsi_tx_move(z, u, t->esr) >> 15);
            if (u >= top) {
                top = u;
                node = z;
                s = q;
            }
        }
    } while (--times && z - before >= 1024);
    node >>= 15;
    s = s / (node * node >> 7 | 1); /* half of it: it is asked twice */
    l->share = (uint8_t)(l->share + (s > 127 ? 127 : s < 64 ? 64 : s));
    return l->slow ? top + estlsi_tx_slow(l, t, level) : top;
}

/* Segments as the train meets them.  A pause behind a single burst is none
 * for the slow ESR. */
static void estlsi_tx_pulses(const estlsi_tx_load *l, estlsi_tx_pulse *p,
                             uint8_t down)
{
    const uint32_t tau =
        estlsi_tx_micro(l->r + l->board->reservoir_mOhm, l->nF, 4);
    const estls_tx_segment *s = l->segment;
    int counts = l->repeat > 1;
    uint8_t i = l->count;
    uint32_t x;

    while (i--) {
        x = estlsi_tx_rise(estlsi_tx_ratio(s[i].us, tau)) >> 5;
        p[i].k = (uint16_t)(x - (x >> 15));
        p[i].u = (uint16_t)(s[i].uA << 8 >> down);
        counts |= !s[i].uA;
        x = counts ? s[i].us >> 8 : 0;
        p[i].time = (uint16_t)(x >> 14 ? 0x3fff : x);
    }
}

static uint32_t estlsi_tx_most(const estls_tx_board *b)
{
    uint32_t most = 0;
    uint8_t i;

    for (i = 0; i < b->level_count; i++) {
        if (b->level[i].uA > most) { most = b->level[i].uA; }
    }
    for (i = 0; i < b->segment_count; i++) {
        if (b->segment[i].uA > most) { most = b->segment[i].uA; }
    }
    return most;
}

/* From r, slow and nF: alpha, fixed, share.  Droops are taken to be linear
 * between the least and the largest current, which is never optimistic. */
static void estlsi_tx_reckon(estlsi_tx_load *l)
{
    const uint32_t mOhm = l->board->reservoir_mOhm;
    estlsi_tx_train t;
    uint8_t down = 0;
    uint32_t few = l->uA;
    uint32_t most = few;
    uint32_t x, y;

    if (!l->uA) {
        few = l->board->level[estlsi_tx_least(l->board)].uA;
        most = estlsi_tx_most(l->board);
    }
    few <<= 8;
    most <<= 8;
    for (; most >> 15; down++) {
        most >>= 1;
        few >>= 1;
    }
    estlsi_tx_pulses(l, t.pulse, down);
    t.esr = (uint16_t)((mOhm << 15) / (l->r + mOhm + 1));
    l->share = 0;
    y = estlsi_tx_depth(l, &t, (unsigned)few);
    x = estlsi_tx_depth(l, &t, (unsigned)most) - y;
    x = (x << 13) / ((most - few) | 1) + 1;
    few = x * few >> 13;
    y = y > few ? y - few : 0;
    x += estlsi_tx_part(x, 3183); /* 2^20 / 10^6 */
    y = estlsi_tx_micro(l->r, y << down >> 8, 3) + 1;
    if (y >> 16) { y = 0xffff; }
    if (l->nominal) {
        x = (x * l->share + x) >> 8;
        y = (y * l->share + y) >> 8;
    }
    l->x = (uint16_t)x;
    l->fixed = (uint16_t)y;
    l->alpha = estlsi_tx_mul(l->r, x, 13);
}

/* What a current asks of the cell: the droop, or at constant power s D V at
 * nominal voltage, (1/8 mV)^2. */
static uint32_t estlsi_tx_asks(const estlsi_tx_load *l, uint32_t uA)
{
    uint32_t d = estlsi_tx_mul(l->alpha, uA, 17) + l->fixed;

    if (d >> 16) { d = 0xffff; }
    if (!l->nominal) { return d; }
    return (uint32_t)(uint16_t)d * (uint16_t)(l->nominal * 8u);
}

/* As much as may be asked for the voltage to stay at need, mV. */
static uint32_t estlsi_tx_bears(const estlsi_tx_load *l, uint16_t need)
{
    const uint16_t v = (uint16_t)(l->rest * 8u);
    uint16_t d = (uint16_t)(v - need * 8u);

    if (!l->nominal) { return d; }
    d = (uint16_t)(((uint32_t)d * l->share + d) >> 8);
    if (d > v / 2) { d = v / 2; }
    return (uint32_t)d * (uint16_t)(v - d);
}

/* The lowest voltage, mV; 0: collapse. */
static uint16_t estlsi_tx_lowest(const estlsi_tx_load *l, uint32_t uA)
{
    const uint16_t v = (uint16_t)(l->rest * 8u);
    const uint32_t square = (uint32_t)v * v;
    uint32_t d = estlsi_tx_asks(l, uA);

    if (l->nominal) {
        if (d > square >> 2) { return 0; }
        d = (uint16_t)(v - estlsi_tx_root(square - (d << 2))) >> 1;
        d = d * (uint16_t)(0xffffu / (l->share + 1u)) >> 8;
    }
    return (uint16_t)(d < v ? (v - d) >> 3 : 0);
}

/* The same if ESR were r. */
static uint16_t estlsi_tx_try(estlsi_tx_load *l, uint32_t r, uint32_t uA)
{
    l->r = r;
    estlsi_tx_reckon(l);
    return estlsi_tx_lowest(l, uA);
}

/* -- the model, step by step -----------------------------------------------
 *
 * All voltages are droops below rest, in 1/8 mV, and those that add up over
 * many pieces in 1/2048 mV.  Within a piece of a segment the reservoir moves
 * toward I R0 + slow as k; the node is off by the reservoir's ESR, a.  A load
 * of constant power is taken to change its current in a straight line with
 * the voltage, which is never optimistic, and the end voltage solves V^2 - A V
 * + B = 0.  No root: no operating point. */

typedef struct estlsi_tx_model {
    estlsi_tx_load load;
    estls_tx_cell cell;
    uint32_t uA; /* of a segment that names none */
    /* where it is */
    uint8_t shift;
    uint16_t rest; /* 1/8 mV */
    uint32_t a;    /* of 2^20 */
    uint32_t z;    /* I R0 V at nominal, (1/8 mV)^2 / 2^shift */
    uint32_t node; /* 1/8 mV */
    uint32_t slow; /* of R1 and R2 together, 1/8 mV */
    uint32_t d1;   /* 1/2048 mV */
    uint32_t d2;
    uint32_t store; /* of the reservoir, 1/2048 mV */
} estlsi_tx_model;

/* What a piece of a segment does, as fractions of 2^20. */
typedef struct estlsi_tx_piece {
    uint32_t k;
    uint32_t w; /* weight of the current at its end */
    uint32_t m; /* weight of the droop at its start in the mean */
    uint32_t k1;
    uint32_t k2;
} estlsi_tx_piece;

/* How far a time constant comes in one of n pieces of us. */
static uint32_t estlsi_tx_follow(uint32_t us, uint32_t tau_us, uint8_t n)
{
    return estlsi_tx_rise(
        estlsi_tx_ratio(us, tau_us >> 28 ? ESTLSI_TX_NEVER : tau_us << 4) / n);
}

/* One of n pieces of us; 0: they are so long that n should be larger. */
static int estlsi_tx_piece_of(const estlsi_tx_model *m, uint32_t us, uint8_t n,
                              estlsi_tx_piece *f)
{
    const estls_tx_cell *c = &m->cell;
    const uint32_t r = c->r0_mOhm + m->load.board->reservoir_mOhm;
    const uint32_t x =
        estlsi_tx_ratio(us, estlsi_tx_micro(r, m->load.nF, 4)) / n;
    uint32_t k4;

    f->k = estlsi_tx_rise(n > 1 && x >= (1ul << 24) / n ? 1ul << 24 : x);
    if (m->load.nominal) {
        /* [k - x (1 - k)] / k^2, within 3 % and above */
        k4 = estlsi_tx_toward(0, f->k, f->k);
        k4 = estlsi_tx_toward(0, k4, k4);
        f->w = ((uint32_t)1 << 19) + f->k / 6 + k4 / 3;
    }
    f->k1 = 0;
    f->k2 = 0;
    if (c->r1_mOhm || c->r2_mOhm) {
        /* (1 - exp(-x)) / x; RC / us where that settles */
        k4 = ESTLSI_TX_NEVER / (us / n | 1);
        f->m = f->k >> 20
                   ? estlsi_tx_mul(estlsi_tx_mul(r, m->load.nF, 20), k4, 12)
               : x < 1ul << 16 ? (1ul << 20) - x / 2
                               : (f->k << 11) / (x >> 9);
        f->k1 = c->r1_mOhm ? estlsi_tx_follow(us, c->tau1_us, n) : 0;
        f->k2 = c->r2_mOhm ? estlsi_tx_follow(us, c->tau2_us, n) : 0;
    }
    return ((f->k & (m->load.nominal ? 0xfffff : 0)) | f->k1 | f->k2) <
           1ul << 16;
}

/* Moves d toward what a drop across R0 makes across r. */
static uint32_t estlsi_tx_lag(uint32_t d, uint32_t drop, uint32_t r,
                              uint32_t r0, uint32_t k)
{
    if (!r) { return 0; }
    for (; (r | r0) >> 16; r >>= 1) { r0 >>= 1; }
    drop = (drop > 0xffff ? 0xffff : drop) * r / (r0 ? r0 : 1);
    return estlsi_tx_toward(d, drop << 8, k);
}

/* Polarisation follows the mean current through the cell, ir being the drop
 * that the load's current makes across R0. */
static void estlsi_tx_polarise(estlsi_tx_model *m, const estlsi_tx_piece *f,
                               uint32_t ir)
{
    const estls_tx_cell *c = &m->cell;
    uint32_t mean;

    if (!c->r1_mOhm && !c->r2_mOhm) { return; }
    mean = estlsi_tx_toward(ir + m->slow, m->store >> 8, f->m);
    mean = mean > m->slow ? mean - m->slow : 0;
    m->d1 = estlsi_tx_lag(m->d1, mean, c->r1_mOhm, c->r0_mOhm, f->k1);
    m->d2 = estlsi_tx_lag(m->d2, mean, c->r2_mOhm, c->r0_mOhm, f->k2);
    m->slow = (m->d1 + m->d2) >> 8;
}

/* The node's voltage after a piece that began with the drop ir, 1/8 mV.
 * 0: collapse. */
static uint16_t estlsi_tx_solve(const estlsi_tx_model *m,
                                const estlsi_tx_piece *f, uint32_t ir)
{
    const uint32_t b =
        estlsi_tx_toward(estlsi_tx_toward(0, f->k, f->w), 1ul << 20, m->a);
    uint32_t base, z;
    uint16_t v;

    ir -= estlsi_tx_toward(0, ir, f->w);
    base = estlsi_tx_toward(m->store, (ir + m->slow) << 8, f->k) >> 8;
    base = estlsi_tx_toward(base, m->slow, m->a);
    if (base >= m->rest) { return 0; }
    v = (uint16_t)(m->rest - base);
    base = (uint32_t)v * v;
    z = estlsi_tx_toward(0, m->z, b);
    if (z > base >> (2 + m->shift)) { return 0; }
    z = base - (z << (2 + m->shift));
    v = (uint16_t)(((uint32_t)v + estlsi_tx_root(z)) >> 1);
    return v < m->rest / 4u ? 0 : v;
}

/* One piece at constant power.  0: collapse. */
static int estlsi_tx_powered(estlsi_tx_model *m, const estlsi_tx_piece *f)
{
    const uint32_t d1 = m->d1;
    const uint32_t d2 = m->d2;
    uint8_t passes = m->cell.r1_mOhm || m->cell.r2_mOhm ? 2 : 1;
    uint16_t v = (uint16_t)(m->node < m->rest ? m->rest - m->node : 0);
    uint32_t ir, end;

    if (!v) { return 0; }
    ir = m->z / v << m->shift;
    end = ir;
    while (passes--) { /* the second knows how the current has risen */
        m->d1 = d1;
        m->d2 = d2;
        estlsi_tx_polarise(m, f, (ir + end) / 2);
        v = estlsi_tx_solve(m, f, ir);
        if (!v) { return 0; }
        end = m->z / v << m->shift;
    }
    m->node = (uint32_t)m->rest - v;
    end = estlsi_tx_toward(ir, end, f->w) + m->slow;
    m->store = estlsi_tx_toward(m->store, end << 8, f->k);
    return 1;
}

/* One piece at constant current.  0: collapse. */
static int estlsi_tx_current(estlsi_tx_model *m, const estlsi_tx_piece *f,
                             uint32_t ir)
{
    estlsi_tx_polarise(m, f, ir);
    ir += m->slow;
    m->store = estlsi_tx_toward(m->store, ir << 8, f->k);
    m->node = estlsi_tx_toward(m->store >> 8, ir, m->a);
    return m->node < m->rest;
}

/* A whole segment.  0: collapse. */
static int estlsi_tx_run(estlsi_tx_model *m, uint32_t us, uint32_t uA)
{
    uint32_t ir = estlsi_tx_micro(m->cell.r0_mOhm, uA, 3);
    estlsi_tx_piece f;
    uint8_t pieces = 1;
    int ok = 1;

    if (ir >> 21) { ir = 1ul << 21; }
    m->shift = ir >> 16 ? 4 : 0;
    m->z = estlsi_tx_mul(ir, m->load.nominal * 8ul, (int8_t)m->shift);
    m->node = m->store >> 8;
    if (!estlsi_tx_piece_of(m, us, 1, &f)) {
        pieces = ESTLSI_TX_PIECES;
        (void)estlsi_tx_piece_of(m, us, pieces, &f);
    }
    while (pieces-- && ok) {
        ok = m->load.nominal ? estlsi_tx_powered(m, &f)
                             : estlsi_tx_current(m, &f, ir);
    }
    return ok;
}

static void estlsi_tx_start(estlsi_tx_model *m)
{
    uint32_t esr = m->load.board->reservoir_mOhm;
    uint32_t r = m->cell.r0_mOhm + esr;

    for (; r >> 16; r >>= 1) { esr >>= 1; }
    m->a = m->cell.r0_mOhm ? (esr << 16) / r << 4 : 0;
    m->rest = (uint16_t)(m->cell.mV * 8u);
    m->store = 0;
    m->slow = 0;
    m->d1 = 0;
    m->d2 = 0;
}

/* The burst from the start.  Its lowest voltage, mV; 0: collapse. */
static uint16_t estlsi_tx_burst(estlsi_tx_model *m)
{
    const estls_tx_segment *s;
    uint32_t low = 0;
    uint8_t times, i;

    estlsi_tx_start(m);
    times = m->load.repeat;
    while (times--) {
        for (i = 0; i < m->load.count; i++) {
            s = &m->load.segment[i];
            if (!estlsi_tx_run(m, s->us, s->uA ? s->uA : m->uA)) { return 0; }
            if (m->node > low) { low = m->node; }
        }
    }
    return (uint16_t)((m->rest - low) >> 3);
}

/* As what predicts for others: exact, and nothing is believed.  0: no. */
static int estlsi_tx_exact(estlsi_tx_model *m, const estls_tx_cell *cell,
                           const estls_tx_board *board, uint32_t uA)
{
    estlsi_tx_load_of(&m->load, board, 0, 0);
    memcpy(&m->cell, cell, sizeof m->cell);
    if ((cell->r1_mOhm || cell->r2_mOhm) && cell->r0_mOhm < 10) {
        m->cell.r0_mOhm = 10; /* the current must go through something */
    }
    m->uA = uA;
    return cell->mV && cell->mV <= 8000 && uA && uA <= ESTLSI_TX_UA_MAX &&
           cell->r0_mOhm <= ESTLSI_TX_MOHM_MAX &&
           cell->r1_mOhm <= ESTLSI_TX_MOHM_MAX &&
           cell->r2_mOhm <= ESTLSI_TX_MOHM_MAX;
}

ESTLS_API uint16_t estls_tx_predict(const estls_tx_cell *cell,
                                    const estls_tx_board *board, uint32_t uA)
{
    estlsi_tx_model m;

    return estlsi_tx_exact(&m, cell, board, uA) ? estlsi_tx_burst(&m) : 0;
}

/* Behind the burst: us until the node is within drop of rest. */
static uint32_t estlsi_tx_rest(estlsi_tx_model *m, uint32_t drop)
{
    uint32_t t = 0;
    uint32_t us;

    m->load.nominal = 0;
    while (m->node > drop && t < ESTLSI_TX_HOUR_MS * 1000 / 2) {
        us = 8 + t / 8;
        (void)estlsi_tx_run(m, us, 0);
        t += us;
    }
    return t;
}

ESTLS_API uint32_t estls_tx_recovery(const estls_tx_cell *cell,
                                     const estls_tx_board *board, uint32_t uA,
                                     uint16_t mV)
{
    estlsi_tx_model m;

    if (!estlsi_tx_exact(&m, cell, board, uA) || !estlsi_tx_burst(&m)) {
        return ESTLSI_TX_NEVER;
    }
    return estlsi_tx_rest(&m, mV * 8ul);
}

static uint16_t estlsi_tx_floor(const estls_tx_board *b)
{
    uint16_t margin = b->margin_mV;

    if (!margin) { margin = ESTLSI_TX_MARGIN_MV; }
    if (margin < ESTLSI_TX_MARGIN_MIN_MV) { margin = ESTLSI_TX_MARGIN_MIN_MV; }
    return (uint16_t)(b->brownout_mV + margin);
}

ESTLS_API uint32_t estls_tx_capacitor(const estls_tx_cell *cell,
                                      const estls_tx_board *board, uint32_t uA)
{
    const uint16_t floor = estlsi_tx_floor(board);
    const uint16_t most = estlsi_tx_pack(1000000000);
    estlsi_tx_model m;
    uint16_t step = 0x8000;
    uint16_t code = 0;

    if (!estlsi_tx_exact(&m, cell, board, uA)) { return ESTLSI_TX_NEVER; }
    m.load.nF = 0;
    if (estlsi_tx_burst(&m) >= floor) { return 0; }
    for (; step; step >>= 1) { /* the largest that is not enough */
        if ((code | step) > most) { continue; }
        m.load.nF = estlsi_tx_unpack(code | step);
        if (estlsi_tx_burst(&m) < floor) { code |= step; }
    }
    do { /* and a little more, for what the model rounds */
        code = (uint16_t)(code + 9);
        m.load.nF = estlsi_tx_unpack(code);
    } while (code < most && estlsi_tx_burst(&m) < floor);
    return code >= most ? ESTLSI_TX_NEVER : m.load.nF;
}

/* -- what is known of the cell --------------------------------------------- */

/* Unless it was learnt it is a third of the fast. */
static uint8_t estlsi_tx_slow_of(const estls_tx *tx)
{
    return tx->slow ? tx->slow : 22;
}

/* The load against the cell, by what was learnt and a part of 2^16 more. */
static void estlsi_tx_meet(const estls_tx *tx, estlsi_tx_load *l, uint16_t age)
{
    l->r = estlsi_tx_unpack(tx->fast);
    l->r += estlsi_tx_part(l->r, age);
    if (tx->share && l->segment == tx->board->segment) {
        l->share = tx->share;
        l->alpha = estlsi_tx_mul(l->r, tx->alpha, 13);
        l->fixed = tx->fixed + estlsi_tx_part(tx->fixed, age);
        return;
    }
    l->slow = estlsi_tx_slow_of(tx);
    estlsi_tx_reckon(l);
}

/* -- what is retained ------------------------------------------------------ */

/* What is optional hears of what happens, in the order of the board. */
enum {
    ESTLSI_TX_BOOTS, /* before the guard is believed */
    ESTLSI_TX_DIES,
    ESTLSI_TX_KEYS, /* with the plan */
    ESTLSI_TX_ENDS, /* with the sample, if it was one */
    ESTLSI_TX_PROBES,
    ESTLSI_TX_BURSTS, /* both with the code of the ESR */
    ESTLSI_TX_NEW_CELL,
    ESTLSI_TX_KEEPS,
    ESTLSI_TX_SPLITS, /* with a question whose load is too long; 1: done */
    ESTLSI_TX_SPENDS  /* with a question that shall be sent; ms to wait */
};

static uint32_t estlsi_tx_tell(estls_tx *tx, uint8_t event, const void *with)
{
    uint32_t answer = 0;
    uint8_t i;

    for (i = 0; i < 3 && tx->board->part[i] && !answer; i++) {
        answer = tx->board->part[i](tx, event, with);
    }
    return answer;
}

/* CRC-16/CCITT of all behind it, from a start that zeroed memory does not
 * pass. */
static uint16_t estlsi_tx_crc(const void *record, uint8_t n)
{
    const uint8_t *p = (const uint8_t *)record + 2;
    uint16_t crc = 0xe571;
    uint16_t x;

    for (n = (uint8_t)(n - 2); n; n--) {
        x = (uint16_t)(crc >> 8 ^ *p++);
        x = (uint16_t)(x ^ x >> 4);
        crc = (uint16_t)(crc << 8 ^ x << 12 ^ x << 5 ^ x);
    }
    return crc;
}

/* Tells, and keeps the ESR in the guard. */
static void estlsi_tx_keep(estls_tx *tx, uint8_t event, const void *with)
{
    estls_tx_guard *g = tx->board->guard;

    if (g) {
        g->esr = tx->fast;
        g->crc = estlsi_tx_crc(g, sizeof *g);
    }
    (void)estlsi_tx_tell(tx, event, with);
}

/* The last burst was our death: hold off, and think worse of the cell. */
static void estlsi_tx_died(estls_tx *tx, estls_tx_guard *g)
{
    uint32_t hold = tx->board->hold_s;

    if (!hold) { hold = ESTLSI_TX_HOLD_S; }
    g->phase = (uint8_t)(g->phase << 4);
    if (g->deaths < ESTLSI_TX_DEATHS_MAX) { g->deaths++; }
    hold <<= g->deaths - 1;
    if (hold > ESTLSI_TX_HOLD_MAX_S) { hold = ESTLSI_TX_HOLD_MAX_S; }
    /* boards that died together shall not come back together */
    g->hold_s = (uint16_t)(hold + (hold * (g->crc & 0xff) >> 10));
    if (tx->fast && tx->fast < ESTLSI_TX_CODE_MAX) {
        tx->fast = (uint16_t)(tx->fast + 512);
    }
}

/* Believes the guard, if it is one of this board.  1: the last burst was our
 * death. */
static uint8_t estlsi_tx_recall(estls_tx *tx, estls_tx_guard *g)
{
    const uint8_t n = tx->board->level_count;

    if (g->crc != estlsi_tx_crc(g, sizeof *g) || g->esr >> 15 ||
        g->deaths > ESTLSI_TX_DEATHS_MAX || (g->phase & 15) > n ||
        g->phase >> 4 > n) {
        memset(g, 0, sizeof *g);
        g->deaths = 1; /* for all that it can tell */
    }
    tx->fast = g->esr;
    if (!(g->phase & 15)) { return 0; }
    estlsi_tx_died(tx, g);
    return 1;
}

/* Numbers that everything else may rely on. */
static int estlsi_tx_board_ok(const estls_tx_board *b)
{
    return b && b->level && b->segment &&
           (uint8_t)(b->level_count - 1) < ESTLSI_TX_LEVELS &&
           (uint8_t)(b->segment_count - 1) < ESTLSI_TX_SEGMENTS &&
           (uint16_t)(b->brownout_mV - 1) < 6000 && b->margin_mV <= 2000 &&
           b->nominal_mV <= 8000 && b->probe_uA <= ESTLSI_TX_UA_MAX &&
           b->level[estlsi_tx_least(b)].uA &&
           estlsi_tx_most(b) <= ESTLSI_TX_UA_MAX;
}

/* What the board's burst makes of the ESR, so that a question need not. */
static void estlsi_tx_settle(estls_tx *tx)
{
    estlsi_tx_load l;

    estlsi_tx_load_of(&l, tx->board, 0, 0);
    l.r = estlsi_tx_unpack(tx->fast);
    l.slow = estlsi_tx_slow_of(tx);
    estlsi_tx_reckon(&l);
    tx->alpha = l.x;
    tx->fixed = (uint16_t)l.fixed;
    tx->share = l.share;
}

ESTLS_API int estls_tx_boot(estls_tx *tx, const estls_tx_board *board,
                            uint32_t now)
{
    uint8_t event = ESTLSI_TX_KEEPS;

    memset(tx, 0, sizeof *tx);
    if (!estlsi_tx_board_ok(board)) { return ESTLS_E_ARG; }
    tx->board = board;
    tx->t0 = now;
    tx->stamp = (uint16_t)((now >> 16) - ESTLSI_TX_STALE);
    tx->level = ESTLSI_TX_LEVEL | ESTLSI_TX_BURST; /* booting is a load */
    tx->self = (uint16_t)estlsi_core_mark(tx);
    (void)estlsi_tx_tell(tx, ESTLSI_TX_BOOTS, NULL);
    if (board->guard && estlsi_tx_recall(tx, board->guard)) {
        event = ESTLSI_TX_DIES;
    }
    if (tx->fast) { estlsi_tx_settle(tx); }
    estlsi_tx_keep(tx, event, NULL);
    return ESTLS_OK;
}

static int estlsi_tx_usable(const estls_tx *tx)
{
    return tx->self == (uint16_t)estlsi_core_mark(tx) && tx->board;
}

static void estlsi_tx_forgive(estls_tx *tx, uint8_t event)
{
    estls_tx_guard *g = tx->board->guard;

    if (g) {
        g->deaths = 0;
        g->hold_s = 0;
        g->phase &= 15;
    }
    estlsi_tx_keep(tx, event, NULL);
}

ESTLS_API void estls_tx_poke(estls_tx *tx)
{
    if (estlsi_tx_usable(tx)) { estlsi_tx_forgive(tx, ESTLSI_TX_KEEPS); }
}

static uint16_t estlsi_tx_age(const estls_tx *tx, uint32_t now)
{
    return (uint16_t)((now >> 16) - tx->stamp);
}

/* By how much ESR may have risen since, of 2^16. */
static uint16_t estlsi_tx_ageing(const estls_tx *tx, uint32_t now)
{
    uint16_t age = estlsi_tx_age(tx, now);

    if (age < ESTLSI_TX_FRESH) { return (uint16_t)(age << 4); }
    if (age > ESTLSI_TX_DOUBLED) { age = ESTLSI_TX_DOUBLED; }
    return (uint16_t)(age << 7);
}

/* A load of 3 time constants, 3 ms at least, but never one that could be the
 * end; reckoned with 100 Ohm where nothing is known. */
static uint32_t estlsi_tx_probe_us(const estls_tx *tx, uint32_t now,
                                   uint16_t mV)
{
    const estls_tx_board *b = tx->board;
    const uint16_t floor = estlsi_tx_floor(b);
    uint32_t r = estlsi_tx_unpack(tx->fast);
    estlsi_tx_load l;
    uint32_t us;

    r += r / 8 + estlsi_tx_part(r, estlsi_tx_ageing(tx, now));
    if (!r) { r = ESTLSI_TX_WEAK_MOHM; }
    us = estlsi_tx_micro(r, b->reservoir_nF, 0) * 3;
    if (us < 3000) { us = 3000; }
    if (us > ESTLSI_TX_SLOW_US / 2) { us = ESTLSI_TX_SLOW_US / 2; }
    for (; us > 15; us -= us / 4) {
        estlsi_tx_load_of(&l, b, us, b->probe_uA);
        l.rest = mV;
        if (estlsi_tx_try(&l, r, b->probe_uA) >= floor) { break; }
    }
    return us;
}

/* What is left of the hold-off, ms.  It is kept as it goes by, for a reset in
 * the middle of it. */
static uint32_t estlsi_tx_held(estls_tx *tx, uint32_t now)
{
    estls_tx_guard *g = tx->board->guard;
    uint32_t s = now - tx->t0;

    if (!g || !g->hold_s) { return 0; }
    if ((int32_t)s >= 1000) { /* time does not go back */
        s /= 1000;
        g->hold_s = (uint16_t)(s < g->hold_s ? g->hold_s - s : 0);
        tx->t0 += s * 1000;
        tx->level &= (uint8_t)~ESTLSI_TX_BURST;
        estlsi_tx_keep(tx, ESTLSI_TX_KEEPS, NULL);
    }
    return g->hold_s * 1000ul;
}

/* -- learning -------------------------------------------------------------- */

static int estlsi_tx_adc_ok(const estls_tx_board *b, uint16_t mV)
{
    return mV && mV <= 8000 && !(b->full_scale_mV && mV >= b->full_scale_mV);
}

/* Which ESR explains the droop of a sample, of a load of uA or, 0, of a burst?
 * Its code; from TOO_SHORT on if that is not known well. */
static uint16_t estlsi_tx_explain(const estls_tx *tx, const estls_tx_sample *s,
                                  uint32_t uA, uint16_t droop)
{
    const uint16_t need =
        (uint16_t)(droop < s->rest_mV ? s->rest_mV - droop : 0);
    uint16_t step = 0x4000;
    uint16_t code = 0;
    estlsi_tx_load l;
    uint32_t r;

    estlsi_tx_load_of(&l, tx->board, s->us, uA);
    l.rest = s->rest_mV;
    if (!uA) { uA = tx->board->level[tx->level & ESTLSI_TX_LEVEL].uA; }
    for (; step; step >>= 1) { /* the largest that explains no more */
        if (estlsi_tx_try(&l, estlsi_tx_unpack(code | step), uA) >= need) {
            code |= step;
        }
    }
    /* at t = RC / 2 a quarter more R makes a twentieth more droop; where there
     * is none, a weak cell would show */
    r = estlsi_tx_unpack(code) / 4 * 5;
    if (droop < ESTLSI_TX_NOISE_MV) {
        droop = ESTLSI_TX_NOISE_MV * 40;
        r = ESTLSI_TX_WEAK_MOHM;
    }
    droop = (uint16_t)(droop < 40 ? 2 : droop / 20);
    if (code >= ESTLSI_TX_CODE_MAX || estlsi_tx_try(&l, r, uA) + droop > need) {
        code |= ESTLSI_TX_HIDDEN;
    }
    return code ? code : 1;
}

/* Takes a reading in.  Up at once, since optimism kills, but by one reading
 * alone no more than by half; down by three quarters, not by one alone. */
static void estlsi_tx_reading(estls_tx *tx, uint16_t code, uint32_t now)
{
    const uint16_t before = (uint16_t)(tx->before << 8);
    const uint16_t most = (uint16_t)(tx->fast + 1024);

    tx->before = (uint8_t)(code >> 8);
    if (!tx->fast || before == ESTLSI_TX_AT_MOST) {
        tx->fast = code;
    } else if (code > tx->fast) {
        if (code > most && before <= most) { code = most; }
        tx->fast = code;
    } else {
        if (before > code) { code = before < tx->fast ? before : tx->fast; }
        code = (uint16_t)(tx->fast - code);
        tx->fast = (uint16_t)(tx->fast - code + code / 4);
    }
    tx->stamp = (uint16_t)(now >> 16);
    estlsi_tx_settle(tx);
}

static uint8_t estlsi_tx_pair_ok(const estls_tx *tx, const estls_tx_sample *s)
{
    if (!estlsi_tx_adc_ok(tx->board, s->rest_mV) ||
        !estlsi_tx_adc_ok(tx->board, s->loaded_mV)) {
        return ESTLS_TX_BAD_ADC;
    }
    if (s->loaded_mV > s->rest_mV + ESTLSI_TX_NOISE_MV) {
        return ESTLS_TX_BAD_PAIR;
    }
    return ESTLS_TX_FINE;
}

static uint16_t estlsi_tx_droop(const estls_tx_sample *s)
{
    return (uint16_t)(s->loaded_mV < s->rest_mV ? s->rest_mV - s->loaded_mV
                                                : 0);
}

/* The ESR of a long load, of which the fast one is a part. */
static void estlsi_tx_seconds(estls_tx *tx, uint32_t mOhm)
{
    const uint32_t fast = estlsi_tx_unpack(tx->fast);
    uint32_t slow = mOhm > fast ? mOhm - fast : 0;

    slow = fast > 63 ? slow / (fast >> 6) : 0;
    tx->slow = (uint8_t)(slow < 1 ? 1 : slow > 255 ? 255 : slow);
    estlsi_tx_settle(tx);
}

/* Too short to tell what the ESR is; but of an unknown cell, what it is at
 * most, and of a known one that it has not grown. */
static void estlsi_tx_hidden(estls_tx *tx, const estls_tx_sample *s)
{
    uint16_t droop = estlsi_tx_droop(s);
    const int seen = droop >= ESTLSI_TX_NOISE_MV;
    uint16_t code;

    if (tx->fast) {
        if (s->us >= estlsi_tx_probe_us(tx, s->now, s->rest_mV)) {
            tx->stamp = (uint16_t)(s->now >> 16);
        }
        return;
    }
    if (!seen) { droop = 0; }
    code =
        estlsi_tx_explain(tx, s, s->uA, (uint16_t)(droop + ESTLSI_TX_NOISE_MV));
    code &= (uint16_t)~ESTLSI_TX_HIDDEN;
    if (code >= ESTLSI_TX_CODE_MAX && seen) { return; /* no cell does that */ }
    estlsi_tx_reading(tx, code, s->now);
    tx->before = ESTLSI_TX_AT_MOST >> 8;
    estlsi_tx_keep(tx, ESTLSI_TX_KEEPS, NULL);
}

ESTLS_API uint8_t estls_tx_learn(estls_tx *tx, const estls_tx_sample *sample)
{
    uint8_t event = ESTLSI_TX_KEEPS;
    uint16_t code;
    uint8_t reason;

    if (!estlsi_tx_usable(tx)) { return ESTLS_TX_NO_DATA; }
    reason = estlsi_tx_pair_ok(tx, sample);
    if (reason) { return reason; }
    if (!sample->us || sample->uA - 1 >= ESTLSI_TX_UA_MAX) {
        return ESTLS_TX_BAD_LOAD;
    }
    code = estlsi_tx_explain(tx, sample, sample->uA, estlsi_tx_droop(sample));
    if (code >= ESTLSI_TX_HIDDEN) {
        estlsi_tx_hidden(tx, sample);
        return ESTLS_TX_TOO_SHORT;
    }
    (void)estlsi_tx_held(tx, sample->now);
    tx->t0 = sample->now;
    tx->level |= ESTLSI_TX_BURST; /* for the next rest voltage */
    if (sample->us >= ESTLSI_TX_SLOW_US) {
        estlsi_tx_seconds(tx, estlsi_tx_unpack(code));
    } else {
        tx->level &= (uint8_t)~ESTLSI_TX_SEEN;
        estlsi_tx_reading(tx, code, sample->now);
        event = ESTLSI_TX_PROBES;
    }
    estlsi_tx_keep(tx, event, &code);
    return ESTLS_TX_FINE;
}

/* -- the question ---------------------------------------------------------- */

typedef struct estlsi_tx_question {
    const estls_tx_job *job;
    estls_tx_plan *plan;
    estlsi_tx_load *load;
} estlsi_tx_question;

/* What killed us is not tried again while that counts, nor is more: the
 * current from which on levels are banned, but for the least. */
static uint32_t estlsi_tx_banned(const estls_tx_board *b)
{
    const uint8_t died = (uint8_t)(b->guard ? b->guard->phase >> 4 : 0);

    return died ? b->level[died - 1].uA : ESTLSI_TX_NEVER;
}

/* The first level that keeps above the floor, else the least.  The very first
 * is for cells that carry it with ease: in a droop of a sixth constant power
 * takes a fifth more charge, and a weak cell has none to spare. */
static uint8_t estlsi_tx_choose(const estlsi_tx_load *l, uint16_t floor)
{
    const estls_tx_board *b = l->board;
    const uint32_t banned = estlsi_tx_banned(b);
    uint16_t need = (uint16_t)(l->rest - ((uint32_t)l->rest * 10923 >> 16));
    uint32_t bears;
    uint8_t i;

    if (need < floor || b->level_count < 2) { need = floor; }
    bears = estlsi_tx_bears(l, need);
    for (i = 0; i < b->level_count; i++) {
        if (b->level[i].uA < banned &&
            estlsi_tx_asks(l, b->level[i].uA) <= bears) {
            return i;
        }
        if (!i) { bears = estlsi_tx_bears(l, floor); }
    }
    return estlsi_tx_least(b);
}

/* Does it fit?  Puts level, reason, lowest_mV. */
static int estlsi_tx_fits_now(const estls_tx *tx, const estlsi_tx_question *q)
{
    estls_tx_plan *plan = q->plan;
    uint32_t uA = q->job->uA;

    estlsi_tx_meet(tx, q->load, estlsi_tx_ageing(tx, q->job->now));
    if (!uA) {
        plan->level = estlsi_tx_choose(q->load, plan->floor_mV);
        uA = tx->board->level[plan->level].uA;
    }
    plan->reason = (uint8_t)(plan->level ? ESTLS_TX_LOWER : ESTLS_TX_FINE);
    plan->lowest_mV = estlsi_tx_lowest(q->load, uA);
    return plan->lowest_mV >= plan->floor_mV;
}

/* How long until the cell has recovered from the last burst, if the job has
 * that time; else 0. */
static uint32_t estlsi_tx_recovers(const estls_tx *tx, const estls_tx_job *job)
{
    const uint32_t since = job->now - tx->t0;

    if (!(tx->level & ESTLSI_TX_BURST) || since >= ESTLSI_TX_SETTLE_MS ||
        job->slack_ms < ESTLSI_TX_SETTLE_MS - since) {
        return 0;
    }
    return ESTLSI_TX_SETTLE_MS - since;
}

/* No level carries it.  As estlsi_tx_weigh. */
static uint32_t estlsi_tx_refuse(estls_tx *tx, const estlsi_tx_question *q,
                                 uint16_t age)
{
    if (tx->fast && !q->job->uA && q->job->us &&
        estlsi_tx_tell(tx, ESTLSI_TX_SPLITS, q)) {
        return 0;
    }
    if (age >= ESTLSI_TX_STALE) {
        /* no probe can tell otherwise: the least level, once an hour */
        if (!q->job->uA) {
            q->plan->level = estlsi_tx_least(tx->board);
            return 0;
        }
        if (!tx->fast) { return 1000; }
    }
    q->plan->reason =
        (uint8_t)(q->plan->lowest_mV ? ESTLS_TX_DROOP : ESTLS_TX_COLLAPSE);
    return age < ESTLSI_TX_STALE ? (uint32_t)(ESTLSI_TX_STALE - age) << 16
                                 : ESTLSI_TX_HOUR_MS;
}

/* A plan by the model.  ms to wait, with the reason; 0: as it says. */
static uint32_t estlsi_tx_weigh(estls_tx *tx, const estlsi_tx_question *q)
{
    estls_tx_plan *plan = q->plan;
    uint16_t age = ESTLSI_TX_OLD;
    uint8_t doubt = ESTLS_TX_UNKNOWN;
    int fits = 0;
    uint32_t ms;

    if (tx->fast) {
        age = estlsi_tx_age(tx, q->job->now);
        doubt = ESTLS_TX_STALE;
        fits = estlsi_tx_fits_now(tx, q);
    }
    if (fits && !plan->level && age < ESTLSI_TX_OLD) { return 0; }
    if (age >= ESTLSI_TX_STALE && tx->board->probe_uA) {
        plan->action = ESTLS_TX_PROBE;
        plan->reason = doubt;
        plan->uA = tx->board->probe_uA;
        plan->us = estlsi_tx_probe_us(tx, q->job->now, q->job->mV);
        return 0;
    }
    ms = estlsi_tx_recovers(tx, q->job);
    if (ms) {
        plan->reason = ESTLS_TX_RECOVERING;
    } else if (!fits) {
        plan->reason = doubt;
        ms = estlsi_tx_refuse(tx, q, age);
    }
    return ms;
}

/* A cell that has risen so far is another one. */
static void estlsi_tx_notice(estls_tx *tx, const estls_tx_job *job)
{
    tx->level &= (uint8_t)~ESTLSI_TX_RESTED;
    if ((tx->level & ESTLSI_TX_BURST) &&
        (uint32_t)(job->now - tx->t0) < ESTLSI_TX_REST_MS) {
        return;
    }
    if (tx->rest_mV && job->mV >= tx->rest_mV + ESTLSI_TX_NEW_CELL_MV) {
        tx->fast = 0;
        tx->slow = 0;
        tx->before = 0;
        estlsi_tx_forgive(tx, ESTLSI_TX_NEW_CELL);
    }
    tx->rest_mV = job->mV;
    tx->level |= ESTLSI_TX_RESTED;
}

/* For a job of a good reading.  As estlsi_tx_weigh. */
static uint32_t estlsi_tx_judge(estls_tx *tx, const estls_tx_job *job,
                                estls_tx_plan *plan)
{
    const estls_tx_board *b = tx->board;
    estlsi_tx_question q;
    estlsi_tx_load l;
    uint32_t ms;

    estlsi_tx_notice(tx, job);
    ms = estlsi_tx_held(tx, job->now);
    plan->reason = ESTLS_TX_HOLD;
    if (ms) { return ms; }
    plan->reason = ESTLS_TX_EMPTY;
    if (job->mV <= plan->floor_mV) { return ESTLSI_TX_HOUR_MS; }
    if (estlsi_tx_age(tx, job->now) < ESTLSI_TX_FRESH) {
        plan->floor_mV =
            (uint16_t)(b->brownout_mV +
                       estlsi_tx_part(plan->floor_mV - b->brownout_mV,
                                      tx->level & ESTLSI_TX_SEEN ? 8192u
                                                                 : 21846u));
    }
    plan->action = ESTLS_TX_SEND;
    plan->us = job->us;
    q.job = job;
    q.plan = plan;
    q.load = &l;
    estlsi_tx_load_of(&l, b, job->us, job->uA);
    l.rest = job->mV;
    ms = estlsi_tx_weigh(tx, &q);
    if (ms || plan->action) { return ms; }
    if (job->uA) { plan->level = 0xff; }
    return estlsi_tx_tell(tx, ESTLSI_TX_SPENDS, &q);
}

ESTLS_API int estls_tx_ask(estls_tx *tx, const estls_tx_job *job,
                           estls_tx_plan *plan)
{
    uint32_t ms = 0;

    memset(plan, 0, sizeof *plan);
    plan->action = ESTLS_TX_DROP;
    plan->reason = ESTLS_TX_NO_DATA;
    if (!estlsi_tx_usable(tx)) { return ESTLS_E_STATE; }
    if (estlsi_tx_age(tx, job->now) >> 15) { /* old stays old */
        tx->stamp = (uint16_t)((job->now >> 16) - 0x7fff);
    }
    plan->floor_mV = estlsi_tx_floor(tx->board);
    plan->esr_mOhm = estlsi_tx_unpack(tx->fast);
    if (job->expiry_ms < 0) {
        plan->reason = ESTLS_TX_EXPIRED;
    } else if (job->uA > ESTLSI_TX_UA_MAX || (job->uA && !job->us)) {
        plan->reason = ESTLS_TX_BAD_LOAD;
    } else {
        plan->reason = ESTLS_TX_BAD_ADC;
        ms = 10;
        if (estlsi_tx_adc_ok(tx->board, job->mV)) {
            ms = estlsi_tx_judge(tx, job, plan);
        }
    }
    if (ms) {
        plan->ms = ms;
        plan->action = ESTLS_TX_WAIT;
        if (job->expiry_ms && ms > (uint32_t)job->expiry_ms) {
            plan->action = ESTLS_TX_DROP;
        }
    }
    return ESTLS_OK;
}

ESTLS_API void estls_tx_key(estls_tx *tx, const estls_tx_plan *plan)
{
    estls_tx_guard *g;

    if (!estlsi_tx_usable(tx) || plan->action != ESTLS_TX_SEND) { return; }
    g = tx->board->guard;
    tx->level |= ESTLSI_TX_LEVEL; /* another load */
    if (plan->level < tx->board->level_count) {
        tx->level = (uint8_t)(tx->level - ESTLSI_TX_LEVEL + plan->level);
        if (g) { g->phase = (uint8_t)((g->phase & 0xf0) | (plan->level + 1)); }
    }
    estlsi_tx_keep(tx, ESTLSI_TX_KEYS, plan);
}

/* 1: half of the margin is gone. */
static int estlsi_tx_near(const estls_tx_board *b, uint16_t mV)
{
    return mV < b->brownout_mV + (estlsi_tx_floor(b) - b->brownout_mV) / 2;
}

/* Learns from a burst. */
static uint8_t estlsi_tx_teach(estls_tx *tx, const estls_tx_sample *s)
{
    uint8_t reason = estlsi_tx_pair_ok(tx, s);
    uint16_t code;

    if (reason) { return reason; }
    (void)estlsi_tx_tell(tx, ESTLSI_TX_ENDS, s);
    if ((tx->level & ESTLSI_TX_LEVEL) < tx->board->level_count &&
        (tx->level & ESTLSI_TX_RESTED)) {
        code = estlsi_tx_explain(tx, s, 0, estlsi_tx_droop(s));
        if (code >= ESTLSI_TX_HIDDEN) {
            reason = ESTLS_TX_TOO_SHORT;
        } else {
            tx->level |= ESTLSI_TX_SEEN;
            estlsi_tx_reading(tx, code, s->now);
            (void)estlsi_tx_tell(tx, ESTLSI_TX_BURSTS, &code);
        }
    }
    return estlsi_tx_near(tx->board, s->loaded_mV) ? (uint8_t)ESTLS_TX_DROOP
                                                   : reason;
}

ESTLS_API uint8_t estls_tx_done(estls_tx *tx, const estls_tx_sample *sample)
{
    uint8_t reason = ESTLS_TX_FINE;
    estls_tx_guard *g;

    if (!estlsi_tx_usable(tx)) { return ESTLS_TX_NO_DATA; }
    g = tx->board->guard;
    if (g) { /* we are alive: that takes off of what killed us before */
        g->phase &= 0xf0;
        if (g->deaths && !--g->deaths) { g->phase = 0; }
    }
    if (estlsi_tx_age(tx, sample->now) >= ESTLSI_TX_STALE) { /* an hour's try */
        tx->stamp = (uint16_t)((sample->now >> 16) - ESTLSI_TX_FRESH);
    }
    tx->t0 = sample->now;
    tx->level |= ESTLSI_TX_BURST;
    if (sample->loaded_mV) { reason = estlsi_tx_teach(tx, sample); }
    estlsi_tx_keep(tx, ESTLSI_TX_KEEPS, NULL);
    return reason;
}

/* -- what is optional ------------------------------------------------------ */

ESTLS_API uint32_t estls_tx_splitter(estls_tx *tx, uint8_t event,
                                     const void *with)
{
    const estlsi_tx_question *q = (const estlsi_tx_question *)with;
    const estls_tx_level *level = tx->board->level;
    estlsi_tx_load *l;
    uint32_t banned;
    uint32_t us = 0;
    uint32_t whole, longest, step;
    uint8_t i;

    if (event != ESTLSI_TX_SPLITS) { return 0; }
    banned = estlsi_tx_banned(tx->board);
    l = q->load;
    whole = l->one.us;
    for (i = 0; i < tx->board->level_count && us < whole / 4; i++) {
        if (level[i].uA >= banned) { continue; }
        longest = 0;
        for (step = whole / 2; step > whole / 128; step /= 2) {
            l->one.us = longest + step;
            estlsi_tx_meet(tx, l, estlsi_tx_ageing(tx, q->job->now));
            if (estlsi_tx_lowest(l, level[i].uA) >= q->plan->floor_mV) {
                longest += step;
            }
        }
        if (longest > us) {
            us = longest;
            q->plan->level = i;
        }
    }
    if (!us) { return 0; }
    l->one.us = us;
    estlsi_tx_meet(tx, l, estlsi_tx_ageing(tx, q->job->now));
    q->plan->lowest_mV = estlsi_tx_lowest(l, level[q->plan->level].uA);
    q->plan->us = us;
    q->plan->ms = ESTLSI_TX_SETTLE_MS;
    if (us < ESTLSI_TX_LONG_US) { q->plan->ms = us / 1000 + 1; }
    q->plan->reason = ESTLS_TX_SPLIT;
    return 1;
}

/* uA us -> uC, for what the plan sends. */
static uint32_t estlsi_tx_charge(const estlsi_tx_load *l, uint32_t level_uA)
{
    uint32_t uC = 0;
    uint32_t uA;
    uint8_t i;

    for (i = 0; i < l->count; i++) {
        uA = l->segment[i].uA;
        uC += estlsi_tx_micro(uA ? uA : level_uA, l->segment[i].us, 4);
    }
    uC = (uC * l->repeat) >> 4;
    return l->nominal ? estlsi_tx_mul(uC, l->nominal, 0) / l->rest : uC;
}

/* Fills the bucket; then: is it enough?  0, or how long until it is. */
static uint32_t estlsi_tx_afford(const estls_tx_board *b, uint32_t now,
                                 uint32_t uC)
{
    uint32_t *saved = b->budget;
    uint32_t gain, day;

    if (!b->budget_uA) { return 0; }
    gain = estlsi_tx_mul(b->budget_uA, now - saved[1], 10);
    gain = gain == ESTLSI_TX_NEVER ? gain / 2 : gain;
    gain += estlsi_tx_part(gain, 1573); /* 1024 / 1000 */
    if (gain >> 22) {
        saved[1] = now;
    } else { /* what is less than a uC counts the next time */
        saved[1] += gain * 1000 / b->budget_uA;
    }
    day = estlsi_tx_mul(b->budget_uA, 86400, 0);
    saved[0] = gain < day && saved[0] < day - gain ? saved[0] + gain : day;
    if (uC <= saved[0] || uC > day) { return 0; }
    return estlsi_tx_mul((uC - saved[0]) / b->budget_uA + 1, 1000, 0);
}

static void estlsi_tx_spend(uint32_t *saved, uint32_t uC)
{
    *saved = *saved > uC ? *saved - uC : 0;
}

ESTLS_API uint32_t estls_tx_bucket(estls_tx *tx, uint8_t event,
                                   const void *with)
{
    const estls_tx_board *b = tx->board;
    const estlsi_tx_question *q;
    uint32_t ms;

    if (!b->budget) { return 0; }
    if (event == ESTLSI_TX_BOOTS) {
        b->budget[1] = tx->t0;
        estlsi_tx_spend(b->budget, b->boot_uC);
    }
    if (event == ESTLSI_TX_KEYS) {
        estlsi_tx_spend(b->budget, ((const estls_tx_plan *)with)->uC);
    }
    if (event != ESTLSI_TX_SPENDS) { return 0; }
    q = (const estlsi_tx_question *)with;
    q->plan->uC = estlsi_tx_charge(
        q->load, q->job->uA ? q->job->uA : b->level[q->plan->level].uA);
    if (q->job->urgent) { return 0; }
    ms = estlsi_tx_afford(b, q->job->now, q->plan->uC);
    if (ms) { q->plan->reason = ESTLS_TX_BUDGET; }
    return ms;
}

static void estlsi_tx_log_boot(const estls_tx *tx)
{
    const estls_tx_guard *g = tx->board->guard;
    estls_tx_log *log = tx->board->log;

    if (log->crc != estlsi_tx_crc(log, sizeof *log)) {
        memset(log, 0, sizeof *log);
    }
    log->boots++;
    log->phase = g ? g->phase : 0;
}

static void estlsi_tx_log_death(const estls_tx *tx)
{
    tx->board->log->brownouts++;
    tx->board->log->hold_s = tx->board->guard->hold_s;
}

static void estlsi_tx_log_key(const estls_tx *tx, const estls_tx_plan *plan)
{
    if (plan->level >= tx->board->level_count) { return; }
    tx->board->log->attempts++;
    tx->board->log->level = plan->level;
}

static void estlsi_tx_log_pair(const estls_tx *tx, const estls_tx_sample *s)
{
    estls_tx_log *log = tx->board->log;

    log->rest_mV = s->rest_mV;
    log->loaded_mV = s->loaded_mV;
    if (estlsi_tx_near(tx->board, s->loaded_mV)) { log->near_misses++; }
    if (!log->lowest_mV || s->loaded_mV < log->lowest_mV) {
        log->lowest_mV = s->loaded_mV;
    }
}

ESTLS_API uint32_t estls_tx_recorder(estls_tx *tx, uint8_t event,
                                     const void *with)
{
    estls_tx_log *log = tx->board->log;

    if (!log) { return 0; }
    switch (event) {
    case ESTLSI_TX_BOOTS: estlsi_tx_log_boot(tx); break;
    case ESTLSI_TX_DIES: estlsi_tx_log_death(tx); break;
    case ESTLSI_TX_KEYS:
        estlsi_tx_log_key(tx, (const estls_tx_plan *)with);
        break;
    case ESTLSI_TX_ENDS:
        estlsi_tx_log_pair(tx, (const estls_tx_sample *)with);
        break;
    case ESTLSI_TX_PROBES: log->probe = *(const uint16_t *)with; break;
    case ESTLSI_TX_BURSTS: log->burst = *(const uint16_t *)with; break;
    case ESTLSI_TX_NEW_CELL: log->best = 0; break;
    default: break;
    }
    if (tx->fast && (!log->best || tx->fast < log->best)) {
        log->best = tx->fast;
    }
    log->fast = tx->fast;
    log->slow = estlsi_tx_pack((estlsi_tx_unpack(tx->fast) >> 6) *
                               estlsi_tx_slow_of(tx));
    log->crc = estlsi_tx_crc(log, sizeof *log);
    return 0;
}

/* What the burst at the least level, or a load of uA for us, brings the
 * voltage down to. */
static uint16_t estlsi_tx_would(const estls_tx *tx, uint16_t mV, uint32_t us,
                                uint32_t uA)
{
    estlsi_tx_load l;

    estlsi_tx_load_of(&l, tx->board, us, uA);
    l.rest = mV;
    estlsi_tx_meet(tx, &l, 0);
    if (!uA) { uA = tx->board->level[estlsi_tx_least(tx->board)].uA; }
    return estlsi_tx_lowest(&l, uA);
}

ESTLS_API int estls_tx_flash_ok(const estls_tx *tx, uint16_t mV)
{
    if (!estlsi_tx_usable(tx) || !estlsi_tx_adc_ok(tx->board, mV) ||
        (tx->board->guard && (tx->board->guard->phase & 15))) {
        return 0;
    }
    /* as much as any: a page of nRF52 takes 85 ms, of STM32 40 ms at 7 mA */
    return tx->fast &&
           estlsi_tx_would(tx, mV, 100000, 10000) >= estlsi_tx_floor(tx->board);
}

ESTLS_API uint8_t estls_tx_low(const estls_tx *tx, uint16_t mV)
{
    const estls_tx_log *log;
    uint16_t floor;

    if (!estlsi_tx_usable(tx) || !tx->fast) { return ESTLS_TX_NO_DATA; }
    if (!estlsi_tx_adc_ok(tx->board, mV)) { return ESTLS_TX_BAD_ADC; }
    log = tx->board->log;
    floor = (uint16_t)(estlsi_tx_floor(tx->board) + 100);
    if (mV <= floor) { return ESTLS_TX_EMPTY; }
    if (estlsi_tx_would(tx, mV, 0, 0) < floor) { return ESTLS_TX_DROOP; }
    return (uint8_t)(log && log->best &&
                             estlsi_tx_unpack(tx->fast) >
                                 4 * estlsi_tx_unpack(log->best)
                         ? ESTLS_TX_CELL_OLD
                         : ESTLS_TX_FINE);
}

/* -- what happened --------------------------------------------------------- */

static int estlsi_tx_say(const estls_io *io, const char *text, size_t n)
{
    return io->write(io->user, text, n) == (int)n ? (int)ESTLS_OK
                                                  : (int)ESTLS_E_IO;
}

/* name and a number */
static int estlsi_tx_field(const estls_io *io, const char *name, uint32_t v)
{
    char digits[10];
    uint8_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return estlsi_tx_say(io, name, strlen(name)) |
           estlsi_tx_say(io, digits + i, sizeof digits - i);
}

ESTLS_API int estls_tx_report(const estls_tx *tx, const estls_io *io)
{
    const estls_tx_log *log;
    int rc;

    if (!estlsi_tx_usable(tx) || !tx->board->log) { return ESTLS_E_STATE; }
    log = tx->board->log;
    rc = estlsi_tx_field(io, "tx attempts=", log->attempts);
    rc |= estlsi_tx_field(io, " near=", log->near_misses);
    rc |= estlsi_tx_field(io, " brownouts=", log->brownouts);
    rc |= estlsi_tx_field(io, " boots=", log->boots);
    rc |= estlsi_tx_field(io, " lowest_mV=", log->lowest_mV);
    rc |= estlsi_tx_field(io, " rest_mV=", log->rest_mV);
    rc |= estlsi_tx_field(io, " loaded_mV=", log->loaded_mV);
    rc |= estlsi_tx_field(io, " esr_mOhm=", estlsi_tx_unpack(log->fast));
    rc |= estlsi_tx_field(io, " slow_mOhm=", estlsi_tx_unpack(log->slow));
    rc |= estlsi_tx_field(io, " probe_mOhm=", estlsi_tx_unpack(log->probe));
    rc |= estlsi_tx_field(io, " burst_mOhm=", estlsi_tx_unpack(log->burst));
    rc |= estlsi_tx_field(io, " level=", log->level);
    rc |= estlsi_tx_field(io, " phase=", log->phase);
    rc |= estlsi_tx_field(io, " hold_s=", log->hold_s);
    rc |= estlsi_tx_say(io, "\r\n", 2);
    return rc ? (int)ESTLS_E_IO : (int)ESTLS_OK;
}

/* Bursts droop more than the ESR explains: with no reservoir at all, would
 * that explain it? */
static uint8_t estlsi_tx_excess(const estls_tx *tx, uint16_t esr, uint16_t mV)
{
    const estls_tx_log *log = tx->board->log;
    const uint8_t level =
        (uint8_t)(log->level < tx->board->level_count ? log->level : 0);
    estlsi_tx_load l;

    estlsi_tx_load_of(&l, tx->board, 0, 0);
    l.nF = 0;
    l.rest = log->rest_mV ? log->rest_mV : tx->rest_mV;
    l.r = estlsi_tx_unpack(esr);
    estlsi_tx_reckon(&l);
    return (uint8_t)(estlsi_tx_lowest(&l, tx->board->level[level].uA) <=
                             mV + ESTLSI_TX_NOISE_MV
                         ? ESTLS_TX_NO_RESERVOIR
                         : ESTLS_TX_LOAD_LARGER);
}

/* Does the burst at the first level fit with a part of R0, of 2^20? */
static int estlsi_tx_fits(const estls_tx *tx, const estls_tx_cell *cell,
                          uint32_t part)
{
    estls_tx_cell c;

    memcpy(&c, cell, sizeof c); /* SDCC assigns no structs */
    c.r0_mOhm = estlsi_tx_toward(0, c.r0_mOhm, part);
    return estls_tx_predict(&c, tx->board, tx->board->level[0].uA) >=
           estlsi_tx_floor(tx->board);
}

ESTLS_API uint8_t estls_tx_diagnose(const estls_tx *tx, uint16_t mV,
                                    int8_t celsius, uint32_t *nF)
{
    const estls_tx_log *log;
    estls_tx_cell cell;
    uint32_t warm = 1ul << 20;

    *nF = 0;
    if (!estlsi_tx_usable(tx) || !tx->fast) { return ESTLS_TX_NO_DATA; }
    if (!estlsi_tx_adc_ok(tx->board, mV)) { return ESTLS_TX_BAD_ADC; }
    if (mV <= estlsi_tx_floor(tx->board)) { return ESTLS_TX_EMPTY; }
    log = tx->board->log;
    memset(&cell, 0, sizeof cell);
    cell.mV = mV;
    cell.r0_mOhm = estlsi_tx_unpack(tx->fast);
    *nF = estls_tx_capacitor(&cell, tx->board, tx->board->level[0].uA);
    if (log && log->probe && log->burst &&
        log->rest_mV > log->loaded_mV + 5 * ESTLSI_TX_NOISE_MV &&
        estlsi_tx_unpack(log->burst) > estlsi_tx_unpack(log->probe) * 3 / 2) {
        return estlsi_tx_excess(tx, log->probe, log->loaded_mV);
    }
    if (estlsi_tx_fits(tx, &cell, warm)) {
        return log && log->brownouts
                   ? estlsi_tx_excess(tx, tx->fast, tx->board->brownout_mV)
                   : (uint8_t)ESTLS_TX_FINE;
    }
    /* ESR falls by 3.9 % a degree, to that of a room of 21 */
    for (; celsius < 21; celsius++) { warm -= warm / 26; }
    if (estlsi_tx_fits(tx, &cell, warm)) { return ESTLS_TX_CELL_COLD; }
    return (uint8_t)(*nF <= 470000 ? ESTLS_TX_NO_RESERVOIR : ESTLS_TX_CELL_OLD);
}

#endif /* ESTLS_IMPLEMENTATION */

/* MIT License
 *
 * Copyright (c) 2026 the estls authors
 *
 * Permission is hereby granted, free of charge, to any person obtaining a
 * copy of this software and associated documentation files (the "Software"),
 * to deal in the Software without restriction, including without limitation
 * the rights to use, copy, modify, merge, publish, distribute, sublicense,
 * and/or sell copies of the Software, and to permit persons to whom the
 * Software is furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in
 * all copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.  IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING
 * FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
 * DEALINGS IN THE SOFTWARE.
 */
