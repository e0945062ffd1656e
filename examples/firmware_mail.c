/* firmware_mail.c - one mail out of a main loop: the example to copy.
 *
 * Write the port's five functions as estls_io and estls_desc describe them,
 * make anchors.h with the program `anchors`, and link smtp.c and BearSSL.
 */
#define ESTLS_IMPLEMENTATION
#include "../estls.h"
#include "anchors.h"
#include "smtp.h"

extern int uart_read(void *user, void *dst, size_t cap);
extern int uart_write(void *user, const void *src, size_t len);
extern uint32_t millis(void *user);
extern size_t trng(void *user, void *dst, size_t len);
extern uint32_t rtc(void *user);

static estls net;
static estls_x509 x509;
static smtp client;
static char line[ESTLS_LINE_MIN + 32];
static uint8_t iobuf[ESTLS_IOBUF_MIN];

static const estls_desc session = {
    .uart = {uart_read, uart_write, millis, NULL},
    .line = line,
    .line_cap = sizeof line,
    .iobuf = iobuf,
    .iobuf_cap = sizeof iobuf,
    .ssid = "attic",
    .password = "correct horse",
    .host = "mail.example.org",
    .port = 587,
    .proto = estls_smtp,
    .trust = estls_anchors,
    .x509 = &x509,
    .anchors = ANCHORS,
    .anchor_count = ANCHORS_NUM,
    .entropy = trng,
    .unix_time = rtc,
};

static const smtp_mail mail = {
    .user = "sensor",
    .password = "battery staple",
    .from = "sensor@example.org",
    .to = (const char *const[]){"you@example.org", NULL},
    .text = "From: sensor@example.org\nTo: you@example.org\n"
            "Subject: Water in the cellar\n\nIt is 3 cm deep.\n",
};

static int tls_read(void *user, void *dst, size_t cap)
{
    return estls_read(user, dst, cap);
}

static int tls_write(void *user, const void *src, size_t len)
{
    return estls_write(user, src, len);
}

static const estls_io tls = {tls_read, tls_write, millis, &net};

/* Nothing in the loop waits: what else the device has to do fits in. */
int main(void)
{
    enum { OPENING, TALKING, CLOSING, CLOSED } state = OPENING;
    int rc = estls_open(&net, &session);

    while (state != CLOSED) {
        if (rc == ESTLS_BUSY) {
            rc = state == OPENING ? estls_step(&net) : smtp_step(&client);
        } else if (state == OPENING && rc == ESTLS_OK) {
            rc = smtp_open(&client, &mail, &tls);
            state = TALKING;
        } else { /* rc tells what became of the mail, and is kept */
            state = estls_close(&net) == ESTLS_BUSY ? CLOSING : CLOSED;
        }
    }
    return rc;
}
