/* SPDX-License-Identifier: MIT */
/*
 * The plan of a connection's faults.
 */
#include <config.h>

#include "tests/faults/plan.h"

const char *const fault_names[FAULTS] = {"reset", "half-close", "flip"};

static void draw_fault(struct random *random, const struct fault_settings *settings,
                       enum fault fault, struct plan plans[DIRECTIONS])
{
    /* All are drawn whether or not they are used: one setting does not move another's places. */
    const bool happens = random_chance(random, settings->chance[fault]);
    struct plan *plan = &plans[random_below(random, DIRECTIONS)];
    const uint64_t place = random_scaled(random, settings->span);

    if (happens && place < plan->place[fault])
        plan->place[fault] = place;
}

void plan_init(const struct fault_settings *settings, uint64_t number,
               struct plan ret_plans[DIRECTIONS])
{
    struct random random = random_stream(settings->seed, number);

    for (int direction = 0; direction < DIRECTIONS; direction++) {
        struct plan *plan = &ret_plans[direction];

        plan->pieces = random_stream(random_next(&random), UP);
        plan->pauses = random_stream(random_next(&random), DOWN);
        plan->piece = 0;
        for (int fault = 0; fault < FAULTS; fault++)
            plan->place[fault] = settings->at[fault][direction];
    }
    for (int fault = 0; fault < FAULTS; fault++)
        draw_fault(&random, settings, (enum fault)fault, ret_plans);
}

static uint64_t draw_piece(struct plan *plan, const struct fault_settings *settings)
{
    if (settings->split_random > 0)
        return random_scaled(&plan->pieces, settings->split_random);
    return settings->split > 0 ? settings->split : UINT64_MAX;
}

size_t plan_piece(struct plan *plan, const struct fault_settings *settings, uint64_t passed,
                  size_t available)
{
    uint64_t size;

    if (plan->piece == 0)
        plan->piece = draw_piece(plan, settings);
    size = plan->piece < available ? plan->piece : available;
    for (int fault = 0; fault < FAULTS; fault++)
        if (plan->place[fault] > passed && plan->place[fault] - passed < size)
            size = plan->place[fault] - passed;
    return (size_t)size;
}

uint64_t plan_pause(struct plan *plan, const struct fault_settings *settings, size_t size)
{
    uint64_t pause = settings->delay;

    if (settings->delay_random > 0)
        pause += random_below(&plan->pauses, settings->delay_random + 1);
    if (settings->rate > 0)
        pause += size * 1000000000 / settings->rate;
    return pause;
}
