/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/server: how requests arrive, how handlers wait, and what ends their waits.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/server_fixture.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

/* ---- Input ------------------------------------------------------------------------------------------- */

START_TEST(requests_one_byte_at_a_time)
{
    uint8_t requests[20 * 64];
    size_t size = 0;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 20; i++)
        size += request(requests + size, i, "Exists", "now", NO_TIMEOUT);
    for (size_t i = 0; i < size; i++)
        peer_send(&peer, requests + i, 1);
    for (uint32_t i = 1; i <= 20; i++)
        peer_expect_true(&peer, i);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* More than is started in a turn, beside another client that sends without end, too. */
START_TEST(many_requests_at_once)
{
    enum { COUNT = 20000 };
    uint8_t *requests = malloc(COUNT * 32);
    size_t size = 0, sent = 0;
    struct peer peer, other;

    ck_assert_ptr_nonnull(requests);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= COUNT; i++)
        size += request(requests + size, i, "Exists", "now", NO_TIMEOUT);
    for (uint32_t i = 1; i <= COUNT; i++) {
        ssize_t r = send(peer.socket, requests + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (r > 0)
            sent += (size_t)r;
        if (i % 1000 == 0)
            peer_ping(&other);
        peer_expect_true(&peer, i);
    }
    ck_assert_uint_eq(sent, size);
    free(requests);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_client_that_has_no_more_to_ask)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "now");
    peer_send(&peer, "\x82\x03", 2); /* of a third: gets no reply */
    ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
    peer_expect_true(&peer, 2);
    tally_await(&rig.service.at_gate, 1);
    ck_assert(peer_has_nothing(&peer));
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Errors that close the connection come after the answers to all that was asked before. */
START_TEST(the_last_word)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint32_t id;
        const char *code;
    } words[] = {
        {"\xff", 1, 0, "malformed"},
        {"\x82\x05\xa1\x63Get\xf8\x00", 9, 0, "malformed"},
        {"\x82\x05\x9a\xff\xff\xff\xff", 7, 0, "too-large"},
        {"\x82\x05\x59\x40\x00", 5, 0, "too-large"},
        {"\x82\x05\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81", 18, 5,
         "bad-request"},
    };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "now");
    peer_send(&peer, words[_i].bytes, words[_i].size);
    peer_ask(&peer, 3, "Exists", "now"); /* is not looked at */
    peer_expect_true(&peer, 2);
    tally_await(&rig.service.at_gate, 1);
    ck_assert(peer_has_nothing(&peer));
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_error(&peer, words[_i].id, words[_i].code);
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(bad_requests_leave_the_connection_open)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_send(&peer, "\x80", 1);
    peer_expect_error(&peer, 0, "bad-request");
    peer_send(&peer, "\x82\x00\xf6", 3); /* id 0 */
    peer_expect_error(&peer, 0, "bad-request");
    peer_send(&peer, "\x82\x07\x63Get", 6); /* a payload is missing */
    peer_expect_error(&peer, 7, "bad-request");
    peer_send(&peer, "\x83\x08\xf6\xa0", 4); /* something behind the nil of a cancel */
    peer_expect_error(&peer, 8, "bad-request");
    peer_ping(&peer);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 1);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_request_that_takes_more_memory_than_it_may)
{
    struct peer peer;

    rig.options.arena_limit = 4096;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Get", "whole 5000");
    peer_expect_error(&peer, 1, "busy");
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Waits, and what ends them ------------------------------------------------------------------------ */

START_TEST(handlers_wait)
{
    static const char *const orders[] = {"gate", "gate-metadata", "sleep 30"};
    const uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    tally_await(&rig.service.begun, 1);
    peer_ping(&peer); /* others do not */
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    if (_i == 2)
        ck_assert_uint_ge(valve_deadline(0) - begin, 30 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.released), _i == 2 ? 0 : 1);
}
END_TEST

