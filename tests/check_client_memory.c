/* SPDX-License-Identifier: MIT */
/*
 * Tests of lib/client without memory: one allocation after the other fails. Whatever it was for, the
 * same step succeeds when it is made again; only a call that is given up without memory to remember
 * it takes the connection with it.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "client_feed.h"

/* ---- Allocations, which the linker sends here ------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static unsigned long until_failure; /* allocations; 0: none fails any more */
static bool counting;               /* those of the client, not those of the test */

static bool fails(void)
{
    return counting && until_failure > 0 && --until_failure == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

/* ---- One session ----------------------------------------------------------------------------- */

#define ASKS  70                   /* more than the first table of calls has chains */
#define LARGE ((size_t)100 * 1024) /* more than the input buffer holds at first */

static char address[ADDRESS_ROOM];
static int listener;
static struct rig rig;
static struct valve_pending watch, asks[ASKS];

/* What the client does in here is counted. */
#define COUNTED(call)                                                                              \
    ({                                                                                             \
        counting = true;                                                                           \
        __auto_type counted_result = (call);                                                       \
        counting = false;                                                                          \
        counted_result;                                                                            \
    })

/* Makes a step, and again where there was no memory for it. Returns what came of it at last. */
#define STEP(step)                                                                                 \
    ({                                                                                             \
        int step_result = (step);                                                                  \
        if (step_result == -ENOMEM)                                                                \
            step_result = (step);                                                                  \
        step_result;                                                                               \
    })

static int connect_client(void)
{
    struct valve_error problem = {""};

    return COUNTED(valve_client_connect(address, SOON, &rig.client, &problem));
}

/* A large item, a refusal, and answers to all that was asked. */
static void answer_all(void)
{
    static const uint8_t head[] = {0x83, 0x01, 0x7a, 0, LARGE >> 16, LARGE >> 8 & 0xff, 0};
    static uint8_t text[LARGE];

    memset(text, 'x', sizeof text);
    write_all(rig.peer, head, sizeof head);
    write_all(rig.peer, text, sizeof text);
    say(&rig, "f5  82 1a ffffffff a1 65 4572726f72 61 61");
    for (uint8_t id = 2; id < 2 + ASKS; id++)
        write_all(rig.peer, (uint8_t[]){0x82, 0x18, id, 0x64, 'D', 'o', 'n', 'e'}, 8);
}

static int receive_item(void)
{
    struct feed_result result;
    int r = COUNTED(valve_client_wait(rig.client, &watch, SOON));

    if (r < 0)
        return r;
    result = COUNTED(feed_receive(rig.client, &watch, &rig.arena, SOON));
    if (result.error == 0)
        ck_assert_uint_eq(result.text.size, LARGE);
    return result.error;
}

static int receive_answer(void)
{
    struct valve_pending *next = NULL;
    int r = COUNTED(valve_client_next(rig.client, SOON, &next));

    return r < 0 ? r : COUNTED(feed_receive(rig.client, next, &rig.arena, SOON)).error;
}

static void play(void)
{
    ck_assert_int_eq(STEP(connect_client()), 0);
    rig.peer = accept(listener, NULL, NULL);
    ck_assert_int_ge(rig.peer, 0);
    valve_arena_init(&rig.arena, NULL, 0, 1 << 20);
    ck_assert_int_eq(STEP(COUNTED(feed_watch(rig.client, 0, &feed_text, &watch))), 0);
    for (unsigned i = 0; i < ASKS; i++)
        ck_assert_int_eq(STEP(COUNTED(feed_ask(rig.client, i, &asks[i]))), 0);
    ck_assert_int_eq(STEP(COUNTED(feed_tell(rig.client, 1))), 0);
    answer_all();
    ck_assert_int_eq(STEP(receive_item()), 0);
    counting = true;
    valve_client_forget(rig.client, &watch);
    counting = false;
    if (rig.client->broken < 0) {
        ck_assert_int_eq(receive_answer(), -ENOMEM);
        return;
    }
    for (unsigned i = 0; i < ASKS; i++)
        ck_assert_int_eq(STEP(receive_answer()), 0);
    ck_assert_uint_eq(valve_client_refused(rig.client, NULL), 1);
    ck_assert_uint_eq(valve_client_in_flight(rig.client), 0);
}

START_TEST(each_allocation_may_fail)
{
    unsigned long nth = 0, left = 0;
    bool was_broken = false;

    listener = listen_local(address, 1);
    while (left == 0) {
        rig = (struct rig){.peer = -1};
        until_failure = ++nth;
        play();
        left = until_failure;
        until_failure = 0;
        was_broken |= rig.client->broken < 0;
        rig_close(&rig);
    }
    ck_assert_uint_gt(nth, 8);
    ck_assert(was_broken);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client memory");
    TCase *memory = tcase_create("memory");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(memory, each_allocation_may_fail);
    suite_add_tcase(suite, memory);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
