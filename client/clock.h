/* SPDX-License-Identifier: MIT */
/*
 * Time that only ever goes on.
 */
#ifndef VALVECTL_CLOCK_H
#define VALVECTL_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS UINT64_C(1000000000) /* in a second */

/* Monotonic nanoseconds. */
static inline uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

#endif
