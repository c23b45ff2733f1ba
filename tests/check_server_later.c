/* SPDX-License-Identifier: MIT */
/*
 * Tests of promised answers: who may give them, when nobody waits for them any more, and what
 * becomes of services that promise and do not keep to it.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpc/head.h"
#include "tests/order_fixture.h"

#define MOST_KEPT 20000

static struct rig rig;

/* Promises in the order in which they were made. */
static struct valve_later promises[MOST_KEPT];
static struct tally kept;  /* how many there are */
static struct tally ended; /* handlers that have something to do after a promise */
static _Atomic unsigned given;

/* ---- Handlers ---------------------------------------------------------------------------------------- */

static pthread_mutex_t promises_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(struct valve_later promise)
{
    pthread_mutex_lock(&promises_lock);
    promises[kept.count] = promise;
    tally_add(&kept);
    pthread_mutex_unlock(&promises_lock);
}

static struct valve_later kept_promise(unsigned index)
{
    struct valve_later promise;

    tally_await(&kept, index + 1);
    pthread_mutex_lock(&promises_lock);
    promise = promises[index];
    pthread_mutex_unlock(&promises_lock);
    return promise;
}

static int give(struct valve_later promise, uint64_t number)
{
    return valve_later_reply(promise, &order_reply_type, ORDER_DONE, &number);
}

/* "keep": promises, for the test or another handler to give. */
static struct valve_answer keep_promise(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_later promise;
    struct valve_answer answer = valve_reply_later(call, &order_reply_type, &promise);

    (void)numbers;
    keep(promise);
    return answer;
}

/* "give N": gives the Nth promise, and answers with its number. */
static struct valve_answer give_promise(struct valve_call *call, const uint64_t *numbers)
{
    int r = give(kept_promise((unsigned)numbers[0]), numbers[0]);

    return r < 0 ? order_failed(call, r) : order_done(call, numbers[0]);
}

/* "at-once MS": gives its own promise before it has returned, and goes on for so long. */
static struct valve_answer give_at_once(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_later promise;
    struct valve_answer answer = valve_reply_later(call, &order_reply_type, &promise);

    ck_assert_int_eq(give(promise, numbers[0]), 0);
    if (numbers[0] > 0)
        ck_assert_int_eq(valve_call_sleep(call, valve_deadline(numbers[0] * MILLISECOND)), 0);
    tally_add(&ended);
    return answer;
}

/* "stream": an item, and a promise. */
static struct valve_answer stream_and_keep(struct valve_call *call, const uint64_t *numbers)
{
    uint64_t number = 1;

    ck_assert_int_eq(valve_reply_item(call, &order_number_type, &number), 0);
    return keep_promise(call, numbers);
}

/* "sleep": a promise, and a wait that something ends. */
static struct valve_answer keep_and_sleep(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_answer answer = keep_promise(call, numbers);

    ck_assert_int_lt(valve_call_sleep(call, VALVE_NEVER), 0);
    tally_add(&ended);
    return answer;
}

/* "turn": has the turn of large replies, and promises. */
static struct valve_answer keep_with_turn(struct valve_call *call, const uint64_t *numbers)
{
    ck_assert_int_eq(valve_reply_turn(call), 0);
    return keep_promise(call, numbers);
}

static int begin_list(struct valve_call *call, uint64_t count)
{
    static const char text[1000] = {[0 ... 999] = 't'};
    const struct valve_text item = {text, sizeof text};
    int r = valve_reply_list_begin(call, &order_reply_type, ORDER_LIST);

    for (uint64_t i = 0; r == 0 && i < count; i++)
        r = valve_reply_list_add(call, &item);
    return r;
}

/* "list N": a list of texts of 1000 bytes each. */
static struct valve_answer list(struct valve_call *call, const uint64_t *numbers)
{
    int r = begin_list(call, numbers[0]);

    return r == 0 ? valve_reply_list_end(call) : order_failed(call, r);
}

