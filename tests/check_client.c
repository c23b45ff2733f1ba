/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client: its calls, its time and its connection, against a peer whose every byte is
 * written here.
 *
 * Most need no second thread: the peer's bytes wait in the socket, and a deadline in the past asks
 * the client what it makes of those that have come.
 */
#include "check_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/calls.h"
#include "client/client.h"
#include "client_peer.h"

/* ---- Requests -------------------------------------------------------------------------------- */

START_TEST(requests_are_the_bytes_of_the_protocol)
{
    struct rig rig = rig_open();
    struct files_list_all_pending list;
    struct files_size_pending size;
    struct files_get_pending get;
    struct valve_call_options options = {.timeout = 1000};
    struct files_path name = path("a/b.txt");
    struct files_path bytes = {.kind = FILES_PATH_BYTES, .bytes = {(const uint8_t *)"\xff", 1}};

    start_list(&rig, &list);
    ck_assert_int_eq(files_size_start(rig.client, &name, NULL, &size), 0);
    ck_assert_int_eq(files_get_start(rig.client, &bytes, &options, &get), 0);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 3);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    heard(&rig, "82 01 67 4c697374416c6c"
                "82 02 a1 64 53697a65 67 612f622e747874"
                "83 03 a1 63 476574 41 ff a1 67 74696d656f7574 19 03e8");
    rig_close(&rig);
}
END_TEST

START_TEST(a_payload_that_breaks_its_type_starts_nothing)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct files_path name = {.kind = FILES_PATH_TEXT, .text = {"\xff", 1}};

    ck_assert_int_eq(files_size_start(rig.client, &name, NULL, &pending), -EINVAL);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    start_size(&rig, &pending);
    say(&rig, "82 01 a1 64 53697a65 05");
    expect_size(&rig, &pending, 5);
    rig_close(&rig);
}
END_TEST

START_TEST(ids_skip_the_reserved_and_those_in_flight)
{
    struct valve_pending first, second, third;
    struct valve_calls calls;

    ck_assert_int_eq(valve_calls_init(&calls), 0);
    valve_calls_add(&calls, &first);
    ck_assert_uint_eq(first.id, 1);
    calls.last_id = UINT32_MAX - 2;
    valve_calls_add(&calls, &second);
    ck_assert_uint_eq(second.id, UINT32_MAX - 1);
    valve_calls_add(&calls, &third);
    ck_assert_uint_eq(third.id, 2);
    ck_assert_ptr_null(valve_calls_take(&calls, 3));
    ck_assert_ptr_eq(valve_calls_take(&calls, UINT32_MAX - 1), &second);
    ck_assert_ptr_null(valve_calls_take(&calls, UINT32_MAX - 1));
    ck_assert_uint_eq(calls.count, 2);
    valve_calls_fini(&calls);
}
END_TEST

START_TEST(the_table_of_calls_grows)
{
    enum { COUNT = 20000 };
    struct valve_pending *pending = calloc(COUNT, sizeof *pending);
    struct valve_calls calls;

    ck_assert_ptr_nonnull(pending);
    ck_assert_int_eq(valve_calls_init(&calls), 0);
    for (uint32_t i = 0; i < COUNT; i++)
        valve_calls_add(&calls, &pending[i]);
    ck_assert_uint_ge(calls.chain_count, COUNT);
    for (uint32_t i = COUNT; i-- > 0;)
        ck_assert_ptr_eq(valve_calls_take(&calls, i + 1), &pending[i]);
    ck_assert_uint_eq(calls.count, 0);
    valve_calls_fini(&calls);
    free(pending);
}
END_TEST

/* ---- Time ------------------------------------------------------------------------------------ */

START_TEST(a_deadline_passes_and_the_connection_is_still_good)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct valve_pending *next = NULL;
    uint64_t deadline;

    start_size(&rig, &pending);
    deadline = valve_clock_now() + 30 * MILLISECOND;
    ck_assert_int_eq(valve_client_next(rig.client, deadline, &next), -ETIMEDOUT);
    ck_assert_uint_ge(valve_clock_now(), deadline);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    say(&rig, "82 01 a1 64 53697a65 05");
    expect_size(&rig, &pending, 5);
    rig_close(&rig);
}
END_TEST

START_TEST(misuse_is_told_and_harmless)
{
    struct rig rig = rig_open();
    struct files_size_pending pending, other;
    struct valve_pending *next = NULL;
    struct files_file file;
    char byte;

    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -ENOENT);
    start_size(&rig, &pending);
    start_size(&rig, &other);
    say(&rig, "82 01 a1 64 53697a65 05");
    expect_next(&rig, &pending.pending);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EBUSY);
    ck_assert_int_eq(files_size_receive(rig.client, &other, &rig.arena, SOON).failed, -EINVAL);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, &byte, 1, SOON), -EINVAL);
    ck_assert_int_eq(files_list_all_next(rig.client, &rig.arena, &file, SOON), -EINVAL);
    ck_assert_uint_eq(files_size_receive(rig.client, &pending, &rig.arena, SOON).size, 5);
    rig_close(&rig);
}
END_TEST

