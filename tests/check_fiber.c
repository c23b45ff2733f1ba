/* SPDX-License-Identifier: MIT */
/* Tests of lib/fiber: start and end, waits, wait queues; and what all its tests share. */
#include "check_fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOUR (UINT64_C(3600) * 1000000000)

struct valve_scheduler *scheduler;
uint64_t future;
char trace[256];

struct valve_scheduler *new_scheduler(unsigned max_fibers, unsigned keep)
{
    const struct valve_scheduler_options options = {
        .stack_size = STACK_SIZE, .max_fibers = max_fibers, .keep = keep};
    struct valve_scheduler *made = NULL;

    ck_assert_int_eq(valve_scheduler_new(&options, &made), 0);
    return made;
}

static void set_up(void)
{
    scheduler = new_scheduler(MAX_FIBERS, KEEP);
    future = valve_clock_now() + HOUR;
    trace[0] = '\0';
}

static void tear_down(void)
{
    valve_scheduler_free(scheduler);
}

void note(char letter)
{
    size_t length = strlen(trace);

    ck_assert_uint_lt(length + 1, sizeof(trace));
    trace[length] = letter;
    trace[length + 1] = '\0';
}

void start(void (*entry)(void *argument), void *argument)
{
    ck_assert_int_eq(valve_fiber_start(scheduler, entry, argument), 0);
}

unsigned run(void)
{
    return valve_scheduler_run(scheduler, valve_clock_now());
}

struct valve_scheduler_stats stats(void)
{
    struct valve_scheduler_stats now;

    valve_scheduler_get_stats(scheduler, &now);
    return now;
}

void sleep_once(void *argument)
{
    struct sleeper *self = argument;

    self->fiber = valve_fiber_current();
    self->result = self->queue ? valve_wait_queue_wait(self->queue, self->deadline)
                               : valve_fiber_wait(self->deadline);
    if (self->letter)
        note(self->letter);
}

struct sleeper sleeper(char letter, uint64_t deadline)
{
    return (struct sleeper){.letter = letter, .deadline = deadline, .result = 1};
}

/* ---- start and end ---- */

void note_letter(void *argument)
{
    note(*(const char *)argument);
}

START_TEST(start_runs_at_once)
{
    note('1');
    start(note_letter, (char[]){"a"});
    note('2');
    ck_assert_str_eq(trace, "1a2");
    ck_assert_uint_eq(stats().live, 0);
    ck_assert_uint_eq(stats().started, 1);
    ck_assert_uint_eq(stats().switches, 1);
}
END_TEST

static void start_others(void *argument)
{
    struct sleeper *child = argument;
    struct valve_fiber *self = valve_fiber_current();

    note('(');
    start(note_letter, (char[]){"b"});
    ck_assert_ptr_eq(valve_fiber_current(), self);
    start(sleep_once, child);
    ck_assert_ptr_eq(valve_fiber_current(), self);
    ck_assert_ptr_ne(child->fiber, self);
    note(')');
}

START_TEST(nested_start_comes_back_when_the_new_one_waits_or_ends)
{
    struct sleeper child = sleeper('c', VALVE_NEVER);

    ck_assert_ptr_null(valve_fiber_current());
    start(start_others, &child);
    ck_assert_ptr_null(valve_fiber_current());
    ck_assert_str_eq(trace, "(b)");
    ck_assert_uint_eq(stats().live, 1);
    valve_fiber_wake(child.fiber);
    ck_assert_uint_eq(run(), 1);
    ck_assert_str_eq(trace, "(b)c");
}
END_TEST

static void start_chain(void *argument)
{
    unsigned *depth = argument;

    if (--*depth > 0)
        start(start_chain, depth);
    note('.');
}

START_TEST(starts_nest_deeply)
{
    unsigned depth = 40;

    start(start_chain, &depth);
    ck_assert_uint_eq(strlen(trace), 40);
    ck_assert_uint_eq(stats().peak, 40);
    ck_assert_uint_eq(stats().live, 0);
}
END_TEST

