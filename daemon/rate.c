/* SPDX-License-Identifier: MIT */
/*
 * Holding back what comes too fast.
 */
#include "daemon/rate.h"

#include <stdatomic.h>

bool rate_admits(struct rate *rate, uint64_t interval, uint64_t burst, uint64_t now)
{
    uint64_t due = atomic_load_explicit(&rate->due, memory_order_relaxed);
    uint64_t next;

    do {
        uint64_t from = due > now ? due : now;

        if (from - now > burst) {
            atomic_fetch_add_explicit(&rate->held, 1, memory_order_relaxed);
            return false;
        }
        next = from + interval;
    } while (!atomic_compare_exchange_weak_explicit(&rate->due, &due, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

uint64_t rate_take_held(struct rate *rate)
{
    if (atomic_load_explicit(&rate->held, memory_order_relaxed) == 0)
        return 0;
    return atomic_exchange_explicit(&rate->held, 0, memory_order_relaxed);
}
