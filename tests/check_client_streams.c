/* SPDX-License-Identifier: MIT */
/* Tests of lib/client: streams of items before the reply, and waiting for one call of several. */
#include "check_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/client.h"
#include "client_feed.h"

#define DONE "64 446f6e65" /* "Done" */

/* ---- Items ----------------------------------------------------------------------------------- */

START_TEST(items_come_before_the_reply)
{
    struct rig rig = rig_open();
    struct valve_pending watch;

    start_watch(&rig, &feed_number, &watch);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    heard(&rig, "82 01 a1 65 5761746368 00");
    say(&rig, "83 01 05 f5  83 01 19 0100 f5  82 01" DONE);
    expect_number_item(&rig, &watch, 5);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    expect_number_item(&rig, &watch, 256);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    expect_answer(&rig, &watch, FEED_DONE);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_stream_may_be_empty)
{
    struct rig rig = rig_open();
    struct valve_pending watch;

    start_watch(&rig, &feed_text, &watch);
    say(&rig, "82 01 a1 65 4572726f72 65 696f3a2078");
    expect_answer(&rig, &watch, FEED_ERROR);
    rig_close(&rig);
}
END_TEST

/* What would be received in pieces as an answer is whole as an item. */
START_TEST(items_of_any_type_are_decoded_whole)
{
    struct rig rig = rig_open();
    struct valve_pending text, bytes, numbers;
    struct feed_result result;

    start_watch(&rig, &feed_text, &text);
    start_watch(&rig, &feed_bytes, &bytes);
    start_watch(&rig, &feed_number_list, &numbers);
    say(&rig, "83 03 83 07 08 18ff f5  83 02 43 00ff01 f5  83 01 62 c3a4 f5");
    expect_next(&rig, &numbers);
    result = receive(&rig, &numbers);
    ck_assert_uint_eq(result.arm, VALVE_ARM_ITEM);
    ck_assert_uint_eq(result.size, 0);
    ck_assert_uint_eq(result.numbers.count, 3);
    ck_assert_uint_eq(result.numbers.items[2], 255);
    expect_next(&rig, &bytes);
    result = receive(&rig, &bytes);
    ck_assert_uint_eq(result.bytes.size, 3);
    ck_assert_mem_eq(result.bytes.data, "\0\xff\1", 3);
    expect_next(&rig, &text);
    result = receive(&rig, &text);
    ck_assert_uint_eq(result.text.size, 2);
    ck_assert_mem_eq(result.text.data, "\xc3\xa4", 2);
    rig_close(&rig);
}
END_TEST

START_TEST(streams_and_replies_interleave)
{
    struct rig rig = rig_open();
    struct valve_pending first, second, ask;

    start_watch(&rig, &feed_number, &first);
    start_ask(&rig, &ask);
    start_watch(&rig, &feed_number, &second);
    say(&rig, "83 03 01 f5  83 01 02 f5  82 02" DONE "83 03 03 f5  82 03" DONE "83 01 04 f5"
              "82 01" DONE);
    expect_number_item(&rig, &second, 1);
    expect_number_item(&rig, &first, 2);
    expect_answer(&rig, &ask, FEED_DONE);
    expect_number_item(&rig, &second, 3);
    expect_answer(&rig, &second, FEED_DONE);
    expect_number_item(&rig, &first, 4);
    expect_answer(&rig, &first, FEED_DONE);
    rig_close(&rig);
}
END_TEST

