/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client in handlers: a service that calls another service. Both servers run here, and
 * the handlers of the one share a connection to the other.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "rpc/head.h"
#include "tests/chain_fixture.h"

/* ---- Handlers -------------------------------------------------------------------------------- */

static struct files_path path(const char *name)
{
    return (struct files_path){.kind = FILES_PATH_TEXT, .text = valve_text(name)};
}

/* "size N": the length of a name of N bytes. */
static int ask_size(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    char name[201] = "";
    struct files_path asked = path(name);
    struct files_size_result result;

    memset(name, 'x', sizeof name - 1);
    asked.text.size = numbers[0];
    result = files_size(shared, &asked, NULL, valve_call_arena(call), VALVE_NEVER);
    if (result.outcome == FILES_SIZE_FAILED)
        return result.failed;
    ck_assert_int_eq(result.outcome, FILES_SIZE_GOT_SIZE);
    *ret_number = result.size;
    return 0;
}

/* "get N": how many bytes of content there are. */
static int get(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    char name[32];
    uint8_t bytes[1000];
    struct files_path asked;
    struct files_get_result result;
    uint64_t total = 0;
    ssize_t size;

    snprintf(name, sizeof name, "whole %u", (unsigned)numbers[0]);
    asked = path(name);
    result = files_get(shared, &asked, NULL, valve_call_arena(call), VALVE_NEVER);
    if (result.outcome == FILES_GET_FAILED)
        return result.failed;
    ck_assert_int_eq(result.outcome, FILES_GET_GOT_CONTENT);
    while ((size = valve_client_read_bytes(shared, bytes, sizeof bytes, VALVE_NEVER)) > 0) {
        for (ssize_t i = 0; i < size; i++)
            ck_assert_uint_eq(bytes[i], content_at(total++));
    }
    *ret_number = total;
    return (int)size;
}

/* "list N": how many files there are, with N ms between them. */
static int list(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    struct files_list_all_result result = files_list_all(shared, NULL, valve_call_arena(call),
                                                         VALVE_NEVER);
    struct files_file file;
    uint64_t count = 0;
    int r = 1;

    if (result.outcome == FILES_LIST_ALL_FAILED)
        return result.failed;
    ck_assert_int_eq(result.outcome, FILES_LIST_ALL_GOT_LIST);
    while (r == 1) {
        r = files_list_all_next(shared, valve_call_arena(call), &file, VALVE_NEVER);
        count += r == 1;
        if (numbers[0] > 0 &&
            valve_call_sleep(call, valve_deadline(numbers[0] * MILLISECOND)) < 0) {
            valve_client_forget(shared, NULL);
            return -ECANCELED;
        }
    }
    *ret_number = count;
    return r;
}

/* "fan N": N questions at once; the sum of the answers. */
static int fan_out(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    enum { MOST = 20 };
    struct files_size_pending pending[MOST] = {{{0}}};
    struct files_path asked = path("xxxxxxxxxxxxxxxxxxxx");
    struct valve_pending *next = NULL;
    uint64_t sum = 0, came = 0;
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < numbers[0]; i++) {
        asked.text.size = i + 1;
        r = files_size_start(shared, &asked, NULL, &pending[i]);
    }
    while (r == 0 && came < numbers[0]) {
        r = valve_client_next(shared, VALVE_NEVER, &next);
        if (r == 0) {
            struct files_size_result result = files_size_receive(
                shared, (struct files_size_pending *)next, valve_call_arena(call), VALVE_NEVER);

            r = result.outcome == FILES_SIZE_FAILED ? result.failed : 0;
            sum += r == 0 ? result.size : 0;
            came++;
        }
    }
    for (int i = 0; i < MOST; i++)
        valve_client_forget(shared, &pending[i].pending);
    *ret_number = sum;
    return r;
}

/* "gate": when the other service's gate is open. */
static int wait_at_gate(struct valve_call *call, const uint64_t *numbers, uint64_t *ret_number)
{
    struct files_path asked = path("gate");
    struct files_exists_result result = files_exists(shared, &asked, NULL, valve_call_arena(call),
                                                     VALVE_NEVER);

    *ret_number = numbers[0];
    return result.outcome == FILES_EXISTS_FAILED ? result.failed : 0;
}

CHAIN_ORDER(do_fan, fan_out)
CHAIN_ORDER(do_gate, wait_at_gate)
CHAIN_ORDER(do_get, get)
CHAIN_ORDER(do_list, list)
CHAIN_ORDER(do_size, ask_size)

static const struct order orders[] = {
    {"fan", do_fan},   {"gate", do_gate}, {"get", do_get},
    {"list", do_list}, {"size", do_size}, {NULL, NULL},
};

static void set_up(void)
{
    rig_init(&back);
    rig_init_orders(&front, orders);
}

