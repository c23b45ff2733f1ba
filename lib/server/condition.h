/* SPDX-License-Identifier: MIT */
/*
 * Conditions of threads that are waited for until a deadline of valve_clock_now().
 */
#ifndef VALVE_SERVER_CONDITION_H
#define VALVE_SERVER_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void valve_condition_init(pthread_cond_t *condition);

/*
 * Waits for a signal; the lock is held, and is let go meanwhile. May end without one, as any such
 * wait: look at what is waited for. False: the deadline has come. VALVE_NEVER: it does not.
 */
bool valve_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline);

#endif
