/* wdt.h - see Arduino.h. */
#ifndef WDT_H
#define WDT_H
#include <Arduino.h>

inline void wdt_disable()
{
    WDTCSR = 0;
}
#endif