/* ---- Reading while writing ------------------------------------------------------------------- */

#define MANY ((size_t)30000)

static size_t id_size(size_t id)
{
    return id < 24 ? 1 : id < 0x100 ? 2 : id < 0x10000 ? 3 : 5;
}

static void answer_all(const struct rig *rig)
{
    uint8_t reply[] = {0x82, 0x1a, 0, 0, 0, 0, 0xa1, 0x64, 'S', 'i', 'z', 'e', 0x05};

    for (size_t id = 1; id <= MANY; id++) {
        for (size_t i = 0; i < 4; i++)
            reply[2 + i] = (uint8_t)(id >> (24 - 8 * i));
        write_all(rig->peer, reply, sizeof reply);
    }
}

/* Reads the requests of start_size() for all ids. */
static void read_all(const struct rig *rig)
{
    size_t left = 0;
    char drain[1024];

    for (size_t id = 1; id <= MANY; id++)
        left += 9 + id_size(id);
    while (left > 0) {
        ssize_t taken = recv(rig->peer, drain, sizeof drain, 0);

        if (taken <= 0 || (size_t)taken > left)
            ck_abort_msg("%zu bytes are missing, then came %zd", left, taken);
        left -= (size_t)taken;
    }
}

/* A peer that reads nothing until all of its replies have been taken. */
static void *answer_before_reading(void *argument)
{
    const struct rig *rig = argument;
    char drain[1024];

    answer_all(rig);
    while (recv(rig->peer, drain, sizeof drain, 0) > 0)
        continue;
    return NULL;
}

/* A peer that answers nothing until it has read all there is. */
static void *read_before_answering(void *argument)
{
    read_all(argument);
    answer_all(argument);
    return NULL;
}

START_TEST(reading_and_writing_do_not_wait_for_each_other)
{
    struct rig rig = rig_open();
    struct files_size_pending *pending = calloc(MANY, sizeof *pending);
    pthread_t thread;

    ck_assert_ptr_nonnull(pending);
    for (size_t i = 0; i < MANY; i++)
        start_size(&rig, &pending[i]);
    ck_assert_uint_gt(valve_client_unsent(rig.client), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL,
                                    _i == 0 ? answer_before_reading : read_before_answering, &rig),
                     0);
    for (size_t i = 0; i < MANY; i++)
        expect_size(&rig, &pending[i], 5);
    valve_client_free(rig.client); /* which ends what the peer reads */
    rig.client = NULL;
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    free(pending);
    rig_close(&rig);
}
END_TEST

/* ---- Calls that are given up ----------------------------------------------------------------- */

START_TEST(a_reply_to_a_call_given_up_is_dropped)
{
    static const char *const replies[] = {
        "a1 65 4572726f72 65 696f3a2078",
        "a1 64 4c697374 80",
        "a1 64 4c697374 82" FILE_ITEM FILE_ITEM,
        "a1 64 4c697374 9f" FILE_ITEM FILE_ITEM "ff",
    };
    struct rig rig = rig_open();
    struct files_list_all_pending *given_up = malloc(sizeof *given_up);
    struct files_size_pending size;

    ck_assert_ptr_nonnull(given_up);
    start_list(&rig, given_up);
    start_size(&rig, &size);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    heard(&rig, "82 01 67 4c697374416c6c 82 02 a1 64 53697a65 61 61");
    valve_client_forget(rig.client, &given_up->pending);
    free(given_up);
    heard(&rig, "82 01 f6");
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    say(&rig, "82 01");
    say(&rig, replies[_i]);
    say(&rig, "82 02 a1 64 53697a65 05");
    expect_size(&rig, &size, 5);
    ck_assert_ptr_null(rig.client->dropped);
    rig_close(&rig);
}
END_TEST

START_TEST(content_may_be_given_up_half_way)
{
    struct rig rig = rig_open();
    struct files_get_pending get;
    struct files_size_pending size;
    struct valve_pending *next = NULL;
    char byte;

    start_get(&rig, &get);
    start_size(&rig, &size);
    say(&rig, "82 01 a1 67 436f6e74656e74 45 6865");
    ck_assert_uint_eq(receive_content(&rig, &get), 5);
    ck_assert_int_eq(valve_client_read_bytes(rig.client, &byte, 1, SOON), 1);
    valve_client_forget(rig.client, &get.pending);
    ck_assert_int_eq(valve_client_next(rig.client, AT_ONCE, &next), -ETIMEDOUT);
    say(&rig, "6c6c6f 82 02 a1 64 53697a65 05");
    expect_size(&rig, &size, 5);
    rig_close(&rig);
}
END_TEST

START_TEST(nobody_waits_for_calls_given_up)
{
    struct rig rig = rig_open();
    struct files_size_pending pending;
    struct valve_pending *next = NULL;

    start_size(&rig, &pending);
    valve_client_forget(rig.client, &pending.pending);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -ENOENT);
    rig_close(&rig);
}
END_TEST

