/* SPDX-License-Identifier: MIT */
/*
 * Tests of what C cannot prove of a handler: that it answers once, and what becomes of those that
 * do not; and of one-way requests, which are answered with nothing.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/order_fixture.h"

static struct rig rig;
static struct tally noted, ended;  /* one-way requests that began, and ended */
static struct valve_call *waiting; /* of another connection */
static _Atomic int last_result;

/* ---- One-way requests -------------------------------------------------------------------------------- */

/* "note MS": nothing is answered, after so long. */
static struct valve_answer note(struct valve_call *call, const uint64_t *numbers)
{
    tally_add(&noted);
    if (numbers[0] > 0)
        last_result = valve_call_sleep(call, valve_deadline(numbers[0] * MILLISECOND));
    tally_add(&ended);
    return valve_reply_none(call);
}

/* "refuse" */
static struct valve_answer refuse(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return order_failed(call, -EBUSY);
}

/* ---- Handlers that answer twice ---------------------------------------------------------------------- */

static struct valve_answer answer_twice(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    order_done(call, 1);
    return order_done(call, 2);
}

/* Again and again: the log is not filled with it. */
static struct valve_answer answer_without_end(struct valve_call *call, const uint64_t *numbers)
{
    for (unsigned i = 0; i < 1000; i++)
        answer_twice(call, numbers);
    return order_done(call, 3);
}

static struct valve_answer answer_with_a_wait_between(struct valve_call *call,
                                                      const uint64_t *numbers)
{
    (void)numbers;
    order_done(call, 1);
    ck_assert_int_eq(valve_call_sleep(call, valve_deadline(20 * MILLISECOND)), 0);
    return order_done(call, 2);
}

static struct valve_answer answer_and_say_nothing(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    order_done(call, 1);
    return valve_reply_none(call);
}

static struct valve_answer answer_and_list(struct valve_call *call, const uint64_t *numbers)
{
    const struct valve_text item = valve_text("item");

    (void)numbers;
    order_done(call, 1);
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), -EINVAL);
    ck_assert_int_eq(valve_reply_list_add(call, &item), -EINVAL);
    return valve_reply_list_end(call);
}

static struct valve_answer answer_and_send_bytes(struct valve_call *call, const uint64_t *numbers)
{
    uint8_t *data;

    (void)numbers;
    order_done(call, 1);
    ck_assert_int_eq(valve_reply_bytes_reserve(call, 100, &data), -EINVAL);
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_CONTENT, 100);
}

static struct valve_answer answer_and_send_a_file(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    order_done(call, 1);
    return valve_reply_bytes_file(call, &order_reply_type, ORDER_CONTENT, STDIN_FILENO, 0, 100,
                                  "nothing");
}

static struct valve_answer say_nothing_and_answer(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    valve_reply_none(call);
    return order_done(call, 2);
}

static const struct {
    const char *word;
    struct valve_answer (*carry_out)(struct valve_call *call, const uint64_t *numbers);
    bool is_answered; /* with Done, 1 */
} second_answers[] = {
    {"twice", answer_twice, true},
    {"without-end", answer_without_end, true},
    {"with-a-wait", answer_with_a_wait_between, true},
    {"and-nothing", answer_and_say_nothing, true},
    {"and-a-list", answer_and_list, true},
    {"and-bytes", answer_and_send_bytes, true},
    {"and-a-file", answer_and_send_a_file, true},
    {"nothing-and", say_nothing_and_answer, false},
};

static struct valve_answer second_answer(struct valve_call *call, const uint64_t *numbers)
{
    return second_answers[numbers[0]].carry_out(call, numbers);
}

/* ---- Handlers that do not answer --------------------------------------------------------------------- */

static struct valve_answer return_nothing(struct valve_call *call)
{
    (void)call;
    return (struct valve_answer){NULL};
}

static struct valve_answer return_by_hand(struct valve_call *call)
{
    return (struct valve_answer){call};
}

static struct valve_answer return_another(struct valve_call *call)
{
    (void)call;
    return (struct valve_answer){waiting};
}