static void wake_starter_and_end(void *argument)
{
    valve_fiber_wake(argument);
}

static void start_who_wakes(void *argument)
{
    int *result = argument;

    start(wake_starter_and_end, valve_fiber_current());
    *result = valve_fiber_wait(VALVE_NEVER);
}

START_TEST(starter_can_be_woken_by_the_fiber_it_starts)
{
    int result = 1;

    start(start_who_wakes, &result);
    ck_assert_int_eq(result, 0);
}
END_TEST

START_TEST(cap_refuses_and_recovers)
{
    struct sleeper sleepers[MAX_FIBERS];

    for (unsigned i = 0; i < MAX_FIBERS; i++) {
        sleepers[i] = sleeper(0, VALVE_NEVER);
        start(sleep_once, &sleepers[i]);
    }
    ck_assert_int_eq(valve_fiber_start(scheduler, note_letter, (char[]){"x"}), -EAGAIN);
    ck_assert_str_eq(trace, "");
    ck_assert_uint_eq(stats().live, MAX_FIBERS);
    valve_fiber_wake(sleepers[7].fiber);
    run();
    start(note_letter, (char[]){"y"});
    ck_assert_str_eq(trace, "y");
    for (unsigned i = 0; i < MAX_FIBERS; i++) {
        if (i != 7)
            valve_fiber_cancel(sleepers[i].fiber);
    }
    ck_assert_uint_eq(run(), MAX_FIBERS - 1);
    ck_assert_uint_eq(stats().live, 0);
    ck_assert_uint_eq(stats().peak, MAX_FIBERS);
    ck_assert_uint_eq(stats().max_fibers, MAX_FIBERS);
}
END_TEST

START_TEST(options_that_are_zero_are_refused)
{
    const struct valve_scheduler_options bad[] = {
        {.stack_size = 0, .max_fibers = 1, .keep = 1},
        {.stack_size = STACK_SIZE, .max_fibers = 0, .keep = 1},
        {.stack_size = STACK_SIZE, .max_fibers = 1, .keep = 0},
        {.stack_size = SIZE_MAX, .max_fibers = 1, .keep = 1},
    };
    struct valve_scheduler *untouched = scheduler;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(valve_scheduler_new(&bad[i], &untouched), -EINVAL);
    ck_assert_ptr_eq(untouched, scheduler);
    valve_scheduler_free(NULL);
}
END_TEST

/* ---- waits ---- */

START_TEST(woken_fibers_run_in_the_order_of_their_wakes)
{
    struct sleeper sleepers[] = {sleeper('a', VALVE_NEVER), sleeper('b', VALVE_NEVER),
                                 sleeper('c', future), sleeper('d', VALVE_NEVER)};
    static const unsigned order[] = {2, 0, 3, 1};

    for (unsigned i = 0; i < 4; i++)
        start(sleep_once, &sleepers[i]);
    ck_assert(!valve_scheduler_runnable(scheduler));
    for (unsigned i = 0; i < 4; i++)
        valve_fiber_wake(sleepers[order[i]].fiber);
    ck_assert(valve_scheduler_runnable(scheduler));
    ck_assert_str_eq(trace, "");
    ck_assert_uint_eq(run(), 4);
    ck_assert_str_eq(trace, "cadb");
    ck_assert(!valve_scheduler_runnable(scheduler));
    ck_assert_uint_eq(run(), 0);
}
END_TEST

static void wake_self_twice_then_wait_twice(void *argument)
{
    int *results = argument;

    valve_fiber_wake(valve_fiber_current());
    valve_fiber_wake(valve_fiber_current());
    results[0] = valve_fiber_wait(0);
    results[1] = valve_fiber_wait(0);
}

