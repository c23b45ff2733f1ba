/* SPDX-License-Identifier: MIT */
/*
 * Tests of streams: what is sent, beside what else, what is held back behind what, and where no item
 * may be.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber/fiber.h"
#include "rpc/head.h"
#include "tests/stream_fixture.h"

#define MEBIBYTE ((size_t)1 << 20)

static struct rig rig;
static int gate[2]; /* a pipe: open while there is a byte in it */
static struct {
    unsigned begun, without_room;
} reservations; /* the only worker's */

/* ---- Handlers ---------------------------------------------------------------------------------------- */

/* "list N SIZE": a list, which waits for the gate before its last element. */
static struct valve_answer list(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_text text = {stream_text(numbers[1]), numbers[1]};
    int r = valve_reply_list_begin(call, &order_reply_type, ORDER_LIST);

    for (uint64_t i = 1; r == 0 && i <= numbers[0]; i++) {
        if (i == numbers[0]) {
            tally_add(&streams.begun);
            r = valve_fiber_poll(gate[0], POLLIN, VALVE_NEVER);
        }
        if (r == 0)
            r = valve_reply_list_add(call, &text);
    }
    free((char *)text.data);
    return r == 0 ? valve_reply_list_end(call) : order_failed(call, r);
}

/* "reserve N": N bytes, in place. Where there is room nobody else's turn comes meanwhile. */
static struct valve_answer reserve(struct valve_call *call, const uint64_t *numbers)
{
    bool has_room = valve_reply_has_room(call, (size_t)numbers[0]);
    unsigned begun = reservations.begun++;
    uint8_t *data;
    int r;

    if (!has_room)
        reservations.without_room++;
    r = valve_reply_bytes_reserve(call, (size_t)numbers[0], &data);
    if (r < 0)
        return order_failed(call, r);
    ck_assert(!has_room || reservations.begun == begun + 1);
    ck_assert(valve_reply_has_room(call, (size_t)numbers[0])); /* its own is not in its way */
    for (size_t i = 0; i < numbers[0]; i++)
        data[i] = content_at(i);
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_CONTENT, (size_t)numbers[0]);
}

/* "bad": items that break their type, or are too large, between two that do not. */
static struct valve_answer bad_items(struct valve_call *call, const uint64_t *numbers)
{
    const size_t most = 16 * MEBIBYTE - 5; /* behind a head of five bytes */
    const struct valve_text no_text = {"\xff", 1};
    const struct valve_text too_large = {stream_text(most + 1), most + 1};
    const struct valve_text largest = {too_large.data, most};
    uint64_t number = 1;

    (void)numbers;
    ck_assert_int_eq(valve_reply_item(call, &order_number_type, &number), 0);
    ck_assert_int_eq(valve_reply_item(call, &order_text_type, &no_text), -EINVAL);
    ck_assert_int_eq(valve_reply_item(call, &order_text_type, &too_large), -EMSGSIZE);
    ck_assert_int_eq(valve_reply_item(call, &order_text_type, &largest), 0);
    free((char *)too_large.data);
    return order_done(call, 0);
}

/* A list of such lists. */
struct nest {
    const struct nest *items;
    size_t count;
};
static const struct valve_type nest_type;
static const struct valve_member nest_members[] = {{.name = "item", .type = &nest_type}};
static const struct valve_type nest_type = {
    .name = "nest",
    .shape = VALVE_SHAPE_LIST,
    .size = sizeof(struct nest),
    .alignment = _Alignof(struct nest),
    .least = 1,
    .count = 1,
    .members = nest_members,
};

/* "nest N": an item of N levels. */
static struct valve_answer send_nest(struct valve_call *call, const uint64_t *numbers)
{
    struct nest *levels = calloc(numbers[0], sizeof *levels);
    int r;

    ck_assert_ptr_nonnull(levels);
    for (uint64_t i = 0; i + 1 < numbers[0]; i++)
        levels[i] = (struct nest){&levels[i + 1], 1};
    r = valve_reply_item(call, &nest_type, levels);
    free(levels);
    return stream_end(call, r, 0);
}

/* "late": items after the answer, again and again. */
static struct valve_answer items_after_the_answer(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_answer answer = order_done(call, numbers[0]);
    uint64_t number = 1;

    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(valve_reply_item(call, &order_number_type, &number), -EINVAL);
    return answer;
}

/* "inside": an item inside a list. */
static struct valve_answer item_inside_a_list(struct valve_call *call, const uint64_t *numbers)
{
    uint64_t number = 1;

    (void)numbers;
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    ck_assert_int_eq(valve_reply_item(call, &order_number_type, &number), -EINVAL);
    return valve_reply_list_end(call);
}

