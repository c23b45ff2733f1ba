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

/* Lives on the stack of the fiber that waits. */
struct poll_wait {
    struct event event;
    struct valve_fiber *fiber;
    bool ready;
};

static void on_ready(evutil_socket_t descriptor, short what, void *argument)
{
    struct poll_wait *wait = argument;

    (void)descriptor;
    (void)what;
    wait->ready = true;
    valve_fiber_wake(wait->fiber);
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
    struct poll_wait wait = {.fiber = valve_fiber_current()};
    short flags = event_flags(events);
    int r;

    if (flags == 0)
        return -EINVAL;
    if (descriptor < 0)
        return -EBADF;
    if (is_look(wait.fiber, deadline))
        return look(descriptor, events);
    errno = EINVAL; /* for refusals that are libevent's own */
    if (event_assign(&wait.event, worker->base, descriptor, flags, on_ready, &wait) < 0 ||
        event_add(&wait.event, NULL) < 0)
        return -errno;
    do
        r = valve_fiber_wait(deadline);
    while (r == 0 && !wait.ready); /* woken for something else, before */
    event_del(&wait.event);
    return r;
}
