/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client: a client against a peer whose every byte is written here.
 *
 * Most need no second thread: the peer's bytes wait in the socket, and a deadline in the past asks
 * the client what it makes of those that have come.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/calls.h"
#include "client/client.h"
#include "fiber/clock.h"
#include "files.h"
#include "valve.h"

#define MILLISECOND  UINT64_C(1000000)
#define SOON         (valve_clock_now() + 10000 * MILLISECOND)
#define AT_ONCE      UINT64_C(0)
#define ADDRESS_ROOM 128

/* ---- The rig: a client, and the other end of its connection ---------------------------------- */

struct rig {
    struct valve_client *client;
    struct valve_arena arena;
    int peer;
};

static int listen_local(char address[ADDRESS_ROOM], int backlog)
{
    static unsigned number;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length, listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(listener, 0);
    length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "valve-check-client-%d-%u",
                      (int)getpid(), ++number);
    snprintf(address, ADDRESS_ROOM, "unix:@%s", name.sun_path + 1);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    ck_assert_int_eq(listen(listener, backlog), 0);
    return listener;
}

static int listen_tcp(char address[ADDRESS_ROOM])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    snprintf(address, ADDRESS_ROOM, "127.0.0.1:%u", ntohs(name.sin_port));
    return listener;
}

static struct rig rig_on(int listener, const char *address)
{
    struct valve_error error = {{0}};
    struct rig rig = {0};
    int r = valve_client_connect(address, SOON, &rig.client, &error);

    ck_assert_msg(r == 0, "%s", error.text);
    rig.peer = accept(listener, NULL, NULL);
    ck_assert_int_ge(rig.peer, 0);
    close(listener);
    valve_arena_init(&rig.arena, NULL, 0, 1 << 20);
    return rig;
}

static struct rig rig_open(void)
{
    char address[ADDRESS_ROOM];
    int listener = listen_local(address, 1);

    return rig_on(listener, address);
}

static void rig_close(struct rig *rig)
{
    valve_client_free(rig->client);
    valve_arena_fini(&rig->arena);
    if (rig->peer >= 0)
        close(rig->peer);
}

static void peer_closes(struct rig *rig)
{
    close(rig->peer);
    rig->peer = -1;
}

/* Bytes written in hexadecimal, with or without blanks. Returns their number. */
static size_t unhex(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    unsigned byte;

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        ck_assert_int_eq(sscanf(text, "%2x", &byte), 1);
        ck_assert_uint_lt(size, room);
        bytes[size++] = (uint8_t)byte;
        text++;
    }
    return size;
}

static void write_all(int descriptor, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0) {
        ssize_t written = send(descriptor, next, size, MSG_NOSIGNAL);

        ck_assert_int_gt(written, 0);
        next += written;
        size -= (size_t)written;
    }
}

static void say(struct rig *rig, const char *hex)
{
    uint8_t bytes[512];

    write_all(rig->peer, bytes, unhex(hex, bytes, sizeof bytes));
}

/* The peer has received exactly these bytes. */
static void heard(struct rig *rig, const char *hex)
{
    uint8_t due[256], got[256];
    size_t size = unhex(hex, due, sizeof due);

    ck_assert_int_eq(recv(rig->peer, got, sizeof got, MSG_DONTWAIT), (ssize_t)size);
    ck_assert_mem_eq(got, due, size);
}

static struct files_path path(const char *name)
{
    return (struct files_path){.kind = FILES_PATH_TEXT, .text = valve_text(name)};
}

static void start_size(struct rig *rig, struct files_size_pending *pending)
{
    struct files_path name = path("a");

    ck_assert_int_eq(files_size_start(rig->client, &name, NULL, pending), 0);
}

static void start_list(struct rig *rig, struct files_list_all_pending *pending)
{
    ck_assert_int_eq(files_list_all_start(rig->client, NULL, pending), 0);
}

static void start_get(struct rig *rig, struct files_get_pending *pending)
{
    struct files_path name = path("a");

    ck_assert_int_eq(files_get_start(rig->client, &name, NULL, pending), 0);
}

/* The next reply is to this call. */
static void expect_next(struct rig *rig, struct valve_pending *pending)
{
    struct valve_pending *next = NULL;
    int r = valve_client_next(rig->client, SOON, &next);

    ck_assert_msg(r == 0, "%s", valve_client_problem(rig->client));
    ck_assert_ptr_eq(next, pending);
}

