/* SPDX-License-Identifier: MIT */
/* Tests of waits for descriptors, as far as lib/fiber has a part in them. */
#include <errno.h>

#include "check_fiber.h"

/* What the poller was asked, and what it answers. */
struct asked {
    struct valve_fiber *fiber;
    int descriptor;
    short events;
    uint64_t deadline;
    int answer;
};

static int ask(void *context, int descriptor, short events, uint64_t deadline)
{
    struct asked *asked = context;

    asked->fiber = valve_fiber_current();
    asked->descriptor = descriptor;
    asked->events = events;
    asked->deadline = deadline;
    return asked->answer;
}

static void poll_once(void *argument)
{
    *(int *)argument = valve_fiber_poll(7, 3, future);
}

START_TEST(poll_asks_the_poller_of_the_scheduler)
{
    struct asked asked = {.answer = -ETIMEDOUT};
    int result = 1;

    valve_scheduler_set_poller(scheduler, ask, &asked);
    start(poll_once, &result);
    ck_assert_int_eq(result, -ETIMEDOUT);
    ck_assert_ptr_nonnull(asked.fiber);
    ck_assert_int_eq(asked.descriptor, 7);
    ck_assert_int_eq(asked.events, 3);
    ck_assert_uint_eq(asked.deadline, future);
}
END_TEST

START_TEST(poll_needs_a_poller)
{
    struct asked asked = {.answer = 0};
    int result = 1;

    start(poll_once, &result);
    ck_assert_int_eq(result, -ENOSYS);
    valve_scheduler_set_poller(scheduler, ask, &asked);
    valve_scheduler_set_poller(scheduler, NULL, NULL);
    start(poll_once, &result);
    ck_assert_int_eq(result, -ENOSYS);
    ck_assert_ptr_null(asked.fiber);
}
END_TEST

START_TEST(poll_needs_a_fiber)
{
    struct asked asked = {.answer = 0};

    valve_scheduler_set_poller(scheduler, ask, &asked);
    ck_assert_int_eq(valve_fiber_poll(7, 3, future), -ENOSYS);
    ck_assert_ptr_null(asked.fiber);
}
END_TEST

void add_poll_tests(Suite *suite)
{
    ADD_TESTS(suite, "poll", poll_asks_the_poller_of_the_scheduler, poll_needs_a_poller,
              poll_needs_a_fiber);
}
