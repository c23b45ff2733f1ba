/* SPDX-License-Identifier: MIT */
/*
 * Tests of what lib/server does at its limits: timeouts of connections, requests in flight, fibers,
 * connections, and how fairly it shares what there is.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server.h"
#include "tests/server_fixture.h"

#define TICK MILLISECOND /* of the server's clock for the timeouts of connections */

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

/* Lets time pass: where the test is of time itself, and not of something that may be awaited. */
static void pass(int milliseconds)
{
    poll(NULL, 0, milliseconds);
}

static uint64_t since(uint64_t begin)
{
    return valve_deadline(0) - begin;
}

/* ---- Timeouts of connections -------------------------------------------------------------------------- */

START_TEST(an_idle_connection_is_closed)
{
    const uint64_t timeout = (_i == 1 ? 1000 : 100) * MILLISECOND;
    uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig.options.idle_timeout = timeout;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    if (_i == 1) { /* then the time begins anew */
        pass(100);
        begin = valve_deadline(0);
        peer_ping(&peer);
    }
    peer_expect_end(&peer);
    ck_assert_uint_ge(since(begin), timeout - TICK);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_connection_in_use_is_not_idle)
{
    const uint64_t begin = valve_deadline(0);
    struct peer peer, other;

    rig.options.idle_timeout = 300 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 800");
    other = peer_connect(rig.address);
    while (since(begin) < 750 * MILLISECOND) {
        peer_ping(&other);
        pass(5);
    }
    peer_expect_true(&peer, 1);
    peer_ping(&peer);
    peer_expect_end(&peer);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_request_that_does_not_end_is_not_waited_for)
{
    uint8_t bytes[64];
    const size_t size = request(bytes, 2, "Exists", "now", NO_TIMEOUT);
    uint64_t begin;
    struct peer peer;

    rig.options.request_timeout = 100 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ping(&peer);
    begin = valve_deadline(0);
    for (size_t i = 0; i + 1 < size; i++) { /* each byte may be late, all of them may not */
        if (send(peer.socket, bytes + i, 1, MSG_NOSIGNAL) < 0)
            break;
        pass(10);
    }
    peer_expect_end(&peer);
    ck_assert_uint_ge(since(begin), 100 * MILLISECOND - TICK);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 1);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* How often threads of this process have gone to sleep. */
static long sleeps(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_nvcsw;
}