START_TEST(items_may_come_byte_by_byte)
{
    static const char script[] = "83 01 43 616263 f5  98 03 1a 00000001 58 00 f5  82 01" DONE;
    struct rig rig = rig_open();
    struct valve_pending watch, *next = NULL;
    struct feed_result result = {.arm = VALVE_ARM_ITEM};
    unsigned items = 0;
    uint8_t bytes[64];
    size_t length = unhex(script, bytes, sizeof bytes);

    start_watch(&rig, &feed_bytes, &watch);
    for (size_t i = 0; i < length; i++) {
        int r;

        ck_assert_uint_eq(result.arm, VALVE_ARM_ITEM);
        write_all(rig.peer, bytes + i, 1);
        r = next == NULL ? valve_client_next(rig.client, AT_ONCE, &next) : 0;
        if (r == 0) {
            result = feed_receive(rig.client, &watch, &rig.arena, AT_ONCE);
            r = result.error;
        }
        if (r == 0) {
            next = NULL;
            items += result.arm == VALVE_ARM_ITEM;
        } else {
            ck_assert_int_eq(r, -ETIMEDOUT);
            result.arm = VALVE_ARM_ITEM;
        }
    }
    ck_assert_uint_eq(result.arm, FEED_DONE);
    ck_assert_uint_eq(items, 2);
    rig_close(&rig);
}
END_TEST

START_TEST(an_item_waits_for_a_larger_arena)
{
    struct rig rig = rig_open();
    struct valve_pending watch;
    struct valve_arena tiny;
    struct feed_result result;

    start_watch(&rig, &feed_text, &watch);
    say(&rig, "83 01 63 616263 f5");
    expect_next(&rig, &watch);
    valve_arena_init(&tiny, NULL, 0, 0);
    ck_assert_int_eq(feed_receive(rig.client, &watch, &tiny, SOON).error, -ENOMEM);
    result = receive(&rig, &watch);
    ck_assert_uint_eq(result.text.size, 3);
    ck_assert_mem_eq(result.text.data, "abc", 3);
    valve_arena_fini(&tiny);
    rig_close(&rig);
}
END_TEST

START_TEST(what_was_received_is_not_received_again)
{
    struct rig rig = rig_open();
    struct valve_pending watch;
    char byte = 0;

    start_watch(&rig, &feed_number, &watch);
    say(&rig, "83 01 05 f5  82 01 a1 65 4279746573 42 6869");
    expect_number_item(&rig, &watch, 5);
    ck_assert_int_eq(feed_receive(rig.client, &watch, &rig.arena, SOON).error, -EINVAL);
    expect_next(&rig, &watch);
    ck_assert_uint_eq(receive(&rig, &watch).size, 2);
    ck_assert_int_eq(feed_receive(rig.client, &watch, &rig.arena, SOON).error, -EINVAL);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, &byte, 1, SOON), 1);
    ck_assert_int_eq(byte, 'h');
    rig_close(&rig);
}
END_TEST

/* ---- Streams that are given up --------------------------------------------------------------- */

START_TEST(items_of_a_call_given_up_are_dropped)
{
    static const char *const rests[] = {
        "82 01" DONE,
        "83 01 61 78 f5  82 01" DONE,
        "83 01 61 78 f5  83 01 78 05 616161 6161 f5  82 01 a1 65 4279746573 45 0000000000",
        "83 01 61 78 f5  82 01 a1 67 4e756d62657273 9f 01 02 ff",
    };
    struct rig rig = rig_open();
    struct valve_pending *watch = malloc(sizeof *watch), ask;

    ck_assert_ptr_nonnull(watch);
    start_watch(&rig, &feed_text, watch);
    start_ask(&rig, &ask);
    say(&rig, "83 01 61 78 f5");
    expect_next(&rig, watch);
    ck_assert_uint_eq(receive(&rig, watch).text.size, 1);
    valve_client_forget(rig.client, watch);
    free(watch);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    heard(&rig, "82 01 a1 65 5761746368 00  82 02 a1 63 41736b 00  82 01 f6");
    say(&rig, rests[_i]);
    say(&rig, "82 02" DONE);
    expect_answer(&rig, &ask, FEED_DONE);
    ck_assert_ptr_null(rig.client->dropped);
    rig_close(&rig);
}
END_TEST