static struct valve_answer answer_another(struct valve_call *call)
{
    (void)call;
    return order_done(waiting, 7);
}

static struct valve_answer answer_and_return_another(struct valve_call *call)
{
    order_done(call, 1);
    return (struct valve_answer){waiting};
}

static struct valve_answer list_without_end(struct valve_call *call)
{
    const struct valve_text item = valve_text("item");

    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    ck_assert_int_eq(valve_reply_list_add(call, &item), 0);
    return (struct valve_answer){call};
}

static struct valve_answer end_without_list(struct valve_call *call)
{
    const struct valve_text item = valve_text("item");

    ck_assert_int_eq(valve_reply_list_add(call, &item), -EINVAL);
    return valve_reply_list_end(call);
}

static struct valve_answer end_of_bytes(struct valve_call *call)
{
    uint8_t *data;

    ck_assert_int_eq(valve_reply_bytes_reserve(call, 100, &data), 0);
    return valve_reply_list_end(call);
}

static struct valve_answer bytes_without_room(struct valve_call *call)
{
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_CONTENT, 0);
}

static struct valve_answer more_bytes_than_room(struct valve_call *call)
{
    uint8_t *data;

    ck_assert_int_eq(valve_reply_bytes_reserve(call, 100, &data), 0);
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_CONTENT, 101);
}

static struct valve_answer bytes_of_a_list(struct valve_call *call)
{
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_CONTENT, 0);
}

static struct valve_answer text_that_is_none(struct valve_call *call)
{
    const struct valve_text words = {"io: \xff", 5};

    return valve_reply(call, &order_reply_type, ORDER_ERROR, &words);
}

static struct valve_answer arm_that_is_none(struct valve_call *call)
{
    return valve_reply(call, &order_reply_type, 4, NULL);
}

/* When part of a list is on its way. */
static struct valve_answer late_arm_that_is_none(struct valve_call *call, const uint64_t *numbers)
{
    static const char zeros[1024];
    const struct valve_text item = {zeros, sizeof zeros};

    (void)numbers;
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    for (unsigned i = 0; i < 2 * VALVE_REPLY_BUFFER / sizeof zeros; i++)
        ck_assert_int_eq(valve_reply_list_add(call, &item), 0);
    return valve_reply(call, &order_reply_type, 4, NULL);
}

static struct valve_answer list_that_is_none(struct valve_call *call)
{
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_DONE), -EINVAL);
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, 4), -EINVAL);
    return (struct valve_answer){call};
}

static struct valve_answer bytes_that_are_none(struct valve_call *call)
{
    uint8_t *data;

    ck_assert_int_eq(valve_reply_bytes_reserve(call, 100, &data), 0);
    return valve_reply_bytes_done(call, &order_reply_type, ORDER_LIST, 0);
}

static struct valve_answer file_that_is_none(struct valve_call *call)
{
    return valve_reply_bytes_file(call, &order_reply_type, 4, -1, 0, 0, "nothing");
}

static const struct {
    struct valve_answer (*carry_out)(struct valve_call *call);
    const char *logged;
} no_answers[] = {
    {return_nothing, "a handler returned without its answer"},
    {return_by_hand, "a handler returned without its answer"},
    {return_another, "a handler returned without its answer"},
    {answer_another, "a handler returned without its answer"},
    {answer_and_return_another, "a handler returned without its answer"},
    {list_without_end, "a handler returned without its answer"},
    {end_without_list, "a list was ended that was not begun"},
    {end_of_bytes, "a list was ended that was not begun"},
    {bytes_without_room, "bytes were sent that no room was reserved for"},
    {more_bytes_than_room, "bytes were sent that no room was reserved for"},
    {bytes_of_a_list, "bytes were sent that no room was reserved for"},
    {text_that_is_none, "a handler's answer breaks its type: "},
    {arm_that_is_none, "a handler's answer breaks its type: "},
    {list_that_is_none, "a list was begun as a variant that has none"},
    {bytes_that_are_none, "bytes were sent as a variant that has none"},
    {file_that_is_none, "a file was sent as a variant that has no bytes"},
};

