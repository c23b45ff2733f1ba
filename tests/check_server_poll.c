/* SPDX-License-Identifier: MIT */
/*
 * Tests of handlers that wait for descriptors of their own.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/fiber.h"
#include "tests/order_fixture.h"

static struct rig rig;
static struct tally begun, ended; /* handlers */
static int ends[2]; /* a socket pair: the handlers have the first, the test the other */
static _Atomic int last_result;
static struct valve_fiber *last_to_wait;

/* ---- Handlers ---------------------------------------------------------------------------------------- */

static uint64_t deadline_in(uint64_t milliseconds)
{
    return milliseconds == 0 ? VALVE_NEVER : valve_deadline(milliseconds * MILLISECOND);
}

static struct valve_answer answer_for(struct valve_call *call, int result)
{
    last_result = result;
    tally_add(&ended);
    return result < 0 ? order_failed(call, result) : order_done(call, 0);
}

static struct valve_answer poll_for(struct valve_call *call, int descriptor, short events,
                                    uint64_t deadline)
{
    last_to_wait = valve_fiber_current();
    tally_add(&begun);
    return answer_for(call, valve_fiber_poll(descriptor, events, deadline));
}

/* "read MS", "write MS": until that is possible, or so long; 0: without end. */
static struct valve_answer wait_to_read(struct valve_call *call, const uint64_t *numbers)
{
    return poll_for(call, ends[0], POLLIN, deadline_in(numbers[0]));
}

static struct valve_answer wait_to_write(struct valve_call *call, const uint64_t *numbers)
{
    return poll_for(call, ends[0], POLLOUT, deadline_in(numbers[0]));
}

static struct valve_answer wait_for_both(struct valve_call *call, const uint64_t *numbers)
{
    return poll_for(call, ends[0], POLLIN | POLLOUT, deadline_in(numbers[0]));
}

/* "look": without waiting. */
static struct valve_answer look(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return poll_for(call, ends[0], POLLIN, 1);
}

/* "look-bad": the same where there is no descriptor. */
static struct valve_answer look_at_nothing(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return poll_for(call, 1000000, POLLIN, 1);
}

/* "mistakes": what cannot be waited for. */
static struct valve_answer make_mistakes(struct valve_call *call, const uint64_t *numbers)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    (void)numbers;
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(valve_fiber_poll(-1, POLLIN, VALVE_NEVER), -EBADF);
    ck_assert_int_eq(valve_fiber_poll(ends[0], 0, VALVE_NEVER), -EINVAL);
    ck_assert_int_eq(valve_fiber_poll(file, POLLIN, VALVE_NEVER), -EPERM);
    close(file);
    ck_assert_int_eq(valve_fiber_poll(file, POLLIN, VALVE_NEVER), -EBADF);
    return order_done(call, 0);
}

/* "own N": waits N times for descriptors of its own, each closed at once and its number used again. */
static struct valve_answer poll_and_close(struct valve_call *call, const uint64_t *numbers)
{
    int r = 0;

    tally_add(&begun);
    for (uint64_t i = 0; i < numbers[0] && r == 0; i++) {
        int own[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, own), 0);
        if (i % 2 == 0)
            ck_assert_int_eq(write(own[1], "", 1), 1);
        r = valve_fiber_poll(own[0], POLLIN,
                             valve_deadline(i % 2 == 0 ? SECOND : MILLISECOND / 10));
        if (i % 2 != 0 && r == -ETIMEDOUT)
            r = 0;
        close(own[0]);
        close(own[1]);
    }
    return answer_for(call, r);
}

/* "echo": sends back what it reads, until the other end is closed. */
static struct valve_answer echo(struct valve_call *call, const uint64_t *numbers)
{
    uint64_t echoed = 0;
    uint8_t bytes[2048];
    ssize_t size = 1;

    (void)numbers;
    while (size != 0) {
        size = recv(ends[0], bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0)
            ck_assert_int_eq(valve_fiber_poll(ends[0], POLLIN, VALVE_NEVER), 0);
        for (ssize_t sent = 0; sent < size;) {
            ssize_t r = send(ends[0], bytes + sent, (size_t)(size - sent), MSG_DONTWAIT);

            if (r < 0)
                ck_assert_int_eq(valve_fiber_poll(ends[0], POLLOUT, VALVE_NEVER), 0);
            else
                sent += r;
        }
        echoed += size > 0 ? (uint64_t)size : 0;
    }
    return order_done(call, echoed);
}