START_TEST(a_stream_may_be_given_up_inside_an_item)
{
    struct rig rig = rig_open();
    struct valve_pending *watch = malloc(sizeof *watch), *next = NULL, ask;

    ck_assert_ptr_nonnull(watch);
    start_watch(&rig, &feed_text, watch);
    start_ask(&rig, &ask);
    say(&rig, "83 01 63 61");
    expect_next(&rig, watch);
    if (_i == 1)
        ck_assert_int_eq(feed_receive(rig.client, watch, &rig.arena, AT_ONCE).error, -ETIMEDOUT);
    valve_client_forget(rig.client, watch);
    free(watch);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    ck_assert_int_eq(valve_client_next(rig.client, AT_ONCE, &next), -ETIMEDOUT);
    say(&rig, "6263 f5  83 01 60 f5  82 02" DONE);
    expect_answer(&rig, &ask, FEED_DONE);
    ck_assert_ptr_nonnull(rig.client->dropped); /* its reply is still to come */
    rig_close(&rig);
}
END_TEST

/* The pending of a whole call is gone when its payload is received in pieces. */
START_TEST(what_is_received_in_pieces_may_be_given_up_without_its_call)
{
    struct rig rig = rig_open();
    struct files_list_all_result list;
    struct files_file file;
    struct files_size_pending size;

    valve_client_forget(rig.client, NULL);
    say(&rig, "82 01 a1 64 4c697374 9f" FILE_ITEM);
    list = files_list_all(rig.client, NULL, &rig.arena, SOON);
    ck_assert_int_eq(list.outcome, FILES_LIST_ALL_GOT_LIST);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), 1);
    heard(&rig, "82 01 67 4c697374416c6c");
    valve_client_forget(rig.client, NULL);
    heard(&rig, "82 01 f6");
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    valve_client_forget(rig.client, NULL);
    start_size(&rig, &size);
    say(&rig, FILE_ITEM "ff  82 02 a1 64 53697a65 05");
    expect_size(&rig, &size, 5);
    rig_close(&rig);
}
END_TEST

/* The next call stands where the one stood whose payload is still being received. */
START_TEST(a_call_in_the_place_of_another_is_not_taken_for_it)
{
    struct rig rig = rig_open();
    struct valve_pending pending;
    char bytes[4];

    start_ask(&rig, &pending);
    say(&rig, "82 01 a1 65 4279746573 44 61626364");
    expect_next(&rig, &pending);
    ck_assert_uint_eq(receive(&rig, &pending).size, 4);
    start_ask(&rig, &pending);
    ck_assert_int_eq(valve_client_wait(rig.client, &pending, SOON), -EBUSY);
    valve_client_forget(rig.client, &pending);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, bytes, sizeof bytes, SOON), 4);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(bytes_given_up_are_not_read)
{
    struct rig rig = rig_open();
    struct valve_pending pending;
    char byte;

    start_ask(&rig, &pending);
    say(&rig, "82 01 a1 65 4279746573 44 61626364");
    expect_next(&rig, &pending);
    ck_assert_uint_eq(receive(&rig, &pending).size, 4);
    valve_client_forget(rig.client, &pending);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, &byte, 1, SOON), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(many_calls_given_up_are_forgotten_in_any_order)
{
    enum { COUNT = 200 };
    struct rig rig = rig_open();
    struct valve_pending pending, last;
    char reply[32];

    for (unsigned i = 0; i < COUNT; i++) {
        start_watch(&rig, &feed_number, &pending);
        valve_client_forget(rig.client, &pending);
    }
    start_ask(&rig, &last);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(reply, sizeof reply, "82 18 %02x" DONE, (i * 77) % COUNT + 1);
        say(&rig, reply);
    }
    say(&rig, "82 18 c9" DONE);
    expect_answer(&rig, &last, FEED_DONE);
    ck_assert_ptr_null(rig.client->dropped);
    ck_assert_uint_eq(rig.client->dropped_waiting, 0);
    rig_close(&rig);
}
END_TEST