/* ---- Handlers that do not keep to what they promise -------------------------------------------------- */

static struct valve_answer promise_and_answer(struct valve_call *call, const uint64_t *numbers)
{
    keep_promise(call, numbers);
    return order_done(call, 1);
}

static struct valve_answer answer_and_promise(struct valve_call *call, const uint64_t *numbers)
{
    order_done(call, 1);
    return keep_promise(call, numbers);
}

static struct valve_answer promise_twice(struct valve_call *call, const uint64_t *numbers)
{
    keep_promise(call, numbers);
    return keep_promise(call, numbers);
}

static struct valve_answer promise_and_forget(struct valve_call *call, const uint64_t *numbers)
{
    keep_promise(call, numbers);
    return (struct valve_answer){NULL};
}

static struct valve_answer never_promise(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return (struct valve_answer){call};
}

static struct valve_answer promise_inside_a_list(struct valve_call *call, const uint64_t *numbers)
{
    ck_assert_int_eq(begin_list(call, 100), 0);
    return keep_promise(call, numbers);
}

static struct valve_answer promise_and_list(struct valve_call *call, const uint64_t *numbers)
{
    keep_promise(call, numbers);
    ck_assert_int_eq(valve_reply_list_begin(call, &order_reply_type, ORDER_LIST), -EINVAL);
    return valve_reply_list_end(call);
}

static const struct order orders[] = {
    {"answer-and-promise", answer_and_promise},
    {"at-once", give_at_once},
    {"give", give_promise},
    {"keep", keep_promise},
    {"list", list},
    {"never", never_promise},
    {"promise-and-answer", promise_and_answer},
    {"promise-and-forget", promise_and_forget},
    {"promise-and-list", promise_and_list},
    {"promise-inside-a-list", promise_inside_a_list},
    {"promise-twice", promise_twice},
    {"sleep", keep_and_sleep},
    {"stream", stream_and_keep},
    {"turn", keep_with_turn},
    {NULL, NULL},
};

/* ---- Clients ----------------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    rig.options.max_in_flight = 2000;
    tally_init(&kept);
    tally_init(&ended);
    given = 0;
}

/* Waits until the call of a promise has ended. What asks is no answer, and leaves it standing. */
static void await_nobody(struct valve_later promise, struct peer *other)
{
    const uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    struct valve_type other_type = order_reply_type;
    uint64_t number = 1;

    while (valve_later_reply(promise, &other_type, ORDER_DONE, &number) == -EINVAL) {
        ck_assert_uint_lt(valve_deadline(0), deadline);
        peer_order_now(other);
    }
}

/* ---- Who gives it ------------------------------------------------------------------------------------ */

