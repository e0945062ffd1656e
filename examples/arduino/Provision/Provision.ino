/* Provision.ino - gives a board the secret that MailSensor.ino needs, once.
 *
 * On a PC, type
 *     openssl rand -hex 32
 * and paste its 64 digits into the Serial Monitor, at 115200 baud; then forget
 * them.  Each board gets its own.  estls.h goes beside this file, and BearSSL is
 * installed, as for MailSensor. */
#include <EEPROM.h>

#define ESTLS_IMPLEMENTATION
#include "estls.h"

static estls_seed keeper;

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

void setup()
{
    Serial.begin(115200);
    Serial.println(F("Paste the 64 digits of: openssl rand -hex 32"));
}

void loop()
{
    static char hex[3];
    static uint8_t secret[32];
    static uint8_t digits;

    if (digits == 64 || !Serial.available()) { return; }
    const char c = Serial.read();
    if (!isxdigit(c)) { return; }
    hex[digits % 2] = c;
    if (digits % 2) { secret[digits / 2] = strtoul(hex, NULL, 16); }
    if (++digits < 64) { return; }
    keeper.load = load;
    keeper.store = store;
    const int rc = estls_seed_open(&keeper, secret);
    memset(secret, 0, sizeof secret);
    if (rc == ESTLS_OK) { Serial.println(F("The secret is stored.")); }
    if (rc == ESTLS_E_STATE) { Serial.println(F("There is one already.")); }
    if (rc == ESTLS_E_ENTROPY) { Serial.println(F("That is no secret.")); }
    if (rc == ESTLS_E_IO) { Serial.println(F("The EEPROM is broken.")); }
}
