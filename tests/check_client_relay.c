/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client in handlers: streams that pass through a second server, and one-way requests
 * to it. Both servers know the same orders.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/head.h"
#include "tests/chain_fixture.h"

static struct tally counting, counted; /* handlers of "count" that have begun, and ended */
static struct tally noted;
static _Atomic unsigned sent; /* items, by the back server */

/* ---- The back server ------------------------------------------------------------------------- */

/* "count N": items 1 to N; N is 0: without end. */
static struct valve_answer count(struct valve_call *call, const uint64_t *numbers)
{
    int r = 0;

    tally_add(&counting);
    for (uint64_t i = 1; r == 0 && (numbers[0] == 0 || i <= numbers[0]); i++) {
        r = valve_reply_item(call, &order_number_type, &i);
        sent += r == 0;
    }
    tally_add(&counted);
    return r < 0 ? order_failed(call, r) : order_done(call, numbers[0]);
}

/* "note": one-way. */
static struct valve_answer note(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    tally_add(&noted);
    return valve_reply_none(call);
}

/* ---- The front server ------------------------------------------------------------------------ */

/* The order as the service has it: {"Do" => tstr}. */
static const struct valve_type *request_type(void)
{
    static struct valve_service service;

    service = order_service(NULL);
    return service.request;
}

static int start_order(const char *order, struct valve_pending *pending)
{
    struct valve_text text = valve_text(order);

    return valve_client_start(shared, request_type(), 0, &text, &order_number_type,
                              &order_reply_type, NULL, pending);
}

/* Passes the items of a call on. 0 with the number of its answer, or a negative errno. */
static int pass_on(struct valve_call *call, struct valve_pending *pending, uint64_t *ret_number)
{
    union {
        uint64_t number;
        struct valve_text text;
    } payload;
    unsigned arm = VALVE_ARM_ITEM;
    uint64_t size;
    int r = 0;

    while (r == 0 && arm == VALVE_ARM_ITEM) {
        r = valve_client_wait(shared, pending, VALVE_NEVER);
        if (r == 0)
            r = valve_client_receive(shared, pending, valve_call_arena(call), VALVE_NEVER, &arm,
                                     &payload, &size);
        if (r == 0 && arm == VALVE_ARM_ITEM)
            r = valve_reply_item(call, &order_number_type, &payload.number);
    }
    if (r == 0 && arm != ORDER_DONE)
        r = -EIO;
    if (r == 0)
        *ret_number = payload.number;
    return r;
}

/* "relay N": the back server's "count N". */
static int relay(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    struct valve_pending pending;
    char order[32];
    int r;

    snprintf(order, sizeof order, "count %u", (unsigned)numbers[0]);
    r = start_order(order, &pending);
    if (r < 0)
        return r;
    r = pass_on(call, &pending, ret_number);
    if (r < 0)
        valve_client_forget(shared, &pending);
    return r;
}

static int send_orders(const char *order, uint64_t count_of_them)
{
    struct valve_text text = valve_text(order);
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < count_of_them; i++)
        r = valve_client_send(shared, request_type(), 0, &text, NULL);
    return r;
}

/* "tell N M": sends N notes, and M orders that are refused; how many have been so far. */
static int tell(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    struct valve_pending pending;
    int r = send_orders("note", numbers[0]);

    if (r == 0)
        r = send_orders("nonsense", numbers[1]);
    if (r == 0)
        r = start_order("now", &pending);
    if (r < 0)
        return r;
    r = pass_on(call, &pending, ret_number);
    if (r < 0)
        valve_client_forget(shared, &pending);
    *ret_number = valve_client_refused(shared, NULL);
    return r;
}

CHAIN_ORDER(do_relay, relay)
CHAIN_ORDER(do_tell, tell)

static const struct order orders[] = {
    {"count", count}, {"note", note}, {"relay", do_relay}, {"tell", do_tell}, {NULL, NULL},
};

