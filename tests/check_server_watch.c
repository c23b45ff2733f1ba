/* SPDX-License-Identifier: MIT */
/*
 * Tests of what a service may keep for each worker: which worker and batch a call is of, descriptors
 * that workers look at, jobs that no call has ordered.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/order_fixture.h"

#define WORKERS 2

static struct rig rig;

/* What one worker looks at. */
static struct outlook {
    int ends[2]; /* a pipe */
    unsigned worker;
    struct tally called;
    _Atomic pthread_t thread; /* that was called last */
} outlooks[WORKERS];

static struct tally released;
static _Atomic pthread_t released_by;

/* ---- Handlers -------------------------------------------------------------------------------- */

/* "worker": Done with its number, once that was seen to be the thread of its outlook. */
static struct valve_answer tell_worker(struct valve_call *call, const uint64_t *numbers)
{
    unsigned worker = valve_call_worker(call);

    (void)numbers;
    ck_assert_uint_lt(worker, WORKERS);
    if (tally_get(&outlooks[worker].called) > 0)
        ck_assert(pthread_equal(outlooks[worker].thread, pthread_self()));
    return order_done(call, worker);
}

/* "batch": Done with its number. */
static struct valve_answer tell_batch(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return order_done(call, valve_call_batch(call));
}

static void do_nothing(struct valve_job *job)
{
    (void)job;
}

static void release(struct valve_job *job)
{
    released_by = pthread_self();
    free(job);
    tally_add(&released);
}

static const struct order orders[] = {{"worker", tell_worker}, {"batch", tell_batch}, {NULL, NULL}};

/* On the worker's thread: has the pool release a job. */
static void on_ready(void *context)
{
    struct outlook *outlook = context;
    struct valve_job *job = calloc(1, sizeof *job);
    char byte;

    ck_assert_int_eq(read(outlook->ends[0], &byte, 1), 1);
    ck_assert_ptr_nonnull(job);
    job->work = do_nothing;
    job->release = release;
    job->kind = VALVE_JOB_METADATA;
    outlook->thread = pthread_self();
    valve_server_discard(rig.server, outlook->worker, job);
    tally_add(&outlook->called);
}

/* ---- The tests ------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    rig.options.workers = WORKERS;
    tally_init(&released);
    rig_listen(&rig);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct outlook *outlook = &outlooks[i];

        outlook->worker = i;
        tally_init(&outlook->called);
        ck_assert_int_eq(pipe2(outlook->ends, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(valve_server_watch(rig.server, i, outlook->ends[0], on_ready, outlook), 0);
    }
}

static void tear_down(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        close(outlooks[i].ends[0]);
        close(outlooks[i].ends[1]);
    }
}

static void make_ready(unsigned worker)
{
    ck_assert_int_eq(write(outlooks[worker].ends[1], "x", 1), 1);
}

START_TEST(each_worker_looks_at_its_own)
{
    struct peer peers[2 * WORKERS];

    make_ready(0); /* before it runs, too */
    rig_run(&rig);
    tally_await(&outlooks[0].called, 1);
    make_ready(1);
    tally_await(&outlooks[1].called, 1);
    make_ready(0);
    tally_await(&outlooks[0].called, 2);
    ck_assert(!pthread_equal(outlooks[0].thread, outlooks[1].thread));
    tally_await(&released, 3);
    ck_assert(!pthread_equal(released_by, outlooks[0].thread));
    ck_assert(!pthread_equal(released_by, outlooks[1].thread));
    for (unsigned i = 0; i < 2 * WORKERS; i++) {
        peers[i] = peer_connect(rig.address);
        peer_order(&peers[i], 1, "worker");
        ck_assert_uint_eq(peer_receive(&peers[i]).id, 1);
    }
    for (unsigned i = 0; i < 2 * WORKERS; i++)
        peer_close(&peers[i]);
    rig_stop(&rig);
}
END_TEST

/* The number that is Done. */
static uint64_t receive_batch(struct peer *peer, uint32_t id)
{
    struct item item = peer_receive(peer);

    ck_assert_uint_eq(item.id, id);
    ck_assert_uint_eq(item.payload_size, 1);
    ck_assert_uint_lt(item.payload[0], 24); /* a small number is its own head */
    return item.payload[0];
}

START_TEST(what_is_read_together_is_one_batch)
{
    static const char both[] = "\x82\x01\xa1\x62"
                               "Do"
                               "\x65"
                               "batch"
                               "\x82\x02\xa1\x62"
                               "Do"
                               "\x65"
                               "batch";
    struct peer peer;
    uint64_t first;

    rig_run(&rig);
    peer = peer_connect(rig.address);
    peer_send(&peer, both, sizeof both - 1);
    first = receive_batch(&peer, 1);
    ck_assert_uint_ge(first, 1);
    ck_assert_uint_eq(receive_batch(&peer, 2), first);
    peer_order(&peer, 3, "batch");
    ck_assert_uint_gt(receive_batch(&peer, 3), first);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(what_cannot_be_watched)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(valve_server_watch(rig.server, 0, file, on_ready, NULL), -EPERM);
    close(file);
    rig_run(&rig);
    rig_stop(&rig);
}
END_TEST

static Suite *server_watch_suite(void)
{
    Suite *suite = suite_create("server_watch");
    TCase *tcase = tcase_create("server_watch");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, each_worker_looks_at_its_own);
    tcase_add_test(tcase, what_is_read_together_is_one_batch);
    tcase_add_test(tcase, what_cannot_be_watched);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(server_watch_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
