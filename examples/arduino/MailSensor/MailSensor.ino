/* MailSensor.ino - when pin 2 goes low, a mail is sent over STARTTLS.
 *
 * Board    Arduino Mega 2560, as it is: 8 KB of RAM
 * Modem    an ESP8266 or ESP32 with Espressif's AT firmware at Serial1
 *          (TX1 18, RX1 19), 115200 baud, 3.3 V with a supply of its own; a
 *          divider of 1 k and 2 k between TX1 and the modem's RX
 * Switch   a float switch between pin 2 and GND
 * LED      on: busy; then it blinks: once, the mail is sent; more often, the
 *          number of the error in the README's table, where 7 is E_NETWORK
 *
 * To install
 *   1. Copy estls.h beside this file.
 *   2. Install BearSSL as a library, cut to fit 8 KB: README, "8 KB".
 *   3. Fetch the key of your mail server, which must be one of P-256, and
 *      put pin.h beside this file; `anchors` comes with estls.h:
 *          openssl s_client -starttls smtp -connect HOST:587 </dev/null |
 *              openssl x509 >server.pem
 *          build/anchors --pin server.pem >pin.h
 *   4. Fill in arduino_secrets.h.
 *   5. Run Provision.ino on this board, once, then this.
 *
 * The first mail takes a minute, of which the elliptic curves take most; the
 * next ones resume the session and take seconds.
 *
 * Serial1 buffers 64 bytes.  That is enough: the modem holds back what comes
 * from the network until it is asked for it (pull mode), and then this sketch
 * is reading.  With d.push = 1 it would not be: more needs
 * -DSERIAL_RX_BUFFER_SIZE=... for the whole core, in platform.local.txt. */
#include <EEPROM.h>

#define ESTLS_PROFILE estls_small // what fits
#define ESTLS_IMPLEMENTATION
#include "estls.h"
#include "arduino_secrets.h"
#include "pin.h"

const uint8_t FLOAT_PIN = 2;
const uint32_t ANSWER_MS = 300000; // as RFC 5321 4.5.3.2 wants it
const uint32_t NEXT_TRY_MS = 60000;

static estls net;
static estls_desc d;
static estls_seed keeper;
static estls_saved saved; // the session, for the next mail
static char line[ESTLS_LINE_MIN + 32];
static uint8_t iobuf[ESTLS_IOBUF_MIN];

// -- what estls.h needs of the board ----------------------------------------

static int uartRead(void *, void *dst, size_t cap)
{
    uint8_t *p = (uint8_t *)dst;
    size_t n = 0;

    while (n < cap && Serial1.available()) { p[n++] = Serial1.read(); }
    return n;
}

static int uartWrite(void *, const void *src, size_t len)
{
    const size_t room = Serial1.availableForWrite();

    return Serial1.write((const uint8_t *)src, len < room ? len : room);
}

static uint32_t uartTick(void *)
{
    return millis();
}

// This chip has no random generator, and noise from analogRead can be guessed.
// What nobody can guess is the secret that Provision.ino put into the EEPROM;
// the keeper stores its successor before anything is made of it.
static int load(void *, uint8_t slot, void *dst, size_t len)
{
    uint8_t *p = (uint8_t *)dst;

    for (size_t i = 0; i < len; i++) { p[i] = EEPROM.read(slot * len + i); }
    return len;
}

static int store(void *, uint8_t slot, const void *src, size_t len)
{
    const uint8_t *p = (const uint8_t *)src;

    for (size_t i = 0; i < len; i++) { EEPROM.update(slot * len + i, p[i]); }
    return len;
}

// -- the mail -----------------------------------------------------------------

// print() and println() into TLS: what is printed is gathered until an answer
// is read.
class Tls : public Print
{
  public:
    using Print::write;
    size_t write(uint8_t c) override
    {
        const uint32_t t0 = millis();
        int n = getWriteError() ? -1 : 0;

        while (n == 0 && millis() - t0 < ANSWER_MS) {
            n = estls_write(&net, &c, 1);
            if (n == 0 && estls_step(&net) < 0) { n = -1; }
        }
        if (n <= 0) { setWriteError(); }
        return n > 0;
    }
};

