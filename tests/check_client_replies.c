/* SPDX-License-Identifier: MIT */
/* Tests of lib/client: replies of every kind, in any order and in pieces of any size. */
#include "check_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/client.h"
#include "client_peer.h"

/* ---- Replies --------------------------------------------------------------------------------- */

START_TEST(whole_calls_return_their_results)
{
    struct rig rig = rig_open();
    struct files_path name = path("a");
    struct files_size_result size;
    struct files_exists_result exists;
    struct files_del_result del;

    say(&rig, "82 01 a1 64 53697a65 1b ffffffffffffffff");
    size = files_size(rig.client, &name, NULL, &rig.arena, SOON);
    ck_assert_int_eq(size.outcome, FILES_SIZE_GOT_SIZE);
    ck_assert_uint_eq(size.size, UINT64_MAX);
    say(&rig, "82 02 a1 66 457869737473 f5");
    exists = files_exists(rig.client, &name, NULL, &rig.arena, SOON);
    ck_assert_int_eq(exists.outcome, FILES_EXISTS_GOT_EXISTS);
    ck_assert(exists.exists);
    say(&rig, "82 03 62 4f6b");
    del = files_del(rig.client, &name, NULL, &rig.arena, SOON);
    ck_assert_int_eq(del.outcome, FILES_DEL_GOT_OK);
    say(&rig, "82 04 a1 65 4572726f72 65 696f3a2078");
    del = files_del(rig.client, &name, NULL, &rig.arena, SOON);
    ck_assert_int_eq(del.outcome, FILES_DEL_GOT_ERROR);
    ck_assert_uint_eq(del.error.size, 5);
    ck_assert_mem_eq(del.error.data, "io: x", 5);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(answers_may_come_in_any_order)
{
    struct rig rig = rig_open();
    struct files_size_pending first, second, third;

    start_size(&rig, &first);
    start_size(&rig, &second);
    start_size(&rig, &third);
    say(&rig, "82 03 a1 64 53697a65 03"
              "82 01 a1 64 53697a65 01"
              "82 02 a1 64 53697a65 02");
    expect_size(&rig, &third, 3);
    expect_size(&rig, &first, 1);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    expect_size(&rig, &second, 2);
    rig_close(&rig);
}
END_TEST

/* What a client that never waits makes of the bytes so far: 1 when the reply is complete. */
static int poll_size(struct rig *rig, struct files_size_pending *pending, bool *announced,
                     uint64_t *ret_size)
{
    struct valve_pending *next = NULL;
    struct files_size_result result;
    int r;

    if (!*announced) {
        r = valve_client_next(rig->client, AT_ONCE, &next);
        if (r < 0)
            return r;
        ck_assert_ptr_eq(next, &pending->pending);
        *announced = true;
    }
    result = files_size_receive(rig->client, pending, &rig->arena, AT_ONCE);
    if (result.outcome == FILES_SIZE_FAILED)
        return result.failed;
    ck_assert_int_eq(result.outcome, FILES_SIZE_GOT_SIZE);
    *ret_size = result.size;
    return 1;
}

START_TEST(a_reply_may_come_byte_by_byte)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    bool announced = false;
    uint64_t size = 0;
    uint8_t reply[32];
    size_t length = unhex("98 02 19 0001 b8 01 78 04 53697a65 1a 00010203", reply, sizeof reply);

    start_size(&rig, &pending);
    ck_assert_int_eq(poll_size(&rig, &pending, &announced, &size), -ETIMEDOUT);
    for (size_t i = 0; i < length; i++) {
        bool last = i + 1 == length;

        write_all(rig.peer, reply + i, 1);
        ck_assert_int_eq(poll_size(&rig, &pending, &announced, &size), last ? 1 : -ETIMEDOUT);
    }
    ck_assert_uint_eq(size, 0x00010203);
    rig_close(&rig);
}
END_TEST