/* What is in flight is still answered, and no timer rings again and again until it is. */
START_TEST(a_request_that_does_not_end_beside_another)
{
    long before;
    struct peer peer;

    rig.options.request_timeout = 20 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_send(&peer, "\x82", 1);
    tally_await(&rig.service.at_gate, 1);
    pass(100);
    before = sleeps();
    pass(300);
    ck_assert_int_lt(sleeps() - before, 50);
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_client_that_never_reads_is_closed)
{
    const uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig.options.send_timeout = 100 * MILLISECOND;
    rig.service.list.count = 100000;
    rig.service.list.name_size = 100;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    tally_await(&rig.logged, 1);
    ck_assert_uint_ge(since(begin), 100 * MILLISECOND - TICK);
    ck_assert(rig_has_logged(&rig, "takes none of its replies"));
    tally_await(&rig.service.canceled, 1);
    ck_assert_uint_gt(peer_expect_break(&peer), 0);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Slower than the server all the time, and for several times the send timeout. */
START_TEST(a_client_that_reads_slowly_is_not)
{
    static const struct {
        const char *method, *path;
    } replies[] = {{"Get", "whole 8000000"}, {"ListAll", NULL}};
    static uint8_t bytes[16384];
    size_t received = 0;
    struct peer peer;

    rig.options.send_timeout = 300 * MILLISECOND;
    rig.options.arena_limit = 10000000;
    rig.service.list.count = 8000;
    rig.service.list.name_size = 1000;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, replies[_i].method, replies[_i].path);
    while (received < 8000000) {
        ssize_t size = recv(peer.socket, bytes, sizeof bytes, 0);

        ck_assert_msg(size > 0, "it was closed after %zu bytes", received);
        received += (size_t)size;
        pass(5);
    }
    ck_assert_str_eq(rig.log, "");
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* A client that does not close after the server has is closed all the same. */
START_TEST(a_client_that_does_not_close_is_not_waited_for)
{
    struct peer peer;
    uint64_t begin;

    rig.options.max_connections = 1;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    begin = valve_deadline(0);
    peer_send(&peer, "\xff", 1);
    peer_expect_error(&peer, 0, "malformed");
    peer_expect_end(&peer);
    while (send(peer.socket, "more", 4, MSG_NOSIGNAL) == 4) /* is discarded */
        pass(10);
    ck_assert_uint_ge(since(begin), 900 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Requests in flight ------------------------------------------------------------------------------- */

START_TEST(more_in_flight_is_not_started)
{
    struct peer peer, other;

    rig.options.max_in_flight = 4;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 10; i++)
        peer_ask(&peer, i, "Exists", "gate");
    tally_await(&rig.service.begun, 4);
    for (unsigned i = 0; i < 20; i++)
        peer_ping(&other);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 4 + 20);
    tally_add(&rig.service.gate);
    for (uint32_t i = 1; i <= 10; i++)
        ck_assert_uint_le(peer_receive(&peer).id, 10);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 10 + 20);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

/* More reads than a worker may order are stuck: what needs metadata only still gets it. */
START_TEST(stuck_reads_leave_room_for_metadata)
{
    struct peer peer, other;

    rig.options.max_in_flight = 1500;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 1500; i++)
        peer_ask(&peer, i, "Exists", "gate");
    tally_await(&rig.service.begun, 1500);
    tally_await(&rig.service.at_gate, 3); /* threads that take such jobs */
    peer_ask(&other, 1, "Exists", "gate-metadata");
    tally_await(&rig.service.at_gate, 4);
    tally_add(&rig.service.gate);
    peer_expect_true(&other, 1);
    for (uint32_t i = 1; i <= 1500; i++)
        ck_assert_uint_eq(peer_receive(&peer).variant_size, strlen("Exists"));
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

/* ---- Fibers -------------------------------------------------------------------------------------------- */

/* One connection asks for all of them, and does not get the last. */
START_TEST(a_connection_without_a_fiber_gets_one)
{
    struct peer greedy, other;

    rig.options.max_fibers = 8;
    rig_start(&rig);
    greedy = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 20; i++)
        peer_ask(&greedy, i, "Exists", "gate");
    tally_await(&rig.service.begun, 4);
    peer_ping(&other);
    ck_assert_uint_le(tally_get(&rig.service.begun), 8);
    tally_add(&rig.service.gate);
    for (uint32_t i = 1; i <= 20; i++)
        ck_assert_uint_le(peer_receive(&greedy).id, 20);
    peer_close(&greedy);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

/* All fibers are held: one that waits is answered when one ends, or is told so in time. */
START_TEST(no_fiber_is_left)
{
    const bool patient = _i == 0;
    struct peer holders[2], waiting;
    uint64_t begin;

    rig.options.max_fibers = 2;
    if (!patient)
        rig.options.io_timeout = 100 * MILLISECOND;
    rig_start(&rig);
    for (unsigned i = 0; i < 2; i++) {
        holders[i] = peer_connect(rig.address);
        peer_ask(&holders[i], 1, "Exists", "sleep 0");
        tally_await(&rig.service.begun, i + 1);
    }
    waiting = peer_connect(rig.address);
    begin = valve_deadline(0);
    peer_ask(&waiting, 7, "Exists", "now");
    if (patient) {
        peer_close(&holders[0]);
        peer_expect_true(&waiting, 7);
    } else {
        peer_expect_error(&waiting, 7, "busy");
        ck_assert_uint_ge(since(begin), 100 * MILLISECOND - TICK);
        ck_assert_uint_eq(tally_get(&rig.service.begun), 2);
    }
    peer_close(&holders[0]);
    peer_ping(&waiting);
    peer_close(&holders[1]);
    peer_close(&waiting);
    rig_stop(&rig);
}
END_TEST

/* Neither does one that leaves while it waits take a fiber from those behind it. */
START_TEST(some_that_wait_for_a_fiber_leave)
{
    enum { WAITING = 10 };
    struct peer holder, waiting[WAITING];

    rig.options.max_fibers = 1;
    rig_start(&rig);
    holder = peer_connect(rig.address);
    peer_ask(&holder, 1, "Exists", "gate");
    tally_await(&rig.service.at_gate, 1);
    for (unsigned i = 0; i < WAITING; i++) {
        waiting[i] = peer_connect(rig.address);
        peer_ask(&waiting[i], 1, "Exists", "now");
    }
    for (unsigned i = 0; i < WAITING; i += 2)
        peer_close(&waiting[i]);
    tally_add(&rig.service.gate);
    peer_expect_true(&holder, 1);
    for (unsigned i = 1; i < WAITING; i += 2) {
        peer_expect_true(&waiting[i], 1);
        peer_close(&waiting[i]);
    }
    peer_close(&holder);
    rig_stop(&rig);
}
END_TEST

/* Many connections, few fibers, handlers that wait a little: nobody is forgotten. */
START_TEST(many_share_a_few_fibers)
{
    enum { PEERS = 20, ROUNDS = 5, DEPTH = 10 };
    struct peer peers[PEERS];

    rig.options.max_fibers = 3;
    rig_start(&rig);
    tally_add(&rig.service.gate);
    for (unsigned i = 0; i < PEERS; i++)
        peers[i] = peer_connect(rig.address);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t j = 1; j <= DEPTH; j++)
            for (unsigned i = 0; i < PEERS; i++)
                peer_ask(&peers[i], j, "Exists", (i + j) % 3 == 0 ? "now" : "gate");
        for (unsigned i = 0; i < PEERS; i++)
            for (uint32_t j = 1; j <= DEPTH; j++)
                ck_assert_uint_eq(peer_receive(&peers[i]).variant_size, strlen("Exists"));
    }
    for (unsigned i = 0; i < PEERS; i++)
        peer_close(&peers[i]);
    rig_stop(&rig);
}
END_TEST

