/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client in fibers: many of them share a client, against a peer that answers in random
 * order and pieces, while fibers are cancelled, time out and nap at random. Each must get its own
 * answers, and once the peer has answered everything, none may be left waiting.
 */
#include "check_client_fibers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/calls.h"
#include "client/client.h"
#include "client_feed.h"
#include "fiber_loop.h"
#include "on_valgrind.h"
#include "rpc/head.h"

#define ROUNDS      (ON_VALGRIND ? 15 : 150)
#define STEPS       400 /* of a round */
#define ACTORS      24
#define FAN         3
#define OUTSTANDING 256
#define OUTPUT_MOST ((size_t)1 << 20)

static struct fiber_loop loop;
static struct rig rig;
static unsigned random_state;
static bool broken; /* the peer has ended this round's connection, and how does not matter */

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 1103515245 + 12345;
    return random_state / 65536 % bound;
}

/* ---- The answers: everything about them follows from the number that was sent ---------------- */

static enum feed_kind answer_kind(uint64_t number)
{
    return (enum feed_kind)(number % 4);
}

static size_t answer_length(uint64_t number)
{
    return (size_t)(number / 4 % (answer_kind(number) == FEED_BYTES ? 5000 : 50));
}

static uint8_t answer_byte(uint64_t number, size_t index)
{
    return (uint8_t)('a' + (number + index) % 26);
}

static unsigned item_count(uint64_t number)
{
    return (unsigned)(number % 7);
}

/* ---- The peer -------------------------------------------------------------------------------- */

struct request {
    uint32_t id;
    bool is_watch;
    uint64_t number;
    unsigned items; /* sent so far */
};

static struct {
    struct request requests[OUTSTANDING];
    unsigned count;
    uint8_t input[4096];
    size_t input_size;
    uint8_t output[OUTPUT_MOST];
    size_t output_start, output_end;
    uint64_t refused;
} peer;

static void put(const void *data, size_t size)
{
    ck_assert_uint_le(peer.output_end + size, OUTPUT_MOST);
    memcpy(peer.output + peer.output_end, data, size);
    peer.output_end += size;
}

static void put_head(enum valve_major major, uint64_t argument)
{
    uint8_t head[VALVE_HEAD_MAX];

    put(head, valve_head_write(major, argument, head));
}

static void put_name(const char *name)
{
    put_head(VALVE_MAJOR_MAP, 1);
    put_head(VALVE_MAJOR_TEXT, strlen(name));
    put(name, strlen(name));
}

static void put_string(enum valve_major major, uint64_t number)
{
    put_head(major, answer_length(number));
    for (size_t i = 0; i < answer_length(number); i++)
        put(&(uint8_t){answer_byte(number, i)}, 1);
}

static void put_numbers(uint64_t number)
{
    bool indefinite = number / 4 % 3 == 0;

    if (indefinite)
        put("\x9f", 1);
    else
        put_head(VALVE_MAJOR_ARRAY, answer_length(number));
    for (size_t i = 0; i < answer_length(number); i++)
        put_head(VALVE_MAJOR_UINT, number + i);
    if (indefinite)
        put("\xff", 1);
}

static void put_answer(const struct request *request)
{
    put_head(VALVE_MAJOR_ARRAY, 2);
    put_head(VALVE_MAJOR_UINT, request->id);
    if (request->is_watch) {
        put("\x64"
            "Done",
            5);
        return;
    }
    switch (answer_kind(request->number)) {
    case FEED_NUMBER:
        put_name("Number");
        put_head(VALVE_MAJOR_UINT, request->number);
        break;
    case FEED_TEXT:
        put_name("Text");
        put_string(VALVE_MAJOR_TEXT, request->number);
        break;
    case FEED_BYTES:
        put_name("Bytes");
        put_string(VALVE_MAJOR_BYTES, request->number);
        break;
    case FEED_NUMBERS:
        put_name("Numbers");
        put_numbers(request->number);
        break;
    case FEED_DONE:
    case FEED_ERROR:
        break;
    }
}