/* "wake": the one that began to wait last. */
static struct valve_answer wake_last(struct valve_call *call, const uint64_t *numbers)
{
    valve_fiber_wake(last_to_wait);
    return order_done(call, numbers[0]);
}

static const struct order orders[] = {
    {"both", wait_for_both},
    {"echo", echo},
    {"look", look},
    {"look-bad", look_at_nothing},
    {"mistakes", make_mistakes},
    {"own", poll_and_close},
    {"read", wait_to_read},
    {"wake", wake_last},
    {"write", wait_to_write},
    {NULL, NULL},
};

/* ---- Clients ----------------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    tally_init(&begun);
    tally_init(&ended);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_other_end(void)
{
    if (ends[1] >= 0)
        close(ends[1]);
    ends[1] = -1;
}

static void tear_down(void)
{
    close(ends[0]);
    close_other_end();
}

static void write_other_end(void)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void fill_own_end(void)
{
    static const char bytes[4096];

    while (send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

static void empty_other_end(void)
{
    static char bytes[65536];

    while (recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
}

/* ---- What is waited for ------------------------------------------------------------------------------ */

START_TEST(until_there_is_something_to_read)
{
    static const char *const asked[] = {"read", "read 100000"};
    struct peer peer = rig_ask(&rig, asked[_i]);

    tally_await(&begun, 1);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&ended), 0);
    write_other_end();
    peer_expect(&peer, 1, "Done");
    peer_order(&peer, 2, asked[_i]); /* it is still there */
    peer_expect(&peer, 2, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(until_there_is_room_to_write)
{
    struct peer peer;

    fill_own_end();
    peer = rig_ask(&rig, "write");
    tally_await(&begun, 1);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&ended), 0);
    empty_other_end();
    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(until_the_other_end_is_closed)
{
    static const char *const asked[] = {"read", "write", "both"};
    struct peer peer;

    fill_own_end();
    peer = rig_ask(&rig, asked[_i]);
    tally_await(&begun, 1);
    close_other_end();
    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(until_either_is_possible)
{
    struct peer peer = rig_ask(&rig, "both");

    peer_expect(&peer, 1, "Done");
    fill_own_end();
    peer_order(&peer, 2, "both");
    tally_await(&begun, 2);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&ended), 1);
    write_other_end();
    peer_expect(&peer, 2, "Done");
    rig_end(&rig, &peer);
}
END_TEST

/* Two that read, two that write: a wake for one kind is none for the other. */
START_TEST(several_wait_for_one_descriptor)
{
    struct peer peer;

    fill_own_end();
    peer = rig_ask(&rig, "read");
    peer_order(&peer, 2, "write");
    peer_order(&peer, 3, "read");
    peer_order(&peer, 4, "write");
    tally_await(&begun, 4);
    write_other_end();
    ck_assert_uint_eq(peer_receive(&peer).id % 2, 1);
    ck_assert_uint_eq(peer_receive(&peer).id % 2, 1);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&ended), 2);
    empty_other_end();
    ck_assert_uint_eq(peer_receive(&peer).id % 2, 0);
    ck_assert_uint_eq(peer_receive(&peer).id % 2, 0);
    rig_end(&rig, &peer);
}
END_TEST

