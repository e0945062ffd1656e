/* flash.h - constants that a chip keeps in flash: AVR copies others to its RAM
 * at start. A pointer to FLASH points to either memory there; what it points
 * to is fetched before it is used. Everywhere else this is plain C. */
#ifndef FLASH_H
#define FLASH_H
#include <stddef.h>

#if defined __SDCC
#define FLASH_API static /* it does what inline says, everywhere */
#else
#define FLASH_API static inline
#endif

#if defined __AVR__
#define FLASH __memx
#define FLASH_TEXT(s)                                                          \
    (__extension__({                                                           \
        static const FLASH char text_[] = s;                                   \
        text_;                                                                 \
    }))
#else
#define FLASH
#define FLASH_TEXT(s) s
#endif

FLASH_API void flash_fetch(void *dst, const FLASH void *src, size_t n)
{
    char *to = (char *)dst;
    const FLASH char *from = (const FLASH char *)src;

    while (n--) { *to++ = *from++; }
}

#endif
