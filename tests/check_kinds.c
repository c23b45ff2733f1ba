/* SPDX-License-Identifier: MIT */
/*
 * Every kind of call from end to end: generated handlers on a real server, generated calls of a
 * real client (schema: kinds.cddl).
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "tests/server_fixture.h"

#define WITHIN valve_deadline(PATIENCE_MS *MILLISECOND)

static struct rig rig;
static struct valve_client *client;
static struct valve_arena arena;

/* What the handlers have to do with each other and with the tests. */
static struct {
    struct kinds_square_later promise; /* of the last Square */
    struct tally promised;
    struct tally logged, traced, reset;
    struct tally streamed;  /* items of Count that were taken */
    struct tally cancelled; /* streams that heard of it */
} service;

/* ---- Handlers --------------------------------------------------------------------------------- */

static struct kinds_double_answer on_double(void *context, struct kinds_double_reply reply,
                                            int64_t request)
{
    int64_t result;

    (void)context;
    if (__builtin_mul_overflow(request, 2, &result))
        return kinds_double_reply_error(reply, valve_text("overflow: too large"));
    return kinds_double_reply_value(reply, result);
}

/* Promised: the tests keep it, or do not. */
static struct kinds_square_answer on_square(void *context, struct kinds_square_reply reply,
                                            int64_t request)
{
    struct kinds_square_answer answer;

    (void)context;
    (void)request;
    answer = kinds_square_reply_later(reply, &service.promise);
    tally_add(&service.promised);
    return answer;
}

static struct kinds_names_answer on_names(void *context, struct kinds_names_reply reply)
{
    const struct valve_text names[] = {valve_text("one"), valve_text("two"), valve_text("three")};
    int r = kinds_names_reply_names_begin(reply);

    (void)context;
    for (size_t i = 0; r == 0 && i < 3; i++)
        r = kinds_names_reply_names_add(reply, names[i]);
    return r < 0 ? kinds_names_reply_error(reply, valve_error_words(r))
                 : kinds_names_reply_names_end(reply);
}

static struct kinds_draw_answer on_draw(void *context, struct kinds_draw_reply reply,
                                        const struct kinds_shape *request)
{
    (void)context;
    switch (request->kind) {
    case KINDS_SHAPE_CIRCLE:
        return kinds_draw_reply_circle(reply, request->circle);
    case KINDS_SHAPE_BOX:
        return kinds_draw_reply_box(reply, &request->box);
    case KINDS_SHAPE_POINT:
        break;
    }
    return kinds_draw_reply_blank(reply);
}

static struct kinds_count_answer on_count(void *context, struct kinds_count_reply reply,
                                          uint64_t request)
{
    (void)context;
    for (uint64_t i = 0; i < request; i++) {
        int r = kinds_count_send_item(reply, i);

        if (r == -ECANCELED)
            tally_add(&service.cancelled);
        if (r < 0)
            return kinds_count_reply_error(reply, valve_error_words(r));
        tally_add(&service.streamed);
    }
    return kinds_count_reply_done(reply);
}

static struct kinds_watch_answer on_watch(void *context, struct kinds_watch_reply reply,
                                          struct valve_text request)
{
    const struct kinds_event events[] = {
        {.at = 1, .what = {.kind = KINDS_SHAPE_CIRCLE, .circle = request.size}},
        {.at = 2, .what = {.kind = KINDS_SHAPE_BOX, .box = {3, 4}}},
        {.at = 3, .what = {.kind = KINDS_SHAPE_POINT}},
    };

    (void)context;
    for (size_t i = 0; i < 3; i++) {
        int r = kinds_watch_send_item(reply, &events[i]);

        if (r < 0)
            return kinds_watch_reply_error(reply, valve_error_words(r));
    }
    return kinds_watch_reply_seen(reply, 3);
}

/* One note, and an error after it. */
static struct kinds_follow_answer on_follow(void *context, struct kinds_follow_reply reply,
                                            struct valve_text request)
{
    const struct kinds_note note = {.at = 1, .text = request};
    int r = kinds_follow_send_item(reply, &note);

    (void)context;
    if (r < 0)
        return kinds_follow_reply_error(reply, valve_error_words(r));
    return kinds_follow_reply_error(reply, valve_text("not-found: no more notes"));
}

/* A line of that length. */
static struct kinds_lines_answer on_lines(void *context, struct kinds_lines_reply reply,
                                          uint64_t request)
{
    static const char letters[100] = "0123456789012345678901234567890123456789012345678901234567890"
                                     "12345678901234567890123456789012345678";
    int r = kinds_lines_send_item(reply, (struct valve_text){letters, request});

    (void)context;
    if (r == -EINVAL)
        return kinds_lines_reply_error(reply, valve_text("bad-request: the line is too long"));
    return r < 0 ? kinds_lines_reply_error(reply, valve_error_words(r))
                 : kinds_lines_reply_done(reply);
}

