/* board.h - what the files of this directory give to a firmware: the five
 * functions of a port, under the names that firmware_mail.c gives them.
 * uart_read, uart_write and millis are as in estls_io; trng is
 * estls_desc.entropy, and rtc is estls_desc.unix_time.  None reads user. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

int uart_read(void *user, void *dst, size_t cap);
int uart_write(void *user, const void *src, size_t len);
uint32_t millis(void *user);
size_t trng(void *user, void *dst, size_t len);
uint32_t rtc(void *user);

/* Called by startup.c before main: clocks, pins, UART, and the time. */
void board_init(void);

#endif
