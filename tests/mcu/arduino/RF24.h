/* RF24.h - as much of the library RF24 for the nRF24L01+ as our sketch uses;
 * see Arduino.h. */
#ifndef RF24_H
#define RF24_H
#include "core.h"

enum { RF24_PA_MIN, RF24_PA_LOW, RF24_PA_HIGH, RF24_PA_MAX };
enum rf24_datarate_e { RF24_1MBPS, RF24_2MBPS, RF24_250KBPS };

class RF24
{
  public:
    RF24(uint8_t, uint8_t)
    {
    }
    bool begin()
    {
        return true;
    }
    bool setDataRate(rf24_datarate_e)
    {
        return true;
    }
    void setAutoAck(bool)
    {
    }
    void setPALevel(uint8_t to)
    {
        level = to;
    }
    void openWritingPipe(const uint8_t *)
    {
    }
    void powerUp()
    {
        up = true;
    }
    void powerDown()
    {
        up = false;
    }
    bool writeFast(const void *message, uint8_t len)
    {
        if (up) { core_radio_send(level, message, len); }
        return up;
    }
    bool txStandBy()
    {
        core_radio_wait();
        return true;
    }

  private:
    uint8_t level = RF24_PA_MAX;
    bool up = true;
};
#endif