static void put_error(uint32_t id)
{
    put_head(VALVE_MAJOR_ARRAY, 2);
    put_head(VALVE_MAJOR_UINT, id);
    put_name("Error");
    put("\x61"
        "x",
        2);
}

/* The next item of a stream, or an answer. */
static void answer_one(void)
{
    struct request *request = &peer.requests[random_below(peer.count)];

    if (request->is_watch && request->items < item_count(request->number)) {
        put_head(VALVE_MAJOR_ARRAY, 3);
        put_head(VALVE_MAJOR_UINT, request->id);
        put_head(VALVE_MAJOR_UINT, request->number + request->items++);
        put("\xf5", 1);
        return;
    }
    put_answer(request);
    *request = peer.requests[--peer.count];
}

/* Some that are cancelled are answered so; for the others the cancel comes too late. */
static void cancel_request(uint32_t id)
{
    for (unsigned i = 0; i < peer.count; i++) {
        if (peer.requests[i].id != id || random_below(2) == 0)
            continue;
        put_error(id);
        peer.requests[i] = peer.requests[--peer.count];
        return;
    }
}

static void take_request(uint32_t id, char method, uint64_t number)
{
    if (id == VALVE_CALLS_ONE_WAY) {
        ck_assert_int_eq(method, 'T');
        if (number % 2 == 0)
            return;
        put_error(id);
        peer.refused++;
        return;
    }
    ck_assert_uint_lt(peer.count, OUTSTANDING);
    peer.requests[peer.count++] = (struct request){
        .id = id, .is_watch = method == 'W', .number = number};
}

/* Takes the request at the front of the input, if it is all there. Returns its size, or 0. */
static size_t parse_request(void)
{
    struct valve_head head;
    size_t size = 1;
    uint32_t id;
    char method;

    if (valve_head_read(peer.input + size, peer.input_size - size, &head) < 0)
        return 0;
    id = (uint32_t)head.argument;
    size += head.size;
    if (size == peer.input_size)
        return 0;
    if (peer.input[size] == 0xf6) {
        cancel_request(id);
        return size + 1;
    }
    size += 1;
    if (valve_head_read(peer.input + size, peer.input_size - size, &head) < 0 ||
        size + head.size + head.argument >= peer.input_size)
        return 0;
    method = (char)peer.input[size + head.size];
    size += head.size + (size_t)head.argument;
    if (valve_head_read(peer.input + size, peer.input_size - size, &head) < 0)
        return 0;
    take_request(id, method, head.argument);
    return size + head.size;
}

/* Whether there was something to read. */
static bool peer_reads(size_t most)
{
    ssize_t taken = recv(
        rig.peer, peer.input + peer.input_size,
        most < sizeof peer.input - peer.input_size ? most : sizeof peer.input - peer.input_size,
        MSG_DONTWAIT);
    size_t size;

    if (taken <= 0)
        return false;
    peer.input_size += (size_t)taken;
    while (peer.input_size > 1 && (size = parse_request()) > 0) {
        memmove(peer.input, peer.input + size, peer.input_size - size);
        peer.input_size -= size;
    }
    return true;
}

/* Whether anything was taken. */
static bool peer_writes(size_t most)
{
    size_t size = peer.output_end - peer.output_start;
    ssize_t sent = send(rig.peer, peer.output + peer.output_start, size < most ? size : most,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent <= 0)
        return false;
    peer.output_start += (size_t)sent;
    if (peer.output_start == peer.output_end)
        peer.output_start = peer.output_end = 0;
    return true;
}

/* It is a server with flow control: while it has output, it seldom reads. */
static void peer_acts(void)
{
    bool has_output = peer.output_end > peer.output_start;

    if (!has_output || random_below(8) == 0)
        (void)peer_reads(1 + random_below(100));
    if (peer.count > 0 && peer.output_end < OUTPUT_MOST / 2 && random_below(2) == 0)
        answer_one();
    if (has_output && random_below(3) > 0)
        (void)peer_writes(1 + random_below(random_below(4) == 0 ? 5000 : 20));
}

