/* provision.c - Provision.ino, with a person at the Serial Monitor. */
#include "../../check.h"
#include "core.h"

#include <stdlib.h>

static const char *typed = "";
static char shown[256];
static size_t shown_len;
static uint8_t eeprom[64];
static unsigned writes;

void core_serial_begin(int port, unsigned long baud)
{
    CHECK_INT(port, 0);
    CHECK_INT((long)baud, 115200);
}

int core_serial_available(int port)
{
    return port == 0 && *typed;
}

int core_serial_read(int port)
{
    return core_serial_available(port) ? *typed++ : -1;
}

int core_serial_room(int port)
{
    (void)port;
    return 63;
}

size_t core_serial_write(int port, const uint8_t *src, size_t len)
{
    if (port || len > sizeof shown - 1 - shown_len) { return 0; }
    memcpy(shown + shown_len, src, len);
    shown_len += len;
    return len;
}

uint8_t core_eeprom_read(int address)
{
    return eeprom[address];
}

void core_eeprom_write(int address, uint8_t value)
{
    eeprom[address] = value;
    writes++;
}

static void type(const char *text)
{
    int turns;

    typed = text;
    for (turns = 0; turns < 500; turns++) { sketch_loop(); }
}

int main(void)
{
    static const char digits[] =
        "00112233445566778899aabbccddeeff\r\n0123456789ABCDEF0123456789abcde";
    static const uint8_t secret[33] =
        "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"
        "P";

    memset(eeprom, 0xff, sizeof eeprom);
    sketch_setup();
    type(digits);
    CHECK_INT(writes, 0); /* one digit is missing */
    type("f\r\n");
    CHECK(memcmp(eeprom, secret, sizeof secret) == 0);
    CHECK_INT(eeprom[33], 0xff);
    CHECK(strstr(shown, "stored"));
    type(digits);
    CHECK(memcmp(eeprom, secret, sizeof secret) == 0);
    return check_end();
}
