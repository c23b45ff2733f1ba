/* SPDX-License-Identifier: MIT */
/* What fibers, the scheduler and wait queues know of each other; for lib/fiber only. */
#ifndef VALVE_FIBER_SCHEDULER_H
#define VALVE_FIBER_SCHEDULER_H

#include "fiber/deadlines.h"
#include "fiber/fiber.h"
#include "fiber/stacks.h"

#define NO_DEADLINE UINT32_MAX

/*
 * A fiber is in one of four states:
 *   running    it, or one that it started and that has not waited yet, has the processor
 *   suspended  in valve_fiber_wait(); among the deadlines, if it waits for one
 *   runnable   was suspended; is in the scheduler's queue, or being taken from there
 *   ended      its stack is free, and this record void
 */
struct valve_fiber {
    struct valve_stack stack;   /* first: the pool knows the record by it */
    struct valve_fiber *next;   /* while runnable: the next in the queue */
    uint64_t wait_deadline;     /* while suspended: as given to valve_fiber_wait() */
    uint64_t deadline;          /* the fiber's own */
    uint32_t deadline_position; /* in the heap, or NO_DEADLINE; maintained by deadlines.c */
    bool suspended;
    bool woken; /* a wake that no wait has returned yet */
    bool cancelled;
    bool shielded;
    struct valve_scheduler *scheduler;
    struct valve_fiber
        *resumer; /* while running: who switched here; NULL: the thread's own stack */
    void (*entry)(void *argument);
    void *argument;
};

struct valve_scheduler {
    struct valve_fiber *first, *last; /* runnable, in the order in which they run */
    uint64_t now;                     /* as valve_scheduler_run() was last told */
    const void *thread;               /* the owner; compared in assertions */
    struct valve_flow home;           /* the thread's own stack, while a fiber runs */
    struct valve_deadlines deadlines;
    struct valve_stack_pool stacks;
    unsigned live;
    unsigned peak;
    unsigned max_fibers;
    uint64_t started;
    uint64_t switches;
    valve_fiber_poller *poller; /* NULL: its fibers cannot wait for descriptors */
    void *poller_context;
};

/* The running fiber of this thread. Its address is also what tells threads apart. */
extern _Thread_local struct valve_fiber *valve_running __attribute__((visibility("hidden")));

static inline bool valve_scheduler_is_mine(const struct valve_scheduler *scheduler)
{
    return scheduler->thread == &valve_running;
}

/* Switches to a fiber that is not suspended; returns when it has waited or ended. */
void valve_fiber_resume(struct valve_fiber *fiber);

#endif
