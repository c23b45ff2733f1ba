/* SPDX-License-Identifier: MIT */
/*
 * Fibers that wait for descriptors: by an event of the worker's loop, which lasts as long as the
 * wait.
 */
#include "server/poll.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>

#include "fiber/fiber.h"
#include "server/worker.h"

static void on_ready(evutil_socket_t descriptor, short what, void *argument)
{
    (void)descriptor;
    (void)what;
    valve_fiber_wake(argument);
}

static short event_flags(short events)
{
    return (short)((events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));
}

/* Whether nothing but `deadline` keeps the fiber from waiting: then the descriptor is looked at. */
static bool is_look(const struct valve_fiber *fiber, uint64_t deadline)
{
    uint64_t now;

    if (deadline == VALVE_NEVER || valve_fiber_cancelled(fiber))
        return false;
    now = valve_clock_now();
    return deadline <= now && valve_fiber_deadline(fiber) > now;
}

static int look(int descriptor, short events)
{
    struct pollfd looked_at = {.fd = descriptor, .events = events};
    int count;

    do
        count = poll(&looked_at, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    if (count == 0)
        return -ETIMEDOUT;
    return looked_at.revents & POLLNVAL ? -EBADF : 0;
}

int valve_worker_poll(void *context, int descriptor, short events, uint64_t deadline)
{
    struct valve_worker *worker = context;
    struct valve_fiber *fiber = valve_fiber_current();
    short flags = event_flags(events);
    struct event ready; /* on the stack of the fiber that waits */
    int r;

    if (flags == 0)
        return -EINVAL;
    if (descriptor < 0)
        return -EBADF;
    if (is_look(fiber, deadline))
        return look(descriptor, events);
    errno = EINVAL; /* for refusals that are libevent's own */
    if (event_assign(&ready, worker->base, descriptor, flags, on_ready, fiber) < 0 ||
        event_add(&ready, NULL) < 0)
        return -errno;
    r = valve_fiber_wait(deadline);
    event_del(&ready);
    return r;
}
