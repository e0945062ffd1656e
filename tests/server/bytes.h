/* bytes.h - a growing queue of bytes. Running out of memory aborts. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>

/* All zero is an empty queue. */
struct bytes {
    unsigned char *data; /* the first byte, after `start` consumed ones */
    size_t len;
    size_t start;
    size_t capacity;
};

void bytes_append(struct bytes *queue, const void *data, size_t len);

/* Drops the first `len` bytes, which must be there. */
void bytes_consume(struct bytes *queue, size_t len);

/* Drops all but the first `len` bytes. */
void bytes_truncate(struct bytes *queue, size_t len);

void bytes_free(struct bytes *queue);

#endif