/* Ends the connection at some byte, or says something wrong between two items. */
static void peer_breaks(void)
{
    broken = true;
    if (peer.output_end == peer.output_start && random_below(2) == 0) {
        (void)send(rig.peer, "\x1c\x1c", 2, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    (void)shutdown(rig.peer, random_below(2) == 0 ? SHUT_WR : SHUT_RDWR);
}

/* Reads and answers all there is, one thing at a time. Whether there was any. */
static bool peer_catches_up(void)
{
    if (peer.output_end > peer.output_start)
        return peer_writes(SIZE_MAX);
    if (peer_reads(SIZE_MAX))
        return true;
    if (peer.count == 0)
        return false;
    answer_one();
    return true;
}

/* ---- The fibers ------------------------------------------------------------------------------ */

struct actor {
    struct valve_fiber *fiber; /* NULL: none */
    struct valve_arena arena;
    bool naps;
    unsigned calls_left;
};

static struct actor actors[ACTORS];

static struct {
    uint64_t answered, items, failed[3]; /* given up, timed out, cancelled */
} seen;

static uint64_t random_deadline(void)
{
    return random_below(3) > 0 ? VALVE_NEVER : loop.now + random_below(200);
}

/* Does something else for a while. Whether it may go on. */
static bool nap(struct actor *actor)
{
    int r;

    actor->naps = true;
    r = valve_fiber_wait(VALVE_NEVER);
    actor->naps = false;
    return r == 0;
}

static bool may_nap(struct actor *actor)
{
    return random_below(4) > 0 || nap(actor);
}

/* 0, or a negative errno; -EINTR: does not want any more. */
static int read_content(struct actor *actor, uint64_t number, uint64_t deadline)
{
    size_t total = 0;
    uint8_t bytes[1024];
    ssize_t size;

    while ((size = valve_client_read_bytes(rig.client, bytes, 1 + random_below(sizeof bytes),
                                           deadline)) > 0) {
        for (ssize_t i = 0; i < size; i++)
            ck_assert_uint_eq(bytes[i], answer_byte(number, total++));
        if (random_below(20) == 0 || !may_nap(actor))
            return -EINTR;
    }
    if (size == 0)
        ck_assert_uint_eq(total, answer_length(number));
    return (int)size;
}

static int read_list(struct actor *actor, uint64_t number, uint64_t deadline)
{
    uint64_t element = 0;
    size_t total = 0;
    int r;

    while ((r = valve_client_next_item(rig.client, &actor->arena, &element, deadline)) == 1) {
        ck_assert_uint_eq(element, number + total++);
        if (random_below(50) == 0 || !may_nap(actor))
            return -EINTR;
    }
    if (r == 0)
        ck_assert_uint_eq(total, answer_length(number));
    return r;
}

/* Judges an answer to Ask, and reads the rest of it. */
static int take_answer(struct actor *actor, const struct feed_result *result, uint64_t number,
                       uint64_t deadline)
{
    ck_assert_uint_eq(result->arm, answer_kind(number));
    switch (answer_kind(number)) {
    case FEED_NUMBER:
        ck_assert_uint_eq(result->number, number);
        return 0;
    case FEED_TEXT:
        ck_assert_uint_eq(result->text.size, answer_length(number));
        for (size_t i = 0; i < result->text.size; i++)
            ck_assert_int_eq(result->text.data[i], answer_byte(number, i));
        return 0;
    case FEED_BYTES:
        ck_assert_uint_eq(result->size, answer_length(number));
        return may_nap(actor) ? read_content(actor, number, deadline) : -EINTR;
    case FEED_NUMBERS:
        return may_nap(actor) ? read_list(actor, number, deadline) : -EINTR;
    case FEED_DONE:
    case FEED_ERROR:
        break;
    }
    return 0;
}

static int ask(struct actor *actor, struct valve_pending *pending)
{
    uint64_t number = random_below(30000), deadline = random_deadline();
    struct feed_result result;
    int r = feed_ask(rig.client, number, pending);

    if (r == 0 && !may_nap(actor))
        r = -EINTR;
    if (r == 0)
        r = valve_client_wait(rig.client, pending, deadline);
    if (r < 0 || !may_nap(actor))
        return r < 0 ? r : -EINTR;
    result = feed_receive(rig.client, pending, &actor->arena, deadline);
    return result.error < 0 ? result.error : take_answer(actor, &result, number, deadline);
}

static int watch(struct actor *actor, struct valve_pending *pending)
{
    uint64_t number = random_below(30000), deadline = random_deadline();
    struct feed_result result = {.arm = VALVE_ARM_ITEM};
    unsigned items = 0;
    int r = feed_watch(rig.client, number, &feed_number, pending);

    while (r == 0) {
        if (random_below(30) == 0 || !may_nap(actor))
            return -EINTR;
        r = valve_client_wait(rig.client, pending, deadline);
        if (r < 0)
            return r;
        result = feed_receive(rig.client, pending, &actor->arena, deadline);
        r = result.error;
        if (r == 0 && result.arm != VALVE_ARM_ITEM)
            break;
        if (r == 0)
            ck_assert_uint_eq(result.number, number + items++);
        seen.items++;
    }
    if (r == 0) {
        ck_assert_uint_eq(result.arm, FEED_DONE);
        ck_assert_uint_eq(items, item_count(number));
    }
    return r;
}

/* Several at once, in whatever order they come. */
static int fan_out(struct actor *actor)
{
    struct valve_pending pending[FAN] = {{0}}, *next = NULL;
    uint64_t numbers[FAN], deadline = random_deadline();
    struct feed_result result;
    unsigned left = FAN;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < FAN; i++) {
        numbers[i] = random_below(30000);
        r = feed_ask(rig.client, numbers[i], &pending[i]);
    }
    while (r == 0 && left > 0) {
        r = may_nap(actor) ? valve_client_next(rig.client, deadline, &next) : -EINTR;
        if (r == 0) {
            result = feed_receive(rig.client, next, &actor->arena, deadline);
            r = result.error < 0 ? result.error
                                 : take_answer(actor, &result, numbers[next - pending], deadline);
        }
        left -= r == 0;
    }
    if (r == 0)
        ck_assert_int_eq(valve_client_next(rig.client, deadline, &next),
                         rig.client->broken < 0 ? rig.client->broken : -ENOENT);
    for (unsigned i = 0; i < FAN; i++)
        valve_client_forget(rig.client, &pending[i]);
    return r;
}

static int tell(void)
{
    return feed_tell(rig.client, random_below(30000));
}

static void note(int r)
{
    switch (r) {
    case 0:
        seen.answered++;
        break;
    case -EINTR:
        seen.failed[0]++;
        break;
    case -ETIMEDOUT:
        seen.failed[1]++;
        break;
    case -ECANCELED:
        seen.failed[2]++;
        break;
    default:
        ck_assert_msg(broken, "%d: %s", r, valve_client_problem(rig.client));
    }
}

static int make_call(struct actor *actor)
{
    struct valve_pending pending = {0};
    int r;

    switch (random_below(8)) {
    case 0:
        return tell();
    case 1:
        return fan_out(actor);
    case 2:
    case 3:
        r = watch(actor, &pending);
        break;
    default:
        r = ask(actor, &pending);
        break;
    }
    if (r < 0)
        valve_client_forget(rig.client, &pending);
    return r;
}

static void act(void *argument)
{
    struct actor *actor = argument;

    actor->fiber = valve_fiber_current();
    valve_arena_init(&actor->arena, NULL, 0, 1 << 16);
    while (actor->calls_left-- > 0 && !valve_fiber_cancelled(actor->fiber)) {
        note(make_call(actor));
        valve_arena_reset(&actor->arena);
    }
    valve_arena_fini(&actor->arena);
    actor->fiber = NULL;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

/* One random thing done to a fiber from outside. */
static void disturb(void)
{
    struct actor *actor = &actors[random_below(ACTORS)];

    if (actor->fiber == NULL) {
        *actor = (struct actor){.calls_left = 1 + random_below(5)};
        loop_start(&loop, act, actor);
        return;
    }
    if (actor->naps || random_below(20) == 0) /* others find out that it was for nothing */
        valve_fiber_wake(actor->fiber);
    if (random_below(40) == 0)
        valve_fiber_cancel(actor->fiber);
    if (random_below(60) == 0)
        valve_fiber_set_deadline(actor->fiber, loop.now + random_below(50));
}

static void wake_napping(void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        if (actors[i].fiber != NULL && actors[i].naps)
            valve_fiber_wake(actors[i].fiber);
    }
}

static bool anybody_naps(void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        if (actors[i].fiber != NULL && actors[i].naps)
            return true;
    }
    return false;
}

