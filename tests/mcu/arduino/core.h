/* core.h - what our Arduino core for the PC asks of the world that a sketch is
 * run in, and how that world runs the sketch.  A world answers what its sketch
 * uses; the rest is never linked. */
#ifndef CORE_H
#define CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The sketch. */
void sketch_setup(void);
void sketch_loop(void);

uint32_t core_millis(void);
void core_wait(uint32_t us); /* delay(), delayMicroseconds() */
void core_pin(uint8_t pin, uint8_t level);
uint8_t core_pin_read(uint8_t pin);

/* Serial is 0, Serial1 is 1. */
void core_serial_begin(int port, unsigned long baud);
int core_serial_available(int port);
int core_serial_room(int port);
int core_serial_read(int port); /* -1: nothing is there */
size_t core_serial_write(int port, const uint8_t *src, size_t len);

uint8_t core_eeprom_read(int address);
void core_eeprom_write(int address, uint8_t value);

/* The ADC's answer, 0..1023, for what admux selects. */
uint16_t core_adc(uint8_t admux);
/* Until the watchdog's interrupt: watchdog is WDTCSR. */
void core_sleep(uint8_t watchdog);

/* A radio that sends while the program goes on; level: RF24_PA_MIN... */
void core_radio_send(uint8_t level, const void *message, uint8_t len);
void core_radio_wait(void); /* until it has sent */

#ifdef __cplusplus
}
#endif
#endif
