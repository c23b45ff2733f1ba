/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that calls hold: taken, waited for, given back.
 */
#include "server/held.h"

#include <errno.h>

#include "server/call.h"
#include "server/server.h"
#include "server/worker.h"

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

void valve_held_give_back(struct valve_held *held, unsigned count)
{
    unsigned room;

    held->now -= count;
    room = held->now < held->most ? held->most - held->now : 1;
    /* As many as could be served if each wanted one: who wants more, and finds less, waits on. */
    if (count > 0)
        while (room > 0 && valve_wait_queue_wake_one(&held->wanted))
            room--;
}

bool valve_call_try_hold(struct valve_call *call, unsigned count)
{
    struct valve_held *held = &call->worker->held;

    if (!is_room(held, count) || !valve_wait_queue_empty(&held->wanted))
        return false;
    take(call, count);
    return true;
}

int valve_call_hold(struct valve_call *call, unsigned count)
{
    struct valve_held *held = &call->worker->held;
    uint64_t deadline = valve_deadline(call->worker->server->options.io_timeout);

    if (valve_call_try_hold(call, count))
        return 0;
    do {
        int r = valve_wait_queue_wait(&held->wanted, deadline);

        if (r == -ETIMEDOUT && valve_clock_now() < valve_fiber_deadline(call->fiber))
            return -EMFILE;
        if (r < 0)
            return r;
    } while (!is_room(held, count));
    take(call, count);
    return 0;
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
