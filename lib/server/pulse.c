/* SPDX-License-Identifier: MIT */
/*
 * A worker's pulse: one look at the clock for each turn, whatever the number of its requests.
 */
#include "server/pulse.h"

#include "server/counters.h"
#include "server/server.h"

/* How soon after its use the depth of a stack is looked at, and how many are at a time. */
#define MEASURE_AFTER (1 * UINT64_C(1000000000)) /* ns */
#define MEASURE_MOST  64

void valve_pulse_begin(struct valve_worker *worker)
{
    struct valve_counters *counters = worker->counters;

    if (valve_counted(&counters->turn_began) == 0)
        valve_count_is(&counters->turn_began, worker->now);
}

/* Those that began in this turn have all taken the same time: until now. */
static void settle_calls(struct valve_worker *worker, uint64_t now)
{
    unsigned methods = worker->server->service->request->count;

    for (unsigned i = 0; i < methods; i++) {
        struct valve_method_counters *method = &worker->counters->methods[i];

        if (method->ended > 0)
            valve_times_add(&method->times, now - worker->now, method->ended);
        method->ended = 0;
    }
}

void valve_pulse_sent(struct valve_worker *worker)
{
    worker->settled_at = valve_clock_now();
    settle_calls(worker, worker->settled_at);
}

static void note_longest(struct valve_counters *counters, uint64_t length, uint64_t now)
{
    uint64_t due = valve_counted(&counters->longest_due);

    if (now >= due) {
        bool is_next = now < due + VALVE_LONGEST_KEPT;

        valve_count_is(&counters->longest[1], is_next ? valve_counted(&counters->longest[0]) : 0);
        valve_count_is(&counters->longest[0], 0);
        valve_count_is(&counters->longest_due, now + VALVE_LONGEST_KEPT);
    }
    if (length > valve_counted(&counters->longest[0]))
        valve_count_is(&counters->longest[0], length);
}

uint64_t valve_pulse_longest(const struct valve_counters *counters, uint64_t now)
{
    uint64_t due = valve_counted(&counters->longest_due);
    uint64_t began = valve_counted(&counters->turn_began);
    uint64_t longest = began != 0 && began < now ? now - began : 0;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t length = valve_counted(&counters->longest[i]);

        if (now < due + (1 - i) * VALVE_LONGEST_KEPT && length > longest)
            longest = length;
    }
    return longest;
}

/* Now and then: reading what frames have left costs more than a request. */
static void measure_stacks(struct valve_worker *worker, uint64_t now)
{
    struct valve_scheduler_stats stats;

    valve_scheduler_get_stats(worker->scheduler, &stats);
    if (worker->measure_at == VALVE_NEVER &&
        stats.started != valve_counted(&worker->counters->fibers_started))
        worker->measure_at = now + MEASURE_AFTER;
    if (now >= worker->measure_at) {
        bool more = valve_scheduler_measure(worker->scheduler, MEASURE_MOST) == MEASURE_MOST;

        worker->measure_at = more ? now + MEASURE_AFTER : VALVE_NEVER;
    }
}

static void publish(struct valve_worker *worker)
{
    struct valve_counters *counters = worker->counters;
    struct valve_scheduler_stats stats;

    valve_scheduler_get_stats(worker->scheduler, &stats);
    valve_count_is(&counters->fibers_live, stats.live);
    valve_count_is(&counters->fibers_peak, stats.peak);
    valve_count_is(&counters->fibers_started, stats.started);
    valve_count_is(&counters->stacks_mapped, stats.mapped);
    valve_count_is(&counters->stack_high, stats.stack_high);
    valve_count_is(&counters->waiting, worker->waiting[false].count + worker->waiting[true].count);
    valve_count_is(&counters->buffers_failed, worker->buffers.failed);
}

void valve_pulse_end(struct valve_worker *worker)
{
    struct valve_counters *counters = worker->counters;
    uint64_t now = worker->settled_at > worker->now ? worker->settled_at : valve_clock_now();
    uint64_t length = now - valve_counted(&counters->turn_began);

    settle_calls(worker, now);
    measure_stacks(worker, now);
    publish(worker);
    valve_count(&counters->turns, 1);
    valve_times_add(&counters->turn_times, length, 1);
    note_longest(counters, length, now);
    valve_count_is(&counters->turn_began, 0);
}

uint64_t valve_pulse_next(const struct valve_worker *worker)
{
    return worker->measure_at;
}
