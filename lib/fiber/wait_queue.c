/* SPDX-License-Identifier: MIT */
/* Wait queues: fibers that wait for the same thing, first come, first served. */
#include "fiber/fiber.h"

#include <assert.h>

#include "fiber/scheduler.h"

/* Lives on the stack of the fiber that waits. */
struct valve_waiter {
    struct valve_waiter *previous, *next;
    struct valve_fiber *fiber;
    bool queued; /* cleared by whoever takes it out of the queue */
};

static void append(struct valve_wait_queue *queue, struct valve_waiter *waiter)
{
    waiter->previous = queue->last;
    waiter->next = NULL;
    if (queue->last)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
    waiter->queued = true;
}

static void take_out(struct valve_wait_queue *queue, struct valve_waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        queue->last = waiter->previous;
    waiter->queued = false;
}

int valve_wait_queue_wait(struct valve_wait_queue *queue, uint64_t deadline)
{
    struct valve_waiter waiter = {.fiber = valve_running};
    int r;

    append(queue, &waiter);
    r = valve_fiber_wait(deadline);
    /* A wake outranks all else, so one that was given to this waiter is what the wait returned. */
    assert(waiter.queued || r == 0);
    if (waiter.queued)
        take_out(queue, &waiter);
    return r;
}

bool valve_wait_queue_wake_one(struct valve_wait_queue *queue)
{
    while (queue->first) {
        struct valve_waiter *waiter = queue->first;

        take_out(queue, waiter);
        /* One that leaves for another wake would take this one with it: the next shall have it. */
        if (waiter->fiber->woken)
            continue;
        valve_fiber_wake(waiter->fiber);
        return true;
    }
    return false;
}

bool valve_wait_queue_wake(struct valve_wait_queue *queue, const struct valve_fiber *fiber)
{
    for (struct valve_waiter *waiter = queue->first; waiter; waiter = waiter->next) {
        if (waiter->fiber != fiber)
            continue;
        take_out(queue, waiter);
        valve_fiber_wake(waiter->fiber);
        return true;
    }
    return false;
}

void valve_wait_queue_wake_all(struct valve_wait_queue *queue)
{
    while (valve_wait_queue_wake_one(queue))
        continue;
}

bool valve_wait_queue_empty(const struct valve_wait_queue *queue)
{
    return queue->first == NULL;
}
