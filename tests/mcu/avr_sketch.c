#include "avr_sketch.h"

#include <err.h>
#include <simavr/avr_eeprom.h>
#include <simavr/avr_ioport.h>
#include <stdio.h>
#include <string.h>

/* The Mega's pins 2 and 13. */
enum { SWITCH_PORT = 'E', SWITCH_BIT = 4, LED_PORT = 'B', LED_BIT = 7 };
enum { PAINT = 0xc5, BLINKS_END_MS = 1500 };

static avr_t *avr;
static unsigned free_ram; /* the first address behind the data */
static int lit_once;      /* since the switch has closed */
static int done;
static int blinks;
static avr_cycle_count_t changed; /* the LED, the last time */

/* Lit while the sketch is busy; then it blinks the result. */
static void on_led(avr_irq_t *irq, uint32_t lit, void *unused)
{
    (void)irq;
    (void)unused;
    changed = avr->cycle;
    blinks += done && lit;
    done |= lit_once && !lit;
    lit_once |= lit != 0;
}

static void load_eeprom(const char *path)
{
    uint8_t bytes[4096];
    avr_eeprom_desc_t content = {bytes, 0, 0};
    FILE *file = fopen(path, "rb");

    if (!file) { err(1, "%s", path); }
    content.size = (uint32_t)fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &content);
}

void sketch_wire(avr_t *a, const elf_firmware_t *firmware, const char *eeprom)
{
    avr = a;
    load_eeprom(eeprom);
    avr_irq_register_notify(
        avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(LED_PORT), LED_BIT), on_led,
        NULL);
    free_ram = avr->ioend + 1u + firmware->datasize + firmware->bsssize;
    memset(avr->data + free_ram, PAINT, avr->ramend + 1u - free_ram);
}

void sketch_float_switch(int closed)
{
    lit_once = done = 0;
    blinks = 0;
    avr_raise_irq(
        avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(SWITCH_PORT), SWITCH_BIT),
        !closed);
}

int sketch_done(void)
{
    return done;
}

int sketch_blinks(void)
{
    const avr_cycle_count_t still = avr->cycle - changed;

    return still > avr->frequency / 1000 * BLINKS_END_MS ? blinks : -1;
}

unsigned sketch_untouched(void)
{
    unsigned at = free_ram;

    while (at <= avr->ramend && avr->data[at] == PAINT) { at++; }
    return at - free_ram;
}
