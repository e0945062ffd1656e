#include "bytes.h"

#include <stdlib.h>
#include <string.h>

/* Moves the content to the start of its block, and makes that larger. */
static void reserve(struct bytes *queue, size_t len)
{
    unsigned char *block = queue->data ? queue->data - queue->start : NULL;

    if (queue->len > 0) { memmove(block, queue->data, queue->len); }
    queue->start = 0;
    if (queue->capacity < queue->len + len) {
        queue->capacity = 2 * (queue->len + len);
        queue->data = realloc(block, queue->capacity);
    } else {
        queue->data = block;
    }
    if (queue->data == NULL) { abort(); }
}

void bytes_append(struct bytes *queue, const void *data, size_t len)
{
    if (len == 0) { return; }
    if (queue->capacity - queue->start - queue->len < len) {
        reserve(queue, len);
    }
    memcpy(queue->data + queue->len, data, len);
    queue->len += len;
}

void bytes_consume(struct bytes *queue, size_t len)
{
    if (len > 0) {
        queue->data += len;
        queue->start += len;
        queue->len -= len;
    }
}

void bytes_truncate(struct bytes *queue, size_t len)
{
    queue->len = len;
}

void bytes_free(struct bytes *queue)
{
    if (queue->data != NULL) { free(queue->data - queue->start); }
    memset(queue, 0, sizeof *queue);
}