static void expect_done(const struct item *item, uint64_t number)
{
    struct valve_head head;

    ck_assert_msg(item->variant_size == 4 && memcmp(item->variant, "Done", 4) == 0, "%.*s: %.*s",
                  (int)item->variant_size, item->variant, (int)item->payload_size,
                  (const char *)item->payload);
    ck_assert_int_eq(valve_head_read(item->payload, item->payload_size, &head), 0);
    ck_assert_uint_eq(head.argument, number);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

#define REQUESTS 100

/* More of them than the other server takes at once from one connection. */
START_TEST(a_hundred_requests_share_a_connection)
{
    static const char *const kinds[] = {"size", "get", "list", "fan"};
    struct peer peer = chain_start();
    bool seen[REQUESTS] = {false};

    for (unsigned i = 0; i < REQUESTS; i++) {
        unsigned kind = i % 4;

        chain_order(&peer, i + 1, kinds[kind],
                    kind == 0   ? i
                    : kind == 1 ? i * 1000
                    : kind == 2 ? 0
                                : 7);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct item item = peer_receive(&peer);
        unsigned which = item.id - 1;

        ck_assert_uint_lt(which, REQUESTS);
        ck_assert(!seen[which]);
        seen[which] = true;
        expect_done(&item, which % 4 == 0   ? which
                           : which % 4 == 1 ? which * 1000
                           : which % 4 == 2 ? back.service.list.count
                                            : 28);
    }
    ck_assert_uint_eq(shared_connects, 1);
    chain_stop(&peer);
}
END_TEST

START_TEST(a_handler_that_waits_holds_up_nobody)
{
    struct peer peer = chain_start();
    struct item item;

    for (unsigned i = 1; i <= 20; i++)
        chain_order(&peer, i, "gate", i);
    tally_await(&back.service.begun, 20);
    chain_order(&peer, 100, "now", 5);
    item = peer_receive(&peer);
    ck_assert_uint_eq(item.id, 100);
    chain_order(&peer, 101, "size", 5);
    item = peer_receive(&peer);
    ck_assert_uint_eq(item.id, 101);
    expect_done(&item, 5);
    tally_add(&back.service.gate);
    for (unsigned i = 1; i <= 20; i++) {
        item = peer_receive(&peer);
        expect_done(&item, item.id);
    }
    chain_stop(&peer);
}
END_TEST

/* A request that is cancelled, has had its time, or whose client is gone, gives up its own calls. */
START_TEST(what_ends_a_request_ends_what_it_waits_for)
{
    struct peer peer = chain_start(), other = peer_connect(front.address);
    struct item item;

    if (_i == 1)
        peer_order_within(&peer, 1, "gate 0", 50);
    else
        chain_order(&peer, 1, "gate", 0);
    chain_order(&other, 1, "gate", 7);
    tally_await(&back.service.begun, 2);
    if (_i == 0)
        peer_cancel(&peer, 1);
    if (_i < 2)
        peer_expect_error(&peer, 1, _i == 0 ? "cancelled" : "timeout");
    else
        peer_close(&peer);
    tally_await(&back.service.canceled, 1);
    chain_order(&other, 2, "size", 5);
    item = peer_receive(&other);
    ck_assert_uint_eq(item.id, 2);
    expect_done(&item, 5);
    tally_add(&back.service.gate);
    item = peer_receive(&other);
    expect_done(&item, 7);
    if (_i < 2)
        peer_close(&peer);
    chain_stop(&other);
}
END_TEST

/* A list whose reader sleeps holds up the others only until it is given up. */
START_TEST(a_list_that_is_given_up_half_way_is_passed)
{
    struct peer peer, other;
    struct item item;

    back.service.list.count = 3;
    peer = chain_start();
    other = peer_connect(front.address);
    chain_order(&peer, 1, "list", 100000);
    tally_await(&back.service.ended, 1);
    chain_order(&other, 1, "size", 5);
    tally_await(&back.service.begun, 2);
    peer_close(&peer);
    item = peer_receive(&other);
    expect_done(&item, 5);
    chain_stop(&other);
}
END_TEST

START_TEST(all_learn_that_the_other_server_is_gone)
{
    struct peer peer;

    back.options.drain_timeout = 1;
    peer = chain_start();
    for (unsigned i = 1; i <= 10; i++)
        chain_order(&peer, i, "gate", i);
    tally_await(&back.service.begun, 10);
    valve_server_stop(back.server);
    for (unsigned i = 1; i <= 10; i++) {
        struct item item = peer_receive(&peer);

        ck_assert_uint_eq(item.variant_size, 5);
        ck_assert_mem_eq(item.variant, "Error", 5);
    }
    tally_add(&back.service.gate);
    (void)rig_join(&back);
    chain_order(&peer, 11, "size", 5);
    peer_expect_error(&peer, 11, "io");
    rig_init(&back);
    rig_start(&back);
    chain_order(&peer, 12, "size", 5);
    peer_expect(&peer, 12, "Done");
    ck_assert_uint_eq(shared_connects, 2);
    chain_stop(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client: a service that calls another");
    TCase *tests = tcase_create("two servers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, a_hundred_requests_share_a_connection);
    tcase_add_test(tests, a_handler_that_waits_holds_up_nobody);
    tcase_add_loop_test(tests, what_ends_a_request_ends_what_it_waits_for, 0, 3);
    tcase_add_test(tests, a_list_that_is_given_up_half_way_is_passed);
    tcase_add_test(tests, all_learn_that_the_other_server_is_gone);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
