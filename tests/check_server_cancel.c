/* SPDX-License-Identifier: MIT */
/*
 * Tests of what a request gives back when nobody wants its answer any more: wherever it waits, and
 * however it ends.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/call.h"
#include "server/server.h"
#include "tests/order_fixture.h"

#define ROUNDS      40
#define WARM_ROUNDS 4                     /* until no spare buffer is made any more */
#define OWN_MEMORY  ((size_t)256 * 1024)  /* of each request's arena */
#define SLACK       ((size_t)1024 * 1024) /* in spare buffers: 30 KiB of each round would show */

static struct rig rig;
static struct tally begun, at_gate, gate, worked;
static int ends[2]; /* a socket pair in which nothing happens */

/* ---- Handlers, each of which waits in its own place ----------------------------------------------- */

/* What every one of them holds, besides its fiber. */
static int hold(struct valve_call *call)
{
    int descriptor = dup(ends[0]);

    ck_assert_int_ge(descriptor, 0);
    ck_assert_ptr_nonnull(valve_arena_alloc(valve_call_arena(call), OWN_MEMORY, 1));
    tally_add(&begun);
    return descriptor;
}

static struct valve_answer answer(struct valve_call *call, int descriptor, int result)
{
    close(descriptor);
    return result < 0 ? order_failed(call, result) : order_done(call, 0);
}

static struct valve_answer sleep_on(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);

    (void)numbers;
    return answer(call, descriptor, valve_call_sleep(call, VALVE_NEVER));
}

static struct valve_answer wait_for_turn(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);
    int r = valve_reply_turn(call);

    (void)numbers;
    if (r == 0)
        r = valve_call_sleep(call, VALVE_NEVER);
    return answer(call, descriptor, r);
}

static struct valve_answer wait_for_room(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);
    uint8_t *data;
    int r = valve_reply_bytes_reserve(call, VALVE_REPLY_BUFFER, &data);

    (void)numbers;
    if (r == 0)
        r = valve_call_sleep(call, VALVE_NEVER);
    return answer(call, descriptor, r);
}

static struct valve_answer stream(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);
    uint64_t number = 1;
    int r;

    (void)numbers;
    do
        r = valve_reply_item(call, &order_number_type, &number);
    while (r == 0);
    return answer(call, descriptor, r);
}

static struct valve_answer list(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);
    const struct valve_text text = valve_text("an element");
    int r = valve_reply_list_begin(call, &order_reply_type, ORDER_LIST);

    (void)numbers;
    while (r == 0)
        r = valve_reply_list_add(call, &text);
    return answer(call, descriptor, r);
}

static struct valve_answer poll_descriptor(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call);

    (void)numbers;
    return answer(call, descriptor, valve_fiber_poll(descriptor, POLLIN, VALVE_NEVER));
}

static struct valve_answer promise(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_later later;

    (void)numbers;
    close(hold(call));
    return valve_reply_later(call, &order_reply_type, &later);
}

static void gate_work(struct valve_job *job)
{
    (void)job;
    tally_add(&at_gate);
    tally_reaches(&gate, 1);
}

static void gate_release(struct valve_job *job)
{
    free(job);
}

static struct valve_answer run_job(struct valve_call *call, void (*work)(struct valve_job *job),
                                   bool is_owed)
{
    int descriptor = hold(call);
    struct valve_job *job = calloc(1, sizeof *job);
    int r;

    ck_assert_ptr_nonnull(job);
    *job = (struct valve_job){
        .work = work, .release = gate_release, .kind = VALVE_JOB_DATA, .is_owed = is_owed};
    r = valve_call_run(call, job);
    if (r == 0)
        gate_release(job);
    return answer(call, descriptor, r);
}

static struct valve_answer order_job(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return run_job(call, gate_work, false);
}

static void owed_work(struct valve_job *job)
{
    (void)job;
    tally_add(&worked);
}

static struct valve_answer order_owed_job(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return run_job(call, owed_work, true);
}

#define JOBS 3

/* Several at once, of which none is done before all have to be given up. */
static struct valve_answer order_jobs(struct valve_call *call, const uint64_t *numbers)
{
    int descriptor = hold(call), r = 0;
    struct valve_job *jobs[JOBS] = {0};
    unsigned index;

    (void)numbers;
    for (unsigned i = 0; i < JOBS && r == 0; i++) {
        struct valve_job *job = calloc(1, sizeof *job);

        ck_assert_ptr_nonnull(job);
        job->work = gate_work;
        job->release = gate_release;
        job->kind = i == 0 ? VALVE_JOB_BULK : VALVE_JOB_DATA;
        r = valve_call_order(call, job);
        if (r == 0)
            jobs[i] = job;
    }
    for (unsigned left = JOBS; left > 0 && r == 0; left--) {
        r = valve_call_await(call, jobs, JOBS, &index);
        if (r == 0)
            gate_release(jobs[index]);
        if (r == 0)
            jobs[index] = NULL;
    }
    for (unsigned i = 0; i < JOBS; i++)
        if (jobs[i] != NULL)
            valve_call_abandon(call, jobs[i]);
    return answer(call, descriptor, r);
}