static void expect_size(struct rig *rig, struct files_size_pending *pending, uint64_t size)
{
    struct files_size_result result;

    expect_next(rig, &pending->pending);
    result = files_size_receive(rig->client, pending, &rig->arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_SIZE_GOT_SIZE);
    ck_assert_uint_eq(result.size, size);
}

static void expect_words(struct rig *rig, const char *words)
{
    ck_assert_msg(strstr(valve_client_problem(rig->client), words) != NULL,
                  "\"%s\" does not contain \"%s\"", valve_client_problem(rig->client), words);
}

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

START_TEST(ids_skip_zero_and_those_in_flight)
{
    struct valve_pending first, second, third;
    struct valve_calls calls;

    ck_assert_int_eq(valve_calls_init(&calls), 0);
    valve_calls_add(&calls, &first);
    ck_assert_uint_eq(first.id, 1);
    calls.last_id = UINT32_MAX - 1;
    valve_calls_add(&calls, &second);
    ck_assert_uint_eq(second.id, UINT32_MAX);
    valve_calls_add(&calls, &third);
    ck_assert_uint_eq(third.id, 2);
    ck_assert_ptr_null(valve_calls_take(&calls, 3));
    ck_assert_ptr_eq(valve_calls_take(&calls, UINT32_MAX), &second);
    ck_assert_ptr_null(valve_calls_take(&calls, UINT32_MAX));
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
#define FILE_ITEM "a3 64 70617468 61 61 64 73697a65 01 65 6d74696d65 20"
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

static uint64_t receive_content(struct rig *rig, struct files_get_pending *pending)
{
    struct files_get_result result;

    expect_next(rig, &pending->pending);
    result = files_get_receive(rig->client, pending, &rig->arena, SOON);
    ck_assert_int_eq(result.outcome, FILES_GET_GOT_CONTENT);
    return result.content_size;
}

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
    {"83 01 a1 64 53697a65 05 f5", "another length"},
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
        ck_assert_int_eq(r, -EPROTO);
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
    ck_assert_int_eq(taken, -EPROTO);
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

static void add_bad_server(TCase *bad)
{
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
}

static void add_good_server(TCase *good)
{
    tcase_add_test(good, requests_are_the_bytes_of_the_protocol);
    tcase_add_test(good, a_payload_that_breaks_its_type_starts_nothing);
    tcase_add_test(good, ids_skip_zero_and_those_in_flight);
    tcase_add_test(good, the_table_of_calls_grows);
    tcase_add_test(good, whole_calls_return_their_results);
    tcase_add_test(good, answers_may_come_in_any_order);
    tcase_add_test(good, a_reply_may_come_byte_by_byte);
    tcase_add_test(good, a_list_may_come_byte_by_byte);
    tcase_add_test(good, lists_are_definite_or_indefinite_or_empty);
    tcase_add_test(good, a_list_goes_on_when_its_call_is_gone);
    tcase_add_test(good, an_arena_that_is_too_small_may_be_replaced);
    tcase_add_test(good, bytes_are_read_in_pieces_of_any_size);
    tcase_add_test(good, empty_content_is_a_whole_reply);
    tcase_add_test(good, large_bytes_arrive_unchanged_and_nothing_behind_them_is_eaten);
    tcase_add_loop_test(good, reading_and_writing_do_not_wait_for_each_other, 0, 2);
    tcase_add_test(good, a_deadline_passes_and_the_connection_is_still_good);
    tcase_add_test(good, misuse_is_told_and_harmless);
    tcase_add_loop_test(good, a_reply_to_a_call_given_up_is_dropped, 0, 4);
    tcase_add_test(good, content_may_be_given_up_half_way);
    tcase_add_test(good, nobody_waits_for_calls_given_up);
    tcase_add_test(good, a_call_that_was_received_cannot_be_given_up);
    tcase_add_test(good, tcp_works_and_does_not_gather_packets);
    tcase_add_test(good, connections_that_fail_say_why);
    tcase_add_test(good, a_full_backlog_is_waited_for_no_longer_than_asked);
}

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *good = tcase_create("calls"), *bad = tcase_create("a server that misbehaves");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(good, 60);
    add_good_server(good);
    add_bad_server(bad);
    suite_add_tcase(suite, good);
    suite_add_tcase(suite, bad);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
