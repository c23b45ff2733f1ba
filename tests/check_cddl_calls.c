/* SPDX-License-Identifier: MIT */
/*
 * What generated shims hand to the library, which is played by this test: each call with its own
 * tables, arms and payloads (schema: kinds.cddl).
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

/* ---- The library, as played here: it notes what it was asked, and answers as it is told ---- */

struct valve_call {
    int unused;
};

static struct {
    const char *asked; /* the function that was called last */
    struct valve_call *call;
    const struct valve_type *request, *reply, *item;
    unsigned arm; /* or the method of a request */
    const void *payload;
    uint64_t number; /* the payload, where it is at least so large */
    struct valve_text text;
    struct valve_later later;
    struct valve_pending *pending;
    struct valve_arena *arena;
    uint64_t deadline;
} seen;

static struct {
    int start, wait, receive; /* what they return */
    unsigned arm;
    const void *payload;
    size_t payload_size;
    uint64_t size;
    unsigned waits, forgets;
} told;

/* Not inlined: the compiler would see texts copied from numbers, which the types rule out. */
__attribute__((noinline)) static void see_payload(const struct valve_type *type,
                                                  const void *payload)
{
    seen.payload = payload;
    if (payload == NULL)
        return;
    ck_assert_ptr_nonnull(type);
    if (type->size >= sizeof(seen.number))
        memcpy(&seen.number, payload, sizeof(seen.number));
    if (type->shape == VALVE_SHAPE_TEXT)
        memcpy(&seen.text, payload, sizeof(seen.text));
}

static struct valve_answer see_reply(const char *function, struct valve_call *call,
                                     const struct valve_type *reply, unsigned arm)
{
    seen.asked = function;
    seen.call = call;
    seen.reply = reply;
    seen.arm = arm;
    return (struct valve_answer){call};
}

struct valve_answer valve_reply(struct valve_call *call, const struct valve_type *reply,
                                unsigned arm, const void *payload)
{
    see_payload(reply->members[arm].type, payload);
    return see_reply(__func__, call, reply, arm);
}

int valve_reply_list_begin(struct valve_call *call, const struct valve_type *reply, unsigned arm)
{
    see_reply(__func__, call, reply, arm);
    return 0;
}

int valve_reply_list_add(struct valve_call *call, const void *item)
{
    see_reply(__func__, call, NULL, 0);
    see_payload(&kinds_lines_item_type, item);
    return 0;
}

struct valve_answer valve_reply_list_end(struct valve_call *call)
{
    return see_reply(__func__, call, NULL, 0);
}

struct valve_answer valve_reply_bytes_done(struct valve_call *call, const struct valve_type *reply,
                                           unsigned arm, size_t size)
{
    seen.number = size;
    return see_reply(__func__, call, reply, arm);
}

int valve_reply_item(struct valve_call *call, const struct valve_type *type, const void *item)
{
    see_reply(__func__, call, NULL, 0);
    seen.item = type;
    see_payload(type, item);
    return -ECANCELED;
}

struct valve_answer valve_reply_none(struct valve_call *call)
{
    return see_reply(__func__, call, NULL, 0);
}

static const struct valve_later promise = {.slot = 7, .generation = 9};

struct valve_answer valve_reply_later(struct valve_call *call, const struct valve_type *reply,
                                      struct valve_later *ret_later)
{
    *ret_later = promise;
    return see_reply(__func__, call, reply, 0);
}

int valve_later_reply(struct valve_later later, const struct valve_type *reply, unsigned arm,
                      const void *payload)
{
    see_reply(__func__, NULL, reply, arm);
    see_payload(reply->members[arm].type, payload);
    seen.later = later;
    return -EALREADY;
}

int valve_client_start(struct valve_client *client, const struct valve_type *request,
                       unsigned method, const void *payload, const struct valve_type *item,
                       const struct valve_type *reply, const struct valve_call_options *options,
                       struct valve_pending *pending)
{
    (void)client;
    (void)options;
    see_reply(__func__, NULL, reply, method);
    see_payload(request->members[method].type, payload);
    seen.request = request;
    seen.item = item;
    seen.pending = pending;
    return told.start;
}

int valve_client_send(struct valve_client *client, const struct valve_type *request,
                      unsigned method, const void *payload,
                      const struct valve_call_options *options)
{
    return valve_client_start(client, request, method, payload, NULL, NULL, options, NULL);
}