START_TEST(another_thread)
{
    struct peer peer = rig_ask(&rig, "keep");

    kept_promise(0);
    peer_order_now(&peer);
    ck_assert(peer_has_nothing(&peer));
    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

/* The two calls on workers of their own, or on one. */
START_TEST(another_handler)
{
    struct peer peer, other;

    rig.options.workers = _i == 0 ? 1 : 2;
    peer = rig_ask(&rig, "keep");
    kept_promise(0);
    other = peer_connect(rig.address);
    peer_order(&other, 1, "give 0");
    peer_expect_done(&other, 1, 0);
    peer_expect_done(&peer, 1, 0);
    peer_close(&other);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(the_handler_itself_before_it_returns)
{
    static const char *const asked[] = {"at-once 0", "at-once 20"};
    struct peer peer = rig_ask(&rig, asked[_i]);

    peer_expect_done(&peer, 1, _i == 0 ? 0 : 20);
    ck_assert_uint_eq(tally_get(&ended), 1);
    rig_end(&rig, &peer);
}
END_TEST

/* While the handler still does something else, which goes on. */
START_TEST(another_thread_before_the_handler_returns)
{
    struct peer peer = rig_ask(&rig, "sleep");

    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    for (unsigned i = 0; i < 20; i++)
        peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&ended), 0);
    peer_cancel(&peer, 1);
    peer_expect_done(&peer, 1, 17); /* it was there when the handler returned */
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(after_a_stream)
{
    struct peer peer = rig_ask(&rig, "stream");

    ck_assert(peer_receive(&peer).is_streamed);
    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

/* Answers come in the order in which they are given, whatever that of the questions. */
START_TEST(a_thousand_at_once)
{
    enum { COUNT = 1000 };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 0; i < COUNT; i++)
        peer_order(&peer, i + 1, "keep");
    kept_promise(COUNT - 1);
    for (uint32_t i = COUNT; i > 0; i--)
        ck_assert_int_eq(give(kept_promise(i - 1), i), 0);
    for (uint32_t i = COUNT; i > 0; i--)
        peer_expect_done(&peer, i, i);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(answers_of_all_sizes)
{
    static const size_t sizes[] = {0, 23, 24, 4096, 16384, 65536, 1000000};
    static char data[1000000];
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct valve_bytes bytes = {(const uint8_t *)data, sizes[i]};

        peer_order(&peer, i + 1, "keep");
        ck_assert_int_eq(
            valve_later_reply(kept_promise(i), &order_reply_type, ORDER_CONTENT, &bytes), 0);
        ck_assert_uint_ge(peer_expect(&peer, i + 1, "Content").payload_size, sizes[i]);
    }
    rig_end(&rig, &peer);
}
END_TEST

/* Who waits for somebody else does not keep large replies from being sent. */
START_TEST(the_turn_is_given_back)
{
    struct peer peer = rig_ask(&rig, "turn");

    kept_promise(0);
    peer_order(&peer, 2, "list 1000");
    peer_expect(&peer, 2, "List");
    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- What is no answer ------------------------------------------------------------------------------- */

START_TEST(an_answer_that_breaks_its_type_is_refused)
{
    const struct valve_text no_text = {"\xff", 1};
    uint64_t number = 1;
    struct valve_later promise;
    struct peer peer = rig_ask(&rig, "keep");

    promise = kept_promise(0);
    ck_assert_int_eq(valve_later_reply(promise, &order_reply_type, ORDER_ERROR, &no_text), -EINVAL);
    ck_assert_int_eq(valve_later_reply(promise, &order_reply_type, 4, &number), -EINVAL);
    ck_assert_int_eq(give(promise, 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(an_answer_of_another_method_is_refused)
{
    struct valve_type other = order_reply_type;
    uint64_t number = 1;
    struct peer peer = rig_ask(&rig, "keep");

    ck_assert_int_eq(valve_later_reply(kept_promise(0), &other, ORDER_DONE, &number), -EINVAL);
    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

/* More than any heap has. (Sanitizers end the process instead of refusing it.) */
START_TEST(an_answer_that_there_is_no_memory_for)
{
    const struct valve_bytes bytes = {(const uint8_t *)"", (size_t)1 << 46};
    struct peer peer = rig_ask(&rig, "keep");
    struct valve_later promise = kept_promise(0);

    if (!SANITIZED)
        ck_assert_int_eq(valve_later_reply(promise, &order_reply_type, ORDER_CONTENT, &bytes),
                         -ENOMEM);
    ck_assert_int_eq(give(promise, 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_second_answer_is_refused)
{
    struct peer peer = rig_ask(&rig, "keep");
    struct valve_later promise = kept_promise(0);

    ck_assert_int_eq(give(promise, 17), 0);
    ck_assert_int_eq(give(promise, 18), -EALREADY);
    ck_assert(rig_has_logged(&rig, "service orders: a promised answer was given twice"));
    peer_expect_done(&peer, 1, 17);
    for (unsigned i = 1; i < 64; i++) { /* others use its slot again */
        peer_order(&peer, 1, "at-once 0");
        peer_expect_done(&peer, 1, 0);
        ck_assert_int_eq(give(promise, 18), -EALREADY);
    }
    peer_order(&peer, 1, "at-once 0");
    peer_expect_done(&peer, 1, 0);
    ck_assert_int_eq(give(promise, 18), -ECANCELED); /* nothing is known of it any more */
    peer_order_now(&peer);
    ck_assert(peer_has_nothing(&peer));
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(promises_that_nobody_made)
{
    struct peer peer = rig_ask(&rig, "keep");
    const struct valve_later promise = kept_promise(0);
    struct valve_later forged[] = {{0}, promise, promise, promise, promise, promise};

    forged[1].generation--;
    forged[2].generation++;
    forged[3].slot++; /* is free */
    forged[4].slot = 1000000;
    forged[5].slot = UINT32_MAX;
    for (unsigned i = 0; i < sizeof forged / sizeof forged[0]; i++)
        ck_assert_int_eq(give(forged[i], 18), -ECANCELED);
    ck_assert_int_eq(give(promise, 17), 0);
    peer_expect_done(&peer, 1, 17);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- Nobody waits ------------------------------------------------------------------------------------ */

START_TEST(a_call_that_was_cancelled)
{
    struct peer peer = rig_ask(&rig, "keep");

    kept_promise(0);
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    ck_assert_int_eq(give(kept_promise(0), 17), -ECANCELED);
    peer_order_now(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_call_whose_time_is_over)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order_within(&peer, 1, "keep", 50);
    peer_expect_error(&peer, 1, "timeout");
    ck_assert_int_eq(give(kept_promise(0), 17), -ECANCELED);
    peer_order_now(&peer);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_client_that_is_gone)
{
    struct peer peer = rig_ask(&rig, "keep"), other = peer_connect(rig.address);

    kept_promise(0);
    peer_close(&peer);
    await_nobody(kept_promise(0), &other);
    ck_assert_int_eq(give(kept_promise(0), 17), -ECANCELED);
    rig_end(&rig, &other);
}
END_TEST

/* ---- The stop ---------------------------------------------------------------------------------------- */

START_TEST(a_stop_waits_for_what_was_promised)
{
    struct peer peer = rig_ask(&rig, "keep"), idle = peer_connect(rig.address);

    kept_promise(0);
    peer_order_now(&idle);
    valve_server_stop(rig.server);
    peer_expect_end(&idle);
    ck_assert_int_eq(give(kept_promise(0), 17), 0);
    peer_expect_done(&peer, 1, 17);
    peer_expect_end(&peer);
    peer_close(&idle);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_ever)
{
    struct peer peer;

    rig.options.drain_timeout = 100 * MILLISECOND;
    peer = rig_ask(&rig, "keep");
    kept_promise(0);
    valve_server_stop(rig.server);
    peer_expect_end(&peer);
    ck_assert_int_eq(pthread_join(rig.runner, NULL), 0);
    rig.is_running = false;
    ck_assert_int_eq(give(kept_promise(0), 17), -ECANCELED);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), -ETIMEDOUT);
}
END_TEST

/* ---- All at the same time ---------------------------------------------------------------------------- */

/* One of several that give the same promises, as they come. */
static void *give_each(void *argument)
{
    const unsigned *count = argument;

    for (unsigned i = 0; i < *count; i++) {
        int r;

        tally_reaches(&kept, i + 1);
        r = give(kept_promise(i), i);
        given += r == 0;
        if (r != 0 && r != -EALREADY && r != -ECANCELED)
            ck_abort_msg("giving a promise returned %d", r);
    }
    return NULL;
}

/*
 * Clients of two workers ask, and cancel some of it; three threads give each promise. Every call is
 * answered once, by one of them or by its cancellation.
 */
START_TEST(everybody_at_once)
{
    enum { PEERS = 4, GIVERS = 3 };
    const unsigned each = SANITIZED ? 500 : 4000;
    unsigned count = PEERS * each, done = 0;
    pthread_t givers[GIVERS];
    struct peer peers[PEERS];

    rig.options.workers = 2;
    rig_start(&rig);
    for (unsigned i = 0; i < PEERS; i++)
        peers[i] = peer_connect(rig.address);
    for (unsigned i = 0; i < GIVERS; i++)
        ck_assert_int_eq(pthread_create(&givers[i], NULL, give_each, &count), 0);
    for (unsigned j = 1; j <= each; j++) {
        for (unsigned i = 0; i < PEERS; i++) {
            peer_order(&peers[i], j, "keep");
            if ((i + j) % 3 == 0)
                peer_cancel(&peers[i], j);
        }
        for (unsigned i = 0; i < PEERS; i++) {
            struct item item = peer_receive(&peers[i]);

            ck_assert_uint_eq(item.id, j);
            done += item.variant_size == strlen("Done");
        }
    }
    for (unsigned i = 0; i < GIVERS; i++)
        pthread_join(givers[i], NULL);
    /* A given answer may still be overtaken by a cancel. */
    ck_assert_uint_le(done, given);
    ck_assert_uint_ge(done, count - count / 3 - PEERS);
    for (unsigned i = 0; i < PEERS; i++)
        peer_close(&peers[i]);
    rig_stop(&rig);
}
END_TEST

/* ---- Services that are wrong ------------------------------------------------------------------------- */

static const struct {
    const char *order, *logged;
} wrong[] = {
    {"promise-and-answer", "service orders, Do: a handler answered and had promised the answer"},
    {"answer-and-promise", "service orders, Do: an answer was promised besides another one"},
    {"promise-twice", "service orders, Do: an answer was promised besides another one"},
    {"promise-and-forget", "service orders, Do: a handler returned without its answer"},
    {"never", "service orders, Do: a handler returned without its answer"},
    {"promise-and-list", "service orders, Do: a list was begun after another answer"},
};

/* Each is logged and costs its connection, and no other. */
START_TEST(services_that_contradict_themselves)
{
    struct peer peer = rig_ask(&rig, wrong[_i].order), other = peer_connect(rig.address);

    tally_await(&rig.logged, 1);
    ck_assert_msg(rig_has_logged(&rig, wrong[_i].logged), "it logged %s", rig.log);
    peer_expect_end(&peer);
    peer_order_now(&other);
    if (tally_get(&kept) > 0)
        ck_assert_int_eq(give(kept_promise(0), 17), -ECANCELED);
    peer_close(&other);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_service_that_promises_inside_a_list)
{
    struct peer peer = rig_ask(&rig, "promise-inside-a-list");

    peer_expect_break(&peer);
    ck_assert(rig_has_logged(&rig, "service orders, Do: an answer was promised besides"));
    rig_end(&rig, &peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: later");
    TCase *tests = tcase_create("later");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, another_thread);
    tcase_add_loop_test(tests, another_handler, 0, 2);
    tcase_add_loop_test(tests, the_handler_itself_before_it_returns, 0, 2);
    tcase_add_test(tests, another_thread_before_the_handler_returns);
    tcase_add_test(tests, after_a_stream);
    tcase_add_test(tests, a_thousand_at_once);
    tcase_add_test(tests, answers_of_all_sizes);
    tcase_add_test(tests, the_turn_is_given_back);
    tcase_add_test(tests, an_answer_that_breaks_its_type_is_refused);
    tcase_add_test(tests, an_answer_of_another_method_is_refused);
    tcase_add_test(tests, an_answer_that_there_is_no_memory_for);
    tcase_add_test(tests, a_second_answer_is_refused);
    tcase_add_test(tests, promises_that_nobody_made);
    tcase_add_test(tests, a_call_that_was_cancelled);
    tcase_add_test(tests, a_call_whose_time_is_over);
    tcase_add_test(tests, a_client_that_is_gone);
    tcase_add_test(tests, a_stop_waits_for_what_was_promised);
    tcase_add_test(tests, a_stop_does_not_wait_for_ever);
    tcase_add_test(tests, everybody_at_once);
    tcase_add_loop_test(tests, services_that_contradict_themselves, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tests, a_service_that_promises_inside_a_list);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
