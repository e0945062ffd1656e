/* sleep.h - see Arduino.h. */
#ifndef SLEEP_H
#define SLEEP_H
#include <Arduino.h>

#define SLEEP_MODE_PWR_DOWN 2

inline void set_sleep_mode(uint8_t)
{
}

inline void sleep_mode()
{
    core_sleep(WDTCSR);
}
#endif
