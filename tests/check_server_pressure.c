/* SPDX-License-Identifier: MIT */
/*
 * Tests of how far a stream's handler gets ahead of its client, and of what reaches it in the middle:
 * a cancel, the timeout, the end of the client or of the server.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/stream_fixture.h"

#define MEBIBYTE ((size_t)1 << 20)

/* What a handler may be ahead of its client by: its output, and what the socket takes. */
#define AHEAD MEBIBYTE

static struct rig rig;

/* "busy MS": an item, work without a wait for so long, and another. */
static struct valve_answer work_between(struct valve_call *call, const uint64_t *numbers)
{
    uint64_t number = 1;
    uint64_t until = valve_deadline(numbers[0] * MILLISECOND);
    int r = valve_reply_item(call, &order_number_type, &number);

    while (valve_deadline(0) < until)
        continue;
    if (r == 0)
        r = valve_reply_item(call, &order_number_type, &number);
    return stream_end(call, r, 0);
}

static const struct order orders[] = {
    STREAM_ORDERS,
    {"busy", work_between},
    {NULL, NULL},
};

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    streams_init();
}

/* ---- Backpressure ------------------------------------------------------------------------------------ */

START_TEST(a_handler_waits_for_its_client)
{
    static const char *const asked[] = {"endless", "texts 1000000 100000", "texts 1000000 1000000"};
    static const size_t least[] = {4, 100009, 1000009};
    struct peer peer = rig_ask(&rig, asked[_i]), other = peer_connect(rig.address);
    uint64_t before = streams_await_pause(&other);

    ck_assert_uint_le((before - 1) * least[_i], AHEAD);
    for (unsigned i = 0; i < 5; i++)
        ck_assert(peer_receive(&peer).is_streamed);
    ck_assert_uint_eq(tally_get(&streams.ended), 0);
    peer_close(&peer);
    tally_await(&streams.ended, 1);
    ck_assert_int_eq(streams.result, -ECANCELED);
    rig_end(&rig, &other);
}
END_TEST

