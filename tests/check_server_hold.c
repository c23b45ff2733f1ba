/* SPDX-License-Identifier: MIT */
/*
 * Tests of the places for descriptors that calls hold: taken, refused, waited for, given back.
 */
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/order_fixture.h"

#define PLACES 8 /* of the one worker */

static struct rig rig;

static struct {
    _Atomic unsigned result; /* what a hold returned last, as an error */
    struct tally asked;      /* handlers that have asked for places */
    struct tally held;       /* that have them */
} holds;

/* ---- Handlers ------------------------------------------------------------------------------------ */

/* Keeps what it holds until it is cancelled, and is answered: with how many that were. */
static struct valve_answer keep(struct valve_call *call, uint64_t count)
{
    tally_add(&holds.held);
    while (valve_call_sleep(call, VALVE_NEVER) == 0)
        continue;
    return order_done(call, count);
}

/* "hold N": waits for N places and keeps them, with what the end of the call gives back. */
static struct valve_answer hold(struct valve_call *call, const uint64_t *numbers)
{
    int r;

    tally_add(&holds.asked);
    r = valve_call_hold(call, (unsigned)numbers[0]);
    atomic_store(&holds.result, (unsigned)-r);
    return r < 0 ? order_failed(call, r) : keep(call, numbers[0]);
}

/* "let-go N M": holds N and gives back M of them before it keeps the others. */
static struct valve_answer let_go(struct valve_call *call, const uint64_t *numbers)
{
    int r = valve_call_hold(call, (unsigned)numbers[0]);

    if (r < 0)
        return order_failed(call, r);
    valve_call_let_go(call, (unsigned)numbers[1]);
    return keep(call, numbers[0] - numbers[1]);
}

/* "try N": Done with 1 if it had them, 0 if not. */
static struct valve_answer try_hold(struct valve_call *call, const uint64_t *numbers)
{
    return order_done(call, valve_call_try_hold(call, (unsigned)numbers[0]));
}

/* "try-some N": Done with how many it had. */
static struct valve_answer try_hold_some(struct valve_call *call, const uint64_t *numbers)
{
    return order_done(call, valve_call_try_hold_some(call, (unsigned)numbers[0]));
}

static const struct order orders[] = {
    {"hold", hold}, {"let-go", let_go}, {"try", try_hold}, {"try-some", try_hold_some},
    {NULL, NULL},
};

/* ---- Clients ------------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    rig.options.max_held = PLACES;
    tally_init(&holds.asked);
    tally_init(&holds.held);
    atomic_store(&holds.result, 0);
}

static struct peer connect_to_rig(void)
{
    rig_start(&rig);
    return peer_connect(rig.address);
}

/* What an order that does not wait is answered with. */
static void expect_now(struct peer *peer, const char *order, uint64_t number)
{
    peer_order(peer, 1000, order);
    peer_expect_done(peer, 1000, number);
}

/* Ends a call that keeps so many places. */
static void end_hold(struct peer *peer, uint32_t id, uint64_t count)
{
    peer_cancel(peer, id);
    peer_expect_done(peer, id, count);
}

/* ---- Without a wait ------------------------------------------------------------------------------ */

START_TEST(places_are_taken_while_there_are_some)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "hold 5");
    tally_await(&holds.held, 1);
    expect_now(&peer, "try 3", 1);
    expect_now(&peer, "try 4", 0);
    peer_order(&peer, 2, "hold 3");
    tally_await(&holds.held, 2);
    expect_now(&peer, "try 1", 0);
    expect_now(&peer, "try-some 1", 0);
    end_hold(&peer, 1, 5);
    expect_now(&peer, "try 5", 1);
    expect_now(&peer, "try 6", 0);
    end_hold(&peer, 2, 3);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(who_can_do_with_less_leaves_half)
{
    struct peer peer = connect_to_rig();

    expect_now(&peer, "try-some 1", 1);
    expect_now(&peer, "try-some 100", PLACES / 2);
    peer_order(&peer, 1, "hold 3");
    tally_await(&holds.held, 1);
    expect_now(&peer, "try-some 100", PLACES / 2 - 3);
    peer_order(&peer, 2, "hold 1");
    tally_await(&holds.held, 2);
    expect_now(&peer, "try-some 100", 0);
    expect_now(&peer, "try 4", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(what_is_let_go_is_there_for_others)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "let-go 8 6");
    tally_await(&holds.held, 1);
    expect_now(&peer, "try 7", 0);
    expect_now(&peer, "try 6", 1);
    end_hold(&peer, 1, 2);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- With a wait --------------------------------------------------------------------------------- */

/* One holds all places, with the id 1; another, with the id 2, waits for some of them. */
static struct peer start_waiting(const char *order)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "hold 8");
    tally_await(&holds.held, 1);
    peer_order(&peer, 2, order);
    tally_await(&holds.asked, 2);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&holds.held), 1);
    return peer;
}

START_TEST(who_waits_goes_on_when_others_end)
{
    struct peer peer = start_waiting("hold 8");

    end_hold(&peer, 1, 8);
    tally_await(&holds.held, 2);
    end_hold(&peer, 2, 8);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

/* A place is taken by who came first: a try does not overtake, nor does one who waits for less. */
START_TEST(who_came_first_is_served_first)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "hold 4");
    peer_order(&peer, 2, "hold 4");
    tally_await(&holds.held, 2);
    peer_order(&peer, 3, "hold 4");
    tally_await(&holds.asked, 3);
    peer_order(&peer, 4, "hold 2");
    tally_await(&holds.asked, 4);
    peer_order(&peer, 5, "hold 2");
    tally_await(&holds.asked, 5);
    expect_now(&peer, "try 1", 0);
    end_hold(&peer, 2, 4);
    tally_await(&holds.held, 3);
    end_hold(&peer, 3, 4); /* the one that got them */
    tally_await(&holds.held, 5);
    expect_now(&peer, "try 1", 0);
    end_hold(&peer, 4, 2);
    end_hold(&peer, 5, 2);
    end_hold(&peer, 1, 4);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

