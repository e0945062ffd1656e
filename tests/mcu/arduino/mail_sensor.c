/* mail_sensor.c - MailSensor.ino, with an emulated modem at Serial1 and a mail
 * server behind it, in virtual time.  The UART is that of the Arduino core: a
 * ring of 64 bytes, and what it has no room for is lost. */
#include "../../check.h"
#include "../../world.h"
#include "core.h"

#include <stdio.h>
#include <stdlib.h>

enum { MODEM = 1, FLOAT_PIN = 2, LED = 13, EEPROM_BYTES = 4096, RING = 64 };

static world w;
static struct pem_chain chain;
static br_skey_decoder_context key;
static struct smtpd_sessions sessions;
static struct smtpd_options server;
static struct espat_options modem = {.generation = 2,
                                     .fresh = true,
                                     .ssid = "attic",
                                     .password = "correct horse",
                                     .baud = 115200};
static uint8_t eeprom[EEPROM_BYTES];
static struct uart {
    uint8_t ring[RING];
    unsigned first, count;
    unsigned lost;
    unsigned long baud;
} uart;
static struct seen {
    unsigned mails;
    unsigned resumed;
    char mail[2048];
    char from[SMTPD_PATH_MAX + 1];
    char to[SMTPD_PATH_MAX + 1];
    unsigned blinks;
    uint8_t led;
    uint8_t water;
} seen;

/* -- the UART -------------------------------------------------------------- */

static void uart_receive(void)
{
    uint8_t byte;

    while (w.uart.read(w.uart.user, &byte, 1) > 0) {
        if (uart.count == RING - 1) {
            uart.lost++;
            continue;
        }
        uart.ring[(uart.first + uart.count++) % RING] = byte;
    }
}

static void pass(uint32_t ms)
{
    const uint32_t t0 = w.now;

    while (w.now - t0 < ms) {
        world_idle(&w);
        uart_receive();
    }
}

void core_serial_begin(int port, unsigned long baud)
{
    if (port == MODEM) { uart.baud = baud; }
}

/* Who asks in vain has waited. */
int core_serial_available(int port)
{
    if (port != MODEM) { return 0; }
    if (!uart.count) { pass(1); }
    return (int)uart.count;
}

int core_serial_read(int port)
{
    uint8_t byte;

    if (port != MODEM || !uart.count) { return -1; }
    byte = uart.ring[uart.first];
    uart.first = (uart.first + 1) % RING;
    uart.count--;
    return byte;
}

int core_serial_room(int port)
{
    return port == MODEM ? RING - 1 : 0;
}

size_t core_serial_write(int port, const uint8_t *src, size_t len)
{
    int n = 0;

    if (port == MODEM && uart.baud == modem.baud) {
        n = w.uart.write(w.uart.user, src, len);
    }
    return n > 0 ? (size_t)n : 0;
}

/* -- the rest of the board ------------------------------------------------- */

uint32_t core_millis(void)
{
    return w.now;
}

void core_wait(uint32_t us)
{
    pass(us / 1000);
}

void core_pin(uint8_t pin, uint8_t level)
{
    if (pin != LED) { return; }
    seen.blinks += level && !seen.led;
    seen.led = level;
}

uint8_t core_pin_read(uint8_t pin)
{
    return pin == FLOAT_PIN ? !seen.water : 1;
}

uint8_t core_eeprom_read(int address)
{
    return eeprom[address];
}

void core_eeprom_write(int address, uint8_t value)
{
    eeprom[address] = value;
}

/* -- the world ------------------------------------------------------------- */

static void on_mail(void *context, const struct smtpd_mail *mail)
{
    (void)context;
    seen.mails++;
    (void)snprintf(seen.mail, sizeof seen.mail, "%.*s", (int)mail->content.len,
                   (const char *)mail->content.data);
    (void)snprintf(seen.from, sizeof seen.from, "%s", mail->sender);
    (void)snprintf(seen.to, sizeof seen.to, "%s", mail->recipients[0]);
}

static int on_connection(void *context, unsigned port, struct smtpd *connection)
{
    (void)context;
    smtpd_init(connection, &server);
    return port == 587;
}

static void on_end(void *context, const struct smtpd *connection)
{
    (void)context;
    seen.resumed += connection->report.resumed;
}

