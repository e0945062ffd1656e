/* board.h - what a simulated board gives to the job, and how it is told. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* The port's five functions, as estls.h describes them. */
int board_read(void *user, void *dst, size_t cap);
int board_write(void *user, const void *src, size_t len);
uint32_t board_tick(void *user);
size_t board_entropy(void *user, void *dst, size_t len);
uint32_t board_unix_time(void *user);

/* Before anything else; the memory below the stack is painted by then. */
void board_start(void);
/* A line "name value" on the console, which is not the modem's UART. */
void board_say(const char *name, long value);
/* Bytes of RAM between the data and the deepest stack so far: never touched. */
unsigned board_untouched(void);
/* Bytes that the UART has lost since the start. */
unsigned board_lost(void);
/* Sleeps with RAM retained; wakes up by a reset. */
void board_sleep(void);

/* A step of the session begins; simavr's host, which is told so by GPIOR0,
 * counts its cycles. */
enum { BOARD_TELL_SLEEP = 1, BOARD_TELL_STEP = 2 };
#if defined __AVR__
#include <avr/io.h>
#define BOARD_STEP() (GPIOR0 = BOARD_TELL_STEP)
#else
#define BOARD_STEP() ((void)0)
#endif

/* A variable that a reset does not change; garbage when power comes first. */
#define BOARD_RETAINED __attribute__((section(".noinit")))

#endif
