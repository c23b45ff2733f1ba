/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors, by whoever knows the event loop of the thread. */
#include "fiber/fiber.h"

#include <assert.h>
#include <errno.h>

#include "fiber/scheduler.h"

void valve_scheduler_set_poller(struct valve_scheduler *scheduler, valve_fiber_poller *poller,
                                void *context)
{
    assert(valve_scheduler_is_mine(scheduler));
    scheduler->poller = poller;
    scheduler->poller_context = context;
}

int valve_fiber_poll(int descriptor, short events, uint64_t deadline)
{
    struct valve_fiber *fiber = valve_running;

    if (!fiber || !fiber->scheduler->poller)
        return -ENOSYS;
    return fiber->scheduler->poller(fiber->scheduler->poller_context, descriptor, events, deadline);
}
