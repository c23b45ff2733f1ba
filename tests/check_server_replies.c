/* SPDX-License-Identifier: MIT */
/*
 * Tests of replies: each way to make one, what is held back behind what, and how far a handler may
 * get ahead of its client.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fiber/clock.h"
#include "tests/server_fixture.h"

#define MEBIBYTE ((size_t)1 << 20)

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

/* A file without a name, with content of this size. */
static void make_file(size_t size)
{
    char path[256];
    const char *directory = getenv("TMPDIR");
    uint8_t *content = malloc(size);
    int file;

    ck_assert_ptr_nonnull(content);
    for (size_t i = 0; i < size; i++)
        content[i] = content_at(i);
    snprintf(path, sizeof path, "%s/valve-check-XXXXXX", directory != NULL ? directory : "/tmp");
    file = mkostemp(path, O_CLOEXEC);
    ck_assert_int_ge(file, 0);
    unlink(path);
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, content + done, size - done);

        ck_assert_int_gt(written, 0);
        done += (size_t)written;
    }
    free(content);
    rig.service.file = file;
}

static void start_with_list(unsigned count, unsigned name_size)
{
    rig.service.list.count = count;
    rig.service.list.name_size = name_size;
    rig_start(&rig);
}

static void ask_for_bytes(struct peer *peer, uint32_t id, const char *how, size_t size)
{
    char order[64];

    snprintf(order, sizeof order, "%s %zu", how, size);
    peer_ask(peer, id, "Get", order);
}

static void expect_bytes(struct peer *peer, uint32_t id, const uint8_t *bytes, size_t size)
{
    struct item item = peer_receive(peer);

    ck_assert_uint_eq(item.id, id);
    ck_assert_uint_eq(item.size, size);
    ck_assert_mem_eq(item.bytes, bytes, size);
}

/* ---- Whole replies -------------------------------------------------------------------------------- */

START_TEST(small_replies_of_each_type)
{
    static const uint8_t exists[] = {0x82, 0x01, 0xa1, 0x66, 'E', 'x', 'i', 's', 't', 's', 0xf5};
    static const uint8_t size[] = {0x82, 0x18, 0x20, 0xa1, 0x64, 'S', 'i', 'z', 'e', 0x03};
    static const uint8_t ok[] = {0x82, 0x1a, 0xff, 0xff, 0xff, 0xff, 0x62, 'O', 'k'};
    static const uint8_t content[] = {0x82, 0x04, 0xa1, 0x67, 'C',  'o', 'n',
                                      't',  'e',  'n',  't',  0x41, 0x00};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "now");
    expect_bytes(&peer, 1, exists, sizeof exists);
    peer_ask(&peer, 32, "Size", "abc");
    expect_bytes(&peer, 32, size, sizeof size);
    peer_ask(&peer, UINT32_MAX, "Del", "a");
    expect_bytes(&peer, UINT32_MAX, ok, sizeof ok);
    peer_ask(&peer, 4, "Get", "whole 1");
    expect_bytes(&peer, 4, content, sizeof content);
    peer_ask(&peer, 5, "Exists", "sleep 1");
    peer_expect_true(&peer, 5);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(whole_values_of_all_sizes)
{
    static const size_t sizes[] = {0, 23, 24, 255, 256, 16000, 16384, 65535, 65536, 65537, 700000};
    const unsigned count = sizeof sizes / sizeof sizes[0];
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < count; i++)
        ask_for_bytes(&peer, i + 1, "whole", sizes[i]);
    for (unsigned i = 0; i < count; i++)
        peer_expect_content(&peer, i + 1, 0, sizes[i]);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Bytes in place -------------------------------------------------------------------------------- */