/* ---- Connections --------------------------------------------------------------------------------------- */

START_TEST(more_connections_wait)
{
    struct peer first, second, third;

    rig.options.max_connections = 2;
    rig_start(&rig);
    first = peer_connect(rig.address);
    second = peer_connect(rig.address);
    peer_ping(&first);
    peer_ping(&second);
    third = peer_connect(rig.address);
    peer_ask(&third, 1, "Exists", "now");
    for (unsigned i = 0; i < 20; i++) {
        peer_ping(&first);
        peer_ping(&second);
    }
    ck_assert(peer_has_nothing(&third));
    peer_close(&first);
    peer_expect_true(&third, 1);
    peer_ping(&second);
    peer_close(&second);
    peer_close(&third);
    rig_stop(&rig);
}
END_TEST

/* Again and again at the limit: each that closes lets another in. */
START_TEST(connections_come_and_go_at_the_limit)
{
    enum { PEERS = 8 };
    struct peer peers[PEERS];

    rig.options.workers = 2;
    rig.options.max_connections = 2;
    rig_start(&rig);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < PEERS; i++) {
            peers[i] = peer_connect(rig.address);
            peer_ask(&peers[i], i + 1, "Exists", "now");
        }
        for (unsigned i = 0; i < PEERS; i++) {
            peer_expect_true(&peers[i], i + 1);
            peer_close(&peers[i]);
        }
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(workers_share_connections_evenly)
{
    enum { WORKERS = 3, PEERS = 12 };
    struct peer peers[PEERS];

    rig.options.workers = WORKERS;
    rig_start(&rig);
    for (unsigned i = 0; i < PEERS; i++)
        peers[i] = peer_connect(rig.address);
    for (unsigned i = 0; i < PEERS; i++)
        peer_ping(&peers[i]);
    ck_assert_uint_eq(rig.service.thread_count, PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        unsigned same = 0;

        for (unsigned j = 0; j < PEERS; j++)
            same += pthread_equal(rig.service.threads[i], rig.service.threads[j]) != 0;
        ck_assert_uint_eq(same, PEERS / WORKERS);
    }
    for (unsigned i = 0; i < PEERS; i++)
        peer_close(&peers[i]);
    rig_stop(&rig);
}
END_TEST

