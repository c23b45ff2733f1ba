/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that calls hold: taken, waited for, given back.
 */
#include "server/held.h"

#include <errno.h>

#include "server/call.h"
#include "server/server.h"
#include "server/worker.h"

/* On the stack of the fiber that waits. */
struct valve_held_waiter {
    struct valve_held_waiter *previous, *next;
    struct valve_call *call;
    unsigned count;
    bool is_served; /* it has its places, and stands in the queue no longer */
};

/* One that asks for more than there ever is gets all, when nobody else has any. */
static bool is_room(const struct valve_held *held, unsigned count)
{
    return held->now == 0 || (held->now < held->most && count <= held->most - held->now);
}

static void take(struct valve_call *call, unsigned count)
{
    call->worker->held.now += count;
    call->held += count;
}

static void join(struct valve_held *held, struct valve_held_waiter *waiter)
{
    waiter->previous = held->last;
    *(held->last == NULL ? &held->first : &held->last->next) = waiter;
    held->last = waiter;
}

static void leave(struct valve_held *held, struct valve_held_waiter *waiter)
{
    *(waiter->previous == NULL ? &held->first : &waiter->previous->next) = waiter->next;
    *(waiter->next == NULL ? &held->last : &waiter->next->previous) = waiter->previous;
}

/* The places are taken here, for those that wait: so nobody can be faster than the first. */
static void serve(struct valve_held *held)
{
    while (held->first != NULL && is_room(held, held->first->count)) {
        struct valve_held_waiter *first = held->first;

        leave(held, first);
        take(first->call, first->count);
        first->is_served = true;
        valve_fiber_wake(first->call->fiber);
    }
}

void valve_held_give_back(struct valve_held *held, unsigned count)
{
    held->now -= count;
    serve(held);
}

bool valve_call_try_hold(struct valve_call *call, unsigned count)
{
    struct valve_held *held = &call->worker->held;

    if (!is_room(held, count) || held->first != NULL)
        return false;
    take(call, count);
    return true;
}

int valve_call_hold(struct valve_call *call, unsigned count)
{
    struct valve_held *held = &call->worker->held;
    uint64_t deadline = valve_deadline(call->worker->server->options.io_timeout);
    struct valve_held_waiter waiter = {.call = call, .count = count};
    int r = 0;

    if (valve_call_try_hold(call, count))
        return 0;
    join(held, &waiter);
    while (!waiter.is_served && r == 0)
        r = valve_fiber_wait(deadline);
    if (waiter.is_served)
        return 0;
    leave(held, &waiter);
    serve(held); /* there may be room for the next, who wants less */
    return r == -ETIMEDOUT && valve_clock_now() < valve_fiber_deadline(call->fiber) ? -EMFILE : r;
}

unsigned valve_call_try_hold_some(struct valve_call *call, unsigned count)
{
    struct valve_held *held = &call->worker->held;
    unsigned half = held->most / 2;
    unsigned room = held->now < half ? half - held->now : 0;

    if (count > room)
        count = room;
    if (count == 0 || !valve_call_try_hold(call, count))
        return 0;
    return count;
}

void valve_call_let_go(struct valve_call *call, unsigned count)
{
    call->held -= count;
    valve_held_give_back(&call->worker->held, count);
}