static void set_up(void)
{
    rig_init_orders(&back, orders);
    rig_init_orders(&front, orders);
    tally_init(&counting);
    tally_init(&counted);
    tally_init(&noted);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static uint64_t number_of(const struct item *item)
{
    struct valve_head head;

    ck_assert_int_eq(valve_head_read(item->payload, item->payload_size, &head), 0);
    return head.argument;
}

START_TEST(a_stream_passes_through)
{
    enum { ITEMS = 20000 };
    struct peer peer = chain_start();

    chain_order(&peer, 1, "relay", ITEMS);
    for (uint64_t i = 1; i <= ITEMS; i++) {
        struct item item = peer_receive(&peer);

        ck_assert(item.is_streamed);
        ck_assert_uint_eq(number_of(&item), i);
    }
    peer_expect_done(&peer, 1, ITEMS);
    chain_stop(&peer);
}
END_TEST

START_TEST(streams_share_a_connection)
{
    enum { STREAMS = 20, ITEMS = 500 };
    struct peer peer = chain_start();
    uint64_t seen[STREAMS + 1] = {0}, done = 0;

    for (uint32_t id = 1; id <= STREAMS; id++)
        chain_order(&peer, id, "relay", ITEMS);
    while (done < STREAMS) {
        struct item item = peer_receive(&peer);

        ck_assert_uint_le(item.id, STREAMS);
        if (item.is_streamed) {
            ck_assert_uint_eq(number_of(&item), ++seen[item.id]);
        } else {
            ck_assert_uint_eq(number_of(&item), ITEMS);
            ck_assert_uint_eq(seen[item.id], ITEMS);
            done++;
        }
    }
    ck_assert_uint_eq(shared_connects, 1);
    chain_stop(&peer);
}
END_TEST

/* By a cancel, by a client that is gone, and by the time the client allows. */
START_TEST(an_endless_stream_ends_at_its_source)
{
    struct peer peer = chain_start(), other = peer_connect(front.address);

    if (_i == 2)
        peer_order_within(&peer, 1, "relay 0", 100);
    else
        chain_order(&peer, 1, "relay", 0);
    for (unsigned i = 0; i < 100; i++)
        ck_assert(peer_receive(&peer).is_streamed);
    if (_i == 0)
        peer_cancel(&peer, 1);
    if (_i == 1)
        peer_close(&peer);
    while (_i != 1 && peer_receive(&peer).is_streamed)
        continue;
    tally_await(&counted, 1);
    chain_order(&other, 1, "relay", 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(peer_receive(&other).is_streamed);
    peer_expect_done(&other, 1, 3);
    if (_i != 1)
        peer_close(&peer);
    chain_stop(&other);
}
END_TEST

/* Nobody reads at the far end: the source is stopped by what lies between, which is bounded. */
START_TEST(a_stream_that_is_not_read_stops_its_source)
{
    struct peer peer = chain_start(), other = peer_connect(back.address);
    unsigned before;

    chain_order(&peer, 1, "relay", 0);
    tally_await(&counting, 1);
    do {
        before = sent;
        peer_order_now(&other);
        peer_order_now(&other);
    } while (sent > before || before == 0);
    ck_assert_uint_lt(sent, 1000000);
    for (unsigned i = 0; i < 2 * before; i++)
        ck_assert(peer_receive(&peer).is_streamed);
    ck_assert_uint_gt(sent, before);
    peer_close(&peer);
    tally_await(&counted, 1);
    peer_close(&other);
    peer = peer_connect(front.address);
    chain_stop(&peer);
}
END_TEST

START_TEST(one_way_requests_are_sent_by_handlers)
{
    struct peer peer = chain_start();

    peer_order(&peer, 1, "tell 1000 3");
    peer_expect(&peer, 1, "Done");
    tally_await(&noted, 1000);
    peer_order(&peer, 2, "tell 0 2"); /* by then those of the first have come */
    peer_expect(&peer, 2, "Done");
    peer_order(&peer, 3, "tell");
    peer_expect_done(&peer, 3, 5);
    chain_stop(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client: a service that relays another's streams");
    TCase *tests = tcase_create("two servers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, a_stream_passes_through);
    tcase_add_test(tests, streams_share_a_connection);
    tcase_add_loop_test(tests, an_endless_stream_ends_at_its_source, 0, 3);
    tcase_add_test(tests, a_stream_that_is_not_read_stops_its_source);
    tcase_add_test(tests, one_way_requests_are_sent_by_handlers);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