static void await_connections(struct valve_worker *worker, unsigned count)
{
    const uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);

    while (atomic_load(&worker->connections) != count) {
        ck_assert_uint_lt(valve_deadline(0), deadline);
        pass(1);
    }
}

/* The next one goes to the worker that has lost some, whoever's turn it would be. */
START_TEST(the_least_loaded_worker_is_chosen)
{
    struct peer peers[6];

    rig.options.workers = 2;
    rig_start(&rig);
    for (unsigned i = 0; i < 4; i++) {
        peers[i] = peer_connect(rig.address);
        peer_ping(&peers[i]);
    }
    for (unsigned i = 0; i < 4; i += 2) /* those of the first worker */
        peer_close(&peers[i]);
    await_connections(&rig.server->workers[0], 0);
    for (unsigned i = 4; i < 6; i++) {
        peers[i] = peer_connect(rig.address);
        peer_ping(&peers[i]);
    }
    for (unsigned i = 4; i < 6; i++)
        ck_assert(pthread_equal(rig.service.threads[i], rig.service.threads[0]));
    for (unsigned i = 1; i < 6; i++)
        if (i != 2)
            peer_close(&peers[i]);
    rig_stop(&rig);
}
END_TEST

/* Slots are used again by whatever connection has the descriptor next. */
START_TEST(ten_thousand_connections_one_after_another)
{
    rig.options.workers = 2;
    rig_start(&rig);
    for (unsigned i = 0; i < 10000 / (SANITIZED ? 10 : 1); i++) {
        struct peer peer = peer_connect(rig.address);

        peer_ask(&peer, 1, "Exists", "now");
        if (i % 4 != 0)
            peer_expect_true(&peer, 1);
        peer_close(&peer);
    }
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: limits");
    TCase *tests = tcase_create("limits");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, an_idle_connection_is_closed, 0, 2);
    tcase_add_test(tests, a_connection_in_use_is_not_idle);
    tcase_add_test(tests, a_request_that_does_not_end_is_not_waited_for);
    tcase_add_test(tests, a_request_that_does_not_end_beside_another);
    tcase_add_test(tests, a_client_that_never_reads_is_closed);
    tcase_add_loop_test(tests, a_client_that_reads_slowly_is_not, 0, 2);
    tcase_add_test(tests, a_client_that_does_not_close_is_not_waited_for);
    tcase_add_test(tests, more_in_flight_is_not_started);
    tcase_add_test(tests, stuck_reads_leave_room_for_metadata);
    tcase_add_test(tests, a_connection_without_a_fiber_gets_one);
    tcase_add_loop_test(tests, no_fiber_is_left, 0, 2);
    tcase_add_test(tests, some_that_wait_for_a_fiber_leave);
    tcase_add_test(tests, many_share_a_few_fibers);
    tcase_add_test(tests, more_connections_wait);
    tcase_add_test(tests, connections_come_and_go_at_the_limit);
    tcase_add_test(tests, workers_share_connections_evenly);
    tcase_add_test(tests, the_least_loaded_worker_is_chosen);
    tcase_add_test(tests, ten_thousand_connections_one_after_another);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