int valve_client_wait(struct valve_client *client, struct valve_pending *pending, uint64_t deadline)
{
    (void)client;
    told.waits++;
    seen.pending = pending;
    seen.deadline = deadline;
    return told.wait;
}

int valve_client_receive(struct valve_client *client, struct valve_pending *pending,
                         struct valve_arena *arena, uint64_t deadline, unsigned *ret_arm,
                         void *payload, uint64_t *ret_size)
{
    (void)client;
    seen.pending = pending;
    seen.arena = arena;
    seen.deadline = deadline;
    if (told.receive < 0)
        return told.receive;
    *ret_arm = told.arm;
    if (told.payload != NULL)
        memcpy(payload, told.payload, told.payload_size);
    *ret_size = told.size;
    return 0;
}

int valve_client_next_item(struct valve_client *client, struct valve_arena *arena, void *item,
                           uint64_t deadline)
{
    (void)client;
    seen.arena = arena;
    seen.payload = item;
    seen.deadline = deadline;
    return 1;
}

void valve_client_forget(struct valve_client *client, struct valve_pending *pending)
{
    (void)client;
    told.forgets++;
    seen.pending = pending;
}

static void forget_all(void)
{
    memset(&seen, 0, sizeof(seen));
    memset(&told, 0, sizeof(told));
}

/* ---- Serving ---- */

static struct valve_call call;
static int context;
static const struct valve_text words = {"words", 5};

static struct kinds_double_answer twice(void *given, struct kinds_double_reply reply,
                                        int64_t request)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_double_reply_value(reply, 2 * request);
}

static struct kinds_square_answer square(void *given, struct kinds_square_reply reply,
                                         int64_t request)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_square_reply_value(reply, request * request);
}

static struct kinds_names_answer names(void *given, struct kinds_names_reply reply)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_names_reply_raw_done(reply, 99);
}

static struct kinds_draw_answer draw(void *given, struct kinds_draw_reply reply,
                                     const struct kinds_shape *request)
{
    ck_assert_ptr_eq(given, &context);
    ck_assert_int_eq(request->kind, KINDS_SHAPE_BOX);
    return kinds_draw_reply_box(reply, &request->box);
}

static struct kinds_count_answer count(void *given, struct kinds_count_reply reply,
                                       uint64_t request)
{
    ck_assert_ptr_eq(given, &context);
    ck_assert_uint_eq(request, 4);
    return kinds_count_reply_done(reply);
}

static struct kinds_watch_answer watch(void *given, struct kinds_watch_reply reply,
                                       struct valve_text request)
{
    ck_assert_ptr_eq(given, &context);
    ck_assert_ptr_eq(request.data, words.data);
    return kinds_watch_reply_seen(reply, 5);
}

static struct kinds_follow_answer follow(void *given, struct kinds_follow_reply reply,
                                         struct valve_text request)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_follow_reply_error(reply, request);
}

static struct kinds_lines_answer lines(void *given, struct kinds_lines_reply reply,
                                       uint64_t request)
{
    ck_assert_ptr_eq(given, &context);
    ck_assert_uint_eq(request, 8);
    return kinds_lines_reply_done(reply);
}

static struct kinds_log_answer take_log(void *given, struct kinds_log_reply reply,
                                        struct valve_text request)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_log_reply_error(reply, request);
}

static struct kinds_trace_answer take_trace(void *given, struct kinds_trace_reply reply,
                                            struct valve_text request)
{
    ck_assert_ptr_eq(given, &context);
    ck_assert_ptr_eq(request.data, words.data);
    return kinds_trace_reply_none(reply);
}

static struct kinds_reset_answer reset(void *given, struct kinds_reset_reply reply)
{
    ck_assert_ptr_eq(given, &context);
    return kinds_reset_reply_none(reply);
}

static const struct kinds_handlers handlers = KINDS_HANDLERS(
    twice, square, names, draw, count, watch, follow, lines, take_log, take_trace, reset);

