/* avr_sketch.h - what hangs on the Mega that MailSensor.ino runs on, beside its
 * modem: the EEPROM's content, the float switch, an eye on the LED. */
#ifndef AVR_SKETCH_H
#define AVR_SKETCH_H

#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>

/* Before it starts: the EEPROM from a file; RAM behind the data is painted. */
void sketch_wire(avr_t *, const elf_firmware_t *, const char *eeprom);
void sketch_float_switch(int closed);
/* 1: the LED was lit and went out, since the switch has closed */
int sketch_done(void);
/* Blinks since then; -1: they may go on. */
int sketch_blinks(void);
/* Bytes of RAM that still have their paint. */
unsigned sketch_untouched(void);

#endif
