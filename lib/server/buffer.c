/* SPDX-License-Identifier: MIT */
/*
 * Output buffers in two sizes, and those made to measure.
 */
#include "server/buffer.h"

#include <stdlib.h>

#include "valve.h"

#define ROOM_LEAST 1024 /* blocks of less the heap's caches keep, some of each size */
#define HEAP_OWN   32   /* bytes that the heap may add to a block: with them it is whole pages */

/* Of each size so many stay with the worker; the heap has the rest. */
static const struct {
    size_t capacity;
    unsigned keep;
} classes[VALVE_BUFFER_ODD] = {
    [VALVE_BUFFER_SMALL] = {(size_t)16 * 1024 - HEAP_OWN - sizeof(struct valve_buffer), 64},
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
    size_t room = capacity > ROOM_LEAST ? capacity : ROOM_LEAST;
    struct valve_buffer *buffer = malloc(sizeof *buffer + room);

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
    struct valve_buffer *buffer = NULL;

    if (class != VALVE_BUFFER_ODD)
        buffer = valve_spares_take(&pool->spares[class]);
    if (buffer == NULL) {
        buffer = allocate(class, class == VALVE_BUFFER_ODD ? size : classes[class].capacity);
        pool->failed += buffer == NULL;
        return buffer;
    }
    buffer->next = NULL;
    buffer->start = buffer->end = 0;
    return buffer;
}

void valve_buffer_free(struct valve_buffer_pool *pool, struct valve_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->class == VALVE_BUFFER_ODD ||
        pool->spares[buffer->class].count >= classes[buffer->class].keep)
        free(buffer);
    else
        valve_spares_give(&pool->spares[buffer->class], &buffer->spare);
}

unsigned valve_buffer_pool_count(const struct valve_buffer_pool *pool)
{
    return pool->spares[VALVE_BUFFER_SMALL].count + pool->spares[VALVE_BUFFER_LARGE].count;
}

void valve_buffer_pool_survey(struct valve_buffer_pool *pool)
{
    for (unsigned class = 0; class < VALVE_BUFFER_ODD; class ++)
        valve_spares_survey(&pool->spares[class]);
}

bool valve_buffer_pool_trim(struct valve_buffer_pool *pool, unsigned most)
{
    bool more = false;

    for (unsigned class = 0; class < VALVE_BUFFER_ODD; class ++)
        more |= valve_spares_trim(&pool->spares[class], most, free);
    return more;
}

void valve_buffer_pool_fini(struct valve_buffer_pool *pool)
{
    for (unsigned class = 0; class < VALVE_BUFFER_ODD; class ++)
        valve_spares_fini(&pool->spares[class], free);
}
