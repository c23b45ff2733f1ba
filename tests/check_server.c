/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/server: start and stop, listeners, and a second service beside that of the fixture.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "calc.h"
#include "tests/server_service.h"

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
    if (expr->kind != CALC_EXPR_ADD || expr->add.left->kind != CALC_EXPR_NUM ||
        expr->add.right->kind != CALC_EXPR_NUM)
        return calc_eval_reply_error(reply, valve_text("bad-request: only sums of numbers"));
    return calc_eval_reply_value(reply, expr->add.left->num + expr->add.right->num);
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

/* ---- Options ---------------------------------------------------------------------------------------- */

static void expect_refused(const struct valve_server_options *options, const char *words)
{
    struct valve_server *server = NULL;
    struct valve_error error = {""};

    ck_assert_int_eq(valve_server_new(options, service_of(&rig.service), &server, &error), -EINVAL);
    ck_assert_ptr_null(server);
    ck_assert_msg(strncmp(error.text, words, strlen(words)) == 0, "it said: %s", error.text);
}

#define EXPECT_REFUSED(option, value, words)                                                       \
    do {                                                                                           \
        struct valve_server_options options = rig.options;                                         \
                                                                                                   \
        options.option = (value);                                                                  \
        expect_refused(&options, words);                                                           \
    } while (0)

START_TEST(options_out_of_their_range)
{
    EXPECT_REFUSED(request_timeout, 0, "timeouts are");
    EXPECT_REFUSED(drain_timeout, UINT64_MAX, "timeouts are");
    EXPECT_REFUSED(max_in_flight, 0, "max_in_flight is");
    EXPECT_REFUSED(max_in_flight, 65536, "max_in_flight is");
    EXPECT_REFUSED(max_fibers, 0, "max_fibers is");
    EXPECT_REFUSED(fiber_stack, 16383, "fiber_stack is at least 16K");
    EXPECT_REFUSED(max_request, 0, "max_request is");
    EXPECT_REFUSED(max_depth, 0, "max_depth is");
    EXPECT_REFUSED(max_depth, 1025, "max_depth is");
    EXPECT_REFUSED(max_depth, 225, "fiber_stack is at least 8K, and");
    rig.options.max_depth = 224; /* what 64K are enough for */
    rig_listen(&rig);
    ck_assert_int_eq(rig_join(&rig), 0);
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

/* A directory of the test's own. */
static void make_directory(char path[64])
{
    const char *parent = getenv("TMPDIR");

    if (parent == NULL || strlen(parent) > 40)
        parent = "/tmp";
    snprintf(path, 64, "%s/valve-check-XXXXXX", parent);
    ck_assert_ptr_nonnull(mkdtemp(path));
}

START_TEST(the_file_of_a_unix_socket)
{
    char directory[64], path[80], address[128];
    struct valve_error error;
    struct stat status;
    struct peer peer;
    int file;

    make_directory(directory);
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
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char directory[64], address[128];
    struct valve_error error;
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    make_directory(directory);
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

/* Lets in every other one, and numbers them; its listener's context is how many have come. */
static int admit_odd(void *context, int descriptor, const struct valve_certificate *certificate,
                     void **ret_peer)
{
    static unsigned numbers[] = {1, 2, 3, 4};
    unsigned *come = context;

    ck_assert_ptr_null(certificate);
    ck_assert_int_ge(fcntl(descriptor, F_GETFL), 0);
    *ret_peer = &numbers[(*come)++];
    return *come % 2 == 1 ? 0 : -EACCES;
}

START_TEST(a_listener_admits)
{
    static const uint8_t size[] = {0x82, 0x01, 0xa1, 0x64, 'S', 'i', 'z', 'e'};
    static unsigned come;
    const struct valve_listener_options listener = {
        .address = "127.0.0.1:0", .group = (gid_t)-1, .context = &come, .admit = admit_odd};
    struct valve_error error;

    rig_listen(&rig);
    ck_assert_int_eq(valve_server_listen(rig.server, &listener, &error), 0);
    rig_run(&rig);
    for (unsigned i = 1; i <= 4; i++) {
        struct peer peer = peer_connect(valve_server_address(rig.server, 1));
        struct item item;

        if (i % 2 == 1) {
            peer_ask(&peer, 1, "Size", "peer");
            item = peer_receive(&peer);
            ck_assert_mem_eq(item.bytes, size, sizeof size);
            ck_assert_uint_eq(item.payload[0], i);
        } else {
            peer_expect_end(&peer);
        }
        peer_close(&peer);
    }
    rig_stop(&rig);
    ck_assert_uint_eq(come, 4);
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
    tcase_add_test(tests, options_out_of_their_range);
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
    tcase_add_test(tests, a_listener_admits);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
