/* SPDX-License-Identifier: MIT */
/*
 * Counters: made, and times sorted into them.
 */
#include "server/counters.h"

#include "fiber/lines.h"

#define MICROSECONDS UINT64_C(1000)
#define MILLISECONDS UINT64_C(1000000)
#define SECONDS      UINT64_C(1000000000)

const uint64_t valve_time_bounds[VALVE_TIME_BOUNDS] = {
    10 * MICROSECONDS,   25 * MICROSECONDS,  50 * MICROSECONDS,  100 * MICROSECONDS,
    250 * MICROSECONDS,  500 * MICROSECONDS, 1 * MILLISECONDS,   2500 * MICROSECONDS,
    5 * MILLISECONDS,    10 * MILLISECONDS,  25 * MILLISECONDS,  50 * MILLISECONDS,
    100 * MILLISECONDS,  250 * MILLISECONDS, 500 * MILLISECONDS, 1 * SECONDS,
    2500 * MILLISECONDS, 5 * SECONDS,        10 * SECONDS,       30 * SECONDS,
};

struct valve_counters *valve_counters_new(unsigned methods)
{
    return valve_lines_new(sizeof(struct valve_counters) +
                           (methods + 1) * sizeof(struct valve_method_counters));
}

void valve_times_add(struct valve_times *times, uint64_t length, uint64_t more)
{
    unsigned i = 0;

    while (i < VALVE_TIME_BOUNDS && length > valve_time_bounds[i])
        i++;
    valve_count(&times->counts[i], more);
    valve_count(&times->sum, length * more);
}
