/* provision.c - Provision.ino, with a person at the Serial Monitor. */
#include "../../../estls.h"
#include "../../check.h"
#include "core.h"

#include <stdlib.h>

static const char *typed = "";
static char shown[256];
static size_t shown_len;
static uint8_t eeprom[96];
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

static int load(void *user, uint8_t slot, void *dst, size_t len)
{
    (void)user;
    memcpy(dst, eeprom + slot * len, len);
    return (int)len;
}

static int store(void *user, uint8_t slot, const void *src, size_t len)
{
    (void)user;
    memcpy(eeprom + slot * len, src, len);
    return (int)len;
}

int main(void)
{
    static const char digits[] =
        "00112233445566778899aabbccddeeff\r\n0123456789ABCDEF0123456789abcde";
    static const uint8_t secret[32] =
        "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";
    estls_seed keeper = {0};
    uint8_t made[96];
    unsigned stored;

    memset(eeprom, 0xff, sizeof eeprom);
    sketch_setup();
    type(digits);
    CHECK_INT(writes, 0); /* one digit is missing */
    type("f\r\n");
    CHECK(strstr(shown, "stored"));
    CHECK(writes > 0);
    stored = writes;
    type(digits); /* a second one is not taken */
    CHECK_INT(writes, stored);

    /* the same secret, given without the sketch, makes the same store */
    memcpy(made, eeprom, sizeof made);
    memset(eeprom, 0xff, sizeof eeprom);
    keeper.load = load;
    keeper.store = store;
    CHECK_INT(estls_seed_open(&keeper, secret), ESTLS_OK);
    CHECK(memcmp(made, eeprom, sizeof made) == 0);
    return check_end();
}