START_TEST(a_call_that_was_received_cannot_be_given_up)
{
    struct rig rig = rig_open();
    struct files_size_pending first, second;

    start_size(&rig, &first);
    start_size(&rig, &second);
    ck_assert_int_eq(valve_client_flush(rig.client), 0);
    heard(&rig, "82 01 a1 64 53697a65 61 61 82 02 a1 64 53697a65 61 61");
    say(&rig, "82 01 a1 64 53697a65 05 82 02 a1 64 53697a65 06");
    expect_size(&rig, &first, 5);
    valve_client_forget(rig.client, &first.pending);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 1);
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    ck_assert_int_eq(recv(rig.peer, &(char){0}, 1, MSG_DONTWAIT), -1);
    expect_size(&rig, &second, 6);
    rig_close(&rig);
}
END_TEST

/* ---- Connecting ------------------------------------------------------------------------------ */

START_TEST(tcp_works_and_does_not_gather_packets)
{
    char address[ADDRESS_ROOM];
    int listener = listen_tcp(address);
    struct rig rig = rig_on(listener, address);
    struct files_size_pending pending;
    int on = 0;
    socklen_t size = sizeof on;

    ck_assert_int_eq(getsockopt(rig.client->transport.socket, IPPROTO_TCP, TCP_NODELAY, &on, &size),
                     0);
    ck_assert_int_ne(on, 0);
    start_size(&rig, &pending);
    say(&rig, "82 01 a1 64 53697a65 05");
    expect_size(&rig, &pending, 5);
    rig_close(&rig);
}
END_TEST

static void expect_no_connection(const char *address, uint64_t deadline, int error)
{
    struct valve_client *client = NULL;
    struct valve_error words = {{0}};

    ck_assert_int_eq(valve_client_connect(address, deadline, &client, &words), error);
    ck_assert_ptr_null(client);
    ck_assert_msg(strstr(words.text, address) == words.text, "%s", words.text);
    ck_assert_uint_gt(strlen(words.text), strlen(address) + 2);
}

START_TEST(connections_that_fail_say_why)
{
    char address[ADDRESS_ROOM];

    expect_no_connection("nonsense", SOON, -EINVAL);
    expect_no_connection("unix:relative", SOON, -EINVAL);
    expect_no_connection("unix:/nonexistent/valve.sock", SOON, -ENOENT);
    close(listen_local(address, 1));
    expect_no_connection(address, SOON, -ECONNREFUSED);
    close(listen_tcp(address));
    expect_no_connection(address, SOON, -ECONNREFUSED);
}
END_TEST

START_TEST(a_full_backlog_is_waited_for_no_longer_than_asked)
{
    char address[ADDRESS_ROOM];
    int listener = listen_local(address, 0);
    struct valve_client *first = NULL;
    struct valve_error error = {{0}};
    uint64_t deadline;

    ck_assert_int_eq(valve_client_connect(address, SOON, &first, &error), 0);
    deadline = valve_clock_now() + 50 * MILLISECOND;
    expect_no_connection(address, deadline, -ETIMEDOUT);
    ck_assert_uint_ge(valve_clock_now(), deadline);
    valve_client_free(first);
    close(listener);
}
END_TEST

/* ---- All of it ------------------------------------------------------------------------------- */

static void add_call_tests(Suite *suite)
{
    TCase *calls = tcase_create("calls");

    tcase_set_timeout(calls, 60);
    tcase_add_test(calls, requests_are_the_bytes_of_the_protocol);
    tcase_add_test(calls, a_payload_that_breaks_its_type_starts_nothing);
    tcase_add_test(calls, ids_skip_the_reserved_and_those_in_flight);
    tcase_add_test(calls, the_table_of_calls_grows);
    tcase_add_loop_test(calls, reading_and_writing_do_not_wait_for_each_other, 0, 2);
    tcase_add_test(calls, a_deadline_passes_and_the_connection_is_still_good);
    tcase_add_test(calls, misuse_is_told_and_harmless);
    tcase_add_loop_test(calls, a_reply_to_a_call_given_up_is_dropped, 0, 4);
    tcase_add_test(calls, content_may_be_given_up_half_way);
    tcase_add_test(calls, nobody_waits_for_calls_given_up);
    tcase_add_test(calls, a_call_that_was_received_cannot_be_given_up);
    tcase_add_test(calls, tcp_works_and_does_not_gather_packets);
    tcase_add_test(calls, connections_that_fail_say_why);
    tcase_add_test(calls, a_full_backlog_is_waited_for_no_longer_than_asked);
    suite_add_tcase(suite, calls);
}

int main(void)
{
    Suite *suite = suite_create("client");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_call_tests(suite);
    add_reply_tests(suite);
    add_stream_tests(suite);
    add_oneway_tests(suite);
    add_violation_tests(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
