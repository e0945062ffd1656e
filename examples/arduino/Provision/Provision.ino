/* Provision.ino - gives a board the secret that MailSensor.ino needs, once.
 *
 * On a PC, type
 *     openssl rand -hex 32
 * and paste its 64 digits into the Serial Monitor, at 115200 baud; then forget
 * them.  Each board gets its own. */
#include <EEPROM.h>

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
    EEPROM.put(0, secret);
    EEPROM.update(32, 'P'); // provisioned
    Serial.println(F("The secret is stored."));
}