START_TEST(wake_before_wait_is_remembered_once)
{
    int results[2] = {1, 1};

    start(wake_self_twice_then_wait_twice, results);
    ck_assert_int_eq(results[0], 0);
    ck_assert_int_eq(results[1], -ETIMEDOUT);
    ck_assert_uint_eq(stats().switches, 1);
}
END_TEST

static void wait_then_wake(void *argument)
{
    struct sleeper **pair = argument;

    sleep_once(pair[0]);
    valve_fiber_wake(pair[1]->fiber);
}

START_TEST(woken_meanwhile_runs_in_the_same_call)
{
    struct sleeper first = sleeper('f', VALVE_NEVER);
    struct sleeper second = sleeper('s', VALVE_NEVER);

    start(wait_then_wake, (struct sleeper *[]){&first, &second});
    start(sleep_once, &second);
    valve_fiber_wake(first.fiber);
    ck_assert_uint_eq(run(), 2);
    ck_assert_str_eq(trace, "fs");
}
END_TEST

#define MANY 500

static unsigned expired[MANY];
static unsigned expired_count;

struct timed {
    struct sleeper sleeper;
    unsigned number;
};

static void expire(void *argument)
{
    struct timed *self = argument;

    sleep_once(&self->sleeper);
    ck_assert_int_eq(self->sleeper.result, -ETIMEDOUT);
    expired[expired_count++] = self->number;
}

/* Runs what is due at `now`, and holds it against the deadlines: earliest first, then by number. */
static void check_expired(const struct timed *fibers, uint64_t before, uint64_t now)
{
    expired_count = 0;
    valve_scheduler_run(scheduler, now);
    for (unsigned i = 0; i < expired_count; i++) {
        uint64_t deadline = fibers[expired[i]].sleeper.deadline;

        ck_assert(deadline > before && deadline <= now);
        if (i == 0)
            continue;
        ck_assert(deadline >= fibers[expired[i - 1]].sleeper.deadline);
        if (deadline == fibers[expired[i - 1]].sleeper.deadline)
            ck_assert_uint_gt(expired[i], expired[i - 1]);
    }
}

START_TEST(deadlines_expire_in_order)
{
    static struct timed fibers[MANY];
    unsigned total = 0;
    unsigned seed = 1;

    valve_scheduler_free(scheduler);
    scheduler = new_scheduler(MANY, KEEP);
    for (unsigned i = 0; i < MANY; i++) {
        seed = seed * 1103515245 + 12345;
        fibers[i] = (struct timed){sleeper(0, future + seed / 65536 % 100), i};
        start(expire, &fibers[i]);
    }
    for (uint64_t now = future - 1; stats().live > 0; now += 7) {
        uint64_t next = valve_scheduler_next_deadline(scheduler);

        check_expired(fibers, now - 7, now);
        ck_assert(expired_count > 0 ? next <= now : next > now);
        total += expired_count;
    }
    ck_assert_uint_eq(total, MANY);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), VALVE_NEVER);
}
END_TEST

START_TEST(equal_deadlines_expire_in_the_order_of_waiting)
{
    struct sleeper sleepers[9];

    for (unsigned i = 0; i < 9; i++) {
        sleepers[i] = sleeper((char)('a' + i), future);
        start(sleep_once, &sleepers[i]);
    }
    valve_scheduler_run(scheduler, future - 1);
    ck_assert_str_eq(trace, "");
    valve_scheduler_run(scheduler, future);
    ck_assert_str_eq(trace, "abcdefghi");
}
END_TEST

START_TEST(deadline_that_has_passed_does_not_suspend)
{
    struct sleeper passed[] = {sleeper('a', 0), sleeper('b', valve_clock_now())};

    start(sleep_once, &passed[0]);
    start(sleep_once, &passed[1]);
    ck_assert_str_eq(trace, "ab");
    ck_assert_int_eq(passed[0].result, -ETIMEDOUT);
    ck_assert_int_eq(passed[1].result, -ETIMEDOUT);
    ck_assert_uint_eq(stats().switches, 2);
}
END_TEST

