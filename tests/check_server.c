/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/server: start and stop, listeners, the life of a connection, waits of handlers and
 * what ends them.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "calc.h"
#include "tests/server_fixture.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

/* ---- A second service, called by the generated client ------------------------------------------- */

static struct calc_eval_answer eval(void *context, struct calc_eval_reply reply,
                                    const struct calc_expr *expr)
{
    (void)context;
    if (expr->kind != CALC_EXPR_ADD || expr->add.item0->kind != CALC_EXPR_NUM ||
        expr->add.item1->kind != CALC_EXPR_NUM)
        return calc_eval_reply_error(reply, valve_text("bad-request: only sums of numbers"));
    return calc_eval_reply_value(reply, expr->add.item0->num + expr->add.item1->num);
}

static struct calc_eval_result call_calc(const struct calc_expr *expr)
{
    const uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    struct calc_eval_result result;
    struct valve_client *client;
    struct valve_arena arena;
    struct valve_error error;

    ck_assert_int_eq(valve_client_connect(rig.address, deadline, &client, &error), 0);
    valve_arena_init(&arena, NULL, 0, 4096);
    result = calc_eval(client, expr, NULL, &arena, deadline);
    valve_arena_fini(&arena);
    valve_client_free(client);
    return result;
}

START_TEST(another_service)
{
    static const struct calc_handlers handlers = CALC_HANDLERS(eval);
    const struct valve_service service = calc_service(&handlers, NULL);
    const struct valve_listener_options listener = {
        .address = "127.0.0.1:0", .mode = 0, .group = (gid_t)-1};
    const struct calc_expr one = {.kind = CALC_EXPR_NUM, .num = 1};
    const struct calc_expr minus = {.kind = CALC_EXPR_NUM, .num = INT64_MIN};
    const struct calc_expr sum = {.kind = CALC_EXPR_ADD, .add = {&one, &minus}};
    struct calc_eval_result result;
    struct valve_error error;

    ck_assert_int_eq(valve_server_new(&rig.options, &service, &rig.server, &error), 0);
    ck_assert_int_eq(valve_server_listen(rig.server, &listener, &error), 0);
    snprintf(rig.address, sizeof rig.address, "%s", valve_server_address(rig.server, 0));
    rig_run(&rig);
    result = call_calc(&sum);
    ck_assert_int_eq(result.outcome, CALC_EVAL_GOT_VALUE);
    ck_assert_int_eq(result.value, INT64_MIN + 1);
    ck_assert_int_eq(call_calc(&one).outcome, CALC_EVAL_GOT_ERROR);
    rig_stop(&rig);
}
END_TEST

/* ---- Start and stop -------------------------------------------------------------------------------- */

START_TEST(a_server_that_never_ran)
{
    struct valve_server_facts facts;

    rig.options.workers = 3;
    rig.options.max_connections = 7;
    rig_listen(&rig);
    valve_server_get_facts(rig.server, &facts);
    ck_assert_uint_eq(facts.workers, 3);
    ck_assert_uint_eq(facts.max_connections, 7);
    ck_assert_uint_gt(facts.descriptor_limit, 7);
    ck_assert_uint_ge(facts.table_reserved, facts.descriptor_limit * 64);
    ck_assert_ptr_nonnull(valve_server_address(rig.server, 0));
    ck_assert_ptr_null(valve_server_address(rig.server, 1));
    ck_assert_int_eq(rig_join(&rig), 0);
    valve_server_free(NULL);
}
END_TEST

START_TEST(a_server_that_is_freed_without_a_stop)
{
    struct valve_error error;
    struct peer peer;

    rig_listen(&rig);
    ck_assert_int_eq(valve_server_start(rig.server, &error), 0);
    peer = peer_connect(rig.address); /* nobody accepts it */
    ck_assert_int_eq(rig_join(&rig), 0);
    peer_expect_end(&peer);
    peer_close(&peer);
}
END_TEST

