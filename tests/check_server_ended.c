/* SPDX-License-Identifier: MIT */
/*
 * Tests of what a server tells of calls that have ended.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/server_fixture.h"

static struct rig rig;
static struct tally told;

/* The call that was told of last; the tally orders what is read after what was written. */
static struct {
    char method[32], outcome[32], subject[64];
    uint64_t bytes, duration;
    const void *context, *listener;
} last;

/* On a worker, where nothing is asserted: that writes to a file. */
static void copy(char *to, size_t room, const void *from, size_t size)
{
    snprintf(to, room, "%.*s", (int)size, size > 0 ? (const char *)from : "");
}

static void note(void *context, const struct valve_call *call, const struct valve_ended *ended)
{
    last.context = context;
    copy(last.method, sizeof last.method, ended->method,
         ended->method != NULL ? strlen(ended->method) : 0);
    copy(last.outcome, sizeof last.outcome, ended->outcome, strlen(ended->outcome));
    copy(last.subject, sizeof last.subject, ended->subject, ended->subject_size);
    last.bytes = ended->bytes;
    last.duration = ended->duration;
    last.listener = valve_call_listener(call);
    tally_add(&told);
}

static void set_up(void)
{
    rig_init(&rig);
    tally_init(&told);
    rig.options.ended = note;
    rig.options.ended_context = &last;
    rig.service.file = memfd_create("content", 0);
    ck_assert_int_ge(rig.service.file, 0);
    ck_assert_int_eq(ftruncate(rig.service.file, 1000000), 0);
    rig.service.list.count = 5000;
    rig.service.list.name_size = 20;
}

static const struct {
    const char *method, *path, *outcome, *subject;
} rows[] = {
    {"Exists", "now", "ok", "now"},
    {"Exists", "sleep 20", "ok", "sleep 20"},
    {"Size", "four", "ok", ""}, /* it is told of no subject */
    {"Get", "whole 1000", "ok", "whole 1000"},
    {"Get", "reserve 60000", "ok", "reserve 60000"},
    {"Get", "file 1000000", "ok", "file 1000000"},
    {"ListAll", NULL, "ok", ""},
};

START_TEST(what_was_answered)
{
    struct peer peer;
    struct item item;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    if (rows[_i].path != NULL)
        peer_ask(&peer, 7, rows[_i].method, rows[_i].path);
    else
        peer_ask_list(&peer, 7);
    item = peer_receive(&peer);
    ck_assert_uint_eq(item.id, 7);
    tally_await(&told, 1);
    ck_assert_ptr_eq(last.context, &last);
    ck_assert_ptr_null(last.listener);
    ck_assert_str_eq(last.method, rows[_i].method);
    ck_assert_str_eq(last.outcome, rows[_i].outcome);
    ck_assert_str_eq(last.subject, rows[_i].subject);
    ck_assert_uint_eq(last.bytes, item.size);
    ck_assert_uint_lt(last.duration, PATIENCE_MS * MILLISECOND);
    if (strncmp(last.subject, "sleep", 5) == 0)
        ck_assert_uint_ge(last.duration, 20 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&told), 1);
}
END_TEST

START_TEST(what_was_refused)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Nothing", "such");
    peer_expect_error(&peer, 1, "bad-request");
    tally_await(&told, 1);
    ck_assert_str_eq(last.method, "");
    ck_assert_str_eq(last.outcome, "bad-request");
    peer_ask_within(&peer, 2, "Exists", "sleep 0", 10);
    peer_expect_error(&peer, 2, "timeout");
    tally_await(&told, 2);
    ck_assert_str_eq(last.method, "Exists");
    ck_assert_str_eq(last.outcome, "timeout");
    ck_assert_str_eq(last.subject, "sleep 0");
    ck_assert_uint_ge(last.duration, 10 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(whose_client_has_gone)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 0");
    tally_await(&rig.service.begun, 1);
    peer_close(&peer);
    tally_await(&told, 1);
    ck_assert_str_eq(last.method, "Exists");
    ck_assert_str_ne(last.outcome, "ok");
    ck_assert_uint_eq(last.bytes, 0);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: calls that have ended");
    TCase *tests = tcase_create("ended");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_was_answered, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tests, what_was_refused);
    tcase_add_test(tests, whose_client_has_gone);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