START_TEST(a_list_may_come_byte_by_byte)
{
    static const char script[] = "82 01 a1 64 4c697374 9f"
                                 "a3 64 70617468 61 61 64 73697a65 01 65 6d74696d65 20"
                                 "a4 64 70617468 41 ff 64 73697a65 02 65 6d74696d65 00 61 78 80"
                                 "ff";
    struct rig rig = rig_open();
    struct files_list_all_pending pending;
    struct valve_pending *next = NULL;
    enum { ANNOUNCE, RECEIVE, ITEMS, DONE } stage = ANNOUNCE;
    struct files_file file;
    unsigned count = 0;
    uint8_t bytes[128];
    size_t length = unhex(script, bytes, sizeof bytes);

    start_list(&rig, &pending);
    for (size_t i = 0; i < length; i++) {
        int r = 1;

        ck_assert_int_ne(stage, DONE);
        write_all(rig.peer, bytes + i, 1);
        if (stage == ANNOUNCE && valve_client_next(rig.client, AT_ONCE, &next) == 0)
            stage = RECEIVE;
        if (stage == RECEIVE &&
            files_list_all_receive(rig.client, &pending, &rig.arena, AT_ONCE).outcome ==
                FILES_LIST_ALL_GOT_LIST)
            stage = ITEMS;
        while (stage == ITEMS && r == 1) {
            r = files_list_all_next(rig.client, &rig.arena, &file, AT_ONCE);
            if (r == 1)
                ck_assert_uint_eq(file.size, ++count);
            else if (r == 0)
                stage = DONE;
            else
                ck_assert_int_eq(r, -ETIMEDOUT);
        }
    }
    ck_assert_int_eq(stage, DONE);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(file.path.kind, FILES_PATH_BYTES);
    ck_assert_mem_eq(file.path.bytes.data, "\xff", 1);
    rig_close(&rig);
}
END_TEST

/* Receives a list reply and returns how many elements it had. */
static int count_list(struct rig *rig, struct files_list_all_pending *pending)
{
    struct files_list_all_result result;
    struct files_file file;
    int count = 0, r;

    expect_next(rig, &pending->pending);
    result = files_list_all_receive(rig->client, pending, &rig->arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_LIST_ALL_GOT_LIST);
    while ((r = files_list_all_next(rig->client, &rig->arena, &file, SOON)) == 1) {
        ck_assert_int_eq(file.mtime, -1);
        valve_arena_reset(&rig->arena);
        count++;
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(files_list_all_next(rig->client, &rig->arena, &file, SOON), 0);
    return count;
}

START_TEST(lists_are_definite_or_indefinite_or_empty)
{
    static const struct {
        const char *list;
        int count;
    } cases[] = {
        {"80", 0},
        {"9f ff", 0},
        {"82" FILE_ITEM FILE_ITEM, 2},
        {"9f" FILE_ITEM FILE_ITEM FILE_ITEM "ff", 3},
        {"9a 00000001" FILE_ITEM, 1},
    };
    struct rig rig = rig_open();
    struct files_list_all_pending pending;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char head[64];

        start_list(&rig, &pending);
        snprintf(head, sizeof head, "82 %02x a1 64 4c697374", (unsigned)i + 1);
        say(&rig, head);
        say(&rig, cases[i].list);
        ck_assert_int_eq(count_list(&rig, &pending), cases[i].count);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(a_list_goes_on_when_its_call_is_gone)
{
    struct rig rig = rig_open();
    struct files_list_all_result result;
    struct files_file file;

    say(&rig, "82 01 a1 64 4c697374 9f" FILE_ITEM FILE_ITEM "05");
    result = files_list_all(rig.client, NULL, &rig.arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_LIST_ALL_GOT_LIST);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), 1);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), 1);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), -EPROTO);
    expect_words(&rig, "in the reply to call 1");
    rig_close(&rig);
}
END_TEST

START_TEST(an_arena_that_is_too_small_may_be_replaced)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct files_size_result result;
    struct valve_arena tiny;

    start_size(&rig, &pending);
    say(&rig, "82 01 a1 65 4572726f72 65 696f3a2078");
    expect_next(&rig, &pending.pending);
    valve_arena_init(&tiny, NULL, 0, 0);
    result = files_size_receive(rig.client, &pending, &tiny, SOON);
    ck_assert_int_eq(result.outcome, FILES_SIZE_FAILED);
    ck_assert_int_eq(result.failed, -ENOMEM);
    result = files_size_receive(rig.client, &pending, &rig.arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_SIZE_GOT_ERROR);
    valve_arena_fini(&tiny);
    rig_close(&rig);
}
END_TEST

