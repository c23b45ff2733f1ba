/* SPDX-License-Identifier: MIT */
/*
 * Tests of the I/O pool: where jobs run, what stuck ones leave to others, and how it ends.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "server/pool.h"
#include "server/worker.h"
#include "tests/server_fixture.h"

#define THREADS      4 /* of which one takes nothing but metadata */
#define BULK_THREADS 2 /* besides */
#define MANY         200
#define ROUNDS       200

struct test_job {
    struct valve_job job;
    struct tally *arrived, *gate; /* it adds to the one, then waits for the other */
    unsigned worked, delivered, released;
    unsigned place; /* among those that arrived there */
    pthread_t released_by;
};

static struct valve_worker home;
static struct valve_pool *pool;
static struct tally arrived, gate, released;
static unsigned delivered;

static void work(struct valve_job *job)
{
    struct test_job *self = (struct test_job *)job;

    self->worked++;
    if (self->arrived != NULL) {
        tally_add(self->arrived);
        self->place = tally_get(self->arrived);
    }
    if (self->gate != NULL)
        (void)tally_reaches(self->gate, 1);
}

static void release(struct valve_job *job)
{
    struct test_job *self = (struct test_job *)job;

    self->released++;
    self->released_by = pthread_self();
    tally_add(&released);
}

static void deliver(struct valve_message *message)
{
    struct test_job *self = (struct test_job *)((char *)message - offsetof(struct test_job, job) -
                                                offsetof(struct valve_job, done));

    self->delivered++;
    delivered++;
}

static struct test_job quick_job(enum valve_job_kind kind)
{
    return (struct test_job){
        .job = {.work = work, .release = release, .kind = kind, .done = {NULL, deliver}}};
}

static struct test_job stuck_job(enum valve_job_kind kind)
{
    struct test_job job = quick_job(kind);

    job.arrived = &arrived;
    job.gate = &gate;
    return job;
}

static void submit(struct test_job *job)
{
    valve_pool_submit(pool, &home, &job->job, VALVE_NEVER);
}

/* Reads the home's mail until so many jobs have come back. */
static void await_delivered(unsigned count)
{
    struct pollfd mail = {.fd = home.mailbox.descriptor, .events = POLLIN};

    while (delivered < count) {
        ck_assert_msg(poll(&mail, 1, PATIENCE_MS) == 1, "a job does not come back");
        valve_mailbox_deliver(&home.mailbox);
    }
}

static void set_up(void)
{
    memset(&home, 0, sizeof home);
    ck_assert_int_eq(valve_mailbox_init(&home.mailbox), 0);
    tally_init(&arrived);
    tally_init(&gate);
    tally_init(&released);
    delivered = 0;
    ck_assert_int_eq(valve_pool_new(THREADS, &pool), 0);
}

static void tear_down(void)
{
    tally_add(&gate);
    ck_assert(valve_pool_free(pool, VALVE_NEVER));
    valve_mailbox_fini(&home.mailbox);
}

START_TEST(jobs_come_back_to_their_home)
{
    static struct test_job jobs[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        jobs[i] = quick_job(i % 2 == 0 ? VALVE_JOB_METADATA : VALVE_JOB_DATA);
        submit(&jobs[i]);
    }
    await_delivered(MANY);
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_eq(jobs[i].worked, 1);
        ck_assert_uint_eq(jobs[i].delivered, 1);
        ck_assert_uint_eq(jobs[i].released, 0);
    }
}
END_TEST

START_TEST(stuck_reads_leave_a_thread_for_metadata)
{
    struct test_job stuck[THREADS + 2], quick = quick_job(VALVE_JOB_METADATA);

    for (unsigned i = 0; i < THREADS + 2; i++) {
        stuck[i] = stuck_job(VALVE_JOB_DATA);
        submit(&stuck[i]);
    }
    tally_await(&arrived, THREADS - 1);
    submit(&quick);
    await_delivered(1);
    ck_assert_uint_eq(quick.delivered, 1);
    ck_assert_uint_eq(tally_get(&arrived), THREADS - 1);
    tally_add(&gate);
    await_delivered(THREADS + 3);
    ck_assert_uint_eq(tally_get(&arrived), THREADS + 2);
}
END_TEST

