/* SPDX-License-Identifier: MIT */
/*
 * Deadlines for users. Not inline in valve.h: there the clock is not declared for a compiler that
 * was told to stay with ISO C.
 */
#include <time.h>

#include "valve.h"

uint64_t valve_deadline(uint64_t nanoseconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + nanoseconds;
}