/* Who wants more than comes free is not passed by for ever by those who want little. */
START_TEST(who_wants_much_is_not_starved)
{
    struct peer peer = start_waiting("hold 8");

    for (uint32_t id = 3; id < 3 + 20; id++)
        peer_order(&peer, id, "hold 1");
    tally_await(&holds.asked, 22);
    end_hold(&peer, 1, 8);
    tally_await(&holds.held, 2);
    end_hold(&peer, 2, 8);
    for (uint32_t id = 3; id < 3 + 20; id++)
        end_hold(&peer, id, 1);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_cancel_ends_the_wait)
{
    struct peer peer = start_waiting("hold 1");

    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    ck_assert_uint_eq(atomic_load(&holds.result), ECANCELED);
    end_hold(&peer, 1, 8);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

/* Behind one that gives up somebody may wait for whom there is room. */
START_TEST(a_cancel_of_the_first_lets_the_next_have_its_place)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "hold 6");
    tally_await(&holds.held, 1);
    peer_order(&peer, 2, "hold 4");
    tally_await(&holds.asked, 2);
    peer_order(&peer, 3, "hold 2");
    tally_await(&holds.asked, 3);
    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    tally_await(&holds.held, 2);
    end_hold(&peer, 3, 2);
    end_hold(&peer, 1, 6);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(the_calls_own_time_ends_the_wait)
{
    struct peer peer = start_waiting("hold 1");

    peer_order_within(&peer, 3, "hold 1", 50);
    peer_expect_error(&peer, 3, "timeout");
    ck_assert_uint_eq(atomic_load(&holds.result), ETIMEDOUT);
    end_hold(&peer, 1, 8);
    tally_await(&holds.held, 2);
    end_hold(&peer, 2, 1);
    rig_end(&rig, &peer);
}
END_TEST

/* And not before. */
START_TEST(the_io_timeout_ends_the_wait)
{
    uint64_t began_at;
    struct peer peer;

    rig.options.io_timeout = 200 * MILLISECOND;
    peer = connect_to_rig();
    peer_order(&peer, 1, "hold 8");
    tally_await(&holds.held, 1);
    began_at = valve_deadline(0);
    peer_order(&peer, 2, "hold 1");
    peer_expect_error(&peer, 2, "busy");
    ck_assert_uint_ge(valve_deadline(0) - began_at, 200 * MILLISECOND);
    ck_assert_uint_eq(atomic_load(&holds.result), EMFILE);
    end_hold(&peer, 1, 8);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(a_client_that_leaves_gives_all_back)
{
    struct peer peer = start_waiting("hold 8"), other = peer_connect(rig.address);

    peer_order(&other, 1, "hold 3");
    tally_await(&holds.asked, 3);
    peer_close(&peer);
    tally_await(&holds.held, 2);
    expect_now(&other, "try 5", 1);
    expect_now(&other, "try 6", 0);
    end_hold(&other, 1, 3);
    expect_now(&other, "try 8", 1);
    rig_end(&rig, &other);
}
END_TEST

/* ---- More than there are ------------------------------------------------------------------------- */

/* It would wait for ever: it has them when nobody else has any. */
START_TEST(more_than_there_are_is_had_alone)
{
    struct peer peer = connect_to_rig();

    peer_order(&peer, 1, "hold 1");
    tally_await(&holds.held, 1);
    expect_now(&peer, "try 100", 0);
    peer_order(&peer, 2, "hold 100");
    tally_await(&holds.asked, 2);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&holds.held), 1);
    end_hold(&peer, 1, 1);
    tally_await(&holds.held, 2);
    expect_now(&peer, "try 1", 0);
    expect_now(&peer, "try-some 1", 0);
    end_hold(&peer, 2, 100);
    expect_now(&peer, "try 100", 1);
    expect_now(&peer, "try 8", 1);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(where_there_are_none_one_at_a_time_has_some)
{
    struct peer peer;

    rig.options.max_held = 0;
    peer = connect_to_rig();
    expect_now(&peer, "try-some 1", 0);
    peer_order(&peer, 1, "hold 2");
    tally_await(&holds.held, 1);
    peer_order(&peer, 2, "hold 2");
    tally_await(&holds.asked, 2);
    expect_now(&peer, "try 1", 0);
    end_hold(&peer, 1, 2);
    tally_await(&holds.held, 2);
    end_hold(&peer, 2, 2);
    rig_end(&rig, &peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: places for descriptors");
    TCase *tests = tcase_create("hold");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, places_are_taken_while_there_are_some);
    tcase_add_test(tests, who_can_do_with_less_leaves_half);
    tcase_add_test(tests, what_is_let_go_is_there_for_others);
    tcase_add_test(tests, who_waits_goes_on_when_others_end);
    tcase_add_test(tests, who_came_first_is_served_first);
    tcase_add_test(tests, who_wants_much_is_not_starved);
    tcase_add_test(tests, a_cancel_ends_the_wait);
    tcase_add_test(tests, a_cancel_of_the_first_lets_the_next_have_its_place);
    tcase_add_test(tests, the_calls_own_time_ends_the_wait);
    tcase_add_test(tests, the_io_timeout_ends_the_wait);
    tcase_add_test(tests, a_client_that_leaves_gives_all_back);
    tcase_add_test(tests, more_than_there_are_is_had_alone);
    tcase_add_test(tests, where_there_are_none_one_at_a_time_has_some);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
