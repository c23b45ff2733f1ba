/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client in fibers: several that share a client, each with calls of its own, against a
 * peer whose every byte is written here.
 */
#include "check_client_fibers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/calls.h"
#include "client/client.h"
#include "client_feed.h"
#include "fiber/annotate.h"
#include "fiber_loop.h"
#include "on_valgrind.h"

#define DONE     "64 446f6e65" /* "Done" */
#define NUMBER_5 "a1 66 4e756d626572 05"

#ifdef VALVE_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct fiber_loop loop;
static struct rig rig;

static void set_up(void)
{
    loop_open(&loop, 256);
    rig = rig_open();
}

static void tear_down(void)
{
    rig_close(&rig);
    loop_close(&loop);
}

/* ---- A fiber that makes one call ------------------------------------------------------------- */

struct caller {
    const struct valve_type *item; /* NULL: no stream */
    uint64_t deadline;
    struct valve_fiber *fiber;
    struct valve_pending pending;
    uint64_t items, sum; /* of a stream of numbers */
    struct feed_result result;
    bool ended;
};

static void receive_all(struct caller *caller)
{
    do {
        caller->result.error = valve_client_wait(rig.client, &caller->pending, caller->deadline);
        if (caller->result.error == 0)
            caller->result = feed_receive(rig.client, &caller->pending, &rig.arena,
                                          caller->deadline);
        if (caller->result.error == 0 && caller->result.arm == VALVE_ARM_ITEM) {
            caller->items++;
            caller->sum += caller->result.number;
        }
    } while (caller->result.error == 0 && caller->result.arm == VALVE_ARM_ITEM);
}

static void call(void *argument)
{
    struct caller *caller = argument;

    caller->fiber = valve_fiber_current();
    start_watch(&rig, caller->item, &caller->pending);
    receive_all(caller);
    if (caller->result.error < 0)
        valve_client_forget(rig.client, &caller->pending);
    caller->ended = true;
}

static void start_callers(struct caller *callers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        callers[i] = (struct caller){.deadline = VALVE_NEVER};
        loop_start(&loop, call, &callers[i]);
    }
    loop_settle(&loop);
}

static void expect_answered(const struct caller *caller, enum feed_kind kind)
{
    ck_assert(caller->ended);
    ck_assert_int_eq(caller->result.error, 0);
    ck_assert_uint_eq(caller->result.arm, kind);
}

static void expect_failed(const struct caller *caller, int error)
{
    ck_assert(caller->ended);
    ck_assert_int_eq(caller->result.error, error);
}

/* ---- Sharing --------------------------------------------------------------------------------- */

START_TEST(replies_find_their_fibers)
{
    struct caller callers[3];

    start_callers(callers, 3);
    say(&rig, "82 03" NUMBER_5);
    loop_settle(&loop);
    expect_answered(&callers[2], FEED_NUMBER);
    ck_assert_uint_eq(callers[2].result.number, 5);
    ck_assert(!callers[0].ended && !callers[1].ended);
    say(&rig, "82 01" DONE "82 02 a1 65 4572726f72 60");
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[1], FEED_ERROR);
}
END_TEST

/* What one has queued is sent while another waits, and by one send with what others queue. */
START_TEST(requests_go_out_while_another_fiber_reads)
{
    struct caller callers[3];

    start_callers(callers, 1);
    heard(&rig, "82 01 a1 65 5761746368 00");
    callers[1] = callers[2] = (struct caller){.deadline = VALVE_NEVER};
    loop_start(&loop, call, &callers[1]);
    loop_start(&loop, call, &callers[2]);
    ck_assert_uint_gt(valve_client_unsent(rig.client), 0);
    loop_settle(&loop);
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    heard(&rig, "82 02 a1 65 5761746368 00  82 03 a1 65 5761746368 00");
    say(&rig, "82 01" DONE "82 02" DONE "82 03" DONE);
    loop_settle(&loop);
}
END_TEST