static const struct order orders[] = {
    STREAM_ORDERS,
    {"bad", bad_items},
    {"inside", item_inside_a_list},
    {"late", items_after_the_answer},
    {"list", list},
    {"nest", send_nest},
    {"reserve", reserve},
    {NULL, NULL},
};

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    streams_init();
    ck_assert_int_eq(pipe(gate), 0);
}

static void tear_down(void)
{
    close(gate[0]);
    close(gate[1]);
}

/* ---- What is sent ------------------------------------------------------------------------------------ */

START_TEST(items_and_then_the_reply)
{
    static const uint32_t ids[] = {7, 200, 60000, UINT32_MAX};
    static const struct {
        const char *bytes;
        size_t size;
    } wanted[] = {
        {"\x83\x07\x01\xf5\x83\x07\x02\xf5\x82\x07\xa1\x64"
         "Done\x02",
         17},
        {"\x83\x18\xc8\x01\xf5\x83\x18\xc8\x02\xf5\x82\x18\xc8\xa1\x64"
         "Done\x02",
         20},
        {"\x83\x19\xea\x60\x01\xf5\x83\x19\xea\x60\x02\xf5\x82\x19\xea\x60\xa1\x64"
         "Done\x02",
         23},
        {"\x83\x1a\xff\xff\xff\xff\x01\xf5\x83\x1a\xff\xff\xff\xff\x02\xf5"
         "\x82\x1a\xff\xff\xff\xff\xa1\x64"
         "Done\x02",
         29},
    };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        peer_order(&peer, ids[i], "count 2");
        peer_expect_bytes(&peer, wanted[i].bytes, wanted[i].size);
    }
    ck_assert(peer_has_nothing(&peer));
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_stream_without_items)
{
    struct peer peer = rig_ask(&rig, "count 0");

    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

static const size_t item_sizes[] = {0, 23, 24, 16000, 16384, 65536, 131072, 1000000};

START_TEST(items_of_all_sizes)
{
    char order[64];
    struct peer peer;

    snprintf(order, sizeof order, "texts 20 %zu", item_sizes[_i]);
    peer = rig_ask(&rig, order);
    for (unsigned i = 0; i < 20; i++) {
        struct item item = peer_receive(&peer);
        struct valve_head head;

        ck_assert(item.is_streamed);
        ck_assert_int_eq(valve_head_read(item.payload, item.payload_size, &head), 0);
        ck_assert(head.major == VALVE_MAJOR_TEXT && head.argument == item_sizes[_i]);
        ck_assert_uint_eq(item.payload_size, head.size + item_sizes[_i]);
    }
    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(an_item_that_is_refused_is_not_sent)
{
    struct peer peer = rig_ask(&rig, "bad");
    struct item item;

    peer_expect_number(&peer, 1, 1);
    item = peer_receive(&peer);
    ck_assert(item.is_streamed);
    ck_assert_uint_eq(item.payload_size, 16 * MEBIBYTE);
    peer_expect(&peer, 1, "Done");
    rig_end(&rig, &peer);
}
END_TEST

/* As deep as the stack has room for, and deeper, which shall not be tried. */
START_TEST(items_of_many_levels)
{
    struct peer peer = rig_ask(&rig, "nest 224");

    ck_assert_uint_eq(peer_receive(&peer).payload_size, 224);
    peer_expect(&peer, 1, "Done");
    peer_order(&peer, 2, "nest 225");
    peer_expect(&peer, 2, "Error");
    ck_assert_int_eq(streams.result, -ELOOP);
    peer_order(&peer, 3, "nest 1000000");
    peer_expect(&peer, 3, "Error");
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Beside each other ------------------------------------------------------------------------------- */

START_TEST(small_replies_come_between_items)
{
    struct peer peer = rig_ask(&rig, "pause");

    peer_expect_number(&peer, 1, 1);
    peer_order_now(&peer);
    peer_cancel(&peer, 1);
    peer_expect_refusal(&peer, 1, "cancelled");
    rig_end(&rig, &peer);
}
END_TEST

/* Each is whole and in order, and none waits for the end of another. */
START_TEST(streams_share_a_connection)
{
    enum { STREAMS = 5, ITEMS = 100000 };
    uint64_t next[STREAMS + 1] = {0};
    unsigned left = STREAMS, least_left = 0;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t id = 1; id <= STREAMS; id++)
        peer_order(&peer, id, "count 100000");
    while (left > 0) {
        struct item item = peer_receive(&peer);

        if (item.id < 1 || item.id > STREAMS)
            ck_abort_msg("an id came that was not asked for");
        if (item.is_streamed) {
            if (number_in(&item) != ++next[item.id])
                ck_abort_msg("an item came out of order");
            continue;
        }
        ck_assert(item_is(&item, "Done"));
        ck_assert_uint_eq(next[item.id], ITEMS);
        for (unsigned id = 1; left == STREAMS && id <= STREAMS; id++)
            least_left += next[id] > ITEMS / 2;
        left--;
    }
    ck_assert_uint_eq(least_left, STREAMS);
    rig_end(&rig, &peer);
}
END_TEST

/* An item that is being sent in pieces is not interrupted, and what is held back is bounded. */
START_TEST(items_are_held_back_behind_a_large_reply_that_has_begun)
{
    enum { ELEMENTS = 200, SIZE = 1000 };
    struct peer peer = rig_ask(&rig, "list 200 1000"), other = peer_connect(rig.address);
    uint64_t held, expected = 0;
    struct item item;

    tally_await(&streams.begun, 1);
    peer_order(&peer, 2, "endless");
    held = streams_await_pause(&other);
    ck_assert_uint_lt(held, VALVE_REPLY_BUFFER); /* an item takes several bytes */
    ck_assert_int_eq(write(gate[1], "", 1), 1);
    item = peer_expect(&peer, 1, "List");
    ck_assert_uint_gt(item.payload_size, ELEMENTS * SIZE);
    while (expected < 2 * held)
        peer_expect_number(&peer, 2, ++expected);
    peer_cancel(&peer, 2);
    peer_expect_refusal(&peer, 2, "cancelled");
    peer_close(&other);
    rig_end(&rig, &peer);
}
END_TEST

/* Neither a request nor its large reply waits for the end of a stream whose client is slow. */
START_TEST(requests_are_answered_beside_a_stream)
{
    enum { REPLIES = 100 };
    unsigned replies = 0;
    uint64_t items = 0;
    struct peer peer = rig_ask(&rig, "endless");

    tally_await(&streams.begun, 1);
    for (uint32_t id = 2; id < 2 + REPLIES; id++)
        peer_order(&peer, id, "reserve 65000");
    while (replies < REPLIES) {
        struct item item = peer_receive(&peer);

        if (item.is_streamed) {
            items++;
            continue;
        }
        ck_assert(item_is(&item, "Content"));
        replies++;
    }
    ck_assert_uint_gt(items, 0);
    peer_expect_number(&peer, 1, items + 1); /* it goes on */
    peer_cancel(&peer, 1);
    peer_expect_refusal(&peer, 1, "cancelled");
    rig_end(&rig, &peer);
    ck_assert_uint_gt(reservations.without_room, 0);
    ck_assert_uint_lt(reservations.without_room, REPLIES);
}
END_TEST

static void *read_all(void *argument)
{
    struct peer *peer = argument;
    static char bytes[65536];

    while (recv(peer->socket, bytes, sizeof bytes, 0) > 0)
        continue;
    return NULL;
}

/* A client that reads as fast as it can keeps the handler going, but not its worker busy. */
START_TEST(other_connections_have_their_turn)
{
    struct peer peer = rig_ask(&rig, "endless"), other = peer_connect(rig.address);
    pthread_t reader;

    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &peer), 0);
    for (unsigned i = 0; i < 200; i++)
        peer_order_now(&other);
    ck_assert_uint_eq(tally_get(&streams.ended), 0);
    shutdown(peer.socket, SHUT_RDWR);
    pthread_join(reader, NULL);
    tally_await(&streams.ended, 1);
    peer_close(&other);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Where no item may be ---------------------------------------------------------------------------- */

START_TEST(an_item_after_the_answer_is_the_fault_of_the_service)
{
    struct peer peer = rig_ask(&rig, "late");

    peer_expect(&peer, 1, "Done");
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&rig.logged), 1);
    ck_assert(rig_has_logged(&rig, "service orders, Do: an item of a stream"));
    ck_assert(peer_has_nothing(&peer));
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(an_item_inside_a_list_is_too)
{
    struct peer peer = rig_ask(&rig, "inside");

    peer_expect(&peer, 1, "List");
    peer_order_now(&peer);
    ck_assert(rig_has_logged(&rig, "service orders, Do: an item of a stream"));
    rig_end(&rig, &peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: streams");
    TCase *tests = tcase_create("streams");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, items_and_then_the_reply);
    tcase_add_test(tests, a_stream_without_items);
    tcase_add_loop_test(tests, items_of_all_sizes, 0, sizeof item_sizes / sizeof item_sizes[0]);
    tcase_add_test(tests, an_item_that_is_refused_is_not_sent);
    tcase_add_test(tests, items_of_many_levels);
    tcase_add_test(tests, small_replies_come_between_items);
    tcase_add_test(tests, streams_share_a_connection);
    tcase_add_test(tests, items_are_held_back_behind_a_large_reply_that_has_begun);
    tcase_add_test(tests, requests_are_answered_beside_a_stream);
    tcase_add_test(tests, other_connections_have_their_turn);
    tcase_add_test(tests, an_item_after_the_answer_is_the_fault_of_the_service);
    tcase_add_test(tests, an_item_inside_a_list_is_too);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
