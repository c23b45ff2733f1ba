/* SPDX-License-Identifier: MIT */
/*
 * The deadlines that suspended fibers wait for, earliest first; equal ones in the order in which
 * they were added. A heap: adding and removing take logarithmic time, and neither can fail, since
 * room is reserved for each stack when it is mapped.
 */
#ifndef VALVE_FIBER_DEADLINES_H
#define VALVE_FIBER_DEADLINES_H

#include <stdint.h>

struct valve_fiber;

struct valve_deadline {
    uint64_t at;
    uint64_t order; /* counts additions */
    struct valve_fiber *fiber;
};

struct valve_deadlines {
    struct valve_deadline *heap; /* parent of i: (i - 1) / 2; never later than its children */
    unsigned count;
    unsigned capacity;
    uint64_t order; /* of the next addition */
};

/* Makes room for `capacity` deadlines in all. 0 or -ENOMEM. */
int valve_deadlines_reserve(struct valve_deadlines *deadlines, unsigned capacity);
void valve_deadlines_fini(struct valve_deadlines *deadlines);

/* A fiber has one deadline at most: see deadline_position in struct valve_fiber. */
void valve_deadlines_add(struct valve_deadlines *deadlines, struct valve_fiber *fiber, uint64_t at);
void valve_deadlines_remove(struct valve_deadlines *deadlines, struct valve_fiber *fiber);

#endif
