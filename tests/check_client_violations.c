/* SPDX-License-Identifier: MIT */
/* Tests of lib/client: a server that breaks the protocol, and one that leaves. */
#include "check_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/client.h"
#include "client_peer.h"

/* ---- A server that breaks the protocol ------------------------------------------------------- */

/* Replies to a Size request (id 1), each wrong in its own way. */
static const struct {
    const char *reply;
    const char *words;
} violations[] = {
    {"01", "no reply [id, message]"},
    {"a0", "no reply [id, message]"},
    {"ff", "no reply [id, message]"},
    {"1c", "not well-formed"},
    {"81 01", "another length"},
    {"84 01 a1 64 53697a65 05 f5 f5", "another length"},
    {"83 01 a1 64 53697a65 05 f5", "call 1, which has no stream"},
    {"83 02 05 f5", "an item of call 2, which is not in flight"},
    {"83 00 05 f5", "an item of call 0, which is not in flight"},
    {"82 1a ffffffff a1 65 4572726f72 60", "more one-way requests are refused"},
    {"9f 01 a1 64 53697a65 05 ff", "another length"},
    {"82 61 31 a1 64 53697a65 05", "the id of a reply is"},
    {"82 20 a1 64 53697a65 05", "the id of a reply is"},
    {"82 1b 0000000100000000 a1 64 53697a65 05", "over 32 bits"},
    {"82 02 a1 64 53697a65 05", "call 2, which is not in flight"},
    {"82 01 05", "in place of a message"},
    {"82 01 f6", "in place of a message"},
    {"82 01 82 64 53697a65 05", "in place of a message"},
    {"82 01 a0", "other than one pair"},
    {"82 01 a2 64 53697a65 05 64 53697a65 05", "other than one pair"},
    {"82 01 bf 64 53697a65 05 ff", "other than one pair"},
    {"82 01 a1 44 53697a65 05", "in place of a message"},
    {"82 01 a1 7f 64 53697a65 ff 05", "in place of a message"},
    {"82 01 a1 64 53697a66 05", "is no answer to this request"},
    {"82 01 a1 67 436f6e74656e74 40", "unknown message"},
    {"82 01 a1 7b ffffffffffffffff", "unknown message"},
    {"82 01 62 4f6b", "Ok is no answer"},
    {"82 01 64 53697a65", "without a payload"},
    {"82 01 a1 64 53697a65 20", "call 1"},
    {"82 01 a1 64 53697a65 61 35", "call 1"},
    {"82 01 a1 64 53697a65 c1 05", "call 1"},
    {"82 01 a1 64 53697a65 f9 4500", "call 1"},
    {"82 01 a1 64 53697a65 1c", "not well-formed"},
    {"82 01 a1 64 53697a65 ff", "not well-formed"},
    {"82 01 a1 64 53697a65 f8 05", "not well-formed"},
    {"82 01 a1 65 4572726f72 61 ff", "call 1"},
    {"82 01 a1 65 4572726f72 7f 61 61 ff", "call 1"},
    {"82 01 a1 65 4572726f72 7a 01100000", "longer than 16 MiB"},
    {"82 01 a1 65 4572726f72 7b ffffffffffffffff", "longer than 16 MiB"},
};

START_TEST(each_violation_is_told_and_ends_the_connection)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct files_size_result result = {.outcome = FILES_SIZE_FAILED};
    struct valve_pending *next = NULL;

    start_size(&rig, &pending);
    say(&rig, violations[_i].reply);
    result.failed = valve_client_next(rig.client, SOON, &next);
    if (result.failed == 0)
        result = files_size_receive(rig.client, &pending, &rig.arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_SIZE_FAILED);
    ck_assert_int_eq(result.failed, -EPROTO);
    expect_words(&rig, violations[_i].words);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EPROTO);
    ck_assert_int_eq(
        files_size_start(rig.client, &(struct files_path){.text = {"a", 1}}, NULL, &pending),
        -EPROTO);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    rig_close(&rig);
}
END_TEST

START_TEST(nesting_is_bounded)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct files_size_result result;
    uint8_t arrays[VALVE_CLIENT_MAX_DEPTH + 1];

    memset(arrays, 0x81, sizeof arrays);
    start_size(&rig, &pending);
    say(&rig, "82 01 a1 64 53697a65");
    write_all(rig.peer, arrays, sizeof arrays);
    expect_next(&rig, &pending.pending);
    result = files_size_receive(rig.client, &pending, &rig.arena, SOON);
    ck_assert_int_eq(result.failed, -EPROTO);
    expect_words(&rig, "nested deeper");
    rig_close(&rig);
}
END_TEST

START_TEST(a_list_of_wrong_elements_is_refused)
{
    static const char *const elements[] = {"05", "a0", "a2 64 70617468 61 61 64 73697a65 01",
                                           "a3 64 70617468 61 61 64 73697a65 01 65 6d74696d65 f5"};
    struct rig rig = rig_open();
    struct files_list_all_pending pending;
    struct files_file file;

    start_list(&rig, &pending);
    say(&rig, "82 01 a1 64 4c697374 9f");
    say(&rig, elements[_i]);
    expect_next(&rig, &pending.pending);
    ck_assert_int_eq(files_list_all_receive(rig.client, &pending, &rig.arena, SOON).outcome,
                     FILES_LIST_ALL_GOT_LIST);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), -EPROTO);
    expect_words(&rig, "in the reply to call 1");
    rig_close(&rig);
}
END_TEST

