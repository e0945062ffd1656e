/* EEPROM.h - see Arduino.h. */
#ifndef EEPROM_H
#define EEPROM_H
#include "Arduino.h"

class EEPROMClass
{
  public:
    uint8_t read(int address)
    {
        return core_eeprom_read(address);
    }
    void update(int address, uint8_t value)
    {
        if (read(address) != value) { core_eeprom_write(address, value); }
    }
    template <typename T> T &get(int address, T &value)
    {
        uint8_t *p = (uint8_t *)&value;

        for (size_t i = 0; i < sizeof value; i++) {
            p[i] = read(address + (int)i);
        }
        return value;
    }
    template <typename T> const T &put(int address, const T &value)
    {
        const uint8_t *p = (const uint8_t *)&value;

        for (size_t i = 0; i < sizeof value; i++) {
            update(address + (int)i, p[i]);
        }
        return value;
    }
};

extern EEPROMClass EEPROM;
#endif