START_TEST(streams_share_a_client)
{
    struct caller callers[2] = {{.item = &feed_number, .deadline = VALVE_NEVER},
                                {.item = &feed_number, .deadline = VALVE_NEVER}};

    loop_start(&loop, call, &callers[0]);
    loop_start(&loop, call, &callers[1]);
    say(&rig, "83 02 01 f5  83 01 02 f5  83 02 04 f5  82 02" DONE "83 01 08 f5  82 01" DONE);
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[1], FEED_DONE);
    ck_assert_uint_eq(callers[0].items, 2);
    ck_assert_uint_eq(callers[0].sum, 10);
    ck_assert_uint_eq(callers[1].items, 2);
    ck_assert_uint_eq(callers[1].sum, 5);
}
END_TEST

/* A reply that comes in pieces suspends its own fiber; the others wait until it is done. */
START_TEST(a_reply_in_pieces_is_waited_for)
{
    struct caller callers[3];

    start_callers(callers, 3);
    say(&rig, "82 02 a1 65 4572726f72 63 61");
    loop_settle(&loop);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 3);
    say(&rig, "62");
    loop_settle(&loop);
    say(&rig, "63  82 03" DONE "82 01" DONE);
    loop_settle(&loop);
    expect_answered(&callers[1], FEED_ERROR);
    ck_assert_uint_eq(callers[1].result.text.size, 3);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[2], FEED_DONE);
}
END_TEST

/* ---- Waits that end early -------------------------------------------------------------------- */

/* In each of three places: the one that reads, and two that wait. */
START_TEST(a_deadline_passes_and_the_others_go_on)
{
    struct caller callers[3];

    for (int i = 0; i < 3; i++) {
        callers[i] = (struct caller){.deadline = i == _i ? loop.now + 1 : VALVE_NEVER};
        loop_start(&loop, call, &callers[i]);
    }
    loop_settle(&loop);
    loop_advance(&loop, 1);
    expect_failed(&callers[_i], -ETIMEDOUT);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 2);
    say(&rig, "82 03" DONE "82 01" DONE "82 02" DONE);
    loop_settle(&loop);
    for (int i = 0; i < 3; i++) {
        if (i != _i)
            expect_answered(&callers[i], FEED_DONE);
    }
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    ck_assert_ptr_null(rig.client->dropped);
}
END_TEST

START_TEST(a_fiber_is_cancelled_and_the_others_go_on)
{
    struct caller callers[3];

    start_callers(callers, 3);
    valve_fiber_cancel(callers[_i].fiber);
    loop_settle(&loop);
    expect_failed(&callers[_i], -ECANCELED);
    say(&rig, "82 03" DONE "82 01" DONE "82 02" DONE);
    loop_settle(&loop);
    for (int i = 0; i < 3; i++) {
        if (i != _i)
            expect_answered(&callers[i], FEED_DONE);
    }
}
END_TEST

/* The head has come, and with it the turn; it is given on when the fiber is cancelled inside. */
START_TEST(a_fiber_is_cancelled_inside_its_reply)
{
    struct caller callers[2];

    start_callers(callers, 2);
    say(&rig, "82 01 a1 65 4572726f72 63 61");
    loop_settle(&loop);
    valve_fiber_cancel(callers[0].fiber);
    loop_settle(&loop);
    expect_failed(&callers[0], -ECANCELED);
    say(&rig, "6263  82 02" DONE);
    loop_settle(&loop);
    expect_answered(&callers[1], FEED_DONE);
}
END_TEST

/* Both at once: the one that was to have the turn is cancelled before it runs. */
START_TEST(a_turn_given_to_a_cancelled_fiber_is_given_on)
{
    struct caller callers[3];

    start_callers(callers, 3);
    valve_fiber_cancel(callers[0].fiber);
    valve_fiber_cancel(callers[1].fiber);
    loop_settle(&loop);
    expect_failed(&callers[0], -ECANCELED);
    expect_failed(&callers[1], -ECANCELED);
    say(&rig, "82 02" DONE "82 03" DONE "82 01" DONE);
    loop_settle(&loop);
    expect_answered(&callers[2], FEED_DONE);
}
END_TEST

