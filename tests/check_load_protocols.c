/* SPDX-License-Identifier: MIT */
/*
 * What load sends and how it reads answers: the file service, HTTP and memcached.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/load_valve.h"
#include "load_text.h"

/* Reads a head of which each beginning alone must not be enough. Returns its size, or an error. */
static ssize_t read_whole(const struct load_protocol *protocol, const char *data, size_t size,
                          size_t head, struct load_answer *answer)
{
    const char *problem = NULL;

    for (size_t part = 0; part < head; part++) {
        /* Memory of exactly that size, so that reading beyond it is noticed. */
        uint8_t *copy = malloc(part > 0 ? part : 1);
        ssize_t r;

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, data, part);
        r = protocol->read(protocol->context, copy, part, answer, &problem);
        free(copy);
        ck_assert_int_eq(r, 0);
    }
    return protocol->read(protocol->context, (const uint8_t *)data, size, answer, &problem);
}

/* ---- The file service ------------------------------------------------------------------------ */

static struct load_valve valve;
static struct load_protocol protocol;

static void begin_valve(enum files_method method, const char *name)
{
    load_valve_init(&valve);
    load_valve_call(&valve, method, 1);
    ck_assert_int_eq(load_valve_add(&valve, name, strlen(name)), 0);
    protocol = load_valve_protocol(&valve);
}

static const struct request {
    enum files_method method;
    const char *name, *bytes;
    uint32_t slot;
} requests[] = {
    {FILES_SIZE, "a/b.txt",
     "\x82\x02\xa1\x64Size\x67"
     "a/b.txt",
     1},
    {FILES_GET, "x", "\x82\x01\xa1\x63Get\x61x", 0},
    {FILES_EXISTS, "x",
     "\x82\x18\x18\xa1\x66"
     "Exists\x61x",
     23},
    {FILES_DEL, "x",
     "\x82\x19\x01\x01\xa1\x63"
     "Del\x61x",
     256},
    {FILES_GET, "\xff", "\x82\x01\xa1\x63Get\x41\xff", 0},
};

START_TEST(requests_are_those_of_the_protocol)
{
    const struct request *request = &requests[_i];
    uint8_t data[64], kind = 99;
    size_t size;

    begin_valve(request->method, request->name);
    ck_assert_uint_le(protocol.request_room, sizeof data);
    size = protocol.write(&valve, request->slot, &kind, data);
    ck_assert_uint_eq(size, strlen(request->bytes));
    ck_assert_mem_eq(data, request->bytes, size);
    ck_assert_uint_eq(kind, request->method);
    load_valve_fini(&valve);
}
END_TEST

#define ANSWER(bytes) bytes, sizeof bytes - 1

static const struct answer {
    const char *bytes;
    size_t size, head;
    struct load_answer answer;
} answers[] = {
    {ANSWER("\x82\x02\xa1\x64Size\x05"), 9, {.slot = 1, .kind = FILES_SIZE}},
    {ANSWER("\x82\x03\xa1\x67"
            "Content\x42hi"),
     12,
     {.slot = 2, .kind = FILES_GET, .body = 2}},
    {ANSWER("\x82\x03\xa1\x67"
            "Content\x40"),
     12,
     {.slot = 2, .kind = FILES_GET}},
    {ANSWER("\x82\x19\x01\x00\xa1\x67"
            "Content\x5a\x00\x01\x00\x00xx"),
     18,
     {.slot = 255, .kind = FILES_GET, .body = 65536}},
    {ANSWER("\x82\x04\x62Ok\x82"), 5, {.slot = 3, .kind = FILES_DEL}},
    {ANSWER("\x82\x05\xa1\x66"
            "Exists\xf5"),
     11,
     {.slot = 4, .kind = FILES_EXISTS}},
    {ANSWER("\x82\x05\xa1\x66"
            "Exists\xf4"),
     11,
     {.slot = 4, .kind = FILES_EXISTS}},
    {ANSWER("\x82\x01\xa1\x65"
            "Error\x69"
            "denied: x"),
     19,
     {.error = LOAD_ERROR_FIRST + 3}},
};

START_TEST(heads_of_answers_are_read)
{
    const struct answer *expected = &answers[_i];
    struct load_answer answer;

    begin_valve(FILES_GET, "x");
    ck_assert_int_eq(
        read_whole(&protocol, expected->bytes, expected->size, expected->head, &answer),
        (ssize_t)expected->head);
    ck_assert_uint_eq(answer.slot, expected->answer.slot);
    ck_assert_uint_eq(answer.error, expected->answer.error);
    ck_assert_uint_eq(answer.body, expected->answer.body);
    if (answer.error == 0)
        ck_assert_uint_eq(answer.kind, expected->answer.kind);
    else
        ck_assert_str_eq(protocol.error_name(answer.error), "denied");
    load_valve_fini(&valve);
}
END_TEST

