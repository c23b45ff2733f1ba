/* SPDX-License-Identifier: MIT */
/*
 * Tests of the figures of a server: known traffic, and exactly what is counted of it.
 */
#include <check.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/exposition.h"
#include "tests/order_fixture.h"

static struct rig rig;

/* ---- Reading figures ------------------------------------------------------------------------- */

/* All of them, as Prometheus reads them. */
static char *figures(void)
{
    struct valve_exposition exposition = {0};
    char *text = NULL;
    size_t size = 0;

    exposition.stream = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(exposition.stream);
    valve_server_stats(rig.server, valve_exposition_add, &exposition);
    ck_assert_int_eq(fclose(exposition.stream), 0);
    return text;
}

/* The value of one, by its name and labels. */
static double figure(const char *sample)
{
    char *text = figures();
    size_t size = strlen(sample);
    double value = -1;

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, sample, size) == 0 && line[size] == ' ')
            value = strtod(line + size, NULL);
    }
    free(text);
    ck_assert_msg(value >= 0, "there is no %s", sample);
    return value;
}

/* Waits until it has come to this value. What is sent, and how long it took, is counted after. */
static void await(const char *sample, double expected)
{
    uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    double value;

    while ((value = figure(sample)) != expected && valve_deadline(0) < deadline)
        poll(NULL, 0, 2);
    ck_assert_msg(value == expected, "%s is %g, not %g", sample, value, expected);
}

static void await_more(const char *sample, double least)
{
    uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    double value;

    while ((value = figure(sample)) < least && valve_deadline(0) < deadline)
        poll(NULL, 0, 2);
    ck_assert_msg(value >= least, "%s is %g, less than %g", sample, value, least);
}

#define REQUESTS(method, outcome)                                                                  \
    "valve_requests_total{method=\"" method "\",outcome=\"" outcome "\"}"
#define TIMES(method, part) "valve_request_duration_seconds_" part "{method=\"" method "\"}"

/* The sum of all samples of a figure. */
static double sum_of(const char *name)
{
    char *text = figures();
    size_t size = strlen(name);
    double sum = 0;

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && (line[size] == '{' || line[size] == ' '))
            sum += strtod(strchr(line, ' '), NULL);
    }
    free(text);
    return sum;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void set_up(void)
{
    rig_init(&rig);
}

START_TEST(each_request_is_counted_once_by_method_and_outcome)
{
    static const uint8_t rule_breaker[] = {0x82, 0x03, 0xa1, 0x63, 'B', 'a', 'd', 0x61, 'a'};
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (unsigned i = 0; i < 100; i++) {
        peer_ask(&peer, 1, "Exists", "now");
        peer_expect_true(&peer, 1);
    }
    for (unsigned i = 0; i < 30; i++)
        peer_ask(&peer, 2, "Get", "whole 10");
    for (unsigned i = 0; i < 30; i++)
        peer_expect_content(&peer, 2, 0, 10);
    for (unsigned i = 0; i < 7; i++) {
        peer_send(&peer, rule_breaker, sizeof rule_breaker);
        peer_expect_error(&peer, 3, "bad-request");
    }
    for (unsigned i = 0; i < 3; i++) {
        peer_ask_within(&peer, 4, "Exists", "sleep 0", 1);
        peer_expect_error(&peer, 4, "timeout");
    }
    for (unsigned i = 0; i < 2; i++) {
        peer_ask(&peer, 5, "Exists", "sleep 0");
        peer_cancel(&peer, 5);
        peer_expect_error(&peer, 5, "cancelled");
    }
    await(REQUESTS("Exists", "ok"), 100);
    await(REQUESTS("Exists", "timeout"), 3);
    await(REQUESTS("Exists", "cancelled"), 2);
    await(REQUESTS("Get", "ok"), 30);
    await(REQUESTS("unknown", "bad-request"), 7);
    ck_assert_double_eq(sum_of("valve_requests_total"), 142);
    await(TIMES("Exists", "count"), 105);
    await(TIMES("Get", "count"), 30);
    await("valve_fibers_started_total", 142);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(what_ends_a_connection_is_counted)
{
    static const uint8_t no_item[] = {0xff};
    struct peer peer;

    rig.options.max_request = 1024;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_send(&peer, no_item, sizeof no_item);
    peer_expect_error(&peer, 0, "malformed");
    peer_expect_end(&peer);
    peer_close(&peer);
    await(REQUESTS("unknown", "malformed"), 1);
    ck_assert_double_eq(sum_of("valve_requests_total"), 1);
    rig_stop(&rig);
}
END_TEST

/* The client leaves while its request is worked on: nobody sees what it comes to. */
START_TEST(what_nobody_waited_for_is_counted)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 0");
    peer_ask(&peer, 2, "Exists", "now");
    peer_expect_true(&peer, 2);
    await("valve_connections_broken_total", 0);
    peer_close(&peer);
    await(REQUESTS("Exists", "cancelled"), 1);
    await("valve_connections_broken_total", 1);
    await("valve_fibers{worker=\"0\"}", 0);
    rig_stop(&rig);
}
END_TEST