START_TEST(a_stop_before_the_run)
{
    rig_listen(&rig);
    valve_server_stop(rig.server);
    rig_run(&rig);
    ck_assert_int_eq(rig_join(&rig), 0);
}
END_TEST

START_TEST(a_stop_closes_idle_connections)
{
    struct peer peers[10];

    rig.options.workers = 2;
    rig_start(&rig);
    for (unsigned i = 0; i < 10; i++) {
        peers[i] = peer_connect(rig.address);
        peer_ping(&peers[i]);
    }
    valve_server_stop(rig.server);
    for (unsigned i = 0; i < 10; i++) {
        peer_expect_end(&peers[i]);
        peer_close(&peers[i]);
    }
    ck_assert_int_eq(rig_join(&rig), 0);
}
END_TEST

/* Of a Unix socket without a file. */
static bool is_listened_on(const char *address)
{
    const char *abstract = address + strlen("unix:@");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const size_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    memcpy(name.sun_path + 1, abstract, strlen(abstract));
    r = connect(probe, (struct sockaddr *)&name, (socklen_t)size);
    close(probe);
    return r == 0;
}

/* What was read is answered, and the answers are received before the end. */
START_TEST(a_stop_drains)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 20; i++)
        peer_ask(&peer, i, "Exists", "gate");
    tally_await(&rig.service.begun, 20);
    valve_server_stop(rig.server);
    while (is_listened_on(rig.address))
        continue;
    ck_assert(peer_has_nothing(&peer));
    tally_add(&rig.service.gate);
    for (uint32_t i = 1; i <= 20; i++) {
        struct item item = peer_receive(&peer);

        ck_assert_uint_eq(item.variant_size, strlen("Exists"));
    }
    peer_expect_end(&peer);
    peer_close(&peer);
    ck_assert_int_eq(rig_join(&rig), 0);
    ck_assert_str_eq(rig.log, "");
}
END_TEST

/* A handler that does not end is cut: after the drain timeout, or at a second stop. */
START_TEST(a_stop_cuts_what_does_not_end)
{
    static const char *const orders[] = {"sleep 0", "gate"};
    struct peer peer;

    if (_i < 2)
        rig.options.drain_timeout = 50 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", orders[_i % 2]);
    if (_i % 2 == 1)
        tally_await(&rig.service.at_gate, 1);
    tally_await(&rig.service.begun, 1);
    valve_server_stop(rig.server);
    while (_i >= 2 && tally_get(&rig.service.canceled) == 0)
        valve_server_stop(rig.server);
    tally_await(&rig.service.canceled, 1);
    tally_add(&rig.service.gate); /* for the thread of the pool */
    ck_assert_int_eq(rig_join(&rig), -ETIMEDOUT);
    ck_assert_uint_eq(tally_get(&rig.service.released), _i % 2 == 1 ? 1 : 0);
    peer_expect_end(&peer);
    peer_close(&peer);
}
END_TEST

/* ---- Listeners --------------------------------------------------------------------------------------- */

static int try_to_listen(const char *address, struct valve_error *ret_error)
{
    const struct valve_listener_options listener = {
        .address = address, .mode = 0600, .group = (gid_t)-1};

    ret_error->text[0] = '\0';
    return valve_server_listen(rig.server, &listener, ret_error);
}

START_TEST(addresses_that_cannot_be_listened_on)
{
    struct valve_error error;

    rig_listen(&rig);
    ck_assert_int_lt(try_to_listen("nonsense", &error), 0);
    ck_assert_ptr_nonnull(strstr(error.text, "nonsense"));
    ck_assert_int_eq(try_to_listen(rig.address, &error), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(error.text, rig.address));
    ck_assert_int_eq(try_to_listen("unix:/nonexistent/directory/socket", &error), -ENOENT);
    rig_join(&rig);
}
END_TEST