START_TEST(wake_forgets_the_deadline)
{
    struct sleeper early = sleeper('e', future);
    struct sleeper late = sleeper('l', future + 1);

    start(sleep_once, &early);
    start(sleep_once, &late);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), future);
    valve_fiber_wake(early.fiber);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), future + 1);
    valve_scheduler_run(scheduler, future);
    ck_assert_str_eq(trace, "e");
    ck_assert_int_eq(early.result, 0);
    valve_fiber_cancel(late.fiber);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), VALVE_NEVER);
    run();
    ck_assert_int_eq(late.result, -ECANCELED);
}
END_TEST

static void wait_three_times(void *argument)
{
    struct sleeper *self = argument;
    int *result = &self->result;

    sleep_once(self);
    ck_assert_int_eq(*result, -ECANCELED);
    ck_assert_int_eq(valve_fiber_wait(VALVE_NEVER), -ECANCELED);
    ck_assert_int_eq(valve_fiber_wait(0), -ECANCELED);
    valve_fiber_wake(self->fiber);
    ck_assert_int_eq(valve_fiber_wait(VALVE_NEVER), 0);
    ck_assert_int_eq(valve_fiber_wait(VALVE_NEVER), -ECANCELED);
    note('!');
}

START_TEST(cancellation_stays)
{
    struct sleeper cancelled = sleeper('c', future);

    start(wait_three_times, &cancelled);
    ck_assert(!valve_fiber_cancelled(cancelled.fiber));
    valve_fiber_cancel(cancelled.fiber);
    ck_assert(valve_fiber_cancelled(cancelled.fiber));
    valve_fiber_cancel(cancelled.fiber);
    ck_assert_str_eq(trace, "");
    ck_assert_uint_eq(run(), 1);
    ck_assert_str_eq(trace, "c!");
}
END_TEST

static void cancel_self_and_wait(void *argument)
{
    valve_fiber_cancel(valve_fiber_current());
    sleep_once(argument);
}

START_TEST(running_fiber_can_be_cancelled)
{
    struct sleeper self = sleeper('s', VALVE_NEVER);

    start(cancel_self_and_wait, &self);
    ck_assert_int_eq(self.result, -ECANCELED);
    ck_assert_uint_eq(stats().live, 0);
}
END_TEST

START_TEST(wake_outranks_cancel_outranks_deadline)
{
    struct sleeper sleepers[4];

    for (unsigned i = 0; i < 4; i++) {
        sleepers[i] = sleeper(0, future);
        start(sleep_once, &sleepers[i]);
    }
    valve_fiber_wake(sleepers[0].fiber);
    valve_fiber_cancel(sleepers[0].fiber);
    valve_fiber_cancel(sleepers[1].fiber);
    valve_fiber_wake(sleepers[1].fiber);
    valve_fiber_cancel(sleepers[2].fiber);
    ck_assert_uint_eq(valve_scheduler_run(scheduler, future), 4);
    ck_assert_int_eq(sleepers[0].result, 0);
    ck_assert_int_eq(sleepers[1].result, 0);
    ck_assert_int_eq(sleepers[2].result, -ECANCELED);
    ck_assert_int_eq(sleepers[3].result, -ETIMEDOUT);
}
END_TEST

