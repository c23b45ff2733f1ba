/* SPDX-License-Identifier: MIT */
/*
 * Conditions with deadlines.
 */
#include "server/condition.h"

#include <errno.h>
#include <time.h>

#include "valve.h"

#define NS_PER_S 1000000000

void valve_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool valve_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline)
{
    const struct timespec until = {
        .tv_sec = deadline == VALVE_NEVER ? INT32_MAX : (time_t)(deadline / NS_PER_S),
        .tv_nsec = (long)(deadline % NS_PER_S),
    };

    return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}
