/* SPDX-License-Identifier: MIT */
/* Tests of lib/fiber: random wakes, cancellations and deadlines, held against a simple model. */
#include "check_fiber.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTORS 40
#define STEPS  20000

/* What the model knows of a fiber: enough to tell what each wait must return. */
struct actor {
    struct valve_fiber *fiber; /* NULL: not started, or ended */
    uint64_t deadline;         /* of the present wait */
    uint64_t own_deadline;
    bool woken;
    bool cancelled;
    unsigned waits_left;
};

static struct actor actors[ACTORS];
static unsigned random_state;
static uint64_t model_now;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 1103515245 + 12345;
    return random_state / 65536 % bound;
}

static uint64_t random_deadline(void)
{
    return random_below(4) == 0 ? VALVE_NEVER : model_now + random_below(30);
}

static uint64_t due(const struct actor *actor)
{
    return actor->deadline < actor->own_deadline ? actor->deadline : actor->own_deadline;
}

static int expected_result(const struct actor *actor)
{
    if (actor->woken)
        return 0;
    if (actor->cancelled)
        return -ECANCELED;
    ck_assert(due(actor) <= model_now);
    return -ETIMEDOUT;
}

/* One random thing done to another fiber, or to itself. */
static void disturb(void)
{
    struct actor *actor = &actors[random_below(ACTORS)];

    if (!actor->fiber)
        return;
    switch (random_below(8)) {
    case 0:
        actor->cancelled = true;
        valve_fiber_cancel(actor->fiber);
        break;
    case 1:
        actor->own_deadline = random_deadline();
        valve_fiber_set_deadline(actor->fiber, actor->own_deadline);
        break;
    default:
        actor->woken = true;
        valve_fiber_wake(actor->fiber);
        break;
    }
    ck_assert_int_eq(valve_fiber_cancelled(actor->fiber), actor->cancelled);
}

static void act(void *argument)
{
    struct actor *self = argument;

    self->fiber = valve_fiber_current();
    while (self->waits_left-- > 0) {
        int result;

        if (random_below(5) == 0)
            disturb();
        self->deadline = random_deadline();
        result = valve_fiber_wait(self->deadline);
        ck_assert_ptr_eq(valve_fiber_current(), self->fiber);
        ck_assert_int_eq(result, expected_result(self));
        if (result == 0)
            self->woken = false;
    }
    self->fiber = NULL;
}

static void start_actor(struct actor *actor)
{
    *actor = (struct actor){
        .deadline = VALVE_NEVER, .own_deadline = VALVE_NEVER, .waits_left = 1 + random_below(20)};
    start(act, actor);
}

/* After a run nothing may be left that should have run; the next deadline is the model's. */
static void check_model(void)
{
    uint64_t next = VALVE_NEVER;
    unsigned live = 0;

    for (unsigned i = 0; i < ACTORS; i++) {
        if (!actors[i].fiber)
            continue;
        live++;
        ck_assert(!actors[i].woken && !actors[i].cancelled && due(&actors[i]) > model_now);
        if (due(&actors[i]) < next)
            next = due(&actors[i]);
    }
    ck_assert_uint_eq(stats().live, live);
    ck_assert_uint_eq(valve_scheduler_next_deadline(scheduler), next);
}

START_TEST(random_steps_agree_with_a_model)
{
    const char *given = getenv("VALVE_TEST_SEED");

    random_state = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)valve_clock_now();
    printf("check_fiber: VALVE_TEST_SEED=%u\n", random_state);
    model_now = future;
    memset(actors, 0, sizeof(actors));
    for (unsigned step = 0; step < (ON_VALGRIND ? STEPS / 10 : STEPS); step++) {
        struct actor *actor = &actors[random_below(ACTORS)];

        valve_scheduler_run(scheduler, model_now);
        check_model();
        if (!actor->fiber)
            start_actor(actor);
        disturb();
        model_now += random_below(4);
        if (random_below(50) == 0)
            valve_scheduler_survey(scheduler);
        if (random_below(50) == 0)
            (void)valve_scheduler_trim(scheduler, random_below(ACTORS));
    }
    for (unsigned i = 0; i < ACTORS; i++) {
        actors[i].cancelled = true;
        if (actors[i].fiber)
            valve_fiber_cancel(actors[i].fiber);
    }
    valve_scheduler_run(scheduler, model_now);
    ck_assert_uint_eq(stats().live, 0);
}
END_TEST

void add_model_tests(Suite *suite)
{
    ADD_TESTS(suite, "model", random_steps_agree_with_a_model);
}
