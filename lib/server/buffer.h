/* SPDX-License-Identifier: MIT */
/*
 * Output buffers: chunks of memory that replies are built in and sent from, kept warm by a worker.
 */
#ifndef VALVE_SERVER_BUFFER_H
#define VALVE_SERVER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/spares.h"

/* Room in front of the bytes of a reply for its envelope and the head of its variant. */
#define VALVE_BUFFER_HEADROOM 128

enum valve_buffer_class {
    VALVE_BUFFER_SMALL, /* gathers small replies */
    VALVE_BUFFER_LARGE, /* one reply: VALVE_REPLY_BUFFER bytes and the headroom */
    VALVE_BUFFER_ODD,   /* made to measure, never kept */
};

struct valve_buffer {
    struct valve_spare spare;
    struct valve_buffer *next; /* in a chain of output */
    size_t capacity;
    size_t start, end; /* bytes of data[] that are to be sent */
    enum valve_buffer_class class;
    uint8_t data[];
};

/* The spare buffers of one worker. Zero-initialised is empty. */
struct valve_buffer_pool {
    struct valve_spares spares[VALVE_BUFFER_ODD];
    uint64_t failed; /* how often there was no memory for one */
};

/* An empty buffer with room for `size` bytes at least, or NULL: no memory. */
struct valve_buffer *valve_buffer_new(struct valve_buffer_pool *pool, size_t size);

/* One made to measure, of no pool: on any thread. It may also be given back by free(). */
struct valve_buffer *valve_buffer_new_odd(size_t size);

/* Gives a buffer back; NULL is accepted. */
void valve_buffer_free(struct valve_buffer_pool *pool, struct valve_buffer *buffer);

static inline size_t valve_buffer_room(const struct valve_buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* How many are spare. */
unsigned valve_buffer_pool_count(const struct valve_buffer_pool *pool);

/* As valve_spares_survey() and valve_spares_trim(), for both kinds. */
void valve_buffer_pool_survey(struct valve_buffer_pool *pool);
bool valve_buffer_pool_trim(struct valve_buffer_pool *pool, unsigned most);

void valve_buffer_pool_fini(struct valve_buffer_pool *pool);

#endif