static struct kinds_log_answer on_log(void *context, struct kinds_log_reply reply,
                                      struct valve_text request)
{
    (void)context;
    tally_add(&service.logged);
    if (request.size == 0)
        return kinds_log_reply_error(reply, valve_text("bad-request: nothing to log"));
    return kinds_log_reply_none(reply);
}

static struct kinds_trace_answer on_trace(void *context, struct kinds_trace_reply reply,
                                          struct valve_text request)
{
    (void)context;
    (void)request;
    tally_add(&service.traced);
    return kinds_trace_reply_none(reply);
}

static struct kinds_reset_answer on_reset(void *context, struct kinds_reset_reply reply)
{
    (void)context;
    tally_add(&service.reset);
    return kinds_reset_reply_none(reply);
}

static const struct kinds_handlers handlers = KINDS_HANDLERS(on_double, on_square, on_names,
                                                             on_draw, on_count, on_watch, on_follow,
                                                             on_lines, on_log, on_trace, on_reset);
static struct valve_service kinds;

static void set_up(void)
{
    struct tally *tallies[] = {&service.promised, &service.logged,   &service.traced,
                               &service.reset,    &service.streamed, &service.cancelled};
    struct valve_error error;

    for (size_t i = 0; i < sizeof(tallies) / sizeof(tallies[0]); i++)
        tally_init(tallies[i]);
    rig_init(&rig);
    kinds = kinds_service(&handlers, NULL);
    rig.served = &kinds;
    rig_start(&rig);
    ck_assert_int_eq(valve_client_connect(rig.address, WITHIN, &client, &error), 0);
    valve_arena_init(&arena, NULL, 0, 1024 * 1024);
}

static void tear_down(void)
{
    valve_arena_fini(&arena);
    valve_client_free(client);
    rig_stop(&rig);
}

static bool text_is(struct valve_text text, const char *string)
{
    return text.size == strlen(string) && memcmp(text.data, string, text.size) == 0;
}

/* ---- One reply ---------------------------------------------------------------------------------- */

START_TEST(each_arm_is_an_outcome)
{
    const struct kinds_shape circle = {.kind = KINDS_SHAPE_CIRCLE, .circle = 7};
    const struct kinds_shape box = {.kind = KINDS_SHAPE_BOX, .box = {8, 9}};
    const struct kinds_shape point = {.kind = KINDS_SHAPE_POINT};
    struct kinds_draw_result result;

    result = kinds_draw(client, &circle, NULL, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_GOT_CIRCLE);
    ck_assert_uint_eq(result.circle, 7);
    result = kinds_draw(client, &box, NULL, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_GOT_BOX);
    ck_assert_uint_eq(result.box.width, 8);
    ck_assert_uint_eq(result.box.height, 9);
    result = kinds_draw(client, &point, NULL, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_GOT_BLANK);
}
END_TEST

START_TEST(errors_are_outcomes_of_the_method)
{
    struct kinds_double_result result = kinds_double(client, -21, NULL, &arena, WITHIN);

    ck_assert_int_eq(result.outcome, KINDS_DOUBLE_GOT_VALUE);
    ck_assert_int_eq(result.value, -42);
    result = kinds_double(client, INT64_MAX, NULL, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_DOUBLE_GOT_ERROR);
    ck_assert(text_is(result.error, "overflow: too large"));
}
END_TEST

START_TEST(lists_come_element_by_element)
{
    static const char *const names[] = {"one", "two", "three"};
    struct valve_text name;

    ck_assert_int_eq(kinds_names(client, NULL, &arena, WITHIN).outcome, KINDS_NAMES_GOT_NAMES);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(kinds_names_next(client, &arena, &name, WITHIN), 1);
        ck_assert(text_is(name, names[i]));
    }
    ck_assert_int_eq(kinds_names_next(client, &arena, &name, WITHIN), 0);
    ck_assert_uint_eq(valve_client_in_flight(client), 0);
}
END_TEST

/* ---- Promises ----------------------------------------------------------------------------------- */

START_TEST(a_promise_is_kept_from_another_thread)
{
    struct kinds_square_pending pending;
    struct kinds_square_result result;

    ck_assert_int_eq(kinds_square_start(client, 12, NULL, &pending), 0);
    ck_assert_int_eq(valve_client_flush(client), 0);
    tally_await(&service.promised, 1);
    ck_assert_int_eq(kinds_square_later_value(service.promise, 144), 0);
    result = kinds_square_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_SQUARE_GOT_VALUE);
    ck_assert_int_eq(result.value, 144);
    ck_assert_int_lt(kinds_square_later_value(service.promise, 145), 0); /* nothing to keep */
}
END_TEST