START_TEST(the_file_of_a_unix_socket)
{
    char directory[] = "/tmp/valve-check-XXXXXX";
    char address[128], path[64];
    struct valve_error error;
    struct stat status;
    struct peer peer;
    int file;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(address, sizeof address, "unix:%s", path);
    rig_listen(&rig);
    file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    ck_assert_int_eq(try_to_listen(address, &error), -EEXIST); /* is no socket */
    ck_assert_int_eq(stat(path, &status), 0);
    unlink(path);
    ck_assert_int_eq(try_to_listen(address, &error), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode, S_IFSOCK | 0600);
    ck_assert_int_eq(try_to_listen(address, &error), -EADDRINUSE); /* is answered */
    rig_run(&rig);
    peer = peer_connect(address);
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_int_eq(stat(path, &status), -1);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* Made by a server that was killed. */
START_TEST(a_stale_socket_is_replaced)
{
    char directory[] = "/tmp/valve-check-XXXXXX";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char address[128];
    struct valve_error error;
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", directory);
    snprintf(address, sizeof address, "unix:%s", name.sun_path);
    ck_assert_int_eq(bind(stale, (struct sockaddr *)&name, sizeof name), 0);
    close(stale);
    rig_listen(&rig);
    ck_assert_int_eq(try_to_listen(address, &error), 0);
    rig_join(&rig);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(a_handler_knows_the_listener)
{
    static const uint8_t size[] = {0x82, 0x01, 0xa1, 0x64, 'S', 'i', 'z', 'e'};
    static unsigned contexts[] = {5, 6};
    const char *addresses[2];
    struct valve_error error;

    rig_listen(&rig);
    for (unsigned i = 0; i < 2; i++) {
        const struct valve_listener_options listener = {
            .address = "127.0.0.1:0", .group = (gid_t)-1, .context = &contexts[i]};

        ck_assert_int_eq(valve_server_listen(rig.server, &listener, &error), 0);
        addresses[i] = valve_server_address(rig.server, i + 1);
    }
    rig_run(&rig);
    for (unsigned i = 0; i < 2; i++) {
        struct peer peer = peer_connect(addresses[i]);
        struct item item;

        peer_ask(&peer, 1, "Size", "context");
        item = peer_receive(&peer);
        ck_assert_mem_eq(item.bytes, size, sizeof size);
        ck_assert_uint_eq(item.payload[0], contexts[i]);
        peer_close(&peer);
    }
    rig_stop(&rig);
}
END_TEST

/* ---- Input ------------------------------------------------------------------------------------------- */

START_TEST(requests_one_byte_at_a_time)
{
    uint8_t requests[20 * 64];
    size_t size = 0;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 20; i++)
        size += request(requests + size, i, "Exists", "now", NO_TIMEOUT);
    for (size_t i = 0; i < size; i++)
        peer_send(&peer, requests + i, 1);
    for (uint32_t i = 1; i <= 20; i++)
        peer_expect_true(&peer, i);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* More than is started in a turn, beside another client that sends without end, too. */
START_TEST(many_requests_at_once)
{
    enum { COUNT = 20000 };
    uint8_t *requests = malloc(COUNT * 32);
    size_t size = 0, sent = 0;
    struct peer peer, other;

    ck_assert_ptr_nonnull(requests);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= COUNT; i++)
        size += request(requests + size, i, "Exists", "now", NO_TIMEOUT);
    for (uint32_t i = 1; i <= COUNT; i++) {
        ssize_t r = send(peer.socket, requests + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (r > 0)
            sent += (size_t)r;
        if (i % 1000 == 0)
            peer_ping(&other);
        peer_expect_true(&peer, i);
    }
    ck_assert_uint_eq(sent, size);
    free(requests);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_client_that_has_no_more_to_ask)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "now");
    peer_send(&peer, "\x82\x03", 2); /* of a third: gets no reply */
    ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
    peer_expect_true(&peer, 2);
    tally_await(&rig.service.at_gate, 1);
    ck_assert(peer_has_nothing(&peer));
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Errors that close the connection come after the answers to all that was asked before. */
START_TEST(the_last_word)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint32_t id;
        const char *code;
    } words[] = {
        {"\xff", 1, 0, "malformed"},
        {"\x82\x05\xa1\x63Get\xf8\x00", 9, 0, "malformed"},
        {"\x82\x05\x9a\xff\xff\xff\xff", 7, 0, "too-large"},
        {"\x82\x05\x59\x40\x00", 5, 0, "too-large"},
        {"\x82\x05\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81", 18, 5,
         "bad-request"},
    };
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "now");
    peer_send(&peer, words[_i].bytes, words[_i].size);
    peer_ask(&peer, 3, "Exists", "now"); /* is not looked at */
    peer_expect_true(&peer, 2);
    tally_await(&rig.service.at_gate, 1);
    ck_assert(peer_has_nothing(&peer));
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    peer_expect_error(&peer, words[_i].id, words[_i].code);
    peer_expect_end(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(bad_requests_leave_the_connection_open)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_send(&peer, "\x80", 1);
    peer_expect_error(&peer, 0, "bad-request");
    peer_send(&peer, "\x82\x00\xf6", 3); /* id 0 */
    peer_expect_error(&peer, 0, "bad-request");
    peer_send(&peer, "\x82\x07\x63Get", 6); /* a payload is missing */
    peer_expect_error(&peer, 7, "bad-request");
    peer_send(&peer, "\x83\x08\xf6\xa0", 4); /* something behind the nil of a cancel */
    peer_expect_error(&peer, 8, "bad-request");
    peer_ping(&peer);
    ck_assert_uint_eq(tally_get(&rig.service.begun), 1);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_request_that_takes_more_memory_than_it_may)
{
    struct peer peer;

    rig.options.arena_limit = 4096;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Get", "whole 5000");
    peer_expect_error(&peer, 1, "busy");
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Waits, and what ends them ------------------------------------------------------------------------ */

START_TEST(handlers_wait)
{
    static const char *const orders[] = {"gate", "gate-metadata", "sleep 30"};
    const uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    tally_await(&rig.service.begun, 1);
    peer_ping(&peer); /* others do not */
    tally_add(&rig.service.gate);
    peer_expect_true(&peer, 1);
    if (_i == 2)
        ck_assert_uint_ge(valve_deadline(0) - begin, 30 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.released), _i == 2 ? 0 : 1);
}
END_TEST