/* ---- Streams that are wrong ------------------------------------------------------------------ */

/* In the place of an item of text of call 1. */
static const struct {
    const char *item;
    const char *words;
} violations[] = {
    {"83 01 60 f4", "in an item of call 1: what stands behind it is not true"},
    {"83 01 60 01", "not true"},
    {"83 01 60 f8 15", "not true"},
    {"83 01 60 82 02", "not true"},
    {"9f 01 60 f5 ff", "no reply [id, message]"},
    {"83 01 05 f5", "in an item of call 1"},
    {"83 01 f6 f5", "in an item of call 1"},
    {"83 01 61 ff f5", "in an item of call 1"},
    {"83 01 7f 60 ff f5", "in an item of call 1"},
    {"83 01 ff f5", "not well-formed"},
    {"83 01 7a 01000001", "longer than 16 MiB"},
    {"82 01" DONE "83 01 60 f5", "an item of call 1, which is not in flight"},
    {"83 1a ffffffff 60 f5", "an item of call 4294967295, which is not in flight"},
};

START_TEST(each_wrong_item_ends_the_connection)
{
    struct rig rig = rig_open();
    struct valve_pending watch, ask, *next = NULL;
    int r;

    start_watch(&rig, &feed_text, &watch);
    start_ask(&rig, &ask);
    say(&rig, violations[_i].item);
    do {
        r = valve_client_next(rig.client, SOON, &next);
        if (r == 0)
            r = feed_receive(rig.client, next, &rig.arena, SOON).error;
    } while (r == 0);
    ck_assert_int_eq(r, -EPROTO);
    expect_words(&rig, violations[_i].words);
    ck_assert_int_eq(feed_ask(rig.client, 0, &ask), -EPROTO);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), -EPROTO);
    rig_close(&rig);
}
END_TEST

START_TEST(the_end_between_items_and_inside_one_are_told_apart)
{
    static const char script[] = "83 01 62 6869 f5";
    uint8_t bytes[16];
    size_t length = unhex(script, bytes, sizeof bytes);

    for (size_t cut = 0; cut <= length; cut++) {
        struct rig rig = rig_open();
        struct valve_pending watch;
        int r, due = cut == 0 || cut == length ? -ECONNRESET : -ECONNABORTED;

        start_watch(&rig, &feed_text, &watch);
        write_all(rig.peer, bytes, cut);
        shutdown(rig.peer, SHUT_WR);
        do {
            r = valve_client_wait(rig.client, &watch, SOON);
            if (r == 0)
                r = feed_receive(rig.client, &watch, &rig.arena, SOON).error;
        } while (r == 0);
        ck_assert_int_eq(r, due);
        rig_close(&rig);
    }
}
END_TEST

/* The peer learns at once that a connection is of no use any more. */
START_TEST(a_broken_connection_is_shut_down)
{
    struct rig rig = rig_open();
    struct valve_pending watch;
    char byte;

    start_watch(&rig, &feed_text, &watch);
    say(&rig, "83 01 05 f5");
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), 0);
    ck_assert_int_eq(feed_receive(rig.client, &watch, &rig.arena, SOON).error, -EPROTO);
    heard(&rig, "82 01 a1 65 5761746368 00");
    ck_assert_int_eq(recv(rig.peer, &byte, 1, MSG_DONTWAIT), 0);
    rig_close(&rig);
}
END_TEST

/* ---- Waiting for one call -------------------------------------------------------------------- */

START_TEST(one_call_is_waited_for)
{
    struct rig rig = rig_open();
    struct valve_pending watch;

    start_watch(&rig, &feed_number, &watch);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, AT_ONCE), -ETIMEDOUT);
    say(&rig, "83 01 05 f5  82 01" DONE);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), 0);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), 0);
    ck_assert_uint_eq(receive(&rig, &watch).number, 5);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), 0);
    ck_assert_uint_eq(receive(&rig, &watch).arm, FEED_DONE);
    ck_assert_int_eq(valve_client_wait(rig.client, &watch, SOON), -EINVAL);
    rig_close(&rig);
}
END_TEST