START_TEST(a_promise_nobody_waits_for_is_void)
{
    struct kinds_square_pending pending;

    ck_assert_int_eq(kinds_square_start(client, 12, NULL, &pending), 0);
    ck_assert_int_eq(valve_client_flush(client), 0);
    tally_await(&service.promised, 1);
    valve_client_forget(client, &pending.pending);
    /* The next reply shows that the cancel was read before its request. */
    ck_assert_int_eq(kinds_double(client, 1, NULL, &arena, WITHIN).outcome, KINDS_DOUBLE_GOT_VALUE);
    ck_assert_int_eq(kinds_square_later_error(service.promise, valve_text("io: late")), -ECANCELED);
}
END_TEST

/* ---- Streams ------------------------------------------------------------------------------------ */

START_TEST(items_come_in_order_and_then_the_reply)
{
    struct kinds_count_pending pending;
    struct kinds_count_result result;

    ck_assert_int_eq(kinds_count_start(client, 3000, NULL, &pending), 0);
    for (uint64_t i = 0; i < 3000; i++) {
        result = kinds_count_wait(client, &pending, &arena, WITHIN);
        ck_assert_int_eq(result.outcome, KINDS_COUNT_GOT_ITEM);
        ck_assert_uint_eq(result.item, i);
    }
    result = kinds_count_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_COUNT_GOT_DONE);
    ck_assert_uint_eq(valve_client_in_flight(client), 0);
}
END_TEST

START_TEST(items_are_structs_of_their_method)
{
    struct kinds_watch_pending pending;
    struct kinds_watch_result results[4];

    ck_assert_int_eq(kinds_watch_start(client, valve_text("four"), NULL, &pending), 0);
    for (size_t i = 0; i < 4; i++)
        results[i] = kinds_watch_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(results[0].outcome, KINDS_WATCH_GOT_ITEM);
    ck_assert_int_eq(results[0].item.what.kind, KINDS_SHAPE_CIRCLE);
    ck_assert_uint_eq(results[0].item.what.circle, 4);
    ck_assert_int_eq(results[1].outcome, KINDS_WATCH_GOT_ITEM);
    ck_assert_uint_eq(results[1].item.what.box.height, 4);
    ck_assert_int_eq(results[2].outcome, KINDS_WATCH_GOT_ITEM);
    ck_assert_uint_eq(results[2].item.at, 3);
    ck_assert_int_eq(results[3].outcome, KINDS_WATCH_GOT_SEEN);
    ck_assert_uint_eq(results[3].seen, 3);
}
END_TEST

START_TEST(a_stream_may_end_in_an_error)
{
    struct kinds_follow_pending pending;
    struct kinds_follow_result result;

    ck_assert_int_eq(kinds_follow_start(client, valve_text("me"), NULL, &pending), 0);
    result = kinds_follow_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_FOLLOW_GOT_ITEM);
    ck_assert(text_is(result.item.text, "me"));
    result = kinds_follow_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_FOLLOW_GOT_ERROR);
    ck_assert(text_is(result.error, "not-found: no more notes"));
}
END_TEST

START_TEST(items_keep_their_bounds)
{
    struct kinds_lines_pending pending;
    struct kinds_lines_result result;

    ck_assert_int_eq(kinds_lines_start(client, 80, NULL, &pending), 0);
    result = kinds_lines_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_LINES_GOT_ITEM);
    ck_assert_uint_eq(result.item.size, 80);
    ck_assert_int_eq(kinds_lines_wait(client, &pending, &arena, WITHIN).outcome,
                     KINDS_LINES_GOT_DONE);
    ck_assert_int_eq(kinds_lines_start(client, 81, NULL, &pending), 0);
    result = kinds_lines_wait(client, &pending, &arena, WITHIN);
    ck_assert_int_eq(result.outcome, KINDS_LINES_GOT_ERROR);
    ck_assert(text_is(result.error, "bad-request: the line is too long"));
}
END_TEST

/* The handler hears at an item that nobody wants any more; calls beside it are not disturbed. */
START_TEST(a_stream_that_is_given_up_ends)
{
    struct kinds_count_pending pending;

    ck_assert_int_eq(kinds_count_start(client, UINT64_MAX, NULL, &pending), 0);
    for (uint64_t i = 0; i < 10; i++)
        ck_assert_uint_eq(kinds_count_wait(client, &pending, &arena, WITHIN).item, i);
    valve_client_forget(client, &pending.pending);
    ck_assert_int_eq(kinds_double(client, 4, NULL, &arena, WITHIN).value, 8);
    tally_await(&service.cancelled, 1);
}
END_TEST

