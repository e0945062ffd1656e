/* board32.h - what a 32-bit board in QEMU has by its core; the rest, which is
 * the same for all, is in board32.c. */
#ifndef BOARD32_H
#define BOARD32_H

#include <stdint.h>

/* -- of the core ----------------------------------------------------------- */

/* UART and tick run, interrupts are on. */
void core_start(void);
/* 1: the UART has taken the byte. */
int core_put(uint8_t byte);
uint32_t core_milliseconds(void);
/* Sleeps until an interrupt, unless board32_waiting(). */
void core_idle(void);
/* Sleeps until a reset. */
void core_sleep(void);
/* A call of Arm's semihosting: files and a console of QEMU's host. */
long core_host(long operation, const void *argument);

/* -- for the core ---------------------------------------------------------- */

/* The first to run: RAM as C wants it, the rest painted; then main(). */
void board32_begin(void);
/* From the UART's interrupt. */
void board32_received(uint8_t byte);
/* 1: bytes wait to be read. */
int board32_waiting(void);
/* From the core's: tells the host, and stops. */
void board32_fault(void);

#endif
