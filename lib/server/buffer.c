/* SPDX-License-Identifier: MIT */
/*
 * Output buffers in two sizes, and those made to measure.
 */
#include "server/buffer.h"

#include <stdlib.h>

#include "valve.h"

/* Of each size so many stay with the worker; the heap has the rest. */
static const struct {
    size_t capacity;
    unsigned keep;
} classes[VALVE_BUFFER_ODD] = {
    [VALVE_BUFFER_SMALL] = {(size_t)16 * 1024 - sizeof(struct valve_buffer), 64},
    [VALVE_BUFFER_LARGE] = {VALVE_REPLY_BUFFER + VALVE_BUFFER_HEADROOM, 32},
};

static enum valve_buffer_class class_for(size_t size)
{
    if (size <= classes[VALVE_BUFFER_SMALL].capacity)
        return VALVE_BUFFER_SMALL;
    if (size <= classes[VALVE_BUFFER_LARGE].capacity)
        return VALVE_BUFFER_LARGE;
    return VALVE_BUFFER_ODD;
}

static struct valve_buffer *allocate(enum valve_buffer_class class, size_t capacity)
{
    struct valve_buffer *buffer = malloc(sizeof *buffer + capacity);

    if (buffer != NULL)
        *buffer = (struct valve_buffer){.capacity = capacity, .class = class};
    return buffer;
}

struct valve_buffer *valve_buffer_new_odd(size_t size)
{
    return allocate(VALVE_BUFFER_ODD, size);
}

struct valve_buffer *valve_buffer_new(struct valve_buffer_pool *pool, size_t size)
{
    enum valve_buffer_class class = class_for(size);
    struct valve_buffer *buffer;

    if (class == VALVE_BUFFER_ODD || pool->spare[class] == NULL) {
        buffer = allocate(class, class == VALVE_BUFFER_ODD ? size : classes[class].capacity);
        pool->failed += buffer == NULL;
        return buffer;
    }
    buffer = pool->spare[class];
    pool->spare[class] = buffer->next;
    pool->count[class]--;
    buffer->next = NULL;
    buffer->start = buffer->end = 0;
    return buffer;
}

void valve_buffer_free(struct valve_buffer_pool *pool, struct valve_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->class == VALVE_BUFFER_ODD ||
        pool->count[buffer->class] >= classes[buffer->class].keep) {
        free(buffer);
        return;
    }
    buffer->next = pool->spare[buffer->class];
    pool->spare[buffer->class] = buffer;
    pool->count[buffer->class]++;
}

void valve_buffer_pool_fini(struct valve_buffer_pool *pool)
{
    for (unsigned class = 0; class < VALVE_BUFFER_ODD; class ++) {
        while (pool->spare[class] != NULL) {
            struct valve_buffer *buffer = pool->spare[class];

            pool->spare[class] = buffer->next;
            free(buffer);
        }
        pool->count[class] = 0;
    }
}