START_TEST(a_cancel_reaches_its_handlers)
{
    static const char *const orders[] = {"gate", "sleep 0"};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    peer_ask(&peer, 2, "Exists", orders[_i]);
    peer_ask(&peer, 1, "Exists", orders[_i]);
    tally_await(&rig.service.begun, 3);
    peer_cancel(&peer, 3); /* is not in flight */
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    peer_expect_error(&peer, 1, "cancelled");
    peer_ping(&peer);
    ck_assert_uint_eq(tally_get(&rig.service.canceled), 2);
    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    peer_cancel(&peer, 2); /* is answered already */
    peer_ping(&peer);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* Cancels need neither a fiber nor room in flight: else what is stuck could not be given up. */
START_TEST(a_cancel_is_heard_when_no_request_would_be)
{
    struct peer peer;

    rig.options.max_in_flight = 2;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 0");
    peer_ask(&peer, 2, "Exists", "sleep 0");
    peer_cancel(&peer, 2);
    peer_expect_error(&peer, 2, "cancelled");
    peer_cancel(&peer, 1);
    peer_expect_error(&peer, 1, "cancelled");
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_timeout_of_a_request)
{
    static const char *const orders[] = {"gate", "sleep 0"};
    static const uint64_t timeouts[] = {0, 0, 50, 50};
    uint64_t begin;
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask_within(&peer, 1, "Exists", "now", 0); /* at hand: is answered */
    peer_expect_true(&peer, 1);
    begin = valve_deadline(0);
    peer_ask_within(&peer, 2, "Exists", orders[_i % 2], timeouts[_i]);
    peer_expect_error(&peer, 2, "timeout");
    ck_assert_uint_ge(valve_deadline(0) - begin, timeouts[_i] * MILLISECOND);
    peer_ask_within(&peer, 3, "Exists", "sleep 1", UINT64_MAX - 1);
    peer_expect_true(&peer, 3);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(the_timeout_of_a_job)
{
    const uint64_t begin = valve_deadline(0);
    struct peer peer;

    rig.options.io_timeout = 50 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_expect_error(&peer, 1, "timeout");
    ck_assert_uint_ge(valve_deadline(0) - begin, 50 * MILLISECOND);
    peer_close(&peer);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.released), 1);
}
END_TEST

