/* WeakCell.ino - a sensor that asks its battery before it transmits.
 *
 * A coin cell that rests at 2.8 V may fall below 2 V in one burst of the
 * radio: the board resets, boots, transmits, and resets again.  The part >>tx
 * of estls.h learns how weak the cell is, and says at which power to send,
 * when, or not at all.
 *
 * Board    a bare ATmega328P, or a Pro Mini 3.3 V with its cell at VCC, not at
 *          RAW, and without regulator and LED; brown-out fuse at 1.8 V, which
 *          wants a clock of 4 MHz or less
 * Radio    an nRF24L01+ at the SPI pins, CE at 9, CSN at 10, 22 uF at its
 *          supply
 *
 * To install, copy estls.h beside this file, and install the library RF24. */
#include <SPI.h>
#include <RF24.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#define ESTLS_NO_TLS // >>tx alone: needs no BearSSL
#define ESTLS_IMPLEMENTATION
#include "estls.h"

const uint32_t EVERY_MS = 600000; // a message each ten minutes
const uint32_t NAP_MS = 8000;     // the watchdog's longest
const uint32_t BANDGAP_MV = 1100; // 1000 to 1200: measure VCC, correct this

// What the radio draws beyond the processor, which is awake when the cell is
// measured; best first.  From the datasheet of the nRF24L01+.
static const estls_tx_level levels[] = {{RF24_PA_MAX, 11300},
                                        {RF24_PA_HIGH, 9000},
                                        {RF24_PA_LOW, 7500},
                                        {RF24_PA_MIN, 7000}};
// 130 us to start, then 137 bits at 250 kbit/s.
static const estls_tx_segment burst[] = {{680, 0}};

// A reset leaves these 8 bytes alone.  They tell whether the last burst has
// killed us; if so, the board holds off, twice as long each time.
static estls_tx_guard guard __attribute__((section(".noinit")));

static estls_tx_board board;
static estls_tx tx;
static RF24 radio(9, 10);

static struct {
    uint32_t number;
    uint16_t mV;
} message;

static bool pending;      // the message has not been sent yet
static uint32_t measured; // when it was made
static uint32_t asked;    // when >>tx had us wait ...
static uint32_t hold;     // ... and for how long
static uint32_t slept;    // millis() stands still in sleep

static uint32_t now()
{
    return millis() + slept;
}

// -- the supply -------------------------------------------------------------

// The band-gap measured against VCC tells VCC.  Call it again, and wait 2 ms,
// after any analogRead().
static void selectBandgap()
{
    ADMUX = _BV(REFS0) | 14;
    delay(2);
}

// One conversion takes 104 us.
static uint16_t supplyNow()
{
    ADCSRA |= _BV(ADSC);
    while (ADCSRA & _BV(ADSC)) {}
    return 1024 * BANDGAP_MV / ADC;
}

// The mean of some.
static uint16_t supply()
{
    uint16_t sum = 0;

    for (uint8_t i = 0; i < 8; i++) { sum += supplyNow(); }
    return sum / 8;
}

// The least of the time of a burst.
static uint16_t lowestSupply()
{
    uint16_t least = supplyNow();

    for (uint8_t i = 1; i < 6; i++) {
        const uint16_t mV = supplyNow();
        if (mV < least) { least = mV; }
    }
    return least;
}

// -- the radio ------------------------------------------------------------

static void transmit(const estls_tx_plan *plan, uint16_t rest)
{
    estls_tx_sample sample = {};

    message.mV = rest;
    radio.powerUp();
    radio.setPALevel(levels[plan->level].dBm);
    estls_tx_key(&tx, plan); // from here on a reset is known for what it is
    radio.writeFast(&message, sizeof message);
    sample.loaded_mV = lowestSupply();
    radio.txStandBy();
    radio.powerDown();
    sample.rest_mV = rest;
    sample.us = plan->us;
    sample.now = now();
    estls_tx_done(&tx, &sample);
}

static void serve()
{
    estls_tx_job job = {};
    estls_tx_plan plan;

    selectBandgap();
    job.now = asked = now();
    job.mV = supply();
    pending = false;
    if (estls_tx_ask(&tx, &job, &plan) != ESTLS_OK) { return; }
    if (plan.action == ESTLS_TX_SEND) { transmit(&plan, job.mV); }
    if (plan.action == ESTLS_TX_WAIT) {
        pending = true;
        hold = plan.ms;
    }
}

// -- the sketch ---------------------------------------------------------------

ISR(WDT_vect)
{
}

// Eight seconds at a few microamperes; the watchdog's interrupt ends them.
static void nap()
{
    ADCSRA &= ~_BV(ADEN);
    noInterrupts();
    MCUSR &= ~_BV(WDRF);
    WDTCSR = _BV(WDCE) | _BV(WDE);
    WDTCSR = _BV(WDIE) | _BV(WDP3) | _BV(WDP0);
    interrupts();
    set_sleep_mode(SLEEP_MODE_PWR_DOWN);
    sleep_mode();
    wdt_disable();
    slept += NAP_MS;
    ADCSRA |= _BV(ADEN);
}

void setup()
{
    radio.begin();
    radio.setDataRate(RF24_250KBPS);
    radio.setAutoAck(false);
    radio.openWritingPipe((const uint8_t *)"cell1");
    radio.powerDown();

    board.level = levels;
    board.level_count = sizeof levels / sizeof levels[0];
    board.segment = burst;
    board.segment_count = 1;
    board.brownout_mV = 2000; // the fuse of 1.8 V: its upper limit
    board.reservoir_nF = 20000;
    board.reservoir_mOhm = 50;
    board.guard = &guard;
    if (estls_tx_boot(&tx, &board, now()) != ESTLS_OK) {
        for (;;) {} // the table above is wrong
    }
    measured = now() - EVERY_MS;
}

void loop()
{
    nap();
    if (now() - measured >= EVERY_MS) {
        measured = now();
        message.number++;
        pending = true;
        hold = 0;
    }
    if (pending && now() - asked >= hold) { serve(); }
}
