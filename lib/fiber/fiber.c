/* SPDX-License-Identifier: MIT */
/* The life of a fiber: start, switches, wait, wake, cancel, end. */
#include "fiber/fiber.h"

#include <assert.h>
#include <errno.h>

#include "fiber/scheduler.h"

_Thread_local struct valve_fiber *valve_running;

/* The flow that `fiber` goes back to when it waits or ends. */
static inline struct valve_flow *resumer_of(const struct valve_fiber *fiber)
{
    return fiber->resumer ? &fiber->resumer->stack.flow : &fiber->scheduler->home;
}

void valve_fiber_resume(struct valve_fiber *fiber)
{
    struct valve_flow *self;

    fiber->resumer = valve_running;
    fiber->scheduler->switches++;
    self = resumer_of(fiber);
    valve_running = fiber;
    valve_annotate_leave(&self->annotation, &fiber->stack.flow.annotation, false);
    valve_context_switch(&self->context, &fiber->stack.flow.context);
    valve_annotate_arrive(&self->annotation, &fiber->stack.flow.annotation);
}

/* The opposite of valve_fiber_resume(): returns when the fiber is resumed. */
static void suspend(struct valve_fiber *fiber)
{
    struct valve_flow *self = &fiber->stack.flow;
    struct valve_flow *resumer = resumer_of(fiber);

    valve_stack_pool_note_depth(&fiber->scheduler->stacks, &fiber->stack,
                                __builtin_frame_address(0));
    valve_running = fiber->resumer;
    valve_annotate_leave(&self->annotation, &resumer->annotation, false);
    valve_context_switch(&self->context, &resumer->context);
    valve_annotate_arrive(&self->annotation, &resumer_of(fiber)->annotation);
}

/* The stack goes back to the pool while it is still in use, which lasts until the switch. */
VALVE_NEVER_LEFT static void fiber_main(void *argument)
{
    struct valve_fiber *fiber = argument;
    struct valve_flow *self = &fiber->stack.flow;
    struct valve_flow *resumer = resumer_of(fiber);

    valve_annotate_arrive(&self->annotation, &resumer->annotation);
    fiber->entry(fiber->argument);
    resumer = resumer_of(fiber);
    fiber->scheduler->live--;
    valve_stack_pool_give(&fiber->scheduler->stacks, &fiber->stack);
    valve_running = fiber->resumer;
    valve_annotate_leave(&self->annotation, &resumer->annotation, true);
    valve_context_switch(&self->context, &resumer->context);
    __builtin_unreachable();
}

/* A stack never mapped before. A deadline for each stack must have room before a fiber waits. */
static struct valve_stack *map_stack(struct valve_scheduler *scheduler)
{
    if (valve_deadlines_reserve(&scheduler->deadlines, scheduler->stacks.mapped + 1) < 0)
        return NULL;
    return valve_stack_pool_map(&scheduler->stacks);
}

int valve_fiber_start(struct valve_scheduler *scheduler, void (*entry)(void *argument),
                      void *argument)
{
    struct valve_stack *stack;
    struct valve_fiber *fiber;

    assert(valve_scheduler_is_mine(scheduler));
    if (scheduler->live >= scheduler->max_fibers)
        return -EAGAIN;
    stack = valve_stack_pool_take(&scheduler->stacks);
    if (!stack)
        stack = map_stack(scheduler);
    if (!stack)
        return -ENOMEM;
    fiber = (struct valve_fiber *)stack;
    fiber->deadline = VALVE_NEVER;
    fiber->deadline_position = NO_DEADLINE;
    fiber->suspended = false;
    fiber->woken = false;
    fiber->cancelled = false;
    fiber->shielded = false;
    fiber->scheduler = scheduler;
    fiber->entry = entry;
    fiber->argument = argument;
    valve_context_prepare(&stack->flow.context, stack->bottom,
                          (size_t)(valve_stack_top(stack) - stack->bottom), fiber_main, fiber);
    scheduler->started++;
    if (++scheduler->live > scheduler->peak)
        scheduler->peak = scheduler->live;
    valve_fiber_resume(fiber);
    return 0;
}

struct valve_fiber *valve_fiber_current(void)
{
    return valve_running;
}

size_t valve_fiber_stack_left(void)
{
    const char *here = __builtin_frame_address(0);

    return valve_running ? (size_t)(here - valve_running->stack.bottom) : SIZE_MAX;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* The loop's own idea of now saves most of the questions of deadlines that have passed. */
static bool has_passed(const struct valve_scheduler *scheduler, uint64_t deadline)
{
    return deadline != VALVE_NEVER && (deadline <= scheduler->now || deadline <= valve_clock_now());
}

static bool is_over(const struct valve_fiber *fiber)
{
    return fiber->cancelled && !fiber->shielded;
}

int valve_fiber_wait(uint64_t deadline)
{
    struct valve_fiber *fiber = valve_running;

    assert(fiber);
    if (!fiber->woken && !is_over(fiber)) {
        uint64_t earliest = fiber->shielded ? deadline : earlier(deadline, fiber->deadline);

        if (has_passed(fiber->scheduler, earliest))
            return -ETIMEDOUT;
        if (earliest != VALVE_NEVER)
            valve_deadlines_add(&fiber->scheduler->deadlines, fiber, earliest);
        fiber->wait_deadline = deadline;
        fiber->suspended = true;
        suspend(fiber);
    }
    if (fiber->woken) {
        fiber->woken = false;
        return 0;
    }
    return is_over(fiber) ? -ECANCELED : -ETIMEDOUT;
}

static void make_runnable(struct valve_fiber *fiber)
{
    struct valve_scheduler *scheduler = fiber->scheduler;

    if (!fiber->suspended)
        return;
    fiber->suspended = false;
    valve_deadlines_remove(&scheduler->deadlines, fiber);
    fiber->next = NULL;
    if (scheduler->last)
        scheduler->last->next = fiber;
    else
        scheduler->first = fiber;
    scheduler->last = fiber;
}

void valve_fiber_wake(struct valve_fiber *fiber)
{
    assert(valve_scheduler_is_mine(fiber->scheduler));
    fiber->woken = true;
    make_runnable(fiber);
}

void valve_fiber_cancel(struct valve_fiber *fiber)
{
    assert(valve_scheduler_is_mine(fiber->scheduler));
    fiber->cancelled = true;
    if (!fiber->shielded)
        make_runnable(fiber);
}

void valve_fiber_shield(struct valve_fiber *fiber, bool is_shielded)
{
    assert(valve_scheduler_is_mine(fiber->scheduler));
    fiber->shielded = is_shielded;
    if (is_over(fiber))
        make_runnable(fiber);
    else
        valve_fiber_set_deadline(fiber, fiber->deadline);
}

bool valve_fiber_cancelled(const struct valve_fiber *fiber)
{
    return fiber->cancelled;
}

void valve_fiber_set_deadline(struct valve_fiber *fiber, uint64_t deadline)
{
    struct valve_deadlines *deadlines = &fiber->scheduler->deadlines;

    assert(valve_scheduler_is_mine(fiber->scheduler));
    fiber->deadline = deadline;
    if (!fiber->suspended)
        return;
    valve_deadlines_remove(deadlines, fiber);
    deadline = fiber->shielded ? fiber->wait_deadline : earlier(deadline, fiber->wait_deadline);
    if (deadline != VALVE_NEVER)
        valve_deadlines_add(deadlines, fiber, deadline);
}

uint64_t valve_fiber_deadline(const struct valve_fiber *fiber)
{
    return fiber->deadline;
}
