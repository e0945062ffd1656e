/* Arduino.h - as much of an Arduino core for AVR as our sketches use, for the
 * PC: what a sketch asks of its board, core.h asks of the test's world. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include "core.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOW, HIGH };
enum { INPUT, OUTPUT, INPUT_PULLUP };
enum { LED_BUILTIN = 13 };

void setup();
void loop();

inline unsigned long millis()
{
    return core_millis();
}

inline void delay(unsigned long ms)
{
    core_wait((uint32_t)(1000 * ms));
}

inline void delayMicroseconds(unsigned int us)
{
    core_wait(us);
}

inline void pinMode(uint8_t, uint8_t)
{
}

inline void digitalWrite(uint8_t pin, uint8_t level)
{
    core_pin(pin, level);
}

inline int digitalRead(uint8_t pin)
{
    return core_pin_read(pin);
}

/* -- strings in flash ------------------------------------------------------ */

class __FlashStringHelper;
#define F(literal) (reinterpret_cast<const __FlashStringHelper *>(literal))

/* -- printing -------------------------------------------------------------- */

class Print
{
  public:
    virtual ~Print()
    {
    }
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t *bytes, size_t len)
    {
        size_t n = 0;

        while (n < len && write(bytes[n])) { n++; }
        return n;
    }
    size_t print(const char *text)
    {
        return write((const uint8_t *)text, strlen(text));
    }
    size_t print(const __FlashStringHelper *text)
    {
        return print(reinterpret_cast<const char *>(text));
    }
    size_t print(unsigned long number)
    {
        char text[24];

        snprintf(text, sizeof text, "%lu", number);
        return print(text);
    }
    size_t println(const __FlashStringHelper *text)
    {
        return print(text) + print("\r\n");
    }
    int getWriteError() const
    {
        return error;
    }
    void clearWriteError()
    {
        error = 0;
    }

  protected:
    void setWriteError()
    {
        error = 1;
    }

  private:
    int error = 0;
};

class HardwareSerial : public Print
{
  public:
    explicit HardwareSerial(int number) : port(number)
    {
    }
    void begin(unsigned long baud)
    {
        core_serial_begin(port, baud);
    }
    int available()
    {
        return core_serial_available(port);
    }
    int availableForWrite()
    {
        return core_serial_room(port);
    }
    int read()
    {
        return core_serial_read(port);
    }
    size_t write(uint8_t byte) override
    {
        return core_serial_write(port, &byte, 1);
    }
    size_t write(const uint8_t *bytes, size_t len) override
    {
        return core_serial_write(port, bytes, len);
    }

  private:
    int port;
};

extern HardwareSerial Serial, Serial1;

/* -- registers of the ATmega328P ------------------------------------------- */

#define _BV(bit) (1 << (bit))
enum { REFS0 = 6, ADEN = 7, ADSC = 6 };
enum { WDRF = 3, WDIE = 6, WDP3 = 5, WDCE = 4, WDE = 3, WDP0 = 0 };

extern uint8_t ADMUX, MCUSR, WDTCSR;
extern uint16_t ADC;

/* A conversion is over as soon as it is begun; it takes its time. */
extern class ConversionStart
{
  public:
    operator uint8_t() const
    {
        return value;
    }
    ConversionStart &operator|=(int bits);
    ConversionStart &operator&=(int bits)
    {
        value = (uint8_t)(value & bits);
        return *this;
    }

  private:
    uint8_t value = _BV(ADEN);
} ADCSRA;

inline ConversionStart &ConversionStart::operator|=(int bits)
{
    value = (uint8_t)(value | (bits & ~_BV(ADSC)));
    if ((bits & _BV(ADSC)) && (value & _BV(ADEN))) { ADC = core_adc(ADMUX); }
    return *this;
}

#define ISR(vector) extern "C" void vector()

inline void noInterrupts()
{
}

inline void interrupts()
{
}
#endif