/* ---- Bytes ----------------------------------------------------------------------------------- */

START_TEST(bytes_are_read_in_pieces_of_any_size)
{
    struct rig rig = rig_open();
    struct files_get_pending get;
    struct files_size_pending size;
    char text[8] = "";

    start_get(&rig, &get);
    start_size(&rig, &size);
    say(&rig, "82 01 a1 67 436f6e74656e74 45 68656c6c6f 82 02 a1 64 53697a65 05");
    ck_assert_uint_eq(receive_content(&rig, &get), 5);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, text, 2, SOON), 2);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, text + 2, 6, SOON), 3);
    ck_assert_mem_eq(text, "hello", 5);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, text, 8, SOON), 0);
    expect_size(&rig, &size, 5);
    rig_close(&rig);
}
END_TEST

START_TEST(empty_content_is_a_whole_reply)
{
    struct rig rig = rig_open();
    struct files_get_pending pending;
    char byte;

    start_get(&rig, &pending);
    say(&rig, "82 01 a1 67 436f6e74656e74 40");
    ck_assert_uint_eq(receive_content(&rig, &pending), 0);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, &byte, 1, SOON), 0);
    rig_close(&rig);
}
END_TEST

#define LARGE ((size_t)9 * 1024 * 1024 + 77)

static uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 12));
}

/* A peer that sends one Content of LARGE bytes, and behind it the size of another file. */
static void *send_large(void *argument)
{
    struct rig *rig = argument;
    uint8_t *data = malloc(LARGE);
    uint8_t head[] = {0x82,
                      0x01,
                      0xa1,
                      0x67,
                      'C',
                      'o',
                      'n',
                      't',
                      'e',
                      'n',
                      't',
                      0x5a,
                      (uint8_t)(LARGE >> 24),
                      (uint8_t)(LARGE >> 16),
                      (uint8_t)(LARGE >> 8),
                      (uint8_t)LARGE};

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = pattern(i);
    write_all(rig->peer, head, sizeof head);
    write_all(rig->peer, data, LARGE);
    say(rig, "82 02 a1 64 53697a65 07");
    free(data);
    return NULL;
}

START_TEST(large_bytes_arrive_unchanged_and_nothing_behind_them_is_eaten)
{
    struct rig rig = rig_open();
    struct files_get_pending get;
    struct files_size_pending size;
    size_t room = 1 << 20, total = 0, wrong = 0;
    uint8_t *buffer = malloc(room);
    pthread_t thread;
    ssize_t taken;

    ck_assert_ptr_nonnull(buffer);
    start_get(&rig, &get);
    start_size(&rig, &size);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_large, &rig), 0);
    ck_assert_uint_eq(receive_content(&rig, &get), LARGE);
    while ((taken = valve_client_read_bytes(rig.client, buffer, room, SOON)) > 0) {
        for (ssize_t i = 0; i < taken; i++, total++)
            wrong += buffer[i] != pattern(total);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_int_eq(taken, 0);
    ck_assert_uint_eq(total, LARGE);
    expect_size(&rig, &size, 7);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    free(buffer);
    rig_close(&rig);
}
END_TEST

void add_reply_tests(Suite *suite)
{
    TCase *replies = tcase_create("replies");

    tcase_set_timeout(replies, 60);
    tcase_add_test(replies, whole_calls_return_their_results);
    tcase_add_test(replies, answers_may_come_in_any_order);
    tcase_add_test(replies, a_reply_may_come_byte_by_byte);
    tcase_add_test(replies, a_list_may_come_byte_by_byte);
    tcase_add_test(replies, lists_are_definite_or_indefinite_or_empty);
    tcase_add_test(replies, a_list_goes_on_when_its_call_is_gone);
    tcase_add_test(replies, an_arena_that_is_too_small_may_be_replaced);
    tcase_add_test(replies, bytes_are_read_in_pieces_of_any_size);
    tcase_add_test(replies, empty_content_is_a_whole_reply);
    tcase_add_test(replies, large_bytes_arrive_unchanged_and_nothing_behind_them_is_eaten);
    suite_add_tcase(suite, replies);
}
