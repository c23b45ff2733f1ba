/* SPDX-License-Identifier: MIT */
/* The clock of all deadlines: monotonic nanoseconds, which no change of the date disturbs. */
#ifndef VALVE_FIBER_CLOCK_H
#define VALVE_FIBER_CLOCK_H

#include <stdint.h>
#include <time.h>

/* The deadline that never comes. */
#define VALVE_NEVER UINT64_MAX

/* Nanoseconds since some moment before the process began; comparable between threads. */
static inline uint64_t valve_clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