/* ---- Handlers that tell what is held, the asking request apart ------------------------------------ */

static struct valve_answer tell_calls(struct valve_call *call, const uint64_t *numbers)
{
    struct valve_scheduler_stats stats;

    (void)numbers;
    valve_scheduler_get_stats(call->worker->scheduler, &stats);
    ck_assert_uint_eq(stats.live, call->worker->calls);
    return order_done(call, stats.live - 1);
}

static struct valve_answer tell_jobs(struct valve_call *call, const uint64_t *numbers)
{
    (void)numbers;
    return order_done(call,
                      call->worker->jobs[VALVE_JOB_DATA] + call->worker->jobs[VALVE_JOB_BULK]);
}

static struct valve_answer tell_descriptors(struct valve_call *call, const uint64_t *numbers)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;

    (void)numbers;
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return order_done(call, count);
}

static struct valve_answer tell_memory(struct valve_call *call, const uint64_t *numbers)
{
    const struct mallinfo2 heap = mallinfo2();

    (void)numbers;
    return order_done(call, heap.uordblks + heap.hblkhd);
}

static const struct order orders[] = {
    {"sleep", sleep_on},     {"turn", wait_for_turn},  {"room", wait_for_room},
    {"stream", stream},      {"list", list},           {"poll", poll_descriptor},
    {"promise", promise},    {"job", order_job},       {"several", order_jobs},
    {"calls", tell_calls},   {"jobs", tell_jobs},      {"descriptors", tell_descriptors},
    {"memory", tell_memory}, {"owed", order_owed_job}, {NULL, NULL},
};

static uint64_t told(struct peer *peer, const char *order)
{
    struct item item;
    struct valve_head head;

    peer_order(peer, 1000, order);
    item = peer_expect(peer, 1000, "Done");
    ck_assert_int_eq(valve_head_read(item.payload, item.payload_size, &head), 0);
    return head.argument;
}

/* Waits, by asking again, until so much is held. */
static void await_told(struct peer *peer, const char *order, uint64_t wanted)
{
    const uint64_t deadline = valve_deadline(PATIENCE_MS * MILLISECOND);
    uint64_t is;

    while ((is = told(peer, order)) != wanted)
        ck_assert_msg(valve_deadline(0) < deadline, "%s: %llu instead of %llu", order,
                      (unsigned long long)is, (unsigned long long)wanted);
}

/* ---- The tests ---------------------------------------------------------------------------------------- */

/* A request that waits in a certain place, for which others of its connection are in the way. */
static const struct place {
    const char *order;
    unsigned in_the_way;
    bool has_begun; /* its reply: then only the end of its client ends it */
} places[] = {
    {"sleep", 0, false},   {"turn", 1, false},    {"room", 2, false}, {"stream", 0, false},
    {"poll", 0, false},    {"promise", 0, false}, {"job", 0, false},  {"job", 1, false},
    {"several", 0, false}, {"list", 0, true},
};
enum { PLACES = sizeof places / sizeof places[0] };

enum end { CLIENT_CLOSES, CLIENT_RESETS, CANCEL_COMES, DEADLINE_PASSES, ENDS };