/* ---- Replies whose fibers do something else -------------------------------------------------- */

/* Starts a call, and waits for it only when it was woken. */
static void call_later(void *argument)
{
    struct caller *caller = argument;

    caller->fiber = valve_fiber_current();
    start_ask(&rig, &caller->pending);
    ck_assert_int_eq(valve_fiber_wait(VALVE_NEVER), 0);
    receive_all(caller);
    caller->ended = true;
}

START_TEST(a_reply_that_nobody_waits_for_holds_up_the_others)
{
    struct caller late = {.deadline = VALVE_NEVER}, callers[2];

    loop_start(&loop, call_later, &late);
    start_callers(callers, 2);
    say(&rig, "82 01" NUMBER_5 "82 03" DONE "82 02" DONE);
    loop_settle(&loop);
    ck_assert(!callers[0].ended && !callers[1].ended);
    valve_fiber_wake(late.fiber);
    loop_settle(&loop);
    expect_answered(&late, FEED_NUMBER);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[1], FEED_DONE);
}
END_TEST

START_TEST(a_reply_that_nobody_waits_for_may_be_given_up)
{
    struct valve_pending pending;
    struct caller callers[2];

    start_ask(&rig, &pending);
    start_callers(callers, 2);
    say(&rig, "82 01" NUMBER_5 "82 03" DONE "82 02" DONE);
    loop_settle(&loop);
    ck_assert(!callers[0].ended && !callers[1].ended);
    valve_client_forget(rig.client, &pending);
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[1], FEED_DONE);
}
END_TEST

/* ---- Payloads in pieces ---------------------------------------------------------------------- */

/* A fiber that receives bytes, two at a time, each when it is woken. */
static void call_for_bytes(void *argument)
{
    struct caller *caller = argument;
    char bytes[2];
    ssize_t size;

    caller->fiber = valve_fiber_current();
    start_ask(&rig, &caller->pending);
    receive_all(caller);
    do {
        ck_assert_int_eq(valve_fiber_wait(VALVE_NEVER), 0);
        size = valve_client_read_bytes(rig.client, bytes, sizeof bytes, VALVE_NEVER);
        ck_assert_int_ge(size, 0);
        caller->sum += (uint64_t)size;
    } while (size > 0);
    caller->ended = true;
}

static void wake(struct caller *caller)
{
    valve_fiber_wake(caller->fiber);
    loop_settle(&loop);
}

/* Who asks once more at the end gets nothing of what another receives by then. */
START_TEST(pieces_go_to_the_fiber_whose_they_are)
{
    struct caller first = {.deadline = VALVE_NEVER}, second = {.deadline = VALVE_NEVER};

    loop_start(&loop, call_for_bytes, &first);
    loop_start(&loop, call_for_bytes, &second);
    say(&rig, "82 01 a1 65 4279746573 44 61626364  82 02 a1 65 4279746573 43 616263");
    loop_settle(&loop);
    ck_assert_uint_eq(first.result.size, 4);
    wake(&first);
    ck_assert_uint_eq(second.result.size, 0);
    wake(&first);
    ck_assert_uint_eq(second.result.size, 3);
    wake(&second);
    wake(&first);
    ck_assert(first.ended);
    ck_assert_uint_eq(first.sum, 4);
    ck_assert_uint_eq(second.sum, 2);
    wake(&second);
    wake(&second);
    ck_assert(second.ended);
    ck_assert_uint_eq(second.sum, 3);
}
END_TEST

/* A payload that was received to its end is not spoilt by what happens then. */
START_TEST(the_end_of_bytes_is_known_on_a_broken_connection)
{
    struct caller first = {.deadline = VALVE_NEVER}, other;

    loop_start(&loop, call_for_bytes, &first);
    start_callers(&other, 1);
    say(&rig, "82 01 a1 65 4279746573 42 6162  ff");
    loop_settle(&loop);
    wake(&first);
    ck_assert_uint_eq(first.sum, 2);
    expect_failed(&other, -EPROTO);
    wake(&first);
    ck_assert(first.ended);
}
END_TEST