static void on_step(void *context)
{
    (void)context;
}

static const struct world_host host = {on_connection, on_end, on_step, NULL};

static void set_up(const char *pki)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/ec.pem", pki);
    CHECK(pem_chain_load(&chain, path));
    (void)snprintf(path, sizeof path, "%s/ec.key", pki);
    CHECK(pem_key_load(&key, path));
    smtpd_sessions_init(&sessions);
    server.chain = &chain;
    server.key = &key;
    server.user = "sensor";
    server.password = "battery staple";
    server.sessions = &sessions;
    server.on_mail = on_mail;
    w.host = &host;
    world_open(&w, &modem, &server);
    memset(eeprom, 0xff, sizeof eeprom);
    sketch_setup();
}

/* The sketch's loop, for so long. */
static void run(uint32_t ms)
{
    const uint32_t t0 = w.now;

    while (w.now - t0 < ms) {
        sketch_loop();
        pass(10);
    }
}

/* As a factory does it, in both slots. */
static void provision(void)
{
    br_sha256_context sha;
    uint8_t hash[br_sha256_SIZE];
    uint8_t record[48] = {0};
    int i;

    for (i = 0; i < 32; i++) { record[8 + i] = (uint8_t)(7 * i + 3); }
    br_sha256_init(&sha);
    br_sha256_update(&sha, record, 40);
    br_sha256_out(&sha, hash);
    memcpy(record + 40, hash, 8);
    memcpy(eeprom, record, sizeof record);
    memcpy(eeprom + sizeof record, record, sizeof record);
}

/* -- tests ----------------------------------------------------------------- */

static void test_no_secret_no_connection(void)
{
    seen.water = 1;
    run(5000);
    seen.water = 0;
    CHECK_INT(seen.blinks, 1 - ESTLS_E_ENTROPY);
    CHECK_INT(w.connections, 0);
    seen.blinks = 0;
}

static void test_water_sends_one_mail(void)
{
    uint8_t before[96];
    char text[128];

    provision();
    memcpy(before, eeprom, sizeof before);
    sketch_setup();
    CHECK(memcmp(before, eeprom, sizeof before) != 0);
    run(100000);
    (void)snprintf(text, sizeof text,
                   "Subject: Water in the cellar\r\n\r\nThe float switch has "
                   "closed, %lu minutes after the start.\r\n",
                   (unsigned long)w.now / 60000);
    CHECK_INT(seen.mails, 0);
    seen.water = 1;
    run(100000);
    CHECK_INT(seen.mails, 1);
    CHECK_INT(seen.blinks, 2); /* busy, and sent */
    CHECK_TEXT(seen.from, "sensor@example.test");
    CHECK_TEXT(seen.to, "ops@example.test");
    CHECK(strstr(seen.mail, text));
    CHECK_INT(seen.resumed, 0);
    CHECK_INT(uart.lost, 0);
}

static void test_next_mail_resumes(void)
{
    seen.water = 0;
    run(1000);
    seen.water = 1;
    run(100000);
    CHECK_INT(seen.mails, 2);
    CHECK_INT(seen.resumed, 1);
    CHECK_INT(uart.lost, 0);
}

static void test_nothing_in_clear(void)
{
    CHECK(world_heard(&w, "STARTTLS"));
    CHECK(!world_heard(&w, "AUTH"));
    CHECK(!world_heard(&w, "cellar"));
}

/* A server that refuses once: the number of E_REFUSED, and another try. */
static void test_a_refusal_is_shown_and_tried_again(void)
{
    seen.water = 0;
    run(1000);
    seen.blinks = 0;
    server.password = "changed";
    seen.water = 1;
    run(10000);
    CHECK_INT(seen.mails, 2);
    CHECK_INT(seen.blinks, 1 - ESTLS_E_REFUSED);
    server.password = "battery staple";
    run(100000);
    CHECK_INT(seen.mails, 3);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        puts("usage: mail_sensor PKI\n0 passed, 1 failed");
        return 1;
    }
    set_up(argv[1]);
    test_no_secret_no_connection();
    test_water_sends_one_mail();
    test_next_mail_resumes();
    test_nothing_in_clear();
    test_a_refusal_is_shown_and_tried_again();
    world_close(&w);
    return check_end();
}