/* Time stands still, and the peer answers all: now every fiber must come to its end. */
static void finish_round(void)
{
    bool goes_on;

    do {
        wake_napping();
        goes_on = loop_turn(&loop);
        goes_on |= peer_catches_up();
    } while (goes_on || anybody_naps());
    ck_assert_msg(loop_stats(&loop).live == 0, "%u fibers wait for ever", loop_stats(&loop).live);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
    if (broken)
        return;
    (void)valve_client_poll(rig.client);
    while (peer_catches_up())
        (void)valve_client_poll(rig.client);
    ck_assert_int_eq(valve_client_poll(rig.client), 0);
    ck_assert_ptr_null(rig.client->dropped);
    ck_assert_uint_eq(valve_client_refused(rig.client, NULL), peer.refused);
}

static void play_round(void)
{
    unsigned end = random_below(4) == 0 ? random_below(STEPS) : STEPS;
    int least = 1;

    rig = rig_open();
    if (random_below(2) == 0) /* a socket that is full every now and then */
        setsockopt(rig.client->transport.socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    peer.count = 0;
    peer.refused = 0;
    peer.input_size = peer.output_start = peer.output_end = 0;
    broken = false;
    for (unsigned step = 0; step < STEPS; step++) {
        disturb();
        if (random_below(3) == 0)
            loop_turn(&loop);
        peer_acts();
        if (step == end)
            peer_breaks();
        if (random_below(10) == 0)
            loop.now += random_below(20);
    }
    finish_round();
    rig_close(&rig);
}

START_TEST(each_fiber_gets_its_own_and_none_is_forgotten)
{
    const char *given = getenv("VALVE_TEST_SEED");

    random_state = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)valve_clock_now();
    printf("check_client_fibers: VALVE_TEST_SEED=%u\n", random_state);
    fflush(stdout);
    loop_open(&loop, ACTORS);
    for (unsigned round = 0; round < ROUNDS; round++)
        play_round();
    loop_close(&loop);
    printf("answered %llu, items %llu, given up %llu, timed out %llu, cancelled %llu\n",
           (unsigned long long)seen.answered, (unsigned long long)seen.items,
           (unsigned long long)seen.failed[0], (unsigned long long)seen.failed[1],
           (unsigned long long)seen.failed[2]);
    ck_assert_uint_gt(seen.answered, ROUNDS);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_gt(seen.failed[i], 0);
}
END_TEST

void add_client_model_tests(Suite *suite)
{
    TCase *model = tcase_create("model");

    tcase_set_timeout(model, 300);
    tcase_add_test(model, each_fiber_gets_its_own_and_none_is_forgotten);
    suite_add_tcase(suite, model);
}