START_TEST(long_payloads_of_the_wrong_type_are_refused)
{
    struct rig rig = rig_open();
    struct files_get_pending get;

    start_get(&rig, &get);
    say(&rig, _i == 0 ? "82 01 a1 67 436f6e74656e74 61 61" : "82 01 a1 67 436f6e74656e74 5f ff");
    expect_next(&rig, &get.pending);
    ck_assert_int_eq(files_get_receive(rig.client, &get, &rig.arena, SOON).failed, -EPROTO);
    expect_words(&rig, _i == 0 ? "bytes were due" : "indefinite length");
    rig_close(&rig);
}
END_TEST

START_TEST(a_list_that_is_none_is_refused)
{
    struct rig rig = rig_open();
    struct files_list_all_pending pending;

    start_list(&rig, &pending);
    say(&rig, "82 01 a1 64 4c697374 a0");
    expect_next(&rig, &pending.pending);
    ck_assert_int_eq(files_list_all_receive(rig.client, &pending, &rig.arena, SOON).failed,
                     -EPROTO);
    expect_words(&rig, "a list was due");
    rig_close(&rig);
}
END_TEST

START_TEST(an_answer_with_id_zero_ends_the_connection)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct valve_pending *next = NULL;

    start_size(&rig, &pending);
    say(&rig, "82 00 a1 65 4572726f72");
    ck_assert_int_eq(valve_client_next(rig.client, AT_ONCE, &next), -ETIMEDOUT);
    say(&rig, "6b 62616420746869 6e670a21");
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EREMOTE);
    ck_assert_str_eq(valve_client_problem(rig.client), "bad thing\\x0a!");
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EREMOTE);
    rig_close(&rig);
}
END_TEST

/* ---- The end of the stream ------------------------------------------------------------------- */

START_TEST(the_stream_may_end_between_replies)
{
    struct rig rig = rig_open();
    struct files_size_pending answered, lost;
    struct valve_pending *next = NULL;

    start_size(&rig, &answered);
    start_size(&rig, &lost);
    say(&rig, "82 01 a1 64 53697a65 05");
    shutdown(rig.peer, SHUT_WR);
    expect_size(&rig, &answered, 5);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -ECONNRESET);
    expect_words(&rig, "calls not answered: 1");
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -ECONNRESET);
    rig_close(&rig);
}
END_TEST

START_TEST(the_stream_must_not_end_inside_a_reply)
{
    static const char script[] = "82 01 a1 64 53697a65 19 0005";
    uint8_t bytes[32];
    size_t length = unhex(script, bytes, sizeof bytes);

    for (size_t cut = 1; cut < length; cut++) {
        struct rig rig = rig_open();
        struct files_size_pending pending;
        struct valve_pending *next = NULL;
        int r;

        start_size(&rig, &pending);
        write_all(rig.peer, bytes, cut);
        shutdown(rig.peer, SHUT_WR);
        r = valve_client_next(rig.client, SOON, &next);
        if (r == 0)
            r = files_size_receive(rig.client, &pending, &rig.arena, SOON).failed;
        ck_assert_int_eq(r, -ECONNABORTED);
        expect_words(&rig, "ended inside a reply");
        rig_close(&rig);
    }
}
END_TEST

START_TEST(the_stream_must_not_end_inside_content_or_list)
{
    static const char *const scripts[] = {"43 6161", "5a 00100000 6161"};
    struct rig rig = rig_open();
    struct files_get_pending get;
    size_t room = 1 << 20;
    uint8_t *buffer = malloc(room);
    ssize_t taken;

    ck_assert_ptr_nonnull(buffer);
    start_get(&rig, &get);
    say(&rig, "82 01 a1 67 436f6e74656e74");
    say(&rig, scripts[_i]);
    shutdown(rig.peer, SHUT_WR);
    receive_content(&rig, &get);
    while ((taken = valve_client_read_bytes(rig.client, buffer, room, SOON)) > 0)
        ck_assert_int_eq(taken, 2);
    ck_assert_int_eq(taken, -ECONNABORTED);
    expect_words(&rig, "ended inside a reply");
    free(buffer);
    rig_close(&rig);
}
END_TEST

START_TEST(what_was_answered_before_the_server_left_is_received)
{
    struct rig rig = rig_open();
    struct files_size_pending first, second, third, fourth;
    struct valve_pending *next = NULL;
    struct files_path name = path("a");

    start_size(&rig, &first);
    start_size(&rig, &second);
    say(&rig, "82 01 a1 64 53697a65 01 82 02 a1 64 53697a65 02");
    peer_closes(&rig);
    start_size(&rig, &third);
    ck_assert_int_eq(valve_client_flush(rig.client), -EPIPE);
    ck_assert_int_eq(files_size_start(rig.client, &name, NULL, &fourth), -EPIPE);
    expect_size(&rig, &first, 1);
    expect_size(&rig, &second, 2);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -ECONNRESET);
    rig_close(&rig);
}
END_TEST

void add_violation_tests(Suite *suite)
{
    TCase *bad = tcase_create("a server that misbehaves");

    tcase_add_loop_test(bad, each_violation_is_told_and_ends_the_connection, 0,
                        (int)(sizeof violations / sizeof violations[0]));
    tcase_add_test(bad, nesting_is_bounded);
    tcase_add_loop_test(bad, a_list_of_wrong_elements_is_refused, 0, 4);
    tcase_add_loop_test(bad, long_payloads_of_the_wrong_type_are_refused, 0, 2);
    tcase_add_test(bad, a_list_that_is_none_is_refused);
    tcase_add_test(bad, an_answer_with_id_zero_ends_the_connection);
    tcase_add_test(bad, the_stream_may_end_between_replies);
    tcase_add_test(bad, the_stream_must_not_end_inside_a_reply);
    tcase_add_loop_test(bad, the_stream_must_not_end_inside_content_or_list, 0, 2);
    tcase_add_test(bad, what_was_answered_before_the_server_left_is_received);
    suite_add_tcase(suite, bad);
}
