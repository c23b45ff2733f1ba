/* SPDX-License-Identifier: MIT */
/*
 * Tests of what a worker gives back: on a worker without a thread, whose clock is the test's.
 */
#include <check.h>
#include <stdlib.h>

#include "server/trim.h"
#include "valve.h"

#define SECOND UINT64_C(1000000000)
#define MANY   200 /* more than one turn gives back */

static struct valve_worker worker;

static void set_up(void)
{
    const struct valve_scheduler_options options = {
        .stack_size = (size_t)64 * 1024, .max_fibers = MANY, .keep = VALVE_WARM_STACKS};

    /* Its clock runs before that of the machine: waits end when it says so. */
    worker.now = valve_clock_now() + 3600 * SECOND;
    worker.trim_at = VALVE_NEVER;
    ck_assert_int_eq(valve_scheduler_new(&options, &worker.scheduler), 0);
}

static void tear_down(void)
{
    valve_buffer_pool_fini(&worker.buffers);
    valve_scheduler_free(worker.scheduler);
}

static unsigned stacks(void)
{
    struct valve_scheduler_stats stats;

    valve_scheduler_get_stats(worker.scheduler, &stats);
    return stats.mapped;
}

static void wait_once(void *argument)
{
    (void)argument;
    (void)valve_fiber_wait(worker.now + 1);
}

/* So many fibers live at once, each with a buffer, and end. */
static void serve(unsigned fibers)
{
    struct valve_buffer *buffers[MANY];

    for (unsigned i = 0; i < fibers; i++) {
        ck_assert_int_eq(valve_fiber_start(worker.scheduler, wait_once, NULL), 0);
        buffers[i] = valve_buffer_new(&worker.buffers, 1);
        ck_assert_ptr_nonnull(buffers[i]);
    }
    ck_assert_uint_eq(valve_scheduler_run(worker.scheduler, worker.now + 1), fibers);
    for (unsigned i = 0; i < fibers; i++)
        valve_buffer_free(&worker.buffers, buffers[i]);
    valve_trim_turn(&worker);
}

/* Turns, each when it is asked for, until so much time has passed or none is. How many. */
static unsigned pass(uint64_t time)
{
    uint64_t end = worker.now + time;
    unsigned turns = 0;

    while (valve_trim_next(&worker) <= end) {
        ck_assert_uint_ge(valve_trim_next(&worker), worker.now);
        worker.now = valve_trim_next(&worker);
        valve_trim_turn(&worker);
        turns++;
    }
    worker.now = end;
    return turns;
}

/* After a turn of others' there is one to give back pages, and none after that. */
START_TEST(without_spares_there_is_one_turn)
{
    for (unsigned i = 0; i < 2; i++) {
        serve(0);
        ck_assert_uint_eq(valve_trim_next(&worker), worker.now + VALVE_TRIM_EVERY);
        ck_assert_uint_eq(pass(100 * SECOND), 1);
        ck_assert_uint_eq(valve_trim_next(&worker), VALVE_NEVER);
    }
}
END_TEST

START_TEST(an_idle_worker_gives_back_all_and_is_left_alone)
{
    serve(MANY);
    ck_assert_uint_eq(stacks(), MANY);
    pass(100 * SECOND);
    ck_assert_uint_eq(stacks(), VALVE_WARM_STACKS);
    ck_assert_uint_eq(valve_buffer_pool_count(&worker.buffers), 0);
    ck_assert_uint_eq(valve_trim_next(&worker), VALVE_NEVER);
}
END_TEST

START_TEST(a_turn_gives_back_some)
{
    unsigned before;

    serve(MANY);
    pass(VALVE_TRIM_EVERY); /* all of them had been needed before that */
    ck_assert_uint_eq(stacks(), MANY);
    while (stacks() > VALVE_WARM_STACKS) {
        before = stacks();
        ck_assert_uint_ne(valve_trim_next(&worker), VALVE_NEVER);
        worker.now = valve_trim_next(&worker);
        valve_trim_turn(&worker);
        ck_assert_uint_lt(stacks(), before);
        ck_assert_uint_ge(stacks() + 64, before);
    }
}
END_TEST

/* Also while the rest of a peak goes, which takes several turns. */
START_TEST(what_load_needs_is_kept)
{
    enum { LOAD = 20 };

    serve(MANY);
    for (unsigned second = 1; second <= 100; second++) {
        pass(SECOND);
        ck_assert_uint_ge(stacks(), LOAD);
        ck_assert_uint_ge(valve_buffer_pool_count(&worker.buffers), LOAD);
        serve(LOAD);
    }
    ck_assert_uint_eq(stacks(), LOAD + VALVE_WARM_STACKS);
    ck_assert_uint_eq(valve_buffer_pool_count(&worker.buffers), LOAD);
}
END_TEST

/* What is needed between two parts of a trim is not counted as too much any more. */
START_TEST(what_is_needed_meanwhile_is_kept)
{
    serve(MANY);
    pass(VALVE_TRIM_EVERY);
    worker.now = valve_trim_next(&worker);
    valve_trim_turn(&worker);
    ck_assert_uint_eq(stacks(), MANY - 64);
    serve(MANY - 64);
    pass(VALVE_TRIM_EVERY / 2);
    ck_assert_uint_eq(stacks(), MANY - 64);
}
END_TEST

struct thing {
    struct valve_spare spare;
    unsigned number;
};

static unsigned released;

static void release_thing(void *thing)
{
    released++;
    free(thing);
}

/* Whatever is taken and given between surveys and trims, what is left is never less than needed. */
START_TEST(spares_are_counted_right)
{
    struct valve_spares spares = {0};
    struct thing *taken[MANY];
    unsigned out = 0, made = 0, peak = 0, before = 0;

    srandom(7);
    released = 0;
    for (unsigned step = 0; step < 100000; step++) {
        unsigned what = (unsigned)random() % 100;

        if (what < 48 && out < MANY) {
            taken[out] = valve_spares_take(&spares);
            if (taken[out] == NULL) {
                taken[out] = malloc(sizeof *taken[out]);
                ck_assert_ptr_nonnull(taken[out]);
                made++;
            }
            out++;
            peak = out > peak ? out : peak;
        } else if (what < 96 && out > 0) {
            valve_spares_give(&spares, &taken[--out]->spare);
        } else if (what == 96) {
            valve_spares_survey(&spares);
            before = peak;
            peak = out;
        } else {
            (void)valve_spares_trim(&spares, 3, release_thing);
            /* With those that are out there are as many as were out at once before the survey. */
            ck_assert_uint_ge(spares.count + out, before);
        }
        ck_assert_uint_eq(spares.count + out, made - released);
        ck_assert_uint_le(spares.least, spares.count);
    }
    ck_assert_uint_gt(released, 0);
    valve_spares_fini(&spares, release_thing);
    while (out > 0)
        release_thing(taken[--out]);
    ck_assert_uint_eq(released, made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trim");
    TCase *tests = tcase_create("trim");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, without_spares_there_is_one_turn);
    tcase_add_test(tests, an_idle_worker_gives_back_all_and_is_left_alone);
    tcase_add_test(tests, a_turn_gives_back_some);
    tcase_add_test(tests, what_load_needs_is_kept);
    tcase_add_test(tests, what_is_needed_meanwhile_is_kept);
    tcase_add_test(tests, spares_are_counted_right);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