START_TEST(bytes_in_place_of_all_sizes)
{
    static const size_t sizes[] = {0, 1, 23, 24, 255, 256, 16000, 16384, 65000, VALVE_REPLY_BUFFER};
    static const char *const ways[] = {"reserve", "reserve-twice"};
    const unsigned count = sizeof sizes / sizeof sizes[0];
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < count; i++) {
        ask_for_bytes(&peer, i + 1, ways[_i], sizes[i]);
        peer_expect_content(&peer, i + 1, 0, sizes[i]);
    }
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(more_bytes_in_place_than_a_buffer_are_refused)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    ask_for_bytes(&peer, 1, "reserve", VALVE_REPLY_BUFFER + 1);
    peer_expect_error(&peer, 1, "io");
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* More than the output may hold: those behind wait for room, while the client does read. */
START_TEST(many_bytes_in_place_wait_for_room)
{
    enum { COUNT = 40 };
    bool received[COUNT + 1] = {false};
    uint8_t requests[COUNT * 32];
    size_t size = 0;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= COUNT; i++)
        size += request(requests + size, i, "Get", "reserve 65000", NO_TIMEOUT);
    peer_send(&peer, requests, size);
    for (unsigned i = 1; i <= COUNT; i++) {
        struct item item = peer_receive(&peer);

        ck_assert(item.id >= 1 && item.id <= COUNT && !received[item.id]);
        ck_assert_uint_eq(item.payload_size, 65000 + 3);
        received[item.id] = true;
    }
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* The output has nothing in it meanwhile, and may not be given up. */
START_TEST(bytes_in_place_outlast_a_wait)
{
    static const char *const orders[] = {"reserve-gate 0", "reserve-gate 100"};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Get", orders[_i]);
    tally_await(&rig.service.at_gate, 1);
    peer_ping(&peer);
    tally_add(&rig.service.gate);
    peer_expect_content(&peer, 1, 0, _i == 0 ? 0 : 100);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* One that waits for its disk with little reserved does not keep others from theirs. */
START_TEST(a_wait_with_bytes_in_place_delays_nobody_else)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Get", "reserve-gate 1000");
    tally_await(&rig.service.at_gate, 1);
    for (uint32_t i = 2; i < 50; i++) {
        peer_ask(&peer, i, "Get", "reserve 60000");
        peer_expect_content(&peer, i, 0, 60000);
    }
    tally_add(&rig.service.gate);
    peer_expect_content(&peer, 1, 0, 1000);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* The output is full. Once the client reads, one that got room and waits keeps it from no other. */
START_TEST(there_is_room_for_several)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 8; i++)
        peer_ask(&peer, i, "Get", "reserve 65000");
    peer_ask(&peer, 9, "Get", "reserve-gate 2000");
    peer_ask(&peer, 10, "Get", "reserve 2000");
    tally_await(&rig.service.begun, 10);
    for (unsigned i = 0; i < 9; i++)
        ck_assert_uint_ne(peer_receive(&peer).id, 9);
    tally_add(&rig.service.gate);
    peer_expect_content(&peer, 9, 0, 2000);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Lists ------------------------------------------------------------------------------------------ */