/* What the handler of each method, given this request, has the library do. */
static const struct {
    struct kinds_request request;
    const char *asked;
    const struct valve_type *reply;
    unsigned arm;
    uint64_t number; /* 0: the reply carries none */
} requests[] = {
    {{.kind = KINDS_DOUBLE, .double_ = 3},
     "valve_reply",
     &kinds_double_reply_type,
     KINDS_DOUBLE_VALUE,
     6},
    {{.kind = KINDS_SQUARE, .square = 3},
     "valve_reply",
     &kinds_square_reply_type,
     KINDS_SQUARE_VALUE,
     9},
    {{.kind = KINDS_NAMES}, "valve_reply_bytes_done", &kinds_names_reply_type, KINDS_NAMES_RAW, 99},
    {{.kind = KINDS_DRAW, .draw = {.kind = KINDS_SHAPE_BOX, .box = {11, 12}}},
     "valve_reply",
     &kinds_draw_reply_type,
     KINDS_DRAW_BOX,
     11},
    {{.kind = KINDS_COUNT, .count = 4},
     "valve_reply",
     &kinds_count_reply_type,
     KINDS_COUNT_DONE,
     0},
    {{.kind = KINDS_WATCH, .watch = {"words", 5}},
     "valve_reply",
     &kinds_watch_reply_type,
     KINDS_WATCH_SEEN,
     5},
    {{.kind = KINDS_LINES, .lines = 8},
     "valve_reply",
     &kinds_lines_reply_type,
     KINDS_LINES_DONE,
     0},
    {{.kind = KINDS_TRACE, .trace = {"words", 5}}, "valve_reply_none", NULL, 0, 0},
    {{.kind = KINDS_RESET}, "valve_reply_none", NULL, 0, 0},
};

static void dispatch(struct kinds_request request)
{
    struct valve_service service = kinds_service(&handlers, &context);

    ck_assert_str_eq(service.name, "kinds");
    ck_assert_ptr_eq(service.request, &kinds_request_type);
    ck_assert_ptr_eq(service.dispatch(&service, &call, &request).call, &call);
    ck_assert_ptr_eq(seen.call, &call);
}

START_TEST(each_method_has_its_handler)
{
    struct kinds_request request = requests[_i].request;

    if (request.kind == KINDS_WATCH || request.kind == KINDS_TRACE)
        request.watch = words; /* members of a union that are the same */
    dispatch(request);
    ck_assert_str_eq(seen.asked, requests[_i].asked);
    ck_assert_ptr_eq(seen.reply, requests[_i].reply);
    ck_assert_uint_eq(seen.arm, requests[_i].arm);
    ck_assert_uint_eq(seen.number, requests[_i].number);
}
END_TEST

START_TEST(errors_are_replies_of_their_method)
{
    dispatch((struct kinds_request){.kind = KINDS_FOLLOW, .follow = words});
    ck_assert_str_eq(seen.asked, "valve_reply");
    ck_assert_ptr_eq(seen.reply, &kinds_follow_reply_type);
    ck_assert_uint_eq(seen.arm, KINDS_FOLLOW_ERROR);
    ck_assert_ptr_eq(seen.text.data, words.data);
    dispatch((struct kinds_request){.kind = KINDS_LOG, .log = words});
    ck_assert_ptr_eq(seen.reply, &kinds_log_reply_type);
    ck_assert_uint_eq(seen.arm, KINDS_LOG_ERROR);
    ck_assert_ptr_eq(seen.text.data, words.data);
}
END_TEST

START_TEST(items_are_sent_with_their_type)
{
    const struct kinds_event event = {.at = 17, .what = {.kind = KINDS_SHAPE_POINT}};
    const struct kinds_note note = {.at = 18};

    ck_assert_int_eq(kinds_count_send_item((struct kinds_count_reply){&call}, 16), -ECANCELED);
    ck_assert_str_eq(seen.asked, "valve_reply_item");
    ck_assert_ptr_eq(seen.call, &call);
    ck_assert_ptr_eq(seen.item, &kinds_uint_type);
    ck_assert_uint_eq(seen.number, 16);
    ck_assert_int_eq(kinds_watch_send_item((struct kinds_watch_reply){&call}, &event), -ECANCELED);
    ck_assert_ptr_eq(seen.item, &kinds_event_type);
    ck_assert_ptr_eq(seen.payload, &event);
    ck_assert_int_eq(kinds_follow_send_item((struct kinds_follow_reply){&call}, &note), -ECANCELED);
    ck_assert_ptr_eq(seen.item, &kinds_note_type);
    ck_assert_ptr_eq(seen.payload, &note);
    ck_assert_int_eq(kinds_lines_send_item((struct kinds_lines_reply){&call}, words), -ECANCELED);
    ck_assert_ptr_eq(seen.item, &kinds_lines_item_type);
    ck_assert_ptr_eq(seen.text.data, words.data);
}
END_TEST

