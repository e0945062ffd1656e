/* esp.h - the transcripts of esp.inc as a table in flash. */
#ifndef TRANSCRIPTS_ESP_H
#define TRANSCRIPTS_ESP_H

#include "../flash.h"

typedef struct transcript {
    const FLASH char *name;
    const char *expect;
    const FLASH char *rx;
    size_t len;
    const FLASH char *events;
} transcript;

#define A20           "AAAAAAAAAAAAAAAAAAAA"
#define JOIN(a, b)    a##b
#define OF_LINE(a, b) JOIN(a, b)
#define ROW(what)     OF_LINE(what##_of_, __LINE__)

/* First each row's texts, then the rows. */
#define CASE(name, expect, rx, events)                                         \
    static const FLASH char ROW(title)[] = name;                               \
    static const FLASH char ROW(bytes)[] = rx;                                 \
    static const FLASH char ROW(says)[] = events;
#include "esp.inc"
#undef CASE

#define CASE(name, expect, rx, events)                                         \
    {ROW(title), expect, ROW(bytes), sizeof(rx) - 1, ROW(says)},
static const FLASH transcript transcripts[] = {
#include "esp.inc"
};
#undef CASE
#undef ROW
#undef OF_LINE
#undef JOIN
#undef A20

#endif