static struct valve_answer no_answer(struct valve_call *call, const uint64_t *numbers)
{
    return no_answers[numbers[0]].carry_out(call);
}

/* "wait": is there for others to take it for theirs; then answers with 17. */
static struct valve_answer wait_for_others(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    waiting = call;
    tally_add(&noted);
    while (valve_call_sleep(call, VALVE_NEVER) == 0)
        continue;
    return order_done(call, 17);
}

/* ---- Handlers that change their mind, as they may ----------------------------------------------------- */

static struct valve_answer reserve_and_list(struct valve_call *call, const uint64_t *numbers)
{
    const struct valve_text item = valve_text("item");
    uint8_t *data;

    (void)numbers;
    ck_assert_int_eq(valve_reply_bytes_reserve(call, 100, &data), 0);
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    ck_assert_int_eq(valve_reply_list_add(call, &item), 0);
    return valve_reply_list_end(call);
}

static struct valve_answer list_and_done(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), 0);
    return order_done(call, 1);
}

static const struct order orders[] = {
    {"late-arm-that-is-none", late_arm_that_is_none},
    {"list-and-done", list_and_done},
    {"no-answer", no_answer},
    {"note", note},
    {"refuse", refuse},
    {"reserve-and-list", reserve_and_list},
    {"second-answer", second_answer},
    {"wait", wait_for_others},
    {NULL, NULL},
};

/* ---- Clients ----------------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    tally_init(&noted);
    tally_init(&ended);
}

static struct peer start_and_ask_number(const char *order, int number)
{
    char text[64];

    snprintf(text, sizeof text, "%s %d", order, number);
    return rig_ask(&rig, text);
}

/* ---- One-way requests -------------------------------------------------------------------------------- */

START_TEST(nothing_is_answered)
{
    enum { COUNT = 1000 };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= COUNT; i++)
        peer_order(&peer, i, i % 10 == 0 ? "note 1" : "note");
    tally_await(&ended, COUNT);
    peer_order_now(&peer);
    ck_assert(peer_has_nothing(&peer));
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(what_is_refused_is_answered)
{
    static const uint8_t bad[] = {0x82, 0x02, 0xa1, 0x62, 'D', 'o', 0x05};
    struct peer peer = rig_ask(&rig, "refuse");

    peer_expect_error(&peer, 1, "busy");
    peer_send(&peer, bad, sizeof bad);
    peer_expect_error(&peer, 2, "bad-request");
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_client_that_has_no_more_to_ask_waits_for_no_reply)
{
    static const char *const asked[] = {"note", "note 50"};
    struct peer peer = rig_ask(&rig, asked[_i]);

    ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
    peer_expect_end(&peer);
    ck_assert_uint_eq(tally_get(&ended), 1); /* it was not cut off */
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_stop_waits_for_no_reply)
{
    static const char *const asked[] = {"note", "note 50"};
    struct peer peer = rig_ask(&rig, asked[_i]);

    tally_await(&noted, 1);
    valve_server_stop(rig.server);
    peer_expect_end(&peer);
    ck_assert_uint_eq(tally_get(&ended), 1);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), 0);
}
END_TEST

