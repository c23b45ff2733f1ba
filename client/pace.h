/* SPDX-License-Identifier: MIT */
/*
 * When each of many requests should start, so that there are so many a second, and which of the
 * connections it goes to: to each in turn.
 */
#ifndef VALVECTL_PACE_H
#define VALVECTL_PACE_H

#include <stdint.h>

#include "clock.h"

struct pace {
    uint64_t begin;       /* when the first is due */
    uint64_t rate;        /* requests a second; at most NANOSECONDS */
    uint32_t connections; /* over which they are spread */
    uint64_t next;        /* the first whose time has not come */
};

/* When a request is due, by its number. */
static inline uint64_t pace_due(const struct pace *pace, uint64_t number)
{
    uint64_t seconds = number / pace->rate, rest = number % pace->rate;

    return pace->begin + seconds * NANOSECONDS + rest * NANOSECONDS / pace->rate;
}

/* When the so-manieth of a connection's own is. */
static inline uint64_t pace_due_of(const struct pace *pace, uint32_t connection, uint64_t number)
{
    return pace_due(pace, connection + number * pace->connections);
}

/* Whether one more has become due until `time`: then it is that connection's. */
static inline int pace_take(struct pace *pace, uint64_t time, uint32_t *ret_connection)
{
    if (pace_due(pace, pace->next) > time)
        return 0;
    *ret_connection = (uint32_t)(pace->next++ % pace->connections);
    return 1;
}

#endif