START_TEST(times_are_those_that_passed)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "sleep 60");
    peer_expect_true(&peer, 1);
    await(TIMES("Exists", "count"), 1);
    ck_assert_double_ge(figure(TIMES("Exists", "sum")), 0.059);
    ck_assert_double_eq(
        figure("valve_request_duration_seconds_bucket{method=\"Exists\",le=\"0.05\"}"), 0);
    ck_assert_double_eq(
        figure("valve_request_duration_seconds_bucket{method=\"Exists\",le=\"+Inf\"}"), 1);
    peer_ask(&peer, 2, "Size", "quick");
    peer_expect(&peer, 2, "Size");
    await(TIMES("Size", "count"), 1);
    ck_assert_double_gt(figure(TIMES("Size", "sum")), 0);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Connections and bytes ------------------------------------------------------------------- */

START_TEST(bytes_are_counted_to_the_last_one)
{
    uint8_t bytes[64];
    size_t asked = request(bytes, 1, "Get", "file 300000", NO_TIMEOUT);
    struct item item;
    struct peer peer;
    size_t answered;

    rig.service.file = memfd_create("content", 0);
    ck_assert_int_eq(ftruncate(rig.service.file, 300000), 0);
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_send(&peer, bytes, asked);
    item = peer_expect(&peer, 1, "Content");
    answered = item.size;
    await("valve_received_bytes_total", (double)asked);
    await("valve_sent_bytes_total", (double)answered);
    await(REQUESTS("Get", "ok"), 1);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(connections_are_counted_by_listener)
{
    char name[4][160], other[160];
    struct valve_listener_options listener = {.mode = 0600, .group = (gid_t)-1};
    struct valve_error error;
    struct peer peers[5];

    rig_listen(&rig);
    snprintf(other, sizeof other, "%s-other", rig.address);
    listener.address = other;
    ck_assert_int_eq(valve_server_listen(rig.server, &listener, &error), 0);
    rig_run(&rig);
    for (unsigned i = 0; i < 5; i++) {
        peers[i] = peer_connect(i < 3 ? rig.address : other);
        peer_ping(&peers[i]);
    }
    snprintf(name[0], sizeof name[0], "valve_connections{listener=\"%.120s\"}", rig.address);
    snprintf(name[1], sizeof name[1], "valve_connections{listener=\"%.120s\"}", other);
    snprintf(name[2], sizeof name[2], "valve_connections_accepted_total{listener=\"%.110s\"}",
             rig.address);
    snprintf(name[3], sizeof name[3], "valve_connections_accepted_total{listener=\"%.110s\"}",
             other);
    await(name[0], 3);
    await(name[1], 2);
    for (unsigned i = 0; i < 4; i++)
        peer_close(&peers[i]);
    await(name[0], 0);
    await(name[1], 1);
    await(name[2], 3);
    await(name[3], 2);
    await("valve_connections_broken_total", 0);
    peer_close(&peers[4]);
    rig_stop(&rig);
}
END_TEST

START_TEST(timeouts_and_pauses_are_counted)
{
    static const uint8_t part[] = {0x82};
    struct peer idle, slow;

    rig.options.idle_timeout = rig.options.request_timeout = 50 * MILLISECOND;
    rig.options.max_connections = 2;
    rig_start(&rig);
    idle = peer_connect(rig.address);
    slow = peer_connect(rig.address);
    peer_send(&slow, part, sizeof part);
    await("valve_accept_pauses_total{reason=\"connections\"}", 1);
    peer_expect_end(&idle);
    peer_expect_end(&slow);
    peer_close(&idle);
    peer_close(&slow);
    await("valve_accepting", 1);
    await("valve_connections_timed_out_total{timeout=\"idle\"}", 1);
    await("valve_connections_timed_out_total{timeout=\"request\"}", 1);
    rig_stop(&rig);
}
END_TEST

/* ---- Fibers and the pool --------------------------------------------------------------------- */

START_TEST(fibers_are_counted_and_their_stacks_measured)
{
    struct peer peer;

    rig.options.max_fibers = 100;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    await("valve_fiber_stack_used_bytes{worker=\"0\"}", 0);
    for (uint32_t i = 1; i <= 9; i++)
        peer_ask(&peer, i, "Exists", "sleep 0");
    await("valve_fibers{worker=\"0\"}", 9);
    for (uint32_t i = 1; i <= 9; i++) {
        peer_cancel(&peer, i);
        peer_expect_error(&peer, i, "cancelled");
    }
    await("valve_fibers{worker=\"0\"}", 0);
    await("valve_fibers_peak{worker=\"0\"}", 9);
    await("valve_fibers_limit{worker=\"0\"}", 100);
    await("valve_fiber_stacks{worker=\"0\"}", 9);
    await_more("valve_fiber_stack_used_bytes{worker=\"0\"}", 2048);
    ck_assert(figure("valve_fiber_stack_size_bytes") == (double)rig.options.fiber_stack);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* A handler that never waits leaves no other trace of its depth than the bytes that it wrote. */
START_TEST(stacks_are_measured_without_waits)
{
    struct peer peer;

    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ping(&peer);
    await_more("valve_fiber_stack_used_bytes{worker=\"0\"}", 2048);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(jobs_are_counted_by_kind_and_state)
{
    struct peer peer;

    rig.options.io_threads = 4; /* of which one does nothing but metadata */
    rig.options.io_timeout = 300 * SECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    for (uint32_t i = 1; i <= 5; i++)
        peer_ask(&peer, i, "Exists", "gate");
    await("valve_pool_running_jobs{kind=\"data\"}", 3);
    await("valve_pool_queued_jobs{kind=\"data\"}", 2);
    await("valve_pool_threads", 6);
    await("valve_pool_stuck_threads", 0);
    tally_add(&rig.service.gate);
    for (uint32_t i = 1; i <= 5; i++)
        peer_receive(&peer);
    await("valve_pool_running_jobs{kind=\"data\"}", 0);
    await("valve_pool_queued_jobs{kind=\"data\"}", 0);
    await("valve_pool_jobs_total{kind=\"data\"}", 5);
    await("valve_pool_jobs_total{kind=\"metadata\"}", 0);
    await("valve_pool_wait_seconds_count{kind=\"data\"}", 5);
    await("valve_pool_run_seconds_count{kind=\"data\"}", 5);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

START_TEST(stuck_threads_are_counted)
{
    struct peer peer;

    rig.options.io_threads = 4;
    rig.options.io_timeout = 50 * MILLISECOND;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_ask(&peer, 1, "Exists", "gate");
    peer_ask(&peer, 2, "Exists", "gate");
    peer_expect_error(&peer, 1, "timeout");
    peer_expect_error(&peer, 2, "timeout");
    await("valve_pool_stuck_threads", 2);
    await("valve_pool_running_jobs{kind=\"data\"}", 2);
    tally_add(&rig.service.gate);
    await("valve_pool_stuck_threads", 0);
    peer_close(&peer);
    rig_stop(&rig);
}
END_TEST

/* ---- Turns, and workers that stall ------------------------------------------------------------ */

static atomic_bool is_blocked, may_go_on;

/* Holds its worker's thread, as no handler may. */
static struct valve_answer block(struct valve_call *call, const uint64_t *numbers)
{
    atomic_store(&is_blocked, true);
    while (!atomic_load(&may_go_on))
        poll(NULL, 0, 1);
    return order_done(call, numbers[0]);
}

static struct tally reached, opened;

static void pass_gate(struct valve_job *job)
{
    (void)job;
    tally_add(&reached);
    tally_reaches(&opened, 1);
}

static void free_job(struct valve_job *job)
{
    free(job);
}

/* "gate": what a thread of the pool does not finish before the gate is open. */
static struct valve_answer wait_for_gate(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_job *job = malloc(sizeof *job);
    int r;

    ck_assert_ptr_nonnull(job);
    *job = (struct valve_job){.work = pass_gate, .release = free_job, .kind = VALVE_JOB_DATA};
    r = valve_call_run(call, job);
    if (r < 0)
        return order_failed(call, r);
    free_job(job);
    return order_done(call, numbers[0]);
}

static struct valve_later promised;

static struct valve_answer promise(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return valve_reply_later(call, &order_reply_type, &promised);
}

static struct valve_answer fail_it(struct valve_call *call, const uint64_t *numbers)
{
    const struct valve_text words = valve_text("not-found: no such thing");
    int r = valve_later_reply(promised, &order_reply_type, ORDER_ERROR, &words);

    (void)numbers;
    return r < 0 ? order_failed(call, r) : order_done(call, 0);
}

static struct valve_answer forget(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return (struct valve_answer){call};
}

static const struct order orders[] = {
    {"block", block},        {"fail", fail_it},    {"forget", forget},
    {"gate", wait_for_gate}, {"promise", promise}, {NULL, NULL},
};

static void set_up_orders(void)
{
    rig_init_orders(&rig, orders);
    atomic_store(&is_blocked, false);
    atomic_store(&may_go_on, false);
    tally_init(&reached);
    tally_init(&opened);
}

START_TEST(a_stalled_worker_is_reported_once_and_when_it_goes_on)
{
    struct peer peer;

    rig.options.stall_timeout = 100 * MILLISECOND;
    peer = rig_ask(&rig, "now 1");
    peer_expect_done(&peer, 1, 1);
    await("valve_worker_stalled{worker=\"0\"}", 0);
    peer_order(&peer, 2, "block 2");
    tally_await(&rig.logged, 1);
    ck_assert(atomic_load(&is_blocked));
    ck_assert(rig_has_logged(&rig, "worker 0 is stalled: its turn has taken 0."));
    await("valve_worker_stalled{worker=\"0\"}", 1);
    await_more("valve_worker_longest_turn_seconds{worker=\"0\"}", 0.5);
    ck_assert_uint_eq(tally_get(&rig.logged), 1);
    atomic_store(&may_go_on, true);
    peer_expect_done(&peer, 2, 2);
    await("valve_worker_stalled{worker=\"0\"}", 0);
    tally_await(&rig.logged, 2);
    ck_assert(rig_has_logged(&rig, "worker 0 goes on, after 0."));
    await("valve_worker_stalls_total{worker=\"0\"}", 1);
    ck_assert_double_ge(figure("valve_worker_longest_turn_seconds{worker=\"0\"}"), 0.5);
    peer_order_now(&peer);
    ck_assert_uint_eq(tally_get(&rig.logged), 2);
    rig_end(&rig, &peer);
}
END_TEST

/* The thread comes to it too late, and before the worker, which is held up, has given it up. */
START_TEST(jobs_whose_time_is_over_are_counted)
{
    enum { TIME_MS = 5000 }; /* within which the worker must have been blocked */
    struct peer peer;

    rig.options.io_threads = 2; /* of which one does nothing but metadata */
    peer = rig_ask(&rig, "gate 1");
    tally_await(&reached, 1);
    peer_order_within(&peer, 2, "gate 2", TIME_MS);
    await("valve_pool_queued_jobs{kind=\"data\"}", 1);
    peer_order(&peer, 3, "block 3");
    while (!atomic_load(&is_blocked))
        poll(NULL, 0, 1);
    poll(NULL, 0, TIME_MS);
    await("valve_pool_jobs_expired_total{kind=\"data\"}", 0);
    tally_add(&opened);
    await("valve_pool_jobs_expired_total{kind=\"data\"}", 1);
    await("valve_pool_jobs_skipped_total{kind=\"data\"}", 0);
    ck_assert_uint_eq(tally_get(&reached), 1);
    atomic_store(&may_go_on, true);
    peer_expect_done(&peer, 3, 3);
    peer_receive(&peer);
    peer_receive(&peer);
    rig_end(&rig, &peer);
}
END_TEST

/* One that waits has nothing to do, however long. */
START_TEST(an_idle_worker_is_not_stalled)
{
    struct peer peer;
    double turns;

    rig.options.stall_timeout = 40 * MILLISECOND;
    peer = rig_ask(&rig, "now 1");
    peer_expect_done(&peer, 1, 1);
    turns = figure("valve_worker_turns_total{worker=\"0\"}");
    poll(NULL, 0, 400); /* ten times that */
    peer_order_now(&peer);
    await_more("valve_worker_turns_total{worker=\"0\"}", turns + 1);
    await("valve_worker_stalls_total{worker=\"0\"}", 0);
    rig_end(&rig, &peer);
}
END_TEST

START_TEST(promised_answers_are_counted_by_what_they_say)
{
    struct peer peer = rig_ask(&rig, "promise");

    peer_order(&peer, 2, "fail");
    peer_receive(&peer);
    peer_receive(&peer);
    peer_order(&peer, 3, "strange");
    peer_expect_error(&peer, 3, "unknown");
    await(REQUESTS("Do", "not-found"), 1);
    await(REQUESTS("Do", "ok"), 1);
    await(REQUESTS("Do", "other"), 1);
    peer_order(&peer, 4, "forget");
    peer_expect_end(&peer);
    await(REQUESTS("Do", "broken"), 1);
    ck_assert_double_eq(sum_of("valve_requests_total"), 4);
    rig_end(&rig, &peer);
}
END_TEST

/* ---- The text -------------------------------------------------------------------------------- */

START_TEST(text_is_escaped_and_numbers_are_exact)
{
    static const struct valve_figure gauge = {"one", "Help.", VALVE_GAUGE};
    static const struct valve_figure histogram = {"two", "More.", VALVE_HISTOGRAM};
    static const struct valve_bucket buckets[] = {{0.1, 3}, {2.5, 4}};
    const struct valve_sample samples[] = {
        {&gauge, {{"a", "x\\y\"z\n"}, {"b", "\xff\xc3"}}, .value = 9007199254740991.0},
        {&gauge, {{"a", "\xc3\xa9"}}, .value = 0.1},
        {&gauge, {{NULL, NULL}}, .value = -2.5},
        {&histogram,
         {{"c", "d"}},
         .value = 1.25,
         .buckets = buckets,
         .bucket_count = 2,
         .count = 5},
    };
    static const char expected[] = "# HELP one Help.\n# TYPE one gauge\n"
                                   "one{a=\"x\\\\y\\\"z\\n\",b=\"\?\?\"} 9007199254740991\n"
                                   "one{a=\"\xc3\xa9\"} 0.1\none -2.5\n"
                                   "# HELP two More.\n# TYPE two histogram\n"
                                   "two_bucket{c=\"d\",le=\"0.1\"} 3\n"
                                   "two_bucket{c=\"d\",le=\"2.5\"} 4\n"
                                   "two_bucket{c=\"d\",le=\"+Inf\"} 5\n"
                                   "two_sum{c=\"d\"} 1.25\ntwo_count{c=\"d\"} 5\n";
    struct valve_exposition exposition = {0};
    char *text = NULL;
    size_t size = 0;

    exposition.stream = open_memstream(&text, &size);
    for (unsigned i = 0; i < sizeof samples / sizeof samples[0]; i++)
        valve_exposition_add(&exposition, &samples[i]);
    fclose(exposition.stream);
    ck_assert_str_eq(text, expected);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_figures");
    TCase *files = tcase_create("files"), *words = tcase_create("orders");
    TCase *text = tcase_create("text");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(files, set_up, NULL);
    tcase_add_checked_fixture(words, set_up_orders, NULL);
    tcase_set_timeout(files, 2 * PATIENCE_MS / 1000.0);
    tcase_set_timeout(words, 2 * PATIENCE_MS / 1000.0);
    tcase_add_test(files, each_request_is_counted_once_by_method_and_outcome);
    tcase_add_test(files, what_ends_a_connection_is_counted);
    tcase_add_test(files, what_nobody_waited_for_is_counted);
    tcase_add_test(files, times_are_those_that_passed);
    tcase_add_test(files, bytes_are_counted_to_the_last_one);
    tcase_add_test(files, connections_are_counted_by_listener);
    tcase_add_test(files, timeouts_and_pauses_are_counted);
    tcase_add_test(files, fibers_are_counted_and_their_stacks_measured);
    tcase_add_test(files, stacks_are_measured_without_waits);
    tcase_add_test(files, jobs_are_counted_by_kind_and_state);
    tcase_add_test(files, stuck_threads_are_counted);
    tcase_add_test(words, a_stalled_worker_is_reported_once_and_when_it_goes_on);
    tcase_add_test(words, an_idle_worker_is_not_stalled);
    tcase_add_test(words, jobs_whose_time_is_over_are_counted);
    tcase_add_test(words, promised_answers_are_counted_by_what_they_say);
    tcase_add_test(text, text_is_escaped_and_numbers_are_exact);
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, words);
    suite_add_tcase(suite, text);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