START_TEST(one_way_requests_have_timeouts_and_are_cancelled)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order_within(&peer, 1, "note 100000", 20);
    tally_await(&ended, 1);
    ck_assert_int_eq(last_result, -ETIMEDOUT);
    peer_order(&peer, 2, "note 100000");
    tally_await(&noted, 2);
    peer_cancel(&peer, 2);
    tally_await(&ended, 2);
    ck_assert_int_eq(last_result, -ECANCELED);
    peer_order_now(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_connection_is_idle_after_one_way_requests)
{
    struct peer peer;

    rig.options.idle_timeout = 50 * MILLISECOND;
    peer = rig_ask(&rig, "note");
    peer_expect_end(&peer);
    ck_assert_uint_eq(tally_get(&ended), 1);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Twice ------------------------------------------------------------------------------------------- */

START_TEST(the_first_answer_stands)
{
    struct peer peer = start_and_ask_number("second-answer", _i);

    if (second_answers[_i].is_answered)
        peer_expect_done(&peer, 1, 1);
    tally_await(&rig.logged, 1);
    peer_order_now(&peer);
    ck_assert(peer_has_nothing(&peer));
    ck_assert_uint_eq(tally_get(&rig.logged), 1);
    ck_assert_msg(strncmp(rig.log, "service orders, Do: ", 20) == 0, "it logged %s", rig.log);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Not at all -------------------------------------------------------------------------------------- */

/* It costs the connection, and none of another. */
START_TEST(a_handler_without_its_answer)
{
    char logged[128];
    struct peer other = rig_ask(&rig, "wait"), peer;

    tally_await(&noted, 1);
    peer = peer_connect(rig.address);
    snprintf(logged, sizeof logged, "no-answer %d", _i);
    peer_order(&peer, 1, logged);
    snprintf(logged, sizeof logged, "service orders, Do: %s", no_answers[_i].logged);
    tally_await(&rig.logged, 1);
    peer_expect_end(&peer);
    ck_assert_msg(rig_has_logged(&rig, logged), "it logged %s", rig.log);
    peer_cancel(&other, 1);
    peer_expect_done(&other, 1, no_answers[_i].carry_out == answer_another ? 7 : 17);
    peer_order_now(&other);
    ck_assert(peer_has_nothing(&other));
    peer_close(&peer);
    rig_end(&rig, &other);
}
END_TEST

START_TEST(a_late_variant_that_is_none_breaks_the_connection)
{
    struct peer peer = rig_ask(&rig, "late-arm-that-is-none");

    peer_expect_break(&peer);
    ck_assert(rig_has_logged(&rig, "Do: a variant that is none came after part of a reply"));
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_handler_may_change_its_mind)
{
    struct peer peer = rig_ask(&rig, "reserve-and-list");

    ck_assert_uint_eq(peer_expect(&peer, 1, "List").payload_size, 7);
    peer_order(&peer, 2, "list-and-done");
    peer_expect_done(&peer, 2, 1);
    ck_assert_str_eq(rig.log, "");
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Words ------------------------------------------------------------------------------------------- */

START_TEST(the_words_for_errors)
{
    static const struct {
        int error;
        const char *code;
    } rows[] = {
        {-ECANCELED, "cancelled: "}, {-ETIMEDOUT, "timeout: "}, {-EBUSY, "busy: "},
        {-ENOMEM, "busy: "},         {-EMFILE, "busy: "},       {-ENFILE, "busy: "},
        {-ENOBUFS, "busy: "},        {-EAGAIN, "busy: "},       {-EIO, "io: "},
        {-EINVAL, "io: "},           {-EPIPE, "io: "},          {0, "io: "},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct valve_text words = valve_error_words(rows[i].error);

        ck_assert_uint_gt(words.size, strlen(rows[i].code));
        ck_assert_uint_lt(words.size, VALVE_ERROR_TEXT);
        ck_assert_mem_eq(words.data, rows[i].code, strlen(rows[i].code));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: answers");
    TCase *tests = tcase_create("answers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, nothing_is_answered);
    tcase_add_test(tests, what_is_refused_is_answered);
    tcase_add_loop_test(tests, a_client_that_has_no_more_to_ask_waits_for_no_reply, 0, 2);
    tcase_add_loop_test(tests, a_stop_waits_for_no_reply, 0, 2);
    tcase_add_test(tests, one_way_requests_have_timeouts_and_are_cancelled);
    tcase_add_test(tests, a_connection_is_idle_after_one_way_requests);
    tcase_add_loop_test(tests, the_first_answer_stands, 0,
                        sizeof second_answers / sizeof second_answers[0]);
    tcase_add_loop_test(tests, a_handler_without_its_answer, 0,
                        sizeof no_answers / sizeof no_answers[0]);
    tcase_add_test(tests, a_late_variant_that_is_none_breaks_the_connection);
    tcase_add_test(tests, a_handler_may_change_its_mind);
    tcase_add_test(tests, the_words_for_errors);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