START_TEST(a_short_list)
{
    static const uint8_t two[] = {0x82, 0x07, 0xa1, 0x64, 'L',  'i',  's',  't', 0x9f, 0xa3, 0x64,
                                  'p',  'a',  't',  'h',  0x61, 'n',  0x64, 's', 'i',  'z',  'e',
                                  0x01, 0x65, 'm',  't',  'i',  'm',  'e',  0,   0xa3, 0x64, 'p',
                                  'a',  't',  'h',  0x61, 'n',  0x64, 's',  'i', 'z',  'e',  0x02,
                                  0x65, 'm',  't',  'i',  'm',  'e',  0,    0xff};
    struct peer peer;

    start_with_list(2, 1);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 7);
    expect_bytes(&peer, 7, two, sizeof two);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(lists_of_all_lengths)
{
    static const struct {
        unsigned count, name_size;
    } lists[] = {{0, 1}, {1, 1}, {2000, 5}, {3000, 5}, {100000, 30}, {40, 60000}};
    struct peer peer;

    start_with_list(lists[_i].count, lists[_i].name_size);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    peer_expect_list(&peer, 1, lists[_i].count);
    peer_ask_list(&peer, 2);
    peer_expect_list(&peer, 2, lists[_i].count);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(an_early_error_replaces_a_list)
{
    struct peer peer;

    rig.service.list.fail_at = 60; /* of elements of 1 KB: not yet 64 KiB */
    start_with_list(100, 1000);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    peer_expect_error(&peer, 1, "io");
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_late_error_breaks_the_connection_inside_a_list)
{
    struct peer peer;

    rig.service.list.fail_at = 200;
    start_with_list(1000, 1000);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    ck_assert_uint_lt(peer_expect_break(&peer), 200 * 1050);
    ck_assert(rig_has_logged(&rig, "io: something else"));
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Files ------------------------------------------------------------------------------------------ */

START_TEST(files_of_all_sizes)
{
    static const size_t sizes[] = {0, 1, 4096, 65536, MEBIBYTE, MEBIBYTE + 1, 9 * MEBIBYTE + 17};
    struct peer peer;

    make_file(10 * MEBIBYTE);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        ask_for_bytes(&peer, i + 1, "file", sizes[i]);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        peer_expect_content(&peer, i + 1, 0, sizes[i]);
    peer_ask(&peer, 99, "Get", "file-from 4095 2000000");
    peer_expect_content(&peer, 99, 4095, 2000000);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* What is remembered of a file that is kept open is of no use, or was found by another reply. */
START_TEST(a_file_that_is_kept_open)
{
    static const struct {
        uint64_t size; /* that is remembered */
        bool is_recent;
        uint64_t asked, seen;
    } rows[] = {
        {0, false, 65536, 65536},        /* nothing is remembered */
        {1000, true, 65536, 65536},      /* the file has grown */
        {65536, false, 65536, 65536},    /* long ago */
        {MEBIBYTE, false, 65536, 65536}, /* the file has shrunk */
        {0, false, MEBIBYTE, MEBIBYTE},  /* the most that is looked at at once */
        {0, false, MEBIBYTE + 1, 0},     /* more */
    };
    uint64_t begun = valve_clock_now();
    struct peer peer;

    make_file(10 * MEBIBYTE);
    rig.service.residency.size = rows[_i].size;
    rig.service.residency.at = rows[_i].is_recent ? begun : 0;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t id = 1; id <= 3; id++) {
        ask_for_bytes(&peer, id, "file-kept", rows[_i].asked);
        peer_expect_content(&peer, id, 0, rows[_i].asked);
    }
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(rig.service.residency.size, rows[_i].seen);
    if (rows[_i].seen > 0)
        ck_assert_uint_ge(rig.service.residency.at, begun);
}
END_TEST

START_TEST(a_file_that_is_too_short_breaks_the_connection)
{
    struct peer peer;

    make_file(_i == 0 ? 1000 : 3 * MEBIBYTE + 5);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    ask_for_bytes(&peer, 1, "file", 4 * MEBIBYTE);
    ck_assert_uint_lt(peer_expect_break(&peer), 4 * MEBIBYTE);
    ck_assert(rig_has_logged(&rig, "the file: io: the file ended"));
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_client_that_leaves_during_a_file_is_no_fault)
{
    struct peer peer, other;

    make_file(10 * MEBIBYTE);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    ask_for_bytes(&peer, 1, "file", 10 * MEBIBYTE);
    tally_await(&rig.service.begun, 1);
    peer_close(&peer);
    tally_await(&rig.service.ended, 1);
    other = peer_connect(rig.address);
    peer_ping(&other);
    ck_assert_str_eq(rig.log, "");
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

/* ---- Turns ------------------------------------------------------------------------------------------ */

/* The client receives well-formed items only, so that none stands inside another. */
START_TEST(large_replies_take_turns)
{
    bool received[9] = {false};
    struct peer peer;

    make_file(3 * MEBIBYTE);
    start_with_list(20000, 50);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 8; i += 2) {
        peer_ask_list(&peer, i);
        ask_for_bytes(&peer, i + 1, "file", 3 * MEBIBYTE);
    }
    for (uint32_t i = 100; i < 150; i++)
        peer_ask(&peer, i, "Exists", "now");
    for (unsigned large = 0, small = 0; large + small < 58;) {
        struct item item = peer_receive(&peer);

        if (item.id >= 100) {
            small++;
            continue;
        }
        ck_assert(item.id >= 1 && item.id <= 8 && !received[item.id]);
        ck_assert_uint_gt(item.size, MEBIBYTE);
        received[item.id] = true;
        large++;
    }
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* A list that has begun stops at the gate: the next large one and the small ones are held. */
START_TEST(small_replies_follow_a_large_one_that_has_begun)
{
    struct peer peer, other;

    make_file(MEBIBYTE);
    rig.service.list.gate_at = 900;
    start_with_list(1000, 100);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    tally_await(&rig.service.at_gate, 1);
    ask_for_bytes(&peer, 2, "file", MEBIBYTE);
    peer_ask(&peer, 3, "Exists", "now");
    ask_for_bytes(&peer, 4, "reserve", 1000);
    tally_await(&rig.service.begun, 4);
    peer_ping(&other); /* other connections are not concerned */
    tally_add(&rig.service.gate);
    peer_expect_list(&peer, 1, 1000);
    peer_expect_true(&peer, 3);
    peer_expect_content(&peer, 4, 0, 1000);
    peer_expect_content(&peer, 2, 0, MEBIBYTE);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

/* Nothing of it was sent yet: small replies need not wait. */
START_TEST(small_replies_pass_a_large_one_that_has_not_begun)
{
    struct peer peer;

    rig.service.list.gate_at = 5;
    start_with_list(10, 100);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    tally_await(&rig.service.at_gate, 1);
    peer_ping(&peer);
    tally_add(&rig.service.gate);
    peer_expect_list(&peer, 1, 10);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Whose turn ends by a broken connection does not keep others waiting for it. */
START_TEST(those_that_wait_for_a_turn_go_with_their_client)
{
    struct peer peer;

    rig.service.list.gate_at = 5;
    start_with_list(10, 100);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 5; i++)
        peer_ask_list(&peer, i);
    tally_await(&rig.service.begun, 5);
    peer_close(&peer);
    tally_await(&rig.service.canceled, 5);
    rig_stop(&rig);
}
END_TEST

/* ---- Backpressure ----------------------------------------------------------------------------------- */

static void set_receive_buffer(struct peer *peer, int size)
{
    ck_assert_int_eq(setsockopt(peer->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

/* 100 MB of elements, of which the handler makes no more than the output and the socket hold. */
START_TEST(a_list_waits_for_its_client)
{
    struct peer idle, other;

    start_with_list(100000, 1000);
    idle = peer_connect(rig.address);
    other = peer_connect(rig.address);
    peer_ask_list(&idle, 1);
    tally_await(&rig.service.begun, 1);
    for (unsigned i = 0; i < 100; i++)
        peer_ping(&other);
    ck_assert_uint_lt(tally_get(&rig.service.added), 3000);
    ck_assert_uint_gt(tally_get(&rig.service.added), 100);
    peer_expect_list(&idle, 1, 100000);
    peer_close(&idle);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

static uint64_t processor_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/*
 * The socket was full, and has room again, but the rest of the list is not there yet: it is no
 * reason to run that the client could take more.
 */
START_TEST(a_list_that_waits_for_something_else_is_quiet)
{
    static uint8_t buffer[MEBIBYTE];
    struct peer peer;
    uint64_t before;

    rig.service.list.gate_at = 20000;
    start_with_list(20001, 1000);
    peer = peer_connect(rig.address);
    peer_ask_list(&peer, 1);
    while (recv(peer.socket, buffer, sizeof buffer, MSG_DONTWAIT) > 0 ||
           tally_get(&rig.service.at_gate) == 0)
        poll(&(struct pollfd){.fd = peer.socket, .events = POLLIN}, 1, 10);
    before = processor_time();
    poll(NULL, 0, 300);
    ck_assert_uint_lt(processor_time() - before, 100000000);
    peer_close(&peer);
    tally_await(&rig.service.canceled, 1);
    rig_stop(&rig);
}
END_TEST

/* 500 replies of 64 KB are asked for: only some are made before the client reads. */
START_TEST(bytes_in_place_wait_for_their_client)
{
    struct peer idle, other;

    rig.options.max_in_flight = 1000;
    rig_start(&rig);
    idle = peer_connect(rig.address);
    other = peer_connect(rig.address);
    set_receive_buffer(&idle, 4096);
    for (uint32_t i = 1; i <= 500; i++)
        ask_for_bytes(&idle, i, "reserve", 65000);
    tally_await(&rig.service.begun, 1);
    for (unsigned i = 0; i < 100; i++)
        peer_ping(&other);
    ck_assert_uint_lt(tally_get(&rig.service.added), 20);
    for (uint32_t i = 1; i <= 500; i++)
        ck_assert_uint_gt(peer_receive(&idle).size, 65000);
    peer_close(&idle);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: replies");
    TCase *tests = tcase_create("replies");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, small_replies_of_each_type);
    tcase_add_test(tests, whole_values_of_all_sizes);
    tcase_add_loop_test(tests, bytes_in_place_of_all_sizes, 0, 2);
    tcase_add_test(tests, more_bytes_in_place_than_a_buffer_are_refused);
    tcase_add_test(tests, many_bytes_in_place_wait_for_room);
    tcase_add_loop_test(tests, bytes_in_place_outlast_a_wait, 0, 2);
    tcase_add_test(tests, a_wait_with_bytes_in_place_delays_nobody_else);
    tcase_add_test(tests, there_is_room_for_several);
    tcase_add_test(tests, a_short_list);
    tcase_add_loop_test(tests, lists_of_all_lengths, 0, 6);
    tcase_add_test(tests, an_early_error_replaces_a_list);
    tcase_add_test(tests, a_late_error_breaks_the_connection_inside_a_list);
    tcase_add_test(tests, files_of_all_sizes);
    tcase_add_loop_test(tests, a_file_that_is_kept_open, 0, 6);
    tcase_add_loop_test(tests, a_file_that_is_too_short_breaks_the_connection, 0, 2);
    tcase_add_test(tests, a_client_that_leaves_during_a_file_is_no_fault);
    tcase_add_test(tests, large_replies_take_turns);
    tcase_add_test(tests, small_replies_follow_a_large_one_that_has_begun);
    tcase_add_test(tests, small_replies_pass_a_large_one_that_has_not_begun);
    tcase_add_test(tests, those_that_wait_for_a_turn_go_with_their_client);
    tcase_add_test(tests, a_list_waits_for_its_client);
    tcase_add_test(tests, a_list_that_waits_for_something_else_is_quiet);
    tcase_add_test(tests, bytes_in_place_wait_for_their_client);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