/* Neither kind takes the other's threads, however many jobs there are of it. */
START_TEST(bulk_has_its_own_threads)
{
    struct test_job bulk[BULK_THREADS + 2], stuck[THREADS + 2];
    struct test_job data = quick_job(VALVE_JOB_DATA), more = quick_job(VALVE_JOB_BULK);

    for (unsigned i = 0; i < BULK_THREADS + 2; i++) {
        bulk[i] = stuck_job(VALVE_JOB_BULK);
        submit(&bulk[i]);
    }
    tally_await(&arrived, BULK_THREADS);
    submit(&data);
    await_delivered(1);
    ck_assert_uint_eq(data.delivered, 1);
    ck_assert_uint_eq(tally_get(&arrived), BULK_THREADS);
    tally_add(&gate);
    await_delivered(BULK_THREADS + 3);

    tally_init(&gate);
    for (unsigned i = 0; i < THREADS + 2; i++) {
        stuck[i] = stuck_job(VALVE_JOB_DATA);
        submit(&stuck[i]);
    }
    submit(&more);
    await_delivered(BULK_THREADS + 4);
    ck_assert_uint_eq(more.delivered, 1);
    tally_add(&gate);
    await_delivered(BULK_THREADS + THREADS + 6);
}
END_TEST

/*
 * No one of them ends before all have begun. Many rounds: what goes wrong here does so when a job
 * comes before the thread that was woken for the last one has taken that.
 */
START_TEST(metadata_may_use_every_thread)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct tally all_arrived, all_go;
        struct test_job jobs[THREADS];

        tally_init(&all_arrived);
        tally_init(&all_go);
        for (unsigned i = 0; i < THREADS; i++) {
            jobs[i] = quick_job(VALVE_JOB_METADATA);
            jobs[i].arrived = &all_arrived;
            jobs[i].gate = &all_go;
            submit(&jobs[i]);
        }
        tally_await(&all_arrived, THREADS);
        tally_add(&all_go);
        await_delivered(THREADS * (round + 1));
    }
}
END_TEST

/* The thread kept for metadata is stuck, the other one has the choice. */
START_TEST(metadata_goes_before_data)
{
    struct valve_pool *pair;
    struct tally other_gate, order;
    struct test_job kept = stuck_job(VALVE_JOB_METADATA), other = stuck_job(VALVE_JOB_DATA);
    struct test_job data = quick_job(VALVE_JOB_DATA), metadata = quick_job(VALVE_JOB_METADATA);

    tally_init(&other_gate);
    tally_init(&order);
    other.gate = &other_gate;
    data.arrived = metadata.arrived = &order;
    ck_assert_int_eq(valve_pool_new(2, &pair), 0);
    valve_pool_submit(pair, &home, &other.job, VALVE_NEVER);
    tally_await(&arrived, 1);
    valve_pool_submit(pair, &home, &kept.job, VALVE_NEVER);
    tally_await(&arrived, 2);
    valve_pool_submit(pair, &home, &data.job, VALVE_NEVER);
    valve_pool_submit(pair, &home, &metadata.job, VALVE_NEVER);
    tally_add(&other_gate);
    await_delivered(3);
    ck_assert_uint_eq(metadata.place, 1);
    ck_assert_uint_eq(data.place, 2);
    tally_add(&gate);
    await_delivered(4);
    ck_assert(valve_pool_free(pair, VALVE_NEVER));
}
END_TEST