static void give_up_bytes(void *argument)
{
    struct caller *caller = argument;

    start_ask(&rig, &caller->pending);
    receive_all(caller);
    valve_client_forget(rig.client, NULL);
    caller->ended = true;
}

START_TEST(a_payload_may_be_given_up_half_way)
{
    struct caller first = {.deadline = VALVE_NEVER}, other;

    loop_start(&loop, give_up_bytes, &first);
    start_callers(&other, 1);
    say(&rig, "82 01 a1 65 4279746573 44 6162");
    loop_settle(&loop);
    ck_assert(first.ended);
    ck_assert(!other.ended);
    say(&rig, "6162  82 02" DONE);
    loop_settle(&loop);
    expect_answered(&other, FEED_DONE);
}
END_TEST

/* ---- Several calls of one fiber -------------------------------------------------------------- */

struct fan {
    struct valve_pending pending[3];
    struct valve_pending *order[3]; /* in which they came */
    unsigned count;
    int error; /* of the wait after the last */
};

static void fan_out(void *argument)
{
    struct fan *fan = argument;

    for (int i = 0; i < 3; i++)
        start_ask(&rig, &fan->pending[i]);
    while ((fan->error = valve_client_next(rig.client, VALVE_NEVER, &fan->order[fan->count])) == 0)
        ck_assert_int_eq(receive(&rig, fan->order[fan->count++]).arm, FEED_DONE);
}

START_TEST(a_fiber_is_told_of_its_own_calls_only)
{
    struct fan fan = {0};
    struct caller other;

    loop_start(&loop, fan_out, &fan);
    start_callers(&other, 1);
    say(&rig, "82 03" DONE);
    loop_settle(&loop);
    ck_assert_uint_eq(fan.count, 1);
    say(&rig, "82 01" DONE "82 04" DONE "82 02" DONE);
    loop_settle(&loop);
    expect_answered(&other, FEED_DONE);
    ck_assert_uint_eq(fan.count, 3);
    ck_assert_int_eq(fan.error, -ENOENT);
    ck_assert_ptr_eq(fan.order[0], &fan.pending[2]);
    ck_assert_ptr_eq(fan.order[1], &fan.pending[0]);
    ck_assert_ptr_eq(fan.order[2], &fan.pending[1]);
}
END_TEST

static void wait_in_wrong_order(void *argument)
{
    struct fan *fan = argument;

    start_ask(&rig, &fan->pending[0]);
    start_ask(&rig, &fan->pending[1]);
    fan->error = valve_client_wait(rig.client, &fan->pending[0], VALVE_NEVER);
    ck_assert_int_eq(valve_client_next(rig.client, VALVE_NEVER, &fan->order[0]), 0);
    ck_assert_int_eq(receive(&rig, fan->order[0]).arm, FEED_DONE);
    ck_assert_int_eq(valve_client_wait(rig.client, &fan->pending[0], VALVE_NEVER), 0);
    ck_assert_int_eq(receive(&rig, &fan->pending[0]).arm, FEED_DONE);
    fan->count = 2;
}

/* Else it would wait for itself. The first time it reads, the second time another does. */
START_TEST(a_fiber_is_told_that_another_call_of_its_own_came_first)
{
    static const char *const scripts[2][2] = {{"82 02" DONE, "82 01" DONE "82 03" DONE},
                                              {"82 03" DONE, "82 02" DONE "82 01" DONE}};
    struct fan fan = {0};
    struct caller other;

    if (_i == 0)
        loop_start(&loop, wait_in_wrong_order, &fan);
    start_callers(&other, 1);
    if (_i == 1)
        loop_start(&loop, wait_in_wrong_order, &fan);
    loop_settle(&loop);
    say(&rig, scripts[_i][0]);
    loop_settle(&loop);
    ck_assert_int_eq(fan.error, -EBUSY);
    ck_assert_ptr_eq(fan.order[0], &fan.pending[1]);
    say(&rig, scripts[_i][1]);
    loop_settle(&loop);
    ck_assert_uint_eq(fan.count, 2);
    expect_answered(&other, FEED_DONE);
}
END_TEST