/* Five that are stuck in the pool, three of them begun, and the memory of none is lost. */
START_TEST(a_client_that_is_gone)
{
    struct peer peer, other;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 5; i++)
        peer_ask(&peer, i, "Exists", "gate");
    tally_await(&rig.service.at_gate, 3);
    tally_await(&rig.service.begun, 5);
    if (_i == 1) { /* half-closed before */
        ck_assert_int_eq(shutdown(peer.socket, SHUT_WR), 0);
        peer_ping(&other);
    }
    peer_close(&peer);
    tally_await(&rig.service.canceled, 5);
    peer_ping(&other);
    tally_add(&rig.service.gate);
    tally_await(&rig.service.released, 5);
    peer_close(&other);
    rig_stop(&rig);
    ck_assert_uint_eq(tally_get(&rig.service.at_gate), 3);
}
END_TEST

START_TEST(a_handler_without_an_answer)
{
    struct peer peer, other;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    other = peer_connect(rig.address);
    peer_ask(&peer, 1, "Del", "forget");
    peer_expect_end(&peer);
    ck_assert(rig_has_logged(&rig, "returned without its answer"));
    peer_ping(&other);
    peer_close(&peer);
    peer_close(&other);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server");
    TCase *tests = tcase_create("server");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, another_service);
    tcase_add_test(tests, a_server_that_never_ran);
    tcase_add_test(tests, a_server_that_is_freed_without_a_stop);
    tcase_add_test(tests, a_stop_before_the_run);
    tcase_add_test(tests, a_stop_closes_idle_connections);
    tcase_add_test(tests, a_stop_drains);
    tcase_add_loop_test(tests, a_stop_cuts_what_does_not_end, 0, 4);
    tcase_add_test(tests, addresses_that_cannot_be_listened_on);
    tcase_add_test(tests, the_file_of_a_unix_socket);
    tcase_add_test(tests, a_stale_socket_is_replaced);
    tcase_add_test(tests, a_handler_knows_the_listener);
    tcase_add_test(tests, requests_one_byte_at_a_time);
    tcase_add_test(tests, many_requests_at_once);
    tcase_add_test(tests, a_client_that_has_no_more_to_ask);
    tcase_add_loop_test(tests, the_last_word, 0, 5);
    tcase_add_test(tests, bad_requests_leave_the_connection_open);
    tcase_add_test(tests, a_request_that_takes_more_memory_than_it_may);
    tcase_add_loop_test(tests, handlers_wait, 0, 3);
    tcase_add_loop_test(tests, a_cancel_reaches_its_handlers, 0, 2);
    tcase_add_test(tests, a_cancel_is_heard_when_no_request_would_be);
    tcase_add_loop_test(tests, the_timeout_of_a_request, 0, 4);
    tcase_add_test(tests, the_timeout_of_a_job);
    tcase_add_loop_test(tests, a_client_that_is_gone, 0, 2);
    tcase_add_test(tests, a_handler_without_an_answer);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