START_TEST(another_call_that_comes_first_is_to_be_received_first)
{
    struct rig rig = rig_open();
    struct valve_pending first, second, *next = NULL;

    start_ask(&rig, &first);
    start_watch(&rig, &feed_number, &second);
    say(&rig, "83 02 05 f5  82 01" DONE);
    ck_assert_int_eq(valve_client_wait(rig.client, &first, SOON), -EBUSY);
    ck_assert_int_eq(valve_client_wait(rig.client, &first, SOON), -EBUSY);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), 0);
    ck_assert_ptr_eq(next, &second);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EBUSY);
    ck_assert_uint_eq(receive(&rig, &second).number, 5);
    ck_assert_int_eq(valve_client_wait(rig.client, &first, SOON), 0);
    ck_assert_uint_eq(receive(&rig, &first).arm, FEED_DONE);
    rig_close(&rig);
}
END_TEST

START_TEST(nothing_else_is_announced_while_a_payload_is_read)
{
    struct rig rig = rig_open();
    struct valve_pending first, second, *next = NULL;
    char bytes[4];

    start_ask(&rig, &first);
    start_ask(&rig, &second);
    say(&rig, "82 01 a1 65 4279746573 42 6869  82 02" DONE);
    ck_assert_int_eq(valve_client_wait(rig.client, &first, SOON), 0);
    ck_assert_uint_eq(receive(&rig, &first).size, 2);
    ck_assert_int_eq(valve_client_wait(rig.client, &first, SOON), -EBUSY);
    ck_assert_int_eq(valve_client_wait(rig.client, &second, SOON), -EBUSY);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EBUSY);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, bytes, sizeof bytes, SOON), 2);
    ck_assert_int_eq(valve_client_wait(rig.client, &second, SOON), 0);
    ck_assert_uint_eq(receive(&rig, &second).arm, FEED_DONE);
    rig_close(&rig);
}
END_TEST

void add_stream_tests(Suite *suite)
{
    TCase *streams = tcase_create("streams");

    tcase_add_test(streams, items_come_before_the_reply);
    tcase_add_test(streams, a_stream_may_be_empty);
    tcase_add_test(streams, items_of_any_type_are_decoded_whole);
    tcase_add_test(streams, streams_and_replies_interleave);
    tcase_add_test(streams, items_may_come_byte_by_byte);
    tcase_add_test(streams, an_item_waits_for_a_larger_arena);
    tcase_add_test(streams, what_was_received_is_not_received_again);
    tcase_add_loop_test(streams, items_of_a_call_given_up_are_dropped, 0, 4);
    tcase_add_loop_test(streams, a_stream_may_be_given_up_inside_an_item, 0, 2);
    tcase_add_test(streams, what_is_received_in_pieces_may_be_given_up_without_its_call);
    tcase_add_test(streams, a_call_in_the_place_of_another_is_not_taken_for_it);
    tcase_add_test(streams, bytes_given_up_are_not_read);
    tcase_add_test(streams, many_calls_given_up_are_forgotten_in_any_order);
    tcase_add_loop_test(streams, each_wrong_item_ends_the_connection, 0,
                        (int)(sizeof violations / sizeof violations[0]));
    tcase_add_test(streams, the_end_between_items_and_inside_one_are_told_apart);
    tcase_add_test(streams, a_broken_connection_is_shut_down);
    tcase_add_test(streams, one_call_is_waited_for);
    tcase_add_test(streams, another_call_that_comes_first_is_to_be_received_first);
    tcase_add_test(streams, nothing_else_is_announced_while_a_payload_is_read);
    suite_add_tcase(suite, streams);
}