/* ---- Many calls ------------------------------------------------------------------------------ */

#define MANY (ON_VALGRIND ? (uint32_t)1 << 14 : (uint32_t)1 << 18)

static uint64_t processor_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000 * MILLISECOND + (uint64_t)time.tv_nsec;
}

/* If each wait looked at all that was answered before, this would take 3e10 steps. */
START_TEST(a_fiber_finds_its_calls_however_many_were_answered)
{
    static const uint64_t bound = 5000 * MILLISECOND;
    struct valve_pending *all = calloc(MANY, sizeof *all);
    struct valve_fiber *fiber = (void *)&rig; /* only compared */
    uint64_t begun = processor_time();
    struct valve_calls calls;

    ck_assert_ptr_nonnull(all);
    ck_assert_int_eq(valve_calls_init(&calls), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i].owner = fiber;
        valve_calls_add(&calls, &all[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert(valve_calls_contain_one_of(&calls, fiber));
        ck_assert_ptr_eq(valve_calls_take(&calls, all[i].id), &all[i]);
        ck_assert_uint_lt(processor_time() - begun, bound);
    }
    ck_assert(!valve_calls_contain_one_of(&calls, fiber));
    valve_calls_fini(&calls);
    free(all);
}
END_TEST

/* ---- Depth ----------------------------------------------------------------------------------- */

/* Waits for an item, and receives it with no more than so much stack left. */
static void receive_with(struct caller *caller, size_t left)
{
    volatile char frame[1024];

    frame[0] = 0;
    if (valve_fiber_stack_left() > left)
        receive_with(caller, left);
    else if (valve_client_wait(rig.client, &caller->pending, VALVE_NEVER) == 0)
        caller->result = feed_receive(rig.client, &caller->pending, &rig.arena, VALVE_NEVER);
    frame[1] = frame[0];
}

static void receive_on_little_stack(void *argument)
{
    struct caller *caller = argument;

    receive_with(caller, (size_t)(SANITIZED ? 60 : 20) * 1024);
}

static unsigned levels(const struct feed_nest *nest)
{
    return nest->count == 0 ? 1 : 1 + levels(nest->items);
}

/* What does not fit on the stack of a fiber can still be received elsewhere. */
START_TEST(a_fiber_does_not_decode_deeper_than_its_stack)
{
    struct caller caller = {0};
    uint8_t nest[VALVE_CLIENT_MAX_DEPTH];

    memset(nest, 0x81, sizeof nest);
    nest[sizeof nest - 1] = 0x80;
    start_watch(&rig, &feed_nest, &caller.pending);
    say(&rig, "83 01 81 81 80 f5  83 01");
    write_all(rig.peer, nest, sizeof nest);
    say(&rig, "f5");
    loop_start(&loop, receive_on_little_stack, &caller);
    ck_assert_int_eq(caller.result.error, 0);
    ck_assert_uint_eq(levels(&caller.result.nest), 3);
    loop_start(&loop, receive_on_little_stack, &caller);
    ck_assert_int_eq(caller.result.error, -ELOOP);
    caller.result = receive(&rig, &caller.pending);
    ck_assert_uint_eq(levels(&caller.result.nest), VALVE_CLIENT_MAX_DEPTH);
}
END_TEST

/* ---- The end --------------------------------------------------------------------------------- */

START_TEST(all_fibers_learn_that_the_connection_broke)
{
    static const struct {
        const char *script;
        int error;
    } ends[] = {{"", -ECONNRESET},
                {"82", -ECONNABORTED},
                {"82 02 a1", -ECONNABORTED},
                {"00", -EPROTO},
                {"82 00 a1 65 4572726f72 61 61", -EREMOTE}};
    struct caller callers[4];

    start_callers(callers, 4);
    say(&rig, ends[_i].script);
    loop_settle(&loop);
    shutdown(rig.peer, SHUT_WR);
    loop_settle(&loop);
    for (int i = 0; i < 4; i++)
        expect_failed(&callers[i], ends[_i].error);
}
END_TEST

/* By another hand than that of the fiber that reads, which is suspended meanwhile. */
START_TEST(a_fiber_that_reads_learns_that_the_connection_broke)
{
    struct caller callers[2];

    start_callers(callers, 2);
    (void)valve_client_break(rig.client, -ENOMEM, "no memory");
    loop_settle(&loop);
    expect_failed(&callers[0], -ENOMEM);
    expect_failed(&callers[1], -ENOMEM);
    expect_words(&rig, "no memory");
}
END_TEST

/* ---- Polls, and the thread beside the fibers ------------------------------------------------- */

START_TEST(a_thread_does_not_wait_for_fibers)
{
    struct caller caller;
    struct valve_pending pending, *next = NULL;

    start_callers(&caller, 1);
    start_ask(&rig, &pending);
    ck_assert_int_eq(valve_client_next(rig.client, SOON, &next), -EBUSY);
    ck_assert_int_eq(valve_client_wait(rig.client, &pending, SOON), -EBUSY);
    say(&rig, "82 02" DONE);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    loop_settle(&loop);
    expect_next(&rig, &pending);
    ck_assert_int_eq(receive(&rig, &pending).arm, FEED_DONE);
    say(&rig, "82 01" DONE);
    loop_settle(&loop);
    expect_answered(&caller, FEED_DONE);
}
END_TEST

/* Whoever happens to read on, what comes is for another. */
START_TEST(a_poll_wakes_the_fiber_that_is_meant)
{
    struct valve_pending pending;
    struct caller callers[2];

    start_ask(&rig, &pending);
    start_callers(callers, 2);
    say(&rig, "82 01" NUMBER_5);
    loop_settle(&loop);
    say(&rig, "82 03" DONE);
    valve_client_forget(rig.client, &pending);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    loop_settle(&loop);
    expect_answered(&callers[1], FEED_DONE);
    say(&rig, "82 02" DONE);
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
}
END_TEST

/* Given up by another hand while its fiber waits for it. */
START_TEST(a_call_that_is_taken_away_is_waited_for_no_longer)
{
    struct caller callers[2];

    start_callers(callers, 2);
    valve_client_forget(rig.client, &callers[1].pending);
    loop_settle(&loop);
    expect_failed(&callers[1], -EINVAL);
    say(&rig, "82 02" DONE "82 01" DONE);
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
}
END_TEST

/* It had the turn by then, and gives it on. */
START_TEST(the_turn_of_a_call_that_is_taken_away_is_given_on)
{
    struct valve_pending pending;
    struct caller callers[2];

    start_ask(&rig, &pending);
    start_callers(callers, 2);
    say(&rig, "82 01" DONE "82 02" DONE);
    loop_settle(&loop);
    ck_assert(!callers[0].ended && !callers[1].ended);
    valve_client_forget(rig.client, &pending);
    valve_client_forget(rig.client, &callers[1].pending);
    loop_settle(&loop);
    expect_failed(&callers[1], -EINVAL);
    expect_answered(&callers[0], FEED_DONE);
}
END_TEST

static void receive_only(void *argument)
{
    struct caller *caller = argument;

    receive_all(caller);
    caller->ended = true;
}

START_TEST(a_call_that_a_thread_has_started_may_be_waited_for_in_a_fiber)
{
    struct caller other, caller = {.deadline = VALVE_NEVER};

    start_ask(&rig, &caller.pending);
    start_callers(&other, 1);
    loop_start(&loop, receive_only, &caller);
    say(&rig, "82 01" NUMBER_5 "82 02" DONE);
    loop_settle(&loop);
    expect_answered(&caller, FEED_NUMBER);
    expect_answered(&other, FEED_DONE);
}
END_TEST

/* ---- Flow control ---------------------------------------------------------------------------- */

/* Fills what the socket holds, as a peer that does not read lets it happen. */
static void fill_socket(void)
{
    int least = 1;

    ck_assert_int_eq(
        setsockopt(rig.client->transport.socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    do {
        ck_assert_int_eq(feed_tell(rig.client, 0), 0);
        ck_assert_int_eq(valve_client_flush(rig.client), 0);
    } while (valve_client_unsent(rig.client) == 0);
}

static void drain_peer(void)
{
    char bytes[2048];

    do
        loop_settle(&loop);
    while (recv(rig.peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0);
}

/* The one that reads did so before there was anything to send. */
START_TEST(the_fiber_that_reads_sends_when_there_is_room)
{
    struct caller callers[2];

    start_callers(callers, 1);
    fill_socket();
    drain_peer();
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    fill_socket();
    callers[1] = (struct caller){.deadline = VALVE_NEVER};
    loop_start(&loop, call, &callers[1]);
    drain_peer();
    ck_assert_uint_eq(valve_client_unsent(rig.client), 0);
    say(&rig, "82 02" DONE "82 01" DONE);
    loop_settle(&loop);
    expect_answered(&callers[0], FEED_DONE);
    expect_answered(&callers[1], FEED_DONE);
}
END_TEST

/* Input that is there does not keep a fiber from giving way once it has had its share. */
START_TEST(a_fiber_with_endless_input_gives_way)
{
    struct caller caller = {.deadline = VALVE_NEVER};

    say(&rig, "82 01" DONE);
    rig.client->transport.unpaused = SIZE_MAX / 2;
    loop_start(&loop, call, &caller);
    ck_assert(!caller.ended);
    loop_settle(&loop);
    expect_answered(&caller, FEED_DONE);
}
END_TEST

/* ---- Connecting ------------------------------------------------------------------------------ */

struct connecting {
    char address[ADDRESS_ROOM];
    uint64_t deadline;
    struct valve_fiber *fiber;
    struct valve_client *client;
    struct valve_error problem;
    int result;
    bool ended;
};

static void connect_client(void *argument)
{
    struct connecting *connecting = argument;

    connecting->fiber = valve_fiber_current();
    connecting->result = valve_client_connect(connecting->address, connecting->deadline,
                                              &connecting->client, &connecting->problem);
    connecting->ended = true;
}

START_TEST(fibers_connect)
{
    struct connecting connecting = {.deadline = VALVE_NEVER};
    int listener = _i == 0 ? listen_tcp(connecting.address) : listen_local(connecting.address, 1);

    loop_start(&loop, connect_client, &connecting);
    loop_finish(&loop);
    ck_assert_msg(connecting.result == 0, "%s", connecting.problem.text);
    valve_client_free(connecting.client);
    close(listener);
    connecting = (struct connecting){.deadline = VALVE_NEVER};
    close(_i == 0 ? listen_tcp(connecting.address) : listen_local(connecting.address, 1));
    loop_start(&loop, connect_client, &connecting);
    loop_finish(&loop);
    ck_assert_int_eq(connecting.result, -ECONNREFUSED);
}
END_TEST

/* A Unix socket whose backlog is full, and one client that waits in a fiber. */
static int crowded(struct connecting *connecting, struct valve_client **ret_first)
{
    int listener = listen_local(connecting->address, 0);
    struct valve_error problem;

    ck_assert_int_eq(valve_client_connect(connecting->address, SOON, ret_first, &problem), 0);
    loop_start(&loop, connect_client, connecting);
    ck_assert(!connecting->ended);
    return listener;
}

START_TEST(a_fiber_tries_again_where_the_backlog_is_full)
{
    struct connecting connecting = {.deadline = VALVE_NEVER};
    struct valve_client *first = NULL;
    int listener = crowded(&connecting, &first);

    while (loop_stats(&loop).switches < 8)
        loop_turn_in_real_time(&loop);
    ck_assert(!connecting.ended);
    close(accept(listener, NULL, NULL));
    loop_finish(&loop);
    ck_assert_msg(connecting.result == 0, "%s", connecting.problem.text);
    valve_client_free(connecting.client);
    valve_client_free(first);
    close(listener);
}
END_TEST

START_TEST(a_fiber_gives_connecting_up)
{
    struct connecting connecting = {.deadline = _i == 0 ? valve_clock_now() + 30 * MILLISECOND
                                                        : VALVE_NEVER};
    struct valve_client *first = NULL;
    int listener = crowded(&connecting, &first);

    if (_i == 1)
        valve_fiber_set_deadline(connecting.fiber, valve_clock_now() + 30 * MILLISECOND);
    if (_i == 2)
        valve_fiber_cancel(connecting.fiber);
    loop_finish(&loop);
    ck_assert_int_eq(connecting.result, _i == 2 ? -ECANCELED : -ETIMEDOUT);
    valve_client_free(first);
    close(listener);
}
END_TEST

/* ---- All of it ------------------------------------------------------------------------------- */

static void add_fiber_tests(Suite *suite)
{
    TCase *fibers = tcase_create("fibers");

    tcase_set_timeout(fibers, 60);
    tcase_add_checked_fixture(fibers, set_up, tear_down);
    tcase_add_test(fibers, replies_find_their_fibers);
    tcase_add_test(fibers, requests_go_out_while_another_fiber_reads);
    tcase_add_test(fibers, streams_share_a_client);
    tcase_add_test(fibers, a_reply_in_pieces_is_waited_for);
    tcase_add_loop_test(fibers, a_deadline_passes_and_the_others_go_on, 0, 3);
    tcase_add_loop_test(fibers, a_fiber_is_cancelled_and_the_others_go_on, 0, 3);
    tcase_add_test(fibers, a_fiber_is_cancelled_inside_its_reply);
    tcase_add_test(fibers, a_turn_given_to_a_cancelled_fiber_is_given_on);
    tcase_add_test(fibers, a_reply_that_nobody_waits_for_holds_up_the_others);
    tcase_add_test(fibers, a_reply_that_nobody_waits_for_may_be_given_up);
    tcase_add_test(fibers, pieces_go_to_the_fiber_whose_they_are);
    tcase_add_test(fibers, the_end_of_bytes_is_known_on_a_broken_connection);
    tcase_add_test(fibers, a_payload_may_be_given_up_half_way);
    tcase_add_test(fibers, a_fiber_is_told_of_its_own_calls_only);
    tcase_add_test(fibers, a_fiber_finds_its_calls_however_many_were_answered);
    tcase_add_loop_test(fibers, a_fiber_is_told_that_another_call_of_its_own_came_first, 0, 2);
    tcase_add_test(fibers, a_fiber_does_not_decode_deeper_than_its_stack);
    tcase_add_loop_test(fibers, all_fibers_learn_that_the_connection_broke, 0, 5);
    tcase_add_test(fibers, a_fiber_that_reads_learns_that_the_connection_broke);
    tcase_add_test(fibers, a_thread_does_not_wait_for_fibers);
    tcase_add_test(fibers, a_poll_wakes_the_fiber_that_is_meant);
    tcase_add_test(fibers, a_call_that_is_taken_away_is_waited_for_no_longer);
    tcase_add_test(fibers, the_turn_of_a_call_that_is_taken_away_is_given_on);
    tcase_add_test(fibers, a_call_that_a_thread_has_started_may_be_waited_for_in_a_fiber);
    tcase_add_test(fibers, the_fiber_that_reads_sends_when_there_is_room);
    tcase_add_test(fibers, a_fiber_with_endless_input_gives_way);
    tcase_add_loop_test(fibers, fibers_connect, 0, 2);
    tcase_add_test(fibers, a_fiber_tries_again_where_the_backlog_is_full);
    tcase_add_loop_test(fibers, a_fiber_gives_connecting_up, 0, 3);
    suite_add_tcase(suite, fibers);
}

int main(void)
{
    Suite *suite = suite_create("client fibers");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_fiber_tests(suite);
    add_client_model_tests(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
