/* SPDX-License-Identifier: MIT */
/*
 * What is counted while a server runs, and by whom.
 *
 * Each worker has counters on cache lines of its own, which it alone writes: adding is a load and a
 * store, and nobody else's cache line moves. Any thread may read them, at any time; figures that
 * are read one after another need not belong to the same instant.
 */
#ifndef VALVE_SERVER_COUNTERS_H
#define VALVE_SERVER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "fiber/clock.h"
#include "server/acceptor.h"
#include "server/outcome.h"
#include "valve.h"

typedef _Atomic uint64_t valve_counter;

static inline void valve_count(valve_counter *counter, uint64_t more)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* For gauges, and for totals that are kept elsewhere. */
static inline void valve_count_is(valve_counter *counter, uint64_t now)
{
    atomic_store_explicit(counter, now, memory_order_relaxed);
}

static inline uint64_t valve_counted(const valve_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- How long things take ---- */

#define VALVE_TIME_BOUNDS 20
extern const uint64_t valve_time_bounds[VALVE_TIME_BOUNDS]; /* ns, ascending */

/* How many times are at most each bound, and more than the one before; the last: more than all. */
struct valve_times {
    valve_counter counts[VALVE_TIME_BOUNDS + 1];
    valve_counter sum; /* ns */
};

/* Counts `more` times of this length each. */
void valve_times_add(struct valve_times *times, uint64_t length, uint64_t more);

/* ---- A worker's counters ---- */

struct valve_method_counters {
    valve_counter outcomes[VALVE_OUTCOMES];
    struct valve_times times; /* of its calls, from the first instruction to what is sent */
    uint64_t ended;           /* in this turn, which also began them; the worker's own */
};

enum valve_fault {
    VALVE_FAULT_MEMORY, /* an allocation failed, and somebody was told so */
    VALVE_FAULT_STACK,  /* no fiber could be started: it is tried again */
    VALVE_FAULTS,
};

/* How a connection came to its end before its time. */
enum valve_cut {
    VALVE_CUT_IDLE,
    VALVE_CUT_REQUEST,
    VALVE_CUT_SEND,
    VALVE_CUTS,
};

/* How a handshake of TLS came to its end. */
enum valve_handshake {
    VALVE_HANDSHAKE_DONE,
    VALVE_HANDSHAKE_FAILED,
    VALVE_HANDSHAKE_LATE,
    VALVE_HANDSHAKE_OUTCOMES,
};

struct valve_counters {
    valve_counter received, sent; /* bytes */
    valve_counter turns;
    valve_counter turn_began; /* ns: of the one that is under way; 0: it waits for events */
    struct valve_times turn_times;
    valve_counter longest[2];  /* ns: turns of this half minute, and of the one before */
    valve_counter longest_due; /* ns: when this half minute is over */

    valve_counter fibers_live, fibers_peak, fibers_started;
    valve_counter stacks_mapped, stack_high;
    valve_counter waiting; /* connections that wait for a fiber */

    valve_counter closed[VALVE_LISTENERS]; /* connections, by the listener they came by */
    valve_counter broken;                  /* connections, with something unanswered or unsent */
    valve_counter handshakes[VALVE_HANDSHAKE_OUTCOMES];
    valve_counter cuts[VALVE_CUTS];
    valve_counter faults[VALVE_FAULTS];
    valve_counter buffers_failed; /* more of the first kind */

    /* One for each method, in the order of its service, and one for what is no call of any. */
    struct valve_method_counters methods[];
};

/* Zeroed, on cache lines of their own; free() frees them. NULL: no memory. */
struct valve_counters *valve_counters_new(unsigned methods);

/*
 * A call has ended. `began` is when its turn did. How long it took is known at the end of this
 * turn, when its reply is on its way, and until then shared by all that began in it.
 */
static inline void valve_counters_end_call(struct valve_method_counters *method,
                                           enum valve_outcome outcome, uint64_t began, uint64_t now)
{
    valve_count(&method->outcomes[outcome], 1);
    if (began == now)
        method->ended++;
    else
        valve_times_add(&method->times, valve_clock_now() - began, 1);
}

#endif