START_TEST(an_abandoned_job_is_not_begun)
{
    struct test_job stuck[THREADS - 1], queued = quick_job(VALVE_JOB_DATA);

    for (unsigned i = 0; i < THREADS - 1; i++) {
        stuck[i] = stuck_job(VALVE_JOB_DATA);
        submit(&stuck[i]);
    }
    tally_await(&arrived, THREADS - 1);
    submit(&queued);
    valve_pool_abandon(&queued.job);
    valve_pool_abandon(&stuck[0].job); /* too late: it runs to its end */
    tally_add(&gate);
    await_delivered(THREADS);
    ck_assert_uint_eq(queued.worked, 0);
    ck_assert_uint_eq(queued.delivered, 1);
    ck_assert_uint_eq(stuck[0].worked, 1);
}
END_TEST

static uint64_t times_in(const struct valve_times *times)
{
    uint64_t count = 0;

    for (unsigned i = 0; i <= VALVE_TIME_BOUNDS; i++)
        count += times->counts[i];
    return count;
}

/* Jobs are counted when their thread is through with them, which is after they were delivered. */
static struct valve_pool_kind_stats await_rest(enum valve_job_kind kind)
{
    uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    struct valve_pool_stats stats;

    do
        valve_pool_get_stats(pool, &stats);
    while (stats.kinds[kind].running > 0 && valve_deadline(0) < deadline);
    ck_assert_uint_eq(stats.kinds[kind].running, 0);
    return stats.kinds[kind];
}

/* Nobody has abandoned it: its deadline is enough. */
START_TEST(a_job_past_its_deadline_is_not_begun)
{
    struct test_job late = quick_job(VALVE_JOB_DATA), soon = quick_job(VALVE_JOB_DATA);
    struct valve_pool_kind_stats data;

    valve_pool_submit(pool, &home, &late.job, valve_deadline(0));
    valve_pool_submit(pool, &home, &soon.job, valve_deadline(3600 * SECOND));
    await_delivered(2);
    ck_assert_uint_eq(late.worked, 0);
    ck_assert(valve_pool_has_expired(&late.job));
    ck_assert_uint_eq(soon.worked, 1);
    ck_assert(!valve_pool_has_expired(&soon.job));
    data = await_rest(VALVE_JOB_DATA);
    ck_assert_uint_eq(data.expired, 1);
    ck_assert_uint_eq(times_in(&data.waits), 2);
}
END_TEST

START_TEST(a_job_that_nobody_wants_comes_back_without)
{
    struct test_job unwanted = quick_job(VALVE_JOB_DATA);
    struct valve_pool_kind_stats data;

    valve_pool_submit(pool, &home, &unwanted.job, 0);
    await_delivered(1);
    ck_assert_uint_eq(unwanted.worked, 0);
    ck_assert(!valve_pool_has_expired(&unwanted.job));
    data = await_rest(VALVE_JOB_DATA);
    ck_assert_uint_eq(data.skipped, 1);
    ck_assert_uint_eq(data.expired, 0);
}
END_TEST

/* All threads that data may have are held: one by a job that has still time, the others not. */
START_TEST(stats_tell_what_is_stuck)
{
    struct test_job stuck[THREADS - 1], queued[2];
    uint64_t deadline = valve_deadline(50 * MILLISECOND);
    struct valve_pool_stats stats;
    const struct valve_pool_kind_stats *data = &stats.kinds[VALVE_JOB_DATA];

    for (unsigned i = 0; i < THREADS - 1; i++) {
        stuck[i] = stuck_job(VALVE_JOB_DATA);
        valve_pool_submit(pool, &home, &stuck[i].job, i == 0 ? VALVE_NEVER : deadline);
    }
    tally_await(&arrived, THREADS - 1);
    for (unsigned i = 0; i < 2; i++) {
        queued[i] = quick_job(VALVE_JOB_DATA);
        submit(&queued[i]);
    }
    while (valve_deadline(0) <= deadline)
        poll(NULL, 0, 1);
    valve_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.threads, THREADS + BULK_THREADS);
    ck_assert_uint_eq(data->queued, 2);
    ck_assert_uint_eq(stats.kinds[VALVE_JOB_METADATA].queued, 0);
    ck_assert_uint_eq(data->running, THREADS - 1);
    ck_assert_uint_eq(stats.kinds[VALVE_JOB_METADATA].running, 0);
    ck_assert_uint_eq(stats.stuck, THREADS - 2);
    tally_add(&gate);
    await_delivered(THREADS + 1);
    valve_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(data->queued, 0);
    ck_assert_uint_gt(data->waits.sum, 0);
    ck_assert_uint_eq(times_in(&data->waits), THREADS + 1);
}
END_TEST