START_TEST(lists_are_sent_element_by_element)
{
    const struct kinds_names_reply reply = {&call};

    ck_assert_int_eq(kinds_names_reply_names_begin(reply), 0);
    ck_assert_str_eq(seen.asked, "valve_reply_list_begin");
    ck_assert_uint_eq(seen.arm, KINDS_NAMES_NAMES);
    ck_assert_int_eq(kinds_names_reply_names_add(reply, words), 0);
    ck_assert_ptr_eq(seen.text.data, words.data);
    ck_assert_ptr_eq(kinds_names_reply_names_end(reply).answer.call, &call);
    ck_assert_str_eq(seen.asked, "valve_reply_list_end");
}
END_TEST

START_TEST(promises_are_kept_by_arms)
{
    const struct kinds_shape_box box = {.width = 21};
    struct kinds_draw_later later = {{0}};

    ck_assert_ptr_eq(kinds_draw_reply_later((struct kinds_draw_reply){&call}, &later).answer.call,
                     &call);
    ck_assert_ptr_eq(seen.reply, &kinds_draw_reply_type);
    ck_assert_int_eq(kinds_draw_later_circle(later, 20), -EALREADY);
    ck_assert_ptr_eq(seen.reply, &kinds_draw_reply_type);
    ck_assert_uint_eq(seen.later.slot, promise.slot);
    ck_assert_uint_eq(seen.later.generation, promise.generation);
    ck_assert_uint_eq(seen.arm, KINDS_DRAW_CIRCLE);
    ck_assert_uint_eq(seen.number, 20);
    ck_assert_int_eq(kinds_draw_later_box(later, &box), -EALREADY);
    ck_assert_uint_eq(seen.arm, KINDS_DRAW_BOX);
    ck_assert_ptr_eq(seen.payload, &box);
    ck_assert_int_eq(kinds_draw_later_blank(later), -EALREADY);
    ck_assert_uint_eq(seen.arm, KINDS_DRAW_BLANK);
    ck_assert_ptr_null(seen.payload);
    ck_assert_int_eq(kinds_draw_later_error(later, words), -EALREADY);
    ck_assert_uint_eq(seen.arm, KINDS_DRAW_ERROR);
    ck_assert_ptr_eq(seen.text.data, words.data);
}
END_TEST

/* ---- Calling ---- */

static struct valve_arena arena;

START_TEST(calls_start_with_their_tables)
{
    const struct kinds_shape shape = {.kind = KINDS_SHAPE_POINT};
    struct kinds_draw_pending draw_pending;
    struct kinds_count_pending count_pending;
    struct kinds_watch_pending watch_pending;
    struct kinds_names_pending names_pending;

    ck_assert_int_eq(kinds_draw_start(NULL, &shape, NULL, &draw_pending), 0);
    ck_assert_ptr_eq(seen.request, &kinds_request_type);
    ck_assert_uint_eq(seen.arm, KINDS_DRAW);
    ck_assert_ptr_eq(seen.payload, &shape);
    ck_assert_ptr_null(seen.item);
    ck_assert_ptr_eq(seen.reply, &kinds_draw_reply_type);
    ck_assert_ptr_eq(seen.pending, &draw_pending.pending);
    ck_assert_int_eq(kinds_count_start(NULL, 31, NULL, &count_pending), 0);
    ck_assert_uint_eq(seen.number, 31);
    ck_assert_ptr_eq(seen.item, &kinds_uint_type);
    ck_assert_int_eq(kinds_watch_start(NULL, words, NULL, &watch_pending), 0);
    ck_assert_ptr_eq(seen.text.data, words.data);
    ck_assert_ptr_eq(seen.item, &kinds_event_type);
    told.start = -EMSGSIZE;
    ck_assert_int_eq(kinds_names_start(NULL, NULL, &names_pending), -EMSGSIZE);
    ck_assert_ptr_null(seen.payload);
}
END_TEST

START_TEST(one_way_requests_are_sent)
{
    ck_assert_int_eq(kinds_trace_send(NULL, words, NULL), 0);
    ck_assert_uint_eq(seen.arm, KINDS_TRACE);
    ck_assert_ptr_eq(seen.text.data, words.data);
    ck_assert_ptr_null(seen.reply);
    told.start = -EPIPE;
    ck_assert_int_eq(kinds_reset_send(NULL, NULL), -EPIPE);
    ck_assert_uint_eq(seen.arm, KINDS_RESET);
    ck_assert_ptr_null(seen.payload);
}
END_TEST