/* Without stdio, whose buffers would be part of what is measured. */
static size_t resident(void)
{
    char text[64] = "", *pages;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (file < 0 || read(file, text, sizeof text - 1) <= 0 || (pages = strchr(text, ' ')) == NULL)
        ck_abort_msg("what is resident cannot be read");
    close(file);
    return strtoul(pages, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void pass(unsigned milliseconds)
{
    const struct timespec wait = {.tv_nsec = (long)(milliseconds * MILLISECOND)};

    nanosleep(&wait, NULL);
}

/* Receives items `from` to `to`, slowly. Returns the most that the server grew above `before`. */
static size_t read_slowly(struct peer *peer, uint64_t from, uint64_t to, size_t before)
{
    size_t most = before;

    for (uint64_t i = from; i <= to; i++) {
        peer_expect_number(peer, 1, i);
        if (i % 1000 != 0)
            continue;
        if ((streams.items - i) * 4 > AHEAD)
            ck_abort_msg("the handler is too far ahead");
        pass(1);
        if (resident() > most)
            most = resident();
    }
    return most - before;
}

START_TEST(a_million_items_to_a_slow_client)
{
    const uint64_t items = getenv("VALVE_TEST_SMALL") != NULL ? 100000 : 1000000;
    struct peer peer = rig_ask(&rig, "count 50000");
    char order[64];
    size_t growth;

    read_slowly(&peer, 1, 50000, 0); /* until all is warm */
    peer_expect(&peer, 1, "Done");
    streams.items = 0;
    snprintf(order, sizeof order, "count %llu", (unsigned long long)items);
    peer_order(&peer, 1, order);
    growth = read_slowly(&peer, 1, items, resident());
    peer_expect(&peer, 1, "Done");
    printf("%llu items: %zu KiB grown\n", (unsigned long long)items, growth / 1024);
    ck_assert_uint_lt(growth, SANITIZED ? 4 * MEBIBYTE : MEBIBYTE); /* shadows are memory, too */
    rig_end(&rig, &peer);
}
END_TEST

/* ---- The end in the middle --------------------------------------------------------------------------- */

/* Half-way a cancel, while the handler waits for its client: the time until the handler ends. */
static uint64_t cancel_half_way(struct peer *peer)
{
    const unsigned before = tally_get(&streams.ended);
    uint64_t sent_at;

    streams.items = 0;
    peer_order(peer, 1, "count 1000000");
    read_slowly(peer, 1, 20000, 0);
    sent_at = valve_deadline(0);
    peer_cancel(peer, 1);
    tally_await(&streams.ended, before + 1);
    ck_assert_int_eq(streams.result, -ECANCELED);
    peer_expect_refusal(peer, 1, "cancelled");
    return streams.ended_at - sent_at;
}

/* The best of some, since the machine may be busy with other things. */
START_TEST(a_cancel_ends_the_handler_at_once)
{
    uint64_t best = UINT64_MAX;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t took = cancel_half_way(&peer);

        printf("a handler ended %llu us after the cancel\n", (unsigned long long)took / 1000);
        if (took < best)
            best = took;
    }
    ck_assert_uint_lt(best, 10 * MILLISECOND);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(the_next_item_tells_of_a_cancel)
{
    struct peer peer = rig_ask(&rig, "pause");

    peer_expect_number(&peer, 1, 1);
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    ck_assert_int_eq(streams.result, -ECANCELED);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(the_next_item_tells_of_the_timeout)
{
    static const char *const asked[] = {"pause", "busy 100"};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order_within(&peer, 1, asked[_i], 50);
    peer_expect_number(&peer, 1, 1);
    peer_expect_error(&peer, 1, "timeout");
    ck_assert_int_eq(streams.result, -ETIMEDOUT);
    rig_end(&rig, &peer);
}
END_TEST

/* While the client reads, and while it does not. */
START_TEST(the_timeout_is_that_of_the_whole_stream)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order_within(&peer, 1, "endless", 100);
    if (_i == 1)
        tally_await(&streams.ended, 1);
    peer_expect_refusal(&peer, 1, "timeout");
    ck_assert_int_eq(streams.result, -ETIMEDOUT);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_client_that_has_no_more_to_ask_gets_its_stream)
{
    struct peer peer = rig_ask(&rig, "count 100000");

    ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        peer_expect_number(&peer, 1, i);
    peer_expect(&peer, 1, "Done");
    peer_expect_end(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_stop_drains_a_stream)
{
    struct peer peer = rig_ask(&rig, "count 100000");

    peer_expect_number(&peer, 1, 1);
    valve_server_stop(rig.server);
    for (uint64_t i = 2; i <= 100000; i++)
        peer_expect_number(&peer, 1, i);
    peer_expect(&peer, 1, "Done");
    peer_expect_end(&peer);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), 0);
}
END_TEST

START_TEST(a_stop_cuts_a_stream_that_does_not_end)
{
    struct peer peer;

    rig.options.drain_timeout = 100 * MILLISECOND;
    peer = rig_ask(&rig, "endless");
    tally_await(&streams.begun, 1);
    valve_server_stop(rig.server);
    tally_await(&streams.ended, 1);
    ck_assert_int_eq(streams.result, -ECANCELED);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), -ETIMEDOUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: pressure");
    TCase *tests = tcase_create("pressure");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_handler_waits_for_its_client, 0, 3);
    tcase_add_test(tests, a_million_items_to_a_slow_client);
    tcase_add_test(tests, a_cancel_ends_the_handler_at_once);
    tcase_add_test(tests, the_next_item_tells_of_a_cancel);
    tcase_add_loop_test(tests, the_next_item_tells_of_the_timeout, 0, 2);
    tcase_add_loop_test(tests, the_timeout_is_that_of_the_whole_stream, 0, 2);
    tcase_add_test(tests, a_client_that_has_no_more_to_ask_gets_its_stream);
    tcase_add_test(tests, a_stop_drains_a_stream);
    tcase_add_test(tests, a_stop_cuts_a_stream_that_does_not_end);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