START_TEST(a_job_is_released_by_a_thread_of_the_pool)
{
    struct test_job job = quick_job(VALVE_JOB_DATA);

    valve_pool_release(pool, &job.job);
    tally_await(&released, 1);
    ck_assert(!pthread_equal(job.released_by, pthread_self()));
    ck_assert_uint_eq(job.worked, 0);
    ck_assert_uint_eq(job.released, 1);
}
END_TEST

/* As the home does with one that nobody waits for. */
START_TEST(an_abandoned_job_is_released_when_it_has_come_back)
{
    struct test_job job = stuck_job(VALVE_JOB_DATA);

    submit(&job);
    tally_await(&arrived, 1);
    valve_pool_abandon(&job.job);
    tally_add(&gate);
    await_delivered(1);
    valve_pool_release(pool, &job.job);
    tally_await(&released, 1);
    ck_assert_uint_eq(job.worked, 1);
}
END_TEST

START_TEST(what_is_queued_is_worked_on_before_the_end)
{
    static struct test_job jobs[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        jobs[i] = quick_job(VALVE_JOB_DATA);
        submit(&jobs[i]);
    }
    ck_assert(valve_pool_free(pool, VALVE_NEVER));
    for (unsigned i = 0; i < MANY; i++)
        ck_assert_uint_eq(jobs[i].worked, 1);
    pool = NULL;
}
END_TEST

START_TEST(a_thread_that_is_stuck_is_not_waited_for)
{
    struct test_job stuck = stuck_job(VALVE_JOB_DATA);
    uint64_t deadline;

    submit(&stuck);
    tally_await(&arrived, 1);
    deadline = valve_deadline(50 * MILLISECOND);
    ck_assert(!valve_pool_free(pool, deadline));
    ck_assert_uint_ge(valve_deadline(0), deadline);
    ck_assert_uint_eq(stuck.delivered, 0);
    tally_add(&gate);
    await_delivered(1); /* and tear_down() ends the pool after all */
}
END_TEST

START_TEST(the_least_pool_serves_both_classes)
{
    struct valve_pool *least;
    struct test_job stuck = stuck_job(VALVE_JOB_DATA), quick = quick_job(VALVE_JOB_METADATA);

    ck_assert_int_eq(valve_pool_new(1, &least), 0);
    valve_pool_submit(least, &home, &stuck.job, VALVE_NEVER);
    tally_await(&arrived, 1);
    valve_pool_submit(least, &home, &quick.job, VALVE_NEVER);
    await_delivered(1);
    tally_add(&gate);
    ck_assert(valve_pool_free(least, VALVE_NEVER));
    ck_assert(valve_pool_free(NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("pool");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, jobs_come_back_to_their_home);
    tcase_add_test(tests, stuck_reads_leave_a_thread_for_metadata);
    tcase_add_test(tests, bulk_has_its_own_threads);
    tcase_add_test(tests, metadata_may_use_every_thread);
    tcase_add_test(tests, metadata_goes_before_data);
    tcase_add_test(tests, an_abandoned_job_is_not_begun);
    tcase_add_test(tests, a_job_past_its_deadline_is_not_begun);
    tcase_add_test(tests, a_job_that_nobody_wants_comes_back_without);
    tcase_add_test(tests, stats_tell_what_is_stuck);
    tcase_add_test(tests, a_job_is_released_by_a_thread_of_the_pool);
    tcase_add_test(tests, an_abandoned_job_is_released_when_it_has_come_back);
    tcase_add_test(tests, what_is_queued_is_worked_on_before_the_end);
    tcase_add_test(tests, a_thread_that_is_stuck_is_not_waited_for);
    tcase_add_test(tests, the_least_pool_serves_both_classes);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
