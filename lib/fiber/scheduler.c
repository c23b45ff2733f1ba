/* SPDX-License-Identifier: MIT */
/* The scheduler: which fiber runs next, and what a thread's fibers hold in common. */
#include "fiber/scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fiber/lines.h"

int valve_scheduler_new(const struct valve_scheduler_options *options,
                        struct valve_scheduler **ret_scheduler)
{
    struct valve_scheduler *scheduler;
    int r;

    if (options->max_fibers == 0 || options->keep == 0)
        return -EINVAL;
    scheduler = valve_lines_new(sizeof(*scheduler));
    if (!scheduler)
        return -ENOMEM;
    r = valve_stack_pool_init(&scheduler->stacks, options->stack_size, sizeof(struct valve_fiber),
                              options->keep);
    if (r < 0) {
        free(scheduler);
        return r;
    }
    scheduler->thread = &valve_running;
    scheduler->max_fibers = options->max_fibers;
    valve_annotate_thread(&scheduler->home.annotation);
    *ret_scheduler = scheduler;
    return 0;
}

void valve_scheduler_free(struct valve_scheduler *scheduler)
{
    if (!scheduler)
        return;
    assert(valve_scheduler_is_mine(scheduler) && !valve_running);
    assert(scheduler->live == 0);
    valve_stack_pool_fini(&scheduler->stacks);
    valve_deadlines_fini(&scheduler->deadlines);
    free(scheduler);
}

static struct valve_fiber *take_runnable(struct valve_scheduler *scheduler)
{
    struct valve_fiber *fiber = scheduler->first;

    if (fiber) {
        scheduler->first = fiber->next;
        if (!scheduler->first)
            scheduler->last = NULL;
    }
    return fiber;
}

static struct valve_fiber *take_expired(struct valve_scheduler *scheduler)
{
    struct valve_fiber *fiber;

    if (valve_scheduler_next_deadline(scheduler) > scheduler->now)
        return NULL;
    fiber = scheduler->deadlines.heap[0].fiber;
    valve_deadlines_remove(&scheduler->deadlines, fiber);
    fiber->suspended = false;
    return fiber;
}

unsigned valve_scheduler_run(struct valve_scheduler *scheduler, uint64_t now)
{
    unsigned ran = 0;

    assert(valve_scheduler_is_mine(scheduler) && !valve_running);
    scheduler->now = now;
    for (;;) {
        struct valve_fiber *fiber = take_runnable(scheduler);

        if (!fiber)
            fiber = take_expired(scheduler);
        if (!fiber)
            return ran;
        valve_fiber_resume(fiber);
        ran++;
    }
}

uint64_t valve_scheduler_next_deadline(const struct valve_scheduler *scheduler)
{
    return scheduler->deadlines.count ? scheduler->deadlines.heap[0].at : VALVE_NEVER;
}

bool valve_scheduler_runnable(const struct valve_scheduler *scheduler)
{
    return scheduler->first != NULL;
}

void valve_scheduler_get_stats(const struct valve_scheduler *scheduler,
                               struct valve_scheduler_stats *ret_stats)
{
    *ret_stats = (struct valve_scheduler_stats){
        .live = scheduler->live,
        .peak = scheduler->peak,
        .max_fibers = scheduler->max_fibers,
        .mapped = scheduler->stacks.mapped,
        .started = scheduler->started,
        .switches = scheduler->switches,
        .stack_high = scheduler->stacks.high,
    };
}

unsigned valve_scheduler_measure(struct valve_scheduler *scheduler, unsigned most)
{
    assert(valve_scheduler_is_mine(scheduler));
    return valve_stack_pool_measure(&scheduler->stacks, most);
}

void valve_scheduler_survey(struct valve_scheduler *scheduler)
{
    assert(valve_scheduler_is_mine(scheduler));
    valve_stack_pool_survey(&scheduler->stacks);
}

bool valve_scheduler_trim(struct valve_scheduler *scheduler, unsigned most)
{
    assert(valve_scheduler_is_mine(scheduler));
    return valve_stack_pool_trim(&scheduler->stacks, most);
}