/* Two streams and a call, each received as it comes. */
START_TEST(calls_of_all_kinds_are_in_flight_together)
{
    struct kinds_count_pending count;
    struct kinds_watch_pending watch;
    struct kinds_double_pending twice;
    struct kinds_count_result counted = {.outcome = KINDS_COUNT_GOT_ITEM};
    struct kinds_watch_result watched = {.outcome = KINDS_WATCH_GOT_ITEM};
    struct kinds_double_result doubled = {.outcome = KINDS_DOUBLE_FAILED};
    struct valve_pending *next;
    unsigned items = 0;

    ck_assert_int_eq(kinds_count_start(client, 100, NULL, &count), 0);
    ck_assert_int_eq(kinds_watch_start(client, valve_text("x"), NULL, &watch), 0);
    ck_assert_int_eq(kinds_double_start(client, 50, NULL, &twice), 0);
    while (valve_client_next(client, WITHIN, &next) == 0) {
        if (next == &count.pending)
            counted = kinds_count_receive(client, &count, &arena, WITHIN);
        else if (next == &watch.pending)
            watched = kinds_watch_receive(client, &watch, &arena, WITHIN);
        else
            doubled = kinds_double_receive(client, &twice, &arena, WITHIN);
        items++;
    }
    ck_assert_uint_eq(items, 101 + 4 + 1);
    ck_assert_int_eq(counted.outcome, KINDS_COUNT_GOT_DONE);
    ck_assert_int_eq(watched.outcome, KINDS_WATCH_GOT_SEEN);
    ck_assert_int_eq(doubled.outcome, KINDS_DOUBLE_GOT_VALUE);
    ck_assert_int_eq(doubled.value, 100);
    ck_assert_uint_eq(valve_client_in_flight(client), 0);
}
END_TEST

/* ---- One-way requests --------------------------------------------------------------------------- */

START_TEST(one_way_requests_arrive)
{
    ck_assert_int_eq(kinds_log_send(client, valve_text("a word"), NULL), 0);
    ck_assert_int_eq(kinds_trace_send(client, valve_text(""), NULL), 0);
    ck_assert_int_eq(kinds_trace_send(client, valve_text("b"), NULL), 0);
    ck_assert_int_eq(kinds_reset_send(client, NULL), 0);
    ck_assert_uint_eq(valve_client_in_flight(client), 0);
    ck_assert_int_eq(kinds_double(client, 1, NULL, &arena, WITHIN).value, 2);
    tally_await(&service.logged, 1);
    tally_await(&service.traced, 2);
    tally_await(&service.reset, 1);
    ck_assert_uint_eq(valve_client_refused(client, NULL), 0);
}
END_TEST

START_TEST(one_way_requests_are_refused)
{
    struct valve_error words;

    ck_assert_int_eq(kinds_log_send(client, valve_text(""), NULL), 0);
    ck_assert_int_eq(valve_client_flush(client), 0);
    tally_await(&service.logged, 1);
    /* Handlers that do not wait answer in their order. */
    ck_assert_int_eq(kinds_double(client, 1, NULL, &arena, WITHIN).value, 2);
    ck_assert_uint_eq(valve_client_refused(client, &words), 1);
    ck_assert_str_eq(words.text, "bad-request: nothing to log");
}
END_TEST

static Suite *kinds_suite(void)
{
    Suite *suite = suite_create("kinds");
    TCase *calls = tcase_create("calls");

    tcase_add_checked_fixture(calls, set_up, tear_down);
    tcase_set_timeout(calls, 60);
    tcase_add_test(calls, each_arm_is_an_outcome);
    tcase_add_test(calls, errors_are_outcomes_of_the_method);
    tcase_add_test(calls, lists_come_element_by_element);
    tcase_add_test(calls, a_promise_is_kept_from_another_thread);
    tcase_add_test(calls, a_promise_nobody_waits_for_is_void);
    tcase_add_test(calls, items_come_in_order_and_then_the_reply);
    tcase_add_test(calls, items_are_structs_of_their_method);
    tcase_add_test(calls, a_stream_may_end_in_an_error);
    tcase_add_test(calls, items_keep_their_bounds);
    tcase_add_test(calls, a_stream_that_is_given_up_ends);
    tcase_add_test(calls, calls_of_all_kinds_are_in_flight_together);
    tcase_add_test(calls, one_way_requests_arrive);
    tcase_add_test(calls, one_way_requests_are_refused);
    suite_add_tcase(suite, calls);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(kinds_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
