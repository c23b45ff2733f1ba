/* SPDX-License-Identifier: MIT */
/* A binary heap of deadlines, in which every fiber knows its place. */
#include "fiber/deadlines.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fiber/scheduler.h"

int valve_deadlines_reserve(struct valve_deadlines *deadlines, unsigned capacity)
{
    unsigned larger = deadlines->capacity ? deadlines->capacity : 16;
    struct valve_deadline *heap;

    if (capacity <= deadlines->capacity)
        return 0;
    while (larger < capacity)
        larger = larger > capacity / 2 ? capacity : larger * 2;
    heap = reallocarray(deadlines->heap, larger, sizeof(*heap));
    if (!heap)
        return -ENOMEM;
    deadlines->heap = heap;
    deadlines->capacity = larger;
    return 0;
}

void valve_deadlines_fini(struct valve_deadlines *deadlines)
{
    free(deadlines->heap);
    *deadlines = (struct valve_deadlines){0};
}

static bool is_earlier(const struct valve_deadline *one, const struct valve_deadline *other)
{
    return one->at != other->at ? one->at < other->at : one->order < other->order;
}

static void place(struct valve_deadlines *deadlines, unsigned position,
                  const struct valve_deadline *deadline)
{
    deadlines->heap[position] = *deadline;
    deadline->fiber->deadline_position = position;
}

/* Fills the hole at `position` with `deadline`, or with parents that are later, moved down. */
static void move_up(struct valve_deadlines *deadlines, unsigned position,
                    const struct valve_deadline *deadline)
{
    while (position > 0) {
        unsigned parent = (position - 1) / 2;

        if (!is_earlier(deadline, &deadlines->heap[parent]))
            break;
        place(deadlines, position, &deadlines->heap[parent]);
        position = parent;
    }
    place(deadlines, position, deadline);
}

/* Fills the hole at `position` with `deadline`, or with children that are earlier, moved up. */
static void move_down(struct valve_deadlines *deadlines, unsigned position,
                      const struct valve_deadline *deadline)
{
    for (;;) {
        unsigned child = 2 * position + 1;

        if (child >= deadlines->count)
            break;
        if (child + 1 < deadlines->count &&
            is_earlier(&deadlines->heap[child + 1], &deadlines->heap[child]))
            child++;
        if (!is_earlier(&deadlines->heap[child], deadline))
            break;
        place(deadlines, position, &deadlines->heap[child]);
        position = child;
    }
    place(deadlines, position, deadline);
}

void valve_deadlines_add(struct valve_deadlines *deadlines, struct valve_fiber *fiber, uint64_t at)
{
    const struct valve_deadline deadline = {.at = at, .order = deadlines->order++, .fiber = fiber};

    assert(fiber->deadline_position == NO_DEADLINE && deadlines->count < deadlines->capacity);
    move_up(deadlines, deadlines->count++, &deadline);
}

void valve_deadlines_remove(struct valve_deadlines *deadlines, struct valve_fiber *fiber)
{
    unsigned hole = fiber->deadline_position;
    struct valve_deadline last;

    if (hole == NO_DEADLINE)
        return;
    fiber->deadline_position = NO_DEADLINE;
    last = deadlines->heap[--deadlines->count];
    if (last.fiber == fiber)
        return;
    if (hole > 0 && is_earlier(&last, &deadlines->heap[(hole - 1) / 2]))
        move_up(deadlines, hole, &last);
    else
        move_down(deadlines, hole, &last);
}