static void set_up(void)
{
    rig_init_orders(&rig, orders);
    rig.options.io_threads = 2; /* one of them takes data */
    tally_init(&begun);
    tally_init(&at_gate);
    tally_init(&gate);
    tally_init(&worked);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

/* Has it wait in its place. */
static void send_there(struct peer *peer, const struct place *place, enum end end)
{
    const unsigned before = tally_get(&begun);

    for (unsigned i = 0; i < place->in_the_way; i++)
        peer_order(peer, 2 + i, place->order);
    tally_await(&begun, before + place->in_the_way);
    peer_order_within(peer, 1, place->order, end == DEADLINE_PASSES ? 20 : NO_TIMEOUT);
    tally_await(&begun, before + place->in_the_way + 1);
}

static void make_end(struct peer *peer, enum end end)
{
    const struct linger at_once = {.l_onoff = 1};

    if (end == CANCEL_COMES)
        peer_cancel(peer, 1);
    if (end == CLIENT_RESETS)
        setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (end == CLIENT_RESETS || end == CLIENT_CLOSES)
        peer_close(peer);
}

/* Answers that came before its own do not count: items of the stream. */
static void expect_refusal(struct peer *peer, const char *code)
{
    struct item item;

    do
        item = peer_receive(peer);
    while (item.is_streamed);
    ck_assert_uint_eq(item.id, 1);
    ck_assert_uint_eq(item.variant_size, 5);
    ck_assert_int_eq(memcmp(item.variant, "Error", 5), 0);
    ck_assert_ptr_nonnull(memmem(item.payload, item.payload_size, code, strlen(code)));
}

/* One request comes to its place and ends; what is left is what others hold. */
static void come_and_end(const struct place *place, enum end end, struct peer *other,
                         uint64_t descriptors)
{
    struct peer peer = peer_connect(rig.address);

    send_there(&peer, place, end);
    make_end(&peer, end);
    if (end == CANCEL_COMES || end == DEADLINE_PASSES) {
        expect_refusal(&peer, end == CANCEL_COMES ? "cancelled" : "timeout");
        ck_assert_uint_eq(told(other, "calls"), place->in_the_way);
        peer_close(&peer);
    }
    await_told(other, "calls", 0);
    await_told(other, "descriptors", descriptors);
}

START_TEST(everything_is_given_back)
{
    const struct place *place = &places[_i / ENDS];
    const enum end end = (enum end)(_i % ENDS);
    uint64_t descriptors, memory = 0;
    struct peer other;

    if (place->has_begun && (end == CANCEL_COMES || end == DEADLINE_PASSES))
        return;
    rig.is_tcp = end == CLIENT_RESETS;
    rig.options.arena_limit = 2 * OWN_MEMORY;
    rig_start(&rig);
    other = peer_connect(rig.address);
    peer_order_now(&other);
    descriptors = told(&other, "descriptors");
    for (unsigned i = 0; i < ROUNDS; i++) {
        come_and_end(place, end, &other, descriptors);
        if (i == WARM_ROUNDS)
            memory = told(&other, "memory");
    }
    ck_assert_uint_lt(told(&other, "memory"), memory + SLACK);
    tally_add(&gate); /* jobs that were begun are the pool's until they end */
    await_told(&other, "jobs", 0);
    tally_add(&rig.service.gate);
    rig_end(&rig, &other);
}
END_TEST

/* Behind one that keeps the only thread: who asked for it wants it no more when it could begin. */
START_TEST(a_job_that_is_owed_is_done)
{
    const enum end end = (enum end)_i;
    struct peer peer, other;

    rig.is_tcp = end == CLIENT_RESETS;
    rig_start(&rig);
    other = peer_connect(rig.address);
    peer_order(&other, 1, "job");
    tally_await(&at_gate, 1);
    peer = peer_connect(rig.address);
    send_there(&peer, &(struct place){"owed", 0, false}, end);
    make_end(&peer, end);
    peer_order_now(&other); /* it has had a turn since */
    ck_assert_uint_eq(told(&other, "calls"), 2);
    ck_assert_uint_eq(tally_get(&worked), 0);
    tally_add(&gate);
    peer_expect_done(&other, 1, 0);
    tally_await(&worked, 1);
    if (end == DEADLINE_PASSES || end == CANCEL_COMES) { /* it has waited for it all the same */
        peer_expect_done(&peer, 1, 0);
        peer_close(&peer);
    }
    await_told(&other, "jobs", 0);
    await_told(&other, "calls", 0);
    rig_end(&rig, &other);
}
END_TEST

/* The server stops, and does not wait for what keeps the call. */
START_TEST(a_cut_is_heard_where_a_job_is_owed)
{
    const uint64_t begin = valve_deadline(0);
    struct peer peer, other;

    rig.options.drain_timeout = 10 * MILLISECOND;
    rig_start(&rig);
    other = peer_connect(rig.address);
    peer_order(&other, 1, "job");
    tally_await(&at_gate, 1);
    peer = peer_connect(rig.address);
    send_there(&peer, &(struct place){"owed", 0, false}, CLIENT_CLOSES);
    peer_close(&peer);
    valve_server_stop(rig.server);
    peer_expect_end(&other);
    tally_add(&gate);
    ck_assert_int_eq(rig_join(&rig), -ETIMEDOUT);
    ck_assert_uint_lt(valve_deadline(0) - begin, 10000 * MILLISECOND); /* io_timeout is 30 s */
    peer_close(&other);
}
END_TEST

/* More of them at once than requests are taken in a turn, where no request may be started. */
START_TEST(a_cancel_behind_many_is_heard)
{
    enum { CANCELS = 1000 };
    static uint8_t bytes[CANCELS * CANCEL_MAX];
    size_t size = 0;
    struct peer peer;

    rig.options.max_in_flight = 1;
    rig_start(&rig);
    peer = peer_connect(rig.address);
    peer_order(&peer, 1, "sleep");
    tally_await(&begun, 1);
    for (unsigned i = CANCELS; i > 0; i--)
        size += cancel_write(i, bytes + size);
    peer_send(&peer, bytes, size);
    expect_refusal(&peer, "cancelled");
    rig_end(&rig, &peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server: cancel");
    TCase *tests = tcase_create("cancel");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, everything_is_given_back, 0, PLACES * ENDS);
    tcase_add_loop_test(tests, a_job_that_is_owed_is_done, 0, ENDS);
    tcase_add_test(tests, a_cut_is_heard_where_a_job_is_owed);
    tcase_add_test(tests, a_cancel_behind_many_is_heard);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