static Tls tls;

// The code of the server's answer, of which only the last line counts, as in
// "250-SIZE 1000", "250 HELP".  Negative: an error of estls.h.
static int answer()
{
    const uint32_t t0 = millis();
    char head[5] = "";
    uint8_t n = 0;
    char c;

    while (millis() - t0 < ANSWER_MS) {
        const int rc = estls_read(&net, &c, 1);
        if (rc < 0) { return rc; }
        if (rc == 0) { continue; }
        if (c != '\n') {
            if (n < 4) { head[n++] = c; }
        } else if (head[3] != '-') {
            return atoi(head);
        } else {
            n = 0;
        }
    }
    return ESTLS_E_TIMEOUT;
}

// Says something to the server, unless something went wrong before.
static int say(int rc, const __FlashStringHelper *text, int expected)
{
    if (rc != ESTLS_OK) { return rc; }
    tls.print(text);
    rc = answer();
    if (rc < 0) { return rc; }
    return rc == expected ? ESTLS_OK : ESTLS_E_REFUSED;
}

// No line of the text may begin with a dot.
static int talk()
{
    int rc = say(ESTLS_OK, F("EHLO [127.0.0.1]\r\n"), 250);

    rc = say(rc, F("AUTH PLAIN " SECRET_AUTH "\r\n"), 235);
    rc = say(rc, F("MAIL FROM:<" SECRET_FROM ">\r\n"), 250);
    rc = say(rc, F("RCPT TO:<" SECRET_TO ">\r\n"), 250);
    rc = say(rc, F("DATA\r\n"), 354);
    if (rc != ESTLS_OK) { return rc; }
    tls.print(F("From: <" SECRET_FROM ">\r\n"
                "To: <" SECRET_TO ">\r\n"
                "Subject: Water in the cellar\r\n"
                "\r\n"
                "The float switch has closed, "));
    tls.print(millis() / 60000);
    rc = say(rc, F(" minutes after the start.\r\n.\r\n"), 250);
    if (rc == ESTLS_OK) { tls.print(F("QUIT\r\n")); }
    return rc;
}

static int sendMail()
{
    int rc = estls_open(&net, &d);

    while (rc == ESTLS_BUSY) { rc = estls_step(&net); }
    if (rc == ESTLS_OK) {
        tls.clearWriteError();
        rc = talk();
    }
    while (estls_close(&net) == ESTLS_BUSY) {}
    return rc;
}

// -- the sketch ---------------------------------------------------------------

static void blink(int times)
{
    for (; times > 0; times--) {
        digitalWrite(LED_BUILTIN, HIGH);
        delay(200);
        digitalWrite(LED_BUILTIN, LOW);
        delay(300);
    }
}

void setup()
{
    pinMode(FLOAT_PIN, INPUT_PULLUP);
    pinMode(LED_BUILTIN, OUTPUT);
    Serial1.begin(115200);

    d.uart.read = uartRead;
    d.uart.write = uartWrite;
    d.uart.tick = uartTick;
    d.line = line;
    d.line_cap = sizeof line;
    d.iobuf = iobuf;
    d.iobuf_cap = sizeof iobuf;
    d.ssid = SECRET_SSID;
    d.password = SECRET_PASSWORD;
    d.host = SECRET_HOST;
    d.port = 587;
    d.proto = estls_smtp;
    d.trust = estls_pin;
    d.pin = &PIN;
    keeper.load = load;
    keeper.store = store;
    // without a secret there is no entropy, and estls_open says so
    d.entropy =
        estls_seed_open(&keeper, NULL) == ESTLS_OK ? estls_seed_entropy : NULL;
    d.user = &keeper;
    d.saved = &saved;
}

void loop()
{
    static bool told;

    if (digitalRead(FLOAT_PIN) == HIGH) { told = false; }
    if (told || digitalRead(FLOAT_PIN) == HIGH) { return; }
    digitalWrite(LED_BUILTIN, HIGH);
    const int rc = sendMail();
    digitalWrite(LED_BUILTIN, LOW);
    delay(1000);
    told = rc == ESTLS_OK;
    blink(told ? 1 : -rc);
    if (!told) { delay(NEXT_TRY_MS); }
}
