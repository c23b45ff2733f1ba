/* SPDX-License-Identifier: MIT */
/*
 * So many a second, and no more: the generic cell rate algorithm (ITU-T I.371), in one atomic.
 */
#ifndef VALVED_RATE_H
#define VALVED_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    _Atomic uint64_t due;  /* ns: when all that was admitted would have come, evenly spaced */
    _Atomic uint64_t held; /* how many were not admitted since rate_take_held() */
};

/*
 * Whether one more is admitted `now`, of one each `interval` ns, where what is `burst` ns early may
 * come, too. One that is not is counted. Any thread; does not wait.
 */
bool rate_admits(struct rate *rate, uint64_t interval, uint64_t burst, uint64_t now);

/* How many were held back since it was last asked. Any thread. */
uint64_t rate_take_held(struct rate *rate);

#endif