START_TEST(shield_puts_off_cancel_and_own_deadline)
{
    struct sleeper cancelled = sleeper('c', VALVE_NEVER), late = sleeper('l', VALVE_NEVER);
    struct sleeper woken = sleeper('w', VALVE_NEVER), short_of_time = sleeper('s', future);
    struct sleeper *sleepers[] = {&cancelled, &late, &woken, &short_of_time};

    for (unsigned i = 0; i < 4; i++) {
        start(sleep_once, sleepers[i]);
        valve_fiber_shield(sleepers[i]->fiber, true);
        valve_fiber_set_deadline(sleepers[i]->fiber, future - 1);
    }
    valve_fiber_cancel(cancelled.fiber);
    valve_fiber_cancel(woken.fiber);
    ck_assert_uint_eq(valve_scheduler_run(scheduler, future - 1), 0);
    valve_fiber_wake(woken.fiber);
    ck_assert_uint_eq(valve_scheduler_run(scheduler, future), 2);
    ck_assert_int_eq(woken.result, 0);
    ck_assert_int_eq(short_of_time.result, -ETIMEDOUT);
    valve_fiber_shield(cancelled.fiber, false);
    valve_fiber_shield(late.fiber, false);
    ck_assert_uint_eq(valve_scheduler_run(scheduler, future), 2);
    ck_assert_int_eq(cancelled.result, -ECANCELED);
    ck_assert_int_eq(late.result, -ETIMEDOUT);
}
END_TEST

static void set_own_deadline_and_sleep(void *argument)
{
    valve_fiber_set_deadline(valve_fiber_current(), future);
    ck_assert_uint_eq(valve_fiber_deadline(valve_fiber_current()), future);
    sleep_once(argument);
}

START_TEST(own_deadline_bounds_every_wait)
{
    struct sleeper bounded = sleeper('b', future + 5);
    struct sleeper earlier = sleeper('e', future - 5);

    start(set_own_deadline_and_sleep, &bounded);
    start(set_own_deadline_and_sleep, &earlier);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), future - 5);
    valve_scheduler_run(scheduler, future - 5);
    ck_assert_str_eq(trace, "e");
    valve_scheduler_run(scheduler, future);
    ck_assert_str_eq(trace, "eb");
    ck_assert_int_eq(bounded.result, -ETIMEDOUT);
}
END_TEST

START_TEST(own_deadline_concerns_the_present_wait)
{
    struct sleeper plain = sleeper('p', VALVE_NEVER);

    start(sleep_once, &plain);
    ck_assert_uint_eq(valve_fiber_deadline(plain.fiber), VALVE_NEVER);
    valve_fiber_set_deadline(plain.fiber, future);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), future);
    valve_fiber_set_deadline(plain.fiber, VALVE_NEVER);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), VALVE_NEVER);
    valve_fiber_set_deadline(plain.fiber, future + 1);
    valve_scheduler_run(scheduler, future + 1);
    ck_assert_int_eq(plain.result, -ETIMEDOUT);
}
END_TEST

/* ---- wait queues ---- */

static struct valve_wait_queue queue;
static struct sleeper queued[6];

static void fill_queue(void)
{
    queue = (struct valve_wait_queue){0};
    for (unsigned i = 0; i < 6; i++) {
        queued[i] = sleeper((char)('a' + i), i == 3 ? future : VALVE_NEVER);
        queued[i].queue = &queue;
        start(sleep_once, &queued[i]);
    }
}

START_TEST(queue_wakes_in_turn)
{
    ck_assert(valve_wait_queue_empty(&queue));
    ck_assert(!valve_wait_queue_wake_one(&queue));
    fill_queue();
    ck_assert(!valve_wait_queue_empty(&queue));
    ck_assert(valve_wait_queue_wake_one(&queue));
    run();
    ck_assert_str_eq(trace, "a");
    ck_assert(valve_wait_queue_wake_one(&queue));
    ck_assert(valve_wait_queue_wake_one(&queue));
    run();
    ck_assert_str_eq(trace, "abc");
    valve_wait_queue_wake_all(&queue);
    ck_assert(valve_wait_queue_empty(&queue));
    run();
    ck_assert_str_eq(trace, "abcdef");
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(queued[i].result, 0);
}
END_TEST