static void tell(unsigned arm, const void *payload, size_t size)
{
    told.arm = arm;
    told.payload = payload;
    told.payload_size = size;
}

START_TEST(outcomes_are_those_of_the_method)
{
    static const struct kinds_shape_box box = {41, 42};
    struct kinds_draw_pending pending;
    struct kinds_draw_result result;

    tell(KINDS_DRAW_BOX, &box, sizeof(box));
    result = kinds_draw_receive(NULL, &pending, &arena, 40);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_GOT_BOX);
    ck_assert_uint_eq(result.box.height, 42);
    ck_assert_ptr_eq(seen.pending, &pending.pending);
    ck_assert_ptr_eq(seen.arena, &arena);
    ck_assert_uint_eq(seen.deadline, 40);
    tell(KINDS_DRAW_BLANK, NULL, 0);
    ck_assert_int_eq(kinds_draw_receive(NULL, &pending, &arena, 40).outcome, KINDS_DRAW_GOT_BLANK);
    tell(KINDS_DRAW_ERROR, &words, sizeof(words));
    result = kinds_draw_receive(NULL, &pending, &arena, 40);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_GOT_ERROR);
    ck_assert_ptr_eq(result.error.data, words.data);
    told.receive = -EPROTO;
    result = kinds_draw_receive(NULL, &pending, &arena, 40);
    ck_assert_int_eq(result.outcome, KINDS_DRAW_FAILED);
    ck_assert_int_eq(result.failed, -EPROTO);
}
END_TEST

START_TEST(long_payloads_are_read_piece_by_piece)
{
    struct kinds_names_pending pending;
    struct kinds_names_result result;
    struct valve_text name;

    tell(KINDS_NAMES_RAW, NULL, 0);
    told.size = 12345;
    result = kinds_names_receive(NULL, &pending, &arena, 40);
    ck_assert_int_eq(result.outcome, KINDS_NAMES_GOT_RAW);
    ck_assert_uint_eq(result.raw_size, 12345);
    tell(KINDS_NAMES_NAMES, NULL, 0);
    ck_assert_int_eq(kinds_names_receive(NULL, &pending, &arena, 40).outcome,
                     KINDS_NAMES_GOT_NAMES);
    ck_assert_int_eq(kinds_names_next(NULL, &arena, &name, 43), 1);
    ck_assert_ptr_eq(seen.payload, &name);
    ck_assert_uint_eq(seen.deadline, 43);
}
END_TEST

START_TEST(items_come_before_the_reply)
{
    static const struct kinds_note note = {.at = 51};
    static const uint64_t number = 52;
    struct kinds_follow_pending pending;
    struct kinds_follow_result result;
    struct kinds_count_pending counting;
    struct kinds_count_result counted;

    tell(VALVE_ARM_ITEM, &note, sizeof(note));
    result = kinds_follow_wait(NULL, &pending, &arena, 50);
    ck_assert_int_eq(result.outcome, KINDS_FOLLOW_GOT_ITEM);
    ck_assert_uint_eq(result.item.at, 51);
    ck_assert_uint_eq(told.waits, 1);
    tell(KINDS_FOLLOW_SEEN, &number, sizeof(number));
    result = kinds_follow_wait(NULL, &pending, &arena, 50);
    ck_assert_int_eq(result.outcome, KINDS_FOLLOW_GOT_SEEN);
    ck_assert_uint_eq(result.seen, 52);
    tell(VALVE_ARM_ITEM, &number, sizeof(number));
    counted = kinds_count_wait(NULL, &counting, &arena, 50);
    ck_assert_int_eq(counted.outcome, KINDS_COUNT_GOT_ITEM);
    ck_assert_uint_eq(counted.item, 52);
    told.wait = -ETIMEDOUT;
    counted = kinds_count_wait(NULL, &counting, &arena, 50);
    ck_assert_int_eq(counted.outcome, KINDS_COUNT_FAILED);
    ck_assert_int_eq(counted.failed, -ETIMEDOUT);
    ck_assert_uint_eq(told.forgets, 0); /* it may be waited for again */
}
END_TEST

