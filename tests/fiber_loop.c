/* SPDX-License-Identifier: MIT */
/* Fibers over poll(2), for tests. */
#include "fiber_loop.h"

#include <check.h>
#include <poll.h>
#include <stddef.h>

#define STACK_SIZE ((size_t)128 * 1024)
#define HOUR       (UINT64_C(3600) * 1000000000)
#define MOST_WAITS 200
#define PATIENCE   (UINT64_C(30) * 1000000000)

/* Lives on the stack of the fiber that waits. */
struct poll_wait {
    struct poll_wait *next;
    struct valve_fiber *fiber;
    int descriptor;
    short events;
};

static int wait_for_descriptor(void *context, int descriptor, short events, uint64_t deadline)
{
    struct fiber_loop *loop = context;
    struct poll_wait wait = {loop->waits, valve_fiber_current(), descriptor, events}, **link;
    int r;

    loop->waits = &wait;
    loop->polls++;
    r = valve_fiber_wait(deadline);
    for (link = &loop->waits; *link != &wait; link = &(*link)->next)
        continue;
    *link = wait.next;
    return r;
}

void loop_open(struct fiber_loop *loop, unsigned max_fibers)
{
    const struct valve_scheduler_options options = {
        .stack_size = STACK_SIZE, .max_fibers = max_fibers, .keep = 8};

    *loop = (struct fiber_loop){.now = valve_clock_now() + HOUR};
    ck_assert_int_eq(valve_scheduler_new(&options, &loop->scheduler), 0);
    valve_scheduler_set_poller(loop->scheduler, wait_for_descriptor, loop);
}

void loop_close(struct fiber_loop *loop)
{
    ck_assert_uint_eq(loop_stats(loop).live, 0);
    valve_scheduler_free(loop->scheduler);
}

void loop_start(struct fiber_loop *loop, void (*entry)(void *argument), void *argument)
{
    ck_assert_int_eq(valve_fiber_start(loop->scheduler, entry, argument), 0);
}

struct valve_scheduler_stats loop_stats(const struct fiber_loop *loop)
{
    struct valve_scheduler_stats stats;

    valve_scheduler_get_stats(loop->scheduler, &stats);
    return stats;
}

static void wake_ready(struct fiber_loop *loop, int timeout)
{
    struct pollfd descriptors[MOST_WAITS];
    struct poll_wait *waits[MOST_WAITS];
    nfds_t count = 0;

    for (struct poll_wait *wait = loop->waits; wait != NULL; wait = wait->next) {
        ck_assert_uint_lt(count, MOST_WAITS);
        descriptors[count] = (struct pollfd){.fd = wait->descriptor, .events = wait->events};
        waits[count++] = wait;
    }
    ck_assert_int_ge(poll(descriptors, count, timeout), 0);
    for (nfds_t i = 0; i < count; i++) {
        if (descriptors[i].revents != 0)
            valve_fiber_wake(waits[i]->fiber);
    }
}

bool loop_turn(struct fiber_loop *loop)
{
    wake_ready(loop, 0);
    return valve_scheduler_run(loop->scheduler, loop->now) > 0;
}

void loop_settle(struct fiber_loop *loop)
{
    while (loop_turn(loop))
        continue;
}

void loop_advance(struct fiber_loop *loop, uint64_t nanoseconds)
{
    loop->now += nanoseconds;
    loop_settle(loop);
}

void loop_turn_in_real_time(struct fiber_loop *loop)
{
    wake_ready(loop, 1);
    valve_scheduler_run(loop->scheduler, valve_clock_now());
}

void loop_finish(struct fiber_loop *loop)
{
    uint64_t limit = valve_clock_now() + PATIENCE;

    while (loop_stats(loop).live > 0) {
        ck_assert_msg(valve_clock_now() < limit, "%u fibers have not ended", loop_stats(loop).live);
        loop_turn_in_real_time(loop);
    }
}