START_TEST(calls_come_by_their_shares)
{
    unsigned counts[LOAD_METHODS] = {0};

    begin_valve(FILES_GET, "x");
    load_valve_call(&valve, FILES_EXISTS, 3);
    for (unsigned i = 0; i < 40000; i++) {
        uint8_t data[64], kind = 99;

        ck_assert_uint_gt(protocol.write(&valve, 0, &kind, data), 0);
        ck_assert_uint_lt(kind, LOAD_METHODS);
        counts[kind]++;
    }
    ck_assert_uint_eq(counts[FILES_GET] + counts[FILES_EXISTS], 40000);
    ck_assert_uint_ge(counts[FILES_GET], 9500);
    ck_assert_uint_le(counts[FILES_GET], 10500);
    load_valve_fini(&valve);
}
END_TEST

START_TEST(names_go_round_unless_they_are_deleted)
{
    uint8_t data[64], kind;

    begin_valve(FILES_GET, "x");
    ck_assert_int_eq(load_valve_add(&valve, "y", 1), 0);
    for (unsigned i = 0; i < 6; i++) {
        size_t size = protocol.write(&valve, 0, &kind, data);

        ck_assert_uint_eq(data[size - 1], i % 2 == 0 ? 'x' : 'y');
    }
    load_valve_fini(&valve);
    begin_valve(FILES_DEL, "x");
    ck_assert_int_eq(load_valve_add(&valve, "y", 1), 0);
    ck_assert_uint_gt(protocol.write(&valve, 0, &kind, data), 0);
    ck_assert_uint_gt(protocol.write(&valve, 0, &kind, data), 0);
    ck_assert_uint_eq(protocol.write(&valve, 0, &kind, data), 0);
    load_valve_fini(&valve);
}
END_TEST

/* ---- Lines ----------------------------------------------------------------------------------- */

static struct load_text text;
static char *names[] = {(char[]){"f1"}, (char[]){"dir/f2"}};

static void expect_request(const char *expected)
{
    uint8_t data[128], kind;
    size_t size = protocol.write(&text, 0, &kind, data);

    ck_assert_uint_eq(size, strlen(expected));
    ck_assert_mem_eq(data, expected, size);
}

START_TEST(http)
{
    static const char good[] =
        "HTTP/1.1 200 OK\r\nServer: x\r\nCONTENT-length: 1024\r\nA: b\r\n\r\n";
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct load_answer answer;
    size_t size = sizeof good - 1;

    protocol = load_http(&text, "host", names, 2);
    expect_request("GET /f1 HTTP/1.1\r\nHost: host\r\n\r\n");
    expect_request("GET /dir/f2 HTTP/1.1\r\nHost: host\r\n\r\n");
    expect_request("GET /f1 HTTP/1.1\r\nHost: host\r\n\r\n");
    ck_assert_int_eq(read_whole(&protocol, good, size, size, &answer), (ssize_t)size);
    ck_assert_uint_eq(answer.body, 1024);
    ck_assert_uint_eq(answer.error, 0);
    size = sizeof missing - 1;
    ck_assert_int_eq(read_whole(&protocol, missing, size, size, &answer), (ssize_t)size);
    ck_assert_str_eq(protocol.error_name(answer.error), "4xx");
    size = sizeof chunked - 1;
    ck_assert_int_eq(read_whole(&protocol, chunked, size, size, &answer), -EPROTO);
    load_text_fini(&text);
}
END_TEST

START_TEST(memcached)
{
    static const char good[] = "VALUE f1 0 1024\r\n";
    struct load_answer answer;
    size_t size = sizeof good - 1;

    protocol = load_memcached(&text, names, 2);
    expect_request("get f1\r\n");
    expect_request("get dir/f2\r\n");
    ck_assert_int_eq(read_whole(&protocol, good, size, size, &answer), (ssize_t)size);
    ck_assert_uint_eq(answer.body, 1024 + strlen("\r\nEND\r\n"));
    ck_assert_uint_eq(answer.error, 0);
    ck_assert_int_eq(read_whole(&protocol, "END\r\n", 5, 5, &answer), 5);
    ck_assert_str_eq(protocol.error_name(answer.error), "miss");
    ck_assert_int_eq(read_whole(&protocol, "ERROR\r\n", 7, 7, &answer), 7);
    ck_assert_str_eq(protocol.error_name(answer.error), "error");
    load_text_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load_protocols");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, requests_are_those_of_the_protocol, 0,
                        (int)(sizeof requests / sizeof requests[0]));
    tcase_add_loop_test(tcase, heads_of_answers_are_read, 0,
                        (int)(sizeof answers / sizeof answers[0]));
    tcase_add_test(tcase, calls_come_by_their_shares);
    tcase_add_test(tcase, names_go_round_unless_they_are_deleted);
    tcase_add_test(tcase, http);
    tcase_add_test(tcase, memcached);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