START_TEST(a_cancel_reaches_its_handlers)
{
    static const char *const orders[] = {"gate", "sleep 0"};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    peer_ask(&peer, 2, "Exists", orders[_i]);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    tally_await(&rig.service.begun, 3);
    peer_cancel(&peer, 3); /* is not in flight */
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    peer_expect_error(&peer, 1, "cancelled");
    peer_ping(&peer);
    ck_assert_uint_eq(tally_get(&rig.service.canceled), 2);
    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    peer_cancel(&peer, 2); /* is answered already */
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Cancels need neither a fiber nor room in flight: else what is stuck could not be given up. */
START_TEST(a_cancel_is_heard_when_no_request_would_be)
{
    struct peer peer;

    rig.options.max_in_flight = 2;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 0");
    peer_ask(&peer, 2, "Exists", "sleep 0");
    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* It has not been read before, and then reaches the request that it stands behind, too. */
START_TEST(a_cancel_behind_a_request_that_waits_is_heard_after_it)
{
    struct peer peer;

    rig.options.max_in_flight = 2;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "sleep 0");
    peer_ask(&peer, 2, "Exists", "sleep 0");
    peer_cancel(&peer, 2);
    tally_await(&rig.service.at_gate, 1);
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_error(&peer, 2, "cancelled");
    peer_expect_error(&peer, 2, "cancelled");
    ck_assert_uint_eq(tally_get(&rig.service.canceled), 2);
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Who cannot be heard can still leave, or end its input and have its answers. */
START_TEST(a_client_with_a_request_that_waits_leaves)
{
    const struct linger at_once = {.l_onoff = 1};
    struct peer peer, other;

    rig.options.max_in_flight = 2;
    rig.is_tcp = true;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t id = 1; id <= 3; id++)
        peer_ask(&peer, id, "Exists", id < 3 ? "gate" : "now");
    tally_await(&rig.service.at_gate, 2);
    if (_i == 0) {
        setsockopt(peer.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        peer_close(&peer);
        tally_await(&rig.service.canceled, 2);
        tally_add(&rig.service.gate);
    } else {
        ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
        peer_ping(&other);
        ck_assert_uint_eq(tally_get(&rig.service.begun), 3); /* with the other's */
        tally_add(&rig.service.gate);
        for (uint32_t id = 1; id <= 3; id++)
            peer_receive(&peer);
        peer_expect_end(&peer);
        peer_close(&peer);
        ck_assert_uint_eq(tally_get(&rig.service.canceled), 0);
    }
    peer_ping(&other);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_timeout_of_a_request)
{
    static const char *const orders[] = {"gate", "sleep 0"};
    static const uint64_t timeouts[] = {0, 0, 50, 50};
    uint64_t begin;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask_within(&peer, 1, "Exists", "now", 0); /* at hand: is answered */
    peer_expect_true(&peer, 1);
    begin = valve_deadline(0);
    peer_ask_within(&peer, 2, "Exists", orders[_i % 2], timeouts[_i]);
    peer_expect_error(&peer, 2, "timeout");
    ck_assert_uint_ge(valve_deadline(0) - begin, timeouts[_i] * MILLISECOND);
    peer_ask_within(&peer, 3, "Exists", "sleep 1", UINT64_MAX - 1);
    peer_expect_true(&peer, 3);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_timeout_of_a_job)
{
    const uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig.options.io_timeout = 50 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_expect_error(&peer, 1, "timeout");
    ck_assert_uint_ge(valve_deadline(0) - begin, 50 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.released), 1);
}
END_TEST

/* Five that are stuck in the pool, three of them begun, and the memory of none is lost. */
START_TEST(a_client_that_is_gone)
{
    struct peer peer, other;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 5; i++)
        peer_ask(&peer, i, "Exists", "gate");
    tally_await(&rig.service.at_gate, 3);
    tally_await(&rig.service.begun, 5);
    if (_i == 1) { /* half-closed before */
        ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
        peer_ping(&other);
    }
    peer_close(&peer);
    tally_await(&rig.service.canceled, 5);
    peer_ping(&other);
    tally_add(&rig.service.gate);
    tally_await(&rig.service.released, 5);
    peer_close(&other);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.at_gate), 3);
}
END_TEST

START_TEST(a_handler_without_an_answer)
{
    struct peer peer, other;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    peer_ask(&peer, 1, "Del", "forget");
    peer_expect_end(&peer);
    ck_assert(rig_has_logged(&rig, "returned without its answer"));
    peer_ping(&other);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: requests");
    TCase *tests = tcase_create("requests");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, requests_one_byte_at_a_time);
    tcase_add_test(tests, many_requests_at_once);
    tcase_add_test(tests, a_client_that_has_no_more_to_ask);
    tcase_add_loop_test(tests, the_last_word, 0, 5);
    tcase_add_test(tests, bad_requests_leave_the_connection_open);
    tcase_add_test(tests, a_request_that_takes_more_memory_than_it_may);
    tcase_add_loop_test(tests, handlers_wait, 0, 3);
    tcase_add_loop_test(tests, a_cancel_reaches_its_handlers, 0, 2);
    tcase_add_test(tests, a_cancel_is_heard_when_no_request_would_be);
    tcase_add_test(tests, a_cancel_behind_a_request_that_waits_is_heard_after_it);
    tcase_add_loop_test(tests, a_client_with_a_request_that_waits_leaves, 0, 2);
    tcase_add_loop_test(tests, the_timeout_of_a_request, 0, 4);
    tcase_add_test(tests, the_timeout_of_a_job);
    tcase_add_loop_test(tests, a_client_that_is_gone, 0, 2);
    tcase_add_test(tests, a_handler_without_an_answer);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