START_TEST(queue_wakes_the_one_that_is_named)
{
    struct valve_fiber *gone;

    fill_queue();
    ck_assert(!valve_wait_queue_wake(&queue, (struct valve_fiber *)&queue));
    ck_assert(valve_wait_queue_wake(&queue, queued[2].fiber));
    ck_assert(!valve_wait_queue_wake(&queue, queued[2].fiber));
    ck_assert(valve_wait_queue_wake(&queue, queued[5].fiber));
    ck_assert(valve_wait_queue_wake(&queue, queued[0].fiber));
    gone = queued[2].fiber;
    run();
    ck_assert_str_eq(trace, "cfa");
    ck_assert(!valve_wait_queue_wake(&queue, gone));
    valve_wait_queue_wake_all(&queue);
    run();
    ck_assert_str_eq(trace, "cfabde");
}
END_TEST

START_TEST(queue_is_left_on_cancel_and_deadline)
{
    fill_queue();
    valve_fiber_cancel(queued[0].fiber);
    valve_fiber_cancel(queued[2].fiber);
    valve_fiber_cancel(queued[5].fiber);
    valve_scheduler_run(scheduler, future);
    ck_assert_str_eq(trace, "acfd");
    ck_assert_int_eq(queued[0].result, -ECANCELED);
    ck_assert_int_eq(queued[3].result, -ETIMEDOUT);
    ck_assert(valve_wait_queue_wake_one(&queue));
    ck_assert(valve_wait_queue_wake_one(&queue));
    ck_assert(!valve_wait_queue_wake_one(&queue));
    run();
    ck_assert_str_eq(trace, "acfdbe");
}
END_TEST

START_TEST(queue_passes_a_wake_by_whoever_leaves_for_another)
{
    fill_queue();
    valve_fiber_wake(queued[0].fiber);
    ck_assert(valve_wait_queue_wake_one(&queue));
    run();
    ck_assert_str_eq(trace, "ab");
    for (unsigned i = 2; i < 6; i++)
        valve_fiber_wake(queued[i].fiber);
    ck_assert(!valve_wait_queue_wake_one(&queue));
    run();
    ck_assert(valve_wait_queue_empty(&queue));
    ck_assert_uint_eq(stats().live, 0);
}
END_TEST

START_TEST(queue_wake_outranks_cancel_and_deadline)
{
    fill_queue();
    valve_fiber_cancel(queued[0].fiber);
    for (unsigned i = 0; i < 6; i++)
        ck_assert(valve_wait_queue_wake_one(&queue));
    valve_scheduler_run(scheduler, future);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(queued[i].result, 0);
}
END_TEST

void add_tests(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("fiber");
    SRunner *runner = srunner_create(suite);
    int failed;

    ADD_TESTS(suite, "start and end", start_runs_at_once,
              nested_start_comes_back_when_the_new_one_waits_or_ends, starts_nest_deeply,
              starter_can_be_woken_by_the_fiber_it_starts, cap_refuses_and_recovers,
              options_that_are_zero_are_refused);
    ADD_TESTS(suite, "wait", woken_fibers_run_in_the_order_of_their_wakes,
              wake_before_wait_is_remembered_once, woken_meanwhile_runs_in_the_same_call,
              deadlines_expire_in_order, equal_deadlines_expire_in_the_order_of_waiting,
              deadline_that_has_passed_does_not_suspend, wake_forgets_the_deadline,
              cancellation_stays, running_fiber_can_be_cancelled,
              wake_outranks_cancel_outranks_deadline, shield_puts_off_cancel_and_own_deadline,
              own_deadline_bounds_every_wait, own_deadline_concerns_the_present_wait);
    ADD_TESTS(suite, "wait queue", queue_wakes_in_turn, queue_wakes_the_one_that_is_named,
              queue_is_left_on_cancel_and_deadline,
              queue_passes_a_wake_by_whoever_leaves_for_another,
              queue_wake_outranks_cancel_and_deadline);
    add_stack_tests(suite);
    add_model_tests(suite);
    add_poll_tests(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
