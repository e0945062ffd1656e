/* seed_eeprom.c - the seed keeper in the EEPROM of an ATmega2560, with noise
 * from its ADC.  seed_boot(NULL) before the first session of a boot; with 32
 * bytes from a true generator, once, where the device is made.
 *
 * Fuses: BODLEVEL, so that no byte is half written.  EESAVE keeps the secret
 * when the chip is flashed, and so from the lock bits' protection: an erased
 * chip is unlocked.  Without it, flashing ends with giving a new secret. */
#include <avr/eeprom.h>
#include <avr/io.h>

#include "../estls.h"

enum { BANDGAP = 0x1e, SAMPLES = 64 };

estls_seed keeper; /* d.entropy = estls_seed_entropy; d.user = &keeper; */
int seed_boot(const uint8_t *secret);

static uint8_t slots[2][48] EEMEM;

static int load(void *user, uint8_t slot, void *dst, size_t len)
{
    (void)user;
    eeprom_read_block(dst, slots[slot], len);
    return (int)len;
}

static int store(void *user, uint8_t slot, const void *src, size_t len)
{
    (void)user;
    eeprom_update_block(src, slots[slot], len);
    eeprom_busy_wait();
    return (int)len;
}

static uint8_t sample(void)
{
    ADCSRA |= (uint8_t)_BV(ADSC);
    loop_until_bit_is_clear(ADCSRA, ADSC);
    return (uint8_t)ADC;
}

int seed_boot(const uint8_t *secret)
{
    static uint8_t noise[SAMPLES];
    uint8_t i;

    ADMUX = _BV(REFS0) | BANDGAP;
    ADCSRA = _BV(ADEN) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    for (i = 0; i < SAMPLES; i++) { noise[i] = sample(); }
    ADCSRA = 0;
    keeper.load = load;
    keeper.store = store;
    keeper.noise = noise;
    keeper.noise_len = sizeof noise;
    return estls_seed_open(&keeper, secret);
}