/* As by another fiber that has changed what the descriptor is to be watched for. */
START_TEST(until_the_fiber_is_woken)
{
    struct peer peer = rig_ask(&rig, "read");

    tally_await(&begun, 1);
    peer_order(&peer, 2, "wake");
    peer_expect(&peer, 2, "Done");
    peer_expect(&peer, 1, "Done");
    write_other_end();
    peer_order(&peer, 3, "read");
    peer_expect(&peer, 3, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_megabyte_there_and_back)
{
    enum { SIZE = 1 << 20 };
    struct peer peer = rig_ask(&rig, "echo");
    size_t sent = 0, received = 0;

    while (received < SIZE) {
        uint8_t bytes[2000];
        struct pollfd ready = {.fd = ends[1], .events = POLLIN};
        ssize_t size;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = content_at(sent + i);
        size = SIZE - sent < sizeof bytes ? (ssize_t)(SIZE - sent) : (ssize_t)sizeof bytes;
        size = send(ends[1], bytes, (size_t)size, MSG_DONTWAIT);
        sent += size > 0 ? (size_t)size : 0;
        ck_assert_int_ge(poll(&ready, 1, PATIENCE_MS), 1);
        size = recv(ends[1], bytes, sizeof bytes, 0);
        ck_assert_int_gt(size, 0);
        for (ssize_t i = 0; i < size; i++)
            if (bytes[i] != content_at(received + (size_t)i))
                ck_abort_msg("another byte came back");
        received += (size_t)size;
    }
    shutdown(ends[1], SHUT_WR);
    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(many_at_once)
{
    enum { COUNT = 500 };
    struct peer peer;

    rig.options.max_in_flight = COUNT;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= COUNT; i++)
        peer_order(&peer, i, "read");
    tally_await(&begun, COUNT);
    write_other_end();
    for (uint32_t i = 1; i <= COUNT; i++)
        ck_assert_uint_eq(peer_receive(&peer).variant_size, strlen("Done"));
    rig_end(&rig, &peer);
}
END_TEST

/* ---- What ends a wait -------------------------------------------------------------------------------- */

START_TEST(a_deadline_ends_it)
{
    uint64_t begin = valve_deadline(0);
    struct peer peer = rig_ask(&rig, "read 50");

    peer_expect_error(&peer, 1, "timeout");
    ck_assert_int_eq(last_result, -ETIMEDOUT);
    ck_assert_uint_ge(valve_deadline(0) - begin, 50 * MILLISECOND);
    write_other_end(); /* nobody waits for it: no harm is done */
    peer_order_now(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_deadline_that_has_passed)
{
    struct peer peer = rig_ask(&rig, "look");

    peer_expect_error(&peer, 1, "timeout");
    write_other_end();
    peer_order(&peer, 2, "look");
    peer_expect(&peer, 2, "Done");
    peer_order(&peer, 3, "look-bad");
    peer_expect_error(&peer, 3, "io");
    ck_assert_int_eq(last_result, -EBADF);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_cancel_ends_it)
{
    struct peer peer = rig_ask(&rig, "read");

    tally_await(&begun, 1);
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    ck_assert_int_eq(last_result, -ECANCELED);
    write_other_end();
    peer_order_now(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(the_timeout_of_the_call_ends_it)
{
    static const char *const asked[] = {"read", "read 100000"};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order_within(&peer, 1, asked[_i], 50);
    peer_expect_error(&peer, 1, "timeout");
    ck_assert_int_eq(last_result, -ETIMEDOUT);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_client_that_is_gone_ends_it)
{
    struct peer peer = rig_ask(&rig, "read"), other = peer_connect(rig.address);

    tally_await(&begun, 1);
    peer_close(&peer);
    tally_await(&ended, 1);
    ck_assert_int_eq(last_result, -ECANCELED);
    rig_end(&rig, &other);
}
END_TEST

START_TEST(a_stop_cuts_it)
{
    struct peer peer;

    rig.options.drain_timeout = 100 * MILLISECOND;
    peer = rig_ask(&rig, "read");
    tally_await(&begun, 1);
    valve_server_stop(rig.server);
    tally_await(&ended, 1);
    ck_assert_int_eq(last_result, -ECANCELED);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), -ETIMEDOUT);
}
END_TEST

/* ---- Descriptors that come and go -------------------------------------------------------------------- */

START_TEST(a_descriptor_may_be_closed_after_the_wait)
{
    enum { CALLS = 20 };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= CALLS; i++)
        peer_order(&peer, i, "own 100");
    for (uint32_t i = 1; i <= CALLS; i++) {
        struct item item = peer_receive(&peer);

        ck_assert_msg(item.variant_size == strlen("Done"), "%d", last_result);
    }
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(what_cannot_be_waited_for)
{
    struct peer peer = rig_ask(&rig, "mistakes");

    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: poll");
    TCase *tests = tcase_create("poll");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, until_there_is_something_to_read, 0, 2);
    tcase_add_test(tests, until_there_is_room_to_write);
    tcase_add_loop_test(tests, until_the_other_end_is_closed, 0, 3);
    tcase_add_test(tests, until_either_is_possible);
    tcase_add_test(tests, several_wait_for_one_descriptor);
    tcase_add_test(tests, until_the_fiber_is_woken);
    tcase_add_test(tests, a_megabyte_there_and_back);
    tcase_add_test(tests, many_at_once);
    tcase_add_test(tests, a_deadline_ends_it);
    tcase_add_test(tests, a_deadline_that_has_passed);
    tcase_add_test(tests, a_cancel_ends_it);
    tcase_add_loop_test(tests, the_timeout_of_the_call_ends_it, 0, 2);
    tcase_add_test(tests, a_client_that_is_gone_ends_it);
    tcase_add_test(tests, a_stop_cuts_it);
    tcase_add_test(tests, a_descriptor_may_be_closed_after_the_wait);
    tcase_add_test(tests, what_cannot_be_waited_for);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