START_TEST(whole_calls_leave_nothing_in_flight)
{
    static const int64_t number = 61;
    struct kinds_square_result result;

    tell(KINDS_SQUARE_VALUE, &number, sizeof(number));
    result = kinds_square(NULL, -5, NULL, &arena, 60);
    ck_assert_int_eq(result.outcome, KINDS_SQUARE_GOT_VALUE);
    ck_assert_int_eq(result.value, 61);
    ck_assert_uint_eq(seen.number, (uint64_t)-5);
    ck_assert_uint_eq(told.forgets, 0);
    told.receive = -ENOMEM;
    ck_assert_int_eq(kinds_square(NULL, -5, NULL, &arena, 60).failed, -ENOMEM);
    ck_assert_uint_eq(told.forgets, 1);
    told.wait = -ETIMEDOUT;
    ck_assert_int_eq(kinds_square(NULL, -5, NULL, &arena, 60).failed, -ETIMEDOUT);
    ck_assert_uint_eq(told.forgets, 2);
    told.start = -EPIPE;
    result = kinds_square(NULL, -5, NULL, &arena, 60);
    ck_assert_int_eq(result.outcome, KINDS_SQUARE_FAILED);
    ck_assert_int_eq(result.failed, -EPIPE);
    ck_assert_uint_eq(told.forgets, 2); /* it was never started */
    ck_assert_uint_eq(told.waits, 3);
}
END_TEST

/* ---- Tables ---- */

START_TEST(tables_say_what_travels)
{
    ck_assert_uint_eq(kinds_request_type.count, 11);
    ck_assert_int_eq(kinds_lines_item_type.shape, VALVE_SHAPE_TEXT);
    ck_assert_uint_eq(kinds_lines_item_type.high, 80);
    ck_assert_uint_eq(kinds_trace_reply_type.count, 1);
    ck_assert_str_eq(kinds_trace_reply_type.members[KINDS_TRACE_ERROR].name, "Error");
    ck_assert_int_eq(kinds_trace_reply_type.members[KINDS_TRACE_ERROR].type->shape,
                     VALVE_SHAPE_TEXT);
}
END_TEST

/* Also none is 0, which memory that was only cleared holds. */
START_TEST(no_two_outcomes_are_one_number)
{
    static const unsigned outcomes[] = {
        0,
        KINDS_DOUBLE_GOT_VALUE,
        KINDS_DOUBLE_GOT_ERROR,
        KINDS_DOUBLE_FAILED,
        KINDS_SQUARE_GOT_VALUE,
        KINDS_SQUARE_GOT_ERROR,
        KINDS_SQUARE_FAILED,
        KINDS_NAMES_GOT_NAMES,
        KINDS_NAMES_FAILED,
        KINDS_DRAW_GOT_CIRCLE,
        KINDS_DRAW_FAILED,
        KINDS_COUNT_GOT_DONE,
        KINDS_COUNT_GOT_ERROR,
        KINDS_COUNT_GOT_ITEM,
        KINDS_COUNT_FAILED,
        KINDS_WATCH_GOT_SEEN,
        KINDS_WATCH_FAILED,
    };

    for (size_t i = 1; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        ck_assert_uint_lt(outcomes[i - 1], outcomes[i]);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static Suite *calls_suite(void)
{
    Suite *suite = suite_create("cddl_calls");
    TCase *serving = tcase_create("serving"), *calling = tcase_create("calling");
    TCase *tables = tcase_create("tables");

    tcase_add_checked_fixture(serving, forget_all, NULL);
    tcase_add_loop_test(serving, each_method_has_its_handler, 0, COUNT(requests));
    tcase_add_test(serving, errors_are_replies_of_their_method);
    tcase_add_test(serving, items_are_sent_with_their_type);
    tcase_add_test(serving, lists_are_sent_element_by_element);
    tcase_add_test(serving, promises_are_kept_by_arms);
    tcase_add_checked_fixture(calling, forget_all, NULL);
    tcase_add_test(calling, calls_start_with_their_tables);
    tcase_add_test(calling, one_way_requests_are_sent);
    tcase_add_test(calling, outcomes_are_those_of_the_method);
    tcase_add_test(calling, long_payloads_are_read_piece_by_piece);
    tcase_add_test(calling, items_come_before_the_reply);
    tcase_add_test(calling, whole_calls_leave_nothing_in_flight);
    tcase_add_test(tables, tables_say_what_travels);
    tcase_add_test(tables, no_two_outcomes_are_one_number);
    suite_add_tcase(suite, serving);
    suite_add_tcase(suite, calling);
    suite_add_tcase(suite, tables);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(calls_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
